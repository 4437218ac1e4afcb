//! Whole calls: which events come, with which codes, in which order, and how methods end.

use super::world::{Registrar, SDP, World, sdp};
use crate::call::{CallId, CallState};
use crate::config::Config;
use crate::engine::machine::{Command, MediaInput, MediaOp};
use crate::event::{Detail, EventKind};
use crate::media::{MediaEvent, OfferError, OfferKind};
use crate::sip::ua::{Command as UaCommand, UaEvent};
use std::time::Duration;
use zeroize::Zeroizing;

const CURRENT: CallId = CallId::CURRENT;

fn logged_in() -> World {
    let mut w = World::new(World::config());
    w.login();
    w.forget();
    w
}

fn ringing() -> World {
    let mut w = logged_in();
    w.barge(SDP);
    w
}

pub(super) fn answered() -> World {
    let mut w = ringing();
    w.give(Command::Answer { call: CURRENT });
    w.settle();
    w.forget();
    w
}

#[test]
fn a_login_ends_in_200_and_a_second_one_in_1001() {
    let mut w = World::new(World::config());
    let first = w.login();
    assert_eq!(w.reply(first), Some((true, 200, "Logged in successfully".into())));
    assert_eq!(w.names(), ["connected 200", "login 200"]);
    let second = w.login();
    assert_eq!(w.reply(second), Some((false, 1001, "Already logged in".into())));
    assert_eq!(w.names().last().map(String::as_str), Some("error 1001"));
}

#[test]
fn a_wrong_password_is_401_once_and_another_login_may_follow() {
    let mut w = World::new(World::config());
    w.registrar = Registrar::WrongPassword;
    let token = w.login();
    assert_eq!(w.reply(token), Some((false, 401, "Invalid Login ID or Password".into())));
    assert_eq!(w.names(), ["connected 200", "loginFailed 401", "disconnected 200"]);
    w.registrar = Registrar::Accept;
    let again = w.login();
    assert_eq!(w.reply(again).map(|r| r.1), Some(200));
}

#[test]
fn codes_of_a_refused_login_are_the_contracts() {
    for (sip, expected) in [(403, 403), (404, 401), (480, 480)] {
        let mut w = World::new(World::config());
        w.registrar = Registrar::Refuse(sip, Vec::new());
        let token = w.login();
        assert_eq!(w.reply(token).map(|r| r.1), Some(expected), "SIP {sip}");
        assert!(!w.machine.is_logged_in());
    }
}

#[test]
fn a_full_server_is_405_and_the_login_comes_by_itself_after_retry_after() {
    let mut w = World::new(World::config());
    w.registrar = Registrar::Refuse(503, vec![("Retry-After".into(), "5".into())]);
    let token = w.login();
    assert_eq!(w.reply(token).map(|r| r.1), Some(405));
    w.registrar = Registrar::Accept;
    w.pass(Duration::from_secs(4));
    assert!(!w.machine.is_logged_in(), "not earlier than Retry-After says");
    w.pass(Duration::from_secs(4));
    assert!(w.machine.is_logged_in());
    assert_eq!(w.last(EventKind::Login).code, 200);
}

#[test]
fn a_server_that_cannot_be_reached_is_told_once_with_a_sentence() {
    let mut w = World::new(World::config());
    w.refuse_links = true;
    let token = w.login();
    assert_eq!(w.reply(token).map(|r| (r.0, r.1)), Some((false, 1000)));
    assert_eq!(w.names(), ["loginFailed 1000"]);
    w.pass(Duration::from_secs(120));
    assert_eq!(w.events.len(), 1);
}

#[test]
fn a_server_that_does_not_answer_register_is_408_after_32_seconds() {
    let mut w = World::new(World::config());
    w.registrar = Registrar::Mute;
    let token = w.login();
    w.pass(Duration::from_secs(31));
    assert_eq!(w.reply(token), None);
    w.pass(Duration::from_secs(2));
    assert_eq!(w.reply(token).map(|r| r.1), Some(408));
}

