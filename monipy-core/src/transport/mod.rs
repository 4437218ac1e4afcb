//! Carries frames between this machine and a WebSocket server: connect, TLS, ping, backoff.
//! Knows no SIP.
//!
//! - [`backoff`]: when to try again, as a pure function;
//! - [`tls`]: whom to trust;
//! - [`ws`]: one task that owns one connection.

pub mod backoff;
pub mod tls;
pub mod ws;
