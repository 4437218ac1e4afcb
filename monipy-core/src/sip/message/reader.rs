//! The reader: one pass over the frame builds the table, one pass over the table checks it.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{AddressSpans, CSeq, Entry, Essentials, MAX_HEADERS, MAX_MESSAGE, Message, Reject, Span, Start, ViaSpans};
use crate::sip::address::NameAddr;
use crate::sip::header_name::HeaderName;
use crate::sip::lexical::{List, decimal, is_blank, is_token, looked_at, split_once, trim, trim_end, trim_start};
use crate::sip::method::Method;
use crate::sip::uri::SipUri;
use crate::sip::via::Via;
use memchr::{memchr, memchr_iter, memchr2};

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
        let mut reader = Reader { data: frame.to_vec(), headers: Vec::with_capacity(24), line_end: None, folded: false, problem };
        let body_start = reader.headers(line_end + 1);
        reader.finish(start, body_start)
    }
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
    /// Where the last header line ended, its CRLF left out.
    line_end: Option<usize>,
    /// Were lines joined, so that values have blanks at their ends again?
    folded: bool,
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
            let found = memchr2(b'\r', b'\n', rest);
            looked_at(found.unwrap_or(rest.len()));
            let Some(len) = found else {
                self.note("no empty line after the headers");
                return self.data.len();
            };
            let (line, after) = rest.split_at_checked(len).unwrap_or_default();
            let end = at + len;
            let [b'\r', b'\n', ..] = after else {
                at = memchr(b'\n', after).map_or(self.data.len(), |line_end| end + line_end + 1);
                self.note("bare CR or LF in the headers");
                continue;
            };
            let Some(&first) = line.first() else { return end + 2 };
            if is_blank(first) {
                self.unfold(at, end);
            } else if self.headers.len() == MAX_HEADERS {
                self.note("too many headers");
                return self.data.len();
            } else {
                match header(line, at) {
                    Some(entry) => {
                        self.headers.push(entry);
                        self.line_end = Some(end);
                    }
                    None => self.note("header line without name or colon"),
                }
            }
            at = end + 2;
        }
    }

    /// Joins a folded line to the header before it: the line end between them becomes blanks.
    fn unfold(&mut self, at: usize, end: usize) {
        // Nothing but the line end may stand between: a refused line would.
        let follows = self.line_end.is_some_and(|line_end| line_end + 2 == at);
        let (true, Some(last), Some(line_end)) = (follows, self.headers.last_mut(), self.data.get_mut(at.saturating_sub(2)..at)) else {
            self.note("folded line without a header");
            return;
        };
        line_end.fill(b' ');
        last.value = Span::new(last.value.start as usize, end);
        self.line_end = Some(end);
        self.folded = true;
    }

    fn finish(mut self, start: Start, body_start: usize) -> Result<Message, Reject> {
        if self.folded {
            // Only now: to trim at each fold would not be linear.
            for entry in &mut self.headers {
                entry.value = entry.value.trimmed(&self.data);
            }
        }
        let body_start = body_start.min(self.data.len());
        if has_bare_nul(self.data.get(..body_start).unwrap_or_default()) {
            self.note("NUL in the headers");
        }
        let essentials = self.check_headers(&start);
        self.check_length(body_start);
        let Reader { data, headers, problem, .. } = self;
        let body = Span::new(body_start, data.len());
        let message = Message { data, start, headers, body, essentials };
        match problem {
            None => Ok(message),
            Some((code, why)) => Err(message.rejected(code, why)),
        }
    }

    /// Checks and reads the headers every message must have.
    fn check_headers(&mut self, start: &Start) -> Essentials {
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
            // Of two the first is kept, as `Message::header` does.
            match slot {
                None => *slot = Some(entry.value),
                Some(_) => twice = true,
            }
        }
        let data = self.data.as_slice();
        let address = |value: Option<Span>| {
            let address = NameAddr::parse(value?.of(data)).filter(|address| !address.is_star())?;
            Some(AddressSpans::new(data, address))
        };
        let via = via.and_then(|value| List::new(value.of(data)).next()).and_then(Via::parse).map(|via| ViaSpans::new(data, via));
        let (from, to) = (address(from), address(to));
        // It names the call in answers, so it must come back as it is: no escaped NUL in here.
        let call_id = call_id.filter(|value| value.start < value.end && !value.of(data).contains(&0));
        let cseq = cseq.and_then(|value| read_cseq(value.of(data)));
        let why = if twice {
            Some("From, To, Call-ID, CSeq or Max-Forwards twice")
        } else if via.is_none() {
            Some("Via missing or malformed")
        } else if from.is_none() {
            Some("From missing or malformed")
        } else if to.is_none() {
            Some("To missing or malformed")
        } else if call_id.is_none() {
            Some("Call-ID missing or malformed")
        } else if cseq.is_none() {
            Some("CSeq missing or malformed")
        } else if hops.is_some_and(|value| decimal(value.of(data)).is_none_or(|hops| hops > 255)) {
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
        Essentials {
            via: via.unwrap_or_default(),
            from: from.unwrap_or_default(),
            to: to.unwrap_or_default(),
            call_id: call_id.unwrap_or_default(),
            cseq: cseq.unwrap_or_else(|| CSeq { number: 0, method: Method::Other("".into()) }),
        }
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

/// Is there a NUL that is not escaped (RFC 4475 3.1.1.2 has an escaped one in a quoted string)?
fn has_bare_nul(head: &[u8]) -> bool {
    memchr_iter(0, head).any(|at| at.checked_sub(1).and_then(|before| head.get(before)) != Some(&b'\\'))
}

/// The header in `line`, which stands at `at`.
fn header(line: &[u8], at: usize) -> Option<Entry> {
    let (name, value) = split_once(line, b':')?;
    // RFC 3261 7.3.1 allows blanks before the colon.
    let name = trim_end(name);
    let kind = HeaderName::parse(name);
    if kind == HeaderName::Other && !is_token(name) {
        return None;
    }
    let value = trim_start(value);
    let start = at + line.len() - value.len();
    Some(Entry { kind, name: Span::new(at, at + name.len()), value: Span::new(start, start + trim_end(value).len()) })
}

fn read_cseq(value: &[u8]) -> Option<CSeq> {
    let end = value.iter().position(|&byte| is_blank(byte))?;
    let (number, method) = value.split_at_checked(end)?;
    Some(CSeq { number: u32::try_from(decimal(number)?).ok()?, method: Method::parse(trim(method))? })
}
