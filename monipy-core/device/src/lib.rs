//! Sound cards for monipy: list them, choose one, open it, and keep it open while cards come and go.
//!
//! Nothing is linked and nothing is printed: miniaudio opens the system's sound library at run
//! time, and where there is none, or no card, [`Session::open`] says so in a sentence.
//!
//! - `card.rs`: the only place that speaks to the sound library (and the only unsafe one).
//! - `ring.rs`: samples between a card's thread and the program's, with both clocks kept together.
//! - `session.rs`: a speaker and a microphone of one call, watched by a thread of their own.

mod card;
mod ring;
mod session;

pub use session::{Choice, Notice, Session};

use std::fmt;

/// Hz of all sound here. Mono, signed 16 bits.
pub const SAMPLE_RATE: u32 = 48_000;

/// Which way a card's sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// A speaker.
    Output,
    /// A microphone.
    Input,
}

/// A sound card, as the system shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The name people know it by.
    pub name: String,
    /// The name the system knows it by; empty where it has none that can be written.
    pub id: String,
    /// Speaker or microphone.
    pub way: Way,
    /// What the system takes when nobody chooses.
    pub is_default: bool,
}

impl Device {
    /// Whether somebody who writes `wanted` means this one: its name in any case, or its id.
    #[must_use]
    pub fn is_called(&self, wanted: &str) -> bool {
        self.name.to_lowercase() == wanted.to_lowercase() || (!self.id.is_empty() && self.id == wanted)
    }
}

/// Why there is no sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// Every sound card there is now. Takes milliseconds, and up to a few seconds when a sound server
/// does not answer.
///
/// # Errors
/// When there is no sound library.
pub fn devices() -> Result<Vec<Device>, Failure> {
    card::list()
}

/// Where a call's sound goes.
#[derive(Debug)]
pub struct Speaker {
    ring: ring::Feeder,
}

impl Speaker {
    /// Takes 10 ms of sound (480 samples). Never blocks; forgets what does not fit.
    pub fn play(&mut self, pcm: &[i16]) {
        self.ring.push(pcm);
    }
    /// How much waits to be played, ms.
    #[must_use]
    pub fn queued_ms(&self) -> u32 {
        self.ring.level() as u32 / (SAMPLE_RATE / 1000)
    }
}

/// Where a call's own sound comes from.
#[derive(Debug)]
pub struct Microphone {
    ring: ring::Taker,
}

impl Microphone {
    /// Fills `pcm` (10 ms, 480 samples) and returns how many samples there were: all or none.
    pub fn capture(&mut self, pcm: &mut [i16]) -> usize {
        self.ring.pull(pcm)
    }
}
