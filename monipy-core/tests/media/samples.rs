//! Offers in the forms that real servers and clients were seen to send.

const FINGERPRINT: &str = "8B:87:09:8A:5D:C2:98:3C:5E:3A:F6:0B:39:AC:6C:45:27:6F:C5:A4:7C:72:FE:8E:27:2E:C9:9C:84:58:DE:22";

fn sdp(lines: &str) -> String {
    let lines: Vec<String> = lines.lines().map(|l| l.trim().replace("FINGERPRINT", FINGERPRINT)).filter(|l| !l.is_empty()).collect();
    lines.join("\r\n") + "\r\n"
}

/// rtpengine 10: a mid without BUNDLE, candidates of component 2 despite rtcp-mux, Opus and telephone-event twice.
pub(crate) fn rtpengine() -> String {
    sdp("v=0
        o=- 1700000000 1700000000 IN IP4 203.0.113.10
        s=-
        c=IN IP4 203.0.113.10
        t=0 0
        m=audio 30044 UDP/TLS/RTP/SAVPF 96 8 0 101 97
        a=mid:1
        a=rtpmap:96 opus/48000/2
        a=fmtp:96 useinbandfec=0
        a=rtpmap:8 PCMA/8000
        a=rtpmap:0 PCMU/8000
        a=rtpmap:101 telephone-event/8000
        a=rtpmap:97 telephone-event/48000
        a=sendrecv
        a=rtcp:30044
        a=rtcp-mux
        a=setup:actpass
        a=fingerprint:sha-256 FINGERPRINT
        a=tls-id:0f1e2d3c4b5a69788796a5b4c3d2e1f0
        a=ptime:20
        a=ice-ufrag:Zk8f3Qxa
        a=ice-pwd:bPq5Oa0R8rcvVtTwWxE0T2lQmG
        a=candidate:Gq9nJCrOxe3DpT2t 1 UDP 2130706431 203.0.113.10 30044 typ host
        a=candidate:Gq9nJCrOxe3DpT2t 2 UDP 2130706430 203.0.113.10 30045 typ host
        a=end-of-candidates")
}

/// Asterisk 22: the hash's name in capitals, mid audio-0, Opus 107, active, two telephone-events, one
/// candidate that cannot be reached.
pub(crate) fn asterisk() -> String {
    sdp("v=0
        o=- 1267513236 3 IN IP4 172.17.0.3
        s=Asterisk
        c=IN IP4 172.17.0.3
        t=0 0
        a=msid-semantic:WMS *
        a=group:BUNDLE audio-0
        m=audio 12914 UDP/TLS/RTP/SAVPF 107 0 8 101 102
        a=setup:active
        a=fingerprint:SHA-256 FINGERPRINT
        a=connection:new
        a=ice-ufrag:4ab6e5b67d2a1b8d3c6a3e7b10f2c9d4
        a=ice-pwd:7c0b8a3e2d4f5a6b7c8d9e0f1a2b3c4d
        a=candidate:Hac110003 1 UDP 2130706431 172.17.0.3 12914 typ host
        a=rtpmap:107 opus/48000/2
        a=fmtp:107 useinbandfec=1
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:101 telephone-event/48000
        a=fmtp:101 0-16
        a=rtpmap:102 telephone-event/8000
        a=fmtp:102 0-16
        a=ptime:20
        a=maxptime:20
        a=sendrecv
        a=rtcp-mux
        a=ssrc:1493842541 cname:6f3b0e1d-5a0c-4b1e-9d0e-52b8f2f0a8c1
        a=mid:audio-0")
}

/// FreeSWITCH 1.10: RTP/SAVPF, no mid, no BUNDLE, component 2 on the same port, session-level m-less keys.
pub(crate) fn freeswitch() -> String {
    sdp("v=0
        o=FreeSWITCH 1700000001 1700000002 IN IP4 198.51.100.7
        s=FreeSWITCH
        c=IN IP4 198.51.100.7
        t=0 0
        a=msid-semantic: WMS 8Tj6MZqAKmUYlxPdX0W0JHXu4vZqv3qN
        m=audio 24308 RTP/SAVPF 102 9 0 8 103 101
        a=rtpmap:102 opus/48000/2
        a=fmtp:102 useinbandfec=1; maxaveragebitrate=30000; maxplaybackrate=48000; ptime=20; minptime=10; maxptime=40
        a=rtpmap:9 G722/8000
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:103 telephone-event/48000
        a=fmtp:103 0-15
        a=rtpmap:101 telephone-event/8000
        a=fmtp:101 0-15
        a=fingerprint:sha-256 FINGERPRINT
        a=setup:actpass
        a=rtcp-mux
        a=rtcp:24308 IN IP4 198.51.100.7
        a=ssrc:2887374205 cname:N0r4MdxmYFjZ7cAu
        a=ice-ufrag:oXqZ9bBLTqLn2ApD
        a=ice-pwd:1kHPgHaJXlPsXzv7nI3dzBlT
        a=candidate:2706108158 1 udp 2130706431 198.51.100.7 24308 typ host generation 0
        a=candidate:2706108158 2 udp 2130706431 198.51.100.7 24308 typ host generation 0
        a=end-of-candidates
        a=ptime:20")
}

/// Chromium with everything on: red, G.722, CN, video refused by us, mDNS and TCP candidates, extmaps.
pub(crate) fn chromium() -> String {
    sdp("v=0
        o=- 5498186869896684180 2 IN IP4 127.0.0.1
        s=-
        t=0 0
        a=group:BUNDLE 0 1
        a=extmap-allow-mixed
        a=msid-semantic: WMS
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
        c=IN IP4 0.0.0.0
        a=rtcp:9 IN IP4 0.0.0.0
        a=candidate:3567609059 1 udp 2113937151 6a7d5d2b-1c0f-43f5-9f0e-8c6a31a6e0f7.local 51337 typ host generation 0 network-cost 999
        a=candidate:842163049 1 udp 1677729535 203.0.113.77 51337 typ srflx raddr 0.0.0.0 rport 0 generation 0 network-cost 999
        a=candidate:1234567 1 tcp 1518280447 192.0.2.4 9 typ host tcptype active generation 0
        a=candidate:76 1 udp 41885439 192.0.2.200 61000 typ relay raddr 203.0.113.77 rport 51337 generation 0
        a=ice-ufrag:Ir2O
        a=ice-pwd:tBJ3Oo1ZBdpbJAM+LT2bUTQd
        a=ice-options:trickle
        a=fingerprint:sha-256 FINGERPRINT
        a=setup:actpass
        a=mid:0
        a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
        a=sendrecv
        a=msid:- 5ddd0a86-c35b-4b0f-a3bb-a8a5a5f3dc4b
        a=rtcp-mux
        a=rtcp-rsize
        a=rtpmap:111 opus/48000/2
        a=rtcp-fb:111 transport-cc
        a=fmtp:111 minptime=10;useinbandfec=1
        a=rtpmap:63 red/48000/2
        a=fmtp:63 111/111
        a=rtpmap:9 G722/8000
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:13 CN/8000
        a=rtpmap:110 telephone-event/48000
        a=rtpmap:126 telephone-event/8000
        a=ssrc:3374083209 cname:nD1Zr/HXw4UlvPTb
        m=video 9 UDP/TLS/RTP/SAVPF 96
        c=IN IP4 0.0.0.0
        a=ice-ufrag:Ir2O
        a=ice-pwd:tBJ3Oo1ZBdpbJAM+LT2bUTQd
        a=fingerprint:sha-256 FINGERPRINT
        a=setup:actpass
        a=mid:1
        a=sendrecv
        a=rtcp-mux
        a=rtpmap:96 VP8/90000")
}

/// JsSIP in a browser: gathering complete before it sends, session-level fingerprint as Firefox writes it.
pub(crate) fn jssip() -> String {
    sdp("v=0
        o=mozilla...THIS_IS_SDPARTA-99.0 8183391827462349215 0 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=sendrecv
        a=fingerprint:sha-256 FINGERPRINT
        a=group:BUNDLE 0
        a=ice-options:trickle
        a=msid-semantic:WMS *
        m=audio 40101 UDP/TLS/RTP/SAVPF 109 9 0 8 101
        c=IN IP4 203.0.113.5
        a=candidate:0 1 UDP 2122252543 192.0.2.33 40101 typ host
        a=candidate:1 1 UDP 1686052863 203.0.113.5 40101 typ srflx raddr 192.0.2.33 rport 40101
        a=sendrecv
        a=end-of-candidates
        a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
        a=fmtp:101 0-15
        a=ice-pwd:5b4b2a4e3f0a8a3b9b0f8a7c5d3e1f2a
        a=ice-ufrag:0d2e6f4a
        a=mid:0
        a=msid:{5d9e7a1c-60f3-4c85-9a5c-0d5f3c9b1d33} {bc1f9a4a-7e1b-4a9c-8a8d-0b6b6a1f2c44}
        a=rtcp-mux
        a=rtpmap:109 opus/48000/2
        a=rtpmap:9 G722/8000/1
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:101 telephone-event/8000/1
        a=setup:actpass
        a=ssrc:2093847561 cname:{2ac6a1e8-0f4d-4b58-8c0b-7a9ef2f9b6b1}")
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
