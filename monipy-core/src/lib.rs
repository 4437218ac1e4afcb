//! # monipy-core
//!
//! A native supervisor's phone for contact centres: it logs in at a SIP-over-WebSocket server
//! (RFC 7118), is barged into live calls, and carries their sound over WebRTC (DTLS-SRTP) to the
//! speaker or as PCM to the program.
#![forbid(unsafe_code)]

pub mod audio;
pub mod call;
pub mod config;
pub mod device;
pub mod error;
pub mod event;
pub mod media;
pub mod playing;
pub mod quality;
pub mod recording;
pub mod sip;
pub mod supervisor;
pub mod transport;
pub mod vocabulary;

mod engine;
pub mod runtime;

pub use call::{Call, CallId, CallInfo, CallState, Party};
pub use config::{AudioMode, Codec, ComfortTones, Config, IceServer};
pub use error::{Error, Reply, Result};
pub use event::{Detail, Direction, Event, EventKind, IncomingCall, Stats, Whom};
pub use playing::Playing;
pub use recording::{Pause, Recording};
pub use supervisor::{EventStream, Pending, Supervisor};
