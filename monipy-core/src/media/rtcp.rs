//! RTCP of one connection: sender and receiver reports of ours (RFC 3550 6.4, appendix A), and the
//! figures in the far side's. Our own, because the stack's knows no change of SSRC and keeps jitter
//! and round trips to itself. An RTCP BYE ends nothing: SIP does.

use super::stats::{SenderReport as RemoteReport, TransportStats};
use bytes::Bytes;
use rtc::rtcp;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1900 to 1970 (RFC 5905).
const NTP_EPOCH: u64 = 2_208_988_800;
/// Time of the first report, and the mean time between reports (RFC 4585 lets AVPF profiles be
/// quicker than the 5 s of RFC 3550; these cost 60 octets each).
const FIRST: Duration = Duration::from_millis(500);
const MEAN_MS: u32 = 3000;

/// What has arrived of one SSRC (RFC 3550 A.1, A.3, A.8).
#[derive(Debug, Clone)]
struct Source {
    ssrc: u32,
    base: u16,
    highest: u16,
    cycles: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    transit: u32,
    jitter: f64,
    clock: u32,
    /// Middle bits of the last sender report's NTP time, and when it came.
    last_report: Option<(u32, Instant)>,
}

impl Source {
    fn new(ssrc: u32, sequence: u16, clock: u32) -> Self {
        Source {
            ssrc,
            base: sequence,
            highest: sequence,
            cycles: 0,
            received: 0,
            expected_before: 0,
            received_before: 0,
            transit: 0,
            jitter: 0.0,
            clock,
            last_report: None,
        }
    }

    fn on_packet(&mut self, sequence: u16, timestamp: u32, since_start: Duration, clock: u32) {
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead < 0x8000 {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.highest = sequence;
        }
        self.received = self.received.wrapping_add(1);
        let arrival = (since_start.as_nanos() * u128::from(clock) / 1_000_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if self.received > 1 && clock == self.clock {
            let difference = f64::from(transit.wrapping_sub(self.transit).cast_signed().unsigned_abs());
            // A jump of the timestamps by more than a second is a new start, not jitter.
            if difference < f64::from(clock) {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
        self.clock = clock;
        self.transit = transit;
    }

    fn report(&mut self, now: Instant) -> ReceptionReport {
        let extended = self.cycles.wrapping_add(u32::from(self.highest));
        let expected = extended.wrapping_sub(u32::from(self.base)).wrapping_add(1);
        let lost = expected.wrapping_sub(self.received).cast_signed().clamp(-0x80_0000, 0x7f_ffff);
        let expected_interval = expected.wrapping_sub(self.expected_before);
        let received_interval = self.received.wrapping_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_interval = expected_interval.wrapping_sub(received_interval).cast_signed();
        let fraction_lost = if expected_interval == 0 || lost_interval <= 0 {
            0
        } else {
            u8::try_from((u64::from(lost_interval.unsigned_abs()) << 8) / u64::from(expected_interval)).unwrap_or(u8::MAX)
        };
        let (last_sender_report, delay) = self.last_report.map_or((0, 0), |(ntp, at)| (ntp, short_ntp(now.saturating_duration_since(at))));
        ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost,
            total_lost: lost.cast_unsigned() & 0xff_ffff,
            last_sequence_number: extended,
            jitter: self.jitter as u32,
            last_sender_report,
            delay,
        }
    }
}

/// Units of 1/65,536 s.
fn short_ntp(duration: Duration) -> u32 {
    (duration.as_nanos() * 65_536 / 1_000_000_000) as u32
}

/// The last packet that was sent, and what was sent in all.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    timestamp: u32,
    clock: u32,
    packets: u32,
    octets: u32,
}

/// The RTCP state of one connection.
#[derive(Debug)]
pub(crate) struct RtcpSession {
    ssrc: u32,
    cname: String,
    start: Instant,
    /// NTP time at `start`; from there on the monotonic clock counts.
    ntp_start: u64,
    /// By audio line; most calls have one.
    sources: Vec<(u8, Source)>,
    sent: Vec<(u8, Sent)>,
    next: Instant,
    random: u32,
}

impl RtcpSession {
    pub(crate) fn new(ssrc: u32, cname: String, now: Instant) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ntp_start = ((unix.as_secs() + NTP_EPOCH) << 32) | ((u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000);
        RtcpSession { ssrc, cname, start: now, ntp_start, sources: Vec::new(), sent: Vec::new(), next: now + FIRST, random: ssrc | 1 }
    }

