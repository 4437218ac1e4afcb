//! SRTP keys. The stack derives them from the DTLS handshake (RFC 5764 4.2) and keeps them to itself;
//! but it computes with cryptography that we hand to it, and so we see the one derivation that
//! makes them: the pseudo-random function (RFC 5246 5) over the exporter's label (RFC 5705).
//! Everything is passed on unchanged; what is kept of it is zeroized.

use super::srtp::{Profile, SessionKeys};
use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher, CryptoAlgorithm, CryptoError,
    HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac, PublicKey, RTCCrypto, RTCCryptoProvider, RTCRandom, SignatureScheme,
    SigningKey, StreamCipher, StreamCipherAlgorithm,
};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

const LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";
/// Two master keys and two master salts of the longest profile.
const MATERIAL: usize = 2 * (32 + 14);

/// What the keys are for.
#[derive(Clone)]
pub(crate) struct KeyPair {
    /// Protects what the DTLS client sends.
    pub(crate) client: SessionKeys,
    /// Protects what the DTLS server sends.
    pub(crate) server: SessionKeys,
}

/// Told the keys of a connection, once they are agreed on.
pub(crate) trait TakesKeys: Send + Sync {
    fn keys(&self, pair: KeyPair);
}

/// A cryptography provider that looks on.
pub(crate) struct Onlooker {
    inner: Arc<dyn RTCCryptoProvider>,
    seen: Arc<Seen>,
}

struct Seen {
    /// Keying material whose profile is not known yet.
    material: Mutex<Option<Zeroizing<Vec<u8>>>>,
    taker: Arc<dyn TakesKeys>,
}

impl Onlooker {
    pub(crate) fn new(inner: Arc<dyn RTCCryptoProvider>, taker: Arc<dyn TakesKeys>) -> Onlooker {
        Onlooker { inner, seen: Arc::new(Seen { material: Mutex::new(None), taker }) }
    }
}

impl Seen {
    /// A cipher is made with `key`: when it is a session key of the material, the profile is known.
    fn cipher(&self, profiles: &[Profile], key: &[u8]) {
        let mut material = self.material.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bytes) = material.as_ref() else { return };
        let found = profiles.iter().find_map(|profile| {
            let pair = key_pair(*profile, bytes)?;
            (pair.client.cipher.as_slice() == key || pair.server.cipher.as_slice() == key).then_some(pair)
        });
        if let Some(pair) = found {
            *material = None;
            drop(material);
            self.taker.keys(pair);
        }
    }
}

/// The keying material's layout (RFC 5764 4.2): both keys, then both salts.
fn key_pair(profile: Profile, material: &[u8]) -> Option<KeyPair> {
    let (key, salt) = (profile.key_length(), profile.salt_length());
    let (client_key, rest) = material.split_at_checked(key)?;
    let (server_key, rest) = rest.split_at_checked(key)?;
    let (client_salt, rest) = rest.split_at_checked(salt)?;
    let (server_salt, _) = rest.split_at_checked(salt)?;
    Some(KeyPair {
        client: SessionKeys::derive(profile, client_key, client_salt)?,
        server: SessionKeys::derive(profile, server_key, server_salt)?,
    })
}

impl RTCCryptoProvider for Onlooker {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }
    fn random(&self) -> &dyn RTCRandom {
        self.inner.random()
    }
}

impl RTCCrypto for Onlooker {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.inner.crypto().supports(algorithm)
    }
    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.crypto().hash(algorithm, data)
    }
    fn block_encrypt(&self, algorithm: BlockCipherAlgorithm, key: &[u8], block: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.crypto().block_encrypt(algorithm, key, block)
    }
    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        let mac = self.inner.crypto().new_hmac(algorithm, key)?;
        if algorithm != HmacAlgorithm::Sha256 {
            return Ok(mac);
        }
        Ok(Box::new(WatchedMac { mac, key: Zeroizing::new(key.to_vec()), inner: self.inner.clone(), seen: self.seen.clone() }))
    }
    fn new_stream_cipher(&self, algorithm: StreamCipherAlgorithm, key: &[u8]) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.seen.cipher(&[Profile::Cm80], key);
        self.inner.crypto().new_stream_cipher(algorithm, key)
    }
    fn new_aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadCipher>, CryptoError> {
        self.seen.cipher(&[Profile::Gcm256, Profile::Gcm128], key);
        self.inner.crypto().new_aead(algorithm, key)
    }
    fn new_cbc(&self, algorithm: CbcAlgorithm, key: &[u8]) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.inner.crypto().new_cbc(algorithm, key)
    }
    fn start_key_exchange(&self, algorithm: KeyExchangeAlgorithm) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.inner.crypto().start_key_exchange(algorithm)
    }
    fn generate_signing_key(&self, scheme: SignatureScheme) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().generate_signing_key(scheme)
    }
    fn import_signing_key(&self, scheme: SignatureScheme, pkcs8_der: &[u8]) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner.crypto().import_signing_key(scheme, pkcs8_der)
    }
    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner.crypto().verify_signature(scheme, public_key, message, signature)
    }
}

struct WatchedMac {
    mac: Box<dyn Mac>,
    key: Zeroizing<Vec<u8>>,
    inner: Arc<dyn RTCCryptoProvider>,
    seen: Arc<Seen>,
}

impl Mac for WatchedMac {
    fn output_len(&self) -> usize {
        self.mac.output_len()
    }
    fn sign(&mut self, input: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        if let Some(seed) = input.iter().find(|part| part.starts_with(LABEL))
            && let Ok(material) = p_hash(self.inner.crypto(), &self.key, seed)
        {
            *self.seen.material.lock().unwrap_or_else(PoisonError::into_inner) = Some(material);
        }
        self.mac.sign(input, output)
    }
    fn verify(&mut self, input: &[&[u8]], expected: &[u8]) -> Result<(), CryptoError> {
        self.mac.verify(input, expected)
    }
}

/// P_SHA256 (RFC 5246 5), as long as the longest keying material.
fn p_hash(crypto: &dyn RTCCrypto, secret: &[u8], seed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let hmac = |input: &[&[u8]]| {
        let mut output = Zeroizing::new(vec![0; HmacAlgorithm::Sha256.output_len()]);
        crypto.new_hmac(HmacAlgorithm::Sha256, secret)?.sign(input, &mut output)?;
        Ok::<_, CryptoError>(output)
    };
    let mut out = Zeroizing::new(Vec::with_capacity(MATERIAL + 32));
    let mut a = hmac(&[seed])?;
    while out.len() < MATERIAL {
        out.extend_from_slice(&hmac(&[&a, seed])?);
        a = hmac(&[&a])?;
    }
    Ok(out)
}
