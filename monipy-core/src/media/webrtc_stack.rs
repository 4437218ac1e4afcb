//! [`MediaTransport`] with the `webrtc` crate: keeps what was agreed on, decides which connection an
//! offer or answer is for, and turns the stack's signals into events.
//!
//! The stack negotiates its connection once (and again when ICE restarts); hold, resume and changes
//! of codecs are ours alone. The same fingerprint means the same connection; another fingerprint, or
//! [`OfferKind::Fresh`], means a fresh one with sockets of its own, which then takes over.

use super::connection::{Connection, End};
use super::ice_servers::{self, Resolved};
use super::rtp::{RtpReceiver, RtpSender};
use super::sdp::codecs::{answer_formats, offer_formats};
use super::sdp::remote::{Fingerprint, RemoteDescription, Section, Setup, parse_remote};
use super::sdp::write::{self, FurtherLine, LocalEnd, Origin};
use super::stats::TransportStats;
use super::tap::Wire;
use super::transport::{
    AudioFormat, MediaConfig, MediaDirection, MediaEnds, MediaEvent, MediaTransport, Negotiated, OfferError, OfferKind, PartyLine,
};
use super::watcher::{Shared, watch_connection};
use async_trait::async_trait;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long names of ICE servers may take to resolve.
const RESOLVE: Duration = Duration::from_millis(800);

/// A call's media over the `webrtc` crate.
pub struct WebRtcTransport {
    shared: Arc<Shared>,
    /// One negotiation at a time.
    session: tokio::sync::Mutex<Session>,
    resolved: watch::Receiver<Option<Resolved>>,
}

/// A connection and the two ends that it has.
struct Live {
    connection: Arc<Connection>,
    local: LocalEnd,
    /// Our DTLS role; open as long as our first offer stands.
    setup: Setup,
    remote: Option<RemoteEnd>,
}

#[derive(Clone, PartialEq, Eq)]
struct RemoteEnd {
    fingerprint: Fingerprint,
    ice_ufrag: String,
    ice_pwd: String,
}

impl From<&RemoteDescription> for RemoteEnd {
    fn from(d: &RemoteDescription) -> Self {
        RemoteEnd { fingerprint: d.fingerprint.clone(), ice_ufrag: d.ice_ufrag.clone(), ice_pwd: d.ice_pwd.clone() }
    }
}

/// An offer of ours that stands.
struct Standing {
    formats: Vec<AudioFormat>,
    direction: MediaDirection,
    /// The connection it is for when that is not the current one.
    fresh: Option<Live>,
}

#[derive(Default)]
struct Session {
    version: u64,
    live: Option<Live>,
    standing: Option<Standing>,
    /// What the far side offered last when it had several audio lines: an offer of ours has them, too.
    lines: Option<RemoteDescription>,
}

impl fmt::Debug for WebRtcTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebRtcTransport").field("wire", &self.shared.wire).finish_non_exhaustive()
    }
}

impl WebRtcTransport {
    /// A transport whose tasks run on `handle`. Nothing is bound before the first description.
    #[must_use]
    pub fn new(config: MediaConfig, handle: tokio::runtime::Handle) -> (WebRtcTransport, MediaEnds) {
        let stats = Arc::new(TransportStats::default());
        let (received, rtp_in) = rtrb::RingBuffer::new(config.receive_queue.max(8));
        let (rtp_out, to_send) = rtrb::RingBuffer::new(config.send_queue.max(8));
        let dropped = Arc::new(AtomicU64::new(0));
        let [session, ssrc, name] = random();
        let cname = format!("{name:016x}");
        // RTP wants an SSRC that is not 0; SDP wants a session id that fits into 63 bits.
        let origin = Origin { session_id: session >> 2, ssrc: ssrc as u32 | 1, cname: cname.clone() };
        let wire = Arc::new(Wire::new(stats.clone(), origin.ssrc, cname, received, to_send, dropped.clone()));
        let (events_tx, events) = mpsc::unbounded_channel();

        // Names resolve while the call rings.
        let (resolved_tx, resolved) = watch::channel(None);
        let for_names = config.clone();
        handle.spawn(async move {
            resolved_tx.send_replace(Some(ice_servers::resolve(&for_names, RESOLVE).await));
        });

        let ends = MediaEnds {
            events,
            rtp_in: RtpReceiver { queue: rtp_in, dropped },
            rtp_out: RtpSender { queue: rtp_out, wake: wire.clone(), dropped: Arc::default() },
            stats,
        };
        let shared = Arc::new(Shared {
            config,
            handle,
            wire,
            origin,
            events: events_tx,
            negotiated: Mutex::new(None),
            announced: Mutex::new(None),
            up: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            generations: AtomicU64::new(0),
        });
        (WebRtcTransport { shared, session: tokio::sync::Mutex::default(), resolved }, ends)
    }

