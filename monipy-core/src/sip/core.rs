//! What registration, transactions and calls share: who we are, the time, the way out, and the
//! tables of transactions. It decides nothing.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::digest::{Credentials, Target};
use super::header_name::HeaderName;
use super::interface::{CallKey, Output, RequestKey, UaEvent};
use super::message::Message;
use super::method::Method;
use super::outgoing_request::{ACCEPT, ALLOW, OutgoingRequest};
use super::rng::Rng;
use super::status::reason_phrase;
use super::timers::Timers;
use super::transaction::{ClientTransaction, ServerKey, ServerTransaction};
use super::ua_config::UaConfig;
use super::writer::ResponseWriter;
use super::{escape_user, format_name_addr};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Notices of dropped messages, a connection.
const NOTICE_EVERY: Duration = Duration::from_secs(1);

/// What a deadline is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// Timer B, F or M of a client transaction, or the end of the wait after CANCEL.
    Client(String),
    /// Timer H or L of a server transaction, or the end of the wait for the host.
    Server(ServerKey),
    Registration(RegistrationDue),
    Call(CallKey, CallDue),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegistrationDue {
    Refresh,
    Retry,
    KeepAlive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallDue {
    /// The ring time is over.
    NoAnswer,
    /// The INVITE's Expires is over.
    Expires,
    /// The last provisional response is to be repeated.
    Provisional,
    /// The PRACK of the reliable provisional response did not come yet.
    Unacknowledged,
    /// The 2xx is to be repeated.
    Retransmit,
    /// The ACK did not come.
    NoAck,
    /// Our offer that met 491 is to be sent again.
    RetryOffer,
    /// The far side never answered our offer.
    OfferTimeout,
    /// The host never answered the far side's offer.
    AnswerTimeout,
    /// A call that is over is forgotten, whatever it still waits for.
    Forget,
}

/// What a final response to a request of theirs carries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reply<'a> {
    pub(super) code: u16,
    /// The usual phrase when `None`.
    pub(super) reason: Option<&'a str>,
    pub(super) to_tag: &'a str,
    pub(super) contact: bool,
    pub(super) headers: &'a [(String, String)],
    pub(super) sdp: Option<&'a [u8]>,
    /// Without Supported, as JsSIP's stateless replies are.
    pub(super) bare: bool,
}

/// The names under which this user agent is known.
#[derive(Debug)]
pub(super) struct Identity {
    /// User part of the address of record.
    pub(super) user: String,
    /// `host[:port]` of Via and Contact.
    pub(super) host: String,
    pub(super) contact_user: String,
    /// UUID of `+sip.instance`.
    pub(super) instance: String,
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: UaConfig,
    pub(super) identity: Identity,
    pub(super) rng: Rng,
    pub(super) now: Instant,
    pub(super) up: bool,
    pub(super) outputs: VecDeque<Output>,
    pub(super) timers: Timers<Due>,
    /// By branch.
    pub(super) clients: BTreeMap<String, ClientTransaction>,
    pub(super) servers: BTreeMap<ServerKey, ServerTransaction>,
    /// Requests that wait for the host.
    pub(super) requests: BTreeMap<RequestKey, ServerKey>,
    pub(super) next_key: u64,
    pub(super) credentials: Option<Credentials>,
    /// From the registration (RFC 3608).
    pub(super) service_route: Vec<Vec<u8>>,
    /// From the registration (RFC 5627).
    pub(super) pub_gruu: Option<String>,
    pub(super) temp_gruu: Option<String>,
    /// When the last notice of dropped messages was logged, and how many it left unsaid since.
    noticed: Option<Instant>,
    unsaid: u32,
}

