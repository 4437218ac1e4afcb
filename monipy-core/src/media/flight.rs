//! The last flight of the DTLS handshake, repeated sooner than the stack would: the stack waits a
//! second each time and gives up after seven, all flights together, which at 30 % loss is the end of
//! every second call. RFC 6347 4.2.4.1 lets who knows the path wait less (WebRTC implementations
//! begin at 50 ms). A repeated datagram is the same to the bit, so that the far side's replay
//! detection drops it where the first one arrived.

use super::port::Line;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Waits before each repetition; after them the stack has its own.
const WAITS: [Duration; 4] =
    [Duration::from_millis(60), Duration::from_millis(120), Duration::from_millis(240), Duration::from_millis(480)];
/// Datagrams that depart this closely are one flight.
const ONE_FLIGHT: Duration = Duration::from_millis(20);
/// Most datagrams of a flight, and most octets of one: a certificate chain has a few.
const MOST: usize = 8;
const LONGEST: usize = 2048;
/// DTLS content type (RFC 5246 6.2.1).
const ALERT: u8 = 21;

/// What departed last, and whether it is still to be repeated.
#[derive(Default)]
pub(crate) struct Flight {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    datagrams: Vec<(Weak<Line>, SocketAddr, Vec<u8>)>,
    begun: Option<Instant>,
    /// Of the flight: a task that repeats an older one ends.
    number: u64,
    /// The far side has what it needs: its media came.
    over: bool,
}

impl Flight {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A DTLS datagram departs. Returns the flight's number when one begins with it.
    fn add(&self, now: Instant, line: &Arc<Line>, to: SocketAddr, datagram: &[u8]) -> Option<u64> {
        let mut inner = self.lock();
        if inner.over {
            return None;
        }
        // After an alert there is nothing more to say.
        if datagram.first() == Some(&ALERT) {
            inner.number += 1;
            inner.datagrams.clear();
            return None;
        }
        let begins = inner.begun.is_none_or(|begun| now.saturating_duration_since(begun) > ONE_FLIGHT);
        if begins {
            inner.number += 1;
            inner.begun = Some(now);
            inner.datagrams.clear();
        }
        if inner.datagrams.len() < MOST && datagram.len() <= LONGEST {
            inner.datagrams.push((Arc::downgrade(line), to, datagram.to_vec()));
        }
        begins.then_some(inner.number)
    }

    /// A DTLS datagram departs: it is repeated until [`Flight::over`], or until a flight follows.
    pub(crate) fn departs(self: &Arc<Self>, now: Instant, line: &Arc<Line>, to: SocketAddr, datagram: &[u8]) {
        let Some(number) = self.add(now, line, to, datagram) else { return };
        // The stack sends from a task of its own; elsewhere nothing is repeated.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let flight = Arc::downgrade(self);
        runtime.spawn(async move {
            for wait in WAITS {
                tokio::time::sleep(wait).await;
                if !flight.upgrade().is_some_and(|flight| flight.repeat(number)) {
                    break;
                }
            }
        });
    }

    /// Sends the flight once more. False when there is no need.
    fn repeat(&self, number: u64) -> bool {
        let inner = self.lock();
        if inner.over || inner.number != number {
            return false;
        }
        for (line, to, datagram) in &inner.datagrams {
            if let Some(line) = line.upgrade() {
                line.send(*to, datagram);
            }
        }
        true
    }

    /// The far side's media came: the handshake is over for both.
    pub(crate) fn over(&self) {
        let mut inner = self.lock();
        inner.over = true;
        inner.datagrams = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::super::flow::Flow;
    use super::super::front::Front;
    use super::super::port::Share;
    use super::*;
    use std::net::{Ipv4Addr, UdpSocket};

    const HELLO: &[u8] = &[22, 254, 253, 1];
    const FINISHED: &[u8] = &[22, 254, 253, 2];

    fn socket() -> UdpSocket {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket")
    }

    /// A line and the socket of a far side.
    fn line() -> (Arc<Line>, UdpSocket) {
        let front = Arc::new(Front::new(Arc::default(), tokio::sync::mpsc::unbounded_channel().0, Flow::for_tests(), true));
        let line = {
            let own = socket();
            own.set_nonblocking(true).expect("non-blocking");
            Line::open(&tokio::runtime::Handle::current(), own, &Share::No, &front).expect("a line")
        };
        (line, socket())
    }

    /// The next datagrams, within ten seconds.
    fn arrived(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let mut buffer = [0; 64];
        (0..count).map_while(|_| socket.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec())).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_flight_is_repeated_as_it_was() {
        let ((line, peer), flight, now) = (line(), Arc::<Flight>::default(), Instant::now());
        let to = peer.local_addr().expect("an address");
        flight.departs(now, &line, to, HELLO);
        flight.departs(now + Duration::from_millis(1), &line, to, FINISHED);
        let seen = tokio::task::block_in_place(|| arrived(&peer, 2 * WAITS.len()));
        assert_eq!(seen, [HELLO, FINISHED].repeat(WAITS.len()));
    }

    #[tokio::test]
    async fn the_flight_that_follows_takes_its_place() {
        let ((line, peer), flight, now) = (line(), Flight::default(), Instant::now());
        let to = peer.local_addr().expect("an address");
        let first = flight.add(now, &line, to, HELLO).expect("a flight begins");
        assert_eq!(flight.add(now + Duration::from_millis(5), &line, to, HELLO), None, "the same flight");
        let second = flight.add(now + Duration::from_millis(30), &line, to, FINISHED).expect("a flight begins");
        assert!(!flight.repeat(first), "an older one ends");
        assert!(flight.repeat(second));
        assert_eq!(arrived(&peer, 1), [FINISHED]);
    }

    #[tokio::test]
    async fn nothing_is_repeated_after_media_or_an_alert() {
        let ((line, peer), flight, now) = (line(), Flight::default(), Instant::now());
        let to = peer.local_addr().expect("an address");
        let first = flight.add(now, &line, to, HELLO).expect("a flight begins");
        assert_eq!(flight.add(now, &line, to, &[ALERT, 254, 253]), None);
        assert!(!flight.repeat(first), "an alert is the end");
        let second = flight.add(now + Duration::from_secs(1), &line, to, FINISHED).expect("a flight begins");
        assert!(flight.repeat(second));
        flight.over();
        assert!(!flight.repeat(second), "the far side's media came");
        assert_eq!(flight.add(now + Duration::from_secs(2), &line, to, FINISHED), None);
    }
}
