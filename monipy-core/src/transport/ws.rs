//! One WebSocket connection with the subprotocol `sip` (RFC 6455, RFC 7118), owned by one task.
//!
//! [`connect`] gives a [`Link`]: frames go in without waiting, and what happens comes out of a
//! channel. The connection is declared dead when a ping is not answered in time, when a frame
//! cannot be written for long, or when the other side closes; the last event says why.

use super::tls;
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Whole time for name, TCP, TLS and HTTP.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest message and frame taken.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// Frames that may wait to be written before the link counts as dead.
const SEND_QUEUE: usize = 512;
/// Frames that may wait for the engine; more stay in the socket.
const RECEIVE_QUEUE: usize = 64;
/// Ping rhythm when nothing depends on the link, and in a call.
const PING_IDLE: Duration = Duration::from_secs(15);
const PING_ACTIVE: Duration = Duration::from_secs(4);
/// How long a pong may take, idle and in a call.
const PONG_IDLE: Duration = Duration::from_secs(10);
const PONG_ACTIVE: Duration = Duration::from_secs(5);
/// How often it is looked whether the connection's address is still this machine's, in a call. (When
/// nothing depends on the link the pings tell.)
const ADDRESS_EVERY: Duration = Duration::from_secs(2);
/// How long one write may hang.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a closing handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that are still taken (and thrown away) during it.
const MAX_FAREWELL: usize = 1024 * 1024;

/// Where and how to connect.
#[derive(Debug, Clone)]
pub struct Target {
    /// `ws://` or `wss://` URL.
    pub url: url::Url,
    /// Authorities beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Name the certificate must carry, when not the URL's host.
    pub tls_server_name: Option<String>,
    /// Check nothing.
    pub insecure: bool,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkError {
    /// True when time ran out.
    pub timed_out: bool,
    /// A sentence for people.
    pub why: String,
}

impl LinkError {
    fn new(why: impl Into<String>) -> Self {
        LinkError { timed_out: false, why: why.into() }
    }
}

/// What comes out of a connection.
#[derive(Debug)]
pub enum LinkEvent {
    /// A text or binary message.
    Frame(Vec<u8>),
    /// The end; nothing comes after it.
    Down(String),
    /// The end, since this machine has another address now (another network, or a new lease): the
    /// connection's own packets go nowhere. Nothing comes after it.
    Moved(String),
}

/// Whether a call depends on the link.
#[derive(Debug, Default)]
struct Active {
    on: AtomicBool,
    changed: Notify,
}

/// A connection. Dropping it closes the socket with a closing handshake in the background.
#[derive(Debug)]
pub struct Link {
    frames: mpsc::Sender<Message>,
    events: mpsc::Receiver<LinkEvent>,
    active: Arc<Active>,
}

impl Link {
    /// Queues one message as a text frame (binary when it is not UTF-8). False when the queue is
    /// full or the link is down: give it up.
    #[must_use]
    pub fn send(&self, message: Vec<u8>) -> bool {
        let frame = match String::from_utf8(message) {
            Ok(text) => Message::text(text),
            Err(bytes) => Message::binary(bytes.into_bytes()),
        };
        self.frames.try_send(frame).is_ok()
    }

    /// The next thing that happens.
    pub async fn next(&mut self) -> LinkEvent {
        self.events.recv().await.unwrap_or_else(|| LinkEvent::Down("the connection's task ended".into()))
    }

