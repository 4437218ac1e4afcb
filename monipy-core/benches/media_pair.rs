//! What a media connection costs: pairs of transports on loopback that exchange 50 packets of 20 ms
//! a second each way, driven by one worker thread that ticks every 10 ms, as in the engine.
//!
//!     cargo bench -p monipy-core --bench media_pair [-- pairs [seconds]]
//!
//! Prints CPU per connection and second, and resident memory per connection (Linux).

use bytes::Bytes;
use monipy_core::Codec;
use monipy_core::media::{MediaConfig, MediaDirection, MediaEnds, MediaEvent, MediaTransport, OfferKind, WebRtcTransport};
use std::time::{Duration, Instant};

/// CPU ticks of 10 ms of this process.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |at: usize| after.split(' ').nth(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

async fn pair(handle: &tokio::runtime::Handle) -> Vec<(WebRtcTransport, MediaEnds)> {
    let config = MediaConfig { local_address: Some([127, 0, 0, 1].into()), codecs: vec![Codec::Opus], ..MediaConfig::default() };
    let (a, mut a_ends) = WebRtcTransport::new(config.clone(), handle.clone());
    let (b, mut b_ends) = WebRtcTransport::new(config, handle.clone());
    let offer = a.create_offer(MediaDirection::SendRecv, OfferKind::Same).await.expect("an offer");
    let answer = b.accept_offer(&offer, MediaDirection::SendRecv).await.expect("an answer");
    a.apply_answer(&answer).await.expect("an answer that fits");
    for ends in [&mut a_ends, &mut b_ends] {
        while !matches!(ends.events.recv().await, Some(MediaEvent::RemoteTrack(_)) | None) {}
    }
    vec![(a, a_ends), (b, b_ends)]
}

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let (pairs, seconds) = (numbers.first().copied().unwrap_or(20), numbers.get(1).copied().unwrap_or(10));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let handle = runtime.handle().clone();
    // What the first call brings with it is not a call's own.
    let warm = runtime.block_on(pair(&handle));
    let (memory, before) = (resident_kib(), cpu());
    let mut ends: Vec<_> = (0..pairs).flat_map(|_| runtime.block_on(pair(&handle))).collect();
    let connections = ends.len() as f64;
    println!("set-up: {:.2} ms of CPU a connection", (cpu() - before) * 1000.0 / connections);

    let (before, start) = (cpu(), Instant::now());
    let (mut sent, mut received, mut sequence) = (0u64, 0u64, 0u16);
    let payload = Bytes::from_static(&[0x55; 80]);
    for tick in 1..=seconds * 100 {
        for (_, ends) in &mut ends {
            if tick % 2 == 0 {
                sent += u64::from(ends.rtp_out.send(111, false, sequence, u32::from(sequence) * 960, payload.clone()));
            }
            while ends.rtp_in.pop().is_some() {
                received += 1;
            }
        }
        sequence = sequence.wrapping_add(u16::from(tick % 2 == 0));
        std::thread::sleep((start + Duration::from_millis(10) * tick as u32).saturating_duration_since(Instant::now()));
    }
    let spent = cpu() - before;
    println!(
        "{connections} connections, {seconds} s: {:.3} ms of CPU a connection and second, {:.0} KiB a connection, {} threads, {sent} sent, {received} received",
        spent * 1000.0 / connections / seconds as f64,
        (resident_kib() - memory) / connections,
        threads()
    );
    runtime.block_on(async {
        for (transport, _) in ends.drain(..).chain(warm) {
            transport.close().await;
        }
    });
}
