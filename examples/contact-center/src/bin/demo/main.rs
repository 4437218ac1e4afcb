//! The demonstration: a contact centre with an agent and a customer who talk, and a real supervisor
//! that logs in, is barged in, hears both, speaks to both, hangs up and logs out.
//!
//! It prints events as they happen and a level meter while sound flows, and leaves a stereo WAV and
//! a picture of the call. It exits with 1 when the sound was not really heard.
#![forbid(unsafe_code)]

mod meter;
mod picture;

use clap::Parser;
use contact_center::{Audibility, CallHandle, ContactCenter, EarReport, Mode, Party, Role, recorded_speech};
use meter::Meters;
use monipy_core::audio::AudioStream;
use monipy_core::audio::resample::Resampler;
use monipy_core::audio::wav::WavFile;
use monipy_core::config::{AudioMode, Config};
use monipy_core::event::{Event, EventKind};
use monipy_core::{CallId, EventStream, Supervisor};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Nothing that is waited for takes longer.
const SOON: Duration = Duration::from_secs(15);
/// Rate of the WAV, Hz.
const RATE: u32 = 48_000;

/// Shows a supervisor log in, ring, answer, hear an agent and a customer, speak to both, and leave.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Options {
    /// Folder for the WAV and the picture
    #[arg(long, default_value = "out/demo")]
    out: PathBuf,
    /// What the supervisor may do: listen, whisper or barge
    #[arg(long, default_value_t = Mode::Barge)]
    mode: Mode,
    /// How long the supervisor listens before it speaks, seconds
    #[arg(long, default_value_t = 9.0)]
    listen: f64,
    /// Use wss:// with the centre's own certificate authority
    #[arg(long)]
    tls: bool,
}

type Outcome<T> = Result<T, String>;