    fn ntp(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        self.ntp_start.wrapping_add((since.as_secs() << 32) | ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000))
    }

    /// A media packet of a line arrived. Returns whether its SSRC is another than before.
    pub(crate) fn on_received(&mut self, line: u8, ssrc: u32, sequence: u16, timestamp: u32, clock: u32, now: Instant) -> bool {
        let since_start = now.saturating_duration_since(self.start);
        if let Some((_, source)) = self.sources.iter_mut().find(|(l, s)| *l == line && s.ssrc == ssrc) {
            source.on_packet(sequence, timestamp, since_start, clock);
            return false;
        }
        let mut source = Source::new(ssrc, sequence, clock);
        source.on_packet(sequence, timestamp, since_start, clock);
        match self.sources.iter_mut().find(|(l, _)| *l == line) {
            Some(known) => known.1 = source,
            None => self.sources.push((line, source)),
        }
        true
    }

    /// A media packet of a line was sent.
    pub(crate) fn on_sent(&mut self, line: u8, timestamp: u32, clock: u32, octets: usize, now: Instant) {
        let known = self.sent.iter_mut().find(|(l, _)| *l == line).map(|(_, sent)| sent);
        let (packets, before) = known.as_ref().map_or((0, 0), |s| (s.packets, s.octets));
        let octets = before.wrapping_add(u32::try_from(octets).unwrap_or(0));
        let sent = Sent { at: now, timestamp, clock, packets: packets.wrapping_add(1), octets };
        match known {
            Some(known) => *known = sent,
            None => self.sent.push((line, sent)),
        }
    }

