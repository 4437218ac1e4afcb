//! Group 5: digest and REGISTER.

use crate::case::{Case, Outcome, figure, seen};
use crate::ensure;
use crate::phone::{CHALLENGE, Line, PASSWORD, Phone, REALM, USER, is_right, let_in, ms, registered};
use crate::server::{Peer, SOON, Server};
use crate::sip::{Sip, param};
use md5::Digest;
use monipy_core::EventKind;
use std::time::{Duration, Instant};

pub(crate) fn cases(all: &mut Vec<Case>) {
    let right = "logs in";
    all.push(Case::new("42a", "MD5 with qop", right, || logs_in(CHALLENGE)));
    all.push(Case::new("42b", "MD5 without qop", right, || logs_in("WWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"n\"\r\n")));
    all.push(Case::new("42c", "407 with Proxy-Authenticate", right, proxy));
    all.push(Case::new("42d", "a nonce with quotes and commas in it", right, || {
        logs_in("WWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"a,b=c\", qop=\"auth\"\r\n")
    }));
    all.push(Case::new("42e", "SHA-256 on top of MD5", "SHA-256: no downgrade (RFC 8760)", sha256));
    all.push(Case::new("43", "qop of auth-int alone", "auth-int or refused, never auth", auth_int));
    all.push(Case::new("44a", "Basic alone", "the password never leaves", || {
        basic("WWW-Authenticate: Basic realm=\"hostile.test\"\r\n", false)
    }));
    all.push(Case::new("44b", "Basic on top of Digest", "the password never leaves", || {
        basic("WWW-Authenticate: Basic realm=\"hostile.test\"\r\nWWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"n\"\r\n", true)
    }));
    all.push(Case::new("45a", "401 without end", "3 tries at most, loginFailed once", || endless(false)));
    all.push(Case::new("45b", "stale=true without end", "4 tries at most, loginFailed once", || endless(true)));
    let right = "fails cleanly, nothing secret sent";
    for (id, what, challenge) in [
        ("46a", "an unknown algorithm", "WWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"n\", algorithm=ROT13\r\n".to_owned()),
        ("46b", "a challenge without nonce", "WWW-Authenticate: Digest realm=\"hostile.test\"\r\n".into()),
        ("46c", "a challenge without realm", "WWW-Authenticate: Digest nonce=\"n\"\r\n".into()),
        ("46d", "an empty challenge", "WWW-Authenticate: \r\n".into()),
        ("46e", "a 401 without a challenge", String::new()),
        ("46f", "300 challenges", "WWW-Authenticate: Digest realm=\"x\", nonce=\"n\", algorithm=NONE\r\n".repeat(300)),
    ] {
        all.push(Case::new(id, what, right, move || fails(challenge.clone())));
    }
    all.push(Case::new("46g", "a nonce of 100 kB", "answered or fails cleanly", || {
        bounded(format!("WWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"{}\"\r\n", "n".repeat(100_000)))
    }));
    all.push(Case::new(
        "47",
        "password changed while logged in (fault 13)",
        "2 tries at most, loginFailed 401 once, stop",
        password_changed,
    ));
    all.push(Case::new(
        "47b",
        "realm and nonce change while logged in",
        "re-authenticated with the same password, nobody hears of it",
        realm_changed,
    ));
    all.push(Case::new("48", "423 Interval Too Brief", "asks for Min-Expires", too_brief));
    all.push(Case::new("49", "503 with Retry-After 3 (fault 12)", "again in 3 to 4.3 s, by itself", retry_after));
    all.push(Case::new("50", "403", "stop", forbidden));
    for (id, what, expires) in [
        ("51a", "a grant of 1 s", "1"),
        ("51b", "a grant of 2^32-1 s", "4294967295"),
        ("51c", "a grant of 10^20 s", "100000000000000000000"),
        ("51d", "a grant of -5 s", "-5"),
        ("51e", "a grant of abc", "abc"),
    ] {
        all.push(Case::new(id, what, "clamped, no storm", move || grant(Some(expires))));
    }
    all.push(Case::new("51f", "a 200 without Contact", "no storm", || grant(None)));
    all.push(Case::new("52", "200 with a wrong branch or CSeq method", "ignored", wrong_response));
    all.push(Case::new("53", "no answer to REGISTER (fault 16)", "exactly one REGISTER, 408 at 32 s", no_answer));
    all.push(Case::new("53b", "a grant of 20 s (fault 14)", "refreshed by 16 s", refresh));
}

