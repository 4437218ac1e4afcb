//! Legs of phones: requested, switched, held, moved, ended.

use crate::calls;
use crate::error::{CentreError, Result};
use crate::mix::impair::Impairment;
use crate::mix::layout::Layout;
use crate::mode::Mode;
use crate::party::Role;
use crate::signalling::phone::{LegCommand, PhoneInput, Renegotiation};
use crate::state::{Call, Centre, Leg, LegEnd, LegInfo, LegStage};
use std::time::Instant;
use tokio::sync::mpsc;

/// Asks a supervisor into a call: an INVITE goes to its registration.
pub(crate) fn barge(centre: &Centre, call: u64, supervisor: &str, mode: Mode, layout: Layout) -> Result<u64> {
    if let Ok(call) = centre.book().call(call)
        && call.parties.iter().any(|p| p.name == supervisor)
    {
        return Err(CentreError::state(format!("{supervisor} is in the call already, as {}", role_in(call, supervisor))));
    }
    let id = invite(centre, call, supervisor, Role::Supervisor, mode, layout)?;
    centre.timeline.note("barge", Some(call), Some(id), format!("{supervisor} is asked in: {mode}"));
    Ok(id)
}

fn role_in(call: &Call, name: &str) -> &'static str {
    call.parties.iter().find(|p| p.name == name).map_or("nobody", |p| p.role.as_str())
}

/// The phone that is registered under an id.
pub(crate) fn reachable(centre: &Centre, id: &str) -> Result<mpsc::UnboundedSender<PhoneInput>> {
    let book = centre.book();
    if !book.accounts.contains_key(id) {
        let known: Vec<&str> = book.accounts.keys().map(String::as_str).collect();
        return Err(CentreError::unknown(format!("there is no supervisor or phone {id:?}; there are {}", known.join(", "))));
    }
    let phone = book.registered(id, Instant::now()).map(|r| r.phone.clone());
    phone.ok_or_else(|| CentreError::state(format!("{id} is not registered; it has to log in before it can be called")))
}

/// Calls a phone into a call.
pub(crate) fn invite(centre: &Centre, call: u64, user: &str, role: Role, mode: Mode, layout: Layout) -> Result<u64> {
    let labels = centre.book().call(call)?.labels.clone();
    let phone = reachable(centre, user)?;
    let impairment = centre.board.impairment_of_a_new_leg();
    let mut headers = vec![
        ("X-cmi-uuid".to_owned(), labels.uuid),
        ("X-Team-Name".to_owned(), labels.team_name),
        ("X-To-Number".to_owned(), labels.to_number),
        ("X-Call-ID".to_owned(), labels.call_id),
    ];
    headers.extend(labels.transfer_from.map(|v| ("X-Transfer-From".to_owned(), v)));
    headers.extend(labels.transfer.map(|v| ("X-Transfer".to_owned(), v)));
    let id = centre.change(|book| {
        let id = book.number();
        let info = LegInfo::new(id, call, user, role, mode, layout, false);
        book.legs.insert(id, Leg { info, phone: phone.clone(), seat: None, impairment, headers });
        id
    });
    if phone.send(PhoneInput::Leg(id, LegCommand::Invite)).is_err() {
        centre.change(|book| book.legs.remove(&id));
        return Err(CentreError::state(format!("{user}'s phone is gone")));
    }
    Ok(id)
}

/// The legs of a call that are not over, or those of one phone in it.
pub(crate) fn live_of(centre: &Centre, call: u64, user: Option<&str>) -> Vec<(u64, mpsc::UnboundedSender<PhoneInput>)> {
    let book = centre.book();
    let live = book.legs.values().filter(|l| l.info.call == call && l.info.stage != LegStage::Ended);
    live.filter(|l| user.is_none_or(|u| l.info.supervisor == u)).map(|l| (l.info.id, l.phone.clone())).collect()
}

