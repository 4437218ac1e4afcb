//! What a phone knows of a leg, and what is asked of it.

use super::super::alter::Origin;
use crate::mix::layout::Layout;
use monipy_core::Codec;
use monipy_core::media::{MediaDirection, MediaTransport, RtpReceiver, RtpSender};
use monipy_core::sip::ua::CallKey;
use std::collections::VecDeque;
use std::sync::Arc;

/// What is asked of a leg.
#[derive(Debug, Clone)]
pub(crate) enum LegCommand {
    /// Call the phone.
    Invite,
    /// Answer the call that the phone placed: whom it called has answered.
    Accept,
    /// End it, in whatever state.
    HangUp,
    /// Negotiate anew, after what is under way.
    Negotiate(Renegotiation),
}

/// A new offer of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renegotiation {
    /// Hold the phone, or no longer.
    Hold(bool),
    /// Offer anew without a description: the phone makes the offer.
    WithoutSdp,
    /// Move the media to another transport: new ICE credentials, certificate and SSRC.
    FreshMedia,
    /// Offer this codec alone.
    Codec(Codec),
}

/// What a description was made for.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// The offer of an INVITE.
    Invite,
    /// The answer (or offer) in the 200 to an INVITE of the phone.
    Answer,
    /// The offer of a re-INVITE of ours.
    Offer,
    /// The same, to collide with this re-INVITE of the phone.
    Glare(Vec<u8>),
    /// The answer (or offer) to a re-INVITE of the phone.
    AcceptOffer,
    /// The answer in the ACK of a late offer.
    Ack,
}

/// The ACK of an INVITE without offer waits for its answer.
#[derive(Default)]
pub(super) struct LateOffer {
    pub(super) ack: Option<Vec<u8>>,
    pub(super) answer: Option<Vec<u8>>,
}

/// The negotiation under way (RFC 3264 4: one at a time), and those that wait for their turn.
pub(super) struct Negotiations {
    pub(super) current: Current,
    pub(super) waiting: VecDeque<Renegotiation>,
    /// How often the current one met an offer of the phone before it was sent.
    pub(super) refused: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Current {
    /// None.
    No,
    /// The one that the call begins with.
    First,
    /// One of ours.
    Ours(Renegotiation),
    /// One that collides on purpose.
    Glare,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offering {
    /// None.
    No,
    /// One that the media stands by.
    Standing,
    /// One that collided with an offer of the phone, which was accepted meanwhile: its answer
    /// cannot be taken any more, so that another offer has to follow.
    Overtaken,
}

/// A transport with the ends that were handed out with it.
pub(super) struct Media {
    pub(super) transport: Arc<dyn MediaTransport>,
    pub(super) ends: (RtpReceiver, RtpSender),
}

pub(super) struct Leg {
    pub(super) call: u64,
    pub(super) key: CallKey,
    pub(super) sip_call_id: Vec<u8>,
    pub(super) transport: Arc<dyn MediaTransport>,
    pub(super) ends: Option<(RtpReceiver, RtpSender)>,
    /// The transport that takes over when the phone has answered.
    pub(super) next: Option<Media>,
    pub(super) late: Option<LateOffer>,
    /// Direction that the centre wants.
    pub(super) direction: MediaDirection,
    pub(super) negotiations: Negotiations,
    /// How the media stands to an offer of ours.
    pub(super) offering: Offering,
    /// The offer of a phone that waits until whom it called has answered.
    pub(super) unanswered: Option<Option<Vec<u8>>>,
    /// The session that our descriptions are of.
    pub(super) origin: Option<Origin>,
    /// What its offers ask for.
    pub(super) layout: Layout,
}

impl Leg {
    pub(super) fn new(call: u64, key: CallKey, media: Media) -> Leg {
        Leg {
            call,
            key,
            sip_call_id: Vec::new(),
            transport: media.transport,
            ends: Some(media.ends),
            next: None,
            late: None,
            direction: MediaDirection::SendRecv,
            negotiations: Negotiations { current: Current::First, waiting: VecDeque::new(), refused: 0 },
            offering: Offering::No,
            unanswered: None,
            origin: None,
            layout: Layout::Mixed,
        }
    }

    /// The transport that an offer of ours is about.
    pub(super) fn offered(&self) -> &Arc<dyn MediaTransport> {
        self.next.as_ref().map_or(&self.transport, |next| &next.transport)
    }
}
