//! Level meters: a line for the terminal, and the levels over time for the picture.

use contact_center::CallHandle;
use monipy_core::audio::level::dbfs;
use std::time::Instant;

/// Levels in one moment, dBFS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Seconds since the demo began.
    pub(crate) at: f64,
    /// What the agent says, what the customer says.
    pub(crate) parties: [f64; 2],
    /// What the supervisor hears and says.
    pub(crate) supervisor: [f64; 2],
}

/// Levels over time.
#[derive(Debug)]
pub(crate) struct Meters {
    start: Instant,
    pub(crate) moments: Vec<Moment>,
}

impl Meters {
    pub(crate) fn new(start: Instant) -> Meters {
        Meters { start, moments: Vec::new() }
    }

    /// Takes a frame of what the supervisor hears and says, and looks at the parties.
    pub(crate) fn frame(&mut self, heard: &[i16], said: &[i16], call: &CallHandle) {
        let mut parties = [-127.0; 2];
        for (to, level) in parties.iter_mut().zip(call.levels().unwrap_or_default()) {
            *to = level.says_dbfs;
        }
        let supervisor = [f64::from(dbfs(heard)), f64::from(dbfs(said))];
        self.moments.push(Moment { at: self.start.elapsed().as_secs_f64(), parties, supervisor });
    }

    /// The line that shows the last moments.
    pub(crate) fn line(&self) -> String {
        let last = &self.moments[self.moments.len().saturating_sub(5)..];
        let loudest = |level: fn(&Moment) -> f64| last.iter().map(level).fold(-127.0, f64::max);
        let bar = |db: f64| {
            let filled = ((db + 60.0) / 4.0).clamp(0.0, 14.0) as usize;
            format!("{}{}", "#".repeat(filled), ".".repeat(14 - filled))
        };
        format!(
            "            Anna {}  Tom {}  heard {}  said {}",
            bar(loudest(|m| m.parties[0])),
            bar(loudest(|m| m.parties[1])),
            bar(loudest(|m| m.supervisor[0])),
            bar(loudest(|m| m.supervisor[1])),
        )
    }
}
