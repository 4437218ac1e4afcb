//! Events: what the engine tells its user, in the order the contract guarantees.

use crate::call::{CallId, Party};
use crate::quality::Warning;
pub use crate::vocabulary::EventKind;
use serde_json::{Map, Value, json};

/// Which way a call was set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It came in (a barge request).
    Incoming,
    /// It was placed by [`crate::Supervisor::call`].
    Outgoing,
}

impl Direction {
    /// The vendor's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Incoming => "incoming",
            Direction::Outgoing => "outgoing",
        }
    }
}

/// Who holds a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whom {
    /// This side.
    Myself,
    /// The far side.
    Other,
}

impl Whom {
    /// The vendor's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Whom::Myself => "myself",
            Whom::Other => "other",
        }
    }
}

/// What an INVITE says of the call it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncomingCall {
    /// The display name of the From header, else its user part.
    pub from: String,
    /// The SIP URI of the From header.
    pub from_uri: String,
    /// X-Call-ID, else X-cmi-uuid, else the SIP Call-ID.
    pub call_id: String,
    /// X-Team-Name.
    pub team_name: Option<String>,
    /// X-To-Number.
    pub to_number: Option<String>,
    /// X-Transfer-From.
    pub transfer_from: Option<String>,
    /// X-Transfer.
    pub transfer: Option<String>,
    /// Every X- header, by its name as sent, in the order sent.
    pub headers: Vec<(String, String)>,
}

/// Figures of one call. Counters run from the call's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stats {
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
    /// Interarrival jitter, ms (RFC 3550 6.4.1).
    pub jitter_ms: f32,
    /// Delay that the jitter buffer adds now, ms.
    pub playout_delay_ms: f32,
    /// Round-trip time from RTCP reports, ms, once known (RFC 3550 6.4.1).
    pub round_trip_ms: Option<f32>,
    /// Listening quality, 1 to 4.5, by the E-model (ITU-T G.107).
    pub mos: f32,
    /// Level of what is heard, dBFS (RMS of the last second); -127 for silence.
    pub level_dbfs: f32,
    /// Level of what is sent, dBFS; -127 for silence.
    pub sent_level_dbfs: f32,
    /// Samples of what was heard at full scale.
    pub clipped_samples: u64,
    /// Samples other than zero that were sent. Stands still while the call is muted: the proof that
    /// nothing is heard of it.
    pub sounding_samples_sent: u64,
    /// Packets lost in the last second, before error correction, percent.
    pub loss_percent: f32,
    /// Sound invented in the last second, percent.
    pub concealed_percent: f32,
}

/// What an event carries beside its code and status.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Detail {
    /// Nothing more.
    #[default]
    None,
    /// Why: loginFailed, logout, disconnected, ended, hangup, mediaFailed, reboot.
    Reason(String),
    /// trying, ringing, answered.
    Direction(Direction),
    /// inComingCall.
    Incoming(Box<IncomingCall>),
    /// callStream, where the server sends the parties apart.
    Parties(Vec<Party>),
    /// hold, unhold.
    Whom(Whom),
    /// dtmf.
    Dtmf {
        /// One of 0-9 * # A-D.
        digit: char,
        /// How long the key was held, ms.
        duration_ms: u32,
        /// Which way the call was set up.
        direction: Direction,
    },
    /// missed.
    Missed {
        /// Who called.
        from: String,
        /// Why it was missed.
        reason: String,
    },
    /// stats.
    Stats(Box<Stats>),
    /// device.
    Device {
        /// "speaker" or "microphone".
        kind: &'static str,
        /// The card in use now; empty for none.
        name: String,
        /// Why it changed.
        reason: String,
    },
    /// warning.
    Warning(Warning),
    /// overflow.
    Overflow {
        /// Events dropped since the last notice.
        dropped: u64,
    },
}

/// One event. Events of one supervisor come in the order of `seq`, from 1, without gaps
/// (save where an `overflow` says how many were dropped).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Number of the event within its supervisor.
    pub seq: u64,
    /// When, as Unix time in milliseconds (for people; order is by `seq`).
    pub time_ms: u64,
    /// The call it belongs to.
    pub call: Option<CallId>,
    /// The contract's code.
    pub code: u16,
    /// The vendor's words, or the server's reason.
    pub status: String,
    /// What it carries beside.
    pub detail: Detail,
}

