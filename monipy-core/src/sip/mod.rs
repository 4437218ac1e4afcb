//! SIP and nothing else: bytes, instants and random bits come in; bytes, deadlines and events go
//! out. No sockets, no clock, no tokio, no session descriptions but for their direction.
//!
//! The message layer:
//! - [`message`] reads, [`writer`] writes; `method`, `header_name`, `lexical` are what they share.
//! - [`uri`], [`address`], [`via`], [`params`]: views of what was read.
//! - [`digest`] logs in, and verifies logins; [`redact`] takes secrets out of traces.
//!
//! The user agent:
//! - `interface`, `ua_event`, `ua_config`: what goes into a user agent and what comes out.
//! - `ua`: the user agent itself; [`ua::Ua`] is the way in.
//! - `transaction`, `dialog`, `registration`, `requests`, `call`: the layers of RFC 3261, from the wire up;
//!   `core` is what they share.
//! - `status`, `outgoing_request`, `rng`, `timers`, `sdp_direction`: small tools.

pub mod address;
pub mod digest;
pub mod header_name;
mod lexical;
pub mod message;
pub mod method;
pub mod params;
pub mod redact;
pub mod uri;
pub mod via;
pub mod writer;

mod call;
mod core;
mod dialog;
pub mod interface;
mod outgoing_request;
mod registration;
mod requests;
pub mod rng;
pub mod sdp_direction;
pub mod status;
mod timers;
mod transaction;
pub mod ua;
pub mod ua_config;
pub mod ua_event;

pub use address::{NameAddr, format_name_addr, quote_display};
pub use header_name::HeaderName;
pub use lexical::{List, text};
pub use message::{CSeq, Message, Reject};
pub use method::Method;
pub use params::Params;
pub use uri::{SipUri, escape_user};
pub use via::Via;
pub use writer::{RequestWriter, ResponseWriter};
