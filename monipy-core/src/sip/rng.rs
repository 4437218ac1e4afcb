//! Random bits for tags, branches, Call-IDs and client nonces: a counter hashed with a seed.
//! The seed comes from outside (the system's entropy in the engine, a number in tests), so that
//! the user agent itself stays a pure function of its inputs.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use sha2::{Digest as _, Sha256};

/// A deterministic generator whose output cannot be guessed without the seed.
#[derive(Clone)]
pub struct Rng {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl std::fmt::Debug for Rng {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rng")
    }
}

impl Rng {
    /// From 32 bytes of entropy (`getrandom` in the engine).
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Rng { seed, counter: 0, block: [0; 32], used: 32 }
    }

    /// From a number: for tests and replays.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        let mut seed = [0; 32];
        for (to, from) in seed.iter_mut().zip(number.to_le_bytes()) {
            *to = from;
        }
        Rng::from_seed(seed)
    }

    fn byte(&mut self) -> u8 {
        if self.used >= self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.counter.to_le_bytes());
            self.block = hash.finalize().into();
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        byte
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        (0..8).fold(0, |n, _| (n << 8) | u64::from(self.byte()))
    }

    /// 256 random bits.
    pub fn seed(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.byte())
    }

    /// A number in `0..bound`; 0 when `bound` is 0. The bias is below 2^-32 for bounds below 2^32.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or_default()
    }

    /// A fraction in `[0, 1)`.
    #[allow(clippy::cast_precision_loss)]
    pub fn fraction(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `length` characters of `0-9a-v`, five random bits each: the shape of JsSIP's tokens.
    pub fn token(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        (0..length).filter_map(|_| ALPHABET.get(usize::from(self.byte() & 31))).map(|&b| char::from(b)).collect()
    }

    /// A version 4 UUID (RFC 9562) in text form.
    pub fn uuid(&mut self) -> String {
        let hi = (self.next_u64() & 0xffff_ffff_ffff_0fff) | 0x4000;
        let lo = (self.next_u64() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", hi >> 32, (hi >> 16) & 0xffff, hi & 0xffff, lo >> 48, lo & 0xffff_ffff_ffff)
    }
}
