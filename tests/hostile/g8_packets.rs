//! Group 8: RTP and sound that lie. The packets are rightly encrypted: what is hostile is in them.

use crate::case::{Case, Outcome, figure, seen};
use crate::ensure;
use crate::g3_syntax::numbers;
use crate::media::MediaCall;
use crate::phone::ms;
use crate::server::SOON;
use monipy_core::{Codec, EventKind};
use std::time::Duration;

pub(crate) fn cases(all: &mut Vec<Case>) {
    all.push(Case::new("70a", "the sequence number wraps", "sound goes on", wraps));
    all.push(Case::new("70b", "the timestamp jumps by 2^31", "sound is back (200 ms)", timestamp_jumps));
    all.push(Case::new("70c", "the sequence number jumps by 30,000", "sound is back (200 ms)", sequence_jumps));
    all.push(Case::new("70d", "the far side pauses for 0.8 s, and its clock with it", "sound is back", pauses));
    all.push(Case::new("71", "payload types that were not negotiated; empty and large payloads", "survived, sound goes on", odd_payloads));
    all.push(Case::new("72a", "Opus packets that lie about their frames", "survived, sound goes on", lying_opus));
    all.push(Case::new("72b", "random Opus packets", "survived, sound goes on", random_opus));
    all.push(Case::new("72c", "a gap of 3 s as in DTX", "comfort noise without a hole, then sound", gap));
    all.push(Case::new("73a", "telephone-event of duration 0, end bits lost", "one dtmf event", || keys(0, false)));
    all.push(Case::new("73b", "telephone-event of duration 65,535", "one dtmf event", || keys(65_535, true)));
    all.push(Case::new("73c", "telephone-event without a key, short payloads", "no event", no_keys));
    all.push(Case::new("75", "duplicates and reordering", "sound goes on", disorder));
}

async fn wraps() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    // It starts at 65,500: two more seconds are behind the wrap.
    let mut took = Duration::ZERO;
    while call.sequence > 60_000 || call.sequence < 40 {
        took = call.heard(SOON).await?;
    }
    call.lives().await?;
    figure("sound goes on", ms(took))
}

async fn timestamp_jumps() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    call.timestamp = call.timestamp.wrapping_add(1 << 31);
    let took = call.heard(SOON).await?;
    call.timestamp = call.timestamp.wrapping_sub(1 << 31);
    let back = call.heard(SOON).await?;
    call.lives().await?;
    figure("sound is back", format!("{}, {}", ms(took), ms(back)))
}

async fn sequence_jumps() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    call.sequence = call.sequence.wrapping_add(30_000);
    let took = call.heard(SOON).await?;
    call.lives().await?;
    figure("sound is back", ms(took))
}

async fn pauses() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let took = call.heard(SOON).await?;
    call.lives().await?;
    figure("sound is back", ms(took))
}

