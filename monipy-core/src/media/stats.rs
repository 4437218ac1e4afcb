//! Counters of one transport and what RTCP reports say (RFC 3550 6.4), readable from any thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The mapping between the far side's wall clock and its RTP clock (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// Whose report it is.
    pub ssrc: u32,
    /// NTP time stamp: seconds since 1900 in the upper 32 bits, fraction in the lower. As sent, so
    /// it may be 0 or nonsense.
    pub ntp_time: u64,
    /// The RTP timestamp of the same moment.
    pub rtp_timestamp: u32,
    /// When the report arrived.
    pub arrival: Instant,
}

/// What RTCP has said so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RtcpFigures {
    /// Round trip from the far side's last receiver report about us.
    pub round_trip: Option<Duration>,
    /// Share of our packets the far side lost in its last report interval, 0 to 1.
    pub remote_fraction_lost: Option<f32>,
    /// Our packets the far side lost in all; negative when duplicates came.
    pub remote_packets_lost: Option<i32>,
    /// Interarrival jitter the far side sees, in time.
    pub remote_jitter: Option<Duration>,
    /// The far side's last sender report.
    pub sender_report: Option<SenderReport>,
}

/// Counters at one moment. Octets are RTP payload octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransportCounters {
    /// RTP packets received and queued for the media worker.
    pub packets_received: u64,
    /// Their payload octets.
    pub octets_received: u64,
    /// RTP packets handed to the network.
    pub packets_sent: u64,
    /// Their payload octets.
    pub octets_sent: u64,
    /// Datagrams that the guard dropped before the stack saw them.
    pub guard_dropped: u64,
    /// Authenticated packets with a payload type, or for an audio line, that was not negotiated.
    pub wrong_payload_type: u64,
}

/// Counters and RTCP figures of one transport.
#[derive(Debug, Default)]
pub struct TransportStats {
    pub(crate) packets_received: AtomicU64,
    pub(crate) octets_received: AtomicU64,
    pub(crate) packets_sent: AtomicU64,
    pub(crate) octets_sent: AtomicU64,
    pub(crate) guard_dropped: AtomicU64,
    pub(crate) wrong_payload_type: AtomicU64,
    // Written once per RTCP report (seconds apart), read by statistics only: no packet waits for it.
    rtcp: Mutex<RtcpFigures>,
    /// The last sender report of each audio line.
    reports: Mutex<Vec<(u8, SenderReport)>>,
}

impl TransportStats {
    /// The counters now.
    #[must_use]
    pub fn counters(&self) -> TransportCounters {
        let get = |a: &AtomicU64| a.load(Ordering::Relaxed);
        TransportCounters {
            packets_received: get(&self.packets_received),
            octets_received: get(&self.octets_received),
            packets_sent: get(&self.packets_sent),
            octets_sent: get(&self.octets_sent),
            guard_dropped: get(&self.guard_dropped),
            wrong_payload_type: get(&self.wrong_payload_type),
        }
    }

    /// What RTCP has said so far.
    #[must_use]
    pub fn rtcp(&self) -> RtcpFigures {
        *self.rtcp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last sender report of each audio line (0 is the first), for playing them out together.
    #[must_use]
    pub fn sender_reports(&self) -> Vec<(u8, SenderReport)> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note_report(&self, line: u8, report: SenderReport) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        match reports.iter_mut().find(|(l, _)| *l == line) {
            Some(known) => known.1 = report,
            None => reports.push((line, report)),
        }
    }

    #[allow(dead_code)] // used by the stack's interceptor
    pub(crate) fn update_rtcp(&self, change: impl FnOnce(&mut RtcpFigures)) {
        change(&mut self.rtcp.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
