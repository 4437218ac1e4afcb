//! The scripted parties of a call: who they are and what they sound like.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// What a party is in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Works in the contact centre; hears a whispering supervisor.
    Agent,
    /// Called in, or was called; never hears a whisper.
    Customer,
    /// Barged in over SIP.
    Supervisor,
}

impl Role {
    /// The name used in HTTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Customer => "customer",
            Role::Supervisor => "supervisor",
        }
    }
}

/// What a scripted party sounds like. Everything repeats until the call ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Sound {
    /// The agent's or the customer's half of the recorded dialogue (which one, the role decides);
    /// the two halves fit each other turn by turn.
    Speech,
    /// A sine of this frequency in Hz (20 to 20,000), at -20 dBFS.
    Tone(f64),
    /// A WAV file: PCM of 8, 16, 24 or 32 bits, any rate from 8 to 48 kHz; the first channel is taken.
    Wav(PathBuf),
    /// Samples given by the program, mono.
    Pcm {
        /// Hz: 8000, 16000, 24000 or 48000.
        sample_rate: u32,
        /// The samples.
        samples: Arc<[i16]>,
    },
    /// Digital silence.
    Silence,
}

impl fmt::Display for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sound::Speech => f.write_str("speech"),
            Sound::Tone(hz) => write!(f, "tone:{hz}"),
            Sound::Wav(path) => write!(f, "wav:{}", path.display()),
            Sound::Pcm { sample_rate, samples } => write!(f, "pcm:{} samples at {sample_rate} Hz", samples.len()),
            Sound::Silence => f.write_str("silence"),
        }
    }
}

impl FromStr for Sound {
    type Err = String;
    /// Reads `speech`, `silence`, `tone:440` or `wav:path`.
    fn from_str(s: &str) -> Result<Sound, String> {
        let (kind, rest) = s.split_once(':').unwrap_or((s, ""));
        match (kind, rest) {
            ("speech", "") => Ok(Sound::Speech),
            ("silence", "") => Ok(Sound::Silence),
            ("tone", hz) => match hz.parse::<f64>() {
                Ok(hz) if (20.0..=20_000.0).contains(&hz) => Ok(Sound::Tone(hz)),
                _ => Err(format!("tone:{hz} is not a frequency; write tone:440 (20 to 20000 Hz)")),
            },
            ("wav", path) if !path.is_empty() => Ok(Sound::Wav(PathBuf::from(path))),
            _ => Err(format!("{s:?} is not a sound; it is one of speech, silence, tone:HZ, wav:FILE")),
        }
    }
}

/// A scripted party.
#[derive(Debug, Clone, PartialEq)]
pub struct Party {
    /// Its name in the audibility matrix, unique within its call.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// What it sounds like.
    pub sound: Sound,
}

impl Party {
    /// An agent who speaks the agent's half of the recorded dialogue.
    #[must_use]
    pub fn agent(name: impl Into<String>) -> Party {
        Party { name: name.into(), role: Role::Agent, sound: Sound::Speech }
    }

    /// A customer who speaks the customer's half of the recorded dialogue.
    #[must_use]
    pub fn customer(name: impl Into<String>) -> Party {
        Party { name: name.into(), role: Role::Customer, sound: Sound::Speech }
    }

    /// The same party with another sound.
    #[must_use]
    pub fn sounding(self, sound: Sound) -> Party {
        Party { sound, ..self }
    }

    /// The same party as a sine of this frequency in Hz.
    #[must_use]
    pub fn tone(self, hz: f64) -> Party {
        self.sounding(Sound::Tone(hz))
    }

    /// The same party without a sound.
    #[must_use]
    pub fn silent(self) -> Party {
        self.sounding(Sound::Silence)
    }
}