    fn check_open(&self) -> Result<(), OfferError> {
        if self.shared.closed.load(Ordering::Acquire) { Err(OfferError::closed()) } else { Ok(()) }
    }

    async fn connect(&self, end: End) -> Result<Arc<Connection>, OfferError> {
        let mut resolved = self.resolved.clone();
        // The sender is gone only when it has said its word, or with the runtime.
        let resolved = resolved.wait_for(Option::is_some).await.map(|r| (*r).clone()).ok().flatten().unwrap_or_default();
        let shared = &self.shared;
        let generation = shared.generations.fetch_add(1, Ordering::AcqRel) + 1;
        let (signals, inbox) = mpsc::unbounded_channel();
        let connection = Connection::build(&shared.config, &shared.handle, resolved, &shared.wire, generation, end, signals).await?;
        let connection = Arc::new(connection);
        shared.handle.spawn(watch_connection(Arc::downgrade(shared), Arc::downgrade(&connection), generation, inbox));
        Ok(connection)
    }

    /// Makes a connection the current one and lets the old one go.
    fn take_over(&self, session: &mut Session, live: Live) {
        self.shared.up.store(false, Ordering::Release);
        self.shared.wire.take_over(live.connection.generation, live.connection.front.clone());
        if let Some(old) = session.live.replace(live) {
            self.discard(old);
        }
    }

    fn discard(&self, live: Live) {
        self.shared.handle.spawn(async move { live.connection.close().await });
    }

    fn agree(&self, negotiated: Negotiated) {
        self.shared.wire.agree(&negotiated);
        *self.shared.negotiated.lock().unwrap_or_else(PoisonError::into_inner) = Some(negotiated);
        self.shared.announce();
    }
}

#[async_trait]
impl MediaTransport for WebRtcTransport {
    async fn accept_offer(&self, offer: &[u8], direction: MediaDirection) -> Result<Vec<u8>, OfferError> {
        let remote = parse_remote(offer, false)?;
        let formats = answer_formats(
            remote.audio_section().map_or(&[], |s| s.formats.as_slice()),
            &self.shared.config.codecs,
            self.shared.config.codec_order,
        );
        let Some(send) = formats.first().copied() else { return Err(OfferError::not_acceptable("no common codec")) };
        let mut session = self.session.lock().await;
        self.check_open()?;
        if session.standing.is_some() {
            return Err(OfferError { sip_code: 491, why: "an offer of this side stands".into() });
        }

        let end = RemoteEnd::from(&remote);
        let known = session.live.as_ref().and_then(|live| live.remote.clone());
        match known {
            Some(known) if known == end => {
                if let Some(live) = &session.live {
                    live.connection.add_candidates(&remote).await;
                }
            }
            // The same certificate under new ICE credentials: ICE restarts below the same DTLS.
            Some(known) if known.fingerprint == end.fingerprint => {
                if let Some(live) = &mut session.live {
                    live.local = live.connection.answer(&remote).await?;
                    live.remote = Some(end);
                }
            }
            _ => {
                // RFC 8842 5.3: active where the choice is ours; the browser does the same.
                let setup = if remote.setup == Setup::Active { Setup::Passive } else { Setup::Active };
                let far_sides = remote.candidates.iter().map(|c| c.address).collect();
                let connection = self.connect(End::Answerer(setup, far_sides)).await?;
                let local = match connection.answer(&remote).await {
                    Ok(local) => local,
                    Err(e) => {
                        connection.close().await;
                        return Err(e);
                    }
                };
                self.take_over(&mut session, Live { connection, local, setup, remote: Some(end) });
            }
        }
        if self.check_open().is_err() {
            return Err(OfferError::closed());
        }

        let agreed = remote.direction.reversed().intersect(direction);
        session.version += 1;
        let Some(live) = &session.live else { return Err(OfferError::internal("no connection")) };
        let parties = self.parties(&remote, &formats, |s| self.further_direction(s).intersect(direction));
        let further: Vec<FurtherLine<'_>> = remote
            .further
            .iter()
            .zip(parties.iter().skip(1))
            .filter_map(|(&index, party)| {
                let direction = self.further_direction(remote.sections.get(index)?).intersect(direction);
                Some(FurtherLine { index, formats: &party.formats, direction })
            })
            .collect();
        let origin = &self.shared.origin;
        let answer = write::answer(origin, session.version, &live.local, &remote, &formats, agreed, live.setup, &further);
        drop(further);
        let (remote_direction, ptime_ms) = (remote.direction, remote.ptime_ms);
        session.lines = (!parties.is_empty()).then_some(remote);
        self.agree(Negotiated { send, receive: formats, direction: agreed, remote_direction, ptime_ms, parties });
        Ok(answer.into_bytes())
    }

