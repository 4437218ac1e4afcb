//! Raises and clears warnings. A pure function of one figure a second each.

use super::{Moment, WARNINGS, Warning, WarningKind};

/// Below this nobody speaks: a far side's comfort noise is about -60 dBFS.
const QUIET_DBFS: f32 = -65.0;

/// What is watched of one call. Feed it a [`Moment`] a second.
#[derive(Debug, Clone)]
pub struct Watch {
    states: [State; WARNINGS.len()],
    silent: f32,
    not_sent: f32,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    raised: bool,
    /// Seconds in a row that speak for a change.
    run: u32,
}

impl Default for Watch {
    fn default() -> Self {
        Watch { states: [State::default(); WARNINGS.len()], silent: 0.0, not_sent: 0.0 }
    }
}

impl Watch {
    /// Takes a second; gives what changed.
    pub fn second(&mut self, moment: &Moment) -> Vec<Warning> {
        let stats = &moment.stats;
        let count = |seconds: &mut f32, on: bool| *seconds = if on { *seconds + 1.0 } else { 0.0 };
        // Without packets it is the other warning's turn.
        count(&mut self.silent, stats.level_dbfs < QUIET_DBFS && moment.without_packets < 1.0);
        count(&mut self.not_sent, stats.sent_level_dbfs < QUIET_DBFS && moment.speaking);
        let mut changes = Vec::new();
        for (spec, state) in WARNINGS.iter().zip(&mut self.states) {
            let value = match spec.kind {
                WarningKind::HighLoss => stats.loss_percent,
                WarningKind::HighConcealment => stats.concealed_percent,
                WarningKind::HighJitter => stats.jitter_ms,
                WarningKind::HighDelay => stats.playout_delay_ms,
                WarningKind::HighRoundTrip => stats.round_trip_ms.unwrap_or(0.0),
                WarningKind::LowMos => stats.mos,
                WarningKind::NoPackets => moment.without_packets,
                WarningKind::Silence => self.silent,
                WarningKind::Clipping => moment.clipped as f32,
                WarningKind::SilentMicrophone => self.not_sent,
            };
            let upwards = spec.raise > spec.clear;
            let beyond = |limit: f32, up: bool| if up { value >= limit } else { value <= limit };
            let wants_change = if state.raised { beyond(spec.clear, !upwards) } else { beyond(spec.raise, upwards) };
            state.run = if wants_change { state.run + 1 } else { 0 };
            if state.run >= spec.seconds {
                state.run = 0;
                state.raised = !state.raised;
                let threshold = if state.raised { spec.raise } else { spec.clear };
                changes.push(Warning { kind: spec.kind, raised: state.raised, value, threshold });
            }
        }
        changes
    }

    /// The warnings that are raised now.
    pub fn raised(&self) -> impl Iterator<Item = WarningKind> {
        WARNINGS.iter().zip(&self.states).filter(|(_, s)| s.raised).map(|(w, _)| w.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stats;

    fn good() -> Moment {
        let stats = Stats { mos: 4.3, level_dbfs: -20.0, sent_level_dbfs: -127.0, ..Stats::default() };
        Moment { stats, ..Moment::default() }
    }

    #[test]
    fn a_good_call_warns_of_nothing() {
        let mut watch = Watch::default();
        assert!((0..120).all(|_| watch.second(&good()).is_empty()));
    }

    #[test]
    fn loss_is_raised_after_three_seconds_and_cleared_once_well_below() {
        let mut watch = Watch::default();
        let with = |loss_percent| Moment { stats: Stats { loss_percent, ..good().stats }, ..good() };
        // A short spell is no matter.
        for loss in [9.0, 9.0, 0.0, 9.0, 9.0] {
            assert!(watch.second(&with(loss)).is_empty());
        }
        let raised = watch.second(&with(6.0));
        assert_eq!(raised, [Warning { kind: WarningKind::HighLoss, raised: true, value: 6.0, threshold: 5.0 }]);
        assert_eq!(watch.raised().collect::<Vec<_>>(), [WarningKind::HighLoss]);
        // Between the thresholds it stays, without a word.
        assert!((0..30).all(|_| watch.second(&with(3.0)).is_empty()));
        assert!(watch.second(&with(1.0)).is_empty() && watch.second(&with(1.0)).is_empty());
        let cleared = watch.second(&with(1.0));
        assert_eq!(cleared, [Warning { kind: WarningKind::HighLoss, raised: false, value: 1.0, threshold: 2.0 }]);
        assert_eq!(watch.raised().count(), 0);
    }

    #[test]
    fn a_low_mos_is_raised_downwards() {
        let mut watch = Watch::default();
        let with = |mos| Moment { stats: Stats { mos, ..good().stats }, ..good() };
        let all: Vec<_> = [2.9, 2.8, 2.7, 3.1, 3.4, 3.4, 3.4].into_iter().flat_map(|mos| watch.second(&with(mos))).collect();
        assert_eq!(all.iter().map(|w| (w.kind, w.raised)).collect::<Vec<_>>(), [(WarningKind::LowMos, true), (WarningKind::LowMos, false)]);
    }

    #[test]
    fn one_way_silence_and_a_dead_microphone_are_told_apart() {
        let mut watch = Watch::default();
        let mut told = Vec::new();
        for second in 0..60_u32 {
            let mut moment = good();
            moment.stats.level_dbfs = -127.0;
            moment.speaking = true;
            // For ten seconds nothing comes at all, then packets of silence.
            moment.without_packets = if second < 10 { second as f32 } else { 0.0 };
            told.extend(watch.second(&moment).into_iter().map(|w| (second, w.kind, w.raised)));
        }
        assert_eq!(
            told,
            [
                (5, WarningKind::NoPackets, true),
                (10, WarningKind::NoPackets, false),
                (29, WarningKind::Silence, true),
                (29, WarningKind::SilentMicrophone, true),
            ]
        );
    }
}
