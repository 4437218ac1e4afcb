//! A call that comes in: 100, 180, and one of 200, a refusal, CANCEL, BYE, or nobody answers.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::reliable_provisional;
use super::{AckWait, Call, End, Phase, Ringing};
use crate::sip::core::{CallDue, Core, Due, Reply};
use crate::sip::dialog::Dialog;
use crate::sip::interface::{Cause, EndedBy, Invitation, UaEvent};
use crate::sip::message::Message;
use crate::sip::transaction::ServerKey;
use crate::sip::{HeaderName, text};
use std::time::Duration;

/// A provisional response is repeated this often, for proxies (RFC 3261 13.3.1.1).
const PROVISIONAL: Duration = Duration::from_secs(60);

/// What an out-of-dialog request says of its sender.
pub(in crate::sip) fn invitation(request: &Message) -> Box<Invitation> {
    let from = request.from();
    Box::new(Invitation {
        from_display: from.display_name().unwrap_or_default(),
        from_uri: from.uri_text().into_owned(),
        to_uri: request.to().uri_text().into_owned(),
        request_uri: text(request.request_uri_bytes()).into_owned(),
        sip_call_id: text(request.call_id()).into_owned(),
        headers: super::headers_of(request),
    })
}

impl Call {
    /// Begins to ring. `server` is the INVITE's transaction, whose 100 has been sent.
    pub(in crate::sip) fn ring(core: &mut Core, server: ServerKey, dialog: Dialog, invite: &Message) -> Call {
        let key = core.call_key();
        let offer = Some(invite.body().to_vec()).filter(|body| !body.is_empty());
        let ring_time = core.config.ring_time;
        let mut set = |after: Duration, what| Some(core.timers.set(core.now + after, Due::Call(key, what)));
        let ringing = Ringing {
            server: server.clone(),
            has_offer: offer.is_some(),
            no_answer: set(ring_time, CallDue::NoAnswer),
            expires: invite
                .expires()
                .filter(|&seconds| Duration::from_secs(u64::from(seconds)) < ring_time)
                .and_then(|seconds| set(Duration::from_secs(u64::from(seconds)), CallDue::Expires)),
            provisional: set(PROVISIONAL, CallDue::Provisional),
        };
        let tag = text(&dialog.id.local_tag).into_owned();
        let mut call = Call::new(key, true, Phase::Ringing(ringing));
        call.dialog = Some(dialog);
        let has_offer = offer.is_some();
        core.event(UaEvent::Incoming { call: key, invitation: invitation(invite), offer });
        match reliable_provisional::required(invite) {
            false => drop(core.respond(&server, Reply { code: 180, to_tag: &tag, contact: true, ..Reply::default() })),
            true if has_offer => call.ring_reliably(core),
            // The first reliable response would have to carry our offer (RFC 3261 13.2.1), which
            // there is not before the answer: it rings without a word, and the 200 carries it.
            true => {}
        }
        core.event(UaEvent::Ringing { call: key });
        call
    }

    pub(super) fn local_tag(&self) -> String {
        self.dialog.as_ref().map(|dialog| text(&dialog.id.local_tag).into_owned()).unwrap_or_default()
    }

    pub(super) fn repeat_ringing(&mut self, core: &mut Core) {
        if self.reliable.is_some() {
            self.ring_reliably(core);
        } else if let Phase::Ringing(ringing) = &self.phase {
            core.repeat_provisional(&ringing.server);
        }
        if let Phase::Ringing(ringing) = &mut self.phase {
            ringing.provisional = Some(core.timers.set(core.now + PROVISIONAL, Due::Call(self.key, CallDue::Provisional)));
        }
    }

    /// The command `Answer`.
    pub(in crate::sip) fn answer(&mut self, core: &mut Core, sdp: &[u8]) {
        let tag = self.local_tag();
        if !matches!(self.phase, Phase::Ringing(_)) {
            return;
        }
        self.stop_reliable(core);
        let Phase::Ringing(ringing) = &mut self.phase else { return };
        core.timers.cancel(&mut ringing.no_answer);
        core.timers.cancel(&mut ringing.expires);
        core.timers.cancel(&mut ringing.provisional);
        let (server, offered) = (ringing.server.clone(), !ringing.has_offer);
        self.phase = Phase::Up;
        let reply = Reply { code: 200, to_tag: &tag, contact: true, sdp: Some(sdp), ..Reply::default() };
        let cseq = core.servers.get(&server).map_or(0, |transaction| transaction.request.cseq().number);
        match core.respond(&server, reply) {
            Some(response) => self.await_ack(core, server, cseq, response, offered, true),
            None => {
                self.end(core, EndedBy::System, Cause::InternalError, End::code(500));
                self.phase = Phase::Over;
            }
        }
    }

