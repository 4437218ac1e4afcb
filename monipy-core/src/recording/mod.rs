//! A call in a file. A recording is a task of the shared runtime and needs no thread of its own;
//! the disk is waited for elsewhere, so that neither a slow nor a full one is felt by the call.
//!
//! - `wave.rs`: stereo WAV, what is heard on the left, what is sent on the right, or a channel for each
//!   party where they come apart.
//! - `packets.rs`: Ogg Opus, the far side's packets as they came.

mod packets;
mod wave;

use crate::audio::{AudioStream, CallAudioControl, PacketStream};
use crate::error::{Error, Result};
use crate::quality::{self, Moment};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

#[derive(Debug, Clone, Default)]
struct Progress {
    recorded: Duration,
    pauses: Vec<Pause>,
    /// How it ended; an error by its kind and its words, since it is told to all who ask.
    ended: Option<std::result::Result<(), (io::ErrorKind, String)>>,
}

/// Seconds that a report goes back: six hours.
const MOST_MOMENTS: usize = 6 * 3600;

/// A stretch of a recording that was left out on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Where in the file it begins.
    pub at: Duration,
    /// How long it lasted; `None` while it goes on.
    pub length: Option<Duration>,
}

/// A recording that goes on. Ends with the call, or with [`Recording::stop`]. Dropping this handle
/// lets it go on.
#[derive(Debug, Clone)]
pub struct Recording {
    progress: watch::Receiver<Progress>,
    orders: Arc<Orders>,
    path: PathBuf,
    /// The call's seconds since the recording began; the oldest go after [`MOST_MOMENTS`].
    moments: Moments,
}

type Moments = Arc<Mutex<Vec<Moment>>>;

/// What the handle asks of its task.
#[derive(Debug, Default)]
struct Orders {
    stop: Notify,
    paused: AtomicBool,
}

/// What a task tells its handle.
type Tell = watch::Sender<Progress>;

