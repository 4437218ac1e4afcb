//! Which STUN and TURN servers the stack is given. It speaks UDP with them only: TURN over TCP and
//! TLS goes over a bridge.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::transport::MediaConfig;
use super::turn_bridge::{Bridge, Server, Tls};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use webrtc::peer_connection::RTCIceServer;

/// Addresses of ICE servers, resolved before the stack is asked to gather.
pub(crate) type Resolved = HashMap<String, Vec<SocketAddr>>;

/// How a server is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Udp,
    Tcp,
    Tls,
}

/// By the scheme and the transport of a URL (RFC 7064, RFC 7065). None for what nobody here speaks:
/// STUN over TCP and TLS, TURN over DTLS.
fn way(url: &str) -> Option<Way> {
    let lower = url.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once(':')?;
    let transport = rest.split_once("?transport=").map(|(_, transport)| transport);
    match (scheme, transport) {
        ("stun" | "turn", None | Some("udp")) => Some(Way::Udp),
        ("turn", Some("tcp")) => Some(Way::Tcp),
        ("turns", None | Some("tcp")) => Some(Way::Tls),
        _ => None,
    }
}

/// `host:port` of a URL, with the default port where there is none (RFC 7064, RFC 7065).
fn host_and_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once(':')?;
    let host = rest.split('?').next()?.trim_start_matches("//");
    if host.is_empty() {
        return None;
    }
    let has_port = match host.rsplit_once(']') {
        Some((_, after)) => after.starts_with(':'),
        None => host.contains(':'),
    };
    let port = if scheme.eq_ignore_ascii_case("turns") { 5349 } else { 3478 };
    Some(if has_port { host.to_owned() } else { format!("{host}:{port}") })
}

/// Resolves the names of ICE servers, all at once and within `limit`. What does not resolve is left
/// out: the call does without.
pub(crate) async fn resolve(config: &MediaConfig, limit: Duration) -> Resolved {
    let lookups = config.ice_servers.iter().filter(|s| way(&s.url).is_some()).filter_map(|server| {
        let name = host_and_port(&server.url)?;
        Some(async move {
            match tokio::time::timeout(limit, tokio::net::lookup_host(name.clone())).await {
                Ok(Ok(addresses)) => Some((name, addresses.collect::<Vec<_>>())),
                Ok(Err(e)) => {
                    log::warn!("media: ICE server {name}: {e}");
                    None
                }
                Err(_) => {
                    log::warn!("media: ICE server {name}: its name did not resolve in time");
                    None
                }
            }
        })
    });
    let mut resolved: Resolved = futures_util::future::join_all(lookups).await.into_iter().flatten().collect();
    // For TURN the stack asks for IPv6 literals without their brackets.
    let bare: Vec<_> = resolved.iter().filter(|(n, _)| n.starts_with('[')).map(|(n, a)| (n.replace(['[', ']'], ""), a.clone())).collect();
    resolved.extend(bare);
    resolved
}

/// The servers as the stack is to be given them, and the bridges that some of them are reached over.
pub(crate) fn for_stack(config: &MediaConfig, resolved: &Resolved, handle: &tokio::runtime::Handle) -> (Vec<RTCIceServer>, Vec<Bridge>) {
    let (mut servers, mut bridges) = (Vec::new(), Vec::new());
    for server in &config.ice_servers {
        let url = match way(&server.url) {
            Some(Way::Udp) => server.url.clone(),
            Some(way) => {
                let Some(bridge) = bridge(config, &server.url, way, resolved, handle) else { continue };
                let url = format!("turn:{}?transport=udp", bridge.address());
                bridges.push(bridge);
                url
            }
            None => {
                log::warn!("media: {} is skipped: supported are stun: over UDP, turn: over UDP and TCP, turns: over TLS", server.url);
                continue;
            }
        };
        servers.push(RTCIceServer { urls: vec![url], username: server.username.clone(), credential: server.credential.clone() });
    }
    (servers, bridges)
}

fn bridge(config: &MediaConfig, url: &str, way: Way, resolved: &Resolved, handle: &tokio::runtime::Handle) -> Option<Bridge> {
    let name = host_and_port(url)?;
    // What did not resolve has been told already.
    let addresses = resolved.get(&name)?.clone();
    let host = name.rsplit_once(':').map_or(name.as_str(), |(host, _)| host).trim_matches(['[', ']']).to_owned();
    let tls = (way == Way::Tls).then(|| Tls { host, ca_file: config.ca_file.clone(), insecure: config.insecure_tls });
    match Bridge::open(handle, Server { name, addresses, tls }) {
        Ok(bridge) => Some(bridge),
        Err(e) => {
            log::warn!("media: {url} is skipped: no socket for its bridge: {e}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_server() {
        assert_eq!(way("stun:a"), Some(Way::Udp));
        assert_eq!(way("TURN:a:1?transport=UDP"), Some(Way::Udp));
        assert_eq!(way("turn:a?transport=tcp"), Some(Way::Tcp));
        assert_eq!(way("turns:a"), Some(Way::Tls));
        assert_eq!(way("turns:a:443?transport=tcp"), Some(Way::Tls));
        for none in ["turns:a?transport=udp", "stun:a?transport=tcp", "stuns:a", "turn:a?transport=sctp", "a"] {
            assert_eq!(way(none), None, "{none}");
        }
    }

    #[test]
    fn default_ports() {
        let of = |url| host_and_port(url).unwrap_or_default();
        assert_eq!(of("turn:a?transport=tcp"), "a:3478");
        assert_eq!(of("turns:a"), "a:5349");
        assert_eq!(of("turns:[::1]"), "[::1]:5349");
        assert_eq!(of("turns:[::1]:443?transport=tcp"), "[::1]:443");
    }
}