    /// Says whether a call depends on the link: then a dead one is noticed sooner.
    pub fn set_active(&self, active: bool) {
        if self.active.on.swap(active, Ordering::Relaxed) != active {
            self.active.changed.notify_one();
        }
    }
}

/// Connects: name, TCP (every address), TLS, HTTP upgrade; [`CONNECT_TIMEOUT`] for all of it.
///
/// # Errors
/// A sentence that says which step failed.
pub async fn connect(target: &Target) -> Result<Link, LinkError> {
    let Ok(result) = timeout(CONNECT_TIMEOUT, establish(target)).await else {
        return Err(LinkError {
            timed_out: true,
            why: format!("{} did not answer within {} s", display(&target.url), CONNECT_TIMEOUT.as_secs()),
        });
    };
    let (socket, route) = result?;
    let (frames, outgoing) = mpsc::channel(SEND_QUEUE);
    let (incoming, events) = mpsc::channel(RECEIVE_QUEUE);
    let active = Arc::new(Active::default());
    tokio::spawn(run(socket, route, outgoing, incoming, active.clone()));
    Ok(Link { frames, events, active })
}

/// The URL as it may be shown: no user info, no query.
fn display(url: &url::Url) -> String {
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

async fn establish(target: &Target) -> Result<(WebSocketStream<Stream>, Option<Route>), LinkError> {
    let host = target.url.host_str().unwrap_or_default().trim_matches(|c| c == '[' || c == ']').to_owned();
    let secure = target.url.scheme() == "wss";
    let port = target.url.port().unwrap_or(if secure { 443 } else { 80 });
    let tcp = connect_tcp(&host, port).await?;
    let route = Route::of(&tcp);
    let stream = if secure {
        let config = tls::client_config(target.ca_file.as_deref(), target.insecure).map_err(LinkError::new)?;
        let name = target.tls_server_name.clone().unwrap_or_else(|| host.clone());
        let name =
            ServerName::try_from(name.clone()).map_err(|_| LinkError::new(format!("{name:?} is not a name a certificate can carry")))?;
        let tls = tokio_rustls::TlsConnector::from(config)
            .connect(name, tcp)
            .await
            .map_err(|e| LinkError::new(format!("TLS with {} failed: {e}", display(&target.url))))?;
        Stream::Tls(Box::new(tls))
    } else {
        Stream::Plain(tcp)
    };
    let mut request = target.url.as_str().into_client_request().map_err(|e| LinkError::new(format!("server URL: {e}")))?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MAX_MESSAGE);
    let (socket, response) = client_async_with_config(request, stream, Some(config)).await.map_err(|e| handshake_error(&target.url, &e))?;
    // RFC 6455 4.1: an extension that was not offered fails the connection. None is offered.
    if response.headers().contains_key("Sec-WebSocket-Extensions") {
        return Err(LinkError::new(format!("{} chose a WebSocket extension that was not offered (RFC 6455 4.1)", display(&target.url))));
    }
    Ok((socket, route))
}

/// The two ends of a connection, as the routing table chose them.
#[derive(Debug, Clone, Copy)]
struct Route {
    local: std::net::IpAddr,
    peer: SocketAddr,
}

impl Route {
    /// `None` where the table would choose another address than the connection has from the beginning
    /// (policy routing): then nothing can be told from it.
    fn of(tcp: &TcpStream) -> Option<Route> {
        let route = Route { local: tcp.local_addr().ok()?.ip(), peer: tcp.peer_addr().ok()? };
        (route.chosen_now()? == route.local).then_some(route)
    }

    /// The address that a packet to the peer would leave from now. No packet is sent. `None` while there
    /// is no way at all: it may come back with the same address.
    fn chosen_now(&self) -> Option<std::net::IpAddr> {
        let any: SocketAddr = if self.peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { (std::net::Ipv6Addr::UNSPECIFIED, 0).into() };
        let probe = std::net::UdpSocket::bind(any).ok()?;
        probe.connect(self.peer).ok()?;
        Some(probe.local_addr().ok()?.ip())
    }

    fn moved(&self) -> bool {
        self.chosen_now().is_some_and(|now| now != self.local)
    }
}

fn handshake_error(url: &url::Url, error: &WsError) -> LinkError {
    let server = display(url);
    LinkError::new(match error {
        WsError::Http(response) => {
            format!("{server} answered HTTP {} to the WebSocket upgrade; is the URL right?", response.status().as_u16())
        }
        WsError::Protocol(e) => format!("{server} is no SIP-over-WebSocket server (RFC 7118): {e}"),
        e => format!("the WebSocket handshake with {server} failed: {e}"),
    })
}

/// Resolves anew at every attempt and tries every address.
async fn connect_tcp(host: &str, port: u16) -> Result<TcpStream, LinkError> {
    let addresses: Vec<SocketAddr> = match timeout(Duration::from_secs(5), tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(e)) => return Err(LinkError::new(format!("the name {host} cannot be resolved ({e})"))),
        Err(_) => return Err(LinkError { timed_out: true, why: format!("the name {host} was not resolved within 5 s") }),
    };
    let mut last = format!("the name {host} has no address");
    let share = CONNECT_TIMEOUT.mul_f64(0.8) / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    for address in addresses {
        match timeout(share.max(Duration::from_secs(2)), TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                tune(&tcp);
                return Ok(tcp);
            }
            Ok(Err(e)) => last = format!("{host}:{port} ({}) refused the connection: {e}", address.ip()),
            Err(_) => last = format!("{host}:{port} ({}) did not answer", address.ip()),
        }
    }
    Err(LinkError::new(last))
}

/// No delay for small messages; a write to a dead peer fails after 20 s instead of 15 minutes.
pub(crate) fn tune(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket2::SockRef::from(tcp).set_tcp_user_timeout(Some(Duration::from_secs(20)));
}

async fn run(
    mut socket: WebSocketStream<Stream>,
    route: Option<Route>,
    mut outgoing: mpsc::Receiver<Message>,
    incoming: mpsc::Sender<LinkEvent>,
    active: Arc<Active>,
) {
    let end = pump(&mut socket, route, &mut outgoing, &incoming, &active).await;
    let code = end.as_ref().map_or(CloseCode::Normal, |end| end.code);
    // The engine need not wait for the farewell.
    if let Some(End { why, moved, .. }) = end {
        let _ = incoming.send(if moved { LinkEvent::Moved(why) } else { LinkEvent::Down(why) }).await;
    }
    let _ = timeout(CLOSE_TIMEOUT, farewell(&mut socket, code)).await;
}

