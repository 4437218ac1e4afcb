//! Messages and descriptions changed on their way, for what a well-behaved user agent does not do.

use crate::mix::leg_audio::FIRST_MID;
use monipy_core::Codec;

/// The same SIP message with another body, or without one.
pub(super) fn with_body(message: &[u8], body: Option<&[u8]>) -> Vec<u8> {
    let text = String::from_utf8_lossy(message);
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let is_entity_header = |line: &str| {
        let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(name.as_str(), "content-type" | "c" | "content-length" | "l")
    };
    let mut out = String::new();
    for line in head.split("\r\n").filter(|l| !is_entity_header(l)) {
        out.push_str(line);
        out.push_str("\r\n");
    }
    let body = body.unwrap_or_default();
    if !body.is_empty() {
        out.push_str("Content-Type: application/sdp\r\n");
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}

/// The same session description with a fingerprint (RFC 8122) that no certificate has.
pub(super) fn with_wrong_fingerprint(sdp: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(sdp);
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("a=fingerprint:").and_then(|rest| rest.split_once(' ')) {
            Some((hash, digits)) => {
                // Each hex digit becomes another one; the form stays.
                let other = |c: char| c.to_digit(16).and_then(|d| char::from_digit(d ^ 1, 16)).map_or(c, |c| c.to_ascii_uppercase());
                out.push_str(&format!("a=fingerprint:{hash} {}", digits.chars().map(other).collect::<String>()));
            }
            None => out.push_str(line),
        }
    }
    out.into_bytes()
}

/// The same session description with one codec (and its telephone-event) alone.
pub(super) fn with_codec_alone(sdp: &[u8], codec: Codec) -> Vec<u8> {
    let text = String::from_utf8_lossy(sdp);
    let (name, clock, fixed) = match codec {
        Codec::Opus => ("opus", "48000", None),
        Codec::Pcmu => ("PCMU", "8000", Some("0")),
        Codec::Pcma => ("PCMA", "8000", Some("8")),
    };
    let stays = |payload_type: &str| {
        let mapped = text.lines().find_map(|l| l.strip_prefix("a=rtpmap:")?.split_once(' ').filter(|(pt, _)| *pt == payload_type));
        match mapped {
            Some((_, map)) => {
                let mut parts = map.trim().split('/');
                let (encoding, rate) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                encoding.eq_ignore_ascii_case(name) || (encoding.eq_ignore_ascii_case("telephone-event") && rate == clock)
            }
            None => fixed == Some(payload_type),
        }
    };
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let attribute = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().find_map(|a| line.strip_prefix(a));
        if let Some(rest) = attribute {
            let payload_type = rest.split([' ', '\r', '\n']).next().unwrap_or_default();
            if payload_type == "*" || stays(payload_type) {
                out.push_str(line);
            }
        } else if line.starts_with("m=audio ") {
            let kept = line.trim_end().split(' ').enumerate().filter(|(i, field)| *i < 3 || stays(field)).map(|(_, f)| f);
            out.push_str(&kept.collect::<Vec<_>>().join(" "));
            out.push_str("\r\n");
        } else {
            out.push_str(line);
        }
    }
    out.into_bytes()
}

/// The same session description with Opus announced as stereo (RFC 7587 7).
pub(super) fn with_stereo(sdp: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(sdp);
    let opus = text
        .lines()
        .find_map(|l| l.strip_prefix("a=rtpmap:")?.split_once(' ').filter(|(_, map)| map.to_ascii_lowercase().starts_with("opus/")));
    let Some((payload_type, _)) = opus else { return sdp.to_vec() };
    let fmtp = format!("a=fmtp:{payload_type} ");
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        out.push_str(line.trim_end());
        if line.starts_with(&fmtp) {
            out.push_str(";stereo=1;sprop-stereo=1");
        } else if line.starts_with(&format!("a=rtpmap:{payload_type} ")) && !text.contains(&fmtp) {
            out.push_str(&format!("\r\n{fmtp}stereo=1;sprop-stereo=1"));
        }
        out.push_str("\r\n");
    }
    out.into_bytes()
}

/// The session of a description (RFC 4566 5.2): its id and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    id: String,
    version: u64,
}

/// A description of the session that `last` was of: one of another transport becomes the next version
/// of it (RFC 3264 8). `last` is then that of this description.
pub(super) fn in_session(sdp: &[u8], last: &mut Option<Origin>) -> Vec<u8> {
    let text = String::from_utf8_lossy(sdp);
    let line = text.lines().find(|l| l.starts_with("o="));
    let mut fields: Vec<String> = line.unwrap_or_default().split(' ').map(str::to_owned).collect();
    let [_, id, version, ..] = fields.as_mut_slice() else { return sdp.to_vec() };
    let mut origin = Origin { id: id.clone(), version: version.parse().unwrap_or(1) };
    if let Some(last) = last.as_ref().filter(|last| last.id != origin.id) {
        origin = Origin { id: last.id.clone(), version: last.version.saturating_add(1) };
    }
    (*id, *version) = (origin.id.clone(), origin.version.to_string());
    *last = Some(origin);
    match line {
        Some(line) => text.replacen(line, &fields.join(" "), 1).into_bytes(),
        None => sdp.to_vec(),
    }
}

