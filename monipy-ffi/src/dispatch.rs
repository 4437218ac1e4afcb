//! The dispatcher: a few threads that deliver the events of all handles.
//!
//! Each handle is a task: a future that takes its events one by one and runs the callback while it
//! is polled. A task runs on one thread at a time, so a handle's events keep their order; tasks of
//! different handles run side by side. An idle handle costs no thread: it is a future that waits
//! for its waker.
//!
//! Threads come when work waits and none is idle, at once up to [`EAGER`], then only after the
//! oldest task has waited for [`PATIENCE`] (somebody's callbacks are slow), never beyond
//! [`MOST`]. They go after [`LINGER`] without work.

use crate::guard::{lock, panic_text};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Threads that start as soon as work waits.
const EAGER: usize = 4;
/// Threads at most: so many callbacks can block at the same time before others wait for them.
pub(crate) const MOST: usize = 16;
/// How long work waits before a thread beyond [`EAGER`] takes it.
const PATIENCE: Duration = Duration::from_millis(20);
/// How long a thread without work stays.
const LINGER: Duration = Duration::from_millis(500);

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

const IDLE: u8 = 0;
const QUEUED: u8 = 1;
const RUNNING: u8 = 2;
/// Woken while it ran: it goes back into the queue.
const AGAIN: u8 = 3;
const DONE: u8 = 4;

/// Work in the dispatcher's care.
pub(crate) struct Task {
    work: Mutex<Option<Work>>,
    state: AtomicU8,
}

impl Task {
    /// Forgets the work. Waits while it is being polled, so not for use within it.
    pub(crate) fn cancel(&self) {
        self.state.store(DONE, Ordering::Release);
        let work = lock(&self.work).take();
        drop(work);
    }

    fn run(self: &Arc<Self>) {
        if self.state.compare_exchange(QUEUED, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return; // cancelled
        }
        let waker = Waker::from(Arc::clone(self));
        let mut slot = lock(&self.work);
        let Some(work) = slot.as_mut() else { return };
        let poll = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut Context::from_waker(&waker))));
        if let Err(panic) = &poll {
            log::error!("a defect in event delivery, please report it: {}", panic_text(panic.as_ref()));
        }
        if !matches!(poll, Ok(std::task::Poll::Pending)) {
            self.state.store(DONE, Ordering::Release);
            let work = slot.take();
            drop(slot);
            drop(work);
            return;
        }
        drop(slot);
        if self.state.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire) == Err(AGAIN) {
            self.state.store(QUEUED, Ordering::Release);
            POOL.push(Arc::clone(self));
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let next = |s| match s {
            IDLE => Some(QUEUED),
            RUNNING => Some(AGAIN),
            _ => None,
        };
        if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) == Ok(IDLE) {
            POOL.push(self);
        }
    }
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Arc<Task>, Instant)>,
    threads: usize,
    idle: usize,
    /// Shutdown: threads end once the queue is empty.
    stopping: bool,
    joins: Vec<JoinHandle<()>>,
}

struct Pool {
    state: Mutex<State>,
    /// There is work, or the pool stops.
    work: Condvar,
    /// A thread has ended.
    ended: Condvar,
}

static POOL: Pool = Pool {
    state: Mutex::new(State { queue: VecDeque::new(), threads: 0, idle: 0, stopping: false, joins: Vec::new() }),
    work: Condvar::new(),
    ended: Condvar::new(),
};

impl Pool {
    fn push(&'static self, task: Arc<Task>) {
        let mut state = lock(&self.state);
        state.queue.push_back((task, Instant::now()));
        self.staff(&mut state);
        drop(state);
        self.work.notify_one();
    }

    /// Starts a thread when there is more work than idle threads.
    fn staff(&'static self, state: &mut State) {
        if state.idle >= state.queue.len() || state.threads >= MOST {
            return;
        }
        let done: Vec<_> = state.joins.extract_if(.., |j| j.is_finished()).collect();
        done.into_iter().for_each(|j| drop(j.join()));
        // Without a new thread, events wait for those that run. No log here: it may come back to us.
        if let Ok(join) = std::thread::Builder::new().name("monipy-events".into()).stack_size(512 * 1024).spawn(|| POOL.serve()) {
            state.threads += 1;
            // Until it has the lock it counts as idle, so that one piece of work starts one thread.
            state.idle += 1;
            state.joins.push(join);
        }
    }

