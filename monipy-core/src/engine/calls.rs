//! Calls from their first to their terminal event.

use super::machine::{CallEntry, Link, Login, Machine, MediaOp, Negotiation, Output, Purpose, Token};
use crate::audio::ComfortTone;
use crate::call::{CallId, CallState};
use crate::config::{AudioMode, ComfortTones};
use crate::error::Error;
use crate::event::{Detail, Direction, EventKind, IncomingCall};
use crate::media::{MediaDirection, OfferKind};
use crate::sip::ua::{CallKey, Cause, Command as UaCommand, EndedBy, Input as UaInput, Invitation, UaEvent};
use crate::vocabulary::code;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long media may take to connect once a call is up.
pub(crate) const MEDIA_TIME: Duration = Duration::from_secs(30);
/// Longest target and longest row of keys taken.
const MAX_TARGET: usize = 1024;
const MAX_KEYS: usize = 256;

impl Machine {
    // --- Which call ---

    /// The call that is meant: by its id, or the one that rings, else the newest.
    pub(crate) fn find(&self, call: CallId) -> Option<CallId> {
        let visible = || self.calls.iter().filter(|(_, c)| !c.silent);
        if call != CallId::CURRENT {
            return visible().find(|(id, _)| **id == call).map(|(id, _)| *id);
        }
        let ringing = visible().find(|(_, c)| c.rings()).map(|(id, _)| *id);
        ringing.or_else(|| visible().next_back().map(|(id, _)| *id))
    }

    pub(crate) fn ua_command(&mut self, command: UaCommand) {
        self.ua_input(UaInput::Command(command));
    }

    // --- What the user wants ---

    pub(crate) fn place_call(&mut self, target: &str, token: Option<Token>) {
        if !matches!(self.login, Login::In | Login::Lost) {
            return self.wrong_state(None, token, Error::invalid_state("Please login to call"));
        }
        if self.link != Link::Up || self.login != Login::In {
            return self.wrong_state(None, token, Error::new(code::NOT_CONNECTED, "the link to the server is down: wait for `login`"));
        }
        if self.calls.len() >= self.config.max_calls as usize {
            return self.wrong_state(None, token, Error::invalid_state("Already in a call"));
        }
        let target = target.trim();
        if target.is_empty()
            || target.len() > MAX_TARGET
            || target.chars().any(|c| c.is_control() || c.is_whitespace() || "<>\"".contains(c))
        {
            let error = Error::invalid_argument("target: a number, a feature code, or a sip: URI, without spaces");
            return self.wrong_state(None, token, error);
        }
        let Some(key) = self.ua.as_mut().map(|ua| ua.reserve_call()) else { return };
        let info = IncomingCall { from: target.to_owned(), from_uri: target.to_owned(), ..IncomingCall::default() };
        let id = self.new_call(key, Direction::Outgoing, info, None);
        if let Some(entry) = self.calls.get_mut(&id) {
            entry.target = Some(target.to_owned());
            entry.setup_token = token;
        }
        self.media(id, MediaOp::Open);
        self.event(EventKind::Trying, Some(id), code::TRYING, "trying", Detail::Direction(Direction::Outgoing));
        self.media(id, MediaOp::CreateOffer { direction: self.own_direction(), kind: OfferKind::Same });
        if self.plays_comfort_tones() {
            self.media(id, MediaOp::OpenDevices);
        }
    }

    /// Callers hear how their calls come on.
    fn plays_comfort_tones(&self) -> bool {
        let wanted = ComfortTones::from_name(&self.config.comfort_tones).unwrap_or_default() != ComfortTones::None;
        wanted && self.config.effective_audio_mode() == AudioMode::Device
    }

    pub(crate) fn answer(&mut self, call: CallId, token: Option<Token>) {
        let Some(id) = self.find(call) else {
            return self.wrong_state(None, token, Error::invalid_state("no incoming call to answer"));
        };
        let direction = self.own_direction();
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if !entry.rings() {
            return self.wrong_state(Some(id), token, Error::invalid_state("Already in a call"));
        }
        entry.state = CallState::Answering;
        entry.setup_token = token;
        match entry.offer.take() {
            Some(sdp) => self.media(id, MediaOp::AcceptOffer { sdp, direction }),
            None => self.media(id, MediaOp::CreateOffer { direction, kind: OfferKind::Same }),
        }
    }

