//! What a call sends: a packet every 20 ms whatever happens, sound when there is some, and
//! provable silence when muted.

use crate::support::{Bench, OPUS, PCMU, config, ms};
use monipy_core::audio::codec::decoder;
use monipy_core::audio::tone::{ToneGenerator, measure};
use monipy_core::audio::{AudioIo, CaptureSource, CodecMap, FrameRef, OutboundRtp, PlaybackSink};
use monipy_core::{AudioMode, CallId, Codec};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn decode(packets: &[OutboundRtp], codec: Codec, rate: u32) -> Vec<i16> {
    let mut decoder = decoder(codec, rate).unwrap();
    let mut out = Vec::new();
    packets.iter().for_each(|p| assert!(decoder.decode(&p.payload, &mut out)));
    out
}

#[test]
fn packets_go_out_every_20_ms_with_numbers_in_order() {
    for (pt, codec, step) in [(OPUS, Codec::Opus, 960u32), (PCMU, Codec::Pcmu, 160)] {
        let mut bench = Bench::new(8000, Some((pt, codec)));
        bench.run(ms(1000), &mut Vec::new());
        assert_eq!(bench.sent.len(), 50);
        assert!(bench.sent[0].marker, "the first packet begins a talk spurt");
        for pair in bench.sent.windows(2) {
            assert_eq!(pair[1].sequence_number, pair[0].sequence_number.wrapping_add(1));
            assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(step));
            assert!(!pair[1].marker);
            assert_eq!(pair[1].payload, pair[0].payload, "silence is one payload, encoded once");
        }
        let heard = decode(&bench.sent, codec, 8000);
        assert!(heard.iter().all(|s| s.abs() <= 8), "silence is silent");
        assert_eq!(bench.control.sounding_samples_sent(), 0);
    }
}

#[test]
fn writers_of_any_rate_are_mixed_and_heard() {
    for (pt, codec, rate) in [(OPUS, Codec::Opus, 48_000), (PCMU, Codec::Pcmu, 8000)] {
        let mut bench = Bench::new(8000, Some((pt, codec)));
        let mut low = bench.control.add_writer(8000).unwrap();
        let mut high = bench.control.add_writer(48_000).unwrap();
        assert_eq!(low.write(&ToneGenerator::new(400.0, 8000, 6000).take(8000)), 8000);
        assert_eq!(high.write(&ToneGenerator::new(1500.0, 48_000, 6000).take(50_000)), 48_000, "the queue holds a second");
        assert_eq!(high.queued_ms(), 1000);
        bench.run(ms(1500), &mut Vec::new());
        assert_eq!(high.queued_ms(), 0);
        let heard = decode(&bench.sent, codec, rate);
        let middle = &heard[rate as usize / 4..rate as usize * 3 / 4];
        // Two tones of the same strength: each is as strong as the rest of the signal.
        for frequency in [400.0, 1500.0] {
            let reading = measure(middle, rate, frequency);
            assert!(reading.snr_db.abs() < 1.5, "{codec:?} {frequency}: {reading:?}");
            assert!((reading.level_dbfs + 17.8).abs() < 1.5, "{codec:?} {frequency}: {reading:?}");
        }
        assert!(bench.control.sounding_samples_sent() > 0);
        assert!(decode(&bench.sent[70..], codec, rate)[rate as usize / 20..].iter().all(|s| s.abs() < 40), "silence afterwards");
    }
}

#[test]
fn a_muted_call_sends_packets_and_not_one_sounding_sample() {
    let mut bench = Bench::new(8000, Some((PCMU, Codec::Pcmu)));
    let mut writer = bench.control.add_writer(8000).unwrap();
    writer.write(&ToneGenerator::new(400.0, 8000, 6000).take(8000));
    bench.run(ms(300), &mut Vec::new());
    let before = bench.control.sounding_samples_sent();
    assert!(before > 1000);
    bench.control.set_mute(true);
    bench.run(ms(20), &mut Vec::new());
    let (at_mute, packets) = (bench.control.sounding_samples_sent(), bench.sent.len());
    bench.run(ms(400), &mut Vec::new());
    assert_eq!(bench.control.sounding_samples_sent(), at_mute);
    assert_eq!(bench.sent.len() - packets, 20, "packets go on");
    assert!(bench.sent[packets..].iter().all(|p| p.payload.iter().all(|&o| o == 0xff)));
    assert!(writer.queued_ms() < 400, "a muted source runs on, so that unmuting does not bring back old sound");
    bench.control.set_mute(false);
    bench.run(ms(100), &mut Vec::new());
    assert!(bench.control.sounding_samples_sent() > at_mute);
}

#[test]
fn a_direction_without_sending_sends_nothing() {
    let mut bench = Bench::new(8000, Some((OPUS, Codec::Opus)));
    bench.run(ms(100), &mut Vec::new());
    bench.control.set_direction(false, true);
    let before = bench.sent.len();
    bench.run(ms(1000), &mut Vec::new());
    assert_eq!(bench.sent.len(), before);
    bench.control.set_direction(true, true);
    bench.run(ms(100), &mut Vec::new());
    let (last, first) = (&bench.sent[before - 1], &bench.sent[before]);
    assert!(first.marker, "a new talk spurt");
    assert_eq!(first.sequence_number, last.sequence_number.wrapping_add(1));
    // 51 packets' time: the pause and the packet itself.
    assert_eq!(first.timestamp, last.timestamp.wrapping_add(51 * 960));
}

