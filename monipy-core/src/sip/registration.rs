//! The registration of a phone (RFC 3261 10, RFC 5626, RFC 3608): register, refresh, take back;
//! challenges, 423, 439, Retry-After; what the server grants.
//!
//! Default timing and wording are those of JsSIP 3.10.1; what it leaves hanging (423, an unknown
//! Contact, 5xx) is carried on here.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::core::{Core, Due, RegistrationDue};
use super::digest::Credentials;
use super::header_name::HeaderName;
use super::interface::{UaEvent, UnregisteredBy};
use super::message::{Message, seconds};
use super::method::Method;
use super::outgoing_request::OutgoingRequest;
use super::status::reason_phrase;
use super::timers::TimerId;
use super::transaction::{ClientTransaction, NotSent, Owner};
use super::{SipUri, text};
use std::time::{Duration, Instant};

/// What a server may grant; anything outside is moved inside, so that no server can make us storm.
const SHORTEST: u32 = 10;
const LONGEST: u32 = 7200;
/// Answers to a challenge that says only the nonce was stale, beside the first answer.
const STALE_ANSWERS: u32 = 2;
/// Realms that are answered in one attempt.
const MAX_REALMS: usize = 3;
/// How often 423 and 439 are obeyed in one attempt.
const CORRECTIONS: u32 = 2;
/// First and greatest wait before a retry that the server gave no time for.
const RETRY_FIRST: Duration = Duration::from_secs(10);
const RETRY_GREATEST: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(super) struct Registration {
    /// The host wants to be registered.
    wanted: bool,
    /// The server has been heard to agree, and the host was told.
    registered: bool,
    /// Until when the binding lasts.
    valid_until: Option<Instant>,
    call_id: String,
    cseq: u32,
    /// Lifetime to ask for, seconds.
    ask: u32,
    /// The edge refused outbound (439): no reg-id any more.
    no_outbound: bool,
    attempt: Option<Attempt>,
    /// Failures in a row, for the backoff.
    failures: u32,
    flow_timer: Option<Duration>,
    refresh: Option<TimerId>,
    retry: Option<TimerId>,
    keep_alive: Option<TimerId>,
}

/// One try to register, challenges and corrections included.
#[derive(Debug)]
struct Attempt {
    branch: String,
    unregister: bool,
    from_tag: String,
    /// Realms that were answered: one that asks once more says that the password is wrong.
    realms: Vec<String>,
    stale: u32,
    corrections: u32,
}

impl Registration {
    pub(super) fn new(core: &mut Core) -> Self {
        Registration {
            wanted: false,
            registered: false,
            valid_until: None,
            call_id: core.rng.token(22),
            cseq: 0,
            ask: u32::try_from(core.config.register_expires.as_secs()).unwrap_or(LONGEST).clamp(SHORTEST, LONGEST),
            no_outbound: false,
            attempt: None,
            failures: 0,
            flow_timer: None,
            refresh: None,
            retry: None,
            keep_alive: None,
        }
    }

    pub(super) fn is_registered(&self) -> bool {
        self.registered
    }

    /// The command `Register`.
    pub(super) fn register(&mut self, core: &mut Core, user: String, password: &str, authorization_user: Option<String>) {
        let mut credentials = Credentials::new(authorization_user.as_deref().unwrap_or(&user), password);
        credentials.learn(&core.config.domain);
        core.credentials = Some(credentials);
        core.identity.user = user;
        self.register_again(core);
    }

    /// The command `RegisterAgain`.
    pub(super) fn register_again(&mut self, core: &mut Core) {
        if core.credentials.is_none() {
            return;
        }
        self.wanted = true;
        self.failures = 0;
        self.abandon(core);
        self.begin(core, false);
    }

    /// The command `Unregister`.
    pub(super) fn unregister(&mut self, core: &mut Core) {
        let under_way = self.attempt.as_ref().is_some_and(|attempt| !attempt.unregister);
        if self.attempt.as_ref().is_some_and(|attempt| attempt.unregister) {
            return;
        }
        let waited = self.wanted && !self.registered;
        self.wanted = false;
        self.abandon(core);
        if waited {
            self.failed(core, 487, reason_phrase(487).to_owned(), None, false);
        }
        if !core.up {
            self.lost(core, UnregisteredBy::Request, "not connected");
        } else if self.registered || under_way {
            self.begin(core, true);
        }
    }

