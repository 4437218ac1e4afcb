//! SIP and nothing else: bytes, instants and random bits come in; bytes, deadlines and events go
//! out. No sockets, no clock, no tokio, no session descriptions but for their direction.
//!
//! - `interface`, `ua_config`: what goes into a user agent and what comes out.
//! - `ua`: the user agent itself; [`ua::Ua`] is the way in.
//! - `rng`, `timers`, `sdp_direction`: small tools.

pub mod interface;
pub mod rng;
pub mod sdp_direction;
mod timers;
pub mod ua;
pub mod ua_config;
