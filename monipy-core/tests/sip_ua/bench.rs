//! A user agent on a virtual clock, with a scripted far side: what it sent and told, and when.

use monipy_core::sip::ua::{CallKey, Command, Input, Output, Rng, Ua, UaConfig, UaEvent};
use monipy_core::sip::{HeaderName, Message};
use std::time::{Duration, Instant};

pub(crate) const SDP: &str =
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\n";

pub(crate) struct Bench {
    pub(crate) ua: Ua,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    /// Frames that went out and were not taken yet, with their times.
    pub(crate) sent: Vec<(Duration, String)>,
    /// Events that were not taken yet.
    pub(crate) events: Vec<UaEvent>,
    pub(crate) contact: String,
    branches: u32,
}

impl Bench {
    /// A phone, its connection down.
    pub(crate) fn new() -> Bench {
        Bench::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut UaConfig)) -> Bench {
        Bench::seeded(7, change)
    }

    pub(crate) fn seeded(seed: u64, change: impl FnOnce(&mut UaConfig)) -> Bench {
        let mut config = UaConfig::client("1001", "supersbc.telecmi.com", "127.0.0.1:42033", false);
        config.display_name = Some("Sup One".into());
        change(&mut config);
        let start = Instant::now();
        let ua = Ua::new(config, Rng::from_number(seed), start);
        Bench { ua, start, now: start, sent: Vec::new(), events: Vec::new(), contact: String::new(), branches: 0 }
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.ua.handle(input, self.now);
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Send(bytes) => {
                    let at = self.now - self.start;
                    self.sent.push((at, String::from_utf8_lossy(&bytes).into_owned()));
                }
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    pub(crate) fn up(&mut self) {
        self.input(Input::Up);
    }

    pub(crate) fn down(&mut self) {
        self.input(Input::Down { reason: "reset".into() });
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.input(Input::Command(command));
    }

    pub(crate) fn frame(&mut self, text: impl AsRef<[u8]>) {
        self.input(Input::Frame(text.as_ref().to_vec()));
    }

    /// Lets time pass, deadline by deadline.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.ua.next_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.input(Input::Tick);
        }
        self.now = end;
        self.input(Input::Tick);
    }

    /// Lets time pass until something goes out, at most `limit` seconds.
    #[track_caller]
    pub(crate) fn until_sent(&mut self, limit: u64) -> (Duration, String) {
        let end = self.now + Duration::from_secs(limit);
        while self.sent.is_empty() {
            let next = self.ua.next_timeout().filter(|next| *next <= end).expect("something is sent in time");
            self.now = self.now.max(next);
            self.input(Input::Tick);
        }
        assert_eq!(self.sent.len(), 1, "{:#?}", self.sent);
        self.sent.remove(0)
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// The only frame that went out since the last look.
    #[track_caller]
    pub(crate) fn one(&mut self) -> String {
        assert_eq!(self.sent.len(), 1, "{:#?}", self.sent);
        self.sent.remove(0).1
    }

    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent).into_iter().map(|(_, text)| text).collect()
    }

    pub(crate) fn take_events(&mut self) -> Vec<UaEvent> {
        std::mem::take(&mut self.events)
    }

    /// The only event since the last look.
    #[track_caller]
    pub(crate) fn event(&mut self) -> UaEvent {
        assert_eq!(self.events.len(), 1, "{:#?}", self.events);
        self.events.remove(0)
    }

    #[track_caller]
    pub(crate) fn quiet(&mut self) {
        assert!(self.sent.is_empty(), "{:#?}", self.sent);
        assert!(self.events.is_empty(), "{:#?}", self.events);
    }

    pub(crate) fn register_command() -> Command {
        Command::Register { user: "1001".into(), password: "secret".to_owned().into(), authorization_user: None }
    }

    /// Connected and registered, as every scenario begins; nothing left to look at.
    pub(crate) fn registered() -> Bench {
        let mut bench = Bench::new();
        bench.log_in();
        bench
    }

    pub(crate) fn registered_with(change: impl FnOnce(&mut UaConfig)) -> Bench {
        let mut bench = Bench::with(change);
        bench.log_in();
        bench
    }

    #[track_caller]
    pub(crate) fn log_in(&mut self) {
        self.up();
        self.command(Bench::register_command());
        let register = self.one();
        self.contact = header(&register, "Contact").split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        self.frame(challenge(&register, 401, "WWW-Authenticate: Digest realm=\"supersbc.telecmi.com\", nonce=\"n1\", qop=\"auth\"\r\n"));
        let register = self.one();
        self.frame(granted(&register));
        assert!(matches!(self.event(), UaEvent::Registered { .. }));
    }

    pub(crate) fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bKtest{}", self.branches)
    }

    /// An INVITE of the far side.
    pub(crate) fn invite(&mut self, call_id: &str, extra: &str, body: &str) -> String {
        let branch = self.branch();
        let content = if body.is_empty() { String::new() } else { "Content-Type: application/sdp\r\n".into() };
        format!(
            "INVITE {} SIP/2.0\r\nRecord-Route: <sip:p1.example;transport=ws;lr>\r\nRecord-Route: <sip:p2.example;lr>\r\n\
             Via: SIP/2.0/WS 127.0.0.1:41557;branch={branch}\r\nFrom: \"Agent\" <sip:agent@supersbc.telecmi.com>;tag=f1\r\n\
             To: <sip:1001@supersbc.telecmi.com>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
             Contact: <sip:agent@192.0.2.9:5060>\r\n{extra}{content}Content-Length: {}\r\n\r\n{body}",
            self.contact,
            body.len()
        )
    }

    /// A request of the far side inside the call whose 180 or 200 is `response`.
    pub(crate) fn inside(&mut self, response: &str, method: &str, cseq: u32, extra: &str, body: &str) -> String {
        let branch = self.branch();
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/WS 127.0.0.1:41557;branch={branch}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:agent@192.0.2.9:5060>\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            self.contact,
            header(response, "From"),
            header(response, "To"),
            header(response, "Call-ID"),
            body.len()
        )
    }

    /// A call that rings: its key and its 180.
    #[track_caller]
    pub(crate) fn ringing(&mut self) -> (CallKey, String) {
        let invite = self.invite("call1", "", SDP);
        self.frame(&invite);
        let sent = self.take();
        assert_eq!(sent.len(), 2, "{sent:#?}");
        let call = match self.take_events().as_slice() {
            [UaEvent::Incoming { call, .. }, UaEvent::Ringing { call: same }] if call == same => *call,
            other => panic!("{other:#?}"),
        };
        (call, sent[1].clone())
    }

    /// A call that was answered and acknowledged: its key and its 200.
    #[track_caller]
    pub(crate) fn answered(&mut self) -> (CallKey, String) {
        let (call, _) = self.ringing();
        self.command(Command::Answer { call, sdp: SDP.into() });
        let ok = self.one();
        let ack = self.inside(&ok, "ACK", 1, "", "");
        self.frame(ack);
        assert_eq!(self.event(), UaEvent::Confirmed { call, sdp: None });
        (call, ok)
    }
}

