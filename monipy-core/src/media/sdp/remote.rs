//! A far side we can talk to, out of a session, or the reason why not: 488 (RFC 8827 6.5, RFC 8842).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::candidate::{Candidate, MAX_CANDIDATES};
use super::codecs;
use super::session::{self, MediaSection, Session};
use crate::config::Codec;
use crate::media::demux::{MAX_LINES, MID_EXTENSION};
use crate::media::transport::{MediaDirection, OfferError};

/// `a=setup` (RFC 8842 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// Will be the DTLS client.
    Active,
    /// Will be the DTLS server.
    Passive,
    /// Leaves it to the answerer.
    ActPass,
}

impl Setup {
    /// The attribute's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::ActPass => "actpass",
        }
    }
}

/// A certificate fingerprint (RFC 8122 5) with the hash that can be checked: SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// `sha-256`: the only one that the stack can check.
    pub hash: &'static str,
    /// Pairs of hexadecimal digits in upper case with colons between.
    pub value: String,
}

/// A codec or telephone-event that the far side lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteFormat {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// The codec; none for telephone-event.
    pub codec: Option<Codec>,
    /// RTP clock rate, Hz.
    pub clock_rate: u32,
    /// RFC 4733.
    pub telephone_event: bool,
}

/// One `m=` section as far as an answer needs it. Untrusted text, cut to what may be echoed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `audio`, `video`, ...
    pub media: String,
    /// Transport protocol as given.
    pub protocol: String,
    /// First format, for the line that rejects the section.
    pub first_format: String,
    /// `a=mid`.
    pub mid: Option<String>,
    /// Whether the mid is in a BUNDLE group (RFC 9143).
    pub bundled: bool,
    /// `i=`, else `a=label`: who is heard on this section, where a server says so.
    pub title: Option<String>,
    /// `party-id=` in `i=`, else `a=x-party-id` or `a=party-id`: the same, for machines.
    pub party_id: Option<String>,
    /// Sources that it names (`a=ssrc`, RFC 5576).
    pub ssrcs: Vec<u32>,
    /// Id of the header extension that carries the MID (RFC 9143 15).
    pub mid_extension: Option<u8>,
    /// Direction, seen from the far side.
    pub direction: MediaDirection,
    /// What it lists, for audio.
    pub formats: Vec<RemoteFormat>,
    /// Whether this is an audio section we could take.
    pub usable: bool,
}

/// A far side we can talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteDescription {
    /// Every section in its order.
    pub sections: Vec<Section>,
    /// Index of the section that carries our audio.
    pub audio: usize,
    /// Indices of further audio sections on the same transport (RFC 9143): a party each.
    pub further: Vec<usize>,
    /// Direction of that section, seen from the far side.
    pub direction: MediaDirection,
    /// DTLS role it asks for.
    pub setup: Setup,
    /// ICE user name fragment.
    pub ice_ufrag: String,
    /// ICE password.
    pub ice_pwd: String,
    /// An ICE-lite peer (RFC 8445 2.5): we are in control.
    pub ice_lite: bool,
    /// Certificate to expect: the strongest hash of those listed.
    pub fingerprint: Fingerprint,
    /// UDP candidates of component 1 with IP addresses; possibly none (peer-reflexive will do).
    pub candidates: Vec<Candidate>,
    /// Packet length it wishes, ms, 10 to 60.
    pub ptime_ms: u32,
}

impl RemoteDescription {
    /// The section that carries our audio.
    #[must_use]
    pub fn audio_section(&self) -> Option<&Section> {
        self.sections.get(self.audio)
    }

    /// The audio sections that are taken, in their order.
    pub fn audio_sections(&self) -> impl Iterator<Item = &Section> {
        std::iter::once(&self.audio).chain(&self.further).filter_map(|at| self.sections.get(*at))
    }
}

/// Whether a description came as an offer or as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Offer,
    Answer,
}

/// Parses and judges a description of the far side. `answer` says that it answers an offer of ours.
///
/// # Errors
/// 488 with the reason.
pub fn parse_remote(bytes: &[u8], answer: bool) -> Result<RemoteDescription, OfferError> {
    let session = session::parse(bytes)?;
    let role = if answer { Role::Answer } else { Role::Offer };
    let bundle = bundle_groups(&session);
    let sections: Vec<Section> = session.sections.iter().map(|s| section(&session, s, &bundle)).collect();

    // The first audio section we could take; the reason why the first audio section cannot be taken
    // is the most helpful one.
    let mut reason = None;
    for (index, (media, parsed)) in session.sections.iter().zip(&sections).enumerate() {
        if parsed.media != "audio" {
            continue;
        }
        match judge(&session, media, parsed, role) {
            Ok(judged) => {
                let further = further_sections(&session, &sections, index);
                return Ok(RemoteDescription { audio: index, further, direction: parsed.direction, sections, ..judged });
            }
            Err(why) => reason = reason.or(Some(why)),
        }
    }
    Err(OfferError::not_acceptable(reason.unwrap_or("no audio is offered")))
}

