//! Offers inside calls, both ways (rows D3 to D8, I17; trust 31, 32).

use crate::bench::*;
use monipy_core::sip::ua::{CallKey, Cause, Command, EndedBy, SdpDirection, UaEvent};
use std::time::Duration;

const TYPE: &str = "Content-Type: application/sdp\r\n";

fn answered() -> (Bench, CallKey, String) {
    let mut bench = Bench::registered();
    let (call, ok) = bench.answered();
    (bench, call, ok)
}

fn offered() -> (Bench, CallKey, String, String) {
    let (mut bench, call, ok) = answered();
    bench.command(Command::Offer { call, sdp: SDP.into() });
    let invite = bench.one();
    (bench, call, ok, invite)
}

#[test]
fn d7_hold_and_resume_by_the_far_side() {
    let (mut bench, call, ok) = answered();
    let directions = [
        ("sendonly", SdpDirection::SendOnly, true),
        ("sendrecv", SdpDirection::SendRecv, false),
        ("inactive", SdpDirection::Inactive, true),
        ("recvonly", SdpDirection::RecvOnly, false),
    ];
    for (number, (word, direction, hold)) in (2..).zip(directions) {
        let sdp = SDP.replace("sendrecv", word);
        let invite = bench.inside(&ok, "INVITE", number, TYPE, &sdp);
        bench.frame(invite);
        assert_eq!(status(&bench.one()), 100);
        assert_eq!(bench.event(), UaEvent::RemoteOffer { call, offer: Some(sdp.into()), direction });
        assert_eq!(direction.is_hold(), hold);
        bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
        let response = bench.one();
        assert_eq!(status(&response), 200);
        assert_eq!(header(&response, "Contact"), format!("<{}>", bench.contact));
        assert_eq!(header(&response, "Supported"), "ice,replaces,outbound");
        let ack = bench.inside(&ok, "ACK", number, "", "");
        bench.frame(ack);
        bench.quiet();
    }
}

#[test]
fn d7_a_re_invite_without_an_offer_gets_ours() {
    let (mut bench, call, ok) = answered();
    let invite = bench.inside(&ok, "INVITE", 2, "", "");
    bench.frame(invite);
    assert_eq!(bench.event(), UaEvent::RemoteOffer { call, offer: None, direction: SdpDirection::SendRecv });
    bench.take();
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    bench.take();
    let ack = bench.inside(&ok, "ACK", 2, TYPE, SDP);
    bench.frame(ack);
    assert_eq!(bench.event(), UaEvent::OfferAnswered { call, sdp: SDP.into() });
}

#[test]
fn d7_491_while_ours_is_pending_500_while_theirs_is() {
    let (mut bench, call, ok, _) = offered();
    let invite = bench.inside(&ok, "INVITE", 2, TYPE, SDP);
    bench.frame(invite);
    let sent = bench.take();
    assert_eq!(sent.iter().map(|message| status(message)).collect::<Vec<_>>(), [100, 491]);
    let update = bench.inside(&ok, "UPDATE", 3, TYPE, SDP);
    bench.frame(update);
    assert_eq!(status(&bench.one()), 491);
    assert!(bench.events.is_empty());

    let (mut bench, call2, ok) = answered();
    assert_eq!(call, call2);
    let first = bench.inside(&ok, "INVITE", 2, TYPE, SDP);
    bench.frame(first);
    bench.take();
    bench.take_events();
    let second = bench.inside(&ok, "INVITE", 3, TYPE, SDP);
    bench.frame(second);
    let sent = bench.take();
    assert_eq!(status(&sent[1]), 500);
    assert!((1..=10).contains(&header(&sent[1], "Retry-After").parse::<u32>().expect("seconds")));
    bench.command(Command::Offer { call, sdp: SDP.into() });
    assert!(matches!(bench.event(), UaEvent::OfferFailed { code: 491, .. }));
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    assert_eq!(status(&bench.one()), 200);
}

#[test]
fn d7_403_before_the_first_ack() {
    let mut bench = Bench::registered();
    let (call, _) = bench.ringing();
    bench.command(Command::Answer { call, sdp: SDP.into() });
    let ok = bench.one();
    for (number, method, body) in [(2, "INVITE", SDP), (3, "UPDATE", SDP)] {
        let request = bench.inside(&ok, method, number, TYPE, body);
        bench.frame(request);
        assert!(bench.take().iter().any(|message| message.starts_with("SIP/2.0 403 Wrong Status\r\n")), "{method}");
    }
}

