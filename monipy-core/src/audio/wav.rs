//! WAV files that survive: the header is brought up to date every half second, so that a file whose
//! writer died can be played to within a second of its end.

use hound::{SampleFormat, WavSpec, WavWriter};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// Writes a WAV file of 16-bit samples.
pub struct WavFile {
    writer: Option<WavWriter<BufWriter<File>>>,
    channels: u16,
    sample_rate: u32,
    since_flush: u32,
}

impl WavFile {
    /// Creates the file (an existing one is replaced).
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(path: &Path, channels: u16, sample_rate: u32) -> io::Result<WavFile> {
        let spec = WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut writer = WavWriter::create(path, spec).map_err(to_io)?;
        writer.flush().map_err(to_io)?;
        Ok(WavFile { writer: Some(writer), channels, sample_rate, since_flush: 0 })
    }

    /// Appends samples, interleaved when there are several channels.
    ///
    /// # Errors
    /// What the file system says; the file is closed then, and later calls do nothing.
    pub fn write(&mut self, pcm: &[i16]) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let mut result = pcm.iter().try_for_each(|&s| writer.write_sample(s));
        self.since_flush += pcm.len() as u32;
        if result.is_ok() && self.since_flush >= self.sample_rate * u32::from(self.channels) / 2 {
            self.since_flush = 0;
            result = writer.flush();
        }
        result.map_err(|e| {
            self.writer = None;
            to_io(e)
        })
    }

    /// Appends one sample of each of two sides, left and right; the shorter one is silent at its end.
    ///
    /// # Errors
    /// As [`WavFile::write`].
    pub fn write_sides(&mut self, left: &[i16], right: &[i16]) -> io::Result<()> {
        let n = left.len().max(right.len());
        let side = |pcm: &[i16], i: usize| pcm.get(i).copied().unwrap_or(0);
        let pcm: Vec<i16> = (0..n).flat_map(|i| [side(left, i), side(right, i)]).collect();
        self.write(&pcm)
    }

    /// Writes the header for the last time.
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.take().map_or(Ok(()), |w| w.finalize().map_err(to_io))
    }

    /// [`WavFile::finish`], with marks that sound editors show: positions in samples of one channel,
    /// and their labels (chunks `cue ` and `LIST adtl`).
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish_with_marks(self, path: &Path, marks: &[(u32, String)]) -> io::Result<()> {
        self.finish()?;
        if marks.is_empty() {
            return Ok(());
        }
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let end = file.seek(SeekFrom::End(0))?;
        let chunks = mark_chunks(marks);
        let riff = u32::try_from(end + chunks.len() as u64 - 8).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        file.write_all(&chunks)?;
        file.seek(SeekFrom::Start(4))?;
        file.write_all(&riff.to_le_bytes())
    }
}

fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = id.to_vec();
    chunk.extend((body.len() as u32).to_le_bytes());
    chunk.extend(body);
    if body.len() % 2 == 1 {
        chunk.push(0);
    }
    chunk
}

fn mark_chunks(marks: &[(u32, String)]) -> Vec<u8> {
    let mut cue = (marks.len() as u32).to_le_bytes().to_vec();
    let mut labels = b"adtl".to_vec();
    for (id, (position, label)) in (1_u32..).zip(marks) {
        // Id, play order position, chunk, chunk start, block start, sample.
        for field in [id, *position, u32::from_le_bytes(*b"data"), 0, 0, *position] {
            cue.extend(field.to_le_bytes());
        }
        let mut body = id.to_le_bytes().to_vec();
        body.extend(label.bytes());
        body.push(0);
        labels.extend(chunk(b"labl", &body));
    }
    let mut both = chunk(b"cue ", &cue);
    both.extend(chunk(b"LIST", &labels));
    both
}

fn to_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(e) => e,
        other => io::Error::other(other),
    }
}
