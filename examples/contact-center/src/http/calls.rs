//! Calls: begun, bridged, measured, ended.

use super::api::{Api, Operation, Parameter};
use super::{Answer, Control, parse, read, timeout};
use crate::calls;
use crate::error::{CentreError, Result};
use crate::handles::CallHandle;
use crate::legs;
use crate::mix::layout::Layout;
use crate::mode::Mode;
use crate::party::{Party, Role};
use crate::state::CallLabels;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};

const SOUND: &str = "GET /help lists the sounds";
const MODES: &str = "listen, whisper, barge or whisper-customer";

pub(super) fn add(api: Api) -> Api {
    let (get, post, delete) =
        (|p, d| Operation::new("GET", p, d), |p, d| Operation::new("POST", p, d), |p, d| Operation::new("DELETE", p, d));
    api.at(get("/calls", "The calls that are up, oldest first."), list_calls)
        .at(
            post("/calls", "Begins a call; answers with it. Parties are scripted, or real phones that are registered (sound phone).").body(
                &[
                    Parameter::object("agent", "{name, sound}; speech when left out"),
                    Parameter::object("customer", "{name, sound}; speech when left out"),
                    Parameter::object("parties", "in their place, a list of {name, role, sound}"),
                    Parameter::object("labels", "{uuid, call_id, team_name, to_number, transfer_from, transfer} for the vendor's headers"),
                ],
            ),
            begin_call,
        )
        .at(get("/calls/{id}", "What is known of a call."), call)
        .at(delete("/calls/{id}", "Ends a call and every leg of it."), end_call)
        .at(
            post("/calls/{id}/barge", "Asks a supervisor in: an INVITE to its phone; answers with the leg.").body(&[
                Parameter::string("supervisor", "login id; the first when left out"),
                Parameter::string("mode", MODES),
                Parameter::string("layout", "mixed, stereo (Opus: agents left, customers right) or apart (two audio lines in the offer)"),
            ]),
            barge,
        )
        .at(
            post("/calls/{id}/parties", "Brings one more party into a call.").body(&[
                Parameter::string("name", "its name; for a phone the login id"),
                Parameter::string("role", "agent or customer"),
                Parameter::string("sound", SOUND),
            ]),
            join,
        )
        .at(delete("/calls/{id}/parties/{party}", "Lets a party leave a call."), leave)
        .at(
            post("/calls/{id}/bridge", "Moves the parties and supervisors of another call into this one.")
                .body(&[Parameter::number("call", "the other call")]),
            bridge,
        )
        .at(
            post("/calls/{id}/sound", "Lets a scripted party sound otherwise from now on.")
                .body(&[Parameter::string("party", "its name"), Parameter::string("sound", SOUND)]),
            set_sound,
        )
        .at(get("/calls/{id}/levels", "How loud each party speaks and what it receives in this moment, dBFS."), levels)
        .at(
            get("/calls/{id}/tone", "Level of a sine in what a party received in the last second, dBFS.")
                .query(&[Parameter::string("listener", "the party"), Parameter::number("hz", "its frequency")]),
            tone,
        )
        .at(
            get(
                "/calls/{id}/audibility",
                "The audibility matrix since the company or a mode changed last. Waits, if asked to, until a party hears exactly these.",
            )
            .query(&[
                Parameter::boolean("recent", "the last second alone"),
                Parameter::string("listener", "whose ear is waited for"),
                Parameter::string("heard", "names, with commas"),
                Parameter::number("timeout_ms", "5000 when left out"),
            ]),
            audibility,
        )
        .at(post("/calls/{id}/audibility/reset", "Begins the measurement anew."), reset_audibility)
        .at(
            post(
                "/calls/{id}/ears/{party}",
                "Explains audio that a party really received: whom it contains, at what level. The body is mono s16le.",
            )
            .query(&[Parameter::number("rate", "8000, 16000, 24000 or 48000 Hz")])
            .raw_body(),
            observe,
        )
}