#[test]
fn refused_offers_leave_the_call_alone() {
    let (mut bench, call, ok) = answered();
    let invite = bench.inside(&ok, "INVITE", 2, TYPE, "garbage");
    bench.frame(invite);
    bench.take();
    bench.take_events();
    bench.command(Command::RejectOffer { call, code: 488 });
    assert_eq!(status(&bench.one()), 488);
    let invite = bench.inside(&ok, "INVITE", 3, "Content-Type: application/isup\r\n", "x");
    bench.frame(invite);
    assert_eq!(status(&bench.take()[1]), 415);
    assert!(bench.events.is_empty());
    bench.command(Command::Offer { call, sdp: SDP.into() });
    assert_eq!(method(&bench.one()), "INVITE");
}

#[test]
fn a_cancelled_re_invite_is_487_and_the_call_stays() {
    let (mut bench, call, ok) = answered();
    let invite = bench.inside(&ok, "INVITE", 2, TYPE, SDP);
    bench.frame(&invite);
    bench.take();
    bench.take_events();
    let cancel = invite
        .replacen("INVITE ", "CANCEL ", 1)
        .replace("2 INVITE", "2 CANCEL")
        .replace(TYPE, "")
        .replace(&format!("Content-Length: {}\r\n\r\n{SDP}", SDP.len()), "Content-Length: 0\r\n\r\n");
    bench.frame(cancel);
    assert_eq!(bench.take().iter().map(|message| status(message)).collect::<Vec<_>>(), [200, 487]);
    assert_eq!(bench.event(), UaEvent::RemoteOfferCancelled { call });
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    bench.quiet();
}

#[test]
fn an_offer_that_the_host_forgets_is_500_in_the_end() {
    let (mut bench, call, ok) = answered();
    let invite = bench.inside(&ok, "INVITE", 2, TYPE, SDP);
    bench.frame(&invite);
    bench.take();
    bench.take_events();
    bench.seconds(32);
    assert_eq!(status(&bench.one()), 500);
    assert_eq!(bench.event(), UaEvent::RemoteOfferCancelled { call });
}

#[test]
fn a_re_invites_200_is_repeated_and_missed() {
    let (mut bench, call, ok) = answered();
    let invite = bench.inside(&ok, "INVITE", 2, TYPE, SDP);
    bench.frame(&invite);
    bench.take();
    bench.take_events();
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    bench.seconds(32);
    let sent = bench.take();
    assert_eq!(sent.iter().filter(|message| method(message).is_empty() && status(message) == 200).count(), 11);
    assert_eq!(method(sent.last().expect("a BYE")), "BYE");
    assert!(matches!(bench.event(), UaEvent::Terminated { by: EndedBy::Remote, cause: Cause::NoAck, .. }));
}

#[test]
fn bye_during_their_offer() {
    let (mut bench, _, ok) = answered();
    let invite = bench.inside(&ok, "INVITE", 2, TYPE, SDP);
    bench.frame(&invite);
    bench.take();
    bench.take_events();
    let bye = bench.inside(&ok, "BYE", 3, "", "");
    bench.frame(bye);
    assert_eq!(bench.take().iter().map(|message| status(message)).collect::<Vec<_>>(), [200, 487]);
    assert!(matches!(bench.event(), UaEvent::Terminated { .. }));
}

#[test]
fn d8_updates() {
    let (mut bench, call, ok) = answered();
    let update = bench.inside(&ok, "UPDATE", 2, "", "").replace("agent@192.0.2.9:5060", "agent@192.0.2.44");
    bench.frame(update);
    let response = bench.one();
    assert_eq!(header(&response, "Contact"), format!("<{}>", bench.contact));
    assert_eq!(header(&response, "Supported"), "replaces,outbound");
    let sdp = SDP.replace("sendrecv", "sendonly");
    let update = bench.inside(&ok, "UPDATE", 3, TYPE, &sdp).replace("agent@192.0.2.9:5060", "agent@192.0.2.45");
    bench.frame(update);
    assert!(bench.sent.is_empty());
    assert_eq!(bench.event(), UaEvent::RemoteOffer { call, offer: Some(sdp.into()), direction: SdpDirection::SendOnly });
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    let response = bench.one();
    assert_eq!((status(&response), header(&response, "Supported").as_str()), (200, "ice,replaces,outbound"));
    // No ACK is awaited, and the target is the new one.
    bench.seconds(33);
    bench.quiet();
    bench.command(Command::Hangup { call, reason: None });
    assert!(bench.one().starts_with("BYE sip:agent@192.0.2.45 SIP/2.0\r\n"));
}