    /// When the next report is due.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// The report that is due, if it is.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Vec<Box<dyn rtcp::Packet>>> {
        if now < self.next {
            return None;
        }
        // Half to one and a half times the mean (RFC 3550 6.3.1): xorshift is random enough.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.next = now + Duration::from_millis(u64::from(MEAN_MS / 2 + self.random % MEAN_MS));
        let mut reports: Vec<ReceptionReport> = self.sources.iter_mut().map(|(_, s)| s.report(now)).collect();
        let mut packets: Vec<Box<dyn rtcp::Packet>> = Vec::new();
        for (line, sent) in &self.sent {
            if now.saturating_duration_since(sent.at) < Duration::from_secs(10) {
                let since = now.saturating_duration_since(sent.at).as_nanos() * u128::from(sent.clock) / 1_000_000_000;
                packets.push(Box::new(SenderReport {
                    ssrc: self.ssrc.wrapping_add(u32::from(*line)),
                    ntp_time: self.ntp(now),
                    rtp_time: sent.timestamp.wrapping_add(since as u32),
                    packet_count: sent.packets,
                    octet_count: sent.octets,
                    // They go with the first report, whichever that is.
                    reports: std::mem::take(&mut reports),
                    ..SenderReport::default()
                }));
            }
        }
        if packets.is_empty() {
            packets.push(Box::new(ReceiverReport { ssrc: self.ssrc, reports, ..ReceiverReport::default() }));
        }
        let name = SourceDescription {
            chunks: vec![SourceDescriptionChunk {
                source: self.ssrc,
                items: vec![SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: Bytes::from(self.cname.clone()) }],
            }],
        };
        packets.push(Box::new(name));
        Some(packets)
    }

    /// RTCP packets of the far side arrived.
    pub(crate) fn on_rtcp(&mut self, packets: &[Box<dyn rtcp::Packet>], clock: u32, now: Instant, stats: &TransportStats) {
        // A compound packet has a report or two; the bound is against nonsense.
        for packet in packets.iter().take(16) {
            if let Some(report) = packet.as_any().downcast_ref::<SenderReport>() {
                let mapping = RemoteReport { ssrc: report.ssrc, ntp_time: report.ntp_time, rtp_timestamp: report.rtp_time, arrival: now };
                if let Some((line, source)) = self.sources.iter_mut().find(|(_, s)| s.ssrc == report.ssrc) {
                    source.last_report = Some(((report.ntp_time >> 16) as u32, now));
                    stats.note_report(*line, mapping);
                }
                stats.update_rtcp(|figures| figures.sender_report = Some(mapping));
                self.on_reports(&report.reports, clock, now, stats);
            } else if let Some(report) = packet.as_any().downcast_ref::<ReceiverReport>() {
                self.on_reports(&report.reports, clock, now, stats);
            }
        }
    }

    fn on_reports(&self, reports: &[ReceptionReport], clock: u32, now: Instant, stats: &TransportStats) {
        for report in reports.iter().filter(|r| r.ssrc == self.ssrc) {
            // 24 bits, signed.
            let lost = (report.total_lost << 8).cast_signed() >> 8;
            let round_trip = (report.last_sender_report != 0)
                .then(|| ((self.ntp(now) >> 16) as u32).wrapping_sub(report.last_sender_report).wrapping_sub(report.delay))
                // Nonsense in the report shows as a round trip of hours.
                .filter(|units| *units < 60 << 16)
                .map(|units| Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65_536));
            stats.update_rtcp(|figures| {
                figures.round_trip = round_trip.or(figures.round_trip);
                figures.remote_fraction_lost = Some(f32::from(report.fraction_lost) / 256.0);
                figures.remote_packets_lost = Some(lost);
                figures.remote_jitter = Some(Duration::from_secs_f64(f64::from(report.jitter) / f64::from(clock.max(1))));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_sequence_wrap_are_counted_as_appendix_a_says() {
        let start = Instant::now();
        let mut session = RtcpSession::new(1, "c".into(), start);
        // 65530 to 65535, then 0 to 9, of which 2 and 3 are missing.
        for (i, sequence) in (65_530..=65_535).chain(0..10).enumerate().filter(|(_, s)| *s != 2 && *s != 3) {
            let at = start + Duration::from_millis(20 * i as u64);
            session.on_received(0, 7, sequence as u16, 960 * i as u32, 48_000, at);
        }
        let report = session.sources[0].1.report(start);
        assert_eq!(report.total_lost, 2);
        assert_eq!(report.last_sequence_number, (1 << 16) + 9);
        assert_eq!(report.fraction_lost, (2 * 256 / 16) as u8);
        assert_eq!(report.jitter, 0, "packets came as evenly as they were stamped");
    }

    #[test]
    fn a_new_ssrc_starts_anew() {
        let now = Instant::now();
        let mut session = RtcpSession::new(1, "c".into(), now);
        assert!(session.on_received(0, 7, 100, 0, 8000, now));
        assert!(!session.on_received(0, 7, 101, 160, 8000, now));
        assert!(session.on_received(0, 8, 60_000, 99, 8000, now));
        let report = session.sources[0].1.report(now);
        assert_eq!((report.ssrc, report.total_lost), (8, 0));
    }

    #[test]
    fn a_round_trip_is_what_the_report_leaves_of_the_time() {
        let start = Instant::now();
        let mut session = RtcpSession::new(1, "c".into(), start);
        let stats = TransportStats::default();
        let later = start + Duration::from_millis(150);
        let last = (session.ntp(start) >> 16) as u32;
        let report = ReceptionReport {
            ssrc: 1,
            last_sender_report: last,
            delay: short_ntp(Duration::from_millis(100)),
            total_lost: 0xff_ffff,
            ..ReceptionReport::default()
        };
        let packet: Box<dyn rtcp::Packet> = Box::new(ReceiverReport { ssrc: 2, reports: vec![report], ..ReceiverReport::default() });
        session.on_rtcp(&[packet], 48_000, later, &stats);
        let figures = stats.rtcp();
        let round_trip = figures.round_trip.unwrap().as_secs_f64();
        assert!((0.049..0.051).contains(&round_trip), "{round_trip}");
        assert_eq!(figures.remote_packets_lost, Some(-1));
    }
}