/// The lines before the first media line, and each media line with what belongs to it.
fn sections(text: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let (mut session, mut media) = (Vec::new(), Vec::<Vec<&str>>::new());
    for line in text.lines() {
        if line.starts_with("m=") {
            media.push(vec![line]);
        } else {
            media.last_mut().unwrap_or(&mut session).push(line);
        }
    }
    (session, media)
}

/// The same session description with a second audio line in the same bundle (RFC 9143), each line
/// named after a party: `i=NAME party-id=NAME`, as RingCentral's supervision has it. A description that
/// has two lines already has them named.
pub(super) fn with_parties_apart(sdp: &[u8], parties: &[String; 2]) -> Vec<u8> {
    let text = String::from_utf8_lossy(sdp);
    let (session, media) = sections(&text);
    let Some(first) = media.first() else { return sdp.to_vec() };
    let [one, other] = parties.each_ref().map(|name| {
        let id: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.+".contains(c) { c } else { '-' }).collect();
        format!("i={id} party-id={id}")
    });
    let extension = format!("a=extmap:{} urn:ietf:params:rtp-hdrext:sdes:mid", FIRST_MID.0);
    let ssrc = first.iter().find_map(|l| l.strip_prefix("a=ssrc:")?.split_once(' '));
    // The source of a line is that of the first plus its number.
    let second_ssrc = ssrc.and_then(|(ssrc, rest)| Some(format!("a=ssrc:{} {rest}", ssrc.parse::<u32>().ok()?.wrapping_add(1))));
    let mut out = Vec::new();
    if let [_, second, ..] = media.as_slice() {
        out.extend(session.iter().map(|l| (*l).to_owned()));
        for (section, title) in [(first, one), (second, other)] {
            out.extend([section[0].to_owned(), title]);
            let own = ["a=ssrc", "a=extmap"];
            let kept = section[1..].iter().filter(|l| std::ptr::eq(section, first) || !own.iter().any(|o| l.starts_with(o)));
            out.extend(kept.filter(|l| !l.starts_with("a=extmap")).map(|l| (*l).to_owned()));
            out.push(extension.clone());
        }
        out.extend(second_ssrc);
        return (out.join("\r\n") + "\r\n").into_bytes();
    }
    let mid = first.iter().find_map(|l| l.strip_prefix("a=mid:")).unwrap_or(FIRST_MID.1).to_owned();
    let second_mid = format!("{mid}b");
    for line in session {
        let group = line.strip_prefix("a=group:BUNDLE").is_some();
        out.push(if group { format!("{line} {second_mid}") } else { line.to_owned() });
    }
    out.push(first[0].to_owned());
    out.push(one);
    out.extend(first[1..].iter().map(|l| (*l).to_owned()));
    out.push(extension.clone());
    out.push(first[0].to_owned());
    out.push(other);
    for line in &first[1..] {
        // Its stream has names of its own; its candidates are the bundle's.
        let own = ["a=ssrc", "a=msid", "a=candidate:", "a=end-of-candidates"];
        if own.iter().any(|prefix| line.starts_with(prefix)) {
            continue;
        }
        out.push(match *line {
            "a=sendrecv" => "a=sendonly".to_owned(),
            "a=recvonly" => "a=inactive".to_owned(),
            line if line.starts_with("a=mid:") => format!("a=mid:{second_mid}"),
            line => line.to_owned(),
        });
    }
    out.push(extension);
    out.extend(second_ssrc);
    (out.join("\r\n") + "\r\n").into_bytes()
}

