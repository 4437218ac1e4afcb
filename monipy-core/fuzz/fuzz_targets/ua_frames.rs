//! A whole user agent in virtual time: the input is a script of frames, commands, faults and
//! waits. It must survive every script, keep its tables bounded, give each call one end, and
//! answer OPTIONS afterwards.
//!
//! Script: chunks divided by the byte 0x01; the first byte of a chunk says what it is. In frames
//! `$V` stands for the Via of our last request, `$I` its Call-ID, `$N` its CSeq number, `$F` its
//! From, `$T` the To of our last response to INVITE (with our tag).
#![no_main]

use libfuzzer_sys::fuzz_target;
use monipy_core::sip::ua::{CallKey, Command, Input, Output, Rng, Ua, UaConfig, UaEvent};
use monipy_core::sip::{HeaderName, Message};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const SDP: &[u8] = b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=sendrecv\r\n";

#[derive(Default)]
struct Known {
    via: Vec<u8>,
    call_id: Vec<u8>,
    cseq: Vec<u8>,
    from: Vec<u8>,
    to: Vec<u8>,
    calls: Vec<CallKey>,
    ended: BTreeSet<CallKey>,
    sent: usize,
}

impl Known {
    fn learn(&mut self, ua: &mut Ua) {
        while let Some(output) = ua.poll_output() {
            match output {
                Output::Send(bytes) => {
                    self.sent += 1;
                    let Ok(message) = Message::parse(&bytes) else { continue };
                    if message.is_request() {
                        self.via = message.header(HeaderName::Via).unwrap_or_default().to_vec();
                        self.call_id = message.call_id().to_vec();
                        self.cseq = message.cseq().number.to_string().into_bytes();
                        self.from = message.header(HeaderName::From).unwrap_or_default().to_vec();
                    } else if message.status() > Some(100) {
                        self.to = message.header(HeaderName::To).unwrap_or_default().to_vec();
                    }
                }
                Output::Event(UaEvent::Incoming { call, .. }) => self.calls.push(call),
                Output::Event(UaEvent::Terminated { call, .. }) => assert!(self.ended.insert(call), "{call:?} ended twice"),
                Output::Event(_) => {}
            }
        }
    }

    fn fill(&self, frame: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(frame.len() + 64);
        let mut rest = frame;
        while let Some((&byte, after)) = rest.split_first() {
            let value = match (byte, after.first()) {
                (b'$', Some(b'V')) => &self.via,
                (b'$', Some(b'I')) => &self.call_id,
                (b'$', Some(b'N')) => &self.cseq,
                (b'$', Some(b'F')) => &self.from,
                (b'$', Some(b'T')) => &self.to,
                _ => {
                    out.push(byte);
                    rest = after;
                    continue;
                }
            };
            out.extend_from_slice(value);
            rest = &after[1..];
        }
        out
    }
}

fuzz_target!(|script: &[u8]| {
    let start = Instant::now();
    let mut now = start;
    let mut config = UaConfig::client("1001", "example.com", "example.com", true);
    config.host = Some("h.invalid".into());
    config.max_calls = 2;
    let mut ua = Ua::new(config, Rng::from_number(1), now);
    let mut known = Known::default();
    ua.handle(Input::Up, now);
    for chunk in script.split(|&byte| byte == 1).take(64) {
        let Some((&kind, rest)) = chunk.split_first() else { continue };
        let number = rest.first().copied().unwrap_or_default();
        let call = known.calls.get(usize::from(number) % known.calls.len().max(1)).copied().unwrap_or(CallKey(0));
        let input = match kind {
            b'F' => Input::Frame(known.fill(rest)),
            b'R' => Input::Command(Command::Register { user: "1001".into(), password: "x".to_owned().into(), authorization_user: None }),
            b'U' => Input::Command(Command::Unregister),
            b'C' => {
                let call = ua.reserve_call();
                known.calls.push(call);
                let target = String::from_utf8_lossy(rest).into_owned();
                Input::Command(Command::Call { call, target, to: None, from: None, offer: SDP.to_vec(), headers: Vec::new() })
            }
            b'A' => Input::Command(Command::Answer { call, sdp: SDP.to_vec() }),
            b'H' => Input::Command(Command::Hangup { call, reason: None }),
            b'O' => Input::Command(Command::Offer { call, sdp: SDP.to_vec() }),
            b'a' => Input::Command(Command::AcceptOffer { call, sdp: SDP.to_vec() }),
            b'K' => Input::Command(Command::Dtmf { call, digit: '5', duration: Duration::from_millis(100) }),
            b'D' => Input::Down { reason: "fuzz".into() },
            b'P' => Input::Up,
            _ => {
                now += Duration::from_millis(u64::from(number) * 400);
                Input::Tick
            }
        };
        ua.handle(input, now);
        known.learn(&mut ua);
        let (calls, dialogs, clients, servers, timers) = ua.load();
        assert!(dialogs <= calls && clients <= 32 && servers <= 32 && timers <= 600);
    }
    ua.handle(Input::Up, now);
    known.learn(&mut ua);
    known.sent = 0;
    let options = b"OPTIONS sip:1001@example.com SIP/2.0\r\nVia: SIP/2.0/WS a;branch=z9hG4bKlast\r\nFrom: <sip:p@x>;tag=1\r\n\
                    To: <sip:1001@x>\r\nCall-ID: the-last-one\r\nCSeq: 1 OPTIONS\r\n\r\n";
    ua.handle(Input::Frame(options.to_vec()), now);
    known.learn(&mut ua);
    assert!(known.sent >= 1, "OPTIONS is answered");
    for call in known.calls.clone() {
        ua.handle(Input::Command(Command::Hangup { call, reason: None }), now);
    }
    ua.handle(Input::Command(Command::Unregister), now);
    ua.handle(Input::Down { reason: "end".into() }, now);
    ua.handle(Input::Tick, now + Duration::from_secs(400));
    ua.handle(Input::Tick, now + Duration::from_secs(800));
    known.learn(&mut ua);
    assert!(known.calls.iter().all(|call| known.ended.contains(call)), "a call without an end");
    assert_eq!(ua.load(), (0, 0, 0, 0, 0));
});
