//! A far side that is not ours: the bare stack with its own SDP, which sends whatever RTP it is
//! told to, under any SSRC. It stands for servers that change the SSRC, for ICE-lite peers, and for
//! peers that restart ICE.

use crate::support::PATIENCE;
use bytes::Bytes;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
    RTCSessionDescription, Registry, SettingEngineBuilder,
};

type Queue = Arc<Mutex<VecDeque<Packet>>>;

pub(crate) struct PlainPeer {
    pc: Box<dyn PeerConnection>,
    outgoing: Queue,
    pub(crate) incoming: Queue,
    gathered: watch::Receiver<bool>,
    state: watch::Receiver<RTCPeerConnectionState>,
}

struct Handler {
    gathered: watch::Sender<bool>,
    state: watch::Sender<RTCPeerConnectionState>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }
}

/// Sends what is queued, keeps what arrives.
struct Injector {
    outgoing: Queue,
    incoming: Queue,
    now: Instant,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Injector {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;
    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.incoming.lock().unwrap().push_back(message.message.packet);
        Ok(())
    }
    fn poll_read(&mut self) -> Option<TaggedPacket> {
        None
    }
    fn handle_write(&mut self, _: TaggedPacket) -> Result<(), Error> {
        Ok(())
    }
    fn poll_write(&mut self) -> Option<TaggedPacket> {
        let packet = self.outgoing.lock().unwrap().pop_front()?;
        Some(TaggedPacket { now: Instant::now(), transport: Default::default(), message: packet.into() })
    }
    fn handle_event(&mut self, (): ()) -> Result<(), Error> {
        Ok(())
    }
    fn poll_event(&mut self) -> Option<()> {
        None
    }
    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.now = now;
        Ok(())
    }
    fn poll_timeout(&mut self) -> Option<Instant> {
        // The queue has no waker: look again soon.
        Some(self.now + Duration::from_millis(2))
    }
    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Interceptor for Injector {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

impl PlainPeer {
    pub(crate) async fn new(lite: bool) -> PlainPeer {
        let mut codecs = MediaEngine::default();
        codecs.register_default_codecs().unwrap();
        let settings = SettingEngineBuilder::new().with_multicast_dns_mode(MulticastDnsMode::Disabled).with_lite(lite).build();
        let (outgoing, incoming) = (Queue::default(), Queue::default());
        let injector = Injector { outgoing: outgoing.clone(), incoming: incoming.clone(), now: Instant::now() };
        let (gathered_tx, gathered) = watch::channel(false);
        let (state_tx, state) = watch::channel(RTCPeerConnectionState::New);
        let pc = PeerConnectionBuilder::new()
            .with_media_engine(codecs)
            .with_setting_engine(settings)
            .with_interceptor_registry(Registry::new().with(Slot::Custom(14_000), injector))
            .with_handler(Arc::new(Handler { gathered: gathered_tx, state: state_tx }))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .unwrap();
        PlainPeer { pc: Box::new(pc), outgoing, incoming, gathered, state }
    }

    async fn complete(&self) -> String {
        let mut gathered = self.gathered.clone();
        tokio::time::timeout(PATIENCE, gathered.wait_for(|done| *done)).await.unwrap().unwrap();
        // A bare stack without a track says recvonly; this peer sends all the same.
        self.pc.local_description().await.unwrap().sdp.replace("a=recvonly", "a=sendrecv")
    }

    pub(crate) async fn offer(&self) -> String {
        self.pc.add_transceiver_from_kind(RtpCodecKind::Audio, None).await.unwrap();
        let offer = self.pc.create_offer(None).await.unwrap();
        self.pc.set_local_description(offer).await.unwrap();
        self.complete().await
    }

    /// An offer that restarts ICE under the same certificate.
    pub(crate) async fn restart(&mut self) -> String {
        let options = RTCOfferOptions { ice_restart: true };
        let offer = self.pc.create_offer(Some(options)).await.unwrap();
        self.gathered.mark_unchanged();
        self.pc.set_local_description(offer).await.unwrap();
        tokio::time::timeout(PATIENCE, self.gathered.changed()).await.unwrap().unwrap();
        self.complete().await
    }

    pub(crate) async fn take_answer(&self, answer: &[u8]) {
        let answer = RTCSessionDescription::answer(String::from_utf8(answer.to_vec()).unwrap()).unwrap();
        self.pc.set_remote_description(answer).await.unwrap();
    }

    pub(crate) async fn answer(&self, offer: &[u8]) -> String {
        let offer = RTCSessionDescription::offer(String::from_utf8(offer.to_vec()).unwrap()).unwrap();
        self.pc.set_remote_description(offer).await.unwrap();
        let answer = self.pc.create_answer(None).await.unwrap();
        self.pc.set_local_description(answer).await.unwrap();
        self.complete().await
    }

    pub(crate) async fn connected(&self) {
        let mut state = self.state.clone();
        tokio::time::timeout(PATIENCE, state.wait_for(|s| *s == RTCPeerConnectionState::Connected)).await.unwrap().unwrap();
    }

    pub(crate) fn send(&self, ssrc: u32, payload_type: u8, sequence_number: u16, payload: &'static [u8]) {
        self.outgoing.lock().unwrap().push_back(Packet::Rtp(rtc::rtp::Packet {
            header: rtc::rtp::Header {
                version: 2,
                payload_type,
                sequence_number,
                timestamp: u32::from(sequence_number) * 960,
                ssrc,
                ..rtc::rtp::Header::default()
            },
            payload: Bytes::from_static(payload),
        }));
    }

    pub(crate) fn send_rtcp(&self, packets: Vec<Box<dyn rtc::rtcp::Packet>>) {
        self.outgoing.lock().unwrap().push_back(Packet::Rtcp(packets));
    }

    pub(crate) async fn close(&self) {
        self.pc.close().await.unwrap();
    }
}