/// Everything but the sections' list, or why this section cannot be taken.
fn judge(session: &Session, media: &MediaSection, parsed: &Section, role: Role) -> Result<RemoteDescription, &'static str> {
    let bundle_only = media.port == 0 && media.attributes.has("bundle-only") && role == Role::Offer;
    if media.port == 0 && !bundle_only {
        return Err("the audio is refused (port 0)");
    }
    if !secure_profile(&media.protocol) {
        return Err("the audio is not DTLS-SRTP (RFC 8827)");
    }
    if !parsed.formats.iter().any(|f| f.codec.is_some()) {
        return Err("no common codec");
    }
    // In a bundle the tagged section carries the transport for the others (RFC 9143 7.1.3).
    let tagged = if parsed.bundled { tagged_section(session) } else { None };
    let get = |name: &str| {
        media
            .attributes
            .first(name)
            .or_else(|| tagged.filter(|_| bundle_only).and_then(|t| t.attributes.first(name)))
            .or_else(|| session.attributes.first(name))
    };
    if !(media.attributes.has("rtcp-mux") || bundle_only) {
        return Err("rtcp-mux is missing (RFC 8834 4.5)");
    }
    let ufrag = get("ice-ufrag").ok_or("no ICE user name fragment")?;
    let pwd = get("ice-pwd").ok_or("no ICE password")?;
    if !ice_chars(ufrag, 4) || !ice_chars(pwd, 22) {
        return Err("ICE credentials are malformed (RFC 8839 5.4)");
    }
    let fingerprint = strongest_fingerprint(session, media, tagged.filter(|_| bundle_only))?;
    let setup = match (get("setup").map(str::to_ascii_lowercase).as_deref(), role) {
        (Some("active"), _) => Setup::Active,
        (Some("passive"), _) => Setup::Passive,
        (Some("actpass"), Role::Offer) => Setup::ActPass,
        // RFC 4145 4: an absent attribute means active in an offer, passive in an answer; browsers
        // read an absent one in an offer as actpass, and both readings leave us a role that works.
        (None, Role::Offer) => Setup::ActPass,
        (None, Role::Answer) => Setup::Active,
        _ => return Err("a=setup is not usable (RFC 8842)"),
    };
    let source = if bundle_only { tagged.unwrap_or(media) } else { media };
    let candidates = source.attributes.all("candidate").filter_map(Candidate::parse).take(MAX_CANDIDATES).collect();
    Ok(RemoteDescription {
        sections: Vec::new(),
        audio: 0,
        further: Vec::new(),
        direction: MediaDirection::SendRecv,
        setup,
        ice_ufrag: ufrag.to_owned(),
        ice_pwd: pwd.to_owned(),
        ice_lite: session.attributes.has("ice-lite"),
        fingerprint,
        candidates,
        ptime_ms: ptime(media),
    })
}

/// The usable audio sections behind `first` that share its transport. One with a transport of its own
/// is refused: the answer has port 0 for it.
fn further_sections(session: &Session, sections: &[Section], first: usize) -> Vec<usize> {
    let groups: Vec<Vec<&str>> = session
        .attributes
        .all("group")
        .filter_map(|value| value.strip_prefix("BUNDLE"))
        .map(|mids| mids.split_ascii_whitespace().take(session::MAX_SECTIONS).collect())
        .collect();
    let mid = |at: usize| sections.get(at).and_then(|s| s.mid.as_deref());
    let Some(of_first) = mid(first) else { return Vec::new() };
    let together = |at: &usize| mid(*at).is_some_and(|m| m != of_first && groups.iter().any(|g| g.contains(&m) && g.contains(&of_first)));
    (first + 1..sections.len()).filter(|at| sections.get(*at).is_some_and(|s| s.usable)).filter(together).take(MAX_LINES - 1).collect()
}

/// `i=` of a party: its words, and what `party-id=` among them says.
fn party_words(title: &str) -> (Option<String>, Option<String>) {
    let id = title.split_ascii_whitespace().find_map(|word| word.strip_prefix("party-id="));
    let name: Vec<&str> = title.split_ascii_whitespace().filter(|word| !word.starts_with("party-id=")).collect();
    ((!name.is_empty()).then(|| name.join(" ")), id.map(str::to_owned))
}

