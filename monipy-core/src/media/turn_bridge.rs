//! TURN over TCP and TLS for a stack that speaks it over UDP: a UDP socket on loopback that the stack
//! takes for its TURN server, and one connection to the real one for each socket of the stack, since a
//! TURN server tells clients apart by their connection. STUN messages and ChannelData frame themselves
//! (RFC 8489 6.2.2); over a stream ChannelData is padded to four octets (RFC 8656 12.5).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::shapes::{ALLOCATE, Class, Stun};
use crate::transport::{tls, ws};
use rustls::pki_types::ServerName;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Most connections of one bridge: one for each local address of a call.
const MAX_CLIENTS: usize = 8;
/// Messages that may wait for one connection; more are lost, as on any network. Old sound is no use.
const QUEUE: usize = 64;
/// Octets that are written at once.
const BATCH: usize = 16 * 1024;
/// For TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(5);
/// What is left to be said when the call is over must be said within this time.
const LINGER: Duration = Duration::from_secs(1);
/// Time between two notices of one bridge.
const NOTICES: Duration = Duration::from_secs(10);
/// The largest datagram.
const BUFFER: usize = 64 * 1024;

/// A TURN server over TCP or TLS.
#[derive(Debug)]
pub(crate) struct Server {
    /// `host:port`, for notices.
    pub(crate) name: String,
    pub(crate) addresses: Vec<SocketAddr>,
    /// None for plain TCP.
    pub(crate) tls: Option<Tls>,
}

/// Whom to trust.
#[derive(Debug)]
pub(crate) struct Tls {
    /// The name that the server's certificate must carry.
    pub(crate) host: String,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) insecure: bool,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Server {
    async fn connect(&self) -> Result<Box<dyn Duplex>, String> {
        let tcp = self.connect_tcp().await?;
        ws::tune(&tcp);
        let Some(Tls { host, ca_file, insecure }) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(host.clone()).map_err(|_| format!("{host:?} is not a name a certificate can carry"))?;
        let config = tls::client_config(ca_file.as_deref(), *insecure)?;
        let tls = tokio_rustls::TlsConnector::from(config).connect(name, tcp).await.map_err(|e| format!("TLS failed: {e}"))?;
        Ok(Box::new(tls))
    }

    async fn connect_tcp(&self) -> Result<TcpStream, String> {
        let share = CONNECT.mul_f64(0.8) / u32::try_from(self.addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = "its name has no address".to_owned();
        for address in &self.addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(e)) => last = e.to_string(),
                Err(_) => last = "it did not answer".to_owned(),
            }
        }
        Err(last)
    }
}

/// A bridge to one server. Ends when it is dropped, after what is under way has been handed on.
#[derive(Debug)]
pub(crate) struct Bridge {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Bridge {
    /// Binds its socket and starts its task on `handle`. Nothing is connected before the stack asks
    /// for an allocation.
    ///
    /// # Errors
    /// When there is no socket.
    pub(crate) fn open(handle: &tokio::runtime::Handle, server: Server) -> io::Result<Bridge> {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let _in_runtime = handle.enter();
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let (stop, stopped) = oneshot::channel();
        let clients = Clients { server: Arc::new(server), socket, queues: HashMap::new(), tasks: JoinSet::new(), noticed: None };
        handle.spawn(clients.serve(stopped));
        Ok(Bridge { address, _stop: stop })
    }

