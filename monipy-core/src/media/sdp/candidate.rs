//! ICE candidates in SDP (RFC 8839 5.1).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// Most candidates kept of one section (RFC 8445 14.4 limits pairs to 100).
pub(crate) const MAX_CANDIDATES: usize = 64;

/// A UDP candidate of component 1 with an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Foundation, up to 32 characters.
    pub foundation: String,
    /// Priority.
    pub priority: u32,
    /// Transport address.
    pub address: SocketAddr,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub kind: &'static str,
    /// Related address, for other kinds than `host`.
    pub related: Option<SocketAddr>,
}

const KINDS: [&str; 4] = ["host", "srflx", "prflx", "relay"];

impl Candidate {
    /// From the value of an `a=candidate` attribute. None for what the stack must not see: host
    /// names and mDNS names, other transports than UDP, other components than 1 (rtcp-mux), port 0,
    /// and malformed ones.
    #[must_use]
    pub fn parse(value: &str) -> Option<Candidate> {
        let value = value.strip_prefix("candidate:").unwrap_or(value);
        let mut words = value.split_ascii_whitespace();
        let foundation = words.next()?;
        if foundation.len() > 32 || !foundation.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/') {
            return None;
        }
        if words.next()? != "1" || !words.next()?.eq_ignore_ascii_case("udp") {
            return None;
        }
        let priority: u32 = words.next()?.parse().ok()?;
        let ip: IpAddr = words.next()?.parse().ok()?;
        let port: u16 = words.next()?.parse().ok()?;
        if port == 0 || ip.is_unspecified() || ip.is_multicast() || !words.next()?.eq_ignore_ascii_case("typ") {
            return None;
        }
        let word = words.next()?;
        let kind = KINDS.into_iter().find(|k| k.eq_ignore_ascii_case(word))?;
        let (mut related_ip, mut related_port) = (None, None);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name {
                "raddr" => related_ip = value.parse::<IpAddr>().ok(),
                "rport" => related_port = value.parse::<u16>().ok(),
                _ => {}
            }
        }
        let related = match (kind, related_ip, related_port) {
            ("host", _, _) => None,
            // Browsers hide theirs behind zeros.
            (_, Some(ip), Some(port)) if !ip.is_unspecified() => Some(SocketAddr::new(ip, port)),
            _ => None,
        };
        Some(Candidate { foundation: foundation.to_owned(), priority, address: SocketAddr::new(ip, port), kind, related })
    }

    /// The value of an `a=candidate` attribute.
    #[must_use]
    pub fn to_value(&self) -> String {
        let mut s = format!("{} 1 udp {} {} {} typ {}", self.foundation, self.priority, self.address.ip(), self.address.port(), self.kind);
        if self.kind != "host" {
            // RFC 8839 5.1 wants a related address; where it is unknown or private, zeros.
            let (ip, port) = self.related.map_or_else(
                || (if self.address.is_ipv4() { "0.0.0.0".to_owned() } else { "::".to_owned() }, 9),
                |a| (a.ip().to_string(), a.port()),
            );
            // Writing into a String cannot fail.
            let _ = write!(s, " raddr {ip} rport {port}");
        }
        s
    }
}
