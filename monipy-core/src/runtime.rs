//! The shared runtime: one set of signalling threads for every supervisor of the process. Their
//! number is fixed; it does not grow with supervisors or calls. Started when the first supervisor
//! needs it, stopped by [`shutdown`].

use crate::error::{Error, Result};
use crate::vocabulary::code;
use once_cell::sync::Lazy;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};

/// Threads that run signalling and sockets.
const SIGNALLING_THREADS: usize = 2;
/// Threads for name look-ups and file reads; they end after ten idle seconds.
const BLOCKING_THREADS: usize = 8;

static SHARED: Lazy<Mutex<Option<Runtime>>> = Lazy::new(|| Mutex::new(None));

/// The runtime, started if it does not run.
pub(crate) fn shared() -> Result<Handle> {
    let mut slot = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*slot {
        return Ok(runtime.handle().clone());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SIGNALLING_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("monipy-signal")
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()
        .map_err(|e| Error::new(code::INTERNAL, format!("the system gave no threads or descriptors ({e}); raise its limits")))?;
    let handle = runtime.handle().clone();
    *slot = Some(runtime);
    Ok(handle)
}

/// Stops the shared threads, signalling and media, and waits for them up to `timeout`. Shut every
/// supervisor down first: what still lives stops answering, and its methods say 1002. A supervisor
/// made later starts the threads anew. Must not be called on one of the library's own threads.
pub fn shutdown(timeout: Duration) {
    crate::engine::stop_media_workers();
    let runtime = SHARED.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(runtime) = runtime {
        runtime.shutdown_timeout(timeout);
    }
}