    async fn create_offer(&self, direction: MediaDirection, kind: OfferKind) -> Result<Vec<u8>, OfferError> {
        let mut session = self.session.lock().await;
        self.check_open()?;
        if session.standing.is_some() {
            return Err(OfferError { sip_code: 491, why: "an offer of this side stands".into() });
        }
        // Under the payload types that are in use already: those of an offer of the far side, too.
        let mut formats = offer_formats(&self.shared.config.codecs);
        if let Some(negotiated) = self.negotiated() {
            let in_use = negotiated.receive;
            let taken: Vec<u8> = in_use.iter().flat_map(|f| std::iter::once(f.payload_type).chain(f.telephone_event)).collect();
            formats.retain(|f| in_use.iter().all(|u| u.codec != f.codec) && !taken.contains(&f.payload_type));
            for format in &mut formats {
                format.telephone_event = format.telephone_event.filter(|e| !taken.contains(e));
            }
            formats = in_use.into_iter().chain(formats).collect();
        }
        let fresh = if kind == OfferKind::Fresh || session.live.is_none() {
            let connection = self.connect(End::Offerer).await?;
            let local = match connection.offer().await {
                Ok(local) => local,
                Err(e) => {
                    connection.close().await;
                    return Err(e);
                }
            };
            Some(Live { connection, local, setup: Setup::ActPass, remote: None })
        } else {
            None
        };
        self.check_open()?;
        session.version += 1;
        let Some(live) = fresh.as_ref().or(session.live.as_ref()) else { return Err(OfferError::internal("no connection")) };
        let origin = &self.shared.origin;
        let offer = match &session.lines {
            Some(lines) => {
                let parties = self.negotiated().map(|n| n.parties).unwrap_or_default();
                let may = MediaDirection::of(self.shared.config.sends_on_further_lines, true);
                let further: Vec<FurtherLine<'_>> = (lines.further.iter().zip(parties.iter().skip(1)))
                    .map(|(&index, party)| FurtherLine { index, formats: &party.formats, direction: may.intersect(direction) })
                    .collect();
                write::offer_of_lines(origin, session.version, &live.local, lines, &formats, direction, &further)
            }
            None => write::offer(origin, session.version, &live.local, &formats, direction),
        };
        session.standing = Some(Standing { formats, direction, fresh });
        Ok(offer.into_bytes())
    }

    async fn apply_answer(&self, answer: &[u8]) -> Result<(), OfferError> {
        let mut session = self.session.lock().await;
        self.check_open()?;
        let Some(standing) = session.standing.take() else { return Err(OfferError::internal("no offer stands")) };
        let fresh = standing.fresh.is_some();
        let outcome = self.judge_answer(answer, &standing, session.live.as_ref().and_then(|l| l.remote.as_ref()));
        let (remote, negotiated) = match outcome {
            Ok(both) => both,
            Err(e) => {
                if let Some(live) = standing.fresh {
                    self.discard(live);
                }
                return Err(e);
            }
        };
        match standing.fresh {
            Some(mut live) => {
                if let Err(e) = live.connection.take_answer(&remote).await {
                    self.discard(live);
                    return Err(e);
                }
                live.setup = if remote.setup == Setup::Active { Setup::Passive } else { Setup::Active };
                live.remote = Some(RemoteEnd::from(&remote));
                self.take_over(&mut session, live);
            }
            None => {
                if let Some(live) = &session.live {
                    live.connection.add_candidates(&remote).await;
                }
            }
        }
        log::debug!("media: the answer is applied, {} connection", if fresh { "a fresh" } else { "the same" });
        self.agree(negotiated);
        Ok(())
    }