#[test]
fn auto_reboot_tries_again_by_itself_and_says_so() {
    let mut w = World::new(Config { auto_reboot: true, ..World::config() });
    w.refuse_links = true;
    let token = w.login();
    assert_eq!(w.reply(token).map(|r| r.1), Some(1000));
    assert_eq!(w.names(), ["loginFailed 1000", "reboot 200"]);
    w.pass(Duration::from_secs(60));
    w.refuse_links = false;
    w.pass(Duration::from_secs(31));
    assert!(w.machine.is_logged_in());
    assert_eq!(w.names(), ["loginFailed 1000", "reboot 200", "connected 200", "login 200"]);
}

#[test]
fn auto_reboot_never_repeats_a_wrong_password() {
    let mut w = World::new(Config { auto_reboot: true, ..World::config() });
    w.registrar = Registrar::WrongPassword;
    w.login();
    w.pass(Duration::from_secs(600));
    assert_eq!(w.names(), ["connected 200", "loginFailed 401", "disconnected 200"]);
}

#[test]
fn a_logout_ends_in_200_and_before_a_login_in_1002() {
    let mut w = World::new(World::config());
    let token = w.give(Command::Logout);
    assert_eq!(w.reply(token), Some((false, 1002, "Need to log in first".into())));
    w.login();
    w.forget();
    let token = w.give(Command::Logout);
    w.settle();
    assert_eq!(w.reply(token), Some((true, 200, "Logged out successfully".into())));
    assert_eq!(w.names(), ["logout 200", "disconnected 200"]);
    assert_eq!(w.contact, None, "the server holds no binding any more");
}

#[test]
fn a_lost_server_is_logout_then_login_again() {
    let mut w = logged_in();
    w.refuse_links = true;
    w.cut_link();
    assert_eq!(w.names(), ["disconnected 1000", "logout 200"]);
    w.pass(Duration::from_secs(60));
    w.refuse_links = false;
    w.pass(Duration::from_secs(31));
    assert_eq!(w.names(), ["disconnected 1000", "logout 200", "connected 200", "login 200"]);
}

#[test]
fn a_barge_that_is_answered_and_ended_by_the_far_side() {
    let mut w = ringing();
    assert_eq!(w.names(), ["trying 100", "inComingCall 200", "ringing 183"]);
    let Detail::Incoming(info) = &w.last(EventKind::IncomingCall).detail else { panic!("no detail") };
    assert_eq!((info.from.as_str(), info.call_id.as_str(), info.team_name.as_deref()), ("Agent Seven", "uuid-7", Some("Sales")));
    assert_eq!(info.headers.len(), 3);
    let token = w.give(Command::Answer { call: CURRENT });
    w.settle();
    assert_eq!(w.reply(token), Some((true, 200, "answered".into())));
    assert_eq!(w.machine.call_infos()[0].state, CallState::Answered);
    let Some(call) = w.server_call else { panic!("no call") };
    w.server(UaCommand::Hangup { call, reason: None });
    let mut middle = w.names()[3..5].to_vec();
    middle.sort();
    assert_eq!(middle, ["answered 200", "callStream 200"]);
    assert_eq!(w.names()[5..], ["ended 200"]);
    assert_eq!(w.last(EventKind::Ended).status, "call ended");
    assert!(w.machine.call_infos().is_empty());
}

#[test]
fn the_supervisor_hangs_up() {
    let mut w = answered();
    let token = w.give(Command::Terminate { call: CURRENT });
    w.settle();
    assert_eq!(w.reply(token), Some((true, 200, "hangup".into())));
    assert_eq!(w.names(), ["hangup 200"]);
    assert!(w.server_events.iter().any(|e| matches!(e, UaEvent::Terminated { code: 200, .. })));
    let again = w.give(Command::Terminate { call: CURRENT });
    assert_eq!(w.reply(again), Some((false, 1002, "No ongoing calls to terminate".into())));
}

#[test]
fn reject_is_hangup_here_and_480_there() {
    let mut w = ringing();
    let token = w.give(Command::Reject { call: CURRENT, sip_code: 480 });
    w.settle();
    assert_eq!(w.reply(token), Some((true, 200, "hangup".into())));
    assert_eq!(w.names()[3..], ["hangup 200"]);
    assert!(w.server_events.iter().any(|e| matches!(e, UaEvent::Terminated { code: 480, .. })));
    let again = w.give(Command::Reject { call: CURRENT, sip_code: 480 });
    assert_eq!(w.reply(again), Some((false, 1002, "No ongoing calls to reject".into())));
}

