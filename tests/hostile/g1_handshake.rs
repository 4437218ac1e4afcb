//! Group 1: the WebSocket handshake and TLS.

use crate::case::{Case, Outcome, figure, resident_kib, seen};
use crate::ensure;
use crate::phone::{Phone, ms};
use crate::server::{SOON, Server, http_header, http_request, until_closed};
use monipy_core::EventKind;
use rcgen::string::Ia5String;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) fn cases(all: &mut Vec<Case>) {
    let right = "login fails, no SIP is sent";
    all.push(Case::new("1a", "the server names no subprotocol", right, || refused(Some(""), None, "")));
    all.push(Case::new("1b", "the server names another subprotocol", right, || {
        refused(Some("Sec-WebSocket-Protocol: xmpp\r\n"), None, "")
    }));
    all.push(Case::new("1c", "wrong Sec-WebSocket-Accept", right, || refused(None, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "")));
    all.push(Case::new("1d", "an extension that was not offered", right, || {
        refused(None, None, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
    }));
    all.push(Case::new("1e", "HTTP 200 in place of 101", right, || answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")));
    all.push(Case::new("1f", "something that is no HTTP", right, || answered("SSH-2.0-OpenSSH_9.6\r\n\r\n")));
    all.push(Case::new("2a", "HTTP 503 again and again, autoReboot on", "8 attempts in 5 s at most", unavailable));
    all.push(Case::new("2b", "302 to another host", "never followed", redirected));
    all.push(Case::new("3a", "endless response headers", "given up before 2 MiB", endless_headers).alone());
    all.push(Case::new("3b", "response of one byte a second", "given up within 10 s (test: 35 s)", slow));
    all.push(Case::new("3c", "a TCP server that says nothing", "given up within 10 s (test: 35 s)", mute));
    let right = "refused before any HTTP byte";
    all.push(Case::new("4a", "self-signed certificate", right, || tls(Fault::SelfSigned)));
    all.push(Case::new("4b", "certificate for another host", right, || tls(Fault::WrongHost)));
    all.push(Case::new("4c", "expired certificate", right, || tls(Fault::Expired)));
    all.push(Case::new("4d", "subject alternative name with a NUL", right, || tls(Fault::Nul)));
    all.push(Case::new("4e", "TLS 1.0", right, old_tls));
}

/// A 101 with something wrong in it.
async fn refused(protocol: Option<&'static str>, accept: Option<&'static str>, extra: &'static str) -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::at(&server)?;
    phone.login();
    let mut stream = server.tcp().await?;
    let request = http_request(&mut stream).await?;
    let key = http_header(&request, "Sec-WebSocket-Key").unwrap_or_default();
    let accept = accept.map_or_else(|| derive_accept_key(key.as_bytes()), str::to_owned);
    let protocol = protocol.unwrap_or("Sec-WebSocket-Protocol: sip\r\n");
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{protocol}{extra}\r\n"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    conclude(&phone, &mut stream).await
}

async fn answered(answer: &'static str) -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::at(&server)?;
    phone.login();
    let mut stream = server.tcp().await?;
    http_request(&mut stream).await?;
    let _ = stream.write_all(answer.as_bytes()).await;
    conclude(&phone, &mut stream).await
}

async fn conclude(phone: &Phone, stream: &mut tokio::net::TcpStream) -> Outcome {
    let event = phone.failed(SOON).await?;
    let after = until_closed(stream, SOON).await.ok_or("the connection stays open")?;
    ensure!(after.is_empty(), "{} bytes were sent after it: {:?}", after.len(), String::from_utf8_lossy(&after));
    ensure!(phone.count(EventKind::Connected) == 0, "the client says it is connected");
    ensure!(phone.count(EventKind::LoginFailed) == 1, "loginFailed more than once");
    seen(format!("loginFailed {}, nothing sent", event.code))
}

async fn unavailable() -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::with(server.url(), |c| {
        c.auto_reboot = true;
        c.reconnect_min_ms = 200;
        c.reconnect_max_ms = 30_000;
    })?;
    phone.login();
    let (began, mut attempts) = (Instant::now(), Vec::new());
    while let Some(left) = Duration::from_secs(5).checked_sub(began.elapsed()) {
        let Some(mut stream) = server.tcp_within(left).await else { break };
        attempts.push(began.elapsed());
        let _ = http_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    }
    ensure!((1..=8).contains(&attempts.len()), "{} attempts in 5 s", attempts.len());
    figure("backs off", format!("{} attempts in 5 s", attempts.len()))
}

async fn redirected() -> Outcome {
    let (server, other) = (Server::start().await?, Server::start().await?);
    let phone = Phone::at(&server)?;
    phone.login();
    let mut stream = server.tcp().await?;
    http_request(&mut stream).await?;
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", other.url());
    let _ = stream.write_all(answer.as_bytes()).await;
    phone.failed(SOON).await?;
    ensure!(other.tcp_within(Duration::from_secs(1)).await.is_none(), "it connected to the other host");
    seen("not followed")
}

async fn endless_headers() -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::at(&server)?;
    let before = resident_kib();
    phone.login();
    let mut stream = server.tcp().await?;
    http_request(&mut stream).await?;
    let _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n").await;
    let chunk = "X-Filler: 0123456789abcdef\r\n".repeat(64);
    let mut sent = 0;
    while phone.count(EventKind::LoginFailed) == 0 && sent < 64 << 20 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
        sent += chunk.len();
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    phone.failed(SOON).await?;
    ensure!(sent < 2 << 20, "it took {sent} bytes of headers");
    let grown = resident_kib().saturating_sub(before);
    ensure!(grown < 64 << 10, "memory grew by {grown} KiB");
    figure("given up", format!("{} KiB taken", sent / 1024))
}

async fn slow() -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::at(&server)?;
    phone.login();
    let mut stream = server.tcp().await?;
    let began = Instant::now();
    for byte in b"HTTP/1.1 101 Switching Protocols and a long reason phrase".iter() {
        if stream.write_all(&[*byte]).await.is_err() || phone.failed(Duration::from_secs(1)).await.is_ok() {
            break;
        }
    }
    phone.failed(Duration::from_secs(1)).await?;
    let took = began.elapsed();
    ensure!(took < Duration::from_secs(35), "given up after {took:?}");
    figure("given up", ms(took))
}