#[test]
fn our_offer_is_answered() {
    let (mut bench, call, _, invite) = offered();
    bench.frame(respond(&invite, 100, "Trying", "", ""));
    let ok = respond(&invite, 200, "OK", "Contact: <sip:agent@192.0.2.77>\r\n", SDP);
    bench.frame(&ok);
    let ack = bench.one();
    assert!(ack.starts_with("ACK sip:agent@192.0.2.77 SIP/2.0\r\n"));
    assert_eq!(bench.event(), UaEvent::OfferAnswered { call, sdp: SDP.into() });
    bench.frame(&ok);
    assert_eq!(bench.one(), ack, "a repeated 200 gets the same ACK");
    assert!(bench.events.is_empty());
}

#[test]
fn d4_mended_491_is_retried_with_a_new_number_within_two_seconds() {
    let mut waits = Vec::new();
    for seed in 0..30 {
        let mut bench = Bench::seeded(seed, |_| {});
        bench.log_in();
        let (call, _) = bench.answered();
        bench.command(Command::Offer { call, sdp: SDP.into() });
        let invite = bench.one();
        let before = bench.now;
        bench.frame(respond(&invite, 491, "Request Pending", "", ""));
        let ack = bench.take().remove(0);
        assert_eq!((method(&ack).as_str(), cseq(&ack)), ("ACK", cseq(&invite)));
        if bench.ua.next_timeout().is_some_and(|next| next > before) {
            let (_, again) = bench.until_sent(3);
            assert_eq!(cseq(&again), cseq(&invite) + 1);
        }
        waits.push(bench.now - before);
        assert!(bench.events.is_empty());
    }
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(2)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait >= Duration::from_secs(1)), "{waits:?}");
}

#[test]
fn d4_the_owner_of_the_call_id_waits_longer() {
    for seed in 0..20 {
        let mut bench = Bench::seeded(seed, |_| {});
        bench.log_in();
        let call = bench.ua.reserve_call();
        bench.command(Command::Call { call, target: "2002".into(), to: None, from: None, offer: SDP.into(), headers: Vec::new() });
        let invite = bench.one();
        bench.frame(respond(&invite, 200, "OK", "Contact: <sip:2002@192.0.2.1>\r\n", SDP));
        bench.take();
        bench.take_events();
        bench.command(Command::Offer { call, sdp: SDP.into() });
        let invite = bench.one();
        let before = bench.now - bench.start;
        bench.frame(respond(&invite, 491, "Request Pending", "", ""));
        bench.take();
        let wait = bench.until_sent(5).0 - before;
        assert!(wait >= Duration::from_millis(2100) && wait <= Duration::from_secs(4), "{wait:?}");
    }
}

#[test]
fn d4_while_ours_waits_theirs_is_taken_and_ours_follows() {
    let (mut bench, call, ok, invite) = offered();
    bench.frame(respond(&invite, 491, "Request Pending", "", ""));
    bench.take();
    let theirs = bench.inside(&ok, "INVITE", 2, TYPE, SDP);
    bench.frame(theirs);
    bench.take();
    assert!(matches!(bench.event(), UaEvent::RemoteOffer { .. }));
    bench.seconds(5);
    bench.quiet();
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    bench.take();
    let ack = bench.inside(&ok, "ACK", 2, "", "");
    bench.frame(ack);
    let (_, ours) = bench.until_sent(5);
    assert_eq!(method(&ours), "INVITE");
}

#[test]
fn d4_491_without_end_fails_in_the_end() {
    let (mut bench, _, _, mut invite) = offered();
    let mut invites = 1;
    loop {
        bench.frame(respond(&invite, 491, "Request Pending", "", ""));
        bench.take();
        if !bench.events.is_empty() {
            break;
        }
        invite = bench.until_sent(5).1;
        invites += 1;
    }
    assert_eq!(invites, 6);
    assert!(matches!(bench.event(), UaEvent::OfferFailed { code: 491, .. }));
}

#[test]
fn a_500_with_retry_after_is_retried() {
    let (mut bench, _, _, invite) = offered();
    let before = bench.now - bench.start;
    bench.frame(respond(&invite, 500, "Busy With Yours", "Retry-After: 3\r\n", ""));
    bench.take();
    let (at, again) = bench.until_sent(5);
    assert_eq!(at - before, Duration::from_secs(3));
    assert_eq!(cseq(&again), cseq(&invite) + 1);
}

#[test]
fn d5_401_and_407_are_answered_once() {
    let asks = "Proxy-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"n9\", qop=\"auth\"\r\n";
    let (mut bench, _, _, invite) = offered();
    bench.frame(challenge(&invite, 407, asks));
    let sent = bench.take();
    assert_eq!(method(&sent[0]), "ACK");
    assert_eq!(cseq(&sent[1]), cseq(&invite) + 1);
    assert!(header(&sent[1], "Proxy-Authorization").contains("uri=\"sip:agent@192.0.2.9:5060\""));
    assert!(bench.events.is_empty());
    bench.frame(challenge(&sent[1], 407, asks));
    assert_eq!(method(&bench.one()), "ACK");
    assert!(matches!(bench.event(), UaEvent::OfferFailed { code: 407, .. }));
}

