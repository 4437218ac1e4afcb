//! Digest access authentication (RFC 7616, RFC 8760; RFC 2069 for servers without qop): the
//! client's side ([`Credentials`]), the server's side ([`Authorization`], [`Challenge::to_value`]),
//! and what both compute.
//!
//! Basic is never answered. Nothing secret shows in a Debug print, and HA1s and passwords are
//! zeroized when dropped.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod authorization;
mod challenge;
mod credentials;

pub use authorization::Authorization;
pub use challenge::{Challenge, QopOffer};
pub use credentials::{Answer, Credentials, Refusal, Target};

use super::method::Method;
use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};
use std::fmt;
use zeroize::Zeroizing;

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Algorithm {
    Md5,
    Md5Sess,
    Sha256,
    Sha256Sess,
    Sha512_256,
    Sha512_256Sess,
}

impl Algorithm {
    /// The algorithm of this name, in any case; `None` for one that is not known here.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        use Algorithm::{Md5, Md5Sess, Sha256, Sha256Sess, Sha512_256, Sha512_256Sess};
        [Md5, Md5Sess, Sha256, Sha256Sess, Sha512_256, Sha512_256Sess].into_iter().find(|known| known.as_str().eq_ignore_ascii_case(name))
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Sha512_256Sess => "SHA-512-256-sess",
        }
    }

    /// Is HA1 bound to a session by nonce and cnonce?
    #[must_use]
    pub fn is_session(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess | Algorithm::Sha512_256Sess)
    }

    /// The hash function, whatever the session.
    fn hash(self) -> Hash {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => Hash::Md5,
            Algorithm::Sha256 | Algorithm::Sha256Sess => Hash::Sha256,
            Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => Hash::Sha512_256,
        }
    }
}

/// The hash functions behind the algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
    Sha512_256,
}

impl Hash {
    /// The hash of `parts` joined by colons, as lower-case hex.
    fn of(self, parts: &[&[u8]]) -> Zeroizing<String> {
        match self {
            Hash::Md5 => hex_of::<Md5>(parts),
            Hash::Sha256 => hex_of::<Sha256>(parts),
            Hash::Sha512_256 => hex_of::<Sha512_256>(parts),
        }
    }
}

fn hex_of<D: Digest>(parts: &[&[u8]]) -> Zeroizing<String> {
    let mut digest = D::new();
    for (count, part) in parts.iter().enumerate() {
        if count > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    let mut hex = Zeroizing::new(String::with_capacity(2 * <D as Digest>::output_size()));
    for byte in digest.finalize() {
        for nibble in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    hex
}

/// The quality of protection an answer was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qop {
    /// `auth`
    Auth,
    /// `auth-int`: the body is protected too.
    AuthInt,
}

impl Qop {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
        }
    }
}

/// H(username:realm:password): as good as the password within its realm, so it is kept as one
/// (zeroized when dropped, never printed).
#[derive(Clone)]
pub struct Ha1 {
    hash: Hash,
    hex: Zeroizing<String>,
}

impl Ha1 {
    /// The HA1 for this algorithm (a `-sess` algorithm has that of its hash).
    #[must_use]
    pub fn new(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> Self {
        let hash = algorithm.hash();
        Ha1 { hash, hex: hash.of(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()]) }
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({:?}, hidden)", self.hash)
    }
}

/// All that goes into a `response` besides HA1 (RFC 7616 section 3.4.1).
struct Terms<'a> {
    algorithm: Algorithm,
    nonce: &'a str,
    cnonce: &'a str,
    /// nc as its eight hex digits.
    nonce_count: &'a str,
    qop: Option<Qop>,
    method: &'a Method,
    uri: &'a [u8],
    body: &'a [u8],
}

/// The `response` value.
fn response(ha1: &Ha1, terms: &Terms<'_>) -> Zeroizing<String> {
    let hash = ha1.hash;
    let (nonce, cnonce) = (terms.nonce.as_bytes(), terms.cnonce.as_bytes());
    let session;
    let ha1 = if terms.algorithm.is_session() {
        session = hash.of(&[ha1.hex.as_bytes(), nonce, cnonce]);
        session.as_bytes()
    } else {
        ha1.hex.as_bytes()
    };
    let method = terms.method.as_str().as_bytes();
    let ha2 = match terms.qop {
        Some(Qop::AuthInt) => hash.of(&[method, terms.uri, hash.of(&[terms.body]).as_bytes()]),
        _ => hash.of(&[method, terms.uri]),
    };
    match terms.qop {
        Some(qop) => hash.of(&[ha1, nonce, terms.nonce_count.as_bytes(), cnonce, qop.as_str().as_bytes(), ha2.as_bytes()]),
        None => hash.of(&[ha1, nonce, ha2.as_bytes()]),
    }
}
