//! Misbehaviour by name: what servers, networks and calls do to a phone on a bad day, on demand.
//!
//! Some stand until they are taken back or have happened `times` times (a registrar that says 503);
//! some happen at once (a dropped socket).
//!
//! - this page: the misbehaviours and their numbers; `table`: their list with a line on each;
//! - `board`: what stands now; `act`: how one is begun and taken back.

mod act;
mod board;
mod table;

pub(crate) use act::{behave, misbehave};
pub use board::Standing;
pub(crate) use board::Switchboard;
pub use table::{MISBEHAVIOURS, MisbehaviourSpec};

use crate::mix::impair::Impairment;
use monipy_core::Codec;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::str::FromStr;

/// A misbehaviour with its numbers. In JSON: `{"name": "unavailable", "retry_after": 3}`; on the
/// command line: `unavailable:retry_after=3`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Misbehaviour {
    /// The right password is refused as though it were wrong.
    WrongPassword,
    /// REGISTER gets 403.
    Forbidden,
    /// REGISTER gets 503 with Retry-After.
    Unavailable {
        /// Seconds of Retry-After; 0 leaves the header out.
        #[serde(default = "one")]
        retry_after: u32,
    },
    /// REGISTER gets 423 with Min-Expires, unless it asks for that long.
    IntervalTooBrief {
        /// Seconds of Min-Expires.
        #[serde(default = "ten_minutes")]
        min_expires: u32,
    },
    /// A right answer to a challenge gets another challenge with stale=true.
    StaleNonce,
    /// Challenges offer SHA-256 alone.
    Sha256Only,
    /// REGISTER gets no answer.
    NoAnswerToRegister,
    /// The 200 to REGISTER names no contact.
    RegisterWithoutContact,
    /// Every WebSocket connection is dropped, now.
    DropSocket,
    /// Every WebSocket connection goes silent without being closed, now.
    HalfOpen,
    /// The server is gone: connections are dropped and new ones refused, now.
    ServerGone {
        /// For how long, seconds.
        #[serde(default = "two")]
        seconds: f64,
    },
    /// A barge request is cancelled while it rings.
    CancelBeforeAnswer {
        /// Milliseconds of ringing.
        #[serde(default)]
        after_ms: u64,
    },
    /// A barge request is cancelled at the moment its 200 arrives.
    CancelRacingAnswer,
    /// The centre hangs up as soon as a barge request was answered.
    HangUpOnAnswer,
    /// The offer names a fingerprint that is not the certificate's.
    WrongFingerprint,
    /// The INVITE carries no offer (late offer); the ACK brings the answer.
    InviteWithoutSdp,
    /// A re-INVITE of the phone meets one of the centre's.
    Glare,
    /// Supervisors who are in a call are asked into it once more, now: a phone that takes one call
    /// says 486.
    SecondCall,
    /// Every answered phone is held, now.
    Hold,
    /// Every answered phone is taken off hold, now.
    Unhold,
    /// Every answered phone gets a re-INVITE without an offer, now.
    ReinviteWithoutSdp,
    /// The media of every answered phone moves to a fresh connection with another SSRC, now.
    SsrcChange,
    /// Every answered phone is offered one codec alone, now.
    CodecChange {
        /// `opus`, `PCMU` or `PCMA`.
        #[serde(default = "pcmu")]
        codec: String,
    },
    /// Packets of the centre's media are lost.
    Loss {
        /// Share of the packets, 0 to 1.
        #[serde(default = "tenth")]
        share: f64,
    },
    /// Packets of the centre's media come early and late.
    Jitter {
        /// The greatest delay, ms.
        #[serde(default = "sixty")]
        ms: u32,
    },
    /// Packets of the centre's media overtake each other.
    Reorder {
        /// Share of the packets, 0 to 1.
        #[serde(default = "tenth")]
        share: f64,
    },
    /// Packets of the centre's media come late, all of them alike.
    Delay {
        /// How late, ms.
        #[serde(default = "two_hundred")]
        ms: u32,
    },
    /// The centre sends no media at all.
    OneWay,
    /// The centre sends digital silence in place of the mix.
    Silence,
    /// Several disturbances of the centre's media at once.
    Media(Impairment),
}

fn pcmu() -> String {
    "PCMU".to_owned()
}
fn tenth() -> f64 {
    0.1
}
fn sixty() -> u32 {
    60
}
fn two_hundred() -> u32 {
    200
}

fn one() -> u32 {
    1
}
fn two() -> f64 {
    2.0
}
fn ten_minutes() -> u32 {
    600
}

