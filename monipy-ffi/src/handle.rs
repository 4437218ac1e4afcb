//! Handles: a slot and a generation in a table, in the clothes of a pointer. A stale, made-up or
//! NULL handle finds nothing and is never followed.

use crate::audio::Lines;
use crate::dispatch::{self, Task};
use crate::gate::{self, Gate, Place};
use crate::guard::{Fail, Outcome, lock, own_process};
use crate::sound::Sounds;
use crate::status;
use crate::supervisor::{Callbacks, Pull};
use crate::types::monipy_supervisor;
use monipy_core::Supervisor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError, RwLock};
use std::time::Duration;

/// Bits of the slot number; the rest but one is the generation.
const SLOT_BITS: u32 = if usize::BITS == 64 { 24 } else { 12 };
/// Live handles at most.
const MOST: usize = 1 << SLOT_BITS;
/// Generations before a slot is taken out of use, so that no handle is ever valid twice.
const LAST_GENERATION: usize = (1 << (usize::BITS - SLOT_BITS - 1)) - 1;
/// How long destroy gives the engine to take the registration back.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a handle stands for.
pub(crate) struct Handle {
    /// The handle as the program knows it.
    pub(crate) raw: usize,
    /// The engine's side.
    pub(crate) supervisor: Supervisor,
    /// Everything that may run when a callback of this handle runs.
    pub(crate) gate: Gate,
    /// What to call.
    pub(crate) callbacks: Callbacks,
    /// Delivery of events by callback.
    pub(crate) delivery: Mutex<Option<Arc<Task>>>,
    /// Delivery of events by monipy_wait_event.
    pub(crate) pull: Pull,
    /// Open ways to and from calls' sound.
    pub(crate) lines: Lines,
    /// Recordings and files that are played.
    pub(crate) sounds: Sounds,
    /// destroy was called inside a callback: whoever leaves the gate last sees to the rest.
    deferred: AtomicBool,
    finished: AtomicBool,
}

impl Handle {
    /// Runs a callback, unless the handle is destroyed; false then.
    pub(crate) fn callback(self: &Arc<Self>, place: Place, run: impl FnOnce(*mut monipy_supervisor)) -> bool {
        if !self.gate.enter() {
            return false;
        }
        {
            let _inside = gate::inside(place);
            run(self.raw as *mut monipy_supervisor);
        }
        if self.gate.leave() && self.deferred.load(Ordering::SeqCst) {
            self.finish_elsewhere();
        }
        true
    }

    /// Lets go of everything, on a dispatcher thread.
    fn finish_elsewhere(self: &Arc<Self>) {
        let handle = Arc::clone(self);
        dispatch::run(move || handle.finish(FAREWELL));
    }

    /// Lets go of everything: no callback runs and none will.
    fn finish(&self, farewell: Duration) {
        if self.finished.swap(true, Ordering::SeqCst) {
            return;
        }
        self.pull.close();
        self.lines.clear();
        self.sounds.clear();
        self.supervisor.set_audio_io(None);
        // Its own statement: the lock must not be held while the task is waited for.
        let delivery = lock(&self.delivery).take();
        if let Some(task) = delivery {
            task.cancel();
        }
        self.supervisor.shutdown_blocking(farewell);
        self.callbacks.free();
    }

    /// Ends the handle, which is out of the table already.
    fn destroy(self: &Arc<Self>, farewell: Duration) {
        if gate::place() == Place::Outside {
            self.gate.close();
            self.pull.close();
            self.gate.wait();
            self.finish(farewell);
        } else {
            self.deferred.store(true, Ordering::SeqCst);
            if self.gate.close() {
                self.finish_elsewhere();
            }
        }
    }
}

struct Slot {
    generation: usize,
    handle: Option<Arc<Handle>>,
}