#[test]
fn ring_time_over_is_missed_then_hangup_408() {
    let mut w = World::new(Config { ring_time: 5, ..World::config() });
    w.login();
    w.forget();
    w.barge(SDP);
    w.pass(Duration::from_secs(6));
    assert_eq!(w.names()[3..], ["missed 408", "hangup 408"]);
}

#[test]
fn a_caller_who_gives_up_is_missed_then_ended() {
    let mut w = ringing();
    let Some(call) = w.server_call else { panic!("no call") };
    w.server(UaCommand::Hangup { call, reason: None });
    assert_eq!(w.names()[3..], ["missed 487", "ended 487"]);
    assert_eq!(w.last(EventKind::Ended).status, "Canceled");
}

#[test]
fn a_second_call_is_busy_and_leaves_the_first_alone() {
    let mut w = answered();
    w.barge(SDP);
    assert_eq!(w.names(), ["missed 486"]);
    assert!(w.server_events.iter().any(|e| matches!(e, UaEvent::Terminated { code: 486, .. })));
    assert_eq!(w.machine.call_infos().len(), 1);
}

#[test]
fn with_max_calls_two_it_is_a_second_call() {
    let mut w = World::new(Config { max_calls: 2, ..World::config() });
    w.login();
    w.barge(SDP);
    w.give(Command::Answer { call: CURRENT });
    w.settle();
    w.barge(SDP);
    w.give(Command::Answer { call: CURRENT });
    w.settle();
    let states: Vec<_> = w.machine.call_infos().iter().map(|c| c.state).collect();
    assert_eq!(states, [CallState::Answered, CallState::Answered]);
}

#[test]
fn an_offer_without_dtls_is_refused_and_nobody_is_woken() {
    let mut w = logged_in();
    let plain = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n";
    w.barge(plain.as_bytes());
    assert!(w.events.is_empty(), "{:?}", w.names());
    assert!(w.server_events.iter().any(|e| matches!(e, UaEvent::Terminated { code: 488, .. })));
}

#[test]
fn media_that_cannot_be_made_ends_the_call_with_415() {
    let mut w = ringing();
    w.hold_media = true;
    let token = w.give(Command::Answer { call: CURRENT });
    let id = w.machine.call_infos()[0].id;
    w.input(crate::engine::machine::Input::Media(id, MediaInput::AnswerMade(Err(OfferError::not_acceptable("no common codec")))));
    w.settle();
    assert_eq!(w.reply(token).map(|r| (r.0, r.1)), Some((false, 415)));
    assert_eq!(w.names()[3..], ["mediaFailed 415", "hangup 415"]);
    assert!(w.server_events.iter().any(|e| matches!(e, UaEvent::Terminated { code: 488, .. })));
}

#[test]
fn a_cancel_while_the_answer_is_being_made_wins() {
    let mut w = ringing();
    w.hold_media = true;
    let token = w.give(Command::Answer { call: CURRENT });
    let Some(call) = w.server_call else { panic!("no call") };
    w.server(UaCommand::Hangup { call, reason: None });
    w.hold_media = false;
    w.settle();
    assert_eq!(w.reply(token).map(|r| (r.0, r.1)), Some((false, 1002)));
    assert_eq!(w.names()[3..], ["ended 487"]);
}

#[test]
fn a_dead_media_connection_is_mended_by_a_fresh_offer_then_given_up() {
    let mut w = answered();
    let id = w.machine.call_infos()[0].id;
    let failed = || crate::engine::machine::Input::Media(id, MediaInput::Transport(MediaEvent::Failed { why: "gone".into() }));
    w.input(failed());
    assert!(w.ops.iter().any(|(_, op)| matches!(op, MediaOp::CreateOffer { kind: OfferKind::Fresh, .. })));
    w.settle();
    assert!(w.events.is_empty(), "mended without a word: {:?}", w.names());
    w.media_works = false;
    w.input(failed());
    w.pass(Duration::from_secs(120));
    assert_eq!(w.names(), ["mediaFailed 415", "hangup 415"]);
}