    /// The connection is open.
    pub(super) fn up(&mut self, core: &mut Core) {
        if self.wanted {
            self.begin(core, false);
        }
    }

    /// The connection is gone.
    pub(super) fn down(&mut self, core: &mut Core, reason: &str) {
        let asked = self.attempt.take().is_some_and(|attempt| attempt.unregister);
        self.cancel_timers(core);
        self.lost(core, if asked { UnregisteredBy::Request } else { UnregisteredBy::ConnectionLost }, reason);
    }

    pub(super) fn due(&mut self, core: &mut Core, what: RegistrationDue) {
        match what {
            RegistrationDue::Refresh | RegistrationDue::Retry => {
                if self.wanted && self.attempt.is_none() && core.up {
                    self.begin(core, false);
                }
            }
            RegistrationDue::KeepAlive => {
                core.send(b"\r\n\r\n".to_vec());
                self.schedule_keep_alive(core);
            }
        }
    }

    fn cancel_timers(&mut self, core: &mut Core) {
        core.timers.cancel(&mut self.refresh);
        core.timers.cancel(&mut self.retry);
        core.timers.cancel(&mut self.keep_alive);
    }

    /// Drops what is under way; its response will no longer matter.
    fn abandon(&mut self, core: &mut Core) {
        self.cancel_timers(core);
        if let Some(attempt) = self.attempt.take()
            && let Some(transaction) = core.clients.get_mut(&attempt.branch)
        {
            transaction.owner = Owner::Abandoned;
        }
    }

    /// Tells the host that there is no registration any more, if there was one.
    fn lost(&mut self, core: &mut Core, by: UnregisteredBy, reason: &str) {
        self.valid_until = None;
        if std::mem::take(&mut self.registered) {
            core.event(UaEvent::Unregistered { by, reason: reason.to_owned() });
        }
    }

    fn failed(&mut self, core: &mut Core, code: u16, reason: String, will_retry: Option<Duration>, credentials_tried: bool) {
        core.event(UaEvent::RegistrationFailed { code, reason, will_retry, credentials_tried });
    }

    /// Starts a try of its own.
    fn begin(&mut self, core: &mut Core, unregister: bool) {
        core.timers.cancel(&mut self.refresh);
        core.timers.cancel(&mut self.retry);
        let from_tag = core.new_tag();
        let attempt = Attempt { branch: String::new(), unregister, from_tag, realms: Vec::new(), stale: 0, corrections: 0 };
        let request = self.request(core, &attempt);
        self.send(core, attempt, request);
    }

    fn send(&mut self, core: &mut Core, mut attempt: Attempt, request: OutgoingRequest) {
        match core.start_client(request, Owner::Registration) {
            Ok(branch) => {
                attempt.branch = branch;
                self.attempt = Some(attempt);
            }
            // The next `Up` begins again.
            Err(NotSent::ConnectionDown) => {}
            Err(NotSent::TooMany) => {
                if attempt.unregister {
                    self.lost(core, UnregisteredBy::Request, "too many transactions");
                } else {
                    self.retry_later(core, 503, reason_phrase(503).to_owned(), None, false);
                }
            }
        }
    }

    fn request(&mut self, core: &Core, attempt: &Attempt) -> OutgoingRequest {
        self.cseq = self.cseq.wrapping_add(1);
        let address = core.address_of_record();
        let expires = if attempt.unregister { 0 } else { self.ask };
        let outbound = if self.no_outbound { "" } else { "reg-id=1;" };
        let contact = format!(
            "<{}>;+sip.ice;{outbound}+sip.instance=\"<urn:uuid:{}>\";expires={expires}",
            core.contact_uri(),
            core.identity.instance
        );
        let mut headers = core.config.register_headers.clone();
        headers.push(("Contact".into(), contact));
        headers.push(("Expires".into(), expires.to_string()));
        let supported = if self.no_outbound { "path,gruu".to_owned() } else { core.supported(&Method::Register, false, false) };
        OutgoingRequest {
            method: Method::Register,
            uri: format!("sip:{}", core.config.domain).into_bytes(),
            routes: core.preloaded_route().into_iter().collect(),
            to: format!("<{address}>").into_bytes(),
            from: format!("{};tag={}", core.named(&address), attempt.from_tag).into_bytes(),
            call_id: self.call_id.clone().into_bytes(),
            cseq: self.cseq,
            authorization: Vec::new(),
            headers,
            supported,
            body: None,
        }
    }

