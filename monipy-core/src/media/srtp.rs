//! SRTP of our own (RFC 3711, RFC 7714): media is protected and unprotected on its way between the
//! socket and the queues, in place and without allocating, and never enters the stack. State is
//! kept only for sources that have authenticated a packet. Keys come from [`super::keys`].
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::demux;
use aes::cipher::{BlockEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use hmac::{Hmac, Mac};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha1::Sha1;
use std::ops::Range;
use zeroize::Zeroizing;

/// Sources that are kept at most; beyond that the one that was heard of first is forgotten.
const MAX_SOURCES: usize = 64;
/// Packets that may be late, in sequence numbers (RFC 3711 3.3.2).
const WINDOW: u64 = 128;
/// Octets that protection adds at most.
const OVERHEAD: usize = 16;

/// How packets are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// AEAD_AES_128_GCM (RFC 7714).
    Gcm128,
    /// AEAD_AES_256_GCM (RFC 7714).
    Gcm256,
    /// AES_CM_128_HMAC_SHA1_80 (RFC 3711).
    Cm80,
}

impl Profile {
    /// Octets of a master key.
    #[must_use]
    pub fn key_length(self) -> usize {
        if self == Profile::Gcm256 { 32 } else { 16 }
    }
    /// Octets of a master salt.
    #[must_use]
    pub fn salt_length(self) -> usize {
        if self == Profile::Cm80 { 14 } else { 12 }
    }
}

/// The keys of one direction's SRTP, derived from the master key and salt (RFC 3711 4.3).
#[derive(Clone)]
pub struct SessionKeys {
    pub(crate) profile: Profile,
    pub(crate) cipher: Zeroizing<Vec<u8>>,
    auth: Zeroizing<Vec<u8>>,
    salt: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKeys").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl SessionKeys {
    /// From a master key and salt of the profile's lengths; none for others.
    #[must_use]
    pub fn derive(profile: Profile, key: &[u8], salt: &[u8]) -> Option<SessionKeys> {
        let make = |label: u8, length: usize| derive(profile, key, salt, label, length);
        Some(SessionKeys {
            profile,
            cipher: make(0, profile.key_length())?,
            auth: make(1, if profile == Profile::Cm80 { 20 } else { 0 })?,
            salt: make(2, profile.salt_length())?,
        })
    }
}

/// AES in counter mode as a pseudo-random function (RFC 3711 4.3.3, RFC 6188 3).
fn derive(profile: Profile, key: &[u8], salt: &[u8], label: u8, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut counter = [0_u8; 16];
    counter.get_mut(..salt.len())?.copy_from_slice(salt);
    *counter.get_mut(7)? ^= label;
    let mut out = Zeroizing::new(Vec::with_capacity(length + 16));
    for n in 0_u8.. {
        if out.len() >= length {
            break;
        }
        *counter.get_mut(15)? = n;
        let mut block = aes::Block::from(counter);
        if profile == Profile::Gcm256 {
            aes::Aes256Enc::new_from_slice(key).ok()?.encrypt_block(&mut block);
        } else {
            aes::Aes128Enc::new_from_slice(key).ok()?.encrypt_block(&mut block);
        }
        out.extend_from_slice(&block);
    }
    out.truncate(length);
    Some(out)
}

enum Cipher {
    Gcm { key: Box<LessSafeKey>, salt: [u8; 12] },
    Cm(Box<CounterMode>),
}

struct CounterMode {
    key: aes::Aes128Enc,
    auth: Hmac<Sha1>,
    salt: [u8; 14],
}

impl CounterMode {
    /// RFC 3711 4.1.1.
    fn apply(&self, ssrc: u32, index: u64, data: &mut [u8]) {
        let salt = u128::from_be_bytes(std::array::from_fn(|i| self.salt.get(i).copied().unwrap_or(0)));
        let iv = salt ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
        let core = ctr::CtrCore::<&aes::Aes128Enc, ctr::flavors::Ctr128BE>::inner_iv_init(&self.key, &iv.to_be_bytes().into());
        StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
    }

    /// The tag over a packet and its rollover counter (RFC 3711 4.2), before it is shortened.
    fn mac(&self, packet: &[u8], index: u64) -> Hmac<Sha1> {
        let mut mac = self.auth.clone();
        mac.update(packet);
        mac.update(&((index >> 16) as u32).to_be_bytes());
        mac
    }
}

