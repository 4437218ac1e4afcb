//! Two supervisors of one server, in a call with each other.

use crate::supervisor::{logged_in, until};
use monipy_core::{CallId, Config, EventKind, EventStream, Supervisor};
use monipy_tests::ears;
use std::time::{Duration, Instant};

/// 1002 calls 1001, which answers: both, with their events.
pub(crate) struct Pair {
    pub(crate) callee: (Supervisor, EventStream),
    pub(crate) caller: (Supervisor, EventStream),
    /// When the INVITE was ordered.
    pub(crate) began: Instant,
}

impl Pair {
    pub(crate) async fn in_a_call(with: Config) -> Pair {
        let mut callee = logged_in(with.clone(), "1001").await;
        let mut caller = logged_in(with, "1002").await;
        let began = Instant::now();
        caller.0.call("1001").await.expect("call");
        until(&mut callee.1, EventKind::Ringing).await;
        callee.0.answer(CallId::CURRENT).await.expect("answer");
        until(&mut callee.1, EventKind::CallStream).await;
        until(&mut caller.1, EventKind::CallStream).await;
        Pair { callee, caller, began }
    }

    pub(crate) async fn hear_each_other(&self) {
        hear_each_other(&self.callee.0, &self.caller.0).await;
    }
}

/// The callee says 440 Hz, the caller 1000 Hz, until both have heard the other.
pub(crate) async fn hear_each_other(callee: &Supervisor, caller: &Supervisor) {
    let (a, b) = (callee.current_call().expect("a call"), caller.current_call().expect("a call"));
    let mut heard_by_callee = a.audio(16_000, 20).expect("a stream");
    let mut heard_by_caller = b.audio(16_000, 20).expect("a stream");
    let mut from_callee = a.audio_writer(16_000).expect("a writer");
    let mut from_caller = b.audio_writer(16_000).expect("a writer");
    let speak = async {
        tokio::join!(async { from_callee.write_all(&ears::sine(16_000, 440.0, -12.0, 6000)).await }, async {
            from_caller.write_all(&ears::sine(16_000, 1000.0, -12.0, 6000)).await
        },)
    };
    let listen = async {
        tokio::join!(
            ears::hears(&mut heard_by_callee, 1000.0, -20.0, Duration::from_secs(20)),
            ears::hears(&mut heard_by_caller, 440.0, -20.0, Duration::from_secs(20)),
        )
    };
    let heard = tokio::select! { heard = listen => heard, _ = async { speak.await; std::future::pending::<()>().await } => unreachable!() };
    assert_eq!(heard, (true, true));
}
