//! The user agent: registration, transactions, dialogs and calls over one WebSocket connection,
//! as a value without sockets, clocks or threads.
//!
//! # How to drive it
//!
//! ```text
//! let mut ua = Ua::new(UaConfig::client("1001", "sip.example", "sip.example", true), Rng::from_seed(entropy), now);
//! ua.handle(Input::Up, now);                       // the WebSocket is open
//! ua.handle(Input::Command(Command::Register { .. }), now);
//! loop {
//!     while let Some(output) = ua.poll_output() { /* Send: one text frame; Event: look at it */ }
//!     // sleep until ua.next_timeout(), a frame or a command; then
//!     ua.handle(Input::Frame(bytes) or Input::Command(..) or Input::Tick, Instant::now());
//! }
//! ```
//!
//! After every `handle`, empty `poll_output` before awaiting again.
//!
//! # An incoming call
//! `Incoming` (100 was sent) → `Ringing` (180 was sent) → the host makes its answer, which may take
//! a while → [`Command::Answer`] → `Confirmed` when the ACK is there → … → `Terminated`. CANCEL, BYE,
//! ring time and a lost connection may end it at any moment; an `Answer` that comes later is ignored.
//!
//! # A call of our own
//! `let call = ua.reserve_call()`, then [`Command::Call`] → `Progress` … → `Accepted` (the ACK was
//! sent) or `Terminated`.
//!
//! # The server role
//! One `Ua` per accepted connection, with [`UaConfig::server`]; `Input::Up` at once, `Input::Down`
//! at its end. REGISTER comes as `Request` with the whole message: verify its digest, then
//! [`Command::Respond`] with 401 and `WWW-Authenticate`, or 200 and the `Contact` as registered with
//! its `expires`. To call the phone: [`Command::Call`] with the URI of its registered Contact as
//! target, `from` (the agent or the centre), `to` (the phone's address of record) and X- headers.
//! Calls that the phone places come as `Incoming`; [`Command::Reject`] with 407 and
//! `Proxy-Authenticate` asks for credentials, and the next INVITE is a new call.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub use super::interface::{CallKey, Cause, Command, EndedBy, Headers, Input, Invitation, Output, RequestKey, UaEvent, UnregisteredBy};
pub use super::rng::Rng;
pub use super::sdp_direction::{SdpDirection, sdp_direction};
pub use super::ua_config::{Limits, Role, UaConfig};

use super::call::{self, Call, Order};
use super::core::{Core, Due, Reply};
use super::dialog::DialogId;
use super::message::{Message, Reject};
use super::registration::Registration;
use super::transaction::{ClientNews, ClientTransaction, Owner};
use std::collections::BTreeMap;
use std::time::Instant;

/// A SIP user agent for one connection at a time. See the module's page for how to drive it.
#[derive(Debug)]
pub struct Ua {
    pub(super) core: Core,
    pub(super) registration: Registration,
    pub(super) calls: BTreeMap<CallKey, Call>,
    pub(super) dialogs: BTreeMap<DialogId, CallKey>,
}

impl Ua {
    /// A user agent whose connection is down.
    #[must_use]
    pub fn new(config: UaConfig, rng: Rng, now: Instant) -> Self {
        let mut core = Core::new(config, rng, now);
        let registration = Registration::new(&mut core);
        Ua { core, registration, calls: BTreeMap::new(), dialogs: BTreeMap::new() }
    }

