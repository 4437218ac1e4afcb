//! The media clock: one thread that lets every bridge take a frame each 20 ms.

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
/// A clock this far behind (a suspended machine) lets the lost time go.
const GIVE_UP: Duration = Duration::from_millis(500);

struct Shared {
    bridges: Mutex<Vec<Arc<Mutex<Bridge>>>>,
    stop: AtomicBool,
    frames: AtomicU64,
    late: AtomicU64,
}

/// How the clock kept time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ClockFigures {
    /// Frames of 20 ms since the start.
    pub frames: u64,
    /// Frames that were not done when the next was due.
    pub late: u64,
}

/// The media thread; stops and is joined on drop.
pub(crate) struct Clock {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    pub(crate) fn start() -> io::Result<Clock> {
        let shared = Arc::new(Shared {
            bridges: Mutex::default(),
            stop: AtomicBool::new(false),
            frames: AtomicU64::new(0),
            late: AtomicU64::new(0),
        });
        let inner = shared.clone();
        let thread = std::thread::Builder::new().name("centre-media".into()).spawn(move || run(&inner))?;
        Ok(Clock { shared, thread: Some(thread) })
    }

    pub(crate) fn add(&self, bridge: Arc<Mutex<Bridge>>) {
        self.shared.bridges.lock().unwrap_or_else(PoisonError::into_inner).push(bridge);
    }

    pub(crate) fn remove(&self, bridge: &Arc<Mutex<Bridge>>) {
        self.shared.bridges.lock().unwrap_or_else(PoisonError::into_inner).retain(|b| !Arc::ptr_eq(b, bridge));
    }

    pub(crate) fn figures(&self) -> ClockFigures {
        ClockFigures { frames: self.shared.frames.load(Ordering::Relaxed), late: self.shared.late.load(Ordering::Relaxed) }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of the media thread has been printed by now.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared) {
    let mut due = Instant::now();
    while !shared.stop.load(Ordering::Acquire) {
        let now = Instant::now();
        if now < due {
            std::thread::park_timeout(due - now);
            continue;
        }
        // The list is copied, so that a call can be added while others take their frame.
        let bridges = shared.bridges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for bridge in &bridges {
            bridge.lock().unwrap_or_else(PoisonError::into_inner).tick(due);
        }
        shared.frames.fetch_add(1, Ordering::Relaxed);
        let done = Instant::now();
        if done > due + LATE {
            shared.late.fetch_add(1, Ordering::Relaxed);
        }
        due += FRAME_TIME;
        if done > due + GIVE_UP {
            due = done;
        }
    }
}
