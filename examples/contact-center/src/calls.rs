//! Calls between scripted parties: begun, measured, ended.

use crate::audibility::{Audibility, EarReport, observed};
use crate::error::{CentreError, Result};
use crate::mix::bridge::{Bridge, Histories, Voice};
use crate::mix::source::Source;
use crate::party::{Party, Role, Sound};
use crate::signalling::phone::{LegCommand, PhoneInput};
use crate::state::{Call, CallLabels, Centre, LegStage};
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// More calls than this at a time are refused.
const MOST_CALLS: usize = 2000;
/// More audio than this is not observed at once, samples at 8 kHz: a minute.
const MOST_OBSERVED: usize = 60 * observed::RATE as usize;

/// What is known of a call.
#[derive(Debug, Clone, Serialize)]
pub struct CallInfo {
    /// Its number.
    pub id: u64,
    /// The scripted parties: name, role and sound.
    pub parties: Vec<PartyInfo>,
    /// What the vendor's headers say of it.
    pub labels: CallLabels,
    /// The supervisors' legs that are not over.
    pub legs: Vec<u64>,
    /// How long it has lasted, ms.
    pub duration_ms: u64,
}

/// A scripted party.
#[derive(Debug, Clone, Serialize)]
pub struct PartyInfo {
    /// Its name.
    pub name: String,
    /// `agent` or `customer`.
    pub role: &'static str,
    /// What it sounds like, as on the command line.
    pub sound: String,
}

/// How loud a party is in this moment, dBFS.
#[derive(Debug, Clone, Serialize)]
pub struct Level {
    /// Its name.
    pub name: String,
    /// What it says.
    pub says_dbfs: f64,
    /// What it receives.
    pub hears_dbfs: f64,
}

/// Begins a call.
pub(crate) fn begin(centre: &Arc<Centre>, parties: Vec<Party>, labels: Option<CallLabels>) -> Result<u64> {
    let mut sources = Vec::new();
    for (i, party) in parties.iter().enumerate() {
        if party.name.is_empty() || party.name.len() > 64 || party.name.chars().any(char::is_control) {
            return Err(CentreError::invalid(format!(
                "{:?} is not a name; it takes 1 to 64 characters without control characters",
                party.name
            )));
        }
        if parties.iter().take(i).any(|p| p.name == party.name) || centre.book().accounts.contains_key(&party.name) {
            return Err(CentreError::invalid(format!("{:?} is taken; every party and supervisor needs a name of its own", party.name)));
        }
        if party.role == Role::Supervisor {
            return Err(CentreError::invalid("a scripted party is an agent or a customer; supervisors log in over SIP"));
        }
        sources.push(Source::new(&party.sound, party.role).map_err(CentreError::invalid)?);
    }
    if parties.is_empty() {
        return Err(CentreError::invalid("a call needs at least one party"));
    }
    if centre.book().calls.len() >= MOST_CALLS {
        return Err(CentreError::state(format!("there are {MOST_CALLS} calls already; hang up some")));
    }
    let id = centre.change(|book| book.number());
    let mut bridge = Bridge::new(id, centre.history_s, record_folder(centre, id), centre.leg_events.clone());
    for (party, source) in parties.iter().zip(sources) {
        bridge.sit(&party.name, party.role, Voice::Script(source));
    }
    let bridge = Arc::new(Mutex::new(bridge));
    let labels = labels.unwrap_or_else(|| default_labels(centre, id, &parties));
    let names: Vec<&str> = parties.iter().map(|p| p.name.as_str()).collect();
    centre.timeline.note("call", Some(id), None, format!("{} talk", names.join(" and ")));
    centre.clock.add(bridge.clone());
    centre.change(|book| book.calls.insert(id, Call { parties, labels, bridge, started: Instant::now() }));
    Ok(id)
}

fn record_folder(centre: &Centre, id: u64) -> Option<std::path::PathBuf> {
    let folder = centre.record.as_ref()?.join(format!("call-{id}"));
    match std::fs::create_dir_all(&folder) {
        Ok(()) => Some(folder),
        Err(e) => {
            log::warn!("{}: {e}; the call is not recorded", folder.display());
            None
        }
    }
}

fn default_labels(centre: &Centre, id: u64, parties: &[Party]) -> CallLabels {
    // Derived from the seed, so that the same run carries the same labels.
    let mix = |n: u64| (centre.seed ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let (a, b) = (mix(id), mix(id + 0x1000_0000));
    let customer = parties.iter().find(|p| p.role == Role::Customer).map_or("anonymous", |p| p.name.as_str());
    let to_number =
        if customer.chars().all(|c| c.is_ascii_digit() || c == '+') { customer.to_owned() } else { format!("+4420794{:05}", id % 100_000) };
    CallLabels {
        uuid: format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff, b >> 52, b & 0xffff_ffff_ffff),
        call_id: format!("{:016x}", a ^ b),
        team_name: "Northwind Travel".into(),
        to_number,
        transfer_from: None,
        transfer: None,
    }
}

