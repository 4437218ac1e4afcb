//! Descriptions: made, taken and sent. Negotiations of ours go one after the other; what is asked
//! for meanwhile waits for its turn.

use super::super::alter;
use super::leg::{Current, LateOffer, LegCommand, Offering, Purpose, Renegotiation};
use super::{Phone, PhoneInput};
use crate::mix::layout::Layout;
use monipy_core::media::{MediaDirection, OfferError, OfferKind};
use monipy_core::sip::ua::{Command, Input};

/// An offer that meets offers of the phone this often is given up.
const TRIES: u32 = 5;

impl Phone {
    /// Begins the next negotiation of ours, when none is under way.
    pub(super) fn negotiate_next(&mut self, id: u64) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.negotiations.current != Current::No {
            return;
        }
        let Some(next) = leg.negotiations.waiting.pop_front() else { return };
        leg.negotiations.current = Current::Ours(next);
        match next {
            Renegotiation::Hold(on) => {
                leg.direction = if on { MediaDirection::SendOnly } else { MediaDirection::SendRecv };
                self.describe(id, Purpose::Offer, OfferKind::Same);
            }
            Renegotiation::Codec(_) => self.describe(id, Purpose::Offer, OfferKind::Same),
            Renegotiation::FreshMedia => {
                let call = leg.call;
                let next = self.open_media(id, call);
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.next = next;
                }
                self.describe(id, Purpose::Offer, OfferKind::Same);
            }
            Renegotiation::WithoutSdp => {
                leg.late = Some(LateOffer::default());
                // The user agent offers as usual; the description is taken out on the way.
                let (call, sdp) = (leg.key, b"v=0\r\n".to_vec());
                self.feed(Input::Command(Command::Offer { call, sdp }));
            }
        }
    }

    /// The negotiation under way is over.
    pub(super) fn negotiated(&mut self, id: u64) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let done = std::mem::replace(&mut leg.negotiations.current, Current::No);
        let call = leg.call;
        self.take_over(id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Current::Ours(what) = done {
            leg.negotiations.refused = 0;
            match what {
                Renegotiation::Hold(on) => {
                    self.centre.timeline.note(if on { "hold" } else { "unhold" }, Some(call), Some(id), "by the centre");
                    self.change_info(id, |info| info.held_by_centre = on);
                }
                Renegotiation::Codec(codec) => self.centre.timeline.note("codec", Some(call), Some(id), codec.name()),
                Renegotiation::WithoutSdp | Renegotiation::FreshMedia => {
                    self.centre.timeline.note("renegotiated", Some(call), Some(id), "by the centre");
                }
            }
        }
        self.negotiate_next(id);
    }

    /// The transport that was offered takes the place of the one before.
    fn take_over(&mut self, id: u64) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(next) = leg.next.take() else { return };
        let old = std::mem::replace(&mut leg.transport, next.transport);
        let place = self.centre.book().leg(id).ok().and_then(|l| Some((l.info.call, l.seat?)));
        match place {
            Some((call, seat)) => {
                // A call that is over needs no media.
                let _ = self.centre.with_bridge(call, |bridge| bridge.leg(seat).map(|audio| audio.replace_ends(next.ends)));
            }
            None => leg.ends = Some(next.ends),
        }
        // What is still on its way through the old one may arrive.
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            old.close().await;
        });
    }

    /// Our offer was not taken. One that met an offer of the phone gets another turn after that.
    pub(super) fn offer_failed(&mut self, id: u64, code: u16) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.late = None;
        leg.offering = Offering::No;
        match leg.next.take() {
            Some(next) => drop(tokio::spawn(async move { next.transport.close().await })),
            None => {
                let transport = leg.transport.clone();
                tokio::spawn(async move { transport.rollback().await });
            }
        }
        let failed = std::mem::replace(&mut leg.negotiations.current, Current::No);
        let call = leg.call;
        match failed {
            Current::Ours(what) if code == 491 && leg.negotiations.refused < TRIES => {
                leg.negotiations.refused += 1;
                leg.negotiations.waiting.push_front(what);
                // The offer that it met is answered first; then, or in a moment, it is tried again.
                let own = self.own.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    let _ = own.send(PhoneInput::Applied { leg: id, result: Ok(()) });
                });
                // Nothing of ours begins until then.
                leg.negotiations.current = Current::Glare;
                return;
            }
            Current::Ours(what) => {
                if let Renegotiation::Hold(on) = what {
                    leg.direction = if on { MediaDirection::SendRecv } else { MediaDirection::SendOnly };
                }
                self.centre.timeline.note("refused", Some(call), Some(id), format!("the centre's offer: {code}"));
            }
            Current::First | Current::Glare | Current::No => {}
        }
        self.negotiate_next(id);
    }

    /// Makes a description in the background; it comes back as [`PhoneInput::Described`].
    pub(super) fn describe(&self, id: u64, purpose: Purpose, kind: OfferKind) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (transport, direction, own) = (leg.offered().clone(), leg.direction, self.own.clone());
        tokio::spawn(async move {
            let sdp = transport.create_offer(direction, kind).await;
            let _ = own.send(PhoneInput::Described { leg: id, purpose, sdp });
        });
    }

    /// Answers an offer in the background, or makes one when there is none.
    pub(super) fn answer(&mut self, id: u64, purpose: Purpose, offer: Option<Vec<u8>>) {
        let Some(offer) = offer else {
            self.describe(id, purpose, OfferKind::Same);
            return;
        };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (transport, direction, own) = (leg.transport.clone(), leg.direction, self.own.clone());
        let overtakes = leg.offering == Offering::Standing;
        if overtakes {
            leg.offering = Offering::Overtaken;
        }
        tokio::spawn(async move {
            if overtakes {
                transport.rollback().await;
            }
            let sdp = transport.accept_offer(&offer, direction).await;
            let _ = own.send(PhoneInput::Described { leg: id, purpose, sdp });
        });
    }

    /// Takes an answer of the phone in the background.
    pub(super) fn apply(&mut self, id: u64, answer: Vec<u8>) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (transport, own) = (leg.offered().clone(), self.own.clone());
        let answer = if leg.layout == Layout::Apart { self.first_line_of(id, &answer) } else { answer };
        tokio::spawn(async move {
            let result = transport.apply_answer(&answer).await;
            let _ = own.send(PhoneInput::Applied { leg: id, result });
        });
    }

    /// The transport's own offer has one audio line; what the phone says to the second decides whether the
    /// leg sends two streams.
    fn first_line_of(&self, id: u64, answer: &[u8]) -> Vec<u8> {
        let (first, second) = alter::split_audio_lines(answer);
        let call = self.legs.get(&id).map(|l| l.call);
        let said = match second {
            None => "the answer has no second audio line (RFC 3264 6 wants one, with port 0 at least)".to_owned(),
            Some(0) => "the second audio line is refused: the parties come mixed in the first".to_owned(),
            Some(_) => "the second audio line is accepted: the customer comes on it, the others on the first".to_owned(),
        };
        self.change_info(id, |info| info.second_line = Some(second.is_some_and(|port| port != 0)));
        self.centre.timeline.note("second-line", call, Some(id), said);
        first
    }

    pub(super) fn described(&mut self, id: u64, purpose: Purpose, sdp: Result<Vec<u8>, OfferError>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (call, key) = (leg.call, leg.key);
        let sdp = sdp.map(|sdp| alter::in_session(&sdp, &mut leg.origin));
        match (purpose, sdp) {
            (Purpose::Invite, Ok(offer)) => self.send_invite(id, offer),
            (Purpose::Answer, Ok(sdp)) => self.feed(Input::Command(Command::Answer { call: key, sdp })),
            (Purpose::Answer, Err(e)) => {
                let refusal = Command::Reject { call: key, code: e.sip_code, reason: None, headers: Vec::new() };
                self.feed(Input::Command(refusal));
            }
            (Purpose::Offer, Ok(mut sdp)) => {
                leg.offering = Offering::Standing;
                if let Current::Ours(Renegotiation::Codec(codec)) = leg.negotiations.current {
                    sdp = alter::with_codec_alone(&sdp, codec);
                }
                let layout = leg.layout;
                let sdp = self.laid_out(layout, call, sdp);
                self.feed(Input::Command(Command::Offer { call: key, sdp }));
            }
            (Purpose::Glare(frame), offer) => {
                if let Ok(sdp) = offer {
                    leg.offering = Offering::Standing;
                    leg.negotiations.current = Current::Glare;
                    self.feed(Input::Command(Command::Offer { call: key, sdp }));
                }
                self.feed(Input::Frame(frame));
            }
            (Purpose::AcceptOffer, Ok(sdp)) => self.feed(Input::Command(Command::AcceptOffer { call: key, sdp })),
            (Purpose::AcceptOffer, Err(e)) => {
                self.centre.timeline.note("refused", Some(call), Some(id), format!("the phone's offer: {e}"));
                self.feed(Input::Command(Command::RejectOffer { call: key, code: e.sip_code }));
            }
            (Purpose::Ack, Ok(answer)) => {
                if let Some(late) = &mut leg.late {
                    match late.ack.take() {
                        Some(ack) => {
                            leg.late = None;
                            self.put_on_wire(alter::with_body(&ack, Some(&answer)));
                        }
                        // The ACK takes it along when it is made.
                        None => late.answer = Some(answer),
                    }
                }
                self.negotiated(id);
            }
            (Purpose::Invite | Purpose::Offer | Purpose::Ack, Err(e)) => {
                self.centre.timeline.note("failed", Some(call), Some(id), format!("no description: {e}"));
                self.command(id, LegCommand::HangUp);
            }
        }
    }

    pub(super) fn applied(&mut self, id: u64, result: Result<(), OfferError>) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (call, key) = (leg.call, leg.key);
        match result {
            Ok(()) => self.negotiated(id),
            Err(e) => {
                self.centre.timeline.note("failed", Some(call), Some(id), format!("the phone's answer: {e}"));
                self.feed(Input::Command(Command::Hangup { call: key, reason: Some((e.sip_code, "Bad Media Description".into())) }));
            }
        }
    }
}
