//! The law, over random traces of commands, frames, faults and time: every call has exactly one
//! terminal event and nothing after it, it is confirmed once at most, registrations alternate,
//! and at the end nothing is kept.

use crate::bench::*;
use monipy_core::sip::ua::{CallKey, Command, UaEvent};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

#[derive(Debug, Clone)]
enum Step {
    Up,
    Down,
    Register,
    Unregister,
    Invite {
        id: u8,
        late: bool,
        expires: bool,
    },
    /// A request inside a dialog that a response of ours made.
    Inside {
        of: u8,
        method: u8,
        cseq: u8,
        body: bool,
    },
    /// CANCEL of the INVITE with this number.
    Cancel {
        of: u8,
    },
    /// A response to a request of ours.
    Respond {
        to: u8,
        code: u8,
        body: bool,
    },
    Place,
    Command {
        call: u8,
        what: u8,
    },
    Pass {
        ms: u32,
    },
    /// A frame that came before, once more, perhaps with a flipped bit.
    Again {
        which: u8,
        flip: Option<(u16, u8)>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Up),
        1 => Just(Step::Down),
        1 => Just(Step::Register),
        1 => Just(Step::Unregister),
        4 => (0u8..6, any::<bool>(), any::<bool>()).prop_map(|(id, late, expires)| Step::Invite { id, late, expires }),
        8 => (any::<u8>(), 0u8..10, 0u8..9, any::<bool>()).prop_map(|(of, method, cseq, body)| Step::Inside { of, method, cseq, body }),
        2 => any::<u8>().prop_map(|of| Step::Cancel { of }),
        8 => (any::<u8>(), 0u8..14, any::<bool>()).prop_map(|(to, code, body)| Step::Respond { to, code, body }),
        2 => Just(Step::Place),
        10 => (any::<u8>(), 0u8..8).prop_map(|(call, what)| Step::Command { call, what }),
        4 => prop_oneof![Just(10u32), Just(700), Just(5000), Just(33_000), Just(70_000), Just(200_000)].prop_map(|ms| Step::Pass { ms }),
        2 => (any::<u8>(), proptest::option::of((any::<u16>(), 0u8..8))).prop_map(|(which, flip)| Step::Again { which, flip }),
    ]
}

#[derive(Default)]
struct Law {
    calls: HashMap<CallKey, (bool, bool, bool)>,
    registered: bool,
}

impl Law {
    fn look(&mut self, bench: &mut Bench, placed: &[CallKey], known: &mut Vec<CallKey>) {
        for event in bench.take_events() {
            let key = match &event {
                UaEvent::Registered { .. } => {
                    assert!(!self.registered, "registered twice");
                    self.registered = true;
                    continue;
                }
                UaEvent::Unregistered { .. } => {
                    assert!(self.registered, "unregistered twice");
                    self.registered = false;
                    continue;
                }
                UaEvent::RegistrationFailed { .. } => {
                    assert!(!self.registered, "failed while registered");
                    continue;
                }
                UaEvent::MissedBusy { .. } | UaEvent::Request { .. } => continue,
                UaEvent::Incoming { call, .. } => {
                    assert!(self.calls.insert(*call, (false, false, false)).is_none(), "a key twice");
                    known.push(*call);
                    continue;
                }
                UaEvent::Ringing { call }
                | UaEvent::Progress { call, .. }
                | UaEvent::Accepted { call, .. }
                | UaEvent::Confirmed { call, .. }
                | UaEvent::RemoteOffer { call, .. }
                | UaEvent::RemoteOfferCancelled { call }
                | UaEvent::OfferAnswered { call, .. }
                | UaEvent::OfferFailed { call, .. }
                | UaEvent::DtmfInfo { call, .. }
                | UaEvent::Terminated { call, .. } => *call,
            };
            if placed.contains(&key) {
                self.calls.entry(key).or_default();
            }
            let (up, terminated, _) = self.calls.get_mut(&key).expect("an event of a call that was announced");
            assert!(!*terminated, "{event:?} after the end");
            match event {
                UaEvent::Accepted { .. } | UaEvent::Confirmed { .. } => {
                    assert!(!*up, "up twice");
                    *up = true;
                }
                UaEvent::RemoteOffer { .. } | UaEvent::OfferAnswered { .. } => assert!(*up, "{event:?} before it was up"),
                UaEvent::Ringing { .. } | UaEvent::Progress { .. } => assert!(!*up, "{event:?} after it was up"),
                UaEvent::Terminated { .. } => *terminated = true,
                _ => {}
            }
        }
    }
}

const TYPE: &str = "Content-Type: application/sdp\r\n";

