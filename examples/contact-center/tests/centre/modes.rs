//! Listen, whisper, barge: a 440 Hz agent, a 1 kHz customer and a 2.5 kHz supervisor are found where
//! each belongs, and nowhere else.

use crate::support::{SOON, barged, logged_in, tones};
use contact_center::{ContactCenter, Mode};
use monipy_core::audio::AudioStream;
use monipy_core::audio::tone::{ToneGenerator, measure};
use monipy_core::{CallId, Supervisor};
use std::time::Duration;

const SUPERVISOR_HZ: f64 = 2500.0;
const AUDIBLE_DBFS: f64 = -30.0;
const INAUDIBLE_DBFS: f64 = -60.0;
/// The supervisor's playout buffer may stretch sound a little, which is no tone but not nothing.
const LEFT_AFTER_PLAYOUT_DBFS: f64 = -40.0;

/// Speaks a tone into the supervisor's call for as long as the test runs.
fn speak(supervisor: &Supervisor) -> tokio::task::JoinHandle<()> {
    let mut writer = supervisor.audio_writer(CallId::CURRENT, 48_000).expect("a writer");
    let mut tone = ToneGenerator::new(SUPERVISOR_HZ, 48_000, 4634);
    tokio::spawn(async move { while writer.write_all(&tone.take(960)).await == 960 {} })
}

/// The next whole second of what the supervisor hears, from the first frame on in which `hz` is
/// heard. A second in which something had to be invented (a machine under load) is no evidence.
async fn second_with(stream: &mut AudioStream, hz: f64) -> Vec<i16> {
    let listen = async {
        let mut second = Vec::new();
        while let Some(frame) = stream.next().await {
            if frame.concealed {
                second.clear();
                continue;
            }
            if second.is_empty() && f64::from(measure(&frame.pcm, 48_000, hz).level_dbfs) < AUDIBLE_DBFS {
                continue;
            }
            second.extend(frame.pcm);
            if second.len() >= 48_000 {
                break;
            }
        }
        second
    };
    tokio::time::timeout(SOON, listen).await.unwrap_or_else(|_| panic!("{hz} Hz is never heard"))
}

#[tokio::test]
async fn tones_are_heard_where_they_belong_and_not_where_they_do_not() {
    let centre = ContactCenter::builder().start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    let leg = barged(&call, &supervisor, &mut events, Mode::Listen).await;
    let mut stream = supervisor.audio(CallId::CURRENT, 48_000, 20).unwrap();
    let _speaking = speak(&supervisor);

    for mode in [Mode::Listen, Mode::Whisper, Mode::Barge, Mode::WhisperCustomer, Mode::Listen] {
        leg.set_mode(mode).unwrap();
        // The centre hears the supervisor in every mode; who else does is the question.
        call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
        let (agent, customer): (&[&str], &[&str]) = match mode {
            Mode::Listen => (&["customer"], &["agent"]),
            Mode::Whisper => (&["customer", "supervisor"], &["agent"]),
            Mode::Barge => (&["customer", "supervisor"], &["agent", "supervisor"]),
            Mode::WhisperCustomer => (&["customer"], &["agent", "supervisor"]),
        };
        call.wait_heard("agent", agent, SOON).await.unwrap_or_else(|e| panic!("{mode}: {e}"));
        call.wait_heard("customer", customer, SOON).await.unwrap_or_else(|e| panic!("{mode}: {e}"));
        // What is not to be heard has had two seconds to show itself.
        call.wait_measured(Duration::from_secs(2)).await.unwrap();
        let matrix = call.audibility().unwrap();
        assert_eq!(matrix.heard("agent"), agent.iter().map(|s| s.to_string()).collect(), "{mode}:\n{matrix}");
        assert_eq!(matrix.heard("customer"), customer.iter().map(|s| s.to_string()).collect(), "{mode}:\n{matrix}");
        // The same by the tones themselves, which know nothing of the matrix.
        for (listener, hz, audible) in [
            ("agent", 1000.0, true),
            ("agent", 440.0, false),
            ("agent", SUPERVISOR_HZ, matches!(mode, Mode::Whisper | Mode::Barge)),
            ("customer", 440.0, true),
            ("customer", 1000.0, false),
            ("customer", SUPERVISOR_HZ, matches!(mode, Mode::Barge | Mode::WhisperCustomer)),
        ] {
            let level = call.tone_level(listener, hz).unwrap();
            let right = if audible { level > AUDIBLE_DBFS } else { level < INAUDIBLE_DBFS };
            assert!(right, "{mode}: {hz} Hz is at {level:.1} dBFS for the {listener}");
        }
        // And what really came out at the supervisor's end.
        let heard = second_with(&mut stream, 440.0).await;
        for (hz, audible) in [(440.0, true), (1000.0, true), (SUPERVISOR_HZ, false)] {
            let level = f64::from(measure(&heard, 48_000, hz).level_dbfs);
            let right = if audible { level > AUDIBLE_DBFS } else { level < LEFT_AFTER_PLAYOUT_DBFS };
            assert!(right, "{mode}: the supervisor hears {hz} Hz at {level:.1} dBFS");
        }
    }

    let report = {
        let heard = second_with(&mut stream, 440.0).await;
        call.observe("supervisor", 48_000, &heard).unwrap()
    };
    assert!(report.speakers["agent"].heard && report.speakers["customer"].heard, "{report:?}");

    assert_eq!(supervisor.terminate(CallId::CURRENT).await.unwrap().code, 200);
    let end = leg.wait_ended(SOON).await.unwrap();
    assert_eq!((end.by, end.code), ("remote", 200), "{end:?}");
    assert_eq!(supervisor.logout().await.unwrap().code, 200);
    centre.wait_unregistered("supervisor", SOON).await.unwrap();
    centre.stop().await;
}
