//! Both sides of a call in one stream: what is heard on the left, what is sent on the right, of
//! the same moment.

use crate::support::{Bench, FarEnd, PCMU, ms, tone_payloads};
use monipy_core::Codec;
use monipy_core::audio::AudioStream;
use monipy_core::audio::tone::{ToneGenerator, measure};

/// The frames that wait, each side by itself.
fn sides(stream: &mut AudioStream) -> (Vec<i16>, Vec<i16>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut at = None;
    while let Some(frame) = stream.try_next() {
        assert!(at.is_none_or(|at| frame.timestamp == at), "without a hole");
        at = Some(frame.timestamp + frame.pcm.len() as u64 / 2);
        for pair in frame.pcm.chunks_exact(2) {
            left.push(pair[0]);
            right.push(pair[1]);
        }
    }
    (left, right)
}

#[test]
fn each_side_has_its_own_sound_at_the_rate_that_was_asked_for() {
    for rate in [8000, 48_000] {
        let mut bench = Bench::new(8000, Some((PCMU, Codec::Pcmu)));
        let mut stream = bench.control.add_sides(rate).unwrap();
        let mut writer = bench.control.add_writer(8000).unwrap();
        writer.write(&ToneGenerator::new(1500.0, 8000, 6000).take(8000));
        let mut arrivals = FarEnd::pcmu().arrivals(&tone_payloads(Codec::Pcmu, 400.0, 50), |_| Some(0));
        bench.run(ms(1000), &mut arrivals);
        let (left, right) = sides(&mut stream);
        assert_eq!((left.len(), right.len()), (rate as usize, rate as usize));
        let middle = rate as usize / 4..rate as usize * 3 / 4;
        assert!(measure(&left[middle.clone()], rate, 400.0).snr_db > 20.0);
        assert!(measure(&right[middle], rate, 1500.0).snr_db > 20.0);
    }
}

#[test]
fn the_right_side_is_silent_while_muted_or_on_hold() {
    let mut bench = Bench::new(8000, Some((PCMU, Codec::Pcmu)));
    let mut stream = bench.control.add_sides(8000).unwrap();
    let mut writer = bench.control.add_writer(8000).unwrap();
    let mut speak = |bench: &mut Bench, stream: &mut AudioStream| {
        writer.write(&ToneGenerator::new(1500.0, 8000, 6000).take(3200));
        bench.run(ms(400), &mut Vec::new());
        sides(stream).1.iter().map(|s| i32::from(*s).abs()).max()
    };
    assert!(speak(&mut bench, &mut stream) > Some(5000));
    bench.control.set_mute(true);
    assert_eq!(speak(&mut bench, &mut stream), Some(0));
    bench.control.set_mute(false);
    bench.control.set_direction(false, false);
    assert_eq!(speak(&mut bench, &mut stream), Some(0));
    bench.control.set_direction(true, true);
    assert!(speak(&mut bench, &mut stream) > Some(5000));
}

#[test]
fn the_stream_ends_with_the_call_and_refuses_rates_that_are_not_offered() {
    let bench = Bench::new(8000, None);
    assert_eq!(bench.control.add_sides(44_100).unwrap_err().code, 1003);
    let stream = bench.control.add_sides(8000).unwrap();
    let control = bench.control.clone();
    drop(bench);
    assert!(stream.is_closed());
    assert_eq!(control.add_sides(8000).unwrap_err().code, 1002);
}
