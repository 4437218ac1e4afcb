//! Group 4: SIP semantics.

use crate::case::{Case, Outcome, figure, resident_kib, seen};
use crate::ensure;
use crate::phone::{Line, PASSWORD, Phone, USER, fresh, let_in, ms};
use crate::server::{SOON, Server};
use crate::sip::{OFFER, Sip};
use monipy_core::{CallState, EventKind};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub(crate) fn cases(all: &mut Vec<Case>) {
    all.push(Case::new("21", "ACK without INVITE", "silence", stray_ack));
    all.push(Case::new("22", "BYE, INFO, re-INVITE, CANCEL for an unknown dialog", "481", unknown_dialog));
    all.push(Case::new("23", "CANCEL with another branch", "481, rings on", cancel_other_branch));
    all.push(Case::new("24", "CANCEL", "200 and 487, ended once", cancel));
    all.push(Case::new("25", "CANCEL after the 200", "the call stays", late_cancel));
    all.push(Case::new("26", "BYE with a forged From or To tag", "481, the call stays", forged_bye));
    all.push(Case::new("27", "a lower CSeq inside the dialog", "500, the call stays", lower_cseq));
    all.push(Case::new("28", "20 copies of an INVITE", "one call, one To tag", copies));
    all.push(Case::new("29", "a merged request", "482", merged));
    all.push(Case::new("30", "a second INVITE while the first rings", "486, the first is untouched", second_invite));
    all.push(Case::new("31", "re-INVITE before the first is answered", "500 or 491", early_reinvite));
    all.push(Case::new("32a", "glare: their re-INVITE while ours is under way", "491, ours is answered", glare_seen));
    all.push(Case::new("32b", "glare: ours gets 491 in a call that came in", "tried again after 0 to 2 s", || glare_retry(false)));
    all.push(Case::new("32c", "glare: ours gets 491 in a call that we placed", "tried again after 2.1 to 4 s", || glare_retry(true)));
    all.push(Case::new(
        "32d",
        "glare: their offer while ours waits for its retry",
        "theirs is taken, then ours sent again",
        glare_rolled_back,
    ));
    all.push(Case::new("33", "200 that is never acknowledged", "repeated at 0.5, 1, 2, 4, 4 ... s, BYE at 32 s", never_acknowledged));
    all.push(Case::new("34", "REFER", "never dials", refer));
    all.push(Case::new("35", "INVITE with a forged Replaces", "the call stays", replaces));
    all.push(Case::new("36", "unsolicited NOTIFY with nested XML", "481, 489 or 405", notify));
    all.push(Case::new("37", "400 INVITEs at once", "each answered within 20 s, +64 MiB at most", invite_flood).alone());
    all.push(Case::new("38", "2,000 stray 200s to INVITE", "no ACK", stray_responses));
    all.push(Case::new("39", "300 Record-Routes", "all taken, or refused", record_routes));
    all.push(Case::new("40", "Require: 100rel", "420, or reliable 18x", reliable));
    all.push(Case::new("41", "floods of OPTIONS and MESSAGE", "each answered; the registration is refreshed", floods));
}

async fn stray_ack() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let ack = line.request("ACK", &format!("ack-{}", fresh()), "", "");
    line.peer.text(&ack).await;
    let said = line.said().await?;
    ensure!(said.is_empty(), "{:?}", said[0].start);
    line.lives_with(&mut call).await?;
    seen("silence")
}

async fn unknown_dialog() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let mut codes = Vec::new();
    for method in ["BYE", "INFO", "INVITE", "CANCEL", "UPDATE"] {
        let request = line.request(method, &format!("unknown-{}", fresh()), "", "").replacen(
            &format!("<sip:{USER}@hostile.test>\r\nCall-ID"),
            &format!("<sip:{USER}@hostile.test>;tag=nobody\r\nCall-ID"),
            1,
        );
        let answer = line.ask(&request).await?;
        ensure!(answer.status() == Some(481), "{method} got {}", answer.start);
        if method == "INVITE" {
            let ack = request.replace("INVITE", "ACK");
            line.peer.text(ack).await;
        }
        codes.push(method);
    }
    line.lives_with(&mut call).await?;
    seen(format!("481 to {}", codes.join(", ")))
}

fn cancel_of(line: &Line, dialog: &crate::phone::Dialog, branch: &str) -> String {
    let request = line.request("CANCEL", &dialog.call_id, "", "");
    let own = request.split("branch=").nth(1).and_then(|b| b.split("\r\n").next()).unwrap_or_default().to_owned();
    request.replacen(&own, branch, 1)
}