    async fn rollback(&self) {
        let standing = self.session.lock().await.standing.take();
        if let Some(live) = standing.and_then(|s| s.fresh) {
            self.discard(live);
        }
    }

    fn negotiated(&self) -> Option<Negotiated> {
        self.shared.negotiated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn close(&self) {
        if self.shared.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.shared.wire.shut();
        // A negotiation in progress ends by itself within its bounds; it sees the flag.
        let ends: Vec<Live> = {
            let mut session = self.session.lock().await;
            let standing = session.standing.take().and_then(|s| s.fresh);
            session.live.take().into_iter().chain(standing).collect()
        };
        for live in ends {
            live.connection.close().await;
        }
        self.shared.emit(MediaEvent::Closed);
    }
}

impl WebRtcTransport {
    /// What this side may do on a further line of the far side's.
    fn further_direction(&self, section: &Section) -> MediaDirection {
        section.direction.reversed().intersect(MediaDirection::of(self.shared.config.sends_on_further_lines, true))
    }

    /// The lines of a description that has several; `formats` are the first one's.
    fn parties(
        &self,
        remote: &RemoteDescription,
        formats: &[AudioFormat],
        direction: impl Fn(&Section) -> MediaDirection,
    ) -> Vec<PartyLine> {
        if remote.further.is_empty() {
            return Vec::new();
        }
        let line = |(index, section): (usize, &Section)| PartyLine {
            name: section.title.clone(),
            id: section.party_id.clone(),
            mid: section.mid.clone(),
            mid_extension: section.mid_extension,
            ssrcs: section.ssrcs.clone(),
            formats: match index {
                0 => formats.to_vec(),
                _ => answer_formats(&section.formats, &self.shared.config.codecs, self.shared.config.codec_order),
            },
            receives: index == 0 || direction(section).receives(),
        };
        remote.audio_sections().enumerate().map(line).collect()
    }

    fn judge_answer(
        &self,
        answer: &[u8],
        standing: &Standing,
        known: Option<&RemoteEnd>,
    ) -> Result<(RemoteDescription, Negotiated), OfferError> {
        let remote = parse_remote(answer, true)?;
        if standing.fresh.is_none() && known != Some(&RemoteEnd::from(&remote)) {
            return Err(OfferError::not_acceptable("the answer is from another end than the connection"));
        }
        let listed = remote.audio_section().map_or(&[][..], |s| s.formats.as_slice());
        let offered: Vec<_> = standing.formats.iter().map(|f| f.codec).collect();
        // The answerer's order says what it would like to get (RFC 3264 6.1).
        let send = answer_formats(listed, &offered, super::transport::CodecOrder::Remote);
        let Some(first) = send.first().copied() else { return Err(OfferError::not_acceptable("no common codec")) };
        let receive = standing.formats.iter().filter(|f| send.iter().any(|s| s.codec == f.codec)).copied().collect();
        Ok((
            remote.clone(),
            Negotiated {
                send: first,
                receive,
                direction: remote.direction.reversed().intersect(standing.direction),
                remote_direction: remote.direction,
                ptime_ms: remote.ptime_ms,
                parties: self.parties(&remote, &standing.formats, |s| s.direction.reversed().intersect(standing.direction)),
            },
        ))
    }
}

impl Drop for WebRtcTransport {
    fn drop(&mut self) {
        if self.shared.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.shared.wire.shut();
        // Nobody else holds the session: `&mut self`.
        let session = std::mem::take(self.session.get_mut());
        let shared = self.shared.clone();
        self.shared.handle.spawn(async move {
            let standing = session.standing.and_then(|s| s.fresh);
            for live in session.live.into_iter().chain(standing) {
                live.connection.close().await;
            }
            shared.emit(MediaEvent::Closed);
        });
    }
}

/// Three numbers that nobody can guess.
fn random() -> [u64; 3] {
    [(); 3].map(|()| getrandom::u64().unwrap_or_else(|_| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)))
}
