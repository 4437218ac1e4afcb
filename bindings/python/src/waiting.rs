//! Waiting for what comes one by one, events or frames: a thread blocks, or the hub waits for
//! asyncio; either way all that waits is then taken at once. One thread or task at a time may wait.

use crate::guard::Owned;
use crate::hub::{Hub, Outcome};
use crate::pending::block_on;
use pyo3::prelude::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::AbortHandle;

/// A stream of the core.
pub(crate) trait Source: Send + 'static {
    /// What comes.
    type Item: Send + 'static;
    /// The next item; `None` when nothing comes any more.
    fn next(&mut self) -> impl Future<Output = Option<Self::Item>> + Send;
    /// The next item if one waits already.
    fn try_next(&mut self) -> Option<Self::Item>;
    /// Nothing is added any more.
    fn is_closed(&self) -> bool;
}

struct State<S: Source> {
    /// Away while somebody waits on it.
    source: Option<S>,
    /// Came while it was waited for.
    early: VecDeque<S::Item>,
    closed: bool,
    /// The task that waits on it.
    task: Option<AbortHandle>,
}

fn lock<S: Source>(state: &Mutex<State<S>>) -> MutexGuard<'_, State<S>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Brings a source back with what came while it was away.
fn back<S: Source>(state: &Mutex<State<S>>, source: S, items: impl IntoIterator<Item = S::Item>) {
    let mut state = lock(state);
    if !state.closed {
        state.early.extend(items);
        state.source = Some(source);
    }
}

/// A source that is waited for in turns.
pub(crate) struct Waiting<S: Source> {
    state: Owned<Arc<Mutex<State<S>>>>,
    /// More items than this at once would hold the interpreter lock for long.
    batch: usize,
}

impl<S: Source> Waiting<S> {
    pub(crate) fn new(source: S, batch: usize) -> Self {
        let state = State { source: Some(source), early: VecDeque::new(), closed: false, task: None };
        Waiting { state: Owned::new(Arc::new(Mutex::new(state))), batch }
    }

    /// What waits, and whether nothing comes after it; never blocks.
    pub(crate) fn take(&self) -> (Vec<S::Item>, bool) {
        let mut state = lock(self.state.get());
        // Looked at first: what comes after the look is taken by the loop below, or next time.
        let over = state.closed || state.source.as_ref().is_some_and(S::is_closed);
        let mut items = Vec::new();
        while items.len() < self.batch {
            let next = state.early.pop_front().or_else(|| state.source.as_mut().and_then(S::try_next));
            let Some(item) = next else { break };
            items.push(item);
        }
        // A full batch may have left some behind.
        let ended = over && items.len() < self.batch;
        (items, ended)
    }

    /// Blocks until there is an item, nothing comes any more, or `timeout` seconds are over.
    pub(crate) fn wait(&self, py: Python<'_>, timeout: Option<f64>, main: bool) -> PyResult<(Vec<S::Item>, bool)> {
        let source = {
            let mut state = lock(self.state.get());
            if state.early.is_empty() { state.source.take() } else { None }
        };
        if let Some(mut source) = source {
            let waited = block_on(py, source.next(), timeout, main);
            // The source goes back whatever happened, Ctrl-C included.
            let (item, result) = match waited {
                Ok(item) => (item.flatten(), Ok(())),
                Err(e) => (None, Err(e)),
            };
            back(self.state.get(), source, item);
            result?;
        }
        Ok(self.take())
    }

    /// Tells `inbox` once there are `items` items or nothing comes any more; gives the token, or
    /// `None` when somebody waits already, or it was closed.
    pub(crate) fn arm(&self, hub: &Hub, inbox: u64, items: usize) -> Option<u64> {
        let wanted = items.clamp(1, self.batch);
        let shared = self.state.get();
        // Held until the task is known, so that `close` finds it.
        let mut held = lock(shared);
        let mut source = held.source.take()?;
        let state = shared.clone();
        let wait = async move {
            let mut gathered = Vec::with_capacity(wanted);
            while gathered.len() < wanted {
                let Some(item) = source.next().await else { break };
                gathered.push(item);
            }
            back(&state, source, gathered);
            Outcome::Ready
        };
        let (token, task) = hub.submit(inbox, wait);
        held.task = Some(task);
        Some(token)
    }

    /// Looks at the source, when nobody waits on it.
    pub(crate) fn look<R>(&self, at: impl FnOnce(&S) -> R) -> Option<R> {
        lock(self.state.get()).source.as_ref().map(at)
    }

    /// Lets go of the source.
    pub(crate) fn close(&self) {
        let mut state = lock(self.state.get());
        state.closed = true;
        state.source = None;
        state.early.clear();
        if let Some(task) = state.task.take() {
            task.abort();
        }
    }
}
