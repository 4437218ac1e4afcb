//! A media peer that can be made hostile: a right far side (ICE, DTLS, SRTP by the engine's own
//! stack), and a relay between it and the client through which everything goes. The relay's port is
//! the pair that the client has validated: what is injected there comes from the right address.

use crate::ensure;
use crate::phone::{Dialog, Line};
use crate::server::SOON;
use bytes::Bytes;
use monipy_core::audio::codec::{Encoder, OpusSettings, encoder};
use monipy_core::audio::{AudioStream, tone};
use monipy_core::media::{MediaConfig, MediaDirection, MediaEnds, MediaEvent, MediaTransport, OfferKind, WebRtcTransport};
use monipy_core::{Codec, EventKind};
use monipy_tests::ears;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;

/// The tone that the peer says.
pub(crate) const HERTZ: f64 = 440.0;

/// Datagrams that went by: true for what the client sent.
type Seen = Arc<Mutex<Vec<(bool, Vec<u8>)>>>;

/// The relay.
pub(crate) struct Relay {
    to_client: Arc<UdpSocket>,
    to_peer: Arc<UdpSocket>,
    client: Arc<Mutex<Option<SocketAddr>>>,
    seen: Seen,
    hole: Arc<AtomicBool>,
    /// The client's DTLS does not get through.
    no_dtls: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Relay {
    async fn start(peer: SocketAddr) -> Result<Relay, String> {
        let words = |e: std::io::Error| e.to_string();
        let to_client = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(words)?);
        let to_peer = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(words)?);
        let client: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let seen: Seen = Arc::default();
        let hole = Arc::new(AtomicBool::new(false));
        let no_dtls = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for from_client in [true, false] {
            let (a, b) = if from_client { (to_client.clone(), to_peer.clone()) } else { (to_peer.clone(), to_client.clone()) };
            let (client, seen, hole, no_dtls) = (client.clone(), seen.clone(), hole.clone(), no_dtls.clone());
            tasks.push(tokio::spawn(async move {
                let mut datagram = vec![0; 2048];
                loop {
                    // An ICMP error of an earlier datagram is no end.
                    let Ok((n, from)) = a.recv_from(&mut datagram).await else { continue };
                    let to = if from_client {
                        *client.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
                        Some(peer)
                    } else {
                        *client.lock().unwrap_or_else(PoisonError::into_inner)
                    };
                    let Some(bytes) = datagram.get(..n).filter(|_| !hole.load(Ordering::Relaxed)) else { continue };
                    {
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        if seen.len() < 4000 {
                            seen.push((from_client, bytes.to_vec()));
                        }
                    }
                    let kept = from_client && no_dtls.load(Ordering::Relaxed) && matches!(bytes.first(), Some(20..=63));
                    if let Some(to) = to.filter(|_| !kept) {
                        let _ = b.send_to(bytes, to).await;
                    }
                }
            }));
        }
        Ok(Relay { to_client, to_peer, client, seen, hole, no_dtls, tasks })
    }

    fn port(socket: &UdpSocket) -> u16 {
        socket.local_addr().map_or(0, |a| a.port())
    }

    /// The client's address, once it has sent something.
    pub(crate) fn client(&self) -> Result<SocketAddr, String> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).ok_or_else(|| "the client has sent nothing".into())
    }

    /// A datagram to the client from the pair that it has validated.
    pub(crate) async fn inject(&self, datagram: &[u8]) -> Result<(), String> {
        let client = self.client()?;
        self.to_client.send_to(datagram, client).await.map(drop).map_err(|e| e.to_string())
    }

    /// Nothing goes through any more.
    pub(crate) fn cut(&self) {
        self.hole.store(true, Ordering::Relaxed);
    }

    /// The datagrams so far of one side whose first octet lies in this range.
    pub(crate) fn seen(&self, of_client: bool, first: std::ops::RangeInclusive<u8>) -> Vec<Vec<u8>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|(c, d)| *c == of_client && d.first().is_some_and(|f| first.contains(f))).map(|(_, d)| d.clone()).collect()
    }
}

