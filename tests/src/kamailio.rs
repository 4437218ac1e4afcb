//! Debian's kamailio as a SIP-over-WebSocket registrar and proxy on loopback, with an
//! authority of its own for wss. Stopped when dropped.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The password of every user.
pub const PASSWORD: &str = "s3cret";
/// The SIP domain.
pub const DOMAIN: &str = "monipy.test";

const CONFIG: &str = include_str!("../interop/data/kamailio.cfg");
const TLS_CONFIG: &str = include_str!("../interop/data/tls.cfg");

/// A running kamailio.
#[derive(Debug)]
pub struct Kamailio {
    child: Child,
    dir: TempDir,
    ws: u16,
    wss: u16,
    sip: u16,
    defines: Vec<String>,
    log: Arc<Mutex<String>>,
    leaves: Option<PathBuf>,
}

impl Kamailio {
    /// Starts it and waits until it listens. `defines` are preprocessor names, `AUTH_SHA256` for
    /// SHA-256 challenges.
    ///
    /// # Panics
    /// When kamailio is not installed or does not come up within ten seconds: a test cannot go on.
    #[must_use]
    pub fn start(defines: &[&str]) -> Self {
        Self::start_with(defines, 0)
    }

    /// The same with the control port of an rtpengine, for `RTPENGINE` among the defines.
    ///
    /// # Panics
    /// As [`Kamailio::start`].
    #[must_use]
    pub fn start_with(defines: &[&str], rtpengine: u16) -> Self {
        let dir = TempDir::new().expect("a folder for kamailio");
        certificates(dir.path());
        let (ws, wss, sip) = (free_port(), free_port(), free_udp_port());
        let log = Arc::default();
        // Kept for a restart, which must come up where it was.
        let defines: Vec<String> = defines.iter().map(|&define| define.to_owned()).collect();
        Self::configured(dir.path(), ws, wss, sip, rtpengine);
        let child = Self::spawn(dir.path(), &defines, &log);
        let mut kamailio = Kamailio { child, dir, ws, wss, sip, defines, log, leaves: None };
        kamailio.wait();
        kamailio
    }

    fn configured(dir: &Path, ws: u16, wss: u16, sip: u16, rtpengine: u16) {
        let fill = |text: &str| {
            text.replace("RUNDIR", &dir.to_string_lossy())
                .replace("15080", &ws.to_string())
                .replace("15443", &wss.to_string())
                .replace("15060", &sip.to_string())
                .replace("15222", &rtpengine.to_string())
        };
        std::fs::write(dir.join("kamailio.cfg"), fill(CONFIG)).expect("kamailio.cfg");
        std::fs::write(dir.join("tls.cfg"), fill(TLS_CONFIG)).expect("tls.cfg");
    }

    fn spawn(dir: &Path, defines: &[String], log: &Arc<Mutex<String>>) -> Child {
        let mut command = Command::new("kamailio");
        command.arg("-f").arg(dir.join("kamailio.cfg")).args(["-DD", "-E", "-m", "32", "-M", "8"]);
        command.arg("-Y").arg(dir).arg("-w").arg(dir);
        for define in defines {
            command.args(["-A", define]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("kamailio is installed");
        let stderr = child.stderr.take().expect("stderr");
        let copy = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = copy.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        child
    }

    /// Stops it and starts it anew on the same ports, its memory empty.
    ///
    /// # Panics
    /// When it does not come up again.
    pub fn restart(&mut self) {
        self.stop();
        self.child = Self::spawn(self.dir.path(), &self.defines, &self.log);
        self.wait();
    }

    fn stop(&mut self) {
        // Its main process ends its children on SIGTERM.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.child.try_wait().ok().flatten().is_none() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.wait();
    }

    /// Leaves in a folder, when it stops, its log and the SIP traces of the supervisors that were there.
    #[must_use]
    pub fn leaving(mut self, folder: &Path) -> Self {
        crate::trace::keep();
        self.leaves = Some(folder.to_owned());
        self
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.ws)).is_err()
            || std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.wss)).is_err()
        {
            let ended = self.child.try_wait().ok().flatten();
            assert!(ended.is_none() && Instant::now() < deadline, "kamailio did not come up:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `ws://` URL.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.ws)
    }

    /// `wss://` URL; its certificate is for `localhost`.
    #[must_use]
    pub fn wss_url(&self) -> String {
        format!("wss://localhost:{}", self.wss)
    }

    /// The authority that signed its certificate.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// What the supervisors of this process sent to it and received, redacted, once it was told where
    /// to leave it.
    #[must_use]
    pub fn supervisors_sip(&self) -> String {
        crate::trace::of(&[self.ws, self.wss])
    }

    /// Its UDP port for plain SIP.
    #[must_use]
    pub fn sip_port(&self) -> u16 {
        self.sip
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for `text` in the log, ten seconds at most: kamailio logs after it has answered.
    #[must_use]
    pub fn logs(&self, text: &str) -> bool {
        self.logs_times(text, 1, Duration::from_secs(10))
    }

    /// Waits until `text` stands in the log so many times.
    #[must_use]
    pub fn logs_times(&self, text: &str, times: usize, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while self.log().matches(text).count() < times {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Runs a sipp scenario of `interop/data` against `user`; returns its exit status and output.
    ///
    /// # Panics
    /// When sipp is not installed.
    #[must_use]
    pub fn sipp(&self, scenario: &str, user: &str) -> (bool, String) {
        let media = free_udp_port().to_string();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/data").join(scenario);
        let output = Command::new("sipp")
            .arg("-sf")
            .arg(path)
            .args(["-s", user, "-i", "127.0.0.1", "-p", &free_udp_port().to_string(), "-m", "1", "-timeout", "60", "-nostdin"])
            // What comes to its media port goes back from there.
            .args(["-rtp_echo", "-mi", "127.0.0.1", "-mp", &media])
            .arg(format!("127.0.0.1:{}", self.sip))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output()
            .expect("sipp is installed");
        (output.status.success(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        self.stop();
        if let Some(folder) = &self.leaves {
            let _ = std::fs::write(folder.join("kamailio.log"), self.log());
            let _ = std::fs::write(folder.join("supervisor-sip.log"), crate::trace::of(&[self.ws, self.wss]));
        }
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a free port").port()
}

/// Free for UDP and TCP: kamailio listens on both.
pub(crate) fn free_udp_port() -> u16 {
    loop {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|s| s.local_addr()).expect("a free port").port();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// An authority and a certificate for localhost, as PEM files.
fn certificates(dir: &Path) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "monipy interop authority");
    let ca = authority.self_signed(&authority_key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let mut leaf = CertificateParams::new(vec!["localhost".into()]).expect("parameters");
    leaf.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let issuer = Issuer::from_params(&authority, &authority_key);
    let certificate = leaf.signed_by(&key, &issuer).expect("a certificate");
    let write = |name: &str, text: String| {
        std::fs::File::create(dir.join(name)).and_then(|mut f| f.write_all(text.as_bytes())).expect("a PEM file");
    };
    write("ca.pem", ca.pem());
    write("cert.pem", certificate.pem());
    write("key.pem", key.serialize_pem());
}
