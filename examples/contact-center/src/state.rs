//! What the centre knows: accounts, phones, calls and legs, in one book under one lock that is
//! never held across an await. Whoever waits for something waits for the book's next version.

use crate::error::{CentreError, ErrorKind, Result};
use crate::ladder::Ladder;
use crate::misbehaviour::Switchboard;
use crate::mix::bridge::{Bridge, LegEvents};
use crate::mix::clock::Clock;
use crate::mix::impair::Impairment;
use crate::mix::layout::Layout;
use crate::mode::Mode;
use crate::party::{Party, Role};
use crate::registrar::Registrar;
use crate::signalling::phone::PhoneInput;
use crate::timeline::Timeline;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LegStage {
    /// The offer is being made, or the INVITE is on its way.
    Calling,
    /// The phone rings (180).
    Ringing,
    /// The phone answered (200, or ACK for a call it placed).
    Answered,
    /// Sound flows: ICE and DTLS are done.
    Media,
    /// Over.
    Ended,
}

/// Why a leg ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegEnd {
    /// `local` (the centre), `remote` (the phone) or `system`.
    pub by: &'static str,
    /// The SIP code; 200 for BYE.
    pub code: u16,
    /// Why, in a word or two.
    pub cause: String,
    /// The Reason header or the reason phrase, where there was one; what to do about it, where
    /// that helps.
    pub reason: Option<String>,
}

impl LegEnd {
    /// Ended by the centre before anything was on the wire.
    pub(crate) fn cancelled() -> LegEnd {
        LegEnd { by: "local", code: 487, cause: "Canceled".into(), reason: None }
    }
}

/// What is known of a phone's leg: a supervisor's, or that of an agent or customer with a real phone.
#[derive(Debug, Clone, Serialize)]
pub struct LegInfo {
    /// Its number.
    pub id: u64,
    /// The call it is part of.
    pub call: u64,
    /// Whose phone, by login id: its name in the audibility matrix.
    pub supervisor: String,
    /// What it is in the call.
    pub role: Role,
    /// What it may do, as a supervisor.
    pub mode: Mode,
    /// How the parties are laid out in the audio that it receives.
    pub layout: Layout,
    /// What the phone's answer says to a second audio line; none while it was not offered one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_line: Option<bool>,
    /// How it stands.
    pub stage: LegStage,
    /// Whether the phone was called (false) or placed the call (true).
    pub dialled_in: bool,
    /// The phone holds the centre.
    pub held_by_phone: bool,
    /// The centre holds the phone.
    pub held_by_centre: bool,
    /// Keys that the phone pressed, in order.
    pub digits: String,
    /// RTP packets that came from the phone.
    pub packets_received: u64,
    /// Numbers of the packets, from 0, that were lost on purpose; a thousand at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost_packets: Vec<u32>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<LegEnd>,
}

impl LegInfo {
    pub(crate) fn new(id: u64, call: u64, phone: &str, role: Role, mode: Mode, layout: Layout, dialled_in: bool) -> LegInfo {
        LegInfo {
            id,
            call,
            supervisor: phone.to_owned(),
            role,
            mode,
            layout,
            second_line: None,
            stage: LegStage::Calling,
            dialled_in,
            held_by_phone: false,
            held_by_centre: false,
            digits: String::new(),
            packets_received: 0,
            lost_packets: Vec::new(),
            end: None,
        }
    }
}

pub(crate) struct Leg {
    pub(crate) info: LegInfo,
    pub(crate) phone: mpsc::UnboundedSender<PhoneInput>,
    pub(crate) seat: Option<u64>,
    pub(crate) impairment: Impairment,
    pub(crate) headers: Vec<(String, String)>,
}

/// What the vendor's headers say of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallLabels {
    /// X-cmi-uuid.
    pub uuid: String,
    /// X-Call-ID.
    pub call_id: String,
    /// X-Team-Name.
    pub team_name: String,
    /// X-To-Number.
    pub to_number: String,
    /// X-Transfer-From, where the call was transferred.
    pub transfer_from: Option<String>,
    /// X-Transfer, where the call was transferred.
    pub transfer: Option<String>,
}

pub(crate) struct Call {
    pub(crate) parties: Vec<Party>,
    pub(crate) labels: CallLabels,
    pub(crate) bridge: Arc<Mutex<Bridge>>,
    pub(crate) started: Instant,
}

pub(crate) struct Account {
    pub(crate) password: String,
    pub(crate) role: Role,
}

/// A registration.
pub(crate) struct Registration {
    pub(crate) contact: String,
    pub(crate) until: Instant,
    pub(crate) phone: mpsc::UnboundedSender<PhoneInput>,
    pub(crate) phone_id: u64,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) accounts: BTreeMap<String, Account>,
    /// The newest registration of each account.
    pub(crate) registrations: BTreeMap<String, Registration>,
    pub(crate) calls: BTreeMap<u64, Call>,
    pub(crate) legs: BTreeMap<u64, Leg>,
    /// REGISTER requests answered with 200 so far, refreshes included.
    pub(crate) registers: u64,
    next: u64,
}

