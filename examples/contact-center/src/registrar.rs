//! The registrar: digest authentication (RFC 7616) and the answer to REGISTER (RFC 3261 10.3), as a
//! value without sockets or clocks.

use crate::misbehaviour::{Misbehaviour, Switchboard};
use crate::random::Random;
use monipy_core::sip::digest::{Algorithm, Authorization, Challenge, Ha1, QopOffer};
use monipy_core::sip::ua::Headers;
use monipy_core::sip::{HeaderName, Message, Method};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a nonce is good for.
const NONCE_LIFE: Duration = Duration::from_secs(300);
/// Nonces kept; the oldest go first.
const NONCES: usize = 10_000;
/// Longest registration granted, s.
const MAX_EXPIRES: u32 = 3600;

/// What to say to a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) reason: Option<String>,
    pub(crate) headers: Headers,
    pub(crate) binding: Option<Binding>,
}

/// A registration that was made or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The login id.
    pub(crate) user: String,
    /// Where to send calls.
    pub(crate) contact: String,
    /// For how long; zero takes it back.
    pub(crate) expires: Duration,
}

struct Nonce {
    issued: Instant,
    highest_count: u32,
}

/// Challenges and checks.
pub(crate) struct Registrar {
    realm: String,
    algorithms: Vec<Algorithm>,
    nonces: BTreeMap<String, Nonce>,
    order: std::collections::VecDeque<String>,
    random: Random,
}

/// What came of checking a request's credentials.
enum Check {
    Good(String),
    Challenge { stale: bool },
}

impl Registrar {
    /// `random` gives fresh nonces.
    pub(crate) fn new(realm: &str, algorithms: Vec<Algorithm>, random: Random) -> Registrar {
        Registrar { realm: realm.to_owned(), algorithms, nonces: BTreeMap::new(), order: std::collections::VecDeque::new(), random }
    }

    /// Decides on a REGISTER; `None`: it gets no answer. `password` looks up an account.
    pub(crate) fn register(
        &mut self,
        request: &Message,
        password: impl Fn(&str) -> Option<String>,
        board: &Switchboard,
        now: Instant,
    ) -> Option<Answer> {
        if board.happens_now(&Misbehaviour::NoAnswerToRegister) {
            return None;
        }
        let refusal = |code, headers| Some(Answer { code, reason: None, headers, binding: None });
        if board.happens_now(&Misbehaviour::Forbidden) {
            return refusal(403, Vec::new());
        }
        if let Some(after) = board.happens(|m| if let Misbehaviour::Unavailable { retry_after } = m { Some(*retry_after) } else { None }) {
            let headers = if after == 0 { Vec::new() } else { vec![("Retry-After".to_owned(), after.to_string())] };
            return refusal(503, headers);
        }
        let user = match self.check(request, HeaderName::Authorization, &password, board, now) {
            Check::Good(user) => user,
            Check::Challenge { stale } => return refusal(401, self.challenges("WWW-Authenticate", stale, board, now)),
        };
        // RFC 3261 10.3 step 4: who authenticated must be who is registered.
        if request.to().uri().and_then(|u| u.user_text()) != Some(user.clone()) {
            return refusal(403, Vec::new());
        }
        let Some(contact) = request.contact() else {
            // A query: there is nothing else to report than what the phone knows.
            return refusal(200, Vec::new());
        };
        let asked = contact
            .param("expires")
            .and_then(|v| std::str::from_utf8(v).ok()?.parse::<u32>().ok())
            .or_else(|| request.expires())
            .unwrap_or(MAX_EXPIRES);
        let brief = |m: &Misbehaviour| match m {
            Misbehaviour::IntervalTooBrief { min_expires } if asked != 0 && asked < *min_expires => Some(*min_expires),
            _ => None,
        };
        if let Some(least) = board.happens(brief) {
            return refusal(423, vec![("Min-Expires".to_owned(), least.to_string())]);
        }
        let granted = if contact.is_star() { 0 } else { asked.min(MAX_EXPIRES) };
        let uri = contact.uri_text().into_owned();
        let mut headers = Vec::new();
        if granted > 0 && !board.happens_now(&Misbehaviour::RegisterWithoutContact) {
            let mut value = format!("<{uri}>");
            for name in ["+sip.instance", "reg-id"] {
                if let Some(param) = contact.param(name) {
                    let text = String::from_utf8_lossy(param);
                    let quoted = if name == "reg-id" { text.into_owned() } else { format!("\"{}\"", text.trim_matches('"')) };
                    value.push_str(&format!(";{name}={quoted}"));
                }
            }
            headers.push(("Contact".to_owned(), format!("{value};expires={granted}")));
        }
        let binding = Binding { user, contact: uri, expires: Duration::from_secs(u64::from(granted)) };
        Some(Answer { code: 200, reason: None, headers, binding: Some(binding) })
    }

