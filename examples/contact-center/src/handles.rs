//! A call and a supervisor's leg of it, as a test holds them.

use crate::audibility::{Audibility, EarReport};
use crate::calls::{self, CallInfo, Level};
use crate::error::{CentreError, ErrorKind, Result};
use crate::legs;
use crate::mix::impair::Impairment;
use crate::mix::layout::Layout;
use crate::mode::Mode;
use crate::party::{Party, Sound};
use crate::signalling::phone::{LegCommand, Renegotiation};
use crate::state::{Book, Centre, LegEnd, LegInfo, LegStage};
use monipy_core::Codec;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A call. A light handle; the call goes on when it is dropped.
#[derive(Clone)]
pub struct CallHandle {
    centre: Arc<Centre>,
    id: u64,
}

impl std::fmt::Debug for CallHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

impl CallHandle {
    pub(crate) fn new(centre: Arc<Centre>, id: u64) -> CallHandle {
        CallHandle { centre, id }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What is known of it.
    ///
    /// # Errors
    /// The call is over.
    pub fn info(&self) -> Result<CallInfo> {
        calls::info(&self.centre, self.id)
    }

    /// Asks a supervisor into the call: an INVITE goes to its registration.
    ///
    /// # Errors
    /// The call is over; the supervisor is unknown or not registered.
    pub fn barge(&self, supervisor: &str, mode: Mode) -> Result<LegHandle> {
        self.barge_as(supervisor, mode, Layout::Mixed)
    }

    /// The same with the parties laid out otherwise in what the supervisor receives.
    ///
    /// # Errors
    /// As [`CallHandle::barge`].
    pub fn barge_as(&self, supervisor: &str, mode: Mode, layout: Layout) -> Result<LegHandle> {
        legs::barge(&self.centre, self.id, supervisor, mode, layout).map(|id| LegHandle { centre: self.centre.clone(), id })
    }

    /// Waits until this phone has a leg of the call: one that was called, or that dialled in.
    ///
    /// # Errors
    /// A timeout.
    pub async fn wait_leg(&self, phone: &str, timeout: Duration) -> Result<LegHandle> {
        let there = |book: &Book| {
            let legs = book.legs.values().filter(|l| l.info.call == self.id && l.info.stage != LegStage::Ended);
            Ok(legs.filter(|l| l.info.supervisor == phone).map(|l| l.info.id).next())
        };
        let id = self.centre.wait(timeout, |_| format!("{phone} has a leg of call {}", self.id), there).await?;
        Ok(LegHandle { centre: self.centre.clone(), id })
    }

    /// Brings one more party into the call.
    ///
    /// # Errors
    /// A name that is taken, a sound that cannot be had, a phone that is not registered.
    pub fn join(&self, party: Party) -> Result<()> {
        calls::join(&self.centre, self.id, party)
    }

    /// Lets a party leave the call.
    ///
    /// # Errors
    /// There is no such party.
    pub fn leave(&self, party: &str) -> Result<()> {
        calls::leave(&self.centre, self.id, party)
    }

    /// Moves the parties and supervisors of another call into this one; the other is over then.
    ///
    /// # Errors
    /// A name that both calls have; one of them is over.
    pub fn bridge(&self, other: &CallHandle) -> Result<()> {
        calls::bridge(&self.centre, self.id, other.id)
    }

    /// The legs of the call that are not over.
    ///
    /// # Errors
    /// The call is over.
    pub fn legs(&self) -> Result<Vec<LegHandle>> {
        Ok(self.info()?.legs.into_iter().map(|id| LegHandle { centre: self.centre.clone(), id }).collect())
    }

    /// Waits for a leg of the call that the phone dials itself.
    ///
    /// # Errors
    /// A timeout.
    pub async fn wait_dialled_in(&self, timeout: Duration) -> Result<LegHandle> {
        let dialled = |book: &Book| Ok(book.legs.values().find(|l| l.info.call == self.id && l.info.dialled_in).map(|l| l.info.id));
        let id = self.centre.wait(timeout, |_| "a phone dials in".into(), dialled).await?;
        Ok(LegHandle { centre: self.centre.clone(), id })
    }

    /// Who heard whom, since the company or a mode changed last.
    ///
    /// # Errors
    /// The call is over.
    pub fn audibility(&self) -> Result<Audibility> {
        calls::audibility(&self.centre, self.id, false)
    }

    /// Who heard whom in the last second.
    ///
    /// # Errors
    /// The call is over.
    pub fn audibility_now(&self) -> Result<Audibility> {
        calls::audibility(&self.centre, self.id, true)
    }

    /// Whom a party has heard since the company or a mode changed last.
    ///
    /// # Errors
    /// The call is over.
    pub fn heard(&self, listener: &str) -> Result<BTreeSet<String>> {
        Ok(self.audibility()?.heard(listener))
    }

    /// Waits until a party hears exactly these others.
    ///
    /// # Errors
    /// A timeout, with the matrix as it was then.
    pub async fn wait_heard(&self, listener: &str, speakers: &[&str], timeout: Duration) -> Result<()> {
        let wanted: BTreeSet<String> = speakers.iter().map(|&s| s.to_owned()).collect();
        self.poll(timeout, |call| {
            let matrix = call.audibility()?;
            let heard = matrix.heard(listener);
            if heard == wanted { Ok(Ok(())) } else { Ok(Err(format!("{listener} is to hear {wanted:?} and hears {heard:?}:\n{matrix}"))) }
        })
        .await
    }

    /// Begins the measurement anew.
    ///
    /// # Errors
    /// The call is over.
    pub fn reset_audibility(&self) -> Result<()> {
        self.centre.with_bridge(self.id, crate::mix::bridge::Bridge::reset_ears)
    }

    /// Waits until the matrix covers at least this much sound since its last beginning: what was
    /// not heard by then was not there.
    ///
    /// # Errors
    /// The call is over, or the media clock stands.
    pub async fn wait_measured(&self, sound: Duration) -> Result<()> {
        let enough = u64::try_from(sound.as_millis()).unwrap_or(u64::MAX);
        self.poll(sound * 4 + Duration::from_secs(10), |call| {
            let least = call.audibility()?.ears.iter().map(|e| e.duration_ms).min().unwrap_or(0);
            Ok(if least >= enough { Ok(()) } else { Err(format!("{least} ms of {enough} ms are measured")) })
        })
        .await
    }

    /// Level in dBFS of a sine in what a party received in the last second.
    ///
    /// # Errors
    /// The call is over, or the party is not in it.
    pub fn tone_level(&self, listener: &str, hz: f64) -> Result<f64> {
        calls::tone(&self.centre, self.id, listener, hz)
    }

    /// Waits until a sine is at least this loud (dBFS) in what a party received in the last second.
    ///
    /// # Errors
    /// A timeout.
    pub async fn wait_tone(&self, listener: &str, hz: f64, dbfs: f64, timeout: Duration) -> Result<()> {
        self.poll(timeout, |call| {
            let level = call.tone_level(listener, hz)?;
            Ok(if level >= dbfs { Ok(()) } else { Err(format!("{hz} Hz is at {level:.1} dBFS for {listener}, not at {dbfs} dBFS")) })
        })
        .await
    }

    /// Explains audio that a party has received outside of the centre (what a real supervisor
    /// heard): mono at 8, 16, 24 or 48 kHz, a minute at most.
    ///
    /// # Errors
    /// The call is over, the party is not in it, or the rate is another.
    pub fn observe(&self, listener: &str, sample_rate: u32, pcm: &[i16]) -> Result<EarReport> {
        calls::observe(&self.centre, self.id, listener, sample_rate, pcm)
    }

    /// How loud everybody is in this moment.
    ///
    /// # Errors
    /// The call is over.
    pub fn levels(&self) -> Result<Vec<Level>> {
        calls::levels(&self.centre, self.id)
    }

    /// Lets a scripted party sound otherwise from now on.
    ///
    /// # Errors
    /// There is no such party, or the sound cannot be had.
    pub fn set_sound(&self, party: &str, sound: Sound) -> Result<()> {
        calls::set_sound(&self.centre, self.id, party, sound)
    }

    /// Ends the call and every leg of it.
    ///
    /// # Errors
    /// The call is over.
    pub fn hang_up(&self) -> Result<()> {
        calls::end(&self.centre, self.id)
    }

    /// Looks again and again, since what is measured changes without a word. Works in any runtime.
    async fn poll(&self, timeout: Duration, look: impl Fn(&CallHandle) -> Result<Result<(), String>>) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            let why = match look(self)? {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            if Instant::now() >= deadline {
                return Err(CentreError::new(ErrorKind::Timeout, format!("not within {} ms: {why}", timeout.as_millis())));
            }
            // The pause is on the centre's runtime; it only ends early when that stops.
            let _ = self.centre.runtime.spawn(tokio::time::sleep(Duration::from_millis(20))).await;
        }
    }
}