impl Cipher {
    fn new(keys: &SessionKeys) -> Option<Cipher> {
        let algorithm = if keys.profile == Profile::Gcm256 { &AES_256_GCM } else { &AES_128_GCM };
        Some(match keys.profile {
            Profile::Gcm128 | Profile::Gcm256 => Cipher::Gcm {
                key: Box::new(LessSafeKey::new(UnboundKey::new(algorithm, &keys.cipher).ok()?)),
                salt: keys.salt.as_slice().try_into().ok()?,
            },
            Profile::Cm80 => Cipher::Cm(Box::new(CounterMode {
                key: aes::Aes128Enc::new_from_slice(&keys.cipher).ok()?,
                auth: <Hmac<Sha1> as KeyInit>::new_from_slice(&keys.auth).ok()?,
                salt: keys.salt.as_slice().try_into().ok()?,
            })),
        })
    }

    fn tag_length(&self) -> usize {
        match self {
            Cipher::Gcm { .. } => 16,
            Cipher::Cm(_) => 10,
        }
    }

    /// RFC 7714 8.1.
    fn nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
        let mut nonce = [0_u8; NONCE_LEN];
        let (head, tail) = nonce.split_at_mut(6);
        if let Some(at) = head.get_mut(2..) {
            at.copy_from_slice(&ssrc.to_be_bytes());
        }
        tail.copy_from_slice(index.to_be_bytes().get(2..).unwrap_or(&[0; 6]));
        for (n, s) in nonce.iter_mut().zip(salt) {
            *n ^= s;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    /// Opens `packet`, whose header is `header` octets long. Returns where the payload is.
    fn open(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Option<Range<usize>> {
        match self {
            Cipher::Gcm { key, salt } => {
                let (head, body) = packet.split_at_mut_checked(header)?;
                let plain = key.open_in_place(Self::nonce(salt, ssrc, index), Aad::from(&*head), body).ok()?;
                Some(header..header + plain.len())
            }
            Cipher::Cm(counter_mode) => {
                let end = packet.len().checked_sub(self.tag_length()).filter(|end| *end >= header)?;
                let (protected, tag) = packet.split_at_mut_checked(end)?;
                counter_mode.mac(protected, index).verify_truncated_left(tag).ok()?;
                counter_mode.apply(ssrc, index, protected.get_mut(header..)?);
                Some(header..end)
            }
        }
    }

    /// Protects `packet`, whose header is `header` octets long, and appends the tag.
    fn seal(&self, packet: &mut Vec<u8>, header: usize, ssrc: u32, index: u64) -> Option<()> {
        match self {
            Cipher::Gcm { key, salt } => {
                let (head, body) = packet.split_at_mut_checked(header)?;
                let tag = key.seal_in_place_separate_tag(Self::nonce(salt, ssrc, index), Aad::from(&*head), body).ok()?;
                packet.extend_from_slice(tag.as_ref());
            }
            Cipher::Cm(counter_mode) => {
                counter_mode.apply(ssrc, index, packet.get_mut(header..)?);
                let tag = counter_mode.mac(packet, index).finalize().into_bytes();
                packet.extend_from_slice(tag.get(..10)?);
            }
        }
        Some(())
    }
}

/// The fields of an RTP header (RFC 3550 5.1) and its length, extensions and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    padded: bool,
    length: usize,
}

impl RtpHeader {
    /// The header of a packet; none when it is malformed.
    #[must_use]
    pub fn parse(packet: &[u8]) -> Option<RtpHeader> {
        let [first, second, s0, s1, t0, t1, t2, t3, x0, x1, x2, x3] = *packet.first_chunk::<12>()?;
        if first >> 6 != 2 {
            return None;
        }
        let mut length = 12 + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            let [_, _, l0, l1] = *packet.get(length..)?.first_chunk::<4>()?;
            length += 4 + 4 * usize::from(u16::from_be_bytes([l0, l1]));
        }
        (length <= packet.len()).then_some(RtpHeader {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([x0, x1, x2, x3]),
            padded: first & 0x20 != 0,
            length,
        })
    }

    /// The value of a header extension (RFC 8285) of the packet that this is the header of.
    pub(crate) fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        let header = packet.get(..self.length)?;
        let (first, fixed) = (*header.first()?, 12 + 4 * usize::from(header.first()? & 0x0f));
        if first & 0x10 == 0 {
            return None;
        }
        let [p0, p1, _, _] = *header.get(fixed..)?.first_chunk::<4>()?;
        demux::extension(u16::from_be_bytes([p0, p1]), header.get(fixed + 4..)?, id)
    }
}