    pub(crate) fn reject(&mut self, call: CallId, sip_code: u16, token: Option<Token>) {
        let Some(id) = self.find(call).filter(|id| self.calls.get(id).is_some_and(CallEntry::rings)) else {
            return self.wrong_state(None, token, Error::invalid_state("No ongoing calls to reject"));
        };
        if !(400..700).contains(&sip_code) {
            let error = Error::invalid_argument(format!("sip_code: {sip_code}; it accepts 400 to 699"));
            return self.wrong_state(Some(id), token, error);
        }
        let Some(entry) = self.calls.get_mut(&id) else { return };
        entry.end_tokens.extend(token);
        let key = entry.key;
        self.ua_command(UaCommand::Reject { call: key, code: sip_code, reason: None, headers: Vec::new() });
    }

    pub(crate) fn terminate(&mut self, call: CallId, token: Option<Token>) {
        let Some(id) = self.find(call) else {
            return self.wrong_state(None, token, Error::invalid_state("No ongoing calls to terminate"));
        };
        if let Some(entry) = self.calls.get_mut(&id) {
            entry.end_tokens.extend(token);
        }
        self.hang_up(id, None);
    }

    /// Ends a call in any state; the terminal event follows at once.
    pub(crate) fn hang_up(&mut self, id: CallId, reason: Option<(u16, String)>) {
        let Some(entry) = self.calls.get(&id) else { return };
        if entry.target.is_some() {
            // Its INVITE was never sent: the user agent does not know it.
            return self.finish(id, EndedBy::Local, code::OK, Cause::Terminated, None);
        }
        let key = entry.key;
        self.ua_command(UaCommand::Hangup { call: key, reason });
    }

    pub(crate) fn end_all_calls(&mut self) {
        let ids: Vec<_> = self.calls.keys().copied().collect();
        for id in ids {
            self.hang_up(id, None);
        }
    }

    /// The user agent is gone, and the call with it.
    pub(crate) fn call_lost(&mut self, id: CallId, why: &str) {
        self.finish(id, EndedBy::System, code::NOT_CONNECTED, Cause::ConnectionError, Some(why.to_owned()));
    }

    pub(crate) fn mute(&mut self, call: CallId, muted: bool, token: Option<Token>) {
        let Some(id) = self.find(call) else {
            return self.wrong_state(None, token, Error::invalid_state("call not found"));
        };
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if entry.muted == muted {
            let status = if muted { "call already in mute" } else { "call not in mute" };
            return self.wrong_state(Some(id), token, Error::invalid_state(status));
        }
        entry.muted = muted;
        self.update_flow(id);
        self.succeed(token, if muted { "muted" } else { "unmuted" });
    }

    pub(crate) fn send_dtmf(&mut self, call: CallId, digits: &str, duration_ms: u32, gap_ms: u32, token: Option<Token>) {
        let Some(id) = self.find(call) else {
            return self.wrong_state(None, token, Error::invalid_state("call not found"));
        };
        let digits: Vec<char> = digits.chars().map(|c| c.to_ascii_uppercase()).collect();
        let valid = |c: &char| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D');
        if digits.is_empty() || digits.len() > MAX_KEYS || !digits.iter().all(valid) {
            return self.wrong_state(
                Some(id),
                token,
                Error::new(code::INVALID_DTMF, "invalid dtmf: digits are 0-9 * # A-D, 1 to 256 of them"),
            );
        }
        let (duration_ms, gap_ms) = (duration_ms.clamp(40, 6000), gap_ms.clamp(30, 6000));
        let now = self.now;
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if entry.state != CallState::Answered || entry.on_hold {
            return self.wrong_state(Some(id), token, Error::invalid_state("dtmf not allowed: the call is not answered, or on hold"));
        }
        let by_rtp = entry.media_up && entry.negotiated.as_ref().is_some_and(|n| n.send.telephone_event.is_some());
        if by_rtp {
            self.media(id, MediaOp::Dtmf { digits: digits.into_iter().collect(), duration_ms, gap_ms });
        } else {
            entry.info_keys.extend(digits.into_iter().map(|d| (d, duration_ms, gap_ms)));
            entry.next_key.get_or_insert(now);
        }
        self.succeed(token, "dtmf queued");
    }

    // --- What SIP says ---

