//! The run as a whole: status, ladder, timeline, what the page shows, the end.

use super::api::{Api, Operation, Parameter};
use super::{Answer, Control, about, phones};
use crate::calls;
use crate::mode::Mode;
use axum::extract::{Query, State};
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn add(api: Api) -> Api {
    let get = |p, d| Operation::new("GET", p, d);
    api.at(get("/help", "What there is, as text."), help)
        .at(get("/openapi.json", "What there is, as an OpenAPI document."), openapi)
        .at(get("/status", "Everything at a glance."), status)
        .at(
            get("/live", "What the page shows: status, levels, matrices, and what is new in ladder and timeline.").query(&[
                Parameter::number("ladder_after", "number of the last message seen"),
                Parameter::number("timeline_after", "number of the last event seen"),
            ]),
            live,
        )
        .at(
            get("/ladder", "Every SIP message, secrets redacted.").query(&[Parameter::number("after", "number of the last one seen")]),
            ladder,
        )
        .at(get("/timeline", "What happened.").query(&[Parameter::number("after", "number of the last one seen")]), timeline)
        .at(Operation::new("POST", "/stop", "Ends the calls and the program."), stop)
}

async fn help(State(control): State<Control>) -> String {
    control.help.to_string()
}

async fn openapi(State(control): State<Control>) -> Json<Value> {
    Json((*control.openapi).clone())
}

fn overview(control: &Control) -> Value {
    let centre = &control.centre;
    let mut status = about(&control.about.endpoints, &control.about.credentials);
    status["supervisors"] = phones::all(&centre.book());
    status["registers"] = json!(centre.book().registers);
    status["calls"] = json!(calls::all(centre));
    status["legs"] = json!(centre.book().legs.values().map(|l| &l.info).collect::<Vec<_>>());
    status["misbehaviours"] = json!(centre.board.all());
    status["dialect"] = json!(centre.dialect);
    status["modes"] = json!(Mode::ALL);
    status["clock"] = json!(centre.clock.figures());
    status
}

async fn status(State(control): State<Control>) -> Json<Value> {
    Json(overview(&control))
}

#[derive(Deserialize)]
struct Seen {
    ladder_after: Option<u64>,
    timeline_after: Option<u64>,
}

async fn live(State(control): State<Control>, Query(seen): Query<Seen>) -> Answer {
    let centre = &control.centre;
    let mut live = overview(&control);
    // A leg that is over is of no interest to the page, and a day's worth of them is much.
    if let Some(legs) = live["legs"].as_array_mut() {
        legs.retain(|l| l["stage"] != "ended");
    }
    let ids: Vec<u64> = centre.book().calls.keys().copied().collect();
    let sound = |id: u64| {
        let (levels, matrix, now) =
            (calls::levels(centre, id).ok()?, calls::audibility(centre, id, false).ok()?, calls::audibility(centre, id, true).ok()?);
        Some((id.to_string(), json!({ "levels": levels, "ears": matrix.ears, "now": now.ears })))
    };
    live["sound"] = Value::Object(ids.into_iter().filter_map(sound).collect());
    live["ladder"] = json!(centre.ladder.after(seen.ladder_after.unwrap_or(0)));
    live["timeline"] = json!(centre.timeline.after(seen.timeline_after.unwrap_or(0)));
    Ok(Json(live))
}

#[derive(Deserialize)]
struct After {
    after: Option<u64>,
}

async fn ladder(State(Control { centre, .. }): State<Control>, Query(query): Query<After>) -> Json<Value> {
    Json(json!(centre.ladder.after(query.after.unwrap_or(0))))
}

async fn timeline(State(Control { centre, .. }): State<Control>, Query(query): Query<After>) -> Json<Value> {
    Json(json!(centre.timeline.after(query.after.unwrap_or(0))))
}

async fn stop(State(Control { centre, .. }): State<Control>) -> Json<Value> {
    centre.stop_requested.send_replace(true);
    Json(json!({}))
}
