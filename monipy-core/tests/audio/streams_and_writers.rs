//! Streams and writers in the hands of threads and tasks.

use crate::support::{Bench, PCMU, config, ms};
use monipy_core::Codec;
use monipy_core::audio::CallAudio;
use std::time::Duration;

/// Long enough for a loaded machine; nothing waits for it when all is well.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn rates_and_lengths_that_are_not_offered_are_refused() {
    let (_audio, control) = CallAudio::new(config(None));
    for (rate, length) in [(44_100, 20), (0, 20), (16_000, 0), (16_000, 30)] {
        assert_eq!(control.add_tap(rate, length).unwrap_err().code, 1003);
    }
    assert_eq!(control.add_writer(11_025).unwrap_err().code, 1003);
}

#[test]
fn each_tap_has_its_own_rate_and_frame_length() {
    let mut bench = Bench::new(8000, None);
    let mut taps = Vec::new();
    for rate in [8000, 16_000, 24_000, 48_000] {
        for length in [10, 20, 40, 60] {
            taps.push((rate, length, bench.control.add_tap(rate, length).unwrap()));
        }
    }
    bench.run(ms(600), &mut Vec::new());
    for (rate, length, tap) in &mut taps {
        let samples = *rate as usize / 1000 * *length as usize;
        for i in 0..600 / *length {
            let frame = tap.try_next().expect("a frame");
            assert_eq!((frame.sample_rate, frame.pcm.len(), frame.timestamp), (*rate, samples, (i as usize * samples) as u64));
        }
        assert!(tap.try_next().is_none());
    }
}

#[test]
fn a_slow_reader_loses_the_oldest_frames_and_sees_how_many() {
    let mut bench = Bench::new(8000, None);
    let mut slow = bench.control.add_tap(8000, 20).unwrap();
    bench.run(ms(3000), &mut Vec::new());
    assert_eq!(slow.dropped(), 100, "a second of three is kept");
    assert_eq!(slow.try_next().unwrap().timestamp, 100 * 160, "timestamps show the gap");
}

#[test]
fn streams_and_writers_end_with_the_call() {
    let mut bench = Bench::new(8000, None);
    let mut writer = bench.control.add_writer(8000).unwrap();
    bench.run(ms(50), &mut Vec::new());
    let mut second = bench.control.add_tap(8000, 10).unwrap();
    let Bench { audio, control, mut tap, .. } = bench;
    assert!(!tap.is_closed() && !writer.is_closed());
    drop(audio);
    assert!(tap.is_closed() && writer.is_closed() && control.is_closed());
    assert!(tap.next_timeout(LONG).is_none());
    assert!(second.next_timeout(LONG).is_none(), "one that was never taken up ends too");
    assert_eq!(writer.write(&[1; 80]), 0);
    assert_eq!(control.add_tap(8000, 10).unwrap_err().code, 1002);
    assert_eq!(control.add_writer(8000).unwrap_err().code, 1002);
}

#[test]
fn a_thread_that_waits_is_woken_by_a_frame() {
    let (mut audio, control) = CallAudio::new(config(None));
    let mut tap = control.add_tap(16_000, 20).unwrap();
    let reader = std::thread::spawn(move || (0..5).map(|_| tap.next_timeout(LONG).expect("a frame").timestamp).collect::<Vec<_>>());
    let start = std::time::Instant::now();
    let mut out = Vec::new();
    (0..10).for_each(|i| audio.tick(start + ms(10 * i), &mut out));
    assert_eq!(reader.join().unwrap(), [0, 320, 640, 960, 1280]);
}

#[test]
fn a_blocked_writer_goes_on_when_there_is_room_and_gives_up_in_time() {
    let mut bench = Bench::new(8000, Some((PCMU, Codec::Pcmu)));
    let mut writer = bench.control.add_writer(8000).unwrap();
    assert_eq!(writer.write(&[5; 8000]), 8000);
    assert_eq!(writer.write(&[5; 10]), 0, "full");
    assert_eq!(writer.write_timeout(&[5; 10], Duration::ZERO), 0);
    let thread = std::thread::spawn(move || {
        let done = writer.write_timeout(&[5; 1600], LONG);
        (done, writer.drained_timeout(LONG))
    });
    // Ticks until the thread is through; each makes room for 10 ms.
    while !thread.is_finished() {
        bench.run(ms(10), &mut Vec::new());
        std::thread::yield_now();
    }
    assert_eq!(thread.join().unwrap(), (1600, true));
}

#[tokio::test]
async fn tasks_can_read_and_write() {
    let mut bench = Bench::new(8000, Some((PCMU, Codec::Pcmu)));
    let mut tap = bench.control.add_tap(8000, 10).unwrap();
    let mut writer = bench.control.add_writer(8000).unwrap();
    let task = tokio::spawn(async move {
        assert_eq!(writer.write_all(&[9; 12_000]).await, 12_000);
        writer.drained().await;
        assert!(tap.next().await.is_some());
        while tap.next().await.is_some() {}
        assert!(tap.is_closed());
    });
    for _ in 0..200 {
        bench.run(ms(10), &mut Vec::new());
        tokio::task::yield_now().await;
    }
    drop(bench);
    task.await.unwrap();
}

#[test]
fn clearing_a_writer_forgets_what_is_queued() {
    let mut bench = Bench::new(8000, Some((PCMU, Codec::Pcmu)));
    let mut writer = bench.control.add_writer(8000).unwrap();
    writer.write(&[1000; 4000]);
    assert_eq!(writer.queued_ms(), 500);
    writer.clear();
    assert_eq!(writer.queued_ms(), 0);
    bench.run(ms(200), &mut Vec::new());
    assert_eq!(bench.control.sounding_samples_sent(), 0);
}

#[test]
fn what_a_dropped_writer_queued_is_played_out() {
    let mut bench = Bench::new(8000, Some((PCMU, Codec::Pcmu)));
    let mut writer = bench.control.add_writer(8000).unwrap();
    writer.write(&[1000; 1600]);
    drop(writer);
    bench.run(ms(500), &mut Vec::new());
    assert_eq!(bench.control.sounding_samples_sent(), 1600);
}

#[test]
fn a_worker_that_comes_late_catches_up_and_skips_what_is_too_much() {
    let (mut audio, control) = CallAudio::new(config(Some((PCMU, Codec::Pcmu))));
    let mut tap = control.add_tap(8000, 10).unwrap();
    let start = std::time::Instant::now();
    let mut out = Vec::new();
    audio.tick(start, &mut out);
    audio.tick(start + ms(95), &mut out);
    assert_eq!(std::iter::from_fn(|| tap.try_next()).count(), 10, "0 to 90 ms");
    // The machine slept for a minute: time goes on, sound and packets are not made up for it.
    let packets = out.len();
    audio.tick(start + ms(60_100), &mut out);
    audio.tick(start + ms(60_120), &mut out);
    let frames: Vec<_> = std::iter::from_fn(|| tap.try_next()).collect();
    assert!(frames.len() <= 53 && out.len() - packets <= 27, "{} frames, {} packets", frames.len(), out.len() - packets);
    let end = frames.last().unwrap().timestamp;
    assert!((end as i64 - 60_120 * 8).abs() <= 160, "media time went on: {end}");
    let (last, first) = (&out[packets - 1], &out[packets]);
    assert!(first.marker);
    assert!(first.timestamp.wrapping_sub(last.timestamp) > 59 * 8000);
}
