//! An offerer and an answerer connect on loopback and exchange packets both ways.

use crate::support::{call, exchange};
use monipy_core::Codec;

async fn talk(codecs: &[Codec], expected: Codec) {
    let (mut a, mut b, offer, answer) = call(codecs, &[Codec::Opus, Codec::Pcmu, Codec::Pcma]).await;
    assert_eq!(a.transport.negotiated_codec(), expected, "{offer}{answer}");
    assert_eq!(b.transport.negotiated_codec(), expected);
    exchange(&mut a, &mut b, 20).await;
    exchange(&mut b, &mut a, 20).await;
}

trait NegotiatedCodec {
    fn negotiated_codec(&self) -> Codec;
}

impl<T: monipy_core::media::MediaTransport> NegotiatedCodec for T {
    fn negotiated_codec(&self) -> Codec {
        self.negotiated().expect("negotiated").send.codec
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opus() {
    talk(&[Codec::Opus, Codec::Pcmu, Codec::Pcma], Codec::Opus).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pcmu() {
    talk(&[Codec::Pcmu], Codec::Pcmu).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pcma() {
    talk(&[Codec::Pcma], Codec::Pcma).await;
}
