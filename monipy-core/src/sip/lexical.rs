//! The small lexical pieces every reader of this room shares: trimming, tokens, quoted strings,
//! comma lists (RFC 3261 section 25.1). Everything works on bytes, runs in linear time and
//! allocates nothing.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use memchr::{memchr, memchr2, memchr3};
use std::borrow::Cow;

/// Counts bytes looked at, so that a test can see that reading is linear. Nothing outside tests.
#[inline(always)]
pub(crate) fn looked_at(bytes: usize) {
    #[cfg(test)]
    work::add(bytes);
    #[cfg(not(test))]
    let _ = bytes;
}

/// The counter behind [`looked_at`], one for each thread.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    thread_local! {
        static BYTES: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn add(bytes: usize) {
        BYTES.with(|count| count.set(count.get() + bytes));
    }

    /// How many bytes `job` looks at.
    pub(crate) fn of(job: impl FnOnce()) -> usize {
        let before = BYTES.with(Cell::get);
        job();
        BYTES.with(Cell::get) - before
    }
}

/// Is this a space or a tab? (Folds are blanked to spaces before anybody looks.)
#[inline]
pub(crate) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Is this a character of a `token`?
#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    static TOKEN: [bool; 256] = alphanumerics_and(b"-.!%*_+`'~");
    TOKEN.get(usize::from(byte)) == Some(&true)
}

/// Is this a character of a host name or an IPv4 address? (The underscore is in no host name, but
/// in many a private network.)
#[inline]
pub(crate) fn is_host_byte(byte: u8) -> bool {
    static HOST: [bool; 256] = alphanumerics_and(b".-_");
    HOST.get(usize::from(byte)) == Some(&true)
}

// Runs when the crate is compiled: an index out of bounds would be a compile error.
#[allow(clippy::indexing_slicing)]
const fn alphanumerics_and(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

/// Is this a non-empty `token`?
#[inline]
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// `bytes` without blanks at both ends.
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// `bytes` without blanks in front.
#[inline]
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let Some((&first, rest)) = bytes.split_first() {
        if !is_blank(first) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// `bytes` without blanks at the end.
#[inline]
pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let Some((&last, rest)) = bytes.split_last() {
        if !is_blank(last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// What stands before and after the first `byte`; `None` when there is none.
#[inline]
pub(crate) fn split_once(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let found = memchr(byte, bytes);
    looked_at(found.unwrap_or(bytes.len()));
    let at = found?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(1..).unwrap_or_default()))
}

/// The length of the quoted string that `bytes` starts with, quotes included; `None` when it does
/// not start with a quote or is never closed.
pub(crate) fn quoted_len(bytes: &[u8]) -> Option<usize> {
    let mut at = match bytes.first() {
        Some(b'"') => 1,
        _ => return None,
    };
    loop {
        let rest = bytes.get(at..)?;
        let found = memchr2(b'"', b'\\', rest);
        looked_at(found.unwrap_or(rest.len()));
        let next = found?;
        if rest.get(next) == Some(&b'"') {
            return Some(at + next + 1);
        }
        at += next + 2;
    }
}

/// The inside of a quoted string with its escapes kept, or the bytes themselves when unquoted.
pub(crate) fn unquote_raw(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'"', inner @ .., b'"'] => inner,
        other => other,
    }
}

/// The meaning of a quoted string: quotes off, `\x` becomes `x`. Unquoted bytes stay as they are.
pub(crate) fn unquote(bytes: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inner @ .., b'"'] = bytes else { return Cow::Borrowed(bytes) };
    if memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for &byte in inner {
        if byte == b'\\' && !escaped {
            escaped = true;
        } else {
            out.push(byte);
            escaped = false;
        }
    }
    Cow::Owned(out)
}

/// Bytes from the wire as text: UTF-8 where they are UTF-8, else Latin-1, so that nothing is lost
/// and nothing fails.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// A decimal number without sign; `None` for anything else and for numbers above `u64::MAX`.
pub(crate) fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for &byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    Some(value)
}

/// The elements of a comma list. Commas in quoted strings and between `<` and `>` do not divide;
/// empty elements (a stray comma) are left out; blanks around elements are taken off.
#[derive(Debug, Clone)]
pub struct List<'a> {
    rest: &'a [u8],
}

impl<'a> List<'a> {
    /// The list in this header value.
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        List { rest: value }
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = element_end(self.rest);
            let (element, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest.get(1..).unwrap_or_default();
            let element = trim(element);
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// Where the first element of a comma list ends: at the dividing comma or at the end. After an
/// open quote or an open `<` no comma divides any more.
fn element_end(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let found = memchr3(b',', b'"', b'<', rest);
        looked_at(found.unwrap_or(rest.len()));
        let Some(found) = found else { break };
        let special = rest.get(found..).unwrap_or_default();
        let skipped = match special.first() {
            Some(b',') => return at + found,
            Some(b'"') => quoted_len(special),
            _ => split_once(special, b'>').map(|(inside, _)| inside.len() + 1),
        };
        match skipped {
            Some(skipped) => at += found + skipped,
            None => break,
        }
    }
    bytes.len()
}
