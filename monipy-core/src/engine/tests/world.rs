//! A supervisor's machine and a server's user agent with a cable between them, and media that does
//! what it is told.

use crate::call::CallId;
use crate::config::Config;
use crate::engine::machine::{Command, Input, Link, Machine, MediaInput, MediaOp, Output, Token};
use crate::error::{Error, Reply};
use crate::event::{Event, EventKind};
use crate::media::{AudioFormat, MediaDirection, MediaEvent, Negotiated};
use crate::sip::digest::{Algorithm, Challenge, QopOffer};
use crate::sip::ua::{CallKey, Command as UaCommand, Input as UaInput, Output as UaOutput, Rng, Ua, UaConfig, UaEvent};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

pub(super) const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 40000 UDP/TLS/RTP/SAVPF 111 0 126\r\nc=IN IP4 127.0.0.1\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/48000\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\na=setup:actpass\r\na=rtcp-mux\r\na=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\r\na=sendrecv\r\n";

pub(super) fn sdp(direction: &str) -> Vec<u8> {
    String::from_utf8_lossy(SDP).replace("a=sendrecv", &format!("a={direction}")).into_bytes()
}

/// How the server answers REGISTER.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Registrar {
    Accept,
    WrongPassword,
    Refuse(u16, Vec<(String, String)>),
    Mute,
}

pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) server: Ua,
    pub(super) now: Instant,
    pub(super) registrar: Registrar,
    pub(super) contact: Option<String>,
    /// The next connections fail.
    pub(super) refuse_links: bool,
    /// Media reports by itself that it is ready.
    pub(super) media_works: bool,
    pub(super) hold_media: bool,
    /// The server refuses offers inside a call so.
    pub(super) refuse_offers: Option<u16>,
    /// How often it was time for a `stats` event.
    pub(super) stats: u32,
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
    pending_media: VecDeque<(CallId, MediaInput)>,
    pub(super) events: Vec<Event>,
    pub(super) replies: BTreeMap<Token, Vec<Result<Reply, Error>>>,
    pub(super) given: u64,
    pub(super) ops: Vec<(CallId, MediaOp)>,
    pub(super) server_events: Vec<UaEvent>,
    pub(super) server_call: Option<CallKey>,
    pub(super) gone: bool,
}

impl World {
    pub(super) fn new(config: Config) -> Self {
        let now = Instant::now();
        let mut server = Ua::new(UaConfig::server("centre", "sip.test", "sip.test", false), Rng::from_number(7), now);
        server.handle(UaInput::Up, now);
        World {
            machine: Machine::new(config, Rng::from_number(1), now),
            server,
            now,
            registrar: Registrar::Accept,
            contact: None,
            refuse_links: false,
            media_works: true,
            hold_media: false,
            refuse_offers: None,
            stats: 0,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            pending_media: VecDeque::new(),
            events: Vec::new(),
            replies: BTreeMap::new(),
            given: 0,
            ops: Vec::new(),
            server_events: Vec::new(),
            server_call: None,
            gone: false,
        }
    }

    pub(super) fn config() -> Config {
        Config { server: "ws://sip.test:8080".into(), name: Some("Sue Visor".into()), ..Config::default() }
    }

    // --- What a test does ---

    pub(super) fn give(&mut self, command: Command) -> Token {
        self.given += 1;
        let token = Token(self.given);
        self.input(Input::Command(command, Some(token)));
        token
    }

    pub(super) fn login(&mut self) -> Token {
        let token = self.give(Command::Login { id: "1001".into(), password: Zeroizing::new("s3cret".into()) });
        self.settle();
        token
    }

