//! The parties of a call: who they are and what they sound like.

use crate::mix::dialogue::Shape;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// What a party is in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
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

impl FromStr for Role {
    type Err = String;
    fn from_str(s: &str) -> Result<Role, String> {
        [Role::Agent, Role::Customer, Role::Supervisor]
            .into_iter()
            .find(|r| r.as_str() == s)
            .ok_or_else(|| format!("{s:?} is not a role; it is one of agent, customer, supervisor"))
    }
}

/// What a party sounds like. Everything repeats until the call ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Sound {
    /// The agent's or the customer's half of the recorded dialogue (which one, the role decides);
    /// the two halves fit each other turn by turn.
    Speech,
    /// The agent's questions or the customer's answers, made up from the run's seed and spoken by
    /// the centre's own synthesiser, with overlaps and dead air as asked for.
    Dialogue(Shape),
    /// These words, spoken by espeak-ng where the machine has it, by the centre's own synthesiser
    /// elsewhere; a pause; and again.
    Say(String),
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
    /// Not scripted at all: the real phone that is registered under the party's name is called.
    Phone,
}

/// What there is to say on a command line, in HTTP and in a scenario.
pub const SOUNDS: &[(&str, &str)] = &[
    ("speech", "the agent's or customer's half of a recorded dialogue with a pause and an overlap"),
    (
        "dialogue",
        "questions and answers made up from the seed; dialogue:overlap=0.3,dead_air=2 for overlaps (share of the turns) and dead air (seconds)",
    ),
    ("say:WORDS", "these words, by espeak-ng where there is one, else by the centre's own synthesiser"),
    ("tone:HZ", "a sine at -20 dBFS, 20 to 20000 Hz"),
    ("wav:FILE", "a PCM WAV file"),
    ("silence", "digital silence"),
    ("phone", "a real phone that is registered under the party's name; phone:ID names it"),
];

impl fmt::Display for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sound::Speech => f.write_str("speech"),
            Sound::Tone(hz) => write!(f, "tone:{hz}"),
            Sound::Wav(path) => write!(f, "wav:{}", path.display()),
            Sound::Pcm { sample_rate, samples } => write!(f, "pcm:{} samples at {sample_rate} Hz", samples.len()),
            Sound::Silence => f.write_str("silence"),
            Sound::Dialogue(shape) => write!(f, "dialogue:{shape}"),
            Sound::Say(words) => write!(f, "say:{words}"),
            Sound::Phone => f.write_str("phone"),
        }
    }
}

impl FromStr for Sound {
    type Err = String;
    /// Reads what [`SOUNDS`] lists; the id after `phone:` is the party's affair.
    fn from_str(s: &str) -> Result<Sound, String> {
        let (kind, rest) = s.split_once(':').unwrap_or((s, ""));
        match (kind, rest) {
            ("speech", "") => Ok(Sound::Speech),
            ("phone", _) => Ok(Sound::Phone),
            ("dialogue", shape) => shape.parse().map(Sound::Dialogue),
            ("say", words) if !words.trim().is_empty() => Ok(Sound::Say(words.trim().to_owned())),
            ("silence", "") => Ok(Sound::Silence),
            ("tone", hz) => match hz.parse::<f64>() {
                Ok(hz) if (20.0..=20_000.0).contains(&hz) => Ok(Sound::Tone(hz)),
                _ => Err(format!("tone:{hz} is not a frequency; write tone:440 (20 to 20000 Hz)")),
            },
            ("wav", path) if !path.is_empty() => Ok(Sound::Wav(PathBuf::from(path))),
            _ => {
                let names: Vec<&str> = SOUNDS.iter().map(|(name, _)| *name).collect();
                Err(format!("{s:?} is not a sound; it is one of {}", names.join(", ")))
            }
        }
    }
}

/// A party.
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

    /// A party of this role whose sound is named as on the command line; `phone:ID` also names the party.
    ///
    /// # Errors
    /// A sentence that says what there is.
    pub fn named(name: Option<String>, role: Role, sound: &str) -> Result<Party, String> {
        let phone = sound.strip_prefix("phone:").map(str::to_owned);
        let name = phone.or(name).unwrap_or_else(|| role.as_str().to_owned());
        Ok(Party { name, role, sound: sound.parse()? })
    }

    /// The same party as a real phone: the account of its name is called.
    #[must_use]
    pub fn on_the_phone(self) -> Party {
        self.sounding(Sound::Phone)
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
