//! What goes into a user agent: the connection's state, frames, commands. (What comes out is in
//! `ua_event`.)
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub use super::ua_event::{Cause, EndedBy, Invitation, Output, UaEvent, UnregisteredBy};
use std::time::Duration;
use zeroize::Zeroizing;

/// A call within its user agent. Keys are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub u64);

/// A request that was surfaced to the host and waits for [`Command::Respond`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey(pub u64);

/// Header fields, by name and value, in order.
pub type Headers = Vec<(String, String)>;

/// What goes in.
#[derive(Debug, Clone)]
pub enum Input {
    /// The connection is open. A wanted registration is (re)started by itself, with the same
    /// Call-ID and the next CSeq.
    Up,
    /// The connection is gone. Calls that were not answered are over; answered ones survive and
    /// are usable after the next `Up`.
    Down {
        /// Why, for people.
        reason: String,
    },
    /// A WebSocket message (text or binary) as it came: one SIP message, or a CRLF keep-alive.
    Frame(Vec<u8>),
    /// Something the host wants.
    Command(Command),
    /// Nothing but the time: what is due at `now` is done. (Every input does that first.)
    Tick,
}

/// What the host wants. A command for a call that is over, or in a state that does not allow it,
/// is ignored unless its line says what happens: the event that explains it is on its way.
#[derive(Clone)]
pub enum Command {
    /// Registers, and keeps registered: refreshes, retries after 5xx and after a lost connection.
    /// Ends in [`UaEvent::Registered`] or [`UaEvent::RegistrationFailed`]. Given while the
    /// connection is down, it starts with the next `Up`.
    Register {
        /// Login id; becomes the user of the address of record.
        user: String,
        /// Its password. Once a server has agreed it is kept under a mask alone, for realms that ask
        /// later; all of it is wiped on drop.
        password: Zeroizing<String>,
        /// User name of the digest when it differs from `user`.
        authorization_user: Option<String>,
    },
    /// Registers again with the credentials of the last [`Command::Register`], which are
    /// still held; for an engine that starts itself again after a registration was
    /// given up. Nothing happens when there was no `Register`.
    RegisterAgain,
    /// Takes the registration back, for good. [`UaEvent::Unregistered`] follows when there was one;
    /// a registration still under way ends in [`UaEvent::RegistrationFailed`] with code 487.
    Unregister,
    /// Places a call with [`Ua::reserve_call`](crate::sip::ua::Ua::reserve_call)'s key. Ends in
    /// [`UaEvent::Accepted`] or [`UaEvent::Terminated`].
    Call {
        /// Its key.
        call: CallKey,
        /// `sip:` URI, or a user of our own domain. For a server: the registered contact's URI.
        target: String,
        /// To header (name-addr) when it is not the target itself.
        to: Option<String>,
        /// From header without tag (name-addr or URI) when it is not our address of record.
        from: Option<String>,
        /// The session description offered.
        offer: Vec<u8>,
        /// Extra headers of the INVITE.
        headers: Headers,
    },
    /// Sends 200 to a ringing call: with the answer, or, when the INVITE had no offer, with an offer.
    Answer {
        /// The call.
        call: CallKey,
        /// The session description.
        sdp: Vec<u8>,
    },
    /// Refuses a ringing call. Its terminal event has `by: Local`.
    Reject {
        /// The call.
        call: CallKey,
        /// 300 to 699; the vendor's is 480.
        code: u16,
        /// Reason phrase when it is not the standard one.
        reason: Option<String>,
        /// Extra headers (Retry-After, Proxy-Authenticate, ...).
        headers: Headers,
    },
    /// Ends a call in any state: 480 to a ringing one, CANCEL to one being placed, BYE else (held
    /// back until the ACK when that is missing). The terminal event comes at once.
    Hangup {
        /// The call.
        call: CallKey,
        /// Code and text of the BYE's Reason header, e.g. `(500, "Hold Failed")`.
        reason: Option<(u16, String)>,
    },
    /// Sends a re-INVITE with a new offer (hold, unhold, ICE restart). Ends in
    /// [`UaEvent::OfferAnswered`] or [`UaEvent::OfferFailed`] (491 at once when an offer is pending
    /// on either side; one that was answered and lacks only its ACK is waited for). 491 of the far side is retried by itself.
    Offer {
        /// The call.
        call: CallKey,
        /// The whole new session description.
        sdp: Vec<u8>,
    },
    /// Takes back an offer of ours that waits to be sent again after a 491; nothing is told of it.
    WithdrawOffer {
        /// The call.
        call: CallKey,
    },
    /// Answers [`UaEvent::RemoteOffer`]; when that had no offer, `sdp` is ours.
    AcceptOffer {
        /// The call.
        call: CallKey,
        /// The session description.
        sdp: Vec<u8>,
    },
    /// Refuses [`UaEvent::RemoteOffer`]; the call stays as it was.
    RejectOffer {
        /// The call.
        call: CallKey,
        /// 400 to 699, usually 488.
        code: u16,
    },
    /// Sends a key press as INFO with application/dtmf-relay.
    Dtmf {
        /// The call, answered.
        call: CallKey,
        /// One of `0-9 * # A-D`.
        digit: char,
        /// How long the key is held.
        duration: Duration,
    },
    /// Answers a [`UaEvent::Request`].
    Respond {
        /// The request.
        request: RequestKey,
        /// 200 to 699.
        code: u16,
        /// Reason phrase when it is not the standard one.
        reason: Option<String>,
        /// Headers of the response (Contact, WWW-Authenticate, Min-Expires, ...).
        headers: Headers,
    },
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Command::Register { user, .. } => f.debug_struct("Register").field("user", user).finish_non_exhaustive(),
            Command::RegisterAgain => f.write_str("RegisterAgain"),
            Command::Unregister => f.write_str("Unregister"),
            Command::Call { call, target, .. } => {
                f.debug_struct("Call").field("call", call).field("target", target).finish_non_exhaustive()
            }
            Command::Answer { call, .. } => f.debug_struct("Answer").field("call", call).finish_non_exhaustive(),
            Command::Reject { call, code, .. } => f.debug_struct("Reject").field("call", call).field("code", code).finish_non_exhaustive(),
            Command::Hangup { call, reason } => f.debug_struct("Hangup").field("call", call).field("reason", reason).finish(),
            Command::Offer { call, .. } => f.debug_struct("Offer").field("call", call).finish_non_exhaustive(),
            Command::WithdrawOffer { call } => f.debug_struct("WithdrawOffer").field("call", call).finish(),
            Command::AcceptOffer { call, .. } => f.debug_struct("AcceptOffer").field("call", call).finish_non_exhaustive(),
            Command::RejectOffer { call, code } => f.debug_struct("RejectOffer").field("call", call).field("code", code).finish(),
            Command::Dtmf { call, .. } => f.debug_struct("Dtmf").field("call", call).finish_non_exhaustive(),
            Command::Respond { request, code, .. } => {
                f.debug_struct("Respond").field("request", request).field("code", code).finish_non_exhaustive()
            }
        }
    }
}