/// The value of the first header of that name in a message we sent.
#[track_caller]
pub(crate) fn header(message: &str, name: &str) -> String {
    find_header(message, name).unwrap_or_else(|| panic!("no {name} in {message}"))
}

pub(crate) fn find_header(message: &str, name: &str) -> Option<String> {
    let message = Message::parse(message.as_bytes()).expect("we send well-formed messages");
    message.other_text(name).map(|value| value.into_owned())
}

pub(crate) fn status(message: &str) -> u16 {
    Message::parse(message.as_bytes()).expect("we send well-formed messages").status().unwrap_or(0)
}

pub(crate) fn method(message: &str) -> String {
    let message = Message::parse(message.as_bytes()).expect("we send well-formed messages");
    if message.is_request() { message.method().as_str().to_owned() } else { String::new() }
}

pub(crate) fn cseq(message: &str) -> u32 {
    Message::parse(message.as_bytes()).expect("we send well-formed messages").cseq().number
}

/// The far side's response to a request of ours, with a To tag and extra header lines.
pub(crate) fn respond(request: &str, code: u16, reason: &str, extra: &str, body: &str) -> String {
    respond_tagged(request, code, reason, "sbc1", extra, body)
}

pub(crate) fn respond_tagged(request: &str, code: u16, reason: &str, tag: &str, extra: &str, body: &str) -> String {
    let message = Message::parse(request.as_bytes()).expect("we send well-formed messages");
    let mut to = message.header_text(HeaderName::To).expect("To").into_owned();
    if message.to().tag().is_none() && code > 100 {
        to.push_str(&format!(";tag={tag}"));
    }
    let copy = |name: HeaderName| message.header_text(name).expect("header").into_owned();
    let content = if body.is_empty() { String::new() } else { "Content-Type: application/sdp\r\n".into() };
    format!(
        "SIP/2.0 {code} {reason}\r\nVia: {}\r\nTo: {to}\r\nFrom: {}\r\nCall-ID: {}\r\nCSeq: {}\r\n{extra}{content}Content-Length: {}\r\n\r\n{body}",
        copy(HeaderName::Via),
        copy(HeaderName::From),
        copy(HeaderName::CallId),
        copy(HeaderName::CSeq),
        body.len()
    )
}

pub(crate) fn challenge(request: &str, code: u16, extra: &str) -> String {
    respond(request, code, if code == 401 { "Unauthorized" } else { "Proxy Authentication Required" }, extra, "")
}

/// 200 to a REGISTER, its Contact echoed.
pub(crate) fn granted(register: &str) -> String {
    let contact = header(register, "Contact");
    respond(register, 200, "OK", &format!("Contact: {contact}\r\n"), "")
}

/// Compares a message with a transcript in which `{}` stands for a run of token characters.
#[track_caller]
pub(crate) fn same_shape(message: &str, transcript: &str) {
    let (got, wanted): (Vec<&str>, Vec<&str>) = (message.split("\r\n").collect(), transcript.split('\n').map(str::trim_start).collect());
    for (got, wanted) in got.iter().zip(&wanted) {
        assert!(line_matches(got, wanted), "\n  got    {got}\n  wanted {wanted}\nin\n{message}");
    }
    assert_eq!(got.len(), wanted.len(), "{message}");
}

fn line_matches(mut got: &str, wanted: &str) -> bool {
    let mut parts = wanted.split("{}");
    match got.strip_prefix(parts.next().unwrap_or_default()) {
        Some(rest) => got = rest,
        None => return false,
    }
    for part in parts {
        let run = got.len() - got.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-').len();
        // The run may swallow the beginning of what follows; give back.
        let Some(length) = (1..=run).rev().find(|&length| got[length..].starts_with(part)) else { return false };
        got = &got[length + part.len()..];
    }
    got.is_empty()
}
