//! What a step of a scenario may do.

use crate::misbehaviour::Misbehaviour;
use crate::mix::layout::Layout;
use crate::mode::Mode;
use crate::party::{Party, Role};
use serde::Deserialize;
use serde::de::Error;
use std::fmt;

/// What a step does.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Action {
    Call {
        #[serde(default = "call")]
        call: String,
        agent: Option<Entry>,
        customer: Option<Entry>,
        parties: Option<Vec<Entry>>,
    },
    Barge {
        #[serde(default = "call")]
        call: String,
        supervisor: Option<String>,
        #[serde(default, deserialize_with = "parsed")]
        mode: Mode,
        #[serde(default, deserialize_with = "parsed")]
        layout: Layout,
    },
    Mode {
        phone: String,
        #[serde(deserialize_with = "parsed")]
        mode: Mode,
    },
    Join {
        #[serde(default = "call")]
        call: String,
        name: String,
        #[serde(deserialize_with = "parsed")]
        role: RoleName,
        #[serde(default = "speech")]
        sound: String,
    },
    Leave {
        #[serde(default = "call")]
        call: String,
        party: String,
    },
    Bridge {
        #[serde(default = "call")]
        call: String,
        other: String,
    },
    Sound {
        #[serde(default = "call")]
        call: String,
        party: String,
        sound: String,
    },
    Keys {
        phone: String,
        digits: String,
    },
    Hold {
        phone: String,
    },
    Unhold {
        phone: String,
    },
    HangUp {
        phone: String,
    },
    End {
        #[serde(default = "call")]
        call: String,
    },
    Misbehave {
        #[serde(deserialize_with = "parsed")]
        misbehaviour: Misbehaviour,
        times: Option<u32>,
    },
    Behave {
        misbehaviour: String,
    },
    Wait {
        phone: String,
        #[serde(rename = "for", deserialize_with = "parsed")]
        what: Stage,
        #[serde(default = "patience")]
        timeout: f64,
    },
    Expect {
        #[serde(default = "call")]
        call: String,
        listener: String,
        heard: Vec<String>,
        #[serde(default = "patience")]
        timeout: f64,
    },
}

/// A party as a step names it.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    name: Option<String>,
    role: Option<String>,
    sound: Option<String>,
}

impl Entry {
    pub(super) fn party(&self, role: Role) -> Result<Party, String> {
        let role = self.role.as_deref().map_or(Ok(role), str::parse)?;
        Party::named(self.name.clone(), role, self.sound.as_deref().unwrap_or("speech"))
    }
}

/// A role that has a default, as serde wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoleName(pub(super) Role);

impl std::str::FromStr for RoleName {
    type Err = String;
    fn from_str(s: &str) -> Result<RoleName, String> {
        s.parse().map(RoleName)
    }
}

/// What a phone is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Registered,
    Unregistered,
    Ringing,
    Answered,
    Media,
    Ended,
}

impl Stage {
    const ALL: [(&str, Stage); 6] = [
        ("registered", Stage::Registered),
        ("unregistered", Stage::Unregistered),
        ("ringing", Stage::Ringing),
        ("answered", Stage::Answered),
        ("media", Stage::Media),
        ("ended", Stage::Ended),
    ];
}

impl std::str::FromStr for Stage {
    type Err = String;
    fn from_str(s: &str) -> Result<Stage, String> {
        let names: Vec<&str> = Stage::ALL.iter().map(|(name, _)| *name).collect();
        Stage::ALL
            .iter()
            .find(|(name, _)| *name == s)
            .map(|(_, stage)| *stage)
            .ok_or_else(|| format!("{s:?} is nothing to wait for; there are {}", names.join(", ")))
    }
}

fn call() -> String {
    "call".to_owned()
}
fn speech() -> String {
    "speech".to_owned()
}
fn patience() -> f64 {
    10.0
}

/// A value that is read from a string as on the command line.
fn parsed<'de, D: serde::Deserializer<'de>, T: std::str::FromStr<Err = String>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// One row of the list of steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepSpec {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    /// Field, default (empty: it must be given), meaning.
    pub(super) fields: &'static [(&'static str, &'static str, &'static str)],
    /// An example, which a test reads.
    pub(super) example: &'static str,
}

const CALL: (&str, &str, &str) = ("call", "\"call\"", "the name that the scenario gives the call");
const PHONE: (&str, &str, &str) = ("phone", "", "the login id of a phone that is in a call");