/// The description with one candidate alone, at this port.
fn through(sdp: &str, port: u16) -> String {
    let lines = sdp.split_inclusive("\r\n").filter(|l| !l.starts_with("a=candidate:") && !l.starts_with("a=end-of-candidates"));
    let mut out: String = lines.collect();
    out.push_str(&format!("a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\n"));
    out
}

fn candidate(sdp: &str) -> Result<SocketAddr, String> {
    let line = sdp.lines().find(|l| l.starts_with("a=candidate:") && l.contains(" 127.0.0.1 ")).ok_or("no candidate")?;
    let port = line.split(' ').nth(5).and_then(|p| p.parse().ok()).ok_or("a candidate without a port")?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// A call whose media flows.
pub(crate) struct MediaCall {
    pub(crate) line: Line,
    pub(crate) dialog: Dialog,
    pub(crate) peer: WebRtcTransport,
    pub(crate) ends: MediaEnds,
    pub(crate) relay: Relay,
    pub(crate) stream: AudioStream,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    mouth: Box<dyn Encoder>,
    sound: Vec<i16>,
    at: usize,
    codec: Codec,
}

/// How a call is made hostile from its first message on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twist {
    None,
    WrongFingerprint,
    /// The DTLS handshake begins and does not end.
    EndlessHandshake,
}

/// What stands before the client has answered.
pub(crate) struct Rung {
    pub(crate) line: Line,
    pub(crate) dialog: Dialog,
    pub(crate) peer: WebRtcTransport,
    pub(crate) ends: MediaEnds,
    pub(crate) relay: Relay,
}

/// Calls the client with a real offer and lets it answer; media comes up by itself then, if it does.
pub(crate) async fn ring(codecs: &[Codec], twist: Twist) -> Result<Rung, String> {
    let mut line = Line::up().await?;
    let config = MediaConfig { codecs: codecs.to_vec(), local_address: Some(Ipv4Addr::LOCALHOST.into()), ..MediaConfig::default() };
    let (peer, ends) = WebRtcTransport::new(config, tokio::runtime::Handle::current());
    let offer = peer.create_offer(MediaDirection::SendRecv, OfferKind::Same).await.map_err(|e| e.to_string())?;
    let offer = String::from_utf8_lossy(&offer).into_owned();
    let relay = Relay::start(candidate(&offer)?).await?;
    relay.no_dtls.store(twist == Twist::EndlessHandshake, Ordering::Relaxed);
    let mut offer = through(&offer, Relay::port(&relay.to_client));
    if twist == Twist::WrongFingerprint {
        let (before, after) = offer.split_once("a=fingerprint:sha-256 ").ok_or("no fingerprint")?;
        offer = format!("{before}a=fingerprint:sha-256 {}{}", if after.starts_with('0') { '1' } else { '0' }, &after[1..]);
    }
    let mut dialog = line.ring("", &offer).await?;
    line.answer(&mut dialog).await?;
    let ack = line.inside(&mut dialog, "ACK", "", "");
    line.peer.text(ack).await;
    let answer = through(&dialog.answer, Relay::port(&relay.to_peer));
    peer.apply_answer(answer.as_bytes()).await.map_err(|e| format!("the client's answer: {e}"))?;
    Ok(Rung { line, dialog, peer, ends, relay })
}

impl MediaCall {
    /// Answers an offer of the client's that starts a fresh connection, through a relay of its own.
    pub(crate) async fn answer_fresh(&mut self, offer: &str) -> Result<String, String> {
        let client = candidate(offer)?;
        // The relay's two sides are turned: what the peer sends goes to the client's new port.
        let relay = Relay::start(client).await?;
        let answer = self.peer.accept_offer(through(offer, Relay::port(&relay.to_client)).as_bytes(), MediaDirection::SendRecv).await;
        let answer = String::from_utf8_lossy(&answer.map_err(|e| e.to_string())?).into_owned();
        let answer = through(&answer, Relay::port(&relay.to_peer));
        self.relay = relay;
        Ok(answer)
    }

