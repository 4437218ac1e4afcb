//! Group 6: session descriptions, in the first offer and in later ones.

use crate::case::{Case, Outcome, figure, seen};
use crate::ensure;
use crate::phone::{Line, fresh, ms};
use crate::sip::{OFFER, Sip};
use std::time::Instant;

type Edit = Box<dyn Fn() -> String + Send + Sync>;

fn replace(from: &'static str, to: &'static str) -> Edit {
    Box::new(move || {
        assert!(OFFER.contains(from), "nothing to edit: {from:?}");
        OFFER.replace(from, to)
    })
}

fn without(line: &'static str) -> Edit {
    Box::new(move || OFFER.split_inclusive("\r\n").filter(|l| !l.starts_with(line)).collect())
}

fn repeated(what: &'static str, count: usize) -> Edit {
    Box::new(move || format!("{OFFER}{}", what.repeat(count)))
}

const FINGERPRINT: &str =
    "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";

pub(crate) fn cases(all: &mut Vec<Case>) {
    let mut refused = |id, what, edit: Edit| {
        let edit = std::sync::Arc::new(edit);
        all.push(Case::new(id, what, "488, also in a re-INVITE; the call stays", move || rejected(edit())));
    };
    refused("54a", "RTP/AVP without DTLS", replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"));
    refused(
        "54b",
        "SDES keys",
        Box::new(|| {
            OFFER
                .replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF")
                .replace(FINGERPRINT, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")
        }),
    );
    refused("54c", "no fingerprint", without("a=fingerprint"));
    refused("54d", "a fingerprint of md5", replace("fingerprint:sha-256", "fingerprint:md5"));
    refused("54e", "a short fingerprint", replace(FINGERPRINT, "a=fingerprint:sha-256 00:01:02"));
    refused("54f", "a fingerprint that is no hexadecimal", replace("1E:1F", "XX:YY"));
    refused("54g", "no ice-ufrag", without("a=ice-ufrag"));
    refused("54h", "an ice-pwd below 22 characters", replace("0123456789abcdef01234567", "short"));
    refused(
        "54i",
        "no common codec",
        Box::new(|| {
            OFFER
                .replace(" 111 0 126", " 96")
                .replace("a=rtpmap:111 opus/48000/2", "a=rtpmap:96 G729/8000")
                .replace("a=rtpmap:0 PCMU/8000\r\n", "")
                .replace("a=rtpmap:126 telephone-event/48000\r\n", "")
        }),
    );
    refused("54j", "garbage", Box::new(|| "\u{1}\u{2}this is no SDP\r\n\r\n=\r\n".into()));
    refused("54k", "no v=", without("v="));
    refused("54l", "no o=", without("o="));
    refused("55a", "a payload type of -1", Box::new(|| OFFER.replace(" 111 0 126", " -1").replace("a=rtpmap:111", "a=rtpmap:-1")));
    refused("55b", "a payload type of 300", Box::new(|| OFFER.replace(" 111 0 126", " 300").replace("a=rtpmap:111", "a=rtpmap:300")));
    refused(
        "55c",
        "a payload type of 2^32",
        Box::new(|| OFFER.replace(" 111 0 126", " 4294967296").replace("a=rtpmap:111", "a=rtpmap:4294967296")),
    );
    refused(
        "55d",
        "a dynamic payload type without rtpmap",
        Box::new(|| OFFER.replace(" 111 0 126", " 111").replace("a=rtpmap:111 opus/48000/2\r\n", "")),
    );
    refused("57a", "an ice-pwd of 10 kB", Box::new(|| OFFER.replace("0123456789abcdef01234567", &"p".repeat(10_000))));
    refused("57b", "an ice-ufrag of 10 kB", Box::new(|| OFFER.replace("ice-ufrag:x9cm", &format!("ice-ufrag:{}", "u".repeat(10_000)))));
    let mut either = |id, what, right, edit: Edit| {
        let edit = std::sync::Arc::new(edit);
        all.push(Case::new(id, what, right, move || refused_or_rings(edit())));
    };
    either("55e", "ptime of 0", "488, or ignored", repeated("a=ptime:0\r\n", 1));
    either("55f", "ptime of 2^32-1", "488, or ignored", repeated("a=ptime:4294967295\r\n", 1));
    either("55g", "1,000 m-lines", "488, or each rejected", repeated("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:x\r\n", 1000));
    either("55h", "NUL in a line", "488, or ignored", repeated("a=x:\0\r\n", 1));
    either("55i", "a line of 60 kB", "488, or ignored", Box::new(|| format!("{OFFER}a=x:{}\r\n", "y".repeat(60_000))));
    either("55j", "1,500 candidates", "64 at most are kept", repeated("a=candidate:2 1 udp 1 127.0.0.1 9 typ host\r\n", 1500));
    either("56e", "video only", "488, or port 0", Box::new(|| OFFER.replace("m=audio", "m=video")));
    all.push(Case::new("56a", "ISUP in place of SDP", "415", || body("application/isup", "\u{1}\0I", &[415])));
    all.push(Case::new("56b", "broken multipart", "415 or 400", || {
        body("multipart/mixed;boundary=x", "--x\r\nContent-Type: application/sdp\r\n", &[415, 400, 488])
    }));
    all.push(Case::new("56c", "an empty multipart", "415 or 400", || body("multipart/mixed;boundary=", "", &[415, 400, 488])));
    all.push(Case::new("56d", "no offer (late offer)", "488, or 200 with an offer and a fingerprint", late_offer));
    all.push(Case::new("56f", "sendonly", "answered with recvonly", send_only));
}

/// An offer that is refused at the door, and as a re-INVITE.
async fn rejected(offer: String) -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let invite = line.invite(&format!("sdp-{}", fresh()), "", &offer);
    let first = line.ask(&invite).await?;
    ensure!(first.status() == Some(488), "INVITE got {}", first.start);
    acknowledge(&mut line, &invite, &first).await;
    let again = line.inside(&mut call, "INVITE", "Content-Type: application/sdp\r\n", &offer);
    let second = line.ask(&again).await?;
    ensure!(second.status() == Some(488), "re-INVITE got {}", second.start);
    acknowledge(&mut line, &again, &second).await;
    line.lives_with(&mut call).await?;
    seen("488, 488 in a re-INVITE")
}

async fn acknowledge(line: &mut Line, invite: &str, response: &Sip) {
    let mut ack = invite.replace("INVITE sip", "ACK sip").replace(" INVITE\r\n", " ACK\r\n");
    if let Some((head, _)) = ack.split_once("\r\n\r\n") {
        let head: String = head.split("\r\n").filter(|l| !l.starts_with("Content-")).map(|l| format!("{l}\r\n")).collect();
        let to = format!("To: {}\r\n", response.header("To"));
        let head: String = head.split_inclusive("\r\n").map(|l| if l.starts_with("To:") { to.clone() } else { l.to_owned() }).collect();
        ack = format!("{head}Content-Length: 0\r\n\r\n");
    }
    line.peer.text(ack).await;
}

/// Refused, or it rings and can be answered; an answer then rejects what is not one audio line.
async fn refused_or_rings(offer: String) -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let call_id = format!("sdp-{}", fresh());
    let invite = line.invite(&call_id, "", &offer);
    let began = Instant::now();
    line.peer.text(&invite).await;
    let m = line.peer.expect("answer", |m| m.header("Call-ID") == call_id && m.status().is_some_and(|s| s > 100)).await?;
    let mut what = m.start.clone();
    if m.status() == Some(180) {
        let id = line.phone.supervisor.calls().last().map(|c| c.id).ok_or("no call")?;
        drop(line.phone.supervisor.answer(id));
        let last = line.peer.expect("final answer", |m| m.is_final(&call_id, "INVITE")).await?;
        what = last.start.clone();
        if last.status() == Some(200) {
            let wanted = offer.matches("\r\nm=").count();
            let lines: Vec<&str> = last.body.split("\r\n").filter(|l| l.starts_with("m=")).collect();
            ensure!(lines.len() == wanted, "{} of {wanted} m-lines answered", lines.len());
            let open = lines.iter().filter(|l| l.split(' ').nth(1) != Some("0")).count();
            ensure!(open <= 1, "{open} lines are open");
        } else {
            ensure!(last.status() == Some(488), "{}", last.start);
        }
    } else {
        ensure!(matches!(m.status(), Some(488 | 400)), "{}", m.start);
    }
    let took = began.elapsed();
    line.lives_with(&mut call).await?;
    figure(what, ms(took))
}