struct Start {
    server: Server,
    peer: Peer,
    phone: Phone,
    register: Sip,
}

/// A client whose first REGISTER is there.
async fn start() -> Result<Start, String> {
    let server = Server::start().await?;
    let phone = Phone::at(&server)?;
    phone.login();
    let mut peer = server.peer().await?;
    let register = peer.expect("REGISTER", |m| m.is_request("REGISTER")).await?;
    Ok(Start { server, peer, phone, register })
}

async fn next(peer: &mut Peer) -> Result<Sip, String> {
    peer.expect("REGISTER", |m| m.is_request("REGISTER")).await
}

/// No request holds the password, plainly or as Basic would.
fn harmless(request: &Sip) -> Result<(), String> {
    ensure!(!request.text.contains(PASSWORD), "the password is on the wire");
    ensure!(!request.text.contains("Basic "), "Basic is on the wire");
    Ok(())
}

async fn logs_in(challenge: &'static str) -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("401 Unauthorized", challenge)).await;
    let second = next(&mut s.peer).await?;
    harmless(&second)?;
    ensure!(is_right(&second), "wrong: {}", second.header("Authorization"));
    s.peer.text(registered(&second, "300")).await;
    s.phone.wait(EventKind::Login, 1, SOON).await?;
    seen("logged in")
}

async fn proxy() -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("407 Proxy Authentication Required", &CHALLENGE.replace("WWW", "Proxy"))).await;
    let second = next(&mut s.peer).await?;
    let as_authorization = Sip::read(&second.text.replace("Proxy-Authorization:", "Authorization:"));
    ensure!(is_right(&as_authorization), "wrong: {}", second.text);
    s.peer.text(registered(&second, "300")).await;
    s.phone.wait(EventKind::Login, 1, SOON).await?;
    seen("logged in")
}

async fn sha256() -> Outcome {
    let mut s = start().await?;
    let both = "WWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\nWWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"n2\", algorithm=MD5, qop=\"auth\"\r\n";
    s.peer.text(s.register.response("401 Unauthorized", both)).await;
    let second = next(&mut s.peer).await?;
    let value = second.header("Authorization").to_owned();
    let get = |name| param(&value, name).unwrap_or_default();
    let h = |text: String| sha2::Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let ha1 = h(format!("{USER}:{REALM}:{PASSWORD}"));
    crate::watch::secret(&ha1);
    let want = h(format!("{ha1}:n1:{}:{}:auth:{}", get("nc"), get("cnonce"), h(format!("REGISTER:{}", get("uri")))));
    ensure!(get("algorithm") == "SHA-256" && get("response") == want, "{value}");
    s.peer.text(registered(&second, "300")).await;
    s.phone.wait(EventKind::Login, 1, SOON).await?;
    seen("SHA-256")
}

async fn auth_int() -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("401 Unauthorized", &CHALLENGE.replace("qop=\"auth\"", "qop=\"auth-int\""))).await;
    match s.peer.sip(SOON).await {
        Ok(Some(m)) if m.is_request("REGISTER") => {
            harmless(&m)?;
            ensure!(param(m.header("Authorization"), "qop").as_deref() == Some("auth-int"), "{}", m.header("Authorization"));
            seen("auth-int")
        }
        _ => {
            s.phone.failed(SOON).await?;
            seen("refused")
        }
    }
}

async fn basic(challenge: &'static str, digest_too: bool) -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("401 Unauthorized", challenge)).await;
    if digest_too {
        let second = next(&mut s.peer).await?;
        harmless(&second)?;
        ensure!(is_right(&second), "wrong: {}", second.header("Authorization"));
        return seen("Digest");
    }
    s.phone.failed(SOON).await?;
    while let Ok(Some(m)) = s.peer.sip(Duration::from_millis(500)).await {
        harmless(&m)?;
    }
    seen("loginFailed, nothing sent")
}

async fn endless(stale: bool) -> Outcome {
    let mut s = start().await?;
    let mut tries = 0;
    let mut request = s.register.clone();
    loop {
        tries += usize::from(!request.header("Authorization").is_empty());
        ensure!(tries <= 5, "{tries} tries");
        let challenge = format!(
            "WWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"n{tries}\", qop=\"auth\"{}\r\n",
            if stale { ", stale=true" } else { "" }
        );
        s.peer.text(request.response("401 Unauthorized", &challenge)).await;
        match s.peer.sip(Duration::from_secs(3)).await {
            Ok(Some(m)) if m.is_request("REGISTER") => request = m,
            _ => break,
        }
    }
    ensure!(tries <= if stale { 4 } else { 3 }, "{tries} tries");
    let event = s.phone.failed(SOON).await?;
    ensure!(s.server.tcp_within(Duration::from_secs(2)).await.is_none(), "it came again");
    ensure!(s.phone.count(EventKind::LoginFailed) == 1, "loginFailed more than once");
    figure(format!("loginFailed {}, stopped", event.code), format!("{tries} tries"))
}

