//! G.711 against the recommendation's tables, Opus against itself and against malformed payloads.

use crate::support::tone_payloads;
use monipy_core::Codec;
use monipy_core::audio::codec::{OpusSettings, decoder, encoder};
use monipy_core::audio::g711::{ALAW_TO_LINEAR, MULAW_TO_LINEAR, linear_to_alaw, linear_to_mulaw};
use monipy_core::audio::tone::{ToneGenerator, measure};
use proptest::prelude::*;

/// Ends of segments of ITU-T G.711 tables 1a and 2a: octet as sent, 16-bit value.
#[test]
fn g711_decodes_to_the_values_of_the_recommendation() {
    // mu-law: 14-bit values 8031, 4191, 4063, 99, 0 times 4.
    for (octet, value) in [(0x80, 32_124), (0x00, -32_124), (0x8f, 16_764), (0x90, 15_996), (0xef, 132), (0xff, 0), (0x7f, 0), (0xfe, 8)] {
        assert_eq!(i32::from(MULAW_TO_LINEAR[octet]), value, "mu-law {octet:#x}");
    }
    // A-law: 13-bit values 4032, 2112, 2016, 1, -1 times 8, even bits inverted.
    for (octet, value) in [(0xaa, 32_256), (0x2a, -32_256), (0xa5, 16_896), (0xba, 16_128), (0xd5, 8), (0x55, -8), (0xd4, 24)] {
        assert_eq!(i32::from(ALAW_TO_LINEAR[octet]), value, "A-law {octet:#x}");
    }
}

#[test]
fn g711_octets_survive_decoding_and_encoding() {
    for octet in 0..=255u8 {
        let mu = linear_to_mulaw(MULAW_TO_LINEAR[usize::from(octet)]);
        // Mu-law has two zeros; the positive one is sent.
        assert_eq!(mu, if octet == 0x7f { 0xff } else { octet }, "mu-law");
        assert_eq!(linear_to_alaw(ALAW_TO_LINEAR[usize::from(octet)]), octet, "A-law");
    }
}

proptest! {
    #[test]
    fn g711_encodes_to_a_near_value(sample in any::<i16>()) {
        let x = i32::from(sample);
        for back in [MULAW_TO_LINEAR[usize::from(linear_to_mulaw(sample))], ALAW_TO_LINEAR[usize::from(linear_to_alaw(sample))]] {
            // A segment's step is a sixteenth of its beginning at most; half of that is the error.
            let allowed = (x.abs() / 32 + 8).max(if x.abs() > 32_256 { 700 } else { 0 });
            prop_assert!((i32::from(back) - x).abs() <= allowed, "{x} came back as {back}");
        }
    }

    #[test]
    fn no_payload_breaks_a_decoder(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..12), which in 0..3usize) {
        let codec = [Codec::Opus, Codec::Pcmu, Codec::Pcma][which];
        let mut decoder = decoder(codec, 16_000).unwrap();
        let mut out = Vec::new();
        for payload in &payloads {
            let before = out.len();
            let said = decoder.duration(payload);
            let good = decoder.decode(payload, &mut out);
            if good {
                prop_assert_eq!(Some(out.len() - before), said);
            } else {
                prop_assert_eq!(out.len(), before);
            }
            let before = out.len();
            let length = decoder.sample_rate() as usize / 50;
            if decoder.decode_fec(payload, length, &mut out) {
                prop_assert_eq!(out.len() - before, length);
            }
            let before = out.len();
            decoder.conceal(length, &mut out);
            prop_assert_eq!(out.len() - before, length);
        }
    }
}

#[test]
fn opus_carries_a_tone_at_every_rate() {
    for rate in [8000u32, 16_000, 24_000, 48_000] {
        let mut decoder = decoder(Codec::Opus, rate).unwrap();
        let mut out = Vec::new();
        for payload in tone_payloads(Codec::Opus, 440.0, 50) {
            assert_eq!(decoder.duration(&payload), Some(rate as usize / 50));
            assert!(decoder.decode(&payload, &mut out));
        }
        assert_eq!(out.len(), rate as usize);
        let reading = measure(&out[out.len() / 2..], rate, 440.0);
        assert!(reading.snr_db > 15.0, "{rate} Hz: {reading:?}");
        // 8000 of 32768 peak is -15.3 dBFS RMS.
        assert!((reading.level_dbfs + 15.3).abs() < 1.5, "{rate} Hz: {reading:?}");
    }
}

