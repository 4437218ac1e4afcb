//! The client's side: credentials that answer challenges.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{Algorithm, Challenge, Ha1, Qop, Terms, response};
use crate::sip::{HeaderName, Message, Method, text};
use sha2::digest::Digest as _;
use std::fmt::{self, Write as _};
use zeroize::{Zeroize, Zeroizing};

/// More challenges than this in one response are not looked at.
const MAX_CHALLENGES: usize = 16;
/// More realms, and more nonces, than this are not remembered; the oldest goes.
const MAX_REMEMBERED: usize = 16;

/// A user name and what proves it, realm by realm.
///
/// The password is needed whenever a realm challenges that has not challenged before: HA1 cannot be
/// computed without its name, and a server may come back with another one. After the first success
/// call [`Credentials::seal_password`]: from then on it does not lie in memory as it is. After
/// [`Credentials::forget_password`] the realms that were learned can still be answered, with any
/// algorithm, and no other.
#[derive(Clone)]
pub struct Credentials {
    username: String,
    password: Password,
    realms: Vec<Realm>,
    nonces: Vec<Nonce>,
}

/// The password, as far as it is there. Every form of it is wiped when it is dropped.
#[derive(Clone)]
enum Password {
    Open(Zeroizing<String>),
    /// Under a mask that a pad gives: what reads the memory by chance (a core dump that is searched,
    /// a swapped page, an overread) does not find it. No protection from whoever has all of it.
    Sealed {
        masked: Zeroizing<Vec<u8>>,
        pad: Zeroizing<[u8; 32]>,
    },
    Forgotten,
}

impl Password {
    fn open(&self) -> Option<Zeroizing<String>> {
        match self {
            Password::Open(password) => Some(password.clone()),
            Password::Sealed { masked, pad } => {
                let mut bytes = masked.to_vec();
                mask(pad, &mut bytes);
                match String::from_utf8(bytes) {
                    Ok(password) => Some(Zeroizing::new(password)),
                    Err(e) => {
                        e.into_bytes().zeroize();
                        None
                    }
                }
            }
            Password::Forgotten => None,
        }
    }
}

/// Puts a mask on, or takes it off: the pad hashed with a counter, over the bytes.
fn mask(pad: &[u8; 32], bytes: &mut [u8]) {
    for (block, number) in bytes.chunks_mut(32).zip(0_u64..) {
        let mut hash = sha2::Sha256::new();
        hash.update(pad);
        hash.update(number.to_le_bytes());
        for (byte, under) in block.iter_mut().zip(hash.finalize()) {
            *byte ^= under;
        }
    }
}

#[derive(Clone)]
struct Realm {
    name: String,
    ha1s: [Ha1; 3],
}

#[derive(Clone)]
struct Nonce {
    nonce: String,
    count: u32,
}

/// The request that is to be authorised.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its Request-URI, exactly as it will be written.
    pub uri: &'a [u8],
    /// Its body.
    pub body: &'a [u8],
}

/// What to add to the request when it is sent again.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Authorization and Proxy-Authorization headers, one for each realm that asked.
    pub headers: Vec<(HeaderName, String)>,
    /// The realms that asked and are answered.
    pub realms: Vec<String>,
    /// The server says that only the nonce of the last answer was too old.
    pub stale: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({} headers, stale: {})", self.headers.len(), self.stale)
    }
}

/// Why a challenge cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no challenge that can be answered: none at all, only Basic or other schemes,
    /// unknown algorithms or qops, or broken ones.
    NoChallenge,
    /// A realm asks that is not known, and the password is gone.
    UnknownRealm,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoChallenge => "no digest challenge that can be answered",
            Refusal::UnknownRealm => "a realm asks whose password is not kept",
        })
    }
}

impl Credentials {
    /// Credentials with the password still in hand.
    #[must_use]
    pub fn new(username: &str, password: &str) -> Self {
        Credentials {
            username: username.to_owned(),
            password: Password::Open(Zeroizing::new(password.to_owned())),
            realms: Vec::new(),
            nonces: Vec::new(),
        }
    }

    /// The user name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Computes and keeps the HA1s of a realm, if the password is still there. Challenges teach
    /// their realm by themselves; this is for one that is known beforehand.
    pub fn learn(&mut self, realm: &str) {
        if self.realms.iter().any(|known| known.name == realm) {
            return;
        }
        let Some(password) = self.password.open() else { return };
        let ha1 = |algorithm| Ha1::new(algorithm, &self.username, realm, &password);
        let ha1s = [ha1(Algorithm::Md5), ha1(Algorithm::Sha256), ha1(Algorithm::Sha512_256)];
        if self.realms.len() == MAX_REMEMBERED {
            self.realms.remove(0);
        }
        self.realms.push(Realm { name: realm.to_owned(), ha1s });
    }

