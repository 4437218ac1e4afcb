//! The state machine of one supervisor, as a value: commands, frames, media events and instants go
//! in; frames, media operations, events and outcomes come out. No socket, clock or task is in it,
//! so that races are decided here and replayed in tests in virtual time.
//!
//! - `login.rs`: link, registration, logging in and out, coming back after a loss;
//! - `calls.rs`: calls from their first to their terminal event;
//! - `negotiation.rs`: offers and answers after the first, hold, media events.

use crate::audio::{AudioEvent, ComfortTone};
use crate::call::{CallId, CallInfo, CallState, Party};
use crate::config::Config;
use crate::error::{Error, Reply};
use crate::event::{Detail, Direction, Event, EventKind, IncomingCall};
use crate::media::{MediaDirection, MediaEvent, Negotiated, OfferError, OfferKind};
use crate::sip::ua::{CallKey, Input as UaInput, Output as UaOutput, Rng, Ua, UaEvent};
use crate::transport::backoff::Backoff;
use crate::transport::ws::LinkError;
use crate::vocabulary::code;
use monipy_device::Way;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Whoever waits for the outcome of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Token(pub(crate) u64);

/// What a user wants.
#[derive(Clone, PartialEq)]
pub(crate) enum Command {
    Login {
        id: String,
        password: Zeroizing<String>,
    },
    Logout,
    Call {
        target: String,
    },
    Answer {
        call: CallId,
    },
    Reject {
        call: CallId,
        sip_code: u16,
    },
    Terminate {
        call: CallId,
    },
    Hold {
        call: CallId,
    },
    Unhold {
        call: CallId,
    },
    Mute {
        call: CallId,
        muted: bool,
    },
    Dtmf {
        call: CallId,
        digits: String,
        duration_ms: u32,
        gap_ms: u32,
    },
    /// Answered at once: everything given before has been looked at.
    Settle,
    /// The choice of sound cards changed. The driver's own: it never comes to the machine.
    Devices,
    Shutdown,
}

/// The parties that are heard apart, in the order of their lines.
pub(crate) fn parties_of(negotiated: &crate::media::Negotiated) -> Vec<Party> {
    let named = |p: &crate::media::PartyLine| Party { name: p.name.clone(), id: p.id.clone() };
    negotiated.parties.iter().map(named).collect()
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Command::Login { .. } => "Login",
            Command::Logout => "Logout",
            Command::Call { .. } => "Call",
            Command::Answer { .. } => "Answer",
            Command::Reject { .. } => "Reject",
            Command::Terminate { .. } => "Terminate",
            Command::Hold { .. } => "Hold",
            Command::Unhold { .. } => "Unhold",
            Command::Mute { .. } => "Mute",
            Command::Dtmf { .. } => "Dtmf",
            Command::Settle => "Settle",
            Command::Devices => "Devices",
            Command::Shutdown => "Shutdown",
        })
    }
}

/// What the media side of a call reports.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MediaInput {
    /// The answer to [`MediaOp::AcceptOffer`].
    AnswerMade(Result<Vec<u8>, OfferError>),
    /// The offer that [`MediaOp::CreateOffer`] asked for.
    OfferMade(Result<Vec<u8>, OfferError>),
    /// [`MediaOp::ApplyAnswer`] is done.
    AnswerApplied(Result<(), OfferError>),
    /// The transport's state changed.
    Transport(MediaEvent),
    /// The sound has something to tell.
    Audio(AudioEvent),
    /// No device could be opened; the call goes on without.
    DeviceFailed { why: String },
    /// Sound goes through another card now (its name), or a card is gone (no name).
    DeviceChanged { way: Way, name: String, why: String },
}

/// What goes in.
#[derive(Debug)]
pub(crate) enum Input {
    Command(Command, Option<Token>),
    LinkUp,
    LinkFailed(LinkError),
    LinkDown(String),
    /// The link is down since this machine has another address.
    LinkMoved(String),
    Frame(Vec<u8>),
    Media(CallId, MediaInput),
    Tick,
}