async fn cancel_other_branch() -> Outcome {
    let mut line = Line::up().await?;
    let dialog = line.ring("", OFFER).await?;
    let cancel = cancel_of(&line, &dialog, "z9hG4bK-another");
    let answer = line.ask(&cancel).await?;
    ensure!(answer.status() == Some(481), "{}", answer.start);
    let state = line.phone.supervisor.call_info(dialog.id).map(|c| c.state);
    ensure!(state == Some(CallState::Ringing), "the call is {state:?}");
    line.lives().await?;
    seen("481, rings on")
}

async fn cancel() -> Outcome {
    let mut line = Line::up().await?;
    let dialog = line.ring("", OFFER).await?;
    let cancel = cancel_of(&line, &dialog, &dialog.branch);
    line.peer.text(&cancel).await;
    let id = dialog.call_id.clone();
    let mut codes = BTreeSet::new();
    while codes.len() < 2 {
        let m = line.peer.expect("200 and 487", |m| m.header("Call-ID") == id && m.status().is_some_and(|s| s >= 200)).await?;
        codes.insert((m.header("CSeq").split(' ').nth(1).unwrap_or_default().to_owned(), m.status().unwrap_or_default()));
    }
    ensure!(codes == BTreeSet::from([("CANCEL".into(), 200), ("INVITE".into(), 487)]), "{codes:?}");
    line.phone.wait(EventKind::Ended, 1, SOON).await?;
    line.lives().await?;
    ensure!(line.phone.count(EventKind::Ended) == 1, "ended more than once");
    seen("200 and 487")
}

async fn late_cancel() -> Outcome {
    let mut line = Line::up().await?;
    let mut dialog = line.ring("", OFFER).await?;
    line.answer(&mut dialog).await?;
    let cancel = cancel_of(&line, &dialog, &dialog.branch);
    let answer = line.ask(&cancel).await?;
    let ack = line.inside(&mut dialog, "ACK", "", "");
    line.peer.text(ack).await;
    line.phone.wait(EventKind::Answered, 1, SOON).await?;
    line.lives_with(&mut dialog).await?;
    seen(format!("CANCEL got {}, the call stays", answer.status().unwrap_or_default()))
}

async fn forged_bye() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    for forge_from in [true, false] {
        let mut forged = call.clone();
        if forge_from {
            forged.from_tag = "forged".into();
        } else {
            forged.to_tag = "forged".into();
        }
        let bye = line.inside_with(&forged, 50, "BYE", "", "");
        let answer = line.ask(&bye).await?;
        ensure!(answer.status() == Some(481), "{}", answer.start);
    }
    line.lives_with(&mut call).await?;
    seen("481, the call stays")
}

async fn lower_cseq() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    call.cseq = 20;
    line.lives_with(&mut call).await?;
    let late = line.inside_with(&call, 5, "BYE", "", "");
    let answer = line.ask(&late).await?;
    ensure!(answer.status() == Some(500), "{}", answer.start);
    line.lives_with(&mut call).await?;
    seen("500, the call stays")
}

async fn copies() -> Outcome {
    let mut line = Line::up().await?;
    let call_id = format!("copies-{}", fresh());
    let invite = line.invite(&call_id, "", OFFER);
    for _ in 0..20 {
        line.peer.text(&invite).await;
    }
    let said = line.said().await?;
    let tags: BTreeSet<String> = said.iter().filter(|m| m.status().is_some_and(|s| s > 100)).map(Sip::to_tag).collect();
    ensure!(tags.len() == 1, "To tags {tags:?}");
    let calls = line.phone.supervisor.calls().len();
    ensure!(calls == 1 && line.phone.count(EventKind::IncomingCall) == 1, "{calls} calls");
    seen("one call, one tag")
}

async fn merged() -> Outcome {
    let mut line = Line::up().await?;
    let call_id = format!("merged-{}", fresh());
    let invite = line.invite(&call_id, "", OFFER);
    line.peer.text(&invite).await;
    line.peer.expect("180", |m| m.status() == Some(180)).await?;
    let branch = invite.split("branch=").nth(1).and_then(|b| b.split("\r\n").next()).unwrap_or_default();
    let other = invite.replacen(branch, "z9hG4bK-other-way", 1);
    let answer = line.ask(&other).await?;
    ensure!(answer.status() == Some(482), "{}", answer.start);
    ensure!(line.phone.supervisor.calls().len() == 1, "another call");
    line.lives().await?;
    seen("482")
}

