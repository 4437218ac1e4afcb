//! The receive path on virtual time: what is heard stays whole through loss, jitter, reordering,
//! duplicates, pauses, drift and every kind of restart; one frame comes out per tick, always.

use crate::support::{Bench, FarEnd, OPUS, PCMU, Random, config, ms, tone_payloads};
use bytes::Bytes;
use monipy_core::Codec;
use monipy_core::audio::tone::measure;
use monipy_core::audio::{CallAudioConfig, RtpPacket};
use proptest::prelude::*;
use std::time::Duration;

const TONE: f64 = 400.0;

fn snr(bench: &Bench, from: Duration, to: Duration) -> f32 {
    // Piece by piece, since stretching shifts the phase from piece to piece; the median piece.
    let piece = bench.rate as usize / 20;
    let mut all: Vec<f32> = bench.between(from, to).chunks_exact(piece).map(|p| measure(p, bench.rate, TONE).snr_db).collect();
    all.sort_by(f32::total_cmp);
    all[all.len() / 2]
}

/// The share of pieces of 50 ms in which the tone is clearly heard.
fn heard_share(bench: &Bench, from: Duration, to: Duration) -> f64 {
    let piece = bench.rate as usize / 20;
    let all: Vec<bool> = bench
        .between(from, to)
        .chunks_exact(piece)
        .map(|p| measure(p, bench.rate, TONE))
        .map(|r| r.snr_db > 8.0 && r.level_dbfs > -30.0)
        .collect();
    all.iter().filter(|&&h| h).count() as f64 / all.len() as f64
}

#[test]
fn a_clean_stream_is_played_untouched_and_soon() {
    let payloads = tone_payloads(Codec::Pcmu, TONE, 250);
    let mut bench = Bench::new(8000, None);
    bench.run(ms(5000), &mut FarEnd::pcmu().arrivals(&payloads, |_| Some(50)));
    assert_eq!(bench.concealed_ticks(ms(500)), 0);
    assert!(snr(&bench, ms(500), ms(4900)) > 35.0);
    let stats = bench.control.stats();
    assert_eq!((stats.packets_received, stats.packets_lost, stats.concealed_ms), (248, 0, 0));
    assert!(stats.playout_delay_ms <= 30.0, "{stats:?}");
    assert!(stats.mos > 4.3, "{stats:?}");
    assert!((stats.level_dbfs + 15.3).abs() < 0.5, "{stats:?}");
}

#[test]
fn five_percent_loss_and_30_ms_jitter_are_hardly_heard() {
    for (far, codec) in [(FarEnd::opus(), Codec::Opus), (FarEnd::pcmu(), Codec::Pcmu)] {
        let mut random = Random(5);
        let fates: Vec<Option<u64>> = (0..1000).map(|_| (random.below(100) >= 5).then(|| 40 + random.below(30))).collect();
        let payloads = tone_payloads(codec, TONE, 1000);
        let mut bench = Bench::new(16_000, None);
        bench.run(ms(20_000), &mut far.arrivals(&payloads, |i| fates[i]));
        // The tone hardly ever fades. Of a lost frame of a tone, which carries no copies, Opus keeps
        // the level but not the phase; our own concealment of G.711 keeps both.
        let piece = bench.rate as usize / 20;
        let heard = bench.between(ms(1000), ms(19_900));
        let levels: Vec<f32> = heard.chunks_exact(piece).map(|p| measure(p, bench.rate, TONE).level_dbfs).collect();
        let quiet = levels.iter().filter(|&&l| l < -27.0).count();
        assert!(quiet * 100 <= levels.len() * 2, "{codec:?}: {quiet} of {} pieces are faint", levels.len());
        assert!(snr(&bench, ms(1000), ms(19_900)) > 25.0);
        let share = heard_share(&bench, ms(1000), ms(19_900));
        assert!(share > if codec == Codec::Opus { 0.8 } else { 0.97 }, "{codec:?}: {share}");
        let stats = bench.control.stats();
        let lost = fates.iter().filter(|f| f.is_none()).count() as u64;
        assert!(stats.packets_lost.abs_diff(lost) <= 2, "{codec:?}: {stats:?}, really {lost}");
        assert!(stats.playout_delay_ms < 90.0, "{codec:?}: {stats:?}");
        assert!((5.0..20.0).contains(&stats.jitter_ms), "{codec:?}: {stats:?}");
    }
}

