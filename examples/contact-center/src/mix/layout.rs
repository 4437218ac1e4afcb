//! How the parties are laid out in the audio that a supervisor receives.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// The layout of what a supervisor receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Everybody in one channel.
    #[default]
    Mixed,
    /// Agents on the left, customers on the right, supervisors on both: stereo Opus (RFC 7587). With
    /// another codec, or a decoder that wants one channel, it is the mix.
    Stereo,
    /// The offer has two audio lines, one for the agent and one for the customer, each with
    /// `i=NAME party-id=NAME`, and each its own stream (Opus): customers on the second, agents and
    /// supervisors on the first. Where the phone refuses the second, or wants another codec, the first
    /// carries the mix.
    Apart,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Layout; 3] = [Layout::Mixed, Layout::Stereo, Layout::Apart];

    /// The name used on the command line and in HTTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Layout::Mixed => "mixed",
            Layout::Stereo => "stereo",
            Layout::Apart => "apart",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Layout {
    type Err = String;
    fn from_str(s: &str) -> Result<Layout, String> {
        Layout::ALL.into_iter().find(|l| l.as_str() == s).ok_or_else(|| format!("{s:?} is not a layout; it is one of mixed, stereo, apart"))
    }
}
