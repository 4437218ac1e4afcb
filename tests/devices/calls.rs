//! Calls on sound cards: what is opened when, both ways of the sound, cards that change.

use crate::sound_server::{SOON, SoundServer};
use contact_center::{CallHandle, ContactCenter, LegHandle, Mode, Party};
use monipy_core::device::{Way, devices};
use monipy_core::{CallId, Config, Detail, Event, EventKind, EventStream, Supervisor};

struct Stage {
    sound: SoundServer,
    _centre: ContactCenter,
    call: CallHandle,
    supervisor: Supervisor,
    events: EventStream,
}

impl Stage {
    async fn set(change: impl FnOnce(&mut Config)) -> Stage {
        let sound = SoundServer::start();
        let centre = ContactCenter::builder().start().await.expect("the centre starts");
        let call = centre.call(Party::agent("agent").tone(440.0), Party::customer("customer").tone(1000.0)).expect("a call");
        let mut config = Config {
            server: centre.ws_url().into(),
            ice_servers: Vec::new(),
            local_address: Some("127.0.0.1".parse().expect("an address")),
            ..Config::default()
        };
        change(&mut config);
        let supervisor = Supervisor::new(config).expect("the settings hold");
        let events = supervisor.events();
        supervisor.login("supervisor", "secret").await.expect("logged in");
        Stage { sound, _centre: centre, call, supervisor, events }
    }

