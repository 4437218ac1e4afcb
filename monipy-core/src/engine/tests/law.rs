//! The law of events under any interleaving of commands, calls, faults and time: each call has
//! its events in order and exactly one terminal event with nothing after it; login and logout
//! alternate; every command has exactly one outcome.

use super::world::{Registrar, SDP, World, sdp};
use crate::call::CallId;
use crate::config::Config;
use crate::engine::machine::{Command, Input, MediaInput};
use crate::event::{Event, EventKind};
use crate::media::{MediaEvent, OfferError};
use crate::sip::ua::Command as UaCommand;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use zeroize::Zeroizing;

#[derive(Debug, Clone)]
enum Act {
    Give(u8),
    Barge { late: bool },
    ServerHangup,
    ServerAnswer,
    ServerOffer { hold: bool },
    ServerLateOffer,
    CutLink,
    Refuse(bool),
    Registrar(u8),
    Media(u8),
    MediaWorks(bool),
    HoldMedia(bool),
    Step(u8),
    Pass(u16),
    Garbage(Vec<u8>),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0_u8..13).prop_map(Act::Give),
        4 => any::<bool>().prop_map(|late| Act::Barge { late }),
        2 => Just(Act::ServerHangup),
        2 => Just(Act::ServerAnswer),
        2 => any::<bool>().prop_map(|hold| Act::ServerOffer { hold }),
        1 => Just(Act::ServerLateOffer),
        2 => Just(Act::CutLink),
        1 => any::<bool>().prop_map(Act::Refuse),
        1 => (0_u8..5).prop_map(Act::Registrar),
        2 => (0_u8..7).prop_map(Act::Media),
        1 => any::<bool>().prop_map(Act::MediaWorks),
        1 => any::<bool>().prop_map(Act::HoldMedia),
        6 => (1_u8..6).prop_map(Act::Step),
        5 => (0_u16..20_000).prop_map(Act::Pass),
        1 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Act::Garbage),
    ]
}

/// Commands leave without waiting, so that frames, media and commands interleave.
fn perform(w: &mut World, act: &Act) {
    let call = CallId::CURRENT;
    match act {
        Act::Give(n) => {
            w.give(match n {
                0 | 11 => Command::Login { id: "1001".into(), password: Zeroizing::new("s3cret".into()) },
                1 => Command::Logout,
                2 => Command::Call { target: "100".into() },
                3 | 12 => Command::Answer { call },
                4 => Command::Reject { call, sip_code: 480 },
                5 => Command::Terminate { call },
                6 => Command::Hold { call },
                7 => Command::Unhold { call },
                8 => Command::Mute { call, muted: true },
                9 => Command::Mute { call, muted: false },
                _ => Command::Dtmf { call, digits: "5".into(), duration_ms: 100, gap_ms: 70 },
            });
        }
        Act::Barge { late } => {
            w.barge(if *late { b"" } else { SDP });
        }
        Act::ServerHangup => on_call(w, |call| UaCommand::Hangup { call, reason: None }),
        Act::ServerAnswer => on_call(w, |call| UaCommand::Answer { call, sdp: SDP.to_vec() }),
        Act::ServerOffer { hold } => on_call(w, |call| UaCommand::Offer { call, sdp: sdp(if *hold { "sendonly" } else { "sendrecv" }) }),
        Act::ServerLateOffer => on_call(w, |call| UaCommand::Offer { call, sdp: Vec::new() }),
        Act::CutLink => w.cut_link(),
        Act::Refuse(refuse) => w.refuse_links = *refuse,
        Act::Registrar(n) => {
            w.registrar = match n {
                0 | 4 => Registrar::Accept,
                1 => Registrar::WrongPassword,
                2 => Registrar::Refuse(503, vec![("Retry-After".into(), "3".into())]),
                _ => Registrar::Mute,
            };
        }
        Act::Media(n) => {
            let Some(id) = w.machine.call_infos().last().map(|c| c.id) else { return };
            let input = match n {
                0 => MediaInput::Transport(MediaEvent::Failed { why: "failed".into() }),
                1 => MediaInput::Transport(MediaEvent::Disconnected),
                2 => MediaInput::Transport(MediaEvent::RemoteClosed),
                3 => MediaInput::AnswerMade(Err(OfferError::not_acceptable("no"))),
                4 => MediaInput::OfferMade(Err(OfferError::internal("no"))),
                5 => MediaInput::AnswerApplied(Err(OfferError::not_acceptable("no"))),
                _ => MediaInput::Transport(MediaEvent::Connected),
            };
            w.input(Input::Media(id, input));
        }
        Act::MediaWorks(works) => w.media_works = *works,
        Act::HoldMedia(hold) => w.hold_media = *hold,
        Act::Step(n) => {
            for _ in 0..*n {
                w.step();
            }
        }
        Act::Pass(ms) => w.pass(Duration::from_millis((*ms).into())),
        Act::Garbage(bytes) => w.input(Input::Frame(bytes.clone())),
    }
}

