//! How long to wait: the playout delay that a stream needs, from when its packets came.
//!
//! The *relative transit* of a packet is its arrival less its media time, in milliseconds; only
//! differences mean anything, since the two clocks have nothing in common. A packet can be played
//! if the playout line (now less the media time played now) is not below its relative transit. So
//! the line to aim for is a high quantile of the transits of the last few hundred packets: it
//! rises as soon as a few packets come late, and falls when the late ones leave the window.

use std::collections::VecDeque;

/// Estimates the playout line for one stream.
#[derive(Debug)]
pub(super) struct DelayEstimator {
    transits: VecDeque<f32>,
    /// The same in ascending order.
    sorted: Vec<f32>,
    /// Subtracted from transits so that f32 has digits to spare.
    origin: f64,
    quantile: f32,
    bulk_share: f32,
    window: usize,
    min_ms: f32,
    max_ms: f32,
    line: f64,
    /// The least transit in the window.
    base: f64,
}

impl DelayEstimator {
    /// `min_ms` and `max_ms` bound the delay beyond the fastest packet of the window.
    pub(super) fn new(min_ms: u32, max_ms: u32, quantile: f32, bulk_share: f32, window: usize) -> Self {
        DelayEstimator {
            transits: VecDeque::new(),
            sorted: Vec::new(),
            origin: 0.0,
            quantile,
            bulk_share,
            window,
            min_ms: min_ms as f32,
            max_ms: max_ms.max(min_ms) as f32,
            line: 0.0,
            base: 0.0,
        }
    }

    /// Forgets everything: another stream, or another media clock.
    pub(super) fn reset(&mut self) {
        self.transits.clear();
        self.sorted.clear();
    }

    /// Takes the relative transit of a packet that came.
    pub(super) fn observe(&mut self, transit_ms: f64) {
        if self.transits.is_empty() {
            self.origin = transit_ms;
        }
        if self.transits.len() >= self.window
            && let Some(oldest) = self.transits.pop_front()
        {
            self.sorted.remove(self.place(oldest).min(self.sorted.len() - 1));
        }
        let transit = (transit_ms - self.origin) as f32;
        self.transits.push_back(transit);
        self.sorted.insert(self.place(transit), transit);
        self.estimate();
    }

    /// Where a transit is in the order, or belongs.
    fn place(&self, transit: f32) -> usize {
        self.sorted.partition_point(|other| other.total_cmp(&transit).is_lt())
    }

    fn estimate(&mut self) {
        let n = self.sorted.len();
        if n == 0 {
            return;
        }
        let least = self.sorted[0];
        let high = self.sorted[((self.quantile * n as f32).ceil() as usize).clamp(1, n) - 1];
        // How late packets are as a rule: where all of them are, single figures of the window say
        // less, and more is kept in hand than where a few are.
        let bulk = self.sorted[n / 2] - least;
        let spread = (high - least + self.bulk_share * bulk).clamp(self.min_ms, self.max_ms);
        self.base = self.origin + f64::from(least);
        self.line = self.base + f64::from(spread);
    }

    /// The line to aim for with `extra_ms` beside: now less the media time to be played now, ms.
    pub(super) fn line(&self, extra_ms: f32) -> f64 {
        (self.line + f64::from(extra_ms)).min(self.base + f64::from(self.max_ms))
    }

    /// The relative transit of the fastest packet of the window, ms.
    pub(super) fn base(&self) -> f64 {
        self.base
    }

    /// The greatest line that the bounds allow.
    pub(super) fn highest_line(&self) -> f64 {
        self.base + f64::from(self.max_ms)
    }

    /// Spread of the line beyond the fastest packet, ms.
    pub(super) fn spread(&self) -> f64 {
        self.line - self.base
    }
}
