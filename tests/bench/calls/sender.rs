//! The far side: invites whoever registers and sends everybody the same recorded speech, encoded
//! once. The calls' packets are spread over the 20 ms as those of real calls are.

use crate::figures::unix_ms;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use monipy_core::Codec;
use monipy_core::audio::codec::{self, OpusSettings};
use monipy_core::media::{MediaConfig, MediaDirection, MediaEvent, MediaTransport, OfferKind, RtpSender, WebRtcTransport};
use rtc::srtp::protection_profile::ProtectionProfile;
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// What the floor and its sender have agreed on: the protection that monipy negotiates with itself.
pub(crate) const PROFILE: ProtectionProfile = ProtectionProfile::AeadAes256Gcm;
pub(crate) const KEY: [u8; 32] = [7; 32];
pub(crate) const SALT: [u8; 12] = [9; 12];

/// Steps of a frame of 20 ms over which the calls are spread.
const SLOTS: usize = 20;
/// Time from one INVITE to the next.
const PACE: Duration = Duration::from_millis(20);

/// Recorded speech, encoded.
pub(crate) struct Media {
    pub(crate) codec: Codec,
    packets: Vec<Bytes>,
}

impl Media {
    pub(crate) fn new(codec: &str) -> Media {
        let codec = if codec == "pcmu" { Codec::Pcmu } else { Codec::Opus };
        // Both sides of a dialogue, as a supervisor hears them.
        let (agent, customer) =
            (contact_center::recorded_speech(contact_center::Role::Agent), contact_center::recorded_speech(contact_center::Role::Customer));
        let mixed: Vec<i16> = agent.iter().zip(customer.iter()).map(|(a, b)| a.saturating_add(*b)).collect();
        let rate = codec::clock_rate(codec);
        let mut pcm = Vec::new();
        monipy_core::audio::resample::Resampler::new(16_000, rate).process(&mixed, &mut pcm);
        let settings = OpusSettings { bitrate: 30_000, ..OpusSettings::default() };
        let mut encoder = codec::encoder(codec, rate, settings).expect("an encoder");
        let packets = pcm.chunks_exact(rate as usize / 50).filter_map(|frame| encoder.encode(frame)).collect();
        Media { codec, packets }
    }

    fn packet(&self, at: usize) -> Bytes {
        self.packets[at % self.packets.len()].clone()
    }

    fn step(&self) -> u32 {
        codec::clock_rate(self.codec) / 50
    }
}

/// When things happened to a call, in ms since 1970; not a number until they did.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) invited: f64,
    pub(crate) answered: f64,
    pub(crate) first_rtp: f64,
}

struct Leg {
    user: String,
    out: RtpSender,
    payload_type: u8,
    sent: u32,
}

#[derive(Default)]
struct Shared {
    legs: Mutex<Vec<Leg>>,
    setups: Mutex<HashMap<String, Setup>>,
    sent: AtomicU64,
    over: AtomicBool,
}

