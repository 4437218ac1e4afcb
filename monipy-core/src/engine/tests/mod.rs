//! The state machine against a real server-side user agent, in virtual time.

mod comfort_tones;
mod law;
mod scenarios;
mod warnings;
mod world;
