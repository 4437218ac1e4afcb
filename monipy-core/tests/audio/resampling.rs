//! The resampler: level, ripple, aliases, and exact lengths.

use monipy_core::audio::resample::Resampler;
use monipy_core::audio::tone::{ToneGenerator, measure};

const RATES: [u32; 4] = [8000, 16_000, 24_000, 48_000];

fn convert(from: u32, to: u32, frequency: f64, amplitude: i16) -> Vec<i16> {
    let mut tone = ToneGenerator::new(frequency, from, amplitude);
    let mut resampler = Resampler::new(from, to);
    let mut out = Vec::new();
    for _ in 0..100 {
        let before = out.len();
        resampler.process(&tone.take(from as usize / 100), &mut out);
        assert_eq!(out.len() - before, to as usize / 100, "10 ms in, 10 ms out");
    }
    // Without the filter's beginning.
    out.split_off(to as usize / 10)
}

#[test]
fn tones_of_the_pass_band_keep_their_level() {
    for from in RATES {
        for to in RATES {
            let nyquist = f64::from(from.min(to)) / 2.0;
            for share in [0.05, 0.3, 0.6, 0.78] {
                let frequency = nyquist * share;
                let reading = measure(&convert(from, to, frequency, 16_000), to, frequency);
                let expected = 20.0 * (16_000.0_f32 / 32_768.0 / 2.0_f32.sqrt()).log10();
                assert!((reading.level_dbfs - expected).abs() < 0.1, "{from}->{to} {frequency} Hz: {reading:?}");
                assert!(reading.snr_db > 70.0, "{from}->{to} {frequency} Hz: {reading:?}");
            }
        }
    }
}

#[test]
fn tones_above_the_lower_nyquist_frequency_do_not_come_back_as_aliases() {
    for (from, to) in [(48_000, 8000), (48_000, 16_000), (48_000, 24_000), (24_000, 16_000), (24_000, 8000), (16_000, 8000)] {
        for share in [1.08, 1.2, 1.5, 1.9] {
            let frequency = f64::from(to) / 2.0 * share;
            if frequency >= f64::from(from) / 2.0 {
                continue;
            }
            let out = convert(from, to, frequency, 16_000);
            let peak = out.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
            // 16000 less 78 dB is 2: one step of rounding.
            assert!(peak <= 2, "{from}->{to} {frequency} Hz: {peak}");
        }
    }
}

#[test]
fn equal_rates_pass_samples_through() {
    let mut out = Vec::new();
    Resampler::new(16_000, 16_000).process(&[1, -2, 3], &mut out);
    assert_eq!(out, [1, -2, 3]);
}
