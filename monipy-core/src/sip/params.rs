//! `;name=value` parameters, as they follow addresses, Vias and URIs: a view over the bytes,
//! nothing copied (RFC 3261 section 25.1, generic-param).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::lexical::{is_blank, looked_at, quoted_len, split_once, trim, trim_start, unquote};
use memchr::memchr2;
use std::borrow::Cow;

/// The parameters after an address, a Via or a URI, in the order in which they stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params<'a> {
    raw: &'a [u8],
}

/// One parameter: its name, and its value as written (quotes kept) when it has one.
pub type Param<'a> = (&'a [u8], Option<&'a [u8]>);

impl<'a> Params<'a> {
    /// Parameters that begin with `;` (or nothing). Refuses empty parameters, names with blanks or
    /// separators in them, and open quotes; one `;` at the very end is let pass.
    pub(crate) fn checked(raw: &'a [u8]) -> Option<Self> {
        let raw = trim(raw);
        let mut rest = raw;
        while !rest.is_empty() {
            let [b';', after @ ..] = rest else { return None };
            let after = trim_start(after);
            if after.is_empty() {
                break;
            }
            let (part, next) = next_part(after)?;
            let (name, value) = name_and_value(part);
            if name.is_empty() || name.iter().any(|&byte| is_blank(byte) || matches!(byte, b'<' | b'>' | b',' | b'"' | b'@')) {
                return None;
            }
            if let Some([b'"', ..]) = value {
                let value = value.unwrap_or_default();
                if quoted_len(value) != Some(value.len()) {
                    return None;
                }
            }
            rest = next;
        }
        Some(Params { raw })
    }

    /// Parameters of a URI: kept as they are, read as well as they can be.
    pub(crate) fn lenient(raw: &'a [u8]) -> Self {
        Params { raw: trim(raw) }
    }

    /// The text as it stands, from the first `;` on; empty when there are none.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// No parameters at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// All of them, in order.
    #[must_use]
    pub fn iter(&self) -> ParamIter<'a> {
        ParamIter { rest: self.raw }
    }

    /// Is there a parameter of this name (any case), with or without a value?
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value of the first parameter of this name (any case) as written, quotes kept.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.find(name).and_then(|(_, value)| value)
    }

    /// The value of the first parameter of this name with quotes and escapes taken off.
    #[must_use]
    pub fn get_unquoted(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        self.get(name).map(unquote)
    }

    fn find(&self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// Walks over parameters.
#[derive(Debug, Clone)]
pub struct ParamIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ParamIter<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        loop {
            let after = match self.rest {
                [b';', after @ ..] => trim_start(after),
                [] => return None,
                other => other,
            };
            let Some((part, next)) = next_part(after) else {
                // An open quote: what is left is not a parameter.
                self.rest = &[];
                return None;
            };
            self.rest = next;
            let (name, value) = name_and_value(part);
            if !name.is_empty() {
                return Some((name, value));
            }
        }
    }
}

/// The bytes up to the next `;` outside quotes, and what follows from that `;` on. `None` for an
/// open quote.
fn next_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let found = memchr2(b';', b'"', rest);
        looked_at(found.unwrap_or(rest.len()));
        match found {
            None => return Some((bytes, &[])),
            Some(found) if rest.get(found) == Some(&b';') => return bytes.split_at_checked(at + found),
            Some(found) => at += found + quoted_len(rest.get(found..)?)?,
        }
    }
}

fn name_and_value(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match split_once(part, b'=') {
        Some((name, value)) => (trim(name), Some(trim(value))),
        None => (trim(part), None),
    }
}
