//! A call, as its user sees it: an id, a state, and the way to its sound.

use crate::audio::{AudioStream, AudioWriter};
use crate::error::Result;
use crate::event::{Direction, IncomingCall, Stats};
use crate::playing::Playing;
use crate::recording::Recording;
use crate::supervisor::{Pending, Supervisor};
use std::path::Path;

/// A call within its supervisor. Ids are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

impl CallId {
    /// "The current call": the one that rings, else the newest.
    pub const CURRENT: CallId = CallId(0);
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum CallState {
    /// Being set up: nothing rings yet.
    Trying = 1,
    /// It rings, here or there.
    Ringing = 2,
    /// answer() was called; the 200 or its ACK is on its way.
    Answering = 3,
    /// Up.
    Answered = 4,
    /// Over.
    Ended = 5,
}

/// What is known of a call at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct CallInfo {
    /// The call.
    pub id: CallId,
    /// Which way it was set up.
    pub direction: Direction,
    /// Where it stands.
    pub state: CallState,
    /// This side holds it.
    pub on_hold: bool,
    /// The far side holds it.
    pub held_by_other: bool,
    /// Nothing of the microphone or the application is sent.
    pub muted: bool,
    /// What the INVITE said (for an outgoing call: `from` is the target).
    pub incoming: IncomingCall,
    /// The parties that are heard apart, in the order of their audio lines, where the server sends
    /// them so: their place is their number in [`Supervisor::party_audio`]. Empty in other calls.
    pub parties: Vec<Party>,
}

/// Who is heard on one of several audio lines of a call, as the server's description names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party {
    /// For people: the words of `i=`, else `a=label`.
    pub name: Option<String>,
    /// For machines: `party-id=` in `i=`, or the attribute of that name.
    pub id: Option<String>,
}

/// One call of a supervisor; a light handle that can be cloned and kept.
#[derive(Debug, Clone)]
pub struct Call {
    pub(crate) supervisor: Supervisor,
    pub(crate) id: CallId,
}

impl Call {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> CallId {
        self.id
    }
    /// What is known of it now; `None` when it is over and forgotten.
    #[must_use]
    pub fn info(&self) -> Option<CallInfo> {
        self.supervisor.call_info(self.id)
    }
    /// Answers it. See [`Supervisor::answer`].
    pub fn answer(&self) -> Pending {
        self.supervisor.answer(self.id)
    }
    /// Refuses it with 480, or with a SIP code of one's own. See [`Supervisor::reject`].
    pub fn reject(&self) -> Pending {
        self.supervisor.reject(self.id)
    }
    /// Ends it. See [`Supervisor::terminate`].
    pub fn terminate(&self) -> Pending {
        self.supervisor.terminate(self.id)
    }
    /// Puts it on hold. See [`Supervisor::hold`].
    pub fn hold(&self) -> Pending {
        self.supervisor.hold(self.id)
    }
    /// Takes it off hold. See [`Supervisor::unhold`].
    pub fn unhold(&self) -> Pending {
        self.supervisor.unhold(self.id)
    }
    /// Sends silence. See [`Supervisor::mute`].
    pub fn mute(&self) -> Pending {
        self.supervisor.mute(self.id)
    }
    /// Sends sound again. See [`Supervisor::unmute`].
    pub fn unmute(&self) -> Pending {
        self.supervisor.unmute(self.id)
    }
    /// Presses keys. See [`Supervisor::send_dtmf`].
    pub fn send_dtmf(&self, digits: &str) -> Pending {
        self.supervisor.send_dtmf(self.id, digits)
    }
    /// What is heard, as PCM frames. See [`Supervisor::audio`].
    ///
    /// # Errors
    /// 1002 when the call is over, 1003 for a rate or frame length that is not offered.
    pub fn audio(&self, sample_rate: u32, frame_ms: u32) -> Result<AudioStream> {
        self.supervisor.audio(self.id, sample_rate, frame_ms)
    }
    /// What one party says, where the server sends them apart. See [`Supervisor::party_audio`].
    ///
    /// # Errors
    /// 1002 when the call is over, 1003 for a party, a rate or a frame length that is not offered.
    pub fn party_audio(&self, party: u32, sample_rate: u32, frame_ms: u32) -> Result<AudioStream> {
        self.supervisor.party_audio(self.id, party, sample_rate, frame_ms)
    }
    /// A way to speak into the call. See [`Supervisor::audio_writer`].
    ///
    /// # Errors
    /// 1002 when the call is over, 1003 for a rate that is not offered.
    pub fn audio_writer(&self, sample_rate: u32) -> Result<AudioWriter> {
        self.supervisor.audio_writer(self.id, sample_rate)
    }
    /// Records it to a WAV or an Ogg Opus file. See [`Supervisor::record`].
    ///
    /// # Errors
    /// 1002 when the call is over, 1003 for a rate that is not offered or a file that cannot be
    /// written.
    pub fn record(&self, path: impl AsRef<Path>, sample_rate: u32) -> Result<Recording> {
        self.supervisor.record(self.id, path, sample_rate)
    }
    /// Speaks a sound file into it. See [`Supervisor::play`].
    ///
    /// # Errors
    /// 1002 when the call is over, 1003 for a file that cannot be played.
    pub fn play(&self, path: impl AsRef<Path>) -> Result<Playing> {
        self.supervisor.play(self.id, path)
    }
    /// Its figures now.
    #[must_use]
    pub fn stats(&self) -> Option<Stats> {
        self.supervisor.call_stats(self.id)
    }
}
