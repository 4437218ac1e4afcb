//! Concealment for codecs that have none, after ITU-T G.711 Appendix I: the last pitch periods
//! are repeated, more of them as the gap grows so that it does not buzz, and fade away; the first
//! good samples are blended in. Unlike the Appendix it adds no delay: the seam at the gap's start
//! is smoothed within the gap.

/// Conceals gaps in a stream of mono samples.
pub(crate) struct Concealer {
    rate: usize,
    /// The last 50 ms of sound.
    history: Vec<f32>,
    /// The gap that is open, if one is.
    gap: Option<Gap>,
}

/// A gap being filled.
struct Gap {
    /// Periods to repeat: the tail of the history, its end blended so that it wraps around.
    pitch: usize,
    /// How many periods are in use.
    periods: usize,
    /// Where in the repeated stretch the next sample lies, counted from its start.
    at: usize,
    /// Samples concealed so far.
    filled: usize,
    /// What was missing to a smooth start; decays within a millisecond or two.
    seam: f32,
}

impl Concealer {
    pub(crate) fn new(rate: u32) -> Self {
        let rate = rate as usize;
        Concealer { rate, history: vec![0.0; rate / 20], gap: None }
    }

    fn ms(&self, tenths: usize) -> usize {
        self.rate * tenths / 10_000
    }

    /// Takes good samples; blends their beginning with what the gap before them promised.
    pub(crate) fn good(&mut self, pcm: &mut [i16]) {
        if let Some(mut gap) = self.gap.take() {
            // A quarter of the pitch, and 4 ms more for each 10 ms of gap (Appendix I.2.7).
            let overlap = (gap.pitch / 4 + self.ms(40) * (gap.filled / self.ms(100))).min(self.ms(100)).min(pcm.len());
            for (i, sample) in pcm.iter_mut().take(overlap).enumerate() {
                let kept = self.next(&mut gap);
                let weight = (i as f32 + 0.5) / overlap as f32;
                *sample = to_i16(f32::from(*sample) * weight + kept * (1.0 - weight));
            }
        }
        self.remember(pcm.iter().map(|&s| f32::from(s)));
    }

    /// Appends `samples` of invented sound.
    pub(crate) fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let mut gap = self.gap.take().unwrap_or_else(|| self.open());
        out.extend((0..samples).map(|_| to_i16(self.next(&mut gap))));
        self.gap = Some(gap);
    }

    /// Keeps what was played; the history stands still during a gap so that only real sound repeats.
    fn remember(&mut self, pcm: impl ExactSizeIterator<Item = f32>) {
        let keep = self.rate / 20;
        let n = pcm.len();
        self.history.extend(pcm.skip(n.saturating_sub(keep)));
        let surplus = self.history.len() - keep;
        self.history.drain(..surplus);
    }

    fn open(&self) -> Gap {
        let pitch = self.pitch();
        let n = self.history.len();
        // What would have come one period ago at the seam, against what did come last.
        let seam = self.history[n - 1] - self.history[n - 1 - pitch];
        Gap { pitch, periods: 1, at: 0, filled: 0, seam }
    }

    /// The lag, 5 to 15 ms, at which the last 20 ms of history resemble what came before them.
    fn pitch(&self) -> usize {
        let h = &self.history;
        let n = h.len();
        let (shortest, longest, window) = (self.ms(50), self.ms(150), self.ms(200));
        let tail = &h[n - window..];
        let mut best = (shortest, f32::MIN);
        for lag in shortest..=longest {
            let past = &h[n - window - lag..n - lag];
            let (mut cross, mut energy) = (0.0f32, 1.0f32);
            for (a, b) in tail.iter().zip(past) {
                cross += a * b;
                energy += b * b;
            }
            let score = cross / energy.sqrt();
            if score > best.1 {
                best = (lag, score);
            }
        }
        best.0
    }

    /// The next sample of a gap.
    fn next(&self, gap: &mut Gap) -> f32 {
        let h = &self.history;
        let n = h.len();
        let (ten, fill) = (self.ms(100), gap.filled);
        // One more period from 10 ms on, two more from 20 ms on (Appendix I.2.6).
        let wanted = if fill < ten {
            1
        } else if fill < 2 * ten {
            2
        } else {
            3
        };
        if wanted > gap.periods && gap.at >= gap.pitch * gap.periods {
            gap.periods = wanted;
            gap.at = 0;
        }
        let length = gap.pitch * gap.periods;
        if gap.at >= length {
            gap.at = 0;
        }
        let start = n - length.min(n);
        let mut value = h[start + gap.at];
        // The last quarter of a period fades into the quarter before the stretch, so that the
        // stretch wraps around without a seam.
        let quarter = gap.pitch / 4;
        let to_end = length - gap.at;
        if to_end <= quarter && start >= quarter {
            let weight = (quarter - to_end) as f32 / quarter as f32;
            value = value * (1.0 - weight) + h[start - to_end] * weight;
        }
        value += gap.seam;
        gap.seam *= 1.0 - 8000.0 / (8.0 * self.rate as f32);
        gap.at += 1;
        gap.filled += 1;
        // Full for 10 ms, then a fifth less every 10 ms, silence from 60 ms on.
        let gain = 1.0 - 0.2 * (fill as f32 / ten as f32 - 1.0).clamp(0.0, 5.0);
        value * gain
    }
}

fn to_i16(value: f32) -> i16 {
    value.round().clamp(-32_768.0, 32_767.0) as i16
}
