//! Time stretching by waveform similarity (WSOLA): a frame is made longer by repeating, or shorter
//! by leaving out, a stretch of sound whose two ends look alike, with a cross-fade at the seam.

/// What a stretch came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seam {
    /// Where in the frame the cross-fade begins.
    at: usize,
    /// Length of what is repeated or left out.
    lag: usize,
    /// Length of the cross-fade.
    fade: usize,
    /// Likeness of the two ends, -1 to 1.
    pub(super) likeness: f32,
}

/// Stretches frames of one rate. Keeps scratch space only.
#[derive(Debug)]
pub(super) struct Stretcher {
    rate: usize,
    /// Samples per sample of the coarse search at 8 kHz.
    decimation: usize,
    coarse: Vec<f32>,
    joined: Vec<i16>,
}

impl Stretcher {
    pub(super) fn new(rate: u32) -> Self {
        Stretcher { rate: rate as usize, decimation: (rate as usize / 8000).max(1), coarse: Vec::new(), joined: Vec::new() }
    }

    fn samples(&self, ms: f32) -> usize {
        (ms * self.rate as f32 / 1000.0) as usize
    }

    /// The best way to leave out between `least_ms` and `most_ms` of `frame`.
    pub(super) fn find_cut(&mut self, frame: &[i16], least_ms: f32, most_ms: f32) -> Option<Seam> {
        let fade = self.samples(5.0);
        let most = self.samples(most_ms).min(frame.len().checked_sub(fade)?);
        self.joined.clear();
        self.joined.extend_from_slice(frame);
        self.find(0, frame.len(), self.samples(least_ms), most, fade, true)
    }

    /// Leaves out what the seam says, in place; returns how many samples went.
    pub(super) fn cut(&mut self, frame: &mut Vec<i16>, seam: Seam) -> usize {
        for i in 0..seam.fade {
            let w = (i as f32 + 0.5) / seam.fade as f32;
            let (a, b) = (f32::from(frame[seam.at + i]), f32::from(frame[seam.at + seam.lag + i]));
            frame[seam.at + i] = (a + (b - a) * w) as i16;
        }
        frame.drain(seam.at + seam.fade..seam.at + seam.fade + seam.lag);
        seam.lag
    }

    /// The best way to make `frame` longer by `least_ms` to `most_ms`, given the sound before it.
    pub(super) fn find_repeat(&mut self, history: &[i16], frame: &[i16], least_ms: f32, most_ms: f32) -> Option<Seam> {
        let fade = self.samples(5.0);
        if frame.len() < fade {
            return None;
        }
        let most = self.samples(most_ms);
        let before = most.min(history.len());
        self.joined.clear();
        self.joined.extend_from_slice(&history[history.len() - before..]);
        self.joined.extend_from_slice(frame);
        let mut seam = self.find(before, self.joined.len(), self.samples(least_ms), most, fade, false)?;
        seam.at -= before;
        Some(seam)
    }

    /// Repeats what the seam says, in place; returns how many samples came to it.
    pub(super) fn repeat(&mut self, history: &[i16], frame: &mut Vec<i16>, seam: Seam) -> usize {
        self.joined.clear();
        self.joined.extend_from_slice(history);
        self.joined.extend_from_slice(frame);
        let at = history.len() + seam.at;
        let back = at - seam.lag;
        frame.truncate(seam.at);
        for i in 0..seam.fade {
            let w = (i as f32 + 0.5) / seam.fade as f32;
            let (a, b) = (f32::from(self.joined[at + i]), f32::from(self.joined[back + i]));
            frame.push((a + (b - a) * w) as i16);
        }
        frame.extend_from_slice(&self.joined[back + seam.fade..]);
        seam.lag
    }

    /// Searches anchors from `from` on for the lag with the greatest likeness; forwards for a cut
    /// (`x[a..]` against `x[a + lag..]`), backwards for a repeat.
    fn find(&mut self, from: usize, end: usize, least: usize, most: usize, fade: usize, forwards: bool) -> Option<Seam> {
        let d = self.decimation;
        self.coarse.clear();
        self.coarse.extend(self.joined.chunks_exact(d).map(|c| c.iter().map(|&s| f32::from(s)).sum::<f32>() / d as f32));
        let (least8, most8, fade8) = (least.div_ceil(d).max(1), most / d, fade / d);
        let mut best: Option<Seam> = None;
        let mut anchor = from;
        while anchor + fade <= end {
            for lag in least8..=most8 {
                let a = anchor / d;
                let Some(b) = (if forwards { Some(a + lag) } else { a.checked_sub(lag) }) else { break };
                let (Some(x), Some(y)) = (self.coarse.get(a..a + fade8), self.coarse.get(b..b + fade8)) else { break };
                let likeness = likeness(x, y);
                if best.is_none_or(|s| likeness > s.likeness) {
                    best = Some(Seam { at: anchor, lag: lag * d, fade, likeness });
                }
            }
            anchor += (self.samples(2.5)).max(1);
        }
        let coarse = best?;
        if d == 1 {
            return Some(coarse);
        }
        // Around the best, sample by sample.
        let mut fine: Option<Seam> = None;
        for lag in (coarse.lag + 1).saturating_sub(d).max(least.max(1))..=(coarse.lag + d - 1).min(most) {
            let a = coarse.at;
            let Some(b) = (if forwards { Some(a + lag) } else { a.checked_sub(lag) }) else { break };
            let (Some(x), Some(y)) = (self.joined.get(a..a + fade), self.joined.get(b..b + fade)) else { break };
            let (mut cross, mut ex, mut ey) = (0.0f32, 1.0f32, 1.0f32);
            for (&p, &q) in x.iter().zip(y) {
                let (p, q) = (f32::from(p), f32::from(q));
                cross += p * q;
                ex += p * p;
                ey += q * q;
            }
            let likeness = cross / (ex * ey).sqrt();
            if fine.is_none_or(|s| likeness > s.likeness) {
                fine = Some(Seam { at: a, lag, fade, likeness });
            }
        }
        fine
    }
}

fn likeness(x: &[f32], y: &[f32]) -> f32 {
    let (mut cross, mut ex, mut ey) = (0.0f32, 1.0f32, 1.0f32);
    for (a, b) in x.iter().zip(y) {
        cross += a * b;
        ex += a * a;
        ey += b * b;
    }
    cross / (ex * ey).sqrt()
}

/// Root mean square of samples, in sample units.
pub(super) fn rms(pcm: &[i16]) -> f32 {
    if pcm.is_empty() {
        return 0.0;
    }
    let sum: f32 = pcm.iter().map(|&s| f32::from(s) * f32::from(s)).sum();
    (sum / pcm.len() as f32).sqrt()
}
