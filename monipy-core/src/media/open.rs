//! How the engine makes a transport, and how it looks at an offer before a call rings.

use super::sdp::{answer_formats, parse_remote};
use super::{CodecOrder, MediaConfig, MediaEnds, MediaTransport, OfferError, WebRtcTransport};
use crate::config::Codec;
use std::sync::Arc;

/// Makes the transport of one call. Cheap: no socket is opened before the first offer or answer.
/// Called on the shared runtime, whose tasks then do the work.
///
/// # Errors
/// 500 when called outside of a runtime.
pub fn open(config: MediaConfig) -> Result<(Arc<dyn MediaTransport>, MediaEnds), OfferError> {
    let handle = tokio::runtime::Handle::try_current().map_err(|e| OfferError::internal(format!("no runtime for media: {e}")))?;
    let (transport, ends) = WebRtcTransport::new(config, handle);
    Ok((Arc::new(transport), ends))
}

/// Looks at an offer without answering it: whether [`MediaTransport::accept_offer`] could. Pure.
///
/// # Errors
/// 488 when the offer is unusable.
pub fn check_offer(offer: &[u8], codecs: &[Codec]) -> Result<(), OfferError> {
    let remote = parse_remote(offer, false)?;
    let listed = remote.audio_section().map_or(&[][..], |s| s.formats.as_slice());
    if answer_formats(listed, codecs, CodecOrder::Local).is_empty() {
        return Err(OfferError::not_acceptable("no common codec"));
    }
    Ok(())
}