/// What the media side of a call is asked for. Offers, answers and applying are reported back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MediaOp {
    /// Make the transport and the sound of the call.
    Open,
    AcceptOffer {
        sdp: Vec<u8>,
        direction: MediaDirection,
    },
    CreateOffer {
        direction: MediaDirection,
        kind: OfferKind,
    },
    ApplyAnswer {
        sdp: Vec<u8>,
    },
    Rollback,
    /// What was agreed on: payload types.
    Codecs(Negotiated),
    /// What may flow, and whether what is sent is silence.
    Flow {
        send: bool,
        receive: bool,
        silent: bool,
    },
    /// The call is wanted: open speaker and microphone, if the configuration says so.
    OpenDevices,
    /// The far side rings: let the caller hear it on the speaker.
    Ringback,
    /// Begin the ticks.
    Start,
    Dtmf {
        digits: String,
        duration_ms: u32,
        gap_ms: u32,
    },
    Close,
    /// As [`MediaOp::Close`], but the speaker tells the caller for a while why.
    CloseWithTone(ComfortTone),
}

/// What comes out.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Open a connection; [`Input::LinkUp`] or [`Input::LinkFailed`] follows.
    Connect,
    /// Close the connection; nothing more is said of it.
    Disconnect,
    Send(Vec<u8>),
    /// A call depends on the link.
    LinkActive(bool),
    Event(Event),
    /// Time for a `stats` event of this call.
    Stats(CallId),
    Reply(Token, Result<Reply, Error>),
    Media(CallId, MediaOp),
    /// Shut down: nothing comes after it.
    Gone,
}

/// How the login stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    /// Nobody wants to be logged in.
    Out,
    /// A login is under way; its outcome is owed.
    Pending,
    /// Registered.
    In,
    /// Wanted, but not registered now: the link was lost, or the server said "later".
    Lost,
    /// A logout is under way.
    Leaving,
}

/// How the link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Down,
    Connecting,
    Up,
}

/// The offer and answer under way in a call that has its first behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Negotiation {
    None,
    /// Our re-INVITE: being made, on its way, or its answer being applied.
    Ours {
        purpose: Purpose,
        stage: Stage,
    },
    /// Theirs, with (answering) or without (offering) a description.
    Theirs {
        held: bool,
        late: bool,
        stage: Stage,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Purpose {
    Hold(Option<Token>),
    Unhold(Option<Token>),
    /// A fresh connection after media was lost.
    Restart,
}

/// A change of ours that made way for one of the far side, and when it is offered again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PutOff {
    pub(crate) purpose: Purpose,
    pub(crate) at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Making,
    Sent,
    Applying,
}

/// One call.
#[derive(Debug)]
pub(crate) struct CallEntry {
    pub(crate) key: CallKey,
    pub(crate) direction: Direction,
    pub(crate) state: CallState,
    pub(crate) info: IncomingCall,
    /// The offer of the INVITE until it is answered.
    pub(crate) offer: Option<Vec<u8>>,
    /// Where an outgoing call goes, until its INVITE is sent.
    pub(crate) target: Option<String>,
    pub(crate) on_hold: bool,
    pub(crate) held_by_other: bool,
    pub(crate) muted: bool,
    pub(crate) ringing_told: bool,
    pub(crate) stream_told: bool,
    pub(crate) media_failed_told: bool,
    /// Refused before the user heard of it: no event is owed.
    pub(crate) silent: bool,
    /// Media is connected now; has been once.
    pub(crate) media_up: bool,
    pub(crate) media_was_up: bool,
    pub(crate) restarts: u32,
    pub(crate) negotiated: Option<Negotiated>,
    pub(crate) negotiation: Negotiation,
    pub(crate) put_off: Option<PutOff>,
    /// How often the change of ours that is under way was put off.
    pub(crate) times_put_off: u32,
    /// Who waits for answer(), or for call().
    pub(crate) setup_token: Option<Token>,
    /// Who waits for reject() or terminate().
    pub(crate) end_tokens: Vec<Token>,
    /// Media must be up, or be restarted, by then.
    pub(crate) media_deadline: Option<Instant>,
    /// The far side closed the media; its BYE is waited for until then.
    pub(crate) farewell: Option<Instant>,
    /// Keys that go by INFO: digit, duration, gap.
    pub(crate) info_keys: VecDeque<(char, u32, u32)>,
    pub(crate) next_key: Option<Instant>,
    pub(crate) next_stats: Option<Instant>,
    /// How the end is told, when it is not as SIP says: code, reason, as if by the far side.
    pub(crate) end: Option<(u16, String, bool)>,
}

