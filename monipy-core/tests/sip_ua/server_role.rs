//! The server role: two user agents, one on each side of a connection that is simulated frame by
//! frame. The phone registers, the server calls it, and the other way round.

use crate::bench::SDP;
use monipy_core::sip::digest::{Algorithm, Authorization, Challenge, Ha1, QopOffer};
use monipy_core::sip::ua::{CallKey, Cause, Command, EndedBy, Headers, Input, Output, Rng, Ua, UaConfig, UaEvent};
use monipy_core::sip::{HeaderName, Message, Method};
use std::time::{Duration, Instant};

struct Pair {
    phone: Ua,
    server: Ua,
    now: Instant,
    phone_events: Vec<UaEvent>,
    server_events: Vec<UaEvent>,
}

impl Pair {
    fn new() -> Pair {
        let now = Instant::now();
        let phone = Ua::new(UaConfig::client("1001", "centre.example", "centre.example", true), Rng::from_number(1), now);
        let server = Ua::new(UaConfig::server("centre", "centre.example", "centre.example", true), Rng::from_number(2), now);
        let mut pair = Pair { phone, server, now, phone_events: Vec::new(), server_events: Vec::new() };
        pair.phone.handle(Input::Up, now);
        pair.server.handle(Input::Up, now);
        pair
    }