#[test]
fn the_codec_can_change_in_the_middle_of_a_call() {
    let mut bench = Bench::new(8000, Some((OPUS, Codec::Opus)));
    bench.run(ms(100), &mut Vec::new());
    bench.control.set_codecs(CodecMap { send: Some((PCMU, Codec::Pcmu)), ..config(None).codecs });
    bench.run(ms(100), &mut Vec::new());
    let (opus, pcmu): (Vec<_>, Vec<_>) = bench.sent.iter().partition(|p| p.payload_type == OPUS);
    assert_eq!((opus.len(), pcmu.len()), (5, 5));
    assert!(pcmu.iter().all(|p| p.payload.len() == 160));
    assert!(bench.sent.windows(2).all(|w| w[1].sequence_number == w[0].sequence_number.wrapping_add(1)));
}

struct Loop {
    heard: Mutex<Vec<i16>>,
    calls: AtomicUsize,
    tone: Mutex<ToneGenerator>,
}

impl AudioIo for Loop {
    fn on_audio(&self, call: CallId, frame: FrameRef<'_>) {
        assert_eq!((call, frame.sample_rate, frame.pcm.len()), (CallId(7), 16_000, 320));
        self.heard.lock().unwrap().extend_from_slice(frame.pcm);
    }
    fn fill_audio(&self, _: CallId, pcm: &mut [i16]) -> usize {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.tone.lock().unwrap().fill(pcm);
        pcm.len()
    }
}

#[test]
fn callbacks_are_asked_for_each_frame_and_given_each_frame() {
    let mut bench = Bench::new(8000, Some((PCMU, Codec::Pcmu)));
    let io =
        Arc::new(Loop { heard: Mutex::default(), calls: AtomicUsize::new(0), tone: Mutex::new(ToneGenerator::new(600.0, 16_000, 6000)) });
    bench.control.set_audio_io(Some(io.clone()));
    bench.run(ms(1000), &mut Vec::new());
    assert_eq!(io.calls.load(Ordering::Relaxed), 50);
    assert_eq!(io.heard.lock().unwrap().len(), 16_000);
    let heard = decode(&bench.sent, Codec::Pcmu, 8000);
    assert!(measure(&heard[800..], 8000, 600.0).snr_db > 30.0);
    bench.control.set_audio_io(None);
    bench.run(ms(100), &mut Vec::new());
    assert_eq!(io.calls.load(Ordering::Relaxed), 50);
}

struct Card {
    played: Arc<AtomicUsize>,
    tone: ToneGenerator,
}

impl PlaybackSink for Card {
    fn sample_rate(&self) -> u32 {
        48_000
    }
    fn play(&mut self, pcm: &[i16]) {
        assert_eq!(pcm.len(), 480);
        self.played.fetch_add(1, Ordering::Relaxed);
    }
}

impl CaptureSource for Card {
    fn sample_rate(&self) -> u32 {
        48_000
    }
    fn capture(&mut self, pcm: &mut [i16]) -> usize {
        self.tone.fill(pcm);
        pcm.len()
    }
}

#[test]
fn a_sound_card_hears_and_speaks() {
    let mut bench = Bench::new(8000, Some((OPUS, Codec::Opus)));
    let played = Arc::new(AtomicUsize::new(0));
    let card = || Box::new(Card { played: played.clone(), tone: ToneGenerator::new(900.0, 48_000, 6000) });
    bench.control.set_device(Some(card()), Some(card()));
    bench.run(ms(1000), &mut Vec::new());
    assert_eq!(played.load(Ordering::Relaxed), 100);
    let heard = decode(&bench.sent, Codec::Opus, 48_000);
    assert!(measure(&heard[24_000..], 48_000, 900.0).snr_db > 15.0);
}

#[test]
fn the_mode_none_decodes_nothing_and_sends_silence() {
    let mut bench = Bench::with(8000, monipy_core::audio::CallAudioConfig { mode: AudioMode::None, ..config(Some((PCMU, Codec::Pcmu))) });
    let payloads = crate::support::tone_payloads(Codec::Pcmu, 400.0, 50);
    let mut arrivals = crate::support::FarEnd::pcmu().arrivals(&payloads, |_| Some(0));
    bench.run(ms(1000), &mut arrivals);
    assert!(bench.heard.iter().all(|&s| s == 0));
    assert!(bench.sent.iter().all(|p| p.payload.iter().all(|&o| o == 0xff)));
    assert_eq!(bench.control.stats().packets_received, 50);
}

#[test]
fn a_writer_is_heard_in_the_mode_none_and_callbacks_and_cards_are_not() {
    let mut bench = Bench::with(8000, monipy_core::audio::CallAudioConfig { mode: AudioMode::None, ..config(Some((PCMU, Codec::Pcmu))) });
    let played = Arc::new(AtomicUsize::new(0));
    let card = Card { played, tone: ToneGenerator::new(900.0, 48_000, 6000) };
    bench.control.set_device(None, Some(Box::new(card)));
    bench.run(ms(200), &mut Vec::new());
    assert_eq!(bench.control.sounding_samples_sent(), 0);
    let mut writer = bench.control.add_writer(16_000).unwrap();
    writer.write(&ToneGenerator::new(500.0, 16_000, 6000).take(16_000));
    bench.run(ms(1000), &mut Vec::new());
    let heard = decode(&bench.sent[20..], Codec::Pcmu, 8000);
    assert!(measure(&heard[..4000], 8000, 500.0).snr_db > 25.0);
}
