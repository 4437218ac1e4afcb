//! The way of sound over the network: offer in, answer out, packets in, packets out, state changes.
//! The only room that names the `webrtc` and `rtc` crates.
//!
//! - `transport`: the [`MediaTransport`] trait and its types, without a stack's name.
//! - `rtp`: the queues between the network's task and a media worker.
//! - `stats`: counters and RTCP figures.

mod rtp;
mod stats;
mod transport;

pub use rtp::{RtpIn, RtpOut, RtpReceiver, RtpSender};
pub use stats::{RtcpFigures, SenderReport, TransportCounters, TransportStats};
pub use transport::{
    AudioFormat, CodecOrder, MediaConfig, MediaDirection, MediaEnds, MediaEvent, MediaTransport, Negotiated, OfferError, OfferKind,
};

mod open;
pub use open::{check_offer, open};
