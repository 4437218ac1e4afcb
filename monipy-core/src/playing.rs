//! A sound file spoken into a call: WAV or Ogg Opus, read piece by piece on the shared runtime, at
//! the pace at which the call takes it. Mixed with the microphone and every other source.

use crate::audio::AudioWriter;
use crate::audio::codec::{self, Decoder};
use crate::audio::resample::Resampler;
use crate::config::Codec;
use crate::error::{Error, Result};
use hound::{SampleFormat, WavReader};
use opus_pure::OggOpusReader;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

/// Hz at which files go into a call, whatever they were made at.
pub(crate) const PLAYING_RATE: u32 = 48_000;
/// Samples of one channel that are read at once: a fifth of a second at 48 kHz.
const PIECE: usize = 9600;
/// Rates that a WAV file may have.
const RATES: std::ops::RangeInclusive<u32> = 4000..=384_000;

/// How far it is, and whether it is over.
#[derive(Debug, Clone, Default)]
struct Progress {
    played: Duration,
    ended: Option<std::result::Result<bool, (io::ErrorKind, String)>>,
}

/// A file on its way into a call. Dropping this handle lets it play on.
#[derive(Debug, Clone)]
pub struct Playing {
    progress: watch::Receiver<Progress>,
    stop: Arc<Notify>,
}

impl Playing {
    pub(crate) fn start(runtime: &Handle, writer: AudioWriter, path: &Path) -> Result<Playing> {
        let source = Source::open(path).map_err(|e| Error::invalid_argument(format!("path: {} cannot be played: {e}", path.display())))?;
        let (tell, progress) = watch::channel(Progress::default());
        let stop = Arc::new(Notify::new());
        runtime.spawn(play(source, writer, tell, stop.clone()));
        Ok(Playing { progress, stop })
    }

    /// Ends it at once: what was read and not sent is forgotten.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// How much was handed to the call so far.
    #[must_use]
    pub fn played(&self) -> Duration {
        self.progress.borrow().played
    }

    /// Waits until all of it was sent (true), or it was stopped or the call ended first (false).
    /// Needs no runtime.
    ///
    /// # Errors
    /// What the file system said, or that the file is damaged.
    pub async fn done(&self) -> io::Result<bool> {
        let mut progress = self.progress.clone();
        let end = progress.wait_for(|p| p.ended.is_some()).await.map(|p| p.ended.clone()).ok().flatten();
        match end {
            Some(Ok(all)) => Ok(all),
            Some(Err((kind, words))) => Err(io::Error::new(kind, words)),
            None => Ok(false),
        }
    }
}

async fn play(mut source: Source, mut writer: AudioWriter, tell: watch::Sender<Progress>, stop: Arc<Notify>) {
    let mut samples = 0_u64;
    let result = loop {
        let read = tokio::task::spawn_blocking(move || {
            let mut pcm = Vec::new();
            let more = source.read(&mut pcm);
            (source, pcm, more)
        });
        // An error means that the library was shut down.
        let Ok((back, pcm, more)) = read.await else { return };
        source = back;
        let taken = tokio::select! {
            biased;
            () = stop.notified() => None,
            taken = writer.write_all(&pcm) => Some(taken),
        };
        if taken != Some(pcm.len()) {
            writer.clear();
            break Ok(false);
        }
        samples += pcm.len() as u64;
        tell.send_modify(|p| p.played = Duration::from_secs_f64(samples as f64 / f64::from(PLAYING_RATE)));
        match more {
            Ok(true) => {}
            Ok(false) => {
                let sent = tokio::select! {
                    biased;
                    () = stop.notified() => false,
                    () = writer.drained() => !writer.is_closed() || writer.queued_ms() == 0,
                };
                if !sent {
                    writer.clear();
                }
                break Ok(sent);
            }
            Err(e) => break Err((e.kind(), e.to_string())),
        }
    };
    tell.send_modify(|p| p.ended = Some(result));
}

/// A file, piece by piece, as mono samples at [`PLAYING_RATE`].
enum Source {
    Wav { reader: WavReader<BufReader<File>>, resampler: Resampler },
    Ogg { reader: OggOpusReader<BufReader<File>>, decoder: Box<dyn Decoder>, skip: usize },
}

