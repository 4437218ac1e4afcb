//! Offers and answers, hold, and what the media side reports.

use super::calls::MEDIA_TIME;
use super::machine::{Link, Machine, MediaInput, MediaOp, Negotiation, Purpose, PutOff, Stage, Token, parties_of};
use crate::audio::AudioEvent;
use crate::call::{CallId, CallState};
use crate::error::Error;
use crate::event::{Detail, Direction, EventKind, Whom};
use crate::media::{MediaDirection, MediaEvent, Negotiated, OfferError, OfferKind};
use crate::sip::ua::{Command as UaCommand, EndedBy, SdpDirection};
use crate::vocabulary::code;
use std::time::Duration;

/// How long a lost connection may come back by itself before a fresh one is offered.
const RESTART_AFTER: Duration = Duration::from_secs(3);
/// How long a fresh connection may take before the next is offered, and how many are.
const RESTART_TIME: Duration = Duration::from_secs(10);
const MAX_RESTARTS: u32 = 3;
/// Who hangs up closes the media and sends a BYE, and either may come first: so long the BYE is waited
/// for, whose reason is the far side's own.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long a change of ours waits after one of the far side went first, and how often.
const AFTER_YOU: Duration = Duration::from_millis(500);
const MAX_PUT_OFF: u32 = 6;

impl Machine {
    // --- Hold ---

    pub(crate) fn hold(&mut self, call: CallId, hold: bool, token: Option<Token>) {
        let Some(id) = self.find(call) else {
            return self.wrong_state(None, token, Error::invalid_state("call not found"));
        };
        let Some(entry) = self.calls.get_mut(&id) else { return };
        let refusal = if entry.state != CallState::Answered {
            Some("hold not allowed: the call is not answered")
        } else if entry.on_hold == hold {
            Some(if hold { "call already in hold" } else { "call not in hold" })
        } else if entry.negotiation != Negotiation::None || entry.put_off.is_some() {
            Some("hold not allowed: another change of the call is under way, try again")
        } else {
            None
        };
        if let Some(status) = refusal {
            return self.wrong_state(Some(id), token, Error::invalid_state(status));
        }
        if self.link != Link::Up {
            return self.wrong_state(
                Some(id),
                token,
                Error::new(code::NOT_CONNECTED, "the link to the server is down: wait for `connected`"),
            );
        }
        entry.times_put_off = 0;
        let purpose = if hold { Purpose::Hold(token) } else { Purpose::Unhold(token) };
        self.offer(id, purpose, hold, OfferKind::Same);
    }

    /// A change of ours that was put off is offered anew, from what is in force now.
    pub(crate) fn offer_again(&mut self, id: CallId) {
        let (now, up) = (self.now, self.link == Link::Up);
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if entry.negotiation != Negotiation::None {
            if let Some(put_off) = &mut entry.put_off {
                put_off.at = now + AFTER_YOU;
            }
            return;
        }
        let Some(PutOff { purpose, .. }) = entry.put_off.take() else { return };
        let on_hold = match purpose {
            Purpose::Hold(_) => true,
            Purpose::Unhold(_) => false,
            Purpose::Restart => entry.on_hold,
        };
        if up {
            return self.offer(id, purpose, on_hold, if purpose == Purpose::Restart { OfferKind::Fresh } else { OfferKind::Same });
        }
        if let Purpose::Hold(token) | Purpose::Unhold(token) = purpose {
            let error = Error::new(code::NOT_CONNECTED, "the link to the server was lost meanwhile");
            self.wrong_state(Some(id), token, error);
        }
    }

