//! Sums do not overflow, single sources pass untouched, levels are in dBFS.

use monipy_core::audio::level::{LevelMeter, dbfs};
use monipy_core::audio::mixer::Mixer;
use monipy_core::audio::tone::ToneGenerator;

#[test]
fn a_single_source_passes_untouched() {
    let mut mixer = Mixer::default();
    mixer.begin(3);
    mixer.add(&[i16::MIN, 0, i16::MAX]);
    let mut out = Vec::new();
    mixer.finish(&mut out);
    assert_eq!(out, [i16::MIN, 0, i16::MAX]);
}

#[test]
fn loud_sums_are_bent_and_keep_their_order() {
    let mix = |a: i16, b: i16| {
        let mut mixer = Mixer::default();
        mixer.begin(1);
        mixer.add(&[a]);
        mixer.add(&[b]);
        let mut out = Vec::new();
        mixer.finish(&mut out);
        out[0]
    };
    assert_eq!(mix(1000, -300), 700);
    assert_eq!(mix(12_000, 12_000), 24_000);
    let mut before = 24_000;
    for step in 1..80 {
        let louder = mix(12_000, 12_000 + step * 250);
        assert!(louder >= before, "{louder} after {before}");
        assert_eq!(mix(-12_000, -12_000 - step * 250), -louder);
        before = louder;
    }
    assert!(before > 31_000);
}

#[test]
fn levels_are_relative_to_full_scale() {
    assert_eq!(dbfs(&[]), -127.0);
    assert_eq!(dbfs(&[0; 100]), -127.0);
    assert!(dbfs(&[i16::MIN; 100]).abs() < 0.01);
    assert!((dbfs(&ToneGenerator::new(1000.0, 8000, i16::MAX).take(800)) + 3.01).abs() < 0.05);
}

#[test]
fn a_meter_remembers_a_second() {
    let mut meter = LevelMeter::default();
    let mut tone = ToneGenerator::new(1000.0, 8000, 10_000);
    (0..100).for_each(|_| meter.push(&tone.take(80)));
    assert!((meter.rms_dbfs() + 13.3).abs() < 0.2, "{}", meter.rms_dbfs());
    assert!((meter.peak_dbfs() + 10.3).abs() < 0.2);
    assert_eq!(meter.clipped(), 0);
    meter.push(&[i16::MAX; 80]);
    assert_eq!(meter.clipped(), 80);
    (0..110).for_each(|_| meter.push(&[0; 80]));
    assert_eq!(meter.rms_dbfs(), -127.0);
    assert_eq!(meter.peak_dbfs(), -127.0);
}