    pub(crate) async fn up(codec: Codec) -> Result<MediaCall, String> {
        let Rung { line, dialog, peer, mut ends, relay } = ring(&[codec], Twist::None).await?;
        line.phone.wait(EventKind::CallStream, 1, SOON).await?;
        loop {
            match tokio::time::timeout(SOON, ends.events.recv()).await {
                Ok(Some(MediaEvent::RemoteTrack(_))) => break,
                Ok(Some(_)) => {}
                _ => return Err("the peer is not connected".into()),
            }
        }
        let stream = line.phone.supervisor.audio(dialog.id, 48_000, 20).map_err(|e| e.to_string())?;
        let rate = if codec == Codec::Opus { 48_000 } else { 8_000 };
        let mouth = encoder(codec, rate, OpusSettings::default()).ok_or("no encoder")?;
        Ok(MediaCall {
            line,
            dialog,
            peer,
            ends,
            relay,
            stream,
            sequence: 65_500,
            timestamp: 1000,
            mouth,
            sound: ears::sine(rate, HERTZ, -10.0, 1000),
            at: 0,
            codec,
        })
    }

    /// The payload type that the client wants to get.
    pub(crate) fn payload_type(&self) -> u8 {
        self.peer.negotiated().map_or(0, |n| n.send.payload_type)
    }

    /// One packet, as it is.
    pub(crate) fn packet(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let _ = self.ends.rtp_out.send(payload_type, marker, self.sequence, timestamp, Bytes::copy_from_slice(payload));
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// 20 ms of the tone.
    pub(crate) fn say(&mut self) {
        let frame = self.sound.len() / 50;
        let pcm: Vec<i16> = self.sound.iter().cycle().skip(self.at).take(frame).copied().collect();
        self.at = (self.at + frame) % self.sound.len();
        if let Some(payload) = self.mouth.encode(&pcm) {
            self.packet(self.payload_type(), false, self.timestamp, &payload);
        }
        self.timestamp = self.timestamp.wrapping_add(if self.codec == Codec::Opus { 960 } else { 160 });
    }

    /// Talks, and waits until the client hears the tone for 200 ms without a hole.
    pub(crate) async fn heard(&mut self, within: Duration) -> Result<Duration, String> {
        let began = std::time::Instant::now();
        let mut window: Vec<i16> = Vec::new();
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while began.elapsed() < within {
            tick.tick().await;
            self.say();
            while let Ok(Some(frame)) = tokio::time::timeout(Duration::from_millis(1), self.stream.next()).await {
                window.extend_from_slice(&frame.pcm);
            }
            if window.len() >= 9600 {
                let last = &window[window.len() - 9600..];
                if tone::measure(last, 48_000, HERTZ).level_dbfs >= -20.0 {
                    return Ok(began.elapsed());
                }
                window.drain(..window.len() - 9600);
            }
        }
        Err(format!("the tone was not heard within {} s", within.as_secs()))
    }

    /// The law: the call lives, its sound is heard, and the client answers OPTIONS.
    pub(crate) async fn lives(&mut self) -> Result<Duration, String> {
        let took = self.heard(SOON).await?;
        let mut dialog = self.dialog.clone();
        self.line.lives_with(&mut dialog).await?;
        self.dialog = dialog;
        ensure!(self.line.phone.count(EventKind::MediaFailed) == 0, "mediaFailed was told");
        Ok(took)
    }

    /// Waits until the client has taken all that is on its way: its count stands still.
    pub(crate) async fn settled(&mut self) -> u64 {
        let mut count = self.received();
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let now = self.received();
            if now == count {
                return now;
            }
            count = now;
        }
    }

    /// RTP packets that the client has taken.
    pub(crate) fn received(&self) -> u64 {
        self.line.phone.supervisor.call_stats(self.dialog.id).map_or(0, |s| s.packets_received)
    }
}