fn closed_by_the_far_side(w: &mut World) {
    let id = w.machine.call_infos()[0].id;
    w.input(crate::engine::machine::Input::Media(id, MediaInput::Transport(MediaEvent::RemoteClosed)));
}

fn far_side_hangs_up(w: &mut World) {
    let Some(call) = w.server_call else { panic!("no call") };
    w.server(UaCommand::Hangup { call, reason: Some((16, "Normal call clearing".into())) });
}

const FAR_SIDES_WORDS: &str = "SIP ;cause=16; text=\"Normal call clearing\"";

fn why(w: &World) -> Option<&str> {
    w.last(EventKind::Ended).reason()
}

#[test]
fn the_end_has_the_far_sides_words_whether_media_or_bye_comes_first() {
    for media_first in [true, false] {
        let mut w = answered();
        if media_first {
            closed_by_the_far_side(&mut w);
            w.pass(Duration::from_millis(300));
        }
        assert!(w.events.is_empty(), "{:?}", w.names());
        far_side_hangs_up(&mut w);
        w.pass(Duration::from_secs(120));
        assert_eq!(w.names(), ["ended 200"], "media first: {media_first}");
        assert_eq!(why(&w), Some(FAR_SIDES_WORDS), "media first: {media_first}");
    }
}

#[test]
fn a_far_side_that_only_closes_the_media_ends_the_call_once() {
    let mut w = answered();
    closed_by_the_far_side(&mut w);
    let id = w.machine.call_infos()[0].id;
    let failed = MediaEvent::Failed { why: "gone".into() };
    w.input(crate::engine::machine::Input::Media(id, MediaInput::Transport(failed)));
    w.pass(Duration::from_secs(120));
    assert_eq!(w.names(), ["ended 200"]);
    assert_eq!(why(&w), Some("the far side closed the media session"));
    assert!(w.server_events.iter().any(|e| matches!(e, UaEvent::Terminated { code: 200, .. })), "the far side got a BYE");
}

#[test]
fn without_a_link_nobody_waits_for_a_bye() {
    let mut w = answered();
    w.refuse_links = true;
    w.cut_link();
    w.forget();
    closed_by_the_far_side(&mut w);
    assert_eq!(w.names(), ["ended 200"]);
}

#[test]
fn our_own_hang_up_after_the_far_side_closed_the_media_is_hangup() {
    let mut w = answered();
    closed_by_the_far_side(&mut w);
    w.give(Command::Terminate { call: CURRENT });
    w.pass(Duration::from_secs(120));
    assert_eq!(w.names(), ["hangup 200"]);
}

#[test]
fn a_hang_up_while_media_still_connects_is_one_end() {
    let mut w = ringing();
    w.media_works = false;
    w.give(Command::Answer { call: CURRENT });
    w.settle();
    let id = w.machine.call_infos()[0].id;
    far_side_hangs_up(&mut w);
    // What the media side still had to say of it.
    for event in [MediaEvent::Connected, MediaEvent::RemoteClosed, MediaEvent::Failed { why: "gone".into() }] {
        w.input(crate::engine::machine::Input::Media(id, MediaInput::Transport(event)));
    }
    w.pass(Duration::from_secs(120));
    assert_eq!(w.names()[3..], ["answered 200", "ended 200"]);
    assert_eq!(why(&w), Some(FAR_SIDES_WORDS));
}

#[test]
fn media_that_never_connects_ends_the_call() {
    let mut w = ringing();
    w.media_works = false;
    w.give(Command::Answer { call: CURRENT });
    w.settle();
    w.pass(Duration::from_secs(31));
    assert_eq!(w.names()[3..], ["answered 200", "mediaFailed 415", "hangup 415"]);
}

