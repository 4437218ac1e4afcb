//! A PulseAudio of a test's own with cards that exist in software: a speaker whose sound can be
//! listened to, a second one, and a microphone that can be spoken into. Paced as real cards are.

use monipy_core::audio::tone;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// Hz.
const RATE: u32 = 48_000;

/// The server; ends with its value.
pub(crate) struct SoundServer {
    server: Child,
    folder: tempfile::TempDir,
}

impl SoundServer {
    /// Starts it and points this process at it.
    pub(crate) fn start() -> SoundServer {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("native");
        let modules = [
            format!("module-native-protocol-unix socket={} auth-anonymous=1", socket.display()),
            card("speaker", "Test_Speaker"),
            card("headset", "Test_Headset"),
            card("voice", "Test_Voice"),
            "module-remap-source master=voice.monitor source_name=microphone source_properties=device.description=Test_Microphone".into(),
        ];
        let mut command = Command::new("pulseaudio");
        command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--log-target=null", "--use-pid-file=no", "--high-priority=no"]);
        for module in &modules {
            command.args(["-L", module]);
        }
        for name in ["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "PULSE_STATE_PATH"] {
            command.env(name, folder.path());
        }
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("pulseaudio is installed");
        // SAFETY: the test binary runs one test at a time (run.sh), and no thread of it reads the
        // environment before the server is there.
        unsafe { std::env::set_var("PULSE_SERVER", format!("unix:{}", socket.display())) };
        let this = SoundServer { server, folder };
        this.wait("the server", |s| s.pactl(&["info"]).is_some());
        this.pactl(&["set-default-sink", "speaker"]).expect("a default speaker");
        this.pactl(&["set-default-source", "microphone"]).expect("a default microphone");
        this
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", self.folder.path()).env("XDG_RUNTIME_DIR", self.folder.path()).stderr(Stdio::null());
        command
    }

    /// What pactl prints; `None` when it fails.
    pub(crate) fn pactl(&self, arguments: &[&str]) -> Option<String> {
        let output = self.command("pactl").args(arguments).output().expect("pactl is installed");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Asks until it is so.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + SOON;
        while !is_so(self) {
            assert!(Instant::now() < end, "waited too long for {what}");
            // A pace for asking another process, not a wait for it to be ready.
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Streams that play, one a line.
    pub(crate) fn players(&self) -> String {
        self.pactl(&["list", "short", "sink-inputs"]).unwrap_or_default()
    }

    /// Streams that record, one a line.
    pub(crate) fn listeners(&self) -> String {
        // The microphone itself listens to what is spoken into it.
        let all = self.pactl(&["list", "short", "source-outputs"]).unwrap_or_default();
        all.lines().filter(|l| !l.contains("module-remap-source")).map(str::to_owned).collect()
    }

    /// Takes a card out.
    pub(crate) fn unplug(&self, module: &str) {
        self.pactl(&["unload-module", module]).expect("it goes");
    }

    /// The number of the module of a card.
    pub(crate) fn module_of(&self, sink: &str) -> String {
        let modules = self.pactl(&["list", "short", "modules"]).expect("modules");
        let line = modules.lines().find(|l| l.contains(&format!("sink_name={sink} "))).expect("it is plugged in");
        line.split_whitespace().next().expect("a number").to_owned()
    }

    /// Puts a card in.
    pub(crate) fn plug(&self, sink: &str, description: &str) {
        let card = card(sink, description);
        let arguments: Vec<&str> = card.split(' ').collect();
        self.pactl(&[&["load-module"], &arguments[..]].concat()).expect("it comes");
    }

    /// Listens at a card until the tone is heard.
    pub(crate) fn wait_tone_at(&self, sink: &str, hertz: f64) {
        let mut listener = self
            .command("parec")
            .args([&format!("--device={sink}.monitor"), "--format=s16le", "--channels=1", &format!("--rate={RATE}"), "--latency-msec=20"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("parec is installed");
        let mut sound = listener.stdout.take().expect("it was piped");
        let end = Instant::now() + SOON;
        let mut bytes = vec![0; RATE as usize / 5 * 2];
        let heard = loop {
            if sound.read_exact(&mut bytes).is_err() || Instant::now() > end {
                break false;
            }
            let pcm: Vec<i16> = bytes.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
            let reading = tone::measure(&pcm, RATE, hertz);
            // The other party's tone is there too.
            if reading.level_dbfs > -50.0 {
                break true;
            }
        };
        let _ = listener.kill();
        let _ = listener.wait();
        assert!(heard, "{hertz} Hz is not heard at {sink}");
    }

    /// Speaks a tone into the microphone until the value is dropped.
    pub(crate) fn speak(&self, hertz: f64) -> Mouth {
        let path = self.folder.path().join("tone.wav");
        let spec = hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut file = hound::WavWriter::create(&path, spec).expect("a file");
        // Syllables, as noise suppression takes what goes on and on for noise.
        let tone = monipy_tests::ears::sine(RATE, hertz, -12.0, 60_000);
        for (i, sample) in tone.into_iter().enumerate() {
            file.write_sample(if i / 14_400 % 2 == 0 { sample } else { 0 }).expect("room");
        }
        file.finalize().expect("room");
        Mouth(self.command("paplay").arg("--device=voice").arg(&path).spawn().expect("paplay is installed"))
    }
}

fn card(sink: &str, description: &str) -> String {
    format!("module-null-sink sink_name={sink} rate={RATE} sink_properties=device.description={description}")
}

impl SoundServer {
    /// It is gone, from one moment to the next.
    pub(crate) fn die(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.die();
    }
}

/// Somebody who speaks.
pub(crate) struct Mouth(Child);

impl Drop for Mouth {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
