//! The numbers that the receive path was tuned to, by `tests/quality`.

/// Figures of the receive path. The defaults are what the product uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    /// Share of packets that shall come in time.
    pub(crate) quantile: f32,
    /// Share of the delay of the median packet that is kept in hand beside.
    pub(crate) bulk_share: f32,
    /// Delay beyond what those packets need, ms.
    pub(crate) margin_ms: f32,
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
    /// So many packets in a row that came too late delay all.
    pub(crate) late_run: u32,
    /// Frames below this share of the speech level are quiet: stretching them is not heard.
    pub(crate) quiet_ratio: f32,
    /// Frames below this multiple of the quietest recent one are quiet too.
    pub(crate) quiet_over: f32,
    /// Excess of delay from which frames are made shorter, ms.
    pub(crate) cut_from_ms: f32,
    /// The same as a share of the delay's spread, to be added.
    pub(crate) cut_from_share: f32,
    /// Excess from which it is urgent, and done in speech too, ms.
    pub(crate) cut_fast_from_ms: f32,
    /// Likeness that a seam in speech needs then.
    pub(crate) cut_fast_likeness: f32,
    /// Lack of delay from which frames are made longer, ms.
    pub(crate) repeat_from_ms: f32,
    /// Lack from which it is urgent, and done in speech too, ms.
    pub(crate) repeat_fast_from_ms: f32,
    /// Likeness that a seam in speech needs then.
    pub(crate) repeat_fast_likeness: f32,
    /// Length of a gap from which concealment fades into the background, ms.
    pub(crate) noise_from_ms: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            quantile: 0.98,
            bulk_share: 0.5,
            margin_ms: 4.0,
            window: 400,
            start_ms: 20.0,
            loss_memory_ms: 8000,
            extra_without_fec_ms: 0.0,
            trim_ms: 50.0,
            late_run: 3,
            quiet_ratio: 0.005,
            quiet_over: 1.5,
            cut_from_ms: 20.0,
            cut_from_share: 0.12,
            cut_fast_from_ms: 100.0,
            cut_fast_likeness: 0.85,
            repeat_from_ms: 1.0,
            repeat_fast_from_ms: 20.0,
            repeat_fast_likeness: 0.4,
            noise_from_ms: 120,
        }
    }
}