impl From<&rtc::rtp::Header> for RtpHeader {
    fn from(header: &rtc::rtp::Header) -> RtpHeader {
        RtpHeader {
            marker: header.marker,
            payload_type: header.payload_type,
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            padded: false,
            length: 12,
        }
    }
}

/// What is known of one source: its highest index, and which of the last ones were seen.
#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    highest: u64,
    seen: u128,
}

impl Source {
    /// The index of a sequence number (RFC 3711 3.3.1); none for one from before the beginning.
    fn index(&self, sequence: u16) -> Option<u64> {
        let rollovers = self.highest >> 16;
        let last = self.highest as u16;
        let ahead = sequence.wrapping_sub(last);
        let rollovers = if ahead < 0x8000 {
            if sequence < last { rollovers + 1 } else { rollovers }
        } else if sequence > last {
            rollovers.checked_sub(1)?
        } else {
            rollovers
        };
        (rollovers <= u64::from(u32::MAX)).then_some((rollovers << 16) | u64::from(sequence))
    }

    fn is_new(&self, index: u64) -> bool {
        index > self.highest || (self.highest - index < WINDOW && self.seen >> (self.highest - index) & 1 == 0)
    }

    fn note(&mut self, index: u64) {
        if index > self.highest {
            let step = index - self.highest;
            self.seen = if step < WINDOW { self.seen << step } else { 0 } | 1;
            self.highest = index;
        } else {
            self.seen |= 1 << (self.highest - index);
        }
    }
}

/// Unprotects what arrives.
pub struct SrtpReceiver {
    cipher: Cipher,
    /// The one that was heard last comes first.
    sources: Vec<Source>,
}

impl std::fmt::Debug for SrtpReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpReceiver").finish_non_exhaustive()
    }
}

impl SrtpReceiver {
    /// None for keys that do not fit.
    #[must_use]
    pub fn new(keys: &SessionKeys) -> Option<SrtpReceiver> {
        Some(SrtpReceiver { cipher: Cipher::new(keys)?, sources: Vec::new() })
    }

    /// Unprotects a packet in place. Returns its header and where its payload is, without padding;
    /// none when it is malformed, a replay, or not from the far side.
    pub fn open(&mut self, packet: &mut [u8]) -> Option<(RtpHeader, Range<usize>)> {
        let header = RtpHeader::parse(packet)?;
        let at = self.sources.iter().position(|s| s.ssrc == header.ssrc);
        let mut source = match at.and_then(|at| self.sources.get(at)) {
            Some(source) => *source,
            // The first packet of a source is in its first round.
            None => Source { ssrc: header.ssrc, highest: u64::from(header.sequence), seen: 0 },
        };
        let index = source.index(header.sequence)?;
        if !source.is_new(index) {
            return None;
        }
        let mut payload = self.cipher.open(packet, header.length, header.ssrc, index)?;
        source.note(index);
        match at.and_then(|at| self.sources.get_mut(at)) {
            Some(known) => *known = source,
            None => {
                self.sources.truncate(MAX_SOURCES - 1);
                self.sources.insert(0, source);
            }
        }
        if header.padded {
            let padding = usize::from(*packet.get(payload.clone())?.last()?);
            payload.end = payload.end.checked_sub(padding).filter(|end| padding > 0 && *end >= payload.start)?;
        }
        Some((header, payload))
    }
}

/// Protects what is sent under one SSRC, or a few.
pub struct SrtpSender {
    cipher: Cipher,
    last: Vec<Source>,
    packet: Vec<u8>,
}

impl std::fmt::Debug for SrtpSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpSender").finish_non_exhaustive()
    }
}

impl SrtpSender {
    /// None for keys that do not fit.
    #[must_use]
    pub fn new(keys: &SessionKeys) -> Option<SrtpSender> {
        Some(SrtpSender { cipher: Cipher::new(keys)?, last: Vec::new(), packet: Vec::new() })
    }