#[test]
fn hold_and_unhold_of_our_own() {
    let mut w = answered();
    let hold = w.give(Command::Hold { call: CURRENT });
    w.settle();
    assert_eq!(w.reply(hold), Some((true, 200, "hold".into())));
    assert!(w.machine.call_infos()[0].on_hold);
    let again = w.give(Command::Hold { call: CURRENT });
    assert_eq!(w.reply(again), Some((false, 1002, "call already in hold".into())));
    let unhold = w.give(Command::Unhold { call: CURRENT });
    w.settle();
    assert_eq!(w.reply(unhold), Some((true, 200, "unhold".into())));
    assert_eq!(w.names(), ["hold 200", "error 1002", "unhold 200"]);
    let silent: Vec<_> =
        w.ops.iter().filter_map(|(_, op)| if let MediaOp::Flow { silent, .. } = op { Some(*silent) } else { None }).collect();
    assert_eq!((silent.first(), silent.last()), (Some(&true), Some(&false)));
}

/// A call that was placed and answered, whose answer is still being applied.
fn answer_being_applied() -> World {
    let mut w = logged_in();
    w.give(Command::Call { target: "2002".into() });
    w.settle();
    w.hold_media = true;
    let call = w.server_call.expect("the server saw the call");
    w.server(UaCommand::Answer { call, sdp: SDP.to_vec() });
    w.forget();
    w
}

#[test]
fn a_hold_before_the_first_answer_is_applied_is_a_change_of_its_own() {
    let mut w = answer_being_applied();
    let hold = w.give(Command::Hold { call: CURRENT });
    w.settle();
    assert_eq!(w.reply(hold), None, "nothing was offered yet");
    w.hold_media = false;
    w.settle();
    assert_eq!(w.reply(hold), Some((true, 200, "hold".into())));
    assert!(w.server_events.iter().any(|e| matches!(e, UaEvent::RemoteOffer { .. })), "no re-INVITE: {:?}", w.server_events);
}

#[test]
fn a_hold_before_a_first_answer_that_cannot_be_applied_fails_with_the_call() {
    let mut w = answer_being_applied();
    let hold = w.give(Command::Hold { call: CURRENT });
    let id = w.machine.call_infos()[0].id;
    let refused = MediaInput::AnswerApplied(Err(OfferError::not_acceptable("no common codec")));
    w.input(crate::engine::machine::Input::Media(id, refused));
    w.settle();
    assert_eq!(w.reply(hold).map(|r| (r.0, r.1)), Some((false, 1002)));
    assert_eq!(w.names(), ["mediaFailed 415", "hangup 415"]);
}

#[test]
fn the_far_side_holds_and_resumes() {
    let mut w = answered();
    let Some(call) = w.server_call else { panic!("no call") };
    w.server(UaCommand::Offer { call, sdp: sdp("sendonly") });
    w.server(UaCommand::Offer { call, sdp: sdp("sendrecv") });
    assert_eq!(w.names(), ["hold 200", "unhold 200"]);
    assert_eq!(w.last(EventKind::Hold).object().get("whom").and_then(|v| v.as_str()), Some("other"));
}

#[test]
fn keys_go_by_rtp_when_negotiated_and_bad_ones_are_1005() {
    let mut w = answered();
    let bad = w.give(Command::Dtmf { call: CURRENT, digits: "12x".into(), duration_ms: 100, gap_ms: 70 });
    assert_eq!(w.reply(bad).map(|r| r.1), Some(1005));
    let good = w.give(Command::Dtmf { call: CURRENT, digits: "12#a".into(), duration_ms: 100, gap_ms: 70 });
    assert_eq!(w.reply(good).map(|r| r.1), Some(200));
    assert!(w.ops.iter().any(|(_, op)| matches!(op, MediaOp::Dtmf { digits, .. } if digits == "12#A")));
}

#[test]
fn keys_go_by_info_when_rtp_has_no_event_type() {
    let mut w = answered();
    let id = w.machine.call_infos()[0].id;
    let mut without = super::world::negotiated(crate::media::MediaDirection::SendRecv);
    without.send.telephone_event = None;
    w.input(crate::engine::machine::Input::Media(id, MediaInput::Transport(MediaEvent::RemoteTrack(without))));
    w.give(Command::Dtmf { call: CURRENT, digits: "59".into(), duration_ms: 100, gap_ms: 70 });
    w.pass(Duration::from_secs(1));
    let keys: String =
        w.server_events.iter().filter_map(|e| if let UaEvent::DtmfInfo { digit, .. } = e { Some(*digit) } else { None }).collect();
    assert_eq!(keys, "59");
}