struct Table {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

static TABLE: RwLock<Table> = RwLock::new(Table { slots: Vec::new(), free: Vec::new() });

fn write<T>(f: impl FnOnce(&mut Table) -> T) -> T {
    f(&mut TABLE.write().unwrap_or_else(PoisonError::into_inner))
}

/// The number of a slot's present occupant. Odd, so that it is no address of anything.
fn number(slot: usize, generation: usize) -> usize {
    ((generation << SLOT_BITS | slot) << 1) | 1
}

fn parts(raw: usize) -> Option<(usize, usize)> {
    let bits = raw >> 1;
    (raw & 1 == 1).then_some((bits & (MOST - 1), bits >> SLOT_BITS))
}

/// Makes a handle. `delivery` starts once the handle is in the table.
pub(crate) fn insert(supervisor: Supervisor, callbacks: Callbacks, pull: Pull) -> Outcome<Arc<Handle>> {
    own_process();
    close_gates_at_exit();
    write(|table| {
        let slot = match table.free.pop() {
            Some(slot) => slot,
            None if table.slots.len() < MOST => {
                table.slots.push(Slot { generation: 1, handle: None });
                table.slots.len() - 1
            }
            None => return Err(Fail::new(status::MONIPY_ERR_OUT_OF_MEMORY, "too many supervisors: destroy some")),
        };
        let place = &mut table.slots[slot];
        let handle = Arc::new(Handle {
            raw: number(slot, place.generation),
            supervisor,
            gate: Gate::default(),
            callbacks,
            delivery: Mutex::default(),
            pull,
            lines: Lines::default(),
            sounds: Sounds::default(),
            deferred: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        });
        place.handle = Some(Arc::clone(&handle));
        Ok(handle)
    })
}

/// What a handle stands for.
pub(crate) fn get(raw: *mut monipy_supervisor) -> Outcome<Arc<Handle>> {
    let (slot, generation) = parts(raw as usize).ok_or_else(Fail::handle)?;
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    let slot = table.slots.get(slot).filter(|s| s.generation == generation).ok_or_else(Fail::handle)?;
    slot.handle.clone().ok_or_else(Fail::handle)
}

fn take(table: &mut Table, slot: usize) -> Option<Arc<Handle>> {
    let place = table.slots.get_mut(slot)?;
    let handle = place.handle.take()?;
    if place.generation < LAST_GENERATION {
        place.generation += 1;
        table.free.push(slot);
    }
    Some(handle)
}

/// Ends a handle. Of two that race, one gets INVALID_HANDLE at once.
pub(crate) fn destroy(raw: *mut monipy_supervisor) -> Outcome<()> {
    let (slot, generation) = parts(raw as usize).ok_or_else(Fail::handle)?;
    let handle = write(|table| {
        let fits = table.slots.get(slot).is_some_and(|s| s.generation == generation);
        if fits { take(table, slot) } else { None }
    });
    handle.ok_or_else(Fail::handle)?.destroy(FAREWELL);
    Ok(())
}

/// Ends all handles, each with a farewell of so long at most.
pub(crate) fn destroy_all(farewell: Duration) {
    let handles: Vec<_> = write(|table| (0..table.slots.len()).filter_map(|slot| take(table, slot)).collect());
    // All farewells at once: the time is that of the slowest, not the sum.
    let threads: Vec<_> = handles.chunks(handles.len().div_ceil(8).max(1)).map(<[_]>::to_vec).collect();
    std::thread::scope(|scope| {
        for chunk in threads {
            scope.spawn(move || chunk.iter().for_each(|h| h.destroy(farewell.min(FAREWELL))));
        }
    });
}

/// Sees to it that no callback runs while the process takes itself apart.
pub(crate) fn close_gates_at_exit() {
    // The last reference of a handle ends its engine: not now, so they are kept.
    static KEPT: OnceLock<Vec<Arc<Handle>>> = OnceLock::new();
    extern "C" fn at_exit() {
        if crate::guard::forked() {
            return;
        }
        // A thread that died inside the table, or holds it for ever, must not stop the exit.
        let handles = KEPT.get_or_init(|| match TABLE.try_read() {
            Ok(table) => table.slots.iter().filter_map(|s| s.handle.clone()).collect(),
            Err(_) => Vec::new(),
        });
        crate::logging::with_gate(|log| gate::close_all_for_exit(handles.iter().map(|h| &h.gate).chain(log)));
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // SAFETY: the function is `extern "C"`, takes nothing and does not unwind: it only locks,
        // counts and waits. When the library is unloaded the C library runs and forgets it.
        unsafe { libc::atexit(at_exit) };
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_odd_unique_and_come_apart_again() {
        for (slot, generation) in [(0, 1), (5, 1), (5, 2), (MOST - 1, LAST_GENERATION)] {
            let raw = number(slot, generation);
            assert_eq!(raw & 1, 1);
            assert_eq!(parts(raw), Some((slot, generation)));
        }
        assert_eq!(parts(0), None);
        assert_eq!(parts(0x7fff_0000_1000), None, "an address is even");
    }

    #[test]
    fn made_up_handles_find_nothing() {
        for raw in [0usize, 1, 3, 0xdead_beef, usize::MAX, number(MOST - 1, 77)] {
            assert_eq!(get(raw as *mut _).err().map(|f| f.status), Some(status::MONIPY_ERR_INVALID_HANDLE));
            assert_eq!(destroy(raw as *mut _).err().map(|f| f.status), Some(status::MONIPY_ERR_INVALID_HANDLE));
        }
    }
}
