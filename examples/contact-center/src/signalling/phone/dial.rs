//! Calls that a phone places: feature codes join a call, ids call other phones, and `agent` and
//! `customer` call a scripted party.

use super::Phone;
use super::leg::Purpose;
use crate::calls::{self, Present};
use crate::legs;
use crate::mix::layout::Layout;
use crate::mode::Mode;
use crate::party::{Party, Role, Sound};
use crate::state::{Call, LegInfo, LegStage};
use monipy_core::sip::ua::{CallKey, Command, Input, Invitation};

/// What a dialled user means.
#[derive(Debug, PartialEq, Eq)]
enum Dialled<'a> {
    /// RingCentral's codes: `*80` listen, `*81` whisper, `*82` barge; after them, the agent or the
    /// number of the call.
    Join(Mode, &'a str),
    /// `*83`: takes the agent's place.
    TakeOver(&'a str),
    /// Anything else.
    Number(&'a str),
}

fn meaning(target: &str) -> Dialled<'_> {
    let code = target.strip_prefix("%2A").or_else(|| target.strip_prefix("%2a")).or_else(|| target.strip_prefix('*'));
    let Some((code, whose)) = code.and_then(|rest| rest.split_at_checked(2)) else { return Dialled::Number(target) };
    match code {
        "80" => Dialled::Join(Mode::Listen, whose),
        "81" => Dialled::Join(Mode::Whisper, whose),
        "82" => Dialled::Join(Mode::Barge, whose),
        "83" => Dialled::TakeOver(whose),
        _ => Dialled::Number(target),
    }
}

/// Whether a call is the one that was asked for: by a party's name, by its number, or any.
fn is_meant(id: u64, call: &Call, whose: &str) -> bool {
    let named = || call.parties.iter().any(|p| p.name.eq_ignore_ascii_case(whose));
    !call.parties.is_empty() && (whose.is_empty() || id.to_string() == whose || named())
}

impl Phone {
    pub(super) fn dialled(&mut self, key: CallKey, invitation: &Invitation, offer: Option<Vec<u8>>) {
        let target = invitation.request_uri.split(['@', ';', '?']).next().unwrap_or_default();
        let target = target.split_once(':').map_or(target, |(_, user)| user).to_owned();
        let outcome = match meaning(&target) {
            // The code alone is followed by keys that say which call.
            Dialled::Join(mode, "") if self.centre.dialect == crate::Dialect::RingCentral => {
                Ok((calls::lobby(&self.centre), mode, Role::Supervisor))
            }
            Dialled::Join(mode, whose) => self.newest_call(whose).map(|call| (call, mode, Role::Supervisor)),
            Dialled::TakeOver(whose) => self.newest_call(whose).map(|call| (call, Mode::Barge, Role::Agent)),
            Dialled::Number(number) => {
                self.number_dialled(key, number, invitation, offer);
                return;
            }
        };
        match outcome {
            Ok((call, mode, role)) => {
                let id = self.seat_caller(key, call, mode, role, invitation);
                self.centre.timeline.note("dialled", Some(call), Some(id), format!("{target}: {mode}"));
                if role == Role::Agent {
                    calls::take_over(&self.centre, call, &self.name());
                }
                self.answer(id, Purpose::Answer, offer);
            }
            Err(code) => self.refuse(key, code),
        }
    }

    /// The login id, as other parties see it.
    fn name(&self) -> String {
        if self.user.is_empty() { "unknown".to_owned() } else { self.user.clone() }
    }

    fn refuse(&mut self, key: CallKey, code: u16) {
        self.feed(Input::Command(Command::Reject { call: key, code, reason: None, headers: Vec::new() }));
    }

    fn newest_call(&self, whose: &str) -> Result<u64, u16> {
        let whose = whose.trim_end_matches('#');
        let book = self.centre.book();
        book.calls.iter().rev().find(|(id, c)| is_meant(**id, c, whose)).map(|(&id, _)| id).ok_or(480)
    }

    /// Makes a leg of a call that the phone placed.
    fn seat_caller(&mut self, key: CallKey, call: u64, mode: Mode, role: Role, invitation: &Invitation) -> u64 {
        let (own, name) = (self.own.clone(), self.name());
        let id = self.centre.change(|book| {
            let id = book.number();
            let info = LegInfo::new(id, call, &name, role, mode, Layout::Mixed, true);
            let leg = crate::state::Leg { info, phone: own, seat: None, impairment: crate::Impairment::default(), headers: Vec::new() };
            book.legs.insert(id, leg);
            id
        });
        self.open_leg(id, call, key);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.sip_call_id = invitation.sip_call_id.clone().into_bytes();
        }
        id
    }

    /// A phone calls another phone, or a scripted party.
    fn number_dialled(&mut self, key: CallKey, number: &str, invitation: &Invitation, offer: Option<Vec<u8>>) {
        let own_role = self.centre.book().accounts.get(&self.user).map(|a| a.role);
        let Some(own_role) = own_role else { return self.refuse(key, 403) };
        let their_role = self.centre.book().accounts.get(number).filter(|_| number != self.user).map(|a| a.role);
        // Whoever calls an agent is the customer, and the other way round.
        let (mine, theirs, sound) = match (their_role, number) {
            (Some(Role::Customer), _) => (Role::Agent, Role::Customer, Sound::Phone),
            (Some(_), _) if own_role == Role::Agent => (Role::Agent, Role::Customer, Sound::Phone),
            (Some(_), _) => (Role::Customer, Role::Agent, Sound::Phone),
            (None, "agent") => (Role::Customer, Role::Agent, Sound::Speech),
            (None, "customer") => (Role::Agent, Role::Customer, Sound::Speech),
            (None, _) => return self.refuse(key, 404),
        };
        let at_once = sound != Sound::Phone;
        let caller = Party { name: self.user.clone(), role: mine, sound: Sound::Phone };
        let callee = Party { name: number.to_owned(), role: theirs, sound };
        let call = match calls::begin(&self.centre, vec![callee, caller], None, &Present(Some(self.user.clone()))) {
            Ok(call) => call,
            Err(e) => {
                self.centre.timeline.note("refused", None, None, format!("{} dials {number}: {e}", self.user));
                return self.refuse(key, if e.kind == crate::ErrorKind::State { 480 } else { 403 });
            }
        };
        let id = self.seat_caller(key, call, Mode::Barge, mine, invitation);
        self.centre.timeline.note("dialled", Some(call), Some(id), format!("{} calls {number}", self.user));
        if at_once {
            self.answer(id, Purpose::Answer, offer);
        } else if let Some(leg) = self.legs.get_mut(&id) {
            // Answered when the other one answers.
            leg.unanswered = Some(offer);
        }
        if let Err(e) = calls::ring_phones(&self.centre, call) {
            self.centre.timeline.note("refused", Some(call), None, e.to_string());
            // Nobody is called, so that nobody will come.
            let _ = calls::end(&self.centre, call);
        }
    }

    /// RingCentral's second half: keys after the code name the call, ended by `#`.
    pub(super) fn extension_keyed(&mut self, id: u64, digit: char) {
        let info = self.centre.book().leg(id).map(|l| l.info.clone());
        let Ok(info) = info else { return };
        if digit != '#' || info.stage == LegStage::Ended {
            return;
        }
        let keyed = info.digits.trim_end_matches('#');
        let whose = keyed.rsplit('#').next().unwrap_or_default();
        let Ok(call) = self.newest_call(whose) else {
            self.centre.timeline.note("refused", Some(info.call), Some(id), format!("there is no call {whose:?} to join"));
            return;
        };
        if legs::move_to(&self.centre, id, call).is_ok()
            && let Some(leg) = self.legs.get_mut(&id)
        {
            leg.call = call;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_numbers() {
        assert_eq!(meaning("*80"), Dialled::Join(Mode::Listen, ""));
        assert_eq!(meaning("%2A82agent"), Dialled::Join(Mode::Barge, "agent"));
        assert_eq!(meaning("*837"), Dialled::TakeOver("7"));
        for number in ["alice", "*8", "*99", "80"] {
            assert_eq!(meaning(number), Dialled::Number(number));
        }
    }
}
