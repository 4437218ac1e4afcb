//! Runs the product's receive path on a virtual clock:
//!
//!     receive_trace PACKETS TRACE.csv OUT.wav [opus|pcmu|pcma]
//!
//! PACKETS holds, for each packet of 20 ms, its length as 16 bits little-endian and its payload
//! (`encode_packets` makes such files). TRACE has a line `arrival_ms,seq` for each arrival; time 0
//! is the instant packet 0 was sent. OUT.wav is mono, 16 bits, 48 kHz (8 kHz for G.711); its first
//! sample is what is heard at time 0. Figures of the run go to standard error.

use bytes::Bytes;
use monipy_core::audio::{CallAudio, CallAudioConfig, CodecMap, RtpPacket, codec};
use monipy_core::{AudioMode, CallId, Codec};
use std::error::Error;
use std::time::{Duration, Instant};

/// How long the run goes on after the last packet was sent.
const TAIL: Duration = Duration::from_millis(1500);
const TICK: Duration = Duration::from_millis(10);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (packets, trace, out, codec_name) = match args.as_slice() {
        [p, t, o] => (p, t, o, "opus"),
        [p, t, o, c] => (p, t, o, c.as_str()),
        _ => return Err("usage: receive_trace PACKETS TRACE.csv OUT.wav [opus|pcmu|pcma]".into()),
    };
    let codec = Codec::from_name(codec_name).ok_or("the codec is opus, pcmu or pcma")?;
    let packets = read_packets(&std::fs::read(packets)?)?;
    let trace = read_trace(&std::fs::read_to_string(trace)?, packets.len())?;
    let rate = if codec == Codec::Opus { 48_000 } else { 8000 };
    let spec = hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(out, spec)?;

    let (mut audio, control) = CallAudio::new(CallAudioConfig {
        call: CallId(1),
        codecs: CodecMap { receive: vec![(96, codec)], send: None, ..CodecMap::default() },
        mode: AudioMode::Application,
        sample_rate: rate,
        frame_ms: 10,
        jitter_min_ms: 0,
        jitter_max_ms: 500,
        first_sequence_number: 0,
        first_timestamp: 0,
    });
    let mut tap = control.add_tap(rate, 10)?;
    let ticks_per_packet = codec::clock_rate(codec) / 50;
    let start = Instant::now();
    let end = Duration::from_millis(20 * packets.len() as u64) + TAIL;
    let (mut next, mut at, mut outbound, mut cost) = (0, Duration::ZERO, Vec::new(), Duration::ZERO);
    let mut ticks = 0u32;
    while at < end {
        let began = Instant::now();
        while let Some(&(arrival, index)) = trace.get(next).filter(|(arrival, _)| *arrival <= at) {
            next += 1;
            audio.push_rtp(RtpPacket {
                arrival: start + arrival,
                payload_type: 96,
                marker: index == 0,
                sequence_number: (index as u16).wrapping_add(65_000),
                timestamp: (index as u32).wrapping_mul(ticks_per_packet).wrapping_add(u32::MAX - 50_000),
                ssrc: 1,
                payload: packets[index].clone(),
            });
        }
        audio.tick(start + at, &mut outbound);
        cost += began.elapsed();
        ticks += 1;
        let frame = tap.try_next().ok_or("a tick gave no frame")?;
        frame.pcm.iter().try_for_each(|&sample| wav.write_sample(sample))?;
        at += TICK;
    }
    wav.finalize()?;
    let stats = control.stats();
    eprintln!(
        "{} us a tick; {} packets, {} lost, {} restored, {} ms concealed, jitter {:.1} ms",
        (cost / ticks).as_micros(),
        stats.packets_received,
        stats.packets_lost,
        stats.packets_recovered,
        stats.concealed_ms,
        stats.jitter_ms
    );
    Ok(())
}

fn read_packets(file: &[u8]) -> Result<Vec<Bytes>, Box<dyn Error>> {
    let (mut packets, mut rest) = (Vec::new(), file);
    while let [low, high, tail @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let payload = tail.get(..length).ok_or("PACKETS ends within a packet")?;
        packets.push(Bytes::copy_from_slice(payload));
        rest = &tail[length..];
    }
    Ok(packets)
}

/// Arrivals in the order of time; those beyond the packets at hand are left out.
fn read_trace(text: &str, packets: usize) -> Result<Vec<(Duration, usize)>, Box<dyn Error>> {
    let mut trace = Vec::new();
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        let (arrival, index) = line.split_once(',').ok_or("TRACE has lines arrival_ms,seq")?;
        let arrival = Duration::from_secs_f64(arrival.trim().parse::<f64>()? / 1000.0);
        let index = index.trim().parse::<usize>()?;
        if index < packets {
            trace.push((arrival, index));
        }
    }
    trace.sort_by_key(|&(arrival, _)| arrival);
    Ok(trace)
}