    /// Where the stack finds it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What a connection's task leaves: whose it was, and why it ended.
type Ended = (SocketAddr, Result<(), String>);

struct Clients {
    server: Arc<Server>,
    socket: Arc<UdpSocket>,
    queues: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    tasks: JoinSet<Ended>,
    /// When there was a notice last, and how many were left out since.
    noticed: Option<(Instant, u32)>,
}

impl Clients {
    async fn serve(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let received = tokio::select! {
                biased;
                _ = &mut stopped => break,
                Some(ended) = self.tasks.join_next() => {
                    self.ended(ended);
                    continue;
                }
                received = self.socket.recv_from(&mut buffer) => received,
            };
            match received {
                Ok((length, client)) => self.hand_on(client, buffer.get(..length).unwrap_or_default()),
                // ICMP errors of earlier sends say nothing about this socket.
                Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset) => {}
                Err(e) => {
                    self.notice(&e.to_string());
                    break;
                }
            }
        }
        // The stack's last words: close_notify to the far side, the allocation given back.
        for _ in 0..QUEUE {
            let Ok((length, client)) = self.socket.try_recv_from(&mut buffer) else { break };
            self.hand_on(client, buffer.get(..length).unwrap_or_default());
        }
        self.queues.clear();
        let _ = timeout(LINGER, async { while self.tasks.join_next().await.is_some() {} }).await;
    }

    fn hand_on(&mut self, client: SocketAddr, datagram: &[u8]) {
        let Some(message) = to_stream(datagram) else { return };
        if !self.queues.contains_key(&client) {
            // Without its connection an allocation is lost, and all that belonged to it is moot.
            if self.queues.len() >= MAX_CLIENTS || !asks_for_allocation(datagram) {
                return;
            }
            let (queue, messages) = mpsc::channel(QUEUE);
            let (server, socket) = (self.server.clone(), self.socket.clone());
            self.tasks.spawn(async move { (client, carry(&server, &socket, client, messages).await) });
            self.queues.insert(client, queue);
        }
        // A full queue loses what is new; the stack repeats what matters.
        let _ = self.queues.get(&client).map(|queue| queue.try_send(message));
    }

    fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        match ended {
            Ok((client, outcome)) => {
                self.queues.remove(&client);
                if let Err(why) = outcome {
                    self.notice(&why);
                }
            }
            // A task that panicked does not say whose it was: its queue is closed.
            Err(_) => self.queues.retain(|_, queue| !queue.is_closed()),
        }
    }

    fn notice(&mut self, why: &str) {
        let (now, left_out) = (Instant::now(), self.noticed.map_or(0, |(_, left_out)| left_out));
        if self.noticed.is_some_and(|(at, _)| now.duration_since(at) < NOTICES) {
            self.noticed = self.noticed.map(|(at, left_out)| (at, left_out.saturating_add(1)));
            return;
        }
        self.noticed = Some((now, 0));
        let over = if self.server.tls.is_some() { "TLS" } else { "TCP" };
        log::warn!("media: the TURN server {} over {over}: {why} ({left_out} notices left out)", self.server.name);
    }
}

/// Carries messages between one socket of the stack and a connection of its own.
async fn carry(server: &Server, socket: &UdpSocket, client: SocketAddr, messages: mpsc::Receiver<Vec<u8>>) -> Result<(), String> {
    let stream = timeout(CONNECT, server.connect()).await.map_err(|_| "it did not answer in time".to_owned())??;
    let (reader, writer) = tokio::io::split(stream);
    let lost = |e: io::Error| format!("the connection is lost: {e}");
    tokio::select! {
        written = write(writer, messages) => written.map_err(lost),
        read = read(reader, |message: Vec<u8>| async move { socket.send_to(&message, client).await.map(|_| ()) }) => read.map_err(lost),
    }
}

/// Until nobody has anything to say any more.
async fn write(mut writer: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(mut batch) = messages.recv().await {
        while batch.len() < BATCH
            && let Ok(more) = messages.try_recv()
        {
            batch.extend_from_slice(&more);
        }
        writer.write_all(&batch).await?;
        writer.flush().await?;
    }
    writer.shutdown().await
}

