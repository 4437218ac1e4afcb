//! Group 3: SIP syntax. One line with a call that must live; what is sent is judged by the answer.

use crate::case::{Case, Outcome, cpu_seconds, figure, seen};
use crate::ensure;
use crate::phone::{Dialog, Line, fresh, ms};
use crate::server::{BINARY, Got, SOON, TEXT};
use crate::sip::{OFFER, Sip};
use std::time::{Duration, Instant};

/// The torture messages of RFC 4475, RFC 5118 and RFC 7118, shared with the reader's own tests.
const TORTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../monipy-core/tests/data/sip-torture");

pub(crate) fn cases(all: &mut Vec<Case>) {
    let mut row = |id, what, right, edit: fn(&str) -> Vec<u8>, allowed: &'static [u16]| {
        all.push(Case::new(id, what, right, move || answered(edit, allowed)));
    };
    let right = "understood: 200";
    row(
        "14a",
        "folded header lines",
        right,
        |m| edit(m, "Max-Forwards: 70", "Max-Forwards:\r\n 70\r\nSubject: a\r\n\tfolded\r\n  line"),
        &[200],
    );
    row("14b", "compact names, odd case, space before the colon", right, compact, &[200]);
    row("14c", "no Content-Length", right, |m| edit(m, "Content-Length: 0\r\n", ""), &[200]);
    let right = "400 or dropped";
    row("15a", "Content-Length larger than the body", right, |m| edit(m, "Content-Length: 0", "Content-Length: 500"), &[400]);
    row("15b", "negative Content-Length", right, |m| edit(m, "Content-Length: 0", "Content-Length: -1"), &[400]);
    row("15c", "Content-Length of 2^64+1", right, |m| edit(m, "Content-Length: 0", "Content-Length: 18446744073709551617"), &[400]);
    row("15d", "conflicting Content-Length", right, |m| edit(m, "Content-Length: 0", "Content-Length: 0\r\nContent-Length: 7"), &[400]);
    row("16a", "NUL in a header", "400 or dropped, never echoed raw", |m| edit(m, "tag=f", "tag=a\0b"), &[400, 200]);
    row("16b", "bare CR in a header", "400 or dropped, never echoed raw", |m| edit(m, "\"Caller\"", "\"Cal\rler\""), &[400, 200]);
    row("16c", "bare LF in a header", "400 or dropped", |m| edit(m, "\"Caller\"", "\"Cal\nler\""), &[400, 200]);
    row("17a", "CSeq of 2^32", right, |m| edit(m, "CSeq: 1", "CSeq: 4294967296"), &[400]);
    row("17b", "CSeq of another method", right, |m| edit(m, "CSeq: 1 OPTIONS", "CSeq: 1 INFO"), &[400]);
    row("17c", "SIP/7.0", "505 or dropped", |m| edit(m, " SIP/2.0\r\nVia", " SIP/7.0\r\nVia"), &[505]);
    row("17d", "two From headers", right, |m| edit(m, "To: ", "From: <sip:other@hostile.test>;tag=z\r\nTo: "), &[400]);
    row("17e", "a quote that never closes", right, |m| edit(m, "\"Caller\"", "\"Caller"), &[400]);
    row("17f", "no From", right, |m| without(m, "From"), &[400]);
    row("17g", "no To", right, |m| without(m, "To"), &[400]);
    row("17h", "no Call-ID", right, |m| without(m, "Call-ID"), &[400]);
    row("17i", "no CSeq", right, |m| without(m, "CSeq"), &[400]);
    row("17j", "no Via", right, |m| without(m, "Via"), &[400]);
    row("17k", "a start line of one word", right, |m| edit(m, "OPTIONS ", "OPTIONS"), &[400]);
    row("18a", "an unknown method", "501 or 405", |m| m.replace("OPTIONS", "FROBNICATE").into_bytes(), &[501, 405]);
    row(
        "18b",
        "Require of an unknown extension",
        "420 with Unsupported",
        |m| edit(m, "To: ", "Require: nothingSupportsThis\r\nTo: "),
        &[420],
    );
    row("18c", "an unknown URI scheme", "416", |m| edit(m, "OPTIONS sip:", "OPTIONS nobodyKnowsThisScheme:"), &[416]);
    all.push(Case::new("14d", "every torture message of RFC 4475, 5118, 7118", "survived, the call lives", torture));
    all.push(Case::new("15e", "Content-Length smaller: a request behind the body", "the rest is never run", trailing));
    all.push(Case::new("16d", "bytes that are no UTF-8, in a binary frame", "dropped, 400, or the same bytes echoed", not_utf8));
    all.push(Case::new("19a", "300 random messages", "survived, the call lives", random));
    all.push(Case::new("19b", "every prefix of an INVITE", "survived, the call lives", prefixes));
    all.push(Case::new("19c", "an INVITE with a bit flipped, 400 times", "survived, the call lives", bits));
    all.push(Case::new("19d", "responses with absurd status codes, without CSeq", "survived, no answer", responses));
    all.push(Case::new("20a", "a header of 1 MB", "refused (413, 431, 513, 1009)", large_header));
    all.push(Case::new("20b", "4,000 Via and 4,000 headers", "1 s of CPU at most", many_headers).alone());
}

