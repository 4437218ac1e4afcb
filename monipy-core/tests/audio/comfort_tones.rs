//! Ringback, busy and congestion tones: on the speaker in their cadence, and nowhere else.

use crate::support::{Bench, OPUS, ms};
use monipy_core::audio::tone::{ToneGenerator, measure};
use monipy_core::audio::{CaptureSource, ComfortTone, PlaybackSink};
use monipy_core::{Codec, ComfortTones};
use std::sync::{Arc, Mutex};

const RATE: u32 = 48_000;

/// A card whose speaker remembers, and whose microphone hears 900 Hz.
struct Card {
    played: Arc<Mutex<Vec<i16>>>,
    tone: ToneGenerator,
}

impl PlaybackSink for Card {
    fn sample_rate(&self) -> u32 {
        RATE
    }
    fn play(&mut self, pcm: &[i16]) {
        self.played.lock().unwrap().extend_from_slice(pcm);
    }
}

impl CaptureSource for Card {
    fn sample_rate(&self) -> u32 {
        RATE
    }
    fn capture(&mut self, pcm: &mut [i16]) -> usize {
        self.tone.fill(pcm);
        pcm.len()
    }
}

fn with_card() -> (Bench, Arc<Mutex<Vec<i16>>>) {
    let bench = Bench::new(8000, Some((OPUS, Codec::Opus)));
    let played = Arc::new(Mutex::new(Vec::new()));
    let card = || Box::new(Card { played: played.clone(), tone: ToneGenerator::new(900.0, RATE, 6000) });
    bench.control.set_device(Some(card()), Some(card()));
    (bench, played)
}

/// Lets time go by in which the call's own sound stands still.
fn wait(bench: &mut Bench, time: u64) {
    for _ in 0..time / 10 {
        bench.audio.tick(bench.start + bench.at, &mut bench.sent);
        bench.at += ms(10);
    }
    assert!(bench.tap.try_next().is_none(), "nobody hears anything of the call");
}

/// For each 10 ms whether there was sound.
fn sounding(pcm: &[i16]) -> Vec<bool> {
    pcm.chunks(RATE as usize / 100).map(|ten| ten.iter().any(|&s| s != 0)).collect()
}

#[test]
fn a_caller_hears_the_far_side_ring_and_nothing_else_stirs() {
    let (mut bench, played) = with_card();
    bench.control.set_comfort_tone(Some((ComfortTones::India, ComfortTone::Ringback)));
    wait(&mut bench, 3000);
    let ringing = std::mem::take(&mut *played.lock().unwrap());
    // 0.4 s, 0.2 s of pause, 0.4 s, 2 s of pause.
    let expected: Vec<bool> = (0..300).map(|ten| ten < 40 || (60..100).contains(&ten)).collect();
    assert_eq!(sounding(&ringing), expected);
    assert!(measure(&ringing[..19_200], RATE, 400.0).snr_db > 60.0);
    assert!(bench.sent.is_empty() && bench.heard.is_empty(), "the call has not begun");
    assert_eq!(bench.control.stats().packets_sent, 0);
    assert!(bench.audio.poll_event().is_none(), "no packet is missed yet");
    // The call begins: its own sound, from the beginning.
    bench.control.set_comfort_tone(None);
    bench.run(ms(100), &mut Vec::new());
    assert_eq!(bench.sent.len(), 5);
    assert_eq!(bench.heard.len(), 800);
    assert!(played.lock().unwrap().iter().all(|&s| s == 0));
}

#[test]
fn a_refused_call_ends_and_its_speaker_tells_why() {
    let (mut bench, played) = with_card();
    let writer = bench.control.add_writer(8000).unwrap();
    bench.run(ms(100), &mut Vec::new());
    let (sent, _) = (bench.sent.len(), played.lock().unwrap().clear());
    bench.control.end_with_tone(ComfortTones::Us, ComfortTone::Busy);
    wait(&mut bench, 2000);
    assert!(bench.tap.is_closed() && writer.is_closed() && bench.control.is_closed(), "to the program the call is over");
    assert_eq!(bench.control.add_tap(8000, 20).unwrap_err().code, 1002);
    assert_eq!(bench.sent.len(), sent, "nothing is sent any more");
    let tone = played.lock().unwrap();
    let expected: Vec<bool> = (0..200).map(|ten| ten % 100 < 50).collect();
    assert_eq!(sounding(&tone), expected);
    // Two frequencies, as strong as each other.
    for hertz in [480.0, 620.0] {
        let reading = measure(&tone[..24_000], RATE, hertz);
        assert!(reading.snr_db.abs() < 0.5, "{hertz}: {reading:?}");
    }
}

#[test]
fn a_speaker_that_opens_after_the_refusal_still_tells_why() {
    let mut bench = Bench::new(8000, None);
    bench.control.end_with_tone(ComfortTones::Uk, ComfortTone::Congestion);
    assert!(bench.control.is_closed(), "at once");
    wait(&mut bench, 100);
    let played = Arc::new(Mutex::new(Vec::new()));
    bench.control.set_device(Some(Box::new(Card { played: played.clone(), tone: ToneGenerator::new(900.0, RATE, 0) })), None);
    wait(&mut bench, 1500);
    let tone = played.lock().unwrap();
    let expected: Vec<bool> = (0..150).map(|ten| ten < 40 || (75..97).contains(&ten)).collect();
    // 225 ms end between two ticks.
    assert_eq!(sounding(&tone)[..97], expected[..97]);
    assert_eq!(sounding(&tone)[98..], expected[98..]);
}

#[test]
fn a_speaker_that_opens_late_hears_the_tone_from_its_beginning() {
    let mut bench = Bench::new(8000, None);
    bench.control.set_comfort_tone(Some((ComfortTones::Europe, ComfortTone::Ringback)));
    wait(&mut bench, 1500);
    let played = Arc::new(Mutex::new(Vec::new()));
    bench.control.set_device(Some(Box::new(Card { played: played.clone(), tone: ToneGenerator::new(900.0, RATE, 0) })), None);
    wait(&mut bench, 500);
    let tone = played.lock().unwrap();
    assert_eq!(sounding(&tone), [true; 50]);
    assert!(measure(&tone, RATE, 425.0).snr_db > 40.0);
}