    /// The next event of a kind.
    async fn next(&mut self, kind: EventKind) -> Event {
        let wait = async {
            loop {
                let event = self.events.next().await.expect("the supervisor goes on");
                if event.kind == kind {
                    return event;
                }
            }
        };
        tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("no {kind:?} came"))
    }

    /// The next change of a speaker: the card in use now, empty for none.
    async fn speaker(&mut self) -> String {
        loop {
            let event = self.next(EventKind::Device).await;
            if let Detail::Device { kind: "speaker", name, .. } = event.detail {
                return name;
            }
        }
    }

    async fn barged(&mut self) -> LegHandle {
        let leg = self.call.barge("supervisor", Mode::Barge).expect("a leg");
        self.next(EventKind::IncomingCall).await;
        leg
    }

    async fn answered(&mut self) -> LegHandle {
        let leg = self.barged().await;
        self.supervisor.answer(CallId::CURRENT).await.expect("answered");
        self.next(EventKind::CallStream).await;
        leg
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs pulseaudio: tests/devices/run.sh"]
async fn nothing_is_opened_before_the_answer_and_both_ways_sound_after_it() {
    let mut stage = Stage::set(|_| {}).await;
    let listed = devices().expect("a sound system");
    let named = |name, way| listed.iter().find(|d| d.name == name && d.way == way);
    assert!(named("Test_Speaker", Way::Output).is_some_and(|d| d.is_default), "{listed:?}");
    assert!(named("Test_Headset", Way::Output).is_some_and(|d| !d.is_default), "{listed:?}");
    assert!(named("Test_Microphone", Way::Input).is_some_and(|d| d.is_default), "{listed:?}");
    let _leg = stage.barged().await;
    // The ringing was told, so whatever it would open is open.
    assert_eq!((stage.sound.players(), stage.sound.listeners()), (String::new(), String::new()));
    stage.supervisor.answer(CallId::CURRENT).await.expect("answered");
    stage.next(EventKind::CallStream).await;
    stage.sound.wait_tone_at("speaker", 1000.0);
    // Taps beside the speaker, each of its own rate.
    let mut slow = stage.supervisor.audio(CallId::CURRENT, 8000, 60).expect("a stream");
    let mut fast = stage.supervisor.audio(CallId::CURRENT, 48_000, 10).expect("a stream");
    assert!(monipy_tests::ears::hears(&mut slow, 1000.0, -50.0, SOON).await);
    assert!(monipy_tests::ears::hears(&mut fast, 1000.0, -50.0, SOON).await);
    let mouth = stage.sound.speak(700.0);
    stage.call.wait_tone("agent", 700.0, -45.0, SOON).await.expect("the microphone is heard");
    // Mute is proven by what was sent.
    stage.supervisor.mute(CallId::CURRENT).await.expect("muted");
    let mut ticks = stage.supervisor.audio(CallId::CURRENT, 8000, 20).expect("a stream");
    for _ in 0..15 {
        ticks.next().await.expect("the call goes on");
    }
    let before = stage.supervisor.call_stats(CallId::CURRENT).expect("figures").sounding_samples_sent;
    for _ in 0..100 {
        ticks.next().await.expect("the call goes on");
    }
    let after = stage.supervisor.call_stats(CallId::CURRENT).expect("figures");
    assert!(before > 0, "it was heard before");
    assert_eq!(after.sounding_samples_sent, before, "two seconds of a muted call hold no sound");
    drop(mouth);
    stage.supervisor.terminate(CallId::CURRENT).await.expect("ended");
    stage.sound.wait("the cards to be closed", |s| s.players().is_empty() && s.listeners().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs pulseaudio: tests/devices/run.sh"]
async fn cards_are_chosen_lost_and_come_back_in_a_call() {
    let mut stage = Stage::set(|config| config.output_device = Some("Test_Headset".into())).await;
    let _leg = stage.answered().await;
    stage.sound.wait_tone_at("headset", 1000.0);
    // Another by name, then the first by the system's id of it.
    stage.supervisor.set_output_device(Some("test_speaker"));
    assert_eq!(stage.speaker().await, "Test_Speaker");
    stage.sound.wait_tone_at("speaker", 1000.0);
    stage.supervisor.set_output_device(Some("headset"));
    assert_eq!(stage.speaker().await, "Test_Headset");
    stage.sound.wait_tone_at("headset", 1000.0);
    // It is unplugged: the default takes its place; it comes back and is taken again.
    stage.sound.unplug(&stage.sound.module_of("headset"));
    assert_eq!(stage.speaker().await, "Test_Speaker");
    stage.sound.wait_tone_at("speaker", 1000.0);
    stage.sound.plug("headset", "Test_Headset");
    assert_eq!(stage.speaker().await, "Test_Headset");
    stage.sound.wait_tone_at("headset", 1000.0);
    let info = stage.supervisor.call_info(CallId::CURRENT).expect("the call goes on");
    assert_eq!(info.state, monipy_core::CallState::Answered);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs pulseaudio: tests/devices/run.sh"]
async fn a_sound_server_that_dies_costs_the_cards_and_not_the_call() {
    let mut stage = Stage::set(|_| {}).await;
    let _leg = stage.answered().await;
    stage.sound.wait_tone_at("speaker", 1000.0);
    stage.sound.die();
    assert_eq!(stage.speaker().await, "", "there is none any more");
    let mut stream = stage.supervisor.audio(CallId::CURRENT, 16_000, 20).expect("a stream");
    assert!(monipy_tests::ears::hears(&mut stream, 1000.0, -50.0, SOON).await, "PCM goes on");
    stage.supervisor.terminate(CallId::CURRENT).await.expect("ended");
    stage.next(EventKind::Hangup).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs pulseaudio: tests/devices/run.sh"]
async fn a_caller_hears_why_a_call_was_refused_and_then_the_cards_close() {
    let mut stage = Stage::set(|config| config.comfort_tones = "us".into()).await;
    drop(stage.supervisor.call("nobody"));
    let ended = stage.next(EventKind::Ended).await;
    assert!((400..700).contains(&ended.code), "{ended:?}");
    assert!(stage.supervisor.call_info(CallId::CURRENT).is_none(), "the call is over while the tone still sounds");
    stage.sound.wait_tone_at("speaker", 480.0);
    stage.sound.wait("the cards to be closed", |s| s.players().is_empty() && s.listeners().is_empty());
}
