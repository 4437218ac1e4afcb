//! The client under test, and a line between it and a scripted server.

use crate::ensure;
use crate::server::{Peer, SOON, Server};
use crate::sip::{OFFER, Sip, param};
use crate::watch;
use md5::Digest;
use monipy_core::{AudioMode, CallId, CallState, Config, Event, EventKind, Supervisor};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

pub(crate) const USER: &str = "1001";
/// Planted: it must not be in any output.
pub(crate) const PASSWORD: &str = "Pl4nted-pa55word.of-1001";
pub(crate) const REALM: &str = "hostile.test";
/// A number that calls: planted too.
pub(crate) const CALLER: &str = "+919840055512";

pub(crate) fn md5_hex(text: &str) -> String {
    md5::Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

/// A supervisor with every event it ever told.
pub(crate) struct Phone {
    pub(crate) supervisor: Supervisor,
    events: Arc<(Mutex<Vec<Event>>, Notify)>,
}

impl Phone {
    pub(crate) fn at(server: &Server) -> Result<Phone, String> {
        Phone::with(server.url(), |_| {})
    }

    pub(crate) fn with(url: String, change: impl FnOnce(&mut Config)) -> Result<Phone, String> {
        for secret in [PASSWORD.to_owned(), md5_hex(&format!("{USER}:{REALM}:{PASSWORD}")), CALLER.to_owned(), CALLER[1..].to_owned()] {
            watch::secret(&secret);
        }
        let mut config = Config {
            server: url,
            debug: true,
            ice_servers: Vec::new(),
            local_address: Some([127, 0, 0, 1].into()),
            audio_mode: AudioMode::Application,
            reconnect_min_ms: 50,
            reconnect_max_ms: 500,
            ..Config::default()
        };
        change(&mut config);
        let supervisor = Supervisor::new(config).map_err(|e| e.to_string())?;
        let events: Arc<(Mutex<Vec<Event>>, Notify)> = Arc::default();
        let (mut stream, into) = (supervisor.events(), events.clone());
        tokio::spawn(async move {
            while let Some(event) = stream.next().await {
                into.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
                into.1.notify_waiters();
            }
        });
        Ok(Phone { supervisor, events })
    }

    pub(crate) fn login(&self) {
        drop(self.supervisor.login(USER, PASSWORD));
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self, kind: EventKind) -> usize {
        self.events().iter().filter(|e| e.kind == kind).count()
    }

    /// Waits until `count` events of this kind have come; returns the last of them.
    pub(crate) async fn wait(&self, kind: EventKind, count: usize, within: Duration) -> Result<Event, String> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let notified = self.events.1.notified();
            let events = self.events();
            if let Some(event) = events.iter().filter(|e| e.kind == kind).nth(count - 1) {
                return Ok(event.clone());
            }
            if tokio::time::timeout_at(deadline, notified).await.is_err() {
                let names: Vec<_> = events.iter().map(|e| format!("{} {}", e.name(), e.code)).collect();
                return Err(format!("no {} ({count}) within {} s; {names:?}", kind.name(), within.as_secs()));
            }
        }
    }

    pub(crate) async fn failed(&self, within: Duration) -> Result<Event, String> {
        self.wait(EventKind::LoginFailed, 1, within).await
    }
}

/// A challenge of the server's.
pub(crate) const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"n0nce\", algorithm=MD5, qop=\"auth\"\r\n";

/// Whether the Authorization of a request is what the password gives (RFC 7616 3.4.1, MD5), computed
/// without the engine's own code.
pub(crate) fn is_right(request: &Sip) -> bool {
    let value = request.header("Authorization");
    let get = |name| param(value, name).unwrap_or_default();
    let ha1 = md5_hex(&format!("{USER}:{}:{PASSWORD}", get("realm")));
    watch::secret(&ha1);
    let method = request.start.split(' ').next().unwrap_or_default();
    let ha2 = md5_hex(&format!("{method}:{}", get("uri")));
    let want = match get("qop").as_str() {
        "" => md5_hex(&format!("{ha1}:{}:{ha2}", get("nonce"))),
        qop => md5_hex(&format!("{ha1}:{}:{}:{}:{qop}:{ha2}", get("nonce"), get("nc"), get("cnonce"))),
    };
    get("response") == want
}