impl Misbehaviour {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Misbehaviour::WrongPassword => "wrong-password",
            Misbehaviour::Forbidden => "forbidden",
            Misbehaviour::Unavailable { .. } => "unavailable",
            Misbehaviour::IntervalTooBrief { .. } => "interval-too-brief",
            Misbehaviour::StaleNonce => "stale-nonce",
            Misbehaviour::Sha256Only => "sha256-only",
            Misbehaviour::NoAnswerToRegister => "no-answer-to-register",
            Misbehaviour::RegisterWithoutContact => "register-without-contact",
            Misbehaviour::DropSocket => "drop-socket",
            Misbehaviour::HalfOpen => "half-open",
            Misbehaviour::ServerGone { .. } => "server-gone",
            Misbehaviour::CancelBeforeAnswer { .. } => "cancel-before-answer",
            Misbehaviour::CancelRacingAnswer => "cancel-racing-answer",
            Misbehaviour::HangUpOnAnswer => "hang-up-on-answer",
            Misbehaviour::WrongFingerprint => "wrong-fingerprint",
            Misbehaviour::InviteWithoutSdp => "invite-without-sdp",
            Misbehaviour::Glare => "glare",
            Misbehaviour::SecondCall => "second-call",
            Misbehaviour::Hold => "hold",
            Misbehaviour::Unhold => "unhold",
            Misbehaviour::ReinviteWithoutSdp => "reinvite-without-sdp",
            Misbehaviour::SsrcChange => "ssrc-change",
            Misbehaviour::CodecChange { .. } => "codec-change",
            Misbehaviour::Loss { .. } => "loss",
            Misbehaviour::Jitter { .. } => "jitter",
            Misbehaviour::Reorder { .. } => "reorder",
            Misbehaviour::Delay { .. } => "delay",
            Misbehaviour::OneWay => "one-way",
            Misbehaviour::Silence => "silence",
            Misbehaviour::Media(_) => "media",
        }
    }

    /// What it does to the centre's media.
    #[must_use]
    pub fn impairment(&self) -> Option<Impairment> {
        let none = Impairment::default();
        match *self {
            Misbehaviour::Loss { share } => Some(Impairment { loss: share, ..none }),
            Misbehaviour::Jitter { ms } => Some(Impairment { jitter_ms: ms, ..none }),
            Misbehaviour::Reorder { share } => Some(Impairment { reorder: share, ..none }),
            Misbehaviour::Delay { ms } => Some(Impairment { delay_ms: ms, ..none }),
            Misbehaviour::OneWay => Some(Impairment { mute_packets: true, ..none }),
            Misbehaviour::Silence => Some(Impairment { silence: true, ..none }),
            Misbehaviour::Media(impairment) => Some(impairment),
            _ => None,
        }
    }

    /// Looks at numbers that a type alone does not hold.
    fn check(self) -> Result<Misbehaviour, String> {
        let share = |i: &Impairment| (0.0..=1.0).contains(&i.loss) && (0.0..=1.0).contains(&i.reorder);
        match &self {
            Misbehaviour::CodecChange { codec } if codec_named(codec).is_none() => {
                Err(format!("codec-change: {codec:?} is not a codec; it is one of opus, PCMU, PCMA"))
            }
            other if !other.impairment().is_none_or(|i| share(&i)) => Err(format!("{}: a share is a number from 0 to 1", self.name())),
            _ => Ok(self),
        }
    }

    /// Its row of [`MISBEHAVIOURS`].
    #[must_use]
    pub fn spec(&self) -> &'static MisbehaviourSpec {
        // A test holds the table complete.
        MISBEHAVIOURS.iter().find(|s| s.name == self.name()).unwrap_or(&MISBEHAVIOURS[0])
    }

    /// Reads `{"name": ..., ...}`.
    ///
    /// # Errors
    /// A sentence that says what there is.
    pub fn from_json(value: Value) -> Result<Misbehaviour, String> {
        let known = |name: &str| MISBEHAVIOURS.iter().find(|s| s.name == name);
        let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(row) = known(&name) else {
            let names: Vec<&str> = MISBEHAVIOURS.iter().map(|s| s.name).collect();
            return Err(format!("{name:?} is not a misbehaviour; there are {}", names.join(", ")));
        };
        let read: Misbehaviour = serde_json::from_value(value)
            .map_err(|e| format!("{name}: {e}; it accepts {}", if row.arguments.is_empty() { "nothing more" } else { row.arguments }))?;
        read.check()
    }
}

impl FromStr for Misbehaviour {
    type Err = String;
    /// Reads `name` or `name:key=value,key=value`.
    fn from_str(s: &str) -> Result<Misbehaviour, String> {
        let (name, arguments) = s.split_once(':').unwrap_or((s, ""));
        let mut object = Map::new();
        object.insert("name".into(), Value::from(name));
        for argument in arguments.split(',').filter(|a| !a.is_empty()) {
            let (key, value) = argument.split_once('=').ok_or_else(|| format!("{name}: {argument:?} is not key=value"))?;
            object.insert(key.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)));
        }
        Misbehaviour::from_json(Value::Object(object))
    }
}

/// The codec of a name, in capitals or not.
fn codec_named(name: &str) -> Option<Codec> {
    [Codec::Opus, Codec::Pcmu, Codec::Pcma].into_iter().find(|c| c.name().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_table_is_read_and_says_its_name() {
        for row in MISBEHAVIOURS {
            let with_defaults = format!("{}:{}", row.name, row.arguments);
            for text in [row.name, with_defaults.as_str()] {
                let read: Misbehaviour = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
                assert_eq!(read.spec().name, row.name);
                let json = serde_json::to_value(&read).unwrap();
                assert_eq!(Misbehaviour::from_json(json).unwrap(), read);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wants) in [
            ("forbiden", "there are wrong-password"),
            ("unavailable:retry_after=soon", "it accepts retry_after=1"),
            ("unavailable:after=3", "it accepts retry_after=1"),
            ("media:loss", "is not key=value"),
            ("loss:share=2", "from 0 to 1"),
            ("codec-change:codec=mp3", "opus, PCMU, PCMA"),
        ] {
            let error = text.parse::<Misbehaviour>().unwrap_err();
            assert!(error.contains(wants), "{text}: {error}");
        }
    }
}