/// A phone answered: whoever called it is answered too.
pub(crate) fn answered(centre: &Centre, id: u64) {
    let callers: Vec<_> = {
        let book = centre.book();
        let Ok(leg) = book.leg(id) else { return };
        if leg.info.role == Role::Supervisor {
            return;
        }
        let of_call = book.legs.values().filter(|l| l.info.call == leg.info.call && l.info.dialled_in && l.info.stage < LegStage::Answered);
        of_call.map(|l| (l.info.id, l.phone.clone())).collect()
    };
    for (caller, phone) in callers {
        // A caller that is gone has ended its legs.
        let _ = phone.send(PhoneInput::Leg(caller, LegCommand::Accept));
    }
}

/// Moves a leg into another call, with its sound.
pub(crate) fn move_to(centre: &Centre, id: u64, call: u64) -> Result<()> {
    let (from, seat) = {
        let book = centre.book();
        book.call(call)?;
        let leg = book.leg(id)?;
        live(leg)?;
        (leg.info.call, leg.seat)
    };
    let voice = match seat {
        Some(seat) => centre.with_bridge(from, |bridge| bridge.take(seat))?,
        None => None,
    };
    let seat = match voice {
        Some((name, role, voice)) => Some(centre.with_bridge(call, |bridge| bridge.sit(&name, role, voice))?),
        None => None,
    };
    let lobby = centre.change(|book| {
        if let Some(leg) = book.legs.get_mut(&id) {
            leg.info.call = call;
            leg.seat = seat;
        }
        book.calls.get(&from).is_some_and(|c| c.parties.is_empty())
    });
    centre.timeline.note("moved", Some(call), Some(id), format!("from call {from}"));
    if lobby {
        calls::end(centre, from)?;
    }
    Ok(())
}

/// Enters the end of a leg into the book, once, with what to do about it where that helps.
pub(crate) fn ended(centre: &Centre, id: u64, mut end: LegEnd) {
    let info = centre.book().leg(id).ok().filter(|l| l.info.stage != LegStage::Ended).map(|l| l.info.clone());
    let Some(info) = info else { return };
    if end.code == 486 {
        let user = &info.supervisor;
        let other = centre
            .book()
            .legs
            .values()
            .find(|l| l.info.supervisor == *user && l.info.id != id && l.info.stage != LegStage::Ended)
            .map(|l| l.info.id);
        let advice = other.map_or_else(|| "try again later".to_owned(), |leg| format!("hang up leg {leg} first"));
        end.reason = Some(format!("{} - {user} is busy; {advice}", end.reason.as_deref().unwrap_or("Busy Here")));
    }
    let mut text = format!("{}: {} by {}, code {}", info.supervisor, end.cause, end.by, end.code);
    if let Some(reason) = &end.reason {
        text.push_str(&format!(" ({reason})"));
    }
    centre.timeline.note("ended", Some(info.call), Some(id), text);
    centre.change(|book| {
        if let Some(leg) = book.legs.get_mut(&id) {
            leg.info.stage = LegStage::Ended;
            leg.info.end = Some(end);
        }
    });
    if info.role != Role::Supervisor {
        calls::party_left(centre, info.call, &info.supervisor);
    } else if centre.book().call(info.call).is_ok_and(|c| c.parties.is_empty()) {
        // The lobby's only guest is gone.
        let _ = calls::end(centre, info.call);
    }
}

/// Switches what a supervisor may do. The measurement begins anew.
pub(crate) fn set_mode(centre: &Centre, id: u64, mode: Mode) -> Result<()> {
    let (call, seat) = centre.change(|book| {
        live(book.leg(id)?)?;
        let leg = book.legs.get_mut(&id).ok_or_else(|| CentreError::unknown(format!("there is no leg {id}")))?;
        leg.info.mode = mode;
        Ok((leg.info.call, leg.seat))
    })?;
    if let Some(seat) = seat {
        centre.with_bridge(call, |bridge| bridge.set_mode(seat, mode))?;
    }
    centre.timeline.note("mode", Some(call), Some(id), mode.as_str());
    Ok(())
}