/// The state machine. See the module's page.
pub(crate) struct Machine {
    pub(crate) config: Config,
    pub(crate) rng: Rng,
    pub(crate) now: Instant,
    pub(crate) ua: Option<Ua>,
    pub(crate) login: Login,
    pub(crate) link: Link,
    pub(crate) backoff: Backoff,
    pub(crate) reconnect_at: Option<Instant>,
    pub(crate) leave_by: Option<Instant>,
    pub(crate) login_token: Option<Token>,
    pub(crate) logout_tokens: Vec<Token>,
    pub(crate) shutdown: Option<Option<Token>>,
    pub(crate) gone: bool,
    pub(crate) connected_told: bool,
    pub(crate) registered_told: bool,
    pub(crate) calls: BTreeMap<CallId, CallEntry>,
    pub(crate) keys: BTreeMap<CallKey, CallId>,
    pub(crate) next_call: u64,
    pub(crate) link_active: bool,
    /// Listeners are hopelessly behind: take no new call.
    pub(crate) congested: bool,
    pub(crate) out: VecDeque<Output>,
}

impl Machine {
    pub(crate) fn new(config: Config, rng: Rng, now: Instant) -> Self {
        let backoff =
            Backoff::new(Duration::from_millis(config.reconnect_min_ms.into()), Duration::from_millis(config.reconnect_max_ms.into()));
        Machine {
            config,
            rng,
            now,
            ua: None,
            login: Login::Out,
            link: Link::Down,
            backoff,
            reconnect_at: None,
            leave_by: None,
            login_token: None,
            logout_tokens: Vec::new(),
            shutdown: None,
            gone: false,
            connected_told: false,
            registered_told: false,
            calls: BTreeMap::new(),
            keys: BTreeMap::new(),
            next_call: 0,
            link_active: false,
            congested: false,
            out: VecDeque::new(),
        }
    }

    /// Takes one input at the time `now`.
    pub(crate) fn handle(&mut self, input: Input, now: Instant) {
        self.now = self.now.max(now);
        if self.gone {
            if let Input::Command(_, Some(token)) = input {
                self.out.push_back(Output::Reply(token, Err(Error::invalid_state("the supervisor was shut down"))));
            }
            return;
        }
        match input {
            Input::Command(command, token) => self.command(command, token),
            Input::LinkUp => self.link_up(),
            Input::LinkFailed(error) => self.link_failed(error),
            Input::LinkDown(why) => self.link_down(why),
            Input::LinkMoved(why) => self.link_moved(why),
            Input::Frame(bytes) => self.ua_input(UaInput::Frame(bytes)),
            Input::Media(call, media) => self.media_input(call, media),
            Input::Tick => {}
        }
        self.run_timers();
        self.note_link_activity();
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due at the latest.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let own = [self.reconnect_at, self.leave_by, self.ua.as_ref().and_then(Ua::next_timeout)];
        let calls = self.calls.values().flat_map(|c| [c.media_deadline, c.farewell, c.next_key, c.next_stats, c.put_off.map(|p| p.at)]);
        own.into_iter().chain(calls).flatten().min()
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        self.login == Login::In
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.link == Link::Up
    }

    /// What is known of every call, oldest first.
    pub(crate) fn call_infos(&self) -> Vec<CallInfo> {
        let visible = self.calls.iter().filter(|(_, c)| !c.silent);
        visible
            .map(|(id, c)| CallInfo {
                id: *id,
                direction: c.direction,
                state: c.state,
                on_hold: c.on_hold,
                held_by_other: c.held_by_other,
                muted: c.muted,
                incoming: c.info.clone(),
                parties: c.negotiated.as_ref().map(parties_of).unwrap_or_default(),
            })
            .collect()
    }

