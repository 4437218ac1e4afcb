//! Requests inside a call that are no offers.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{Call, End, Phase, dtmf_relay};
use crate::sip::HeaderName;
use crate::sip::core::{Core, Reply};
use crate::sip::interface::{Cause, EndedBy, UaEvent};
use crate::sip::message::Message;
use crate::sip::method::Method;
use crate::sip::outgoing_request::Body;
use crate::sip::transaction::{ClientTransaction, Owner};
use std::time::Duration;

impl Call {
    /// A request of theirs inside this call's dialog.
    pub(in crate::sip) fn request(&mut self, core: &mut Core, request: &Message) {
        if let Some(dialog) = &mut self.dialog
            && !dialog.in_order(request)
        {
            return core.reply_now(request, Reply { code: 500, ..Reply::default() });
        }
        let wrong_status = Reply { code: 403, reason: Some("Wrong Status"), ..Reply::default() };
        let answered = matches!(self.phase, Phase::Up);
        let code = match request.method() {
            Method::Ack => return self.acknowledged(core, request),
            Method::Bye => return self.bye_received(core, request),
            // What follows is for living calls.
            _ if self.ended => 481,
            Method::Invite => return self.re_invited(core, request),
            Method::Update => return self.updated(core, request),
            Method::Info => return self.info(core, request),
            Method::Prack if self.has_reliable() => return self.provisionally_acknowledged(core, request),
            Method::Options => 200,
            Method::Message => 405,
            Method::Refer | Method::Notify if !answered => return core.reply_now(request, wrong_status),
            Method::Refer => return self.refer(core, request),
            Method::Notify => {
                let event = request.header(HeaderName::Event).unwrap_or_default();
                // Nothing was subscribed to, so nothing is expected.
                if event.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"refer")) { 481 } else { 489 }
            }
            _ => 501,
        };
        core.reply_now(request, Reply { code, ..Reply::default() });
    }

    fn bye_received(&mut self, core: &mut Core, bye: &Message) {
        core.reply_now(bye, Reply { code: 200, ..Reply::default() });
        self.early_bye(core, bye);
        self.stop_ack_wait(core);
        self.held_bye = None;
        core.timers.cancel(&mut self.forget);
        self.end(core, EndedBy::Remote, Cause::Terminated, End::of(200, bye));
        self.phase = Phase::Over;
    }

    fn info(&mut self, core: &mut Core, request: &Message) {
        if request.content_type().is_none() {
            return core.reply_now(request, Reply { code: 415, ..Reply::default() });
        }
        core.reply_now(request, Reply { code: 200, ..Reply::default() });
        let key = if request.content_type_is("application/dtmf-relay") {
            dtmf_relay::parse(request.body())
        } else if request.content_type_is("application/dtmf") {
            dtmf_relay::parse(&[b"Signal=", request.body()].concat())
        } else {
            None
        };
        if let Some((digit, duration_ms)) = key {
            core.event(UaEvent::DtmfInfo { call: self.key, digit, duration_ms });
        }
    }

    /// A transfer is never carried out: it is taken note of, and declined (RFC 3515 2.4.5).
    fn refer(&mut self, core: &mut Core, request: &Message) {
        let Some(target) = request.header(HeaderName::ReferTo).and_then(super::super::NameAddr::parse) else {
            return core.reply_now(request, Reply { code: 400, ..Reply::default() });
        };
        if target.uri().is_none_or(|uri| uri.scheme() != crate::sip::uri::Scheme::Sip) {
            return core.reply_now(request, Reply { code: 416, ..Reply::default() });
        }
        core.reply_now(request, Reply { code: 202, ..Reply::default() });
        let id = request.cseq().number;
        self.notify_refer(core, id, "active;expires=300", "SIP/2.0 100 Trying");
        self.notify_refer(core, id, "terminated;reason=noresource", "SIP/2.0 603 Decline");
    }

    fn notify_refer(&mut self, core: &mut Core, id: u32, state: &str, line: &str) {
        let Some(dialog) = &mut self.dialog else { return };
        let mut notify = dialog.request(core, Method::Notify);
        notify.headers.push(("Event".into(), format!("refer;id={id}")));
        notify.headers.push(("Subscription-State".into(), state.into()));
        notify.body = Some(Body { content_type: "message/sipfrag;version=2.0", bytes: line.as_bytes().to_vec() });
        if core.start_client(notify, Owner::InDialog(self.key)).is_err() {
            log::debug!("NOTIFY of call {} could not be sent", self.key.0);
        }
    }

    /// The command `Dtmf`.
    pub(in crate::sip) fn dtmf(&mut self, core: &mut Core, digit: char, duration: Duration) {
        let digit = digit.to_ascii_uppercase();
        if !self.is_up() || !dtmf_relay::is_key(digit) {
            return;
        }
        let Some(dialog) = &mut self.dialog else { return };
        let milliseconds = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX).clamp(40, 6000);
        let mut info = dialog.request(core, Method::Info);
        let bytes = dtmf_relay::body(digit, milliseconds).into_bytes();
        info.body = Some(Body { content_type: "application/dtmf-relay", bytes });
        if core.start_client(info, Owner::InDialog(self.key)).is_err() {
            log::warn!("INFO of call {} could not be sent", self.key.0);
        }
    }

    /// A final response to our INFO or NOTIFY.
    pub(in crate::sip) fn in_dialog_response(&mut self, core: &mut Core, transaction: ClientTransaction, response: &Message) {
        let code = response.status().unwrap_or(500);
        match code {
            _ if self.ended => {}
            401 | 407 if transaction.request.authorization.is_empty() => {
                if let Some((request, _)) = self.authorized(core, transaction.request, response)
                    && core.start_client(request, Owner::InDialog(self.key)).is_err()
                {
                    log::debug!("request of call {} could not be sent again", self.key.0);
                }
            }
            // 481 to a NOTIFY means the subscription, to anything else the call (RFC 5057).
            408 | 481 if transaction.request.method != Method::Notify => self.dialog_gone(core, code, response),
            _ => {}
        }
    }
}
