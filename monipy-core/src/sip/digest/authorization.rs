//! The server's side: an Authorization header read and verified.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::challenge::{parameter_value, scheme_and_parameter};
use super::{Algorithm, Ha1, Qop, Terms, response};
use crate::sip::lexical::{List, split_once, trim, unquote};
use crate::sip::{Method, text};
use std::fmt;

/// The answer of a client to a challenge. Whether the nonce is one that was given out, and whether
/// its count is fresh, is for the caller to say; [`Authorization::verify`] checks the arithmetic.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Who the client says it is.
    pub username: String,
    /// The realm it answers for.
    pub realm: String,
    /// The nonce it answers.
    pub nonce: String,
    /// The digest-uri, as text; it should be the Request-URI.
    pub uri: String,
    /// The algorithm; MD5 when none is named.
    pub algorithm: Algorithm,
    /// The qop; `None` is the form of RFC 2069.
    pub qop: Option<Qop>,
    /// How many requests the client says it has made with this nonce; 0 without qop.
    pub nonce_count: u32,
    /// What the challenge asked to be sent back.
    pub opaque: Option<String>,
    cnonce: String,
    count_text: String,
    response: String,
}

impl Authorization {
    /// Reads the value of an Authorization or Proxy-Authorization header. `None` for another
    /// scheme, an unknown algorithm or qop, or missing parts.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut fields: [Option<String>; 10] = Default::default();
        const NAMES: [&str; 10] = ["username", "realm", "nonce", "uri", "response", "algorithm", "qop", "nc", "cnonce", "opaque"];
        for (count, element) in List::new(value).enumerate() {
            let (scheme, parameter) = scheme_and_parameter(element);
            let is_digest = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Digest"));
            if is_digest != (count == 0) || (scheme.is_some() && count > 0) {
                return None;
            }
            let (name, value) = split_once(parameter, b'=')?;
            let (name, value) = (trim(name), trim(value));
            let slot = NAMES.iter().position(|known| name.eq_ignore_ascii_case(known.as_bytes())).and_then(|at| fields.get_mut(at));
            if let Some(slot) = slot {
                let raw = parameter_value(value)?;
                // The username is the one value this side's clients escape and mean unescaped.
                let meaning = if name.eq_ignore_ascii_case(b"username") { text(&unquote(value)).into_owned() } else { raw.to_owned() };
                if slot.replace(meaning).is_some() {
                    return None;
                }
            }
        }
        let [username, realm, nonce, uri, response, algorithm, qop, count_text, cnonce, opaque] = fields;
        let algorithm = match algorithm {
            Some(name) => Algorithm::parse(&name)?,
            None => Algorithm::Md5,
        };
        let qop = match qop.as_deref() {
            None => None,
            Some(name) if name.eq_ignore_ascii_case("auth") => Some(Qop::Auth),
            Some(name) if name.eq_ignore_ascii_case("auth-int") => Some(Qop::AuthInt),
            Some(_) => return None,
        };
        let count_text = count_text.unwrap_or_default();
        let nonce_count = match qop {
            Some(_) if count_text.len() == 8 => u32::from_str_radix(&count_text, 16).ok()?,
            Some(_) => return None,
            None => 0,
        };
        let cnonce = match cnonce {
            Some(cnonce) => cnonce,
            None if qop.is_none() && !algorithm.is_session() => String::new(),
            None => return None,
        };
        Some(Authorization {
            username: username?,
            realm: realm?,
            nonce: nonce?,
            uri: uri?,
            response: response?,
            algorithm,
            qop,
            nonce_count,
            opaque,
            cnonce,
            count_text,
        })
    }

    /// Does the response prove knowledge of the password behind `ha1`, for this method and body?
    /// `false` as well when `ha1` is of another hash than the algorithm. Compares in constant time.
    #[must_use]
    pub fn verify(&self, ha1: &Ha1, method: &Method, body: &[u8]) -> bool {
        if ha1.hash != self.algorithm.hash() {
            return false;
        }
        let terms = Terms {
            algorithm: self.algorithm,
            nonce: &self.nonce,
            cnonce: &self.cnonce,
            nonce_count: &self.count_text,
            qop: self.qop,
            method,
            uri: self.uri.as_bytes(),
            body,
        };
        let wanted = response(ha1, &terms);
        let given = self.response.as_bytes();
        wanted.len() == given.len()
            && wanted.bytes().zip(given).fold(0, |difference, (wanted, given)| difference | (wanted ^ given.to_ascii_lowercase())) == 0
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("algorithm", &self.algorithm)
            .field("qop", &self.qop)
            .field("nonce_count", &self.nonce_count)
            .finish_non_exhaustive()
    }
}
