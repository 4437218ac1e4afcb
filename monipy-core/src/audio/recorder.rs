//! Recording a call: both sides as a stereo WAV file, or the far side's Opus packets as they came
//! in an Ogg file (RFC 7845), without decoding them. Neither knows threads: writing blocks as long
//! as the file system does, so do it where that harms nobody.

use super::resample::Resampler;
use super::wav::WavFile;
use opus_pure::{OggOpusWriter, OpusHead, OpusTags, packet};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Both sides of a call in one WAV file: the far side left, this side right.
pub struct StereoRecorder {
    file: WavFile,
    rate: u32,
    sides: [Side; 2],
}

struct Side {
    resampler: Resampler,
    pcm: Vec<i16>,
}

impl StereoRecorder {
    /// Creates the file at `sample_rate` (8000, 16000, 24000 or 48000 Hz).
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(path: &Path, sample_rate: u32) -> io::Result<StereoRecorder> {
        let side = || Side { resampler: Resampler::new(sample_rate, sample_rate), pcm: Vec::new() };
        Ok(StereoRecorder { file: WavFile::create(path, 2, sample_rate)?, rate: sample_rate, sides: [side(), side()] })
    }

    /// Appends the same stretch of time of both sides, each at its own rate.
    ///
    /// # Errors
    /// What the file system says; the file is closed then.
    pub fn write(&mut self, far: (&[i16], u32), near: (&[i16], u32)) -> io::Result<()> {
        for (side, (pcm, rate)) in self.sides.iter_mut().zip([far, near]) {
            if side.resampler.from_rate() != rate {
                side.resampler = Resampler::new(rate, self.rate);
            }
            side.pcm.clear();
            side.resampler.process(pcm, &mut side.pcm);
        }
        let [left, right] = &self.sides;
        self.file.write_sides(&left.pcm, &right.pcm)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish(self) -> io::Result<()> {
        self.file.finish()
    }
}

/// Packets that wait for an earlier one.
const REORDER: usize = 16;
/// The longest pause that is filled, in frames of 20 ms: longer ones are shortened to it.
const LONGEST_PAUSE: i64 = 30_000;
/// Frames that may lie in memory: half a second.
const FRAMES_IN_MEMORY: u32 = 25;
/// More than any page holds.
const LARGE_PAGE: usize = 65_025;
/// 20 ms in ticks of 48 kHz.
const FRAME_TICKS: i64 = 960;

/// One side's Opus packets in an Ogg file. What was lost, and the far side's pauses, become empty
/// frames, which players conceal, so that the file's time is the call's.
pub struct OggOpusRecorder<W: Write> {
    writer: Option<OggOpusWriter<W>>,
    links: u32,
    frames: u64,
    since_flush: u32,
    waiting: BTreeMap<i64, (i64, Vec<u8>)>,
    /// Sequence number and timestamp of the last packet taken, extended.
    last: Option<(i64, i64)>,
    /// The last number written, and where the next sample lies.
    written: Option<(i64, i64)>,
    /// First octet of the last packet: an empty frame of the same kind is made of it.
    toc: u8,
}

impl<W: Write> OggOpusRecorder<W> {
    /// Writes the headers.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(sink: W) -> io::Result<Self> {
        let writer = Some(link(sink, 1, None)?);
        Ok(OggOpusRecorder { writer, links: 1, frames: 0, since_flush: 0, waiting: BTreeMap::new(), last: None, written: None, toc: 0x08 })
    }

    /// What is in the file so far, ms.
    #[must_use]
    pub fn recorded_ms(&self) -> u64 {
        self.frames / 48
    }