#[test]
fn a_call_of_our_own() {
    let mut w = logged_in();
    let token = w.give(Command::Call { target: "*80".into() });
    w.settle();
    assert_eq!(w.reply(token), Some((true, 200, "calling".into())));
    let Some(call) = w.server_call else { panic!("the server saw no call") };
    w.server(UaCommand::Answer { call, sdp: SDP.to_vec() });
    let names = w.names();
    assert_eq!(names[..2], ["trying 100", "ringing 183"]);
    assert!(names.contains(&"answered 200".to_owned()) && names.contains(&"callStream 200".to_owned()), "{names:?}");
    assert_eq!(w.last(EventKind::Answered).object().get("type").and_then(|v| v.as_str()), Some("outgoing"));
    let busy = w.give(Command::Call { target: "100".into() });
    assert_eq!(w.reply(busy), Some((false, 1002, "Already in a call".into())));
}

#[test]
fn a_confirmed_call_survives_the_loss_of_the_socket() {
    let mut w = answered();
    w.cut_link();
    w.pass(Duration::from_secs(10));
    assert_eq!(w.names(), ["disconnected 1000", "logout 200", "connected 200", "login 200"]);
    assert_eq!(w.machine.call_infos().len(), 1);
    let token = w.give(Command::Terminate { call: CURRENT });
    w.settle();
    assert_eq!(w.reply(token).map(|r| r.1), Some(200));
    assert_eq!(w.names().last().map(String::as_str), Some("hangup 200"));
}

#[test]
fn methods_in_the_wrong_state_say_so() {
    let mut w = logged_in();
    let commands = [
        (Command::Answer { call: CURRENT }, "no incoming call to answer"),
        (Command::Hold { call: CURRENT }, "call not found"),
        (Command::Mute { call: CURRENT, muted: true }, "call not found"),
        (Command::Dtmf { call: CURRENT, digits: "1".into(), duration_ms: 100, gap_ms: 70 }, "call not found"),
    ];
    for (command, status) in commands {
        let token = w.give(command);
        assert_eq!(w.reply(token), Some((false, 1002, status.into())));
        assert_eq!(w.events.last().map(|e| (e.kind, e.code)), Some((EventKind::Error, 1002)));
    }
    let token = w.give(Command::Login { id: "a b".into(), password: Zeroizing::new(String::new()) });
    assert_eq!(w.reply(token).map(|r| r.1), Some(1001), "the state comes first");
}

#[test]
fn credentials_that_cannot_be_sent_are_1003() {
    for (id, password) in [("", "x"), ("a b", "x"), ("a@b", "x"), ("a\r\nVia: x", "x"), ("1001", "x\r\ny")] {
        let mut w = World::new(World::config());
        let token = w.give(Command::Login { id: id.into(), password: Zeroizing::new(password.into()) });
        assert_eq!(w.reply(token).map(|r| r.1), Some(1003), "{id:?}");
    }
}

#[test]
fn shutdown_ends_calls_and_takes_the_registration_back() {
    let mut w = answered();
    let token = w.give(Command::Shutdown);
    w.settle();
    assert_eq!(w.reply(token).map(|r| r.1), Some(200));
    assert_eq!(w.names(), ["hangup 200", "logout 200", "disconnected 200"]);
    assert!(w.gone);
    let late = w.give(Command::Logout);
    assert_eq!(w.reply(late).map(|r| r.1), Some(1002));
}

#[test]
fn shutdown_does_not_wait_for_a_mute_server() {
    let mut w = logged_in();
    w.registrar = Registrar::Mute;
    w.give(Command::Shutdown);
    w.pass(Duration::from_secs(2));
    assert!(w.gone);
}