    /// The protected packet, with a one-byte header extension (id, value) where one is given; none
    /// when it could not be made.
    #[allow(clippy::too_many_arguments)]
    pub fn seal(
        &mut self,
        ssrc: u32,
        marker: bool,
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        extension: Option<(u8, &[u8])>,
        payload: &[u8],
    ) -> Option<&[u8]> {
        let at = match self.last.iter().position(|s| s.ssrc == ssrc) {
            Some(at) => at,
            // Forgetting a source would let its numbers come twice.
            None if self.last.len() >= MAX_SOURCES => return None,
            None => {
                self.last.push(Source { ssrc, highest: u64::from(sequence), seen: 0 });
                self.last.len() - 1
            }
        };
        let source = self.last.get_mut(at)?;
        let index = source.index(sequence)?;
        // A nonce must never come twice.
        if !source.is_new(index) {
            return None;
        }
        source.note(index);
        self.packet.clear();
        self.packet.reserve(12 + payload.len() + OVERHEAD);
        let extension = extension.filter(|(id, value)| (1..=14).contains(id) && (1..=16).contains(&value.len()));
        let first = if extension.is_some() { 0x90 } else { 0x80 };
        self.packet.extend_from_slice(&[first, u8::from(marker) << 7 | payload_type & 0x7f]);
        self.packet.extend_from_slice(&sequence.to_be_bytes());
        self.packet.extend_from_slice(&timestamp.to_be_bytes());
        self.packet.extend_from_slice(&ssrc.to_be_bytes());
        if let Some((id, value)) = extension {
            let words = (1 + value.len()).div_ceil(4);
            self.packet.extend_from_slice(&[0xbe, 0xde, 0, words as u8, id << 4 | (value.len() - 1) as u8]);
            self.packet.extend_from_slice(value);
            self.packet.resize(16 + 4 * words, 0);
        }
        let header = self.packet.len();
        self.packet.extend_from_slice(payload);
        self.cipher.seal(&mut self.packet, header, ssrc, index)?;
        Some(&self.packet)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used)]
mod tests {
    use super::*;
    use rtc::srtp::context::Context;
    use rtc::srtp::protection_profile::ProtectionProfile;

    const CASES: [(Profile, ProtectionProfile); 3] = [
        (Profile::Gcm128, ProtectionProfile::AeadAes128Gcm),
        (Profile::Gcm256, ProtectionProfile::AeadAes256Gcm),
        (Profile::Cm80, ProtectionProfile::Aes128CmHmacSha1_80),
    ];

    fn master(profile: Profile) -> (Vec<u8>, Vec<u8>) {
        ((1..=profile.key_length() as u8).collect(), (101..101 + profile.salt_length() as u8).collect())
    }

    fn stack(profile: Profile, theirs: ProtectionProfile) -> Context {
        let (key, salt) = master(profile);
        let crypto = rtc::crypto::default_provider().unwrap();
        Context::new(&key, &salt, theirs, None, None, crypto.crypto()).unwrap()
    }

    fn ours(profile: Profile) -> SessionKeys {
        let (key, salt) = master(profile);
        SessionKeys::derive(profile, &key, &salt).unwrap()
    }

    fn plain(sequence: u16, first: u8, more: &[u8]) -> Vec<u8> {
        let mut packet = vec![first, 0x80 | 111];
        packet.extend(sequence.to_be_bytes());
        packet.extend(7000_u32.to_be_bytes());
        packet.extend(0x1234_5678_u32.to_be_bytes());
        packet.extend(more);
        packet
    }

    #[test]
    fn keys_are_derived_as_rfc_3711_b_3_has_it() {
        let key = [0xE1, 0xF9, 0x7A, 0x0D, 0x3E, 0x01, 0x8B, 0xE0, 0xD6, 0x4F, 0xA3, 0x2C, 0x06, 0xDE, 0x41, 0x39];
        let salt = [0x0E, 0xC6, 0x75, 0xAD, 0x49, 0x8A, 0xFE, 0xEB, 0xB6, 0x96, 0x0B, 0x3A, 0xAB, 0xE6];
        let keys = SessionKeys::derive(Profile::Cm80, &key, &salt).unwrap();
        assert_eq!(keys.cipher[..4], [0xC6, 0x1E, 0x7A, 0x93]);
        assert_eq!(keys.salt[..], [0x30, 0xCB, 0xBC, 0x08, 0x86, 0x3D, 0x8C, 0x85, 0xD4, 0x9D, 0xB3, 0x4A, 0x9A, 0xE1]);
        assert_eq!(keys.auth[..4], [0xCE, 0xBE, 0x32, 0x1F]);
    }