    /// A final response to our REGISTER.
    pub(super) fn response(&mut self, core: &mut Core, transaction: &ClientTransaction, response: &Message) {
        let Some(mut attempt) = self.attempt.take() else { return };
        let code = response.status().unwrap_or(500);
        let tried = !transaction.request.authorization.is_empty();
        match code {
            200..=299 if attempt.unregister => self.lost(core, UnregisteredBy::Request, "unregistered"),
            200..=299 => self.granted(core, response),
            401 | 407 => {
                let mut request = self.request(core, &attempt);
                let (stale, realms) = core.authorize(&mut request, response).unwrap_or_default();
                let new = realms.iter().any(|realm| !attempt.realms.contains(realm)) && attempt.realms.len() < MAX_REALMS;
                let again = stale && !realms.is_empty() && attempt.stale < STALE_ANSWERS;
                if new || again {
                    if !new {
                        attempt.stale += 1;
                    }
                    attempt.realms.extend(realms);
                    self.send(core, attempt, request);
                } else {
                    // The number was not used.
                    self.cseq = self.cseq.wrapping_sub(1);
                    self.refused(core, &attempt, code, response, tried);
                }
            }
            423 if attempt.corrections < CORRECTIONS && !attempt.unregister => {
                let least = response.seconds(HeaderName::MinExpires).unwrap_or_default();
                if least <= self.ask || least > LONGEST {
                    return self.refused(core, &attempt, code, response, tried);
                }
                self.ask = least;
                attempt.corrections += 1;
                attempt.realms.clear();
                let request = self.request(core, &attempt);
                self.send(core, attempt, request);
            }
            439 if !self.no_outbound && !attempt.unregister => {
                self.no_outbound = true;
                attempt.realms.clear();
                let request = self.request(core, &attempt);
                self.send(core, attempt, request);
            }
            _ => self.refused(core, &attempt, code, response, tried),
        }
    }

    /// No response came in 32 s.
    pub(super) fn timeout(&mut self, core: &mut Core, transaction: &ClientTransaction) {
        let Some(attempt) = self.attempt.take() else { return };
        if attempt.unregister {
            return self.lost(core, UnregisteredBy::Request, reason_phrase(408));
        }
        let tried = !transaction.request.authorization.is_empty();
        if self.registered {
            self.retry_later(core, 408, reason_phrase(408).to_owned(), None, tried);
        } else {
            self.give_up(core, 408, reason_phrase(408).to_owned(), tried);
        }
    }

    fn refused(&mut self, core: &mut Core, attempt: &Attempt, code: u16, response: &Message, tried: bool) {
        if attempt.unregister {
            return self.lost(core, UnregisteredBy::Request, &response.reason());
        }
        let reason = response.reason().into_owned();
        let retry_after = response.seconds(HeaderName::RetryAfter);
        match code {
            408 | 480 | 500..=599 => self.retry_later(core, code, reason, retry_after, tried),
            // Any refusal may say when to come back; those for good do not.
            404 | 413 | 486 | 600 if retry_after.is_some() => self.retry_later(core, code, reason, retry_after, tried),
            _ => self.give_up(core, code, reason, tried),
        }
    }

    fn give_up(&mut self, core: &mut Core, code: u16, reason: String, tried: bool) {
        self.wanted = false;
        self.cancel_timers(core);
        self.lost(core, UnregisteredBy::RefreshFailed, &reason);
        self.failed(core, code, reason, None, tried);
    }

    /// Tries again later: when the server said, or after a wait that doubles. While the binding
    /// lasts beyond that moment the host is not told.
    fn retry_later(&mut self, core: &mut Core, code: u16, reason: String, retry_after: Option<u32>, tried: bool) {
        let wait = match retry_after {
            Some(seconds) if seconds > 0 => {
                // In [N, 1.1 N + 1], so that a fleet does not come back as one.
                let least = f64::from(seconds.min(LONGEST));
                Duration::from_secs_f64(least + core.rng.fraction() * (0.1 * least + 1.0))
            }
            _ => {
                let ceiling = RETRY_FIRST.saturating_mul(1 << self.failures.min(16)).min(RETRY_GREATEST);
                ceiling.mul_f64(0.5 + 0.5 * core.rng.fraction())
            }
        };
        self.failures = self.failures.saturating_add(1);
        core.timers.cancel(&mut self.retry);
        self.retry = Some(core.timers.set(core.now + wait, Due::Registration(RegistrationDue::Retry)));
        if self.registered && self.valid_until.is_some_and(|until| until > core.now + wait) {
            return;
        }
        self.lost(core, UnregisteredBy::RefreshFailed, &reason);
        self.failed(core, code, reason, Some(wait), tried);
    }

