//! Two transports on loopback, and the waiting for what they say.

use bytes::Bytes;
use monipy_core::Codec;
use monipy_core::media::{
    MediaConfig, MediaDirection, MediaEnds, MediaEvent, MediaTransport, Negotiated, OfferKind, RtpIn, WebRtcTransport,
};
use std::time::Duration;

/// Far above what anything here takes; reached only when something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Peer {
    pub(crate) transport: WebRtcTransport,
    pub(crate) ends: MediaEnds,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

pub(crate) fn config(codecs: &[Codec]) -> MediaConfig {
    MediaConfig { codecs: codecs.to_vec(), local_address: Some("127.0.0.1".parse().unwrap()), ..MediaConfig::default() }
}

impl Peer {
    pub(crate) fn new(codecs: &[Codec]) -> Peer {
        Peer::with(config(codecs))
    }

    pub(crate) fn with(config: MediaConfig) -> Peer {
        let (transport, ends) = WebRtcTransport::new(config, tokio::runtime::Handle::current());
        Peer { transport, ends, sequence: 65_530, timestamp: 1000 }
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> MediaEvent {
        tokio::time::timeout(PATIENCE, self.ends.events.recv()).await.expect("an event in time").expect("the event channel open")
    }

    /// Events up to the one that `want` accepts.
    pub(crate) async fn until<T>(&mut self, mut want: impl FnMut(&MediaEvent) -> Option<T>) -> T {
        loop {
            let event = self.event().await;
            if let Some(found) = want(&event) {
                return found;
            }
            assert!(!matches!(event, MediaEvent::Failed { .. } | MediaEvent::Closed), "unexpected {event:?}");
        }
    }

    pub(crate) async fn track(&mut self) -> Negotiated {
        self.until(|e| if let MediaEvent::RemoteTrack(n) = e { Some(n.clone()) } else { None }).await
    }

    pub(crate) async fn failed(&mut self) -> String {
        self.until(|e| if let MediaEvent::Failed { why } = e { Some(why.clone()) } else { None }).await
    }

    /// Sends one packet of 20 ms.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        let format = self.transport.negotiated().expect("negotiated").send;
        let step = if format.codec == Codec::Opus { 960 } else { 160 };
        assert!(self.ends.rtp_out.send(format.payload_type, false, self.sequence, self.timestamp, Bytes::copy_from_slice(payload)));
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(step);
    }

    /// Waits for a packet to arrive.
    pub(crate) async fn receive(&mut self) -> RtpIn {
        let waiting = async {
            loop {
                if let Some(packet) = self.ends.rtp_in.pop() {
                    return packet;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("a packet in time")
    }
}

/// One offers, the other answers; returns the offer and the answer.
pub(crate) async fn negotiate(
    offerer: &mut Peer,
    offer_direction: MediaDirection,
    kind: OfferKind,
    answerer: &mut Peer,
    answer_direction: MediaDirection,
) -> (String, String) {
    let offer = offerer.transport.create_offer(offer_direction, kind).await.expect("an offer");
    let answer = answerer.transport.accept_offer(&offer, answer_direction).await.expect("an answer");
    offerer.transport.apply_answer(&answer).await.expect("the answer applied");
    (String::from_utf8(offer).unwrap(), String::from_utf8(answer).unwrap())
}

/// Two peers with a call between them, both connected.
pub(crate) async fn call(offering: &[Codec], answering: &[Codec]) -> (Peer, Peer, String, String) {
    let (mut a, mut b) = (Peer::new(offering), Peer::new(answering));
    let (offer, answer) = negotiate(&mut a, MediaDirection::SendRecv, OfferKind::Same, &mut b, MediaDirection::SendRecv).await;
    a.track().await;
    b.track().await;
    (a, b, offer, answer)
}

/// Sends `count` packets from one to the other and checks that all arrive in order.
pub(crate) async fn exchange(from: &mut Peer, to: &mut Peer, count: u8) {
    for i in 0..count {
        let (sequence, timestamp) = (from.sequence, from.timestamp);
        from.send(&[i, 1, 2, 3]);
        let got = to.receive().await;
        assert_eq!((got.sequence_number, got.timestamp, &got.payload[..]), (sequence, timestamp, &[i, 1, 2, 3][..]));
    }
}