async fn odd_payloads() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    let right = call.payload_type();
    for payload_type in 0..128_u8 {
        let at = call.timestamp;
        if payload_type != right && !(64..96).contains(&payload_type) {
            call.packet(payload_type, true, at, &[0x7f; 160]);
        }
        if payload_type % 16 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    for length in [0, 1, 7, 159, 161, 1000, 1150] {
        let at = call.timestamp;
        call.packet(right, false, at, &vec![0xff; length]);
        call.timestamp = call.timestamp.wrapping_add(160);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    call.lives().await?;
    seen("sound goes on")
}

async fn send_all(call: &mut MediaCall, payloads: &[Vec<u8>]) {
    let payload_type = call.payload_type();
    for payload in payloads {
        let at = call.timestamp;
        call.packet(payload_type, false, at, payload);
        call.timestamp = call.timestamp.wrapping_add(960);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn lying_opus() -> Outcome {
    let mut call = MediaCall::up(Codec::Opus).await?;
    call.heard(SOON).await?;
    let mut payloads: Vec<Vec<u8>> = vec![
        vec![0xff],
        vec![0xff, 0x3f],                         // 63 frames of 20 ms
        vec![0x03, 0xff, 0xff],                   // 63 frames, padded, VBR
        vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // padding beyond the end
        vec![0xfb, 0x00],                         // no frame at all
        vec![0xfb, 0x06, 1, 2, 3, 4, 5, 6],       // 120 ms
        vec![0x7a, 252, 255, 1],                  // length of the first of two frames beyond the end
        vec![0x79, 1, 2, 3],                      // two equal frames of an odd length
        vec![0x78],
        vec![0x7c, 0x00], // stereo
        vec![],
    ];
    payloads.push([vec![0xff, 0x41, 0xfe], vec![0; 300]].concat());
    // Mono and stereo by turns.
    payloads.extend((0..40_u8).map(|n| vec![if n % 2 == 0 { 0x78 } else { 0x7c }, n, n ^ 0x55, 3]));
    let count = payloads.len();
    send_all(&mut call, &payloads).await;
    call.lives().await?;
    figure("sound goes on", format!("{count} packets"))
}

async fn random_opus() -> Outcome {
    let mut call = MediaCall::up(Codec::Opus).await?;
    call.heard(SOON).await?;
    let mut next = numbers(0x0b05);
    let payloads: Vec<Vec<u8>> = (0..400).map(|_| (0..next() % 200).map(|_| next() as u8).collect()).collect();
    send_all(&mut call, &payloads).await;
    call.lives().await?;
    figure("sound goes on", "400 packets")
}

async fn gap() -> Outcome {
    let mut call = MediaCall::up(Codec::Opus).await?;
    call.heard(SOON).await?;
    // Nothing comes; frames are delivered all the same, one every 20 ms.
    while tokio::time::timeout(Duration::from_millis(1), call.stream.next()).await.is_ok() {}
    let (began, mut frames) = (std::time::Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(3) {
        match tokio::time::timeout(Duration::from_millis(500), call.stream.next()).await {
            Ok(Some(_)) => frames += 1,
            _ => return Err(format!("a hole after {frames} frames")),
        }
    }
    ensure!(frames >= 120, "{frames} frames in 3 s");
    call.timestamp = call.timestamp.wrapping_add(3 * 48_000);
    let took = call.heard(SOON).await?;
    call.lives().await?;
    figure(format!("{frames} frames in 3 s"), format!("sound after {}", ms(took)))
}

fn event_type(call: &MediaCall) -> Result<u8, String> {
    use monipy_core::media::MediaTransport;
    call.peer.negotiated().and_then(|n| n.send.telephone_event).ok_or_else(|| "telephone-event was not negotiated".into())
}

async fn keys(duration: u16, end: bool) -> Outcome {
    let mut call = MediaCall::up(Codec::Opus).await?;
    call.heard(SOON).await?;
    let (payload_type, at) = (event_type(&call)?, call.timestamp);
    for n in 0..12 {
        let last = end && n > 8;
        let [high, low] = duration.to_be_bytes();
        call.packet(payload_type, n == 0, at, &[5, if last { 0x8a } else { 0x0a }, high, low]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    call.timestamp = call.timestamp.wrapping_add(12 * 960);
    call.lives().await?;
    call.line.phone.wait(EventKind::Dtmf, 1, SOON).await?;
    call.heard(SOON).await?;
    let count = call.line.phone.count(EventKind::Dtmf);
    ensure!(count == 1, "{count} dtmf events");
    seen("one dtmf event")
}

async fn no_keys() -> Outcome {
    let mut call = MediaCall::up(Codec::Opus).await?;
    call.heard(SOON).await?;
    let payload_type = event_type(&call)?;
    for payload in [&[][..], &[5], &[5, 0x8a], &[5, 0x8a, 0], &[200, 0x8a, 0, 160], &[255, 0xff, 0xff, 0xff]] {
        let at = call.timestamp;
        call.packet(payload_type, true, at, payload);
        call.timestamp = call.timestamp.wrapping_add(960);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    call.lives().await?;
    let count = call.line.phone.count(EventKind::Dtmf);
    ensure!(count == 0, "{count} dtmf events");
    seen("no event, sound goes on")
}

async fn disorder() -> Outcome {
    let mut call = MediaCall::up(Codec::Pcmu).await?;
    call.heard(SOON).await?;
    let mut next = numbers(75);
    for _ in 0..100 {
        // Pairs in the wrong order; copies of what went by.
        let (sequence, timestamp) = (call.sequence, call.timestamp);
        if next().is_multiple_of(5) {
            call.sequence = sequence.wrapping_add(1);
            call.timestamp = timestamp.wrapping_add(160);
            call.say();
            call.sequence = sequence;
            call.timestamp = timestamp;
            call.say();
            call.sequence = sequence.wrapping_add(2);
            call.timestamp = timestamp.wrapping_add(320);
        } else {
            call.say();
        }
        if let Some(packet) = call.relay.seen(false, 128..=191).pop() {
            call.relay.inject(&packet).await?;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = call.lives().await?;
    figure("sound goes on", ms(took))
}
