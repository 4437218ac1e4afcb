//! Group 7: ICE, STUN, DTLS, SRTP. What is injected comes from the pair that the client has
//! validated, unless a case says "a stranger".

use crate::case::{Case, Outcome, cpu_seconds, figure, resident_kib, seen};
use crate::ensure;
use crate::g3_syntax::numbers;
use crate::media::{MediaCall, Twist, ring};
use crate::phone::ms;
use crate::server::SOON;
use monipy_core::media::MediaTransport;
use monipy_core::{Codec, EventKind};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

pub(crate) fn cases(all: &mut Vec<Case>) {
    all.push(Case::new("58", "a certificate with another fingerprint", "mediaFailed within 5 s, not a frame decoded", wrong_fingerprint));
    all.push(Case::new(
        "59",
        "STUN of a stranger: no, bad MESSAGE-INTEGRITY, wrong user",
        "dropped in silence, the pair is unchanged",
        strange_stun,
    ));
    all.push(Case::new("60a", "STUN with lengths that lie, short ERROR-CODE, unknown attributes", "survived, sound goes on", lying_stun));
    all.push(Case::new("60b", "10,000 STUN requests in a second from a stranger", "sound goes on", stun_flood).alone());
    all.push(Case::new("61a", "a second ClientHello", "dropped, the connection stands", second_hello));
    all.push(Case::new("61b", "DTLS and media of a stranger", "dropped, sound goes on", stranger));
    all.push(Case::new("62a", "DTLS fragments that never end, 1,000 records", "survived, sound goes on", fragments));
    all.push(Case::new("62b", "a plain fatal alert", "dropped, sound goes on", alert));
    all.push(Case::new("62c", "close_notify in the call", "ended once", close_notify));
    all.push(Case::new(
        "62d",
        "close_notify, and a BYE with a reason soon after",
        "ended once, with the reason of the BYE",
        close_notify_and_bye,
    ));
    all.push(Case::new("62e", "BYE while the DTLS handshake is under way", "answered, then ended once; no stream", bye_in_handshake));
    all.push(Case::new("63", "plain RTP in an SRTP session", "not one packet taken", plain_rtp));
    all.push(Case::new("64", "one SRTP packet 1,000 times", "taken once", replay));
    all.push(Case::new("65", "SRTP below 12 octets and a tag, SRTCP of 1 to 40 octets", "dropped, sound goes on", short_packets));
    all.push(Case::new("66", "SRTCP BYE with the E bit clear", "dropped, the call lives", plain_bye));
    all.push(Case::new("67", "300,000 forged SSRCs", "memory bounded (+8 MiB at most; an unguarded stack: +60)", forged_ssrcs).alone());
    all.push(Case::new("69a", "consent lost", "ICE restart by re-INVITE, the sound is back", consent_lost));
    all.push(Case::new("69b", "consent lost, and the restart refused", "mediaFailed once, hangup once", consent_lost_for_good));
}

async fn wrong_fingerprint() -> Outcome {
    let rung = ring(&[Codec::Pcmu], Twist::WrongFingerprint).await?;
    let began = Instant::now();
    rung.line.phone.wait(EventKind::MediaFailed, 1, SOON).await?;
    let took = began.elapsed();
    ensure!(rung.line.phone.count(EventKind::CallStream) == 0, "callStream was told");
    let ended = rung.line.phone.events().iter().filter(|e| matches!(e.kind, EventKind::Hangup | EventKind::Ended)).count();
    let heard = rung.line.phone.supervisor.call_stats(rung.dialog.id).map_or(0, |s| s.packets_received);
    ensure!(heard == 0 && ended <= 1, "{heard} packets taken, {ended} ends");
    drop((rung.peer, rung.ends, rung.relay));
    figure("mediaFailed, no stream", ms(took))
}

/// A STUN message.
fn stun(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend((value.len() as u16).to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = kind.to_be_bytes().to_vec();
    message.extend((body.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42]);
    message.extend([7; 12]);
    message.extend(body);
    message
}

/// The USERNAME of the checks that the client takes.
fn user(call: &MediaCall) -> Result<Vec<u8>, String> {
    let check = call.relay.seen(false, 0..=1).into_iter().find(|d| d.get(..2) == Some(&[0, 1])).ok_or("no check was seen")?;
    let at = check.windows(2).position(|w| w == [0, 6]).ok_or("a check without USERNAME")?;
    let length = usize::from(check[at + 3]);
    Ok(check[at + 4..at + 4 + length].to_vec())
}

async fn a_stranger() -> Result<UdpSocket, String> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|e| e.to_string())
}

