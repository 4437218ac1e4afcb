//! SIP messages as text: just enough to write what no library would write, and to read what the
//! client says.

/// A message of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sip {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) text: String,
}

impl Sip {
    pub(crate) fn read(text: &str) -> Sip {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> =
            lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned())).collect();
        Sip { start, headers, body: body.to_owned(), text: text.to_owned() }
    }

    /// A message of the client's: what is secret in it must not be found in its log.
    pub(crate) fn of_client(text: &str) -> Sip {
        let message = Sip::read(text);
        for (name, value) in &message.headers {
            if let Some(response) = param(value, "response").filter(|_| name.ends_with("Authorization")) {
                crate::watch::secret(&response);
            }
        }
        for password in message.body.lines().filter_map(|line| line.strip_prefix("a=ice-pwd:")) {
            crate::watch::secret(password.trim());
        }
        message
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, v)| v)
    }

    /// The status code of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    pub(crate) fn is_request(&self, method: &str) -> bool {
        self.start.strip_prefix(method).is_some_and(|rest| rest.starts_with(' '))
    }

    /// The final response to the request with this Call-ID and method.
    pub(crate) fn is_final(&self, call_id: &str, method: &str) -> bool {
        self.status().is_some_and(|s| s >= 200) && self.header("Call-ID") == call_id && self.header("CSeq").ends_with(method)
    }

    /// The tag of To.
    pub(crate) fn to_tag(&self) -> String {
        self.header("To").split(";tag=").nth(1).unwrap_or_default().to_owned()
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.header("CSeq").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default()
    }

    /// A response to this request with its Via, From, To, Call-ID and CSeq.
    pub(crate) fn response(&self, status: &str, extra: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            let tag = if name == "To" && !self.header("To").contains(";tag=") { ";tag=server" } else { "" };
            text.push_str(&format!("{name}: {}{tag}\r\n", self.header(name)));
        }
        format!("{text}{extra}Content-Length: 0\r\n\r\n")
    }
}

/// A parameter of a header such as Authorization, without its quotes.
pub(crate) fn param(value: &str, name: &str) -> Option<String> {
    // A comma inside quotes parts nothing.
    let mut quoted = false;
    let mut parts = value.split(move |c: char| {
        quoted ^= c == '"';
        !quoted && (c == ',' || c == ' ')
    });
    let at = parts.find_map(|p| p.trim().strip_prefix(name)?.strip_prefix('='))?;
    Some(at.trim_matches('"').to_owned())
}

/// An offer that names a UDP port on loopback where nobody answers.
pub(crate) const OFFER: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0 126\r\nc=IN IP4 127.0.0.1\r\na=rtcp-mux\r\na=mid:0\r\na=sendrecv\r\na=setup:actpass\r\na=ice-ufrag:x9cm\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:126 telephone-event/48000\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n";
