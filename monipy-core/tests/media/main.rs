//! The media room: SDP in and out, the guard, and transports that call each other, and far sides of
//! another make, on loopback.

mod plain_peer;
mod support;

mod closing;
mod fresh_connection;
mod hold_and_resume;
mod other_stacks;
mod reports;
mod two_peers_talk;
mod wrong_fingerprint;
