//! What servers and clients really send is read as it was meant.

use crate::samples;
use monipy_core::Codec;
use monipy_core::media::sdp::{Setup, answer_formats, parse_remote};
use monipy_core::media::{AudioFormat, CodecOrder, MediaDirection, check_offer};

const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

fn accepted(sdp: &str, order: CodecOrder) -> Vec<(Codec, u8, Option<u8>)> {
    let remote = parse_remote(sdp.as_bytes(), false).unwrap();
    answer_formats(&remote.audio_section().unwrap().formats, &ALL, order)
        .into_iter()
        .map(|AudioFormat { codec, payload_type, telephone_event }| (codec, payload_type, telephone_event))
        .collect()
}

#[test]
fn all_samples_are_acceptable() {
    for (name, sdp) in samples::all() {
        check_offer(sdp.as_bytes(), &ALL).unwrap_or_else(|e| panic!("{name}: {e}"));
        // Bare line feeds are as good as CRLF.
        check_offer(sdp.replace('\r', "").as_bytes(), &ALL).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn telephone_event_is_the_one_at_the_codecs_own_clock() {
    let (opus, pcmu, pcma) = (Codec::Opus, Codec::Pcmu, Codec::Pcma);
    let local = CodecOrder::Local;
    assert_eq!(accepted(&samples::asterisk(), local), [(opus, 107, Some(101)), (pcmu, 0, Some(102)), (pcma, 8, Some(102))]);
    assert_eq!(accepted(&samples::freeswitch(), local), [(opus, 102, Some(103)), (pcmu, 0, Some(101)), (pcma, 8, Some(101))]);
    assert_eq!(accepted(&samples::jssip(), local), [(opus, 109, None), (pcmu, 0, Some(101)), (pcma, 8, Some(101))]);
    assert_eq!(
        accepted(&samples::rtpengine(), CodecOrder::Remote),
        [(opus, 96, Some(97)), (pcma, 8, Some(101)), (pcmu, 0, Some(101))],
        "in the offer's order"
    );
}

#[test]
fn only_udp_candidates_of_component_1_with_ip_addresses_are_kept() {
    let candidates = |sdp: String| parse_remote(sdp.as_bytes(), false).unwrap().candidates;
    assert_eq!(candidates(samples::rtpengine()).len(), 1);
    assert_eq!(candidates(samples::freeswitch()).len(), 1);
    let chromium = candidates(samples::chromium());
    let kinds: Vec<_> = chromium.iter().map(|c| (c.kind, c.address.to_string())).collect();
    assert_eq!(kinds, [("srflx", "203.0.113.77:51337".into()), ("relay", "192.0.2.200:61000".into())]);
    let none = samples::asterisk().lines().filter(|l| !l.starts_with("a=candidate")).collect::<Vec<_>>().join("\r\n");
    assert!(parse_remote(none.as_bytes(), false).unwrap().candidates.is_empty(), "peer-reflexive will do");
}

#[test]
fn roles_credentials_and_fingerprints_are_found_on_either_level() {
    let asterisk = parse_remote(samples::asterisk().as_bytes(), false).unwrap();
    assert_eq!((asterisk.setup, asterisk.fingerprint.hash), (Setup::Active, "sha-256"));
    let jssip = parse_remote(samples::jssip().as_bytes(), false).unwrap();
    assert_eq!((jssip.setup, jssip.ice_ufrag.as_str()), (Setup::ActPass, "0d2e6f4a"));
    assert!(jssip.fingerprint.value.starts_with("8B:87:09"));
    assert!(!jssip.ice_lite);
    let lite = samples::jssip().replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n");
    assert!(parse_remote(lite.as_bytes(), false).unwrap().ice_lite);
}

#[test]
fn the_hash_that_can_be_checked_counts() {
    let sha512 = vec!["AB"; 64].join(":");
    let sdp = samples::asterisk().replace("a=connection:new", &format!("a=fingerprint:sha-512 {sha512}\r\na=fingerprint:sha-1 00:11"));
    let ours = parse_remote(samples::asterisk().as_bytes(), false).unwrap().fingerprint;
    assert_eq!(ours.hash, "sha-256");
    // aiortc lists three.
    assert_eq!(parse_remote(sdp.as_bytes(), false).unwrap().fingerprint, ours);
    let alone = sdp.lines().filter(|line| !line.to_ascii_lowercase().starts_with("a=fingerprint:sha-256")).collect::<Vec<_>>().join("\r\n")
        + "\r\n";
    assert!(parse_remote(alone.as_bytes(), false).is_err());
}

#[test]
fn the_media_levels_direction_wins_over_the_sessions() {
    let direction = |sdp: String| parse_remote(sdp.as_bytes(), false).unwrap().direction;
    assert_eq!(direction(samples::freeswitch()), MediaDirection::SendRecv, "none is sendrecv");
    assert_eq!(direction(samples::asterisk().replace("a=sendrecv", "a=sendonly")), MediaDirection::SendOnly);
    assert_eq!(direction(samples::freeswitch().replace("t=0 0\r\n", "t=0 0\r\na=inactive\r\n")), MediaDirection::Inactive);
    assert_eq!(direction(samples::jssip().replacen("a=sendrecv", "a=inactive", 1)), MediaDirection::SendRecv);
}

#[test]
fn static_payload_types_need_no_mapping_and_dynamic_ones_do() {
    let sdp = samples::freeswitch().replace("a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n", "");
    let sdp = sdp.replace("a=rtpmap:102 opus/48000/2\r\n", "");
    assert_eq!(accepted(&sdp, CodecOrder::Local), [(Codec::Pcmu, 0, Some(101)), (Codec::Pcma, 8, Some(101))]);
    // A mapping gives a static number another meaning.
    let odd = samples::freeswitch().replace("a=rtpmap:0 PCMU/8000", "a=rtpmap:0 PCMA/8000").replace("a=rtpmap:8 PCMA", "a=rtpmap:8 GSM");
    assert_eq!(accepted(&odd, CodecOrder::Local)[1], (Codec::Pcma, 0, Some(101)));
}

#[test]
fn packet_length_is_held_within_reason() {
    let ptime = |sdp: String| parse_remote(sdp.as_bytes(), false).unwrap().ptime_ms;
    let with = |value: &str| samples::freeswitch().replace("a=ptime:20", &format!("a=ptime:{value}"));
    assert_eq!(ptime(with("20")), 20);
    assert_eq!(ptime(with("60")), 60);
    assert_eq!(ptime(with("30")), 30);
    for nonsense in ["0", "4294967295", "4294967296", "-20", "x", "25"] {
        assert_eq!(ptime(with(nonsense)), 20, "{nonsense}");
    }
    assert_eq!(ptime(with("200")), 60);
    assert_eq!(ptime(with("40").replace("a=ptime:40", "a=ptime:40\r\na=maxptime:20")), 20);
}

#[test]
fn two_parties_are_told_apart_and_the_first_is_taken() {
    let remote = parse_remote(samples::two_parties().as_bytes(), false).unwrap();
    assert_eq!(remote.audio, 0);
    let named: Vec<_> = remote.sections.iter().map(|s| (s.title.as_deref(), s.party_id.as_deref(), s.usable)).collect();
    assert_eq!(named, [(Some("agent"), Some("17"), true), (Some("customer"), Some("18"), true)]);
    // Where the first was refused, the second is taken.
    let refused = samples::two_parties().replacen("m=audio 9 ", "m=audio 0 ", 1);
    assert_eq!(parse_remote(refused.as_bytes(), false).unwrap().audio, 1);
}

#[test]
fn a_bundle_only_section_takes_its_transport_from_the_tagged_one() {
    let keys = ["a=ice-", "a=fingerprint", "a=setup", "a=candidate", "a=rtcp"];
    let (head, rest) = {
        let sdp = samples::chromium();
        let (head, rest) = sdp.split_once("m=audio").map(|(h, r)| (h.to_owned(), format!("m=audio{r}"))).unwrap();
        (head, rest)
    };
    let (audio, video) = rest.split_once("m=video").unwrap();
    let audio: String = audio.lines().filter(|l| !keys.iter().any(|k| l.starts_with(k))).map(|l| format!("{l}\r\n")).collect();
    let audio = audio.replace("m=audio 9", "m=audio 0") + "a=bundle-only\r\n";
    let sdp = format!("{}m=video{video}{audio}", head.replace("BUNDLE 0 1", "BUNDLE 1 0"));
    let remote = parse_remote(sdp.as_bytes(), false).unwrap_or_else(|e| panic!("{e}: {sdp}"));
    assert_eq!((remote.audio, remote.ice_ufrag.as_str()), (1, "Ir2O"));
}