    /// Carries frames until both sides are silent.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.phone.poll_output() {
                moved = true;
                match output {
                    Output::Send(bytes) => self.server.handle(Input::Frame(bytes), self.now),
                    Output::Event(event) => self.phone_events.push(event),
                }
            }
            while let Some(output) = self.server.poll_output() {
                moved = true;
                match output {
                    Output::Send(bytes) => self.phone.handle(Input::Frame(bytes), self.now),
                    Output::Event(event) => self.server_events.push(event),
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn phone(&mut self, command: Command) {
        self.phone.handle(Input::Command(command), self.now);
        self.settle();
    }

    fn server(&mut self, command: Command) {
        self.server.handle(Input::Command(command), self.now);
        self.settle();
    }

    fn of_phone(&mut self) -> Vec<UaEvent> {
        std::mem::take(&mut self.phone_events)
    }

    fn of_server(&mut self) -> Vec<UaEvent> {
        std::mem::take(&mut self.server_events)
    }

    /// The server host's part in a registration; returns the contact that registered.
    #[track_caller]
    fn registered(&mut self) -> String {
        self.phone(Command::Register { user: "1001".into(), password: "secret".to_owned().into(), authorization_user: None });
        let ask = Challenge {
            realm: "centre.example".into(),
            nonce: "abc".into(),
            opaque: None,
            algorithm: Algorithm::Sha256,
            qop: QopOffer { auth: true, auth_int: false },
            stale: false,
        };
        let (request, message) = self.request();
        assert!(message.header(HeaderName::Authorization).is_none());
        self.server(Command::Respond { request, code: 401, reason: None, headers: vec![("WWW-Authenticate".into(), ask.to_value())] });
        let (request, message) = self.request();
        let answer = message.header(HeaderName::Authorization).and_then(Authorization::parse).expect("credentials");
        assert!(answer.verify(&Ha1::new(Algorithm::Sha256, "1001", "centre.example", "secret"), &Method::Register, message.body()));
        let contact = message.header_text(HeaderName::Contact).expect("a contact").into_owned();
        let uri = message.contact().expect("a contact").uri_text().into_owned();
        self.server(Command::Respond { request, code: 200, reason: None, headers: vec![("Contact".into(), contact)] });
        assert!(matches!(self.of_phone().as_slice(), [UaEvent::Registered { .. }]));
        uri
    }

    /// The request that the server's host was given last.
    #[track_caller]
    fn request(&mut self) -> (monipy_core::sip::ua::RequestKey, Message) {
        self.settle();
        match self.server_events.pop() {
            Some(UaEvent::Request { request, method, message, .. }) => {
                assert_eq!(method, "REGISTER");
                (request, Message::parse(&message).expect("a message"))
            }
            other => panic!("{other:?}"),
        }
    }

    /// The server calls the phone: (the server's key, the phone's key).
    #[track_caller]
    fn called(&mut self, contact: &str) -> (CallKey, CallKey) {
        let call = self.server.reserve_call();
        let headers: Headers = vec![("X-Call-ID".into(), "uuid-7".into()), ("X-Team-Name".into(), "Sales".into())];
        self.server(Command::Call {
            call,
            target: contact.into(),
            to: Some("<sip:1001@centre.example>".into()),
            from: Some("\"Agent Seven\" <sip:7@centre.example>".into()),
            offer: SDP.into(),
            headers,
        });
        let codes: Vec<u16> = self
            .of_server()
            .iter()
            .filter_map(|event| if let UaEvent::Progress { code, .. } = event { Some(*code) } else { None })
            .collect();
        assert_eq!(codes, [100, 180]);
        match self.of_phone().as_slice() {
            [UaEvent::Incoming { call: ringing, invitation, offer }, UaEvent::Ringing { .. }] => {
                assert_eq!(invitation.from_display, "Agent Seven");
                assert_eq!(invitation.header("X-Team-Name"), Some("Sales"));
                assert_eq!(offer.as_deref(), Some(SDP.as_bytes()));
                (call, *ringing)
            }
            other => panic!("{other:#?}"),
        }
    }
}

#[test]
fn the_phone_registers_and_is_called() {
    let mut pair = Pair::new();
    let contact = pair.registered();
    let (ours, theirs) = pair.called(&contact);
    pair.phone(Command::Answer { call: theirs, sdp: SDP.into() });
    assert_eq!(pair.of_phone(), [UaEvent::Confirmed { call: theirs, sdp: None }]);
    assert!(matches!(pair.of_server().as_slice(), [UaEvent::Accepted { call, .. }] if *call == ours));
    // Hold by the server, and back.
    pair.server(Command::Offer { call: ours, sdp: SDP.replace("sendrecv", "sendonly").into() });
    assert!(matches!(pair.phone_events.pop(), Some(UaEvent::RemoteOffer { direction, .. }) if direction.is_hold()));
    pair.phone(Command::AcceptOffer { call: theirs, sdp: SDP.into() });
    assert!(matches!(pair.server_events.pop(), Some(UaEvent::OfferAnswered { .. })));
    // A key by INFO.
    pair.phone(Command::Dtmf { call: theirs, digit: '5', duration: Duration::from_millis(120) });
    assert_eq!(pair.server_events.pop(), Some(UaEvent::DtmfInfo { call: ours, digit: '5', duration_ms: 120 }));
    // The server ends it.
    pair.server(Command::Hangup { call: ours, reason: Some((200, "Agent hung up".into())) });
    assert!(matches!(pair.of_server().as_slice(), [UaEvent::Terminated { by: EndedBy::Local, .. }]));
    match pair.of_phone().as_slice() {
        [UaEvent::Terminated { by: EndedBy::Remote, code: 200, cause: Cause::Terminated, reason, .. }] => {
            assert_eq!(reason.as_deref(), Some("SIP ;cause=200; text=\"Agent hung up\""));
        }
        other => panic!("{other:#?}"),
    }
}

#[test]
fn the_server_cancels() {
    let mut pair = Pair::new();
    let contact = pair.registered();
    let (ours, _) = pair.called(&contact);
    pair.server(Command::Hangup { call: ours, reason: None });
    assert!(matches!(pair.phone_events.pop(), Some(UaEvent::Terminated { cause: Cause::Canceled, by: EndedBy::Remote, .. })));
    assert_eq!(pair.server.load().0, 0);
    assert_eq!(pair.server.load().2, 0);
}

#[test]
fn the_phone_rejects() {
    let mut pair = Pair::new();
    let contact = pair.registered();
    let (_, theirs) = pair.called(&contact);
    pair.phone(Command::Hangup { call: theirs, reason: None });
    assert!(matches!(
        pair.server_events.pop(),
        Some(UaEvent::Terminated { code: 480, cause: Cause::Unavailable, by: EndedBy::Remote, .. })
    ));
}

#[test]
fn the_phone_calls_and_is_asked_for_credentials() {
    let mut pair = Pair::new();
    pair.registered();
    let call = pair.phone.reserve_call();
    pair.phone(Command::Call { call, target: "222".into(), to: None, from: None, offer: SDP.into(), headers: Vec::new() });
    let first = match pair.of_server().as_slice() {
        [UaEvent::Incoming { call, invitation, .. }, UaEvent::Ringing { .. }] => {
            assert_eq!(invitation.request_uri, "sip:222@centre.example");
            *call
        }
        other => panic!("{other:#?}"),
    };
    let ask = "Digest realm=\"centre.example\", nonce=\"x\", qop=\"auth\"".to_owned();
    pair.server(Command::Reject { call: first, code: 407, reason: None, headers: vec![("Proxy-Authenticate".into(), ask)] });
    match pair.of_server().as_slice() {
        [UaEvent::Terminated { .. }, UaEvent::Incoming { call, invitation, .. }, UaEvent::Ringing { .. }] => {
            assert!(invitation.header("Proxy-Authorization").is_some());
            pair.server(Command::Answer { call: *call, sdp: SDP.into() });
        }
        other => panic!("{other:#?}"),
    }
    assert!(pair.of_phone().iter().any(|event| matches!(event, UaEvent::Accepted { .. })));
}

#[test]
fn a_request_that_the_host_forgets_is_forgotten() {
    let mut pair = Pair::new();
    pair.phone(Command::Register { user: "1001".into(), password: "x".to_owned().into(), authorization_user: None });
    let (request, _) = pair.request();
    pair.now += Duration::from_secs(33);
    pair.server.handle(Input::Tick, pair.now);
    assert_eq!(pair.server.load().3, 0);
    pair.server(Command::Respond { request, code: 200, reason: None, headers: Vec::new() });
    assert!(pair.server.poll_output().is_none());
}

#[test]
fn a_host_that_never_responds_is_protected_by_503() {
    let mut pair = Pair::new();
    let contact = "sip:centre@centre.example";
    let mut answers = 0;
    for number in 0..400 {
        let register = format!(
            "REGISTER {contact} SIP/2.0\r\nVia: SIP/2.0/WS a;branch=z9hG4bK{number}\r\nFrom: <sip:p@x>;tag={number}\r\nTo: <sip:p@x>\r\n\
             Call-ID: {number}\r\nCSeq: 1 REGISTER\r\n\r\n"
        );
        pair.server.handle(Input::Frame(register.into_bytes()), pair.now);
        while let Some(output) = pair.server.poll_output() {
            if let Output::Send(bytes) = output {
                assert!(bytes.starts_with(b"SIP/2.0 503 "));
                answers += 1;
            }
        }
    }
    assert_eq!(answers, 400 - 256);
}
