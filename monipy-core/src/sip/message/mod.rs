//! SIP messages as they are read: untrusted bytes in, a checked [`Message`] or a [`Reject`] out
//! (RFC 3261 section 7, RFC 7118 section 5: one WebSocket frame is one message).
//!
//! A message is one owned buffer and a table of ranges into it; folded lines are blanked in place.
//! Reading is linear in the length of the frame whatever it holds.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[cfg(test)]
mod linear;
mod reader;
mod span;

use crate::sip::address::NameAddr;
use crate::sip::header_name::HeaderName;
use crate::sip::lexical::{List, decimal, split_once, text, trim, trim_start};
use crate::sip::method::Method;
use crate::sip::uri::SipUri;
use crate::sip::via::Via;
use span::{AddressSpans, Span, ViaSpans};
use std::borrow::Cow;

/// The longest message that is read, in bytes. (The WebSocket layer has the same limit.)
pub const MAX_MESSAGE: usize = 256 * 1024;
/// The most header lines a message may have.
pub const MAX_HEADERS: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    kind: HeaderName,
    name: Span,
    value: Span,
}

/// What every message has once; empty where a refused one lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Essentials {
    via: ViaSpans,
    from: AddressSpans,
    to: AddressSpans,
    call_id: Span,
    cseq: CSeq,
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
    essentials: Essentials,
}

impl Message {
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
            Start::Response { .. } => &self.essentials.cseq.method,
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
        self.essentials.call_id.of(&self.data)
    }

    /// The CSeq.
    #[must_use]
    pub fn cseq(&self) -> &CSeq {
        &self.essentials.cseq
    }

    /// From.
    #[must_use]
    pub fn from(&self) -> NameAddr<'_> {
        self.essentials.from.of(&self.data)
    }

    /// To.
    #[must_use]
    pub fn to(&self) -> NameAddr<'_> {
        self.essentials.to.of(&self.data)
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
        self.essentials.via.of(&self.data)
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
