//! A call of our own: INVITE, its responses, its ACK; CANCEL when the host changes its mind.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{Call, End, Phase, headers_of};
use crate::sip::core::Core;
use crate::sip::dialog::Dialog;
use crate::sip::interface::{CallKey, Cause, EndedBy, Headers, UaEvent};
use crate::sip::message::Message;
use crate::sip::method::Method;
use crate::sip::outgoing_request::{Body, OutgoingRequest};
use crate::sip::transaction::{ClientTransaction, NotSent, Owner};
use crate::sip::{NameAddr, SipUri, escape_user, text};

/// Answers to challenges of one INVITE: one, and one more when only the nonce was stale.
const ANSWERS: u32 = 2;

/// What the command `Call` asks for.
#[derive(Debug)]
pub(in crate::sip) struct Order {
    pub(in crate::sip) call: CallKey,
    pub(in crate::sip) target: String,
    pub(in crate::sip) to: Option<String>,
    pub(in crate::sip) from: Option<String>,
    pub(in crate::sip) offer: Vec<u8>,
    pub(in crate::sip) headers: Headers,
}

/// `value` as a name-addr: a bare URI gets its angle brackets; `None` when it is neither.
fn name_addr(value: &str) -> Option<String> {
    let address = NameAddr::parse(value.as_bytes())?;
    address.uri()?;
    Some(if value.contains('<') { value.to_owned() } else { format!("<{value}>") })
}

/// A SIP URI as it is; anything else without a scheme is a user of our domain.
fn target_uri(core: &Core, target: String) -> Option<String> {
    let scheme = target.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sip:"))
        || target.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("sips:"));
    let uri = if scheme { target } else { format!("sip:{}@{}", escape_user(&target), core.config.domain) };
    SipUri::parse(uri.as_bytes()).is_some().then_some(uri)
}

impl Call {
    /// Sends the INVITE. `Err` with how the call ended when that is not possible; no event was given.
    pub(in crate::sip) fn place(core: &mut Core, order: Order) -> Result<Call, (u16, Cause, &'static str)> {
        let Some(target) = target_uri(core, order.target) else {
            return Err((484, Cause::AddressIncomplete, "the target is no SIP address"));
        };
        let invalid = (400, Cause::InternalError, "To or From is no SIP address");
        let to = match &order.to {
            Some(to) => name_addr(to).ok_or(invalid)?,
            None => format!("<{target}>"),
        };
        let from = match &order.from {
            Some(from) => name_addr(from).ok_or(invalid)?,
            None => core.named(&core.address_of_record()),
        };
        let local_tag = core.new_tag();
        let mut headers = core.config.invite_headers.clone();
        headers.extend(order.headers);
        headers.push(("Contact".into(), core.contact(true)));
        let mut routes: Vec<Vec<u8>> = core.preloaded_route().into_iter().collect();
        routes.extend(core.service_route.iter().cloned());
        let request = OutgoingRequest {
            method: Method::Invite,
            uri: target.into_bytes(),
            routes,
            to: to.into_bytes(),
            from: format!("{from};tag={local_tag}").into_bytes(),
            call_id: core.rng.token(20).into_bytes(),
            cseq: u32::try_from(core.rng.below(10_000)).unwrap_or_default(),
            authorization: Vec::new(),
            headers,
            supported: core.supported(&Method::Invite, false, true),
            body: Some(Body { content_type: "application/sdp", bytes: order.offer }),
        };
        match core.start_client(request, Owner::Invite(order.call)) {
            Ok(branch) => Ok(Call::new(order.call, false, Phase::Calling { branch, local_tag, answers: 0 })),
            Err(NotSent::ConnectionDown) => Err((503, Cause::ConnectionError, "not connected")),
            Err(NotSent::TooMany) => Err((503, Cause::InternalError, "too many transactions")),
        }
    }

    /// Hung up before the answer.
    pub(super) fn cancel_call(&mut self, core: &mut Core) {
        let Phase::Calling { branch, .. } = &self.phase else { return };
        let branch = branch.clone();
        self.end(core, EndedBy::Local, Cause::Canceled, End::code(487));
        core.cancel_client(&branch);
    }

