//! The user agent: registration, transactions, dialogs and calls over one WebSocket connection,
//! as a value without sockets, clocks or threads.
//!
//! # How to drive it
//!
//! ```text
//! let mut ua = Ua::new(UaConfig::client("1001", "sip.example", "sip.example", true), Rng::from_seed(entropy), now);
//! ua.handle(Input::Up, now);                       // the WebSocket is open
//! ua.handle(Input::Command(Command::Register { .. }), now);
//! loop {
//!     while let Some(output) = ua.poll_output() { /* Send: one text frame; Event: look at it */ }
//!     // sleep until ua.next_timeout(), a frame or a command; then
//!     ua.handle(Input::Frame(bytes) or Input::Command(..) or Input::Tick, Instant::now());
//! }
//! ```
//!
//! After every `handle`, empty `poll_output` before awaiting again.
//!
//! # An incoming call
//! `Incoming` (100 was sent) → `Ringing` (180 was sent) → the host makes its answer, which may take
//! a while → [`Command::Answer`] → `Confirmed` when the ACK is there → … → `Terminated`. CANCEL, BYE,
//! ring time and a lost connection may end it at any moment; an `Answer` that comes later is ignored.
//!
//! # A call of our own
//! `let call = ua.reserve_call()`, then [`Command::Call`] → `Progress` … → `Accepted` (the ACK was
//! sent) or `Terminated`.
//!
//! # The server role
//! One `Ua` per accepted connection, with [`UaConfig::server`]; `Input::Up` at once, `Input::Down`
//! at its end. REGISTER comes as `Request` with the whole message: verify its digest, then
//! [`Command::Respond`] with 401 and `WWW-Authenticate`, or 200 and the `Contact` as registered with
//! its `expires`. To call the phone: [`Command::Call`] with the URI of its registered Contact as
//! target, `from` (the agent or the centre), `to` (the phone's address of record) and X- headers.
//! Calls that the phone places come as `Incoming`; [`Command::Reject`] with 407 and
//! `Proxy-Authenticate` asks for credentials, and the next INVITE is a new call.

pub use super::interface::{CallKey, Cause, Command, EndedBy, Headers, Input, Invitation, Output, RequestKey, UaEvent, UnregisteredBy};
pub use super::rng::Rng;
pub use super::sdp_direction::{SdpDirection, sdp_direction};
pub use super::ua_config::{Limits, Role, UaConfig};

use super::timers::Timers;
use std::collections::VecDeque;
use std::time::Instant;

/// A SIP user agent for one connection at a time. See the module's page for how to drive it.
#[derive(Debug)]
pub struct Ua {
    config: UaConfig,
    rng: Rng,
    now: Instant,
    up: bool,
    next_call: u64,
    outputs: VecDeque<Output>,
    timers: Timers<()>,
}

impl Ua {
    /// A user agent whose connection is down.
    #[must_use]
    pub fn new(config: UaConfig, rng: Rng, now: Instant) -> Self {
        Ua { config, rng, now, up: false, next_call: 0, outputs: VecDeque::new(), timers: Timers::new() }
    }

    /// Takes one input at the time `now`. Never panics, whatever the bytes.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.now = self.now.max(now);
        match input {
            Input::Up => self.up = true,
            Input::Down { .. } => self.up = false,
            Input::Frame(_) | Input::Command(_) | Input::Tick => {}
        }
    }

    /// The next thing to send or to tell, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    /// A fresh key for [`Command::Call`].
    pub fn reserve_call(&mut self) -> CallKey {
        self.next_call += 1;
        CallKey(self.next_call)
    }

    /// Whether the server holds our registration now.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        false
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &UaConfig {
        &self.config
    }
}
