//! One phone: the engine's own user agent in the server role, the legs that it carries, and their
//! media. A task of its own; everything that happens to the phone comes through one queue.
//!
//! - this page: the queue, the connection, the way of frames in and out;
//! - `leg`: what the phone knows of a leg; `commands`: what is asked of it;
//! - `offers`: descriptions made, taken and sent, one negotiation after the other;
//! - `events`: what the user agent tells; `register`: REGISTER; `dial`: calls that the phone places;
//! - `media`: what happens to a leg's media and keys.

mod commands;
mod dial;
mod events;
mod leg;
mod media;
mod offers;
mod register;

use super::alter;
use crate::ladder::Way;
use crate::misbehaviour::Misbehaviour;
use crate::random::Random;
use crate::state::{Book, Centre, LegEnd, LegInfo, LegStage, stopped};
use leg::{Leg, Purpose};
pub(crate) use leg::{LegCommand, Renegotiation};
use monipy_core::audio::AudioEvent;
use monipy_core::media::{MediaEvent, OfferError, OfferKind};
use monipy_core::sip::ua::{Command, Input, Output, Rng, Ua, UaConfig};
use monipy_core::sip::{Message, Method};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A phone that is neither connected, registered nor in a call is forgotten after this time.
const LINGER: Duration = Duration::from_secs(120);

/// What happens to a phone.
pub(crate) enum PhoneInput {
    /// A connection carries it from now on.
    Attached { connection: u64, frames: mpsc::UnboundedSender<Vec<u8>> },
    /// A frame came.
    Frame { connection: u64, frame: Vec<u8> },
    /// A connection is gone.
    Detached { connection: u64, reason: String },
    /// Something is asked of a leg.
    Leg(u64, LegCommand),
    /// A description is made, or cannot be.
    Described { leg: u64, purpose: Purpose, sdp: Result<Vec<u8>, OfferError> },
    /// A description of the phone was taken, or not.
    Applied { leg: u64, result: Result<(), OfferError> },
    /// Something happened to a leg's media.
    Media(u64, MediaEvent),
    /// A leg's sound has something to tell.
    Audio(u64, AudioEvent),
}

pub(crate) struct Phone {
    centre: Arc<Centre>,
    id: u64,
    own: mpsc::UnboundedSender<PhoneInput>,
    ua: Ua,
    user: String,
    connection: Option<(u64, mpsc::UnboundedSender<Vec<u8>>)>,
    legs: HashMap<u64, Leg>,
}

/// Starts a phone. It ends with the centre, or when nothing is left of it.
pub(crate) fn start(centre: Arc<Centre>, secure: bool) -> mpsc::UnboundedSender<PhoneInput> {
    let (own, inputs) = mpsc::unbounded_channel();
    let runtime = centre.runtime.clone();
    let id = centre.change(Book::number);
    // Tags and Call-IDs come of the run's seed, so that a run can be repeated; that they can be
    // guessed harms nobody in a test.
    let seed = Random::new(centre.seed, id).bytes();
    let config =
        UaConfig { user_agent: "monipy contact-center".into(), ..UaConfig::server("centre", &centre.domain, &centre.domain, secure) };
    let ua = Ua::new(config, Rng::from_seed(seed), Instant::now());
    let phone = Phone { centre, id, own: own.clone(), ua, user: String::new(), connection: None, legs: HashMap::new() };
    runtime.spawn(phone.run(inputs));
    own
}

