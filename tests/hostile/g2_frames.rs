//! Group 2: WebSocket frames (RFC 6455).

use crate::case::{Case, Outcome, figure, resident_kib, seen};
use crate::ensure;
use crate::phone::{Line, fresh, let_in, ms};
use crate::server::{BINARY, CLOSE, Got, PING, SOON, TEXT, frame};
use monipy_core::EventKind;
use std::time::{Duration, Instant};

pub(crate) fn cases(all: &mut Vec<Case>) {
    let right = "Close 1002, then back by itself";
    let mut bad = |id, what, right, bytes: Vec<u8>, codes: &'static [u16]| {
        all.push(Case::new(id, what, right, move || refused(bytes.clone(), codes)));
    };
    bad("5a", "a masked frame of a server", right, vec![TEXT, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2], &[1002]);
    bad("5b", "a reserved bit", right, frame(TEXT | 0x40, b"hi"), &[1002]);
    bad("5c", "reserved opcode 3", right, frame(0x83, b"hi"), &[1002]);
    bad("5d", "reserved opcode 11", right, frame(0x8b, b"hi"), &[1002]);
    bad("5e", "a fragmented ping", right, frame(PING & 0x7f, b"hi"), &[1002]);
    bad("5f", "a ping of 126 bytes", right, frame(PING, &[b'x'; 126]), &[1002]);
    bad("5g", "a continuation of nothing", right, frame(0x80, b"hi"), &[1002]);
    bad("5h", "a text inside a fragmented text", right, [frame(0x01, b"he"), frame(TEXT, b"llo")].concat(), &[1002]);
    bad("6", "text that is no UTF-8", "Close 1007", frame(TEXT, &[b'h', 0xff, 0xfe]), &[1007]);
    bad(
        "7a",
        "a length of 2^40",
        "1009 or 1002 at once, nothing allocated",
        [&[TEXT, 127][..], &(1_u64 << 40).to_be_bytes()].concat(),
        &[1009, 1002],
    );
    bad(
        "7b",
        "a length with its highest bit set",
        "1009 or 1002 at once",
        [&[TEXT, 127][..], &(1_u64 << 63 | 5).to_be_bytes()].concat(),
        &[1009, 1002],
    );
    all.push(Case::new("8", "32 MiB in fragments", "1009 before it is swallowed", fragments).alone());
    all.push(Case::new("9a", "SIP in a binary frame", "works", binary));
    all.push(Case::new("9b", "SIP in 40 fragments with pings between", "works", forty_fragments));
    all.push(Case::new("10", "two SIP messages in one frame", "the second is never run", two_in_one));
    all.push(Case::new("11", "one SIP message over two frames", "never joined", one_over_two));
    all.push(Case::new("12a", "3,000 empty frames", "survived", empty_frames));
    all.push(Case::new("12b", "3,000 pings", "the last is answered, or closed", pings));
    all.push(Case::new("12c", "CRLF keep-alive", "CRLF or nothing", keep_alive));
    let right = "Close 1002, then back by itself";
    all.push(Case::new("13a", "Close with code 999", right, || refused(frame(CLOSE, &999_u16.to_be_bytes()), &[1002])));
    all.push(Case::new("13b", "Close with one byte", right, || refused(frame(CLOSE, &[3]), &[1002])));
    all.push(Case::new("13c", "Close, and TCP stays open", "left within 10 s", close_without_fin));
    all.push(Case::new("13d", "reset", "back by the backoff rule", || lost(Loss::Reset)));
    all.push(Case::new("13e", "Close 1001 (going away)", "back by the backoff rule", || lost(Loss::GoingAway)));
}

/// The client closes with one of these codes, comes back and is logged in again.
async fn refused(bytes: Vec<u8>, codes: &'static [u16]) -> Outcome {
    let mut line = Line::up().await?;
    let before = resident_kib();
    line.peer.raw(&bytes).await;
    let began = Instant::now();
    let code = line.peer.closed(SOON).await?;
    let took = began.elapsed();
    ensure!(code.is_some_and(|c| codes.contains(&c)), "closed with {code:?}");
    ensure!(resident_kib().saturating_sub(before) < 64 << 10, "memory grew");
    comes_back(&mut line).await?;
    figure(format!("Close {}, logged in again", code.unwrap_or_default()), ms(took))
}

async fn comes_back(line: &mut Line) -> Result<Duration, String> {
    let began = Instant::now();
    line.peer = line.server.peer().await?;
    let_in(&mut line.peer, "300").await?;
    line.phone.wait(EventKind::Login, 2, SOON).await?;
    let took = began.elapsed();
    line.lives().await?;
    Ok(took)
}

async fn fragments() -> Outcome {
    let mut line = Line::up().await?;
    let before = resident_kib();
    let chunk = vec![b'x'; 16 << 10];
    let (mut sent, mut first) = (0, 0x01);
    let mut closed = None;
    while sent < 32 << 20 && closed.is_none() {
        if !line.peer.frame(first, &chunk).await {
            break;
        }
        first = 0x00;
        sent += chunk.len();
        closed = match line.peer.next(Duration::from_millis(1)).await {
            Some(Got::Close(code)) => Some(code),
            Some(Got::End) => Some(None),
            _ => None,
        };
    }
    let grown = resident_kib().saturating_sub(before);
    ensure!(closed == Some(Some(1009)), "closed with {closed:?} after {sent} bytes");
    ensure!(sent <= 2 << 20, "{sent} bytes were taken");
    ensure!(grown <= 8 << 10, "memory grew by {grown} KiB");
    comes_back(&mut line).await?;
    figure("Close 1009", format!("{} KiB taken", sent / 1024))
}

