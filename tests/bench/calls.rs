//! What monitored calls cost: N supervisors in this process listen to N calls of a contact centre
//! in another process; every frame is decoded and delivered as PCM.
//!
//!     MONIPY_CONTACT_CENTER=target/release/contact-center cargo bench -p monipy-tests --bench calls [-- N ...]
//!
//! Prints a line for people and a line of JSON for each number of calls (default 1, 50, 200):
//! INVITE to 180 and INVITE to 200 as the server sees them, answer() to 200 sent, 200 sent to the
//! first PCM (milliseconds, p50 and p95), CPU milliseconds per call and second, resident memory a
//! call, threads, and the share of frames delivered. CPU and memory are this process's alone.

use monipy_core::{CallId, Config, EventKind, Supervisor};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the calls are listened to.
const SECONDS: u64 = 10;

struct Centre {
    child: Child,
    ws: String,
    http: String,
}

impl Centre {
    fn start(calls: usize) -> Self {
        let program = std::env::var("MONIPY_CONTACT_CENTER").expect("MONIPY_CONTACT_CENTER names the contact-center program");
        let mut command = Command::new(program);
        command.args(["--json", "--exit-with-stdin", "--barge-after", "0.2", "--mode", "listen"]);
        for n in 0..calls {
            command.arg("--supervisor").arg(format!("s{n}:secret"));
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the contact centre starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let first = lines.next().and_then(Result::ok).expect("its first line");
        let about: serde_json::Value = serde_json::from_str(&first).expect("JSON");
        std::thread::spawn(move || lines.for_each(drop));
        let text = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
        Centre { child, ws: text("ws"), http: text("http") }
    }

    /// INVITE to 180 and to 200, per connection, ms.
    fn ladder(&self) -> (Vec<f64>, Vec<f64>) {
        let address = self.http.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).expect("the control port");
        write!(stream, "GET /ladder HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        let body = answer.split_once("\r\n\r\n").map(|(_, b)| b).unwrap_or_default();
        let body = body.find('[').and_then(|from| body.rfind(']').map(|to| &body[from..=to])).unwrap_or("[]");
        let entries: Vec<serde_json::Value> = serde_json::from_str(body).unwrap_or_default();
        let (mut invited, mut ringing, mut answered) = (HashMap::new(), Vec::new(), Vec::new());
        for e in &entries {
            let (line, text) = (e["start_line"].as_str().unwrap_or_default(), e["text"].as_str().unwrap_or_default());
            let (connection, at) = (e["connection"].as_u64().unwrap_or_default(), e["at_ms"].as_f64().unwrap_or_default());
            if line.starts_with("INVITE ") {
                invited.insert(connection, at);
            }
            let Some(began) = invited.get(&connection).copied().filter(|_| text.contains(" INVITE\r\n") || text.contains(" INVITE\n"))
            else {
                continue;
            };
            if line.starts_with("SIP/2.0 180") {
                ringing.push(at - began);
            } else if line.starts_with("SIP/2.0 200") {
                answered.push(at - began);
            }
        }
        (ringing, answered)
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |at: usize| after.split(' ').nth(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
}

fn percentile(values: &mut [f64], p: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len().max(1) - 1) as f64 * p).round() as usize).copied().unwrap_or(f64::NAN)
}

struct Listener {
    answer_ms: f64,
    first_pcm_ms: f64,
    frames: u64,
    _supervisor: Supervisor,
}

async fn listen(server: String, id: usize, up: tokio::sync::mpsc::Sender<()>, mut go: tokio::sync::watch::Receiver<bool>) -> Listener {
    let config =
        Config { server, autoplay: false, ice_servers: Vec::new(), local_address: Some(Ipv4Addr::LOCALHOST.into()), ..Config::default() };
    let supervisor = Supervisor::new(config).expect("a configuration");
    let mut events = supervisor.events();
    supervisor.login(&format!("s{id}"), "secret").await.expect("login");
    while events.next().await.is_some_and(|e| e.kind != EventKind::Ringing) {}
    let mut sound = supervisor.audio(CallId::CURRENT, 48_000, 20).expect("a stream");
    let start = Instant::now();
    supervisor.answer(CallId::CURRENT).await.expect("answer");
    let answered = Instant::now();
    sound.next().await.expect("sound");
    let first_pcm_ms = answered.elapsed().as_secs_f64() * 1000.0;
    let _ = up.send(()).await;
    while !*go.borrow_and_update() {
        tokio::select! {
            changed = go.changed() => if changed.is_err() { break },
            frame = sound.next() => if frame.is_none() { break },
        }
    }
    let (mut frames, end) = (0, tokio::time::Instant::now() + Duration::from_secs(SECONDS));
    while let Ok(Some(_)) = tokio::time::timeout_at(end, sound.next()).await {
        frames += 1;
    }
    Listener { answer_ms: (answered - start).as_secs_f64() * 1000.0, first_pcm_ms, frames, _supervisor: supervisor }
}

async fn run(calls: usize) {
    let centre = Centre::start(calls);
    let before = resident_kib();
    let (up, mut ready) = tokio::sync::mpsc::channel(calls);
    let (go, wait) = tokio::sync::watch::channel(false);
    let tasks: Vec<_> = (0..calls).map(|n| tokio::spawn(listen(centre.ws.clone(), n, up.clone(), wait.clone()))).collect();
    drop(up);
    for _ in 0..calls {
        ready.recv().await.expect("every call comes up");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (cpu_before, memory) = (cpu(), resident_kib());
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let _ = go.send(true);
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let spent = cpu() - cpu_before;
    let (mut answer, mut pcm, mut frames) = (Vec::new(), Vec::new(), 0);
    for task in tasks {
        let heard = task.await.expect("a listener");
        answer.push(heard.answer_ms);
        pcm.push(heard.first_pcm_ms);
        frames += heard.frames;
    }
    let (mut ringing, mut answered) = centre.ladder();
    let per = |v: f64| v / calls as f64;
    let figures = serde_json::json!({
        "bench": "calls", "calls": calls,
        "invite_to_180_ms": [percentile(&mut ringing, 0.5), percentile(&mut ringing, 0.95)],
        "invite_to_200_ms": [percentile(&mut answered, 0.5), percentile(&mut answered, 0.95)],
        "answer_to_200_ms": [percentile(&mut answer, 0.5), percentile(&mut answer, 0.95)],
        "200_to_pcm_ms": [percentile(&mut pcm, 0.5), percentile(&mut pcm, 0.95)],
        "cpu_ms_per_call_second": per(spent * 1000.0 / SECONDS as f64),
        "memory_kib_per_call": per(memory - before), "threads": threads,
        "frames_delivered": frames as f64 / (calls as f64 * SECONDS as f64 * 50.0),
    });
    println!(
        "{calls:4} calls: answer to 200 {:.1}/{:.1} ms, 200 to PCM {:.1}/{:.1} ms, {:.2} ms CPU per call-second, {:.0} KiB a call, {threads} threads, {:.1} % of frames",
        percentile(&mut answer, 0.5),
        percentile(&mut answer, 0.95),
        percentile(&mut pcm, 0.5),
        percentile(&mut pcm, 0.95),
        per(spent * 1000.0 / SECONDS as f64),
        per(memory - before),
        100.0 * frames as f64 / (calls as f64 * SECONDS as f64 * 50.0),
    );
    println!("{figures}");
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    for calls in if numbers.is_empty() { vec![1, 50, 200] } else { numbers } {
        runtime.block_on(run(calls));
    }
}
