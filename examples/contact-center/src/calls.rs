//! Calls: begun, bridged, measured, ended.

use crate::audibility::{Audibility, EarReport, observed};
use crate::error::{CentreError, Result};
use crate::legs;
use crate::mix::bridge::{Bridge, Histories, Voice};
use crate::mix::layout::Layout;
use crate::mix::source::Source;
use crate::mode::Mode;
use crate::party::{Party, Role, Sound};
use crate::random::Random;
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

/// The phone that is in a call already, since it placed it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Present(pub(crate) Option<String>);

/// Begins a call and calls the phones of its parties.
pub(crate) fn begin_and_ring(centre: &Arc<Centre>, parties: Vec<Party>, labels: Option<CallLabels>) -> Result<u64> {
    let id = begin(centre, parties, labels, &Present::default())?;
    if let Err(e) = ring_phones(centre, id) {
        // Whoever was called is called off again.
        let _ = end(centre, id);
        return Err(e);
    }
    Ok(id)
}

/// Begins a call; scripted parties talk from now on, phones are not called yet.
pub(crate) fn begin(centre: &Arc<Centre>, parties: Vec<Party>, labels: Option<CallLabels>, present: &Present) -> Result<u64> {
    for (i, party) in parties.iter().enumerate() {
        if parties.iter().take(i).any(|p| p.name == party.name) {
            return Err(taken(&party.name));
        }
    }
    if parties.is_empty() {
        return Err(CentreError::invalid("a call needs at least one party"));
    }
    let id = centre.change(|book| book.number());
    let sources: Vec<Option<Source>> = parties.iter().map(|p| prepare(centre, id, p, present)).collect::<Result<_>>()?;
    let bridge = open(centre, id, labels.unwrap_or_else(|| default_labels(centre, id, &parties)), parties.clone())?;
    let mut bridge = bridge.lock().unwrap_or_else(PoisonError::into_inner);
    for (party, source) in parties.iter().zip(sources) {
        if let Some(source) = source {
            bridge.sit(&party.name, party.role, Voice::Script(source));
        }
    }
    drop(bridge);
    let names: Vec<&str> = parties.iter().map(|p| p.name.as_str()).collect();
    centre.timeline.note("call", Some(id), None, format!("{} talk", names.join(" and ")));
    Ok(id)
}

/// A call without parties, where a supervisor waits until it has said which call it wants.
pub(crate) fn lobby(centre: &Arc<Centre>) -> u64 {
    let id = centre.change(|book| book.number());
    if let Err(e) = open(centre, id, default_labels(centre, id, &[]), Vec::new()) {
        log::warn!("{e}");
    }
    id
}

fn open(centre: &Arc<Centre>, id: u64, labels: CallLabels, parties: Vec<Party>) -> Result<Arc<Mutex<Bridge>>> {
    if centre.book().calls.len() >= MOST_CALLS {
        return Err(CentreError::state(format!("there are {MOST_CALLS} calls already; hang up some")));
    }
    let bridge = Bridge::new(id, centre.history_s, record_folder(centre, id), centre.leg_events.clone());
    let bridge = Arc::new(Mutex::new(bridge));
    centre.clock.add(bridge.clone());
    centre.change(|book| book.calls.insert(id, Call { parties, labels, bridge: bridge.clone(), started: Instant::now() }));
    Ok(bridge)
}

fn taken(name: &str) -> CentreError {
    CentreError::invalid(format!("{name:?} is taken; every party and phone needs a name of its own"))
}

/// Looks whether a party may be in a call, and makes its sound; none for a phone.
fn prepare(centre: &Centre, call: u64, party: &Party, present: &Present) -> Result<Option<Source>> {
    let name = &party.name;
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err(CentreError::invalid(format!("{name:?} is not a name; it takes 1 to 64 characters without control characters")));
    }
    if party.role == Role::Supervisor {
        return Err(CentreError::invalid("a party is an agent or a customer; supervisors are asked in with barge"));
    }
    let known = centre.book().accounts.contains_key(name);
    if party.sound != Sound::Phone {
        if known {
            return Err(taken(name));
        }
        return Source::new(&party.sound, party.role, centre.seed.wrapping_add(call)).map(Some).map_err(CentreError::invalid);
    }
    if present.0.as_ref() != Some(name) {
        legs::reachable(centre, name)?;
    }
    Ok(None)
}

/// Calls the phones of a call that are not in it.
pub(crate) fn ring_phones(centre: &Centre, id: u64) -> Result<()> {
    let absent: Vec<Party> = {
        let book = centre.book();
        let present =
            |name: &str| book.legs.values().any(|l| l.info.call == id && l.info.supervisor == name && l.info.stage != LegStage::Ended);
        book.call(id)?.parties.iter().filter(|p| p.sound == Sound::Phone && !present(&p.name)).cloned().collect()
    };
    for party in absent {
        legs::invite(centre, id, &party.name, party.role, Mode::Barge, Layout::Mixed)?;
    }
    Ok(())
}

