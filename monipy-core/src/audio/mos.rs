//! Listening quality by the E-model (ITU-T G.107), for one interval.

use crate::config::Codec;

/// What an interval was like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The codec that was heard.
    pub codec: Codec,
    /// Delay from mouth to ear, ms.
    pub one_way_delay_ms: f32,
    /// Share of the sound that stayed lost after error correction, 0 to 1.
    pub loss: f32,
    /// How bursty the loss is: 1 for random loss, greater for bursts (G.107 BurstR).
    pub burst_ratio: f32,
}

/// The transmission rating R (G.107 7.1, all other parameters at their defaults), 0 to 93.2.
#[must_use]
pub fn rating(interval: &Interval) -> f32 {
    // Equipment impairment and robustness to loss (G.113 Appendix I): G.711 with concealment is 0
    // and 25.1. For Opus at speech rates no figure is standardised; it is taken as no worse than
    // G.711, and a little more robust since its concealment knows the spectrum.
    let (ie, bpl) = match interval.codec {
        Codec::Pcmu | Codec::Pcma => (0.0, 25.1),
        Codec::Opus => (0.0, 27.0),
    };
    let d = interval.one_way_delay_ms.max(0.0);
    let id = 0.024 * d + if d > 177.3 { 0.11 * (d - 177.3) } else { 0.0 };
    let ppl = (interval.loss * 100.0).clamp(0.0, 100.0);
    let ie_eff = ie + (95.0 - ie) * ppl / (ppl / interval.burst_ratio.max(0.1) + bpl);
    (93.2 - id - ie_eff).clamp(0.0, 100.0)
}

/// Mean opinion score for a rating (G.107 Annex B), 1 to 4.5.
#[must_use]
pub fn mos_of_rating(r: f32) -> f32 {
    if r <= 0.0 {
        return 1.0;
    }
    if r >= 100.0 {
        return 4.5;
    }
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

/// Mean opinion score of an interval.
#[must_use]
pub fn mos(interval: &Interval) -> f32 {
    mos_of_rating(rating(interval))
}
