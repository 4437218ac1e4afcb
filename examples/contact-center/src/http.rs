//! HTTP control: everything the library can do, for tests in any language.
//!
//! Bodies are JSON; an error is `{"error": "a sentence"}` with the status of its kind. What a GET
//! with `wait=...&timeout_ms=...` waits for has happened when it answers 200; 504 when it has not.

use crate::calls;
use crate::centre::{Credentials, Endpoints, misbehave};
use crate::error::{CentreError, ErrorKind, Result};
use crate::handles::{CallHandle, wait_stage};
use crate::legs;
use crate::misbehaviour::{MISBEHAVIOURS, Misbehaviour};
use crate::mix::impair::Impairment;
use crate::mode::Mode;
use crate::party::{Party, Role, Sound};
use crate::signalling::phone::LegCommand;
use crate::state::{Account, CallLabels, Centre, LegStage};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{HOST, ORIGIN};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::{delete, get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Longest wait of a request, ms.
const LONGEST_WAIT: u64 = 600_000;
/// Largest body: a minute of observed audio at 48 kHz.
const LARGEST_BODY: usize = 60 * 48_000 * 2;

/// What the centre says of itself.
#[derive(Debug, Clone)]
pub(crate) struct About {
    endpoints: Endpoints,
    credentials: Vec<Credentials>,
}

impl About {
    pub(crate) fn new(endpoints: &Endpoints, credentials: &[Credentials]) -> Arc<About> {
        Arc::new(About { endpoints: endpoints.clone(), credentials: credentials.to_vec() })
    }
}

#[derive(Clone)]
struct Control {
    centre: Arc<Centre>,
    about: Arc<About>,
}

type Answer = Result<Json<Value>>;

impl IntoResponse for CentreError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(json!({ "error": self.message }))).into_response()
    }
}

/// Serves control until the centre stops.
pub(crate) async fn serve(centre: Arc<Centre>, listener: TcpListener, about: Arc<About>) {
    let mut stop = centre.stop.subscribe();
    let app = router(Control { centre, about });
    let stopped = async move {
        // The sender lives as long as the centre does.
        let _ = stop.wait_for(|s| *s).await;
    };
    if let Err(e) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
        log::error!("HTTP control ended: {e}");
    }
}

fn router(control: Control) -> Router {
    Router::new()
        .route("/", get(|| async { Html(include_str!("../page/index.html")) }))
        .route("/help", get(help))
        .route("/status", get(status))
        .route("/supervisors", post(add_supervisor))
        .route("/supervisors/{id}", get(supervisor))
        .route("/calls", get(list_calls).post(begin_call))
        .route("/calls/{id}", get(call).delete(end_call))
        .route("/calls/{id}/barge", post(barge))
        .route("/calls/{id}/sound", post(set_sound))
        .route("/calls/{id}/levels", get(levels))
        .route("/calls/{id}/tone", get(tone))
        .route("/calls/{id}/audibility", get(audibility))
        .route("/calls/{id}/audibility/reset", post(reset_audibility))
        .route("/calls/{id}/ears/{party}", post(observe))
        .route("/legs/{id}", get(leg).delete(hang_up))
        .route("/legs/{id}/mode", post(set_mode))
        .route("/legs/{id}/hold", post(|c, p| command(c, p, LegCommand::Hold(true))))
        .route("/legs/{id}/unhold", post(|c, p| command(c, p, LegCommand::Hold(false))))
        .route("/legs/{id}/reinvite-without-sdp", post(|c, p| command(c, p, LegCommand::OfferWithoutSdp)))
        .route("/legs/{id}/ssrc-change", post(|c, p| command(c, p, LegCommand::FreshMedia)))
        .route("/legs/{id}/dtmf", post(dtmf))
        .route("/legs/{id}/impairment", post(impair))
        .route("/misbehaviours", get(misbehaviours).post(begin_misbehaviour))
        .route("/misbehaviours/{name}", delete(end_misbehaviour))
        .route("/ladder", get(ladder))
        .route("/timeline", get(timeline))
        .route("/stop", post(stop))
        .fallback(|| async { CentreError::unknown("there is no such path; GET /help lists them") })
        .layer(middleware::from_fn(own_pages_only))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(control)
}

/// Refuses what another site's page in somebody's browser asks for: control has no password.
async fn own_pages_only(request: Request, next: Next) -> Response {
    let foreign = {
        let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        header(ORIGIN).is_some_and(|origin| origin.split_once("://").map(|(_, rest)| rest) != header(HOST))
    };
    if foreign {
        let refusal = json!({ "error": "control is for the centre's own page and for programs" });
        return (StatusCode::FORBIDDEN, Json(refusal)).into_response();
    }
    next.run(request).await
}

/// Reads a JSON body; an empty one is `{}`.
fn read<T: for<'de> Deserialize<'de>>(body: &Bytes) -> Result<T> {
    let bytes: &[u8] = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    serde_json::from_slice(bytes).map_err(|e| CentreError::invalid(format!("the body: {e}")))
}

