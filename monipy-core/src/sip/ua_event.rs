//! What comes out of a user agent: frames and events.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[allow(unused_imports)] // for the documentation's links
use super::interface::{CallKey, Command, Headers, RequestKey};
use super::sdp_direction::SdpDirection;
use std::time::Duration;

/// What comes out, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A WebSocket message to be sent on the open connection: one SIP message, or a CRLF
    /// keep-alive. As text; as binary when it is no UTF-8, which happens only where the far side's
    /// own bytes are repeated to it (RFC 7118 5.1). Never comes while the connection is down.
    Send(Vec<u8>),
    /// Something happened.
    Event(UaEvent),
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// This side: reject, hang up, or ring time over.
    Local,
    /// The far side: BYE, CANCEL, a failure response, or no ACK.
    Remote,
    /// Neither: the connection was lost, or the INVITE's own Expires ran out.
    System,
}

/// Why a call ended, in the words of the vendor's SDK ([`Cause::as_str`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Cause {
    Terminated,
    Canceled,
    Rejected,
    NoAnswer,
    Expires,
    NoAck,
    Busy,
    Redirected,
    Unavailable,
    NotFound,
    AddressIncomplete,
    IncompatibleSdp,
    MissingSdp,
    AuthenticationError,
    RequestTimeout,
    ConnectionError,
    DialogError,
    SipFailureCode,
    InternalError,
}

impl Cause {
    /// The vendor's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Terminated => "Terminated",
            Cause::Canceled => "Canceled",
            Cause::Rejected => "Rejected",
            Cause::NoAnswer => "No Answer",
            Cause::Expires => "Expires",
            Cause::NoAck => "No ACK",
            Cause::Busy => "Busy",
            Cause::Redirected => "Redirected",
            Cause::Unavailable => "Unavailable",
            Cause::NotFound => "Not Found",
            Cause::AddressIncomplete => "Address Incomplete",
            Cause::IncompatibleSdp => "Incompatible SDP",
            Cause::MissingSdp => "Missing SDP",
            Cause::AuthenticationError => "Authentication Error",
            Cause::RequestTimeout => "Request Timeout",
            Cause::ConnectionError => "Connection Error",
            Cause::DialogError => "Dialog Error",
            Cause::SipFailureCode => "SIP Failure Code",
            Cause::InternalError => "Internal Error",
        }
    }

    /// The cause that a final response means.
    #[must_use]
    pub fn of_status(code: u16) -> Cause {
        match code {
            300..=399 => Cause::Redirected,
            401 | 407 => Cause::AuthenticationError,
            403 | 603 => Cause::Rejected,
            404 | 604 => Cause::NotFound,
            480 | 410 | 408 | 430 => Cause::Unavailable,
            484 | 424 => Cause::AddressIncomplete,
            486 | 600 => Cause::Busy,
            487 => Cause::Canceled,
            488 | 606 => Cause::IncompatibleSdp,
            _ => Cause::SipFailureCode,
        }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a registration is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnregisteredBy {
    /// [`Command::Unregister`].
    Request,
    /// The connection was lost; it is registered again after the next `Up`.
    ConnectionLost,
    /// A refresh failed; [`UaEvent::RegistrationFailed`] follows and says why.
    RefreshFailed,
}

/// What an INVITE says of its caller and of the call it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invitation {
    /// Display name of From, unquoted; empty when there is none.
    pub from_display: String,
    /// URI of From.
    pub from_uri: String,
    /// URI of To.
    pub to_uri: String,
    /// The Request-URI.
    pub request_uri: String,
    /// The Call-ID.
    pub sip_call_id: String,
    /// Every header as it came (name as sent, value unfolded), in order; compact names spelled out.
    pub headers: Headers,
}

impl Invitation {
    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// What happened. The law, per call: `Incoming` (or the `Call` command) first; `Ringing` or
/// `Progress`; `Confirmed` (or `Accepted`) once; then offers, keys; exactly one `Terminated`;
/// nothing after it. `Registered` and `Unregistered` alternate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UaEvent {
    /// Registered. Comes when it was not registered before, not on each refresh.
    Registered {
        /// How long the server keeps the binding, clamped to 10..=7200 s.
        expires: Duration,
    },
    /// The server refused, or did not answer. Once per login attempt that fails for good, and
    /// once per failure that will be retried.
    RegistrationFailed {
        /// The SIP code; 408 when nothing came in 32 s; 487 when [`Command::Unregister`] was faster.
        code: u16,
        /// The server's reason phrase.
        reason: String,
        /// A new attempt starts by itself after this time; `None`: given up.
        will_retry: Option<Duration>,
        /// Credentials had been sent when the server refused.
        credentials_tried: bool,
    },
    /// No longer registered.
    Unregistered {
        /// Why.
        by: UnregisteredBy,
        /// For people.
        reason: String,
    },

