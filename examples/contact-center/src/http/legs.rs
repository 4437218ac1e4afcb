//! Legs of phones: waited for, switched, held, disturbed, hung up.

use super::api::{Api, Operation, Parameter};
use super::{Answer, Control, Wait, parse, read, timeout};
use crate::error::CentreError;
use crate::handles::wait_stage;
use crate::legs;
use crate::mix::impair::Impairment;
use crate::signalling::phone::{LegCommand, Renegotiation};
use crate::state::LegStage;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Json;
use monipy_core::Codec;
use serde::Deserialize;
use serde_json::json;

pub(super) fn add(api: Api) -> Api {
    let post = |p, d| Operation::new("POST", p, d);
    api.at(
        Operation::new("GET", "/legs/{id}", "What is known of a leg. Waits, if asked to, for a stage.").query(&[
            Parameter::string("wait", "ringing, answered, media or ended"),
            Parameter::number("timeout_ms", "5000 when left out"),
        ]),
        leg,
    )
    .at(Operation::new("DELETE", "/legs/{id}", "Hangs up, or cancels."), hang_up)
    .at(
        post("/legs/{id}/mode", "Switches what a supervisor may do.")
            .body(&[Parameter::string("mode", "listen, whisper, barge or whisper-customer")]),
        set_mode,
    )
    .at(post("/legs/{id}/hold", "Holds the phone."), |c, p| negotiate(c, p, Renegotiation::Hold(true)))
    .at(post("/legs/{id}/unhold", "Takes the phone off hold; waits its turn behind what is under way."), |c, p| {
        negotiate(c, p, Renegotiation::Hold(false))
    })
    .at(post("/legs/{id}/reinvite-without-sdp", "A re-INVITE without an offer."), |c, p| negotiate(c, p, Renegotiation::WithoutSdp))
    .at(post("/legs/{id}/ssrc-change", "Moves the media to a fresh connection with another SSRC."), |c, p| {
        negotiate(c, p, Renegotiation::FreshMedia)
    })
    .at(post("/legs/{id}/codec", "Offers one codec alone.").body(&[Parameter::string("codec", "opus, PCMU or PCMA")]), codec)
    .at(post("/legs/{id}/dtmf", "Presses keys towards the phone (RFC 4733).").body(&[Parameter::string("digits", "0-9 * # A-D")]), dtmf)
    .at(
        post("/legs/{id}/impairment", "Disturbs the media that the centre sends to this phone.").body(&[
            Parameter::number("loss", "share of the packets, 0 to 1"),
            Parameter::number("jitter_ms", "greatest extra delay"),
            Parameter::number("delay_ms", "delay of every packet"),
            Parameter::number("reorder", "share of the packets, 0 to 1"),
            Parameter::boolean("silence", "digital silence in place of the mix"),
            Parameter::boolean("mute_packets", "nothing at all"),
        ]),
        impair,
    )
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

async fn negotiate(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, what: Renegotiation) -> Answer {
    legs::negotiate(&centre, id, what)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCodec {
    codec: String,
}

async fn codec(State(Control { centre, .. }): State<Control>, Path(id): Path<u64>, body: Bytes) -> Answer {
    let NewCodec { codec } = read(&body)?;
    let known = [Codec::Opus, Codec::Pcmu, Codec::Pcma].into_iter().find(|c| c.name().eq_ignore_ascii_case(&codec));
    let known = known.ok_or_else(|| CentreError::invalid(format!("{codec:?} is not a codec; it is one of opus, PCMU, PCMA")))?;
    legs::negotiate(&centre, id, Renegotiation::Codec(known))?;
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
