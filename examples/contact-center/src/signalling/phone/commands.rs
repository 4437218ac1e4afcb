//! What is asked of a leg: called, accepted, renegotiated, hung up.

use super::super::alter;
use super::leg::{Leg, LegCommand, Media, Purpose};
use super::{Phone, PhoneInput};
use crate::misbehaviour::Misbehaviour;
use crate::mix::layout::Layout;
use crate::party::Role;
use crate::state::LegEnd;
use monipy_core::media::{MediaConfig, OfferKind};
use monipy_core::sip::ua::{CallKey, Command, Input, Output};
use monipy_core::sip::{Message, Method, format_name_addr};
use std::time::Instant;

impl Phone {
    pub(super) fn command(&mut self, id: u64, command: LegCommand) {
        if let LegCommand::Invite = command {
            self.invite(id);
            return;
        }
        let Some(leg) = self.legs.get_mut(&id) else {
            // Not called yet, or over already.
            self.end(id, LegEnd::cancelled());
            return;
        };
        match command {
            LegCommand::Invite => {}
            LegCommand::Accept => {
                if let Some(offer) = leg.unanswered.take() {
                    self.answer(id, Purpose::Answer, offer);
                }
            }
            LegCommand::HangUp => {
                let key = leg.key;
                if leg.sip_call_id.is_empty() {
                    // The offer is still being made: nothing is on the wire.
                    self.forget(id);
                    self.end(id, LegEnd::cancelled());
                } else {
                    self.feed(Input::Command(Command::Hangup { call: key, reason: None }));
                }
            }
            LegCommand::Negotiate(what) => {
                leg.negotiations.waiting.push_back(what);
                self.negotiate_next(id);
            }
        }
    }

    pub(super) fn open_leg(&mut self, id: u64, call: u64, key: CallKey) {
        if let Some(media) = self.open_media(id, call) {
            self.legs.insert(id, Leg::new(call, key, media));
        }
    }

    /// A transport whose events come to the leg.
    pub(super) fn open_media(&self, id: u64, call: u64) -> Option<Media> {
        let config = MediaConfig { local_address: self.centre.media_address, sends_on_further_lines: true, ..MediaConfig::default() };
        let (transport, ends) = match monipy_core::media::open(config) {
            Ok(opened) => opened,
            Err(e) => {
                self.centre.timeline.note("failed", Some(call), Some(id), format!("no media: {e}"));
                return None;
            }
        };
        let own = self.own.clone();
        let mut events = ends.events;
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if own.send(PhoneInput::Media(id, event)).is_err() {
                    break;
                }
            }
        });
        Some(Media { transport, ends: (ends.rtp_in, ends.rtp_out) })
    }

    fn invite(&mut self, id: u64) {
        let Ok((call, layout)) = self.centre.book().leg(id).map(|l| (l.info.call, l.info.layout)) else { return };
        let key = self.ua.reserve_call();
        self.open_leg(id, call, key);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.layout = layout;
        if self.centre.board.happens_now(&Misbehaviour::InviteWithoutSdp) {
            leg.late = Some(super::leg::LateOffer::default());
            self.described(id, Purpose::Invite, Ok(b"v=0\r\n".to_vec()));
        } else {
            self.describe(id, Purpose::Invite, OfferKind::Same);
        }
    }

    pub(super) fn send_invite(&mut self, id: u64, offer: Vec<u8>) {
        let now = Instant::now();
        let details = {
            let book = self.centre.book();
            book.leg(id).ok().map(|leg| {
                let contact = book.registered(&leg.info.supervisor, now).map(|r| r.contact.clone());
                let others = book.call(leg.info.call).map(|c| c.parties.iter().find(|p| p.name != leg.info.supervisor).cloned());
                let caller = others.ok().flatten().map(|p| p.name).unwrap_or_default();
                (leg.info.supervisor.clone(), leg.info.role, contact, leg.headers.clone(), leg.info.call, caller)
            })
        };
        let Some((user, role, Some(contact), headers, call, caller)) = details else {
            self.forget(id);
            self.end(id, LegEnd { by: "system", code: 480, cause: "Unavailable".into(), reason: Some("no longer registered".into()) });
            return;
        };
        let Some(leg) = self.legs.get(&id) else { return };
        let key = leg.key;
        let mut offer = self.laid_out(leg.layout, call, offer);
        if self.centre.board.happens_now(&Misbehaviour::WrongFingerprint) {
            offer = alter::with_wrong_fingerprint(&offer);
        }
        let domain = &self.centre.domain;
        let command = Command::Call {
            call: key,
            target: contact,
            to: Some(format!("<sip:{user}@{domain}>")),
            from: Some(format_name_addr(Some(&caller), &format!("sip:{}@{domain}", monipy_core::sip::escape_user(&caller)))),
            offer,
            headers,
        };
        let why = if role == Role::Supervisor { format!("for {caller}'s call") } else { format!("by {caller}, as {}", role.as_str()) };
        self.centre.timeline.note("inviting", Some(call), Some(id), format!("{user} is called {why}"));
        self.ua.handle(Input::Command(command), now);
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Send(frame) => {
                    if let Ok(message) = Message::parse(&frame)
                        && *message.method() == Method::Invite
                        && message.is_request()
                        && let Some(leg) = self.legs.get_mut(&id)
                        && leg.sip_call_id.is_empty()
                    {
                        leg.sip_call_id = message.call_id().to_vec();
                    }
                    self.send(frame);
                }
                Output::Event(event) => self.event(event),
            }
        }
    }

    /// An offer of ours that asks for a layout.
    pub(super) fn laid_out(&self, layout: Layout, call: u64, sdp: Vec<u8>) -> Vec<u8> {
        match layout {
            Layout::Mixed => sdp,
            Layout::Stereo => alter::with_stereo(&sdp),
            Layout::Apart => alter::with_parties_apart(&sdp, &self.party_ids(call)),
        }
    }

    /// What the two audio lines of a leg that carries the parties apart are named after.
    fn party_ids(&self, call: u64) -> [String; 2] {
        let book = self.centre.book();
        let parties = book.call(call).map(|c| c.parties.as_slice()).unwrap_or_default();
        let of = |role: Role| parties.iter().find(|p| p.role == role).map_or_else(|| role.as_str().to_owned(), |p| p.name.clone());
        [of(Role::Agent), of(Role::Customer)]
    }
}