#[allow(clippy::too_many_lines)]
fn run(seed: u64, max_calls: usize, steps: &[Step]) {
    let mut bench = Bench::seeded(seed, |config| config.max_calls = max_calls);
    let mut law = Law::default();
    let (mut placed, mut known) = (Vec::new(), Vec::new());
    // Frames that came, frames that went out.
    let mut came: Vec<Vec<u8>> = Vec::new();
    let mut requests: Vec<String> = Vec::new();
    let mut responses: Vec<String> = Vec::new();
    let mut invites: Vec<String> = Vec::new();
    bench.contact = "sip:1001@supersbc.telecmi.com".into();
    let pick = |list: &Vec<String>, at: u8| (!list.is_empty()).then(|| list[usize::from(at) % list.len()].clone());
    for step in steps {
        let frame: Option<Vec<u8>> = match step {
            Step::Up => {
                bench.up();
                None
            }
            Step::Down => {
                bench.down();
                None
            }
            Step::Register => {
                bench.command(Bench::register_command());
                None
            }
            Step::Unregister => {
                bench.command(Command::Unregister);
                None
            }
            Step::Invite { id, late, expires } => {
                let extra = if *expires { "Expires: 3\r\n" } else { "" };
                let invite = bench.invite(&format!("call{id}"), extra, if *late { "" } else { SDP });
                invites.push(invite.clone());
                Some(invite.into_bytes())
            }
            Step::Inside { of, method, cseq, body } => pick(&responses, *of).map(|response| {
                let name =
                    ["ACK", "BYE", "INVITE", "UPDATE", "INFO", "OPTIONS", "REFER", "NOTIFY", "MESSAGE", "FOO"][usize::from(*method)];
                let (extra, body) = if *body { (TYPE, SDP) } else { ("", "") };
                let extra = if name == "REFER" { format!("{extra}Refer-To: <sip:x@y>\r\n") } else { extra.to_owned() };
                bench.inside(&response, name, u32::from(*cseq), &extra, body).into_bytes()
            }),
            Step::Cancel { of } => pick(&invites, *of).map(|invite| {
                let head = invite.split("\r\n\r\n").next().unwrap_or_default().replacen("INVITE ", "CANCEL ", 1).replace("1 INVITE", "1 CANCEL");
                let head: Vec<&str> = head.split("\r\n").filter(|line| !line.starts_with("Content-")).collect();
                format!("{}\r\nContent-Length: 0\r\n\r\n", head.join("\r\n")).into_bytes()
            }),
            Step::Respond { to, code, body } => pick(&requests, *to).map(|request| {
                let code = [100, 180, 200, 200, 200, 401, 407, 408, 423, 481, 486, 491, 500, 503][usize::from(*code)];
                let extra = "Contact: <sip:agent@192.0.2.9>\r\nWWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"n\", qop=\"auth\"\r\n\
                             Min-Expires: 600\r\nRetry-After: 2\r\n";
                respond(&request, code, "X", extra, if *body { SDP } else { "" }).into_bytes()
            }),
            Step::Place => {
                let call = bench.ua.reserve_call();
                placed.push(call);
                known.push(call);
                bench.command(Command::Call { call, target: "2002".into(), to: None, from: None, offer: SDP.into(), headers: Vec::new() });
                None
            }
            Step::Command { call, what } => {
                if !known.is_empty() {
                    let call = known[usize::from(*call) % known.len()];
                    bench.command(match what {
                        0 | 1 => Command::Answer { call, sdp: SDP.into() },
                        2 => Command::Reject { call, code: 603, reason: None, headers: Vec::new() },
                        3 => Command::Hangup { call, reason: Some((500, "Hold Failed".into())) },
                        4 => Command::Offer { call, sdp: SDP.into() },
                        5 => Command::AcceptOffer { call, sdp: SDP.into() },
                        6 => Command::RejectOffer { call, code: 488 },
                        _ => Command::Dtmf { call, digit: '1', duration: Duration::from_millis(100) },
                    });
                }
                None
            }
            Step::Pass { ms } => {
                bench.pass(Duration::from_millis(u64::from(*ms)));
                None
            }
            Step::Again { which, flip } => (!came.is_empty()).then(|| {
                let mut bytes = came[usize::from(*which) % came.len()].clone();
                if let Some((at, bit)) = flip {
                    let at = usize::from(*at) % bytes.len().max(1);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << bit;
                    }
                }
                bytes
            }),
        };
        if let Some(frame) = frame {
            came.push(frame.clone());
            bench.frame(frame);
        }
        for message in bench.take() {
            // Keep-alives; and refusals of broken requests, whose broken lines they repeat.
            if monipy_core::sip::Message::parse(message.as_bytes()).is_err() {
                continue;
            }
            if method(&message).is_empty() {
                if (101..300).contains(&status(&message)) && message.contains("INVITE") && responses.len() < 40 {
                    responses.push(message);
                }
            } else if method(&message) != "ACK" {
                requests.push(message);
            }
        }
        law.look(&mut bench, &placed, &mut known);
        let (calls, dialogs, clients, servers, timers) = bench.ua.load();
        assert!(clients <= 32 && servers <= 32 && dialogs <= calls && timers <= 300, "{:?}", bench.ua.load());
    }
    // The end: everything is hung up while connected, and time passes.
    bench.up();
    law.look(&mut bench, &placed, &mut known);
    for call in known.clone() {
        bench.command(Command::Hangup { call, reason: None });
    }
    bench.command(Command::Unregister);
    bench.seconds(110);
    bench.sent.clear();
    assert_eq!(bench.ua.load(), (0, 0, 0, 0, 0));
    bench.down();
    law.look(&mut bench, &placed, &mut known);
    for (key, (_, terminated, _)) in &law.calls {
        assert!(*terminated, "{key:?} never ended");
    }
    assert!(placed.iter().all(|key| law.calls.contains_key(key)), "a call that was placed never ended");
    assert!(!law.registered);
    assert_eq!(bench.ua.load(), (0, 0, 0, 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_call_ends_exactly_once(seed in any::<u64>(), max_calls in 1usize..4, steps in prop::collection::vec(step(), 1..60)) {
        // Most traces are worth more when they begin connected.
        let mut all = vec![Step::Up, Step::Register];
        all.extend(steps);
        run(seed, max_calls, &all);
    }
}