fn edit(message: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(message.contains(from), "nothing to edit: {from:?}");
    message.replacen(from, to, 1).into_bytes()
}

fn without(message: &str, header: &str) -> Vec<u8> {
    let prefix = format!("{header}:");
    message.split_inclusive("\r\n").filter(|l| !l.starts_with(&prefix)).collect::<String>().into_bytes()
}

fn compact(message: &str) -> Vec<u8> {
    let mut m = message.to_owned();
    for (long, short) in
        [("Via:", "v :"), ("From:", "f\t:"), ("To:", "t:"), ("Call-ID:", "i :"), ("CSeq:", "cSEq:"), ("Content-Length:", "L :")]
    {
        m = m.replacen(long, short, 1);
    }
    m.into_bytes()
}

/// An edited OPTIONS: one of the answers, or silence where anything but success is allowed. What comes
/// back must hold no raw control character.
async fn answered(edit: fn(&str) -> Vec<u8>, allowed: &'static [u16]) -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let call_id = format!("syntax-{}", fresh());
    let bytes = edit(&line.request("OPTIONS", &call_id, "", ""));
    line.peer.text(&bytes).await;
    let said = line.said().await?;
    let answers: Vec<u16> = said.iter().filter_map(Sip::status).collect();
    for message in &said {
        let raw = message.text.replace("\r\n", "");
        ensure!(!raw.contains(['\0', '\r', '\n']), "a control character is echoed: {raw:?}");
    }
    ensure!(answers.len() <= 1, "{answers:?}");
    match answers.first() {
        Some(code) => {
            ensure!(allowed.contains(code), "{code}");
            if *code == 420 {
                ensure!(said.iter().any(|m| m.header("Unsupported") == "nothingSupportsThis"), "420 without Unsupported");
            }
        }
        None => ensure!(!allowed.contains(&200) || allowed.len() > 1, "not answered"),
    }
    line.lives_with(&mut call).await?;
    seen(answers.first().map_or("dropped".to_owned(), ToString::to_string))
}

async fn torture() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let (mut sent, mut answers) = (0, 0);
    for folder in ["rfc4475", "rfc5118", "rfc7118"] {
        let entries = std::fs::read_dir(format!("{TORTURE}/{folder}")).map_err(|e| e.to_string())?;
        for entry in entries.flatten() {
            let bytes = std::fs::read(entry.path()).map_err(|e| e.to_string())?;
            line.peer.frame(if std::str::from_utf8(&bytes).is_ok() { TEXT } else { BINARY }, &bytes).await;
            sent += 1;
            let said = line.said().await.map_err(|e| format!("{:?}: {e}", entry.file_name()))?;
            answers += said.iter().filter(|m| m.status().is_some()).count();
        }
    }
    ensure!(sent > 40, "only {sent} messages");
    line.lives_with(&mut call).await?;
    figure("survived", format!("{sent} messages, {answers} answers"))
}

async fn trailing() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let (first, second) = (format!("front-{}", fresh()), format!("behind-{}", fresh()));
    let front = line.request("MESSAGE", &first, "Content-Type: text/plain\r\n", "hello");
    let bye = line.inside_with(&call.clone(), 90, "BYE", "", "");
    let behind = line.request("OPTIONS", &second, "", "");
    line.peer.text(format!("{front}{behind}{bye}")).await;
    let said = line.said().await?;
    ensure!(said.iter().all(|m| m.header("Call-ID") == first), "what stood behind the body was run");
    line.lives_with(&mut call).await?;
    seen("the rest was not run")
}

async fn not_utf8() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let call_id = format!("bytes-{}", fresh());
    let options = line.request("OPTIONS", &call_id, "", "");
    let mut bytes = options.into_bytes();
    let at = bytes.windows(6).position(|w| w == b"Caller").unwrap_or_default();
    bytes[at] = 0xff;
    bytes[at + 1] = 0xc3;
    line.peer.frame(BINARY, &bytes).await;
    let answer = loop {
        match line.peer.next(Duration::from_secs(2)).await {
            None => break "dropped".to_owned(),
            Some(Got::Binary(b)) => {
                let same = b.windows(2).any(|w| w == [0xff, 0xc3]);
                ensure!(same || !b.contains(&0xff), "other bytes are echoed");
                break "answered in a binary frame".to_owned();
            }
            Some(Got::Text(t)) => {
                ensure!(t.starts_with("SIP/2.0 400"), "{t}");
                break "400".to_owned();
            }
            Some(Got::Close(code)) => return Err(format!("closed with {code:?}")),
            Some(Got::End) => return Err("dropped the connection".into()),
            Some(_) => {}
        }
    };
    line.lives_with(&mut call).await?;
    seen(answer)
}

