//! What the centre carries: N calls of two speaking parties, each with a supervisor who listens over
//! SIP, ICE, DTLS and SRTP. The supervisors are real ones, in a process of their own on the same
//! machine; what they cost is printed beside what the centre costs.
//!
//!     cargo run --release -p contact-center --bin capacity -- --calls 200
//!
//! Nothing here is a test: it prints what was measured, good or bad.
#![forbid(unsafe_code)]

use clap::Parser;
use contact_center::{ContactCenter, LegHandle, Mode, Party};
use monipy_core::config::{AudioMode, Config};
use monipy_core::event::EventKind;
use monipy_core::{CallId, Codec, Supervisor};
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Calls being set up at a time.
const AT_ONCE: usize = 10;

/// Carries calls and prints what that costs.
#[derive(Debug, Parser)]
#[command(name = "capacity")]
struct Options {
    /// Calls, each with a supervisor
    #[arg(long, default_value_t = 200)]
    calls: usize,
    /// How long is measured, seconds
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The codec of the supervisors: opus, PCMU or PCMA
    #[arg(long, default_value = "opus")]
    codec: String,
    /// Hz that the supervisors listen at; of itself 48000 for Opus and 8000 for G.711, which have no more
    #[arg(long)]
    rate: Option<u32>,
    /// Seconds of each call that the centre keeps to explain observed audio
    #[arg(long, default_value_t = 0)]
    history: u32,
    /// Be the supervisors of the centre at this address
    #[arg(long, hide = true)]
    supervisors_of: Option<String>,
}

type Outcome<T> = Result<T, String>;

fn main() -> Outcome<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(|e| e.to_string())?;
    match options.supervisors_of.clone() {
        Some(server) => runtime.block_on(supervisors(&options, server)),
        None => runtime.block_on(centre(&options)),
    }
}

