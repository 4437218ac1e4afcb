//! The media room: SDP in and out, the guard, and two transports that call each other on loopback.

mod support;

mod two_peers_talk;
