//! The reader of SIP messages: untrusted bytes in, a checked [`Message`] or a [`Reject`] out
//! (RFC 3261 section 7, RFC 7118 section 5: one WebSocket frame is one message).
//!
//! A message is one owned buffer and a table of ranges into it; folded lines are blanked in place.
//! Reading is linear in the length of the frame whatever it holds.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::address::NameAddr;
use super::header_name::HeaderName;
use super::lexical::{List, decimal, is_blank, is_token, split_once, text, trim, trim_start};
use super::method::Method;
use super::uri::SipUri;
use super::via::Via;
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// The longest message that is read, in bytes. (The WebSocket layer has the same limit.)
pub const MAX_MESSAGE: usize = 256 * 1024;
/// The most header lines a message may have.
pub const MAX_HEADERS: usize = 256;

/// A half-open range of the buffer. Messages are far below 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        // MAX_MESSAGE keeps both far below u32::MAX.
        Span { start: u32::try_from(start).unwrap_or(u32::MAX), end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    fn of(self, data: &[u8]) -> &[u8] {
        data.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The same range without blanks at its ends.
    fn trimmed(self, data: &[u8]) -> Self {
        let bytes = self.of(data);
        let front = trim_start(bytes);
        let start = self.start as usize + (bytes.len() - front.len());
        Span::new(start, start + trim(front).len())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    kind: HeaderName,
    name: Span,
    value: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Start {
    Request { method: Method, uri: Span },
    Response { status: u16, reason: Span },
}

/// The number and method of a CSeq.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method; in a request always the request's own.
    pub method: Method,
}

/// Why bytes are no message that may be acted upon.
#[derive(Debug, Clone)]
pub struct Reject {
    /// The status to answer with (400, 505 …); `None` when there is nothing to answer: a response,
    /// an ACK, or a request whose headers do not suffice for a response.
    pub code: Option<u16>,
    /// What is wrong, for the log.
    pub why: &'static str,
    /// What could be read, for the Via, From, To, Call-ID and CSeq of the answer. Present whenever
    /// [`Reject::code`] is.
    pub message: Option<Box<Message>>,
}

/// A SIP message that has been read and found sound: start line, one each of From, To, Call-ID and
/// CSeq, at least one Via, all of them well formed, and a body of the length it promised.
///
/// Header values are bytes; [`text`] makes text of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    data: Vec<u8>,
    start: Start,
    headers: Vec<Entry>,
    body: Span,
    cseq: CSeq,
}

impl Message {
    /// Reads one WebSocket frame. Bytes beyond Content-Length are dropped; without Content-Length
    /// the body is the rest of the frame.
    ///
    /// # Errors
    /// A [`Reject`] that says whether and how to answer.
    pub fn parse(frame: &[u8]) -> Result<Message, Reject> {
        if frame.len() > MAX_MESSAGE {
            return Err(Reject { code: None, why: "message longer than 256 KiB", message: None });
        }
        let mut frame = frame;
        // RFC 3261 7.5: line ends before the start line are skipped.
        while let [b'\r', b'\n', rest @ ..] = frame {
            frame = rest;
        }
        if frame.is_empty() {
            return Err(Reject { code: None, why: "no message, only line ends", message: None });
        }
        let Some(line_end) = memchr(b'\n', frame) else {
            return Err(Reject { code: None, why: "no complete start line", message: None });
        };
        let (start, problem) = match start_line(frame.get(..line_end).unwrap_or_default()) {
            StartLine::Good(start) => (start, None),
            StartLine::Bad(code, why, start) => (start, Some((code, why))),
            StartLine::Hopeless(why) => return Err(Reject { code: None, why, message: None }),
        };
        let mut reader = Reader { data: frame.to_vec(), headers: Vec::with_capacity(24), problem };
        let body_start = reader.headers(line_end + 1);
        reader.finish(start, body_start)
    }

    /// Is this a request?
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// Is this a response?
    #[must_use]
    pub fn is_response(&self) -> bool {
        !self.is_request()
    }

    /// The request's method; for a response the method of its CSeq, which is that of the request
    /// it answers.
    #[must_use]
    pub fn method(&self) -> &Method {
        match &self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => &self.cseq.method,
        }
    }

    /// The Request-URI as it stands; empty for a response.
    #[must_use]
    pub fn request_uri_bytes(&self) -> &[u8] {
        match &self.start {
            Start::Request { uri, .. } => uri.of(&self.data),
            Start::Response { .. } => &[],
        }
    }

    /// The Request-URI; `None` for a response.
    #[must_use]
    pub fn request_uri(&self) -> Option<SipUri<'_>> {
        SipUri::parse(self.request_uri_bytes())
    }

    /// The status code, 100 to 699; `None` for a request.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The reason phrase; empty for a request.
    #[must_use]
    pub fn reason(&self) -> Cow<'_, str> {
        match &self.start {
            Start::Request { .. } => Cow::Borrowed(""),
            Start::Response { reason, .. } => text(reason.of(&self.data)),
        }
    }

    /// The value of the first header of this name, blanks at the ends taken off.
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// The value of the first header of this name as text.
    #[must_use]
    pub fn header_text(&self, name: HeaderName) -> Option<Cow<'_, str>> {
        self.header(name).map(text)
    }

    /// The values of all headers of this name, one for each header line, in order. For
    /// [`HeaderName::Other`] those of every unknown header; see [`Message::others`].
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> + Clone {
        self.headers.iter().filter(move |entry| entry.kind == name).map(|entry| entry.value.of(&self.data))
    }

    /// The elements of a header that is a comma list, over all its lines (Route, Supported …).
    pub fn list(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> + Clone {
        self.headers(name).flat_map(List::new)
    }

    /// The value of the first header of this name, given in any case and form.
    #[must_use]
    pub fn other(&self, name: &str) -> Option<&[u8]> {
        let kind = HeaderName::parse(name.as_bytes());
        self.headers.iter().find(|entry| self.is_named(entry, kind, name)).map(|entry| entry.value.of(&self.data))
    }

    /// The value of the first header of this name, given in any case and form, as text.
    #[must_use]
    pub fn other_text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.other(name).map(text)
    }

    /// The values of all headers of this name, given in any case and form.
    pub fn others<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + Clone {
        let kind = HeaderName::parse(name.as_bytes());
        self.headers.iter().filter(move |entry| self.is_named(entry, kind, name)).map(|entry| entry.value.of(&self.data))
    }

    fn is_named(&self, entry: &Entry, kind: HeaderName, name: &str) -> bool {
        entry.kind == kind && (kind != HeaderName::Other || entry.name.of(&self.data).eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Every header line in order: the name as sent, and the value.
    pub fn all_headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.headers.iter().map(|entry| (entry.name.of(&self.data), entry.value.of(&self.data)))
    }

    /// All `X-` headers in order, with their names as sent.
    pub fn x_headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.all_headers()
            .filter(|(name, _)| name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"x-")))
            .map(|(name, value)| (text(name), text(value)))
    }

    /// The Call-ID, to be compared byte by byte.
    #[must_use]
    pub fn call_id(&self) -> &[u8] {
        self.header(HeaderName::CallId).unwrap_or_default()
    }

    /// The CSeq.
    #[must_use]
    pub fn cseq(&self) -> &CSeq {
        &self.cseq
    }

    /// From.
    #[must_use]
    pub fn from(&self) -> NameAddr<'_> {
        self.header(HeaderName::From).and_then(NameAddr::parse).unwrap_or_default()
    }

    /// To.
    #[must_use]
    pub fn to(&self) -> NameAddr<'_> {
        self.header(HeaderName::To).and_then(NameAddr::parse).unwrap_or_default()
    }

    /// The first Contact.
    #[must_use]
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        self.contacts().next()
    }

    /// Every Contact that is well formed.
    pub fn contacts(&self) -> impl Iterator<Item = NameAddr<'_>> + Clone {
        self.list(HeaderName::Contact).filter_map(NameAddr::parse)
    }

    /// The topmost Via.
    #[must_use]
    pub fn top_via(&self) -> Via<'_> {
        self.list(HeaderName::Via).next().and_then(Via::parse).unwrap_or_default()
    }

    /// Every Via that is well formed, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> + Clone {
        self.list(HeaderName::Via).filter_map(Via::parse)
    }

    /// How many Vias there are, well formed or not: a user agent drops a response that has two.
    #[must_use]
    pub fn via_count(&self) -> usize {
        self.list(HeaderName::Via).count()
    }

    /// The Record-Route elements as they stand (`<sip:…;lr>;params`), in order.
    pub fn record_routes(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.list(HeaderName::RecordRoute)
    }

    /// The Route elements as they stand, in order.
    pub fn routes(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.list(HeaderName::Route)
    }

    /// Max-Forwards; `None` when missing.
    #[must_use]
    pub fn max_forwards(&self) -> Option<u8> {
        self.number(HeaderName::MaxForwards).and_then(|hops| u8::try_from(hops).ok())
    }

    /// Expires in seconds, at most `u32::MAX`; `None` when missing or no number.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.seconds(HeaderName::Expires)
    }

    /// A header that is a number of seconds, perhaps with a comment or parameters behind it
    /// (Expires, Min-Expires, Retry-After, Flow-Timer, Session-Expires). Numbers too large for
    /// `u32` become `u32::MAX`; `None` when missing or no number.
    #[must_use]
    pub fn seconds(&self, name: HeaderName) -> Option<u32> {
        self.header(name).and_then(seconds)
    }

    fn number(&self, name: HeaderName) -> Option<u64> {
        self.header(name).and_then(decimal)
    }

    /// The Content-Type as it stands.
    #[must_use]
    pub fn content_type(&self) -> Option<&[u8]> {
        self.header(HeaderName::ContentType)
    }

    /// Is the Content-Type this media type (any case, parameters aside)?
    #[must_use]
    pub fn content_type_is(&self, media_type: &str) -> bool {
        self.content_type().is_some_and(|value| {
            let essence = split_once(value, b';').map_or(value, |(essence, _)| essence);
            trim(essence).eq_ignore_ascii_case(media_type.as_bytes())
        })
    }

    /// The body; empty when there is none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.of(&self.data)
    }

    /// The option tags of Require.
    pub fn require(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.list(HeaderName::Require)
    }

    /// The option tags of Supported.
    pub fn supported(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.list(HeaderName::Supported)
    }

    /// Is this option tag among those of Supported?
    #[must_use]
    pub fn supports(&self, option: &str) -> bool {
        self.supported().any(|tag| tag.eq_ignore_ascii_case(option.as_bytes()))
    }

    /// The message as it was read: folds blanked, surplus bytes gone.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }
}

