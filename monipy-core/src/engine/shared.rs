//! What other threads see of a supervisor without asking its actor: a snapshot that is renewed
//! before any event or outcome that depends on it is handed on.

use super::bus::Bus;
use crate::audio::{AudioIo, CallAudioControl};
use crate::call::{CallId, CallInfo, CallState};
use crate::config::{ComfortTones, Config};
use crate::event::{Direction, Stats};
use crate::media::TransportStats;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sound of a call, for those who steer it or ask for figures.
#[derive(Debug, Clone)]
pub(crate) struct CallSound {
    pub(crate) control: CallAudioControl,
    pub(crate) transport: Arc<TransportStats>,
}

#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) logged_in: bool,
    pub(crate) connected: bool,
    pub(crate) calls: Vec<CallInfo>,
    pub(crate) sounds: BTreeMap<CallId, CallSound>,
    pub(crate) audio_io: Option<Arc<dyn AudioIo>>,
    /// The cards that calls use.
    pub(crate) devices: monipy_device::Choice,
}

/// Shared between a supervisor's handles and its actor.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) bus: Bus,
    snapshot: Mutex<Snapshot>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let bus = Bus::new(config.event_queue as usize);
        let snapshot = Snapshot { devices: super::sound_card::chosen(&config), ..Snapshot::default() };
        Shared { config, bus, snapshot: Mutex::new(snapshot) }
    }

    /// Whose tones callers hear.
    pub(crate) fn comfort_tones(&self) -> ComfortTones {
        ComfortTones::from_name(&self.config.comfort_tones).unwrap_or_default()
    }

    pub(crate) fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call that is meant by `id`: itself, or the one that rings, else the newest.
    pub(crate) fn call_info(&self, id: CallId) -> Option<CallInfo> {
        let snapshot = self.snapshot();
        if id != CallId::CURRENT {
            return snapshot.calls.iter().find(|c| c.id == id).cloned();
        }
        let rings = |c: &&CallInfo| c.direction == Direction::Incoming && matches!(c.state, CallState::Trying | CallState::Ringing);
        snapshot.calls.iter().find(rings).or_else(|| snapshot.calls.last()).cloned()
    }

    pub(crate) fn sound(&self, id: CallId) -> Option<CallSound> {
        let id = self.call_info(id)?.id;
        self.snapshot().sounds.get(&id).cloned()
    }

    pub(crate) fn stats(&self, id: CallId) -> Option<Stats> {
        let sound = self.sound(id)?;
        let mut stats = sound.control.stats();
        stats.round_trip_ms = sound.transport.rtcp().round_trip.map(|d| d.as_secs_f32() * 1000.0);
        Some(stats)
    }
}