/// A session description cut down to its first media line, and the port of the second, if there is one.
pub(super) fn split_audio_lines(sdp: &[u8]) -> (Vec<u8>, Option<u16>) {
    let text = String::from_utf8_lossy(sdp);
    let (session, media) = sections(&text);
    let port = media.get(1).and_then(|m| m.first()?.split(' ').nth(1)?.split('/').next()?.parse().ok());
    let Some(first) = media.first() else { return (sdp.to_vec(), port) };
    let mid = first.iter().find_map(|l| l.strip_prefix("a=mid:"));
    let mut out = Vec::new();
    for line in session {
        match (line.strip_prefix("a=group:BUNDLE"), mid) {
            (Some(_), Some(mid)) => out.push(format!("a=group:BUNDLE {mid}")),
            _ => out.push(line.to_owned()),
        }
    }
    out.extend(first.iter().map(|l| (*l).to_owned()));
    ((out.join("\r\n") + "\r\n").into_bytes(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_taken_away_and_given() {
        let message = b"INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\nTo: <sip:a>\r\nContent-Length: 3\r\n\r\nv=0";
        let bare = with_body(message, None);
        assert_eq!(bare, b"INVITE sip:a SIP/2.0\r\nTo: <sip:a>\r\nContent-Length: 0\r\n\r\n");
        let again = String::from_utf8(with_body(&bare, Some(b"v=0"))).unwrap();
        assert!(again.ends_with("Content-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0"), "{again}");
    }

    #[test]
    fn the_fingerprint_keeps_its_form() {
        let sdp = b"v=0\r\na=fingerprint:sha-256 AB:0F\r\na=mid:0\r\n";
        assert_eq!(with_wrong_fingerprint(sdp), b"v=0\r\na=fingerprint:sha-256 BA:1E\r\na=mid:0\r\n");
    }

    const OFFER: &str = "v=0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 126 101\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n\
        a=fmtp:111 minptime=10\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\na=rtpmap:101 telephone-event/48000\r\na=mid:0\r\n\
        a=ssrc:1 cname:x\r\na=sendrecv\r\n";

    fn text(sdp: Vec<u8>) -> String {
        String::from_utf8(sdp).unwrap()
    }

    #[test]
    fn one_codec_is_left_with_its_telephone_event() {
        let mu = text(with_codec_alone(OFFER.as_bytes(), Codec::Pcmu));
        assert!(mu.contains("SAVPF 0 126\r\n") && !mu.contains("opus") && !mu.contains("a=fmtp:111"), "{mu}");
        let opus = text(with_codec_alone(OFFER.as_bytes(), Codec::Opus));
        assert!(opus.contains("SAVPF 111 101\r\n") && opus.contains("a=fmtp:111") && !opus.contains("PCMA"), "{opus}");
    }

    #[test]
    fn another_transport_goes_on_with_the_session() {
        let (first, other) = (b"v=0\r\no=- 11 2 IN IP4 x\r\ns=-\r\n", b"v=0\r\no=- 99 2 IN IP4 y\r\ns=-\r\n");
        let mut last = None;
        assert_eq!(in_session(first, &mut last), first);
        assert_eq!(text(in_session(other, &mut last)), "v=0\r\no=- 11 3 IN IP4 y\r\ns=-\r\n");
        assert_eq!(text(in_session(other, &mut last)), "v=0\r\no=- 11 4 IN IP4 y\r\ns=-\r\n");
        assert_eq!(in_session(b"v=0\r\n", &mut last), b"v=0\r\n");
    }

    #[test]
    fn opus_is_announced_as_stereo() {
        let sdp = text(with_stereo(OFFER.as_bytes()));
        assert!(sdp.contains("a=fmtp:111 minptime=10;stereo=1;sprop-stereo=1\r\n"), "{sdp}");
        let bare = OFFER.replace("a=fmtp:111 minptime=10\r\n", "");
        assert!(text(with_stereo(bare.as_bytes())).contains("a=rtpmap:111 opus/48000/2\r\na=fmtp:111 stereo=1;sprop-stereo=1\r\n"));
    }

    #[test]
    fn parties_come_apart_and_the_first_line_is_found_again() {
        let sdp = text(with_parties_apart(OFFER.as_bytes(), &["Anna B".into(), "tom".into()]));
        assert!(sdp.contains("a=group:BUNDLE 0 0b\r\n"), "{sdp}");
        let (session, media) = sections(&sdp);
        assert_eq!((session.len(), media.len()), (2, 2));
        assert_eq!((media[0][1], media[1][1]), ("i=Anna-B party-id=Anna-B", "i=tom party-id=tom"));
        assert!(media[1].contains(&"a=mid:0b") && media[1].contains(&"a=sendonly") && media[1].contains(&"a=ssrc:2 cname:x"), "{sdp}");
        let again = text(with_parties_apart(split_audio_lines(sdp.as_bytes()).0.as_slice(), &["x".into(), "y".into()]));
        assert_eq!(again.matches("m=audio").count(), 2, "{again}");
        let (first, port) = split_audio_lines(sdp.as_bytes());
        assert_eq!(
            (text(first), port),
            (
                OFFER
                    .replace("a=rtpmap:111", "i=Anna-B party-id=Anna-B\r\na=rtpmap:111")
                    .replace("c=IN IP4 0.0.0.0\r\ni=Anna-B party-id=Anna-B", "i=Anna-B party-id=Anna-B\r\nc=IN IP4 0.0.0.0")
                    + "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
                Some(9)
            )
        );
        assert_eq!(split_audio_lines(OFFER.as_bytes()).1, None);
    }
}
