//! What a process has used, from /proc.

use std::fs;

/// CPU, memory, waits and threads of a process.
pub(crate) struct Cost {
    pub(crate) cpu_s: f64,
    pub(crate) resident_kib: f64,
    /// Times that a thread gave up the processor to wait: wake-ups, near enough.
    pub(crate) waits: f64,
    /// Times that a thread was made to give it up.
    pub(crate) preemptions: f64,
    pub(crate) threads: usize,
}

impl Cost {
    pub(crate) fn of(pid: u32) -> Cost {
        let (mut cpu_ns, mut waits, mut preemptions, mut threads) = (0.0, 0.0, 0.0, 0);
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            threads += 1;
            // Nanoseconds on a processor.
            let schedstat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            cpu_ns += schedstat.split(' ').next().and_then(|n| n.parse::<f64>().ok()).unwrap_or_default();
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            waits += field(&status, "voluntary_ctxt_switches:");
            preemptions += field(&status, "nonvoluntary_ctxt_switches:");
        }
        Cost { cpu_s: cpu_ns / 1e9, resident_kib: resident_kib(pid), waits, preemptions, threads }
    }

    pub(crate) fn since(self, before: &Cost) -> Cost {
        Cost {
            cpu_s: self.cpu_s - before.cpu_s,
            waits: self.waits - before.waits,
            preemptions: self.preemptions - before.preemptions,
            ..self
        }
    }
}

fn field(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// Resident memory, KiB.
pub(crate) fn resident_kib(pid: u32) -> f64 {
    field(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default(), "VmRSS:")
}

/// The 50th, 95th and 99th percentile.
pub(crate) fn percentiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [0.5, 0.95, 0.99].map(|p| values.get(((values.len().max(1) - 1) as f64 * p).round() as usize).copied().unwrap_or(f64::NAN))
}

/// Milliseconds since 1970: the one clock that all processes here share.
pub(crate) fn unix_ms() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}
