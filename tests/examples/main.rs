//! The example programs of Rust, C and C++ (these compiled with all warnings as errors), run against
//! the embedded contact centre: listen and print levels, barge and speak a WAV, record a stereo WAV.

use contact_center::{CallHandle, ContactCenter, LegHandle, Mode, Party};
use monipy_core::audio::tone;
use monipy_tests::{ears, native};
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

const RATE: u32 = 16_000;
const SOON: Duration = Duration::from_secs(60);

/// A centre with a call of a 440 Hz agent and a 1 kHz customer, and a folder for WAVs.
struct Stage {
    centre: ContactCenter,
    call: CallHandle,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

/// An example that runs; ended when the test fails.
struct Program {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

/// The program of a source, built.
fn program(source: &str) -> PathBuf {
    match source {
        "examples/rust/listen.rs" => env!("CARGO_BIN_EXE_example-listen").into(),
        "examples/rust/barge.rs" => env!("CARGO_BIN_EXE_example-barge").into(),
        "examples/rust/record.rs" => env!("CARGO_BIN_EXE_example-record").into(),
        _ => native::compile(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples"), source),
    }
}

impl Stage {
    fn new() -> Stage {
        let centre = ContactCenter::builder().start_blocking().expect("the centre starts");
        let call = centre.call(Party::agent("agent").tone(440.0), Party::customer("customer").tone(1000.0)).expect("a call");
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Stage { centre, call, folder, runtime }
    }

    fn wait<T>(&self, what: impl Future<Output = contact_center::Result<T>>) -> T {
        self.runtime.block_on(what).expect("the centre sees it in time")
    }

    /// Starts an example, and barges it in once it has logged in.
    fn run(&self, source: &str, more: &[&Path]) -> (Program, LegHandle) {
        let mut command = Command::new(program(source));
        command.args([self.centre.ws_url(), "supervisor", "secret"]).args(more).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let program = Program { child, lines };
        self.wait(self.centre.wait_registered("supervisor", SOON));
        let leg = self.call.barge("supervisor", Mode::Barge).expect("a leg");
        self.wait(leg.wait_media(SOON));
        (program, leg)
    }

    /// A second and a half of a 2.5 kHz tone.
    fn speech(&self) -> PathBuf {
        let path = self.folder.path().join("say.wav");
        let spec = hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut file = hound::WavWriter::create(&path, spec).expect("the folder is writable");
        ears::sine(RATE, 2500.0, -12.0, 1500).into_iter().for_each(|s| file.write_sample(s).expect("the disk has room"));
        file.finalize().expect("the disk has room");
        path
    }
}

impl Program {
    /// The next line that begins so; the lines before are passed over.
    fn line(&mut self, start: &str) -> String {
        let mut before = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.expect("it writes text");
            if line.starts_with(start) {
                return line;
            }
            before.push(line);
        }
        panic!("no line that begins with {start:?}; instead {before:#?}");
    }

    /// Waits for its end, which must be a good one.
    fn end(mut self) {
        let status = self.child.wait().expect("it can be waited for");
        assert!(status.success(), "it ended with {status}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(source: &str) {
    let stage = Stage::new();
    let (mut program, leg) = stage.run(source, &[]);
    program.line("answered 200");
    // Two tones of -20 dBFS peak are -20 dBFS together; the first second may hold silence.
    let louder = |line: String| line.split_whitespace().rev().nth(1).and_then(|n| n.parse::<f64>().ok()).expect("a level") > -30.0;
    while !louder(program.line("call ")) {}
    leg.hang_up().expect("the centre hangs up");
    program.line("ended 200");
    program.end();
}

fn barge(source: &str) {
    let stage = Stage::new();
    let (mut program, leg) = stage.run(source, &[&stage.speech()]);
    stage.wait(stage.call.wait_tone("customer", 2500.0, -30.0, SOON));
    program.line("said 1.5 s");
    program.line("hangup 200");
    stage.wait(leg.wait_ended(SOON));
    program.end();
}

fn record(source: &str) {
    let stage = Stage::new();
    let path = stage.folder.path().join("call.wav");
    let (mut program, leg) = stage.run(source, &[&path, &stage.speech()]);
    stage.wait(stage.call.wait_tone("agent", 2500.0, -30.0, SOON));
    stage.wait(stage.call.wait_heard("supervisor", &["agent", "customer"], SOON));
    stage.wait(stage.call.wait_measured(Duration::from_secs(1)));
    leg.hang_up().expect("the centre hangs up");
    program.line("recorded ");
    program.end();
    let mut file = hound::WavReader::open(path).expect("a WAV");
    assert_eq!((file.spec().channels, file.spec().sample_rate), (2, RATE));
    let samples: Vec<i16> = file.samples().collect::<Result<_, _>>().expect("its samples");
    let side = |at: usize| samples.iter().skip(at).step_by(2).copied().collect::<Vec<i16>>();
    let loudest = |pcm: &[i16], hertz: f64| {
        let windows = pcm.chunks_exact(RATE as usize / 5);
        windows.map(|w| f64::from(tone::measure(w, RATE, hertz).level_dbfs)).fold(-127.0, f64::max)
    };
    let (left, right) = (side(0), side(1));
    for (what, pcm, hertz) in [("the agent", &left, 440.0), ("the customer", &left, 1000.0), ("the supervisor", &right, 2500.0)] {
        assert!(loudest(pcm, hertz) > -35.0, "{what} is not in the recording: {} dBFS", loudest(pcm, hertz));
    }
    assert!(loudest(&right, 440.0) < -60.0, "the agent is not on the supervisor's side");
}

/// Kills the program in the middle of a call: what is on the disk is a WAV, but for its last second.
#[test]
fn a_recording_of_a_killed_program_lacks_a_second_at_most() {
    let stage = Stage::new();
    let path = stage.folder.path().join("call.wav");
    let (mut program, _leg) = stage.run("examples/rust/record.rs", &[&path]);
    stage.wait(stage.call.wait_heard("supervisor", &["agent", "customer"], SOON));
    let wanted = 3 * 2 * 2 * u64::from(RATE);
    let deadline = std::time::Instant::now() + SOON;
    while std::fs::metadata(&path).map_or(0, |file| file.len()) < wanted {
        assert!(std::time::Instant::now() < deadline, "three seconds are not recorded");
        std::thread::sleep(Duration::from_millis(20));
    }
    program.child.kill().expect("it can be killed");
    program.child.wait().expect("it can be waited for");

    let on_disk = std::fs::metadata(&path).expect("the file").len();
    let mut file = hound::WavReader::open(&path).expect("a WAV");
    let samples: Vec<i16> = file.samples().collect::<Result<_, _>>().expect("its samples");
    let lacks = on_disk.saturating_sub(2 * samples.len() as u64) / (2 * 2 * u64::from(RATE) / 1000);
    assert!(lacks <= 1000, "the header is {lacks} ms behind");
    let left: Vec<i16> = samples.iter().step_by(2).copied().collect();
    let end = &left[left.len() - RATE as usize / 5..];
    assert!(tone::measure(end, RATE, 1000.0).level_dbfs > -35.0, "the customer is not in the last of it");
}

#[test]
fn rust_listen() {
    listen("examples/rust/listen.rs");
}

#[test]
fn rust_barge() {
    barge("examples/rust/barge.rs");
}

#[test]
fn rust_record() {
    record("examples/rust/record.rs");
}

#[test]
fn c_listen() {
    listen("examples/c/listen.c");
}

#[test]
fn c_barge() {
    barge("examples/c/barge.c");
}

#[test]
fn c_record() {
    record("examples/c/record.c");
}

#[test]
fn cpp_listen() {
    listen("examples/cpp/listen.cpp");
}

#[test]
fn cpp_barge() {
    barge("examples/cpp/barge.cpp");
}

#[test]
fn cpp_record() {
    record("examples/cpp/record.cpp");
}
