//! Recordings: both sides in a WAV file; Opus packets in an Ogg file whose time is the call's.

use crate::support::tone_payloads;
use monipy_core::Codec;
use monipy_core::audio::recorder::{OggOpusRecorder, StereoRecorder};
use monipy_core::audio::tone::{ToneGenerator, measure};
use opus_pure::OggOpusReader;

#[test]
fn both_sides_are_recorded_whatever_their_rates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut recorder = StereoRecorder::create(&path, 16_000).unwrap();
    let (mut far, mut near) = (ToneGenerator::new(400.0, 48_000, 8000), ToneGenerator::new(700.0, 8000, 8000));
    for _ in 0..100 {
        recorder.write((&far.take(480), 48_000), (&near.take(80), 8000)).unwrap();
    }
    recorder.finish().unwrap();
    let mut reader = hound::WavReader::open(&path).unwrap();
    let all: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    assert_eq!(all.len(), 32_000);
    for (side, frequency) in [(0, 400.0), (1, 700.0)] {
        let pcm: Vec<i16> = all.iter().skip(side).step_by(2).copied().skip(1600).collect();
        assert!(measure(&pcm, 16_000, frequency).snr_db > 60.0);
    }
}

/// Durations and payload lengths of the packets of a file, and the whole of it decoded.
fn read(file: &[u8]) -> (Vec<usize>, Vec<i16>) {
    let mut reader = OggOpusReader::new(std::io::Cursor::new(file)).unwrap();
    let mut decoder = reader.head().decoder(48_000).unwrap();
    let (mut lengths, mut pcm, mut block) = (Vec::new(), Vec::new(), vec![0i16; 5760]);
    for packet in reader.packets() {
        let packet = packet.unwrap();
        lengths.push(packet.data.len());
        let n = decoder.decode_s16(&packet.data, 5760, &mut block).unwrap();
        pcm.extend_from_slice(&block[..n]);
    }
    (lengths, pcm)
}

#[test]
fn packets_are_put_in_order_and_holes_keep_their_time() {
    let payloads = tone_payloads(Codec::Opus, 400.0, 150);
    let mut recorder = OggOpusRecorder::new(Vec::new()).unwrap();
    let mut order: Vec<usize> = (0..150).filter(|i| !(60..63).contains(i)).collect();
    order.swap(10, 12);
    order.push(20); // A duplicate, long after its time.
    for i in order {
        // A pause of a second before packet 100: numbers go on, timestamps jump.
        let pause = if i >= 100 { 48_000 } else { 0 };
        let timestamp = (u32::MAX - 20_000).wrapping_add(i as u32 * 960 + pause);
        recorder.push(65_500u16.wrapping_add(i as u16), timestamp, &payloads[i]).unwrap();
    }
    recorder.push(7, 7, &[]).unwrap();
    let (lengths, pcm) = read(&recorder.finish().unwrap());
    assert_eq!(lengths.len(), 150 + 50, "lost packets and the pause have frames too");
    assert_eq!(pcm.len(), 200 * 960);
    assert_eq!(lengths.iter().filter(|&&l| l == 1).count(), 53);
    assert!(lengths[60..63].iter().chain(&lengths[100..150]).all(|&l| l == 1));
    assert!(measure(&pcm[10 * 960..55 * 960], 48_000, 400.0).snr_db > 15.0);
    assert!(measure(&pcm[160 * 960..], 48_000, 400.0).snr_db > 15.0);
}
