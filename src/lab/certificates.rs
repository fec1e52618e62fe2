//! The lab's public key infrastructure: the same names, keys, serial numbers and dates in every run.
//!
//! In: which certificate an endpoint is to have, faults included. Out: its chain and key, and the authorities that its peer
//! trusts. Keys come from fixed labels or from `keys/`; they are public and protect nothing.

use super::crypto::WithoutSalt;
use super::scenario::{Certificate, LabError};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData, RevocationReason,
    RevokedCertParams, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer,
};
use rustls::sign::{CertifiedKey, SigningKey};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use time::OffsetDateTime;

/// The name in the broker's certificate.
pub(super) const BROKER_NAME: &str = "broker.example";

const RSA_SERVER: &str = include_str!("keys/rsa-server.pem");
const RSA_CLIENT: &str = include_str!("keys/rsa-client.pem");
const RSA_WEAK: &str = include_str!("keys/rsa-weak-public.pem");

/// Which authorities exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authority {
    /// The one that the endpoints of a healthy scenario trust.
    Lab,
    /// One that nobody was told of.
    Foreign,
    /// The one of an inspecting proxy.
    Proxy,
}

/// The serial number that the revocation list names.
const REVOKED_SERIAL: u64 = 0x0DEA_D001;

/// The broker's certificate.
pub(super) fn broker(kind: Certificate) -> Result<CertifiedKey, LabError> {
    let name = if kind == Certificate::WrongName { "other.example" } else { BROKER_NAME };
    issue(kind, name, ExtendedKeyUsagePurpose::ServerAuth, RSA_SERVER)
}

/// A device's certificate.
pub(super) fn device(kind: Certificate, name: &str) -> Result<CertifiedKey, LabError> {
    issue(kind, name, ExtendedKeyUsagePurpose::ClientAuth, RSA_CLIENT)
}

/// What an endpoint that trusts `authority` has in its store.
pub(super) fn trust(authority: Authority) -> Result<RootCertStore, LabError> {
    let mut store = RootCertStore::empty();
    store.add(root(authority)?.certificate)?;
    Ok(store)
}

/// The revocation list of the lab's issuing authority: it names the device certificate of [`Certificate::Revoked`].
pub(super) fn revocations() -> Result<CertificateRevocationListDer<'static>, LabError> {
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2030, 1, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(REVOKED_SERIAL),
            revocation_time: date_time_ymd(2026, 1, 2),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(list.signed_by(&intermediate(Authority::Lab)?.issuer)?.der().clone())
}

fn issue(kind: Certificate, name: &str, usage: ExtendedKeyUsagePurpose, rsa: &str) -> Result<CertifiedKey, LabError> {
    let key = match kind {
        Certificate::Rsa | Certificate::WeakRsa => rsa_key(rsa)?,
        _ => ed25519_key(name)?,
    };
    let (not_before, not_after) = validity(kind);
    let mut names = vec![name.to_owned()];
    if kind == Certificate::Large {
        names.extend((1..60).map(|number| format!("{number}.shard.{name}.example")));
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = distinguished_name(name);
    params.not_before = not_before;
    params.not_after = not_after;
    params.serial_number = Some(serial(kind, name));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;

    let authority = match kind {
        Certificate::UnknownCa => Authority::Foreign,
        Certificate::Interception => Authority::Proxy,
        _ => Authority::Lab,
    };
    let issuing = intermediate(authority)?;
    let certificate = match kind {
        Certificate::SelfSigned => params.self_signed(&key.pair)?,
        Certificate::WeakRsa => params.signed_by(&WeakKey::read()?, &issuing.issuer)?,
        _ => params.signed_by(&key.pair, &issuing.issuer)?,
    };
    let mut chain = vec![certificate.der().clone()];
    if !matches!(kind, Certificate::SelfSigned | Certificate::IncompleteChain) {
        chain.push(issuing.certificate);
    }
    let signing = if kind == Certificate::WrongKey { ed25519_key("another device")?.signing } else { key.signing };
    Ok(CertifiedKey::new(chain, signing))
}

fn validity(kind: Certificate) -> (OffsetDateTime, OffsetDateTime) {
    match kind {
        Certificate::Expired => (date_time_ymd(2025, 1, 1), date_time_ymd(2026, 2, 1)),
        Certificate::NotYetValid => (date_time_ymd(2026, 6, 1), date_time_ymd(2028, 1, 1)),
        Certificate::ExpiresSoon => (date_time_ymd(2025, 3, 1), date_time_ymd(2026, 3, 6)),
        _ => (date_time_ymd(2025, 6, 1), date_time_ymd(2028, 6, 1)),
    }
}

fn serial(kind: Certificate, name: &str) -> SerialNumber {
    if kind == Certificate::Revoked {
        return SerialNumber::from(REVOKED_SERIAL);
    }
    let digest = Sha256::digest(format!("serial {kind:?} {name}"));
    // RFC 5280, 4.1.2.2: positive; these two bits keep the encoding at eight bytes.
    let mut bytes: Vec<u8> = digest.iter().take(8).copied().collect();
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7F | 0x40;
    }
    SerialNumber::from(bytes)
}

