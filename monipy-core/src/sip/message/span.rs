//! Ranges into a message's buffer, and the views that are remembered as ranges.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::sip::address::NameAddr;
use crate::sip::lexical::{trim, trim_start};
use crate::sip::params::Params;
use crate::sip::via::Via;

/// A half-open range of the buffer. Messages are far below 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        // MAX_MESSAGE keeps both far below u32::MAX.
        Span { start: u32::try_from(start).unwrap_or(u32::MAX), end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    pub(super) fn of(self, data: &[u8]) -> &[u8] {
        data.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Where `part`, a slice of `data`, stands in it.
    pub(super) fn locate(data: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(data.as_ptr() as usize);
        // An empty part may be no slice of `data` at all.
        if start.saturating_add(part.len()) > data.len() { Span::default() } else { Span::new(start, start + part.len()) }
    }

    /// The same range without blanks at its ends.
    pub(super) fn trimmed(self, data: &[u8]) -> Self {
        let bytes = self.of(data);
        let front = trim_start(bytes);
        let start = self.start as usize + (bytes.len() - front.len());
        Span::new(start, start + trim(front).len())
    }
}

/// A [`NameAddr`] of this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct AddressSpans {
    display: Option<Span>,
    uri: Span,
    params: Span,
}

impl AddressSpans {
    pub(super) fn new(data: &[u8], address: NameAddr<'_>) -> Self {
        AddressSpans {
            display: address.display.map(|display| Span::locate(data, display)),
            uri: Span::locate(data, address.uri),
            params: Span::locate(data, address.params.as_bytes()),
        }
    }

    pub(super) fn of(self, data: &[u8]) -> NameAddr<'_> {
        NameAddr {
            display: self.display.map(|display| display.of(data)),
            uri: self.uri.of(data),
            params: Params::lenient(self.params.of(data)),
        }
    }
}

/// The topmost [`Via`] of this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ViaSpans {
    transport: Span,
    sent_by: Span,
    host: Span,
    port: Option<u16>,
    params: Span,
}

impl ViaSpans {
    pub(super) fn new(data: &[u8], via: Via<'_>) -> Self {
        ViaSpans {
            transport: Span::locate(data, via.transport),
            sent_by: Span::locate(data, via.sent_by),
            host: Span::locate(data, via.host),
            port: via.port,
            params: Span::locate(data, via.params.as_bytes()),
        }
    }

    pub(super) fn of(self, data: &[u8]) -> Via<'_> {
        Via {
            transport: self.transport.of(data),
            sent_by: self.sent_by.of(data),
            host: self.host.of(data),
            port: self.port,
            params: Params::lenient(self.params.of(data)),
        }
    }
}