/// Brings one more party into a call.
pub(crate) fn join(centre: &Centre, id: u64, party: Party) -> Result<()> {
    if centre.book().call(id)?.parties.iter().any(|p| p.name == party.name) {
        return Err(taken(&party.name));
    }
    if let Some(source) = prepare(centre, id, &party, &Present::default())? {
        centre.with_bridge(id, |bridge| bridge.sit(&party.name, party.role, Voice::Script(source)))?;
    }
    centre.timeline.note("joined", Some(id), None, format!("{} ({})", party.name, party.role.as_str()));
    add_party(centre, id, party);
    ring_phones(centre, id)
}

fn add_party(centre: &Centre, id: u64, party: Party) {
    centre.change(|book| {
        if let Some(call) = book.calls.get_mut(&id) {
            call.parties.push(party);
        }
    });
}

/// Lets a party leave a call: a scripted one falls silent, a phone is hung up.
pub(crate) fn leave(centre: &Centre, id: u64, name: &str) -> Result<()> {
    let known: Vec<String> = centre.book().call(id)?.parties.iter().map(|p| p.name.clone()).collect();
    if !known.iter().any(|n| n == name) {
        return Err(CentreError::unknown(format!("there is no party {name:?} in call {id}; there are {}", known.join(", "))));
    }
    centre.with_bridge(id, |bridge| bridge.dismiss(name))?;
    centre.change(|book| {
        if let Some(call) = book.calls.get_mut(&id) {
            call.parties.retain(|p| p.name != name);
        }
    });
    centre.timeline.note("left", Some(id), None, name);
    for (leg, phone) in legs::live_of(centre, id, Some(name)) {
        // A phone that is gone has ended its legs.
        let _ = phone.send(PhoneInput::Leg(leg, LegCommand::HangUp));
    }
    Ok(())
}

/// A phone takes the agents' place in a call.
pub(crate) fn take_over(centre: &Centre, id: u64, name: &str) {
    let agents: Vec<String> = {
        let book = centre.book();
        let parties = book.call(id).map(|c| c.parties.as_slice()).unwrap_or_default();
        parties.iter().filter(|p| p.role == Role::Agent && p.name != name).map(|p| p.name.clone()).collect()
    };
    add_party(centre, id, Party { name: name.to_owned(), role: Role::Agent, sound: Sound::Phone });
    for agent in agents {
        // It may have left in this moment.
        let _ = leave(centre, id, &agent);
    }
}

/// Moves the parties of another call into this one, and ends the other.
pub(crate) fn bridge(centre: &Centre, id: u64, other: u64) -> Result<()> {
    if id == other {
        return Err(CentreError::invalid("a call is bridged with another call"));
    }
    let (mine, theirs) = {
        let book = centre.book();
        (book.call(id)?.parties.clone(), book.call(other)?.parties.clone())
    };
    if let Some(twice) = theirs.iter().find(|p| mine.iter().any(|m| m.name == p.name)) {
        return Err(taken(&twice.name));
    }
    for party in &theirs {
        let voice = centre.with_bridge(other, |bridge| bridge.take_script(&party.name))?;
        if let Some(voice) = voice {
            centre.with_bridge(id, |bridge| bridge.sit(&party.name, party.role, voice))?;
        }
        add_party(centre, id, party.clone());
    }
    for (leg, _) in legs::live_of(centre, other, None) {
        legs::move_to(centre, leg, id)?;
    }
    centre.timeline.note("bridged", Some(id), None, format!("with call {other}"));
    if centre.book().calls.contains_key(&other) {
        end(centre, other)?;
    }
    Ok(())
}

/// A party's phone has left: a call that has lost its other end is over.
pub(crate) fn party_left(centre: &Centre, id: u64, name: &str) {
    let left = centre.change(|book| {
        let call = book.calls.get_mut(&id)?;
        call.parties.retain(|p| p.name != name);
        Some(call.parties.len())
    });
    if left.is_some_and(|left| left < 2) {
        // It may be over already.
        let _ = end(centre, id);
    }
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
    let mut random = Random::new(centre.seed, id);
    let (a, b) = (random.next(), random.next());
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
    let bridge = centre.book().call(id)?.bridge.clone();
    for (leg, phone) in legs::live_of(centre, id, None) {
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
    if sound == Sound::Phone {
        return Err(CentreError::invalid("a phone takes a party's place with leave and join"));
    }
    let source = Source::new(&sound, role, centre.seed.wrapping_add(id)).map_err(CentreError::invalid)?;
    if !centre.with_bridge(id, |bridge| bridge.set_source(name, source))? {
        return Err(CentreError::state(format!("{name} is a real phone, which speaks for itself")));
    }
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
