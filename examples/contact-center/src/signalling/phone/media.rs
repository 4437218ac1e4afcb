//! What happens to a leg's media, and keys that the phone presses.

use super::Phone;
use crate::Dialect;
use crate::mix::bridge::Voice;
use crate::mix::layout::Layout;
use crate::mix::leg_audio::LegAudio;
use crate::mode::Mode;
use crate::state::LegStage;
use monipy_core::media::{MediaEvent, Negotiated};

impl Phone {
    pub(super) fn media(&mut self, id: u64, event: MediaEvent) {
        let Some(leg) = self.legs.get(&id) else { return };
        let call = leg.call;
        match event {
            MediaEvent::RemoteTrack(agreed) => self.track(id, &agreed),
            MediaEvent::Failed { why } => self.centre.timeline.note("media-failed", Some(call), Some(id), why),
            MediaEvent::Disconnected => self.centre.timeline.note("media-lost", Some(call), Some(id), "no connectivity for now"),
            MediaEvent::Connected | MediaEvent::RemoteClosed | MediaEvent::Closed => {}
        }
    }

    /// The phone's track exists, or other codecs were agreed on.
    fn track(&mut self, id: u64, agreed: &Negotiated) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let details = self.centre.book().leg(id).map(|l| (l.info.clone(), l.seat, l.impairment));
        let Ok((info, seat, impairment)) = details else { return };
        let apart = info.layout == Layout::Apart && info.second_line == Some(true);
        if let Some(seat) = seat {
            let told = self.centre.with_bridge(info.call, |bridge| {
                bridge.leg(seat).map(|leg| {
                    leg.negotiated(agreed);
                    leg.set_apart(apart);
                })
            });
            drop(told);
            return;
        }
        let Some((rtp_in, rtp_out)) = leg.ends.take() else { return };
        let seed = self.centre.seed.wrapping_add(id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut audio = LegAudio::new(id, seed, rtp_in, rtp_out);
        audio.negotiated(agreed);
        audio.set_impairment(impairment);
        audio.set_layout(info.layout);
        audio.set_apart(apart);
        let voice = Voice::Leg(Box::new(audio), info.mode);
        let Ok(seat) = self.centre.with_bridge(info.call, |bridge| bridge.sit(&info.supervisor, info.role, voice)) else { return };
        self.centre.change(|book| {
            if let Some(leg) = book.legs.get_mut(&id) {
                leg.seat = Some(seat);
            }
        });
        let codec = agreed.send.codec.name();
        self.stage(id, LegStage::Media, "media", &format!("ICE and DTLS are done; {codec}; {}", info.mode));
    }

    pub(super) fn key_pressed(&mut self, id: u64, digit: char) {
        self.change_info(id, |info| info.digits.push(digit));
        let call = self.legs.get(&id).map(|l| l.call);
        self.centre.timeline.note("dtmf", call, Some(id), digit.to_string());
        let mode = match self.centre.dialect {
            Dialect::None => None,
            Dialect::Asterisk => Mode::from_chanspy_digit(digit),
            Dialect::FreeSwitch => Mode::from_eavesdrop_digit(digit),
            Dialect::RingCentral => {
                self.extension_keyed(id, digit);
                None
            }
        };
        if let Some(mode) = mode {
            // Only a leg that is over cannot switch, and then there is nothing to switch.
            let _ = crate::legs::set_mode(&self.centre, id, mode);
        }
    }

    pub(super) fn held_by_phone(&self, id: u64, held: bool) {
        let was = self.centre.book().leg(id).is_ok_and(|l| l.info.held_by_phone);
        if was != held {
            let call = self.legs.get(&id).map(|l| l.call);
            self.centre.timeline.note(if held { "hold" } else { "unhold" }, call, Some(id), "by the phone");
            self.change_info(id, |info| info.held_by_phone = held);
        }
    }
}