#[test]
fn an_offer_of_theirs_while_ours_waits_for_its_retry_goes_first() {
    let mut w = logged_in();
    w.give(Command::Call { target: "2002".into() });
    w.settle();
    let server_call = w.server_call.expect("the server saw the call");
    w.server(UaCommand::Answer { call: server_call, sdp: SDP.to_vec() });
    w.forget();
    // Both offer at once: each side answers 491.
    w.refuse_offers = Some(491);
    let token = w.give(Command::Hold { call: CURRENT });
    w.settle();
    assert_eq!(w.reply(token), None, "it waits for its retry");
    w.refuse_offers = None;
    w.server(UaCommand::Offer { call: server_call, sdp: SDP.to_vec() });
    assert!(w.server_events.iter().any(|e| matches!(e, UaEvent::OfferAnswered { .. })), "theirs was not taken: {:?}", w.server_events);
    w.pass(Duration::from_secs(10));
    assert_eq!(w.reply(token).map(|r| (r.0, r.1)), Some((true, 200)));
    assert_eq!(w.names(), ["hold 200"]);
    let info = w.machine.call_infos();
    assert!(info.first().is_some_and(|c| c.on_hold), "{info:?}");
}

#[test]
fn figures_come_at_their_pace_once_the_stream_is_there() {
    let mut w = World::new(Config { stats_interval_ms: 500, ..World::config() });
    w.login();
    w.barge(SDP);
    w.give(Command::Answer { call: CURRENT });
    w.settle();
    w.stats = 0;
    w.pass(Duration::from_secs(5));
    assert!((9..=11).contains(&w.stats), "{} in 5 s", w.stats);
    w.give(Command::Terminate { call: CURRENT });
    w.settle();
    w.stats = 0;
    w.pass(Duration::from_secs(5));
    assert_eq!(w.stats, 0, "none after the end");
}

#[test]
fn two_thousand_calls_in_ten_minutes_leave_nothing_behind() {
    let mut w = logged_in();
    let mut most = (0, 0, 0, 0, 0);
    for n in 0..2000_u32 {
        w.barge(SDP);
        match n % 4 {
            0 => drop(w.give(Command::Reject { call: CURRENT, sip_code: 480 })),
            1 => {
                w.give(Command::Answer { call: CURRENT });
                w.settle();
                let call = w.server_call.expect("the server has the call");
                w.server(UaCommand::Hangup { call, reason: None });
            }
            _ => {
                w.give(Command::Answer { call: CURRENT });
                w.settle();
                w.give(Command::Terminate { call: CURRENT });
            }
        }
        w.pass(Duration::from_millis(300));
        let ended = w.events.iter().filter(|e| matches!(e.kind, EventKind::Hangup | EventKind::Ended)).count();
        assert_eq!(ended, 1, "call {n}: {:?}", w.names());
        let load = w.machine.ua.as_ref().expect("it is logged in").load();
        most = (most.0.max(load.0), most.1.max(load.1), most.2.max(load.2), most.3.max(load.3), most.4.max(load.4));
        w.forget();
        w.replies.clear();
    }
    assert!(
        most.0 <= 2 && most.1 <= 2 && most.2 <= 32 && most.3 <= 32 && most.4 <= 150,
        "calls, dialogs, transactions, deadlines: {most:?}"
    );
    w.pass(Duration::from_secs(60));
    let (calls, dialogs, clients, servers, _) = w.machine.ua.as_ref().expect("it is logged in").load();
    assert_eq!((calls, dialogs, clients, servers, w.machine.calls.len(), w.machine.keys.len()), (0, 0, 0, 0, 0, 0));
    assert!(w.machine.is_logged_in());
}

#[test]
fn a_new_address_brings_the_link_back_at_once_and_a_fresh_connection_in_the_call() {
    let mut w = answered();
    w.move_link();
    assert_eq!(w.names(), ["disconnected 1000", "logout 200"]);
    w.pass(Duration::from_millis(500));
    assert!(w.machine.is_logged_in(), "it need not wait its turn: {:?}", w.names());
    let fresh = w.ops.iter().any(|(_, op)| matches!(op, MediaOp::CreateOffer { kind: OfferKind::Fresh, .. }));
    assert!(fresh, "no fresh connection was offered: {:?}", w.ops);
    w.pass(Duration::from_secs(30));
    assert!(!w.names().iter().any(|n| n.starts_with("hangup") || n.starts_with("ended")), "{:?}", w.names());
}