    #[test]
    fn what_the_stack_protects_is_opened_across_a_wrap() {
        for (profile, theirs) in CASES {
            let (mut sender, mut receiver) = (stack(profile, theirs), SrtpReceiver::new(&ours(profile)).unwrap());
            for sequence in (65_500..=65_535).chain(0..40) {
                let mut packet = sender.encrypt_rtp(&plain(sequence, 0x80, &[sequence as u8; 33])).unwrap().to_vec();
                let (header, payload) = receiver.open(&mut packet).expect("authentic");
                assert_eq!((header.sequence, header.payload_type, header.marker, header.timestamp), (sequence, 111, true, 7000));
                assert_eq!(packet[payload], [sequence as u8; 33], "{profile:?}");
            }
        }
    }

    #[test]
    fn the_stack_opens_what_we_protect_across_a_wrap() {
        for (profile, theirs) in CASES {
            let (mut receiver, mut sender) = (stack(profile, theirs), SrtpSender::new(&ours(profile)).unwrap());
            for sequence in (65_500..=65_535).chain(0..40) {
                let packet = sender.seal(0x1234_5678, true, 111, sequence, 7000, None, &[sequence as u8; 33]).unwrap();
                let opened = receiver.decrypt_rtp(packet).expect("authentic");
                assert_eq!(opened[..], plain(sequence, 0x80, &[sequence as u8; 33]), "{profile:?}");
            }
        }
    }

    #[test]
    fn a_sequence_number_is_never_protected_twice() {
        let mut sender = SrtpSender::new(&ours(Profile::Gcm128)).unwrap();
        assert!(sender.seal(1, false, 0, 5, 0, None, &[1]).is_some());
        assert!(sender.seal(1, false, 0, 5, 0, None, &[2]).is_none());
    }

    #[test]
    fn replays_and_forgeries_are_refused_and_leave_nothing() {
        for (profile, theirs) in CASES {
            let (mut sender, mut receiver) = (stack(profile, theirs), SrtpReceiver::new(&ours(profile)).unwrap());
            let first = sender.encrypt_rtp(&plain(10, 0x80, &[1; 20])).unwrap().to_vec();
            let late = sender.encrypt_rtp(&plain(9, 0x80, &[1; 20])).unwrap().to_vec();
            let far = sender.encrypt_rtp(&plain(400, 0x80, &[1; 20])).unwrap().to_vec();
            let mut forged = first.clone();
            forged[20] ^= 1;
            assert!(receiver.open(&mut forged).is_none());
            assert!(receiver.sources.is_empty());
            assert!(receiver.open(&mut first.clone()).is_some());
            assert!(receiver.open(&mut first.clone()).is_none(), "a replay");
            assert!(receiver.open(&mut far.clone()).is_some());
            assert!(receiver.open(&mut late.clone()).is_none(), "older than the window");
        }
    }

    #[test]
    fn padding_contributors_and_extensions_are_no_payload() {
        for (profile, _) in CASES {
            let mut receiver = SrtpReceiver::new(&ours(profile)).unwrap();
            let protect = |mut packet: Vec<u8>, header: usize| {
                let index = u64::from(u16::from_be_bytes([packet[2], packet[3]]));
                Cipher::new(&ours(profile)).unwrap().seal(&mut packet, header, 0x1234_5678, index).unwrap();
                packet
            };
            // Two contributing sources, an extension of one word, three octets, four of padding.
            let more = [&[9; 8][..], &[0xbe, 0xde, 0, 1, 1, 2, 3, 4], &[5, 6, 7], &[0, 0, 0, 4]].concat();
            let mut packet = protect(plain(1, 0x80 | 0x20 | 0x10 | 2, &more), 28);
            let (_, payload) = receiver.open(&mut packet).expect("authentic");
            assert_eq!(packet[payload], [5, 6, 7]);
            for lie in [0, 4, 200] {
                let mut lying = protect(plain(2 + u16::from(lie), 0x80 | 0x20, &[1, 2, lie]), 12);
                assert!(receiver.open(&mut lying).is_none(), "padding of {lie} in a payload of three");
            }
        }
    }

    #[test]
    fn nothing_short_or_torn_panics() {
        let mut receiver = SrtpReceiver::new(&ours(Profile::Gcm128)).unwrap();
        let packet = plain(1, 0xbf, &[255; 60]);
        for length in 0..packet.len() {
            assert!(receiver.open(&mut packet[..length].to_vec()).is_none());
        }
    }
}
