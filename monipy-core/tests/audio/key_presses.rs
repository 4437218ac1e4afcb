//! Telephone events (RFC 4733): three end packets out; one event per key in, whatever is odd.

use crate::support::{Bench, EVENTS, FarEnd, OPUS, config, ms, tone_payloads};
use bytes::Bytes;
use monipy_core::Codec;
use monipy_core::audio::telephone_event::{EventReceiver, EventSender, Key, Slot};
use monipy_core::audio::{AudioEvent, RtpPacket};
use std::time::{Duration, Instant};

fn payload(event: u8, end: bool, duration: u16) -> [u8; 4] {
    let [high, low] = duration.to_be_bytes();
    [event, if end { 0x8a } else { 10 }, high, low]
}

/// Feeds packets (marker, timestamp, payload) 20 ms apart, then waits a second.
fn keys(packets: &[(bool, u32, [u8; 4])]) -> Vec<Key> {
    let start = Instant::now();
    let mut receiver = EventReceiver::default();
    let mut keys = Vec::new();
    for (i, (marker, timestamp, payload)) in packets.iter().enumerate() {
        let at = start + ms(20 * i as u64);
        keys.extend(receiver.push(*marker, *timestamp, payload, at, 8000));
        keys.extend(receiver.tick(at, 8000));
    }
    for i in 0..50 {
        keys.extend(receiver.tick(start + ms(20 * (packets.len() as u64 + i)), 8000));
    }
    keys
}

#[test]
fn a_clean_key_is_told_once_with_its_duration() {
    let packets = [
        (true, 1000, payload(5, false, 160)),
        (false, 1000, payload(5, false, 320)),
        (false, 1000, payload(5, true, 800)),
        (false, 1000, payload(5, true, 800)),
        (false, 1000, payload(5, true, 800)),
    ];
    assert_eq!(keys(&packets), [Key { digit: '5', duration_ms: 100 }]);
}

#[test]
fn a_key_whose_end_was_lost_is_told_once() {
    let packets = [(true, 1000, payload(11, false, 160)), (false, 1000, payload(11, false, 480))];
    assert_eq!(keys(&packets), [Key { digit: '#', duration_ms: 60 }]);
}

#[test]
fn a_key_with_its_end_lost_is_told_when_the_next_one_begins() {
    let packets = [(true, 1000, payload(1, false, 160)), (true, 3000, payload(2, false, 160)), (false, 3000, payload(2, true, 320))];
    assert_eq!(keys(&packets).iter().map(|k| k.digit).collect::<String>(), "12");
}

#[test]
fn only_an_end_packet_arrived() {
    assert_eq!(keys(&[(false, 1000, payload(0, true, 800))]), [Key { digit: '0', duration_ms: 100 }]);
}

#[test]
fn durations_of_zero_and_of_all_ones_make_one_key_each() {
    assert_eq!(keys(&[(true, 1, payload(3, false, 0)), (false, 1, payload(3, true, 0)), (false, 1, payload(3, true, 0))]).len(), 1);
    let long = keys(&[(true, 1, payload(3, false, 65_535)), (false, 1, payload(3, true, 65_535)), (false, 1, payload(3, true, 65_535))]);
    assert_eq!(long, [Key { digit: '3', duration_ms: 8191 }]);
}

#[test]
fn a_key_in_several_segments_is_one_key() {
    let packets = [
        (true, 1000, payload(9, false, 65_535)),
        (false, 66_535, payload(9, false, 160)),
        (false, 66_535, payload(9, true, 4000)),
        (false, 66_535, payload(9, true, 4000)),
    ];
    assert_eq!(keys(&packets), [Key { digit: '9', duration_ms: (65_535 + 4000) / 8 }]);
}

#[test]
fn the_same_key_twice_is_two_keys() {
    let press = |timestamp| {
        [(true, timestamp, payload(7, false, 160)), (false, timestamp, payload(7, true, 400)), (false, timestamp, payload(7, true, 400))]
    };
    let packets: Vec<_> = press(1000).into_iter().chain(press(3000)).collect();
    assert_eq!(keys(&packets).iter().map(|k| k.digit).collect::<String>(), "77");
}

#[test]
fn what_is_no_key_is_passed_over() {
    assert_eq!(keys(&[(true, 1, payload(16, true, 800)), (true, 1, payload(255, true, 800))]), []);
    let mut receiver = EventReceiver::default();
    assert_eq!(receiver.push(true, 1, &[5, 0x8a, 1], Instant::now(), 8000), None);
    assert_eq!(receiver.push(true, 1, &[], Instant::now(), 8000), None);
}

/// What a sender makes of keys: (slot, marker, timestamp, event, end, duration).
fn sent(sender: &mut EventSender, slots: u32) -> Vec<(u32, bool, u32, u8, bool, u16)> {
    (0..slots)
        .filter_map(|slot| {
            let packet = match sender.slot(slot * 160) {
                Slot::Free => return None,
                Slot::Packet(p) | Slot::LastPacket(p, ..) => p,
            };
            let [event, flags, high, low] = *packet.payload else { panic!("four octets") };
            Some((slot, packet.marker, packet.timestamp, event, flags & 0x80 != 0, u16::from_be_bytes([high, low])))
        })
        .collect()
}