async fn fails(challenge: String) -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("401 Unauthorized", &challenge)).await;
    // A message with more headers than are read is dropped: then the attempt ends at 32 s.
    let event = s.phone.failed(Duration::from_secs(60)).await?;
    while let Ok(Some(m)) = s.peer.sip(Duration::from_millis(500)).await {
        harmless(&m)?;
        ensure!(m.header("Authorization").is_empty(), "it answered: {}", m.header("Authorization"));
    }
    ensure!(s.phone.count(EventKind::LoginFailed) == 1, "loginFailed more than once");
    seen(format!("loginFailed {}", event.code))
}

async fn bounded(challenge: String) -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("401 Unauthorized", &challenge)).await;
    match s.peer.sip(SOON).await {
        Ok(Some(m)) if m.is_request("REGISTER") => {
            ensure!(is_right(&m), "a wrong answer");
            seen("answered")
        }
        _ => {
            s.phone.failed(SOON).await?;
            seen("loginFailed")
        }
    }
}

async fn password_changed() -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::at(&server)?;
    phone.login();
    let mut peer = server.peer().await?;
    let_in(&mut peer, "10").await?;
    phone.wait(EventKind::Login, 1, SOON).await?;
    let mut tries = 0;
    let mut wait = SOON;
    while let Ok(Some(m)) = peer.sip(wait).await {
        if m.is_request("REGISTER") {
            tries += usize::from(!m.header("Authorization").is_empty());
            let challenge = format!("WWW-Authenticate: Digest realm=\"hostile.test\", nonce=\"changed{tries}\", qop=\"auth\"\r\n");
            peer.text(m.response("401 Unauthorized", &challenge)).await;
            wait = Duration::from_secs(4);
        }
    }
    ensure!((1..=2).contains(&tries), "{tries} tries with credentials");
    let event = phone.failed(SOON).await?;
    ensure!(event.code == 401, "code {}", event.code);
    ensure!(server.tcp_within(Duration::from_secs(3)).await.is_none(), "it came again");
    ensure!(phone.count(EventKind::LoginFailed) == 1 && phone.count(EventKind::Logout) == 1, "more than one event");
    figure("loginFailed 401 once, stopped", format!("{tries} tries"))
}

async fn realm_changed() -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::at(&server)?;
    phone.login();
    let mut peer = server.peer().await?;
    let_in(&mut peer, "10").await?;
    phone.wait(EventKind::Login, 1, SOON).await?;
    for realm in ["moved.test", "again.test"] {
        let refresh = next(&mut peer).await?;
        let challenge = format!("WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"of-{realm}\", algorithm=MD5, qop=\"auth\"\r\n");
        peer.text(refresh.response("401 Unauthorized", &challenge)).await;
        let answered = next(&mut peer).await?;
        harmless(&answered)?;
        ensure!(param(answered.header("Authorization"), "realm").as_deref() == Some(realm), "{}", answered.header("Authorization"));
        ensure!(is_right(&answered), "wrong: {}", answered.header("Authorization"));
        peer.text(registered(&answered, "10")).await;
    }
    let told = phone.events().iter().filter(|e| matches!(e.kind, EventKind::Logout | EventKind::LoginFailed)).count();
    ensure!(told == 0 && phone.count(EventKind::Login) == 1, "{told} events told it");
    figure("re-authenticated twice", "0 events")
}

async fn too_brief() -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("423 Interval Too Brief", "Min-Expires: 900\r\n")).await;
    let second = next(&mut s.peer).await?;
    let asked = second.header("Contact").contains("expires=900") || second.header("Expires") == "900";
    ensure!(asked, "{} / {}", second.header("Contact"), second.header("Expires"));
    seen("asks for 900 s")
}