async fn second_invite() -> Outcome {
    let mut line = Line::up().await?;
    let first = line.ring("", OFFER).await?;
    let second = line.invite(&format!("second-{}", fresh()), "", OFFER);
    let answer = line.ask(&second).await?;
    ensure!(answer.status() == Some(486), "{}", answer.start);
    let state = line.phone.supervisor.call_info(first.id).map(|c| c.state);
    ensure!(state == Some(CallState::Ringing), "the first is {state:?}");
    line.lives().await?;
    seen("486, the first rings on")
}

async fn early_reinvite() -> Outcome {
    let mut line = Line::up().await?;
    let mut dialog = line.ring("", OFFER).await?;
    let again = line.inside(&mut dialog, "INVITE", "Content-Type: application/sdp\r\n", OFFER);
    let answer = line.ask(&again).await?;
    ensure!(matches!(answer.status(), Some(500 | 491)), "{}", answer.start);
    let state = line.phone.supervisor.call_info(dialog.id).map(|c| c.state);
    ensure!(state == Some(CallState::Ringing), "the call is {state:?}");
    line.lives().await?;
    seen(answer.start)
}

/// The answer that fits an offer of the client: its own lines with the roles turned.
pub(crate) fn answer_to(offer: &str) -> String {
    let _ = offer;
    OFFER.replace("a=setup:actpass", "a=setup:passive").replace("a=sendrecv", "a=recvonly")
}

async fn glare_seen() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    drop(line.phone.supervisor.hold(call.id));
    let ours = line.peer.expect("re-INVITE", |m| m.is_request("INVITE")).await?;
    let theirs = line.inside(&mut call, "INVITE", "Content-Type: application/sdp\r\n", OFFER);
    let answer = line.ask(&theirs).await?;
    ensure!(answer.status() == Some(491), "{}", answer.start);
    let body = answer_to(&ours.body);
    accept(&mut line, &ours, &body).await;
    line.phone.wait(EventKind::Hold, 1, SOON).await?;
    line.lives_with(&mut call).await?;
    seen("491, ours went on: hold")
}

/// 200 with an answer to an INVITE of the client's.
async fn accept(line: &mut Line, invite: &Sip, body: &str) {
    let ok = invite.response("200 OK", "Contact: <sip:hostile.test;transport=ws>\r\nContent-Type: application/sdp\r\n");
    let ok = ok.replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    line.peer.text(ok).await;
}

/// A call that the client places; the scripted server answers it.
async fn placed(line: &mut Line) -> Result<crate::phone::Dialog, String> {
    drop(line.phone.supervisor.call("2002"));
    let invite = line.peer.expect("INVITE", |m| m.is_request("INVITE")).await?;
    accept(line, &invite, &OFFER.replace("a=setup:actpass", "a=setup:passive")).await;
    line.peer.expect("ACK", |m| m.is_request("ACK")).await?;
    let event = line.phone.wait(EventKind::Answered, 1, SOON).await?;
    let their_tag = invite.header("From").split(";tag=").nth(1).unwrap_or_default().to_owned();
    Ok(crate::phone::Dialog {
        call_id: invite.header("Call-ID").to_owned(),
        from_tag: "server".into(),
        to_tag: their_tag,
        branch: String::new(),
        cseq: 1,
        id: event.call.ok_or("answered without a call")?,
        answer: String::new(),
    })
}

async fn glare_retry(ours: bool) -> Outcome {
    let mut line = Line::up().await?;
    let mut call = if ours { placed(&mut line).await? } else { line.call_up().await? };
    drop(line.phone.supervisor.hold(call.id));
    let first = line.peer.expect("re-INVITE", |m| m.is_request("INVITE")).await?;
    line.peer.text(first.response("491 Request Pending", "")).await;
    let began = Instant::now();
    let second = line.peer.expect("re-INVITE again", |m| m.is_request("INVITE") && m.cseq() > first.cseq()).await?;
    let waited = began.elapsed();
    let (least, most) = if ours { (2.0, 4.0) } else { (0.0, 2.0) };
    // The upper bound is generous: a loaded machine is no fault of the client.
    ensure!(waited.as_secs_f64() >= least && waited.as_secs_f64() <= most + 5.0, "after {waited:?}");
    let body = answer_to(&second.body);
    accept(&mut line, &second, &body).await;
    line.phone.wait(EventKind::Hold, 1, SOON).await?;
    line.lives_with(&mut call).await?;
    figure("sent again, hold", ms(waited))
}