    /// 1xx to our INVITE.
    pub(in crate::sip) fn progress(&mut self, core: &mut Core, response: &Message) {
        if self.ended || !matches!(self.phase, Phase::Calling { .. }) {
            return;
        }
        let sdp = Some(response.body()).filter(|body| !body.is_empty() && response.content_type_is("application/sdp"));
        core.event(UaEvent::Progress {
            call: self.key,
            code: response.status().unwrap_or(100),
            reason: response.reason().into_owned(),
            sdp: sdp.map(<[u8]>::to_vec),
        });
    }

    /// The first 2xx to our INVITE.
    pub(in crate::sip) fn accepted(&mut self, core: &mut Core, branch: &str, response: &Message) {
        let Phase::Calling { local_tag, .. } = &self.phase else { return };
        let Some(dialog) = acknowledge(core, branch, local_tag, response) else { return };
        self.dialog = Some(dialog);
        self.phase = Phase::Up;
        if self.ended {
            // Cancelled too late (RFC 3261 15).
            return self.bye(core, None);
        }
        if response.body().is_empty() || !response.content_type_is("application/sdp") {
            self.end(core, EndedBy::Local, Cause::MissingSdp, End::code(488));
            return self.bye(core, Some((488, "Missing SDP".into())));
        }
        core.event(UaEvent::Accepted { call: self.key, sdp: response.body().to_vec(), headers: headers_of(response) });
    }

    /// A final response other than 2xx to our INVITE; its ACK has been sent.
    pub(in crate::sip) fn rejected(&mut self, core: &mut Core, transaction: ClientTransaction, response: &Message) {
        let code = response.status().unwrap_or(500);
        let Phase::Calling { answers, .. } = &mut self.phase else { return };
        *answers += 1;
        let (first, allowed) = (*answers == 1, *answers <= ANSWERS);
        if matches!(code, 401 | 407)
            && !self.ended
            && allowed
            && let Some((request, stale)) = self.authorized(core, transaction.request, response)
            && (stale || first)
            && let Ok(new_branch) = core.start_client(request, Owner::Invite(self.key))
            && let Phase::Calling { branch, .. } = &mut self.phase
        {
            *branch = new_branch;
            return;
        }
        self.end(core, EndedBy::Remote, Cause::of_status(code), End::of(code, response));
        self.phase = Phase::Over;
    }

    /// No final response came to our INVITE.
    pub(in crate::sip) fn unanswered(&mut self, core: &mut Core) {
        self.end(core, EndedBy::Remote, Cause::RequestTimeout, End::code(408));
        self.phase = Phase::Over;
    }
}

/// Acknowledges a 2xx to an INVITE that makes a dialog, and remembers the ACK for its repetitions.
fn acknowledge(core: &mut Core, branch: &str, local_tag: &str, response: &Message) -> Option<Dialog> {
    let transaction = core.clients.get(branch)?;
    let dialog = Dialog::of_success(&transaction.request, local_tag, response);
    let ack = dialog.ack(core, transaction.request.cseq);
    let bytes = core.send_alone(&ack);
    let transaction = core.clients.get_mut(branch)?;
    transaction.accepted = Some((dialog.id.remote_tag.clone(), bytes));
    Some(dialog)
}

/// A further 2xx to an INVITE of ours: a repetition is acknowledged again; one of another fork is
/// acknowledged and hung up at once (RFC 3261 13.2.2.4).
pub(in crate::sip) fn further_success(core: &mut Core, branch: &str, response: &Message) {
    let Some(transaction) = core.clients.get(branch) else { return };
    let Some((tag, ack)) = &transaction.accepted else { return };
    if response.to().tag().unwrap_or_default() == tag {
        let ack = ack.clone();
        return core.send(ack);
    }
    let from = NameAddr::parse(&transaction.request.from);
    let local_tag = from.and_then(|from| from.tag()).map(|tag| text(tag).into_owned()).unwrap_or_default();
    let mut dialog = Dialog::of_success(&transaction.request, &local_tag, response);
    let ack = dialog.ack(core, transaction.request.cseq);
    core.send_alone(&ack);
    let bye = dialog.request(core, Method::Bye);
    if core.start_client(bye, Owner::Nobody).is_err() {
        log::warn!("BYE to a second fork could not be sent");
    }
}
