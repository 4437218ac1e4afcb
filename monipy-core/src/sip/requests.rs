//! Requests of the far side, from the checks that each must pass to the call or the answer that it
//! gets (RFC 3261 8.2, 12.2.2).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::call::{self, Call};
use super::core::{Core, Reply};
use super::dialog::{Dialog, DialogId};
use super::interface::{CallKey, RequestKey, UaEvent};
use super::message::Message;
use super::method::Method;
use super::transaction::{ServerKey, ServerOwner, TIMEOUT};
use super::ua::Ua;
use super::uri::Scheme;
use super::{HeaderName, SipUri, text};

/// Option tags that a request may require of us.
const EXTENSIONS: [&str; 6] = ["replaces", "outbound", "ice", "gruu", "path", call::RELIABLE_PROVISIONAL];

impl Ua {
    /// A request that was read without fault.
    pub(super) fn request(&mut self, request: &Message) {
        let core = &mut self.core;
        let method = request.method();
        let to_scheme = request.to().uri().map(|uri| uri.scheme());
        let bare = |code| Reply { code, bare: true, ..Reply::default() };
        if *method == Method::Ack {
            if !core.acknowledge_refusal(request) {
                self.in_dialog(request);
            }
            return;
        }
        if to_scheme != Some(Scheme::Sip) {
            return core.reply_now(request, bare(416));
        }
        if request.to().tag().is_none() && core.clients.values().any(|ours| ours.request.call_id == request.call_id()) {
            return core.reply_now(request, bare(482));
        }
        if *method == Method::Cancel {
            return self.cancel(request);
        }
        if core.is_retransmission(request) {
            return;
        }
        if core.is_merged(request) {
            return core.reply_now(request, bare(482));
        }
        let scheme = request.request_uri().map(|uri| uri.scheme());
        if !is_for_us(core, request) {
            return core.reply_now(request, bare(if scheme == Some(Scheme::Other) { 416 } else { 404 }));
        }
        if scheme != Some(Scheme::Sip) {
            return core.reply_now(request, bare(416));
        }
        let unknown: Vec<&[u8]> =
            request.require().filter(|tag| !EXTENSIONS.iter().any(|known| tag.eq_ignore_ascii_case(known.as_bytes()))).collect();
        if !unknown.is_empty() {
            let headers = [("Unsupported".to_owned(), text(&unknown.join(&b','.to_owned())).into_owned())];
            return core.reply_now(request, Reply { code: 420, headers: &headers, ..Reply::default() });
        }
        if request.to().tag().is_some() {
            self.in_dialog(request);
        } else {
            self.out_of_dialog(request);
        }
    }

    /// A request whose To has a tag.
    fn in_dialog(&mut self, request: &Message) {
        let call = DialogId::of_request(request).and_then(|id| self.dialogs.get(&id)).and_then(|key| self.calls.get_mut(key));
        match (call, request.method()) {
            (Some(call), _) => call.request(&mut self.core, request),
            (None, Method::Ack) => {}
            (None, Method::Invite) => self.refuse_invite(request, 481, None),
            (None, _) => self.core.reply_now(request, Reply { code: 481, ..Reply::default() }),
        }
    }

    fn out_of_dialog(&mut self, request: &Message) {
        let surface = self.core.config.surface_requests;
        let code = match request.method() {
            Method::Invite => return self.invite(request),
            Method::Register | Method::Subscribe | Method::Publish | Method::Message if surface => return self.surface(request),
            // Servers send check-sync, keep-alive and message-summary unasked; XML that nobody
            // subscribed to is not taken.
            Method::Notify if is_xml(request) => 489,
            Method::Options | Method::Notify => 200,
            Method::Bye => 481,
            _ => 405,
        };
        self.core.reply_now(request, Reply { code, ..Reply::default() });
    }

    /// Gives a request to the host.
    fn surface(&mut self, request: &Message) {
        let core = &mut self.core;
        if !core.has_room(false) {
            return core.reply_now(request, Reply { code: 503, ..Reply::default() });
        }
        core.next_key += 1;
        let key = RequestKey(core.next_key);
        let server = core.start_server(request.clone(), ServerOwner::Request(key));
        core.limit_server(&server, TIMEOUT);
        core.requests.insert(key, server);
        core.event(UaEvent::Request {
            request: key,
            method: request.method().as_str().to_owned(),
            invitation: call::invitation(request),
            message: request.as_bytes().to_vec(),
        });
    }