/// The 200 to a REGISTER.
pub(crate) fn registered(register: &Sip, expires: &str) -> String {
    let contact = register.header("Contact").split(";expires=").next().unwrap_or_default().to_owned();
    register.response("200 OK", &format!("Contact: {contact};expires={expires}\r\n"))
}

/// Challenges the client, checks its answer, and lets it in for `expires` seconds.
pub(crate) async fn let_in(peer: &mut Peer, expires: &str) -> Result<Sip, String> {
    let first = peer.expect("REGISTER", |m| m.is_request("REGISTER")).await?;
    ensure!(first.header("Authorization").is_empty(), "credentials before a challenge");
    peer.text(first.response("401 Unauthorized", CHALLENGE)).await;
    let second = peer.expect("REGISTER with credentials", |m| m.is_request("REGISTER")).await?;
    ensure!(is_right(&second), "the digest answer is wrong: {}", second.header("Authorization"));
    peer.text(registered(&second, expires)).await;
    Ok(second)
}

static NUMBERS: AtomicU32 = AtomicU32::new(1);

/// A number that no other message has.
pub(crate) fn fresh() -> u32 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// A dialog with the client, seen from the server.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    pub(crate) from_tag: String,
    pub(crate) to_tag: String,
    pub(crate) branch: String,
    pub(crate) cseq: u32,
    pub(crate) id: CallId,
    /// The client's answer.
    pub(crate) answer: String,
}

/// A client that is logged in at a scripted server.
pub(crate) struct Line {
    pub(crate) server: Server,
    pub(crate) peer: Peer,
    pub(crate) phone: Phone,
    /// The URI of the client's contact.
    pub(crate) contact: String,
}

impl Line {
    pub(crate) async fn up() -> Result<Line, String> {
        Line::with(|_| {}).await
    }

    /// Room for a call that must live and for another.
    pub(crate) async fn of_two() -> Result<(Line, Dialog), String> {
        let mut line = Line::with(|c| c.max_calls = 2).await?;
        let dialog = line.call_up().await?;
        Ok((line, dialog))
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Result<Line, String> {
        let server = Server::start().await?;
        let phone = Phone::with(server.url(), change)?;
        phone.login();
        let mut peer = server.peer().await?;
        let register = let_in(&mut peer, "300").await?;
        phone.wait(EventKind::Login, 1, SOON).await?;
        let contact = register.header("Contact").trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
        Ok(Line { server, peer, phone, contact })
    }

    /// A request outside a dialog. `extra` are whole header lines.
    pub(crate) fn request(&self, method: &str, call_id: &str, extra: &str, body: &str) -> String {
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/WS hostile.test;branch=z9hG4bK-{}\r\nMax-Forwards: 70\r\nFrom: \"Caller\" <sip:{CALLER}@hostile.test>;tag=f{call_id}\r\nTo: <sip:{USER}@hostile.test>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\nContact: <sip:hostile.test;transport=ws>\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            self.contact,
            fresh(),
            body.len()
        )
    }

    /// An INVITE with an offer.
    pub(crate) fn invite(&self, call_id: &str, extra: &str, body: &str) -> String {
        self.request("INVITE", call_id, &format!("Content-Type: application/sdp\r\n{extra}"), body)
    }

    /// A request inside a dialog.
    pub(crate) fn inside(&self, dialog: &mut Dialog, method: &str, extra: &str, body: &str) -> String {
        if method != "ACK" {
            dialog.cseq += 1;
        }
        self.inside_with(dialog, dialog.cseq, method, extra, body)
    }

