//! A WebSocket server that says what it is told, byte by byte: nothing in it keeps it from breaking
//! RFC 6455.

use crate::sip::Sip;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Nothing here takes longer, save on a machine that stands still.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) async fn start() -> Result<Server, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|e| format!("no port: {e}"))?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        Ok(Server { listener, address })
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The next TCP connection.
    pub(crate) async fn tcp(&self) -> Result<TcpStream, String> {
        self.tcp_within(SOON).await.ok_or_else(|| "no connection came".to_owned())
    }

    pub(crate) async fn tcp_within(&self, within: Duration) -> Option<TcpStream> {
        timeout(within, self.listener.accept()).await.ok()?.ok().map(|(stream, _)| stream)
    }

    /// The next connection, with a right handshake.
    pub(crate) async fn peer(&self) -> Result<Peer, String> {
        let mut stream = self.tcp().await?;
        let request = http_request(&mut stream).await?;
        let key = http_header(&request, "Sec-WebSocket-Key").ok_or("the request has no Sec-WebSocket-Key")?;
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
            derive_accept_key(key.as_bytes())
        );
        stream.write_all(answer.as_bytes()).await.map_err(|e| e.to_string())?;
        let _ = stream.set_nodelay(true);
        Ok(Peer { stream, buffer: Vec::new() })
    }
}

/// The upgrade request of a client.
pub(crate) async fn http_request(stream: &mut TcpStream) -> Result<String, String> {
    let mut bytes = Vec::new();
    let deadline = Instant::now() + SOON;
    while !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
        let mut chunk = [0; 2048];
        match timeout_at(deadline, stream.read(&mut chunk)).await {
            Ok(Ok(n)) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => return Err("no whole HTTP request came".into()),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn http_header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().filter_map(|l| l.split_once(':')).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
}

/// Reads until the connection ends; `None` when it does not within the time.
pub(crate) async fn until_closed(stream: &mut TcpStream, within: Duration) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    let deadline = Instant::now() + within;
    loop {
        match timeout_at(deadline, stream.read(&mut chunk)).await {
            Ok(Ok(n)) if n > 0 => all.extend_from_slice(&chunk[..n]),
            Ok(_) => return Some(all),
            Err(_) => return None,
        }
    }
}

/// What came over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
    /// The TCP connection ended.
    End,
}

/// A connection behind the handshake.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// A frame as a server sends it: unmasked. `first` is FIN, RSV and opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        n @ 0..=125 => bytes.push(n as u8),
        n @ 126..=65_535 => {
            bytes.push(126);
            bytes.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            bytes.push(127);
            bytes.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

impl Peer {
    /// Drops the connection: with a FIN, or with a reset. What is left of it is not connected to the
    /// client any more.
    pub(crate) async fn cut(&mut self, reset: bool) -> Result<(), String> {
        let words = |e: std::io::Error| e.to_string();
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(words)?;
        let other = TcpStream::connect(nobody.local_addr().map_err(words)?).await.map_err(words)?;
        if reset {
            socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).map_err(words)?;
        }
        self.buffer.clear();
        drop(std::mem::replace(&mut self.stream, other));
        Ok(())
    }

    /// Bytes as they are. A client that has closed meanwhile is no fault of the case.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) -> bool {
        matches!(timeout(SOON, self.stream.write_all(bytes)).await, Ok(Ok(())))
    }

    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) -> bool {
        self.raw(&frame(first, payload)).await
    }

    pub(crate) async fn text(&mut self, text: impl AsRef<[u8]>) -> bool {
        self.frame(TEXT, text.as_ref()).await
    }

    /// The next frame of the client; `None` when none comes within the time.
    pub(crate) async fn next(&mut self, within: Duration) -> Option<Got> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(got) = self.parse() {
                return Some(got);
            }
            let mut chunk = [0; 16_384];
            match timeout_at(deadline, self.stream.read(&mut chunk)).await {
                Ok(Ok(n)) if n > 0 => self.buffer.extend_from_slice(&chunk[..n]),
                Ok(_) => return Some(Got::End),
                Err(_) => return None,
            }
        }
    }

    /// A client's frame: masked, and never fragmented by this one.
    fn parse(&mut self) -> Option<Got> {
        let b = &self.buffer;
        let (first, second) = (*b.first()?, *b.get(1)?);
        assert!(second & 0x80 != 0, "the client must mask (RFC 6455 5.1)");
        let (length, at) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(b.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(b.get(2..10)?.try_into().ok()?), 10),
            n => (u64::from(n), 2),
        };
        let mask: [u8; 4] = b.get(at..at + 4)?.try_into().ok()?;
        let end = at + 4 + usize::try_from(length).ok()?;
        let payload: Vec<u8> = b.get(at + 4..end)?.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
        self.buffer.drain(..end);
        Some(match first & 0x0f {
            1 => Got::Text(String::from_utf8(payload).expect("the client's text is UTF-8")),
            8 => Got::Close(payload.get(..2).map(|c| u16::from_be_bytes([c[0], c[1]]))),
            9 => Got::Ping(payload),
            10 => Got::Pong(payload),
            _ => Got::Binary(payload),
        })
    }

    /// The next SIP message; pings are answered and keep-alives passed over meanwhile. `None` when
    /// none comes within the time.
    pub(crate) async fn sip(&mut self, within: Duration) -> Result<Option<Sip>, String> {
        let deadline = Instant::now() + within;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now())).await {
                None => return Ok(None),
                Some(Got::Text(text)) if text.trim().is_empty() => {}
                Some(Got::Text(text)) => return Ok(Some(Sip::of_client(&text))),
                Some(Got::Binary(bytes)) => return Ok(Some(Sip::of_client(&String::from_utf8_lossy(&bytes)))),
                Some(Got::Ping(payload)) => {
                    self.frame(PONG, &payload).await;
                }
                Some(Got::Pong(_)) => {}
                Some(Got::Close(code)) => return Err(format!("the client closed the connection (code {code:?})")),
                Some(Got::End) => return Err("the client dropped the connection".into()),
            }
        }
    }

    /// The next SIP message that `want` accepts; others are passed over.
    pub(crate) async fn expect(&mut self, what: &str, want: impl Fn(&Sip) -> bool) -> Result<Sip, String> {
        self.expect_within(what, SOON, want).await
    }

    pub(crate) async fn expect_within(&mut self, what: &str, within: Duration, want: impl Fn(&Sip) -> bool) -> Result<Sip, String> {
        let deadline = Instant::now() + within;
        let mut others = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.sip(left).await.map_err(|e| format!("{e} while {what} was expected"))? {
                Some(message) if want(&message) => return Ok(message),
                Some(other) => others.push(other.start),
                None => return Err(format!("no {what} came; instead {others:?}")),
            }
        }
    }

    /// The code of the client's Close frame; pings and messages are passed over. `Ok(None)`: it closed
    /// without a code, or dropped the connection.
    pub(crate) async fn closed(&mut self, within: Duration) -> Result<Option<u16>, String> {
        let deadline = Instant::now() + within;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now())).await {
                None => return Err("the client did not close the connection".into()),
                Some(Got::Close(code)) => return Ok(code),
                Some(Got::End) => return Ok(None),
                Some(_) => {}
            }
        }
    }
}
