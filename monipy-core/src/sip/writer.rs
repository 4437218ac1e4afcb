//! The writer of requests and responses, in one fixed header order: the one JsSIP uses, because
//! deployed servers were tuned to it. Content-Length is always written (RFC 7118 allows to leave it
//! out, servers do not).
//!
//! Whatever is given as a value, no line end gets into a message: CR, LF and NUL become spaces, in
//! a Request-URI blanks are left out, and a header whose name is no token is left out.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::header_name::HeaderName;
use super::lexical::is_token;
use super::message::Message;
use super::method::Method;
use memchr::memchr3;

/// A header to be written: name and value.
type Header<'a> = (&'a [u8], &'a [u8]);

/// Writes a request:
/// request line, Route…, Via, Max-Forwards, To, From, Call-ID, CSeq, then the headers given with
/// [`RequestWriter::header`] in their order (Authorization, Contact, Expires …), Content-Type when
/// there is a body, Allow, Supported, User-Agent, Content-Length, body.
#[derive(Debug, Clone)]
pub struct RequestWriter<'a> {
    method: &'a Method,
    uri: &'a [u8],
    routes: Vec<&'a [u8]>,
    vias: Vec<&'a [u8]>,
    max_forwards: u8,
    to: &'a [u8],
    from: &'a [u8],
    call_id: &'a [u8],
    cseq: u32,
    headers: Vec<Header<'a>>,
    trailer: Trailer<'a>,
}

/// What ends every message.
#[derive(Debug, Clone, Default)]
struct Trailer<'a> {
    allow: &'a [u8],
    supported: &'a [u8],
    user_agent: &'a [u8],
    content_type: &'a [u8],
    body: &'a [u8],
}