impl Core {
    pub(super) fn new(config: UaConfig, mut rng: Rng, now: Instant) -> Self {
        let identity = Identity {
            user: config.user.clone(),
            host: config.host.clone().unwrap_or_else(|| format!("{}.invalid", rng.token(12))),
            contact_user: config.contact_user.clone().unwrap_or_else(|| rng.token(8)),
            instance: config.instance_id.clone().unwrap_or_else(|| rng.uuid()),
        };
        Core {
            config,
            identity,
            rng,
            now,
            up: false,
            outputs: VecDeque::new(),
            timers: Timers::new(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_key: 0,
            credentials: None,
            service_route: Vec::new(),
            pub_gruu: None,
            temp_gruu: None,
            noticed: None,
            unsaid: 0,
        }
    }

    /// Something of the far side's is dropped: one line a second in the log says so.
    pub(super) fn notice_drop(&mut self, why: &str) {
        if self.noticed.is_some_and(|at| self.now.saturating_duration_since(at) < NOTICE_EVERY) {
            self.unsaid = self.unsaid.saturating_add(1);
            return;
        }
        self.noticed = Some(self.now);
        let unsaid = std::mem::take(&mut self.unsaid);
        log::warn!(target: "monipy::sip", "dropped a message of the server: {why} ({unsaid} more since the last notice)");
    }

    pub(super) fn event(&mut self, event: UaEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Sends bytes; drops them while the connection is down.
    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        if self.up {
            self.outputs.push_back(Output::Send(bytes));
        }
    }

    pub(super) fn call_key(&mut self) -> CallKey {
        self.next_key += 1;
        CallKey(self.next_key)
    }

    pub(super) fn new_tag(&mut self) -> String {
        self.rng.token(10)
    }

    /// A fresh branch: the cookie and 80 random bits.
    pub(super) fn new_branch(&mut self) -> String {
        format!("{}{}", super::via::BRANCH_COOKIE, self.rng.token(16))
    }

    pub(super) fn via(&self, branch: &str) -> String {
        let transport = if self.config.secure { "WSS" } else { "WS" };
        format!("SIP/2.0/{transport} {};branch={branch}", self.identity.host)
    }

    /// `sip:user@domain`.
    pub(super) fn address_of_record(&self) -> String {
        format!("sip:{}@{}", escape_user(&self.identity.user), self.config.domain)
    }

    /// `"Display" <uri>` with our display name.
    pub(super) fn named(&self, uri: &str) -> String {
        format_name_addr(self.config.display_name.as_deref(), uri)
    }

    /// `sip:user@host;transport=ws`.
    pub(super) fn contact_uri(&self) -> String {
        format!("sip:{}@{};transport=ws", self.identity.contact_user, self.identity.host)
    }

    /// Contact of responses and of requests in a dialog; `;ob` (RFC 5626 5) on an INVITE outside.
    pub(super) fn contact(&self, outside_dialog: bool) -> String {
        match &self.pub_gruu {
            Some(gruu) => format!("<{gruu}>"),
            None if outside_dialog && self.config.preloaded_route.is_some() => format!("<{};ob>", self.contact_uri()),
            None => format!("<{}>", self.contact_uri()),
        }
    }

    /// Route of requests outside a dialog.
    pub(super) fn preloaded_route(&self) -> Option<Vec<u8>> {
        self.config.preloaded_route.as_ref().map(|server| format!("<sip:{server};transport=ws;lr>").into_bytes())
    }

    /// Supported as JsSIP 3.10.1 writes it, by method.
    pub(super) fn supported(&self, method: &Method, response: bool, has_body: bool) -> String {
        let mut tags: Vec<&str> = Vec::with_capacity(4);
        match method {
            Method::Register if !response => tags.extend(["path", "gruu"]),
            Method::Invite => {
                if self.pub_gruu.is_some() || self.temp_gruu.is_some() {
                    tags.push("gruu");
                }
                tags.extend(["ice", "replaces"]);
            }
            Method::Update if !response => tags.push("ice"),
            Method::Update => {
                if has_body {
                    tags.push("ice");
                }
                tags.push("replaces");
            }
            _ => {}
        }
        tags.push("outbound");
        tags.join(",")
    }

    /// The bytes of a response to a request of theirs.
    pub(super) fn response(&self, request: &Message, reply: Reply<'_>) -> Vec<u8> {
        let contact = self.contact(false);
        let supported = if reply.bare { String::new() } else { self.supported(request.method(), true, reply.sdp.is_some()) };
        let mut writer =
            ResponseWriter::new(request, reply.code, reply.reason.unwrap_or_else(|| reason_phrase(reply.code))).to_tag(reply.to_tag);
        if reply.contact {
            writer = writer.header(HeaderName::Contact, &contact);
        }
        if *request.method() == Method::Options && reply.code == 200 {
            writer = writer.header(HeaderName::Allow, ALLOW).header(HeaderName::Accept, ACCEPT);
        } else if reply.code == 405 {
            writer = writer.header(HeaderName::Allow, ALLOW);
        } else if reply.code == 415 {
            writer = writer.header(HeaderName::Accept, ACCEPT);
        }
        for (name, value) in reply.headers {
            writer = writer.other(name, value);
        }
        writer = writer.supported(&supported);
        if let Some(sdp) = reply.sdp {
            writer = writer.body("application/sdp", sdp);
        }
        writer.to_bytes()
    }

    /// Answers a request that has no transaction of its own, at once and for good.
    pub(super) fn reply_now(&mut self, request: &Message, reply: Reply<'_>) {
        let tag = self.new_tag();
        let reply = if reply.to_tag.is_empty() { Reply { to_tag: &tag, ..reply } } else { reply };
        let bytes = self.response(request, reply);
        self.send(bytes);
    }

    /// Puts credentials for the challenge into `request`; says whether only the nonce was stale, and
    /// which realms asked. `None` when there is nothing to answer with.
    pub(super) fn authorize(&mut self, request: &mut OutgoingRequest, challenge: &Message) -> Option<(bool, Vec<String>)> {
        let cnonce = self.rng.token(12);
        let body = request.body.as_ref().map_or(&[][..], |body| &body.bytes);
        let target = Target { method: &request.method, uri: &request.uri, body };
        let answer = self.credentials.as_mut()?.answer(challenge, target, &cnonce).ok()?;
        request.authorization = answer.headers;
        Some((answer.stale, answer.realms))
    }
}