async fn strange_stun() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    let (client, name) = (call.relay.client()?, user(&call)?);
    let stranger = a_stranger().await?;
    for request in [
        stun(1, &[(6, &name)]),
        stun(1, &[(6, &name), (8, &[9; 20])]),
        stun(1, &[(6, b"other:user"), (8, &[9; 20])]),
        stun(1, &[(6, &name), (0x25, &[]), (8, &[9; 20])]),
        stun(0x101, &[(0x20, &[0, 1, 1, 2, 3, 4, 5, 6])]),
        stun(0x11, &[]),
    ] {
        stranger.send_to(&request, client).await.map_err(|e| e.to_string())?;
    }
    call.lives().await?;
    let mut answer = [0; 600];
    let got = stranger.try_recv_from(&mut answer);
    if let Ok((n, _)) = got {
        // An error that tells nothing is as good as silence (RFC 8489 9.1.3); a success is not.
        ensure!(answer[..n].get(..2) == Some(&[1, 0x11]), "the stranger got {:?}", &answer[..n.min(20)]);
        return seen("an error response, sound goes on");
    }
    seen("silence, sound goes on")
}

async fn lying_stun() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    let name = user(&call)?;
    let whole = stun(1, &[(6, &name), (8, &[9; 20])]);
    let mut all: Vec<Vec<u8>> = (0..whole.len()).map(|n| whole[..n].to_vec()).collect();
    for length in [1_u16, 3, 0xfffc, 0xffff] {
        let mut lying = whole.clone();
        lying[2..4].copy_from_slice(&length.to_be_bytes());
        all.push(lying.clone());
        lying[2..4].copy_from_slice(&whole[2..4]);
        lying[22..24].copy_from_slice(&length.to_be_bytes());
        all.push(lying);
    }
    all.push(stun(0x111, &[(9, &[0, 0])]));
    all.push(stun(0x111, &[(9, &[])]));
    all.push(stun(1, &[(6, &name), (0x7f01, &[1, 2, 3, 4]), (8, &[9; 20])]));
    let mut next = numbers(0x57_0e);
    for _ in 0..500 {
        let mut random = whole.clone();
        for _ in 0..4 {
            let at = (next() % random.len() as u64) as usize;
            random[at] = next() as u8;
        }
        all.push(random);
    }
    for datagram in &all {
        call.relay.inject(datagram).await?;
    }
    call.lives().await?;
    figure("sound goes on", format!("{} datagrams", all.len()))
}

async fn stun_flood() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    let (client, name) = (call.relay.client()?, user(&call)?);
    let stranger = a_stranger().await?;
    let request = stun(1, &[(6, &name), (8, &[9; 20])]);
    let (began, cpu) = (Instant::now(), cpu_seconds());
    for n in 0..10_000 {
        let _ = stranger.send_to(&request, client).await;
        if n % 200 == 0 {
            call.say();
            tokio::time::sleep_until((began + Duration::from_millis(n / 10)).into()).await;
        }
    }
    let (took, spent) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    call.lives().await?;
    figure("sound goes on", format!("{:.0} % of a core", 100.0 * spent / took))
}

async fn second_hello() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    let flights: Vec<Vec<u8>> = [true, false].into_iter().flat_map(|of| call.relay.seen(of, 20..=63)).collect();
    ensure!(flights.iter().any(|d| d.get(13) == Some(&1)), "no ClientHello was seen");
    for datagram in &flights {
        call.relay.inject(datagram).await?;
    }
    call.lives().await?;
    figure("the connection stands", format!("{} flights again", flights.len()))
}

async fn stranger() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    let client = call.relay.client()?;
    let stranger = a_stranger().await?;
    let mut sent = 0;
    for datagram in [call.relay.seen(false, 20..=63), call.relay.seen(true, 20..=63), call.relay.seen(false, 128..=191)].concat() {
        stranger.send_to(&datagram, client).await.map_err(|e| e.to_string())?;
        sent += 1;
    }
    for first in 0..=255_u8 {
        stranger.send_to(&[first; 40], client).await.map_err(|e| e.to_string())?;
        stranger.send_to(&[first], client).await.map_err(|e| e.to_string())?;
    }
    call.lives().await?;
    figure("sound goes on", format!("{} datagrams", sent + 512))
}