    fn offer(&mut self, id: CallId, purpose: Purpose, on_hold: bool, kind: OfferKind) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        entry.negotiation = Negotiation::Ours { purpose, stage: Stage::Making };
        let direction = wanted_direction(on_hold, entry.held_by_other);
        self.media(id, MediaOp::CreateOffer { direction, kind });
    }

    // --- The far side's offers ---

    pub(crate) fn remote_offer(&mut self, id: CallId, offer: Option<Vec<u8>>, direction: SdpDirection) {
        let now = self.now;
        let Some(entry) = self.calls.get_mut(&id) else { return };
        // The user agent hands on an offer of theirs only while none of ours is on its way: ours has met
        // a 491 and waits. It makes way, and is made anew when theirs is done (RFC 3261 14.1).
        if let Negotiation::Ours { purpose, stage: Stage::Sent } = entry.negotiation {
            entry.negotiation = Negotiation::None;
            entry.times_put_off += 1;
            entry.put_off = Some(PutOff { purpose, at: now + AFTER_YOU });
            let key = entry.key;
            self.media(id, MediaOp::Rollback);
            self.ua_command(UaCommand::WithdrawOffer { call: key });
        }
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if entry.negotiation != Negotiation::None || entry.state != CallState::Answered {
            let key = entry.key;
            return self.ua_command(UaCommand::RejectOffer { call: key, code: 491 });
        }
        let held = offer.is_some() && matches!(direction, SdpDirection::SendOnly | SdpDirection::Inactive);
        entry.negotiation = Negotiation::Theirs { held, late: offer.is_none(), stage: Stage::Making };
        let on_hold = entry.on_hold;
        match offer {
            // The answer is what both want: the far side's hold is met by the stack's intersection.
            Some(sdp) => self.media(id, MediaOp::AcceptOffer { sdp, direction: wanted_direction(on_hold, false) }),
            None => self.media(id, MediaOp::CreateOffer { direction: wanted_direction(on_hold, false), kind: OfferKind::Same }),
        }
    }

    pub(crate) fn remote_offer_cancelled(&mut self, id: CallId) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if matches!(entry.negotiation, Negotiation::Theirs { .. }) {
            entry.negotiation = Negotiation::None;
            self.media(id, MediaOp::Rollback);
        }
    }

    fn held_by_other(&mut self, id: CallId, held: bool) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if entry.held_by_other != held {
            entry.held_by_other = held;
            let (kind, status) = if held { (EventKind::Hold, "hold") } else { (EventKind::Unhold, "unhold") };
            self.event(kind, Some(id), code::OK, status, Detail::Whom(Whom::Other));
        }
        self.update_flow(id);
    }

    // --- Answers to ours ---

    pub(crate) fn offer_answered(&mut self, id: CallId, sdp: Vec<u8>) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        match &mut entry.negotiation {
            Negotiation::Ours { stage, .. } | Negotiation::Theirs { stage, .. } => *stage = Stage::Applying,
            Negotiation::None => return,
        }
        self.media(id, MediaOp::ApplyAnswer { sdp });
    }

    pub(crate) fn offer_failed(&mut self, id: CallId, sip_code: u16, reason: &str) {
        let now = self.now;
        let Some(entry) = self.calls.get_mut(&id) else { return };
        let negotiation = std::mem::replace(&mut entry.negotiation, Negotiation::None);
        if let Negotiation::Ours { purpose, .. } = negotiation
            && sip_code == 491
            && (1..MAX_PUT_OFF).contains(&entry.times_put_off)
        {
            // Theirs is not quite done: its ACK is still on the way.
            entry.times_put_off += 1;
            entry.put_off = Some(PutOff { purpose, at: now + AFTER_YOU });
            return self.media(id, MediaOp::Rollback);
        }
        self.media(id, MediaOp::Rollback);
        let status = format!("the far side refused the change: {sip_code} {reason}");
        match negotiation {
            Negotiation::Ours { purpose: Purpose::Hold(token) | Purpose::Unhold(token), .. } => {
                self.wrong_state(Some(id), token, Error::new(sip_code, status));
            }
            Negotiation::Ours { purpose: Purpose::Restart, .. } => log::warn!(target: "monipy::engine", "{status}"),
            Negotiation::Theirs { .. } | Negotiation::None => {}
        }
    }

    // --- What the media side reports ---

    pub(crate) fn media_input(&mut self, id: CallId, input: MediaInput) {
        if !self.calls.contains_key(&id) {
            return;
        }
        match input {
            MediaInput::AnswerMade(result) => self.answer_made(id, result),
            MediaInput::OfferMade(result) => self.offer_made(id, result),
            MediaInput::AnswerApplied(result) => self.answer_applied(id, result),
            MediaInput::Transport(event) => self.transport_event(id, event),
            MediaInput::Audio(AudioEvent::DtmfReceived { digit, duration_ms }) => self.tell_key(id, digit, duration_ms),
            MediaInput::Audio(AudioEvent::Warning(warning)) => {
                let spec = warning.kind.spec();
                let what = if warning.raised { "raised" } else { "cleared" };
                let status = format!("{} {what}: {:.1} {}", spec.name, warning.value, spec.unit);
                self.event(EventKind::Warning, Some(id), code::OK, status, Detail::Warning(warning));
            }
            MediaInput::Audio(event) => log::debug!(target: "monipy::engine", "call {}: {event:?}", id.0),
            MediaInput::DeviceFailed { why } => self.tell_media_failed(id, &why),
            MediaInput::DeviceChanged { way, name, why } => {
                let status = if name.is_empty() { format!("no {}: {why}", kind_of(way)) } else { format!("{} {name}", kind_of(way)) };
                let code = if name.is_empty() { code::MEDIA } else { code::OK };
                self.event(EventKind::Device, Some(id), code, status, Detail::Device { kind: kind_of(way), name, reason: why });
            }
        }
    }

    fn answer_made(&mut self, id: CallId, result: Result<Vec<u8>, OfferError>) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        let key = entry.key;
        if let Negotiation::Theirs { held, stage: Stage::Making, .. } = entry.negotiation {
            entry.negotiation = Negotiation::None;
            match result {
                Ok(sdp) => {
                    self.ua_command(UaCommand::AcceptOffer { call: key, sdp });
                    self.held_by_other(id, held);
                }
                Err(error) => self.ua_command(UaCommand::RejectOffer { call: key, code: error.sip_code }),
            }
            return;
        }
        match result {
            Ok(sdp) => self.send_answer(id, sdp),
            Err(error) => self.setup_failed(id, &error),
        }
    }

    fn offer_made(&mut self, id: CallId, result: Result<Vec<u8>, OfferError>) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        let key = entry.key;
        match (&mut entry.negotiation, result) {
            (Negotiation::Ours { stage, .. }, Ok(sdp)) => {
                *stage = Stage::Sent;
                self.ua_command(UaCommand::Offer { call: key, sdp });
            }
            (Negotiation::Ours { .. }, Err(error)) => self.offer_failed(id, error.sip_code, &error.why),
            (Negotiation::Theirs { stage, .. }, Ok(sdp)) => {
                *stage = Stage::Sent;
                self.ua_command(UaCommand::AcceptOffer { call: key, sdp });
            }
            (Negotiation::Theirs { .. }, Err(error)) => {
                entry.negotiation = Negotiation::None;
                self.ua_command(UaCommand::RejectOffer { call: key, code: error.sip_code });
            }
            // The first offer of a call: a late one in our 200, or that of a call we place.
            (Negotiation::None, Ok(sdp)) if entry.direction == Direction::Incoming => self.send_answer(id, sdp),
            (Negotiation::None, Ok(offer)) => {
                if let Some(target) = entry.target.take() {
                    let token = entry.setup_token.take();
                    let command = UaCommand::Call { call: key, target, to: None, from: None, offer, headers: Vec::new() };
                    self.ua_command(command);
                    self.succeed(token, "calling");
                }
            }
            (Negotiation::None, Err(error)) => self.setup_failed(id, &error),
        }
    }

    /// The 200 of an incoming call leaves.
    fn send_answer(&mut self, id: CallId, sdp: Vec<u8>) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if entry.state != CallState::Answering {
            return;
        }
        let (key, token) = (entry.key, entry.setup_token.take());
        self.ua_command(UaCommand::Answer { call: key, sdp });
        if self.calls.contains_key(&id) {
            self.media(id, MediaOp::OpenDevices);
            self.succeed(token, "answered");
        } else {
            self.fail(token, Error::invalid_state("the call is over"));
        }
    }

    /// A call cannot have sound: it is refused or given up.
    fn setup_failed(&mut self, id: CallId, error: &OfferError) {
        self.tell_media_failed(id, &error.why);
        let Some(entry) = self.calls.get_mut(&id) else { return };
        entry.end = Some((code::MEDIA, error.why.clone(), false));
        let key = entry.key;
        match entry.direction {
            Direction::Incoming => {
                self.ua_command(UaCommand::Reject { call: key, code: error.sip_code, reason: None, headers: Vec::new() })
            }
            Direction::Outgoing => self.hang_up(id, None),
        }
        // Should the user agent have nothing to say of it any more, the end is still told once.
        self.finish(id, EndedBy::Local, code::MEDIA, crate::sip::ua::Cause::IncompatibleSdp, None);
    }

    fn answer_applied(&mut self, id: CallId, result: Result<(), OfferError>) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if let Err(error) = result {
            // What waits for the change is told of its end with the call.
            if entry.media_was_up {
                return self.offer_failed(id, error.sip_code, &error.why);
            }
            return self.media_lost(id, &error.why, false);
        }
        // While a change of the call is only being made, this was the call's first answer.
        let of_a_change = matches!(
            entry.negotiation,
            Negotiation::Ours { stage: Stage::Applying, .. } | Negotiation::Theirs { stage: Stage::Applying, .. }
        );
        if !of_a_change {
            return self.update_flow(id);
        }
        match std::mem::replace(&mut entry.negotiation, Negotiation::None) {
            Negotiation::Ours { purpose: Purpose::Hold(token), .. } => self.held_by_us(id, true, token),
            Negotiation::Ours { purpose: Purpose::Unhold(token), .. } => self.held_by_us(id, false, token),
            Negotiation::Theirs { held, .. } => self.held_by_other(id, held),
            Negotiation::Ours { purpose: Purpose::Restart, .. } | Negotiation::None => self.update_flow(id),
        }
    }

    fn held_by_us(&mut self, id: CallId, held: bool, token: Option<Token>) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        entry.on_hold = held;
        let (kind, status) = if held { (EventKind::Hold, "hold") } else { (EventKind::Unhold, "unhold") };
        self.event(kind, Some(id), code::OK, status, Detail::Whom(Whom::Myself));
        self.update_flow(id);
        self.succeed(token, status);
    }

    fn transport_event(&mut self, id: CallId, event: MediaEvent) {
        let now = self.now;
        let Some(entry) = self.calls.get_mut(&id) else { return };
        match event {
            MediaEvent::Connected => {
                entry.media_up = true;
                entry.media_was_up = true;
                entry.media_deadline = None;
                entry.farewell = None;
                entry.restarts = 0;
            }
            // Who said farewell is not looked for.
            MediaEvent::Disconnected | MediaEvent::Failed { .. } if entry.farewell.is_some() => {}
            MediaEvent::RemoteTrack(negotiated) => self.remote_track(id, negotiated),
            MediaEvent::Disconnected => {
                entry.media_up = false;
                entry.media_deadline = Some(now + RESTART_AFTER);
            }
            MediaEvent::Failed { why } => {
                entry.media_up = false;
                self.media_failed(id, &why);
            }
            MediaEvent::RemoteClosed if self.link == Link::Up => {
                entry.media_up = false;
                entry.media_deadline = None;
                entry.farewell.get_or_insert(now + FAREWELL);
            }
            MediaEvent::RemoteClosed => self.far_side_left(id),
            MediaEvent::Closed => {}
        }
    }

    fn remote_track(&mut self, id: CallId, negotiated: Negotiated) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        let parties = parties_of(&negotiated);
        entry.negotiated = Some(negotiated.clone());
        let first = !std::mem::replace(&mut entry.stream_told, true);
        self.media(id, MediaOp::Codecs(negotiated));
        self.update_flow(id);
        if first {
            self.media(id, MediaOp::Start);
            let detail = if parties.is_empty() { Detail::None } else { Detail::Parties(parties) };
            self.event(EventKind::CallStream, Some(id), code::OK, "callStream", detail);
        }
    }

    /// The connection failed: a fresh one is offered when it had worked, else the call is over.
    fn media_failed(&mut self, id: CallId, why: &str) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        let worth_it = entry.media_was_up && entry.state == CallState::Answered && entry.restarts < MAX_RESTARTS;
        if !worth_it {
            return self.media_lost(id, why, false);
        }
        entry.media_deadline = Some(self.now + RESTART_TIME);
        if self.link == Link::Up && entry.negotiation == Negotiation::None && entry.put_off.is_none() {
            entry.restarts += 1;
            entry.times_put_off = 0;
            let on_hold = entry.on_hold;
            self.offer(id, Purpose::Restart, on_hold, OfferKind::Fresh);
        }
    }

    /// The link is back: calls whose media is down do not wait any longer for a fresh connection.
    pub(crate) fn media_again(&mut self) {
        let down = |c: &&CallId| {
            self.calls.get(c).is_some_and(|c| c.state == CallState::Answered && c.media_was_up && !c.media_up && c.farewell.is_none())
        };
        let ids: Vec<CallId> = self.calls.keys().filter(down).copied().collect();
        for id in ids {
            self.media_failed(id, "the network has changed");
        }
    }

    /// Media did not connect, or did not come back, in time.
    pub(crate) fn media_overdue(&mut self, id: CallId) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        entry.media_deadline = None;
        if entry.media_up {
            return;
        }
        if entry.media_was_up && self.link != Link::Up {
            // Without a link no fresh connection can be offered: wait for it.
            entry.media_deadline = Some(self.now + MEDIA_TIME);
            return;
        }
        self.media_failed(id, "no media connection came about in time");
    }

    /// The far side closed the media, and no BYE came after it.
    pub(crate) fn far_side_left(&mut self, id: CallId) {
        self.media_lost(id, "the far side closed the media session", true);
    }

    fn media_lost(&mut self, id: CallId, why: &str, by_far_side: bool) {
        if !by_far_side {
            self.tell_media_failed(id, why);
        }
        let Some(entry) = self.calls.get_mut(&id) else { return };
        let code = if by_far_side { code::OK } else { code::MEDIA };
        entry.end = Some((code, why.to_owned(), by_far_side));
        let reason = (!by_far_side).then(|| (408, "RTP Timeout".to_owned()));
        self.hang_up(id, reason);
    }

    fn tell_media_failed(&mut self, id: CallId, why: &str) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if std::mem::replace(&mut entry.media_failed_told, true) {
            return;
        }
        self.event(EventKind::MediaFailed, Some(id), code::MEDIA, format!("media failed: {why}"), Detail::Reason(why.to_owned()));
    }

    /// Tells the sound what may flow.
    pub(crate) fn update_flow(&mut self, id: CallId) {
        let Some(entry) = self.calls.get(&id) else { return };
        let agreed = entry.negotiated.as_ref().map_or(MediaDirection::SendRecv, |n| n.direction);
        let flow = MediaOp::Flow {
            send: agreed.sends() || entry.on_hold,
            receive: agreed.receives() && !entry.on_hold,
            silent: entry.muted || entry.on_hold,
        };
        self.media(id, flow);
    }
}

/// A card's kind as events say it.
fn kind_of(way: monipy_device::Way) -> &'static str {
    match way {
        monipy_device::Way::Output => "speaker",
        monipy_device::Way::Input => "microphone",
    }
}

/// What this side wants of the sound.
fn wanted_direction(on_hold: bool, held_by_other: bool) -> MediaDirection {
    match (on_hold, held_by_other) {
        (false, false) => MediaDirection::SendRecv,
        (true, false) => MediaDirection::SendOnly,
        (false, true) => MediaDirection::RecvOnly,
        (true, true) => MediaDirection::Inactive,
    }
}
