//! A call in a file: stereo, what is heard on the left, what is sent on the right. A recording is
//! a task of the shared runtime and needs no thread of its own; the disk is waited for elsewhere.

use crate::audio::AudioStream;
use crate::audio::wav::WavFile;
use crate::error::{Error, Result};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

/// Frames that go to the disk together; a fifth of a second.
const FRAMES_A_WRITE: usize = 10;
const CHANNELS: u16 = 2;

#[derive(Debug, Clone, Default)]
struct Progress {
    recorded: Duration,
    /// How it ended; an error by its kind and its words, since it is told to all who ask.
    ended: Option<std::result::Result<(), (io::ErrorKind, String)>>,
}

/// A recording that goes on. Ends with the call, or with [`Recording::stop`]. Dropping this handle
/// lets it go on.
#[derive(Debug, Clone)]
pub struct Recording {
    progress: watch::Receiver<Progress>,
    stop: Arc<Notify>,
}

impl Recording {
    /// Creates the file and records `sides` (20 ms frames, two channels) into it.
    pub(crate) fn start(runtime: &Handle, sides: AudioStream, path: &Path, sample_rate: u32) -> Result<Recording> {
        let file = WavFile::create(path, CHANNELS, sample_rate)
            .map_err(|e| Error::invalid_argument(format!("path: {} cannot be written: {e}", path.display())))?;
        let (tell, progress) = watch::channel(Progress::default());
        let stop = Arc::new(Notify::new());
        runtime.spawn(record(file, sides, sample_rate, tell, stop.clone()));
        Ok(Recording { progress, stop })
    }

    /// Ends the recording; [`Recording::done`] tells when the file is whole.
    pub fn stop(&self) {
        // Kept for the task, should it not be waiting just now.
        self.stop.notify_one();
    }

    /// What is in the file so far.
    #[must_use]
    pub fn recorded(&self) -> Duration {
        self.progress.borrow().recorded
    }

    /// Waits until the call is over or the recording was stopped, and the file is whole. Gives what
    /// is in it. Needs no runtime.
    ///
    /// # Errors
    /// What the file system said; what was written before that is kept.
    pub async fn done(&self) -> io::Result<Duration> {
        let mut progress = self.progress.clone();
        // An error means that the library was shut down; the file was closed with the task.
        let end = progress.wait_for(|p| p.ended.is_some()).await.map(|p| p.clone()).unwrap_or_default();
        match end.ended {
            Some(Err((kind, words))) => Err(io::Error::new(kind, words)),
            _ => Ok(self.recorded()),
        }
    }
}

async fn record(mut file: WavFile, mut sides: AudioStream, sample_rate: u32, tell: watch::Sender<Progress>, stop: Arc<Notify>) {
    let mut samples: u64 = 0;
    let mut going = true;
    let mut result = Ok(());
    while going && result.is_ok() {
        let mut pcm = Vec::new();
        for _ in 0..FRAMES_A_WRITE {
            let frame = tokio::select! {
                biased;
                () = stop.notified() => None,
                frame = sides.next() => frame,
            };
            let Some(frame) = frame else {
                going = false;
                break;
            };
            pcm.extend_from_slice(&frame.pcm);
        }
        samples += pcm.len() as u64 / u64::from(CHANNELS);
        let written = tokio::task::spawn_blocking(move || {
            let result = file.write(&pcm);
            (file, result)
        });
        match written.await {
            Ok((back, outcome)) => {
                file = back;
                result = outcome;
            }
            // The library was shut down; the file was closed by its drop.
            Err(_) => return,
        }
        if result.is_ok() {
            tell.send_modify(|p| p.recorded = Duration::from_secs_f64(samples as f64 / f64::from(sample_rate)));
        }
    }
    if result.is_ok() {
        result = tokio::task::spawn_blocking(move || file.finish()).await.unwrap_or(Ok(()));
    }
    tell.send_modify(|p| p.ended = Some(result.map_err(|e| (e.kind(), e.to_string()))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioFrame;
    use crate::audio::{StreamSender, audio_stream};

    fn frame(index: u64, value: i16) -> AudioFrame {
        AudioFrame { sample_rate: 8000, timestamp: index * 160, concealed: false, pcm: [value, -value].repeat(160) }
    }

    fn start(path: &Path) -> (StreamSender, Recording) {
        let (sender, stream) = audio_stream(20);
        (sender, Recording::start(&Handle::current(), stream, path, 8000).unwrap())
    }

    #[tokio::test]
    async fn ends_with_the_call_and_holds_every_sample() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let (sender, recording) = start(&path);
        for i in 0..25 {
            assert!(sender.send(frame(i, i as i16)));
        }
        drop(sender);
        assert_eq!(recording.done().await.unwrap(), Duration::from_millis(500));
        // Whoever asks later is told the same.
        assert_eq!(recording.clone().done().await.unwrap(), recording.recorded());
        let mut reader = hound::WavReader::open(&path).unwrap();
        assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8000));
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        let expected: Vec<i16> = (0..25).flat_map(|i| frame(i, i as i16).pcm).collect();
        assert_eq!(samples, expected);
    }

    #[tokio::test]
    async fn stop_ends_it_while_the_call_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let (sender, recording) = start(&path);
        sender.send(frame(0, 1));
        recording.stop();
        let recorded = recording.done().await.unwrap();
        assert!(recorded <= Duration::from_millis(20));
        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), (recorded.as_millis() * 8) as u32);
        assert!(!sender.send(frame(1, 1)), "nobody reads any more");
    }

    #[tokio::test]
    async fn a_full_disk_is_told() {
        let (sender, stream) = audio_stream(20);
        let Ok(recording) = Recording::start(&Handle::current(), stream, Path::new("/dev/full"), 8000) else {
            // The header did not fit either: as good an answer.
            return;
        };
        for i in 0..40 {
            sender.send(frame(i, 1));
        }
        drop(sender);
        assert_eq!(recording.done().await.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[tokio::test]
    async fn a_path_that_cannot_be_written_is_named() {
        let (_sender, stream) = audio_stream(20);
        let error = Recording::start(&Handle::current(), stream, Path::new("/nowhere/call.wav"), 8000).unwrap_err();
        assert_eq!(error.code, crate::vocabulary::code::INVALID_ARGUMENT);
        assert!(error.status.contains("/nowhere/call.wav"), "{error}");
    }
}
