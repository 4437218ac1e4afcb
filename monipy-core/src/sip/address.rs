//! Addresses: `"Display" <uri>;params`, as From, To, Contact, Route and their like carry them
//! (RFC 3261 section 20.10).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::lexical::{is_blank, quoted_len, split_once, text, trim, trim_start, unquote};
use super::params::Params;
use super::uri::SipUri;
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// An address of a message: a view over its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NameAddr<'a> {
    pub(super) display: Option<&'a [u8]>,
    pub(super) uri: &'a [u8],
    pub(super) params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads `"Display" <uri>;params` or `uri;params` (parameters then belong to the address, not
    /// to the URI), or `*`. `None` for open quotes, a missing `>`, no URI, or broken parameters.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        if value == b"*" {
            return Some(NameAddr { uri: value, ..NameAddr::default() });
        }
        let address = match open_angle(value)? {
            Some(open) => {
                let (display, rest) = value.split_at_checked(open)?;
                let display = trim(display);
                let (uri, params) = split_once(rest.get(1..)?, b'>')?;
                NameAddr { display: (!display.is_empty()).then_some(display), uri: trim(uri), params: Params::checked(params)? }
            }
            None => {
                let (uri, params) = value.split_at_checked(memchr(b';', value).unwrap_or(value.len()))?;
                let uri = trim(uri);
                if uri.iter().any(|&byte| is_blank(byte)) {
                    return None;
                }
                NameAddr { display: None, uri, params: Params::checked(params)? }
            }
        };
        has_scheme(address.uri).then_some(address)
    }

    /// The display name as written, quotes kept; `None` when there is none.
    #[must_use]
    pub fn display(&self) -> Option<&'a [u8]> {
        self.display
    }

    /// The display name as text, quotes and escapes taken off.
    #[must_use]
    pub fn display_name(&self) -> Option<String> {
        self.display.map(|display| text(&unquote(display)).into_owned())
    }

    /// The URI as it stands.
    #[must_use]
    pub fn uri_bytes(&self) -> &'a [u8] {
        self.uri
    }

    /// The URI's parts; `None` when it is not a well-formed URI (and for `*`).
    #[must_use]
    pub fn uri(&self) -> Option<SipUri<'a>> {
        SipUri::parse(self.uri)
    }

    /// Is this the `*` of a Contact that removes every binding?
    #[must_use]
    pub fn is_star(&self) -> bool {
        self.uri == b"*"
    }

    /// The parameters of the address (not those of the URI).
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// The value of a parameter as written, quotes kept.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        self.params.get(name)
    }

    /// The tag, if there is one that is not empty.
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }
}

/// Where the `<` of the URI stands: `Some(None)` when there is none, `None` for an open quote.
#[allow(clippy::option_option)]
fn open_angle(value: &[u8]) -> Option<Option<usize>> {
    let mut at = 0;
    loop {
        let rest = value.get(at..)?;
        match memchr2(b'<', b'"', rest) {
            None => return Some(None),
            Some(found) if rest.get(found) == Some(&b'<') => return Some(Some(at + found)),
            Some(found) => {
                // `sip:a@b;x="<"`: a quote after a semicolon is a parameter's.
                if memchr(b';', value.get(..at + found)?).is_some() {
                    return Some(None);
                }
                at += found + quoted_len(rest.get(found..)?)?;
            }
        }
    }
}

fn has_scheme(uri: &[u8]) -> bool {
    split_once(uri, b':').is_some_and(|(scheme, rest)| {
        scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            && !trim_start(rest).is_empty()
    })
}

/// A display name as a quoted string: `"` and `\` escaped, control characters made spaces.
#[must_use]
pub fn quote_display(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push('"');
    for character in name.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// `"Display" <uri>` as this side writes it; without a display name `<uri>`.
#[must_use]
pub fn format_name_addr(display: Option<&str>, uri: &str) -> String {
    match display {
        Some(display) if !display.is_empty() => format!("{} <{uri}>", quote_display(display)),
        _ => format!("<{uri}>"),
    }
}

impl NameAddr<'_> {
    /// The URI as text.
    #[must_use]
    pub fn uri_text(&self) -> Cow<'_, str> {
        text(self.uri)
    }
}
