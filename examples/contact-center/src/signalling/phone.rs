//! One phone: the engine's own user agent in the server role, the legs that it carries, and their
//! media. A task of its own; everything that happens to the phone comes through one queue.

use super::alter;
use crate::Dialect;
use crate::ladder::Way;
use crate::misbehaviour::Misbehaviour;
use crate::mix::bridge::Voice;
use crate::mix::leg_audio::LegAudio;
use crate::mode::Mode;
use crate::party::Role;
use crate::state::{Book, Centre, LegEnd, LegInfo, LegStage, Registration, stopped};
use monipy_core::audio::AudioEvent;
use monipy_core::media::{MediaConfig, MediaDirection, MediaEvent, MediaTransport, OfferError, OfferKind, RtpReceiver, RtpSender};
use monipy_core::sip::ua::{CallKey, Command, EndedBy, Input, Invitation, Output, RequestKey, Rng, SdpDirection, Ua, UaConfig, UaEvent};
use monipy_core::sip::{Message, Method, format_name_addr};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A phone that is neither connected, registered nor in a call is forgotten after this time.
const LINGER: Duration = Duration::from_secs(120);

/// What is asked of a leg.
#[derive(Debug, Clone)]
pub(crate) enum LegCommand {
    /// Call the phone.
    Invite,
    /// End it, in whatever state.
    HangUp,
    /// Hold the phone, or no longer.
    Hold(bool),
    /// Offer anew without a description: the phone makes the offer.
    OfferWithoutSdp,
    /// Move the media to a fresh connection: new ICE credentials, certificate and SSRC.
    FreshMedia,
}

/// What a description was made for.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// The offer of an INVITE.
    Invite,
    /// The answer (or offer) in the 200 to an INVITE of the phone.
    Answer,
    /// The offer of a re-INVITE of ours.
    Offer,
    /// The same, to collide with this re-INVITE of the phone.
    Glare(Vec<u8>),
    /// The answer (or offer) to a re-INVITE of the phone.
    AcceptOffer,
    /// The answer in the ACK of a late offer.
    Ack,
}

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

/// The ACK of an INVITE without offer waits for its answer.
#[derive(Default)]
struct LateOffer {
    ack: Option<Vec<u8>>,
    answer: Option<Vec<u8>>,
}

