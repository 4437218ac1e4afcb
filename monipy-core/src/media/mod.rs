//! The way of sound over the network: offer in, answer out, packets in, packets out, state changes.
//! The only room that names the `webrtc` and `rtc` crates.
//!
//! - `transport`: the [`MediaTransport`] trait and its types, without a stack's name.
//! - `rtp`: the queues between the network's task and a media worker.
//! - `stats`: counters and RTCP figures.
//! - `sdp`: our own facade for SDP, in and out.
//! - `open`: how the engine makes a transport.
//! - `webrtc_stack`: the trait with the `webrtc` crate; `connection` is one peer connection of it,
//!   `watcher` turns its signals into events.
//! - `ice_servers`: which STUN and TURN servers the stack is given; `turn_bridge`: those over TCP and
//!   TLS, which it cannot speak itself.
//! - `demux`: which audio line a packet belongs to, where a description has several.
//! - `tap`: where RTCP, and relayed media, leave and enter the stack; `rtcp`: the reports.
//! - `guard`: the decision about each datagram before the stack sees it; `shapes`: what it looks at.
//! - `port`: UDP sockets, shared by connections; `front`: what a connection's sockets share; `flow`:
//!   media between them and the queues, past the stack; `srtp`: its protection; `keys`: where its
//!   keys come from; `flight`: DTLS flights that are repeated.
//! - `runtime`: what the stack takes for sockets, tasks and timers.

mod connection;
mod demux;
mod flight;
mod flow;
mod front;
pub mod guard;
mod ice_servers;
mod keys;
mod open;
mod port;
mod rtcp;
mod rtp;
mod runtime;
pub mod sdp;
mod shapes;
pub mod srtp;
mod stats;
mod tap;
mod transport;
mod turn_bridge;
mod watcher;
mod webrtc_stack;

pub use open::{check_offer, open};
pub use rtp::{Arena, MidTag, RtpIn, RtpOut, RtpReceiver, RtpSender};
pub use stats::{RtcpFigures, SenderReport, TransportCounters, TransportStats};
pub use transport::{
    AudioFormat, CodecOrder, MediaConfig, MediaDirection, MediaEnds, MediaEvent, MediaTransport, Negotiated, OfferError, OfferKind,
    PartyLine,
};
pub use webrtc_stack::WebRtcTransport;
