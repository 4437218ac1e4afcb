//! What a supervisor may do in a call: listen, whisper, barge.

use crate::party::Role;
use std::fmt;
use std::str::FromStr;

/// How a supervisor takes part in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Hears everybody, is heard by nobody.
    Listen,
    /// Hears everybody, is heard by the agent alone.
    Whisper,
    /// Hears everybody, is heard by everybody.
    #[default]
    Barge,
    /// Hears everybody, is heard by the customer alone (FreeSWITCH's key 1).
    WhisperCustomer,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 4] = [Mode::Listen, Mode::Whisper, Mode::Barge, Mode::WhisperCustomer];

    /// The name used on the command line and in HTTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Listen => "listen",
            Mode::Whisper => "whisper",
            Mode::Barge => "barge",
            Mode::WhisperCustomer => "whisper-customer",
        }
    }

    /// Whether a supervisor in this mode is meant to be heard by a party of this role.
    #[must_use]
    pub fn heard_by(self, role: Role) -> bool {
        match self {
            Mode::Listen => false,
            Mode::Whisper => role == Role::Agent,
            Mode::Barge => true,
            Mode::WhisperCustomer => role == Role::Customer,
        }
    }

    /// The mode that a key asks for in Asterisk's ChanSpy with option d: 4 listen, 5 whisper, 6 barge.
    #[must_use]
    pub fn from_chanspy_digit(digit: char) -> Option<Mode> {
        match digit {
            '4' => Some(Mode::Listen),
            '5' => Some(Mode::Whisper),
            '6' => Some(Mode::Barge),
            _ => None,
        }
    }

    /// The mode that a key asks for in FreeSWITCH's eavesdrop when the agent is the tapped leg:
    /// 0 listen, 1 speak to the far end alone, 2 whisper to the tapped leg, 3 barge.
    #[must_use]
    pub fn from_eavesdrop_digit(digit: char) -> Option<Mode> {
        match digit {
            '0' => Some(Mode::Listen),
            '1' => Some(Mode::WhisperCustomer),
            '2' => Some(Mode::Whisper),
            '3' => Some(Mode::Barge),
            _ => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = String;
    fn from_str(s: &str) -> Result<Mode, String> {
        Mode::ALL
            .into_iter()
            .find(|m| m.as_str().eq_ignore_ascii_case(s))
            .ok_or_else(|| format!("{s:?} is not a mode; it is one of listen, whisper, barge, whisper-customer"))
    }
}
