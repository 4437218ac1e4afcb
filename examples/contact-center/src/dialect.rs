//! How supervisors' keys switch the mode.

use serde::Serialize;
use std::str::FromStr;

/// How supervisors' keys switch the mode during a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// They do not; modes are switched by the API and HTTP alone.
    #[default]
    None,
    /// Asterisk's ChanSpy with option d: 4 listen, 5 whisper, 6 barge.
    Asterisk,
    /// FreeSWITCH's eavesdrop: 0 listen, 1 whisper to the customer, 2 whisper, 3 barge.
    FreeSwitch,
    /// RingCentral: a phone that dials `*80`, `*81`, `*82` alone is asked which call; it keys the
    /// call's number and `#`.
    RingCentral,
}

impl FromStr for Dialect {
    type Err = String;
    fn from_str(s: &str) -> Result<Dialect, String> {
        match s.to_ascii_lowercase().as_str() {
            "none" => Ok(Dialect::None),
            "asterisk" => Ok(Dialect::Asterisk),
            "freeswitch" => Ok(Dialect::FreeSwitch),
            "ringcentral" => Ok(Dialect::RingCentral),
            _ => Err(format!("{s:?} is not a dialect; it is one of none, asterisk, freeswitch, ringcentral")),
        }
    }
}
