//! Debian's rtpengine in user space on loopback, and baresip as the plain-RTP phone behind it.
//! Both are stopped when dropped.

use crate::ears;
use crate::kamailio::{DOMAIN, PASSWORD, free_port, free_udp_port};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
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

/// A baresip with one codec that says a sine and writes down what it hears.
#[derive(Debug)]
pub struct Baresip {
    child: Child,
    folder: PathBuf,
    /// Short, for baresip cuts the paths of its recordings after 127 characters: a recording in a
    /// deep folder loses its name, and both directions fall into one file.
    sounds: tempfile::TempDir,
    rate: u32,
    channels: u16,
    /// Takes its console's keys (UDP).
    console: u16,
    /// Gives its events (TCP).
    events: u16,
}

impl Baresip {
    /// Calls `user` through the server at `sip_port`. `codec` is `pcmu` or `opus`; `folder` receives
    /// its configuration, its log and the sounds.
    ///
    /// # Panics
    /// When baresip is not installed.
    #[must_use]
    pub fn call(folder: &Path, sip_port: u16, codec: &str, user: &str, hertz: f64) -> Self {
        Baresip::start(folder, sip_port, codec, hertz, "regint=0", &["-e", &format!("/dial sip:{user}@{DOMAIN}")])
    }

    /// Registers as 1003 at the server and answers every call.
    ///
    /// # Panics
    /// As [`Baresip::call`].
    #[must_use]
    pub fn registered(folder: &Path, sip_port: u16, codec: &str, hertz: f64) -> Self {
        Baresip::start(folder, sip_port, codec, hertz, &format!("auth_pass={PASSWORD};answermode=auto"), &[])
    }

    fn start(folder: &Path, sip_port: u16, codec: &str, hertz: f64, account: &str, order: &[&str]) -> Self {
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
        let (console, events) = (free_udp_port(), free_port());
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{}\nnet_interface 127.0.0.1\naudio_source aufile,{}\naudio_player aubridge,ear\n\
             audio_alert aubridge,bell\nsnd_path {}\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\nmodule opus.so\nmodule aufile.so\n\
             module aubridge.so\nmodule sndfile.so\nmodule cons.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             cons_listen 127.0.0.1:{console}\nctrl_tcp_listen 127.0.0.1:{events}\nopus_bitrate 28000\n",
            free_udp_port(),
            says.display(),
            sounds.path().display()
        );
        std::fs::write(folder.join("config"), config).expect("baresip's config");
        let account = format!("<sip:1003@{DOMAIN}>;outbound=\"sip:127.0.0.1:{sip_port};transport=udp\";audio_codecs={codec};{account}\n");
        std::fs::write(folder.join("accounts"), account).expect("baresip's account");
        std::fs::write(folder.join("contacts"), "").expect("baresip's contacts");
        let log = std::fs::File::create(folder.join("baresip.log")).expect("baresip's log");
        let child = Command::new("baresip")
            .arg("-f")
            .arg(&folder)
            .args(["-4", "-s", "-t", "60"])
            .args(order)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("baresip's log"))
            .stderr(log)
            .spawn()
            .expect("baresip is installed");
        Baresip { child, folder, sounds, rate, channels, console, events }
    }

    /// Presses a key on its console, and lets it go.
    ///
    /// # Panics
    /// When loopback is closed.
    pub fn press(&self, key: char) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        // The second is its code of a key that is let go; the time between is the key's.
        for key in [key, '\u{4}'] {
            socket.send_to(key.to_string().as_bytes(), (Ipv4Addr::LOCALHOST, self.console)).expect("baresip's console");
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    /// Its events from now on, an object a line in the netstrings of its control socket.
    ///
    /// # Panics
    /// When it does not listen.
    #[must_use]
    pub fn events(&self) -> BaresipEvents {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.events)).expect("baresip's control socket");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        BaresipEvents { stream: BufReader::new(stream) }
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

/// What [`Baresip::events`] gives.
#[derive(Debug)]
pub struct BaresipEvents {
    stream: BufReader<TcpStream>,
}

impl BaresipEvents {
    /// The `param` of the next event of this type, within twenty seconds.
    #[must_use]
    pub fn next(&mut self, kind: &str) -> Option<String> {
        loop {
            let mut length = Vec::new();
            self.stream.read_until(b':', &mut length).ok()?;
            let length: usize = std::str::from_utf8(&length).ok()?.trim_end_matches(':').parse().ok()?;
            // The object, and the comma after it.
            let mut object = vec![0; length + 1];
            self.stream.read_exact(&mut object).ok()?;
            let event: serde_json::Value = serde_json::from_slice(object.get(..length)?).ok()?;
            if event["type"] == kind {
                return Some(event["param"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
}