impl<'a> RequestWriter<'a> {
    /// A request with this method to this Request-URI, Max-Forwards 69 as JsSIP sends it.
    #[must_use]
    pub fn new(method: &'a Method, uri: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        RequestWriter {
            method,
            uri: uri.as_ref(),
            routes: Vec::new(),
            vias: Vec::new(),
            max_forwards: 69,
            to: &[],
            from: &[],
            call_id: &[],
            cseq: 0,
            headers: Vec::new(),
            trailer: Trailer::default(),
        }
    }

    /// Adds a Route (`<sip:…;lr>`), in the order in which they are to stand.
    #[must_use]
    pub fn route(mut self, route: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.routes.push(route.as_ref());
        self
    }

    /// Adds a whole route set in its order.
    #[must_use]
    pub fn routes<R: AsRef<[u8]> + 'a>(mut self, routes: impl IntoIterator<Item = &'a R>) -> Self {
        self.routes.extend(routes.into_iter().map(AsRef::as_ref));
        self
    }

    /// Adds a Via value (`SIP/2.0/WSS host;branch=…`), the topmost first.
    #[must_use]
    pub fn via(mut self, via: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.vias.push(via.as_ref());
        self
    }

    /// Sets Max-Forwards.
    #[must_use]
    pub fn max_forwards(mut self, hops: u8) -> Self {
        self.max_forwards = hops;
        self
    }

    /// Sets To, tag included.
    #[must_use]
    pub fn to(mut self, to: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.to = to.as_ref();
        self
    }

    /// Sets From, tag included.
    #[must_use]
    pub fn from(mut self, from: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.from = from.as_ref();
        self
    }

    /// Sets the Call-ID.
    #[must_use]
    pub fn call_id(mut self, call_id: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.call_id = call_id.as_ref();
        self
    }

    /// Sets the number of CSeq; its method is the request's.
    #[must_use]
    pub fn cseq(mut self, number: u32) -> Self {
        self.cseq = number;
        self
    }

    /// Adds a header after CSeq, in the order of the calls.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.headers.push((name.as_str().as_bytes(), value.as_ref()));
        self
    }

    /// Adds a header by its text after CSeq, in the order of the calls.
    #[must_use]
    pub fn other(mut self, name: &'a (impl AsRef<[u8]> + ?Sized), value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.headers.push((name.as_ref(), value.as_ref()));
        self
    }

    /// Adds headers by their text after CSeq.
    #[must_use]
    pub fn others<N: AsRef<[u8]> + 'a, V: AsRef<[u8]> + 'a>(mut self, headers: impl IntoIterator<Item = &'a (N, V)>) -> Self {
        self.headers.extend(headers.into_iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
        self
    }

    /// Sets Allow; empty leaves it out.
    #[must_use]
    pub fn allow(mut self, allow: &'a str) -> Self {
        self.trailer.allow = allow.as_bytes();
        self
    }

    /// Sets Supported; empty leaves it out.
    #[must_use]
    pub fn supported(mut self, supported: &'a str) -> Self {
        self.trailer.supported = supported.as_bytes();
        self
    }

    /// Sets User-Agent; empty leaves it out.
    #[must_use]
    pub fn user_agent(mut self, user_agent: &'a str) -> Self {
        self.trailer.user_agent = user_agent.as_bytes();
        self
    }

    /// Sets the body and its Content-Type.
    #[must_use]
    pub fn body(mut self, content_type: &'a str, body: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.trailer.content_type = content_type.as_bytes();
        self.trailer.body = body.as_ref();
        self
    }

    /// The message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let lists = [&self.routes, &self.vias].into_iter().flatten().map(|value| value.len() + 16).sum::<usize>();
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        let fixed = 2 * self.uri.len() + self.to.len() + self.from.len() + self.call_id.len() + 160;
        let mut out = Vec::with_capacity(fixed + lists + headers + self.trailer.size());
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend(self.uri.iter().copied().filter(|&byte| byte > b' ' && byte != 0x7f));
        out.extend_from_slice(b" SIP/2.0\r\n");
        for route in &self.routes {
            line(&mut out, b"Route: ", route);
        }
        for via in &self.vias {
            line(&mut out, b"Via: ", via);
        }
        out.extend_from_slice(b"Max-Forwards: ");
        number(&mut out, u64::from(self.max_forwards));
        out.extend_from_slice(b"\r\n");
        line(&mut out, b"To: ", self.to);
        line(&mut out, b"From: ", self.from);
        line(&mut out, b"Call-ID: ", self.call_id);
        out.extend_from_slice(b"CSeq: ");
        number(&mut out, u64::from(self.cseq));
        out.push(b' ');
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in &self.headers {
            header(&mut out, name, value);
        }
        self.trailer.content_type(&mut out);
        self.trailer.capabilities(&mut out);
        self.trailer.finish(&mut out);
        out
    }
}

/// Writes the response to a request:
/// status line, Record-Route… (in a response that makes a dialog), Via…, To with tag, From,
/// Call-ID, CSeq, then the headers given with [`ResponseWriter::header`] in their order (Contact,
/// Allow …), Supported, Content-Type when there is a body, Content-Length, body.
///
/// What is copied from the request is copied byte for byte (folds blanked). A refused request
/// ([`super::Reject`]) is answered in the same way.
#[derive(Debug, Clone)]
pub struct ResponseWriter<'a> {
    request: &'a Message,
    status: u16,
    reason: &'a str,
    to_tag: &'a [u8],
    record_route: bool,
    headers: Vec<Header<'a>>,
    trailer: Trailer<'a>,
}

impl<'a> ResponseWriter<'a> {
    /// The response with this status and reason phrase to `request`. Record-Route is copied into
    /// 101 to 299 responses to INVITE (RFC 3261 12.1.1).
    #[must_use]
    pub fn new(request: &'a Message, status: u16, reason: &'a str) -> Self {
        ResponseWriter {
            request,
            status,
            reason,
            to_tag: &[],
            record_route: *request.method() == Method::Invite && (101..300).contains(&status),
            headers: Vec::new(),
            trailer: Trailer::default(),
        }
    }

    /// The tag this side puts on To, unless the request's To has one already or the status is 100.
    #[must_use]
    pub fn to_tag(mut self, tag: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.to_tag = tag.as_ref();
        self
    }