/// Until the stream ends or says something that is neither STUN nor ChannelData.
async fn read<F: Future<Output = io::Result<()>>>(mut reader: impl AsyncRead + Unpin, deliver: impl Fn(Vec<u8>) -> F) -> io::Result<()> {
    let mut reader = tokio::io::BufReader::new(&mut reader);
    loop {
        let mut head = [0; 4];
        reader.read_exact(&mut head).await?;
        let Some((length, on_stream)) = frame(head) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "neither STUN nor ChannelData"));
        };
        let mut message = head.to_vec();
        let rest = u64::try_from(on_stream - head.len()).unwrap_or(u64::MAX);
        (&mut reader).take(rest).read_to_end(&mut message).await?;
        if message.len() < on_stream {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        message.truncate(length);
        // What no datagram can hold is lost alone; so is what the system does not take.
        let _ = deliver(message).await;
    }
}

/// Length of the message that begins so, and what it takes on a stream.
fn frame(head: [u8; 4]) -> Option<(usize, usize)> {
    let [first, _, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    match first {
        // STUN attributes are padded already.
        0..=3 if length.is_multiple_of(4) => Some((20 + length, 20 + length)),
        0x40..=0x4f => Some((4 + length, 4 + length.next_multiple_of(4))),
        _ => None,
    }
}

/// A datagram of the stack as the stream wants it. None for what is neither STUN nor ChannelData.
fn to_stream(datagram: &[u8]) -> Option<Vec<u8>> {
    let (length, on_stream) = frame(*datagram.first_chunk::<4>()?)?;
    let mut message = datagram.get(..length)?.to_vec();
    message.resize(on_stream, 0);
    Some(message)
}

fn asks_for_allocation(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(0..=3)) && Stun::parse(datagram).is_some_and(|m| m.class() == Class::Request && m.method() == ALLOCATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const STUN: [u8; 24] = [0, 3, 0, 4, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x80, 0x22, 0, 0];
    const CHANNEL_DATA: [u8; 9] = [0x40, 1, 0, 5, b'h', b'e', b'l', b'l', b'o'];

    #[test]
    fn channel_data_is_padded_and_stun_is_not() {
        assert_eq!(to_stream(&STUN).as_deref(), Some(&STUN[..]));
        let padded = [&CHANNEL_DATA[..], &[0, 0, 0]].concat();
        assert_eq!(to_stream(&CHANNEL_DATA), Some(padded.clone()));
        assert_eq!(to_stream(&padded), Some(padded), "padded by the stack already");
        assert!(asks_for_allocation(&STUN));
        for not in [&[][..], &[0x40], &[0x40, 1, 0, 9, 1], &STUN[..23], &[22; 40], &[0x80; 40], &[0, 3, 0, 3, 1]] {
            assert_eq!(to_stream(not), None, "{not:?}");
        }
    }

    /// What a stream says, handed over in pieces of this many octets.
    async fn said(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, io::ErrorKind) {
        let (mut far, near) = tokio::io::duplex(piece);
        let stream = stream.to_vec();
        let writing = tokio::spawn(async move { far.write_all(&stream).await });
        let heard = Mutex::new(Vec::new());
        let end = read(near, |message| {
            heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(message);
            std::future::ready(Ok(()))
        })
        .await;
        // Ends by itself when it was read to its end, with an error when it was not.
        let _ = writing.await;
        let kind = end.err().map_or(io::ErrorKind::Other, |e| e.kind());
        (heard.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner), kind)
    }

    #[tokio::test]
    async fn a_stream_is_cut_into_messages_however_it_arrives() {
        let stream = [&STUN[..], &CHANNEL_DATA, &[0, 0, 0], &STUN].concat();
        for piece in [1, 3, 7, 1024] {
            let (heard, end) = said(&stream, piece).await;
            assert_eq!(heard, [STUN.to_vec(), CHANNEL_DATA.to_vec(), STUN.to_vec()]);
            assert_eq!(end, io::ErrorKind::UnexpectedEof);
        }
        let (heard, end) = said(&[&CHANNEL_DATA[..], &[0, 0, 0, 22, 3, 1, 0]].concat(), 64).await;
        assert_eq!((heard.len(), end), (1, io::ErrorKind::InvalidData));
        assert_eq!(said(&STUN[..21], 64).await, (Vec::new(), io::ErrorKind::UnexpectedEof));
    }
}
