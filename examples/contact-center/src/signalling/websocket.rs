//! WebSocket listeners (RFC 7118 on RFC 6455), plain and over TLS.

use super::directory::Directory;
use super::phone::PhoneInput;
use crate::state::{Centre, Line, stopped};
use futures_util::{SinkExt, StreamExt};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage};

/// TLS and WebSocket handshake together take no longer than this.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Largest message taken, bytes.
const LARGEST: usize = 256 * 1024;
/// How long a listener that could not have its port back waits before it tries again.
const REBIND: Duration = Duration::from_millis(50);

/// Listens on an address until the centre stops.
pub(crate) async fn listen(
    centre: Arc<Centre>,
    directory: Arc<Directory>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(listener);
    let mut stop = centre.stop.subscribe();
    let mut shut = centre.shut_until.subscribe();
    loop {
        let shut_until = (*shut.borrow_and_update()).filter(|until| *until > Instant::now());
        if let Some(until) = shut_until {
            // The port is given back, so that the kernel refuses connections for us.
            listener = None;
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => {}
                _ = shut.changed() => {}
                () = stopped(&mut stop) => return Ok(()),
            }
            continue;
        }
        if listener.is_none() {
            match TcpListener::bind(address).await {
                Ok(again) => listener = Some(again),
                Err(e) => {
                    log::warn!("{address} cannot be had back yet: {e}");
                    tokio::time::sleep(REBIND).await;
                    continue;
                }
            }
        }
        let Some(open) = &listener else { continue };
        tokio::select! {
            accepted = open.accept() => match accepted {
                Ok((stream, peer)) => {
                    let number = centre.connections.fetch_add(1, Ordering::Relaxed) + 1;
                    let task = connection(centre.clone(), directory.clone(), stream, peer, tls.clone(), number);
                    tokio::spawn(task);
                }
                Err(e) => {
                    // Out of descriptors, for example: others may end meanwhile.
                    log::warn!("a connection was not accepted: {e}");
                    tokio::time::sleep(REBIND).await;
                }
            },
            _ = shut.changed() => {}
            () = stopped(&mut stop) => return Ok(()),
        }
    }
}

async fn connection(
    centre: Arc<Centre>,
    directory: Arc<Directory>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    number: u64,
) {
    // SIP messages are small and somebody waits for each of them.
    let _ = stream.set_nodelay(true);
    let secure = tls.is_some();
    let opened = tokio::time::timeout(HANDSHAKE, async {
        match tls {
            Some(acceptor) => {
                let stream = acceptor.accept(stream).await.map_err(|e| format!("TLS: {e}"))?;
                Ok(Socket::Tls(Box::new(handshake(stream).await?)))
            }
            None => Ok::<_, String>(Socket::Plain(Box::new(handshake(stream).await?))),
        }
    });
    let outcome = match opened.await {
        Ok(Ok(Socket::Plain(socket))) => converse(&centre, &directory, *socket, number, secure).await,
        Ok(Ok(Socket::Tls(socket))) => converse(&centre, &directory, *socket, number, secure).await,
        Ok(Err(why)) => why,
        Err(_) => "no handshake within 10 s".to_owned(),
    };
    centre.timeline.note("disconnected", None, None, format!("connection {number} from {peer}: {outcome}"));
}

enum Socket {
    Plain(Box<WebSocketStream<TcpStream>>),
    Tls(Box<WebSocketStream<tokio_rustls::server::TlsStream<TcpStream>>>),
}

/// The WebSocket handshake; the client must offer the subprotocol `sip` (RFC 7118 4.1).
#[allow(clippy::result_large_err)] // the type is tungstenite's
async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Result<WebSocketStream<S>, String> {
    let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
        if offered.flat_map(|v| v.split(',')).any(|p| p.trim().eq_ignore_ascii_case("sip")) {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(Some("this is SIP over WebSocket: offer Sec-WebSocket-Protocol: sip\n".to_owned()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        Err(refusal)
    };
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    tokio_tungstenite::accept_hdr_async_with_config(stream, choose, Some(config)).await.map_err(|e| format!("WebSocket handshake: {e}"))
}

/// Carries frames both ways until one side has enough; returns why it ended.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    centre: &Arc<Centre>,
    directory: &Directory,
    mut socket: WebSocketStream<S>,
    number: u64,
    secure: bool,
) -> String {
    centre.timeline.note("connected", None, None, format!("connection {number} over {}", if secure { "wss" } else { "ws" }));
    let (to_phone, mut from_phone) = mpsc::unbounded_channel::<Vec<u8>>();
    // Given away to the phone, so that the phone can let the connection go.
    let mut to_phone = Some(to_phone);
    let mut phone: Option<mpsc::UnboundedSender<PhoneInput>> = None;
    let mut line = centre.line.subscribe();
    let mut stop = centre.stop.subscribe();
    let why = loop {
        let state = *line.borrow_and_update();
        match state {
            Line::Dropped(last) if number <= last => break "dropped on demand".to_owned(),
            Line::Silent(last) if number <= last => {
                // Nothing is read, written or closed: a peer that has lost its network.
                tokio::select! {
                    _ = line.changed() => continue,
                    () = stopped(&mut stop) => break "the centre stops".to_owned(),
                }
            }
            _ => {}
        }
        tokio::select! {
            _ = line.changed() => {}
            () = stopped(&mut stop) => {
                let _ = socket.close(None).await;
                break "the centre stops".to_owned();
            }
            frame = from_phone.recv() => match frame {
                None => {
                    let _ = socket.close(None).await;
                    break "another connection took over".to_owned();
                }
                Some(frame) => {
                    let text = String::from_utf8_lossy(&frame).into_owned();
                    if let Err(e) = socket.send(WsMessage::text(text)).await {
                        break ended(&e);
                    }
                }
            },
            message = socket.next() => {
                let frame = match message {
                    None => break "closed".to_owned(),
                    Some(Err(e)) => break ended(&e),
                    Some(Ok(WsMessage::Text(text))) => text.as_bytes().to_vec(),
                    Some(Ok(WsMessage::Binary(bytes))) => bytes.to_vec(),
                    // Pings are answered by the library when the socket is next looked at.
                    Some(Ok(_)) => continue,
                };
                if phone.is_none() {
                    phone = directory.phone(centre, &frame, number, secure);
                    if let (Some(phone), Some(frames)) = (&phone, to_phone.take_if(|_| phone.is_some())) {
                        let _ = phone.send(PhoneInput::Attached { connection: number, frames });
                    }
                }
                match &phone {
                    Some(phone) if phone.send(PhoneInput::Frame { connection: number, frame }).is_err() => break "the phone is gone".to_owned(),
                    Some(_) => {}
                    None => log::debug!("connection {number}: a frame that is no SIP message before any that is"),
                }
            }
        }
    };
    if let Some(phone) = phone {
        let _ = phone.send(PhoneInput::Detached { connection: number, reason: why.clone() });
    }
    why
}

fn ended(error: &WsError) -> String {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => "closed".to_owned(),
        other => other.to_string(),
    }
}
