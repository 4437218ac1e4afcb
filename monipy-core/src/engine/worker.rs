//! Media workers: a fixed set of threads that own the sound of calls outright and tick every
//! 10 ms over all of them. Nothing in a tick waits for signalling, for another worker or for a
//! lock that is held for long. Started with the first call, parked while there is none.

use crate::audio::{AudioEvent, CallAudio, CallAudioControl, ClockReport, OutboundRtp, RtpPacket};
use crate::media::{RtpReceiver, RtpSender, TransportStats};
use once_cell::sync::Lazy;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One tick.
const TICK: Duration = Duration::from_millis(10);
/// Most worker threads, whatever the machine.
const MAX_WORKERS: usize = 4;
/// Ticks between two looks at the round-trip time.
const ROUND_TRIP_TICKS: u32 = 100;

/// The sound of one call and its way in and out.
pub(crate) struct CallMedia {
    pub(crate) audio: CallAudio,
    pub(crate) control: CallAudioControl,
    pub(crate) rtp_in: RtpReceiver,
    pub(crate) rtp_out: RtpSender,
    pub(crate) stats: Arc<TransportStats>,
    /// Takes what the sound has to tell; must not block.
    pub(crate) tell: Box<dyn Fn(AudioEvent) + Send>,
}

enum Order {
    Add(u64, Box<CallMedia>),
    Remove(u64),
    Stop,
}

struct Worker {
    orders: Mutex<Vec<Order>>,
    wake: Condvar,
    load: AtomicUsize,
}

impl Worker {
    fn give(&self, order: Order) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
        self.wake.notify_one();
    }
}

struct Pool {
    workers: Vec<(Arc<Worker>, JoinHandle<()>)>,
}

static POOL: Lazy<Mutex<Option<Pool>>> = Lazy::new(|| Mutex::new(None));
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A call in the hands of a worker. Dropping it takes the call out and lets its sound end.
pub(crate) struct WorkerCall {
    worker: Arc<Worker>,
    id: u64,
}

impl std::fmt::Debug for WorkerCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerCall").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for WorkerCall {
    fn drop(&mut self) {
        self.worker.load.fetch_sub(1, Ordering::Relaxed);
        self.worker.give(Order::Remove(self.id));
    }
}

/// Gives a call to the worker that has the fewest.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn adopt(media: CallMedia) -> std::io::Result<WorkerCall> {
    let mut slot = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() {
        *slot = Some(start()?);
    }
    let least = slot.as_ref().and_then(|p| p.workers.iter().map(|(w, _)| w).min_by_key(|w| w.load.load(Ordering::Relaxed)).cloned());
    let worker = least.ok_or_else(|| std::io::Error::other("no media worker"))?;
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    worker.load.fetch_add(1, Ordering::Relaxed);
    worker.give(Order::Add(id, Box::new(media)));
    Ok(WorkerCall { worker, id })
}

fn start() -> std::io::Result<Pool> {
    let count = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    let mut pool = Pool { workers: Vec::with_capacity(count) };
    for n in 0..count {
        let worker = Arc::new(Worker { orders: Mutex::new(Vec::new()), wake: Condvar::new(), load: AtomicUsize::new(0) });
        let mine = worker.clone();
        match std::thread::Builder::new().name(format!("monipy-media-{n}")).spawn(move || run(&mine)) {
            Ok(thread) => pool.workers.push((worker, thread)),
            Err(e) if pool.workers.is_empty() => return Err(e),
            // Fewer workers than cores still serve every call.
            Err(_) => break,
        }
    }
    Ok(pool)
}

/// Stops the workers and waits for them. Their calls go silent; the next call starts them anew.
pub(crate) fn stop() {
    let pool = POOL.lock().unwrap_or_else(PoisonError::into_inner).take();
    for (worker, thread) in pool.into_iter().flat_map(|p| p.workers) {
        worker.give(Order::Stop);
        let _ = thread.join();
    }
}

fn run(worker: &Worker) {
    let mut calls: Vec<(u64, Box<CallMedia>)> = Vec::new();
    let mut out: Vec<OutboundRtp> = Vec::new();
    let mut next = Instant::now();
    let mut ticks = 0_u32;
    loop {
        if !take_orders(worker, &mut calls, next) {
            return;
        }
        let now = Instant::now();
        if calls.is_empty() {
            next = now;
            continue;
        }
        if now < next {
            continue;
        }
        ticks = ticks.wrapping_add(1);
        for (_, call) in &mut calls {
            tick(call, now, &mut out, ticks.is_multiple_of(ROUND_TRIP_TICKS));
        }
        next += TICK;
        // A machine that slept, or a worker that is overloaded, does not run after lost ticks.
        let behind = Instant::now();
        if next + 10 * TICK < behind {
            next = behind;
        }
    }
}

/// Sleeps until `next` (or for ever while there is no call) and does what was ordered. False: stop.
fn take_orders(worker: &Worker, calls: &mut Vec<(u64, Box<CallMedia>)>, next: Instant) -> bool {
    let mut orders = worker.orders.lock().unwrap_or_else(PoisonError::into_inner);
    while orders.is_empty() {
        if calls.is_empty() {
            orders = worker.wake.wait(orders).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let left = next.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        orders = worker.wake.wait_timeout(orders, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    let taken = std::mem::take(&mut *orders);
    drop(orders);
    for order in taken {
        match order {
            Order::Add(id, call) => calls.push((id, call)),
            Order::Remove(id) => calls.retain(|(other, _)| *other != id),
            Order::Stop => return false,
        }
    }
    true
}

fn tick(call: &mut CallMedia, now: Instant, out: &mut Vec<OutboundRtp>, look_at_round_trip: bool) {
    while let Some(p) = call.rtp_in.pop() {
        call.audio.push_line(
            p.line,
            RtpPacket {
                arrival: p.arrival,
                payload_type: p.payload_type,
                marker: p.marker,
                sequence_number: p.sequence_number,
                timestamp: p.timestamp,
                ssrc: p.ssrc,
                payload: p.payload,
            },
        );
    }
    out.clear();
    call.audio.tick(now, out);
    for p in out.drain(..) {
        call.rtp_out.send(p.payload_type, p.marker, p.sequence_number, p.timestamp, p.payload);
    }
    while let Some(event) = call.audio.poll_event() {
        (call.tell)(event);
    }
    if look_at_round_trip && call.audio.has_parties() {
        let reports = call.stats.sender_reports().into_iter();
        let reports: Vec<ClockReport> =
            reports.map(|(line, r)| ClockReport { line, ssrc: r.ssrc, ntp_time: r.ntp_time, rtp_timestamp: r.rtp_timestamp }).collect();
        call.audio.align(&reports);
    }
    if look_at_round_trip && let Some(round_trip) = call.stats.rtcp().round_trip {
        call.control.set_round_trip(round_trip);
    }
}