    fn check(
        &mut self,
        request: &Message,
        header: HeaderName,
        password: &impl Fn(&str) -> Option<String>,
        board: &Switchboard,
        now: Instant,
    ) -> Check {
        let given = request.headers(header).filter_map(Authorization::parse).find(|a| a.realm == self.realm);
        let Some(given) = given else { return Check::Challenge { stale: false } };
        let right = password(&given.username).is_some_and(|secret| {
            let ha1 = Ha1::new(given.algorithm, &given.username, &self.realm, &secret);
            given.verify(&ha1, request.method(), request.body())
        });
        if !right || board.happens_now(&Misbehaviour::WrongPassword) || !self.offered(board).contains(&given.algorithm) {
            return Check::Challenge { stale: false };
        }
        let fresh = self.nonces.get_mut(&given.nonce).is_some_and(|nonce| {
            // A count that does not rise is a replay (RFC 7616 3.4).
            let rises = given.qop.is_none() || given.nonce_count > nonce.highest_count;
            nonce.highest_count = nonce.highest_count.max(given.nonce_count);
            rises && now < nonce.issued + NONCE_LIFE
        });
        if !fresh || board.happens_now(&Misbehaviour::StaleNonce) {
            self.nonces.remove(&given.nonce);
            return Check::Challenge { stale: true };
        }
        Check::Good(given.username)
    }

    fn offered(&self, board: &Switchboard) -> Vec<Algorithm> {
        if board.all().iter().any(|s| s.misbehaviour == Misbehaviour::Sha256Only) {
            vec![Algorithm::Sha256]
        } else {
            self.algorithms.clone()
        }
    }

    fn challenges(&mut self, header: &str, stale: bool, board: &Switchboard, now: Instant) -> Headers {
        let nonce = self.random.hex();
        self.nonces.insert(nonce.clone(), Nonce { issued: now, highest_count: 0 });
        self.order.push_back(nonce.clone());
        if self.order.len() > NONCES
            && let Some(oldest) = self.order.pop_front()
        {
            self.nonces.remove(&oldest);
        }
        let challenge = |algorithm| Challenge {
            realm: self.realm.clone(),
            nonce: nonce.clone(),
            opaque: None,
            algorithm,
            qop: QopOffer { auth: true, auth_int: false },
            stale,
        };
        self.offered(board).into_iter().map(|a| (header.to_owned(), challenge(a).to_value())).collect()
    }
}

/// Whose connection a first message opens: the user of To (REGISTER) or From, and the instance of
/// its Contact (RFC 5626 4.1), by which a phone that comes back is known again.
pub(crate) fn identity(message: &Message) -> (Option<String>, Option<String>) {
    let address = if *message.method() == Method::Register { message.to() } else { message.from() };
    let user = address.uri().and_then(|u| u.user_text());
    let instance = message
        .contact()
        .and_then(|c| c.param("+sip.instance").map(|v| String::from_utf8_lossy(v).trim_matches(['"', '<', '>']).to_owned()))
        .filter(|i| !i.is_empty());
    (user, instance)
}
