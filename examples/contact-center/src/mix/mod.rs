//! The sound of the calls: who says what in each 20 ms, what each party receives of it, and the
//! clock that makes it go.
//!
//! - `clock`: the media thread; every 20 ms it lets each bridge take a frame.
//! - `bridge`: one call's mix: seats, who hears whom, what is measured and recorded.
//! - `source`: what scripted parties say; `speech`: the recorded dialogue.
//! - `leg_audio`: the sound of a supervisor's leg: RTP in, RTP out, and what may go wrong on the way.
//!
//! Everything is mono PCM of 16 bits at 48 kHz.

pub(crate) mod bridge;
pub(crate) mod clock;
pub(crate) mod impair;
pub(crate) mod leg_audio;
pub(crate) mod source;
pub(crate) mod speech;

/// Rate inside the centre, Hz.
pub(crate) const RATE: u32 = 48_000;
/// Samples of a 20 ms frame.
pub(crate) const FRAME: usize = 960;

/// A frame of sound.
pub(crate) type Frame = [i16; FRAME];
