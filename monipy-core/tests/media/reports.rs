//! RTCP between two transports of ours gives both the round trip and what the other lost.

use crate::support::{PATIENCE, call};
use monipy_core::Codec;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_appear_on_both_sides() {
    let (mut a, mut b, ..) = call(&[Codec::Opus], &[Codec::Opus]).await;
    let exchanging = async {
        loop {
            a.send(b"a");
            b.send(b"b");
            let (of_a, of_b) = (a.ends.stats.rtcp(), b.ends.stats.rtcp());
            if of_a.round_trip.is_some() && of_b.round_trip.is_some() {
                return (of_a, of_b);
            }
            while a.ends.rtp_in.pop().is_some() {}
            while b.ends.rtp_in.pop().is_some() {}
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (of_a, of_b) = tokio::time::timeout(PATIENCE, exchanging).await.expect("reports in time");
    for figures in [of_a, of_b] {
        assert!(figures.round_trip.unwrap() < Duration::from_secs(1), "{figures:?}");
        assert_eq!(figures.remote_packets_lost, Some(0));
        assert_eq!(figures.remote_fraction_lost, Some(0.0));
        assert!(figures.remote_jitter.unwrap() < Duration::from_secs(1));
        assert!(figures.sender_report.is_some());
    }
}
