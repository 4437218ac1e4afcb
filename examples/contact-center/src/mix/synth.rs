//! A small formant synthesiser: speech-like sound from words, the same everywhere, with nothing to
//! install. One understands little of it; it has the pitch, pauses and spectrum of speech, which is
//! what codecs, voice detectors and the audibility matrix need.

use crate::party::Role;
use crate::random::Random;

/// Rate of what it makes, Hz.
pub(crate) const RATE: u32 = 16_000;
/// Samples between two looks at the formants: 5 ms.
const STEP: usize = 80;
/// Level of speech without its pauses: about -20 dBFS RMS.
const LOUDNESS: f64 = 3277.0;

/// Who speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VoiceOf {
    pitch_hz: f64,
    /// Formants of a shorter throat are higher.
    throat: f64,
}

impl VoiceOf {
    pub(crate) fn role(role: Role) -> VoiceOf {
        match role {
            Role::Agent => VoiceOf { pitch_hz: 195.0, throat: 1.14 },
            Role::Customer => VoiceOf { pitch_hz: 112.0, throat: 1.0 },
            Role::Supervisor => VoiceOf { pitch_hz: 165.0, throat: 1.08 },
        }
    }
}

/// A sound of speech: formants, how much of it is voice and how much noise, how long.
#[derive(Debug, Clone, Copy)]
struct Phone {
    formants: [f64; 3],
    voice: f64,
    noise: f64,
    ms: f64,
}

const fn phone(formants: [f64; 3], voice: f64, noise: f64, ms: f64) -> Phone {
    Phone { formants, voice, noise, ms }
}

fn pause(ms: f64) -> Phone {
    phone([500.0, 1500.0, 2500.0], 0.0, 0.0, ms)
}

/// What a letter sounds like; stops are a gap and a burst.
fn phones(letter: char, out: &mut Vec<Phone>) {
    let one = match letter {
        'a' => phone([750.0, 1250.0, 2500.0], 1.0, 0.0, 120.0),
        'e' => phone([530.0, 1840.0, 2480.0], 1.0, 0.0, 95.0),
        'i' | 'y' => phone([300.0, 2250.0, 3000.0], 1.0, 0.0, 90.0),
        'o' => phone([500.0, 900.0, 2400.0], 1.0, 0.0, 115.0),
        'u' | 'w' => phone([320.0, 850.0, 2300.0], 0.9, 0.0, 90.0),
        'l' | 'r' => phone([380.0, 1200.0, 2500.0], 0.6, 0.0, 65.0),
        'm' | 'n' => phone([250.0, 1100.0, 2200.0], 0.45, 0.0, 70.0),
        's' | 'c' | 'x' => phone([4200.0, 5200.0, 6400.0], 0.0, 0.5, 85.0),
        'z' | 'j' => phone([300.0, 4000.0, 5200.0], 0.3, 0.35, 70.0),
        'f' | 'h' => phone([1400.0, 2600.0, 4200.0], 0.0, 0.28, 65.0),
        'v' => phone([300.0, 1400.0, 3000.0], 0.4, 0.12, 60.0),
        'p' | 't' | 'k' | 'q' | 'b' | 'd' | 'g' => {
            out.push(pause(45.0));
            let voiced = if matches!(letter, 'b' | 'd' | 'g') { 0.35 } else { 0.0 };
            phone([700.0, 1800.0, 3600.0], voiced, 0.45, 22.0)
        }
        ' ' => pause(35.0),
        ',' | ';' | ':' => pause(180.0),
        '.' | '!' | '?' => pause(320.0),
        _ => return,
    };
    out.push(one);
}

const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// A resonance (a two-pole filter).
#[derive(Debug, Clone, Copy, Default)]
struct Resonator {
    a: f64,
    b: f64,
    c: f64,
    y1: f64,
    y2: f64,
}

impl Resonator {
    fn tune(&mut self, hz: f64, bandwidth: f64) {
        let rate = f64::from(RATE);
        let r = (-std::f64::consts::PI * bandwidth / rate).exp();
        self.c = -r * r;
        self.b = 2.0 * r * (std::f64::consts::TAU * hz.min(rate * 0.46) / rate).cos();
        self.a = 1.0 - self.b - self.c;
    }
    fn next(&mut self, x: f64) -> f64 {
        let y = self.a * x + self.b * self.y1 + self.c * self.y2;
        self.y2 = self.y1;
        self.y1 = y;
        y
    }
}