    /// Puts the password under a mask made of `pad`, 32 bytes of randomness.
    pub fn seal_password(&mut self, pad: [u8; 32]) {
        if let Password::Open(password) = &self.password {
            let mut masked = Zeroizing::new(password.as_bytes().to_vec());
            mask(&pad, &mut masked);
            self.password = Password::Sealed { masked, pad: Zeroizing::new(pad) };
        }
    }

    /// Wipes the password; the realms learned so far stay.
    pub fn forget_password(&mut self) {
        self.password = Password::Forgotten;
    }

    /// Answers a 401 or 407: one header for each realm that challenges, by the topmost challenge
    /// of that realm that can be answered (RFC 8760 section 2.4: the server lists them in its order of
    /// preference, and the choice is not made weaker). `auth` is preferred to `auth-int`.
    ///
    /// `cnonce` is fresh randomness, as text without quotes or backslashes.
    ///
    /// # Errors
    /// [`Refusal`], when no header at all can be made.
    pub fn answer(&mut self, challenged: &Message, target: Target<'_>, cnonce: &str) -> Result<Answer, Refusal> {
        let mut answer = Answer { headers: Vec::new(), realms: Vec::new(), stale: false };
        let mut refusal = Refusal::NoChallenge;
        let kinds =
            [(HeaderName::WwwAuthenticate, HeaderName::Authorization), (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization)];
        for (asks, answers) in kinds {
            let challenges = challenged.headers(asks).take(MAX_CHALLENGES).flat_map(Challenge::parse_all).take(MAX_CHALLENGES);
            let mut seen: Vec<String> = Vec::new();
            for challenge in challenges {
                if seen.contains(&challenge.realm) {
                    continue;
                }
                answer.stale |= challenge.stale;
                match self.authorize(&challenge, target, cnonce) {
                    Some(value) => {
                        answer.headers.push((answers, value));
                        answer.realms.push(challenge.realm.clone());
                    }
                    None => refusal = Refusal::UnknownRealm,
                }
                seen.push(challenge.realm);
            }
        }
        if answer.headers.is_empty() { Err(refusal) } else { Ok(answer) }
    }

    /// The Authorization value for one challenge; `None` when its realm is not known.
    fn authorize(&mut self, challenge: &Challenge, target: Target<'_>, cnonce: &str) -> Option<String> {
        self.learn(&challenge.realm);
        let qop = match (challenge.qop.auth, challenge.qop.auth_int) {
            (true, _) => Some(Qop::Auth),
            (false, true) => Some(Qop::AuthInt),
            (false, false) => None,
        };
        let nonce_count = if qop.is_some() { format!("{:08x}", self.count(&challenge.nonce)) } else { String::new() };
        let realm = self.realms.iter().find(|known| known.name == challenge.realm)?;
        let ha1 = realm.ha1s.iter().find(|ha1| ha1.hash == challenge.algorithm.hash())?;
        let terms = Terms {
            algorithm: challenge.algorithm,
            nonce: &challenge.nonce,
            cnonce,
            nonce_count: &nonce_count,
            qop,
            method: target.method,
            uri: target.uri,
            body: target.body,
        };
        let response = response(ha1, &terms);
        // The order and spelling of JsSIP, which deployed servers know.
        let mut value = format!(
            "Digest algorithm={}, username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{}\"",
            challenge.algorithm.as_str(),
            escape(&self.username),
            challenge.realm,
            challenge.nonce,
            escape(&text(target.uri)),
            response.as_str(),
        );
        if let Some(opaque) = &challenge.opaque {
            let _ = write!(value, ", opaque=\"{opaque}\"");
        }
        if let Some(qop) = qop {
            let _ = write!(value, ", qop={}, cnonce=\"{cnonce}\", nc={nonce_count}", qop.as_str());
        } else if challenge.algorithm.is_session() {
            let _ = write!(value, ", cnonce=\"{cnonce}\"");
        }
        Some(value)
    }

    /// How many requests, this one included, were answered with this nonce.
    fn count(&mut self, nonce: &str) -> u32 {
        if let Some(known) = self.nonces.iter_mut().find(|known| known.nonce == nonce) {
            known.count = known.count.wrapping_add(1);
            return known.count;
        }
        if self.nonces.len() == MAX_REMEMBERED {
            self.nonces.remove(0);
        }
        self.nonces.push(Nonce { nonce: nonce.to_owned(), count: 1 });
        1
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let realms: Vec<&str> = self.realms.iter().map(|realm| realm.name.as_str()).collect();
        f.debug_struct("Credentials").field("username", &self.username).field("realms", &realms).finish_non_exhaustive()
    }
}

/// `"` and `\` escaped, for a quoted string.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