#[tokio::main]
async fn main() -> ExitCode {
    match demo(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\nThe demo failed: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What happened, printed as it happens and kept for the picture.
struct Story {
    start: Instant,
    marks: Vec<(f64, String)>,
}

impl Story {
    fn tell(&mut self, who: &str, what: &str, detail: &str) {
        let at = self.start.elapsed().as_secs_f64();
        // A meter may stand on the line.
        println!("\r\x1b[K{at:>8.3} s  {who:<10}  {what:<14} {detail}");
        self.marks.push((at, format!("{who}: {what}")));
    }

    fn event(&mut self, event: &Event) {
        let object = event.object();
        let rest: Vec<String> = object
            .iter()
            .filter(|(k, v)| !matches!(k.as_str(), "code" | "status" | "headers" | "stream") && !v.is_null())
            .map(|(k, v)| format!("{k}={}", v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
            .collect();
        let detail = format!("{}  {}  {}", event.code, event.status, rest.join(" "));
        self.tell("supervisor", event.name(), detail.trim_end());
    }
}

/// The next event of a kind, with everything before it told.
async fn until(story: &mut Story, events: &mut EventStream, kind: EventKind) -> Outcome<()> {
    let wait = async {
        while let Some(event) = events.next().await {
            story.event(&event);
            if event.kind == kind {
                return Ok(());
            }
        }
        Err("the supervisor is gone".to_owned())
    };
    tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| Err(format!("no {} came", kind.name())))
}

async fn demo(options: &Options) -> Outcome<()> {
    std::fs::create_dir_all(&options.out).map_err(|e| format!("{}: {e}", options.out.display()))?;
    let mut story = Story { start: Instant::now(), marks: Vec::new() };
    let text = |e: contact_center::CentreError| e.to_string();

    let centre = ContactCenter::builder().start().await.map_err(text)?;
    let url = if options.tls { centre.wss_url() } else { centre.ws_url() };
    story.tell("centre", "started", url);
    let call = centre.call(Party::agent("Anna"), Party::customer("Tom")).map_err(text)?;
    story.tell("centre", "call", "Anna (agent) and Tom (customer) talk about a refund");

    let config = Config {
        name: Some("Maria".into()),
        server: url.to_owned(),
        ca_file: options.tls.then(|| centre.ca_file().to_owned()),
        ice_servers: Vec::new(),
        audio_mode: AudioMode::Application,
        local_address: Some([127, 0, 0, 1].into()),
        ..Config::default()
    };
    let supervisor = Supervisor::new(config).map_err(|e| e.to_string())?;
    let mut events = supervisor.events();
    let outcome = converse(options, &mut story, &centre, &call, &supervisor, &mut events).await;
    // Whatever happened, what was seen of it is drawn.
    let (recorded, meters, matrix, observed) = match outcome {
        Ok(done) => done,
        Err(why) => {
            centre.stop().await;
            return Err(why);
        }
    };
    centre.stop().await;

    println!("\nWho heard whom, measured in the audio that each received (dBFS):\n{matrix}\n");
    let picture = options.out.join("call.svg");
    std::fs::write(&picture, picture::draw(&story.marks, &meters)).map_err(|e| format!("{}: {e}", picture.display()))?;
    println!("What was heard (left) and said (right): {}", recorded.display());
    println!("A picture of the call:                  {}", picture.display());
    judge(options.mode, &matrix, &observed)?;
    println!(
        "\nThe supervisor heard both parties, and was heard by {}.",
        match options.mode {
            Mode::Listen => "nobody, as it should be",
            Mode::Whisper => "the agent alone, as it should be",
            Mode::Barge => "both",
            Mode::WhisperCustomer => "the customer alone, as it should be",
        }
    );
    Ok(())
}

type Done = (PathBuf, Meters, Audibility, EarReport);

async fn converse(
    options: &Options,
    story: &mut Story,
    centre: &ContactCenter,
    call: &CallHandle,
    supervisor: &Supervisor,
    events: &mut EventStream,
) -> Outcome<Done> {
    let [credentials, ..] = centre.credentials() else { return Err("the centre has no supervisor".into()) };
    let outcome = |method: &'static str, r: monipy_core::Result<monipy_core::Reply>| r.map_err(|e| format!("{method}: {e}"));
    outcome("login", supervisor.login(&credentials.id, &credentials.password).await)?;
    until(story, events, EventKind::Login).await?;

    story.tell("centre", "barge", &format!("asks {} in: {}", credentials.id, options.mode));
    let leg = call.barge(&credentials.id, options.mode).map_err(|e| e.to_string())?;
    until(story, events, EventKind::Ringing).await?;
    // A person takes a moment.
    tokio::time::sleep(Duration::from_millis(700)).await;
    outcome("answer", supervisor.answer(CallId::CURRENT).await)?;
    let stream = supervisor.audio(CallId::CURRENT, RATE, 20).map_err(|e| e.to_string())?;
    until(story, events, EventKind::CallStream).await?;
    leg.wait_media(SOON).await.map_err(|e| e.to_string())?;

    let recorded = options.out.join("heard.wav");
    let (meters, heard) = listen_and_speak(options, story, call, supervisor, stream, &recorded).await?;
    // Measured while the call is up: the centre compares with what was said in it.
    let matrix = call.audibility().map_err(|e| e.to_string())?;
    let observed = call.observe(&credentials.id, RATE, &heard).map_err(|e| e.to_string())?;

    outcome("terminate", supervisor.terminate(CallId::CURRENT).await)?;
    until(story, events, EventKind::Hangup).await?;
    let end = leg.wait_ended(SOON).await.map_err(|e| e.to_string())?;
    story.tell("centre", "leg ended", &format!("{} by {}, code {}", end.cause, end.by, end.code));
    outcome("logout", supervisor.logout().await)?;
    until(story, events, EventKind::Logout).await?;
    centre.wait_unregistered(&credentials.id, SOON).await.map_err(|e| e.to_string())?;
    Ok((recorded, meters, matrix, observed))
}

/// Listens, then speaks, recording both sides; returns the meters and what was heard.
async fn listen_and_speak(
    options: &Options,
    story: &mut Story,
    call: &CallHandle,
    supervisor: &Supervisor,
    mut stream: AudioStream,
    wav: &std::path::Path,
) -> Outcome<(Meters, Vec<i16>)> {
    let mut speech = Vec::new();
    Resampler::new(16_000, RATE).process(&recorded_speech(Role::Supervisor), &mut speech);
    let mut writer = supervisor.audio_writer(CallId::CURRENT, RATE).map_err(|e| e.to_string())?;
    let mut file = WavFile::create(wav, 2, RATE).map_err(|e| format!("{}: {e}", wav.display()))?;
    let mut meters = Meters::new(story.start);
    let mut heard = Vec::new();
    let listen_frames = (options.listen.clamp(1.0, 50.0) * 50.0) as usize;
    // After the last word the parties get a moment to hear it.
    let frames = listen_frames + speech.len() / 960 + 60;
    let mut spoken = speech.chunks(960);
    for number in 0..frames {
        let frame = tokio::time::timeout(SOON, stream.next()).await;
        let frame = frame.map_err(|_| "no sound came".to_owned())?.ok_or("the call ended too soon")?;
        if number == listen_frames {
            story.tell("supervisor", "speaks", "\"Hello to you both, this is Maria. The refund is approved.\"");
        }
        // One frame is said for each that is heard, so that both sides of the WAV keep step.
        let said = if number >= listen_frames { spoken.next().unwrap_or_default() } else { &[] };
        writer.write(said);
        file.write_sides(&frame.pcm, said).map_err(|e| format!("{}: {e}", wav.display()))?;
        heard.extend_from_slice(&frame.pcm);
        meters.frame(&frame.pcm, said, call);
        if number % 5 == 0 {
            print!("\r{}", meters.line());
            // A terminal that is gone does not matter to the demo.
            let _ = std::io::stdout().flush();
        }
    }
    file.finish().map_err(|e| format!("{}: {e}", wav.display()))?;
    print!("\r\x1b[K");
    Ok((meters, heard))
}

/// The audio must have been where the mode says, at the centre's end and at the supervisor's.
fn judge(mode: Mode, matrix: &Audibility, observed: &EarReport) -> Outcome<()> {
    for (listener, role) in [("Anna", Role::Agent), ("Tom", Role::Customer)] {
        let other = if role == Role::Agent { "Tom" } else { "Anna" };
        let heard = matrix.heard(listener);
        if !heard.contains(other) {
            return Err(format!("{listener} did not hear {other}"));
        }
        let (hears, should) = (heard.iter().any(|h| h != other), mode.heard_by(role));
        if hears != should {
            return Err(format!("{listener} {} the supervisor", if should { "did not hear" } else { "heard" }));
        }
    }
    for party in ["Anna", "Tom"] {
        match observed.speakers.get(party) {
            Some(h) if h.heard => {
                println!("The supervisor's own ear: {party} at {:.1} dBFS for {:.1} s", h.level_dbfs, h.active_ms as f64 / 1000.0)
            }
            other => return Err(format!("{party} is not in what the supervisor received: {other:?}")),
        }
    }
    Ok(())
}