/// Asks something of a leg that is not over.
pub(crate) fn command(centre: &Centre, id: u64, command: LegCommand) -> Result<()> {
    let phone = {
        let book = centre.book();
        let leg = book.leg(id)?;
        live(leg)?;
        let talking = leg.info.stage >= LegStage::Answered;
        if !talking && !matches!(command, LegCommand::HangUp | LegCommand::Invite) {
            return Err(CentreError::state(format!("leg {id} is not answered yet")));
        }
        leg.phone.clone()
    };
    phone.send(PhoneInput::Leg(id, command)).map_err(|_| CentreError::state(format!("the phone of leg {id} is gone")))
}

/// Negotiates anew, after what is under way.
pub(crate) fn negotiate(centre: &Centre, id: u64, what: Renegotiation) -> Result<()> {
    command(centre, id, LegCommand::Negotiate(what))
}

/// Presses keys towards the supervisor.
pub(crate) fn send_dtmf(centre: &Centre, id: u64, digits: &str) -> Result<()> {
    with_audio(centre, id, |audio| audio.send_dtmf(digits))?.map_err(CentreError::invalid)
}

/// Disturbs the media of a leg, now or as soon as it flows.
pub(crate) fn impair(centre: &Centre, id: u64, impairment: Impairment) -> Result<()> {
    if !(0.0..=1.0).contains(&impairment.loss) || !(0.0..=1.0).contains(&impairment.reorder) {
        return Err(CentreError::invalid("loss and reorder are shares from 0 to 1"));
    }
    let (call, seat) = centre.change(|book| {
        live(book.leg(id)?)?;
        let leg = book.legs.get_mut(&id).ok_or_else(|| CentreError::unknown(format!("there is no leg {id}")))?;
        leg.impairment = impairment;
        Ok((leg.info.call, leg.seat))
    })?;
    if let Some(seat) = seat {
        centre.with_bridge(call, |bridge| {
            if let Some(audio) = bridge.leg(seat) {
                audio.set_impairment(impairment);
            }
        })?;
    }
    let text = if impairment.is_none() { "undisturbed".to_owned() } else { format!("{impairment:?}") };
    centre.timeline.note("impairment", Some(call), Some(id), text);
    Ok(())
}

/// What is known of a leg.
pub(crate) fn info(centre: &Centre, id: u64) -> Result<LegInfo> {
    let (mut info, seat) = {
        let book = centre.book();
        let leg = book.leg(id)?;
        (leg.info.clone(), leg.seat)
    };
    if info.stage != LegStage::Ended
        && let Some(seat) = seat
    {
        let figures = centre.with_bridge(info.call, |bridge| bridge.leg(seat).map(|l| (l.packets_heard(), l.lost().to_vec())));
        if let Ok(Some((packets, lost))) = figures {
            (info.packets_received, info.lost_packets) = (packets, lost);
        }
    }
    Ok(info)
}

/// Figures of the centre's end of a leg, as the engine's own call audio has them.
pub(crate) fn stats(centre: &Centre, id: u64) -> Result<monipy_core::Stats> {
    with_audio(centre, id, |audio| audio.stats())
}

fn with_audio<T>(centre: &Centre, id: u64, f: impl FnOnce(&mut crate::mix::leg_audio::LegAudio) -> T) -> Result<T> {
    let (call, seat) = {
        let book = centre.book();
        let leg = book.leg(id)?;
        live(leg)?;
        (leg.info.call, leg.seat)
    };
    let silent = || CentreError::state(format!("no sound flows in leg {id} yet"));
    let seat = seat.ok_or_else(silent)?;
    centre.with_bridge(call, |bridge| bridge.leg(seat).map(f))?.ok_or_else(silent)
}

fn live(leg: &Leg) -> Result<()> {
    match &leg.info.end {
        None => Ok(()),
        Some(end) => Err(CentreError::state(format!("leg {} is over: {} by {}", leg.info.id, end.cause, end.by))),
    }
}
