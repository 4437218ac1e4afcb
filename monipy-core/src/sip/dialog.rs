//! Dialogs (RFC 3261 12): who talks to whom, by which route, and the numbers of their requests.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::core::Core;
use super::message::Message;
use super::method::Method;
use super::outgoing_request::OutgoingRequest;

/// What identifies a dialog: Call-ID, our tag, their tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DialogId {
    pub(super) call_id: Vec<u8>,
    pub(super) local_tag: Vec<u8>,
    pub(super) remote_tag: Vec<u8>,
}

impl DialogId {
    /// The dialog that a request of theirs belongs to; `None` when its To has no tag.
    pub(super) fn of_request(request: &Message) -> Option<DialogId> {
        Some(DialogId {
            call_id: request.call_id().to_vec(),
            local_tag: request.to().tag()?.to_vec(),
            remote_tag: request.from().tag().unwrap_or_default().to_vec(),
        })
    }
}

#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) id: DialogId,
    /// From of our requests, with our tag.
    local: Vec<u8>,
    /// To of our requests, with their tag.
    remote: Vec<u8>,
    /// Where our requests go to: the far side's Contact.
    target: Vec<u8>,
    routes: Vec<Vec<u8>>,
    local_seq: u32,
    remote_seq: Option<u32>,
}

/// `<uri>;tag=...` as JsSIP writes addresses in a dialog.
fn tagged(address: &str, tag: &[u8]) -> Vec<u8> {
    let mut value = address.as_bytes().to_vec();
    if !tag.is_empty() {
        value.extend_from_slice(b";tag=");
        value.extend_from_slice(tag);
    }
    value
}

impl Dialog {
    /// The dialog that an INVITE of theirs makes. `None` without a Contact or with a route set
    /// beyond the limit.
    pub(super) fn of_invite(core: &mut Core, invite: &Message) -> Option<Dialog> {
        let target = invite.contact()?.uri()?.as_bytes().to_vec();
        let routes: Vec<Vec<u8>> = invite.record_routes().map(<[u8]>::to_vec).collect();
        if routes.len() > core.config.limits.route_set {
            return None;
        }
        let local_tag = core.new_tag().into_bytes();
        let remote_tag = invite.from().tag().unwrap_or_default().to_vec();
        Some(Dialog {
            local: tagged(&core.named(&invite.to().uri_text()), &local_tag),
            remote: tagged(&format!("<{}>", invite.from().uri_text()), &remote_tag),
            target,
            routes,
            // JsSIP begins at a random number below 10,000.
            local_seq: u32::try_from(core.rng.below(10_000)).unwrap_or_default(),
            remote_seq: Some(invite.cseq().number),
            id: DialogId { call_id: invite.call_id().to_vec(), local_tag, remote_tag },
        })
    }

    /// The dialog that a 2xx to our INVITE makes.
    pub(super) fn of_success(invite: &OutgoingRequest, local_tag: &str, response: &Message) -> Dialog {
        let remote_tag = response.to().tag().unwrap_or_default().to_vec();
        let contact = response.contact().and_then(|contact| contact.uri().map(|uri| uri.as_bytes().to_vec()));
        let mut routes: Vec<Vec<u8>> = response.record_routes().map(<[u8]>::to_vec).collect();
        routes.reverse();
        Dialog {
            local: invite.from.clone(),
            remote: tagged(&format!("<{}>", response.to().uri_text()), &remote_tag),
            target: contact.unwrap_or_else(|| invite.uri.clone()),
            routes,
            local_seq: invite.cseq,
            remote_seq: None,
            id: DialogId { call_id: invite.call_id.clone(), local_tag: local_tag.as_bytes().to_vec(), remote_tag },
        }
    }

    /// Takes the new Contact of a target refresh (re-INVITE, UPDATE and their 2xx).
    pub(super) fn refresh_target(&mut self, message: &Message) {
        if let Some(uri) = message.contact().and_then(|contact| contact.uri().map(|uri| uri.as_bytes().to_vec())) {
            self.target = uri;
        }
    }

    /// Whether a request of theirs is in order; remembers its number (RFC 3261 12.2.2). ACK and
    /// CANCEL carry the number of their INVITE.
    pub(super) fn in_order(&mut self, request: &Message) -> bool {
        if matches!(request.method(), Method::Ack | Method::Cancel) {
            return true;
        }
        let number = request.cseq().number;
        if self.remote_seq.is_some_and(|last| number < last) {
            return false;
        }
        self.remote_seq = Some(number);
        true
    }

    fn build(&self, core: &Core, method: Method, cseq: u32) -> OutgoingRequest {
        let supported = core.supported(&method, false, false);
        OutgoingRequest {
            method,
            uri: self.target.clone(),
            routes: self.routes.clone(),
            to: self.remote.clone(),
            from: self.local.clone(),
            call_id: self.id.call_id.clone(),
            cseq,
            authorization: Vec::new(),
            headers: Vec::new(),
            supported,
            body: None,
        }
    }

    /// The next request of ours.
    pub(super) fn request(&mut self, core: &Core, method: Method) -> OutgoingRequest {
        self.local_seq = self.local_seq.wrapping_add(1) & 0x7fff_ffff;
        self.build(core, method, self.local_seq)
    }

    /// The ACK to a 2xx to the INVITE of this number.
    pub(super) fn ack(&self, core: &Core, cseq: u32) -> OutgoingRequest {
        self.build(core, Method::Ack, cseq)
    }

    /// The number of the next request, for a request that is sent again with credentials.
    pub(super) fn next_number(&mut self) -> u32 {
        self.local_seq = self.local_seq.wrapping_add(1) & 0x7fff_ffff;
        self.local_seq
    }
}
