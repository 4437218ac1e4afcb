//! Joins the rooms: an actor per supervisor takes commands, frames, deadlines and media events in
//! turn, so that races are decided in one place and the order of events is a property of one
//! state machine. Holds no policy that belongs to `sip/` or `audio/`.
//!
//! - [`bus`]: events on their way to those who listen;

pub(crate) mod bus;

pub(crate) fn stop_media_workers() {}
