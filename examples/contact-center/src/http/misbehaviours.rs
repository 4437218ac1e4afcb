//! Misbehaviours: listed, begun, taken back.

use super::api::{Api, Operation, Parameter};
use super::{Answer, Control, read};
use crate::error::{CentreError, ErrorKind};
use crate::misbehaviour::{MISBEHAVIOURS, Misbehaviour, behave, misbehave};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Json;
use serde_json::{Value, json};

pub(super) fn add(api: Api) -> Api {
    api.at(Operation::new("GET", "/misbehaviours", "The misbehaviours that there are, and those that stand."), misbehaviours)
        .at(
            Operation::new("POST", "/misbehaviours", "Begins a misbehaviour, at once or until it is taken back.").body(&[
                Parameter::string("name", "which; its own numbers stand beside it"),
                Parameter::number("times", "how often; until taken back when left out"),
            ]),
            begin_misbehaviour,
        )
        .at(Operation::new("DELETE", "/misbehaviours/{name}", "Takes a misbehaviour back."), end_misbehaviour)
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
    if behave(&centre, &name) {
        return Ok(Json(json!({})));
    }
    Err(CentreError::new(ErrorKind::Unknown, format!("{name:?} does not stand")))
}
