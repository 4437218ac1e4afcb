//! New offers inside a call (RFC 3261 14, RFC 3311): ours by re-INVITE, theirs by re-INVITE or
//! UPDATE, and what happens when both come at once.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::incoming::unsupported_body;
use super::{Call, End, OurOffer, TheirOffer};
use crate::sip::HeaderName;
use crate::sip::core::{CallDue, Core, Due, Reply};
use crate::sip::interface::{Cause, EndedBy, UaEvent};
use crate::sip::message::Message;
use crate::sip::method::Method;
use crate::sip::outgoing_request::Body;
use crate::sip::sdp_direction::{SdpDirection, sdp_direction};
use crate::sip::status::reason_phrase;
use crate::sip::transaction::{ClientTransaction, Owner, ServerOwner, TIMEOUT};
use std::time::Duration;

/// Times an offer is sent when the far side asks for patience (491, 500 with Retry-After).
const TRIES: u32 = 6;
/// The far side has this long to answer an offer of ours.
const PATIENCE: Duration = Duration::from_secs(60);

impl Call {
    /// The command `Offer`.
    pub(in crate::sip) fn offer(&mut self, core: &mut Core, sdp: Vec<u8>) {
        if self.ended {
            return;
        }
        if !self.is_up() || self.our_offer.is_some() || self.their_offer.is_some() {
            let reason = reason_phrase(491).to_owned();
            return core.event(UaEvent::OfferFailed { call: self.key, code: 491, reason });
        }
        self.our_offer = Some(OurOffer { sdp, branch: None, answers: 0, tries: 0, timer: None });
        if self.ack_wait.is_none() {
            self.send_offer(core);
        }
        // Else theirs was answered and its ACK is on the way: ours follows it (RFC 3261 14.1).
    }

    /// The ACK of an offer of theirs is here: an offer of ours that waited for it goes out.
    pub(super) fn offer_after_theirs(&mut self, core: &mut Core) {
        if !self.ended && self.our_offer.as_ref().is_some_and(|offer| offer.tries == 0) {
            self.send_offer(core);
        }
    }

    fn send_offer(&mut self, core: &mut Core) {
        let (Some(offer), Some(dialog)) = (&mut self.our_offer, &mut self.dialog) else { return };
        let mut request = dialog.request(core, Method::Invite);
        request.headers.push(("Contact".into(), core.contact(false)));
        request.body = Some(Body { content_type: "application/sdp", bytes: offer.sdp.clone() });
        offer.tries += 1;
        core.timers.cancel(&mut offer.timer);
        match core.start_client(request, Owner::ReInvite(self.key)) {
            Ok(branch) => {
                offer.branch = Some(branch);
                offer.timer = Some(core.timers.set(core.now + PATIENCE, Due::Call(self.key, CallDue::OfferTimeout)));
            }
            Err(_) => self.fail_offer(core, 503, "not connected"),
        }
    }

    /// Ends our offer without success; the call stays.
    pub(super) fn fail_offer(&mut self, core: &mut Core, code: u16, reason: &str) {
        let Some(mut offer) = self.our_offer.take() else { return };
        core.timers.cancel(&mut offer.timer);
        core.event(UaEvent::OfferFailed { call: self.key, code, reason: reason.to_owned() });
    }

    /// The command `WithdrawOffer`. An offer that is on its way cannot be taken back.
    pub(in crate::sip) fn withdraw_offer(&mut self, core: &mut Core) {
        if self.our_offer.as_ref().is_some_and(|offer| offer.branch.is_none())
            && let Some(mut offer) = self.our_offer.take()
        {
            core.timers.cancel(&mut offer.timer);
        }
    }

    /// The moment to send our offer again has come.
    pub(super) fn retry_offer(&mut self, core: &mut Core) {
        if self.their_offer.is_some() || self.ack_wait.is_some() {
            // Theirs goes first.
            self.retry_offer_after(core, Duration::from_millis(500));
        } else if core.up {
            self.send_offer(core);
        } else {
            self.fail_offer(core, 503, "not connected");
        }
    }

    fn retry_offer_after(&mut self, core: &mut Core, wait: Duration) {
        let Some(offer) = &mut self.our_offer else { return };
        offer.branch = None;
        core.timers.cancel(&mut offer.timer);
        offer.timer = Some(core.timers.set(core.now + wait, Due::Call(self.key, CallDue::RetryOffer)));
    }