#[test]
fn d6_408_and_481_end_the_call() {
    for code in [408, 481] {
        let (mut bench, _, _, invite) = offered();
        bench.frame(respond(&invite, code, "Nope", "", ""));
        let sent = bench.take();
        assert_eq!(sent.iter().map(|message| method(message)).collect::<Vec<_>>(), ["ACK", "BYE"]);
        assert_eq!(header(&sent[1], "Reason"), "SIP ;cause=500; text=\"Dialog Error\"");
        assert!(matches!(bench.event(), UaEvent::Terminated { cause: Cause::DialogError, code: same, .. } if same == code));
    }
}

#[test]
fn d3_the_host_may_hang_up_after_a_refused_hold_as_the_vendor_does() {
    let (mut bench, call, _, invite) = offered();
    bench.frame(respond(&invite, 488, "Not Acceptable Here", "", ""));
    assert_eq!(method(&bench.one()), "ACK");
    assert!(matches!(bench.event(), UaEvent::OfferFailed { code: 488, .. }));
    bench.command(Command::Hangup { call, reason: Some((500, "Hold Failed".into())) });
    assert_eq!(header(&bench.one(), "Reason"), "SIP ;cause=500; text=\"Hold Failed\"");
}

#[test]
fn an_offer_without_any_response_ends_the_call() {
    for provisional in [false, true] {
        let (mut bench, _, _, invite) = offered();
        if provisional {
            bench.frame(respond(&invite, 100, "Trying", "", ""));
        }
        bench.seconds(61);
        assert!(matches!(bench.event(), UaEvent::Terminated { by: EndedBy::Remote, code: 408, .. }));
        assert!(bench.take().iter().any(|message| method(message) == "BYE"));
    }
}

#[test]
fn a_200_without_an_answer_fails_the_offer() {
    let (mut bench, _, _, invite) = offered();
    bench.frame(respond(&invite, 200, "OK", "", ""));
    assert_eq!(method(&bench.one()), "ACK");
    assert!(matches!(bench.event(), UaEvent::OfferFailed { code: 488, .. }));
}

#[test]
fn hanging_up_while_our_offer_is_on_its_way() {
    let (mut bench, call, _, invite) = offered();
    bench.command(Command::Hangup { call, reason: None });
    assert_eq!(method(&bench.one()), "BYE");
    assert!(matches!(bench.event(), UaEvent::Terminated { .. }));
    bench.frame(respond(&invite, 200, "OK", "", SDP));
    bench.seconds(40);
    assert!(bench.events.is_empty());
    assert_eq!(bench.ua.load().2, 0);
}

#[test]
fn commands_out_of_order_do_nothing() {
    let (mut bench, call, _) = answered();
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    bench.command(Command::RejectOffer { call, code: 488 });
    bench.command(Command::Answer { call, sdp: SDP.into() });
    bench.command(Command::Reject { call, code: 480, reason: None, headers: Vec::new() });
    bench.quiet();
}

#[test]
fn an_offer_right_after_theirs_goes_out_with_its_ack() {
    let (mut bench, call, ok) = answered();
    let invite = bench.inside(&ok, "INVITE", 2, TYPE, SDP);
    bench.frame(invite);
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    bench.take();
    bench.take_events();
    bench.command(Command::Offer { call, sdp: SDP.into() });
    bench.quiet();
    let ack = bench.inside(&ok, "ACK", 2, "", "");
    bench.frame(ack);
    let offer = bench.one();
    assert_eq!(method(&offer), "INVITE");
    bench.frame(respond(&offer, 200, "OK", "", SDP));
    assert_eq!(method(&bench.one()), "ACK");
    assert_eq!(bench.event(), UaEvent::OfferAnswered { call, sdp: SDP.into() });
}

#[test]
fn an_offer_that_waits_for_an_ack_that_never_comes_ends_with_the_call() {
    let (mut bench, call, ok) = answered();
    let invite = bench.inside(&ok, "INVITE", 2, TYPE, SDP);
    bench.frame(invite);
    bench.command(Command::AcceptOffer { call, sdp: SDP.into() });
    bench.command(Command::Offer { call, sdp: SDP.into() });
    bench.take_events();
    bench.seconds(33);
    assert!(bench.take().iter().all(|message| method(message) != "INVITE"));
    assert!(matches!(bench.event(), UaEvent::Terminated { cause: Cause::NoAck, .. }));
}