    /// The server agreed.
    fn granted(&mut self, core: &mut Core, response: &Message) {
        let Some(granted) = self.granted_seconds(core, response) else {
            // A 200 that lists bindings, none of them ours: we are not reachable.
            let reason = "the server's 200 does not list our Contact".to_owned();
            return self.retry_later(core, 480, reason, None, false);
        };
        if let Some(credentials) = &mut core.credentials {
            // Another realm may ask one day, the registrar's or a proxy's.
            let pad = core.rng.seed();
            credentials.seal_password(pad);
        }
        core.service_route = response.list(HeaderName::ServiceRoute).map(<[u8]>::to_vec).take(8).collect();
        let seconds = granted.clamp(SHORTEST, LONGEST);
        let expires = Duration::from_secs(u64::from(seconds));
        let after = if seconds > 64 {
            let half = f64::from(seconds) / 2.0;
            Duration::from_secs_f64(half + core.rng.fraction() * (half - 32.0))
        } else {
            expires.saturating_sub(Duration::from_secs(5))
        };
        self.failures = 0;
        self.valid_until = Some(core.now + expires);
        core.timers.cancel(&mut self.retry);
        core.timers.cancel(&mut self.refresh);
        self.refresh = Some(core.timers.set(core.now + after, Due::Registration(RegistrationDue::Refresh)));
        self.flow_timer = response
            .seconds(HeaderName::FlowTimer)
            .filter(|&seconds| seconds > 0)
            .map(|seconds| Duration::from_secs(u64::from(seconds.clamp(SHORTEST, LONGEST))));
        self.schedule_keep_alive(core);
        if !std::mem::replace(&mut self.registered, true) {
            core.event(UaEvent::Registered { expires });
        }
    }

    /// The lifetime of our binding, and its GRUUs: by instance and reg-id, else by the whole URI,
    /// else by our user, else the only binding there is (servers rewrite Contacts).
    fn granted_seconds(&self, core: &mut Core, response: &Message) -> Option<u32> {
        let instance = format!("<urn:uuid:{}>", core.identity.instance).into_bytes();
        let ours = core.contact_uri().into_bytes();
        let uri = SipUri::parse(&ours)?;
        let same_instance = |contact: &super::NameAddr<'_>| {
            contact.params().get_unquoted("+sip.instance").is_some_and(|found| found.eq_ignore_ascii_case(&instance))
                && contact.param("reg-id").is_none_or(|id| id == b"1")
        };
        let mut contacts = response.contacts();
        let found = contacts
            .clone()
            .find(same_instance)
            .or_else(|| contacts.clone().find(|contact| contact.uri().is_some_and(|found| found.same_as(&uri))))
            .or_else(|| contacts.clone().find(|contact| contact.uri().is_some_and(|found| found.user() == uri.user())))
            .or_else(|| contacts.clone().next().filter(|_| contacts.clone().count() == 1));
        let granted = match found {
            None if contacts.next().is_some() => return None,
            None => None,
            Some(contact) => {
                let gruu = |name: &str| {
                    let value = contact.params().get_unquoted(name)?;
                    SipUri::parse(&value)?;
                    Some(text(&value).into_owned())
                };
                (core.pub_gruu, core.temp_gruu) = (gruu("pub-gruu"), gruu("temp-gruu"));
                contact.param("expires").and_then(seconds)
            }
        };
        Some(granted.or_else(|| response.expires()).unwrap_or(self.ask))
    }

    /// Keep-alive of the flow, only where the server asks for it (RFC 5626 4.4.1: 80 to 100 %).
    fn schedule_keep_alive(&mut self, core: &mut Core) {
        core.timers.cancel(&mut self.keep_alive);
        if let Some(period) = self.flow_timer {
            let after = period.mul_f64(0.8 + 0.2 * core.rng.fraction());
            self.keep_alive = Some(core.timers.set(core.now + after, Due::Registration(RegistrationDue::KeepAlive)));
        }
    }
}
