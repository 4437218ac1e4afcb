//! A script of packets, commands and ticks to the sound of a call, in virtual time: whatever
//! comes, exactly 10 ms come out per tick.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monipy_core::audio::{CallAudio, CallAudioConfig, CodecMap, RtpPacket};
use monipy_core::{AudioMode, CallId, Codec};
use std::time::{Duration, Instant};

const TYPES: [u8; 4] = [111, 0, 8, 101];

fuzz_target!(|script: &[u8]| {
    let codecs = CodecMap {
        receive: vec![(111, Codec::Opus), (0, Codec::Pcmu), (8, Codec::Pcma)],
        send: Some((0, Codec::Pcmu)),
        telephone_event: Some((101, 8000)),
        receive_events: vec![(101, 8000)],
    };
    let (mut audio, control) = CallAudio::new(CallAudioConfig {
        call: CallId(1),
        codecs,
        mode: AudioMode::Application,
        sample_rate: 16_000,
        frame_ms: 20,
        jitter_min_ms: 0,
        jitter_max_ms: 500,
        first_sequence_number: 0,
        first_timestamp: 0,
    });
    let mut tap = control.add_tap(16_000, 10).expect("a rate that is offered");
    let start = Instant::now();
    let (mut at, mut out, mut rest) = (Duration::ZERO, Vec::new(), script);
    let (mut sequence_number, mut timestamp) = (0u16, 0u32);
    // Each step: an octet that says what, and what that needs.
    while let [what, tail @ ..] = rest {
        rest = tail;
        match what & 7 {
            // A packet, honest in what the bits do not say otherwise.
            0..=3 => {
                let length = usize::from(what >> 3) * 3;
                let (payload, tail) = rest.split_at(length.min(rest.len()));
                rest = tail;
                sequence_number = sequence_number.wrapping_add(1);
                timestamp = timestamp.wrapping_add(if what & 3 == 0 { 960 } else { 160 });
                audio.push_rtp(RtpPacket {
                    arrival: start + at,
                    payload_type: TYPES[usize::from(what & 3)],
                    marker: what & 0x80 != 0,
                    sequence_number,
                    timestamp,
                    ssrc: 1,
                    payload: payload.to_vec().into(),
                });
            }
            // The next packet's numbers lie.
            4 => {
                let [a, b, c, tail @ ..] = rest else { return };
                rest = tail;
                sequence_number = sequence_number.wrapping_add(u16::from_be_bytes([*a, *b]));
                timestamp = timestamp.wrapping_add(u32::from(*c) << 24 | u32::from(*a) << 8);
            }
            5 => control.set_direction(what & 8 == 0, what & 16 == 0),
            _ => {
                for _ in 0..=what >> 3 {
                    audio.tick(start + at, &mut out);
                    at += Duration::from_millis(10);
                    let frame = tap.try_next().expect("a frame per tick");
                    assert_eq!(frame.pcm.len(), 160);
                    assert!(tap.try_next().is_none());
                }
                out.clear();
                while audio.poll_event().is_some() {}
            }
        }
    }
});
