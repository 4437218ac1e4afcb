//! PCM in people's hands: frames out, samples in, and the callbacks of a media thread.

use crate::call::CallId;
use std::time::Duration;

/// A frame of what is heard, owned. Mono, signed 16 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFrame {
    /// Hz.
    pub sample_rate: u32,
    /// Media time: samples (at `sample_rate`) since the call's first frame. Runs on through loss,
    /// hold and dropped frames, so that gaps show.
    pub timestamp: u64,
    /// Some of it had to be invented: a packet was lost or late.
    pub concealed: bool,
    /// The samples.
    pub pcm: Vec<i16>,
}

/// A frame of what is heard, lent for the time of a callback. Mono, signed 16 bits.
#[derive(Debug, Clone, Copy)]
pub struct FrameRef<'a> {
    /// Hz.
    pub sample_rate: u32,
    /// Samples since the call's first frame.
    pub timestamp: u64,
    /// Some of it had to be invented.
    pub concealed: bool,
    /// The samples.
    pub pcm: &'a [i16],
}

/// Functions that a media thread calls. They must return within half a frame and must not block:
/// the sound of other calls waits for them.
pub trait AudioIo: Send + Sync {
    /// A frame was heard.
    fn on_audio(&self, call: CallId, frame: FrameRef<'_>);
    /// A frame is to be sent: write up to `pcm.len()` samples (mono, the configuration's rate) and
    /// return how many; the rest is silence. Return 0 to leave the frame to other sources.
    fn fill_audio(&self, call: CallId, pcm: &mut [i16]) -> usize {
        let _ = (call, pcm);
        0
    }
}

/// Frames of one call. When the reader is slow, the oldest frame is dropped and counted.
#[derive(Debug)]
pub struct AudioStream {
    _private: (),
}

impl AudioStream {
    /// The next frame; `None` when the call is over.
    pub async fn next(&mut self) -> Option<AudioFrame> {
        None
    }
    /// The next frame if one waits already.
    pub fn try_next(&mut self) -> Option<AudioFrame> {
        None
    }
    /// Blocks this thread for the next frame, for `timeout` at most.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<AudioFrame> {
        let _ = timeout;
        None
    }
    /// Frames dropped so far because the reader was slow.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        0
    }
    /// Whether the call is over (frames may still wait to be read).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        true
    }
}

/// A way to speak into a call. Dropping it lets what is queued play out.
#[derive(Debug)]
pub struct AudioWriter {
    _private: (),
}

impl AudioWriter {
    /// Queues samples; takes as many as fit into the queue's second and returns how many. Never blocks.
    pub fn write(&mut self, pcm: &[i16]) -> usize {
        let _ = pcm;
        0
    }
    /// Queues all samples, waiting for room; returns early with the number taken when the call ends.
    pub async fn write_all(&mut self, pcm: &[i16]) -> usize {
        let _ = pcm;
        0
    }
    /// Blocks this thread until all samples are queued or the time is up; returns how many were.
    pub fn write_timeout(&mut self, pcm: &[i16], timeout: Duration) -> usize {
        let _ = (pcm, timeout);
        0
    }
    /// Forgets what is queued.
    pub fn clear(&mut self) {}
    /// Milliseconds queued and not yet sent.
    #[must_use]
    pub fn queued_ms(&self) -> u32 {
        0
    }
    /// Waits until the queue has been sent (or the call is over).
    pub async fn drained(&mut self) {}
    /// Whether the call is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        true
    }
}
