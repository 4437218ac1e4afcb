//! PCM in people's hands: frames out, samples in, and the callbacks of a media thread.
//!
//! Between a media thread and its reader or writer lies one short-held lock and a bounded queue;
//! neither side ever waits for the other inside the lock. Async tasks are woken through
//! [`tokio::sync::Notify`] (which needs no runtime), plain threads through a condition variable.

use crate::call::CallId;
use crate::config::Codec;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

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

/// A queue between a media thread and a program's thread or task.
#[derive(Debug)]
struct Shared<T> {
    queue: Mutex<Queue<T>>,
    /// Wakes plain threads.
    condvar: Condvar,
    /// Wakes async tasks.
    notify: Notify,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    capacity: usize,
    dropped: u64,
    /// No more will come from, or be taken by, the call.
    call_over: bool,
    /// The program let go of its end.
    abandoned: bool,
}

impl<T> Shared<T> {
    fn new(capacity: usize) -> Arc<Self> {
        let queue = Queue { items: VecDeque::new(), capacity, dropped: 0, call_over: false, abandoned: false };
        Arc::new(Shared { queue: Mutex::new(queue), condvar: Condvar::new(), notify: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        // A panic while the lock was held leaves a queue that is still whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.condvar.notify_all();
        self.notify.notify_waiters();
    }

    fn end(&self) {
        self.lock().call_over = true;
        self.wake();
    }

    /// Waits until `ready` gives a value.
    async fn wait<R>(&self, mut ready: impl FnMut(&mut Queue<T>) -> Option<R>) -> R {
        loop {
            let notified = self.notify.notified();
            tokio::pin!(notified);
            // Registered before the look, so that a wake in between is not missed.
            notified.as_mut().enable();
            if let Some(r) = ready(&mut self.lock()) {
                return r;
            }
            notified.await;
        }
    }

    /// Blocks until `ready` gives a value or the time is up.
    fn wait_timeout<R>(&self, timeout: Duration, mut ready: impl FnMut(&mut Queue<T>) -> Option<R>) -> Option<R> {
        let deadline = Instant::now().checked_add(timeout);
        let mut queue = self.lock();
        loop {
            if let Some(r) = ready(&mut queue) {
                return Some(r);
            }
            // A time beyond the clock's end means for ever; waking now and then does no harm.
            let left = deadline.map_or(Duration::from_secs(3600), |d| d.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            queue = self.condvar.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Frames of one call. When the reader is slow, the oldest frame is dropped and counted.
/// Holds about a second.
#[derive(Debug)]
pub struct AudioStream {
    shared: Arc<Shared<AudioFrame>>,
}

impl AudioStream {
    /// The next frame; `None` when the call is over and all frames have been read.
    pub async fn next(&mut self) -> Option<AudioFrame> {
        self.shared.wait(next_or_over).await
    }
    /// The next frame if one waits already.
    pub fn try_next(&mut self) -> Option<AudioFrame> {
        self.shared.lock().items.pop_front()
    }
    /// Blocks this thread for the next frame, for `timeout` at most; `None` when the time is up or
    /// the call is over ([`AudioStream::is_closed`] tells which).
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<AudioFrame> {
        self.shared.wait_timeout(timeout, next_or_over).flatten()
    }
    /// Frames dropped so far because the reader was slow.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }
    /// Whether the call is over (frames may still wait to be read).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.lock().call_over
    }
}

fn next_or_over<T>(queue: &mut Queue<T>) -> Option<Option<T>> {
    match queue.items.pop_front() {
        Some(frame) => Some(Some(frame)),
        None if queue.call_over => Some(None),
        None => None,
    }
}

impl Drop for AudioStream {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.abandoned = true;
        queue.items = VecDeque::new();
    }
}

/// The media thread's end of an [`AudioStream`], or of another queue. Dropping it ends the stream.
#[derive(Debug)]
pub(crate) struct StreamSender<T = AudioFrame> {
    shared: Arc<Shared<T>>,
}

impl<T> StreamSender<T> {
    /// Queues a frame, dropping the oldest when the queue is full. False once nobody reads.
    pub(crate) fn send(&self, frame: T) -> bool {
        let mut queue = self.shared.lock();
        if queue.abandoned {
            return false;
        }
        if queue.items.len() >= queue.capacity {
            queue.items.pop_front();
            queue.dropped += 1;
        }
        queue.items.push_back(frame);
        drop(queue);
        self.shared.wake();
        true
    }
}

impl<T> Drop for StreamSender<T> {
    fn drop(&mut self) {
        self.shared.end();
    }
}

/// A stream of frames of `frame_ms` and the end that feeds it.
pub(crate) fn audio_stream(frame_ms: u32) -> (StreamSender, AudioStream) {
    let shared = Shared::new((1000 / frame_ms.max(1)).max(2) as usize);
    (StreamSender { shared: shared.clone() }, AudioStream { shared })
}

/// An encoded packet of what is heard, as it came: for recordings that do not decode.
#[derive(Debug, Clone)]
pub(crate) struct HeardPacket {
    pub(crate) codec: Codec,
    pub(crate) sequence_number: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload: Bytes,
}

/// Packets of one call in the order they came; the oldest is dropped when nobody takes them.
#[derive(Debug)]
pub(crate) struct PacketStream {
    shared: Arc<Shared<HeardPacket>>,
}

impl PacketStream {
    /// The next packet; `None` when the call is over and all have been taken.
    pub(crate) async fn next(&mut self) -> Option<HeardPacket> {
        self.shared.wait(next_or_over).await
    }
}

impl Drop for PacketStream {
    fn drop(&mut self) {
        self.shared.lock().abandoned = true;
    }
}

/// A queue for ten seconds of packets and the end that feeds it: a disk may take its time.
pub(crate) fn packet_stream() -> (StreamSender<HeardPacket>, PacketStream) {
    let shared = Shared::new(500);
    (StreamSender { shared: shared.clone() }, PacketStream { shared })
}

/// A way to speak into a call. Dropping it lets what is queued play out.
#[derive(Debug)]
pub struct AudioWriter {
    shared: Arc<Shared<i16>>,
    sample_rate: u32,
}

impl AudioWriter {
    /// Queues samples; takes as many as fit into the queue's second and returns how many. Never
    /// blocks. Returns 0 when the call is over.
    pub fn write(&mut self, pcm: &[i16]) -> usize {
        take_in(&mut self.shared.lock(), pcm)
    }
    /// Queues all samples, waiting for room; returns early with the number taken when the call ends.
    pub async fn write_all(&mut self, pcm: &[i16]) -> usize {
        let mut done = 0;
        self.shared.wait(|queue| write_step(queue, pcm, &mut done)).await;
        done
    }
    /// Blocks this thread until all samples are queued or the time is up; returns how many were.
    pub fn write_timeout(&mut self, pcm: &[i16], timeout: Duration) -> usize {
        let mut done = 0;
        self.shared.wait_timeout(timeout, |queue| write_step(queue, pcm, &mut done));
        done
    }
    /// Forgets what is queued.
    pub fn clear(&mut self) {
        self.shared.lock().items.clear();
        self.shared.wake();
    }
    /// Milliseconds queued and not yet sent.
    #[must_use]
    pub fn queued_ms(&self) -> u32 {
        let samples = self.shared.lock().items.len() as u64;
        u32::try_from(samples * 1000 / u64::from(self.sample_rate.max(1))).unwrap_or(u32::MAX)
    }
    /// Waits until the queue has been sent (or the call is over).
    pub async fn drained(&mut self) {
        self.shared.wait(|queue| (queue.items.is_empty() || queue.call_over).then_some(())).await;
    }
    /// Blocks this thread until the queue has been sent; false when the time is up first.
    pub fn drained_timeout(&mut self, timeout: Duration) -> bool {
        self.shared.wait_timeout(timeout, |queue| (queue.items.is_empty() || queue.call_over).then_some(())).is_some()
    }
    /// Whether the call is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.lock().call_over
    }
}

fn take_in(queue: &mut Queue<i16>, pcm: &[i16]) -> usize {
    if queue.call_over {
        return 0;
    }
    let room = queue.capacity.saturating_sub(queue.items.len()).min(pcm.len());
    queue.items.extend(pcm.iter().take(room));
    room
}

fn write_step(queue: &mut Queue<i16>, pcm: &[i16], done: &mut usize) -> Option<()> {
    *done += take_in(queue, pcm.get(*done..).unwrap_or_default());
    (*done >= pcm.len() || queue.call_over).then_some(())
}

impl Drop for AudioWriter {
    fn drop(&mut self) {
        self.shared.lock().abandoned = true;
    }
}

/// The media thread's end of an [`AudioWriter`]. Dropping it ends the writer.
#[derive(Debug)]
pub(crate) struct WriterSource {
    shared: Arc<Shared<i16>>,
    /// Hz.
    pub(crate) sample_rate: u32,
}

impl WriterSource {
    /// Takes up to `pcm.len()` queued samples into `pcm`; returns how many there were.
    pub(crate) fn take(&self, pcm: &mut [i16]) -> usize {
        let mut queue = self.shared.lock();
        let n = pcm.len().min(queue.items.len());
        if n == 0 {
            return 0;
        }
        for (to, from) in pcm.iter_mut().zip(queue.items.drain(..n)) {
            *to = from;
        }
        drop(queue);
        self.shared.wake();
        n
    }
    /// Nothing is queued now.
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.lock().items.is_empty()
    }
    /// Nothing is queued and nobody will write any more.
    pub(crate) fn is_done(&self) -> bool {
        let queue = self.shared.lock();
        queue.abandoned && queue.items.is_empty()
    }
}

impl Drop for WriterSource {
    fn drop(&mut self) {
        self.shared.end();
    }
}

/// A writer at `sample_rate` whose queue holds a second, and the end that empties it.
pub(crate) fn audio_writer(sample_rate: u32) -> (WriterSource, AudioWriter) {
    let shared = Shared::new(sample_rate as usize);
    (WriterSource { shared: shared.clone(), sample_rate }, AudioWriter { shared, sample_rate })
}
