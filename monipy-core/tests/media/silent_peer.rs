//! A far side that vanishes without a word: consent is lost (RFC 7675), which is an event and not
//! the end; a fresh connection to where it is now goes on with the call.

use crate::support::{Peer, exchange, negotiate};
use monipy_core::Codec;
use monipy_core::media::{MediaDirection::SendRecv, MediaEvent, OfferKind};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn consent_lost_and_a_fresh_connection() {
    let (here, there) = (runtime(), runtime());
    let mut a = here.block_on(async { Peer::new(&[Codec::Opus]) });
    let mut b = there.block_on(async { Peer::new(&[Codec::Opus]) });
    here.block_on(async {
        negotiate(&mut a, SendRecv, OfferKind::Same, &mut b, SendRecv).await;
        a.track().await;
        b.track().await;
        exchange(&mut a, &mut b, 3).await;
    });
    // Its tasks and sockets are gone, without close_notify.
    there.shutdown_background();
    let mut elsewhere = here.block_on(async { Peer::new(&[Codec::Opus]) });
    here.block_on(async {
        a.until(|e| matches!(e, MediaEvent::Disconnected).then_some(())).await;
        negotiate(&mut a, SendRecv, OfferKind::Fresh, &mut elsewhere, SendRecv).await;
        a.until(|e| matches!(e, MediaEvent::Connected).then_some(())).await;
        elsewhere.track().await;
        exchange(&mut a, &mut elsewhere, 3).await;
        exchange(&mut elsewhere, &mut a, 3).await;
    });
}