struct AuthorityCertificate {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn root(authority: Authority) -> Result<AuthorityCertificate, LabError> {
    let name = match authority {
        Authority::Lab => "Example Lab Root CA",
        Authority::Foreign => "Unheard-of Root CA",
        Authority::Proxy => "Zscaler Root CA",
    };
    let (params, key) = authority_params(name)?;
    Ok(AuthorityCertificate { certificate: params.self_signed(&key)?.der().clone(), issuer: Issuer::new(params, key) })
}

fn intermediate(authority: Authority) -> Result<AuthorityCertificate, LabError> {
    let name = match authority {
        Authority::Lab => "Example Lab Issuing CA",
        Authority::Foreign => "Unheard-of Issuing CA",
        Authority::Proxy => "Zscaler Intermediate CA",
    };
    let (params, key) = authority_params(name)?;
    let certificate = params.signed_by(&key, &root(authority)?.issuer)?.der().clone();
    Ok(AuthorityCertificate { certificate, issuer: Issuer::new(params, key) })
}

fn authority_params(name: &str) -> Result<(CertificateParams, KeyPair), LabError> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = distinguished_name(name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2034, 1, 1);
    params.serial_number = Some(serial(Certificate::Valid, name));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok((params, ed25519_key(name)?.pair))
}

fn distinguished_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::OrganizationName, "Example");
    distinguished.push(DnType::CommonName, name);
    distinguished
}

struct Key {
    pair: KeyPair,
    signing: Arc<dyn SigningKey>,
}

/// The Ed25519 key that belongs to a label.
fn ed25519_key(label: &str) -> Result<Key, LabError> {
    /// PrivateKeyInfo with the algorithm id-Ed25519 (RFC 8410, 7), up to the 32 bytes of the seed.
    const PREFIX: [u8; 16] =
        [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let mut der = PREFIX.to_vec();
    der.extend_from_slice(&Sha256::digest(format!("virtual wire: {label}")));
    let der = PrivatePkcs8KeyDer::from(der);
    Ok(Key { pair: KeyPair::try_from(&der)?, signing: any_supported_type(&PrivateKeyDer::Pkcs8(der))? })
}

fn rsa_key(pem: &str) -> Result<Key, LabError> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| LabError::Key(error.to_string()))?;
    let signing = any_supported_type(&der)?;
    Ok(Key { pair: KeyPair::try_from(&der)?, signing: Arc::new(WithoutSalt(signing)) })
}

/// The public half of an RSA-1024 key, for a certificate that nobody should accept any more.
struct WeakKey(Vec<u8>);

impl WeakKey {
    /// What precedes the RSAPublicKey in a SubjectPublicKeyInfo of this size (RFC 8017, A.1).
    const HEADER_LEN: usize = 22;

    fn read() -> Result<Self, LabError> {
        let info = SubjectPublicKeyInfoDer::from_pem_slice(RSA_WEAK.as_bytes())
            .map_err(|error| LabError::Key(error.to_string()))?;
        let key = info.get(Self::HEADER_LEN..).ok_or_else(|| LabError::Key("the weak key is too short".to_owned()))?;
        Ok(Self(key.to_vec()))
    }
}

impl PublicKeyData for WeakKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}
