//! What the engine and the media workers see of a media stack: the [`MediaTransport`] trait and
//! its types. Nothing here names a stack, so that another one could take its place.

use crate::config::{Codec, Config, IceServer};
use async_trait::async_trait;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

use super::rtp::{RtpReceiver, RtpSender};
use super::stats::TransportStats;
use std::sync::Arc;

/// What a transport is made with.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// STUN servers, and TURN servers over UDP, TCP and TLS; others are skipped with a warning.
    pub ice_servers: Vec<IceServer>,
    /// Authorities to trust besides the system's, for `turns:` servers. PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether `turns:` servers need no certificate that can be checked.
    pub insecure_tls: bool,
    /// Codecs that may be negotiated, in order of preference. Must not be empty.
    pub codecs: Vec<Codec>,
    /// Address that media sockets bind to; none for every address of this machine that is up.
    pub local_address: Option<IpAddr>,
    /// How long an offer or answer waits for candidates of STUN and TURN servers before it leaves
    /// with what is there. Clamped to 0.1 to 5 s.
    pub gather_timeout: Duration,
    /// Whose order of codecs decides what an answer puts first.
    pub codec_order: CodecOrder,
    /// Received packets that may wait for the media worker; more are dropped and counted.
    pub receive_queue: usize,
    /// Packets that may wait to be sent; more are dropped and counted.
    pub send_queue: usize,
    /// Whether this side may send on further audio lines, too: a server that sends its parties apart.
    /// A supervisor receives on them and sends on the first alone.
    pub sends_on_further_lines: bool,
}

impl Default for MediaConfig {
    fn default() -> Self {
        MediaConfig {
            ice_servers: Vec::new(),
            ca_file: None,
            insecure_tls: false,
            codecs: vec![Codec::Opus, Codec::Pcmu, Codec::Pcma],
            local_address: None,
            gather_timeout: Duration::from_millis(1000),
            codec_order: CodecOrder::Local,
            receive_queue: 128,
            send_queue: 32,
            sends_on_further_lines: false,
        }
    }
}

impl From<&Config> for MediaConfig {
    fn from(config: &Config) -> Self {
        MediaConfig {
            ice_servers: config.ice_servers.clone(),
            ca_file: config.ca_file.clone(),
            insecure_tls: config.insecure_tls,
            codecs: config.codecs.clone(),
            local_address: config.local_address,
            ..MediaConfig::default()
        }
    }
}

/// Whose order of codecs decides what an answer puts first (RFC 3264 6.1 leaves it open).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CodecOrder {
    /// Ours: the configuration's.
    #[default]
    Local,
    /// The offer's.
    Remote,
}

/// Direction of a media stream, seen from one side (RFC 3264 5.1, 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MediaDirection {
    /// Both ways.
    #[default]
    SendRecv,
    /// This side sends only: what a side says that holds the other.
    SendOnly,
    /// This side receives only: what a held side says.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl MediaDirection {
    /// From the two halves.
    #[must_use]
    pub fn of(send: bool, receive: bool) -> Self {
        match (send, receive) {
            (true, true) => MediaDirection::SendRecv,
            (true, false) => MediaDirection::SendOnly,
            (false, true) => MediaDirection::RecvOnly,
            (false, false) => MediaDirection::Inactive,
        }
    }
    /// Whether this side sends.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, MediaDirection::SendRecv | MediaDirection::SendOnly)
    }
    /// Whether this side receives.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, MediaDirection::SendRecv | MediaDirection::RecvOnly)
    }
    /// The same stream seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        MediaDirection::of(self.receives(), self.sends())
    }
    /// What is left when both sides must agree; both seen from the same side.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        MediaDirection::of(self.sends() && other.sends(), self.receives() && other.receives())
    }
    /// The attribute's name in SDP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            MediaDirection::SendRecv => "sendrecv",
            MediaDirection::SendOnly => "sendonly",
            MediaDirection::RecvOnly => "recvonly",
            MediaDirection::Inactive => "inactive",
        }
    }
}

/// A codec with the payload types it was negotiated under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFormat {
    /// The codec.
    pub codec: Codec,
    /// Its RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Payload type of telephone-event (RFC 4733) at this codec's clock rate, where there is one.
    pub telephone_event: Option<u8>,
}

/// What an offer and an answer agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// What to send: the first common codec, under the payload type the far side wants to receive.
    pub send: AudioFormat,
    /// What may arrive: every accepted codec, under the payload type our own description gave it.
    pub receive: Vec<AudioFormat>,
    /// Direction agreed on, seen from this side.
    pub direction: MediaDirection,
    /// Direction that the far side's description asks for, seen from the far side: `sendonly` or
    /// `inactive` is its hold.
    pub remote_direction: MediaDirection,
    /// Packet length the far side wishes to receive, ms (10 to 60); 20 when it says nothing.
    pub ptime_ms: u32,
    /// The audio lines in their order where there is more than one, each with a party of its own;
    /// empty for the one line that most calls have. The figures above are the first line's.
    pub parties: Vec<PartyLine>,
}

