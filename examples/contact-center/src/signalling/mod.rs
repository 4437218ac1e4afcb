//! SIP over WebSocket, the server's side.
//!
//! - `websocket`: listeners, handshakes, frames; no SIP but to learn whose connection it is.
//! - `directory`: which phone a connection belongs to. A phone outlives its connections, so that
//!   a call survives the loss of a socket as RFC 5626 has it.
//! - `phone`: one phone: the engine's own user agent in the server role, its legs, their media.
//! - `alter`: messages changed on their way out, for misbehaviour.

mod alter;
pub(crate) mod directory;
pub(crate) mod phone;
pub(crate) mod websocket;
