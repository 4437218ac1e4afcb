//! The plain objects that JavaScript is given, and how they are made of the engine's.

use monipy_core::{CallId, CallInfo, Error, Stats};
use napi::bindgen_prelude::Int16Array;
use napi_derive::napi;

/// The outcome of a method.
#[napi(object)]
pub struct Outcome {
    /// The number its caller was given.
    pub ticket: u32,
    /// The contract's code.
    pub code: u32,
    /// The vendor's words.
    pub status: String,
    /// The last event before it.
    pub after: f64,
    /// Of a recording: what is in the file.
    pub seconds: Option<f64>,
}

/// Frames of one reader.
#[napi(object)]
pub struct Frames {
    /// The reader.
    pub reader: u32,
    /// The samples of all frames, one behind the other; empty when the call is over.
    pub pcm: Int16Array,
    /// For each frame: samples, timestamp, 1 if concealed.
    pub frames: Vec<f64>,
    /// Hz.
    pub sample_rate: u32,
}

/// A write or a drain that ended.
#[napi(object)]
pub struct Wrote {
    /// The writer.
    pub writer: u32,
    /// The call is over; what was not sent will not be.
    pub over: bool,
}

/// What was done since the last pump. A list without entries is left out.
#[napi(object)]
#[derive(Default)]
pub struct Batch {
    /// A JSON array of events, in the order of `seq`.
    pub events: Option<String>,
    /// Outcomes of methods.
    pub outcomes: Option<Vec<Outcome>>,
    /// Frames that were asked for.
    pub frames: Option<Vec<Frames>>,
    /// Writes that ended.
    pub wrote: Option<Vec<Wrote>>,
}

/// A new engine, or why there is none.
#[napi(object)]
pub struct Refusal {
    /// The contract's code.
    pub code: u32,
    /// What is wrong.
    pub status: String,
}

/// A reader or writer, or why there is none.
#[napi(object)]
#[derive(Default)]
pub struct Opened {
    /// Its number, when it was opened.
    pub id: Option<u32>,
    /// The contract's code.
    pub code: u32,
    /// What is wrong.
    pub status: String,
}

impl From<Error> for Opened {
    fn from(error: Error) -> Self {
        Opened { id: None, code: error.code.into(), status: error.status }
    }
}

/// What is known of a call now.
#[napi(object)]
pub struct Call {
    /// Its number.
    pub id: i64,
    /// `incoming` or `outgoing`.
    pub direction: String,
    /// `trying`, `ringing`, `answering`, `answered`, `ended`.
    pub state: String,
    /// This side holds it.
    pub on_hold: bool,
    /// The far side holds it.
    pub held_by_other: bool,
    /// Nothing is sent.
    pub muted: bool,
    /// Who called, or was called.
    pub from: String,
    /// The contact centre's id of it.
    pub call_id: String,
}

impl From<CallInfo> for Call {
    fn from(info: CallInfo) -> Self {
        Call {
            id: number(info.id.0),
            direction: info.direction.as_str().into(),
            state: format!("{:?}", info.state).to_lowercase(),
            on_hold: info.on_hold,
            held_by_other: info.held_by_other,
            muted: info.muted,
            from: info.incoming.from,
            call_id: info.incoming.call_id,
        }
    }
}

/// Figures of a call: those of the `stats` event.
#[napi(object)]
pub struct Figures {
    /// RTP packets received.
    pub packets_received: i64,
    /// RTP packets sent.
    pub packets_sent: i64,
    /// RTP packets that never came.
    pub packets_lost: i64,
    /// Milliseconds of sound that had to be invented.
    pub concealed_ms: i64,
    /// Interarrival jitter.
    pub jitter_ms: f64,
    /// What the jitter buffer adds.
    pub playout_delay_ms: f64,
    /// From RTCP reports, once known.
    pub round_trip_ms: Option<f64>,
    /// Listening quality.
    pub mos: f64,
    /// Level of what is heard, dBFS.
    pub level_dbfs: f64,
    /// Level of what is sent, dBFS.
    pub sent_level_dbfs: f64,
    /// Lost packets that in-band error correction restored.
    pub packets_recovered: i64,
    /// Samples of what was heard at full scale.
    pub clipped_samples: i64,
    /// Samples other than zero that were sent.
    pub sounding_samples_sent: i64,
    /// Packets lost in the last second.
    pub loss_percent: f64,
    /// Sound invented in the last second.
    pub concealed_percent: f64,
}

impl From<Stats> for Figures {
    fn from(s: Stats) -> Self {
        Figures {
            packets_received: number(s.packets_received),
            packets_sent: number(s.packets_sent),
            packets_lost: number(s.packets_lost),
            concealed_ms: number(s.concealed_ms),
            jitter_ms: s.jitter_ms.into(),
            playout_delay_ms: s.playout_delay_ms.into(),
            round_trip_ms: s.round_trip_ms.map(f64::from),
            mos: s.mos.into(),
            level_dbfs: s.level_dbfs.into(),
            sent_level_dbfs: s.sent_level_dbfs.into(),
            packets_recovered: number(s.packets_recovered),
            clipped_samples: number(s.clipped_samples),
            sounding_samples_sent: number(s.sounding_samples_sent),
            loss_percent: s.loss_percent.into(),
            concealed_percent: s.concealed_percent.into(),
        }
    }
}

/// Ids and counters in JavaScript's numbers (exact up to 2^53).
pub(crate) fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) fn call_id(call: i64) -> CallId {
    CallId(u64::try_from(call).unwrap_or(u64::MAX))
}

/// A speaker or a microphone.
#[napi(object)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// The system's name of it.
    pub id: String,
    /// `output` or `input`.
    pub kind: String,
    /// What the system takes when nobody chooses.
    pub is_default: bool,
}

impl From<monipy_core::device::Device> for Device {
    fn from(d: monipy_core::device::Device) -> Self {
        let kind = if d.way == monipy_core::device::Way::Output { "output" } else { "input" };
        Device { name: d.name, id: d.id, kind: kind.into(), is_default: d.is_default }
    }
}
