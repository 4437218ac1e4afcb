//! Joins the rooms: an actor per supervisor takes commands, frames, deadlines and media events in
//! turn, so that races are decided in one place and the order of events is a property of one
//! state machine. Holds no policy that belongs to `sip/` or `audio/`.
//!
//! - [`machine`] with `login`, `calls` and `negotiation`: the state machine, a pure value;
//! - [`driver`]: the actor that carries out what the machine says;
//! - [`worker`]: the threads that own the sound of calls and tick every 10 ms;
//! - [`bus`]: events on their way to those who listen;
//! - [`shared`]: what other threads see without asking.

pub(crate) mod bus;
mod calls;
pub(crate) mod driver;
mod login;
pub(crate) mod machine;
mod negotiation;
pub(crate) mod shared;
mod sound_card;
#[cfg(test)]
mod tests;
mod worker;

/// Stops the media threads; see [`crate::runtime::shutdown`].
pub(crate) fn stop_media_workers() {
    worker::stop();
}
