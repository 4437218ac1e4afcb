//! The descriptions we write: what SIP sends, and the canonical ones that the stack sees.

use super::candidate::Candidate;
use super::codecs::clock_rate;
use super::remote::{RemoteDescription, Section, Setup};
use crate::config::Codec;
use crate::media::demux::MID_EXTENSION;
use crate::media::transport::{AudioFormat, MediaDirection};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Candidates of the far side that the stack sees: it checks every pair each 50 ms, and a description
/// must not make us flood third parties (RFC 8445 19.5.1).
pub(crate) const STACK_CANDIDATES: usize = 10;

/// Our end of a connection, as the stack says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalEnd {
    pub(crate) ice_ufrag: String,
    pub(crate) ice_pwd: String,
    /// SHA-256, upper case, colons.
    pub(crate) fingerprint: String,
    pub(crate) candidates: Vec<Candidate>,
}

/// What stays the same in all descriptions of one call.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// `o=` session id.
    pub(crate) session_id: u64,
    /// Our synchronisation source.
    pub(crate) ssrc: u32,
    /// RTCP canonical name.
    pub(crate) cname: String,
}

/// An audio section of a description of ours.
#[derive(Debug, Clone)]
pub(crate) struct AudioLine<'a> {
    pub(crate) protocol: &'a str,
    pub(crate) mid: Option<&'a str>,
    pub(crate) formats: &'a [AudioFormat],
    pub(crate) direction: MediaDirection,
    pub(crate) setup: Setup,
}

/// A further audio section that is taken.
#[derive(Debug, Clone)]
pub(crate) struct FurtherLine<'a> {
    /// Its place among the sections.
    pub(crate) index: usize,
    pub(crate) formats: &'a [AudioFormat],
    pub(crate) direction: MediaDirection,
}

/// An offer: one audio section, bundled, DTLS role open (RFC 8842 5.3).
pub(crate) fn offer(origin: &Origin, version: u64, end: &LocalEnd, formats: &[AudioFormat], direction: MediaDirection) -> String {
    let mut sdp = head(origin, version, end, Some("0"));
    let line = AudioLine { protocol: "UDP/TLS/RTP/SAVPF", mid: Some("0"), formats, direction, setup: Setup::ActPass };
    audio(&mut sdp, origin, end, &line);
    sdp
}

/// An offer within a call whose far side has shown several audio sections: the same sections in their
/// order (RFC 3264 8).
#[allow(clippy::too_many_arguments)]
pub(crate) fn offer_of_lines(
    origin: &Origin,
    version: u64,
    end: &LocalEnd,
    remote: &RemoteDescription,
    formats: &[AudioFormat],
    direction: MediaDirection,
    further: &[FurtherLine<'_>],
) -> String {
    answer(origin, version, end, remote, formats, direction, Setup::ActPass, further)
}

/// An answer: the far side's sections in their order, one or more of them accepted. BUNDLE and mid
/// appear only where they were offered.
#[allow(clippy::too_many_arguments)]
pub(crate) fn answer(
    origin: &Origin,
    version: u64,
    end: &LocalEnd,
    remote: &RemoteDescription,
    formats: &[AudioFormat],
    direction: MediaDirection,
    setup: Setup,
    further: &[FurtherLine<'_>],
) -> String {
    let bundle: Vec<&str> = remote.audio_sections().filter(|s| s.bundled).filter_map(|s| s.mid.as_deref()).collect();
    let mut sdp = head(origin, version, end, (!bundle.is_empty()).then(|| bundle.join(" ")).as_deref());
    let mid_extension = if further.is_empty() { None } else { remote.audio_section().and_then(|s| s.mid_extension) };
    for (index, section) in remote.sections.iter().enumerate() {
        if index == remote.audio {
            let line = AudioLine { protocol: &section.protocol, mid: section.mid.as_deref(), formats, direction, setup };
            audio(&mut sdp, origin, end, &line);
            mid_may_come(&mut sdp, mid_extension);
        } else if let Some(taken) = further.iter().find(|f| f.index == index) {
            let line = AudioLine {
                protocol: &section.protocol,
                mid: section.mid.as_deref(),
                formats: taken.formats,
                direction: taken.direction,
                setup,
            };
            head_of_line(&mut sdp, end, &line);
            mid_may_come(&mut sdp, mid_extension);
        } else {
            rejected(&mut sdp, section);
        }
    }
    sdp
}

/// The canonical description that the stack sees of the far side: one bundled audio section with
/// one codec under a payload type of the stack's own, always sendrecv. What was really agreed on is
/// ours to keep; the stack has to do with ICE, DTLS and SRTP only.
pub(crate) fn for_stack(remote: &RemoteDescription, setup: Setup, payload_type: u8) -> String {
    let mut sdp = String::with_capacity(1024);
    sdp.push_str("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n");
    if remote.ice_lite {
        sdp.push_str("a=ice-lite\r\n");
    }
    put(&mut sdp, format_args!("m=audio 9 UDP/TLS/RTP/SAVPF {payload_type}\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\n"));
    put(&mut sdp, format_args!("a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", remote.ice_ufrag, remote.ice_pwd));
    put(&mut sdp, format_args!("a=fingerprint:{} {}\r\n", remote.fingerprint.hash, remote.fingerprint.value));
    put(&mut sdp, format_args!("a=setup:{}\r\na=sendrecv\r\na=rtpmap:{payload_type} opus/48000/2\r\n", setup.name()));
    for candidate in remote.candidates.iter().take(STACK_CANDIDATES) {
        put(&mut sdp, format_args!("a=candidate:{}\r\n", candidate.to_value()));
    }
    sdp
}

/// Takes our end out of the stack's own description. None when it lacks something.
pub(crate) fn local_end(stack_sdp: &str) -> Option<LocalEnd> {
    let value = |name: &str| stack_sdp.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned());
    let fingerprint = value("a=fingerprint:sha-256 ")?.to_ascii_uppercase();
    let mut candidates: Vec<Candidate> = Vec::new();
    for candidate in stack_sdp.lines().filter_map(|l| l.strip_prefix("a=candidate:")).filter_map(Candidate::parse) {
        if candidates.iter().all(|c| c.address != candidate.address) {
            candidates.push(candidate);
        }
    }
    Some(LocalEnd { ice_ufrag: value("a=ice-ufrag:")?, ice_pwd: value("a=ice-pwd:")?, fingerprint, candidates })
}

fn put(sdp: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = sdp.write_fmt(text);
}

/// The candidate that `c=` and the port name: what a gateway without ICE would use. Reflexive before
/// host, IPv4 before IPv6; zeros (which some read as hold) only when there is no candidate at all.
fn default_address(end: &LocalEnd) -> SocketAddr {
    let rank = |c: &&Candidate| (usize::from(!c.address.is_ipv4()), usize::from(c.kind == "host"), usize::from(c.kind == "relay"));
    end.candidates.iter().min_by_key(rank).map_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9), |c| c.address)
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

