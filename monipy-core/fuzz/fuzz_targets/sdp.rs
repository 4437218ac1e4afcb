//! Descriptions of a stranger: read as offer and as answer; what is accepted is within its limits,
//! and its candidates are written so that they read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monipy_core::Codec;
use monipy_core::media::sdp::{Candidate, answer_formats, parse_remote};
use monipy_core::media::{CodecOrder, check_offer};

const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

fuzz_target!(|bytes: &[u8]| {
    for answer in [false, true] {
        let Ok(remote) = parse_remote(bytes, answer) else { continue };
        assert!(remote.candidates.len() <= 64 && remote.sections.len() <= 64);
        assert!((10..=60).contains(&remote.ptime_ms));
        for candidate in &remote.candidates {
            assert_eq!(Candidate::parse(&candidate.to_value()).as_ref(), Some(candidate));
        }
        let section = remote.audio_section().expect("what is accepted has audio");
        for order in [CodecOrder::Local, CodecOrder::Remote] {
            let formats = answer_formats(&section.formats, &ALL, order);
            assert!(!formats.is_empty() && formats.iter().all(|f| f.payload_type <= 127));
        }
        assert!(answer || check_offer(bytes, &ALL).is_ok());
    }
});