/// A DTLS record.
fn record(kind: u8, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend(&sequence.to_be_bytes()[2..]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

async fn fragments() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    for n in 0..1000_u64 {
        // A certificate of 16 MB of which a few octets come, again and again.
        let mut fragment = vec![11, 0xff, 0xff, 0xff];
        fragment.extend((n as u16).to_be_bytes());
        fragment.extend([0, 0, n as u8, 0, 0, 16]);
        fragment.extend([0xaa; 16]);
        call.relay.inject(&record(22, (n % 3) as u16, 1000 + n, &fragment)).await?;
    }
    // Records whose length lies, and oversized ones.
    call.relay.inject(&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 1]).await?;
    call.relay.inject(&record(22, 0, 5000, &[1; 1400])).await?;
    call.lives().await?;
    seen("sound goes on")
}

async fn alert() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    for description in 0..=120 {
        call.relay.inject(&record(21, 0, 6000 + u64::from(description), &[2, description])).await?;
        call.relay.inject(&record(21, 1, 6000 + u64::from(description), &[2, description])).await?;
    }
    call.lives().await?;
    seen("sound goes on")
}

async fn close_notify() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    let began = Instant::now();
    call.peer.close().await;
    call.line.phone.wait(EventKind::Ended, 1, SOON).await?;
    let took = began.elapsed();
    call.line.lives().await?;
    ensure!(call.line.phone.count(EventKind::Ended) == 1, "ended more than once");
    figure("ended", ms(took))
}

const REASON: &str = "Q.850;cause=16;text=\"Normal call clearing\"";

/// One `ended` with the reason of the BYE, no `hangup` and no `mediaFailed`.
fn ended_as_said(phone: &crate::phone::Phone) -> Result<(), String> {
    let events = phone.events();
    let ends: Vec<_> = events.iter().filter(|e| matches!(e.kind, EventKind::Ended | EventKind::Hangup)).collect();
    let [end] = ends.as_slice() else { return Err(format!("{} ends", ends.len())) };
    ensure!(end.kind == EventKind::Ended && end.code == 200, "{} {}", end.name(), end.code);
    ensure!(end.reason() == Some(REASON), "the reason is {:?}", end.reason());
    ensure!(phone.count(EventKind::MediaFailed) == 0, "mediaFailed was told");
    Ok(())
}

async fn close_notify_and_bye() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    call.peer.close().await;
    let bye = call.line.inside(&mut call.dialog, "BYE", &format!("Reason: {REASON}\r\n"), "");
    let answer = call.line.ask(&bye).await?;
    ensure!(answer.status() == Some(200), "BYE got {}", answer.start);
    call.line.phone.wait(EventKind::Ended, 1, SOON).await?;
    call.line.lives().await?;
    ended_as_said(&call.line.phone)?;
    seen("ended once, in the far side's words")
}

async fn bye_in_handshake() -> Outcome {
    let mut rung = ring(&[Codec::Pcmu], Twist::EndlessHandshake).await?;
    rung.line.phone.wait(EventKind::Answered, 1, SOON).await?;
    let began = Instant::now();
    while rung.relay.seen(true, 22..=22).is_empty() {
        ensure!(began.elapsed() < SOON, "the client sends no ClientHello");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let bye = rung.line.inside(&mut rung.dialog, "BYE", &format!("Reason: {REASON}\r\n"), "");
    let answer = rung.line.ask(&bye).await?;
    ensure!(answer.status() == Some(200), "BYE got {}", answer.start);
    rung.line.phone.wait(EventKind::Ended, 1, SOON).await?;
    rung.peer.close().await;
    rung.line.lives().await?;
    ended_as_said(&rung.line.phone)?;
    ensure!(rung.line.phone.count(EventKind::CallStream) == 0, "callStream was told");
    seen("ended once, no stream")
}

/// The SSRC of the peer's stream.
fn ssrc(call: &MediaCall) -> Result<[u8; 4], String> {
    let packets = call.relay.seen(false, 128..=191);
    let packet = packets.iter().find(|d| !matches!(d.get(1), Some(192..=223))).ok_or("no RTP was seen")?;
    packet.get(8..12).and_then(|s| s.try_into().ok()).ok_or_else(|| "a short packet".into())
}

async fn plain_rtp() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    let (ssrc, before) = (ssrc(&call)?, call.settled().await);
    for n in 0..500_u16 {
        let mut packet = vec![0x80, call.payload_type()];
        packet.extend(call.sequence.wrapping_add(n).to_be_bytes());
        packet.extend((call.timestamp + u32::from(n) * 160).to_be_bytes());
        packet.extend(ssrc);
        packet.extend([0x55; 160]);
        call.relay.inject(&packet).await?;
    }
    let after = call.settled().await;
    ensure!(after == before, "{} packets were taken", after - before);
    call.lives().await?;
    seen("none taken, sound goes on")
}

