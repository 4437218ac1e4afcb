//! The audibility matrix.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Below this level a party is not heard, dBFS.
const HEARD_LEVEL_DBFS: f64 = -50.0;
/// Below this gain a party is not heard, dB: what is left is leakage.
const HEARD_GAIN_DB: f64 = -20.0;
/// Less speech than this proves nothing, ms.
const HEARD_ACTIVE_MS: u64 = 200;

/// How one party was heard by another, over the time that it spoke.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Heard {
    /// Level in the received audio while it spoke, dBFS (RMS); -127 for nothing.
    pub level_dbfs: f64,
    /// Level against what it said, dB; 0 when heard as loud as it was said, -127 for nothing.
    pub gain_db: f64,
    /// How long it spoke, ms.
    pub active_ms: u64,
    /// Whether it was heard: at least 200 ms of speech, at -50 dBFS and -20 dB of gain or more.
    pub heard: bool,
}

impl Heard {
    /// From energies (sums of squares of samples in -1..1) over `samples` samples of speech.
    pub(crate) fn from_energy(heard: f64, said: f64, samples: u64, sample_rate: u32) -> Heard {
        let db = |ratio: f64| if ratio > 2e-13 { 10.0 * ratio.log10() } else { -127.0 };
        let level_dbfs = if samples == 0 { -127.0 } else { db(heard / samples as f64) };
        let gain_db = if said <= 0.0 { -127.0 } else { db(heard / said) };
        let active_ms = samples * 1000 / u64::from(sample_rate);
        let is_heard = active_ms >= HEARD_ACTIVE_MS && level_dbfs >= HEARD_LEVEL_DBFS && gain_db >= HEARD_GAIN_DB;
        Heard { level_dbfs, gain_db, active_ms, heard: is_heard }
    }
}

/// What one party received.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EarReport {
    /// The party.
    pub listener: String,
    /// `agent`, `customer` or `supervisor`.
    pub role: &'static str,
    /// `mix`: measured in the audio that the centre gave or sent to it. `observed`: measured in audio
    /// that it reported to have received.
    pub measured: &'static str,
    /// How long was measured, ms.
    pub duration_ms: u64,
    /// Level of everything it received, dBFS.
    pub level_dbfs: f64,
    /// The others, by name.
    pub speakers: BTreeMap<String, Heard>,
}

/// Who heard whom in a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audibility {
    /// The call.
    pub call: u64,
    /// One row per listener.
    pub ears: Vec<EarReport>,
}

impl Audibility {
    /// The names of those whom `listener` heard.
    #[must_use]
    pub fn heard(&self, listener: &str) -> BTreeSet<String> {
        self.ears
            .iter()
            .filter(|e| e.listener == listener)
            .flat_map(|e| e.speakers.iter())
            .filter(|(_, h)| h.heard)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// How `listener` heard `speaker`; `None` when there is no such pair.
    #[must_use]
    pub fn between(&self, listener: &str, speaker: &str) -> Option<Heard> {
        self.ears.iter().find(|e| e.listener == listener)?.speakers.get(speaker).copied()
    }
}

impl fmt::Display for Audibility {
    /// A table: a row per listener, a column per speaker, levels in dBFS.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: BTreeSet<&String> = self.ears.iter().flat_map(|e| e.speakers.keys().chain([&e.listener])).collect();
        write!(f, "{:>14}", "hears dBFS")?;
        for speaker in &names {
            write!(f, " {speaker:>14}")?;
        }
        for ear in &self.ears {
            write!(f, "\n{:>14}", ear.listener)?;
            for speaker in &names {
                match ear.speakers.get(*speaker) {
                    None => write!(f, " {:>14}", "")?,
                    Some(h) if h.heard => write!(f, " {:>14.1}", h.level_dbfs)?,
                    Some(_) => write!(f, " {:>14}", "-")?,
                }
            }
        }
        Ok(())
    }
}