struct Leg {
    call: u64,
    key: CallKey,
    sip_call_id: Vec<u8>,
    transport: Arc<dyn MediaTransport>,
    ends: Option<(RtpReceiver, RtpSender)>,
    late: Option<LateOffer>,
    /// Direction that the centre wants.
    direction: MediaDirection,
    /// A hold or unhold of ours that waits for its answer.
    holding: Option<bool>,
    /// An offer of ours that waits for its answer, or to be sent again after a collision.
    offering: Offering,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offering {
    /// None.
    No,
    /// One that the media stands by.
    Standing,
    /// One that collided with an offer of the phone, which was accepted meanwhile: its answer
    /// cannot be taken any more, so that another offer has to follow.
    Overtaken,
}

struct Phone {
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
    let mut seed = [0; 32];
    // Without entropy tags can be guessed, which harms nobody in a test; the engine is stricter.
    if let Err(e) = getrandom::fill(&mut seed) {
        log::warn!("no entropy: {e}");
    }
    let id = centre.change(Book::number);
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
            PhoneInput::Leg(leg, command) => self.command(leg, &command),
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
            let glare = message.is_request() && message.to().tag().is_some() && self.centre.board.happens_now(&Misbehaviour::Glare);
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
        let late = Message::parse(&frame).ok().and_then(|message| {
            let leg = self.legs.values_mut().find(|l| l.sip_call_id == message.call_id())?;
            let late = leg.late.as_mut()?;
            message.is_request().then(|| (late, message.method().clone()))
        });
        match late {
            Some((_, Method::Invite)) => frame = alter::with_body(&frame, None),
            Some((late, Method::Ack)) => match &late.answer {
                Some(answer) => frame = alter::with_body(&frame, Some(answer)),
                None => {
                    late.ack = Some(frame);
                    return;
                }
            },
            _ => {}
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

    // What is asked of a leg.

    fn command(&mut self, id: u64, command: &LegCommand) {
        if let LegCommand::Invite = command {
            self.invite(id);
            return;
        }
        let Some(leg) = self.legs.get_mut(&id) else {
            // Not called yet, or over already.
            self.end(id, LegEnd { by: "local", code: 487, cause: "Canceled".into(), reason: None });
            return;
        };
        match command {
            LegCommand::Invite => {}
            LegCommand::HangUp => {
                let key = leg.key;
                if leg.sip_call_id.is_empty() {
                    // The offer is still being made: nothing is on the wire.
                    self.forget(id);
                    self.end(id, LegEnd { by: "local", code: 487, cause: "Canceled".into(), reason: None });
                } else {
                    self.feed(Input::Command(Command::Hangup { call: key, reason: None }));
                }
            }
            LegCommand::Hold(on) => {
                leg.direction = if *on { MediaDirection::SendOnly } else { MediaDirection::SendRecv };
                leg.holding = Some(*on);
                self.describe(id, Purpose::Offer, OfferKind::Same);
            }
            LegCommand::OfferWithoutSdp => {
                leg.late = Some(LateOffer::default());
                // The user agent offers as usual; the description is taken out on the way.
                let (call, sdp) = (leg.key, b"v=0\r\n".to_vec());
                self.feed(Input::Command(Command::Offer { call, sdp }));
            }
            LegCommand::FreshMedia => self.describe(id, Purpose::Offer, OfferKind::Fresh),
        }
    }

    fn open_leg(&mut self, id: u64, call: u64, key: CallKey) {
        let config = MediaConfig { local_address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), ..MediaConfig::default() };
        let (transport, ends) = match monipy_core::media::open(config) {
            Ok(opened) => opened,
            Err(e) => {
                self.centre.timeline.note("failed", Some(call), Some(id), format!("no media: {e}"));
                return;
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
        let leg = Leg {
            call,
            key,
            sip_call_id: Vec::new(),
            transport,
            ends: Some((ends.rtp_in, ends.rtp_out)),
            late: None,
            direction: MediaDirection::SendRecv,
            holding: None,
            offering: Offering::No,
        };
        self.legs.insert(id, leg);
    }

    fn invite(&mut self, id: u64) {
        let Ok(call) = self.centre.book().leg(id).map(|l| l.info.call) else { return };
        let key = self.ua.reserve_call();
        self.open_leg(id, call, key);
        if self.centre.board.happens_now(&Misbehaviour::InviteWithoutSdp) {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.late = Some(LateOffer::default());
            }
            self.described(id, Purpose::Invite, Ok(b"v=0\r\n".to_vec()));
        } else {
            self.describe(id, Purpose::Invite, OfferKind::Same);
        }
    }

    /// Makes a description in the background; it comes back as [`PhoneInput::Described`].
    fn describe(&self, id: u64, purpose: Purpose, kind: OfferKind) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (transport, direction, own) = (leg.transport.clone(), leg.direction, self.own.clone());
        tokio::spawn(async move {
            let sdp = transport.create_offer(direction, kind).await;
            let _ = own.send(PhoneInput::Described { leg: id, purpose, sdp });
        });
    }

    /// Answers an offer in the background, or makes one when there is none.
    fn answer(&mut self, id: u64, purpose: Purpose, offer: Option<Vec<u8>>) {
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
    fn apply(&self, id: u64, answer: Vec<u8>) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (transport, own) = (leg.transport.clone(), self.own.clone());
        tokio::spawn(async move {
            let result = transport.apply_answer(&answer).await;
            let _ = own.send(PhoneInput::Applied { leg: id, result });
        });
    }

