//! What the user agent tells.

use super::leg::{LegCommand, Offering, Purpose};
use super::{Phone, PhoneInput};
use crate::misbehaviour::Misbehaviour;
use crate::state::{LegEnd, LegStage};
use monipy_core::media::OfferKind;
use monipy_core::sip::ua::{CallKey, Command, EndedBy, Input, SdpDirection, UaEvent};
use std::time::Duration;

impl Phone {
    fn leg_of(&self, key: CallKey) -> Option<u64> {
        self.legs.iter().find(|(_, l)| l.key == key).map(|(&id, _)| id)
    }

    pub(super) fn event(&mut self, event: UaEvent) {
        match event {
            UaEvent::Request { request, method, invitation: _, message } => self.request(request, &method, &message),
            UaEvent::Incoming { call, invitation, offer } => self.dialled(call, &invitation, offer),
            UaEvent::Progress { call, code: 180, .. } => {
                if let Some(id) = self.leg_of(call) {
                    self.rings(id);
                }
            }
            UaEvent::Accepted { call, sdp, .. } => {
                let Some(id) = self.leg_of(call) else { return };
                self.stage(id, LegStage::Answered, "answered", "200");
                if self.legs.get(&id).is_some_and(|l| l.late.is_some()) {
                    self.answer(id, Purpose::Ack, Some(sdp));
                } else {
                    self.apply(id, sdp);
                }
                if self.centre.board.happens_now(&Misbehaviour::HangUpOnAnswer) {
                    self.feed(Input::Command(Command::Hangup { call, reason: None }));
                }
                crate::legs::answered(&self.centre, id);
            }
            UaEvent::Confirmed { call, sdp } => {
                let Some(id) = self.leg_of(call) else { return };
                self.stage(id, LegStage::Answered, "answered", "ACK");
                match sdp {
                    Some(answer) => self.apply(id, answer),
                    None => self.negotiated(id),
                }
            }
            UaEvent::RemoteOffer { call, offer, direction } => {
                let Some(id) = self.leg_of(call) else { return };
                if offer.is_some() {
                    let held = matches!(direction, SdpDirection::SendOnly | SdpDirection::Inactive);
                    self.held_by_phone(id, held);
                }
                self.answer(id, Purpose::AcceptOffer, offer);
            }
            UaEvent::RemoteOfferCancelled { call } => {
                let Some(leg) = self.leg_of(call).and_then(|id| self.legs.get_mut(&id)) else { return };
                leg.offering = Offering::No;
                let transport = leg.transport.clone();
                tokio::spawn(async move { transport.rollback().await });
            }
            UaEvent::OfferFailed { call, code, .. } => {
                if let Some(id) = self.leg_of(call) {
                    self.offer_failed(id, code);
                }
            }
            UaEvent::OfferAnswered { call, sdp } => {
                let Some(id) = self.leg_of(call) else { return };
                let Some(leg) = self.legs.get_mut(&id) else { return };
                let offering = std::mem::replace(&mut leg.offering, Offering::No);
                if leg.late.is_some() {
                    self.answer(id, Purpose::Ack, Some(sdp));
                } else if offering == Offering::Overtaken {
                    self.describe(id, Purpose::Offer, OfferKind::Same);
                } else {
                    self.apply(id, sdp);
                }
            }
            UaEvent::DtmfInfo { call, digit, .. } => {
                if let Some(id) = self.leg_of(call) {
                    self.key_pressed(id, digit);
                }
            }
            UaEvent::Terminated { call, by, code, cause, reason, .. } => {
                let Some(id) = self.leg_of(call) else { return };
                self.forget(id);
                let by = match by {
                    EndedBy::Local => "local",
                    EndedBy::Remote => "remote",
                    EndedBy::System => "system",
                };
                self.end(id, LegEnd { by, code, cause: cause.as_str().to_owned(), reason });
            }
            // The phone's own registration at another server is not our affair, and 180 to a call
            // it placed was sent for it.
            UaEvent::Progress { .. }
            | UaEvent::Registered { .. }
            | UaEvent::RegistrationFailed { .. }
            | UaEvent::Unregistered { .. }
            | UaEvent::Ringing { .. }
            | UaEvent::MissedBusy { .. } => {}
        }
    }

    fn rings(&mut self, id: u64) {
        self.stage(id, LegStage::Ringing, "ringing", "180");
        let cancel = |m: &Misbehaviour| if let Misbehaviour::CancelBeforeAnswer { after_ms } = m { Some(*after_ms) } else { None };
        if let Some(after) = self.centre.board.happens(cancel) {
            let own = self.own.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                let _ = own.send(PhoneInput::Leg(id, LegCommand::HangUp));
            });
        }
    }
}
