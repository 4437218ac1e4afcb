//! The media clock: threads that let every bridge take a frame each 20 ms. A call stays with its
//! thread; a thread more is used when the others have calls.

use super::bridge::Bridge;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The length of a frame.
pub(crate) const FRAME_TIME: Duration = Duration::from_millis(20);
/// A frame that is done later than this after it was due missed its deadline.
const LATE: Duration = Duration::from_millis(20);
/// How long a thread without calls sleeps; a new call wakes it.
const IDLE: Duration = Duration::from_secs(1);
/// A clock this far behind (a suspended machine) lets the lost time go.
const GIVE_UP: Duration = Duration::from_millis(500);

/// Most threads used; more cores than that are left to the network.
const MOST_THREADS: usize = 4;

struct Shared {
    bridges: Mutex<Vec<Arc<Mutex<Bridge>>>>,
    stop: AtomicBool,
    frames: AtomicU64,
    late: AtomicU64,
    longest_us: AtomicU64,
}

struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How the clock kept time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ClockFigures {
    /// Threads.
    pub threads: u64,
    /// Frames of 20 ms since the start, of all threads.
    pub frames: u64,
    /// Frames that were not done when the next was due.
    pub late: u64,
    /// The longest time from when a frame was due until it was done, microseconds.
    pub longest_us: u64,
}

/// The media threads; they stop and are joined on drop.
pub(crate) struct Clock {
    workers: Vec<Worker>,
}

impl Clock {
    pub(crate) fn start() -> io::Result<Clock> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let mut clock = Clock { workers: Vec::new() };
        for n in 0..threads {
            let shared = Arc::new(Shared {
                bridges: Mutex::default(),
                stop: AtomicBool::new(false),
                frames: AtomicU64::new(0),
                late: AtomicU64::new(0),
                longest_us: AtomicU64::new(0),
            });
            let inner = shared.clone();
            // The threads take turns, so that the network has a core meanwhile.
            let offset = FRAME_TIME * n as u32 / threads as u32;
            let thread = std::thread::Builder::new().name(format!("centre-media-{n}")).spawn(move || run(&inner, offset))?;
            clock.workers.push(Worker { shared, thread: Some(thread) });
        }
        Ok(clock)
    }

    /// Gives a call to the thread that has the fewest.
    pub(crate) fn add(&self, bridge: Arc<Mutex<Bridge>>) {
        let count = |w: &&Worker| w.shared.bridges.lock().unwrap_or_else(PoisonError::into_inner).len();
        if let Some(worker) = self.workers.iter().min_by_key(count) {
            worker.shared.bridges.lock().unwrap_or_else(PoisonError::into_inner).push(bridge);
            if let Some(thread) = &worker.thread {
                thread.thread().unpark();
            }
        }
    }

    pub(crate) fn remove(&self, bridge: &Arc<Mutex<Bridge>>) {
        for worker in &self.workers {
            worker.shared.bridges.lock().unwrap_or_else(PoisonError::into_inner).retain(|b| !Arc::ptr_eq(b, bridge));
        }
    }

    /// Lets the figures begin anew.
    pub(crate) fn reset(&self) {
        for worker in &self.workers {
            for figure in [&worker.shared.frames, &worker.shared.late, &worker.shared.longest_us] {
                figure.store(0, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn figures(&self) -> ClockFigures {
        let sum = |of: fn(&Shared) -> &AtomicU64| self.workers.iter().map(|w| of(&w.shared).load(Ordering::Relaxed)).sum();
        ClockFigures {
            threads: self.workers.len() as u64,
            frames: sum(|s| &s.frames),
            late: sum(|s| &s.late),
            longest_us: self.workers.iter().map(|w| w.shared.longest_us.load(Ordering::Relaxed)).max().unwrap_or(0),
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.shared.stop.store(true, Ordering::Release);
            if let Some(thread) = &worker.thread {
                thread.thread().unpark();
            }
        }
        for thread in self.workers.iter_mut().filter_map(|w| w.thread.take()) {
            // A panic of a media thread has been printed by now.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, offset: Duration) {
    let start = Instant::now() + offset;
    let mut due = start;
    while !shared.stop.load(Ordering::Acquire) {
        let now = Instant::now();
        if now < due {
            std::thread::park_timeout(due - now);
            continue;
        }
        // The list is copied, so that a call can be added while others take their frame.
        let bridges = shared.bridges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if bridges.is_empty() {
            // Nothing to do is no reason to wake up fifty times a second.
            std::thread::park_timeout(IDLE);
            due = next_after(start, Instant::now());
            continue;
        }
        for bridge in &bridges {
            bridge.lock().unwrap_or_else(PoisonError::into_inner).tick(due);
        }
        shared.frames.fetch_add(1, Ordering::Relaxed);
        let done = Instant::now();
        let took = u64::try_from(done.saturating_duration_since(due).as_micros()).unwrap_or(u64::MAX);
        shared.longest_us.fetch_max(took, Ordering::Relaxed);
        if done > due + LATE {
            shared.late.fetch_add(1, Ordering::Relaxed);
        }
        due += FRAME_TIME;
        if done > due + GIVE_UP {
            due = next_after(start, done);
        }
    }
}

/// The first moment of a thread's own rhythm that is not before `now`.
fn next_after(start: Instant, now: Instant) -> Instant {
    let frames = now.saturating_duration_since(start).as_millis().div_ceil(FRAME_TIME.as_millis());
    start + FRAME_TIME * u32::try_from(frames).unwrap_or(u32::MAX)
}
