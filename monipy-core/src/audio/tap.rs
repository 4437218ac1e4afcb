//! A tap: what is heard, at one's own rate and frame length.

use super::resample::Resampler;

/// Turns ticks of 10 ms at the rate of the moment into frames of one rate and length.
#[derive(Debug)]
pub(crate) struct Framer {
    sample_rate: u32,
    frame_samples: usize,
    resampler: Resampler,
    pcm: Vec<i16>,
    concealed: bool,
    /// Media time of the first sample in `pcm`.
    timestamp: u64,
}

impl Framer {
    pub(crate) fn new(sample_rate: u32, frame_ms: u32) -> Self {
        Framer {
            sample_rate,
            frame_samples: (sample_rate / 1000 * frame_ms) as usize,
            resampler: Resampler::new(sample_rate, sample_rate),
            pcm: Vec::new(),
            concealed: false,
            timestamp: 0,
        }
    }

    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Takes 10 ms at `rate`; gives whole frames to `sink` (timestamp, concealed, samples).
    pub(crate) fn push(&mut self, pcm: &[i16], rate: u32, concealed: bool, mut sink: impl FnMut(u64, bool, &[i16])) {
        if self.resampler.from_rate() != rate {
            self.resampler = Resampler::new(rate, self.sample_rate);
        }
        self.concealed |= concealed;
        self.resampler.process(pcm, &mut self.pcm);
        while self.pcm.len() >= self.frame_samples && self.frame_samples > 0 {
            sink(self.timestamp, self.concealed, &self.pcm[..self.frame_samples]);
            self.pcm.drain(..self.frame_samples);
            self.timestamp += self.frame_samples as u64;
            self.concealed = false;
        }
    }

    /// Media time went on by `ms` without sound (a suspended machine).
    pub(crate) fn skip(&mut self, ms: u64) {
        self.pcm.clear();
        let samples = u64::from(self.sample_rate) * ms / 1000;
        // Frames stay on their raster.
        self.timestamp += samples.next_multiple_of(self.frame_samples.max(1) as u64);
    }
}