    /// Copy Record-Route or not, whatever the method and status.
    #[must_use]
    pub fn record_route(mut self, copy: bool) -> Self {
        self.record_route = copy;
        self
    }

    /// Adds a header after CSeq, in the order of the calls.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.headers.push((name.as_str().as_bytes(), value.as_ref()));
        self
    }

    /// Adds a header by its text after CSeq, in the order of the calls.
    #[must_use]
    pub fn other(mut self, name: &'a (impl AsRef<[u8]> + ?Sized), value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.headers.push((name.as_ref(), value.as_ref()));
        self
    }

    /// Sets Supported; empty leaves it out.
    #[must_use]
    pub fn supported(mut self, supported: &'a str) -> Self {
        self.trailer.supported = supported.as_bytes();
        self
    }

    /// Sets the body and its Content-Type.
    #[must_use]
    pub fn body(mut self, content_type: &'a str, body: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.trailer.content_type = content_type.as_bytes();
        self.trailer.body = body.as_ref();
        self
    }

    /// The message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        let mut out = Vec::with_capacity(512 + headers + self.reason.len() + self.to_tag.len() + self.trailer.size());
        out.extend_from_slice(b"SIP/2.0 ");
        number(&mut out, u64::from(self.status));
        line(&mut out, b" ", self.reason.as_bytes());
        if self.record_route {
            self.copy(&mut out, b"Record-Route: ", HeaderName::RecordRoute);
        }
        self.copy(&mut out, b"Via: ", HeaderName::Via);
        if let Some(to) = self.request.header(HeaderName::To) {
            out.extend_from_slice(b"To: ");
            if self.status == 100 || self.to_tag.is_empty() || self.request.to().tag().is_some() {
                value(&mut out, to);
            } else {
                value(&mut out, to.strip_suffix(b";").unwrap_or(to));
                out.extend_from_slice(b";tag=");
                value(&mut out, self.to_tag);
            }
            out.extend_from_slice(b"\r\n");
        }
        for (name, header) in [(&b"From: "[..], HeaderName::From), (b"Call-ID: ", HeaderName::CallId), (b"CSeq: ", HeaderName::CSeq)] {
            if let Some(header) = self.request.header(header) {
                line(&mut out, name, header);
            }
        }
        for (name, value) in &self.headers {
            header(&mut out, name, value);
        }
        self.trailer.capabilities(&mut out);
        self.trailer.content_type(&mut out);
        self.trailer.finish(&mut out);
        out
    }

    fn copy(&self, out: &mut Vec<u8>, name: &[u8], header: HeaderName) {
        for value in self.request.headers(header) {
            line(out, name, value);
        }
    }
}

impl Trailer<'_> {
    fn size(&self) -> usize {
        self.allow.len() + self.supported.len() + self.user_agent.len() + self.content_type.len() + self.body.len() + 96
    }

    fn content_type(&self, out: &mut Vec<u8>) {
        if !self.content_type.is_empty() {
            line(out, b"Content-Type: ", self.content_type);
        }
    }

    fn capabilities(&self, out: &mut Vec<u8>) {
        for (name, value) in [(&b"Allow: "[..], self.allow), (b"Supported: ", self.supported), (b"User-Agent: ", self.user_agent)] {
            if !value.is_empty() {
                line(out, name, value);
            }
        }
    }

    fn finish(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Content-Length: ");
        number(out, self.body.len() as u64);
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(self.body);
    }
}

fn header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if is_token(name) {
        out.extend_from_slice(name);
        line(out, b": ", value);
    }
}

fn line(out: &mut Vec<u8>, before: &[u8], content: &[u8]) {
    out.extend_from_slice(before);
    value(out, content);
    out.extend_from_slice(b"\r\n");
}

fn value(out: &mut Vec<u8>, content: &[u8]) {
    if memchr3(b'\r', b'\n', 0, content).is_none() {
        out.extend_from_slice(content);
    } else {
        out.extend(content.iter().map(|&byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { byte }));
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; 20];
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        count += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}
