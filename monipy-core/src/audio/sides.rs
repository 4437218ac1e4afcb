//! Both sides of a call at once: what is heard on the left, what is sent on the right, tick by
//! tick, so that they stay together whatever is lost.

use super::io::{AudioFrame, StreamSender};
use super::tap::Framer;

/// Length of a frame, ms.
pub(crate) const FRAME_MS: u32 = 20;

/// A stream of frames with two channels, interleaved.
pub(crate) struct Sides {
    sender: StreamSender,
    heard: Framer,
    sent: Framer,
    left: Vec<i16>,
    concealed: bool,
}

impl Sides {
    pub(crate) fn new(sender: StreamSender, sample_rate: u32) -> Self {
        let framer = || Framer::new(sample_rate, FRAME_MS);
        Sides { sender, heard: framer(), sent: framer(), left: Vec::new(), concealed: false }
    }

    pub(crate) fn sample_rate(&self) -> u32 {
        self.heard.sample_rate()
    }

    /// 10 ms of what is heard.
    pub(crate) fn hear(&mut self, pcm: &[i16], rate: u32, concealed: bool) {
        let (left, any) = (&mut self.left, &mut self.concealed);
        self.heard.push(pcm, rate, concealed, |_, concealed, pcm| {
            left.clear();
            left.extend_from_slice(pcm);
            *any = concealed;
        });
    }

    /// The same 10 ms of what is sent; false once nobody reads.
    pub(crate) fn speak(&mut self, pcm: &[i16], rate: u32) -> bool {
        let (sender, left, concealed, sample_rate) = (&self.sender, &self.left, self.concealed, self.heard.sample_rate());
        let mut wanted = true;
        self.sent.push(pcm, rate, false, |timestamp, _, right| {
            // Both sides are cut alike, so the left frame is of the same time.
            let pcm = left.iter().zip(right).flat_map(|(&l, &r)| [l, r]).collect();
            wanted = sender.send(AudioFrame { sample_rate, timestamp, concealed, pcm });
        });
        wanted
    }

    /// Time went on without sound (a suspended machine).
    pub(crate) fn skip(&mut self, ms: u64) {
        self.heard.skip(ms);
        self.sent.skip(ms);
    }
}