/// A supervisor's leg. A light handle; the leg goes on when it is dropped.
#[derive(Clone)]
pub struct LegHandle {
    centre: Arc<Centre>,
    id: u64,
}

impl std::fmt::Debug for LegHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

impl LegHandle {
    pub(crate) fn new(centre: Arc<Centre>, id: u64) -> LegHandle {
        LegHandle { centre, id }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What is known of it.
    ///
    /// # Errors
    /// There is no such leg.
    pub fn info(&self) -> Result<LegInfo> {
        legs::info(&self.centre, self.id)
    }

    /// Figures of the centre's end: packets, loss, jitter, as the engine's own audio has them.
    ///
    /// # Errors
    /// No sound flows.
    pub fn stats(&self) -> Result<monipy_core::Stats> {
        legs::stats(&self.centre, self.id)
    }

    /// Waits until it rings (or is further).
    ///
    /// # Errors
    /// A timeout, or it ended before.
    pub async fn wait_ringing(&self, timeout: Duration) -> Result<()> {
        wait_stage(&self.centre, self.id, LegStage::Ringing, timeout).await
    }

    /// Waits until it is answered (or further).
    ///
    /// # Errors
    /// A timeout, or it ended before.
    pub async fn wait_answered(&self, timeout: Duration) -> Result<()> {
        wait_stage(&self.centre, self.id, LegStage::Answered, timeout).await
    }

    /// Waits until sound flows: ICE and DTLS are done.
    ///
    /// # Errors
    /// A timeout, or it ended before.
    pub async fn wait_media(&self, timeout: Duration) -> Result<()> {
        wait_stage(&self.centre, self.id, LegStage::Media, timeout).await
    }

    /// Waits until it is over, and says why.
    ///
    /// # Errors
    /// A timeout.
    pub async fn wait_ended(&self, timeout: Duration) -> Result<LegEnd> {
        let id = self.id;
        let ended = move |book: &Book| Ok(book.leg(id)?.info.end.clone());
        self.centre.wait(timeout, move |book| format!("leg {id} ends ({})", stage_name(book, id)), ended).await
    }

    /// Waits until something is true of it.
    ///
    /// # Errors
    /// A timeout.
    pub async fn wait_until(&self, what: &str, timeout: Duration, is_so: impl Fn(&LegInfo) -> bool) -> Result<LegInfo> {
        let id = self.id;
        let ready = move |book: &Book| Ok(Some(book.leg(id)?.info.clone()).filter(|i| is_so(i)));
        self.centre.wait(timeout, move |_| format!("leg {id}: {what}"), ready).await
    }

    /// Switches what the supervisor may do. The measurement begins anew.
    ///
    /// # Errors
    /// It is over.
    pub fn set_mode(&self, mode: Mode) -> Result<()> {
        legs::set_mode(&self.centre, self.id, mode)
    }

    /// Ends it: CANCEL while it is being set up, BYE after that.
    ///
    /// # Errors
    /// It is over.
    pub fn hang_up(&self) -> Result<()> {
        legs::command(&self.centre, self.id, LegCommand::HangUp)
    }

    /// Puts the supervisor on hold (re-INVITE with sendonly).
    ///
    /// # Errors
    /// It is not answered, or over.
    pub fn hold(&self) -> Result<()> {
        legs::negotiate(&self.centre, self.id, Renegotiation::Hold(true))
    }

    /// Takes the supervisor off hold.
    ///
    /// # Errors
    /// It is not answered, or over.
    pub fn unhold(&self) -> Result<()> {
        legs::negotiate(&self.centre, self.id, Renegotiation::Hold(false))
    }

    /// Sends a re-INVITE without a description: the phone makes the offer.
    ///
    /// # Errors
    /// It is not answered, or over.
    pub fn reinvite_without_sdp(&self) -> Result<()> {
        legs::negotiate(&self.centre, self.id, Renegotiation::WithoutSdp)
    }

    /// Moves the media to a fresh connection by a re-INVITE: other ICE credentials, certificate and SSRC.
    ///
    /// # Errors
    /// It is not answered, or over.
    pub fn change_ssrc(&self) -> Result<()> {
        legs::negotiate(&self.centre, self.id, Renegotiation::FreshMedia)
    }

    /// Offers one codec alone.
    ///
    /// # Errors
    /// It is not answered, or over.
    pub fn change_codec(&self, codec: Codec) -> Result<()> {
        legs::negotiate(&self.centre, self.id, Renegotiation::Codec(codec))
    }

    /// Presses keys towards the supervisor (RFC 4733).
    ///
    /// # Errors
    /// Digits that do not exist; no sound flows.
    pub fn send_dtmf(&self, digits: &str) -> Result<()> {
        legs::send_dtmf(&self.centre, self.id, digits)
    }

    /// Disturbs the media that the centre sends.
    ///
    /// # Errors
    /// A share out of range; it is over.
    pub fn impair(&self, impairment: Impairment) -> Result<()> {
        legs::impair(&self.centre, self.id, impairment)
    }
}

fn stage_name(book: &Book, id: u64) -> String {
    book.leg(id).map_or_else(|e| e.message, |l| format!("now {:?}", l.info.stage).to_lowercase())
}

/// Waits until a leg is at a stage or further.
pub(crate) async fn wait_stage(centre: &Centre, id: u64, stage: LegStage, timeout: Duration) -> Result<()> {
    let ready = move |book: &Book| {
        let info = &book.leg(id)?.info;
        match &info.end {
            Some(end) if stage != LegStage::Ended => {
                let LegEnd { by, code, cause, .. } = end;
                Err(CentreError::state(format!("leg {id} ended before: {cause} by {by}, code {code}")))
            }
            _ => Ok((info.stage >= stage).then_some(())),
        }
    };
    centre.wait(timeout, move |book| format!("leg {id} is {stage:?} ({})", stage_name(book, id)), ready).await
}
