//! The program as a child process with HTTP control, as test suites in other languages use it.

use crate::support::{SOON, expect};
use contact_center::MISBEHAVIOURS;
use monipy_core::config::{AudioMode, Config};
use monipy_core::event::EventKind;
use monipy_core::{CallId, Supervisor};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

struct Program {
    child: Child,
    lines: mpsc::UnboundedReceiver<Value>,
    about: Value,
}

async fn start(arguments: &[&str]) -> Program {
    let mut child = Command::new(env!("CARGO_BIN_EXE_contact-center"))
        .args(["--json", "--exit-with-stdin"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (tell, mut lines) = mpsc::unbounded_channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in stdout.lines() {
            let line = line.unwrap();
            // The test may have seen enough.
            let _ = tell.send(serde_json::from_str::<Value>(&line).unwrap_or_else(|e| panic!("{line}: {e}")));
        }
    });
    let about = lines.recv().await.unwrap();
    Program { child, lines, about }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended by itself in the tests that ask for that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn text(&self, key: &str) -> &str {
        self.about[key].as_str().unwrap_or_else(|| panic!("{key} in {}", self.about))
    }

    /// Waits until it has ended by itself; whether it says that all was well.
    async fn ended(&mut self) -> bool {
        let ended = async {
            // Its standard output ends with it.
            while self.lines.recv().await.is_some() {}
        };
        tokio::time::timeout(SOON, ended).await.expect("it stops");
        self.child.wait().unwrap().success()
    }

    /// One request to the control; the status and the body.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let address = self.text("http").trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, b)| b);
        (status, serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)))
    }

    async fn good(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, value) = self.ask(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {value}");
        value
    }
}