/// Why a connection is over, and what the server is told of it (RFC 6455 7.4.1).
struct End {
    code: CloseCode,
    why: String,
    moved: bool,
}

impl End {
    fn gone(why: impl Into<String>) -> Self {
        End { code: CloseCode::Away, why: why.into(), moved: false }
    }

    fn of(error: &WsError) -> Self {
        let code = match error {
            WsError::Protocol(_) => CloseCode::Protocol,
            WsError::Utf8(_) => CloseCode::Invalid,
            WsError::Capacity(_) => CloseCode::Size,
            _ => CloseCode::Away,
        };
        End { code, why: format!("the connection failed: {error}"), moved: false }
    }
}

/// Says goodbye and listens a moment longer: a socket that is closed with bytes unread resets the
/// connection, and the server would never see why.
async fn farewell(socket: &mut WebSocketStream<Stream>, code: CloseCode) {
    if socket.close(Some(CloseFrame { code, reason: "".into() })).await.is_err() {
        // The server closed first: what is owed is the echo of its Close.
        let _ = futures_util::SinkExt::close(socket).await;
    }
    let stream = socket.get_mut();
    let _ = stream.shutdown().await;
    let (mut rest, mut left) = ([0; 4096], MAX_FAREWELL);
    while let Ok(n @ 1..) = stream.read(&mut rest).await {
        left = left.saturating_sub(n);
        if left == 0 {
            break;
        }
    }
}

/// Moves frames until the link is down (`Some(end)`) or the engine let go of it (`None`).
async fn pump(
    socket: &mut WebSocketStream<Stream>,
    route: Option<Route>,
    outgoing: &mut mpsc::Receiver<Message>,
    incoming: &mpsc::Sender<LinkEvent>,
    active: &Active,
) -> Option<End> {
    let mut last_heard = Instant::now();
    let mut ping_sent: Option<Instant> = None;
    // Re-armed when it fires or when a call begins, not at every frame: an idle link costs one
    // wake-up per ping.
    let alarm = sleep_until(last_heard + PING_IDLE);
    tokio::pin!(alarm);
    let look = sleep_until(last_heard + ADDRESS_EVERY);
    tokio::pin!(look);
    loop {
        tokio::select! {
            message = socket.next() => {
                last_heard = Instant::now();
                ping_sent = None;
                let frame = match message {
                    Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
                    Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
                    Some(Ok(Message::Close(frame))) => {
                        let why = frame.map(|f| format!("code {}", u16::from(f.code))).unwrap_or_else(|| "no code".into());
                        return Some(End::gone(format!("the server closed the connection ({why})")));
                    }
                    Some(Ok(_)) => continue,
                    Some(Err(e)) => return Some(End::of(&e)),
                    None => return Some(End::gone("the server closed the connection")),
                };
                if incoming.send(LinkEvent::Frame(frame)).await.is_err() {
                    return None;
                }
            }
            message = outgoing.recv() => {
                let message = message?;
                match timeout(WRITE_TIMEOUT, socket.send(message)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(e)) => return Some(End::gone(format!("the connection failed: {e}"))),
                    Err(_) => return Some(End::gone(format!("nothing could be sent for {} s", WRITE_TIMEOUT.as_secs()))),
                }
            }
            () = active.changed.notified() => {
                alarm.as_mut().reset(Instant::now());
                look.as_mut().reset(Instant::now() + ADDRESS_EVERY);
            }
            () = &mut look, if active.on.load(Ordering::Relaxed) => {
                if route.is_some_and(|r| r.moved()) {
                    return Some(End { moved: true, ..End::gone("this machine's address has changed") });
                }
                look.as_mut().reset(Instant::now() + ADDRESS_EVERY);
            }
            () = &mut alarm => {
                let now = Instant::now();
                let (ping_every, pong_within) = if active.on.load(Ordering::Relaxed) { (PING_ACTIVE, PONG_ACTIVE) } else { (PING_IDLE, PONG_IDLE) };
                if let Some(at) = ping_sent && now >= at + pong_within {
                    return Some(End::gone(format!("the server did not answer a ping for {} s", now.duration_since(at).as_secs())));
                }
                if ping_sent.is_none() && now >= last_heard + ping_every {
                    match timeout(WRITE_TIMEOUT, socket.send(Message::Ping(Vec::new().into()))).await {
                        Ok(Ok(())) => ping_sent = Some(now),
                        Ok(Err(e)) => return Some(End::gone(format!("the connection failed: {e}"))),
                        Err(_) => return Some(End::gone("a ping could not be sent")),
                    }
                }
                alarm.as_mut().reset(ping_sent.map_or(last_heard + ping_every, |at| at + pong_within));
            }
        }
    }
}

/// A TCP stream with or without TLS.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Stream::Tls(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Tls(s) => Pin::new(s).poll_write(cx, buf),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_flush(cx),
            Stream::Tls(s) => Pin::new(s).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Tls(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
