//! # A contact centre in a box
//!
//! A SIP-over-WebSocket contact centre (RFC 7118) that starts in a second, without an account:
//! agents and customers talk in calls that it holds itself, supervisors register at it and are
//! barged into those calls, and it measures in the audio who heard whom.
//!
//! - [`party`]: who takes part in a call and what they sound like.
//! - [`mode`]: listen, whisper, barge.
#![forbid(unsafe_code)]

pub mod mode;
pub mod party;

pub use mode::Mode;
pub use party::{Party, Role, Sound};