    /// 100 and a refusal. It waits for its ACK while there is room for that.
    fn refuse_invite(&mut self, invite: &Message, code: u16, reason: Option<&str>) {
        let core = &mut self.core;
        if !core.has_room(true) {
            return core.reply_now(invite, Reply { code, reason, ..Reply::default() });
        }
        let server = core.start_server(invite.clone(), ServerOwner::Nobody);
        core.respond(&server, Reply { code: 100, ..Reply::default() });
        let tag = core.new_tag();
        core.respond(&server, Reply { code, reason, to_tag: &tag, ..Reply::default() });
    }

    /// An INVITE that asks for a call.
    fn invite(&mut self, invite: &Message) {
        if let Some(replaces) = invite.header(HeaderName::Replaces) {
            // Known or not, a call is never given up to a stranger who names it.
            let code = if self.replaced(replaces).is_some() { 486 } else { 481 };
            return self.refuse_invite(invite, code, None);
        }
        if let Some((code, reason)) = call::refusal(invite) {
            return self.refuse_invite(invite, code, reason);
        }
        if self.active_calls() >= self.core.config.max_calls {
            self.refuse_invite(invite, 486, None);
            return self.core.event(UaEvent::MissedBusy { invitation: call::invitation(invite) });
        }
        if !self.core.has_room(false) {
            return self.core.reply_now(invite, Reply { code: 503, ..Reply::default() });
        }
        let Some(dialog) = Dialog::of_invite(&mut self.core, invite) else {
            return self.refuse_invite(invite, 400, Some("Too Many Record-Routes"));
        };
        let core = &mut self.core;
        let server = core.start_server(invite.clone(), ServerOwner::Nobody);
        core.respond(&server, Reply { code: 100, ..Reply::default() });
        let call = Call::ring(core, server.clone(), dialog, invite);
        let key = call.key;
        if let Some(transaction) = core.servers.get_mut(&server) {
            transaction.owner = ServerOwner::Invite(key);
        }
        self.calls.insert(key, call);
        self.index(key);
    }

    /// The call that a Replaces header names (RFC 3891).
    fn replaced(&self, value: &[u8]) -> Option<CallKey> {
        let (call_id, params) = value.split_at(value.iter().position(|&byte| byte == b';').unwrap_or(value.len()));
        let mut id = DialogId { call_id: call_id.trim_ascii().to_vec(), local_tag: Vec::new(), remote_tag: Vec::new() };
        for param in params.split(|&byte| byte == b';') {
            match param.split_at_checked(param.iter().position(|&byte| byte == b'=').unwrap_or(0)) {
                Some((name, [b'=', tag @ ..])) if name.trim_ascii().eq_ignore_ascii_case(b"to-tag") => {
                    id.local_tag = tag.trim_ascii().to_vec()
                }
                Some((name, [b'=', tag @ ..])) if name.trim_ascii().eq_ignore_ascii_case(b"from-tag") => {
                    id.remote_tag = tag.trim_ascii().to_vec()
                }
                _ => {}
            }
        }
        self.dialogs.get(&id).copied()
    }

    fn cancel(&mut self, cancel: &Message) {
        let found = self.core.servers.get(&ServerKey::of(cancel)).map(|transaction| transaction.owner);
        let code = if found.is_some() { 200 } else { 481 };
        self.core.reply_now(cancel, Reply { code, bare: true, ..Reply::default() });
        if let Some(ServerOwner::Invite(key) | ServerOwner::Offer(key)) = found
            && let Some(call) = self.calls.get_mut(&key)
        {
            call.cancelled(&mut self.core, cancel);
        }
    }
}

/// Whether the Request-URI names us: by the user of our address of record, of our Contact, or of
/// the GRUUs that the server gave us.
fn is_for_us(core: &Core, request: &Message) -> bool {
    if core.config.any_request_user {
        return true;
    }
    let Some(uri) = request.request_uri() else { return false };
    let gruu = |gruu: &Option<String>| gruu.as_ref().and_then(|g| SipUri::parse(g.as_bytes())).is_some_and(|g| g.user() == uri.user());
    uri.user_is(&core.identity.user) || uri.user_is(&core.identity.contact_user) || gruu(&core.pub_gruu) || gruu(&core.temp_gruu)
}

fn is_xml(request: &Message) -> bool {
    let media_type = request.content_type().unwrap_or_default().split(|&byte| byte == b';').next().unwrap_or_default();
    !request.body().is_empty() && media_type.trim_ascii().to_ascii_lowercase().ends_with(b"xml")
}