fn section(session: &Session, media: &MediaSection, bundle: &[String]) -> Section {
    let mid = media.attributes.first("mid").filter(|m| token(m, 64)).map(str::to_owned);
    let bundled = mid.as_ref().is_some_and(|m| bundle.contains(m));
    let formats = if media.media == "audio" { codecs::parse_formats(media) } else { Vec::new() };
    let usable = media.media == "audio"
        && (media.port != 0 || media.attributes.has("bundle-only"))
        && secure_profile(&media.protocol)
        && formats.iter().any(|f| f.codec.is_some());
    let text = |s: &str| s.chars().filter(|c| !c.is_control()).take(256).collect::<String>();
    let mut ssrcs: Vec<u32> = Vec::new();
    for ssrc in media.attributes.all("ssrc").filter_map(|v| v.split_ascii_whitespace().next()?.parse().ok()) {
        if !ssrcs.contains(&ssrc) && ssrcs.len() < 16 {
            ssrcs.push(ssrc);
        }
    }
    let mid_extension = media.attributes.all("extmap").chain(session.attributes.all("extmap")).find_map(|value| {
        let (id, uri) = value.split_once(' ')?;
        (uri.split_ascii_whitespace().next() == Some(MID_EXTENSION)).then(|| id.split('/').next()?.parse().ok())?
    });
    let (words, id_in_words) = media.title.as_deref().map_or((None, None), |title| party_words(&text(title)));
    Section {
        media: echo(&media.media, "audio"),
        protocol: echo(&media.protocol, "RTP/AVP"),
        first_format: echo(media.formats.first().map_or("0", String::as_str), "0"),
        mid,
        bundled,
        title: words.or_else(|| media.attributes.first("label").map(text)),
        party_id: id_in_words.or_else(|| media.attributes.first("x-party-id").or_else(|| media.attributes.first("party-id")).map(text)),
        ssrcs,
        mid_extension: mid_extension.filter(|id| *id > 0),
        direction: direction(session, media),
        formats,
        usable,
    }
}

/// DTLS-SRTP profiles. RTP/SAVP(F) is what FreeSWITCH says; the fingerprint secures it.
fn secure_profile(protocol: &str) -> bool {
    const PROFILES: [&str; 5] = ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP", "TCP/DTLS/RTP/SAVPF"];
    PROFILES.iter().any(|p| p.eq_ignore_ascii_case(protocol))
}

fn bundle_groups(session: &Session) -> Vec<String> {
    session
        .attributes
        .all("group")
        .filter_map(|value| value.strip_prefix("BUNDLE"))
        .flat_map(|mids| mids.split_ascii_whitespace().take(session::MAX_SECTIONS).map(str::to_owned))
        .collect()
}

fn tagged_section(session: &Session) -> Option<&MediaSection> {
    let first = bundle_groups(session).into_iter().next()?;
    session.sections.iter().find(|s| s.attributes.first("mid") == Some(first.as_str()))
}

fn direction(session: &Session, media: &MediaSection) -> MediaDirection {
    const NAMES: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];
    match media.attributes.last_of(&NAMES).or_else(|| session.attributes.last_of(&NAMES)) {
        Some("sendonly") => MediaDirection::SendOnly,
        Some("recvonly") => MediaDirection::RecvOnly,
        Some("inactive") => MediaDirection::Inactive,
        _ => MediaDirection::SendRecv,
    }
}

fn ptime(media: &MediaSection) -> u32 {
    let number = |name: &str| media.attributes.first(name).and_then(|v| v.parse::<u32>().ok()).filter(|ms| (10..=200).contains(ms));
    let wished = number("ptime").unwrap_or(20).min(number("maxptime").unwrap_or(60)).clamp(10, 60);
    // Codecs cut time in steps of 10 ms.
    wished - wished % 10
}

fn strongest_fingerprint(session: &Session, media: &MediaSection, tagged: Option<&MediaSection>) -> Result<Fingerprint, &'static str> {
    // The strongest that the stack can compute comes first (RFC 8122 5.1). It can compute no other:
    // against a SHA-512 fingerprint it would find every certificate wrong.
    const HASHES: [(&str, usize); 1] = [("sha-256", 32)];
    let levels = [Some(&media.attributes), tagged.map(|t| &t.attributes), Some(&session.attributes)];
    let Some(listed) = levels.into_iter().flatten().find(|a| a.has("fingerprint")) else {
        return Err("no certificate fingerprint (RFC 8827)");
    };
    for (hash, octets) in HASHES {
        for line in listed.all("fingerprint").take(16) {
            let mut words = line.split_ascii_whitespace();
            let (Some(name), Some(value)) = (words.next(), words.next()) else { continue };
            if name.eq_ignore_ascii_case(hash) {
                // One that is listed under a good name but malformed is not passed over for a weaker one.
                if !hex_octets(value, octets) {
                    return Err("a certificate fingerprint is malformed");
                }
                return Ok(Fingerprint { hash, value: value.to_ascii_uppercase() });
            }
        }
    }
    Err("no certificate fingerprint with SHA-256 (RFC 8122), the one that can be checked here")
}

fn hex_octets(value: &str, octets: usize) -> bool {
    value.split(':').count() == octets && value.split(':').all(|o| o.len() == 2 && o.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn ice_chars(value: &str, least: usize) -> bool {
    (least..=256).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

fn token(value: &str, most: usize) -> bool {
    !value.is_empty() && value.len() <= most && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b))
}

/// Text that goes back to where it came from: a token or slashes between tokens, else the default.
fn echo(value: &str, otherwise: &str) -> String {
    if value.split('/').all(|part| token(part, 64)) { value.to_owned() } else { otherwise.to_owned() }
}
