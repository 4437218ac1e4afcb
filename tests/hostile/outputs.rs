//! Every output of a full run against the contact centre, and the planted secrets that none may hold: what
//! the supervisor says (events, error texts, its configuration for a debugger), what it writes (recording
//! and report: their names and their text), what the centre shows and keeps (status, ladder, timeline,
//! accounts, the folder of the run). The log of the run is judged with all others' (L3).

use crate::case::{Case, Outcome, seen};
use crate::ensure;
use crate::phone::{Phone, md5_hex};
use crate::server::SOON;
use crate::watch;
use contact_center::{CallLabels, ContactCenter, Mode, Party};
use monipy_core::{CallId, Config, EventKind, IceServer, Supervisor};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ID: &str = "planted-supervisor";
const PASSWORD: &str = "Pl4nted.centre-pa55word";
const TURN_SECRET: &str = "Pl4nted.turn-credential";
/// Numbers of people: traces keep two digits.
const TO_NUMBER: &str = "919840077712";
const TRANSFER_FROM: &str = "919840077734";

pub(crate) fn cases(all: &mut Vec<Case>) {
    all.push(Case::new(
        "L6",
        "every output of a run: events, errors, recording, report, ladder, timeline, page",
        "no password, HA1, digest response, ICE password; numbers only where the host is told",
        run,
    ));
}

/// An output, by name.
struct Output {
    name: String,
    text: String,
    /// For the host alone: who calls is what it wants to know.
    tells_numbers: bool,
}

/// Control of the centre; the whole response.
async fn http(host: &str, method: &str, path: &str, body: &str) -> Result<String, String> {
    let words = |e: std::io::Error| e.to_string();
    let mut stream = tokio::net::TcpStream::connect(host).await.map_err(words)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.map_err(words)?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.map_err(words)?;
    let response = String::from_utf8_lossy(&response).into_owned();
    ensure!(response.starts_with("HTTP/1.1 200 "), "{method} {path}: {response}");
    Ok(response)
}

/// Names and contents of the files below a folder.
fn files(folder: &Path, into: &mut Vec<Output>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, into)?;
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            into.push(Output { name: path.display().to_string(), text: format!("{}\n{text}", path.display()), tells_numbers: false });
        }
    }
    Ok(())
}

/// The values of `key` in a text, up to a delimiter.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let value = |rest: &'a str| rest.trim_start_matches(['"', '\\']).split(['"', '\\', ',', '\r', '\n', ' ']).next().unwrap_or_default();
    text.split(key).skip(1).map(value).collect()
}

