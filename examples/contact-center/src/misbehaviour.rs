//! Misbehaviour by name: what servers, networks and calls do to a phone on a bad day, on demand.
//!
//! Some stand until they are taken back or have happened `times` times (a registrar that says 503);
//! some happen at once (a dropped socket).

use crate::mix::impair::Impairment;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// A misbehaviour with its numbers. In JSON: `{"name": "unavailable", "retry_after": 3}`; on the
/// command line: `unavailable:retry_after=3`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Misbehaviour {
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
    /// The media of legs that begin from now on is disturbed.
    Media(Impairment),
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

/// One row of the list of misbehaviours.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MisbehaviourSpec {
    /// Its name.
    pub name: &'static str,
    /// Its numbers with their defaults, as on the command line.
    pub arguments: &'static str,
    /// Whether it stands until taken back (or `times` times), or happens at once.
    pub standing: bool,
    /// What happens.
    pub doc: &'static str,
}

const fn spec(name: &'static str, arguments: &'static str, standing: bool, doc: &'static str) -> MisbehaviourSpec {
    MisbehaviourSpec { name, arguments, standing, doc }
}

/// Every misbehaviour.
pub const MISBEHAVIOURS: &[MisbehaviourSpec] = &[
    spec("forbidden", "", true, "REGISTER gets 403"),
    spec("unavailable", "retry_after=1", true, "REGISTER gets 503 with Retry-After"),
    spec("interval-too-brief", "min_expires=600", true, "REGISTER gets 423 with Min-Expires until it asks for that long"),
    spec("stale-nonce", "", true, "a right answer to a challenge gets another challenge with stale=true"),
    spec("sha256-only", "", true, "challenges offer SHA-256 alone"),
    spec("no-answer-to-register", "", true, "REGISTER gets no answer"),
    spec("register-without-contact", "", true, "the 200 to REGISTER names no contact"),
    spec("drop-socket", "", false, "every WebSocket connection is dropped"),
    spec("half-open", "", false, "every WebSocket connection goes silent without being closed"),
    spec("server-gone", "seconds=2", false, "connections are dropped and new ones refused for a while"),
    spec("cancel-before-answer", "after_ms=0", true, "a barge request is cancelled while it rings"),
    spec("cancel-racing-answer", "", true, "a barge request is cancelled at the moment its 200 arrives"),
    spec("hang-up-on-answer", "", true, "the centre hangs up as soon as a barge request was answered"),
    spec("wrong-fingerprint", "", true, "the offer names a fingerprint that is not the certificate's"),
    spec("invite-without-sdp", "", true, "the INVITE carries no offer"),
    spec("glare", "", true, "a re-INVITE of the phone meets one of the centre's"),
    spec(
        "media",
        "loss=0,jitter_ms=0,delay_ms=0,reorder=0,silence=false,mute_packets=false",
        true,
        "the media of legs that begin from now on is disturbed",
    ),
];

impl Misbehaviour {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
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
            Misbehaviour::Media(_) => "media",
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
        serde_json::from_value(value)
            .map_err(|e| format!("{name}: {e}; it accepts {}", if row.arguments.is_empty() { "nothing more" } else { row.arguments }))
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

/// A misbehaviour that stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// What.
    #[serde(flatten)]
    pub misbehaviour: Misbehaviour,
    /// How often it will still happen; `None` until taken back.
    pub times: Option<u32>,
}

/// What stands now.
#[derive(Debug, Default)]
pub(crate) struct Switchboard(Mutex<Vec<Standing>>);

impl Switchboard {
    /// Lets a misbehaviour stand, in place of one of the same name.
    pub(crate) fn stand(&self, misbehaviour: Misbehaviour, times: Option<u32>) {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        standing.retain(|s| s.misbehaviour.name() != misbehaviour.name());
        standing.push(Standing { misbehaviour, times });
    }

    /// Takes one back; false when it did not stand.
    pub(crate) fn take_back(&self, name: &str) -> bool {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = standing.len();
        standing.retain(|s| s.misbehaviour.name() != name);
        standing.len() != before
    }

    pub(crate) fn all(&self) -> Vec<Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `pick` finds, if it stands; counts as having happened.
    pub(crate) fn happens<T>(&self, pick: impl Fn(&Misbehaviour) -> Option<T>) -> Option<T> {
        let mut standing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, found) = standing.iter().enumerate().find_map(|(i, s)| pick(&s.misbehaviour).map(|t| (i, t)))?;
        if let Some(times) = &mut standing[at].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                standing.remove(at);
            }
        }
        Some(found)
    }

    /// Whether this one stands; counts as having happened.
    pub(crate) fn happens_now(&self, wanted: &Misbehaviour) -> bool {
        self.happens(|m| (m == wanted).then_some(())).is_some()
    }
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
            ("forbiden", "there are forbidden"),
            ("unavailable:retry_after=soon", "it accepts retry_after=1"),
            ("unavailable:after=3", "it accepts retry_after=1"),
            ("media:loss", "is not key=value"),
        ] {
            let error = text.parse::<Misbehaviour>().unwrap_err();
            assert!(error.contains(wants), "{text}: {error}");
        }
    }

    #[test]
    fn it_happens_as_often_as_asked() {
        let board = Switchboard::default();
        board.stand(Misbehaviour::Forbidden, Some(2));
        board.stand(Misbehaviour::StaleNonce, None);
        let hits = (0..5).filter(|_| board.happens_now(&Misbehaviour::Forbidden)).count();
        assert_eq!(hits, 2);
        assert!((0..5).all(|_| board.happens_now(&Misbehaviour::StaleNonce)));
        assert!(board.take_back("stale-nonce") && !board.take_back("stale-nonce"));
        assert!(board.all().is_empty());
    }
}
