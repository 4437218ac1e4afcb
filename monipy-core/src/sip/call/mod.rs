//! One call: its dialog, its offers, its end.
//!
//! - `incoming`: from their INVITE to the ACK.
//! - `reliable_provisional`: the 180 of an INVITE that requires 100rel, and its PRACK.
//! - `outgoing`: from our INVITE to the ACK.
//! - `offers`: re-INVITE and UPDATE, both ways.
//! - `in_dialog`: BYE, INFO, OPTIONS, REFER, NOTIFY and the rest.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod dtmf_relay;
mod in_dialog;
mod incoming;
mod offers;
mod outgoing;
mod reliable_provisional;

pub(super) use incoming::{invitation, refusal};
pub(super) use outgoing::{Order, further_success};
pub(super) use reliable_provisional::TAG as RELIABLE_PROVISIONAL;

use super::core::{CallDue, Core, Due, Reply};
use super::dialog::Dialog;
use super::interface::{CallKey, Cause, EndedBy, Headers, UaEvent};
use super::message::Message;
use super::method::Method;
use super::outgoing_request::OutgoingRequest;
use super::status::reason_header;
use super::text;
use super::timers::TimerId;
use super::transaction::{Owner, ServerKey, TIMEOUT};
use std::time::Duration;

/// How long a BYE that cannot be sent (no ACK yet, connection lost) is kept.
const FORGET: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(super) struct Call {
    pub(super) key: CallKey,
    pub(super) incoming: bool,
    pub(super) dialog: Option<Dialog>,
    phase: Phase,
    /// The terminal event was given.
    pub(super) ended: bool,
    /// A BYE that waits for the ACK, or for the connection; with its Reason.
    held_bye: Option<Option<(u16, String)>>,
    reliable: Option<reliable_provisional::Reliable>,
    ack_wait: Option<AckWait>,
    our_offer: Option<OurOffer>,
    their_offer: Option<TheirOffer>,
    forget: Option<TimerId>,
}

#[derive(Debug)]
enum Phase {
    /// Their INVITE waits for the host.
    Ringing(Ringing),
    /// Our INVITE waits for the far side.
    Calling {
        branch: String,
        local_tag: String,
        answers: u32,
    },
    /// Answered.
    Up,
    Over,
}

#[derive(Debug)]
struct Ringing {
    server: ServerKey,
    has_offer: bool,
    no_answer: Option<TimerId>,
    expires: Option<TimerId>,
    provisional: Option<TimerId>,
}

/// A 2xx of ours that waits for its ACK (RFC 3261 13.3.1.4).
#[derive(Debug)]
struct AckWait {
    server: ServerKey,
    cseq: u32,
    response: Vec<u8>,
    interval: Duration,
    /// The 2xx carried our offer.
    offered: bool,
    /// It answers the INVITE that began the call.
    initial: bool,
    retransmit: Option<TimerId>,
    give_up: Option<TimerId>,
}

/// An offer of ours inside the call.
#[derive(Debug)]
struct OurOffer {
    sdp: Vec<u8>,
    /// `None` while a retry is awaited.
    branch: Option<String>,
    answers: u32,
    tries: u32,
    timer: Option<TimerId>,
}

/// An offer of theirs inside the call that waits for the host.
#[derive(Debug)]
struct TheirOffer {
    server: ServerKey,
    has_offer: bool,
    /// UPDATE, not INVITE.
    update: bool,
    cseq: u32,
    timer: Option<TimerId>,
}

/// How a call ended, for its terminal event.
#[derive(Debug, Default)]
struct End {
    code: u16,
    reason: Option<String>,
    headers: Headers,
}

impl End {
    fn code(code: u16) -> End {
        End { code, ..End::default() }
    }

    /// What the message that ended the call says: its Reason header, else its reason phrase.
    fn of(code: u16, message: &Message) -> End {
        let reason = match message.other_text("Reason") {
            Some(reason) => Some(reason.into_owned()),
            None => Some(message.reason().into_owned()).filter(|reason| !reason.is_empty()),
        };
        End { code, reason, headers: headers_of(message) }
    }
}

