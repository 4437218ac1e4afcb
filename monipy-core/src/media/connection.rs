//! One peer connection of the stack: ICE, DTLS and SRTP between two fixed ends. It is shown
//! canonical descriptions and asked for its own end; codecs and directions are none of its business.

use super::flow::Flow;
use super::front::{Front, Signal};
use super::guard::SrtpLayout;
use super::ice_servers::{self, Resolved};
use super::keys::Onlooker;
use super::port::Share;
use super::runtime::GuardedRuntime;
use super::sdp::remote::{RemoteDescription, Setup};
use super::sdp::write::{self, LocalEnd};
use super::tap::{Tap, Wire};
use super::transport::{MediaConfig, OfferError};
use super::turn_bridge::Bridge;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::Slot;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder, RTCIceCandidateInit,
    RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
    SrtpProtectionProfile, StatsSelector,
};

/// The one payload type that the stack knows. It never looks at packets with others.
const STACK_PAYLOAD_TYPE: u8 = 127;
/// Most local addresses that sockets are bound to.
const MAX_ADDRESSES: usize = 8;

/// Which end of the offer and answer this side is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Offerer,
    /// With the DTLS role to take, and where the far side may be.
    Answerer(Setup, Vec<SocketAddr>),
}

/// A peer connection with what belongs to it.
pub(crate) struct Connection {
    pub(crate) generation: u64,
    pub(crate) front: Arc<Front>,
    pc: Arc<dyn PeerConnection>,
    handle: tokio::runtime::Handle,
    closed: AtomicBool,
    gathered: watch::Receiver<bool>,
    gather_timeout: Duration,
    signals: mpsc::UnboundedSender<Signal>,
    /// To TURN servers over TCP and TLS; they end with the last word to the far side.
    bridges: Mutex<Vec<Bridge>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// What the stack's callbacks do: pass the word on. They run within the stack's event loop.
struct Handler {
    signals: mpsc::UnboundedSender<Signal>,
    front: Arc<Front>,
    gathered: watch::Sender<bool>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let signal = match state {
            RTCPeerConnectionState::Connected => Signal::Connected,
            RTCPeerConnectionState::Disconnected => Signal::Disconnected,
            RTCPeerConnectionState::Failed => Signal::Failed,
            _ => return,
        };
        let _ = self.signals.send(signal);
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        if matches!(state, RTCIceConnectionState::Connected | RTCIceConnectionState::Completed) {
            self.front.select();
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }
}

impl Connection {
    /// Binds sockets and starts the stack's task on `handle`.
    ///
    /// # Errors
    /// 500 when no socket could be bound or the stack refused its settings.
    pub(crate) async fn build(
        config: &MediaConfig,
        handle: &tokio::runtime::Handle,
        resolved: Resolved,
        wire: &Arc<Wire>,
        generation: u64,
        end: End,
        signals: mpsc::UnboundedSender<Signal>,
    ) -> Result<Connection, OfferError> {
        let stack = |e: rtc::shared::error::Error| OfferError::internal(format!("the media stack: {e}"));
        let (servers, bridges) = ice_servers::for_stack(config, &resolved, handle);
        let relayed = servers.iter().any(|s| s.urls.iter().any(|url| url.to_ascii_lowercase().starts_with("turn:")));
        let share = match &end {
            End::Answerer(_, far_sides) if !relayed && !far_sides.is_empty() => Share::Yes(far_sides.clone()),
            _ => Share::No,
        };
        // What comes out of a relay is wrapped: the stack unwraps it, and so it opens it, too.
        let front = Arc::new(Front::new(wire.stats.clone(), signals.clone(), Flow::new(wire.clone(), generation), !relayed));
        let cryptography = rtc::crypto::default_provider().map_err(|e| OfferError::internal(format!("no cryptography: {e}")))?;
        let cryptography = Arc::new(Onlooker::new(cryptography, front.clone()));
        let runtime = Arc::new(GuardedRuntime { handle: handle.clone(), front: front.clone(), share, resolved });
        let (gathered_tx, gathered) = watch::channel(false);

        let mut codecs = MediaEngine::default();
        codecs.register_codec(stack_codec(), RtpCodecKind::Audio).map_err(stack)?;
        let mut settings = SettingEngineBuilder::new()
            .with_crypto_provider(cryptography)
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            // A far side may begin its checks seconds after its answer: go on for as long as we wait.
            // Consent is lost after 5 s without an answer and gone for good 25 s later (RFC 7675).
            .with_ice_timeouts(Some(Duration::from_secs(5)), Some(Duration::from_secs(25)), Some(Duration::from_secs(2)))
            // As often as browsers: the pair that works is nominated a check later, and the call is heard then.
            .with_ice_connection_attempts(Some(Duration::from_millis(50)), Some(480))
            .with_host_acceptance_min_wait(Some(Duration::ZERO))
            .with_srflx_acceptance_min_wait(Some(Duration::from_millis(100)))
            .with_prflx_acceptance_min_wait(Some(Duration::from_millis(100)))
            .with_relay_acceptance_min_wait(Some(Duration::from_millis(500)))
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ]);
        if let End::Answerer(setup, _) = end {
            let role = if setup == Setup::Active { RTCDtlsRole::Client } else { RTCDtlsRole::Server };
            settings = settings.with_answering_dtls_role(role);
        }
        let tap = Tap::new(front.clone());
        let pc = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::default().with_ice_servers(servers).build())
            .with_media_engine(codecs)
            .with_setting_engine(settings.build())
            // Beyond the stack's own slots: nearest to the application.
            .with_interceptor_registry(Registry::new().with(Slot::Custom(14_000), tap))
            .with_runtime(runtime)
            .with_handler(Arc::new(Handler { signals: signals.clone(), front: front.clone(), gathered: gathered_tx }))
            .with_udp_addrs(local_addresses(config.local_address))
            .build()
            .await
            .map_err(stack)?;
        let gather_timeout = config.gather_timeout.clamp(Duration::from_millis(100), Duration::from_secs(5));
        Ok(Connection {
            generation,
            front,
            pc: Arc::new(pc),
            handle: handle.clone(),
            closed: AtomicBool::new(false),
            gathered,
            gather_timeout,
            signals,
            bridges: Mutex::new(bridges),
        })
    }

    /// Our end, for an offer. Waits for candidates, within bounds.
    ///
    /// # Errors
    /// 500 when the stack refuses.
    pub(crate) async fn offer(&self) -> Result<LocalEnd, OfferError> {
        self.pc.add_transceiver_from_kind(RtpCodecKind::Audio, None).await.map_err(refused)?;
        let offer = self.pc.create_offer(None).await.map_err(refused)?;
        self.pc.set_local_description(offer).await.map_err(refused)?;
        self.local_end().await
    }

    /// Takes the far side's answer to [`offer`](Self::offer) and begins to connect.
    ///
    /// # Errors
    /// 488 when the stack refuses it.
    pub(crate) async fn take_answer(&self, remote: &RemoteDescription) -> Result<(), OfferError> {
        let sdp = write::for_stack(remote, remote.setup, STACK_PAYLOAD_TYPE);
        let answer = RTCSessionDescription::answer(sdp).map_err(unusable)?;
        self.pc.set_remote_description(answer).await.map_err(unusable)?;
        let _ = self.signals.send(Signal::Started);
        Ok(())
    }

    /// Takes the far side's offer, the first or one that restarts ICE, begins to connect, and says
    /// our end. Waits for candidates, within bounds.
    ///
    /// # Errors
    /// 488 when the stack refuses it.
    pub(crate) async fn answer(&self, remote: &RemoteDescription) -> Result<LocalEnd, OfferError> {
        let sdp = write::for_stack(remote, remote.setup, STACK_PAYLOAD_TYPE);
        let offer = RTCSessionDescription::offer(sdp).map_err(unusable)?;
        self.pc.set_remote_description(offer).await.map_err(unusable)?;
        let answer = self.pc.create_answer(None).await.map_err(unusable)?;
        self.pc.set_local_description(answer).await.map_err(unusable)?;
        let _ = self.signals.send(Signal::Started);
        self.local_end().await
    }

    /// Hands further candidates of the far side to the stack; it knows those it has already.
    pub(crate) async fn add_candidates(&self, remote: &RemoteDescription) {
        for candidate in remote.candidates.iter().take(write::STACK_CANDIDATES) {
            let init = RTCIceCandidateInit {
                candidate: format!("candidate:{}", candidate.to_value()),
                sdp_mid: Some("0".into()),
                sdp_mline_index: Some(0),
                ..RTCIceCandidateInit::default()
            };
            if let Err(e) = self.pc.add_ice_candidate(init).await {
                log::debug!("media: a candidate was not taken: {e}");
            }
        }
    }

    /// The stack waits 11 s for a dead STUN server and 65 s for a dead TURN server; we do not.
    async fn local_end(&self) -> Result<LocalEnd, OfferError> {
        let mut gathered = self.gathered.clone();
        // Neither running out of time nor a stack that has ended keeps us from what there is.
        let _ = tokio::time::timeout(self.gather_timeout, gathered.wait_for(|done| *done)).await;
        let description = self.pc.local_description().await;
        let end = description.as_ref().and_then(|d| write::local_end(&d.sdp));
        let mut end = end.ok_or_else(|| OfferError::internal("the media stack made no usable description"))?;
        // From here on the far side's checks find us; where they do is not where the stack believes.
        let addresses = self.front.announce(&end.ice_ufrag);
        let true_one = |address: &mut SocketAddr| {
            if let Some((_, local)) = addresses.iter().find(|(believed, _)| believed == address) {
                *address = *local;
            }
        };
        for candidate in &mut end.candidates {
            true_one(&mut candidate.address);
            candidate.related.iter_mut().for_each(true_one);
        }
        Ok(end)
    }

    /// How the packets of this connection are protected, once DTLS is done.
    pub(crate) async fn srtp_layout(&self) -> SrtpLayout {
        let report = self.pc.get_stats(Instant::now(), StatsSelector::None).await;
        match report.transport().map(|t| t.srtp_cipher.as_str()) {
            Some(name) if name.contains("GCM") => SrtpLayout::Gcm,
            Some(name) if name.ends_with("_80") => SrtpLayout::AesCm80,
            _ => SrtpLayout::Unknown,
        }
    }

    /// Ends it: close_notify to the far side, sockets and task given back. Bounded.
    pub(crate) async fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            close(&*self.pc).await;
            self.take_bridges();
        }
    }

    fn take_bridges(&self) -> Vec<Bridge> {
        std::mem::take(&mut *self.bridges.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The stack's task would live on without its handle.
        if !self.closed.swap(true, Ordering::AcqRel) {
            let (pc, bridges) = (self.pc.clone(), self.take_bridges());
            self.handle.spawn(async move {
                close(&*pc).await;
                drop(bridges);
            });
        }
    }
}