impl Source {
    fn open(path: &Path) -> io::Result<Source> {
        let mut file = BufReader::new(File::open(path)?);
        let mut magic = [0; 4];
        file.read_exact(&mut magic)?;
        file.seek(SeekFrom::Start(0))?;
        match &magic {
            b"RIFF" => {
                let reader = WavReader::new(file).map_err(damaged)?;
                let spec = reader.spec();
                if !RATES.contains(&spec.sample_rate) || spec.channels == 0 {
                    return Err(damaged(format!("{} Hz in {} channels", spec.sample_rate, spec.channels)));
                }
                Ok(Source::Wav { reader, resampler: Resampler::new(spec.sample_rate, PLAYING_RATE) })
            }
            b"OggS" => {
                let reader = OggOpusReader::new(file).map_err(damaged)?;
                let decoder = codec::decoder(Codec::Opus, PLAYING_RATE).ok_or_else(|| damaged("no decoder"))?;
                let skip = usize::from(reader.head().pre_skip);
                Ok(Source::Ogg { reader, decoder, skip })
            }
            _ => Err(damaged("neither a WAV nor an Ogg Opus file")),
        }
    }

    /// Appends a piece; false at the end.
    fn read(&mut self, pcm: &mut Vec<i16>) -> io::Result<bool> {
        match self {
            Source::Wav { reader, resampler } => {
                let spec = reader.spec();
                let channels = usize::from(spec.channels);
                let wanted = PIECE * channels;
                let samples: Vec<f32> = match spec.sample_format {
                    SampleFormat::Int => {
                        let full = (1_i64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32 / 32_768.0;
                        let piece = reader.samples::<i32>().take(wanted);
                        piece.map(|s| s.map(|s| s as f32 / full)).collect::<std::result::Result<_, _>>().map_err(damaged)?
                    }
                    SampleFormat::Float => {
                        let piece = reader.samples::<f32>().take(wanted);
                        piece.map(|s| s.map(|s| s * 32_767.0)).collect::<std::result::Result<_, _>>().map_err(damaged)?
                    }
                };
                let mono: Vec<i16> = samples.chunks_exact(channels).map(|c| (c.iter().sum::<f32>() / channels as f32) as i16).collect();
                resampler.process(&mono, pcm);
                Ok(samples.len() == wanted)
            }
            Source::Ogg { reader, decoder, skip } => {
                while pcm.len() < PIECE {
                    let Some(packet) = reader.read_packet().map_err(damaged)? else { return Ok(false) };
                    let mut frame = Vec::new();
                    if !decoder.decode(&packet.data, &mut frame) {
                        continue;
                    }
                    let skipped = (*skip).min(frame.len());
                    *skip -= skipped;
                    pcm.extend(frame.drain(skipped..));
                }
                Ok(true)
            }
        }
    }
}

fn damaged(what: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tone::{ToneGenerator, measure};
    use crate::audio::{OutboundRtp, test_call};

    /// Plays a file of this length into a call whose clock is turned by hand, and stands while the file
    /// is being read; gives what was sent, decoded.
    async fn heard_of(path: &Path, length: Duration) -> (bool, Vec<i16>) {
        heard_beside(path, length, None).await
    }

    /// The same with a microphone that is open meanwhile.
    async fn heard_beside(path: &Path, length: Duration, microphone: Option<Box<dyn crate::audio::CaptureSource>>) -> (bool, Vec<i16>) {
        let (mut call, control) = test_call(Codec::Opus);
        control.set_device(None, microphone);
        let playing = Playing::start(&Handle::current(), control.add_writer(PLAYING_RATE).unwrap(), path).unwrap();
        let mut decoder = codec::decoder(Codec::Opus, 48_000).unwrap();
        let begun = std::time::Instant::now();
        let mut at = begun;
        let (mut out, mut pcm): (Vec<OutboundRtp>, Vec<i16>) = (Vec::new(), Vec::new());
        let done = playing.clone();
        let mut ended = std::pin::pin!(done.done());
        loop {
            out.clear();
            let read = playing.progress.borrow().played;
            if read >= length || read > at - begun + Duration::from_millis(50) {
                call.tick(at, &mut out);
                at += Duration::from_millis(10);
            }
            for packet in &out {
                assert!(decoder.decode(&packet.payload, &mut pcm));
            }
            // The task that reads the file gets its turn; the file's end ends the loop.
            tokio::select! {
                biased;
                all = &mut ended => return (all.unwrap(), pcm),
                () = tokio::task::yield_now() => {}
            }
        }
    }

    fn wav(path: &Path, rate: u32, channels: u16, seconds: u32) {
        let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        for sample in ToneGenerator::new(500.0, rate, 8000).take((rate * seconds) as usize) {
            (0..channels).for_each(|_| writer.write_sample(sample).unwrap());
        }
        writer.finalize().unwrap();
    }

    #[tokio::test]
    async fn a_stereo_file_of_any_rate_is_sent_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompt.wav");
        wav(&path, 44_100, 2, 2);
        let (all, pcm) = heard_of(&path, Duration::from_millis(1900)).await;
        assert!(all);
        let loud: Vec<i16> = pcm.into_iter().skip_while(|s| s.abs() < 500).collect();
        assert!(loud.len() >= 48_000 * 19 / 10, "{} samples", loud.len());
        assert!(measure(&loud[9600..86_400], 48_000, 500.0).snr_db > 15.0);
    }

