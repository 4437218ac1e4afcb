//! What monitored calls cost, side by side on one machine and with the same media: a floor, monipy,
//! and whatever peers are given as commands.
//!
//!     cargo bench -p monipy-tests --bench calls [-- [N ...] [--codec opus|pcmu] [--rate HZ] [--seconds S] [--peer NAME=COMMAND] [--only NAME]]
//!
//! This process is the far side: a small SIP-over-WebSocket server that invites every user who
//! registers and sends recorded speech, encoded once. Each receiver is a process of its own, so that
//! what is measured is the receiver's alone, read from /proc. Between them (see `receiver.rs`, and
//! `tests/bench/peers` for receivers in other languages):
//!
//! - the receiver is told MONIPY_BENCH_WS, _CALLS, _CODEC, _RATE; it registers as `s0`, `s1`, …,
//!   answers each INVITE, decodes everything, and says `up` when every call is heard;
//! - at `count` on its standard input it counts frames of 20 ms, at `stop` it prints
//!   `{"frames": N, "first_pcm": {"s0": unix_ms, …}}` and ends.
//!
//! Prints a line for people and a line of JSON for each receiver and number of calls.

mod figures;
mod floor;
mod receiver;
mod sender;

use figures::{Cost, percentiles};
use sender::{Far, Media};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What is measured: from the command line.
struct Options {
    calls: Vec<usize>,
    codecs: Vec<String>,
    /// Hz that is listened at; the codec's own when it is not said.
    rate: Option<u32>,
    seconds: u64,
    only: Option<String>,
    peers: Vec<(String, String)>,
}

fn options() -> Options {
    let mut options = Options { calls: Vec::new(), codecs: Vec::new(), rate: None, seconds: 10, only: None, peers: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--codec" => options.codecs.push(value()),
            "--rate" => options.rate = Some(value().parse().expect("--rate takes Hz")),
            "--seconds" => options.seconds = value().parse().expect("--seconds takes a number"),
            "--only" => options.only = Some(value()),
            "--peer" => {
                let peer = value();
                let (name, command) = peer.split_once('=').expect("--peer takes NAME=COMMAND");
                options.peers.push((name.into(), command.into()));
            }
            number => options.calls.extend(number.parse::<usize>().ok()),
        }
    }
    if options.calls.is_empty() {
        options.calls = vec![1, 50, 200];
    }
    if options.codecs.is_empty() {
        options.codecs = vec!["opus".into(), "pcmu".into()];
    }
    options
}