    pub(crate) fn call_event(&mut self, event: UaEvent) {
        match event {
            UaEvent::Incoming { call, invitation, offer } => self.incoming(call, &invitation, offer),
            UaEvent::MissedBusy { invitation } => {
                let from = incoming_call(&invitation).from;
                let detail = Detail::Missed { from, reason: "Busy".into() };
                self.event(EventKind::Missed, None, 486, "missed while busy", detail);
            }
            UaEvent::Ringing { call } => self.on(call, |m, id| m.tell_ringing(id)),
            UaEvent::Progress { call, code, .. } => {
                if code > 100 {
                    self.on(call, |m, id| m.tell_ringing(id));
                }
            }
            UaEvent::Accepted { call, sdp, headers } => self.on(call, |m, id| m.accepted(id, sdp, &headers)),
            UaEvent::Confirmed { call, sdp } => self.on(call, |m, id| m.confirmed(id, sdp)),
            UaEvent::RemoteOffer { call, offer, direction } => self.on(call, |m, id| m.remote_offer(id, offer, direction)),
            UaEvent::RemoteOfferCancelled { call } => self.on(call, Self::remote_offer_cancelled),
            UaEvent::OfferAnswered { call, sdp } => self.on(call, |m, id| m.offer_answered(id, sdp)),
            UaEvent::OfferFailed { call, code, reason } => self.on(call, |m, id| m.offer_failed(id, code, &reason)),
            UaEvent::DtmfInfo { call, digit, duration_ms } => self.on(call, |m, id| m.tell_key(id, digit, duration_ms)),
            UaEvent::Terminated { call, by, code, cause, reason, .. } => self.on(call, |m, id| m.finish(id, by, code, cause, reason)),
            UaEvent::Registered { .. } | UaEvent::RegistrationFailed { .. } | UaEvent::Unregistered { .. } | UaEvent::Request { .. } => {}
        }
    }

    fn on(&mut self, key: CallKey, then: impl FnOnce(&mut Self, CallId)) {
        if let Some(id) = self.keys.get(&key).copied() {
            then(self, id);
        }
    }

    fn incoming(&mut self, key: CallKey, invitation: &Invitation, offer: Option<Vec<u8>>) {
        let refusal = if self.congested {
            Some(486)
        } else if matches!(self.login, Login::Leaving | Login::Out) {
            Some(480)
        } else {
            offer.as_deref().and_then(|sdp| crate::media::check_offer(sdp, &self.config.codecs).err()).map(|e| {
                log::info!(target: "monipy::engine", "an INVITE was refused: {e}");
                e.sip_code
            })
        };
        let id = self.new_call(key, Direction::Incoming, incoming_call(invitation), offer);
        if let Some(code) = refusal {
            if let Some(entry) = self.calls.get_mut(&id) {
                entry.silent = true;
            }
            return self.ua_command(UaCommand::Reject { call: key, code, reason: None, headers: Vec::new() });
        }
        self.media(id, MediaOp::Open);
        let info = self.calls.get(&id).map(|c| c.info.clone()).unwrap_or_default();
        self.event(EventKind::Trying, Some(id), code::TRYING, "trying", Detail::Direction(Direction::Incoming));
        self.event(EventKind::IncomingCall, Some(id), code::OK, "incoming call", Detail::Incoming(Box::new(info)));
    }

    fn new_call(&mut self, key: CallKey, direction: Direction, info: IncomingCall, offer: Option<Vec<u8>>) -> CallId {
        self.next_call += 1;
        let id = CallId(self.next_call);
        self.keys.insert(key, id);
        self.calls.insert(id, CallEntry::new(key, direction, info, offer));
        id
    }

    fn tell_ringing(&mut self, id: CallId) {
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if entry.silent || entry.ringing_told || entry.state == CallState::Answered {
            return;
        }
        entry.ringing_told = true;
        if entry.state == CallState::Trying {
            entry.state = CallState::Ringing;
        }
        let direction = entry.direction;
        if direction == Direction::Outgoing && self.plays_comfort_tones() {
            self.media(id, MediaOp::Ringback);
        }
        self.event(EventKind::Ringing, Some(id), code::RINGING, "ringing", Detail::Direction(direction));
    }

