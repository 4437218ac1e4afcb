//! Our own facade for SDP (RFC 8866) in offer and answer (RFC 3264, RFC 8829): what SIP sees is
//! parsed and generated here; the stack's SDP never leaves this machine.
//!
//! - `session`: bytes of a stranger to lines, sections and attributes, with fixed limits.
//! - `remote`: a session to a far side we can talk to, or the reason for a 488 (RFC 8827).
//! - `candidate`: ICE candidates (RFC 8839).
//! - `codecs`: which formats both sides have in common.
//! - `write`: the offers and answers that SIP sends, and the canonical ones that the stack sees.

pub(crate) mod candidate;
pub(crate) mod codecs;
pub(crate) mod remote;
pub(crate) mod session;
pub(crate) mod write;

pub use candidate::Candidate;
pub use codecs::{answer_formats, offer_formats, remote_formats};
pub use remote::{Fingerprint, RemoteDescription, RemoteFormat, Section, Setup, parse_remote};