    /// The server calls the supervisor, as a barge does.
    pub(super) fn barge(&mut self, offer: &[u8]) -> Option<CallKey> {
        let target = self.contact.clone()?;
        let call = self.server.reserve_call();
        let headers = vec![("X-cmi-uuid".into(), "uuid-7".into()), ("X-Team-Name".into(), "Sales".into()), ("X-Other".into(), "1".into())];
        let command = UaCommand::Call {
            call,
            target,
            to: Some("<sip:1001@sip.test>".into()),
            from: Some("\"Agent Seven\" <sip:agent7@sip.test>".into()),
            offer: offer.to_vec(),
            headers,
        };
        self.server.handle(UaInput::Command(command), self.now);
        self.server_call = Some(call);
        self.settle();
        Some(call)
    }

    pub(super) fn server(&mut self, command: UaCommand) {
        self.server.handle(UaInput::Command(command), self.now);
        self.settle();
    }

    pub(super) fn cut_link(&mut self) {
        if self.machine.link == Link::Up {
            self.lose_frames();
            self.input(Input::LinkDown("reset".into()));
        }
    }

    /// This machine gets another address: the link is lost.
    pub(super) fn move_link(&mut self) {
        self.lose_frames();
        self.input(Input::LinkMoved("another address".into()));
    }

    fn lose_frames(&mut self) {
        self.to_server.clear();
        self.to_client.clear();
        self.server.handle(UaInput::Down { reason: "reset".into() }, self.now);
        self.drain_server();
        self.server.handle(UaInput::Up, self.now);
    }