    /// Refuses a ringing call with a final response.
    pub(in crate::sip) fn refuse(
        &mut self,
        core: &mut Core,
        code: u16,
        reason: Option<&str>,
        headers: &[(String, String)],
        by: EndedBy,
        cause: Cause,
    ) {
        let tag = self.local_tag();
        let Phase::Ringing(ringing) = &self.phase else { return };
        let server = ringing.server.clone();
        self.end(core, by, cause, End { reason: reason.map(str::to_owned), ..End::code(code) });
        core.respond(&server, Reply { code, reason, to_tag: &tag, headers, ..Reply::default() });
    }

    /// CANCEL arrived for this call's INVITE, or for a re-INVITE of it; its 200 has been sent.
    pub(in crate::sip) fn cancelled(&mut self, core: &mut Core, cancel: &Message) {
        let tag = self.local_tag();
        if let Phase::Ringing(ringing) = &self.phase {
            let server = ringing.server.clone();
            core.respond(&server, Reply { code: 487, to_tag: &tag, ..Reply::default() });
            self.end(core, EndedBy::Remote, Cause::Canceled, End::of(487, cancel));
        } else if self.their_offer.as_ref().is_some_and(|offer| !offer.update) {
            self.their_offer_withdrawn(core, 487);
        }
    }

    /// BYE arrived before the call was answered; its 200 has been sent.
    pub(super) fn early_bye(&mut self, core: &mut Core, bye: &Message) {
        let tag = self.local_tag();
        if let Phase::Ringing(ringing) = &self.phase {
            let server = ringing.server.clone();
            self.end(core, EndedBy::Remote, Cause::Terminated, End::of(487, bye));
            core.respond(&server, Reply { code: 487, reason: Some("BYE Received"), to_tag: &tag, ..Reply::default() });
        }
    }

    /// An ACK of this call arrived.
    pub(in crate::sip) fn acknowledged(&mut self, core: &mut Core, ack: &Message) {
        if self.ack_wait.as_ref().is_none_or(|wait| wait.cseq != ack.cseq().number) {
            return;
        }
        let Some(AckWait { offered, initial, ref server, .. }) = self.ack_wait else { return };
        core.acknowledge_success(server);
        self.stop_ack_wait(core);
        if self.ended {
            // Hung up before the ACK: now the BYE may go.
            if let Some(reason) = self.held_bye.take() {
                self.bye(core, reason);
            }
            return;
        }
        let answer = Some(ack.body()).filter(|body| !body.is_empty() && ack.content_type_is("application/sdp"));
        if offered && answer.is_none() {
            self.end(core, EndedBy::Local, Cause::MissingSdp, End::code(400));
            return self.bye(core, Some((400, "Missing SDP".into())));
        }
        match (initial, answer) {
            (true, answer) => {
                let sdp = answer.filter(|_| offered).map(<[u8]>::to_vec);
                core.event(UaEvent::Confirmed { call: self.key, sdp });
            }
            (false, Some(answer)) if offered => core.event(UaEvent::OfferAnswered { call: self.key, sdp: answer.to_vec() }),
            (false, _) => {}
        }
        self.offer_after_theirs(core);
    }
}

/// Why an INVITE outside a dialog cannot ring, in the order in which JsSIP looks.
pub(in crate::sip) fn refusal(invite: &Message) -> Option<(u16, Option<&'static str>)> {
    if invite.contact().and_then(|contact| contact.uri()).is_none() {
        return Some((500, Some("Missing Contact header field")));
    }
    unsupported_body(invite).then_some((415, None))
}

/// A body that is not one plain session description. An empty body of another type than that was
/// meant to be something, too.
pub(in crate::sip) fn unsupported_body(request: &Message) -> bool {
    if request.body().is_empty() {
        return request.content_type().is_some_and(|name| !name.trim_ascii().is_empty()) && !request.content_type_is("application/sdp");
    }
    let encoded = request.header(HeaderName::ContentEncoding).is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    encoded || !request.content_type_is("application/sdp")
}
