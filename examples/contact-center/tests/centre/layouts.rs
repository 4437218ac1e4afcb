//! How the parties are laid out in what a supervisor receives.

use crate::support::{SOON, expect, logged_in, tones};
use contact_center::{ContactCenter, Layout, Mode, Way};
use monipy_core::CallId;
use monipy_core::event::EventKind;

#[tokio::test]
async fn stereo_is_heard_whole_by_a_phone_of_one_channel() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = call.barge_as("supervisor", Mode::Listen, Layout::Stereo).unwrap();
    expect(&mut events, EventKind::Ringing).await;
    supervisor.answer(CallId::CURRENT).await.unwrap();
    leg.wait_media(SOON).await.unwrap();
    let invite = centre.ladder().into_iter().find(|e| e.start_line.starts_with("INVITE ")).unwrap();
    assert!(invite.text.contains("sprop-stereo=1"), "{}", invite.text);
    let mut stream = supervisor.audio(CallId::CURRENT, 48_000, 20).unwrap();
    let mut heard = Vec::new();
    while let Some(frame) = stream.next().await {
        heard.extend(frame.pcm.iter());
        if heard.len() >= 48_000 * 3 {
            break;
        }
    }
    let report = call.observe("supervisor", 48_000, &heard).unwrap();
    assert!(report.speakers["agent"].heard && report.speakers["customer"].heard, "{report:?}");
}

#[tokio::test]
async fn two_audio_lines_get_a_valid_answer_and_the_mix_is_heard() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = call.barge_as("supervisor", Mode::Listen, Layout::Apart).unwrap();
    expect(&mut events, EventKind::Ringing).await;
    let offer = centre.ladder().into_iter().find(|e| e.start_line.starts_with("INVITE ")).unwrap().text;
    assert_eq!(offer.matches("m=audio ").count(), 2, "{offer}");
    assert!(offer.contains("i=agent party-id=agent") && offer.contains("i=customer party-id=customer"), "{offer}");
    let outcome = supervisor.answer(CallId::CURRENT).await;
    if outcome.as_ref().is_ok_and(|r| r.code == 200) {
        // RFC 3264 6: as many lines in the answer as in the offer, a refused one with port 0.
        leg.wait_media(SOON).await.unwrap();
        let is_answer =
            |e: &&contact_center::LadderEntry| e.way == Way::In && e.start_line == "SIP/2.0 200 OK" && e.text.contains("m=audio");
        let answer = centre.ladder().iter().find(is_answer).unwrap().text.clone();
        assert_eq!(answer.matches("m=audio ").count(), 2, "{answer}");
        call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
    } else {
        // An engine that takes one line alone says so (RFC 3261 21.4.26), and the centre goes on.
        let end = leg.wait_ended(SOON).await.unwrap();
        assert_eq!(end.code, 488, "{end:?}");
    }
    assert_eq!(call.info().unwrap().parties.len(), 2);
}
