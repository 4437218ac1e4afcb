//! The connection is lost and comes back (rows T10 to T13, trust fault 1).

use crate::bench::*;
use monipy_core::sip::ua::{Cause, Command, EndedBy, UaEvent, UnregisteredBy};

#[test]
fn t10_registers_again_with_the_same_call_id_and_contact_and_the_next_cseq() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let first = bench.one();
    bench.frame(granted(&first));
    bench.event();
    bench.down();
    assert!(matches!(bench.event(), UaEvent::Unregistered { by: UnregisteredBy::ConnectionLost, .. }));
    bench.seconds(1000);
    bench.quiet();
    bench.up();
    let again = bench.one();
    assert_eq!(header(&again, "Call-ID"), header(&first, "Call-ID"));
    assert_eq!(header(&again, "Contact"), header(&first, "Contact"));
    assert_eq!(cseq(&again), 2);
    assert!(find_header(&again, "Authorization").is_none());
    bench.frame(granted(&again));
    assert!(matches!(bench.event(), UaEvent::Registered { .. }));
}

#[test]
fn a_registration_under_way_goes_on_after_the_loss() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let lost = bench.one();
    bench.down();
    bench.quiet();
    bench.up();
    let again = bench.one();
    bench.frame(granted(&lost));
    bench.quiet();
    bench.frame(granted(&again));
    assert!(matches!(bench.event(), UaEvent::Registered { .. }));
}

#[test]
fn a_loss_ends_the_wait_for_a_retry() {
    let mut bench = Bench::new();
    bench.up();
    bench.command(Bench::register_command());
    let register = bench.one();
    bench.frame(respond(&register, 503, "No", "Retry-After: 60\r\n", ""));
    bench.take_events();
    bench.down();
    bench.up();
    assert_eq!(method(&bench.one()), "REGISTER");
    bench.seconds(20);
    bench.quiet();
}

#[test]
fn unregister_while_down_is_for_good() {
    let mut bench = Bench::registered();
    bench.command(Command::Unregister);
    bench.one();
    bench.down();
    assert!(matches!(bench.event(), UaEvent::Unregistered { by: UnregisteredBy::Request, .. }));
    bench.up();
    bench.quiet();
}

#[test]
fn t11_an_answered_call_survives_and_is_usable() {
    let mut bench = Bench::registered();
    let (call, ok) = bench.answered();
    bench.down();
    bench.take_events();
    bench.up();
    bench.take();
    let info = bench.inside(&ok, "INFO", 2, "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160");
    bench.frame(info);
    assert_eq!(status(&bench.one()), 200);
    assert_eq!(bench.event(), UaEvent::DtmfInfo { call, digit: '5', duration_ms: 160 });
    bench.command(Command::Offer { call, sdp: SDP.into() });
    let invite = bench.one();
    bench.frame(respond(&invite, 200, "OK", "", SDP));
    assert_eq!(method(&bench.one()), "ACK");
    assert!(matches!(bench.event(), UaEvent::OfferAnswered { .. }));
    let bye = bench.inside(&ok, "BYE", 3, "", "");
    bench.frame(bye);
    assert_eq!(status(&bench.one()), 200);
    assert!(matches!(bench.event(), UaEvent::Terminated { by: EndedBy::Remote, cause: Cause::Terminated, .. }));
}

#[test]
fn t12_a_ringing_call_is_lost_and_told() {
    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    bench.down();
    match bench.take_events().as_slice() {
        [
            UaEvent::Unregistered { .. },
            UaEvent::Terminated { call: same, by: EndedBy::System, code: 503, cause: Cause::ConnectionError, .. },
        ] if *same == call => {}
        other => panic!("{other:#?}"),
    }
    bench.up();
    bench.take();
    bench.command(Command::Answer { call, sdp: SDP.into() });
    bench.seconds(100);
    assert!(bench.sent.iter().all(|(_, message)| method(message) == "REGISTER"));
}

#[test]
fn an_unacknowledged_answer_waits_for_its_ack_on_the_new_connection() {
    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let ok = bench.one();
    bench.down();
    bench.up();
    bench.take();
    bench.take_events();
    bench.seconds(5);
    assert!(bench.take().is_empty(), "the 200 is not repeated on another connection");
    let ack = bench.inside(&ok, "ACK", 1, "", "");
    bench.frame(ack);
    assert_eq!(bench.event(), UaEvent::Confirmed { call, sdp: None });
}

#[test]
fn an_outgoing_call_that_was_not_answered_is_lost() {
    let mut bench = Bench::registered();
    let call = bench.ua.reserve_call();
    bench.command(Command::Call { call, target: "2002".into(), to: None, from: None, offer: SDP.into(), headers: Vec::new() });
    let invite = bench.one();
    bench.down();
    assert!(bench.take_events().iter().any(|event| matches!(event, UaEvent::Terminated { code: 503, by: EndedBy::System, .. })));
    bench.up();
    bench.take();
    bench.frame(respond(&invite, 200, "OK", "Contact: <sip:2002@192.0.2.1>\r\n", SDP));
    bench.quiet();
}

#[test]
fn t13_mended_a_re_invite_in_flight_fails_but_the_call_stays() {
    let mut bench = Bench::registered();
    let (call, ok) = bench.answered();
    bench.command(Command::Offer { call, sdp: SDP.into() });
    bench.one();
    bench.down();
    assert!(bench.take_events().iter().any(|event| matches!(event, UaEvent::OfferFailed { code: 503, .. })));
    bench.up();
    bench.take();
    bench.command(Command::Offer { call, sdp: SDP.into() });
    assert_eq!(method(&bench.one()), "INVITE");
    let _ = ok;
}

#[test]
fn an_offer_of_theirs_is_void_after_the_loss() {
    let mut bench = Bench::registered();
    let (call, ok) = bench.answered();
    let invite = bench.inside(&ok, "INVITE", 2, "Content-Type: application/sdp\r\n", SDP);
    bench.frame(invite);
    bench.take();
    bench.take_events();
    bench.down();
    assert!(bench.take_events().contains(&UaEvent::RemoteOfferCancelled { call }));
    bench.up();
    bench.take();
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    bench.quiet();
}

#[test]
fn a_call_hung_up_while_down_is_told_to_the_far_side_later() {
    let mut bench = Bench::registered();
    let (call, _) = bench.answered();
    bench.down();
    bench.take_events();
    bench.command(Command::Hangup { call, reason: None });
    assert!(matches!(bench.event(), UaEvent::Terminated { by: EndedBy::Local, .. }));
    assert!(bench.sent.is_empty());
    bench.seconds(30);
    bench.up();
    let sent = bench.take();
    assert!(sent.iter().any(|message| method(message) == "BYE"), "{sent:#?}");
    assert_eq!(bench.ua.load().0, 0);
}

#[test]
fn a_bye_that_can_never_be_sent_is_forgotten() {
    let mut bench = Bench::registered();
    let (call, _) = bench.answered();
    bench.down();
    bench.command(Command::Hangup { call, reason: None });
    bench.seconds(301);
    assert_eq!(bench.ua.load(), (0, 0, 0, 0, 0));
}
