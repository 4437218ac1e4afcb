//! How the parties are laid out in what a supervisor receives.

use crate::support::{SOON, expect, logged_in, tones};
use contact_center::{ContactCenter, Layout, Mode, Way};
use monipy_core::CallId;
use monipy_core::audio::AudioStream;
use monipy_core::audio::tone::measure;
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

/// Sound of a stream until there are `seconds` of it behind the beginning.
async fn hear(stream: &mut AudioStream, seconds: usize) -> Vec<i16> {
    let mut heard = Vec::new();
    while let Some(frame) = stream.next().await {
        heard.extend(frame.pcm);
        if heard.len() >= 16_000 * (seconds + 1) {
            break;
        }
    }
    heard.split_off(16_000.min(heard.len()))
}

/// Whether `pcm` has the agent's tone, and the customer's.
fn tones_in(pcm: &[i16]) -> (bool, bool) {
    let has = |hz| measure(pcm, 16_000, hz).level_dbfs > -40.0;
    (has(440.0), has(1000.0))
}

#[tokio::test]
async fn parties_apart_are_heard_each_alone_and_together() {
    let folder = tempfile::tempdir().unwrap();
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = call.barge_as("supervisor", Mode::Listen, Layout::Apart).unwrap();
    expect(&mut events, EventKind::Ringing).await;
    let offer = centre.ladder().into_iter().find(|e| e.start_line.starts_with("INVITE ")).unwrap().text;
    assert_eq!(offer.matches("m=audio ").count(), 2, "{offer}");
    assert!(offer.contains("i=agent party-id=agent") && offer.contains("i=customer party-id=customer"), "{offer}");

    // Asked for while it rings, when nobody knows yet how many lines there will be.
    let current = CallId::CURRENT;
    let recording = supervisor.record(current, folder.path().join("call.wav"), 16_000).unwrap();
    let packets = supervisor.record(current, folder.path().join("call.opus"), 16_000).unwrap();
    let mut all = supervisor.audio(current, 16_000, 20).unwrap();
    let mut agent = supervisor.party_audio(current, 0, 16_000, 20).unwrap();
    let mut customer = supervisor.party_audio(current, 1, 16_000, 20).unwrap();
    let mut nobody = supervisor.party_audio(current, 2, 16_000, 20).unwrap();
    assert!(supervisor.party_audio(current, 8, 16_000, 20).is_err());
    supervisor.answer(current).await.unwrap();
    let event = expect(&mut events, EventKind::CallStream).await;
    let parties = event.object()["parties"].to_string();
    assert_eq!(parties, r#"[{"id":"agent","name":"agent"},{"id":"customer","name":"customer"}]"#);
    leg.wait_media(SOON).await.unwrap();
    let answer = |e: &&contact_center::LadderEntry| e.way == Way::In && e.start_line == "SIP/2.0 200 OK" && e.text.contains("m=audio");
    let answer = centre.ladder().iter().find(answer).unwrap().text.clone();
    assert_eq!(
        (answer.matches("m=audio ").count(), answer.matches("a=recvonly").count(), answer.matches("m=audio 0 ").count()),
        (2, 1, 0),
        "{answer}"
    );
    call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();

    let (all, agent, customer, nobody) = tokio::join!(hear(&mut all, 3), hear(&mut agent, 3), hear(&mut customer, 3), hear(&mut nobody, 1));
    assert_eq!(tones_in(&all), (true, true), "the default tap hears the mix");
    assert_eq!(tones_in(&agent), (true, false));
    assert_eq!(tones_in(&customer), (false, true));
    assert!(nobody.iter().all(|&s| s == 0));
    let infos = supervisor.call_info(current).unwrap().parties;
    assert_eq!(infos.iter().map(|p| p.id.as_deref()).collect::<Vec<_>>(), [Some("agent"), Some("customer")]);

    // Hold and resume keep both lines.
    supervisor.hold(current).await.unwrap();
    supervisor.unhold(current).await.unwrap();
    let mut again = supervisor.party_audio(current, 1, 16_000, 20).unwrap();
    assert_eq!(tones_in(&hear(&mut again, 1).await), (false, true), "after hold and resume");

    supervisor.terminate(current).await.unwrap();
    recording.done().await.unwrap();
    packets.done().await.unwrap();
    let mut reader = hound::WavReader::open(folder.path().join("call.wav")).unwrap();
    assert_eq!(reader.spec().channels, 3, "two parties and the supervisor");
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let channel = |n: usize| samples.iter().skip(n).step_by(3).skip(16_000).take(32_000).copied().collect::<Vec<_>>();
    assert_eq!([tones_in(&channel(0)), tones_in(&channel(1)), tones_in(&channel(2))], [(true, false), (false, true), (false, false)]);
    assert!(std::fs::metadata(folder.path().join("call.opus")).unwrap().len() > 8000, "the mix is in the Ogg file");
}