/// The far side of one measurement.
pub(crate) struct Far {
    shared: Arc<Shared>,
    media: Arc<Media>,
    ws: String,
    calls: usize,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Far {
    /// A server at loopback that takes registrations, and invites who registers if it is to.
    pub(crate) fn sip(media: Arc<Media>, invites: bool) -> Far {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a listener");
        let ws = format!("ws://{}", listener.local_addr().expect("its address"));
        let shared = Arc::new(Shared::default());
        let (of_server, for_calls) = (shared.clone(), media.clone());
        let pace = Arc::new(tokio::sync::Mutex::new(()));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(user(stream, of_server.clone(), for_calls.clone(), invites.then(|| pace.clone())));
            }
        });
        let (of_pump, for_pump) = (shared.clone(), media.clone());
        std::thread::spawn(move || pump(&of_pump, &for_pump));
        Far { shared, media, ws, calls: 0, runtime: Some(runtime) }
    }

    /// No signalling: SRTP under keys agreed on, to a port told later.
    pub(crate) fn plain(media: Arc<Media>, calls: usize) -> Far {
        Far { shared: Arc::default(), media, ws: String::new(), calls, runtime: None }
    }

    pub(crate) fn start_plain(&mut self, port: u16) {
        let (shared, media, calls) = (self.shared.clone(), self.media.clone(), self.calls);
        std::thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).expect("an address");
            let crypto = rtc::crypto::default_provider().expect("cryptography");
            let mut contexts: Vec<_> = (0..calls)
                .map(|_| rtc::srtp::context::Context::new(&KEY, &SALT, PROFILE, None, None, crypto.crypto()).expect("a context"))
                .collect();
            let mut packet = Vec::new();
            each_slot(&shared, |frame, slot| {
                for call in (slot..calls).step_by(SLOTS) {
                    packet.clear();
                    packet.extend([0x80, if media.codec == Codec::Pcmu { 0 } else { 111 }]);
                    packet.extend((frame as u16).to_be_bytes());
                    packet.extend((frame as u32).wrapping_mul(media.step()).to_be_bytes());
                    packet.extend((call as u32).to_be_bytes());
                    packet.extend_from_slice(&media.packet(frame + call * 7));
                    if let Ok(protected) = contexts[call].encrypt_rtp(&packet) {
                        let _ = socket.send(&protected);
                        shared.sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        });
    }

    pub(crate) fn ws(&self) -> &str {
        &self.ws
    }

    /// Packets sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn setups(&self) -> HashMap<String, Setup> {
        self.shared.setups.lock().expect("not poisoned").clone()
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

/// Calls `work` with the number of the frame and of the slot, each in its time, until all is over.
fn each_slot(shared: &Shared, mut work: impl FnMut(usize, usize)) {
    let start = Instant::now();
    for n in 0.. {
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep((start + Duration::from_millis(n as u64)).saturating_duration_since(Instant::now()));
        work(n / SLOTS, n % SLOTS);
    }
}

fn pump(shared: &Shared, media: &Media) {
    each_slot(shared, |_, slot| {
        let mut legs = shared.legs.lock().expect("not poisoned");
        for (at, leg) in legs.iter_mut().enumerate().skip(slot).step_by(SLOTS) {
            if !leg.out.is_open() {
                continue;
            }
            if leg.sent == 0
                && let Some(setup) = shared.setups.lock().expect("not poisoned").get_mut(&leg.user)
            {
                setup.first_rtp = unix_ms();
            }
            let packet = media.packet(leg.sent as usize + at * 7);
            if leg.out.send(leg.payload_type, leg.sent == 0, leg.sent as u16, leg.sent.wrapping_mul(media.step()), packet) {
                shared.sent.fetch_add(1, Ordering::Relaxed);
            }
            leg.sent += 1;
        }
    });
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let found = message.lines().find_map(|line| {
        let (this, value) = line.split_once(':')?;
        this.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    });
    found.unwrap_or_default()
}

fn respond(request: &str, status: &str, more: &str) -> String {
    let copied: String = ["Via", "From", "Call-ID", "CSeq"].iter().map(|name| format!("{name}: {}\r\n", header(request, name))).collect();
    let to = header(request, "To");
    let tag = if to.contains(";tag=") { "" } else { ";tag=bench" };
    format!("SIP/2.0 {status}\r\n{copied}To: {to}{tag}\r\n{more}Content-Length: 0\r\n\r\n")
}

/// One connection: registers, is invited, and hears until it is gone.
async fn user(stream: TcpStream, shared: Arc<Shared>, media: Arc<Media>, pace: Option<Arc<tokio::sync::Mutex<()>>>) {
    // What the handshake asks of a callback's type.
    #[allow(clippy::result_large_err)]
    let sip = |_: &Request, mut response: Response| {
        response.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().expect("a header value"));
        Ok(response)
    };
    let Ok(mut ws) = tokio_tungstenite::accept_hdr_async(stream, sip).await else { return };
    let mut call: Option<(String, WebRtcTransport, Option<RtpSender>)> = None;
    while let Some(Ok(message)) = ws.next().await {
        let text = match &message {
            Message::Text(text) => text.to_string(),
            Message::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => continue,
        };
        let answers = if text.starts_with("REGISTER ") {
            let contact = header(&text, "Contact").to_owned();
            let mut answers = vec![respond(&text, "200 OK", &format!("Contact: {contact};expires=600\r\n"))];
            if let (None, Some(pace)) = (&call, &pace) {
                let _turn = pace.lock().await;
                tokio::time::sleep(PACE).await;
                let config =
                    MediaConfig { local_address: Some([127, 0, 0, 1].into()), codecs: vec![media.codec], ..MediaConfig::default() };
                let (transport, ends) = WebRtcTransport::new(config, tokio::runtime::Handle::current());
                let Ok(offer) = transport.create_offer(MediaDirection::SendOnly, OfferKind::Same).await else { return };
                let address = header(&text, "To").to_owned();
                let user = address.split("sip:").nth(1).and_then(|a| a.split('@').next()).unwrap_or_default().to_owned();
                let target = contact.split('<').nth(1).and_then(|c| c.split('>').next()).unwrap_or_default().to_owned();
                let head = head("INVITE", &target, &address, &user, 1);
                answers.push(format!(
                    "{head}Contact: <sip:centre@127.0.0.1;transport=ws>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
                    offer.len(),
                    String::from_utf8_lossy(&offer)
                ));
                shared
                    .setups
                    .lock()
                    .expect("not poisoned")
                    .insert(user.clone(), Setup { invited: unix_ms(), answered: f64::NAN, first_rtp: f64::NAN });
                let mut events = ends.events;
                tokio::spawn(async move {
                    while let Some(event) = events.recv().await {
                        if let MediaEvent::Failed { why } = event {
                            eprintln!("the far side's media failed: {why}");
                        }
                    }
                });
                call = Some((user, transport, Some(ends.rtp_out)));
            }
            answers
        } else if text.starts_with("SIP/2.0 200") && header(&text, "CSeq").ends_with("INVITE") {
            let Some((user, transport, out)) = &mut call else { continue };
            if let Some(setup) = shared.setups.lock().expect("not poisoned").get_mut(user) {
                setup.answered = unix_ms();
            }
            let target = header(&text, "Contact").split('<').nth(1).and_then(|c| c.split('>').next()).unwrap_or_default().to_owned();
            let ack = format!("{}Content-Length: 0\r\n\r\n", head("ACK", &target, header(&text, "To"), user, 1));
            if ws.send(Message::text(ack)).await.is_err() {
                return;
            }
            let answer = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
            if let Err(error) = transport.apply_answer(answer.as_bytes()).await {
                eprintln!("the answer of {user} is no good: {error}");
            }
            if let (Some(out), Some(agreed)) = (out.take(), transport.negotiated()) {
                let leg = Leg { user: user.clone(), out, payload_type: agreed.send.payload_type, sent: 0 };
                shared.legs.lock().expect("not poisoned").push(leg);
            }
            continue;
        } else if text.starts_with("SIP/2.0") || text.starts_with("ACK ") {
            continue;
        } else if text.trim().is_empty() {
            vec!["\r\n".into()]
        } else {
            vec![respond(&text, "200 OK", "")]
        };
        for answer in answers {
            if ws.send(Message::text(answer)).await.is_err() {
                return;
            }
        }
    }
}

fn head(method: &str, target: &str, to: &str, user: &str, cseq: u32) -> String {
    format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/WS 127.0.0.1;branch=z9hG4bK{method}{user}\r\nMax-Forwards: 70\r\nFrom: <sip:centre@127.0.0.1>;tag=far{user}\r\nTo: {to}\r\nCall-ID: bench-{user}\r\nCSeq: {cseq} {method}\r\n"
    )
}