/// CPU seconds of a process.
fn cpu(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |at: usize| after.split(' ').nth(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

fn resident_kib(process: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// Ends the supervisors whatever happens here.
struct Others(Child);

impl Drop for Others {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It ends with its standard input.
        let _ = self.0.wait();
    }
}

async fn centre(options: &Options) -> Outcome<()> {
    let said = |e: contact_center::CentreError| e.to_string();
    let mut builder = ContactCenter::builder().history(options.history);
    for n in 0..options.calls {
        builder = builder.supervisor(format!("s{n}"), "secret");
    }
    let centre = builder.start().await.map_err(said)?;
    let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
    command.args(["--supervisors-of", centre.ws_url(), "--calls", &options.calls.to_string(), "--codec", &options.codec]);
    if let Some(rate) = options.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    let mut others = Others(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?);
    let mut lines = BufReader::new(others.0.stdout.take().ok_or("no output of the supervisors")?).lines();
    for n in 0..options.calls {
        centre.wait_registered(&format!("s{n}"), Duration::from_secs(60)).await.map_err(said)?;
    }
    let before = resident_kib("self");
    let begun = Instant::now();
    let mut legs: Vec<LegHandle> = Vec::new();
    for n in 0..options.calls {
        let call = centre.call(Party::agent(format!("agent {n}")), Party::customer(format!("customer {n}"))).map_err(said)?;
        legs.push(call.barge(&format!("s{n}"), Mode::Listen).map_err(said)?);
        if n >= AT_ONCE {
            legs[n - AT_ONCE].wait_media(Duration::from_secs(60)).await.map_err(said)?;
        }
    }
    for leg in &legs {
        leg.wait_media(Duration::from_secs(60)).await.map_err(said)?;
    }
    let set_up = begun.elapsed();
    // What was set up last settles.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let memory = resident_kib("self");
    let child = others.0.id().to_string();
    let (own, theirs) = (cpu("self"), cpu(&child));
    centre.reset_clock();
    writeln!(others.0.stdin.as_ref().ok_or("no input of the supervisors")?, "go").map_err(|e| e.to_string())?;
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let clock = centre.clock();
    let (own, theirs) = (cpu("self") - own, cpu(&child) - theirs);
    writeln!(others.0.stdin.as_ref().ok_or("no input of the supervisors")?, "stop").map_err(|e| e.to_string())?;
    let heard = lines.next().and_then(Result::ok).unwrap_or_default();
    let heard: f64 = heard.parse().map_err(|_| format!("the supervisors said {heard:?}"))?;
    let calls = options.calls as f64;
    let seconds = options.seconds as f64;
    let memory_per_call = (memory - before) / calls;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{} calls with {} supervisors ({}) on {cores} cores: set up in {:.1} s; {} of {} media frames late in {} s (longest {:.1} ms of 20);",
        options.calls,
        options.calls,
        options.codec,
        set_up.as_secs_f64(),
        clock.late,
        clock.frames,
        options.seconds,
        clock.longest_us as f64 / 1000.0
    );
    println!(
        "  centre: {:.0} KiB a call, {:.2} ms CPU a call and second; supervisors (another process): {:.2} ms CPU; {:.1} % of their frames came",
        memory_per_call,
        own * 1000.0 / calls / seconds,
        theirs * 1000.0 / calls / seconds,
        100.0 * heard / (calls * 50.0 * seconds)
    );
    let figures = serde_json::json!({
        "bench": "contact-center", "calls": options.calls, "codec": options.codec, "cores": cores, "set_up_s": set_up.as_secs_f64(),
        "frames": clock.frames, "late": clock.late, "longest_ms": clock.longest_us as f64 / 1000.0, "threads": clock.threads,
        "memory_kib_per_call": memory_per_call, "cpu_ms_per_call_second": own * 1000.0 / calls / seconds,
        "supervisors_cpu_ms_per_call_second": theirs * 1000.0 / calls / seconds, "frames_delivered": heard / (calls * 50.0 * seconds),
    });
    println!("{figures}");
    centre.stop().await;
    Ok(())
}

/// The other process: supervisors who log in, answer, and listen between the words go and stop.
async fn supervisors(options: &Options, server: String) -> Outcome<()> {
    let codec = [Codec::Opus, Codec::Pcmu, Codec::Pcma].into_iter().find(|c| c.name().eq_ignore_ascii_case(&options.codec));
    let codec = codec.ok_or_else(|| format!("{:?} is not a codec; it is one of opus, PCMU, PCMA", options.codec))?;
    let rate = options.rate.unwrap_or(if codec == Codec::Opus { 48_000 } else { 8_000 });
    let (count, counting) = tokio::sync::watch::channel(false);
    let mut tasks = Vec::new();
    for n in 0..options.calls {
        let config = Config {
            server: server.clone(),
            ice_servers: Vec::new(),
            audio_mode: AudioMode::Application,
            local_address: Some(Ipv4Addr::LOCALHOST.into()),
            codecs: vec![codec],
            ..Config::default()
        };
        tasks.push(tokio::spawn(listen(config, format!("s{n}"), rate, counting.clone())));
    }
    let (tell, mut words) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).for_each(|word| drop(tell.send(word))));
    while let Some(word) = words.recv().await {
        count.send_replace(word == "go");
        if word == "stop" {
            break;
        }
    }
    drop(count);
    let mut heard = 0;
    for task in tasks {
        heard += task.await.map_err(|e| e.to_string())??;
    }
    println!("{heard}");
    Ok(())
}

/// One supervisor; comes back with the frames that came while they were counted.
async fn listen(config: Config, id: String, rate: u32, mut counting: tokio::sync::watch::Receiver<bool>) -> Outcome<u64> {
    let supervisor = Supervisor::new(config).map_err(|e| e.to_string())?;
    let mut events = supervisor.events();
    supervisor.login(&id, "secret").await.map_err(|e| e.status)?;
    while events.next().await.is_some_and(|e| e.kind != EventKind::Ringing) {}
    let mut sound = supervisor.audio(CallId::CURRENT, rate, 20).map_err(|e| e.status)?;
    supervisor.answer(CallId::CURRENT).await.map_err(|e| e.status)?;
    let mut frames = 0;
    loop {
        let on = *counting.borrow_and_update();
        tokio::select! {
            frame = sound.next() => match frame {
                Some(_) if on => frames += 1,
                Some(_) => {}
                None => return Ok(frames),
            },
            changed = counting.changed() => if changed.is_err() { return Ok(frames) },
        }
    }
}
