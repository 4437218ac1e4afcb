//! What 10 ms of the receive path cost: jitter buffer, decoder, concealment, stretching, a tap. Ten
//! minutes on a virtual clock for each network, CPU time of this process divided by the ticks.
//!
//!     cargo bench -p monipy-core --bench receive_tick
//!
//! Prints a line for people and a line of JSON for each figure (CPU time: Linux).

use bytes::Bytes;
use monipy_core::audio::codec::{self, OpusSettings};
use monipy_core::audio::{CallAudio, CallAudioConfig, CodecMap, RtpPacket};
use monipy_core::{AudioMode, CallId, Codec};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(10);
const PACKETS: u64 = 30_000;
/// us a tick that the receive path may cost.
const GOAL: f64 = 60.0;

/// CPU seconds of this process.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |at: usize| after.split(' ').nth(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}

/// A generator of numbers that is the same in each run.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Something like a voice, 20 s: harmonics of a pitch that glides, in syllables, a little noise, pauses.
fn voice(rate: u32) -> Vec<i16> {
    let (mut random, mut phase) = (Random(7), 0.0_f64);
    let samples = (0..rate * 20).map(|n| {
        let t = f64::from(n) / f64::from(rate);
        let pitch = 120.0 + 30.0 * (t * 1.7).sin();
        phase += std::f64::consts::TAU * pitch / f64::from(rate);
        let syllable = (t * 4.0 * std::f64::consts::PI).sin().max(0.0) * if t % 5.0 < 4.0 { 1.0 } else { 0.0 };
        let harmonics: f64 = (1..20_u32).map(|k| (phase * f64::from(k)).sin() / f64::from(k)).sum();
        let noise = random.next() - 0.5;
        (syllable * (harmonics * 4000.0 + noise * 1500.0)) as i16
    });
    samples.collect()
}

fn packets(codec: Codec, rate: u32) -> Vec<Bytes> {
    let settings = OpusSettings { bitrate: 30_000, fec: true, expected_loss: 15, complexity: 5 };
    let mut encoder = codec::encoder(codec, rate, settings).expect("a codec of ours");
    voice(rate).chunks_exact(rate as usize / 50).map(|frame| encoder.encode(frame).expect("20 ms")).collect()
}

/// A network: mean queueing delay in ms, share of packets that are lost.
fn arrivals(jitter_ms: f64, loss: f64) -> Vec<(Duration, u64)> {
    let mut random = Random(11);
    let mut out: Vec<(Duration, u64)> = (0..PACKETS)
        .filter_map(|n| {
            let wait = -(1.0 - random.next()).ln() * jitter_ms;
            let arrival = Duration::from_secs_f64((n as f64 * 20.0 + wait) / 1000.0);
            (random.next() >= loss).then_some((arrival, n))
        })
        .collect();
    out.sort();
    out
}

/// us a tick.
fn run(codec: Codec, listen_at: u32, jitter_ms: f64, loss: f64) -> f64 {
    let payloads = packets(codec, if codec == Codec::Opus { 48_000 } else { 8000 });
    let arrivals = arrivals(jitter_ms, loss);
    let (mut audio, control) = CallAudio::new(CallAudioConfig {
        call: CallId(1),
        codecs: CodecMap { receive: vec![(96, codec)], send: None, ..CodecMap::default() },
        mode: AudioMode::Application,
        sample_rate: listen_at,
        frame_ms: 20,
        jitter_min_ms: 0,
        jitter_max_ms: 500,
        first_sequence_number: 0,
        first_timestamp: 0,
    });
    let mut tap = control.add_tap(listen_at, 20).expect("a rate that is offered");
    let (start, step) = (Instant::now(), codec::clock_rate(codec) / 50);
    let (mut next, mut out, ticks) = (0, Vec::new(), PACKETS * 2);
    let before = cpu();
    for tick in 0..ticks {
        let at = TICK * u32::try_from(tick).expect("ten minutes");
        while let Some(&(arrival, n)) = arrivals.get(next).filter(|(arrival, _)| *arrival <= at) {
            next += 1;
            audio.push_rtp(RtpPacket {
                arrival: start + arrival,
                payload_type: 96,
                marker: n == 0,
                sequence_number: n as u16,
                timestamp: (n as u32).wrapping_mul(step),
                ssrc: 1,
                payload: payloads[n as usize % payloads.len()].clone(),
            });
        }
        audio.tick(start + at, &mut out);
        while tap.try_next().is_some() {}
    }
    (cpu() - before) * 1e6 / ticks as f64
}

fn main() {
    let networks = [("clean", 0.0, 0.0), ("jitter of 20 ms", 20.0, 0.0), ("jitter of 20 ms, 10 % loss", 20.0, 0.1)];
    for (codec, rate) in [(Codec::Opus, 48_000), (Codec::Opus, 16_000), (Codec::Pcmu, 8000)] {
        for (network, jitter_ms, loss) in networks {
            let cost = run(codec, rate, jitter_ms, loss);
            let verdict = if cost <= GOAL { "goal met" } else { "MISSED" };
            println!("{:5} {rate:5} Hz  {network:26} {cost:6.1} us a tick (goal {GOAL:.0}: {verdict})", codec.name());
            println!(
                r#"{{"figure":"receive_tick_us","codec":"{}","rate":{rate},"network":"{network}","value":{cost:.2},"goal":{GOAL}}}"#,
                codec.name()
            );
        }
    }
}