    #[tokio::test]
    async fn a_recording_in_ogg_opus_can_be_played() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.opus");
        let mut encoder = codec::encoder(Codec::Opus, 48_000, codec::OpusSettings::default()).unwrap();
        let mut recorder = crate::audio::recorder::OggOpusRecorder::new(File::create(&path).unwrap()).unwrap();
        let mut tone = ToneGenerator::new(500.0, 48_000, 8000);
        for index in 0..100_u16 {
            let payload = encoder.encode(&tone.take(960)).unwrap();
            recorder.push(index, u32::from(index) * 960, &payload).unwrap();
        }
        recorder.finish().unwrap();
        let (all, pcm) = heard_of(&path, Duration::from_millis(1900)).await;
        assert!(all);
        let loud: Vec<i16> = pcm.into_iter().skip_while(|s| s.abs() < 500).collect();
        assert!(measure(&loud[9600..80_000], 48_000, 500.0).snr_db > 12.0);
    }

    /// A microphone that hears a tone.
    struct Microphone(ToneGenerator);

    impl crate::audio::CaptureSource for Microphone {
        fn sample_rate(&self) -> u32 {
            48_000
        }
        fn capture(&mut self, pcm: &mut [i16]) -> usize {
            self.0.fill(pcm);
            pcm.len()
        }
    }

    #[tokio::test]
    async fn a_file_and_the_microphone_are_heard_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompt.wav");
        wav(&path, 16_000, 1, 2);
        let microphone = Microphone(ToneGenerator::new(1300.0, 48_000, 8000));
        let (all, pcm) = heard_beside(&path, Duration::from_millis(1900), Some(Box::new(microphone))).await;
        assert!(all);
        // In the middle of the file both are there, each as strong as the other.
        let middle = &pcm[pcm.len() - 72_000..pcm.len() - 24_000];
        for hertz in [500.0, 1300.0] {
            let reading = measure(middle, 48_000, hertz);
            assert!(reading.snr_db.abs() < 2.0, "{hertz}: {reading:?}");
        }
    }

    #[tokio::test]
    async fn a_stopped_file_is_silent_at_once_and_one_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompt.wav");
        wav(&path, 8000, 1, 30);
        let (call, control) = test_call(Codec::Opus);
        let playing = Playing::start(&Handle::current(), control.add_writer(PLAYING_RATE).unwrap(), &path).unwrap();
        playing.stop();
        assert!(!playing.done().await.unwrap());
        drop(call);
        std::fs::write(&path, "no sound at all").unwrap();
        let (_call, control) = test_call(Codec::Opus);
        let refused = Playing::start(&Handle::current(), control.add_writer(PLAYING_RATE).unwrap(), &path).unwrap_err();
        assert!(refused.status.contains("neither a WAV nor"), "{refused}");
    }
}