    fn described(&mut self, id: u64, purpose: Purpose, sdp: Result<Vec<u8>, OfferError>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (call, key) = (leg.call, leg.key);
        match (purpose, sdp) {
            (Purpose::Invite, Ok(offer)) => self.send_invite(id, offer),
            (Purpose::Answer, Ok(sdp)) => self.feed(Input::Command(Command::Answer { call: key, sdp })),
            (Purpose::Answer, Err(e)) => {
                let refusal = Command::Reject { call: key, code: e.sip_code, reason: None, headers: Vec::new() };
                self.feed(Input::Command(refusal));
            }
            (Purpose::Offer, Ok(sdp)) => {
                leg.offering = Offering::Standing;
                self.feed(Input::Command(Command::Offer { call: key, sdp }));
            }
            (Purpose::Glare(frame), offer) => {
                if let Ok(sdp) = offer {
                    leg.offering = Offering::Standing;
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
                let ack = leg.late.as_mut().and_then(|late| {
                    late.answer = Some(answer.clone());
                    late.ack.take()
                });
                if let Some(ack) = ack {
                    self.put_on_wire(alter::with_body(&ack, Some(&answer)));
                    if let Some(leg) = self.legs.get_mut(&id) {
                        leg.late = None;
                    }
                }
            }
            (Purpose::Invite | Purpose::Offer | Purpose::Ack, Err(e)) => {
                self.centre.timeline.note("failed", Some(call), Some(id), format!("no description: {e}"));
                self.command(id, &LegCommand::HangUp);
            }
        }
    }

    fn send_invite(&mut self, id: u64, offer: Vec<u8>) {
        let now = Instant::now();
        let details = {
            let book = self.centre.book();
            book.leg(id).ok().map(|leg| {
                let contact = book.registered(&leg.info.supervisor, now).map(|r| r.contact.clone());
                (leg.info.supervisor.clone(), contact, leg.headers.clone(), leg.info.call)
            })
        };
        let Some((supervisor, Some(contact), headers, call)) = details else {
            self.forget(id);
            self.end(id, LegEnd { by: "system", code: 480, cause: "Unavailable".into(), reason: Some("no longer registered".into()) });
            return;
        };
        let Some(leg) = self.legs.get(&id) else { return };
        let key = leg.key;
        let offer =
            if self.centre.board.happens_now(&Misbehaviour::WrongFingerprint) { alter::with_wrong_fingerprint(&offer) } else { offer };
        let caller = self.centre.book().call(call).ok().and_then(|c| c.parties.first().map(|p| p.name.clone())).unwrap_or_default();
        let domain = &self.centre.domain;
        let command = Command::Call {
            call: key,
            target: contact,
            to: Some(format!("<sip:{supervisor}@{domain}>")),
            from: Some(format_name_addr(Some(&caller), &format!("sip:{}@{domain}", monipy_core::sip::escape_user(&caller)))),
            offer,
            headers,
        };
        self.centre.timeline.note("inviting", Some(call), Some(id), format!("{supervisor} is called for {caller}'s call"));
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

    fn applied(&mut self, id: u64, result: Result<(), OfferError>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let held = leg.holding.take();
        let (call, key) = (leg.call, leg.key);
        match result {
            Ok(()) => {
                if let Some(on) = held {
                    self.centre.timeline.note(if on { "hold" } else { "unhold" }, Some(call), Some(id), "by the centre");
                    self.change_info(id, |info| info.held_by_centre = on);
                }
            }
            Err(e) => {
                self.centre.timeline.note("failed", Some(call), Some(id), format!("the phone's answer: {e}"));
                self.feed(Input::Command(Command::Hangup { call: key, reason: Some((e.sip_code, "Bad Media Description".into())) }));
            }
        }
    }

    // What the user agent tells.

    fn leg_of(&self, key: CallKey) -> Option<u64> {
        self.legs.iter().find(|(_, l)| l.key == key).map(|(&id, _)| id)
    }

    fn event(&mut self, event: UaEvent) {
        match event {
            UaEvent::Request { request, method, invitation: _, message } => self.request(request, &method, &message),
            UaEvent::Incoming { call, invitation, offer } => self.dialled_in(call, &invitation, offer),
            UaEvent::Progress { call, code, .. } => {
                let Some(id) = self.leg_of(call) else { return };
                if code == 180 {
                    self.stage(id, LegStage::Ringing, "ringing", "180");
                    let cancel =
                        |m: &Misbehaviour| if let Misbehaviour::CancelBeforeAnswer { after_ms } = m { Some(*after_ms) } else { None };
                    if let Some(after) = self.centre.board.happens(cancel) {
                        let own = self.own.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(after)).await;
                            let _ = own.send(PhoneInput::Leg(id, LegCommand::HangUp));
                        });
                    }
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
            }
            UaEvent::Confirmed { call, sdp } => {
                let Some(id) = self.leg_of(call) else { return };
                self.stage(id, LegStage::Answered, "answered", "ACK");
                if let Some(answer) = sdp {
                    self.apply(id, answer);
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
            UaEvent::RemoteOfferCancelled { call } | UaEvent::OfferFailed { call, .. } => {
                let Some(leg) = self.leg_of(call).and_then(|id| self.legs.get_mut(&id)) else { return };
                leg.holding = None;
                leg.late = None;
                leg.offering = Offering::No;
                let transport = leg.transport.clone();
                tokio::spawn(async move { transport.rollback().await });
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
            UaEvent::Registered { .. }
            | UaEvent::RegistrationFailed { .. }
            | UaEvent::Unregistered { .. }
            | UaEvent::Ringing { .. }
            | UaEvent::MissedBusy { .. } => {}
        }
    }

    fn request(&mut self, request: RequestKey, method: &str, message: &[u8]) {
        let refusal = |code| Command::Respond { request, code, reason: None, headers: Vec::new() };
        if method != "REGISTER" {
            self.feed(Input::Command(refusal(405)));
            return;
        }
        let Ok(message) = Message::parse(message) else {
            self.feed(Input::Command(refusal(400)));
            return;
        };
        let now = Instant::now();
        let answer = {
            let centre = &self.centre;
            let password = |user: &str| centre.book().accounts.get(user).map(|a| a.password.clone());
            let mut registrar = centre.registrar.lock().unwrap_or_else(PoisonError::into_inner);
            registrar.register(&message, password, &centre.board, now)
        };
        let Some(answer) = answer else {
            self.centre.timeline.note("ignored", None, None, "a REGISTER gets no answer");
            return;
        };
        let respond = Command::Respond { request, code: answer.code, reason: answer.reason, headers: answer.headers };
        if let Some(binding) = &answer.binding {
            self.user.clone_from(&binding.user);
        }
        self.feed(Input::Command(respond));
        if let Some(binding) = answer.binding {
            let (phone, phone_id) = (self.own.clone(), self.id);
            let fresh = self.centre.change(|book| {
                book.registers += 1;
                if binding.expires.is_zero() {
                    book.registrations.remove(&binding.user).map(|_| false)
                } else {
                    let known = book.registered(&binding.user, now).is_some();
                    let registration = Registration { contact: binding.contact.clone(), until: now + binding.expires, phone, phone_id };
                    book.registrations.insert(binding.user.clone(), registration);
                    (!known).then_some(true)
                }
            });
            match fresh {
                Some(true) => self.centre.timeline.note("registered", None, None, &*binding.user),
                Some(false) => self.centre.timeline.note("unregistered", None, None, &*binding.user),
                None => {}
            }
        }
    }

    /// A call that the phone places: feature codes join the newest call, or the one of an agent.
    fn dialled_in(&mut self, key: CallKey, invitation: &Invitation, offer: Option<Vec<u8>>) {
        let target = invitation.request_uri.split(['@', ';', '?']).next().unwrap_or_default();
        let target = target.split_once(':').map_or(target, |(_, user)| user).to_owned();
        let refuse = |code| Command::Reject { call: key, code, reason: None, headers: Vec::new() };
        let Some((mode, whose)) = feature_code(&target) else {
            self.feed(Input::Command(refuse(404)));
            return;
        };
        let (own, user) = (self.own.clone(), if self.user.is_empty() { "unknown".to_owned() } else { self.user.clone() });
        let seated = self.centre.change(|book| {
            let named = |c: &crate::state::Call| whose.is_empty() || c.parties.iter().any(|p| p.name.eq_ignore_ascii_case(whose));
            let call = book.calls.iter().rev().find(|(id, c)| named(c) || id.to_string() == whose).map(|(&id, _)| id)?;
            let id = book.number();
            let info = LegInfo {
                id,
                call,
                supervisor: user,
                mode,
                stage: LegStage::Calling,
                dialled_in: true,
                held_by_phone: false,
                held_by_centre: false,
                digits: String::new(),
                packets_received: 0,
                end: None,
            };
            let leg = crate::state::Leg { info, phone: own, seat: None, impairment: crate::Impairment::default(), headers: Vec::new() };
            book.legs.insert(id, leg);
            Some((id, call))
        });
        let Some((id, call)) = seated else {
            self.feed(Input::Command(refuse(480)));
            return;
        };
        self.open_leg(id, call, key);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.sip_call_id = invitation.sip_call_id.clone().into_bytes();
        }
        self.centre.timeline.note("dialled", Some(call), Some(id), format!("{target}: {mode}"));
        self.answer(id, Purpose::Answer, offer);
    }

    // What happens to a leg.

    fn media(&mut self, id: u64, event: MediaEvent) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let call = leg.call;
        match event {
            MediaEvent::RemoteTrack(agreed) => {
                let seat = self.centre.book().leg(id).ok().and_then(|l| l.seat);
                if let Some(seat) = seat {
                    let told = self.centre.with_bridge(call, |bridge| bridge.leg(seat).map(|leg| leg.negotiated(&agreed)));
                    drop(told);
                    return;
                }
                let Some((rtp_in, rtp_out)) = leg.ends.take() else { return };
                let details = self.centre.book().leg(id).map(|l| (l.info.supervisor.clone(), l.info.mode, l.impairment));
                let Ok((supervisor, mode, impairment)) = details else { return };
                let seed = self.centre.seed.wrapping_add(id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let mut audio = LegAudio::new(id, seed, rtp_in, rtp_out);
                audio.negotiated(&agreed);
                audio.set_impairment(impairment);
                let voice = Voice::Leg(Box::new(audio), mode);
                let Ok(seat) = self.centre.with_bridge(call, |bridge| bridge.sit(&supervisor, Role::Supervisor, voice)) else { return };
                self.centre.change(|book| {
                    if let Some(leg) = book.legs.get_mut(&id) {
                        leg.seat = Some(seat);
                    }
                });
                let codec = agreed.send.codec.name();
                self.stage(id, LegStage::Media, "media", &format!("ICE and DTLS are done; {codec}; {mode}"));
            }
            MediaEvent::Failed { why } => self.centre.timeline.note("media-failed", Some(call), Some(id), why),
            MediaEvent::Disconnected => self.centre.timeline.note("media-lost", Some(call), Some(id), "no connectivity for now"),
            MediaEvent::Connected | MediaEvent::RemoteClosed | MediaEvent::Closed => {}
        }
    }

    fn key_pressed(&mut self, id: u64, digit: char) {
        self.change_info(id, |info| info.digits.push(digit));
        let call = self.legs.get(&id).map(|l| l.call);
        self.centre.timeline.note("dtmf", call, Some(id), digit.to_string());
        let mode = match self.centre.dialect {
            Dialect::None => None,
            Dialect::Asterisk => Mode::from_chanspy_digit(digit),
            Dialect::FreeSwitch => Mode::from_eavesdrop_digit(digit),
        };
        if let Some(mode) = mode {
            // Only a leg that is over cannot switch, and then there is nothing to switch.
            let _ = crate::legs::set_mode(&self.centre, id, mode);
        }
    }

    fn held_by_phone(&self, id: u64, held: bool) {
        let was = self.centre.book().leg(id).is_ok_and(|l| l.info.held_by_phone);
        if was != held {
            let call = self.legs.get(&id).map(|l| l.call);
            self.centre.timeline.note(if held { "hold" } else { "unhold" }, call, Some(id), "by the phone");
            self.change_info(id, |info| info.held_by_phone = held);
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
        let seat = self.centre.book().leg(id).ok().and_then(|l| l.seat);
        if let Some(seat) = seat {
            let packets = self.centre.with_bridge(leg.call, |bridge| {
                let packets = bridge.leg(seat).map_or(0, |l| l.packets_heard());
                bridge.leave(seat);
                packets
            });
            self.change_info(id, |info| info.packets_received = packets.unwrap_or(0));
        }
        tokio::spawn(async move { leg.transport.close().await });
    }

    fn end(&self, id: u64, end: LegEnd) {
        let call = self.centre.book().leg(id).ok().filter(|l| l.info.stage != LegStage::Ended).map(|l| l.info.call);
        let Some(call) = call else { return };
        let text = format!("{} by {}, code {}", end.cause, end.by, end.code);
        self.centre.timeline.note("ended", Some(call), Some(id), text);
        self.change_info(id, |info| {
            info.stage = LegStage::Ended;
            info.end = Some(end);
        });
    }
}

/// What a dialled user means: RingCentral's codes with, after them, the agent or the number of the call.
fn feature_code(target: &str) -> Option<(Mode, &str)> {
    let target = target.strip_prefix("%2A").or_else(|| target.strip_prefix("%2a")).or_else(|| target.strip_prefix('*'))?;
    let (code, whose) = target.split_at_checked(2)?;
    let mode = match code {
        "80" => Mode::Listen,
        "81" => Mode::Whisper,
        "82" => Mode::Barge,
        _ => return None,
    };
    Some((mode, whose))
}
