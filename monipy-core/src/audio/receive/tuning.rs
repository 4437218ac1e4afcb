//! The numbers that the receive path was tuned to, by `tests/quality`.

/// Figures of the receive path. The defaults are what the product uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    /// Share of packets that shall come in time.
    pub(crate) quantile: f32,
    /// Packets that the delay is estimated from.
    pub(crate) window: usize,
    /// Delay to begin with, ms.
    pub(crate) start_ms: f32,
    /// How long a loss is remembered, ms of media time.
    pub(crate) loss_memory_ms: u32,
    /// Delay to add after a loss in a stream without copies of lost frames.
    pub(crate) extra_without_fec_ms: f32,
    /// A packet that came less than this too late loses its beginning instead of delaying all.
    pub(crate) trim_ms: f32,
    /// Delay beyond the target up to which a late packet may delay all.
    pub(crate) trim_slack_ms: f32,
    /// Frames below this share of the speech level are quiet: stretching them is not heard.
    pub(crate) quiet_ratio: f32,
    /// Excess of delay from which frames are made shorter, ms.
    pub(crate) cut_from_ms: f32,
    /// Excess from which it is urgent, ms.
    pub(crate) cut_fast_from_ms: f32,
    /// Frames from one cut to the next in speech.
    pub(crate) cut_interval: u32,
    /// Likeness that a seam in speech needs.
    pub(crate) cut_likeness: f32,
    /// The same when it is urgent.
    pub(crate) cut_fast_likeness: f32,
    /// Lack of delay from which frames are made longer, ms.
    pub(crate) repeat_from_ms: f32,
    /// Lack from which it is urgent, ms.
    pub(crate) repeat_fast_from_ms: f32,
    /// Frames from one repeat to the next in speech.
    pub(crate) repeat_interval: u32,
    /// Likeness that a seam in speech needs.
    pub(crate) repeat_likeness: f32,
    /// The same when it is urgent.
    pub(crate) repeat_fast_likeness: f32,
    /// Length of a gap from which concealment fades into the background, ms.
    pub(crate) noise_from_ms: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            quantile: 0.985,
            window: 400,
            start_ms: 20.0,
            loss_memory_ms: 8000,
            extra_without_fec_ms: 0.0,
            trim_ms: 0.0,
            trim_slack_ms: 0.0,
            quiet_ratio: 0.05,
            cut_from_ms: 8.0,
            cut_fast_from_ms: 60.0,
            cut_interval: 5,
            cut_likeness: 0.9,
            cut_fast_likeness: 0.7,
            repeat_from_ms: 2.0,
            repeat_fast_from_ms: 20.0,
            repeat_interval: 2,
            repeat_likeness: 0.8,
            repeat_fast_likeness: 0.4,
            noise_from_ms: 120,
        }
    }
}
