//! The shared runtime: one set of signalling threads for every supervisor of the process. Their
//! number is fixed; it does not grow with supervisors or calls. Started when the first supervisor
//! needs it, stopped by [`shutdown`].

use crate::error::{Error, Result};
use once_cell::sync::Lazy;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Threads that run signalling and sockets.
const SIGNALLING_THREADS: usize = 2;
/// Threads for name look-ups and file reads; they end after ten idle seconds.
const BLOCKING_THREADS: usize = 8;

static SHARED: Lazy<Mutex<Option<Arc<tokio::runtime::Runtime>>>> = Lazy::new(|| Mutex::new(None));

/// The runtime, started if it does not run.
pub(crate) fn shared() -> Result<Arc<tokio::runtime::Runtime>> {
    let mut slot = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*slot {
        return Ok(runtime.clone());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SIGNALLING_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("monipy-signal")
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()
        .map_err(|e| Error::new(crate::vocabulary::code::INTERNAL, format!("the system gave no threads or descriptors ({e}); raise its limits")))?;
    let runtime = Arc::new(runtime);
    *slot = Some(runtime.clone());
    Ok(runtime)
}

/// Stops the shared threads, signalling and media, and waits for them up to `timeout`. Shut every
/// supervisor down first: what still lives stops answering. A supervisor made later starts the
/// threads anew. Must not be called on one of the library's own threads.
pub fn shutdown(timeout: Duration) {
    crate::engine::stop_media_workers();
    let runtime = SHARED.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut runtime) = runtime else { return };
    // A supervisor's handle on another thread may still hold a reference for a moment.
    let deadline = std::time::Instant::now() + timeout;
    loop {
        match Arc::try_unwrap(runtime) {
            Ok(owned) => {
                owned.shutdown_timeout(deadline.saturating_duration_since(std::time::Instant::now()));
                return;
            }
            Err(shared) if std::time::Instant::now() < deadline => {
                runtime = shared;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(shared) => {
                drop(shared);
                return;
            }
        }
    }
}