async fn glare_rolled_back() -> Outcome {
    let mut line = Line::up().await?;
    let mut call = placed(&mut line).await?;
    drop(line.phone.supervisor.hold(call.id));
    let first = line.peer.expect("re-INVITE", |m| m.is_request("INVITE")).await?;
    line.peer.text(first.response("491 Request Pending", "")).await;
    line.peer.expect_within("ACK", SOON, |m| m.is_request("ACK")).await?;
    // The far side's turn comes first (RFC 3261 14.1: it waits less).
    let theirs =
        line.inside(&mut call, "INVITE", "Content-Type: application/sdp\r\n", &OFFER.replace("a=setup:actpass", "a=setup:passive"));
    let answer = line.ask(&theirs).await?;
    ensure!(answer.status() == Some(200), "their offer got {}", answer.start);
    let ack = line.inside(&mut call, "ACK", "", "");
    line.peer.text(ack).await;
    let second = line.peer.expect("ours again", |m| m.is_request("INVITE")).await?;
    ensure!(second.body.contains("a=sendonly"), "the hold was forgotten: {}", second.body);
    let body = answer_to(&second.body);
    accept(&mut line, &second, &body).await;
    line.phone.wait(EventKind::Hold, 1, SOON).await?;
    line.lives_with(&mut call).await?;
    seen("theirs 200, then ours: hold")
}

async fn never_acknowledged() -> Outcome {
    let mut line = Line::up().await?;
    let mut dialog = line.ring("", OFFER).await?;
    line.answer(&mut dialog).await?;
    let began = Instant::now();
    let mut repeats = Vec::new();
    let id = dialog.call_id.clone();
    loop {
        let m = line.peer.expect_within("200 or BYE", Duration::from_secs(60), |m| m.header("Call-ID") == id).await?;
        if m.is_request("BYE") {
            line.peer.text(m.response("200 OK", "")).await;
            break;
        }
        if m.status() == Some(200) {
            repeats.push(began.elapsed().as_secs_f64());
        }
    }
    let ended = began.elapsed().as_secs_f64();
    ensure!((8..=12).contains(&repeats.len()), "repeated at {repeats:.1?}");
    ensure!(ended >= 31.0, "BYE after {ended:.1} s");
    ensure!(line.phone.count(EventKind::Answered) == 0, "answered without ACK");
    line.lives().await?;
    figure(format!("{} repeats, BYE", repeats.len()), format!("BYE at {ended:.1} s"))
}

async fn refer() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let refer = line.inside(&mut call, "REFER", "Refer-To: <sip:900123456@hostile.test>\r\n", "");
    let answer = line.ask(&refer).await?;
    let outside = line.request("REFER", &format!("refer-{}", fresh()), "Refer-To: <sip:900123456@hostile.test>\r\n", "");
    let other = line.ask(&outside).await?;
    let said = line.said().await?;
    ensure!(said.iter().all(|m| !m.is_request("INVITE")), "it dials");
    ensure!(line.phone.supervisor.calls().len() == 1, "another call");
    line.lives_with(&mut call).await?;
    seen(format!("{} inside, {} outside", answer.status().unwrap_or_default(), other.status().unwrap_or_default()))
}

async fn replaces() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let header = format!("Replaces: {};to-tag={};from-tag={}\r\n", call.call_id, call.to_tag, call.from_tag);
    let invite = line.invite(&format!("replaces-{}", fresh()), &header, OFFER);
    let answer = line.ask(&invite).await?;
    ensure!(answer.status().is_some_and(|s| s >= 400), "{}", answer.start);
    line.lives_with(&mut call).await?;
    seen(format!("{}, the call stays", answer.status().unwrap_or_default()))
}

async fn notify() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let xml = format!("<?xml version=\"1.0\"?>{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let notify = line.request("NOTIFY", &format!("notify-{}", fresh()), "Event: presence\r\nContent-Type: application/pidf+xml\r\n", &xml);
    let answer = line.ask(&notify).await?;
    ensure!(matches!(answer.status(), Some(481 | 489 | 405)), "{}", answer.start);
    line.lives_with(&mut call).await?;
    seen(answer.start)
}

