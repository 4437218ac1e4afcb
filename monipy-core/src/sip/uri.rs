//! SIP URIs (RFC 3261 section 19.1): the text stays as it came, with a view of its parts. Nothing
//! is ever unescaped and escaped again, so what goes out is byte for byte what came in.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::lexical::{decimal, is_host_byte, split_once, text, trim, trim_end};
use super::params::Params;
use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::fmt;

/// What stands before the first colon of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// `sip:`
    #[default]
    Sip,
    /// `sips:`
    Sips,
    /// Any other scheme (`tel:`, `isbn:` …): the URI is well formed, but opaque here.
    Other,
}

/// A URI of a message: the text and a view of its parts. For a scheme other than `sip` and `sips`
/// only [`SipUri::as_bytes`] and [`SipUri::scheme`] say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SipUri<'a> {
    raw: &'a [u8],
    scheme: Scheme,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    host: &'a [u8],
    port: Option<u16>,
    params: Params<'a>,
    headers: &'a [u8],
}

impl<'a> SipUri<'a> {
    /// Reads a URI. `None` when there is no scheme, or when a `sip`/`sips` URI has no host, a host
    /// with characters no host has, an IPv6 address without brackets, or a port that is none.
    #[must_use]
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let raw = trim(raw);
        let (scheme, rest) = split_once(raw, b':')?;
        // Without an early exit this becomes a vector loop.
        if raw.iter().fold(false, |control, &byte| control | (byte < b' ') | (byte == 0x7f)) {
            return None;
        }
        let scheme = if scheme == b"sip" || scheme.eq_ignore_ascii_case(b"sip") {
            Scheme::Sip
        } else if !is_scheme(scheme) {
            return None;
        } else if scheme.eq_ignore_ascii_case(b"sips") {
            Scheme::Sips
        } else {
            return Some(SipUri { raw, scheme: Scheme::Other, ..SipUri::default() });
        };
        // No part but the user part may hold an '@', yet the user part may hold ';' and '?'.
        let (user, password, rest) = match split_once(rest, b'@') {
            Some((userinfo, rest)) => {
                let (user, password) = match split_once(userinfo, b':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (userinfo, None),
                };
                if user.is_empty() {
                    return None;
                }
                (Some(user), password, rest)
            }
            None => (None, None, rest),
        };
        let host_port_len = memchr2(b';', b'?', rest).unwrap_or(rest.len());
        let (host_port, rest) = rest.split_at_checked(host_port_len)?;
        let (host, port) = host_and_port(trim_end(host_port))?;
        let params_len = memchr(b'?', rest).unwrap_or(rest.len());
        let (params, headers) = rest.split_at_checked(params_len)?;
        Some(SipUri {
            raw,
            scheme,
            user,
            password,
            host,
            port,
            params: Params::lenient(params),
            headers: headers.get(1..).unwrap_or_default(),
        })
    }

    /// The URI as it stands in the message.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// The URI as text.
    #[must_use]
    pub fn as_text(&self) -> Cow<'a, str> {
        text(self.raw)
    }

    /// What kind of URI it is.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The user part as written, escapes kept, password left out.
    #[must_use]
    pub fn user(&self) -> Option<&'a [u8]> {
        self.user
    }

    /// The user part as text with `%xx` resolved; `None` when there is none.
    #[must_use]
    pub fn user_text(&self) -> Option<String> {
        self.user.map(|user| text(&unescape(user)).into_owned())
    }

    /// The password in the user part, if someone was careless enough.
    #[must_use]
    pub fn password(&self) -> Option<&'a [u8]> {
        self.password
    }

    /// The host as written; an IPv6 address with its brackets.
    #[must_use]
    pub fn host(&self) -> &'a [u8] {
        self.host
    }

    /// The port, if one is written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters (`;transport=ws;lr`).
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// What follows the `?`, never turned into headers of a message.
    #[must_use]
    pub fn headers(&self) -> &'a [u8] {
        self.headers
    }

    /// Does the user part mean this text? Escapes are resolved, case counts (RFC 3261 19.1.4).
    #[must_use]
    pub fn user_is(&self, wanted: &str) -> bool {
        self.user.is_some_and(|user| unescape(user).as_ref() == unescape(wanted.as_bytes()).as_ref())
    }

    /// Are both URIs the same by the rules of RFC 3261 section 19.1.4? (Escapes are resolved, host
    /// and parameters compared in any case, `user`, `ttl`, `method`, `maddr` and `transport` must
    /// stand in both or in none, other parameters only must not contradict.)
    #[must_use]
    pub fn same_as(&self, other: &SipUri<'_>) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        if self.scheme == Scheme::Other {
            return self.raw == other.raw;
        }
        let user = |uri: &SipUri<'_>| uri.user.map(|user| unescape(user).into_owned());
        let password = |uri: &SipUri<'_>| uri.password.map(|password| unescape(password).into_owned());
        user(self) == user(other)
            && password(self) == password(other)
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port == other.port
            && params_agree(self.params, other.params)
            && params_agree(other.params, self.params)
            && self.headers == other.headers
    }
}

