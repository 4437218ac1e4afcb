//! Tones: a generator, and a Goertzel detector that tells how strong a tone is and how much else
//! there is. Used by tests, and by whoever wants to hear that a line is alive.

use std::f64::consts::TAU;

/// Makes a sine that goes on smoothly from call to call.
#[derive(Debug, Clone)]
pub struct ToneGenerator {
    step: f64,
    phase: f64,
    amplitude: f64,
}

impl ToneGenerator {
    /// A sine of `frequency` Hz at `sample_rate` Hz whose peaks are at `amplitude` (0 to 32767).
    #[must_use]
    pub fn new(frequency: f64, sample_rate: u32, amplitude: i16) -> Self {
        ToneGenerator { step: TAU * frequency / f64::from(sample_rate.max(1)), phase: 0.0, amplitude: f64::from(amplitude) }
    }

    /// Fills `pcm`.
    pub fn fill(&mut self, pcm: &mut [i16]) {
        for sample in pcm {
            *sample = (self.phase.sin() * self.amplitude).round() as i16;
            self.phase = (self.phase + self.step) % TAU;
        }
    }

    /// The next `samples`.
    #[must_use]
    pub fn take(&mut self, samples: usize) -> Vec<i16> {
        let mut pcm = vec![0; samples];
        self.fill(&mut pcm);
        pcm
    }
}

/// What a detector found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToneReading {
    /// Level of the tone, dBFS (RMS).
    pub level_dbfs: f32,
    /// Power of the tone over that of everything else, dB.
    pub snr_db: f32,
}

/// Measures the tone of `frequency` Hz in `pcm` at `sample_rate` Hz (Goertzel). For a clear figure
/// `pcm` should hold at least ten periods. The mean is taken out first.
#[must_use]
pub fn measure(pcm: &[i16], sample_rate: u32, frequency: f64) -> ToneReading {
    let n = pcm.len().max(1) as f64;
    let mean = pcm.iter().map(|&s| f64::from(s)).sum::<f64>() / n;
    let omega = TAU * frequency / f64::from(sample_rate.max(1));
    // Least squares on sine and cosine, so that a length of not whole periods does not leak.
    let (mut ss, mut sc, mut cc, mut xs, mut xc, mut xx) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, &sample) in pcm.iter().enumerate() {
        let (s, c) = (omega * i as f64).sin_cos();
        let x = f64::from(sample) - mean;
        ss += s * s;
        sc += s * c;
        cc += c * c;
        xs += x * s;
        xc += x * c;
        xx += x * x;
    }
    let det = ss * cc - sc * sc;
    if det.abs() < 1e-9 || xx <= 0.0 {
        return ToneReading { level_dbfs: super::level::SILENCE_DBFS, snr_db: 0.0 };
    }
    let (a, b) = ((xs * cc - xc * sc) / det, (xc * ss - xs * sc) / det);
    let tone = (a * xs + b * xc).max(0.0);
    let rest = (xx - tone).max(xx * 1e-12);
    let level = 10.0 * (tone / n / (32_768.0 * 32_768.0)).max(1e-13).log10();
    ToneReading { level_dbfs: level as f32, snr_db: (10.0 * (tone.max(1e-12) / rest).log10()) as f32 }
}

/// Finds one tone in a stream, block by block, cheaply (one multiplication a sample).
#[derive(Debug, Clone)]
pub struct Goertzel {
    coefficient: f64,
    block: usize,
    s1: f64,
    s2: f64,
    energy: f64,
    count: usize,
    present: bool,
}

impl Goertzel {
    /// A detector for `frequency` Hz at `sample_rate` Hz that decides every `block` samples.
    #[must_use]
    pub fn new(frequency: f64, sample_rate: u32, block: usize) -> Self {
        let omega = TAU * frequency / f64::from(sample_rate.max(1));
        Goertzel { coefficient: 2.0 * omega.cos(), block: block.max(1), s1: 0.0, s2: 0.0, energy: 0.0, count: 0, present: false }
    }

    /// Takes samples; returns whether the tone makes up most of the last whole block.
    pub fn push(&mut self, pcm: &[i16]) -> bool {
        for &sample in pcm {
            let x = f64::from(sample);
            let s = x + self.coefficient * self.s1 - self.s2;
            self.s2 = self.s1;
            self.s1 = s;
            self.energy += x * x;
            self.count += 1;
            if self.count == self.block {
                let power = self.s1 * self.s1 + self.s2 * self.s2 - self.coefficient * self.s1 * self.s2;
                // A pure tone has power = energy * block / 2.
                let share = power / (self.energy * self.block as f64 / 2.0).max(1.0);
                // Below about -60 dBFS nothing is a tone.
                self.present = share > 0.5 && self.energy / self.block as f64 > 1000.0;
                (self.s1, self.s2, self.energy, self.count) = (0.0, 0.0, 0.0, 0);
            }
        }
        self.present
    }
}
