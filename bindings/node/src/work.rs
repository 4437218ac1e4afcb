//! What JavaScript waits for: outcomes of methods, frames, room for samples, the end of a close.

use futures_util::future::{Either, LocalBoxFuture, select};
use futures_util::stream::FuturesUnordered;
use monipy_core::audio::{AudioFrame, AudioStream, AudioWriter};
use monipy_core::{Event, EventStream, Pending, Playing, Recording, Reply};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// Frames handed over at once when the reader was slow: a fifth of a second of 20 ms frames.
const FRAMES_AT_ONCE: usize = 10;

/// Everything that is under way for one supervisor.
pub(crate) type Work = FuturesUnordered<LocalBoxFuture<'static, Done>>;

/// What came of it.
pub(crate) enum Done {
    /// A method ended, after the event numbered `after`.
    Outcome { ticket: u32, code: u16, status: String, after: u64 },
    /// Frames came; none: the call is over.
    Read { reader: u32, stream: AudioStream, frames: Vec<AudioFrame> },
    /// Samples were queued, or the queue has played out; `over` when the call is.
    Wrote { writer: u32, handle: AudioWriter, over: bool },
    /// A recording ended and its file is whole, or what the file system said.
    Recorded { recording: u32, result: std::io::Result<Duration> },
    /// A file was played to its end (true) or not, or what the file system said.
    Played { playing: u32, result: std::io::Result<bool> },
    /// A reader was let go of while it waited.
    LetGo,
}

/// The wait for an event; it owns the stream, so that its waker stays in place between pumps.
pub(crate) type Listening = LocalBoxFuture<'static, (EventStream, Option<Event>)>;

/// Waits for the next event.
pub(crate) fn listen(mut stream: EventStream) -> Listening {
    Box::pin(async move {
        let event = stream.next().await;
        (stream, event)
    })
}

/// Waits for the outcome of a method.
pub(crate) async fn outcome(ticket: u32, pending: Pending) -> Done {
    let (result, after) = pending.with_seq().await;
    let (code, status) = match result {
        Ok(Reply { code, status }) => (code, status),
        Err(error) => (error.code, error.status),
    };
    Done::Outcome { ticket, code, status, after }
}

/// Waits until the thread that closes the supervisor is done.
pub(crate) async fn closed(ticket: u32, done: oneshot::Receiver<()>) -> Done {
    let _ = done.await;
    Done::Outcome { ticket, code: 200, status: "closed".into(), after: u64::MAX }
}

/// Waits until a recording has ended.
pub(crate) async fn recorded(recording: u32, going: Recording) -> Done {
    Done::Recorded { recording, result: going.done().await }
}

/// Waits until a file has been played.
pub(crate) async fn played(playing: u32, going: Playing) -> Done {
    Done::Played { playing, result: going.done().await }
}

/// Waits for a frame and takes what else is there.
pub(crate) async fn read(reader: u32, mut stream: AudioStream, cancel: Rc<Notify>) -> Done {
    let first = match select(pin!(stream.next()), pin!(cancel.notified())).await {
        Either::Left((frame, _)) => frame,
        Either::Right(_) => return Done::LetGo,
    };
    let mut frames: Vec<AudioFrame> = first.into_iter().collect();
    while !frames.is_empty() && frames.len() < FRAMES_AT_ONCE {
        match stream.try_next() {
            Some(frame) => frames.push(frame),
            None => break,
        }
    }
    Done::Read { reader, stream, frames }
}

/// Waits for room and queues all of `pcm`. When cancelled, forgets it and what was queued.
pub(crate) async fn write(writer: u32, mut handle: AudioWriter, pcm: Vec<i16>, cancel: Rc<Notify>) -> Done {
    let cancelled = matches!(select(pin!(handle.write_all(&pcm)), pin!(cancel.notified())).await, Either::Right(_));
    finish(writer, handle, cancelled)
}

/// Waits until what is queued has been sent. When cancelled, forgets it.
pub(crate) async fn drain(writer: u32, mut handle: AudioWriter, cancel: Rc<Notify>) -> Done {
    let cancelled = matches!(select(pin!(handle.drained()), pin!(cancel.notified())).await, Either::Right(_));
    finish(writer, handle, cancelled)
}

fn finish(writer: u32, mut handle: AudioWriter, cancelled: bool) -> Done {
    if cancelled {
        handle.clear();
    }
    let over = handle.is_closed();
    Done::Wrote { writer, handle, over }
}
