//! What the ear needs: codecs, jitter buffer, concealment, resampling, mixing, taps, levels.
//! Pure functions of packets and a clock; no SIP, no tokio.

mod io;
pub use io::{AudioFrame, AudioIo, AudioStream, AudioWriter, FrameRef};