    /// A call of ours was answered.
    fn accepted(&mut self, id: CallId, sdp: Vec<u8>, headers: &[(String, String)]) {
        let deadline = self.now + MEDIA_TIME;
        let Some(entry) = self.calls.get_mut(&id) else { return };
        entry.state = CallState::Answered;
        entry.media_deadline = Some(deadline);
        read_x_headers(&mut entry.info, headers);
        self.media(id, MediaOp::ApplyAnswer { sdp });
        self.media(id, MediaOp::OpenDevices);
        self.event(EventKind::Answered, Some(id), code::OK, "answered", Detail::Direction(Direction::Outgoing));
        self.begin_stats(id);
    }

    /// The ACK to our 200 arrived.
    fn confirmed(&mut self, id: CallId, sdp: Option<Vec<u8>>) {
        let deadline = self.now + MEDIA_TIME;
        let Some(entry) = self.calls.get_mut(&id) else { return };
        entry.state = CallState::Answered;
        if !entry.media_up {
            entry.media_deadline = Some(deadline);
        }
        if let Some(sdp) = sdp {
            self.media(id, MediaOp::ApplyAnswer { sdp });
        }
        self.event(EventKind::Answered, Some(id), code::OK, "answered", Detail::Direction(Direction::Incoming));
        self.begin_stats(id);
    }

    fn begin_stats(&mut self, id: CallId) {
        if self.config.stats_interval_ms > 0
            && let Some(entry) = self.calls.get_mut(&id)
        {
            entry.next_stats = Some(self.now + Duration::from_millis(self.config.stats_interval_ms.into()));
        }
    }

    pub(crate) fn tell_key(&mut self, id: CallId, digit: char, duration_ms: u32) {
        let Some(direction) = self.calls.get(&id).filter(|c| c.state == CallState::Answered).map(|c| c.direction) else { return };
        self.event(EventKind::Dtmf, Some(id), code::OK, digit.to_string(), Detail::Dtmf { digit, duration_ms, direction });
    }

    /// The one terminal event of a call, and all that is owed at its end.
    pub(crate) fn finish(&mut self, id: CallId, by: EndedBy, sip_code: u16, cause: Cause, reason: Option<String>) {
        let Some(entry) = self.calls.remove(&id) else { return };
        self.keys.remove(&entry.key);
        if !entry.silent {
            let unanswered = entry.direction == Direction::Outgoing && entry.state != CallState::Answered;
            let refused = unanswered && by == EndedBy::Remote && self.plays_comfort_tones();
            let tone = if refused { ComfortTone::of_refusal(sip_code) } else { None };
            self.media(id, tone.map_or(MediaOp::Close, MediaOp::CloseWithTone));
            self.tell_end(id, &entry, by, sip_code, cause, reason);
        }
        for token in entry.end_tokens {
            self.succeed(Some(token), "hangup");
        }
        let over = || Error::invalid_state("the call is over");
        self.fail(entry.setup_token, entry.end.map_or_else(over, |(code, why, _)| Error::new(code, why)));
        let under_way = match entry.negotiation {
            Negotiation::Ours { purpose, .. } => Some(purpose),
            _ => entry.put_off.map(|p| p.purpose),
        };
        if let Some(Purpose::Hold(token) | Purpose::Unhold(token)) = under_way {
            self.fail(token, over());
        }
    }

    fn tell_end(&mut self, id: CallId, entry: &CallEntry, by: EndedBy, sip_code: u16, cause: Cause, reason: Option<String>) {
        let unanswered = matches!(entry.state, CallState::Trying | CallState::Ringing);
        let given_up = match by {
            EndedBy::Local => cause == Cause::NoAnswer,
            EndedBy::Remote => true,
            EndedBy::System => cause == Cause::Expires,
        };
        let words = reason.unwrap_or_else(|| cause.as_str().to_owned());
        if entry.direction == Direction::Incoming && unanswered && given_up {
            let detail = Detail::Missed { from: entry.info.from.clone(), reason: words.clone() };
            self.event(EventKind::Missed, Some(id), sip_code, "missed call", detail);
        }
        if let Some((code, why, as_remote)) = &entry.end {
            let kind = if *as_remote { EventKind::Ended } else { EventKind::Hangup };
            let status = if *as_remote { "call ended" } else { "call hangup" };
            return self.event(kind, Some(id), *code, status, Detail::Reason(why.clone()));
        }
        match by {
            EndedBy::Local => {
                let code = if cause == Cause::NoAnswer { code::TIMEOUT } else { code::OK };
                self.event(EventKind::Hangup, Some(id), code, "call hangup", Detail::Reason(words));
            }
            EndedBy::Remote | EndedBy::System => {
                let status = if cause == Cause::Terminated { "call ended" } else { cause.as_str() };
                self.event(EventKind::Ended, Some(id), sip_code, status, Detail::Reason(words));
            }
        }
    }

