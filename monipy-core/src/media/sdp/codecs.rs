//! Which formats both sides have in common (RFC 3264 5.1 and 6.1, RFC 4733 2.4, RFC 7587).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::remote::RemoteFormat;
use super::session::MediaSection;
use crate::config::Codec;
use crate::media::transport::{AudioFormat, CodecOrder};

/// RTP clock rate of a codec, Hz.
pub(crate) fn clock_rate(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => 48_000,
        Codec::Pcmu | Codec::Pcma => 8_000,
    }
}

/// The payload types of our own offers: what JsSIP's browsers use, which gateways have seen before.
fn own_payload_type(codec: Codec) -> (u8, u8) {
    match codec {
        Codec::Opus => (111, 110),
        Codec::Pcmu => (0, 126),
        Codec::Pcma => (8, 126),
    }
}

/// The formats of an offer of ours, in the given order of preference.
#[must_use]
pub fn offer_formats(codecs: &[Codec]) -> Vec<AudioFormat> {
    let mut formats: Vec<AudioFormat> = Vec::new();
    for codec in codecs {
        if formats.iter().all(|f| f.codec != *codec) {
            let (payload_type, telephone_event) = own_payload_type(*codec);
            formats.push(AudioFormat { codec: *codec, payload_type, telephone_event: Some(telephone_event) });
        }
    }
    formats
}

/// Every format of an `m=audio` line that has a meaning for us: the codecs we know and
/// telephone-event. Payload types beyond 127, dynamic ones without a mapping and repeated ones are
/// left out.
#[must_use]
pub fn remote_formats(section: &super::remote::Section) -> &[RemoteFormat] {
    &section.formats
}

pub(crate) fn parse_formats(section: &MediaSection) -> Vec<RemoteFormat> {
    let mut formats: Vec<RemoteFormat> = Vec::new();
    for word in &section.formats {
        let Some(payload_type) = word.parse::<u8>().ok().filter(|pt| *pt <= 127) else { continue };
        if formats.iter().any(|f| f.payload_type == payload_type) {
            continue;
        }
        let mapping = section.attributes.all("rtpmap").find_map(|value| {
            let (pt, encoding) = value.split_once(char::is_whitespace)?;
            (pt.parse::<u8>().ok()? == payload_type).then_some(encoding.trim())
        });
        let encoding = match (mapping, payload_type) {
            (Some(encoding), _) => encoding,
            // Static payload types need no mapping (RFC 3551 6).
            (None, 0) => "PCMU/8000",
            (None, 8) => "PCMA/8000",
            (None, _) => continue,
        };
        let mut parts = encoding.split('/');
        let (Some(name), Some(rate)) = (parts.next(), parts.next()) else { continue };
        let Ok(clock) = rate.trim().parse::<u32>() else { continue };
        let codec = Codec::from_name(name).filter(|c| clock_rate(*c) == clock);
        let telephone_event = name.eq_ignore_ascii_case("telephone-event");
        if codec.is_some() || telephone_event {
            formats.push(RemoteFormat { payload_type, codec, clock_rate: clock, telephone_event });
        }
    }
    formats
}

/// What an answer accepts of the far side's formats: every common codec once, the preferred one
/// first, each with the telephone-event of its own clock rate. Empty when there is none.
#[must_use]
pub fn answer_formats(remote: &[RemoteFormat], ours: &[Codec], order: CodecOrder) -> Vec<AudioFormat> {
    let offered = |codec: Codec| remote.iter().find(|f| f.codec == Some(codec));
    let mut codecs: Vec<Codec> = Vec::new();
    let mut add = |codec: Codec| {
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
    };
    match order {
        CodecOrder::Local => ours.iter().copied().filter(|c| offered(*c).is_some()).for_each(&mut add),
        CodecOrder::Remote => remote.iter().filter_map(|f| f.codec).filter(|c| ours.contains(c)).for_each(&mut add),
    }
    codecs
        .into_iter()
        .filter_map(|codec| {
            let format = offered(codec)?;
            let event = remote.iter().find(|f| f.telephone_event && f.clock_rate == clock_rate(codec));
            Some(AudioFormat { codec, payload_type: format.payload_type, telephone_event: event.map(|f| f.payload_type) })
        })
        .collect()
}
