//! Messages changed on their way out, for misbehaviour that a well-behaved user agent does not offer.

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
}
