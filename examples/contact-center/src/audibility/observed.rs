//! The same measurement for audio that was received outside of the centre, for example what a real
//! supervisor heard: it went through an encoder, a network and a playout buffer, so it is aligned
//! with what was sent first.

use super::report::{EarReport, Heard};
use super::solve::weights;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use std::collections::VecDeque;

/// Rate at which histories are kept and compared, Hz.
pub(crate) const RATE: u32 = 8000;
/// Samples that are explained together: half a second.
const BLOCK: usize = 4000;
/// How far the playout delay may move between blocks, samples: 50 ms.
const DRIFT: usize = 400;
/// Each source is offered at this many neighbouring delays, so that a delay between two samples
/// costs no level.
const TAPS: usize = 3;
/// A source below this mean square (-55 dBFS) is silent in a block.
const SILENCE: f64 = 3e-6;

/// What was said or sent over the last while, at [`RATE`].
#[derive(Debug, Clone)]
pub(crate) struct History {
    samples: VecDeque<i16>,
    capacity: usize,
}

impl History {
    pub(crate) fn new(capacity: usize) -> History {
        History { samples: VecDeque::new(), capacity }
    }

    /// Takes a frame of 48 kHz.
    pub(crate) fn push_48k(&mut self, pcm: &[i16]) {
        if self.capacity == 0 {
            return;
        }
        for sample in decimated(pcm, 6) {
            if self.samples.len() == self.capacity {
                self.samples.pop_front();
            }
            self.samples.push_back(sample);
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<f32> {
        self.samples.iter().map(|&s| f32::from(s) / 32_768.0).collect()
    }
}

fn decimated(pcm: &[i16], factor: usize) -> impl Iterator<Item = i16> + '_ {
    pcm.chunks_exact(factor).map(move |c| (c.iter().map(|&s| i32::from(s)).sum::<i32>() / factor as i32) as i16)
}

/// Samples of 8, 16, 24 or 48 kHz at [`RATE`]; `None` for another rate.
pub(crate) fn to_rate(pcm: &[i16], sample_rate: u32) -> Option<Vec<f32>> {
    if !matches!(sample_rate, 8000 | 16_000 | 24_000 | 48_000) {
        return None;
    }
    Some(decimated(pcm, (sample_rate / RATE) as usize).map(|s| f32::from(s) / 32_768.0).collect())
}

/// The delay, in samples of `sent`, at which `received` fits best: `received[n]` is like
/// `sent[n + delay]`. By cross-correlation over everything.
fn best_delay(received: &[f32], sent: &[f32]) -> isize {
    let size = (received.len() + sent.len()).next_power_of_two();
    let mut planner = FftPlanner::<f32>::new();
    let spectrum = |samples: &[f32], planner: &mut FftPlanner<f32>| {
        let mut buffer: Vec<Complex<f32>> = samples.iter().map(|&s| Complex::new(s, 0.0)).collect();
        buffer.resize(size, Complex::new(0.0, 0.0));
        planner.plan_fft_forward(size).process(&mut buffer);
        buffer
    };
    let r = spectrum(received, &mut planner);
    let mut product: Vec<Complex<f32>> = spectrum(sent, &mut planner).iter().zip(&r).map(|(s, r)| s * r.conj()).collect();
    planner.plan_fft_inverse(size).process(&mut product);
    let best = product.iter().enumerate().max_by(|a, b| a.1.re.total_cmp(&b.1.re)).map_or(0, |(i, _)| i);
    // The upper end of a circular correlation holds the negative delays.
    if best < sent.len() { best as isize } else { best as isize - size as isize }
}

fn at(samples: &[f32], index: isize) -> f32 {
    usize::try_from(index).ok().and_then(|i| samples.get(i)).copied().unwrap_or(0.0)
}

fn product(a: impl Iterator<Item = f32>, b: impl Iterator<Item = f32>) -> f64 {
    a.zip(b).map(|(x, y)| f64::from(x * y)).sum()
}

/// Explains what was received (at [`RATE`]) by what was said. `sent` is the mix that was sent to
/// the listener, `said` what each of the others said, both over the same time.
pub(crate) fn observe(listener: &str, role: &'static str, received: &[f32], sent: &[f32], said: &[(String, Vec<f32>)]) -> EarReport {
    let mut delay = best_delay(received, sent);
    let mut energies = vec![(0.0, 0.0, 0u64); said.len()];
    for (number, block) in received.chunks_exact(BLOCK).enumerate() {
        let start = (number * BLOCK) as isize;
        let fit = |d: isize| product(block.iter().copied(), (0..BLOCK as isize).map(|n| at(sent, start + n + d)));
        let drift = DRIFT as isize;
        // The middle wins a draw, so that silence does not move the delay.
        let (mut best, mut best_fit) = (delay, fit(delay));
        for d in delay - drift..=delay + drift {
            let f = fit(d);
            if f > best_fit * 1.001 + 1e-9 {
                (best, best_fit) = (d, f);
            }
        }
        delay = best;
        let covered = |n: isize| n >= 1 && n + (BLOCK as isize) < sent.len() as isize;
        if !covered(start + delay) {
            continue;
        }
        let regressor = |column: usize| {
            let (source, tap) = (&said[column / TAPS].1, (column % TAPS) as isize - 1);
            (0..BLOCK as isize).map(move |n| at(source, start + delay + n + tap))
        };
        let columns = said.len() * TAPS;
        let mut gram = vec![0.0; columns * columns];
        let mut cross = vec![0.0; columns];
        for i in 0..columns {
            cross[i] = product(regressor(i), block.iter().copied());
            for j in i..columns {
                let value = product(regressor(i), regressor(j));
                gram[i * columns + j] = value;
                gram[j * columns + i] = value;
            }
        }
        let weight = weights(&gram, &cross);
        for (source, energy) in energies.iter_mut().enumerate() {
            let middle = source * TAPS + 1;
            let spoken = gram[middle * columns + middle];
            if spoken <= SILENCE * BLOCK as f64 {
                continue;
            }
            let taps = source * TAPS..(source + 1) * TAPS;
            let heard: f64 = taps
                .clone()
                .flat_map(|i| taps.clone().map(move |j| (i, j)))
                .map(|(i, j)| weight[i] * weight[j] * gram[i * columns + j])
                .sum();
            energy.0 += heard.max(0.0);
            energy.1 += spoken;
            energy.2 += BLOCK as u64;
        }
    }
    let all = product(received.iter().copied(), received.iter().copied());
    EarReport {
        listener: listener.to_owned(),
        role,
        measured: "observed",
        duration_ms: received.len() as u64 * 1000 / u64::from(RATE),
        level_dbfs: Heard::from_energy(all, all, received.len() as u64, RATE).level_dbfs,
        speakers: said
            .iter()
            .zip(energies)
            .map(|((name, _), (heard, spoken, samples))| (name.clone(), Heard::from_energy(heard, spoken, samples, RATE)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of a seed, smoothed to be a little like speech, in syllables of a quarter second.
    fn voice(seed: u32, samples: usize) -> Vec<f32> {
        let (mut state, mut last) = (seed, 0.0f32);
        (0..samples)
            .map(|n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                last = 0.8 * last + 0.05 * (f32::from((state >> 16) as i16) / 32_768.0);
                if (n / 2000 + seed as usize).is_multiple_of(3) { 0.0 } else { last }
            })
            .collect()
    }

    #[test]
    fn voices_are_found_through_delay_noise_and_a_moving_playout_point() {
        let (agent, customer) = (voice(1, 80_000), voice(7, 80_000));
        let sent: Vec<f32> = agent.iter().zip(&customer).map(|(a, c)| a + c).collect();
        let noise = voice(23, 80_000);
        // Received: from 1.3 s on, with 15 ms skipped half way, at half the level, with noise below.
        let received: Vec<f32> = (0..48_000).map(|n| 0.5 * sent[10_400 + n + if n > 24_000 { 120 } else { 0 }] + 0.03 * noise[n]).collect();
        let said = [("agent".to_owned(), agent), ("customer".to_owned(), customer)];
        let report = observe("supervisor", "supervisor", &received, &sent, &said);
        for name in ["agent", "customer"] {
            let heard = report.speakers[name];
            assert!(heard.heard && (heard.gain_db + 6.0).abs() < 1.0, "{name}: {heard:?}");
        }
    }

    #[test]
    fn a_voice_that_is_not_there_is_not_found() {
        let (agent, customer) = (voice(1, 80_000), voice(7, 80_000));
        let sent: Vec<f32> = agent.iter().zip(&customer).map(|(a, c)| a + c).collect();
        let received = agent[8000..72_000].to_vec();
        let said = [("agent".to_owned(), agent), ("customer".to_owned(), customer)];
        let report = observe("supervisor", "supervisor", &received, &sent, &said);
        assert!(report.speakers["agent"].heard, "{report:?}");
        assert!(!report.speakers["customer"].heard && report.speakers["customer"].gain_db < -25.0, "{report:?}");
        let silence = observe("supervisor", "supervisor", &vec![0.0; 16_000], &sent, &said);
        assert!(silence.speakers.values().all(|h| !h.heard), "{silence:?}");
    }
}