#[test]
fn reordered_packets_are_put_in_order() {
    let mut random = Random(9);
    let delays: Vec<u64> = (0..500).map(|_| if random.below(5) == 0 { 90 } else { 40 }).collect();
    let payloads = tone_payloads(Codec::Pcmu, TONE, 500);
    let mut bench = Bench::new(8000, None);
    bench.run(ms(10_000), &mut FarEnd::pcmu().arrivals(&payloads, |i| Some(delays[i])));
    assert!(heard_share(&bench, ms(2000), ms(9900)) > 0.99);
    assert!(bench.concealed_ticks(ms(2000)) <= 4, "{}", bench.concealed_ticks(ms(2000)));
    assert_eq!(bench.control.stats().packets_lost, 0);
}

#[test]
fn duplicates_are_played_once_and_do_not_raise_the_delay() {
    let payloads = tone_payloads(Codec::Pcmu, TONE, 400);
    let far = FarEnd::pcmu();
    let mut arrivals = far.arrivals(&payloads, |_| Some(40));
    arrivals.extend(far.arrivals(&payloads, |i| (i % 3 == 0).then_some(170)));
    arrivals.sort_by_key(|(t, _)| *t);
    let mut bench = Bench::new(8000, None);
    bench.run(ms(8000), &mut arrivals);
    assert_eq!(bench.concealed_ticks(ms(1000)), 0);
    assert!(snr(&bench, ms(1000), ms(7900)) > 35.0);
    assert!(bench.control.stats().playout_delay_ms < 40.0);
}

/// Audio is back within 200 ms of the first packet after a restart of whatever kind.
fn back_after_restart(change: impl Fn(&mut FarEnd)) {
    for (mut far, codec) in [(FarEnd::opus(), Codec::Opus), (FarEnd::pcmu(), Codec::Pcmu)] {
        let payloads = tone_payloads(codec, TONE, 300);
        let mut arrivals = far.arrivals(&payloads[..150], |_| Some(40));
        change(&mut far);
        arrivals.extend(far.arrivals(&payloads, |i| (i >= 150).then_some(40)));
        let mut bench = Bench::new(16_000, None);
        bench.run(ms(6000), &mut arrivals);
        assert!(heard_share(&bench, ms(500), ms(3000)) > 0.95, "{codec:?} before");
        assert!(heard_share(&bench, ms(3250), ms(5950)) > 0.95, "{codec:?} after");
    }
}

#[test]
fn another_source_in_the_middle_of_a_call() {
    back_after_restart(|far| {
        far.ssrc = 99;
        far.sequence = 7;
        far.timestamp = 12_345;
    });
}

#[test]
fn the_timestamp_jumps_by_half_its_range() {
    back_after_restart(|far| far.timestamp = far.timestamp.wrapping_add(1 << 31));
    back_after_restart(|far| far.timestamp = far.timestamp.wrapping_sub(900_000));
}

#[test]
fn the_sequence_number_jumps() {
    back_after_restart(|far| far.sequence = far.sequence.wrapping_add(20_000));
    back_after_restart(|far| far.sequence = far.sequence.wrapping_sub(5000));
}

#[test]
fn both_jump() {
    back_after_restart(|far| {
        far.sequence = far.sequence.wrapping_add(30_000);
        far.timestamp = far.timestamp.wrapping_add(1 << 31);
    });
}

#[test]
fn the_codec_changes_by_payload_type() {
    let opus = FarEnd::opus();
    let mut pcmu = FarEnd::pcmu();
    pcmu.sequence = opus.sequence;
    let mut arrivals = opus.arrivals(&tone_payloads(Codec::Opus, TONE, 300), |i| (!(100..200).contains(&i)).then_some(40));
    arrivals.extend(pcmu.arrivals(&tone_payloads(Codec::Pcmu, TONE, 200), |i| (i >= 100).then_some(40)));
    arrivals.sort_by_key(|(t, _)| *t);
    let mut bench = Bench::new(16_000, None);
    bench.run(ms(6000), &mut arrivals);
    for (from, to) in [(500, 2000), (2300, 4000), (4300, 5900)] {
        assert!(heard_share(&bench, ms(from), ms(to)) > 0.95, "{from} to {to}");
    }
}