async fn retry_after() -> Outcome {
    let mut s = start().await?;
    let began = Instant::now();
    s.peer.text(s.register.response("503 Service Unavailable", "Retry-After: 3\r\n")).await;
    let event = s.phone.failed(SOON).await?;
    // Over the same connection or another: it comes by itself.
    let over_same = tokio::select! {
        m = s.peer.expect("REGISTER again", |m| m.is_request("REGISTER")) => m.is_ok(),
        again = s.server.tcp() => { again?; false }
    };
    let waited = began.elapsed();
    ensure!(waited >= Duration::from_millis(2990), "after {waited:?}");
    ensure!(waited <= Duration::from_secs(15), "after {waited:?}");
    figure(format!("loginFailed {}, again over {} connection", event.code, if over_same { "the same" } else { "another" }), ms(waited))
}

async fn forbidden() -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("403 Forbidden", "")).await;
    let event = s.phone.failed(SOON).await?;
    let again = s.peer.sip(Duration::from_secs(2)).await;
    ensure!(!matches!(again, Ok(Some(_))), "it sent more: {again:?}");
    ensure!(s.server.tcp_within(Duration::from_secs(2)).await.is_none(), "it came again");
    seen(format!("loginFailed {}, stopped", event.code))
}

async fn grant(expires: Option<&'static str>) -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("401 Unauthorized", CHALLENGE)).await;
    let second = next(&mut s.peer).await?;
    s.peer.text(expires.map_or_else(|| second.response("200 OK", ""), |e| registered(&second, e))).await;
    let until = Instant::now() + Duration::from_secs(6);
    let mut more = 0;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        match s.peer.sip(left).await {
            Ok(Some(m)) if m.is_request("REGISTER") => {
                more += 1;
                s.peer.text(expires.map_or_else(|| m.response("200 OK", ""), |e| registered(&m, e))).await;
            }
            Ok(Some(_)) => {}
            _ => break,
        }
    }
    ensure!(more <= 2, "{more} REGISTERs in 6 s");
    let outcome = if s.phone.count(EventKind::Login) == 1 { "logged in" } else { "loginFailed" };
    figure(outcome, format!("{more} more in 6 s"))
}

async fn wrong_response() -> Outcome {
    let mut s = start().await?;
    s.peer.text(s.register.response("401 Unauthorized", CHALLENGE)).await;
    let second = next(&mut s.peer).await?;
    let right = registered(&second, "300");
    let branch = second.header("Via").split("branch=").nth(1).unwrap_or_default().to_owned();
    s.peer.text(right.replace(&branch, "z9hG4bK-forged")).await;
    s.peer.text(right.replace(" REGISTER\r\n", " INVITE\r\n")).await;
    let early = s.phone.wait(EventKind::Login, 1, Duration::from_secs(1)).await;
    ensure!(early.is_err(), "a forged 200 logged it in");
    s.peer.text(&right).await;
    s.phone.wait(EventKind::Login, 1, SOON).await?;
    seen("ignored; the right one counts")
}

async fn no_answer() -> Outcome {
    let mut s = start().await?;
    let began = Instant::now();
    let mut more = 0;
    let event = loop {
        if let Ok(event) = s.phone.failed(Duration::from_millis(10)).await {
            break event;
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "no loginFailed");
        if let Ok(Some(m)) = s.peer.sip(Duration::from_millis(500)).await {
            more += usize::from(m.is_request("REGISTER"));
        }
    };
    let took = began.elapsed();
    ensure!(more == 0, "{more} more REGISTERs");
    ensure!(event.code == 408 && took >= Duration::from_secs(31), "{} after {took:?}", event.code);
    figure("loginFailed 408, one REGISTER", ms(took))
}

async fn refresh() -> Outcome {
    let mut line = Line::up().await?;
    drop(line.phone.supervisor.logout());
    let leaving = next(&mut line.peer).await?;
    line.peer.text(registered(&leaving, "0")).await;
    line.phone.wait(EventKind::Logout, 1, SOON).await?;
    line.phone.login();
    line.peer = line.server.peer().await?;
    let_in(&mut line.peer, "20").await?;
    let granted = Instant::now();
    line.phone.wait(EventKind::Login, 2, SOON).await?;
    let again = line.peer.expect_within("refresh", Duration::from_secs(40), |m| m.is_request("REGISTER")).await?;
    let after = granted.elapsed();
    line.peer.text(registered(&again, "20")).await;
    // Refreshed while the grant still holds: that is the outcome; the figure is for people.
    ensure!(after < Duration::from_secs(20), "refreshed after {after:?}");
    ensure!(line.phone.count(EventKind::Logout) == 1, "it was logged out meanwhile");
    figure("refreshed in time", ms(after))
}
