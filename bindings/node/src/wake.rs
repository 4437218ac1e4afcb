//! The bell: wakes JavaScript's thread from any other.

use napi::Status;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

/// Weak: it does not keep the process alive; `lib/monipy.js` decides about that.
type Bell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// Rings once however often it is woken, until [`JsWaker::rearm`].
pub(crate) struct JsWaker {
    bell: Bell,
    rung: AtomicBool,
}

impl JsWaker {
    pub(crate) fn new(bell: Bell) -> Arc<Self> {
        Arc::new(JsWaker { bell, rung: AtomicBool::new(false) })
    }

    /// To be called before the futures are polled: what is ready after that rings anew.
    pub(crate) fn rearm(&self) {
        self.rung.store(false, Ordering::SeqCst);
    }
}

impl Wake for JsWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            // Never Blocking: a full queue and a closing environment would wait for each other.
            // When the environment is gone already, nobody is left to be woken.
            let _ = self.bell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}
