//! The tone detector finds its tone, and nothing else.

use crate::support::Random;
use monipy_core::audio::tone::{Goertzel, ToneGenerator, measure};

#[test]
fn the_detector_hears_its_tone_and_no_other() {
    let mut detector = Goertzel::new(1000.0, 16_000, 320);
    assert!(!detector.push(&[0; 640]));
    assert!(detector.push(&ToneGenerator::new(1000.0, 16_000, 5000).take(640)));
    assert!(!detector.push(&ToneGenerator::new(1300.0, 16_000, 5000).take(640)));
    let mut random = Random(1);
    let noise: Vec<i16> = (0..640).map(|_| random.below(8000) as i16 - 4000).collect();
    assert!(!detector.push(&noise));
}

#[test]
fn a_reading_tells_level_and_purity() {
    let pure = ToneGenerator::new(700.0, 8000, 16_384).take(4000);
    let reading = measure(&pure, 8000, 700.0);
    assert!((reading.level_dbfs + 9.03).abs() < 0.05, "{reading:?}");
    assert!(reading.snr_db > 80.0, "{reading:?}");
    let mut random = Random(2);
    // A tenth of the tone's RMS as noise: 20 dB.
    let noisy: Vec<i16> = pure.iter().map(|s| s + random.below(4013) as i16 - 2006).collect();
    let reading = measure(&noisy, 8000, 700.0);
    assert!((reading.snr_db - 20.0).abs() < 1.0, "{reading:?}");
}
