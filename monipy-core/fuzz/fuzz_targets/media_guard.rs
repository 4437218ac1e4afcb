//! Datagrams at the guard, in and out, in any order: no panic, and only what RFC 7983 knows passes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monipy_core::media::guard::{Guard, SrtpLayout, Verdict};
use std::time::Instant;

fuzz_target!(|bytes: &[u8]| {
    let now = Instant::now();
    let mut guard = Guard::new(now);
    let mut rest = bytes;
    while let [control, length, tail @ ..] = rest {
        let (datagram, after) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = after;
        let address = ([192, 0, 2, control & 3], 5000).into();
        match control >> 6 {
            0 => drop(guard.outbound(address, datagram)),
            1 => guard.established(if control & 4 == 0 { SrtpLayout::AesCm80 } else { SrtpLayout::Gcm }),
            _ => {
                if guard.inbound(now, address, datagram) == Verdict::Pass {
                    assert!(matches!(datagram.first(), Some(0..=3 | 20..=79 | 128..=191)));
                }
            }
        }
    }
});
