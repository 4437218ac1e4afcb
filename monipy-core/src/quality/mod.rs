//! How good a call sounds: warnings with thresholds, and a report in pictures.
//!
//! - this file: the table of warnings; the reference page is generated from it.
//! - `watch.rs`: raises and clears them, second by second.
//! - `report.rs`: a recorded call as a page of HTML.

mod report;
mod watch;

pub use report::report;
pub use watch::Watch;

use crate::event::Stats;

macro_rules! warnings {
    ($( $(#[doc = $doc:literal])+ $kind:ident, $name:literal, $unit:literal, raise: $raise:literal, clear: $clear:literal, seconds: $seconds:literal; )*) => {
        /// What can be wrong with a call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum WarningKind { $( $(#[doc = $doc])+ $kind, )* }

        /// Every warning, in the order of its kind.
        pub const WARNINGS: &[WarningSpec] = &[ $( WarningSpec {
            kind: WarningKind::$kind, name: $name, unit: $unit, raise: $raise, clear: $clear, seconds: $seconds, doc: concat!($($doc),+),
        }, )* ];
    };
}

/// One warning: when it is raised and when it is cleared.
#[derive(Debug, Clone, Copy)]
pub struct WarningSpec {
    /// The kind this row describes.
    pub kind: WarningKind,
    /// The name in events.
    pub name: &'static str,
    /// Of value and thresholds.
    pub unit: &'static str,
    /// Raised when the figure is here or beyond. Beyond is above when `raise` is above `clear`.
    pub raise: f32,
    /// Cleared when the figure is here or on the good side of it.
    pub clear: f32,
    /// Seconds in a row that it takes, to raise and to clear.
    pub seconds: u32,
    /// One line of documentation.
    pub doc: &'static str,
}

warnings! {
    /// Packets of what is heard are lost on the way, before error correction.
    HighLoss, "high_loss", "%", raise: 5.0, clear: 2.0, seconds: 3;
    /// Sound had to be invented: what error correction could not restore.
    HighConcealment, "high_concealment", "%", raise: 3.0, clear: 1.0, seconds: 3;
    /// Packets come unevenly.
    HighJitter, "high_jitter", "ms", raise: 50.0, clear: 30.0, seconds: 3;
    /// The jitter buffer adds a delay that hampers conversation.
    HighDelay, "high_delay", "ms", raise: 300.0, clear: 200.0, seconds: 3;
    /// The way to the far side and back is long.
    HighRoundTrip, "high_round_trip", "ms", raise: 400.0, clear: 300.0, seconds: 3;
    /// Listening quality by the E-model is poor.
    LowMos, "low_mos", "MOS", raise: 3.0, clear: 3.3, seconds: 3;
    /// The call is one-way: this side should hear and no packet comes.
    NoPackets, "no_packets", "s", raise: 5.0, clear: 0.5, seconds: 1;
    /// Packets come, and there is nothing in them: a far side that is mute, or a dead microphone.
    Silence, "silence", "s", raise: 20.0, clear: 0.5, seconds: 1;
    /// What is heard is cut off at full scale, in samples of the last second.
    Clipping, "clipping", "samples", raise: 50.0, clear: 5.0, seconds: 2;
    /// Nothing but silence is sent, though the call is not muted and there is something to send from.
    SilentMicrophone, "silent_microphone", "s", raise: 30.0, clear: 0.5, seconds: 1;
}

impl WarningKind {
    /// The row of the table.
    #[must_use]
    pub fn spec(self) -> &'static WarningSpec {
        // The table is in the order of the kinds.
        &WARNINGS[self as usize]
    }

    /// The name in events.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.spec().name
    }
}

/// A warning that was raised or cleared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warning {
    /// Which.
    pub kind: WarningKind,
    /// True when it became bad, false when it is good again.
    pub raised: bool,
    /// The figure now.
    pub value: f32,
    /// What it was compared with.
    pub threshold: f32,
}

/// The figures of one second of a call.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moment {
    /// The counters and figures at its end; those per interval are of this second.
    pub stats: Stats,
    /// Seconds since the last packet came, while this side should hear; 0 otherwise.
    pub without_packets: f32,
    /// Samples at full scale of what was heard.
    pub clipped: u64,
    /// Something should be sent: neither muted nor held, and there is a source.
    pub speaking: bool,
    /// This second was left out of the recording.
    pub paused: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_its_thresholds_leave_room() {
        for (i, spec) in WARNINGS.iter().enumerate() {
            assert_eq!(spec.kind as usize, i);
            assert_ne!(spec.raise, spec.clear, "{}: without room it would flicker", spec.name);
            assert!(spec.seconds > 0);
        }
        let names: std::collections::BTreeSet<_> = WARNINGS.iter().map(|w| w.name).collect();
        assert_eq!(names.len(), WARNINGS.len());
    }
}