/// Every header of a message, compact names spelled out.
pub(super) fn headers_of(message: &Message) -> Headers {
    message
        .all_headers()
        .map(|(name, value)| {
            let known = super::HeaderName::parse(name);
            let name = if name.len() == 1 && known != super::HeaderName::Other { known.as_str().into() } else { text(name).into_owned() };
            (name, text(value).into_owned())
        })
        .collect()
}

impl Call {
    fn new(key: CallKey, incoming: bool, phase: Phase) -> Self {
        Call {
            key,
            incoming,
            dialog: None,
            phase,
            ended: false,
            held_bye: None,
            reliable: None,
            ack_wait: None,
            our_offer: None,
            their_offer: None,
            forget: None,
        }
    }

    /// Nothing is left to do for it.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.held_bye.is_none() && self.ack_wait.is_none() && !matches!(self.phase, Phase::Calling { .. })
    }

    /// Answered, both ways, and not ended.
    fn is_up(&self) -> bool {
        !self.ended && matches!(self.phase, Phase::Up) && !self.awaits_first_ack()
    }

    fn awaits_first_ack(&self) -> bool {
        self.ack_wait.as_ref().is_some_and(|wait| wait.initial)
    }

    /// Gives the terminal event, once, and stops what only a living call needs.
    fn end(&mut self, core: &mut Core, by: EndedBy, cause: Cause, end: End) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.stop_reliable(core);
        if let Phase::Ringing(ringing) = &mut self.phase {
            core.timers.cancel(&mut ringing.no_answer);
            core.timers.cancel(&mut ringing.expires);
            core.timers.cancel(&mut ringing.provisional);
            self.phase = Phase::Over;
        }
        if let Some(mut offer) = self.our_offer.take() {
            core.timers.cancel(&mut offer.timer);
            core.abandon_client(offer.branch.as_deref());
        }
        if let Some(mut offer) = self.their_offer.take() {
            core.timers.cancel(&mut offer.timer);
            core.respond(&offer.server, Reply { code: 487, ..Reply::default() });
        }
        if self.ack_wait.as_ref().is_some_and(|wait| !wait.initial) {
            self.stop_ack_wait(core);
        }
        let End { code, reason, headers } = end;
        core.event(UaEvent::Terminated { call: self.key, by, code, cause, reason, headers });
    }

    /// Sends BYE as soon as that is allowed: now, with the ACK, or with the next connection.
    fn bye(&mut self, core: &mut Core, reason: Option<(u16, String)>) {
        if self.dialog.is_none() {
            return;
        }
        if !core.up || self.awaits_first_ack() {
            self.held_bye = Some(reason);
            core.timers.cancel(&mut self.forget);
            self.forget = Some(core.timers.set(core.now + FORGET, Due::Call(self.key, CallDue::Forget)));
            return;
        }
        self.send_bye(core, reason);
    }

    fn send_bye(&mut self, core: &mut Core, reason: Option<(u16, String)>) {
        self.held_bye = None;
        core.timers.cancel(&mut self.forget);
        self.phase = Phase::Over;
        let Some(dialog) = &mut self.dialog else { return };
        let mut request = dialog.request(core, Method::Bye);
        if let Some((code, text)) = reason {
            request.headers.push(("Reason".into(), reason_header(code, &text)));
        }
        if core.start_client(request, Owner::Nobody).is_err() {
            log::warn!("BYE of call {} could not be sent", self.key.0);
        }
    }

    /// The command `Hangup`.
    pub(super) fn hang_up(&mut self, core: &mut Core, reason: Option<(u16, String)>) {
        if self.ended {
            return;
        }
        match &self.phase {
            Phase::Ringing(_) => self.refuse(core, 480, None, &[], EndedBy::Local, Cause::Rejected),
            Phase::Calling { .. } => self.cancel_call(core),
            Phase::Up => {
                self.end(core, EndedBy::Local, Cause::Terminated, End { reason: reason.clone().map(|r| r.1), ..End::code(200) });
                self.bye(core, reason);
            }
            Phase::Over => {}
        }
    }

    /// A deadline of this call is due.
    pub(super) fn due(&mut self, core: &mut Core, what: CallDue) {
        match what {
            CallDue::NoAnswer => self.refuse(core, 408, None, &[], EndedBy::Local, Cause::NoAnswer),
            CallDue::Expires => self.refuse(core, 487, None, &[], EndedBy::System, Cause::Expires),
            CallDue::Provisional => self.repeat_ringing(core),
            CallDue::Unacknowledged => self.repeat_reliable(core),
            CallDue::Retransmit => self.retransmit_success(core),
            CallDue::NoAck => self.no_ack(core),
            CallDue::RetryOffer => self.retry_offer(core),
            CallDue::OfferTimeout => self.our_offer_timed_out(core),
            CallDue::AnswerTimeout => self.their_offer_unanswered(core),
            CallDue::Forget => {
                self.held_bye = None;
                self.phase = Phase::Over;
                self.stop_ack_wait(core);
            }
        }
    }

    /// The connection is open again: a BYE that waited for it goes out.
    pub(super) fn up(&mut self, core: &mut Core) {
        if !self.awaits_first_ack()
            && let Some(reason) = self.held_bye.take()
        {
            self.send_bye(core, reason);
        }
    }

    /// The connection is gone and its transactions with it. Answered calls stay.
    pub(super) fn down(&mut self, core: &mut Core) {
        if !matches!(self.phase, Phase::Up | Phase::Over) {
            self.end(core, EndedBy::System, Cause::ConnectionError, End::code(503));
            self.phase = Phase::Over;
        }
        if self.ended {
            return;
        }
        if let Some(mut offer) = self.their_offer.take() {
            core.timers.cancel(&mut offer.timer);
            core.event(UaEvent::RemoteOfferCancelled { call: self.key });
        }
        if self.our_offer.is_some() {
            self.fail_offer(core, 503, "connection lost");
        }
    }

    /// Takes back every deadline, before the call is forgotten.
    pub(super) fn clear(&mut self, core: &mut Core) {
        self.stop_reliable(core);
        core.timers.cancel(&mut self.forget);
        self.stop_ack_wait(core);
    }

    /// Starts to wait for the ACK of a 2xx that was just sent.
    fn await_ack(&mut self, core: &mut Core, server: ServerKey, cseq: u32, response: Vec<u8>, offered: bool, initial: bool) {
        self.stop_ack_wait(core);
        let interval = Duration::from_millis(500);
        self.ack_wait = Some(AckWait {
            server,
            cseq,
            response,
            interval,
            offered,
            initial,
            retransmit: Some(core.timers.set(core.now + interval, Due::Call(self.key, CallDue::Retransmit))),
            give_up: Some(core.timers.set(core.now + TIMEOUT, Due::Call(self.key, CallDue::NoAck))),
        });
    }

    fn stop_ack_wait(&mut self, core: &mut Core) {
        if let Some(mut wait) = self.ack_wait.take() {
            core.timers.cancel(&mut wait.retransmit);
            core.timers.cancel(&mut wait.give_up);
        }
    }

    /// 0.5, 1, 2, 4, 4 ... s (RFC 3261 13.3.1.4). Not on another connection than the INVITE's.
    fn retransmit_success(&mut self, core: &mut Core) {
        let Some(wait) = &mut self.ack_wait else { return };
        if core.servers.contains_key(&wait.server) {
            let bytes = wait.response.clone();
            wait.interval = (wait.interval * 2).min(Duration::from_secs(4));
            wait.retransmit = Some(core.timers.set(core.now + wait.interval, Due::Call(self.key, CallDue::Retransmit)));
            core.send(bytes);
        }
    }

    fn no_ack(&mut self, core: &mut Core) {
        self.stop_ack_wait(core);
        self.end(core, EndedBy::Remote, Cause::NoAck, End::code(408));
        let reason = self.held_bye.take().flatten();
        self.bye(core, reason);
    }

    /// Sends a request of the call again with credentials; `None` when that is not possible.
    fn authorized(&mut self, core: &mut Core, mut request: OutgoingRequest, challenge: &Message) -> Option<(OutgoingRequest, bool)> {
        let (stale, _) = core.authorize(&mut request, challenge)?;
        request.cseq = match &mut self.dialog {
            Some(dialog) => dialog.next_number(),
            None => request.cseq.wrapping_add(1) & 0x7fff_ffff,
        };
        Some((request, stale))
    }
}
