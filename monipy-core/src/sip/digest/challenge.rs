//! Challenges: read from WWW-Authenticate and Proxy-Authenticate, and made by a server.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::Algorithm;
use crate::sip::lexical::{List, is_token, split_once, trim, unquote_raw};
use std::fmt::Write as _;

/// No server needs longer ones; what is longer is no challenge.
const MAX_VALUE: usize = 4096;

/// Which qops a challenge offers; none of them is the form of RFC 2069.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QopOffer {
    /// `auth` is offered.
    pub auth: bool,
    /// `auth-int` is offered.
    pub auth_int: bool,
}

/// A digest challenge that can be answered, or that a server makes.
///
/// Quoted values are kept as they stand between their quotes, escapes included, because that is
/// what servers compare and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whose name and password are asked for.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// To be sent back as it is.
    pub opaque: Option<String>,
    /// MD5 when the challenge names none.
    pub algorithm: Algorithm,
    /// The qops on offer.
    pub qop: QopOffer,
    /// The answer was right, only the nonce was too old.
    pub stale: bool,
}

impl Challenge {
    /// The digest challenges of a header value that can be answered, in order. Other schemes
    /// (Basic above all), unknown algorithms, a qop parameter with no known qop in it, missing
    /// realms or nonces, open quotes and oversized values are left out.
    #[must_use]
    pub fn parse_all(value: &[u8]) -> Vec<Challenge> {
        let mut found = Vec::new();
        let mut draft: Option<Draft> = None;
        for element in List::new(value) {
            let (scheme, parameter) = scheme_and_parameter(element);
            if let Some(scheme) = scheme {
                found.extend(draft.take().and_then(Draft::finish));
                draft = scheme.eq_ignore_ascii_case(b"Digest").then(Draft::default);
            }
            if let (Some(draft), Some((name, value))) = (&mut draft, split_once(parameter, b'=')) {
                draft.take(trim(name), trim(value));
            }
        }
        found.extend(draft.and_then(Draft::finish));
        found
    }

    /// The value of the WWW-Authenticate or Proxy-Authenticate header that a server sends.
    #[must_use]
    pub fn to_value(&self) -> String {
        let mut value = format!("Digest realm=\"{}\", nonce=\"{}\"", self.realm, self.nonce);
        if let Some(opaque) = &self.opaque {
            let _ = write!(value, ", opaque=\"{opaque}\"");
        }
        if self.stale {
            value.push_str(", stale=true");
        }
        let _ = write!(value, ", algorithm={}", self.algorithm.as_str());
        match (self.qop.auth, self.qop.auth_int) {
            (true, true) => value.push_str(", qop=\"auth,auth-int\""),
            (true, false) => value.push_str(", qop=\"auth\""),
            (false, true) => value.push_str(", qop=\"auth-int\""),
            (false, false) => {}
        }
        value
    }
}

/// `Digest realm="x"` is a scheme and a parameter, `nonce="y"` is a parameter.
pub(super) fn scheme_and_parameter(element: &[u8]) -> (Option<&[u8]>, &[u8]) {
    if let Some((scheme, parameter)) = split_once(element, b' ').or_else(|| split_once(element, b'\t')) {
        let parameter = trim(parameter);
        if is_token(scheme) && !parameter.starts_with(b"=") {
            return (Some(scheme), parameter);
        }
    }
    (None, element)
}

/// The inside of a parameter's value as text; `None` for open quotes, stray quotes, text that is
/// not UTF-8, and values nobody needs.
pub(super) fn parameter_value(value: &[u8]) -> Option<&str> {
    let quoted = value.first() == Some(&b'"');
    let closed = crate::sip::lexical::quoted_len(value) == Some(value.len());
    let inner = if quoted { closed.then(|| unquote_raw(value))? } else { value };
    if inner.len() > MAX_VALUE || (!quoted && inner.iter().any(|&byte| matches!(byte, b'"' | b'\\'))) {
        return None;
    }
    std::str::from_utf8(inner).ok()
}

/// A challenge being read.
#[derive(Default)]
struct Draft {
    realm: Option<String>,
    nonce: Option<String>,
    opaque: Option<String>,
    algorithm: Option<String>,
    qop: Option<String>,
    stale: bool,
    broken: bool,
}

impl Draft {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        let Some(value) = parameter_value(value) else {
            self.broken = true;
            return;
        };
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        let slot = if is("realm") {
            &mut self.realm
        } else if is("nonce") {
            &mut self.nonce
        } else if is("opaque") {
            &mut self.opaque
        } else if is("algorithm") {
            &mut self.algorithm
        } else if is("qop") {
            &mut self.qop
        } else {
            if is("stale") {
                self.stale = value.eq_ignore_ascii_case("true");
            }
            return;
        };
        slot.get_or_insert_with(|| value.to_owned());
    }

    fn finish(self) -> Option<Challenge> {
        let algorithm = match &self.algorithm {
            Some(name) => Algorithm::parse(name)?,
            None => Algorithm::Md5,
        };
        let mut qop = QopOffer::default();
        if let Some(offered) = &self.qop {
            for name in offered.split(',').map(str::trim) {
                qop.auth |= name.eq_ignore_ascii_case("auth");
                qop.auth_int |= name.eq_ignore_ascii_case("auth-int");
            }
            if !qop.auth && !qop.auth_int && !offered.trim().is_empty() {
                return None;
            }
        }
        let nonce = self.nonce.filter(|nonce| !nonce.is_empty())?;
        (!self.broken).then_some(Challenge { realm: self.realm?, nonce, opaque: self.opaque, algorithm, qop, stale: self.stale })
    }
}