    /// A 2xx to a re-INVITE of ours.
    pub(in crate::sip) fn offer_accepted(&mut self, core: &mut Core, branch: &str, response: &Message) {
        let Some(dialog) = &mut self.dialog else { return };
        dialog.refresh_target(response);
        let Some(cseq) = core.clients.get(branch).map(|transaction| transaction.request.cseq) else { return };
        let ack = dialog.ack(core, cseq);
        let tag = dialog.id.remote_tag.clone();
        let bytes = core.send_alone(&ack);
        if let Some(transaction) = core.clients.get_mut(branch) {
            transaction.accepted = Some((tag, bytes));
        }
        if self.our_offer.as_ref().is_none_or(|offer| offer.branch.as_deref() != Some(branch)) {
            return;
        }
        if response.body().is_empty() || !response.content_type_is("application/sdp") {
            return self.fail_offer(core, 488, "the 2xx has no answer");
        }
        if let Some(mut offer) = self.our_offer.take() {
            core.timers.cancel(&mut offer.timer);
        }
        core.event(UaEvent::OfferAnswered { call: self.key, sdp: response.body().to_vec() });
    }

    /// A final response other than 2xx to a re-INVITE of ours; its ACK has been sent.
    pub(in crate::sip) fn offer_rejected(&mut self, core: &mut Core, transaction: ClientTransaction, response: &Message) {
        let code = response.status().unwrap_or(500);
        let retry_after = response.seconds(HeaderName::RetryAfter);
        let Some(offer) = &mut self.our_offer else { return };
        offer.branch = None;
        match code {
            401 | 407 if offer.answers == 0 => {
                offer.answers = 1;
                let sent = self
                    .authorized(core, transaction.request, response)
                    .and_then(|(request, _)| core.start_client(request, Owner::ReInvite(self.key)).ok());
                match (sent, &mut self.our_offer) {
                    (Some(branch), Some(offer)) => offer.branch = Some(branch),
                    _ => self.fail_offer(core, code, &response.reason()),
                }
            }
            408 | 481 => self.dialog_gone(core, code, response),
            491 if offer.tries < TRIES => {
                // RFC 3261 14.1: the owner of the Call-ID waits longer, in steps of 10 ms.
                let (least, steps) = if self.incoming { (0, 201) } else { (2100, 191) };
                let wait = Duration::from_millis(least + 10 * core.rng.below(steps));
                self.retry_offer_after(core, wait);
            }
            500 | 503 if offer.tries < TRIES && retry_after.is_some_and(|seconds| seconds <= 30) => {
                self.retry_offer_after(core, Duration::from_secs(u64::from(retry_after.unwrap_or(1))));
            }
            _ => self.fail_offer(core, code, &response.reason()),
        }
    }

    /// The far side does not know this call any more (RFC 3261 12.2.1.2).
    pub(super) fn dialog_gone(&mut self, core: &mut Core, code: u16, response: &Message) {
        self.end(core, EndedBy::Remote, Cause::DialogError, End::of(code, response));
        self.bye(core, Some((500, "Dialog Error".into())));
    }

    /// No response, or no final response, came to our offer.
    pub(in crate::sip) fn our_offer_timed_out(&mut self, core: &mut Core) {
        if self.our_offer.is_none() {
            return;
        }
        self.end(core, EndedBy::Remote, Cause::RequestTimeout, End::code(408));
        self.bye(core, Some((408, "Request Timeout".into())));
    }

    /// A re-INVITE arrived; its 100 is to be sent by `core.start_server`'s caller.
    pub(super) fn re_invited(&mut self, core: &mut Core, request: &Message) {
        if !core.has_room(false) {
            return core.reply_now(request, Reply { code: 503, ..Reply::default() });
        }
        let server = core.start_server(request.clone(), ServerOwner::Nobody);
        core.respond(&server, Reply { code: 100, ..Reply::default() });
        let refusal = if !self.is_up() {
            if self.ended || self.awaits_first_ack() { Some((403, Some("Wrong Status"))) } else { Some((500, None)) }
        } else if self.our_offer.as_ref().is_some_and(|offer| offer.branch.is_some()) {
            Some((491, None))
        } else if self.their_offer.is_some() || self.ack_wait.is_some() {
            Some((500, None))
        } else if unsupported_body(request) {
            Some((415, None))
        } else {
            None
        };
        match refusal {
            Some((code, reason)) => {
                let headers = retry_after(core, code);
                core.respond(&server, Reply { code, reason, headers: &headers, ..Reply::default() });
            }
            None => self.take_offer(core, request, server, false),
        }
    }