async fn mute() -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::at(&server)?;
    phone.login();
    let _stream = server.tcp().await?;
    let began = Instant::now();
    let event = phone.failed(Duration::from_secs(35)).await?;
    ensure!(event.code == 408, "code {}", event.code);
    figure("loginFailed 408", ms(began.elapsed()))
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    SelfSigned,
    WrongHost,
    Expired,
    Nul,
}

async fn tls(fault: Fault) -> Outcome {
    let words = |e: rcgen::Error| e.to_string();
    let authority_key = KeyPair::generate().map_err(words)?;
    let mut authority = CertificateParams::new(Vec::new()).map_err(words)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&authority_key).map_err(words)?;
    let key = KeyPair::generate().map_err(words)?;
    let mut leaf = CertificateParams::new(vec![if fault == Fault::WrongHost { "elsewhere.test".into() } else { "localhost".into() }])
        .map_err(words)?;
    if fault == Fault::Expired {
        leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    if fault == Fault::Nul {
        let name = Ia5String::try_from("localhost\0.attacker.test").map_err(words)?;
        leaf.subject_alt_names = vec![SanType::DnsName(name)];
    }
    let certificate = if fault == Fault::SelfSigned {
        leaf.self_signed(&key).map_err(words)?
    } else {
        leaf.signed_by(&key, &Issuer::from_params(&authority, &authority_key)).map_err(words)?
    };
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, ca.pem()).map_err(|e| e.to_string())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|b| {
            let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
            b.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)
        })
        .map_err(|e| e.to_string())?;
    let server = Server::start().await?;
    let phone = Phone::with(format!("wss://localhost:{}", server.address.port()), |c| c.ca_file = Some(ca_file))?;
    phone.login();
    let stream = server.tcp().await?;
    let mut http = Vec::new();
    if let Ok(mut tls) = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await {
        let _ = tokio::time::timeout(Duration::from_secs(5), tls.read_to_end(&mut http)).await;
    }
    let event = phone.failed(SOON).await?;
    ensure!(http.is_empty(), "HTTP was sent: {:?}", String::from_utf8_lossy(&http));
    ensure!(phone.count(EventKind::Connected) == 0, "the client says it is connected");
    seen(format!("loginFailed {}, no HTTP byte", event.code))
}

async fn old_tls() -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::with(format!("wss://localhost:{}", server.address.port()), |_| {})?;
    phone.login();
    let mut stream = server.tcp().await?;
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.map_err(|e| e.to_string())?;
    let mut rest = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
    stream.read_exact(&mut rest).await.map_err(|e| e.to_string())?;
    // ServerHello of TLS 1.0 with TLS_RSA_WITH_AES_128_CBC_SHA.
    let mut server_hello = vec![22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
    server_hello.extend_from_slice(&[7; 32]);
    server_hello.extend_from_slice(&[0, 0, 0x2f, 0]);
    let _ = stream.write_all(&server_hello).await;
    let after = until_closed(&mut stream, SOON).await.ok_or("the connection stays open")?;
    ensure!(after.iter().take(1).all(|kind| *kind == 21), "it went on: {after:?}");
    phone.failed(SOON).await?;
    seen(if after.is_empty() { "closed" } else { "alert, closed" })
}