fn parse<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T> {
    text.parse().map_err(CentreError::invalid)
}

async fn help(State(control): State<Control>) -> String {
    let Endpoints { ws, wss, ca_file, .. } = &control.about.endpoints;
    let mut text = format!("contact-center: SIP over WebSocket at {ws} and {wss} (CA {})\n\n", ca_file.display());
    text.push_str(PATHS);
    text.push_str("\nMisbehaviours:\n");
    for m in MISBEHAVIOURS {
        text.push_str(&format!("  {:<26}{}\n", m.name, m.doc));
    }
    text
}

const PATHS: &str = "\
GET    /status
POST   /supervisors                {id, password}
GET    /supervisors/{id}           ?wait=registered|unregistered&timeout_ms=5000
GET    /calls
POST   /calls                      {agent: {name, sound}, customer: {name, sound}, labels}; sound: speech, silence, tone:HZ, wav:FILE
GET    /calls/{id}
DELETE /calls/{id}
POST   /calls/{id}/barge           {supervisor, mode}; mode: listen, whisper, barge
POST   /calls/{id}/sound           {party, sound}
GET    /calls/{id}/levels
GET    /calls/{id}/tone            ?listener=agent&hz=440
GET    /calls/{id}/audibility      ?recent=true, ?listener=supervisor&heard=agent,customer&timeout_ms=5000 waits
POST   /calls/{id}/audibility/reset
POST   /calls/{id}/ears/{party}    ?rate=48000, body: mono s16le that the party received
GET    /legs/{id}                  ?wait=ringing|answered|media|ended&timeout_ms=5000
DELETE /legs/{id}                  hang up, or cancel
POST   /legs/{id}/mode             {mode}
POST   /legs/{id}/hold | unhold | reinvite-without-sdp | ssrc-change
POST   /legs/{id}/dtmf             {digits}
POST   /legs/{id}/impairment       {loss, jitter_ms, delay_ms, reorder, silence, mute_packets}
GET    /misbehaviours
POST   /misbehaviours              {name, ..., times}
DELETE /misbehaviours/{name}
GET    /ladder                     every SIP message, secrets redacted
GET    /timeline                   ?after=SEQ
POST   /stop
";

/// What the program prints with `--json`, and `GET /status` begins with.
pub(crate) fn about(endpoints: &Endpoints, credentials: &[Credentials]) -> Value {
    json!({
        "ws": endpoints.ws,
        "wss": endpoints.wss,
        "http": endpoints.http,
        "ca_file": endpoints.ca_file,
        "domain": endpoints.domain,
        "credentials": credentials,
    })
}

async fn status(State(Control { centre, about: of }): State<Control>) -> Json<Value> {
    let mut status = about(&of.endpoints, &of.credentials);
    let now = Instant::now();
    let supervisors: Vec<Value> = {
        let book = centre.book();
        let one = |id: &String| json!({ "id": id, "registered": book.registered(id, now).is_some() });
        book.accounts.keys().map(one).collect()
    };
    status["supervisors"] = Value::from(supervisors);
    status["registers"] = json!(centre.book().registers);
    status["calls"] = json!(calls::all(&centre));
    status["legs"] = json!(centre.book().legs.values().map(|l| &l.info).collect::<Vec<_>>());
    status["misbehaviours"] = json!(centre.board.all());
    status["clock"] = json!(centre.clock.figures());
    Json(status)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSupervisor {
    id: String,
    password: String,
}

async fn add_supervisor(State(Control { centre, .. }): State<Control>, body: Bytes) -> Answer {
    let NewSupervisor { id, password } = read(&body)?;
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c)) {
        return Err(CentreError::invalid(format!("{id:?} is not a login id; it takes letters, digits and - _ . +")));
    }
    centre.change(|book| book.accounts.insert(id.clone(), Account { password }));
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
struct Wait {
    wait: Option<String>,
    timeout_ms: Option<u64>,
}

fn timeout(ms: Option<u64>) -> Duration {
    Duration::from_millis(ms.unwrap_or(5000).min(LONGEST_WAIT))
}

async fn supervisor(State(Control { centre, .. }): State<Control>, Path(id): Path<String>, Query(query): Query<Wait>) -> Answer {
    if !centre.book().accounts.contains_key(&id) {
        return Err(CentreError::unknown(format!("there is no supervisor {id:?}")));
    }
    let wanted = match query.wait.as_deref() {
        None => None,
        Some("registered") => Some(true),
        Some("unregistered") => Some(false),
        Some(other) => return Err(CentreError::invalid(format!("wait={other}; it accepts registered or unregistered"))),
    };
    if let Some(wanted) = wanted {
        let ready = |book: &crate::state::Book| Ok((book.registered(&id, Instant::now()).is_some() == wanted).then_some(()));
        let what = |_: &crate::state::Book| format!("{id} is {}registered", if wanted { "" } else { "un" });
        centre.wait(timeout(query.timeout_ms), what, ready).await?;
    }
    let registered = centre.book().registered(&id, Instant::now()).is_some();
    Ok(Json(json!({ "id": id, "registered": registered })))
}