fn head(origin: &Origin, version: u64, end: &LocalEnd, bundle: Option<&str>) -> String {
    let ip = default_address(end).ip();
    let mut sdp = String::with_capacity(1536);
    put(&mut sdp, format_args!("v=0\r\no=- {} {version} IN {} {ip}\r\ns=-\r\nt=0 0\r\n", origin.session_id, family(ip)));
    if let Some(mid) = bundle {
        put(&mut sdp, format_args!("a=group:BUNDLE {mid}\r\n"));
    }
    put(&mut sdp, format_args!("a=msid-semantic: WMS {}\r\n", origin.cname));
    sdp
}

/// We read the MID in packets, and send none (RFC 8285 7).
fn mid_may_come(sdp: &mut String, id: Option<u8>) {
    if let Some(id) = id {
        put(sdp, format_args!("a=extmap:{id}/recvonly {MID_EXTENSION}\r\n"));
    }
}

fn audio(sdp: &mut String, origin: &Origin, end: &LocalEnd, line: &AudioLine<'_>) {
    head_of_line(sdp, end, line);
    put(sdp, format_args!("a=msid:{0} {0}\r\na=ssrc:{1} cname:{0}\r\n", origin.cname, origin.ssrc));
    for candidate in &end.candidates {
        put(sdp, format_args!("a=candidate:{}\r\n", candidate.to_value()));
    }
    sdp.push_str("a=end-of-candidates\r\n");
}

/// All but our source and the candidates, which in a bundle belong to its first section.
fn head_of_line(sdp: &mut String, end: &LocalEnd, line: &AudioLine<'_>) {
    let address = default_address(end);
    put(sdp, format_args!("m=audio {} {}", address.port(), line.protocol));
    for format in line.formats {
        put(sdp, format_args!(" {}", format.payload_type));
    }
    let mut events: Vec<(u8, u32)> = Vec::new();
    for format in line.formats {
        if let Some(pt) = format.telephone_event
            && events.iter().all(|(seen, _)| *seen != pt)
        {
            events.push((pt, clock_rate(format.codec)));
            put(sdp, format_args!(" {pt}"));
        }
    }
    put(sdp, format_args!("\r\nc=IN {} {}\r\n", family(address.ip()), address.ip()));
    put(sdp, format_args!("a=rtcp:{} IN {} {}\r\na=rtcp-mux\r\n", address.port(), family(address.ip()), address.ip()));
    if let Some(mid) = line.mid {
        put(sdp, format_args!("a=mid:{mid}\r\n"));
    }
    put(sdp, format_args!("a={}\r\n", line.direction.name()));
    put(sdp, format_args!("a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", end.ice_ufrag, end.ice_pwd));
    put(sdp, format_args!("a=fingerprint:sha-256 {}\r\na=setup:{}\r\n", end.fingerprint, line.setup.name()));
    for format in line.formats {
        let pt = format.payload_type;
        match format.codec {
            // In-band error correction is what makes Opus bearable at 10 % loss.
            Codec::Opus => put(sdp, format_args!("a=rtpmap:{pt} opus/48000/2\r\na=fmtp:{pt} minptime=10;useinbandfec=1\r\n")),
            codec => put(sdp, format_args!("a=rtpmap:{pt} {}/8000\r\n", codec.name())),
        }
    }
    for (pt, rate) in events {
        put(sdp, format_args!("a=rtpmap:{pt} telephone-event/{rate}\r\na=fmtp:{pt} 0-16\r\n"));
    }
    put(sdp, format_args!("a=ptime:20\r\na=maxptime:60\r\n"));
}

fn rejected(sdp: &mut String, section: &Section) {
    put(sdp, format_args!("m={} 0 {} {}\r\n", section.media, section.protocol, section.first_format));
    if let Some(mid) = &section.mid {
        put(sdp, format_args!("a=mid:{mid}\r\n"));
    }
    sdp.push_str("a=inactive\r\n");
}
