//! Mixing: sums of samples, bent instead of cut where they would overflow.

/// From here on (about -2.5 dBFS) sums are bent towards full scale.
const KNEE: f32 = 24_576.0;
const FULL: f32 = 32_767.0;

/// Adds up sources of one frame.
#[derive(Debug, Default)]
pub struct Mixer {
    sum: Vec<i32>,
    sources: usize,
}

impl Mixer {
    /// Starts a frame of `samples`.
    pub fn begin(&mut self, samples: usize) {
        self.sum.clear();
        self.sum.resize(samples, 0);
        self.sources = 0;
    }

    /// Adds a source; what is shorter than the frame is silent at its end.
    pub fn add(&mut self, pcm: &[i16]) {
        for (sum, &sample) in self.sum.iter_mut().zip(pcm) {
            *sum += i32::from(sample);
        }
        self.sources += 1;
    }

    /// Appends the mix to `out`. A single source comes out as it went in.
    pub fn finish(&self, out: &mut Vec<i16>) {
        if self.sources <= 1 {
            out.extend(self.sum.iter().map(|&s| s as i16));
        } else {
            out.extend(self.sum.iter().map(|&s| soft(s)));
        }
    }
}

fn soft(sum: i32) -> i16 {
    let x = sum as f32;
    if x.abs() <= KNEE {
        return sum as i16;
    }
    let over = (x.abs() - KNEE) / (FULL - KNEE);
    ((KNEE + (FULL - KNEE) * over.tanh()) * x.signum()) as i16
}
