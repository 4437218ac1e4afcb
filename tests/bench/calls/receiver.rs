//! monipy as a receiver: a supervisor for each call, whose frames are delivered by callback on the
//! media threads, or read from a stream (MONIPY_BENCH_DELIVERY=stream).

use crate::figures::unix_ms;
use monipy_core::audio::{AudioIo, FrameRef};
use monipy_core::{CallId, Codec, Config, EventKind, Supervisor};
use std::io::BufRead;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

struct Heard {
    counting: AtomicBool,
    frames: AtomicU64,
    first: Vec<Mutex<Option<f64>>>,
    silent: AtomicU64,
}

impl Heard {
    fn frame(&self, call: usize, pcm: &[i16], told: &mut bool) {
        if self.counting.load(Ordering::Relaxed) {
            self.frames.fetch_add(1, Ordering::Relaxed);
        }
        // The first sound that is not silence: what the far side sent has come through.
        if !*told && pcm.iter().any(|s| s.unsigned_abs() > 1) {
            *told = true;
            *self.first[call].lock().expect("not poisoned") = Some(unix_ms());
            if self.silent.fetch_sub(1, Ordering::Relaxed) == 1 {
                println!("up");
            }
        }
    }
}

struct Ear {
    heard: Arc<Heard>,
    call: usize,
    told: Mutex<bool>,
}

impl AudioIo for Ear {
    fn on_audio(&self, _: CallId, frame: FrameRef<'_>) {
        let mut told = self.told.lock().expect("not poisoned");
        self.heard.frame(self.call, frame.pcm, &mut told);
    }
    fn fill_audio(&self, _: CallId, _: &mut [i16]) -> usize {
        0
    }
}

async fn listen(server: String, call: usize, rate: u32, codec: Codec, stream: bool, heard: Arc<Heard>) -> Supervisor {
    let config = Config {
        server,
        autoplay: false,
        sample_rate: rate,
        frame_ms: 20,
        codecs: vec![codec],
        ice_servers: Vec::new(),
        local_address: Some(Ipv4Addr::LOCALHOST.into()),
        ..Config::default()
    };
    let supervisor = Supervisor::new(config).expect("a configuration");
    let mut events = supervisor.events();
    supervisor.login(&format!("s{call}"), "secret").await.expect("login");
    while events.next().await.is_some_and(|e| e.kind != EventKind::Ringing) {}
    if stream {
        let mut sound = supervisor.audio(CallId::CURRENT, rate, 20).expect("a stream");
        tokio::spawn(async move {
            let mut told = false;
            while let Some(frame) = sound.next().await {
                heard.frame(call, &frame.pcm, &mut told);
            }
        });
    } else {
        supervisor.set_audio_io(Some(Arc::new(Ear { heard, call, told: Mutex::new(false) })));
    }
    supervisor.answer(CallId::CURRENT).await.expect("answer");
    supervisor
}

pub(crate) fn run() {
    let text = |name: &str| std::env::var(name).unwrap_or_default();
    let number = |name: &str| text(name).parse::<usize>().unwrap_or(1);
    let calls = number("MONIPY_BENCH_CALLS");
    let codec = if text("MONIPY_BENCH_CODEC") == "pcmu" { Codec::Pcmu } else { Codec::Opus };
    let stream = text("MONIPY_BENCH_DELIVERY") == "stream";
    let heard = Arc::new(Heard {
        counting: AtomicBool::new(false),
        frames: AtomicU64::new(0),
        first: (0..calls).map(|_| Mutex::new(None)).collect(),
        silent: AtomicU64::new(calls as u64),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    println!("ready");
    let mut tasks = Vec::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.as_str() {
            "go" => {
                for call in 0..calls {
                    tasks.push(runtime.spawn(listen(
                        text("MONIPY_BENCH_WS"),
                        call,
                        number("MONIPY_BENCH_RATE") as u32,
                        codec,
                        stream,
                        heard.clone(),
                    )));
                }
            }
            "count" => heard.counting.store(true, Ordering::Relaxed),
            "stop" => break,
            _ => {}
        }
    }
    let frames = heard.frames.load(Ordering::Relaxed);
    let first: serde_json::Map<String, serde_json::Value> = heard
        .first
        .iter()
        .enumerate()
        .filter_map(|(n, at)| at.lock().expect("not poisoned").map(|at| (format!("s{n}"), at.into())))
        .collect();
    println!("{}", serde_json::json!({ "frames": frames, "first_pcm": first }));
    // Nothing is to be tidied up: the process ends here.
    std::process::exit(0);
}

/// Registers as many supervisors as calls are asked for, and stays so.
pub(crate) fn register() {
    let text = |name: &str| std::env::var(name).unwrap_or_default();
    let count = text("MONIPY_BENCH_CALLS").parse::<usize>().unwrap_or(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    println!("ready");
    let (mut supervisors, mut took_ms) = (Vec::new(), 0.0);
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.as_str() {
            "go" => {
                let start = unix_ms();
                let pending: Vec<_> = (0..count)
                    .map(|n| {
                        let config =
                            Config { server: text("MONIPY_BENCH_WS"), autoplay: false, ice_servers: Vec::new(), ..Config::default() };
                        let supervisor = Supervisor::new(config).expect("a configuration");
                        let login = supervisor.login(&format!("s{n}"), "secret");
                        (supervisor, login)
                    })
                    .collect();
                for (supervisor, login) in pending {
                    runtime.block_on(login).expect("login");
                    supervisors.push(supervisor);
                }
                took_ms = unix_ms() - start;
                println!("up");
            }
            "stop" => break,
            _ => {}
        }
    }
    println!("{}", serde_json::json!({ "took_ms": took_ms }));
    std::process::exit(0);
}