    /// A call comes in; 100 has been sent, and 180 follows at once with [`UaEvent::Ringing`].
    Incoming {
        /// The call.
        call: CallKey,
        /// Who and what.
        invitation: Box<Invitation>,
        /// The session description offered; `None`: [`Command::Answer`] must bring an offer.
        offer: Option<Vec<u8>>,
    },
    /// 180 was sent for an incoming call.
    Ringing {
        /// The call.
        call: CallKey,
    },
    /// A call was refused with 486 because all calls are taken. It has no key and no other event.
    MissedBusy {
        /// Who and what.
        invitation: Box<Invitation>,
    },
    /// A provisional response (100 to 199) to a call we place.
    Progress {
        /// The call.
        call: CallKey,
        /// 100 to 199.
        code: u16,
        /// Its reason phrase.
        reason: String,
        /// A session description (early media), when it carried one.
        sdp: Option<Vec<u8>>,
    },
    /// A call we placed was answered; the ACK has been sent.
    Accepted {
        /// The call.
        call: CallKey,
        /// The answer.
        sdp: Vec<u8>,
        /// Headers of the 200.
        headers: Headers,
    },
    /// The ACK to our 200 arrived: an incoming call is up.
    Confirmed {
        /// The call.
        call: CallKey,
        /// The answer, when our 200 carried the offer.
        sdp: Option<Vec<u8>>,
    },
    /// The far side sends a new offer (re-INVITE, or UPDATE with a description). Wants
    /// [`Command::AcceptOffer`] or [`Command::RejectOffer`].
    RemoteOffer {
        /// The call.
        call: CallKey,
        /// The description; `None`: [`Command::AcceptOffer`] must bring an offer, and
        /// [`UaEvent::OfferAnswered`] will bring its answer.
        offer: Option<Vec<u8>>,
        /// Direction of the offer as its sender sees it: `SendOnly` and `Inactive` are hold.
        direction: SdpDirection,
    },
    /// The far side no longer waits for an answer to its offer (CANCEL, or the connection was
    /// lost). The description in force before it is in force again.
    RemoteOfferCancelled {
        /// The call.
        call: CallKey,
    },
    /// Our offer was answered (2xx to our re-INVITE, or the ACK to a 200 that carried our offer).
    OfferAnswered {
        /// The call.
        call: CallKey,
        /// The answer.
        sdp: Vec<u8>,
    },
    /// Our offer was refused for good. The call goes on with the descriptions in force before; the
    /// vendor's SDK hangs up here with `Reason: SIP ;cause=500; text="Hold Failed"`, which the host
    /// may do with [`Command::Hangup`].
    OfferFailed {
        /// The call.
        call: CallKey,
        /// The SIP code; 503 when the connection was lost, 408 when nothing came.
        code: u16,
        /// Its reason phrase.
        reason: String,
    },
    /// The far side pressed a key (INFO, application/dtmf-relay).
    DtmfInfo {
        /// The call.
        call: CallKey,
        /// One of `0-9 * # A-D`.
        digit: char,
        /// How long it was held, ms.
        duration_ms: u32,
    },
    /// A call is over. Exactly once per call; nothing of the call comes after it.
    Terminated {
        /// The call.
        call: CallKey,
        /// Who ended it.
        by: EndedBy,
        /// The SIP code of the final response, 200 for BYE, 408 for ring time and missing ACK.
        code: u16,
        /// Why.
        cause: Cause,
        /// The Reason header or the reason phrase of the far side, when there was one.
        reason: Option<String>,
        /// Headers of the message that ended it (a final response of the far side, BYE or CANCEL).
        headers: Headers,
    },
    /// A request outside a dialog waits for [`Command::Respond`] (server role only). Nothing is
    /// answered by itself: a request that is not responded to in 32 s is forgotten.
    Request {
        /// The request.
        request: RequestKey,
        /// REGISTER, SUBSCRIBE, PUBLISH or MESSAGE.
        method: String,
        /// Who and what.
        invitation: Box<Invitation>,
        /// The whole message, as it came, for the digest verification.
        message: Vec<u8>,
    },
}