async fn run() -> Outcome {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let kept = folder.path().join("run");
    let centre = ContactCenter::builder().record_to(&kept).start().await.map_err(|e| e.to_string())?;
    // The accounts that a centre starts with are told to whoever asks; one that comes later is not.
    let host = centre.http_url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    http(&host, "POST", "/phones", &format!(r#"{{"id": "{ID}", "password": "{PASSWORD}"}}"#)).await?;
    let mut outputs = Vec::new();
    let mut out = |name: &str, text: String, tells_numbers| outputs.push(Output { name: name.to_owned(), text, tells_numbers });

    // A wrong password first: its error texts count as well.
    let phone = Phone::with(centre.ws_url().to_owned(), |c| {
        c.name = Some("Sue Visor".into());
    })?;
    let wrong = phone.supervisor.login(ID, &format!("{PASSWORD}-wrong")).await;
    out("a refused login", format!("{wrong:?}"), false);
    ensure!(wrong.is_err(), "a wrong password was taken");
    for broken in ["turn:127.0.0.1:3478", "nonsense:1"] {
        let server = IceServer { url: broken.into(), username: "u".into(), credential: TURN_SECRET.into() };
        let config = Config { server: centre.ws_url().to_owned(), ice_servers: vec![server], ..Config::default() };
        out("a configuration", format!("{config:?}"), false);
        out("a supervisor of it", format!("{:?}", Supervisor::new(config).map(drop)), false);
    }
    let login = phone.supervisor.login(ID, PASSWORD).await;
    out("a login", format!("{login:?}"), false);
    login.map_err(|e| e.to_string())?;

    let labels = CallLabels {
        to_number: TO_NUMBER.into(),
        transfer_from: Some(TRANSFER_FROM.into()),
        transfer: Some("yes".into()),
        uuid: "planted-uuid".into(),
        call_id: "planted-call".into(),
        team_name: "Sales".into(),
    };
    let parties = vec![Party::agent("agent").tone(440.0), Party::customer("customer").tone(1000.0)];
    let call = centre.call_with(parties, Some(labels)).map_err(|e| e.to_string())?;
    let leg = call.barge(ID, Mode::Barge).map_err(|e| e.to_string())?;
    let incoming = phone.wait(EventKind::IncomingCall, 1, SOON).await?;
    ensure!(incoming.to_json().contains(TO_NUMBER), "the host is not told the number");
    phone.supervisor.answer(CallId::CURRENT).await.map_err(|e| e.to_string())?;
    phone.wait(EventKind::CallStream, 1, SOON).await?;
    let wave = folder.path().join("call.wav");
    let recording = phone.supervisor.record(CallId::CURRENT, &wave, 16_000).map_err(|e| e.to_string())?;
    leg.wait_media(SOON).await.map_err(|e| e.to_string())?;
    call.wait_heard(ID, &["agent", "customer"], SOON).await.map_err(|e| e.to_string())?;
    out("a misused method", format!("{:?}", phone.supervisor.answer(CallId::CURRENT).await), false);
    recording.stop();
    recording.done().await.map_err(|e| e.to_string())?;
    let report = folder.path().join("call.html");
    recording.report(&report).map_err(|e| e.to_string())?;
    phone.supervisor.terminate(CallId::CURRENT).await.map_err(|e| e.to_string())?;
    phone.wait(EventKind::Hangup, 1, SOON).await?;

    let ladder = http(&host, "GET", "/ladder", "").await?;
    for path in ["/status", "/live", "/timeline", "/phones", "/calls", "/"] {
        // The call's labels are the caller's business: who made the call gave them.
        out(path, http(&host, "GET", path, "").await?, true);
    }
    let realm = values(&ladder, "realm=").first().map(|r| (*r).to_owned()).ok_or("no challenge in the ladder")?;
    out("/ladder", ladder, false);
    out("ladder", format!("{:?}", centre.ladder()), false);
    out("timeline", format!("{:?}", centre.timeline()), true);
    phone.supervisor.shutdown(Duration::from_secs(2)).await;
    out("events", phone.events().iter().map(|e| format!("{e:?}\n{}\n", e.to_json())).collect(), true);
    out("the supervisor", format!("{:?}", phone.supervisor), false);
    centre.stop().await;
    files(folder.path(), &mut outputs).map_err(|e| e.to_string())?;
    ensure!(outputs.iter().any(|o| o.name.ends_with("call.wav")) && outputs.iter().any(|o| o.name.ends_with("call.html")), "no recording");

    let ha1 = md5_hex(&format!("{ID}:{realm}:{PASSWORD}"));
    for secret in [PASSWORD, TURN_SECRET, &ha1, TO_NUMBER, TRANSFER_FROM] {
        watch::secret(secret);
    }
    let (mut answers, mut bytes) = (0, 0);
    for Output { name, text, tells_numbers } in &outputs {
        bytes += text.len();
        for secret in [PASSWORD, TURN_SECRET, ha1.as_str()] {
            ensure!(!text.contains(secret), "{name} holds {secret:?}");
        }
        for number in [TO_NUMBER, TRANSFER_FROM] {
            ensure!(*tells_numbers || !text.contains(number), "{name} holds the number {number}");
        }
        for key in [" response=", "ice-pwd:"] {
            for value in values(text, key) {
                ensure!(value.starts_with("***"), "{name} holds {key}{value}");
                answers += 1;
            }
        }
    }
    ensure!(answers >= 4, "the run has shown {answers} digest answers and ICE passwords: too few to judge by");
    seen(format!("5 secrets and {answers} redacted places in {} outputs, {} kB", outputs.len(), bytes / 1000))
}
