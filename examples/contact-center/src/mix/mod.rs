//! The sound of the calls: who says what in each 20 ms, what each party receives of it, and the
//! clock that makes it go.
//!
//! - `clock`: the media thread; every 20 ms it lets each bridge take a frame.
//! - `bridge`: one call's mix: seats, who hears whom, what is measured and recorded.
//! - `source`: what scripted parties say; `speech`: the recorded dialogue; `dialogue`: one that is
//!   made up; `synth`: the voice for it.
//! - `leg_audio`: the sound of a phone's leg: RTP in, RTP out; `impair`: what may go wrong on the way.
//! - `layout`: mixed, stereo, or parties apart.
//!
//! Everything is mono PCM of 16 bits at 48 kHz.

pub(crate) mod bridge;
pub(crate) mod clock;
pub(crate) mod dialogue;
pub(crate) mod impair;
pub(crate) mod layout;
pub(crate) mod leg_audio;
pub(crate) mod source;
pub(crate) mod speech;
pub(crate) mod synth;

/// Rate inside the centre, Hz.
pub(crate) const RATE: u32 = 48_000;
/// Samples of a 20 ms frame.
pub(crate) const FRAME: usize = 960;

/// A frame of sound.
pub(crate) type Frame = [i16; FRAME];
