//! When to try again after a lost or refused connection. Pure: the random bits come in.
//!
//! A server that dies with thousands of clients must not be met by all of them in the second it
//! comes back. The first retry after the loss of a connection that had worked is drawn from
//! (min, 8 s); later ones from (0.5, 1) times a bound that doubles from 8 s to the greatest wait.

use std::time::Duration;

/// The spread of the first retry and the base of the later ones.
const BASE: Duration = Duration::from_secs(8);

/// The waits of one client. `next` takes a random number in [0, 1).
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    attempt: u32,
}

impl Backoff {
    /// Waits between `min` and `max`.
    #[must_use]
    pub fn new(min: Duration, max: Duration) -> Self {
        Backoff { min, max: max.max(min), attempt: 0 }
    }

    /// How long to wait before the next attempt.
    pub fn next(&mut self, random: f64) -> Duration {
        let random = random.clamp(0.0, 1.0);
        let attempt = self.attempt;
        self.attempt = self.attempt.saturating_add(1);
        let base = BASE.min(self.max);
        if attempt == 0 {
            return self.min + base.saturating_sub(self.min).mul_f64(random);
        }
        let bound = BASE.saturating_mul(1 << attempt.min(16)).min(self.max);
        bound.mul_f64(0.5 + random / 2.0).max(self.min)
    }

    /// The connection works: the next loss starts from the beginning.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Attempts since the last reset.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_millis(200), Duration::from_secs(30))
    }

    #[test]
    fn waits_stay_within_their_bounds_and_grow() {
        let (mut low, mut high) = (backoff(), backoff());
        let lows: Vec<_> = (0..6).map(|_| low.next(0.0).as_millis()).collect();
        let highs: Vec<_> = (0..6).map(|_| high.next(1.0).as_millis()).collect();
        assert_eq!(lows, [200, 8000, 15_000, 15_000, 15_000, 15_000]);
        assert_eq!(highs, [8000, 16_000, 30_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn reset_starts_anew() {
        let mut b = backoff();
        b.next(0.5);
        b.next(0.5);
        b.reset();
        assert_eq!(b.next(0.0), Duration::from_millis(200));
    }

    #[test]
    fn ten_thousand_clients_that_lose_one_server_come_back_spread_out() {
        // The server is back after three seconds; a client is served at its first attempt then.
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        let (fleet, back_after) = (10_000, Duration::from_secs(3));
        let mut attempts_in_second = vec![0_u32; 64];
        let mut last = Duration::ZERO;
        for _ in 0..fleet {
            let mut b = backoff();
            let mut at = Duration::ZERO;
            loop {
                at += b.next(random());
                attempts_in_second[at.as_secs() as usize] += 1;
                if at >= back_after {
                    break;
                }
            }
            last = last.max(at);
        }
        let peak = attempts_in_second.iter().max().copied().unwrap_or_default();
        assert!(peak <= fleet * 15 / 100, "peak {peak} of {fleet} in a second");
        assert!(last <= Duration::from_secs(30), "the last one came back after {last:?}");
    }
}
