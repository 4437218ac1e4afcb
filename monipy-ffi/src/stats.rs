//! Figures of a call

use crate::guard::{Allow, Fail, enter_ok};
use crate::sized::{self, Sized_};
use crate::types::{monipy_call_id, monipy_status, monipy_supervisor};
use monipy_core::{CallId, Stats};

/// Figures of one call. Counters run from the call's beginning.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct monipy_stats {
    /// sizeof(monipy_stats) of the one who allocated it.
    pub struct_size: u32,
    /// 0.
    pub reserved0: u32,
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP payload bytes received.
    pub bytes_received: u64,
    /// RTP payload bytes sent.
    pub bytes_sent: u64,
    /// RTP packets that never came, before error correction.
    pub packets_lost: u64,
    /// Lost packets that in-band FEC restored.
    pub packets_recovered: u64,
    /// Milliseconds of sound that had to be invented.
    pub concealed_ms: u64,
    /// Interarrival jitter, milliseconds (RFC 3550 6.4.1).
    pub jitter_ms: f64,
    /// What the jitter buffer adds now, milliseconds.
    pub playout_delay_ms: f64,
    /// From RTCP reports, milliseconds (RFC 3550 6.4.1); negative while not known.
    pub round_trip_ms: f64,
    /// Listening quality, 1 to 4.5, by the E-model (ITU-T G.107).
    pub mos: f64,
    /// Level of what is heard, dBFS, RMS of the last second; -127 for silence.
    pub level_dbfs: f64,
    /// Level of what is sent, dBFS; -127 for silence.
    pub sent_level_dbfs: f64,
    /// Samples of what was heard at full scale.
    pub clipped_samples: u64,
    /// Samples other than zero that were sent. Stands still while the call is muted.
    pub sounding_samples_sent: u64,
    /// Packets lost in the last second, before error correction, percent.
    pub loss_percent: f64,
    /// Sound invented in the last second, percent.
    pub concealed_percent: f64,
}

// SAFETY: two u32, then 64-bit fields; all-zero bytes are a value.
unsafe impl Sized_ for monipy_stats {
    const V1: usize = 8 + 13 * 8;
    const NAME: &'static str = "monipy_stats";
}

pub(crate) fn of(s: &Stats) -> monipy_stats {
    monipy_stats {
        struct_size: size_of::<monipy_stats>() as u32,
        reserved0: 0,
        packets_received: s.packets_received,
        packets_sent: s.packets_sent,
        bytes_received: s.bytes_received,
        bytes_sent: s.bytes_sent,
        packets_lost: s.packets_lost,
        packets_recovered: s.packets_recovered,
        concealed_ms: s.concealed_ms,
        jitter_ms: s.jitter_ms.into(),
        playout_delay_ms: s.playout_delay_ms.into(),
        round_trip_ms: s.round_trip_ms.map_or(-1.0, f64::from),
        mos: s.mos.into(),
        level_dbfs: s.level_dbfs.into(),
        sent_level_dbfs: s.sent_level_dbfs.into(),
        clipped_samples: s.clipped_samples,
        sounding_samples_sent: s.sounding_samples_sent,
        loss_percent: s.loss_percent.into(),
        concealed_percent: s.concealed_percent.into(),
    }
}

/// Figures of a call now. struct_size: sizeof(monipy_stats). The event `stats` brings the same at
/// the pace of the configuration's stats_interval_ms.
///
/// MONIPY_OK; MONIPY_ERR_NO_SUCH_CALL; MONIPY_ERR_INVALID_ARGUMENT. Any thread, any callback.
///
/// # Safety
/// `stats` is NULL or points to `struct_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_call_stats(
    supervisor: *mut monipy_supervisor,
    call: monipy_call_id,
    stats: *mut monipy_stats,
    struct_size: usize,
) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        let handle = crate::handle::get(supervisor)?;
        let figures = handle.supervisor.call_stats(CallId(call)).ok_or_else(Fail::no_call)?;
        // SAFETY: the caller promises `struct_size` writable bytes.
        unsafe { sized::write(stats, struct_size, of(&figures)) }
    })
}
