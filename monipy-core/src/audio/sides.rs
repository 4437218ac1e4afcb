//! Both sides of a call at once: what is heard on the left, what is sent on the right, tick by
//! tick, so that they stay together whatever is lost. Where the parties come apart, each has a
//! channel of its own in the place of the left one.

use super::io::{AudioFrame, StreamSender};
use super::mixer::Mixer;
use super::tap::Framer;

/// Length of a frame, ms.
pub(crate) const FRAME_MS: u32 = 20;

/// A stream of frames with two channels or more, interleaved.
pub(crate) struct Sides {
    sender: StreamSender,
    sample_rate: u32,
    /// One for each channel but the last; their number is that of the parties at the first frame.
    heard: Vec<Heard>,
    sent: Framer,
    mixer: Mixer,
    mixed: Vec<i16>,
    concealed: bool,
}

struct Heard {
    framer: Framer,
    /// The frame that was made last.
    frame: Vec<i16>,
}

impl Sides {
    pub(crate) fn new(sender: StreamSender, sample_rate: u32) -> Self {
        let sent = Framer::new(sample_rate, FRAME_MS);
        Sides { sender, sample_rate, heard: Vec::new(), sent, mixer: Mixer::default(), mixed: Vec::new(), concealed: false }
    }

    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// 10 ms of what is heard: the mix, and the parties where they are apart.
    pub(crate) fn hear<'a>(&mut self, mix: &[i16], parties: impl Iterator<Item = &'a [i16]>, rate: u32, concealed: bool) {
        let parties: Vec<&[i16]> = parties.collect();
        if self.heard.is_empty() {
            let sample_rate = self.sample_rate;
            self.heard.resize_with(parties.len().max(1), || Heard { framer: Framer::new(sample_rate, FRAME_MS), frame: Vec::new() });
        }
        let channels = self.heard.len();
        for (n, heard) in self.heard.iter_mut().enumerate() {
            let pcm = if parties.is_empty() && n == 0 {
                mix
            } else {
                // Parties that came later are heard in the last channel.
                let others = if n + 1 == channels { parties.get(channels..).unwrap_or_default() } else { &[] };
                self.mixer.begin(mix.len());
                parties.get(n).into_iter().chain(others).for_each(|pcm| self.mixer.add(pcm));
                self.mixed.clear();
                self.mixer.finish(&mut self.mixed);
                &self.mixed
            };
            let (frame, any) = (&mut heard.frame, &mut self.concealed);
            heard.framer.push(pcm, rate, concealed, |_, concealed, pcm| {
                frame.clear();
                frame.extend_from_slice(pcm);
                *any = concealed;
            });
        }
    }

    /// The same 10 ms of what is sent; false once nobody reads.
    pub(crate) fn speak(&mut self, pcm: &[i16], rate: u32) -> bool {
        let (sender, heard, concealed, sample_rate) = (&self.sender, &self.heard, self.concealed, self.sample_rate);
        let mut wanted = true;
        self.sent.push(pcm, rate, false, |timestamp, _, sent| {
            // All are cut alike, so the frames heard are of the same time.
            let mut pcm = Vec::with_capacity(sent.len() * (heard.len() + 1));
            for (at, own) in sent.iter().enumerate() {
                pcm.extend(heard.iter().map(|h| h.frame.get(at).copied().unwrap_or(0)));
                pcm.push(*own);
            }
            wanted = sender.send(AudioFrame { sample_rate, timestamp, concealed, pcm });
        });
        wanted
    }

    /// Time went on without sound (a suspended machine).
    pub(crate) fn skip(&mut self, ms: u64) {
        for heard in &mut self.heard {
            heard.framer.skip(ms);
        }
        self.sent.skip(ms);
    }
}