#[test]
fn pauses_of_the_far_side_are_no_loss_and_leave_no_delay_behind() {
    // Discontinuous transmission: sequence numbers go on, timestamps jump over the pause.
    let payloads = tone_payloads(Codec::Opus, TONE, 300);
    let far = FarEnd::opus();
    let pause = Duration::from_secs(60);
    let mut arrivals = far.arrivals(&payloads[..150], |_| Some(40));
    // The packet that says so, and nothing for a minute.
    arrivals.push((ms(150 * 20 + 40), far.packet(150, Bytes::from_static(&[0x08]))));
    for (t, mut packet) in far.arrivals(&payloads, |i| (i > 150).then_some(40)) {
        packet.timestamp = packet.timestamp.wrapping_add(60 * 48_000);
        arrivals.push((t + pause, packet));
    }
    let mut bench = Bench::new(16_000, None);
    bench.run(ms(66_000), &mut arrivals);
    assert!(heard_share(&bench, ms(500), ms(3000)) > 0.95);
    assert!(heard_share(&bench, ms(63_300), ms(65_900)) > 0.95);
    let stats = bench.control.stats();
    assert_eq!((stats.packets_lost, stats.concealed_ms), (0, 0), "{stats:?}");
    assert!(stats.playout_delay_ms < 60.0, "{stats:?}");
}

#[test]
fn clocks_that_drift_are_followed() {
    for parts_per_million in [-300i64, 300] {
        let payloads = tone_payloads(Codec::Pcmu, TONE, 3000);
        let far = FarEnd::pcmu();
        let mut arrivals: Vec<_> = payloads
            .iter()
            .enumerate()
            .map(|(i, p)| {
                let nominal = i as i64 * 20_000;
                let micros = nominal - nominal * parts_per_million / 1_000_000 + 40_000;
                (Duration::from_micros(micros as u64), far.packet(i, p.clone()))
            })
            .collect();
        let mut bench = Bench::new(8000, None);
        bench.run(ms(59_000), &mut arrivals);
        assert!(heard_share(&bench, ms(1000), ms(58_900)) > 0.98, "{parts_per_million} ppm");
        assert!(bench.control.stats().playout_delay_ms < 60.0, "{parts_per_million} ppm: {:?}", bench.control.stats());
    }
}

#[test]
fn the_delay_rises_with_jitter_keeps_its_bound_and_comes_back() {
    let mut random = Random(3);
    // 500 ms of jitter for ten seconds, then a calm line.
    let delays: Vec<u64> = (0..1750).map(|i| if i < 500 { 40 + random.below(500) } else { 40 }).collect();
    let payloads = tone_payloads(Codec::Pcmu, TONE, 1750);
    let mut bench = Bench::new(8000, None);
    let mut arrivals = FarEnd::pcmu().arrivals(&payloads, |i| Some(delays[i]));
    bench.run(ms(9900), &mut arrivals);
    let rough = bench.control.stats().playout_delay_ms;
    assert!((200.0..=510.0).contains(&rough), "{rough}");
    bench.run(ms(20_100), &mut arrivals);
    let calm = bench.control.stats().playout_delay_ms;
    assert!(calm <= 120.0, "{calm}");
}

#[test]
fn the_lower_bound_is_kept() {
    let payloads = tone_payloads(Codec::Pcmu, TONE, 400);
    let mut bench = Bench::with(8000, CallAudioConfig { jitter_min_ms: 120, ..config(None) });
    bench.run(ms(8000), &mut FarEnd::pcmu().arrivals(&payloads, |_| Some(40)));
    let delay = bench.control.stats().playout_delay_ms;
    assert!((110.0..150.0).contains(&delay), "{delay}");
    assert_eq!(bench.concealed_ticks(ms(1000)), 0);
}

#[test]
fn an_outage_fades_into_the_background_and_ends_cleanly() {
    let payloads = tone_payloads(Codec::Opus, TONE, 400);
    let mut bench = Bench::new(16_000, None);
    bench.run(ms(8000), &mut FarEnd::opus().arrivals(&payloads, |i| (!(150..250).contains(&i)).then_some(40)));
    let hole = monipy_core::audio::level::dbfs(bench.between(ms(3500), ms(4900)));
    assert!(hole < -40.0, "the tone does not drone on: {hole} dBFS");
    assert!(heard_share(&bench, ms(5200), ms(7900)) > 0.95);
    let concealed = bench.control.stats().concealed_ms;
    assert!((1800..2300).contains(&concealed), "{concealed}");
}

