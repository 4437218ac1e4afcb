//! Debian's rtpengine in user space on loopback, and baresip as the plain-RTP phone behind it.
//! Both are stopped when dropped.

use crate::ears;
use crate::kamailio::{DOMAIN, free_udp_port};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// A running rtpengine; kamailio's define `RTPENGINE` sends media through it.
#[derive(Debug)]
pub struct Rtpengine {
    child: Child,
    control: u16,
}

impl Rtpengine {
    /// Starts it; its log goes into `folder`.
    ///
    /// # Panics
    /// When rtpengine is not installed or does not come up.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        // Each its own ports for media: two of them would share one without noticing.
        static NEXT: AtomicU16 = AtomicU16::new(22_000);
        let least = NEXT.fetch_add(100, Ordering::Relaxed);
        let control = free_udp_port();
        let path = folder.join("rtpengine.log");
        let log = std::fs::File::create(&path).expect("rtpengine's log");
        let mut child = Command::new("rtpengine")
            .args(["--config-file=none", "--foreground", "--log-stderr", "--log-level=6", "--table=-1", "--num-threads=2"])
            .args([format!("--port-min={least}"), format!("--port-max={}", least + 98)])
            .args(["--interface=127.0.0.1", &format!("--listen-ng=127.0.0.1:{control}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("rtpengine is installed");
        // Kamailio does not ask again soon after it has found nobody.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !std::fs::read_to_string(&path).unwrap_or_default().contains("Startup complete") {
            let ended = child.try_wait().ok().flatten();
            assert!(ended.is_none() && Instant::now() < deadline, "rtpengine did not come up: {}", path.display());
            std::thread::sleep(Duration::from_millis(10));
        }
        Rtpengine { child, control }
    }

    /// The UDP port of its ng protocol.
    #[must_use]
    pub fn control_port(&self) -> u16 {
        self.control
    }
}

impl Drop for Rtpengine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A baresip that calls somebody with one codec, says a sine, and writes down what it hears.
#[derive(Debug)]
pub struct Baresip {
    child: Child,
    folder: PathBuf,
    /// Short, for baresip cuts the paths of its recordings after 127 characters: a recording in a
    /// deep folder loses its name, and both directions fall into one file.
    sounds: tempfile::TempDir,
    rate: u32,
    channels: u16,
}

impl Baresip {
    /// Calls `user` through the server at `sip_port`. `codec` is `pcmu` or `opus`; `folder` receives
    /// its configuration, its log and the sounds.
    ///
    /// # Panics
    /// When baresip is not installed.
    #[must_use]
    pub fn call(folder: &Path, sip_port: u16, codec: &str, user: &str, hertz: f64) -> Self {
        let folder = folder.join("baresip");
        std::fs::create_dir_all(&folder).expect("a folder for baresip");
        let sounds = tempfile::tempdir().expect("a folder for what baresip hears");
        // It plays files only at its codec's own rate and channels.
        let (rate, channels) = if codec == "opus" { (48_000, 2) } else { (8_000, 1) };
        let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let says = folder.join("says.wav");
        let mut wav = hound::WavWriter::create(&says, spec).expect("baresip's voice");
        for sample in ears::sine(rate, hertz, -12.0, 30_000) {
            (0..channels).for_each(|_| wav.write_sample(sample).expect("a sample"));
        }
        wav.finalize().expect("baresip's voice");
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{}\nnet_interface 127.0.0.1\naudio_source aufile,{}\naudio_player aubridge,ear\n\
             audio_alert aubridge,bell\nsnd_path {}\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\nmodule opus.so\nmodule aufile.so\n\
             module aubridge.so\nmodule sndfile.so\nmodule_tmp account.so\nmodule_app menu.so\nopus_bitrate 28000\n",
            free_udp_port(),
            says.display(),
            sounds.path().display()
        );
        std::fs::write(folder.join("config"), config).expect("baresip's config");
        let account = format!("<sip:1003@{DOMAIN}>;outbound=\"sip:127.0.0.1:{sip_port};transport=udp\";regint=0;audio_codecs={codec}\n");
        std::fs::write(folder.join("accounts"), account).expect("baresip's account");
        std::fs::write(folder.join("contacts"), "").expect("baresip's contacts");
        let log = std::fs::File::create(folder.join("baresip.log")).expect("baresip's log");
        let child = Command::new("baresip")
            .arg("-f")
            .arg(&folder)
            .args(["-4", "-s", "-t", "60", "-e", &format!("/dial sip:{user}@{DOMAIN}")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("baresip's log"))
            .stderr(log)
            .spawn()
            .expect("baresip is installed");
        Baresip { child, folder, sounds, rate, channels }
    }

    /// What it logged so far, its SIP too.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("baresip.log")).unwrap_or_default()
    }

    /// What it heard so far, with its rate: the first channel of a file whose header is not final yet.
    #[must_use]
    pub fn heard(&self) -> (Vec<i16>, u32) {
        let files = std::fs::read_dir(self.sounds.path()).into_iter().flatten().flatten().map(|entry| entry.path());
        let path = files.into_iter().find(|path| path.to_string_lossy().ends_with("dec.wav"));
        let bytes = path.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let sound = bytes.get(44..).unwrap_or_default();
        let samples = sound.chunks_exact(2 * usize::from(self.channels)).map(|frame| i16::from_le_bytes([frame[0], frame[1]]));
        (samples.collect(), self.rate)
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for sound in std::fs::read_dir(self.sounds.path()).into_iter().flatten().flatten() {
            let _ = std::fs::copy(sound.path(), self.folder.join(sound.file_name()));
        }
    }
}