impl Book {
    /// A number that was not given before.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn call(&self, id: u64) -> Result<&Call> {
        self.calls.get(&id).ok_or_else(|| CentreError::unknown(format!("there is no call {id}; it is over, or never was")))
    }

    pub(crate) fn leg(&self, id: u64) -> Result<&Leg> {
        self.legs.get(&id).ok_or_else(|| CentreError::unknown(format!("there is no leg {id}")))
    }

    pub(crate) fn registered(&self, supervisor: &str, now: Instant) -> Option<&Registration> {
        self.registrations.get(supervisor).filter(|r| r.until > now)
    }
}

/// What connections are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Go on.
    Open,
    /// Connections that are there now go silent (their numbers are at most this).
    Silent(u64),
    /// Connections that are there now are dropped (their numbers are at most this).
    Dropped(u64),
}

/// Waits until the centre stops.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The sender lives in the centre, which whoever waits holds. What is borrowed is let go here.
    drop(stop.wait_for(|s| *s).await);
}

/// The centre, shared by everything that runs in it.
pub(crate) struct Centre {
    book: Mutex<Book>,
    version: watch::Sender<u64>,
    pub(crate) ladder: Ladder,
    pub(crate) timeline: Timeline,
    pub(crate) board: Switchboard,
    pub(crate) registrar: Mutex<Registrar>,
    pub(crate) clock: Clock,
    pub(crate) leg_events: LegEvents,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) domain: String,
    /// Address that media sockets bind to; none for every address of the machine.
    pub(crate) media_address: Option<IpAddr>,
    /// What the socket.io feed's clients name in their query.
    pub(crate) feed_token: String,
    pub(crate) record: Option<PathBuf>,
    pub(crate) history_s: u32,
    pub(crate) seed: u64,
    pub(crate) dialect: crate::Dialect,
    pub(crate) line: watch::Sender<Line>,
    /// Until when the doors are shut.
    pub(crate) shut_until: watch::Sender<Option<Instant>>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) stop_requested: watch::Sender<bool>,
    pub(crate) connections: std::sync::atomic::AtomicU64,
}

pub(crate) struct CentreParts {
    pub(crate) clock: Clock,
    pub(crate) leg_events: LegEvents,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) registrar: Registrar,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) domain: String,
    /// Address that media sockets bind to; none for every address of the machine.
    pub(crate) media_address: Option<IpAddr>,
    /// What the socket.io feed's clients name in their query.
    pub(crate) feed_token: String,
    pub(crate) record: Option<PathBuf>,
    pub(crate) history_s: u32,
    pub(crate) seed: u64,
    pub(crate) dialect: crate::Dialect,
}

impl Centre {
    pub(crate) fn new(parts: CentreParts) -> Arc<Centre> {
        let start = Instant::now();
        Arc::new(Centre {
            book: Mutex::new(Book { accounts: parts.accounts, ..Book::default() }),
            version: watch::Sender::new(0),
            ladder: Ladder::new(start),
            timeline: Timeline::new(start),
            board: Switchboard::default(),
            registrar: Mutex::new(parts.registrar),
            clock: parts.clock,
            leg_events: parts.leg_events,
            runtime: parts.runtime,
            domain: parts.domain,
            media_address: parts.media_address,
            feed_token: parts.feed_token,
            record: parts.record,
            history_s: parts.history_s,
            seed: parts.seed,
            dialect: parts.dialect,
            line: watch::Sender::new(Line::Open),
            shut_until: watch::Sender::new(None),
            stop: watch::Sender::new(false),
            stop_requested: watch::Sender::new(false),
            connections: std::sync::atomic::AtomicU64::new(0),
        })
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the book and wakes whoever waits for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let result = change(&mut self.book());
        self.version.send_modify(|v| *v += 1);
        result
    }

    /// Waits until the book gives a value; what is waited for is said when the time is up. Works
    /// in any async runtime: the time is the centre's own.
    pub(crate) async fn wait<T>(
        &self,
        timeout: Duration,
        what: impl Fn(&Book) -> String,
        mut ready: impl FnMut(&Book) -> Result<Option<T>>,
    ) -> Result<T> {
        let mut version = self.version.subscribe();
        let mut time = self.runtime.spawn(tokio::time::sleep(timeout));
        let outcome = loop {
            version.mark_unchanged();
            let looked = ready(&self.book());
            match looked {
                Ok(None) => {}
                Ok(Some(value)) => break Ok(value),
                Err(e) => break Err(e),
            }
            tokio::select! {
                changed = version.changed() => {
                    if changed.is_err() {
                        break Err(CentreError::state("the contact centre was stopped"));
                    }
                }
                _ = &mut time => {
                    // One last look, for what came with the bell.
                    let book = self.book();
                    break ready(&book).and_then(|found| {
                        let late = || CentreError::new(ErrorKind::Timeout, format!("not within {} ms: {}", timeout.as_millis(), what(&book)));
                        found.ok_or_else(late)
                    });
                }
            }
        };
        time.abort();
        outcome
    }

    /// Runs on the bridge of a call.
    pub(crate) fn with_bridge<T>(&self, call: u64, f: impl FnOnce(&mut Bridge) -> T) -> Result<T> {
        let bridge = self.book().call(call)?.bridge.clone();
        let mut bridge = bridge.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(f(&mut bridge))
    }
}