impl Phone {
    async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<PhoneInput>) {
        let mut stop = self.centre.stop.subscribe();
        let mut idle_since = Instant::now();
        loop {
            let now = Instant::now();
            if self.connection.is_some() || !self.legs.is_empty() || self.is_registered() {
                idle_since = now;
            } else if now > idle_since + LINGER {
                break;
            }
            let due = self.ua.next_timeout().unwrap_or(now + LINGER).min(idle_since + LINGER + Duration::from_millis(1)).max(now);
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.take(input),
                    None => break,
                },
                () = tokio::time::sleep_until(due.into()) => self.feed(Input::Tick),
                () = stopped(&mut stop) => break,
            }
        }
        for (_, leg) in self.legs.drain() {
            leg.transport.close().await;
        }
    }

    fn is_registered(&self) -> bool {
        let now = Instant::now();
        self.centre.book().registered(&self.user, now).is_some_and(|r| r.phone_id == self.id)
    }

    fn take(&mut self, input: PhoneInput) {
        match input {
            PhoneInput::Attached { connection, frames } => {
                if self.connection.is_some() {
                    self.feed(Input::Down { reason: "another connection took over".into() });
                }
                self.connection = Some((connection, frames));
                self.feed(Input::Up);
            }
            PhoneInput::Detached { connection, reason } => {
                if self.connection.as_ref().is_some_and(|(c, _)| *c == connection) {
                    self.connection = None;
                    self.feed(Input::Down { reason });
                    // A contact behind a connection that is gone cannot be reached (RFC 5626 5.3).
                    let id = self.id;
                    self.centre.change(|book| book.registrations.retain(|_, r| r.phone_id != id));
                }
            }
            PhoneInput::Frame { connection, frame } => {
                if self.connection.as_ref().is_some_and(|(c, _)| *c == connection) {
                    self.take_frame(connection, frame);
                }
            }
            PhoneInput::Leg(leg, command) => self.command(leg, command),
            PhoneInput::Described { leg, purpose, sdp } => self.described(leg, purpose, sdp),
            PhoneInput::Applied { leg, result } => self.applied(leg, result),
            PhoneInput::Media(leg, event) => self.media(leg, event),
            PhoneInput::Audio(leg, event) => {
                if let AudioEvent::DtmfReceived { digit, .. } = event {
                    self.key_pressed(leg, digit);
                }
            }
        }
    }

    fn take_frame(&mut self, connection: u64, frame: Vec<u8>) {
        self.centre.ladder.record(connection, &self.user, Way::In, &frame);
        if let Ok(message) = Message::parse(&frame)
            && let Some((&id, leg)) = self.legs.iter().find(|(_, l)| l.sip_call_id == message.call_id())
            && message.cseq().method == Method::Invite
        {
            let key = leg.key;
            let reinvite = message.is_request() && message.to().tag().is_some() && leg.negotiations.current == leg::Current::No;
            let glare = reinvite && self.centre.board.happens_now(&Misbehaviour::Glare);
            if glare {
                self.describe(id, Purpose::Glare(frame), OfferKind::Same);
                return;
            }
            let first_answer = message.status().is_some_and(|s| (200..300).contains(&s)) && message.from().tag().is_some();
            let ringing = self.centre.book().leg(id).is_ok_and(|l| l.info.stage < LegStage::Answered);
            if first_answer && ringing && self.centre.board.happens_now(&Misbehaviour::CancelRacingAnswer) {
                self.centre.timeline.note("cancelling", Some(leg.call), Some(id), "CANCEL races the 200");
                self.feed(Input::Command(Command::Hangup { call: key, reason: None }));
            }
        }
        self.feed(Input::Frame(frame));
    }

    /// Gives the user agent an input and does what comes of it.
    fn feed(&mut self, input: Input) {
        self.ua.handle(input, Instant::now());
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Send(frame) => self.send(frame),
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn send(&mut self, mut frame: Vec<u8>) {
        if let Ok(message) = Message::parse(&frame)
            && message.is_request()
            && let Some(leg) = self.legs.values_mut().find(|l| l.sip_call_id == message.call_id())
            && let Some(late) = &mut leg.late
        {
            match message.method() {
                Method::Invite => frame = alter::with_body(&frame, None),
                Method::Ack => match late.answer.take() {
                    Some(answer) => {
                        frame = alter::with_body(&frame, Some(&answer));
                        leg.late = None;
                    }
                    None => {
                        late.ack = Some(frame);
                        return;
                    }
                },
                _ => {}
            }
        }
        self.put_on_wire(frame);
    }

    fn put_on_wire(&self, frame: Vec<u8>) {
        if let Some((connection, frames)) = &self.connection {
            self.centre.ladder.record(*connection, &self.user, Way::Out, &frame);
            // The connection may have ended in this moment; `Detached` is then on its way.
            let _ = frames.send(frame);
        }
    }

    fn change_info(&self, id: u64, change: impl FnOnce(&mut LegInfo)) {
        self.centre.change(|book| {
            if let Some(leg) = book.legs.get_mut(&id) {
                change(&mut leg.info);
            }
        });
    }

    fn stage(&self, id: u64, stage: LegStage, kind: &'static str, text: &str) {
        let call = self.legs.get(&id).map(|l| l.call);
        self.centre.timeline.note(kind, call, Some(id), text);
        self.change_info(id, |info| info.stage = info.stage.max(stage));
    }

    /// Gives back what a leg used.
    fn forget(&mut self, id: u64) {
        let Some(leg) = self.legs.remove(&id) else { return };
        let (call, seat) = self.centre.book().leg(id).map_or((leg.call, None), |l| (l.info.call, l.seat));
        if let Some(seat) = seat {
            let figures = self.centre.with_bridge(call, |bridge| {
                let figures = bridge.leg(seat).map(|l| (l.packets_heard(), l.lost().to_vec()));
                bridge.leave(seat);
                figures
            });
            if let Ok(Some((packets, lost))) = figures {
                self.change_info(id, |info| (info.packets_received, info.lost_packets) = (packets, lost));
            }
        }
        tokio::spawn(async move { leg.transport.close().await });
    }

    /// Enters the end of a leg into the book, once.
    fn end(&self, id: u64, end: LegEnd) {
        crate::legs::ended(&self.centre, id, end);
    }
}
