//! What the ear needs: codecs, jitter buffer, concealment, resampling, mixing, taps, levels.
//! Pure functions of packets and a clock that is handed in; no SIP, no sockets, no runtime.
//!
//! - [`CallAudio`] owns the sound of one call and is ticked every 10 ms by a media worker;
//!   [`CallAudioControl`] steers it from any other thread.
//! - [`AudioStream`], [`AudioWriter`] and [`AudioIo`] are what a program holds.
//! - `parties` has the receive paths of a call whose server sends the parties apart.
//! - `receive/` turns packets into an unbroken flow of samples; `codec/` decodes and encodes.

mod call_audio;
pub mod codec;
mod comfort_tone;
mod control;
pub mod g711;
mod io;
pub mod level;
pub mod mixer;
pub mod mos;
mod parties;
pub(crate) mod receive;
pub mod recorder;
pub mod resample;
mod rtp;
mod send;
mod sides;
mod tap;
pub mod telephone_event;
pub mod tone;
mod voice;
pub mod wav;

pub use call_audio::{CallAudio, CallAudioConfig, CodecMap};
pub use comfort_tone::ComfortTone;
pub use control::{AudioEvent, CallAudioControl, CaptureSource, PlaybackSink};
pub use io::{AudioFrame, AudioIo, AudioStream, AudioWriter, FrameRef};
pub(crate) use io::{HeardPacket, PacketStream};
pub use parties::ClockReport;

/// The sound of a call for tests of other rooms.
#[cfg(test)]
pub(crate) fn test_call(codec: crate::Codec) -> (CallAudio, CallAudioControl) {
    CallAudio::new(CallAudioConfig {
        call: crate::CallId(1),
        codecs: CodecMap { receive: vec![(111, codec)], send: Some((111, codec)), ..CodecMap::default() },
        mode: crate::AudioMode::Application,
        sample_rate: 48_000,
        frame_ms: 20,
        jitter_min_ms: 0,
        jitter_max_ms: 500,
        first_sequence_number: 1,
        first_timestamp: 1,
    })
}

#[cfg(test)]
pub(crate) use io::{StreamSender, audio_stream, packet_stream};
pub use rtp::{OutboundRtp, RtpPacket};
pub use voice::{VoiceProcessing, VoiceProcessor};
