//! Whatever comes, reading it ends without a panic, and what is accepted is within its limits.

use crate::samples;
use monipy_core::media::sdp::{Candidate, parse_remote};
use proptest::prelude::*;

fn check(bytes: &[u8]) {
    for answer in [false, true] {
        if let Ok(remote) = parse_remote(bytes, answer) {
            assert!(remote.candidates.len() <= 64 && remote.sections.len() <= 64);
            assert!((10..=60).contains(&remote.ptime_ms));
            assert!(remote.audio_section().is_some_and(|s| s.usable));
        }
    }
}

#[test]
fn every_prefix_and_every_missing_line() {
    for (_, sdp) in samples::all() {
        for end in 0..sdp.len() {
            check(&sdp.as_bytes()[..end]);
        }
        let lines: Vec<_> = sdp.lines().collect();
        for skip in 0..lines.len() {
            let less: Vec<_> = lines.iter().enumerate().filter(|(i, _)| *i != skip).map(|(_, l)| *l).collect();
            check(less.join("\r\n").as_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        check(&bytes);
    }

    #[test]
    fn samples_with_bytes_changed(which in 0..6usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = samples::all().swap_remove(which).1.into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(&bytes);
    }

    #[test]
    fn lines_shuffled(lines in Just(samples::chromium().lines().map(str::to_owned).collect::<Vec<_>>()).prop_shuffle()) {
        check(format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n{}", lines.join("\r\n")).as_bytes());
    }

    #[test]
    fn a_candidate_that_was_read_is_written_so_that_it_reads_the_same(text in "[a-zA-Z0-9+/]{1,40} [12] (udp|UDP|tcp) [0-9]{1,11} ([0-9]{1,3}\\.){3}[0-9]{1,3} [0-9]{1,6} typ (host|srflx|relay)( raddr 10\\.0\\.0\\.1 rport 9)?") {
        if let Some(candidate) = Candidate::parse(&text) {
            prop_assert_eq!(Candidate::parse(&candidate.to_value()), Some(candidate));
        }
    }
}