    fn command(&mut self, command: Command, token: Option<Token>) {
        match command {
            Command::Login { id, password } => self.login(&id, password, token),
            Command::Logout => self.logout(token),
            Command::Settle | Command::Devices => self.succeed(token, "settled"),
            Command::Shutdown => self.begin_shutdown(token),
            Command::Call { target } => self.place_call(&target, token),
            Command::Answer { call } => self.answer(call, token),
            Command::Reject { call, sip_code } => self.reject(call, sip_code, token),
            Command::Terminate { call } => self.terminate(call, token),
            Command::Hold { call } => self.hold(call, true, token),
            Command::Unhold { call } => self.hold(call, false, token),
            Command::Mute { call, muted } => self.mute(call, muted, token),
            Command::Dtmf { call, digits, duration_ms, gap_ms } => self.send_dtmf(call, &digits, duration_ms, gap_ms, token),
        }
    }

    fn run_timers(&mut self) {
        let now = self.now;
        if self.ua.as_ref().and_then(Ua::next_timeout).is_some_and(|at| at <= now) {
            self.ua_input(UaInput::Tick);
        }
        self.login_timers();
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.call_timers(id);
        }
    }

    /// Hands an input to the user agent and takes what comes out.
    pub(crate) fn ua_input(&mut self, input: UaInput) {
        let now = self.now;
        let Some(ua) = self.ua.as_mut() else { return };
        ua.handle(input, now);
        self.drain_ua();
    }

    fn drain_ua(&mut self) {
        while let Some(output) = self.ua.as_mut().and_then(Ua::poll_output) {
            match output {
                UaOutput::Send(bytes) => {
                    if self.link == Link::Up {
                        self.out.push_back(Output::Send(bytes));
                    }
                }
                UaOutput::Event(event) => self.ua_event(event),
            }
        }
    }

    fn ua_event(&mut self, event: UaEvent) {
        match event {
            UaEvent::Registered { .. } => self.registered(),
            UaEvent::RegistrationFailed { code, reason, will_retry, credentials_tried } => {
                self.registration_failed(code, &reason, will_retry.is_some(), credentials_tried);
            }
            UaEvent::Unregistered { reason, .. } => self.unregistered(&reason),
            UaEvent::Request { .. } => {}
            other => self.call_event(other),
        }
    }

    fn note_link_activity(&mut self) {
        if self.gone {
            return;
        }
        let active = self.calls.values().any(|c| matches!(c.state, CallState::Answering | CallState::Answered));
        if active != self.link_active {
            self.link_active = active;
            self.out.push_back(Output::LinkActive(active));
        }
    }

    // --- What is told ---

    pub(crate) fn event(&mut self, kind: EventKind, call: Option<CallId>, code: u16, status: impl Into<String>, detail: Detail) {
        self.out.push_back(Output::Event(Event { kind, seq: 0, time_ms: 0, call, code, status: status.into(), detail }));
    }

    pub(crate) fn media(&mut self, call: CallId, op: MediaOp) {
        self.out.push_back(Output::Media(call, op));
    }

    pub(crate) fn succeed(&mut self, token: Option<Token>, status: &str) {
        if let Some(token) = token {
            self.out.push_back(Output::Reply(token, Ok(Reply::new(code::OK, status))));
        }
    }

    /// The outcome of a command that failed, for the one who waits.
    pub(crate) fn fail(&mut self, token: Option<Token>, error: Error) {
        if let Some(token) = token {
            self.out.push_back(Output::Reply(token, Err(error)));
        }
    }

    /// A method was called in the wrong state: an `error` event, and the outcome.
    pub(crate) fn wrong_state(&mut self, call: Option<CallId>, token: Option<Token>, error: Error) {
        self.event(EventKind::Error, call, error.code, error.status.clone(), Detail::None);
        self.fail(token, error);
    }
}
