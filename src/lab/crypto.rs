//! The TLS library's cryptography with every random choice taken from the scenario's seed.
//!
//! In: names of cipher suites and groups. Out: a rustls provider whose hellos, session ids and key shares repeat from run to
//! run. It never protects anything: the numbers are predictable by design.

use super::random;
use super::scenario::{Group, LabError};
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup, aws_lc_rs,
};
use rustls::pki_types::UnixTime;
use rustls::sign::{Signer, SigningKey};
use rustls::time_provider::TimeProvider;
use rustls::{Error, KeyLog, NamedGroup, PeerMisbehaved, ProtocolVersion, SignatureAlgorithm, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use x25519_dalek::{PublicKey, StaticSecret};

/// The provider for one endpoint. Empty lists mean the library's own order of suites, and X25519.
pub(super) fn provider(suites: &[String], groups: &[Group]) -> Result<Arc<CryptoProvider>, LabError> {
    let mut provider = aws_lc_rs::default_provider();
    if !suites.is_empty() {
        provider.cipher_suites = suites.iter().map(|name| suite(name)).collect::<Result<_, _>>()?;
    }
    provider.kx_groups =
        if groups.is_empty() { vec![&X25519] } else { groups.iter().map(|group| exchange(*group)).collect() };
    provider.secure_random = &SeededRandom;
    Ok(Arc::new(provider))
}

fn suite(name: &str) -> Result<rustls::SupportedCipherSuite, LabError> {
    // rustls names the suites of TLS 1.3 TLS13_…, the registry TLS_….
    let registered = |suite: &rustls::SupportedCipherSuite| {
        suite.suite().as_str().map(|own| own.replacen("TLS13_", "TLS_", 1)).is_some_and(|own| own == name)
    };
    aws_lc_rs::ALL_CIPHER_SUITES
        .iter()
        .copied()
        .find(registered)
        .ok_or_else(|| LabError::Scenario(format!("the lab has no cipher suite {name}")))
}

fn exchange(group: Group) -> &'static dyn SupportedKxGroup {
    match group {
        Group::X25519 => &X25519,
        Group::Secp256r1 => &P256WithKeyOne,
        Group::X25519MlKem768 => &HybridShare,
    }
}

#[derive(Debug)]
struct SeededRandom;

impl SecureRandom for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        random::fill_tls(bytes);
        Ok(())
    }
}

fn invalid_share() -> Error {
    Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare)
}

#[derive(Debug)]
struct X25519;

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(ActiveX25519::new()))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

struct ActiveX25519 {
    secret: StaticSecret,
    share: PublicKey,
}

impl ActiveX25519 {
    fn new() -> Self {
        let mut bytes = [0; 32];
        random::fill_tls(&mut bytes);
        let secret = StaticSecret::from(bytes);
        Self { share: PublicKey::from(&secret), secret }
    }
}

impl ActiveKeyExchange for ActiveX25519 {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| invalid_share())?;
        Ok(SharedSecret::from(self.secret.diffie_hellman(&PublicKey::from(peer)).as_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        self.share.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// secp256r1 with the private key 1: the share is the curve's generator, and the shared secret is the x coordinate of the
/// peer's share. It interoperates, and needs neither arithmetic nor randomness.
#[derive(Debug)]
struct P256WithKeyOne;

/// The generator of secp256r1, uncompressed (SEC 2, 2.4.2).
const P256_GENERATOR: [u8; 65] = [
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03,
    0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
    0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce,
    0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

impl SupportedKxGroup for P256WithKeyOne {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(Self))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

impl ActiveKeyExchange for P256WithKeyOne {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        match peer {
            [0x04, x_and_y @ ..] if x_and_y.len() == 64 => Ok(SharedSecret::from(&x_and_y[..32])),
            _ => Err(invalid_share()),
        }
    }

    fn pub_key(&self) -> &[u8] {
        &P256_GENERATOR
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

/// The client's share of X25519MLKEM768 as today's stacks send it: 1184 bytes (here any bytes) and an X25519 share that is
/// offered by itself as well. The lab's servers always take the latter.
#[derive(Debug)]
struct HybridShare;

const ML_KEM_768_ENCAPSULATION_KEY_LEN: usize = 1184;

impl SupportedKxGroup for HybridShare {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let classical = ActiveX25519::new();
        let mut share = vec![0; ML_KEM_768_ENCAPSULATION_KEY_LEN];
        random::fill_tls(&mut share);
        share.extend_from_slice(classical.pub_key());
        Ok(Box::new(ActiveHybrid { classical, share }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

struct ActiveHybrid {
    classical: ActiveX25519,
    share: Vec<u8>,
}

impl ActiveKeyExchange for ActiveHybrid {
    fn complete(self: Box<Self>, _peer: &[u8]) -> Result<SharedSecret, Error> {
        Err(invalid_share())
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((NamedGroup::X25519, self.classical.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        Box::new(self.classical).complete(peer)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

/// An RSA key that signs with PKCS #1 v1.5 only: the salt of PSS would come from the system's random numbers.
#[derive(Debug)]
pub(super) struct WithoutSalt(pub(super) Arc<dyn SigningKey>);

impl SigningKey for WithoutSalt {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let repeatable = [SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PKCS1_SHA384];
        let offered: Vec<_> = offered.iter().copied().filter(|scheme| repeatable.contains(scheme)).collect();
        self.0.choose_scheme(&offered)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

/// The wall clock of an endpoint: it stands still at the hour that the scenario gave it.
#[derive(Debug)]
pub(super) struct FixedClock(pub(super) u64);

impl TimeProvider for FixedClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

/// The secrets of a recording, as lines of an NSS key log, in the order in which they came to be.
#[derive(Debug, Default)]
pub(super) struct Secrets(Mutex<String>);

impl Secrets {
    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", Hex(client_random), Hex(secret));
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !text.contains(&line) {
            text.push_str(&line);
        }
    }
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| f.write_fmt(format_args!("{byte:02x}")))
    }
}
