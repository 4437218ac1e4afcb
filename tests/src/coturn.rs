//! coturn's `turnserver` on loopback: one way to it alone, with an authority of its own for TLS.
//! Stopped when dropped.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The one user.
pub const TURN_USER: &str = "monipy";
/// The user's password.
pub const TURN_PASSWORD: &str = "secret";

/// How clients reach the server; the other ways are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `turn:` over UDP.
    Udp,
    /// `turn:` over TCP.
    Tcp,
    /// `turns:` over TLS.
    Tls,
}

/// A running `turnserver`.
#[derive(Debug)]
pub struct Coturn {
    process: Child,
    way: Way,
    port: u16,
    files: TempDir,
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Coturn {
    /// Starts it and waits until it answers. None where it is not installed.
    ///
    /// # Panics
    /// When it does not come up within ten seconds: a test cannot go on.
    #[must_use]
    pub fn start(way: Way) -> Option<Coturn> {
        Coturn::start_with(way, &["--relay-ip=127.0.0.1"])
    }

    /// One that passes packets from relay to relay alone: its relays have an address of their own, and
    /// nothing goes to or comes from where the clients are. Who is behind it hears only who is behind
    /// it too, as if a firewall let UDP through to this server and nowhere else.
    ///
    /// # Panics
    /// As [`Coturn::start`].
    #[must_use]
    pub fn between_relays(way: Way) -> Option<Coturn> {
        Coturn::start_with(way, &["--relay-ip=127.0.0.3", "--denied-peer-ip=127.0.0.1-127.0.0.1"])
    }

    fn start_with(way: Way, relays: &[&str]) -> Option<Coturn> {
        let files = TempDir::new().expect("a folder for turnserver");
        let port = free_port(way);
        let closed: &[&str] = match way {
            Way::Udp => &["--no-tcp", "--no-tls", "--no-dtls"],
            Way::Tcp => &["--no-udp", "--no-tls", "--no-dtls"],
            Way::Tls => &["--no-udp", "--no-tcp", "--no-dtls"],
        };
        if way == Way::Tls {
            certificates(&files);
        }
        let process = Command::new("turnserver")
            .current_dir(files.path())
            .args(["-n", "--no-cli", "--lt-cred-mech", "--allow-loopback-peers", "--log-file=stdout", "--realm=test"])
            .args(["--listening-ip=127.0.0.1", "--cert=server.pem", "--pkey=server.key"])
            .args(closed)
            .args(relays)
            .arg(format!("--user={TURN_USER}:{TURN_PASSWORD}"))
            .arg(format!("--{}-port={port}", if way == Way::Tls { "tls-listening" } else { "listening" }))
            .arg(format!("--pidfile={}", files.path().join("pid").display()))
            .arg(format!("--userdb={}", files.path().join("db").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = Coturn { process, way, port, files };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !server.answers() {
            assert!(Instant::now() < deadline, "turnserver did not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// Whether it answers a STUN request, or takes connections.
    fn answers(&self) -> bool {
        if self.way != Way::Udp {
            return TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
        socket
            .connect((Ipv4Addr::LOCALHOST, self.port))
            .and_then(|()| socket.send(&request))
            .and_then(|_| socket.recv(&mut [0; 512]))
            .is_ok()
    }

    /// For `ice_servers`.
    #[must_use]
    pub fn url(&self) -> String {
        match self.way {
            Way::Udp => format!("turn:localhost:{}?transport=udp", self.port),
            Way::Tcp => format!("turn:localhost:{}?transport=tcp", self.port),
            Way::Tls => format!("turns:localhost:{}", self.port),
        }
    }

    /// The authority that signed its certificate; it has one for TLS only.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }
}

fn certificates(files: &TempDir) {
    let write = |name: &str, text: String| std::fs::write(files.path().join(name), text).expect("a certificate file");
    let mut authority = CertificateParams::new(Vec::<String>::new()).expect("an authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().expect("a key");
    write("ca.pem", authority.self_signed(&authority_key).expect("an authority's certificate").pem());
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("a certificate");
    let signed = leaf.signed_by(&key, &Issuer::from_params(&authority, &authority_key)).expect("a signed certificate");
    write("server.pem", signed.pem());
    write("server.key", key.serialize_pem());
}

fn free_port(way: Way) -> u16 {
    let local = (Ipv4Addr::LOCALHOST, 0);
    let address = match way {
        Way::Udp => UdpSocket::bind(local).and_then(|socket| socket.local_addr()),
        Way::Tcp | Way::Tls => TcpListener::bind(local).and_then(|listener| listener.local_addr()),
    };
    address.expect("a free port").port()
}