async fn invite_flood() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let before = resident_kib();
    let began = Instant::now();
    let tag = format!("flood-{}-", fresh());
    for n in 0..400 {
        let invite = line.invite(&format!("{tag}{n}"), "", OFFER);
        line.peer.text(&invite).await;
    }
    let mut answered = BTreeSet::new();
    while answered.len() < 399 {
        let m = line.peer.expect("answers", |m| m.header("Call-ID").starts_with(&tag) && m.status().is_some_and(|s| s > 100)).await?;
        answered.insert(m.header("Call-ID").to_owned());
    }
    let took = began.elapsed();
    ensure!(took <= SOON, "answered after {took:?}");
    let grown = resident_kib().saturating_sub(before);
    ensure!(grown <= 64 << 10, "memory grew by {grown} KiB");
    line.lives_with(&mut call).await?;
    figure("each answered", format!("{}, +{grown} KiB", ms(took)))
}

async fn stray_responses() -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    for n in 0..2000 {
        line.peer
            .text(format!("SIP/2.0 200 OK\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKstray{n}\r\nFrom: <sip:1001@hostile.test>;tag=a\r\nTo: <sip:2@hostile.test>;tag=b{n}\r\nCall-ID: stray-{n}\r\nCSeq: 1 INVITE\r\nContact: <sip:hostile.test>\r\nContent-Length: 0\r\n\r\n"))
            .await;
    }
    let said = line.said().await?;
    ensure!(said.is_empty(), "{:?}", said[0].start);
    line.lives_with(&mut call).await?;
    seen("no ACK")
}

async fn record_routes() -> Outcome {
    let mut line = Line::up().await?;
    let call_id = format!("routes-{}", fresh());
    let routes: String = (0..300).map(|n| format!("Record-Route: <sip:proxy{n}.hostile.test;lr>\r\n")).collect();
    let invite = line.invite(&call_id, &routes, OFFER);
    line.peer.text(&invite).await;
    let m = line.peer.expect("answer", |m| m.header("Call-ID") == call_id && m.status().is_some_and(|s| s > 100)).await?;
    if m.status() == Some(180) {
        let echoed = m.headers.iter().filter(|(n, _)| n == "Record-Route").count();
        ensure!(echoed == 300, "{echoed} of 300 echoed");
    }
    line.lives().await?;
    seen(m.start)
}

async fn reliable() -> Outcome {
    let mut line = Line::up().await?;
    let call_id = format!("100rel-{}", fresh());
    let invite = line.invite(&call_id, "Require: 100rel\r\n", OFFER);
    line.peer.text(&invite).await;
    let m = line.peer.expect("answer", |m| m.header("Call-ID") == call_id && m.status().is_some_and(|s| s > 100)).await?;
    match m.status() {
        Some(420) => ensure!(m.header("Unsupported").contains("100rel"), "420 without Unsupported"),
        Some(101..=199) => ensure!(!m.header("RSeq").is_empty(), "{} without RSeq", m.start),
        _ => return Err(m.start),
    }
    line.lives().await?;
    seen(m.start)
}

async fn floods() -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::at(&server)?;
    drop(phone.supervisor.login(USER, PASSWORD));
    let mut peer = server.peer().await?;
    let register = let_in(&mut peer, "10").await?;
    phone.wait(EventKind::Login, 1, SOON).await?;
    let contact = register.header("Contact").trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
    let mut line = Line { server, peer, phone, contact };
    let (began, mut sent, mut answered, mut refreshed) = (Instant::now(), 0, 0, 0);
    while began.elapsed() < Duration::from_secs(14) && refreshed == 0 {
        for _ in 0..100 {
            let method = if sent % 2 == 0 { "OPTIONS" } else { "MESSAGE" };
            let request = line.request(method, &format!("flood-{}", fresh()), "", "");
            line.peer.text(&request).await;
            sent += 1;
        }
        for m in line.said().await? {
            if m.is_request("REGISTER") {
                refreshed += 1;
                let ok = crate::phone::registered(&m, "300");
                line.peer.text(ok).await;
            } else if m.status().is_some() {
                answered += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(refreshed > 0, "no refresh within 14 s of a grant of 10 s");
    ensure!(answered == sent, "{answered} answers to {sent} requests");
    ensure!(line.phone.count(EventKind::Logout) == 0, "it lost its registration");
    figure("all answered, refreshed", format!("{sent} requests"))
}