async fn replay() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    let before = call.settled().await;
    let packet = call.relay.seen(false, 128..=191).pop().ok_or("no SRTP was seen")?;
    for _ in 0..1000 {
        call.relay.inject(&packet).await?;
    }
    let after = call.settled().await;
    ensure!(after == before, "{} copies were taken", after - before);
    call.lives().await?;
    seen("taken once, sound goes on")
}

async fn short_packets() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    let packet = call.relay.seen(false, 128..=191).pop().ok_or("no SRTP was seen")?;
    for n in 1..packet.len() {
        call.relay.inject(&packet[..n]).await?;
    }
    for n in 1..=40 {
        let mut rtcp = vec![0x81, 203, 0, 1];
        rtcp.extend(ssrc(&call)?);
        rtcp.resize(40, 0xff);
        call.relay.inject(&rtcp[..n]).await?;
    }
    call.lives().await?;
    seen("sound goes on")
}

async fn plain_bye() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    for index in [1_u32, 2, 1000, 0x7fff_ffff] {
        for tag in [10, 16, 4] {
            let mut bye = vec![0x81, 203, 0, 1];
            bye.extend(ssrc(&call)?);
            bye.extend(index.to_be_bytes());
            bye.extend(vec![0x5a; tag]);
            call.relay.inject(&bye).await?;
        }
    }
    call.lives().await?;
    seen("the call lives")
}

async fn forged_ssrcs() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    let before = resident_kib();
    let began = Instant::now();
    for n in 0..300_000_u32 {
        let mut packet = vec![0x80, call.payload_type(), 0, 1, 0, 0, 0, 0];
        packet.extend((n.wrapping_mul(2_654_435_761)).to_be_bytes());
        packet.extend([0; 40]);
        call.relay.inject(&packet).await?;
    }
    let took = began.elapsed();
    call.lives().await?;
    let grown = resident_kib().saturating_sub(before);
    ensure!(grown <= 8 << 10, "memory grew by {grown} KiB");
    figure(format!("sound goes on, {:.1} s", took.as_secs_f64()), format!("+{grown} KiB"))
}

async fn consent_lost() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    call.relay.cut();
    let began = Instant::now();
    let offer = call.line.peer.expect_within("re-INVITE", Duration::from_secs(60), |m| m.is_request("INVITE")).await?;
    let noticed = began.elapsed();
    let ufrag = |sdp: &str| sdp.lines().find(|l| l.starts_with("a=ice-ufrag:")).map(str::to_owned);
    ensure!(ufrag(&offer.body) != ufrag(&call.dialog.answer), "the same ICE credentials");
    let answer = call.answer_fresh(&offer.body).await?;
    let ok = offer.response("200 OK", "Contact: <sip:hostile.test;transport=ws>\r\nContent-Type: application/sdp\r\n");
    let ok = ok.replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{answer}", answer.len()));
    call.line.peer.text(ok).await;
    call.heard(Duration::from_secs(30)).await?;
    let back = began.elapsed();
    let mut dialog = call.dialog.clone();
    call.line.lives_with(&mut dialog).await?;
    ensure!(call.line.phone.count(EventKind::MediaFailed) == 0, "mediaFailed was told");
    figure(format!("re-INVITE after {:.1} s", noticed.as_secs_f64()), format!("sound after {:.1} s", back.as_secs_f64()))
}

async fn consent_lost_for_good() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    call.relay.cut();
    let began = Instant::now();
    let mut offers = 0;
    loop {
        let m = call
            .line
            .peer
            .expect_within("re-INVITE or BYE", Duration::from_secs(90), |m| m.is_request("INVITE") || m.is_request("BYE"))
            .await?;
        if m.is_request("BYE") {
            call.line.peer.text(m.response("200 OK", "")).await;
            break;
        }
        offers += 1;
        ensure!(offers <= 5, "{offers} offers");
        call.line.peer.text(m.response("488 Not Acceptable Here", "")).await;
    }
    let took = began.elapsed();
    call.line.phone.wait(EventKind::Hangup, 1, SOON).await?;
    call.line.lives().await?;
    let failed = call.line.phone.count(EventKind::MediaFailed);
    ensure!(failed == 1 && call.line.phone.count(EventKind::Hangup) == 1, "mediaFailed {failed} times");
    figure(format!("{offers} offers, mediaFailed, BYE"), format!("{:.1} s", took.as_secs_f64()))
}