/// Ends a call and every leg of it.
pub(crate) fn end(centre: &Centre, id: u64) -> Result<()> {
    let (bridge, legs) = {
        let book = centre.book();
        let bridge = book.call(id)?.bridge.clone();
        let of_call = book.legs.values().filter(|l| l.info.call == id && l.info.stage != LegStage::Ended);
        (bridge, of_call.map(|l| (l.info.id, l.phone.clone())).collect::<Vec<_>>())
    };
    for (leg, phone) in legs {
        // A phone that is gone has ended its legs.
        let _ = phone.send(PhoneInput::Leg(leg, LegCommand::HangUp));
    }
    centre.clock.remove(&bridge);
    centre.timeline.note("call-ended", Some(id), None, "the parties hang up");
    centre.change(|book| book.calls.remove(&id));
    Ok(())
}

/// What is known of a call.
pub(crate) fn info(centre: &Centre, id: u64) -> Result<CallInfo> {
    let book = centre.book();
    let call = book.call(id)?;
    let party = |p: &Party| PartyInfo { name: p.name.clone(), role: p.role.as_str(), sound: p.sound.to_string() };
    Ok(CallInfo {
        id,
        parties: call.parties.iter().map(party).collect(),
        labels: call.labels.clone(),
        legs: book.legs.values().filter(|l| l.info.call == id && l.info.stage != LegStage::Ended).map(|l| l.info.id).collect(),
        duration_ms: u64::try_from(call.started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// Lets a party sound otherwise from now on.
pub(crate) fn set_sound(centre: &Centre, id: u64, name: &str, sound: Sound) -> Result<()> {
    let role = centre.book().call(id)?.parties.iter().find(|p| p.name == name).map(|p| p.role);
    let role = role.ok_or_else(|| CentreError::unknown(format!("there is no scripted party {name:?} in call {id}")))?;
    let source = Source::new(&sound, role).map_err(CentreError::invalid)?;
    centre.with_bridge(id, |bridge| bridge.set_source(name, source))?;
    centre.change(|book| {
        let party = book.calls.get_mut(&id).and_then(|c| c.parties.iter_mut().find(|p| p.name == name));
        if let Some(party) = party {
            party.sound = sound;
        }
    });
    Ok(())
}

/// Who heard whom since the company or a mode changed last, or in the last second.
pub(crate) fn audibility(centre: &Centre, id: u64, recent: bool) -> Result<Audibility> {
    let ears = centre.with_bridge(id, |bridge| if recent { bridge.audibility_recent() } else { bridge.audibility() })?;
    Ok(Audibility { call: id, ears })
}

/// How loud everybody is in this moment.
pub(crate) fn levels(centre: &Centre, id: u64) -> Result<Vec<Level>> {
    let levels = centre.with_bridge(id, |bridge| bridge.levels())?;
    Ok(levels.into_iter().map(|(name, says_dbfs, hears_dbfs)| Level { name, says_dbfs, hears_dbfs }).collect())
}

/// Explains audio that `listener` says it has received.
pub(crate) fn observe(centre: &Centre, id: u64, listener: &str, sample_rate: u32, pcm: &[i16]) -> Result<EarReport> {
    let received = observed::to_rate(pcm, sample_rate)
        .ok_or_else(|| CentreError::invalid(format!("{sample_rate} Hz; it accepts 8000, 16000, 24000 or 48000")))?;
    // The end is kept: it is what the histories still hold.
    let received = received.get(received.len().saturating_sub(MOST_OBSERVED)..).unwrap_or_default();
    let histories = centre.with_bridge(id, |bridge| bridge.histories(listener))?;
    let Histories { role, sent, said } = histories.ok_or_else(|| CentreError::unknown(format!("{listener:?} is not in call {id}")))?;
    Ok(observed::observe(listener, role.as_str(), received, &sent, &said))
}

/// Level in dBFS of a sine in what a party received in the last second.
pub(crate) fn tone(centre: &Centre, id: u64, listener: &str, hz: f64) -> Result<f64> {
    let level = centre.with_bridge(id, |bridge| bridge.tone(listener, hz))?;
    level.ok_or_else(|| CentreError::unknown(format!("{listener:?} is not in call {id}")))
}

/// Every call, oldest first.
pub(crate) fn all(centre: &Centre) -> Vec<CallInfo> {
    let ids: Vec<u64> = centre.book().calls.keys().copied().collect();
    ids.into_iter().filter_map(|id| info(centre, id).ok()).collect()
}

/// Completes the WAV files of the calls that are still up.
pub(crate) fn finish_recordings(centre: &Centre) {
    let bridges: Vec<Arc<Mutex<Bridge>>> = centre.book().calls.values().map(|c| c.bridge.clone()).collect();
    for bridge in bridges {
        bridge.lock().unwrap_or_else(PoisonError::into_inner).finish_recordings();
    }
}