/// Babble with pauses: enough like speech for the encoder to use SILK and its copies.
fn babble(frames: usize) -> Vec<i16> {
    let mut pcm = Vec::new();
    for frame in 0..frames {
        for i in 0..320 {
            let t = (frame * 320 + i) as f64 / 16_000.0;
            let pitch = 120.0 + 20.0 * (t * 3.0).sin();
            let envelope = 0.5 + 0.5 * (t * 12.0).sin();
            let sum: f64 = (1..12).map(|h| (std::f64::consts::TAU * pitch * f64::from(h) * t).sin() / f64::from(h)).sum();
            pcm.push((sum * envelope * 4000.0) as i16);
        }
    }
    pcm
}

#[test]
fn opus_restores_a_lost_frame_from_the_next_ones_copy() {
    let pcm = babble(100);
    let settings = OpusSettings { bitrate: 30_000, fec: true, expected_loss: 20, complexity: 9 };
    let mut encoder = encoder(Codec::Opus, 16_000, settings).unwrap();
    let payloads: Vec<_> = pcm.chunks_exact(320).map(|f| encoder.encode(f).unwrap()).collect();
    let mut whole = decoder(Codec::Opus, 16_000).unwrap();
    let mut with_copy = decoder(Codec::Opus, 16_000).unwrap();
    let mut invented = decoder(Codec::Opus, 16_000).unwrap();
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    let (mut error_copy, mut error_invented, mut copies) = (0.0f64, 0.0f64, 0);
    for (i, payload) in payloads.iter().enumerate() {
        assert!(whole.decode(payload, &mut a));
        let lost = i % 10 == 5 && payloads.get(i + 1).is_some_and(|next| with_copy.has_fec(next));
        if lost {
            copies += 1;
            assert!(with_copy.decode_fec(&payloads[i + 1], 320, &mut b));
            invented.conceal(320, &mut c);
            let error =
                |x: &[i16]| -> f64 { x[i * 320..].iter().zip(&a[i * 320..]).map(|(p, q)| (f64::from(*p) - f64::from(*q)).powi(2)).sum() };
            error_copy += error(&b);
            error_invented += error(&c);
        } else {
            assert!(with_copy.decode(payload, &mut b));
            assert!(invented.decode(payload, &mut c));
        }
    }
    assert!(copies >= 5, "the encoder put copies into its packets ({copies})");
    assert!(error_copy < error_invented / 2.0, "copy {error_copy:.0}, invention {error_invented:.0}");
}

#[test]
fn g711_concealment_goes_on_with_the_tone_and_fades_away() {
    let mut tone = ToneGenerator::new(200.0, 8000, 8000);
    let mut decoder = decoder(Codec::Pcmu, 8000).unwrap();
    let mut encoder = encoder(Codec::Pcmu, 8000, OpusSettings::default()).unwrap();
    let mut out = Vec::new();
    for _ in 0..10 {
        let payload = encoder.encode(&tone.take(160)).unwrap();
        assert!(decoder.decode(&payload, &mut out));
    }
    let from = out.len();
    decoder.conceal(160, &mut out);
    // The tone goes on in phase: across the seam it is as pure as before.
    assert!(measure(&out[from - 160..], 8000, 200.0).snr_db > 15.0);
    decoder.conceal(800, &mut out);
    assert!(out[from + 560..].iter().all(|&s| s == 0), "silent from 60 ms on");
    assert!(monipy_core::audio::level::dbfs(&out[from + 300..from + 400]) > -60.0, "not before");
    let jump = out[from - 1..from + 500].windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max();
    assert!(jump < Some(2600), "no click: {jump:?}");
}