#[test]
fn a_key_is_sent_with_growing_durations_and_three_ends() {
    let mut sender = EventSender::new(8000);
    sender.press('*', 100, 70);
    sender.press('1', 40, 30);
    let packets = sent(&mut sender, 20);
    let star: Vec<_> = packets.iter().filter(|p| p.3 == 10).copied().collect();
    assert_eq!(star.iter().map(|p| p.5).collect::<Vec<_>>(), [160, 320, 480, 640, 800, 800, 800]);
    assert_eq!(star.iter().map(|p| p.4).collect::<Vec<_>>(), [false, false, false, false, true, true, true]);
    assert!(star[0].1 && star[1..].iter().all(|p| !p.1), "the marker is on the first packet alone");
    assert!(star.iter().all(|p| p.2 == 0), "one timestamp for the whole key");
    let one: Vec<_> = packets.iter().filter(|p| p.3 == 1).copied().collect();
    assert_eq!(one.iter().map(|p| p.5).collect::<Vec<_>>(), [160, 320, 320, 320]);
    // The first end is at 100 ms; the next key no sooner than 70 ms later.
    assert!((one[0].0 - star[4].0) * 20 >= 70, "{one:?}");
    assert!(!sender.is_busy());
}

#[test]
fn a_key_longer_than_sixteen_bits_is_sent_in_segments_and_received_as_one() {
    let mut sender = EventSender::new(48_000);
    sender.press('D', 3000, 70);
    let mut receiver = EventReceiver::default();
    let start = Instant::now();
    let mut told = Vec::new();
    for slot in 0..300u32 {
        match sender.slot(slot * 960) {
            Slot::Free => {}
            Slot::Packet(p) | Slot::LastPacket(p, ..) => {
                told.extend(receiver.push(p.marker, p.timestamp, &p.payload, start + ms(u64::from(slot) * 20), 48_000));
            }
        }
    }
    assert_eq!(told, [Key { digit: 'D', duration_ms: 3000 }]);
}

#[test]
fn keys_between_sound_leave_no_hole_and_are_told() {
    let far = FarEnd::opus();
    let payloads = tone_payloads(Codec::Opus, 500.0, 150);
    let mut arrivals = far.arrivals(&payloads, |i| (!(50..55).contains(&i)).then_some(30));
    // Five packets of sound give way to a key: same sequence numbers, the key's own timestamp.
    for i in 50..55usize {
        let mut packet: RtpPacket = far.packet(i, Bytes::copy_from_slice(&payload(4, i >= 52, 960 * (i as u16 - 49))));
        packet.payload_type = EVENTS;
        packet.timestamp = far.timestamp.wrapping_add(50 * 960);
        packet.marker = i == 50;
        arrivals.push((ms(i as u64 * 20 + 30), packet));
    }
    arrivals.sort_by_key(|(t, _)| *t);
    let mut bench = Bench::new(16_000, Some((OPUS, Codec::Opus)));
    bench.run(ms(3000), &mut arrivals);
    assert_eq!(bench.events, [AudioEvent::DtmfReceived { digit: '4', duration_ms: 60 }]);
    assert_eq!(bench.control.stats().packets_lost, 0);
    let after = monipy_core::audio::tone::measure(bench.between(ms(1500), ms(2500)), 16_000, 500.0);
    assert!(after.snr_db > 15.0, "{after:?}");
}

#[test]
fn digits_of_a_call_go_out_in_place_of_sound() {
    let mut bench = Bench::new(8000, Some((0, Codec::Pcmu)));
    bench.control.send_dtmf("1a#", 100, 70).unwrap();
    assert_eq!(bench.control.send_dtmf("12x", 100, 70).unwrap_err().code, 1005);
    assert_eq!(bench.control.send_dtmf("", 100, 70).unwrap_err().code, 1005);
    bench.run(ms(1500), &mut Vec::new());
    let told: Vec<_> = bench.events.iter().filter(|e| matches!(e, AudioEvent::DtmfSent { .. })).cloned().collect();
    assert_eq!(told, ['1', 'A', '#'].map(|digit| AudioEvent::DtmfSent { digit, duration_ms: 100 }));
    let events: Vec<_> = bench.sent.iter().filter(|p| p.payload_type == EVENTS).collect();
    assert_eq!(events.len(), 21);
    let mut receiver = EventReceiver::default();
    let start = Instant::now();
    let heard: Vec<_> = events
        .iter()
        .enumerate()
        .filter_map(|(i, p)| receiver.push(p.marker, p.timestamp, &p.payload, start + Duration::from_millis(20 * i as u64), 8000))
        .collect();
    assert_eq!(heard.iter().map(|k| k.digit).collect::<String>(), "1A#");
    assert!(bench.sent.windows(2).all(|w| w[1].sequence_number == w[0].sequence_number.wrapping_add(1)));
}

/// As Chromium 156 does it: Opus, an event at 48000 Hz offered beside it, and keys in the one at
/// 8000 Hz whose three packets are all ends.
#[test]
fn keys_in_the_other_payload_type_that_was_agreed_are_told() {
    let mut config = config(Some((OPUS, Codec::Opus)));
    config.codecs.receive_events = vec![(110, 48_000), (EVENTS, 8000)];
    let mut bench = Bench::with(16_000, config);
    let far = FarEnd { payload_type: EVENTS, ..FarEnd::opus() };
    let press = |index: usize, event: u8, timestamp: u32| {
        let mut packet = far.packet(index, Bytes::copy_from_slice(&payload(event, true, 960)));
        (packet.marker, packet.timestamp) = (true, timestamp);
        (ms(20 * index as u64), packet)
    };
    let mut arrivals: Vec<_> = (0..9).map(|i| press(i, [1, 2, 11][i / 3], 1_000_000 + 14_400 * (i as u32 / 3))).collect();
    bench.run(ms(1000), &mut arrivals);
    assert_eq!(bench.events, ['1', '2', '#'].map(|digit| AudioEvent::DtmfReceived { digit, duration_ms: 120 }));
}