fn on_call(w: &mut World, command: impl FnOnce(crate::sip::ua::CallKey) -> UaCommand) {
    if let Some(call) = w.server_call {
        w.server(command(call));
    }
}

#[derive(Default)]
struct Seen {
    trying: bool,
    incoming: bool,
    ringing: bool,
    answered: bool,
    stream: bool,
    missed: bool,
    terminal: bool,
}

fn check(events: &[Event], over: bool) -> Result<(), TestCaseError> {
    let mut calls: BTreeMap<CallId, Seen> = BTreeMap::new();
    let mut logged_in = false;
    let mut connected = false;
    for event in events {
        match event.kind {
            EventKind::Login => {
                prop_assert!(!logged_in && connected, "login twice, or without a link");
                logged_in = true;
            }
            EventKind::Logout => {
                prop_assert!(logged_in, "logout without login");
                logged_in = false;
            }
            EventKind::LoginFailed => prop_assert!(!logged_in, "loginFailed while logged in"),
            EventKind::Connected => {
                prop_assert!(!connected);
                connected = true;
            }
            EventKind::Disconnected => {
                prop_assert!(connected);
                connected = false;
            }
            _ => {}
        }
        let Some(id) = event.call.filter(|_| event.kind.spec().of_call) else { continue };
        let seen = calls.entry(id).or_default();
        prop_assert!(!seen.terminal, "{} after the terminal event", event.name());
        match event.kind {
            EventKind::Trying => {
                prop_assert!(!seen.trying);
                seen.trying = true;
            }
            EventKind::IncomingCall => {
                prop_assert!(seen.trying && !seen.incoming && !seen.ringing);
                seen.incoming = true;
            }
            EventKind::Ringing => {
                prop_assert!(seen.trying && !seen.ringing && !seen.answered);
                seen.ringing = true;
            }
            EventKind::Answered => {
                prop_assert!(seen.trying && !seen.answered && (seen.ringing || !seen.incoming));
                seen.answered = true;
            }
            EventKind::CallStream => {
                prop_assert!(!seen.stream);
                seen.stream = true;
            }
            EventKind::Dtmf | EventKind::Hold | EventKind::Unhold => prop_assert!(seen.answered),
            EventKind::Missed => {
                prop_assert!(!seen.missed && !seen.answered);
                seen.missed = true;
            }
            kind if kind.spec().terminal => seen.terminal = true,
            _ => prop_assert!(!seen.missed, "{} between missed and the terminal event", event.name()),
        }
    }
    if over {
        prop_assert!(!logged_in && !connected, "the end was not told");
        for (id, seen) in &calls {
            prop_assert!(seen.terminal, "call {} has no end", id.0);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn the_law_of_events(acts in proptest::collection::vec(act(), 1..60), reboot in any::<bool>(), max_calls in 1_u32..3) {
        let mut w = World::new(Config { auto_reboot: reboot, max_calls, ring_time: 8, ..World::config() });
        w.login();
        for act in &acts {
            perform(&mut w, act);
        }
        check(&w.events, false)?;
        w.hold_media = false;
        w.give(Command::Shutdown);
        w.pass(Duration::from_secs(3));
        prop_assert!(w.gone, "shutdown did not end");
        check(&w.events, true)?;
        for n in 1..=w.given {
            let outcomes = w.replies.get(&crate::engine::machine::Token(n)).map_or(0, Vec::len);
            prop_assert_eq!(outcomes, 1, "command {} has {} outcomes", n, outcomes);
        }
    }
}