async fn list_calls(State(Control { centre, .. }): State<Control>) -> Json<Value> {
    Json(json!(calls::all(&centre)))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct NewParty {
    name: Option<String>,
    role: Option<String>,
    sound: Option<String>,
}

impl NewParty {
    fn party(self, role: Role) -> Result<Party> {
        let role = self.role.as_deref().map_or(Ok(role), parse)?;
        Party::named(self.name, role, self.sound.as_deref().unwrap_or("speech")).map_err(CentreError::invalid)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLabels {
    uuid: Option<String>,
    call_id: Option<String>,
    team_name: Option<String>,
    to_number: Option<String>,
    transfer_from: Option<String>,
    transfer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCall {
    agent: Option<NewParty>,
    customer: Option<NewParty>,
    parties: Option<Vec<NewParty>>,
    labels: Option<NewLabels>,
}

async fn begin_call(State(Control { centre, .. }): State<Control>, body: Bytes) -> Answer {
    let new: NewCall = read(&body)?;
    let parties = match new.parties {
        Some(list) => list.into_iter().map(|p| p.party(Role::Agent)).collect::<Result<Vec<Party>>>()?,
        None => vec![new.agent.unwrap_or_default().party(Role::Agent)?, new.customer.unwrap_or_default().party(Role::Customer)?],
    };
    let labels = new.labels;
    let made = centre.clone();
    // espeak-ng and long synthesised speech take a moment that other requests should not wait for.
    let begun = tokio::task::spawn_blocking(move || calls::begin_and_ring(&made, parties, None)).await;
    let id = begun.map_err(|e| CentreError::system(e.to_string()))??;
    if let Some(new) = labels {
        centre.change(|book| {
            if let Some(call) = book.calls.get_mut(&id) {
                let CallLabels { uuid, call_id, team_name, to_number, .. } = call.labels.clone();
                call.labels = CallLabels {
                    uuid: new.uuid.unwrap_or(uuid),
                    call_id: new.call_id.unwrap_or(call_id),
                    team_name: new.team_name.unwrap_or(team_name),
                    to_number: new.to_number.unwrap_or(to_number),
                    transfer_from: new.transfer_from,
                    transfer: new.transfer,
                };
            }
        });
    }
    Ok(Json(json!(calls::info(&centre, id)?)))
}

async fn call(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>) -> Answer {
    Ok(Json(json!(calls::info(&centre, id)?)))
}

async fn end_call(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>) -> Answer {
    calls::end(&centre, id)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBarge {
    supervisor: Option<String>,
    mode: Option<String>,
    layout: Option<String>,
}

async fn barge(State(Control { centre, about, .. }): State<Control>, Path(id): Path<u64>, body: Bytes) -> Answer {
    let new: NewBarge = read(&body)?;
    let first = about.credentials.first().map_or("supervisor", |c| c.id.as_str());
    let mode = new.mode.as_deref().map_or(Ok(Mode::Barge), parse)?;
    let layout = new.layout.as_deref().map_or(Ok(Layout::Mixed), parse)?;
    let leg = legs::barge(&centre, id, new.supervisor.as_deref().unwrap_or(first), mode, layout)?;
    Ok(Json(json!(legs::info(&centre, leg)?)))
}

async fn join(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, body: Bytes) -> Answer {
    let party = read::<NewParty>(&body)?.party(Role::Agent)?;
    calls::join(&centre, id, party)?;
    Ok(Json(json!(calls::info(&centre, id)?)))
}

async fn leave(State(Control { centre, .. }): State<Control>, Path((id, party)): Path<(u64, String)>) -> Answer {
    calls::leave(&centre, id, &party)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    call: u64,
}

async fn bridge(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, body: Bytes) -> Answer {
    calls::bridge(&centre, id, read::<Other>(&body)?.call)?;
    Ok(Json(json!(calls::info(&centre, id)?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSound {
    party: String,
    sound: String,
}

async fn set_sound(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, body: Bytes) -> Answer {
    let new: NewSound = read(&body)?;
    calls::set_sound(&centre, id, &new.party, parse(&new.sound)?)?;
    Ok(Json(json!({})))
}

async fn levels(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>) -> Answer {
    Ok(Json(json!(calls::levels(&centre, id)?)))
}

#[derive(Deserialize)]
struct ToneQuery {
    listener: String,
    hz: f64,
}

async fn tone(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, Query(query): Query<ToneQuery>) -> Answer {
    Ok(Json(json!({ "level_dbfs": calls::tone(&centre, id, &query.listener, query.hz)? })))
}

#[derive(Deserialize)]
struct AudibilityQuery {
    recent: Option<bool>,
    listener: Option<String>,
    heard: Option<String>,
    timeout_ms: Option<u64>,
}

async fn audibility(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, Query(query): Query<AudibilityQuery>) -> Answer {
    if let (Some(listener), Some(heard)) = (&query.listener, &query.heard) {
        let speakers: Vec<&str> = heard.split(',').map(str::trim).filter(|s| !s.is_empty()).collect();
        CallHandle::new(centre.clone(), id).wait_heard(listener, &speakers, timeout(query.timeout_ms)).await?;
    }
    let matrix = calls::audibility(&centre, id, query.recent.unwrap_or(false))?;
    let heard: serde_json::Map<String, Value> =
        matrix.ears.iter().map(|e| (e.listener.clone(), json!(matrix.heard(&e.listener)))).collect();
    Ok(Json(json!({ "call": id, "heard": heard, "ears": matrix.ears, "table": matrix.to_string() })))
}

async fn reset_audibility(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>) -> Answer {
    CallHandle::new(centre, id).reset_audibility()?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Rate {
    rate: u32,
}

async fn observe(
    State(Control { centre, .. }): State<Control>,
    Path((id, party)): Path<(u64, String)>,
    Query(Rate { rate }): Query<Rate>,
    body: Bytes,
) -> Answer {
    let pcm: Vec<i16> = body.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    // The correlation takes a moment that other requests should not wait for.
    let explained = tokio::task::spawn_blocking(move || calls::observe(&centre, id, &party, rate, &pcm)).await;
    let report = explained.map_err(|e| CentreError::system(e.to_string()))??;
    let heard: Vec<&String> = report.speakers.iter().filter(|(_, h)| h.heard).map(|(n, _)| n).collect();
    Ok(Json(json!({ "heard": heard, "ear": report })))
}