/// A receiver under way.
struct Running {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the receiver starts");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        let (tell, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Running { stdin: child.stdin.take().expect("its input"), child, lines }
    }

    /// The next line that `want` takes something from.
    fn line<T>(&self, limit: Duration, want: impl Fn(&str) -> Option<T>) -> Option<T> {
        let end = std::time::Instant::now() + limit;
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(std::time::Instant::now())).ok()?;
            if let Some(found) = want(&line) {
                return Some(found);
            }
        }
    }

    fn say(&mut self, word: &str) {
        let _ = writeln!(self.stdin, "{word}");
        let _ = self.stdin.flush();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn itself(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env("MONIPY_BENCH_ROLE", role);
    command
}

fn measure(name: &str, command: Command, calls: usize, codec: &str, options: &Options) {
    let media = Arc::new(Media::new(codec));
    let is_floor = name == "floor";
    let rate = options.rate.unwrap_or(if codec == "pcmu" { 8000 } else { 48_000 });
    let mut far = if is_floor { Far::plain(media, calls) } else { Far::sip(media, true) };
    let mut command = command;
    command
        .env("MONIPY_BENCH_WS", far.ws())
        .env("MONIPY_BENCH_CALLS", calls.to_string())
        .env("MONIPY_BENCH_CODEC", codec)
        .env("MONIPY_BENCH_RATE", rate.to_string());
    let mut running = Running::start(command);
    let pid = running.child.id();
    // A peer in an interpreter takes its time to load; what it has before the first call is not a call's.
    let idle = running.line(Duration::from_secs(60), |l| l.strip_prefix("ready").map(|_| figures::resident_kib(pid)));
    let Some(idle) = idle else {
        println!("{name}: did not become ready");
        return;
    };
    if is_floor {
        let port = running.line(Duration::from_secs(10), |l| l.strip_prefix("port ").and_then(|p| p.parse().ok()));
        far.start_plain(port.expect("the floor's port"));
    }
    running.say("go");
    if running.line(Duration::from_secs(30 + calls as u64 / 2), |l| (l == "up").then_some(())).is_none() {
        println!("{name}: {calls} calls did not come up");
        return;
    }
    // The first seconds of a call are not like the others.
    std::thread::sleep(Duration::from_secs(3));
    let before = Cost::of(pid);
    let sent_before = far.sent();
    running.say("count");
    std::thread::sleep(Duration::from_secs(options.seconds));
    let sent = far.sent() - sent_before;
    let spent = Cost::of(pid).since(&before);
    running.say("stop");
    let last: serde_json::Value =
        running.line(Duration::from_secs(20), |l| l.starts_with('{').then(|| serde_json::from_str(l).ok()).flatten()).unwrap_or_default();
    let frames = last["frames"].as_f64().unwrap_or(f64::NAN);
    let first_pcm: HashMap<String, f64> = serde_json::from_value(last["first_pcm"].clone()).unwrap_or_default();
    let setups = far.setups();
    let from = |since: fn(&sender::Setup) -> f64| -> Vec<f64> {
        setups.iter().filter_map(|(user, s)| first_pcm.get(user).map(|at| at - since(s))).filter(|ms| ms.is_finite()).collect()
    };
    let mut invite = setups.values().map(|s| s.answered - s.invited).filter(|ms| ms.is_finite()).collect::<Vec<_>>();
    let (invite, to_pcm, rtp) = (percentiles(&mut invite), percentiles(&mut from(|s| s.answered)), percentiles(&mut from(|s| s.first_rtp)));
    let per_call_second = |n: f64| n / (calls as f64 * options.seconds as f64);
    let memory = (spent.resident_kib - idle) / calls as f64;
    let us = spent.cpu_s * 1e6 / sent as f64;
    let delivered = 100.0 * frames / (calls as f64 * options.seconds as f64 * 50.0);
    println!(
        "{name:10} {codec:5} {calls:4} calls {us:7.1} us CPU a packet {memory:7.0} KiB a call {:6.1} waits, {:5.1} preemptions a call-second {:3} threads {delivered:6.1} % of frames; INVITE-200 {:.1}/{:.1} ms, 200-PCM {:.1}/{:.1} ms, RTP-PCM {:.1}/{:.1} ms",
        per_call_second(spent.waits),
        per_call_second(spent.preemptions),
        spent.threads,
        invite[0],
        invite[1],
        to_pcm[0],
        to_pcm[1],
        rtp[0],
        rtp[1],
    );
    println!(
        "{}",
        serde_json::json!({
            "bench": "calls", "receiver": name, "codec": codec, "rate": rate, "calls": calls,
            "cpu_us_per_packet": us, "cpu_ms_per_call_second": per_call_second(spent.cpu_s * 1000.0),
            "memory_kib_per_call": memory, "resident_kib_before": idle,
            "waits_per_call_second": per_call_second(spent.waits), "preemptions_per_call_second": per_call_second(spent.preemptions),
            "threads": spent.threads, "packets": sent, "frames_delivered_percent": delivered,
            "invite_to_200_ms": invite, "200_to_pcm_ms": to_pcm, "rtp_to_pcm_ms": rtp,
        })
    );
}

/// What registered supervisors cost: until they are, in memory, and while nothing happens.
fn registrations(count: usize, options: &Options) {
    let far = Far::sip(Arc::new(Media::new("pcmu")), false);
    let mut command = itself("register");
    command.env("MONIPY_BENCH_WS", far.ws()).env("MONIPY_BENCH_CALLS", count.to_string());
    let mut running = Running::start(command);
    let pid = running.child.id();
    if running.line(Duration::from_secs(10), |l| (l == "ready").then_some(())).is_none() {
        return println!("registrations: not ready");
    }
    let (idle, before) = (figures::resident_kib(pid), Cost::of(pid));
    running.say("go");
    if running.line(Duration::from_secs(60), |l| (l == "up").then_some(())).is_none() {
        return println!("registrations: {count} did not register");
    }
    let spent = Cost::of(pid).since(&before);
    std::thread::sleep(Duration::from_secs(1));
    let settled = Cost::of(pid);
    std::thread::sleep(Duration::from_secs(options.seconds));
    let idling = Cost::of(pid).since(&settled);
    running.say("stop");
    let last: serde_json::Value =
        running.line(Duration::from_secs(20), |l| l.starts_with('{').then(|| serde_json::from_str(l).ok()).flatten()).unwrap_or_default();
    let took_ms = last["took_ms"].as_f64().unwrap_or(f64::NAN);
    let cpu_ms = spent.cpu_s * 1000.0 / count as f64;
    let memory = (idling.resident_kib - idle) / count as f64;
    let idle_ms = idling.cpu_s * 1000.0 / options.seconds as f64;
    println!(
        "{count} registrations over ws: {took_ms:.0} ms, {cpu_ms:.2} ms of CPU each, {memory:.1} KiB each, idle {idle_ms:.2} ms of CPU a second in all"
    );
    println!(
        "{}",
        serde_json::json!({
            "bench": "registrations", "count": count, "took_ms": took_ms, "cpu_ms_each": cpu_ms,
            "memory_kib_each": memory, "idle_cpu_ms_per_second": idle_ms, "threads": settled.threads,
        })
    );
}

fn main() {
    match std::env::var("MONIPY_BENCH_ROLE").as_deref() {
        Ok("floor") => return floor::run(),
        Ok("monipy") => return receiver::run(),
        Ok("register") => return receiver::register(),
        _ => {}
    }
    let options = options();
    if options.only.as_deref().is_none_or(|only| only == "registrations") {
        registrations(1000, &options);
    }
    for codec in &options.codecs {
        for &calls in &options.calls {
            for own in ["floor", "monipy"] {
                if options.only.as_deref().is_none_or(|only| only == own) {
                    measure(own, itself(own), calls, codec, &options);
                }
            }
            for (name, line) in &options.peers {
                if options.only.as_deref().is_none_or(|only| only == name) {
                    let mut command = Command::new("sh");
                    command.arg("-c").arg(format!("exec {line}"));
                    measure(name, command, calls, codec, &options);
                }
            }
        }
    }
}