/// Speaks: mono at [`RATE`]. The same words, voice and seed are the same samples.
pub(crate) fn speak(words: &str, voice: VoiceOf, seed: u64) -> Vec<i16> {
    let mut list = Vec::new();
    for letter in words.chars().flat_map(char::to_lowercase).take(2000) {
        match letter.to_digit(10) {
            Some(digit) => {
                DIGITS[digit as usize].chars().for_each(|l| phones(l, &mut list));
                phones(' ', &mut list);
            }
            None => phones(letter, &mut list),
        }
    }
    let mut random = Random::new(seed, words.len() as u64);
    let question = words.trim_end().ends_with('?');
    let total: f64 = list.iter().map(|p| p.ms).sum::<f64>().max(1.0);
    let mut filters = [Resonator::default(); 3];
    let mut now = pause(0.0);
    let (mut phase, mut spoken_ms) = (0.0_f64, 0.0);
    let mut pcm = Vec::new();
    for target in list {
        let steps = (target.ms / 5.0).round().max(1.0) as usize;
        for _ in 0..steps {
            // The mouth glides: formants and loudness go half of the way each 12 ms.
            let glide = |from: &mut f64, to: f64| *from += (to - *from) * 0.3;
            for (from, to) in now.formants.iter_mut().zip(target.formants) {
                glide(from, to * voice.throat);
            }
            glide(&mut now.voice, target.voice);
            glide(&mut now.noise, target.noise);
            for ((filter, hz), bandwidth) in filters.iter_mut().zip(now.formants).zip([80.0, 110.0, 170.0]) {
                filter.tune(hz, bandwidth);
            }
            let way = spoken_ms / total;
            let tune = if question && way > 0.75 { 1.0 + (way - 0.75) * 1.6 } else { 1.12 - 0.25 * way };
            let pitch = voice.pitch_hz * tune * (1.0 + 0.03 * (random.fraction() - 0.5));
            for _ in 0..STEP {
                phase += pitch / f64::from(RATE);
                phase -= phase.floor();
                // A glottal pulse: open for two fifths of the period, and shut at once.
                let pulse = if phase < 0.4 { (phase / 0.4).powi(2) * (1.0 - phase / 0.4) * 6.75 - 0.3 } else { -0.3 };
                let x = pulse * now.voice * 1.5 + (random.fraction() - 0.5) * now.noise;
                let [f1, f2, f3] = &mut filters;
                pcm.push(f1.next(x) + 0.7 * f2.next(x) + 0.45 * f3.next(x));
            }
            spoken_ms += 5.0;
        }
    }
    level(&pcm)
}

/// To the loudness of speech, with the pauses left out of the measure.
fn level(pcm: &[f64]) -> Vec<i16> {
    let peak = pcm.iter().fold(0.0_f64, |m, s| m.max(s.abs()));
    let loud: Vec<f64> = pcm.iter().map(|s| s * s).filter(|e| *e > peak * peak * 0.0025).collect();
    let rms = (loud.iter().sum::<f64>() / loud.len().max(1) as f64).sqrt();
    let gain = if rms > 0.0 { (LOUDNESS / rms).min(30_000.0 / peak) } else { 0.0 };
    pcm.iter().map(|s| (s * gain) as i16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use monipy_core::audio::level::dbfs;

    #[test]
    fn it_sounds_repeats_and_pauses() {
        let words = "May I have your booking number, please?";
        let pcm = speak(words, VoiceOf::role(Role::Agent), 1);
        assert_eq!(pcm, speak(words, VoiceOf::role(Role::Agent), 1));
        assert_ne!(pcm, speak(words, VoiceOf::role(Role::Customer), 1));
        let seconds = pcm.len() as f64 / f64::from(RATE);
        assert!((1.5..6.0).contains(&seconds), "{seconds} s");
        let loudest = pcm.chunks(320).map(|c| f64::from(dbfs(c))).fold(-127.0, f64::max);
        assert!((-24.0..-8.0).contains(&loudest), "{loudest} dBFS");
        let quiet = pcm.chunks(320).filter(|c| dbfs(c) < -45.0).count();
        assert!(quiet >= 10, "pauses between words: {quiet} frames");
    }

    #[test]
    fn nothing_to_say_is_nothing() {
        assert!(speak("", VoiceOf::role(Role::Agent), 1).is_empty());
        assert!(speak("§§", VoiceOf::role(Role::Agent), 1).is_empty());
    }
}
