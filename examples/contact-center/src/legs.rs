//! Supervisors' legs: requested, switched, held, ended.

use crate::error::{CentreError, Result};
use crate::misbehaviour::Misbehaviour;
use crate::mix::impair::Impairment;
use crate::mode::Mode;
use crate::signalling::phone::{LegCommand, PhoneInput};
use crate::state::{Centre, Leg, LegInfo, LegStage};
use std::time::Instant;

/// Asks a supervisor into a call: an INVITE goes to its registration.
pub(crate) fn barge(centre: &Centre, call: u64, supervisor: &str, mode: Mode) -> Result<u64> {
    let now = Instant::now();
    let impairment = centre.board.happens(|m| if let Misbehaviour::Media(i) = m { Some(*i) } else { None }).unwrap_or_default();
    let (id, phone) = centre.change(|book| {
        let labels = book.call(call)?.labels.clone();
        if !book.accounts.contains_key(supervisor) {
            let known: Vec<&str> = book.accounts.keys().map(String::as_str).collect();
            return Err(CentreError::unknown(format!("there is no supervisor {supervisor:?}; there are {}", known.join(", "))));
        }
        let Some(phone) = book.registered(supervisor, now).map(|r| r.phone.clone()) else {
            return Err(CentreError::state(format!("{supervisor} is not registered; it has to log in before it can be called")));
        };
        let mut headers = vec![
            ("X-cmi-uuid".to_owned(), labels.uuid),
            ("X-Team-Name".to_owned(), labels.team_name),
            ("X-To-Number".to_owned(), labels.to_number),
            ("X-Call-ID".to_owned(), labels.call_id),
        ];
        headers.extend(labels.transfer_from.map(|v| ("X-Transfer-From".to_owned(), v)));
        headers.extend(labels.transfer.map(|v| ("X-Transfer".to_owned(), v)));
        let id = book.number();
        let info = LegInfo {
            id,
            call,
            supervisor: supervisor.to_owned(),
            mode,
            stage: LegStage::Calling,
            dialled_in: false,
            held_by_phone: false,
            held_by_centre: false,
            digits: String::new(),
            packets_received: 0,
            end: None,
        };
        book.legs.insert(id, Leg { info, phone: phone.clone(), seat: None, impairment, headers });
        Ok((id, phone))
    })?;
    centre.timeline.note("barge", Some(call), Some(id), format!("{supervisor} is asked in: {mode}"));
    if phone.send(PhoneInput::Leg(id, LegCommand::Invite)).is_err() {
        centre.change(|book| book.legs.remove(&id));
        return Err(CentreError::state(format!("{supervisor}'s phone is gone")));
    }
    Ok(id)
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
        let packets = centre.with_bridge(info.call, |bridge| bridge.leg(seat).map_or(0, |l| l.packets_heard()));
        info.packets_received = packets.unwrap_or(info.packets_received);
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