/// Digits at the start of `value`, saturated.
pub(crate) fn seconds(value: &[u8]) -> Option<u32> {
    let digits = value.iter().position(|byte| !byte.is_ascii_digit()).map_or(value, |end| value.get(..end).unwrap_or_default());
    let rest = value.get(digits.len()..).unwrap_or_default();
    let ends_well = matches!(trim_start(rest).first(), None | Some(b';' | b'('));
    if digits.is_empty() || !ends_well {
        return None;
    }
    Some(decimal(digits).and_then(|value| u32::try_from(value).ok()).unwrap_or(u32::MAX))
}

type Problem = (u16, &'static str);

enum StartLine {
    Good(Start),
    /// Readable enough to be answered.
    Bad(u16, &'static str, Start),
    Hopeless(&'static str),
}

/// Reads the start line; `line` still ends in the CR.
fn start_line(line: &[u8]) -> StartLine {
    let Some((b'\r', line)) = line.split_last() else { return StartLine::Hopeless("bare LF ends the start line") };
    if memchr2(b'\r', 0, line).is_some() {
        return StartLine::Hopeless("CR or NUL in the start line");
    }
    let Some((first, rest)) = split_once(line, b' ') else { return StartLine::Hopeless("start line of one word") };
    if first.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        if !first.eq_ignore_ascii_case(b"SIP/2.0") {
            return StartLine::Hopeless("response of another SIP version");
        }
        let (code, reason) = split_once(rest, b' ').unwrap_or((rest, &[]));
        let status = if code.len() == 3 { decimal(code).and_then(|code| u16::try_from(code).ok()) } else { None };
        let reason_start = line.len() - reason.len();
        return match status {
            Some(status @ 100..=699) => StartLine::Good(Start::Response { status, reason: Span::new(reason_start, line.len()) }),
            _ => StartLine::Hopeless("status code that is none"),
        };
    }
    let Some(method) = Method::parse(first) else { return StartLine::Hopeless("method that is no token") };
    let (uri, version) = split_once(rest, b' ').unwrap_or((rest, &[]));
    let uri_start = first.len() + 1;
    let start = Start::Request { method, uri: Span::new(uri_start, uri_start + uri.len()) };
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return match SipUri::parse(uri) {
            Some(_) => StartLine::Good(start),
            None => StartLine::Bad(400, "Request-URI malformed", start),
        };
    }
    match split_once(version, b'/') {
        Some((protocol, number)) if protocol.eq_ignore_ascii_case(b"SIP") && is_version_number(number) => {
            StartLine::Bad(505, "another SIP version", start)
        }
        _ => StartLine::Bad(400, "Request-Line malformed", start),
    }
}

fn is_version_number(bytes: &[u8]) -> bool {
    split_once(bytes, b'.').is_some_and(|(major, minor)| decimal(major).is_some() && decimal(minor).is_some())
}

struct Reader {
    data: Vec<u8>,
    headers: Vec<Entry>,
    /// The first thing found wrong. Reading goes on, so that a refusal can copy what it needs.
    problem: Option<Problem>,
}

impl Reader {
    fn note(&mut self, why: &'static str) {
        self.problem.get_or_insert((400, why));
    }

    /// Reads header lines from `at` on; returns where the body starts.
    fn headers(&mut self, mut at: usize) -> usize {
        loop {
            let rest = self.data.get(at..).unwrap_or_default();
            let Some(len) = memchr(b'\n', rest) else {
                self.note("no empty line after the headers");
                return self.data.len();
            };
            let next = at + len + 1;
            let line = rest.get(..len).unwrap_or_default();
            let Some((b'\r', line)) = line.split_last() else {
                self.note("bare LF in the headers");
                at = next;
                continue;
            };
            if line.is_empty() {
                return next;
            }
            let sound = is_sound(line);
            let folded = line.first().is_some_and(|&first| is_blank(first));
            let end = at + line.len();
            if !sound {
                self.note("CR or NUL in a header");
            } else if folded {
                self.unfold(at, end);
            } else if self.headers.len() == MAX_HEADERS {
                self.note("too many headers");
                return self.data.len();
            } else {
                match header(line, at) {
                    Some(entry) => self.headers.push(entry),
                    None => self.note("header line without name or colon"),
                }
            }
            at = next;
        }
    }

    /// Joins a folded line to the header before it: the line end between them becomes blanks.
    fn unfold(&mut self, at: usize, end: usize) {
        let joined = self.headers.last_mut().filter(|last| {
            // Only the line end may stand between: a refused line in between breaks it.
            self.data.get(last.value.end as usize..at) == Some(b"\r\n")
        });
        let (Some(last), Some(line_end)) = (joined, self.data.get_mut(at.saturating_sub(2)..at)) else {
            self.note("folded line without a header");
            return;
        };
        line_end.fill(b' ');
        last.value = Span::new(last.value.start as usize, end);
    }

    fn finish(mut self, start: Start, body_start: usize) -> Result<Message, Reject> {
        for entry in &mut self.headers {
            entry.value = entry.value.trimmed(&self.data);
        }
        let cseq = self.check_headers(&start);
        let body_start = body_start.min(self.data.len());
        self.check_length(body_start);
        let Reader { data, headers, problem } = self;
        let body = Span::new(body_start, data.len());
        let cseq = cseq.unwrap_or(CSeq { number: 0, method: Method::Other("".into()) });
        let message = Message { data, start, headers, body, cseq };
        match problem {
            None => Ok(message),
            Some((code, why)) => Err(message.rejected(code, why)),
        }
    }

    /// Checks the headers every message must have.
    fn check_headers(&mut self, start: &Start) -> Option<CSeq> {
        let (mut via, mut from, mut to, mut call_id, mut cseq, mut hops) = (None, None, None, None, None, None);
        let mut twice = false;
        for entry in &self.headers {
            let slot = match entry.kind {
                HeaderName::Via => {
                    via.get_or_insert(entry.value);
                    continue;
                }
                HeaderName::From => &mut from,
                HeaderName::To => &mut to,
                HeaderName::CallId => &mut call_id,
                HeaderName::CSeq => &mut cseq,
                HeaderName::MaxForwards => &mut hops,
                _ => continue,
            };
            twice |= slot.replace(entry.value).is_some();
        }
        let cseq = cseq.and_then(|value| read_cseq(value.of(&self.data)));
        let address = |value: Option<Span>| value.and_then(|value| NameAddr::parse(value.of(&self.data)));
        let is_address = |value| address(value).is_some_and(|address| !address.is_star());
        let top_via = via.and_then(|value| List::new(value.of(&self.data)).next()).and_then(Via::parse);
        let why = if twice {
            Some("From, To, Call-ID, CSeq or Max-Forwards twice")
        } else if top_via.is_none() {
            Some("Via missing or malformed")
        } else if !is_address(from) {
            Some("From missing or malformed")
        } else if !is_address(to) {
            Some("To missing or malformed")
        } else if call_id.is_none_or(|value: Span| value.start == value.end) {
            Some("Call-ID missing or empty")
        } else if cseq.is_none() {
            Some("CSeq missing or malformed")
        } else if hops.is_some_and(|value| decimal(value.of(&self.data)).is_none_or(|hops| hops > 255)) {
            Some("Max-Forwards is no number up to 255")
        } else {
            match (start, &cseq) {
                (Start::Request { method, .. }, Some(cseq)) if *method != cseq.method => Some("CSeq method is not the request's"),
                _ => None,
            }
        };
        if let Some(why) = why {
            self.note(why);
        }
        cseq
    }

    /// Checks Content-Length and cuts surplus bytes off.
    fn check_length(&mut self, body_start: usize) {
        let mut promised = None;
        let mut why = None;
        for entry in self.headers.iter().filter(|entry| entry.kind == HeaderName::ContentLength) {
            match (decimal(entry.value.of(&self.data)), promised) {
                (None, _) => why = Some("Content-Length is no number"),
                (Some(length), Some(before)) if length != before => why = Some("two different Content-Lengths"),
                (length, _) => promised = length,
            }
        }
        let present = self.data.len().saturating_sub(body_start);
        match promised.map(usize::try_from) {
            _ if why.is_some() => {}
            None => {}
            Some(Ok(length)) if length <= present => self.data.truncate(body_start + length),
            Some(_) => why = Some("body shorter than Content-Length"),
        }
        if let Some(why) = why {
            self.note(why);
        }
    }
}

impl Message {
    fn rejected(self, code: u16, why: &'static str) -> Reject {
        // RFC 3261 8.2.6.2: a response copies these; a request without them cannot be answered.
        let needed = [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq];
        let answerable = self.is_request() && *self.method() != Method::Ack && needed.iter().all(|&name| self.header(name).is_some());
        Reject { code: answerable.then_some(code), why, message: Some(Box::new(self)) }
    }
}

/// No CR, and no NUL but an escaped one (RFC 4475 3.1.1.2 has it in a quoted string).
fn is_sound(line: &[u8]) -> bool {
    let mut rest = line;
    while let Some(found) = memchr2(b'\r', 0, rest) {
        let escaped = found.checked_sub(1).and_then(|at| rest.get(at)) == Some(&b'\\');
        if rest.get(found) == Some(&b'\r') || !escaped {
            return false;
        }
        rest = rest.get(found + 1..).unwrap_or_default();
    }
    true
}

/// The header in `line`, which stands at `at`.
fn header(line: &[u8], at: usize) -> Option<Entry> {
    let colon = memchr(b':', line)?;
    let name = trim(line.get(..colon)?);
    is_token(name).then(|| Entry {
        kind: HeaderName::parse(name),
        name: Span::new(at, at + name.len()),
        value: Span::new(at + colon + 1, at + line.len()),
    })
}

fn read_cseq(value: &[u8]) -> Option<CSeq> {
    let end = value.iter().position(|&byte| is_blank(byte))?;
    let (number, method) = value.split_at_checked(end)?;
    Some(CSeq { number: u32::try_from(decimal(number)?).ok()?, method: Method::parse(trim(method))? })
}