    // --- Time ---

    pub(crate) fn call_timers(&mut self, id: CallId) {
        let now = self.now;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if due(entry.next_stats) {
            entry.next_stats = Some(now + Duration::from_millis(self.config.stats_interval_ms.max(200).into()));
            if entry.stream_told {
                self.out.push_back(Output::Stats(id));
            }
        }
        let Some(entry) = self.calls.get_mut(&id) else { return };
        if due(entry.next_key) {
            let key = entry.key;
            match entry.info_keys.pop_front() {
                Some((digit, duration_ms, gap_ms)) => {
                    entry.next_key = Some(now + Duration::from_millis(u64::from(duration_ms) + u64::from(gap_ms)));
                    self.ua_command(UaCommand::Dtmf { call: key, digit, duration: Duration::from_millis(duration_ms.into()) });
                }
                None => entry.next_key = None,
            }
        }
        if self.calls.get_mut(&id).is_some_and(|c| c.farewell.take_if(|at| *at <= now).is_some()) {
            return self.far_side_left(id);
        }
        if self.calls.get(&id).is_some_and(|c| due(c.media_deadline)) {
            self.media_overdue(id);
        }
        if self.calls.get(&id).is_some_and(|c| due(c.put_off.map(|p| p.at))) {
            self.offer_again(id);
        }
    }

    /// What this side wants of a call's sound before anybody holds it.
    pub(crate) fn own_direction(&self) -> MediaDirection {
        match self.config.effective_audio_mode() {
            AudioMode::Device | AudioMode::Application | AudioMode::None => MediaDirection::SendRecv,
        }
    }
}

impl CallEntry {
    fn new(key: CallKey, direction: Direction, info: IncomingCall, offer: Option<Vec<u8>>) -> Self {
        CallEntry {
            key,
            direction,
            state: CallState::Trying,
            info,
            offer,
            target: None,
            on_hold: false,
            held_by_other: false,
            muted: false,
            ringing_told: false,
            stream_told: false,
            media_failed_told: false,
            silent: false,
            media_up: false,
            media_was_up: false,
            restarts: 0,
            negotiated: None,
            negotiation: Negotiation::None,
            put_off: None,
            times_put_off: 0,
            setup_token: None,
            end_tokens: Vec::new(),
            media_deadline: None,
            farewell: None,
            info_keys: VecDeque::new(),
            next_key: None,
            next_stats: None,
            end: None,
        }
    }

    /// It came in and waits for answer() or reject().
    pub(crate) fn rings(&self) -> bool {
        self.direction == Direction::Incoming && matches!(self.state, CallState::Trying | CallState::Ringing)
    }
}

/// What an INVITE says, in the vendor's fields.
fn incoming_call(invitation: &Invitation) -> IncomingCall {
    let from =
        if invitation.from_display.is_empty() { user_part(&invitation.from_uri).to_owned() } else { invitation.from_display.clone() };
    let mut info =
        IncomingCall { from, from_uri: invitation.from_uri.clone(), call_id: invitation.sip_call_id.clone(), ..IncomingCall::default() };
    read_x_headers(&mut info, &invitation.headers);
    info
}

fn read_x_headers(info: &mut IncomingCall, headers: &[(String, String)]) {
    let first = |name: &str| headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone()).filter(|v| !v.is_empty());
    if let Some(id) = first("X-Call-ID").or_else(|| first("X-cmi-uuid")) {
        info.call_id = id;
    }
    info.team_name = first("X-Team-Name").or_else(|| info.team_name.take());
    info.to_number = first("X-To-Number").or_else(|| info.to_number.take());
    info.transfer_from = first("X-Transfer-From").or_else(|| info.transfer_from.take());
    info.transfer = first("X-Transfer").or_else(|| info.transfer.take());
    let is_x = |name: &str| name.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("X-"));
    info.headers.extend(headers.iter().filter(|(n, _)| is_x(n)).cloned());
}

fn user_part(uri: &str) -> &str {
    let after_scheme = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let user = after_scheme.split_once('@').map_or(after_scheme, |(user, _)| user);
    user.split(';').next().unwrap_or(user)
}
