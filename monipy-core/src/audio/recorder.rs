//! Recording a call: both sides as a stereo WAV file, or the far side's Opus packets as they came
//! in an Ogg file (RFC 7845), without decoding them. Neither knows threads: writing blocks as long
//! as the file system does, so do it where that harms nobody.

use super::resample::Resampler;
use super::wav::WavFile;
use opus_pure::{OggOpusWriter, OpusHead, packet};
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
/// 20 ms in ticks of 48 kHz.
const FRAME_TICKS: i64 = 960;

/// One side's Opus packets in an Ogg file. What was lost, and the far side's pauses, become empty
/// frames, which players conceal, so that the file's time is the call's.
pub struct OggOpusRecorder<W: Write> {
    writer: OggOpusWriter<W>,
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
        let head = OpusHead::new(1, 48_000).map_err(io::Error::other)?;
        let writer = OggOpusWriter::new(sink, head).map_err(io::Error::other)?;
        Ok(OggOpusRecorder { writer, waiting: BTreeMap::new(), last: None, written: None, toc: 0x08 })
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
            self.writer.write_packet_with_duration(&[self.toc & 0xfc], FRAME_TICKS as u32).map_err(io::Error::other)?;
        }
        if let Some(&toc) = payload.first()
            && packet::samples_per_frame(&payload, 48_000).is_ok_and(|n| n as i64 == FRAME_TICKS)
        {
            self.toc = toc;
        }
        let duration = packet::samples_48k(&payload).map_err(io::Error::other)?;
        self.writer.write_packet(&payload).map_err(io::Error::other)?;
        self.written = Some((sequence, time + duration as i64));
        Ok(())
    }

    /// Writes what waits and ends the file.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        while !self.waiting.is_empty() {
            self.write_first()?;
        }
        self.writer.finish().map_err(io::Error::other)
    }
}