async fn close(pc: &dyn PeerConnection) {
    match tokio::time::timeout(Duration::from_millis(1500), pc.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => log::debug!("media: close: {e}"),
        Err(_) => log::warn!("media: the stack did not close in time"),
    }
}

fn refused(e: rtc::shared::error::Error) -> OfferError {
    OfferError::internal(format!("the media stack: {e}"))
}

fn unusable(e: rtc::shared::error::Error) -> OfferError {
    OfferError::not_acceptable(format!("the description is not usable: {e}"))
}

fn stack_codec() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: "audio/opus".into(),
            clock_rate: 48_000,
            channels: 2,
            sdp_fmtp_line: String::new(),
            rtcp_feedback: Vec::new(),
        },
        payload_type: STACK_PAYLOAD_TYPE,
    }
}

/// Where to bind sockets: the given address, else every usable address of this machine, else
/// loopback (a machine that is offline may still talk to a server of its own).
fn local_addresses(given: Option<IpAddr>) -> Vec<SocketAddr> {
    if let Some(ip) = given {
        return vec![SocketAddr::new(ip, 0)];
    }
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for interface in rtc::shared::ifaces::ifaces().unwrap_or_default() {
        let Some(ip) = interface.addr.map(|a| a.ip()) else { continue };
        let link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        let address = SocketAddr::new(ip, 0);
        if !(ip.is_loopback() || ip.is_unspecified() || link_local || addresses.contains(&address)) && addresses.len() < MAX_ADDRESSES {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        addresses.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
    }
    addresses
}
