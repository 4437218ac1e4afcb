//! The media room: SDP in and out, the guard, and transports that call each other, and far sides of
//! another make, on loopback.

// Public where the interop tests use it.
#[allow(unreachable_pub, dead_code)]
#[path = "../../../tests/src/coturn.rs"]
mod coturn;
mod plain_peer;
mod samples;
mod support;

mod closing;
mod fresh_connection;
mod guard_decisions;
mod hold_and_resume;
mod other_stacks;
mod parties_apart;
mod reports;
mod sdp_answers;
mod sdp_never_panics;
mod sdp_offers_are_understood;
mod sdp_refusals;
mod silent_peer;
mod turn_relay;
mod two_peers_talk;
mod wrong_fingerprint;