    /// The packets that follow are of another source, with numbers and a clock of its own: they
    /// follow on what is there.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new_source(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            self.write_first()?;
        }
        self.last = None;
        self.written = None;
        Ok(())
    }

    /// Marks a pause: what follows is a link of its own in the chain (RFC 7845 3), whose comment
    /// header carries `comment`.
    ///
    /// # Errors
    /// What the writer says.
    pub fn mark(&mut self, comment: &str) -> io::Result<()> {
        self.new_source()?;
        if let Some(writer) = self.writer.take() {
            let sink = writer.finish().map_err(io::Error::other)?;
            self.links += 1;
            self.writer = Some(link(sink, self.links, Some(comment))?);
        }
        Ok(())
    }

    /// Writes a packet, and a page of the file at least every half second, so that a crash leaves
    /// all but that.
    fn append(&mut self, payload: &[u8], ticks: u32) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        self.since_flush += 1;
        let due = self.since_flush > FRAMES_IN_MEMORY;
        writer.set_page_target(if due { 1 } else { LARGE_PAGE });
        writer.write_packet_with_duration(payload, ticks).map_err(io::Error::other)?;
        self.frames += u64::from(ticks);
        if due {
            self.since_flush = 0;
            if let Some(sink) = writer.get_mut() {
                sink.flush()?;
            }
        }
        Ok(())
    }

    /// Takes a packet as it came (RTP sequence number, timestamp at 48 kHz, payload); duplicates
    /// and what comes too late are left out, malformed payloads too.
    ///
    /// # Errors
    /// What the writer says.
    pub fn push(&mut self, sequence_number: u16, timestamp: u32, payload: &[u8]) -> io::Result<()> {
        if packet::samples_48k(payload).is_err() {
            return Ok(());
        }
        let (sequence, time) = match self.last {
            None => (i64::from(sequence_number), i64::from(timestamp)),
            Some((s, t)) => {
                (s + i64::from(sequence_number.wrapping_sub(s as u16) as i16), t + i64::from(timestamp.wrapping_sub(t as u32) as i32))
            }
        };
        if self.written.is_some_and(|(s, _)| sequence <= s) {
            return Ok(());
        }
        if self.last.is_none_or(|(s, _)| sequence > s) {
            self.last = Some((sequence, time));
        }
        self.waiting.insert(sequence, (time, payload.to_vec()));
        while let Some((&first, _)) = self.waiting.first_key_value() {
            let next = self.written.is_some_and(|(s, _)| first == s + 1);
            if !next && self.waiting.len() < REORDER {
                break;
            }
            self.write_first()?;
        }
        Ok(())
    }

    fn write_first(&mut self) -> io::Result<()> {
        let Some((sequence, (time, payload))) = self.waiting.pop_first() else { return Ok(()) };
        let expected = self.written.map_or(time, |(_, t)| t);
        // A clock that jumped backwards goes on from where the file is.
        let frames = ((time - expected) / FRAME_TICKS).clamp(0, LONGEST_PAUSE);
        for _ in 0..frames {
            // The same kind of packet with one frame of no length (RFC 6716 3.2.1), of 20 ms.
            self.append(&[self.toc & 0xfc], FRAME_TICKS as u32)?;
        }
        if let Some(&toc) = payload.first()
            && packet::samples_per_frame(&payload, 48_000).is_ok_and(|n| n as i64 == FRAME_TICKS)
        {
            self.toc = toc;
        }
        let duration = packet::samples_48k(&payload).map_err(io::Error::other)?;
        self.append(&payload, duration as u32)?;
        self.written = Some((sequence, time + duration as i64));
        Ok(())
    }

    /// Writes what waits and ends the file.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> io::Result<W> {
        self.finish_counted(&mut 0)
    }

    /// [`OggOpusRecorder::finish`]; `recorded_ms` becomes what is in the file.
    pub(crate) fn finish_counted(mut self, recorded_ms: &mut u64) -> io::Result<W> {
        self.new_source()?;
        *recorded_ms = self.recorded_ms();
        let writer = self.writer.take().ok_or_else(|| io::Error::other("the file could not be gone on with"))?;
        writer.finish().map_err(io::Error::other)
    }
}

/// The headers of a link of the chain.
fn link<W: Write>(sink: W, number: u32, comment: Option<&str>) -> io::Result<OggOpusWriter<W>> {
    let head = OpusHead::new(1, 48_000).map_err(io::Error::other)?;
    let mut tags = OpusTags::new();
    if let Some(comment) = comment {
        tags.push("COMMENT", comment).map_err(io::Error::other)?;
    }
    OggOpusWriter::with_serial(sink, head, tags, number).map_err(io::Error::other)
}
