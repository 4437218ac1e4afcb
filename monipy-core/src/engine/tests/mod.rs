//! The state machine against a real server-side user agent, in virtual time.

mod law;
mod scenarios;
mod world;