    /// Takes one input at the time `now`. Never panics, whatever the bytes.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.core.now = self.core.now.max(now);
        self.run_timers();
        match input {
            Input::Up => self.up(),
            Input::Down { reason } => self.down(&reason),
            Input::Frame(bytes) => self.frame(&bytes),
            Input::Command(command) => self.command(command),
            Input::Tick => {}
        }
        self.sweep();
    }

    /// The next thing to send or to tell, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.core.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.core.timers.next_deadline()
    }

    /// A fresh key for [`Command::Call`].
    pub fn reserve_call(&mut self) -> CallKey {
        self.core.call_key()
    }

    /// Whether the server holds our registration now.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.registration.is_registered()
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &UaConfig {
        &self.core.config
    }

    /// What is kept at this moment: (calls, dialogs, client transactions, server transactions,
    /// deadlines). For tests of its bounds, and for stats.
    #[must_use]
    pub fn load(&self) -> (usize, usize, usize, usize, usize) {
        (self.calls.len(), self.dialogs.len(), self.core.clients.len(), self.core.servers.len(), self.core.timers.len())
    }

    fn up(&mut self) {
        if std::mem::replace(&mut self.core.up, true) {
            self.down("replaced by another connection");
            self.core.up = true;
        }
        self.registration.up(&mut self.core);
        for call in self.calls.values_mut() {
            call.up(&mut self.core);
        }
    }

    fn down(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.core.up, false) {
            return;
        }
        // Calls and registration hear of it by themselves; requests of nobody are lost.
        self.core.drop_transactions();
        self.registration.down(&mut self.core, reason);
        for call in self.calls.values_mut() {
            call.down(&mut self.core);
        }
    }

    fn run_timers(&mut self) {
        while let Some(due) = self.core.timers.due(self.core.now) {
            match due {
                Due::Client(branch) => {
                    if let Some(transaction) = self.core.client_timeout(&branch) {
                        self.client_timeout(&transaction);
                    }
                }
                Due::Server(key) => {
                    self.core.forget_server(&key);
                }
                Due::Registration(what) => self.registration.due(&mut self.core, what),
                Due::Call(key, what) => {
                    if let Some(call) = self.calls.get_mut(&key) {
                        call.due(&mut self.core, what);
                    }
                }
            }
        }
    }

    /// Forgets calls that are over and indexes the dialogs of those that are not.
    fn sweep(&mut self) {
        let over: Vec<CallKey> = self.calls.values().filter(|call| call.is_over()).map(|call| call.key).collect();
        for key in over {
            if let Some(mut call) = self.calls.remove(&key) {
                call.clear(&mut self.core);
                if let Some(dialog) = &call.dialog {
                    self.dialogs.remove(&dialog.id);
                }
            }
        }
    }

    pub(super) fn index(&mut self, key: CallKey) {
        if let Some(dialog) = self.calls.get(&key).and_then(|call| call.dialog.as_ref()) {
            self.dialogs.insert(dialog.id.clone(), key);
        }
    }

    fn frame(&mut self, bytes: &[u8]) {
        match bytes {
            // A pong of ours, or nothing; a ping (RFC 5626 4.4.1).
            b"" | b"\r\n" => return,
            b"\r\n\r\n" => return self.core.send(b"\r\n".to_vec()),
            _ => {}
        }
        if !self.core.up {
            return;
        }
        if bytes.len() > self.core.config.limits.message_bytes {
            return self.core.notice_drop("it is too long");
        }
        match Message::parse(bytes) {
            Ok(message) if message.is_request() => self.request(&message),
            Ok(message) => self.response(&message),
            Err(Reject { code: Some(code), message: Some(message), why }) => {
                self.core.notice_drop(why);
                self.core.reply_now(&message, Reply { code, bare: true, ..Reply::default() });
            }
            Err(reject) => self.core.notice_drop(reject.why),
        }
    }

    fn command(&mut self, command: Command) {
        let Ua { core, calls, registration, .. } = self;
        match command {
            Command::Register { user, password, authorization_user } => registration.register(core, user, &password, authorization_user),
            Command::RegisterAgain => registration.register_again(core),
            Command::Unregister => registration.unregister(core),
            Command::Call { call, target, to, from, offer, headers } => self.place(Order { call, target, to, from, offer, headers }),
            Command::Answer { call, sdp } => with(calls, call, |call| call.answer(core, &sdp)),
            Command::Reject { call, code, reason, headers } => {
                let code = if (300..=699).contains(&code) { code } else { 480 };
                with(calls, call, |call| call.refuse(core, code, reason.as_deref(), &headers, EndedBy::Local, Cause::Rejected));
            }
            Command::Hangup { call, reason } => with(calls, call, |call| call.hang_up(core, reason)),
            Command::Offer { call, sdp } => with(calls, call, |call| call.offer(core, sdp)),
            Command::WithdrawOffer { call } => with(calls, call, |call| call.withdraw_offer(core)),
            Command::AcceptOffer { call, sdp } => with(calls, call, |call| call.accept_offer(core, &sdp)),
            Command::RejectOffer { call, code } => with(calls, call, |call| call.reject_offer(core, code)),
            Command::Dtmf { call, digit, duration } => with(calls, call, |call| call.dtmf(core, digit, duration)),
            Command::Respond { request, code, reason, headers } => {
                if let Some(key) = core.requests.get(&request).cloned() {
                    let tag = core.new_tag();
                    let code = if (200..=699).contains(&code) { code } else { 500 };
                    let reply = Reply { code, reason: reason.as_deref(), to_tag: &tag, headers: &headers, ..Reply::default() };
                    core.respond(&key, reply);
                }
            }
        }
    }

    pub(super) fn active_calls(&self) -> usize {
        self.calls.values().filter(|call| !call.ended).count()
    }

    fn place(&mut self, order: Order) {
        let key = order.call;
        if self.calls.contains_key(&key) {
            return;
        }
        let placed = if self.active_calls() >= self.core.config.max_calls {
            Err((486, Cause::Busy, "all calls are taken"))
        } else {
            Call::place(&mut self.core, order)
        };
        match placed {
            Ok(call) => {
                self.calls.insert(key, call);
            }
            Err((code, cause, reason)) => self.core.event(UaEvent::Terminated {
                call: key,
                by: EndedBy::Local,
                code,
                cause,
                reason: Some(reason.to_owned()),
                headers: Headers::new(),
            }),
        }
    }

    fn response(&mut self, response: &Message) {
        let core = &mut self.core;
        let Some(news) = core.client_response(response) else { return core.notice_drop("a response that answers no request of ours") };
        match news {
            ClientNews::Provisional { owner: Owner::Invite(key) } => with(&mut self.calls, key, |call| call.progress(core, response)),
            ClientNews::Provisional { .. } => {}
            ClientNews::Success { branch, again: true, .. } => call::further_success(core, &branch, response),
            ClientNews::Success { branch, owner, again: false } => match owner {
                Owner::Invite(key) => {
                    with(&mut self.calls, key, |call| call.accepted(core, &branch, response));
                    self.index(key);
                }
                Owner::ReInvite(key) => with(&mut self.calls, key, |call| call.offer_accepted(core, &branch, response)),
                Owner::Registration | Owner::InDialog(_) | Owner::Nobody | Owner::Abandoned => {}
            },
            ClientNews::Final { transaction } => self.final_response(*transaction, response),
        }
    }

    fn final_response(&mut self, transaction: ClientTransaction, response: &Message) {
        let core = &mut self.core;
        match transaction.owner {
            Owner::Registration => self.registration.response(core, &transaction, response),
            Owner::Invite(key) => with(&mut self.calls, key, |call| call.rejected(core, transaction, response)),
            Owner::ReInvite(key) => with(&mut self.calls, key, |call| call.offer_rejected(core, transaction, response)),
            Owner::InDialog(key) => with(&mut self.calls, key, |call| call.in_dialog_response(core, transaction, response)),
            Owner::Nobody => {
                // A BYE whose call is gone already.
                let mut request = transaction.request;
                if matches!(response.status(), Some(401 | 407))
                    && request.authorization.is_empty()
                    && core.authorize(&mut request, response).is_some()
                {
                    request.cseq = request.cseq.wrapping_add(1) & 0x7fff_ffff;
                    if core.start_client(request, Owner::Nobody).is_err() {
                        log::debug!("a request could not be sent again with credentials");
                    }
                }
            }
            Owner::Abandoned => {}
        }
    }

    fn client_timeout(&mut self, transaction: &ClientTransaction) {
        let core = &mut self.core;
        match transaction.owner {
            Owner::Registration => self.registration.timeout(core, transaction),
            Owner::Invite(key) => with(&mut self.calls, key, |call| call.unanswered(core)),
            Owner::ReInvite(key) => with(&mut self.calls, key, |call| call.our_offer_timed_out(core)),
            Owner::InDialog(_) | Owner::Nobody | Owner::Abandoned => {}
        }
    }
}

fn with(calls: &mut BTreeMap<CallKey, Call>, key: CallKey, act: impl FnOnce(&mut Call)) {
    if let Some(call) = calls.get_mut(&key) {
        act(call);
    }
}