    /// An UPDATE arrived.
    pub(super) fn updated(&mut self, core: &mut Core, request: &Message) {
        let refusal = if !self.is_up() {
            Some((403, Some("Wrong Status")))
        } else if request.body().is_empty() {
            if let Some(dialog) = &mut self.dialog {
                dialog.refresh_target(request);
            }
            return core.reply_now(request, Reply { code: 200, contact: true, ..Reply::default() });
        } else if unsupported_body(request) {
            Some((415, None))
        } else if self.our_offer.as_ref().is_some_and(|offer| offer.branch.is_some()) {
            Some((491, None))
        } else if self.their_offer.is_some() || self.ack_wait.is_some() {
            Some((500, None))
        } else if !core.has_room(false) {
            Some((503, None))
        } else {
            None
        };
        if let Some((code, reason)) = refusal {
            let headers = retry_after(core, code);
            return core.reply_now(request, Reply { code, reason, headers: &headers, ..Reply::default() });
        }
        let server = core.start_server(request.clone(), ServerOwner::Nobody);
        self.take_offer(core, request, server, true);
    }

    fn take_offer(&mut self, core: &mut Core, request: &Message, server: crate::sip::transaction::ServerKey, update: bool) {
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(request);
        }
        if let Some(transaction) = core.servers.get_mut(&server) {
            transaction.owner = ServerOwner::Offer(self.key);
        }
        let offer = Some(request.body().to_vec()).filter(|body| !body.is_empty());
        let direction = offer.as_deref().map_or(SdpDirection::SendRecv, sdp_direction);
        self.their_offer = Some(TheirOffer {
            server,
            has_offer: offer.is_some(),
            update,
            cseq: request.cseq().number,
            timer: Some(core.timers.set(core.now + TIMEOUT, Due::Call(self.key, CallDue::AnswerTimeout))),
        });
        core.event(UaEvent::RemoteOffer { call: self.key, offer, direction });
    }

    /// The command `AcceptOffer`.
    pub(in crate::sip) fn accept_offer(&mut self, core: &mut Core, sdp: &[u8]) {
        let Some(mut offer) = self.their_offer.take() else { return };
        core.timers.cancel(&mut offer.timer);
        let reply = Reply { code: 200, contact: true, sdp: Some(sdp), ..Reply::default() };
        if let Some(response) = core.respond(&offer.server, reply)
            && !offer.update
        {
            self.await_ack(core, offer.server, offer.cseq, response, !offer.has_offer, false);
        }
    }

    /// The command `RejectOffer`.
    pub(in crate::sip) fn reject_offer(&mut self, core: &mut Core, code: u16) {
        let Some(mut offer) = self.their_offer.take() else { return };
        core.timers.cancel(&mut offer.timer);
        let code = if (400..=699).contains(&code) { code } else { 488 };
        core.respond(&offer.server, Reply { code, ..Reply::default() });
    }

    /// Their offer needs no answer any more.
    pub(super) fn their_offer_withdrawn(&mut self, core: &mut Core, code: u16) {
        let Some(mut offer) = self.their_offer.take() else { return };
        core.timers.cancel(&mut offer.timer);
        core.respond(&offer.server, Reply { code, ..Reply::default() });
        core.event(UaEvent::RemoteOfferCancelled { call: self.key });
    }

    /// The host let their offer lie.
    pub(super) fn their_offer_unanswered(&mut self, core: &mut Core) {
        self.their_offer_withdrawn(core, 500);
    }
}

/// The far side shall come again in 1 to 10 s (RFC 3261 14.2).
fn retry_after(core: &mut Core, code: u16) -> Vec<(String, String)> {
    if code == 500 { vec![("Retry-After".into(), (1 + core.rng.below(10)).to_string())] } else { Vec::new() }
}
