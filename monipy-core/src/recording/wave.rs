//! Both sides in a WAV file, or the parties and this side.

use super::{Orders, Pause, Tell, tell_end};
use crate::audio::AudioStream;
use crate::audio::wav::WavFile;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Frames that go to the disk together; a fifth of a second.
const FRAMES_A_WRITE: usize = 10;
/// Channels where the parties come together: what is heard, and what is sent.
const CHANNELS: u16 = 2;

/// The file, and what is needed to end it.
pub(super) struct Wave {
    file: WavFile,
    path: PathBuf,
    sample_rate: u32,
    channels: u16,
}

impl Wave {
    pub(super) fn create(path: &Path, sample_rate: u32) -> io::Result<Wave> {
        Ok(Wave { file: WavFile::create(path, CHANNELS, sample_rate)?, path: path.to_owned(), sample_rate, channels: CHANNELS })
    }

    /// The channels of the frames that come, which the first one shows: a frame lasts 20 ms.
    fn channels_of(&self, frame: &[i16]) -> u16 {
        u16::try_from(frame.len() / (self.sample_rate as usize / 50).max(1)).unwrap_or(CHANNELS).max(1)
    }

    /// Begins anew with other channels.
    fn begin_with(&mut self, channels: u16) -> io::Result<()> {
        self.channels = channels;
        self.file = WavFile::create(&self.path, channels, self.sample_rate)?;
        Ok(())
    }

    fn at(&self, samples: u64) -> Duration {
        Duration::from_secs_f64(samples as f64 / f64::from(self.sample_rate))
    }
}

/// Records `sides` (20 ms frames, two channels or more) until the call is over or the recording is stopped.
pub(super) async fn record(mut wave: Wave, mut sides: AudioStream, tell: Tell, orders: Arc<Orders>) {
    let mut samples: u64 = 0;
    let mut channels = None;
    let mut going = true;
    let mut result = Ok(());
    let mut marks: Vec<(u32, String)> = Vec::new();
    let mut pauses: Vec<Pause> = Vec::new();
    while going && result.is_ok() {
        let mut pcm = Vec::new();
        for _ in 0..FRAMES_A_WRITE {
            let frame = tokio::select! {
                biased;
                () = orders.stop.notified() => None,
                frame = sides.next() => frame,
            };
            let Some(mut frame) = frame else {
                going = false;
                break;
            };
            let paused = orders.paused.load(Ordering::Acquire);
            let now = wave.at(samples);
            match pauses.last_mut().filter(|p| p.length.is_none()) {
                None if paused => {
                    marks.push((samples as u32, "paused".into()));
                    pauses.push(Pause { at: now, length: None });
                }
                Some(pause) if !paused => {
                    marks.push((samples as u32, "resumed".into()));
                    pause.length = Some(now.saturating_sub(pause.at));
                }
                _ => {}
            }
            if paused {
                frame.pcm.fill(0);
            }
            channels.get_or_insert_with(|| wave.channels_of(&frame.pcm));
            samples += frame.pcm.len() as u64 / u64::from(channels.unwrap_or(CHANNELS));
            pcm.extend_from_slice(&frame.pcm);
        }
        let written = tokio::task::spawn_blocking(move || {
            let begun = match channels {
                Some(n) if n != wave.channels => wave.begin_with(n),
                _ => Ok(()),
            };
            let result = begun.and_then(|()| wave.file.write(&pcm));
            (wave, result)
        });
        match written.await {
            Ok((back, outcome)) => {
                wave = back;
                result = outcome;
            }
            // The library was shut down; the file was closed by its drop.
            Err(_) => return,
        }
        if result.is_ok() {
            let recorded = wave.at(samples);
            tell.send_modify(|p| {
                p.recorded = recorded;
                p.pauses.clone_from(&pauses);
            });
        }
    }
    if result.is_ok() {
        let finish = move || wave.file.finish_with_marks(&wave.path, &marks);
        result = tokio::task::spawn_blocking(finish).await.unwrap_or(Ok(()));
    }
    tell_end(&tell, result);
}