/// Numbers that are the same in every run.
pub(crate) fn numbers(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    }
}

async fn survive(line: &mut Line, call: &mut Dialog, messages: Vec<Vec<u8>>) -> Outcome {
    let count = messages.len();
    let mut answers = 0;
    for (n, bytes) in messages.into_iter().enumerate() {
        let opcode = if std::str::from_utf8(&bytes).is_ok() { TEXT } else { BINARY };
        line.peer.frame(opcode, &bytes).await;
        if n % 64 == 63 {
            answers += line.said().await?.len();
        }
    }
    answers += line.said().await?.len();
    let took = line.lives_with(call).await?;
    figure(format!("{count} messages, {answers} answers"), format!("OPTIONS in {}", ms(took)))
}

async fn random() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let mut next = numbers(0x5151_0cea);
    let words = [
        "INVITE ",
        "SIP/2.0 ",
        "200 OK",
        "\r\n",
        "Via: ",
        "sip:1001@",
        "To: ",
        "CSeq: ",
        ";",
        ",",
        "<",
        ">",
        "\"",
        "tag=",
        "\0",
        "é",
        " ",
        "1",
        ":",
    ];
    let messages =
        (0..300).map(|_| (0..next() % 120).flat_map(|_| words[(next() % words.len() as u64) as usize].bytes()).collect()).collect();
    survive(&mut line, &mut call, messages).await
}

async fn prefixes() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let invite = line.invite(&format!("prefix-{}", fresh()), "", OFFER).into_bytes();
    let messages = (0..invite.len()).map(|n| invite[..n].to_vec()).collect();
    survive(&mut line, &mut call, messages).await
}

async fn bits() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let mut next = numbers(0xb175);
    let mut messages = Vec::new();
    for _ in 0..400 {
        let mut invite = line.invite(&format!("bit-{}", fresh()), "", OFFER).into_bytes();
        let at = (next() % invite.len() as u64) as usize;
        invite[at] ^= 1 << (next() % 8);
        messages.push(invite);
    }
    survive(&mut line, &mut call, messages).await
}

async fn responses() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let via = "Via: SIP/2.0/WS x.invalid;branch=z9hG4bKabc\r\nFrom: <sip:1001@hostile.test>;tag=a\r\nTo: <sip:1001@hostile.test>;tag=b\r\nCall-ID: no\r\n";
    for status in ["4294967301", "-1", "99", "700", "0", "2OO", "99999999999999999999"] {
        line.peer.text(format!("SIP/2.0 {status} OK\r\n{via}CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n")).await;
    }
    line.peer.text(format!("SIP/2.0 200 OK\r\n{via}Content-Length: 0\r\n\r\n")).await;
    line.peer.text(format!("SIP/2.0 200 OK\r\n{via}CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")).await;
    let said = line.said().await?;
    ensure!(said.is_empty(), "{:?}", said[0].start);
    line.lives_with(&mut call).await?;
    seen("no answer")
}

async fn large_header() -> Outcome {
    let mut line = Line::up().await?;
    let options = line.request("OPTIONS", &format!("large-{}", fresh()), &format!("X-Large: {}\r\n", "x".repeat(1_000_000)), "");
    line.peer.text(&options).await;
    let deadline = Instant::now() + SOON;
    loop {
        match line.peer.next(deadline.saturating_duration_since(Instant::now())).await {
            Some(Got::Close(Some(1009))) => return seen("Close 1009"),
            Some(Got::Text(t)) => {
                let status = Sip::read(&t).status();
                ensure!(matches!(status, Some(400 | 413 | 431 | 513)), "{status:?}");
                return seen(format!("{status:?}"));
            }
            Some(Got::Ping(_) | Got::Pong(_)) => {}
            other => return Err(format!("{other:?}")),
        }
    }
}

async fn many_headers() -> Outcome {
    let mut line = Line::up().await?;
    let call_id = format!("many-{}", fresh());
    let many = "v:SIP/2.0/WS a;branch=z9hG4bK1\r\n".repeat(4000) + &"X:1\r\n".repeat(4000);
    let options = line.request("OPTIONS", &call_id, &many, "");
    ensure!(options.len() < 256 * 1024, "the message is larger than the client takes");
    let (began, cpu) = (Instant::now(), cpu_seconds());
    line.peer.text(&options).await;
    let said = line.said().await?;
    let spent = cpu_seconds() - cpu;
    ensure!(spent <= 1.0, "{spent:.2} s of CPU");
    let answer = said.first().map_or("dropped".to_owned(), |m| m.start.clone());
    figure(answer, format!("{spent:.2} s CPU, {}", ms(began.elapsed())))
}
