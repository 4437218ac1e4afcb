//! Levels: RMS and peak in dB relative to full scale, and clipping.
//! 0 dBFS is the RMS of a full-scale square wave; a full-scale sine is at -3.01.

/// What silence is said to have.
pub const SILENCE_DBFS: f32 = -127.0;

/// RMS level of samples, dBFS; -127 for silence or nothing.
#[must_use]
pub fn dbfs(pcm: &[i16]) -> f32 {
    mean_square_dbfs(squares(pcm) as f64, pcm.len() as u64)
}

/// Sum of squares, exact.
fn squares(pcm: &[i16]) -> u64 {
    pcm.iter().map(|&s| u64::from(i32::from(s).wrapping_mul(i32::from(s)) as u32)).fold(0, u64::wrapping_add)
}

fn mean_square_dbfs(sum: f64, samples: u64) -> f32 {
    if samples == 0 || sum <= 0.0 {
        return SILENCE_DBFS;
    }
    ((10.0 * (sum / samples as f64 / (32_768.0 * 32_768.0)).log10()) as f32).max(SILENCE_DBFS)
}

/// Level of the last second of a stream that is fed in frames of 10 ms, whatever its rate.
#[derive(Debug, Default)]
pub struct LevelMeter {
    /// Sum of squares, samples and peak of each tenth of a second, oldest first.
    slots: [(f64, u64, u16); 10],
    slot: usize,
    frames: usize,
    clipped: u64,
}

impl LevelMeter {
    /// Takes 10 ms.
    pub fn push(&mut self, pcm: &[i16]) {
        if self.frames >= 10 {
            self.frames = 0;
            self.slot = (self.slot + 1) % self.slots.len();
            self.slots[self.slot] = (0.0, 0, 0);
        }
        self.frames += 1;
        let slot = &mut self.slots[self.slot];
        let peak = pcm.iter().fold(0, |peak, sample| sample.unsigned_abs().max(peak));
        slot.0 += squares(pcm) as f64;
        slot.2 = slot.2.max(peak);
        if peak >= i16::MAX.unsigned_abs() {
            self.clipped += pcm.iter().filter(|&&s| s == i16::MAX || s == i16::MIN).count() as u64;
        }
        slot.1 += pcm.len() as u64;
    }

    /// RMS of the last second, dBFS.
    #[must_use]
    pub fn rms_dbfs(&self) -> f32 {
        let (sum, samples) = self.slots.iter().fold((0.0, 0), |(s, n), slot| (s + slot.0, n + slot.1));
        mean_square_dbfs(sum, samples)
    }

    /// Greatest sample of the last second, dBFS.
    #[must_use]
    pub fn peak_dbfs(&self) -> f32 {
        let peak = self.slots.iter().map(|s| s.2).max().unwrap_or(0);
        if peak == 0 { SILENCE_DBFS } else { 20.0 * (f32::from(peak) / 32_768.0).log10() }
    }

    /// Samples at full scale since the beginning.
    #[must_use]
    pub fn clipped(&self) -> u64 {
        self.clipped
    }
}
