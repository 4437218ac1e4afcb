//! What one received packet costs, on a fixed input: a sealed SRTP packet is opened, put in its place,
//! decoded and delivered to a callback as PCM, without sockets, threads or a clock.
//!
//!     packet_cost opus|pcmu RATE PACKETS
//!
//! Prints the allocations of a packet after the first second. Run under
//! `valgrind --tool=callgrind --toggle-collect='*measured*'` it tells the instructions
//! (tests/tools/packet_cost.py does, and holds both against their bounds).

use monipy_core::audio::codec::{self, OpusSettings};
use monipy_core::audio::resample::Resampler;
use monipy_core::audio::{AudioIo, CallAudio, CallAudioConfig, CodecMap, FrameRef, OutboundRtp, RtpPacket};
use monipy_core::media::Arena;
use monipy_core::media::srtp::{Profile, SessionKeys, SrtpReceiver, SrtpSender};
use monipy_core::{AudioMode, CallId, Codec};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SSRC: u32 = 0x1234_5678;
/// Packets before it counts: buffers grow to their size.
const WARM: usize = 50;

#[derive(Default)]
struct Ear {
    frames: AtomicU64,
    energy: AtomicU64,
}

impl AudioIo for Ear {
    fn on_audio(&self, _: CallId, frame: FrameRef<'_>) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.energy.fetch_add(frame.pcm.iter().map(|s| u64::from(s.unsigned_abs())).sum(), Ordering::Relaxed);
    }
    fn fill_audio(&self, _: CallId, _: &mut [i16]) -> usize {
        0
    }
}

struct Path {
    receiver: SrtpReceiver,
    arena: Arena,
    audio: CallAudio,
    out: Vec<OutboundRtp>,
    start: Instant,
}

/// Twenty milliseconds for each packet.
#[inline(never)]
fn measured(path: &mut Path, first: usize, packets: &mut [Vec<u8>]) {
    for (n, packet) in packets.iter_mut().enumerate() {
        let arrival = path.start + Duration::from_millis(20 * (first + n) as u64);
        if let Some((header, payload)) = path.receiver.open(packet) {
            path.audio.push_rtp(RtpPacket {
                arrival,
                payload_type: header.payload_type,
                marker: header.marker,
                sequence_number: header.sequence,
                timestamp: header.timestamp,
                ssrc: header.ssrc,
                payload: path.arena.copy(&packet[payload]),
            });
        }
        for step in [3, 13] {
            path.audio.tick(arrival + Duration::from_millis(step), &mut path.out);
            path.out.clear();
        }
    }
}

/// Something like speech: a tone that wavers, loud and soft by turns, with a second's pause in five.
fn voice(rate: u32, samples: usize) -> Vec<i16> {
    let mut seed = 1_u32;
    let at_8k: Vec<i16> = (0..samples * 8000 / rate as usize)
        .map(|n| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let t = n as f64 / 8000.0;
            let pitch = 140.0 + 30.0 * (t * 2.0).sin();
            let loud = if t % 5.0 > 4.0 { 0.01 } else { 0.6 + 0.4 * (t * 9.0).sin() };
            let tone: f64 = (1..12).map(|k| (t * pitch * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k)).sum();
            ((tone * 4000.0 + f64::from(seed >> 20) - 2048.0) * loud) as i16
        })
        .collect();
    let mut pcm = Vec::new();
    Resampler::new(8000, rate).process(&at_8k, &mut pcm);
    pcm
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [codec, rate, packets] = arguments.as_slice() else { panic!("packet_cost opus|pcmu RATE PACKETS") };
    let codec = if codec == "pcmu" { Codec::Pcmu } else { Codec::Opus };
    let (rate, packets): (u32, usize) = (rate.parse().expect("a rate"), packets.parse().expect("a number"));

    let clock = codec::clock_rate(codec);
    let mut encoder = codec::encoder(codec, clock, OpusSettings { bitrate: 30_000, ..OpusSettings::default() }).expect("an encoder");
    let frame = clock as usize / 50;
    let payloads: Vec<_> = voice(clock, 500 * frame).chunks_exact(frame).filter_map(|pcm| encoder.encode(pcm)).collect();

    let keys = SessionKeys::derive(Profile::Gcm256, &[7; 32], &[9; 12]).expect("keys that fit");
    let mut sender = SrtpSender::new(&keys).expect("keys that fit");
    let mut sealed: Vec<Vec<u8>> = (0..WARM + packets)
        .map(|n| {
            let payload = &payloads[n % payloads.len()];
            sender.seal(SSRC, false, 96, n as u16, (n * frame) as u32, None, payload).expect("a packet").to_vec()
        })
        .collect();

    let (audio, control) = CallAudio::new(CallAudioConfig {
        call: CallId(1),
        codecs: CodecMap { receive: vec![(96, codec)], ..CodecMap::default() },
        mode: AudioMode::Application,
        sample_rate: rate,
        frame_ms: 20,
        jitter_min_ms: 0,
        jitter_max_ms: 500,
        first_sequence_number: 1,
        first_timestamp: 1,
    });
    let ear = Arc::new(Ear::default());
    control.set_audio_io(Some(ear.clone()));
    let receiver = SrtpReceiver::new(&keys).expect("keys that fit");
    let mut path = Path { receiver, arena: Arena::default(), audio, out: Vec::new(), start: Instant::now() };
    let (warm, rest) = sealed.split_at_mut(WARM);
    measured(&mut path, 0, warm);
    let (allocations, frames) = (ALLOCATIONS.load(Ordering::Relaxed), ear.frames.load(Ordering::Relaxed));
    measured(&mut path, WARM, rest);
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - allocations;
    let heard = ear.frames.load(Ordering::Relaxed) - frames;
    assert!(heard as usize + 1 >= packets && ear.energy.load(Ordering::Relaxed) > 0, "{heard} frames of {packets} packets");
    println!("{{\"packets\": {packets}, \"warm\": {WARM}, \"allocations_per_packet\": {}}}", allocated as f64 / packets as f64);
}