impl Event {
    /// The vendor's name of the event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Why, where the event carries a reason.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.detail {
            Detail::Reason(r) | Detail::Missed { reason: r, .. } | Detail::Device { reason: r, .. } => Some(r),
            _ => None,
        }
    }

    /// The event's object as the vendor's page sees it: `code`, `status` and the fields that
    /// [`crate::vocabulary::EVENTS`] lists for it. `callStream`'s stream is each language's own
    /// object and is not in here.
    #[must_use]
    pub fn object(&self) -> Map<String, Value> {
        let mut m = Map::new();
        m.insert("code".into(), json!(self.code));
        m.insert("status".into(), json!(self.status));
        match &self.detail {
            Detail::None => {}
            Detail::Reason(r) => {
                m.insert("reason".into(), json!(r));
            }
            Detail::Direction(d) => {
                m.insert("type".into(), json!(d.as_str()));
            }
            Detail::Incoming(i) => {
                m.insert("from".into(), json!(i.from));
                m.insert("call_id".into(), json!(i.call_id));
                for (k, v) in [
                    ("team_name", &i.team_name),
                    ("to_number", &i.to_number),
                    ("transfer_from", &i.transfer_from),
                    ("transfer", &i.transfer),
                ] {
                    if let Some(v) = v {
                        m.insert(k.into(), json!(v));
                    }
                }
                m.insert("from_uri".into(), json!(i.from_uri));
                let headers: Map<String, Value> = i.headers.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
                m.insert("headers".into(), Value::Object(headers));
            }
            Detail::Parties(parties) => {
                let object = |p: &Party| {
                    let fields = [("name", &p.name), ("id", &p.id)];
                    Value::Object(fields.into_iter().filter_map(|(k, v)| Some((k.to_owned(), json!(v.as_ref()?)))).collect())
                };
                m.insert("parties".into(), Value::Array(parties.iter().map(object).collect()));
            }
            Detail::Whom(w) => {
                m.insert("whom".into(), json!(w.as_str()));
            }
            Detail::Dtmf { digit, duration_ms, direction } => {
                m.insert("dtmf".into(), json!(digit.to_string()));
                m.insert("duration_ms".into(), json!(duration_ms));
                m.insert("type".into(), json!(direction.as_str()));
            }
            Detail::Missed { from, reason } => {
                m.insert("from".into(), json!(from));
                m.insert("reason".into(), json!(reason));
            }
            Detail::Stats(s) => {
                m.insert("packets_received".into(), json!(s.packets_received));
                m.insert("packets_sent".into(), json!(s.packets_sent));
                m.insert("packets_lost".into(), json!(s.packets_lost));
                m.insert("packets_recovered".into(), json!(s.packets_recovered));
                m.insert("concealed_ms".into(), json!(s.concealed_ms));
                m.insert("jitter_ms".into(), json!(s.jitter_ms));
                m.insert("playout_delay_ms".into(), json!(s.playout_delay_ms));
                if let Some(rtt) = s.round_trip_ms {
                    m.insert("round_trip_ms".into(), json!(rtt));
                }
                m.insert("mos".into(), json!(s.mos));
                m.insert("level_dbfs".into(), json!(s.level_dbfs));
                m.insert("sent_level_dbfs".into(), json!(s.sent_level_dbfs));
                m.insert("clipped_samples".into(), json!(s.clipped_samples));
                m.insert("sounding_samples_sent".into(), json!(s.sounding_samples_sent));
                m.insert("loss_percent".into(), json!(s.loss_percent));
                m.insert("concealed_percent".into(), json!(s.concealed_percent));
            }
            Detail::Device { kind, name, reason } => {
                m.insert("kind".into(), json!(kind));
                m.insert("device".into(), json!(name));
                m.insert("reason".into(), json!(reason));
            }
            Detail::Warning(w) => {
                m.insert("warning".into(), json!(w.kind.name()));
                m.insert("raised".into(), json!(w.raised));
                m.insert("value".into(), json!(w.value));
                m.insert("threshold".into(), json!(w.threshold));
            }
            Detail::Overflow { dropped } => {
                m.insert("dropped".into(), json!(dropped));
            }
        }
        m
    }

    /// The object of [`Event::object`] with `event`, `seq`, `time_ms` and `call` beside, as one
    /// line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut m = self.object();
        m.insert("event".into(), json!(self.name()));
        m.insert("seq".into(), json!(self.seq));
        m.insert("time_ms".into(), json!(self.time_ms));
        if let Some(call) = self.call {
            m.insert("call".into(), json!(call.0));
        }
        Value::Object(m).to_string()
    }
}