#[tokio::test]
async fn a_whole_call_by_http_alone() {
    let mut program = start(&["--no-call"]).await;
    let config = Config {
        server: program.text("ws").to_owned(),
        ice_servers: Vec::new(),
        audio_mode: AudioMode::Application,
        local_address: Some([127, 0, 0, 1].into()),
        ..Config::default()
    };
    let supervisor = Supervisor::new(config).unwrap();
    let mut events = supervisor.events();
    let (id, password) = (&program.about["credentials"][0]["id"], &program.about["credentials"][0]["password"]);
    supervisor.login(id.as_str().unwrap(), password.as_str().unwrap()).await.unwrap();
    program.good("GET", "/supervisors/supervisor?wait=registered", "").await;

    let call = program.good("POST", "/calls", r#"{"agent": {"sound": "tone:440"}, "customer": {"sound": "tone:1000"}}"#).await;
    let call = call["id"].as_u64().unwrap();
    let leg = program.good("POST", &format!("/calls/{call}/barge"), r#"{"mode": "listen"}"#).await["id"].as_u64().unwrap();
    program.good("GET", &format!("/legs/{leg}?wait=ringing"), "").await;
    expect(&mut events, EventKind::Ringing).await;
    supervisor.answer(CallId::CURRENT).await.unwrap();
    program.good("GET", &format!("/legs/{leg}?wait=media&timeout_ms=15000"), "").await;
    let heard =
        program.good("GET", &format!("/calls/{call}/audibility?listener=supervisor&heard=agent,customer&timeout_ms=15000"), "").await;
    assert_eq!(heard["heard"]["supervisor"], json!(["agent", "customer"]), "{heard}");
    assert_eq!(heard["heard"]["agent"], json!(["customer"]), "{heard}");
    let tone = program.good("GET", &format!("/calls/{call}/tone?listener=agent&hz=1000"), "").await;
    assert!(tone["level_dbfs"].as_f64().unwrap() > -30.0, "{tone}");
    let switched = program.good("POST", &format!("/legs/{leg}/mode"), r#"{"mode": "whisper"}"#).await;
    assert_eq!(switched["mode"], "whisper");
    program.good("POST", &format!("/legs/{leg}/dtmf"), r#"{"digits": "1"}"#).await;
    expect(&mut events, EventKind::Dtmf).await;
    program.good("DELETE", &format!("/legs/{leg}"), "").await;
    expect(&mut events, EventKind::Ended).await;
    program.good("GET", &format!("/legs/{leg}?wait=ended"), "").await;
    program.good("DELETE", &format!("/calls/{call}"), "").await;
    let status = program.good("GET", "/status", "").await;
    assert_eq!((&status["calls"], &status["supervisors"][0]["registered"]), (&json!([]), &json!(true)), "{status}");
    let ladder = program.good("GET", "/ladder", "").await;
    assert!(ladder.as_array().unwrap().iter().any(|m| m["start_line"].as_str().unwrap().starts_with("BYE ")));

    program.good("POST", "/stop", "").await;
    // Events were printed, one JSON object a line.
    let mut kinds = Vec::new();
    while let Some(line) = tokio::time::timeout(SOON, program.lines.recv()).await.expect("it stops") {
        kinds.push(line["kind"].as_str().unwrap().to_owned());
    }
    assert!(kinds.iter().any(|k| k == "registered") && kinds.iter().any(|k| k == "media"), "{kinds:?}");
    assert!(program.ended().await);
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_status() {
    let program = start(&[]).await;
    let cases = [
        ("GET", "/calls/999", "", 404, "no call 999"),
        ("POST", "/calls", "{", 400, "the body"),
        ("POST", "/calls", r#"{"agent": {"sound": "yodel"}}"#, 400, "is not a sound"),
        ("POST", "/calls", r#"{"colour": 1}"#, 400, "colour"),
        ("POST", "/calls/1/barge", r#"{"mode": "shout"}"#, 400, "is not a mode"),
        ("POST", "/misbehaviours", r#"{"name": "sulk"}"#, 400, "is not a misbehaviour"),
        ("DELETE", "/misbehaviours/glare", "", 404, "does not stand"),
        ("GET", "/supervisors/supervisor?wait=registered&timeout_ms=50", "", 504, "registered"),
        ("GET", "/nowhere", "", 404, "GET /help lists"),
    ];
    for (method, path, body, status, words) in cases {
        let (got, answer) = program.ask(method, path, body).await;
        assert_eq!(got, status, "{method} {path} {body}: {answer}");
        assert!(answer["error"].as_str().is_some_and(|e| e.contains(words)), "{method} {path}: {answer}");
    }
    let call = program.good("GET", "/calls", "").await[0]["id"].as_u64().unwrap();
    let (status, answer) = program.ask("POST", &format!("/calls/{call}/barge"), "").await;
    assert!(status == 409 && answer["error"].as_str().unwrap().contains("log in"), "{answer}");
}

#[tokio::test]
async fn the_page_is_served_and_other_sites_are_refused() {
    let program = start(&[]).await;
    let page = program.good("GET", "/", "").await;
    assert!(page.as_str().unwrap().contains("<title>contact-center</title>"));
    let help = program.good("GET", "/help", "").await;
    assert!(help.as_str().unwrap().contains("POST   /calls/{id}/barge"));
    let address = program.text("http").trim_start_matches("http://").to_owned();
    for (origin, status) in [(format!("http://{address}"), 200), ("https://elsewhere.example".to_owned(), 403)] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!("POST /calls HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let got: u16 = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap();
        assert_eq!(got, status, "{origin}: {answer}");
    }
}

#[tokio::test]
async fn misbehaviours_are_listed_set_and_taken_back() {
    let program = start(&["--misbehave", "unavailable:retry_after=7"]).await;
    let list = program.good("GET", "/misbehaviours", "").await;
    assert_eq!(list["known"].as_array().unwrap().len(), MISBEHAVIOURS.len());
    assert_eq!(list["standing"][0]["retry_after"], 7, "{list}");
    program.good("POST", "/misbehaviours", r#"{"name": "glare", "times": 2}"#).await;
    program.good("DELETE", "/misbehaviours/unavailable", "").await;
    let list = program.good("GET", "/misbehaviours", "").await;
    assert_eq!(list["standing"], json!([{ "name": "glare", "times": 2 }]));
}

#[tokio::test]
async fn the_openapi_document_is_what_the_program_does() {
    let program = start(&[]).await;
    let document = program.good("GET", "/openapi.json", "").await;
    assert_eq!(document, contact_center::openapi());
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let concrete = path.replace("{id}", "1").replace("{party}", "nobody").replace("{name}", "nothing");
        for method in operations.as_object().unwrap().keys().filter(|_| path != "/stop") {
            let (status, answer) = program.ask(&method.to_uppercase(), &concrete, "").await;
            asked += 1;
            // Whatever the centre says to it, it is one of its requests, and an answer in its form.
            let no_such_path = answer["error"].as_str().is_some_and(|e| e.contains("no such path"));
            assert!(status != 405 && !no_such_path, "{method} {concrete}: {status} {answer}");
            assert!(status == 200 || answer["error"].is_string() || answer.is_string(), "{method} {concrete}: {status} {answer}");
        }
        // And what it does not list is not there.
        let other = if operations.get("delete").is_some() { "PUT" } else { "DELETE" };
        let (status, _) = program.ask(other, &concrete, "").await;
        assert_eq!(status, 405, "{other} {concrete}");
    }
    assert!(asked > 30, "{asked} requests");
    assert!(program.good("GET", "/help", "").await.as_str().unwrap().matches("/calls").count() > 10);
}

#[tokio::test]
async fn commands_are_typed_while_it_runs() {
    let mut program = start(&["--no-call", "--supervisor", "maria:pw"]).await;
    let config = Config {
        server: program.text("ws").to_owned(),
        ice_servers: Vec::new(),
        audio_mode: AudioMode::Application,
        local_address: Some([127, 0, 0, 1].into()),
        ..Config::default()
    };
    let supervisor = Supervisor::new(config).unwrap();
    let mut events = supervisor.events();
    supervisor.login("maria", "pw").await.unwrap();
    let mut input = program.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"sing\ncall tone:440 tone:1000\nbarge maria whisper\n").unwrap();
    expect(&mut events, EventKind::Ringing).await;
    supervisor.answer(CallId::CURRENT).await.unwrap();
    let mut until = async |kind: &str| {
        while let Some(line) = tokio::time::timeout(SOON, program.lines.recv()).await.expect("it happens") {
            if line["kind"] == kind {
                return line;
            }
        }
        panic!("it ended before {kind}");
    };
    expect(&mut events, EventKind::CallStream).await;
    until("media").await;
    std::io::Write::write_all(&mut input, b"mode listen\nmisbehave loss:share=0.1\nhang-up\n").unwrap();
    assert_eq!(until("mode").await["text"], "listen");
    until("misbehaviour").await;
    expect(&mut events, EventKind::Ended).await;
    drop(input);
    assert!(program.ended().await);
}

#[tokio::test]
async fn a_scenario_decides_the_exit_status_and_what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let run = |text: &str, more: &[&str]| {
        let file = folder.path().join("scenario.toml");
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_contact-center"))
            .arg("--scenario")
            .arg(&file)
            .args(more)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let good = "seed = 3\n[[steps]]\ndo = \"call\"\n[[steps]]\nat = 0.2\nspread = 0.3\ndo = \"end\"";
    let (code, out, err) = run(good, &[]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("step 2 at 0."), "{out}");
    let (_, plan, _) = run(good, &["--plan"]);
    assert_eq!(plan, run(good, &["--plan"]).1);
    assert_ne!(plan, run(good, &["--plan", "--seed", "4"]).1);
    let (code, _, err) = run("[[steps]]\ndo = \"end\"", &[]);
    assert!(code == Some(1) && err.contains("step 1 (end): the scenario has begun no call"), "{code:?} {err}");
    let (code, _, err) = run("[[steps]]\ndo = \"sing\"", &[]);
    assert!(code == Some(2) && err.contains("scenario.toml: step 1: \"sing\" is not a step"), "{code:?} {err}");
    // A port in use, an unknown file, a phone without a role.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, err) = run(good, &["--http-port", &port]);
    assert!(code == Some(2) && err.contains("another program may have it, 0 takes a free one"), "{code:?} {err}");
    let (code, _, err) = run(good, &["--phone", "pilot:x:y"]);
    assert!(code == Some(2) && err.contains("ROLE:ID:PASSWORD"), "{code:?} {err}");
}

#[tokio::test]
async fn it_ends_with_its_standard_input() {
    let mut program = start(&[]).await;
    drop(program.child.stdin.take());
    assert!(program.ended().await);
}