/// Every step.
pub(super) const STEPS: &[StepSpec] = &[
    StepSpec {
        name: "call",
        doc: "Begins a call.",
        fields: &[
            CALL,
            ("agent", "{sound = \"speech\"}", "`{name, sound}`"),
            ("customer", "{sound = \"speech\"}", "`{name, sound}`"),
            ("parties", "none", "in their place a list of `{name, role, sound}`"),
        ],
        example: "do = \"call\"\ncall = \"refund\"\nagent = { sound = \"dialogue:overlap=0.3,dead_air=2\" }\ncustomer = { sound = \"dialogue:overlap=0.3,dead_air=2\" }",
    },
    StepSpec {
        name: "barge",
        doc: "Asks a supervisor into a call.",
        fields: &[
            CALL,
            ("supervisor", "the first", "login id"),
            ("mode", "\"barge\"", "`listen`, `whisper`, `barge` or `whisper-customer`"),
            ("layout", "\"mixed\"", "`mixed`, `stereo` or `apart`"),
        ],
        example: "do = \"barge\"\ncall = \"refund\"\nsupervisor = \"maria\"\nmode = \"listen\"",
    },
    StepSpec {
        name: "mode",
        doc: "Switches what a supervisor may do.",
        fields: &[PHONE, ("mode", "", "as for `barge`")],
        example: "do = \"mode\"\nphone = \"maria\"\nmode = \"whisper\"",
    },
    StepSpec {
        name: "join",
        doc: "Brings one more party into a call.",
        fields: &[
            CALL,
            ("name", "", "its name; for a phone the login id"),
            ("role", "", "`agent` or `customer`"),
            ("sound", "\"speech\"", "a sound"),
        ],
        example: "do = \"join\"\nname = \"expert\"\nrole = \"agent\"\nsound = \"say:Let me look into that.\"",
    },
    StepSpec {
        name: "leave",
        doc: "Lets a party leave a call.",
        fields: &[CALL, ("party", "", "its name")],
        example: "do = \"leave\"\nparty = \"expert\"",
    },
    StepSpec {
        name: "bridge",
        doc: "Moves the parties and supervisors of another call into this one.",
        fields: &[CALL, ("other", "", "the other call's name")],
        example: "do = \"bridge\"\ncall = \"refund\"\nother = \"second\"",
    },
    StepSpec {
        name: "sound",
        doc: "Lets a scripted party sound otherwise.",
        fields: &[CALL, ("party", "", "its name"), ("sound", "", "a sound")],
        example: "do = \"sound\"\nparty = \"customer\"\nsound = \"silence\"",
    },
    StepSpec {
        name: "keys",
        doc: "Presses keys towards a phone (RFC 4733).",
        fields: &[PHONE, ("digits", "", "`0-9 * # A-D`")],
        example: "do = \"keys\"\nphone = \"maria\"\ndigits = \"42#\"",
    },
    StepSpec { name: "hold", doc: "Holds a phone.", fields: &[PHONE], example: "do = \"hold\"\nphone = \"maria\"" },
    StepSpec { name: "unhold", doc: "Takes a phone off hold.", fields: &[PHONE], example: "do = \"unhold\"\nphone = \"maria\"" },
    StepSpec { name: "hang-up", doc: "Hangs a phone up, or cancels.", fields: &[PHONE], example: "do = \"hang-up\"\nphone = \"maria\"" },
    StepSpec { name: "end", doc: "Ends a call and every leg of it.", fields: &[CALL], example: "do = \"end\"\ncall = \"refund\"" },
    StepSpec {
        name: "misbehave",
        doc: "Begins a misbehaviour.",
        fields: &[
            ("misbehaviour", "", "`NAME` or `NAME:KEY=VALUE,KEY=VALUE`, see below"),
            ("times", "until taken back", "how often it happens"),
        ],
        example: "do = \"misbehave\"\nmisbehaviour = \"loss:share=0.05\"",
    },
    StepSpec {
        name: "behave",
        doc: "Takes a misbehaviour back.",
        fields: &[("misbehaviour", "", "its name")],
        example: "do = \"behave\"\nmisbehaviour = \"loss\"",
    },
    StepSpec {
        name: "wait",
        doc: "Waits for a phone; later steps wait with it. The scenario fails when it does not happen in time.",
        fields: &[
            ("phone", "", "login id"),
            ("for", "", "`registered`, `unregistered`, `ringing`, `answered`, `media` or `ended`"),
            ("timeout", "10", "seconds"),
        ],
        example: "do = \"wait\"\nphone = \"maria\"\nfor = \"registered\"\ntimeout = 60",
    },
    StepSpec {
        name: "expect",
        doc: "Waits until a party hears exactly these; the scenario fails when it does not in time.",
        fields: &[CALL, ("listener", "", "whose ear"), ("heard", "", "a list of names"), ("timeout", "10", "seconds")],
        example: "do = \"expect\"\nlistener = \"maria\"\nheard = [\"agent\", \"customer\"]",
    },
];