    fn serve(&'static self) {
        let mut state = lock(&self.state);
        loop {
            // This thread counts as idle here.
            let now = Instant::now();
            let busy = state.threads - state.idle;
            let ripe = state.queue.front().map(|(_, since)| if busy < EAGER { now } else { *since + PATIENCE });
            match ripe {
                Some(at) if at <= now => {
                    let Some((task, _)) = state.queue.pop_front() else { continue };
                    state.idle -= 1;
                    self.staff(&mut state);
                    drop(state);
                    task.run();
                    drop(task);
                    state = lock(&self.state);
                    state.idle += 1;
                }
                None if state.stopping => break,
                _ => {
                    let rest = ripe.map_or(LINGER, |at| at - now);
                    let (held, timeout) = self.work.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner);
                    state = held;
                    if timeout.timed_out() && ripe.is_none() && state.queue.is_empty() {
                        break;
                    }
                }
            }
        }
        state.idle -= 1;
        state.threads -= 1;
        drop(state);
        self.ended.notify_all();
    }
}

/// Gives work to the dispatcher, which begins at once.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Arc<Task> {
    let task = Arc::new(Task { work: Mutex::new(Some(Box::pin(work))), state: AtomicU8::new(QUEUED) });
    POOL.push(Arc::clone(&task));
    task
}

/// Runs a job on a dispatcher thread.
pub(crate) fn run(job: impl FnOnce() + Send + 'static) {
    spawn(async move { job() });
}

/// Ends all threads once the queue is empty and joins them; false when the time was up. The next
/// work starts new ones.
pub(crate) fn stop(end: Instant) -> bool {
    let mut state = lock(&POOL.state);
    state.stopping = true;
    POOL.work.notify_all();
    while state.threads > 0 {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        state = POOL.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    state.stopping = false;
    if state.threads > 0 {
        return false; // A callback has not returned.
    }
    let joins = std::mem::take(&mut state.joins);
    drop(state);
    // They are past their last work, so this waits for no callback.
    joins.into_iter().for_each(|j| drop(j.join()));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::task::Poll;

    /// A future that waits for its waker once.
    struct Yield(bool);
    impl Future for Yield {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }

    #[test]
    fn a_task_that_is_woken_while_it_runs_runs_again() {
        let (tx, rx) = mpsc::channel();
        spawn(async move {
            for n in 0..100 {
                Yield(false).await;
                let _ = tx.send(n);
            }
        });
        assert_eq!(rx.iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn blocked_tasks_do_not_keep_others_waiting() {
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        let (tx, rx) = mpsc::channel();
        for _ in 0..MOST - 1 {
            let (blocked, tx) = (Arc::clone(&blocked), tx.clone());
            run(move || {
                let _ = lock(&blocked).recv();
                let _ = tx.send("released");
            });
        }
        let quick = tx.clone();
        run(move || quick.send("quick").expect("the test listens"));
        assert_eq!(rx.recv(), Ok("quick"));
        drop(release);
        drop(tx);
        assert_eq!(rx.iter().count(), MOST - 1);
    }

    #[test]
    fn a_cancelled_task_never_runs_again_and_drops_what_it_holds() {
        let held = Arc::new(());
        let inside = Arc::clone(&held);
        let task = spawn(async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        });
        task.cancel();
        assert_eq!(Arc::strong_count(&held), 1);
        Waker::from(task).wake();
    }

    #[test]
    fn a_panic_in_a_task_ends_that_task_alone() {
        let (tx, rx) = mpsc::channel();
        run(|| panic!("on purpose: a test of the dispatcher"));
        run(move || tx.send(()).expect("the test listens"));
        assert_eq!(rx.recv(), Ok(()));
    }
}