impl fmt::Display for SipUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_text())
    }
}

/// Every parameter of `left` that `right` must agree with does agree. A pathological number of
/// parameters compares as different: comparing is quadratic.
fn params_agree(left: Params<'_>, right: Params<'_>) -> bool {
    const MUST_STAND_IN_BOTH: [&[u8]; 5] = [b"user", b"ttl", b"method", b"maddr", b"transport"];
    for (count, (name, value)) in left.iter().enumerate() {
        if count >= 64 {
            return false;
        }
        let found = right.iter().take(64).find(|(other, _)| other.eq_ignore_ascii_case(name));
        let agrees = match found {
            Some((_, other)) => unescape(value.unwrap_or_default()).eq_ignore_ascii_case(&unescape(other.unwrap_or_default())),
            None => !MUST_STAND_IN_BOTH.iter().any(|must| must.eq_ignore_ascii_case(name)),
        };
        if !agrees {
            return false;
        }
    }
    true
}

fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// `host[:port]`, the host an IPv6 address in brackets, an IPv4 address or a name.
pub(crate) fn host_and_port(bytes: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (host, rest) = if bytes.first() == Some(&b'[') {
        let (host, rest) = bytes.split_at_checked(memchr(b']', bytes)? + 1)?;
        let inner = host.get(1..host.len().saturating_sub(1))?;
        if inner.is_empty() || !inner.iter().all(|&byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')) {
            return None;
        }
        (host, rest)
    } else {
        let (host, rest) = bytes.split_at_checked(memchr(b':', bytes).unwrap_or(bytes.len()))?;
        let host = trim_end(host);
        if host.is_empty() || !host.iter().all(|&byte| is_host_byte(byte)) {
            return None;
        }
        (host, rest)
    };
    let port = match trim(rest) {
        [] => None,
        [b':', digits @ ..] => Some(u16::try_from(decimal(trim(digits))?).ok()?),
        _ => return None,
    };
    Some((host, port))
}

/// `%xx` resolved; a `%` that is no escape stays.
pub(crate) fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'%', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%'
            && let (Some(high), Some(low)) = (digit(after.first()), digit(after.get(1)))
        {
            out.push(high << 4 | low);
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(first);
            rest = after;
        }
    }
    Cow::Owned(out)
}

/// A login name as the user part of a URI that this side makes: whatever the grammar does not
/// allow there is escaped (RFC 3261 section 19.1.2), so no name can break out of its URI.
#[must_use]
pub fn escape_user(user: &str) -> String {
    let mut out = String::with_capacity(user.len());
    for &byte in user.as_bytes() {
        let allowed = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' | b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/'
            );
        if allowed {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    out
}
