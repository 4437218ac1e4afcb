//! What is refused with 488: insecure, incomplete, incompatible and oversized descriptions.

use crate::samples;
use monipy_core::Codec;
use monipy_core::media::check_offer;
use monipy_core::media::sdp::parse_remote;

const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

fn refused(sdp: impl AsRef<[u8]>, word: &str) {
    let error = check_offer(sdp.as_ref(), &ALL).expect_err(word);
    assert_eq!(error.sip_code, 488);
    assert!(error.why.contains(word), "{:?} should speak of {word}", error.why);
}

fn without(start: &str) -> String {
    samples::jssip().lines().filter(|l| !l.starts_with(start)).map(|l| format!("{l}\r\n")).collect()
}

fn replaced(start: &str, line: &str) -> String {
    samples::jssip().lines().map(|l| if l.starts_with(start) { line } else { l }).map(|l| format!("{l}\r\n")).collect()
}

#[test]
fn insecure_media() {
    for profile in ["RTP/AVP", "RTP/AVPF", "UDP/TLS/RTP/AVP", "udptl", "DTLS/SCTP"] {
        refused(samples::jssip().replace("UDP/TLS/RTP/SAVPF", profile), "DTLS-SRTP");
    }
    let sdes = samples::freeswitch()
        .replace("a=rtcp-mux", "a=rtcp-mux\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj");
    let sdes: String = sdes.lines().filter(|l| !l.starts_with("a=fingerprint")).map(|l| format!("{l}\r\n")).collect();
    refused(sdes, "fingerprint");
}

#[test]
fn fingerprints_that_are_missing_weak_or_malformed() {
    refused(without("a=fingerprint"), "fingerprint");
    refused(replaced("a=fingerprint", "a=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"), "SHA-256");
    refused(replaced("a=fingerprint", &format!("a=fingerprint:sha-1 {}", ["00"; 20].join(":"))), "SHA-256");
    for bad in [["00"; 31].join(":"), ["0G"; 32].join(":"), ["000"; 32].join(":"), "00".repeat(32), String::new()] {
        refused(replaced("a=fingerprint", &format!("a=fingerprint:sha-256 {bad}")), "fingerprint");
    }
}

#[test]
fn ice_credentials_that_are_missing_or_malformed() {
    refused(without("a=ice-ufrag"), "ICE");
    refused(without("a=ice-pwd"), "ICE");
    refused(replaced("a=ice-pwd", "a=ice-pwd:tooshort"), "ICE");
    refused(replaced("a=ice-ufrag", "a=ice-ufrag:abc"), "ICE");
    refused(replaced("a=ice-ufrag", "a=ice-ufrag:with spaces"), "ICE");
    for length in [257, 500, 10_000] {
        refused(replaced("a=ice-ufrag", &format!("a=ice-ufrag:{}", "x".repeat(length))), "ICE");
        refused(replaced("a=ice-pwd", &format!("a=ice-pwd:{}", "x".repeat(length))), "ICE");
    }
}

#[test]
fn no_common_codec() {
    let only = |formats: &str, map: &str| samples::freeswitch().replace("102 9 0 8 103 101", formats).replace("a=rtpmap:9 G722", map);
    refused(only("18 101", "a=rtpmap:18 G729"), "codec");
    refused(only("101 103", "a=rtpmap:9 G722"), "codec");
    refused(only("-1 300 4294967296 128 x", "a=rtpmap:9 G722"), "codec");
    refused(only("", "a=rtpmap:9 G722"), "codec");
    // A common codec that this side does not want is none.
    let error = check_offer(samples::freeswitch().as_bytes(), &[]).unwrap_err();
    assert_eq!(error.sip_code, 488);
}

#[test]
fn no_audio() {
    refused(samples::freeswitch().replace("m=audio", "m=video"), "audio");
    refused(samples::freeswitch().replace("m=audio 24308", "m=audio 0"), "port 0");
    refused(samples::freeswitch().split("m=audio").next().unwrap(), "media");
}

#[test]
fn what_is_no_sdp() {
    for garbage in ["", "v=0", "hello", "v=1\r\no=- 1 1 IN IP4 1.2.3.4\r\n", "\r\n\r\n", "{\"sdp\":\"v=0\"}"] {
        assert_eq!(check_offer(garbage.as_bytes(), &ALL).unwrap_err().sip_code, 488, "{garbage:?}");
    }
    refused(without("v=0"), "v=0");
    refused(without("o="), "o=");
    refused(replaced("o=", "o=broken"), "o=");
    refused(samples::jssip().replace("s=-", "s=a\0b"), "NUL");
    refused(samples::jssip().replace("m=audio 40101", "m=audio 70000"), "port");
    refused(samples::jssip().replace("m=audio 40101 UDP/TLS/RTP/SAVPF 109 9 0 8 101", "m=audio"), "malformed");
    refused([&samples::jssip().into_bytes()[..40], &[0xff, 0xfe, 0xfd]].concat(), "");
}

#[test]
fn too_much_of_everything() {
    refused(samples::jssip() + &"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(1000), "too many");
    refused(samples::jssip() + &format!("a=x:{}\r\n", "y".repeat(300_000)), "too large");
    // A long line that nobody needs is no harm, and of 1,500 candidates 64 are kept.
    let long = samples::jssip() + &format!("a=x:{}\r\n", "y".repeat(60_000));
    check_offer(long.as_bytes(), &ALL).unwrap();
    let many: String = (0..1500).map(|i| format!("a=candidate:{i} 1 udp 1 192.0.2.1 {} typ host\r\n", 1000 + i)).collect();
    let remote = parse_remote((samples::jssip() + &many).as_bytes(), false).unwrap();
    assert_eq!(remote.candidates.len(), 64);
}

#[test]
fn roles_that_make_no_sense() {
    refused(replaced("a=setup", "a=setup:holdconn"), "setup");
    refused(replaced("a=setup", "a=setup:nonsense"), "setup");
    // In an answer the role must be chosen.
    let answer = parse_remote(samples::jssip().as_bytes(), true).unwrap_err();
    assert!(answer.why.contains("setup"), "{answer}");
    refused(without("a=rtcp-mux"), "rtcp-mux");
}
