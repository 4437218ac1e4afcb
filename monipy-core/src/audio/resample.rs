//! Sample-rate conversion among 8, 16, 24 and 48 kHz: a Kaiser-windowed polyphase filter of 24 zero
//! crossings a side. Flat to 0.8 of the lower Nyquist frequency, images and aliases below -90 dB
//! from 1.05 of it; delay 24 samples of the lower rate (3 ms at 8 kHz, 0.5 ms at 48 kHz).

/// Zero crossings of the filter on each side.
const CROSSINGS: usize = 24;
/// Where the filter is 6 dB down, as a share of the lower Nyquist frequency.
const CUTOFF: f64 = 0.925;
/// Shape of the window: side lobes some 100 dB down.
const BETA: f64 = 10.0;

/// Products that are added up side by side, so that the compiler can use vector instructions.
const LANES: usize = 8;

/// Converts one stream from one rate to another. 10 ms in give exactly 10 ms out.
#[derive(Debug, Clone)]
pub struct Resampler {
    from: u32,
    to: u32,
    /// One filter for each position of an output sample between two input samples, one after the other.
    phases: Vec<[f32; LANES]>,
    /// Lanes of one filter.
    lanes: usize,
    /// Input samples per output sample are `down / up`.
    down: usize,
    up: usize,
    /// Input that is still needed; its first samples are the past.
    input: Vec<f32>,
    /// Where the next output sample lies, in steps of `1 / up` of an input sample.
    position: usize,
}

impl Resampler {
    /// A converter from `from` to `to` Hz. Rates that are equal pass samples through untouched.
    #[must_use]
    pub fn new(from: u32, to: u32) -> Self {
        let common = gcd(from.max(1), to.max(1));
        let (up, down) = ((to.max(1) / common) as usize, (from.max(1) / common) as usize);
        let mut phases = Vec::new();
        let (mut past, mut lanes) = (0, 0);
        if up != down {
            // Designed at `up` times the input rate; its cut-off is that of the lower rate.
            let half = CROSSINGS * up.max(down);
            let taps = (2 * half).div_ceil(up) + 1;
            // Filled up with zeros at the past's side: the future is not there yet.
            lanes = taps.div_ceil(LANES);
            past = lanes * LANES - 1;
            for phase in 0..up {
                let mut filter: Vec<f32> = (0..taps)
                    .map(|tap| {
                        // Distance of the input sample from the centre, in steps of the design rate.
                        let at = (tap * up) as f64 - half as f64 - phase as f64;
                        kernel(at, half as f64, up.max(down) as f64) as f32
                    })
                    .collect();
                let sum: f32 = filter.iter().sum();
                filter.iter_mut().for_each(|c| *c /= sum);
                filter.splice(..0, std::iter::repeat_n(0.0, lanes * LANES - taps));
                phases.extend_from_slice(filter.as_chunks().0);
            }
        }
        Resampler { from, to, phases, lanes, down, up, input: vec![0.0; past], position: 0 }
    }

    /// Hz in.
    #[must_use]
    pub fn from_rate(&self) -> u32 {
        self.from
    }

    /// Hz out.
    #[must_use]
    pub fn to_rate(&self) -> u32 {
        self.to
    }

    /// Delay that the filter adds, in samples of the input rate.
    #[must_use]
    pub fn delay(&self) -> f32 {
        if self.up == self.down { 0.0 } else { (CROSSINGS * self.up.max(self.down)) as f32 / self.up as f32 }
    }

    /// Appends the conversion of `pcm` to `out`.
    pub fn process(&mut self, pcm: &[i16], out: &mut Vec<i16>) {
        if self.up == self.down {
            out.extend_from_slice(pcm);
            return;
        }
        self.input.extend(pcm.iter().map(|&s| f32::from(s)));
        loop {
            let (first, phase) = (self.position / self.up, self.position % self.up);
            let Some(window) = self.input.get(first..first + self.lanes * LANES) else { break };
            let sum = dot(window.as_chunks().0, &self.phases[phase * self.lanes..][..self.lanes]);
            // To the nearest, halves away from zero; the conversion stops at the ends of the range.
            out.push((sum + 0.5_f32.copysign(sum)) as i16);
            self.position += self.down;
        }
        let used = (self.position / self.up).min(self.input.len());
        self.input.drain(..used);
        self.position -= used * self.up;
    }
}

/// Sum of products.
#[inline]
fn dot(a: &[[f32; LANES]], b: &[[f32; LANES]]) -> f32 {
    let mut sums = [0.0f32; LANES];
    for (x, y) in a.iter().zip(b) {
        for i in 0..LANES {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum()
}

/// Windowed sinc at distance `at` from its centre; `period` design steps per sample of the lower rate.
fn kernel(at: f64, half: f64, period: f64) -> f64 {
    if at.abs() > half {
        return 0.0;
    }
    let x = std::f64::consts::PI * at * CUTOFF / period;
    let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
    let r = at / half;
    sinc * bessel_i0(BETA * (1.0 - r * r).max(0.0).sqrt()) / bessel_i0(BETA)
}

/// Modified Bessel function of the first kind, order zero.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..64 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
        if term < sum * 1e-16 {
            break;
        }
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
