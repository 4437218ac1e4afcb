//! The one thing SIP reads of a session description: its direction, for hold (RFC 3264 8.4).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

/// The direction attribute of a media stream, seen from the side that wrote the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SdpDirection {
    /// `a=sendrecv`, and what holds when no attribute says otherwise.
    SendRecv,
    /// `a=sendonly`: that side puts us on hold.
    SendOnly,
    /// `a=recvonly`.
    RecvOnly,
    /// `a=inactive`: that side puts us on hold and sends nothing.
    Inactive,
}

impl SdpDirection {
    /// Whether the writer of the description holds the call.
    #[must_use]
    pub fn is_hold(self) -> bool {
        matches!(self, SdpDirection::SendOnly | SdpDirection::Inactive)
    }
}

/// The direction of the first audio stream of `sdp`: its own attribute, else the session's, else
/// `SendRecv`. `c=IN IP4 0.0.0.0` is not taken as hold (RFC 3264 8.4 keeps it for old senders, and
/// every trickling WebRTC agent writes it).
#[must_use]
pub fn sdp_direction(sdp: &[u8]) -> SdpDirection {
    let mut session = SdpDirection::SendRecv;
    let mut in_audio = None;
    for line in sdp.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"m=") {
            match in_audio {
                Some(true) => break,
                _ => in_audio = Some(line.starts_with(b"m=audio")),
            }
            continue;
        }
        let direction = match line {
            b"a=sendrecv" => SdpDirection::SendRecv,
            b"a=sendonly" => SdpDirection::SendOnly,
            b"a=recvonly" => SdpDirection::RecvOnly,
            b"a=inactive" => SdpDirection::Inactive,
            _ => continue,
        };
        match in_audio {
            None => session = direction,
            Some(true) => return direction,
            Some(false) => {}
        }
    }
    session
}