    /// Time passes, timer by timer.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let next = [self.machine.next_timeout(), self.server.next_timeout()].into_iter().flatten().min();
            match next.filter(|at| *at <= end) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.input(Input::Tick);
                    self.server.handle(UaInput::Tick, self.now);
                }
                None => break,
            }
        }
        self.now = end;
        self.settle();
    }

    /// Everything that needs no time.
    pub(super) fn settle(&mut self) {
        loop {
            self.drain_server();
            if !self.step() {
                return;
            }
        }
    }

    /// One frame or media report; false when nothing is on its way.
    pub(super) fn step(&mut self) -> bool {
        self.drain_server();
        if let Some(frame) = self.to_server.pop_front() {
            self.server.handle(UaInput::Frame(frame), self.now);
            self.drain_server();
            return true;
        }
        if let Some(frame) = self.to_client.pop_front() {
            self.input(Input::Frame(frame));
            return true;
        }
        if !self.hold_media
            && let Some((call, input)) = self.pending_media.pop_front()
        {
            self.input(Input::Media(call, input));
            return true;
        }
        false
    }

    pub(super) fn input(&mut self, input: Input) {
        self.machine.handle(input, self.now);
        while let Some(output) = self.machine.poll_output() {
            assert!(!self.gone || matches!(output, Output::Reply(..)), "something came after the end: {output:?}");
            match output {
                Output::Connect => {
                    if self.refuse_links {
                        let error = crate::transport::ws::LinkError { timed_out: false, why: "refused".into() };
                        self.input(Input::LinkFailed(error));
                    } else {
                        self.input(Input::LinkUp);
                    }
                }
                Output::Disconnect => self.lose_frames(),
                Output::Send(bytes) => self.to_server.push_back(bytes),
                Output::Event(event) => self.events.push(event),
                Output::Reply(token, result) => self.replies.entry(token).or_default().push(result),
                Output::Media(call, op) => self.media(call, op),
                Output::LinkActive(_) => {}
                Output::Stats(_) => self.stats += 1,
                Output::Gone => self.gone = true,
            }
        }
    }

    fn media(&mut self, call: CallId, op: MediaOp) {
        let direction = match &op {
            MediaOp::AcceptOffer { direction, .. } | MediaOp::CreateOffer { direction, .. } => *direction,
            _ => MediaDirection::SendRecv,
        };
        let mut report = |input| self.pending_media.push_back((call, input));
        match &op {
            MediaOp::AcceptOffer { .. } => {
                report(MediaInput::AnswerMade(Ok(sdp(direction.name()))));
                if self.media_works {
                    report(MediaInput::Transport(MediaEvent::Connected));
                    report(MediaInput::Transport(MediaEvent::RemoteTrack(negotiated(direction))));
                }
            }
            MediaOp::CreateOffer { .. } => report(MediaInput::OfferMade(Ok(sdp(direction.name())))),
            MediaOp::ApplyAnswer { .. } => {
                report(MediaInput::AnswerApplied(Ok(())));
                if self.media_works {
                    report(MediaInput::Transport(MediaEvent::Connected));
                    report(MediaInput::Transport(MediaEvent::RemoteTrack(negotiated(direction))));
                }
            }
            _ => {}
        }
        self.ops.push((call, op));
    }

    fn drain_server(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                UaOutput::Send(bytes) => {
                    if self.machine.link == Link::Up {
                        self.to_client.push_back(bytes);
                    }
                }
                UaOutput::Event(event) => self.server_event(event),
            }
        }
    }

    fn server_event(&mut self, event: UaEvent) {
        match &event {
            UaEvent::Request { request, method, invitation, message } if method == "REGISTER" => {
                let (code, headers) = self.register(message, invitation.header("Contact"), invitation.header("Expires"));
                if code != 0 {
                    self.server.handle(UaInput::Command(UaCommand::Respond { request: *request, code, reason: None, headers }), self.now);
                }
            }
            UaEvent::Incoming { call, .. } => self.server_call = Some(*call),
            // The far side agrees to every offer.
            UaEvent::RemoteOffer { call, .. } if self.refuse_offers.is_some() => {
                let code = self.refuse_offers.unwrap_or(488);
                self.server.handle(UaInput::Command(UaCommand::RejectOffer { call: *call, code }), self.now);
            }
            UaEvent::RemoteOffer { call, .. } => {
                self.server.handle(UaInput::Command(UaCommand::AcceptOffer { call: *call, sdp: SDP.to_vec() }), self.now);
            }
            _ => {}
        }
        self.server_events.push(event);
    }

    fn register(&mut self, message: &[u8], contact: Option<&str>, expires: Option<&str>) -> (u16, Vec<(String, String)>) {
        match &self.registrar {
            Registrar::Mute => (0, Vec::new()),
            Registrar::Refuse(code, headers) => (*code, headers.clone()),
            accept => {
                let right = *accept == Registrar::Accept;
                let text = String::from_utf8_lossy(message);
                if !right || !text.contains("\nAuthorization:") {
                    let challenge = Challenge {
                        realm: "sip.test".into(),
                        nonce: "nonce-1".into(),
                        opaque: None,
                        algorithm: Algorithm::Md5,
                        qop: QopOffer::default(),
                        stale: false,
                    };
                    return (401, vec![("WWW-Authenticate".into(), challenge.to_value())]);
                }
                let contact = contact.unwrap_or_default().to_owned();
                let uri = contact.split('>').next().unwrap_or_default().trim_start_matches('<').to_owned();
                self.contact = (expires != Some("0")).then_some(uri);
                (200, vec![("Contact".into(), contact)])
            }
        }
    }

    // --- What a test looks at ---

    pub(super) fn names(&self) -> Vec<String> {
        self.events.iter().map(|e| format!("{} {}", e.name(), e.code)).collect()
    }

    pub(super) fn reply(&self, token: Token) -> Option<(bool, u16, String)> {
        let result = self.replies.get(&token)?.first()?;
        Some(match result {
            Ok(r) => (true, r.code, r.status.clone()),
            Err(e) => (false, e.code, e.status.clone()),
        })
    }

    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.server_events.clear();
        self.ops.clear();
    }

    pub(super) fn last(&self, kind: EventKind) -> &Event {
        self.events.iter().rev().find(|e| e.kind == kind).unwrap_or_else(|| panic!("no {} in {:?}", kind.name(), self.names()))
    }
}

pub(super) fn negotiated(direction: MediaDirection) -> Negotiated {
    let opus = AudioFormat { codec: crate::config::Codec::Opus, payload_type: 111, telephone_event: Some(126) };
    Negotiated { send: opus, receive: vec![opus], direction, remote_direction: direction.reversed(), ptime_ms: 20, parties: Vec::new() }
}