/// One of several audio lines (`m=audio`) of a call: a party that is heard apart from the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartyLine {
    /// Who it is, for people: `i=` without its `party-id=`, else `a=label`.
    pub name: Option<String>,
    /// Who it is, for machines: `party-id=` in `i=`, else `a=x-party-id`, else `a=party-id`.
    pub id: Option<String>,
    /// `a=mid`.
    pub mid: Option<String>,
    /// Id of the header extension that carries the MID (RFC 9143 15), where there is one.
    pub mid_extension: Option<u8>,
    /// Sources that the description names (`a=ssrc`, RFC 5576).
    pub ssrcs: Vec<u32>,
    /// What may arrive on it.
    pub formats: Vec<AudioFormat>,
    /// Whether anything is to arrive on it.
    pub receives: bool,
}

/// Which connection a new offer of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OfferKind {
    /// The one there is (the first offer, hold, resume).
    #[default]
    Same,
    /// A fresh connection with new ICE credentials, fingerprint and sockets: after a change of the
    /// local network, or when the old one failed. The old one serves until the answer is applied.
    Fresh,
}

/// Why a description of the far side was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferError {
    /// The SIP response that says so: 488 Not Acceptable Here; 500 when this side is at fault;
    /// 487 when the transport was closed meanwhile.
    pub sip_code: u16,
    /// A sentence for the log and the Warning header. Holds no secret and no raw remote text.
    pub why: String,
}

impl OfferError {
    /// 488 with a reason.
    #[must_use]
    pub fn not_acceptable(why: impl Into<String>) -> Self {
        OfferError { sip_code: 488, why: why.into() }
    }
    /// 500 with a reason.
    #[must_use]
    pub fn internal(why: impl Into<String>) -> Self {
        OfferError { sip_code: 500, why: why.into() }
    }
    /// The transport is closed.
    #[must_use]
    pub fn closed() -> Self {
        OfferError { sip_code: 487, why: "the media transport is closed".into() }
    }
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sip_code, self.why)
    }
}

impl std::error::Error for OfferError {}

/// What happened to a transport. Sent in order; `Closed` is the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// ICE and DTLS are done: packets may flow. Again after a fresh connection took over.
    Connected,
    /// A codec is agreed on and the connection is up, so the far side's track exists. Again whenever
    /// a later offer and answer changed what was agreed on.
    RemoteTrack(Negotiated),
    /// Consent or connectivity is lost for now (RFC 7675); it may come back (`Connected`), or a
    /// re-INVITE with [`OfferKind::Fresh`] may mend it.
    Disconnected,
    /// The connection is beyond repair: ICE failed, the fingerprint is wrong, DTLS failed.
    Failed {
        /// A sentence.
        why: String,
    },
    /// The far side closed DTLS (close_notify): it has ended the media session.
    RemoteClosed,
    /// The transport is closed and has given everything back.
    Closed,
}

/// The ends of a transport that are handed out once, when it is made.
#[derive(Debug)]
pub struct MediaEnds {
    /// State changes. Few: a bounded number for each negotiation and each ICE timer.
    pub events: mpsc::UnboundedReceiver<MediaEvent>,
    /// Packets that arrived, for the media worker. Survives a fresh connection.
    pub rtp_in: RtpReceiver,
    /// Packets to send, for the media worker. Survives a fresh connection.
    pub rtp_out: RtpSender,
    /// Counters and what RTCP says.
    pub stats: Arc<TransportStats>,
}

/// One call's way for sound: SDP in and out, packets in and out, state changes.
///
/// Calls must not overlap: the engine runs one negotiation at a time (RFC 3264 4); one that
/// overlaps waits for the other. Dropping the transport closes it in the background.
#[async_trait]
pub trait MediaTransport: Send + Sync + fmt::Debug {
    /// Answers an offer, the first or a later one, and returns the answer's SDP. `direction` is what
    /// this side wants; the answer says what both want. A later offer that is refused leaves the
    /// call as it was.
    ///
    /// # Errors
    /// 488 when the offer is unusable (RFC 8827: no fingerprint, no ICE; no common codec; garbage).
    async fn accept_offer(&self, offer: &[u8], direction: MediaDirection) -> Result<Vec<u8>, OfferError>;

    /// Makes an offer. It stands until [`apply_answer`](Self::apply_answer) or [`rollback`](Self::rollback).
    ///
    /// # Errors
    /// 500 when no socket could be had; 487 when closed.
    async fn create_offer(&self, direction: MediaDirection, kind: OfferKind) -> Result<Vec<u8>, OfferError>;

    /// Takes the answer to the offer that stands.
    ///
    /// # Errors
    /// 488 when it is unusable; the offer is then rolled back.
    async fn apply_answer(&self, answer: &[u8]) -> Result<(), OfferError>;

    /// Forgets the offer that stands: it was refused (491, 488) or given up. The call goes on as it was.
    async fn rollback(&self);

    /// What was agreed on last.
    fn negotiated(&self) -> Option<Negotiated>;

    /// Ends the connection and gives everything back; `MediaEvent::Closed` follows. Idempotent.
    /// Takes two seconds at most, whatever the network does.
    async fn close(&self);
}