    pub(crate) fn inside_with(&self, dialog: &Dialog, cseq: u32, method: &str, extra: &str, body: &str) -> String {
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/WS hostile.test;branch=z9hG4bK-{}\r\nMax-Forwards: 70\r\nFrom: \"Caller\" <sip:{CALLER}@hostile.test>;tag={}\r\nTo: <sip:{USER}@hostile.test>;tag={}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:hostile.test;transport=ws>\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            self.contact,
            fresh(),
            dialog.from_tag,
            dialog.to_tag,
            dialog.call_id,
            body.len()
        )
    }

    /// Rings the client; the dialog is early.
    pub(crate) async fn ring(&mut self, extra: &str, body: &str) -> Result<Dialog, String> {
        let call_id = format!("call-{}", fresh());
        let before = self.phone.count(EventKind::IncomingCall);
        let invite = self.invite(&call_id, extra, body);
        let branch = invite.split("branch=").nth(1).and_then(|b| b.split("\r\n").next()).unwrap_or_default().to_owned();
        self.peer.text(&invite).await;
        let ringing = self.peer.expect("180", |m| m.header("Call-ID") == call_id && m.status().is_some_and(|s| s > 100)).await?;
        ensure!(ringing.status() == Some(180), "no 180 but {}", ringing.start);
        let event = self.phone.wait(EventKind::IncomingCall, before + 1, SOON).await?;
        let id = event.call.ok_or("inComingCall without a call")?;
        Ok(Dialog { from_tag: format!("f{call_id}"), to_tag: ringing.to_tag(), call_id, branch, cseq: 1, id, answer: String::new() })
    }

    /// Answers a ringing call, up to the client's 200.
    pub(crate) async fn answer(&mut self, dialog: &mut Dialog) -> Result<(), String> {
        drop(self.phone.supervisor.answer(dialog.id));
        let call_id = dialog.call_id.clone();
        let ok = self.peer.expect("200", |m| m.is_final(&call_id, "INVITE")).await?;
        ensure!(ok.status() == Some(200), "no 200 but {}", ok.start);
        dialog.to_tag = ok.to_tag();
        dialog.answer = ok.body;
        Ok(())
    }

    /// A call that is answered and acknowledged.
    pub(crate) async fn call_up(&mut self) -> Result<Dialog, String> {
        let mut dialog = self.ring("", OFFER).await?;
        self.answer(&mut dialog).await?;
        let ack = self.inside(&mut dialog, "ACK", "", "");
        let before = self.phone.count(EventKind::Answered);
        self.peer.text(ack).await;
        self.phone.wait(EventKind::Answered, before + 1, SOON).await?;
        Ok(dialog)
    }

    /// Sends a request and returns the final response.
    pub(crate) async fn ask(&mut self, text: &str) -> Result<Sip, String> {
        let request = Sip::read(text);
        let method = request.header("CSeq").split(' ').nth(1).unwrap_or_default().to_owned();
        let (call_id, cseq) = (request.header("Call-ID").to_owned(), request.cseq());
        self.peer.text(text).await;
        self.peer.expect(&format!("answer to {method}"), |m| m.is_final(&call_id, &method) && m.cseq() == cseq).await
    }

    /// The law: the client answers OPTIONS. Whatever it still has to say is passed over.
    pub(crate) async fn lives(&mut self) -> Result<Duration, String> {
        let call_id = format!("options-{}", fresh());
        let options = self.request("OPTIONS", &call_id, "", "");
        let began = Instant::now();
        let answer = self.ask(&options).await?;
        ensure!(answer.status() == Some(200), "OPTIONS got {}", answer.start);
        Ok(began.elapsed())
    }

    /// The law: an unrelated call lives, on both sides.
    pub(crate) async fn lives_with(&mut self, dialog: &mut Dialog) -> Result<Duration, String> {
        let took = self.lives().await?;
        let options = self.inside(dialog, "OPTIONS", "", "");
        let answer = self.ask(&options).await?;
        ensure!(answer.status() == Some(200), "OPTIONS inside the call got {}", answer.start);
        let state = self.phone.supervisor.call_info(dialog.id).map(|c| c.state);
        ensure!(state == Some(CallState::Answered), "the call is {state:?}");
        Ok(took)
    }

    /// Everything that comes until the client has answered an OPTIONS of ours: what it had to say to
    /// what was sent before.
    pub(crate) async fn said(&mut self) -> Result<Vec<Sip>, String> {
        let call_id = format!("mark-{}", fresh());
        let options = self.request("OPTIONS", &call_id, "", "");
        self.peer.text(&options).await;
        let mut all = Vec::new();
        let deadline = Instant::now() + SOON;
        loop {
            match self.peer.sip(deadline.saturating_duration_since(Instant::now())).await? {
                Some(m) if m.is_final(&call_id, "OPTIONS") => return Ok(all),
                Some(m) => all.push(m),
                None => return Err("OPTIONS was not answered".into()),
            }
        }
    }
}

pub(crate) fn ms(d: Duration) -> String {
    format!("{:.1} ms", d.as_secs_f64() * 1000.0)
}
