//! Offers in the forms that real servers and clients were seen to send (`tests/data/sdp`).

/// A file of the test data with the line ends of the wire.
fn crlf(text: &str) -> String {
    text.lines().map(|line| format!("{line}\r\n")).collect()
}

/// rtpengine 10: a mid without BUNDLE, candidates of component 2 despite rtcp-mux, Opus and telephone-event
/// twice.
pub(crate) fn rtpengine() -> String {
    crlf(include_str!("../data/sdp/rtpengine.sdp"))
}

/// Asterisk 22: the hash's name in capitals, mid audio-0, Opus 107, active, two telephone-events, one candidate
/// that cannot be reached.
pub(crate) fn asterisk() -> String {
    crlf(include_str!("../data/sdp/asterisk.sdp"))
}

/// FreeSWITCH 1.10: RTP/SAVPF, no mid, no BUNDLE, component 2 on the same port, session-level m-less keys.
pub(crate) fn freeswitch() -> String {
    crlf(include_str!("../data/sdp/freeswitch.sdp"))
}

/// Chromium with everything on: red, G.722, CN, video refused by us, mDNS and TCP candidates, extmaps.
pub(crate) fn chromium() -> String {
    crlf(include_str!("../data/sdp/chromium.sdp"))
}

/// JsSIP in a browser: gathering complete before it sends, session-level fingerprint as Firefox writes it.
pub(crate) fn jssip() -> String {
    crlf(include_str!("../data/sdp/jssip.sdp"))
}

/// A server that offers both parties of a call on a section each.
pub(crate) fn two_parties() -> String {
    let first = chromium().split("m=video").next().unwrap_or_default().replace("a=mid:0\r\n", "i=agent\r\na=mid:0\r\na=x-party-id:17\r\n");
    let section = first.split_once("m=audio").map(|(_, s)| s.to_owned()).unwrap_or_default();
    let second = section.replace("i=agent", "i=customer").replace("a=mid:0", "a=mid:1").replace("party-id:17", "party-id:18");
    format!("{first}m=audio{second}")
}

pub(crate) fn all() -> Vec<(&'static str, String)> {
    vec![
        ("rtpengine", rtpengine()),
        ("asterisk", asterisk()),
        ("freeswitch", freeswitch()),
        ("chromium", chromium()),
        ("jssip", jssip()),
        ("two parties", two_parties()),
    ]
}