impl Recording {
    /// Creates the file and records into it: packets for a name that ends in .opus, .ogg or .oga,
    /// both sides for any other.
    pub(crate) fn start(runtime: &Handle, control: &CallAudioControl, path: &Path, sample_rate: u32) -> Result<Recording> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if matches!(extension.as_str(), "opus" | "ogg" | "oga") {
            Recording::of_packets(runtime, control.add_packets()?, path)
        } else {
            Recording::of_sides(runtime, control.add_sides(sample_rate)?, path, sample_rate)
        }
        .inspect(|recording| {
            runtime.spawn(gather(control.clone(), recording.moments.clone(), recording.progress.clone(), recording.orders.clone()));
        })
    }

    /// Writes a page of HTML about what was recorded so far: levels, delay, loss, quality and a
    /// timeline of warnings and pauses. For a report of the whole call, when it is done.
    ///
    /// # Errors
    /// What the file system says.
    pub fn report(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned();
        std::fs::write(path, quality::report(&format!("Call in {name}"), &moments, &self.pauses()))
    }

    fn of_sides(runtime: &Handle, sides: AudioStream, path: &Path, sample_rate: u32) -> Result<Recording> {
        let file = wave::Wave::create(path, sample_rate).map_err(|e| unwritable(path, &e))?;
        Ok(Recording::spawn(runtime, path, |tell, orders| wave::record(file, sides, tell, orders)))
    }

    fn of_packets(runtime: &Handle, heard: PacketStream, path: &Path) -> Result<Recording> {
        let file = packets::Packets::create(path).map_err(|e| unwritable(path, &e))?;
        Ok(Recording::spawn(runtime, path, |tell, orders| packets::record(file, heard, tell, orders)))
    }

    fn spawn<F>(runtime: &Handle, path: &Path, task: impl FnOnce(Tell, Arc<Orders>) -> F) -> Recording
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tell, progress) = watch::channel(Progress::default());
        let orders = Arc::new(Orders::default());
        runtime.spawn(task(tell, orders.clone()));
        Recording { progress, orders, path: path.to_owned(), moments: Arc::default() }
    }

    /// Ends the recording; [`Recording::done`] tells when the file is whole.
    pub fn stop(&self) {
        // Kept for the task, should it not be waiting just now.
        self.orders.stop.notify_one();
    }

    /// Leaves out what is said from now on, for privacy. A WAV file goes on with silence and has a
    /// mark (`cue `) where the pause begins and where it ends; an Ogg file leaves the pause out and
    /// goes on in a new link of its chain whose comment says how long it was.
    pub fn pause(&self) {
        self.orders.paused.store(true, Ordering::Release);
    }

    /// Goes on after [`Recording::pause`].
    pub fn resume(&self) {
        self.orders.paused.store(false, Ordering::Release);
    }

    /// Whether it is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.orders.paused.load(Ordering::Acquire)
    }

    /// What is in the file so far.
    #[must_use]
    pub fn recorded(&self) -> Duration {
        self.progress.borrow().recorded
    }

    /// The pauses so far, in their order.
    #[must_use]
    pub fn pauses(&self) -> Vec<Pause> {
        self.progress.borrow().pauses.clone()
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

/// Gathers the call's seconds while it is recorded.
async fn gather(control: CallAudioControl, moments: Moments, mut progress: watch::Receiver<Progress>, orders: Arc<Orders>) {
    let (mut last, _) = control.moment();
    // Twice a second, so that none is missed; each has a number, so that none is taken twice.
    let mut pace = tokio::time::interval(Duration::from_millis(450));
    loop {
        tokio::select! {
            ended = progress.wait_for(|p| p.ended.is_some()) => {
                drop(ended);
                return;
            }
            _ = pace.tick() => {}
        }
        let (number, mut moment) = control.moment();
        if number != last {
            last = number;
            moment.paused = orders.paused.load(Ordering::Acquire);
            let mut moments = moments.lock().unwrap_or_else(PoisonError::into_inner);
            if moments.len() >= MOST_MOMENTS {
                moments.remove(0);
            }
            moments.push(moment);
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::invalid_argument(format!("path: {} cannot be written: {error}", path.display()))
}

fn tell_end(tell: &Tell, result: io::Result<()>) {
    tell.send_modify(|p| p.ended = Some(result.map_err(|e| (e.kind(), e.to_string()))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioFrame;
    use crate::audio::{HeardPacket, packet_stream};
    use crate::audio::{StreamSender, audio_stream};
    use crate::config::Codec;
    use bytes::Bytes;

    fn frame(index: u64, value: i16) -> AudioFrame {
        AudioFrame { sample_rate: 8000, timestamp: index * 160, concealed: false, pcm: [value, -value].repeat(160) }
    }

    fn start(path: &Path) -> (StreamSender, Recording) {
        let (sender, stream) = audio_stream(20);
        (sender, Recording::of_sides(&Handle::current(), stream, path, 8000).unwrap())
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

    /// Waits until the recording's task has taken all of `sender`'s frames.
    async fn taken(recording: &Recording, ms: u64) {
        let mut progress = recording.progress.clone();
        progress.wait_for(|p| p.recorded >= Duration::from_millis(ms)).await.unwrap();
    }

    #[tokio::test]
    async fn a_pause_is_silence_between_two_marks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let (sender, recording) = start(&path);
        let mut index = 0;
        let mut ten_frames = || {
            (0..10).for_each(|_| {
                sender.send(frame(index, 100));
                index += 1;
            })
        };
        ten_frames();
        taken(&recording, 200).await;
        recording.pause();
        assert!(recording.is_paused());
        ten_frames();
        taken(&recording, 400).await;
        recording.resume();
        ten_frames();
        taken(&recording, 600).await;
        drop(sender);
        assert_eq!(recording.done().await.unwrap(), Duration::from_millis(600));
        let ms = Duration::from_millis;
        assert_eq!(recording.pauses(), [Pause { at: ms(200), length: Some(ms(200)) }]);
        let mut reader = hound::WavReader::open(&path).unwrap();
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        assert_eq!(samples.len(), 30 * 320);
        let (first, rest) = samples.split_at(10 * 320);
        let (pause, last) = rest.split_at(10 * 320);
        assert!(first.iter().chain(last).all(|s| s.abs() == 100));
        assert!(pause.iter().all(|&s| s == 0), "nothing of what was said in the pause is in the file");
        let file = std::fs::read(&path).unwrap();
        let at = file.windows(4).position(|w| w == b"cue ").expect("marks");
        let word = |offset: usize| u32::from_le_bytes(file[at + offset..at + offset + 4].try_into().unwrap());
        assert_eq!((word(8), word(12 + 20), word(12 + 24 + 20)), (2, 1600, 3200), "both marks at their samples");
        assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize + 8, file.len());
    }

    #[tokio::test]
    async fn a_full_disk_is_told() {
        let (sender, stream) = audio_stream(20);
        let Ok(recording) = Recording::of_sides(&Handle::current(), stream, Path::new("/dev/full"), 8000) else {
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
        let error = Recording::of_sides(&Handle::current(), stream, Path::new("/nowhere/call.wav"), 8000).unwrap_err();
        assert_eq!(error.code, crate::vocabulary::code::INVALID_ARGUMENT);
        assert!(error.status.contains("/nowhere/call.wav"), "{error}");
    }

    /// 20 ms of Opus (a CELT frame of one byte: silence), or of PCMU.
    fn packet(codec: Codec, index: u16) -> HeardPacket {
        let (payload, ticks) = match codec {
            Codec::Opus => (Bytes::from_static(&[0xf8, 0xff, 0xfe]), 960),
            _ => (Bytes::from(vec![(index % 7) as u8; 160]), 160),
        };
        HeardPacket { codec, sequence_number: index, timestamp: u32::from(index) * ticks, ssrc: 1, payload }
    }

    fn packets_of(file: &[u8]) -> usize {
        let mut reader = opus_pure::OggOpusReader::new(std::io::Cursor::new(file)).unwrap();
        reader.packets().map_while(std::result::Result::ok).count()
    }

    #[tokio::test]
    async fn opus_packets_go_to_the_file_as_they_came() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.opus");
        let (sender, stream) = packet_stream();
        let recording = Recording::of_packets(&Handle::current(), stream, &path).unwrap();
        for index in 0..100 {
            assert!(sender.send(packet(Codec::Opus, index)));
        }
        // What a crash now would leave: all but the last second.
        taken(&recording, 1100).await;
        let survived = std::fs::read(&path).unwrap();
        assert!(packets_of(&survived) >= 50, "{}", packets_of(&survived));
        drop(sender);
        assert_eq!(recording.done().await.unwrap(), Duration::from_secs(2));
        let file = std::fs::read(&path).unwrap();
        assert_eq!(packets_of(&file), 100);
        assert_eq!(file.windows(3).filter(|w| *w == [0xf8, 0xff, 0xfe]).count(), 100);
    }

    #[tokio::test]
    async fn a_pause_of_packets_is_a_link_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.ogg");
        let (sender, stream) = packet_stream();
        let recording = Recording::of_packets(&Handle::current(), stream, &path).unwrap();
        (0..20).for_each(|i| assert!(sender.send(packet(Codec::Opus, i))));
        taken(&recording, 400).await;
        recording.pause();
        (20..70).for_each(|i| assert!(sender.send(packet(Codec::Opus, i))));
        let mut progress = recording.progress.clone();
        progress.wait_for(|p| !p.pauses.is_empty()).await.unwrap();
        recording.resume();
        (70..90).for_each(|i| assert!(sender.send(packet(Codec::Opus, i))));
        drop(sender);
        recording.done().await.unwrap();
        let file = std::fs::read(&path).unwrap();
        let count = |what: &[u8]| file.windows(what.len()).filter(|w| *w == what).count();
        assert_eq!(count(b"OpusHead"), 2);
        assert_eq!(count(b"COMMENT=monipy: goes on after a pause of "), 1);
        assert!(matches!(recording.pauses()[..], [Pause { length: Some(_), .. }]));
    }

    #[tokio::test]
    async fn other_codecs_are_put_into_opus() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.opus");
        let (sender, stream) = packet_stream();
        let recording = Recording::of_packets(&Handle::current(), stream, &path).unwrap();
        (0..50).for_each(|i| assert!(sender.send(packet(Codec::Pcmu, i))));
        drop(sender);
        assert_eq!(recording.done().await.unwrap(), Duration::from_secs(1));
        assert_eq!(packets_of(&std::fs::read(&path).unwrap()), 50);
    }
}
