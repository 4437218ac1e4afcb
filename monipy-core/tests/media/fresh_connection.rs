//! A re-offer with a new fingerprint and new ICE credentials: a fresh connection takes over, and
//! the call's packets go on under the same SSRC and sequence numbers.

use crate::support::{call, exchange, negotiate};
use monipy_core::Codec;
use monipy_core::media::{MediaDirection::SendRecv, MediaEvent, OfferKind};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_side_may_move() {
    let (mut a, mut b, first, _) = call(&[Codec::Opus], &[Codec::Opus]).await;
    exchange(&mut a, &mut b, 3).await;
    let connected = |e: &MediaEvent| matches!(e, MediaEvent::Connected).then_some(());

    let (offer, _) = negotiate(&mut a, SendRecv, OfferKind::Fresh, &mut b, SendRecv).await;
    let fingerprint = |sdp: &str| sdp.lines().find(|l| l.starts_with("a=fingerprint")).unwrap().to_owned();
    assert_ne!(fingerprint(&offer), fingerprint(&first));
    a.until(connected).await;
    b.until(connected).await;
    exchange(&mut a, &mut b, 5).await;
    exchange(&mut b, &mut a, 5).await;

    negotiate(&mut b, SendRecv, OfferKind::Fresh, &mut a, SendRecv).await;
    a.until(connected).await;
    b.until(connected).await;
    exchange(&mut a, &mut b, 5).await;
    exchange(&mut b, &mut a, 5).await;
}
