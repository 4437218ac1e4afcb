//! Comfort noise: what fills a pause so that the line does not seem dead. Its level and colour
//! are those of the quietest recent stretch of the far side's own sound.

use super::stretch::rms;

const ORDER: usize = 8;
/// Louder "background" than this (about -40 dBFS) is speech, not noise.
const LOUDEST: f32 = 330.0;

/// Learns the background and makes more of it.
#[derive(Debug)]
pub(super) struct ComfortNoise {
    /// Coefficients of the predictor that gives the noise its colour.
    lpc: [f32; ORDER],
    past: [f32; ORDER],
    /// Level of the noise, in sample units, and of the driving white noise.
    level: f32,
    drive: f32,
    /// Grows slowly, so that an old quiet moment is forgotten.
    floor: f32,
    seed: u32,
}

impl ComfortNoise {
    pub(super) fn new() -> Self {
        ComfortNoise { lpc: [0.0; ORDER], past: [0.0; ORDER], level: 0.0, drive: 0.0, floor: f32::MAX, seed: 0x1234_5678 }
    }

    /// Listens to a good frame.
    pub(super) fn learn(&mut self, frame: &[i16]) {
        let level = rms(frame);
        // 0.3 % a frame: doubles in some five seconds of 20 ms frames.
        self.floor = if self.floor > 1e6 { f32::MAX } else { self.floor * 1.003 + 0.01 };
        if level > self.floor || level > LOUDEST {
            return;
        }
        self.floor = level.max(0.5);
        self.level = level;
        let mut r = [0.0f32; ORDER + 1];
        for (lag, r) in r.iter_mut().enumerate() {
            *r = frame.iter().zip(frame.iter().skip(lag)).map(|(&a, &b)| f32::from(a) * f32::from(b)).sum();
        }
        // A touch of white noise keeps the recursion well-conditioned.
        r[0] = r[0] * 1.01 + 1.0;
        let (lpc, error) = levinson(&r);
        self.lpc = lpc;
        self.drive = (error / frame.len().max(1) as f32).sqrt();
    }

    /// Appends `samples` of noise at `gain` (0 to 1).
    pub(super) fn make(&mut self, samples: usize, gain: f32, out: &mut Vec<i16>) {
        for _ in 0..samples {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Uniform with unit variance.
            let white = (self.seed >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let mut value = white * 1.732 * self.drive;
            for (a, p) in self.lpc.iter().zip(&self.past) {
                value += a * p;
            }
            // A resonance of a bad estimate must not run away.
            value = value.clamp(-4.0 * LOUDEST, 4.0 * LOUDEST);
            self.past.rotate_right(1);
            self.past[0] = value;
            out.push((value * gain) as i16);
        }
    }
}

/// Levinson-Durbin: prediction coefficients and the energy that is left.
fn levinson(r: &[f32; ORDER + 1]) -> ([f32; ORDER], f32) {
    let mut a = [0.0f32; ORDER];
    let mut error = r[0];
    for i in 0..ORDER {
        let mut k = r[i + 1];
        for j in 0..i {
            k -= a[j] * r[i - j];
        }
        k /= error;
        let before = a;
        a[i] = k;
        for j in 0..i {
            a[j] = before[j] - k * before[i - 1 - j];
        }
        error *= 1.0 - k * k;
        if error <= 0.0 {
            return ([0.0; ORDER], 0.0);
        }
    }
    (a, error)
}