#[test]
fn a_call_that_was_not_listened_to_goes_on_where_the_far_side_is() {
    let payloads = tone_payloads(Codec::Opus, TONE, 600);
    let mut bench = Bench::new(16_000, None);
    let mut arrivals = FarEnd::opus().arrivals(&payloads, |_| Some(40));
    bench.run(ms(2000), &mut arrivals);
    bench.control.set_direction(true, false);
    bench.run(ms(6000), &mut arrivals);
    assert!(bench.between(ms(2100), ms(8000)).iter().all(|&s| s == 0), "frames go on, silent");
    bench.control.set_direction(true, true);
    bench.run(ms(3900), &mut arrivals);
    assert!(heard_share(&bench, ms(8300), ms(11_800)) > 0.95);
    assert!(bench.control.stats().playout_delay_ms < 100.0);
}

#[test]
fn payload_types_that_were_not_negotiated_are_not_heard() {
    let far = FarEnd { payload_type: 77, ..FarEnd::pcmu() };
    let mut bench = Bench::new(8000, None);
    bench.run(ms(1000), &mut far.arrivals(&tone_payloads(Codec::Pcmu, TONE, 50), |_| Some(0)));
    assert!(bench.heard.iter().all(|&s| s == 0));
    assert_eq!(bench.control.stats().packets_received, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever comes, exactly 10 ms come out per tick (the bench asserts it), and nothing panics.
    #[test]
    fn hostile_packets_break_nothing(
        packets in prop::collection::vec(
            (0..4000u64, prop::sample::select(vec![OPUS, PCMU, 8, 101, 50]), any::<bool>(), any::<u16>(), any::<u32>(), 0..3u32,
             prop::collection::vec(any::<u8>(), 0..60)),
            0..120),
        from_tone in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 0..20),
    ) {
        let far = FarEnd::opus();
        let payloads = tone_payloads(Codec::Opus, TONE, 40);
        let mut arrivals = far.arrivals(&payloads, |_| Some(40));
        for (which, bits) in &from_tone {
            // Honest packets with a dishonest header.
            let i = which.index(arrivals.len());
            let packet = &mut arrivals[i].1;
            packet.timestamp ^= bits;
            packet.sequence_number ^= (bits >> 16) as u16;
        }
        for (at, payload_type, marker, sequence_number, timestamp, ssrc, payload) in packets {
            let arrival = std::time::Instant::now();
            arrivals.push((ms(at), RtpPacket { arrival, payload_type, marker, sequence_number, timestamp, ssrc, payload: payload.into() }));
        }
        arrivals.sort_by_key(|(t, _)| *t);
        let mut bench = Bench::new(16_000, None);
        bench.run(ms(4000), &mut arrivals);
        // Once the noise is over, an honest stream is heard again soon.
        let mut again = FarEnd { ssrc: 1234, ..FarEnd::pcmu() }.arrivals(&tone_payloads(Codec::Pcmu, TONE, 60), |_| Some(4000));
        bench.run(ms(1150), &mut again);
        prop_assert!(heard_share(&bench, ms(4500), ms(5150)) > 0.9);
    }

    /// The playout delay never leaves its bounds by more than two packets and two ticks.
    #[test]
    fn the_delay_is_bounded(delays in prop::collection::vec(0..900u64, 200), loss in 0..30u64, seed in any::<u64>()) {
        let mut random = Random(seed);
        let fates: Vec<Option<u64>> = delays.iter().map(|&d| (random.below(100) >= loss).then_some(d)).collect();
        let mut bench = Bench::with(8000, CallAudioConfig { jitter_max_ms: 300, ..config(None) });
        let mut arrivals = FarEnd::pcmu().arrivals(&tone_payloads(Codec::Pcmu, TONE, 200), |i| fates[i]);
        for _ in 0..40 {
            bench.run(ms(100), &mut arrivals);
            let delay = bench.control.stats().playout_delay_ms;
            prop_assert!(delay <= 360.0, "{delay}");
        }
    }
}