impl Action {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Action::Call { .. } => "call",
            Action::Barge { .. } => "barge",
            Action::Mode { .. } => "mode",
            Action::Join { .. } => "join",
            Action::Leave { .. } => "leave",
            Action::Bridge { .. } => "bridge",
            Action::Sound { .. } => "sound",
            Action::Keys { .. } => "keys",
            Action::Hold { .. } => "hold",
            Action::Unhold { .. } => "unhold",
            Action::HangUp { .. } => "hang-up",
            Action::End { .. } => "end",
            Action::Misbehave { .. } => "misbehave",
            Action::Behave { .. } => "behave",
            Action::Wait { .. } => "wait",
            Action::Expect { .. } => "expect",
        }
    }

    /// Reads a step without its times.
    pub(super) fn read(table: toml::Table) -> Result<Action, String> {
        let name = table.get("do").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        if !STEPS.iter().any(|s| s.name == name) {
            let names: Vec<&str> = STEPS.iter().map(|s| s.name).collect();
            return Err(format!("{name:?} is not a step; there are {}", names.join(", ")));
        }
        let action: Action = toml::Value::Table(table).try_into().map_err(|e: toml::de::Error| format!("{name}: {}", e.message()))?;
        action.check().map_err(|e| format!("{name}: {e}"))?;
        Ok(action)
    }

    /// Looks at names inside strings, so that a file is wrong when it is read and not half way.
    fn check(&self) -> Result<(), String> {
        match self {
            Action::Call { agent, customer, parties, .. } => {
                for entry in agent.iter().chain(customer).chain(parties.iter().flatten()) {
                    entry.party(Role::Agent)?;
                }
            }
            Action::Join { sound, .. } | Action::Sound { sound, .. } => {
                sound.parse::<crate::Sound>()?;
            }
            Action::Wait { timeout, .. } | Action::Expect { timeout, .. } if !(0.0..=86_400.0).contains(timeout) => {
                return Err(format!("timeout = {timeout}; it takes seconds, 0 to 86400"));
            }
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Action::Call { call, .. } | Action::End { call } => write!(f, " {call}"),
            Action::Barge { call, supervisor, mode, .. } => {
                write!(f, " {} into {call}: {mode}", supervisor.as_deref().unwrap_or("the first supervisor"))
            }
            Action::Mode { phone, mode } => write!(f, " {phone}: {mode}"),
            Action::Join { call, name, .. } => write!(f, " {name} {call}"),
            Action::Leave { call, party } => write!(f, " {party} {call}"),
            Action::Bridge { call, other } => write!(f, " {call} with {other}"),
            Action::Sound { party, sound, .. } => write!(f, " {party}: {sound}"),
            Action::Keys { phone, digits } => write!(f, " {digits} to {phone}"),
            Action::Hold { phone } | Action::Unhold { phone } | Action::HangUp { phone } => write!(f, " {phone}"),
            Action::Misbehave { misbehaviour, .. } => write!(f, " {}", misbehaviour.name()),
            Action::Behave { misbehaviour } => write!(f, " {misbehaviour}"),
            Action::Wait { phone, what, .. } => write!(f, " for {phone}: {what:?}"),
            Action::Expect { listener, heard, .. } => write!(f, " {listener} to hear {}", heard.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_read_and_says_its_name() {
        for step in STEPS {
            let table: toml::Table = step.example.parse().unwrap_or_else(|e| panic!("{}: {e}", step.name));
            for key in table.keys().filter(|k| *k != "do") {
                assert!(step.fields.iter().any(|(name, _, _)| name == key), "{}: {key} is not in the table", step.name);
            }
            let action = Action::read(table).unwrap_or_else(|e| panic!("{}: {e}", step.name));
            assert_eq!(action.name(), step.name);
        }
    }

    #[test]
    fn the_fields_that_the_table_wants_are_wanted() {
        for step in STEPS {
            for (field, default, _) in step.fields {
                let mut table: toml::Table = step.example.parse().unwrap();
                table.remove(*field);
                let read = Action::read(table);
                assert_eq!(read.is_ok(), !default.is_empty(), "{} without {field}: {read:?}", step.name);
            }
        }
    }
}
