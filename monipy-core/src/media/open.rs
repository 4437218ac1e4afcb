//! How the engine makes a transport, and how it looks at an offer before a call rings.
//! (The engine calls these two; their bodies come with the stack.)

use super::{MediaConfig, MediaEnds, MediaTransport, OfferError};
use crate::config::Codec;
use std::sync::Arc;

/// Makes the transport of one call. Cheap: no socket is opened before the first offer or answer.
/// Called on the shared runtime.
///
/// # Errors
/// 500 when the system gives what is needed not.
pub fn open(config: MediaConfig) -> Result<(Arc<dyn MediaTransport>, MediaEnds), OfferError> {
    let _ = config;
    Err(OfferError::internal("no media stack is built in"))
}

/// Looks at an offer without answering it: whether [`MediaTransport::accept_offer`] could.
///
/// # Errors
/// 488 when the offer is unusable.
pub fn check_offer(offer: &[u8], codecs: &[Codec]) -> Result<(), OfferError> {
    let _ = (offer, codecs);
    Ok(())
}
