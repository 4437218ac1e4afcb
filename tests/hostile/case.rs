//! A case, and the runner: cases that only wait run side by side, those that measure run alone; the
//! laws that hold for all of them are checked at the end; one table is printed.

use crate::watch;
use std::collections::BTreeSet;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What was seen when all was well: a few words, and a figure where there is one.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) what: String,
    pub(crate) figure: String,
}

/// How a case ended: what was seen, or a sentence that says what was wrong.
pub(crate) type Outcome = Result<Seen, String>;

type Run = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// One row of the table.
pub(crate) struct Case {
    /// Number of the trust table, and a letter where it has several parts.
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) right: &'static str,
    /// It measures the process, or loads it: nothing else runs beside it.
    pub(crate) alone: bool,
    pub(crate) run: Run,
}

impl Case {
    pub(crate) fn new<F>(id: &'static str, what: &'static str, right: &'static str, run: impl Fn() -> F + Send + Sync + 'static) -> Case
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        Case { id, what, right, alone: false, run: Box::new(move || Box::pin(run())) }
    }

    pub(crate) fn alone(mut self) -> Case {
        self.alone = true;
        self
    }
}

pub(crate) fn seen(what: impl Into<String>) -> Outcome {
    Ok(Seen { what: what.into(), figure: String::new() })
}

pub(crate) fn figure(what: impl Into<String>, figure: impl Into<String>) -> Outcome {
    Ok(Seen { what: what.into(), figure: figure.into() })
}

/// Ends a case with a sentence when something does not hold.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($words:tt)*) => {
        {
            let holds: bool = $condition;
            if !holds {
                return Err(format!($($words)*));
            }
        }
    };
}

/// No case takes longer, whatever the client does: that is the law against hanging.
const PATIENCE: Duration = Duration::from_secs(120);
/// Cases that run side by side.
const SIDE_BY_SIDE: usize = 12;

struct Row {
    id: &'static str,
    what: &'static str,
    right: &'static str,
    outcome: Outcome,
}

pub(crate) fn run(cases: Vec<Case>) -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |c: &Case| filters.is_empty() || filters.iter().any(|f| c.id == f || c.what.contains(f.as_str()));
    if std::env::args().any(|a| a == "--list") {
        for case in &cases {
            println!("{} {}: test", case.id, case.what);
        }
        return ExitCode::SUCCESS;
    }
    let watch = watch::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("test").enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("no runtime: {e}");
            return ExitCode::FAILURE;
        }
    };
    let order: Vec<&str> = cases.iter().map(|c| c.id).collect();
    let ids: BTreeSet<&str> = order.iter().copied().collect();
    assert_eq!(ids.len(), order.len(), "an id is used twice: {order:?}");
    let memory = resident_kib();
    let (alone, beside): (Vec<Case>, Vec<Case>) = cases.into_iter().filter(|c| wanted(c)).partition(|c| c.alone);
    let mut rows: Vec<Row> = runtime.block_on(async {
        let slots = Arc::new(tokio::sync::Semaphore::new(SIDE_BY_SIDE));
        let mut tasks = Vec::new();
        for case in beside {
            let slots = slots.clone();
            tasks.push(tokio::spawn(async move {
                let _slot = slots.acquire_owned().await;
                one(case).await
            }));
        }
        let mut rows = Vec::new();
        for task in tasks {
            rows.push(task.await.expect("a case's own panics are caught"));
        }
        for case in alone {
            rows.push(one(case).await);
        }
        rows
    });
    let grown = resident_kib().saturating_sub(memory);
    rows.sort_by_key(|r| order.iter().position(|id| *id == r.id));
    if filters.is_empty() {
        laws(&mut rows, grown, &watch);
    }
    print(&rows)
}

async fn one(case: Case) -> Row {
    let began = Instant::now();
    let task = tokio::spawn((case.run)());
    let abort = task.abort_handle();
    let outcome = match tokio::time::timeout(PATIENCE, task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(e)) => Err(format!("the case panicked: {e}")),
        Err(_) => {
            abort.abort();
            Err(format!("nothing came of it within {} s", PATIENCE.as_secs()))
        }
    };
    let verdict = if let Err(why) = &outcome { format!("FAILED: {why}") } else { "ok".into() };
    println!("case {:5} {:60} {:5.1} s  {verdict}", case.id, case.what, began.elapsed().as_secs_f64());
    Row { id: case.id, what: case.what, right: case.right, outcome }
}

/// What holds for every case together.
fn laws(rows: &mut Vec<Row>, grown_kib: u64, watch: &watch::Watch) {
    let mut law = |id, what, right, outcome| rows.push(Row { id, what, right, outcome });
    let mib = grown_kib as f64 / 1024.0;
    let outcome = if mib <= 64.0 { figure("bounded", format!("+{mib:.1} MiB")) } else { Err(format!("memory grew by {mib:.1} MiB")) };
    law("L1", "memory after every case", "+64 MiB at most", outcome);
    let panics = watch.panics();
    law("L2", "panics in the client's threads", "none", if panics.is_empty() { seen("none") } else { Err(panics.join("; ")) });
    let found = watch.secrets_in_log();
    let what = format!("{} secrets not in {} kB of log", watch.secrets(), watch.log_bytes() / 1000);
    law(
        "L3",
        "passwords, HA1, digest responses, ICE passwords, numbers in the log",
        "none",
        if found.is_empty() { seen(what) } else { Err(found.join("; ")) },
    );
    let (most, line) = watch.busiest_second();
    let outcome = if most <= 10 {
        figure("bounded", format!("{most}/s at most from one source"))
    } else {
        Err(format!("{most} lines in a second: {line}"))
    };
    law("L4", "notices of what was dropped", "10 a second at most from one source", outcome);
}

fn print(rows: &[Row]) -> ExitCode {
    let mut failed = 0;
    println!("\n{:5} | {:64} | {:60} | {:60} | {:24} | verdict", "case", "hostile input", "right behaviour", "seen", "figure");
    let mut lines = String::new();
    for row in rows {
        let (what, number, verdict) = match &row.outcome {
            Ok(s) => (s.what.as_str(), s.figure.as_str(), "ok"),
            Err(why) => (why.as_str(), "", "FAILED"),
        };
        failed += usize::from(row.outcome.is_err());
        println!("{:5} | {:64} | {:60} | {what:60} | {number:24} | {verdict}", row.id, row.what, row.right);
        let line = serde_json::json!({"suite": "hostile", "case": row.id, "what": row.what, "right": row.right, "seen": what, "figure": number, "verdict": verdict});
        lines.push_str(&format!("{line}\n"));
    }
    // The table of all suites is made of these (tests/tools/trust_table.py).
    if let Some(folder) = std::env::var_os("MONIPY_TRUST_ROWS") {
        let path = std::path::Path::new(&folder).join("hostile.jsonl");
        let written =
            std::fs::create_dir_all(&folder).and_then(|()| std::fs::File::create(&path)).and_then(|mut f| f.write_all(lines.as_bytes()));
        if let Err(e) = written {
            eprintln!("{}: {e}", path.display());
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out", rows.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Resident memory of this process.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// CPU seconds of this process.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |at: usize| after.split(' ').nth(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

/// Threads and open descriptors of this process.
pub(crate) fn threads_and_descriptors() -> (usize, usize) {
    let count = |path| std::fs::read_dir(path).map_or(0, Iterator::count);
    (count("/proc/self/task"), count("/proc/self/fd"))
}
