//! The 180 of a call whose INVITE requires reliable provisional responses (RFC 3262 3): numbered by
//! RSeq, repeated until PRACK names that number. Only who requires it gets it; who merely supports
//! it gets the plain 180 that the vendor's engine sends.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{Call, Phase};
use crate::sip::HeaderName;
use crate::sip::core::{CallDue, Core, Due, Reply};
use crate::sip::interface::{Cause, EndedBy};
use crate::sip::message::Message;
use crate::sip::timers::TimerId;
use crate::sip::transaction::TIMEOUT;
use std::time::{Duration, Instant};

/// T1: the first repetition; the next ones wait twice as long each (RFC 3262 3).
const FIRST_INTERVAL: Duration = Duration::from_millis(500);

/// The option tag.
pub(in crate::sip) const TAG: &str = "100rel";

/// What the call keeps of its reliable provisional responses.
#[derive(Debug)]
pub(super) struct Reliable {
    /// Of the last one sent.
    rseq: u32,
    /// Of the INVITE.
    cseq: u32,
    interval: Duration,
    give_up_at: Instant,
    timer: Option<TimerId>,
}

/// Whether an INVITE requires its provisional responses to be reliable.
pub(super) fn required(invite: &Message) -> bool {
    invite.require().any(|tag| tag.eq_ignore_ascii_case(TAG.as_bytes()))
}

impl Call {
    /// Sends 180 reliably, the first time or (one number up) for proxies that want to hear from us.
    pub(super) fn ring_reliably(&mut self, core: &mut Core) {
        let tag = self.local_tag();
        let Phase::Ringing(ringing) = &self.phase else { return };
        let Some(cseq) = core.servers.get(&ringing.server).map(|transaction| transaction.request.cseq().number) else { return };
        let rseq = match self.reliable.take() {
            Some(mut last) => {
                core.timers.cancel(&mut last.timer);
                last.rseq.saturating_add(1)
            }
            // Room for every repetition of a long ring below 2^31 - 1.
            None => u32::try_from(core.rng.below(0x3fff_ffff)).unwrap_or(0) + 1,
        };
        let headers = [("Require".to_owned(), TAG.to_owned()), ("RSeq".to_owned(), rseq.to_string())];
        core.respond(&ringing.server, Reply { code: 180, to_tag: &tag, contact: true, headers: &headers, ..Reply::default() });
        let timer = Some(core.timers.set(core.now + FIRST_INTERVAL, Due::Call(self.key, CallDue::Unacknowledged)));
        self.reliable = Some(Reliable { rseq, cseq, interval: FIRST_INTERVAL, give_up_at: core.now + TIMEOUT, timer });
    }

    /// The PRACK did not come yet: the 180 again, and after 64 T1 the call is refused (RFC 3262 3).
    pub(super) fn repeat_reliable(&mut self, core: &mut Core) {
        let (Phase::Ringing(ringing), Some(reliable)) = (&self.phase, &mut self.reliable) else { return };
        if core.now >= reliable.give_up_at {
            return self.refuse(core, 504, None, &[], EndedBy::System, Cause::RequestTimeout);
        }
        core.repeat_provisional(&ringing.server);
        reliable.interval *= 2;
        let at = (core.now + reliable.interval).min(reliable.give_up_at);
        reliable.timer = Some(core.timers.set(at, Due::Call(self.key, CallDue::Unacknowledged)));
    }

    /// Whether a reliable response was ever sent: without one a PRACK is no method of this call.
    pub(super) fn has_reliable(&self) -> bool {
        self.reliable.is_some()
    }

    /// Nothing more to repeat; a late PRACK is still known.
    pub(super) fn stop_reliable(&mut self, core: &mut Core) {
        if let Some(reliable) = &mut self.reliable {
            core.timers.cancel(&mut reliable.timer);
        }
    }

    /// A PRACK of this call arrived. It acknowledges the response that its RAck names, or nothing.
    pub(super) fn provisionally_acknowledged(&mut self, core: &mut Core, prack: &Message) {
        let named = prack.header(HeaderName::RAck).unwrap_or_default();
        let known = self.reliable.as_ref().is_some_and(|reliable| names(named, reliable.rseq, reliable.cseq));
        let code = match known {
            // The INVITE's offer has no answer yet, so there is nothing that a PRACK could offer.
            true if !prack.body().is_empty() => 488,
            true => 200,
            false => 481,
        };
        core.reply_now(prack, Reply { code, ..Reply::default() });
        if code == 200 {
            self.stop_reliable(core);
        }
    }
}

/// Whether a RAck (`response-number CSeq-number method`, RFC 3262 7.2) names this response.
fn names(rack: &[u8], rseq: u32, cseq: u32) -> bool {
    let mut words = rack.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut number = || words.next().and_then(|word| std::str::from_utf8(word).ok()).and_then(|word| word.parse::<u32>().ok());
    number() == Some(rseq) && number() == Some(cseq) && words.next() == Some(b"INVITE") && words.next().is_none()
}