async fn body(content_type: &'static str, text: &'static str, allowed: &'static [u16]) -> Outcome {
    let (mut line, mut call) = Line::of_two().await?;
    let request = line.request("INVITE", &format!("body-{}", fresh()), &format!("Content-Type: {content_type}\r\n"), text);
    let answer = line.ask(&request).await?;
    ensure!(answer.status().is_some_and(|s| allowed.contains(&s)), "{}", answer.start);
    line.lives_with(&mut call).await?;
    seen(answer.start)
}

async fn late_offer() -> Outcome {
    let mut line = Line::up().await?;
    let call_id = format!("late-{}", fresh());
    let invite = line.request("INVITE", &call_id, "", "");
    line.peer.text(&invite).await;
    let m = line.peer.expect("answer", |m| m.header("Call-ID") == call_id && m.status().is_some_and(|s| s > 100)).await?;
    let mut what = m.start.clone();
    if m.status() == Some(180) {
        drop(line.phone.supervisor.answer(monipy_core::CallId::CURRENT));
        let last = line.peer.expect("final answer", |m| m.is_final(&call_id, "INVITE")).await?;
        ensure!(last.body.contains("a=fingerprint:sha-256 "), "no fingerprint: {}", last.body);
        what = format!("{} with an offer", last.start);
    }
    line.lives().await?;
    seen(what)
}

async fn send_only() -> Outcome {
    let mut line = Line::up().await?;
    let mut dialog = line.ring("", &OFFER.replace("a=sendrecv", "a=sendonly")).await?;
    line.answer(&mut dialog).await?;
    ensure!(dialog.answer.contains("a=recvonly"), "{}", dialog.answer);
    line.lives().await?;
    seen("recvonly")
}