async fn list_calls(State(Control { centre, .. }): State<Control>) -> Json<Value> {
    Json(json!(calls::all(&centre)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewParty {
    name: Option<String>,
    sound: Option<String>,
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
    labels: Option<NewLabels>,
}

fn party(new: Option<NewParty>, role: Role) -> Result<Party> {
    let new = new.unwrap_or(NewParty { name: None, sound: None });
    let sound = new.sound.as_deref().map_or(Ok(Sound::Speech), parse)?;
    Ok(Party { name: new.name.unwrap_or_else(|| role.as_str().to_owned()), role, sound })
}

async fn begin_call(State(Control { centre, .. }): State<Control>, body: Bytes) -> Answer {
    let new: NewCall = read(&body)?;
    let parties = vec![party(new.agent, Role::Agent)?, party(new.customer, Role::Customer)?];
    let id = calls::begin(&centre, parties, None)?;
    if let Some(new) = new.labels {
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
}

async fn barge(State(Control { centre, about }): State<Control>, Path(id): Path<u64>, body: Bytes) -> Answer {
    let new: NewBarge = read(&body)?;
    let first = about.credentials.first().map_or("supervisor", |c| c.id.as_str());
    let mode = new.mode.as_deref().map_or(Ok(Mode::Barge), parse)?;
    let leg = legs::barge(&centre, id, new.supervisor.as_deref().unwrap_or(first), mode)?;
    Ok(Json(json!(legs::info(&centre, leg)?)))
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

async fn leg(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, Query(query): Query<Wait>) -> Answer {
    let stage = match query.wait.as_deref() {
        None => None,
        Some("ringing") => Some(LegStage::Ringing),
        Some("answered") => Some(LegStage::Answered),
        Some("media") => Some(LegStage::Media),
        Some("ended") => Some(LegStage::Ended),
        Some(other) => return Err(CentreError::invalid(format!("wait={other}; it accepts ringing, answered, media or ended"))),
    };
    if let Some(stage) = stage {
        wait_stage(&centre, id, stage, timeout(query.timeout_ms)).await?;
    }
    Ok(Json(json!(legs::info(&centre, id)?)))
}

async fn hang_up(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>) -> Answer {
    legs::command(&centre, id, LegCommand::HangUp)?;
    Ok(Json(json!({})))
}

async fn command(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, command: LegCommand) -> Answer {
    legs::command(&centre, id, command)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMode {
    mode: String,
}

async fn set_mode(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, body: Bytes) -> Answer {
    let new: NewMode = read(&body)?;
    legs::set_mode(&centre, id, parse(&new.mode)?)?;
    Ok(Json(json!(legs::info(&centre, id)?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Digits {
    digits: String,
}

async fn dtmf(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, body: Bytes) -> Answer {
    let new: Digits = read(&body)?;
    legs::send_dtmf(&centre, id, &new.digits)?;
    Ok(Json(json!({})))
}

async fn impair(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, body: Bytes) -> Answer {
    let impairment: Impairment = read(&body)?;
    legs::impair(&centre, id, impairment)?;
    Ok(Json(json!(impairment)))
}

async fn misbehaviours(State(Control { centre, .. }): State<Control>) -> Json<Value> {
    Json(json!({ "known": MISBEHAVIOURS, "standing": centre.board.all() }))
}

async fn begin_misbehaviour(State(Control { centre, .. }): State<Control>, body: Bytes) -> Answer {
    let mut value: Value = read(&body)?;
    let times = match value.as_object_mut().and_then(|o| o.remove("times")) {
        None | Some(Value::Null) => None,
        Some(times) => {
            let number = times.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
            Some(number.ok_or_else(|| CentreError::invalid(format!("times: {times}; it accepts a whole number from 1")))?)
        }
    };
    let misbehaviour = Misbehaviour::from_json(value).map_err(CentreError::invalid)?;
    let answer = json!(misbehaviour);
    misbehave(&centre, misbehaviour, times);
    Ok(Json(answer))
}

async fn end_misbehaviour(State(Control { centre, .. }): State<Control>, Path(name): Path<String>) -> Answer {
    if centre.board.take_back(&name) {
        return Ok(Json(json!({})));
    }
    Err(CentreError::new(ErrorKind::Unknown, format!("{name:?} does not stand")))
}

async fn ladder(State(Control { centre, .. }): State<Control>) -> Json<Value> {
    Json(json!(centre.ladder.entries()))
}

#[derive(Deserialize)]
struct After {
    after: Option<u64>,
}

async fn timeline(State(Control { centre, .. }): State<Control>, Query(query): Query<After>) -> Json<Value> {
    let after = query.after.unwrap_or(0);
    Json(json!(centre.timeline.entries().into_iter().filter(|e| e.seq > after).collect::<Vec<_>>()))
}

async fn stop(State(Control { centre, .. }): State<Control>) -> Json<Value> {
    centre.stop_requested.send_replace(true);
    Json(json!({}))
}
