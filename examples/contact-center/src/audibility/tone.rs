//! Level of a sine within audio.

use std::f64::consts::TAU;

/// RMS level in dBFS of the sine of frequency `hz` within `pcm` (mono at `sample_rate` Hz), by
/// correlation with a Hann-windowed cosine and sine, so that other tones do not leak in: 1 s tells
/// tones apart that lie 4 Hz from each other. A full-scale sine has -3 dBFS; -127 for nothing.
#[must_use]
pub fn tone_level(pcm: &[i16], sample_rate: u32, hz: f64) -> f64 {
    let step = TAU * hz / f64::from(sample_rate);
    let length = pcm.len() as f64;
    let (mut cosine, mut sine, mut weight) = (0.0, 0.0, 0.0);
    for (n, &sample) in pcm.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / length).cos();
        let (s, c) = (step * n as f64).sin_cos();
        let x = f64::from(sample) / 32_768.0 * window;
        cosine += x * c;
        sine += x * s;
        weight += window;
    }
    if weight == 0.0 {
        return -127.0;
    }
    let rms_squared = 2.0 * (cosine * cosine + sine * sine) / (weight * weight);
    if rms_squared > 2e-13 { 10.0 * rms_squared.log10() } else { -127.0 }
}

#[cfg(test)]
mod tests {
    use super::tone_level;

    fn sine(hz: f64, amplitude: f64, rate: u32, samples: usize) -> Vec<i16> {
        (0..samples).map(|n| (amplitude * (std::f64::consts::TAU * hz * n as f64 / f64::from(rate)).sin()).round() as i16).collect()
    }

    #[test]
    fn a_sine_has_its_level_and_its_neighbours_have_none() {
        let pcm = sine(440.0, 3276.8, 48_000, 24_000);
        assert!((tone_level(&pcm, 48_000, 440.0) + 23.01).abs() < 0.05, "{}", tone_level(&pcm, 48_000, 440.0));
        assert!(tone_level(&pcm, 48_000, 1000.0) < -90.0);
        assert_eq!(tone_level(&[], 48_000, 440.0), -127.0);
        assert_eq!(tone_level(&[0; 960], 48_000, 440.0), -127.0);
    }
}
