//! How a misbehaviour is begun and taken back.

use super::{Misbehaviour, codec_named};
use crate::legs;
use crate::mix::impair::Impairment;
use crate::party::Role;
use crate::signalling::phone::Renegotiation;
use crate::state::{Centre, LegInfo, LegStage, Line};
use monipy_core::Codec;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Does, or lets stand, a misbehaviour.
pub(crate) fn misbehave(centre: &Centre, misbehaviour: Misbehaviour, times: Option<u32>) {
    centre.timeline.note("misbehaviour", None, None, misbehaviour.name());
    let newest = centre.connections.load(Ordering::Relaxed);
    match misbehaviour {
        Misbehaviour::DropSocket => {
            centre.line.send_replace(Line::Dropped(newest));
        }
        Misbehaviour::HalfOpen => {
            centre.line.send_replace(Line::Silent(newest));
        }
        Misbehaviour::ServerGone { seconds } => {
            let gone = Duration::from_secs_f64(seconds.clamp(0.0, 3600.0));
            centre.shut_until.send_replace(Some(Instant::now() + gone));
            centre.line.send_replace(Line::Dropped(newest));
        }
        Misbehaviour::SecondCall => second_calls(centre),
        Misbehaviour::Hold => negotiate_all(centre, Renegotiation::Hold(true)),
        Misbehaviour::Unhold => negotiate_all(centre, Renegotiation::Hold(false)),
        Misbehaviour::ReinviteWithoutSdp => negotiate_all(centre, Renegotiation::WithoutSdp),
        Misbehaviour::SsrcChange => negotiate_all(centre, Renegotiation::FreshMedia),
        Misbehaviour::CodecChange { codec } => negotiate_all(centre, Renegotiation::Codec(codec_named(&codec).unwrap_or(Codec::Pcmu))),
        standing => {
            let media = standing.impairment();
            centre.board.stand(standing, times);
            if media.is_some() {
                disturb_all(centre);
            }
        }
    }
}

/// Takes a standing misbehaviour back; false when it did not stand.
pub(crate) fn behave(centre: &Centre, name: &str) -> bool {
    let stood = centre.board.all().into_iter().find(|s| s.misbehaviour.name() == name);
    if !centre.board.take_back(name) {
        return false;
    }
    centre.timeline.note("behaviour", None, None, name);
    if stood.is_some_and(|s| s.misbehaviour.impairment().is_some()) {
        disturb_all(centre);
    }
    true
}

fn live(centre: &Centre) -> Vec<LegInfo> {
    centre.book().legs.values().filter(|l| l.info.stage != LegStage::Ended).map(|l| l.info.clone()).collect()
}

/// Legs that are up are disturbed at once, later ones when they begin.
fn disturb_all(centre: &Centre) {
    let impairment: Impairment = centre.board.impairment();
    for leg in live(centre) {
        // It may have ended in this moment.
        let _ = legs::impair(centre, leg.id, impairment);
    }
}

fn negotiate_all(centre: &Centre, what: Renegotiation) {
    for leg in live(centre).iter().filter(|l| l.stage >= LegStage::Answered) {
        // It may have ended in this moment.
        let _ = legs::negotiate(centre, leg.id, what);
    }
}

fn second_calls(centre: &Centre) {
    for leg in live(centre).iter().filter(|l| l.role == Role::Supervisor && l.stage >= LegStage::Answered) {
        // It may have ended in this moment.
        let _ = legs::barge(centre, leg.call, &leg.supervisor, leg.mode, leg.layout);
    }
}