async fn binary() -> Outcome {
    let mut line = Line::up().await?;
    let call_id = format!("binary-{}", fresh());
    let options = line.request("OPTIONS", &call_id, "", "");
    line.peer.frame(BINARY, options.as_bytes()).await;
    let answer = line.peer.expect("answer", |m| m.is_final(&call_id, "OPTIONS")).await?;
    seen(answer.start)
}

async fn forty_fragments() -> Outcome {
    let mut line = Line::up().await?;
    let call_id = format!("fragments-{}", fresh());
    let options = line.request("OPTIONS", &call_id, "", "");
    let size = options.len() / 40 + 1;
    let last = options.as_bytes().chunks(size).count() - 1;
    for (n, part) in options.as_bytes().chunks(size).enumerate() {
        let opcode = u8::from(n == 0);
        line.peer.frame(if n == last { 0x80 | opcode } else { opcode }, part).await;
        line.peer.frame(PING, &[n as u8]).await;
    }
    let answer = line.peer.expect("answer", |m| m.is_final(&call_id, "OPTIONS")).await?;
    seen(answer.start)
}

async fn two_in_one() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let (first, second) = (format!("first-{}", fresh()), format!("second-{}", fresh()));
    let both = line.request("OPTIONS", &first, "", "") + &line.request("OPTIONS", &second, "", "");
    line.peer.text(&both).await;
    let bye = line.request("OPTIONS", &format!("third-{}", fresh()), "", "") + &line.inside_with(&call.clone(), 99, "BYE", "", "");
    line.peer.text(&bye).await;
    let said = line.said().await?;
    ensure!(said.iter().all(|m| m.header("Call-ID") != second), "the second message was answered");
    line.lives_with(&mut call).await?;
    seen("the second was not run")
}

async fn one_over_two() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let call_id = format!("halves-{}", fresh());
    let options = line.request("OPTIONS", &call_id, "", "");
    let (head, tail) = options.split_at(options.len() / 2);
    line.peer.text(head).await;
    line.peer.text(tail).await;
    let said = line.said().await?;
    ensure!(said.iter().all(|m| m.status() != Some(200)), "they were joined");
    line.lives_with(&mut call).await?;
    seen("not joined")
}

async fn empty_frames() -> Outcome {
    let mut line = Line::up().await?;
    line.peer.raw(&frame(TEXT, b"").repeat(3000)).await;
    let took = line.lives().await?;
    figure("OPTIONS answered", ms(took))
}

async fn pings() -> Outcome {
    let mut line = Line::up().await?;
    for n in 0..3000_u16 {
        line.peer.frame(PING, &n.to_be_bytes()).await;
    }
    let last = 2999_u16.to_be_bytes().to_vec();
    let deadline = Instant::now() + SOON;
    let mut pongs = 0;
    loop {
        match line.peer.next(deadline.saturating_duration_since(Instant::now())).await {
            Some(Got::Pong(payload)) => {
                pongs += 1;
                if payload == last {
                    break;
                }
            }
            Some(Got::Close(_) | Got::End) => return seen("closed"),
            Some(_) => {}
            None => return Err(format!("the last ping was not answered; {pongs} pongs")),
        }
    }
    line.lives().await?;
    figure("the last is answered", format!("{pongs} pongs"))
}

async fn keep_alive() -> Outcome {
    let mut line = Line::up().await?;
    line.peer.text("\r\n\r\n").await;
    let got = line.peer.next(Duration::from_secs(5)).await;
    ensure!(got.is_none() || got == Some(Got::Text("\r\n".into())), "{got:?}");
    line.lives().await?;
    seen(if got.is_some() { "CRLF" } else { "nothing" })
}

async fn close_without_fin() -> Outcome {
    let mut line = Line::up().await?;
    line.peer.frame(CLOSE, &1000_u16.to_be_bytes()).await;
    let began = Instant::now();
    line.phone.wait(EventKind::Disconnected, 1, Duration::from_secs(10)).await?;
    // The socket is left, too: reading ends.
    loop {
        match line.peer.next(Duration::from_secs(10)).await {
            Some(Got::End) => break,
            Some(_) => {}
            None => return Err("the client keeps the socket".into()),
        }
    }
    figure("left", ms(began.elapsed()))
}

#[derive(Clone, Copy)]
enum Loss {
    Reset,
    GoingAway,
}

async fn lost(loss: Loss) -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    if matches!(loss, Loss::GoingAway) {
        line.peer.frame(CLOSE, &1001_u16.to_be_bytes()).await;
    }
    let began = Instant::now();
    line.peer.cut(matches!(loss, Loss::Reset)).await?;
    line.peer = line.server.peer().await?;
    let_in(&mut line.peer, "300").await?;
    line.phone.wait(EventKind::Login, 2, SOON).await?;
    let took = began.elapsed();
    // The dialog is usable over the new connection.
    line.lives_with(&mut call).await?;
    figure("logged in again, the call lives", ms(took))
}
