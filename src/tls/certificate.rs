//! Certificates as far as a diagnosis needs them (RFC 5280): who, for which names, valid when, signed by whom.
//!
//! DER bytes come in; a [`Certificate`] goes out, also for bytes that cannot be read: those keep their fingerprint and the
//! reason. No signature is checked and no chain is trusted here.

use super::fingerprint::hex;
use super::hello::printable;
use super::interned::Interned;
use crate::pack::packed;
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The most names that are kept of one certificate.
const MAX_NAMES: usize = 128;

/// A certificate as a side presented it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the DER bytes, in hex.
    pub sha256: String,
    /// Why it could not be read; all other fields are empty then.
    pub error: Option<String>,
    /// The subject's distinguished name, as in RFC 4514 but in the certificate's own order: `C=SE, O=Example, CN=broker`.
    pub subject: String,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// The common name in the subject: no name to check against since RFC 9525, but one that people know.
    pub common_name: Option<String>,
    /// The serial number in lower-case hex.
    pub serial: String,
    /// The first second of its validity, since the Unix epoch.
    pub not_before: i64,
    /// The last second of its validity, since the Unix epoch.
    pub not_after: i64,
    /// The DNS names it is for (subjectAltName).
    pub dns_names: Vec<String>,
    /// The addresses it is for (subjectAltName).
    pub addresses: Vec<IpAddr>,
    /// The public key: `RSA 2048`, `EC P-256`, `Ed25519`.
    pub key: String,
    /// The strength of an RSA key in bits; none for other keys.
    pub rsa_bits: Option<u32>,
    /// How it was signed: `sha256WithRSAEncryption`, `ecdsa-with-SHA384`, `Ed25519`.
    pub signature: String,
    /// Whether it may sign others (basicConstraints).
    pub is_ca: bool,
    /// Whether the issuer names itself: a root, or a certificate that nobody else signed.
    pub is_self_issued: bool,
    /// The subject key identifier, in hex.
    pub subject_key_id: Option<String>,
    /// The identifier of the key that signed it, in hex.
    pub authority_key_id: Option<String>,
}

packed! { shared Certificate }

impl Certificate {
    /// Reads DER bytes.
    #[must_use]
    pub fn parse(der: &[u8]) -> Self {
        let sha256 = hex(&Sha256::digest(der));
        match X509Certificate::from_der(der) {
            Ok((_, certificate)) => Self { sha256, ..Self::read(&certificate) },
            Err(error) => Self { sha256, error: Some(error.to_string()), ..Self::default() },
        }
    }

    /// Whether it is for this name (RFC 9525, 6): a DNS name, with a wildcard as its whole left-most label, or an address.
    #[must_use]
    pub fn covers(&self, server_name: &str) -> bool {
        let name = server_name.strip_suffix('.').unwrap_or(server_name);
        match name.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => self.addresses.contains(&address),
            Err(_) => self.dns_names.iter().any(|pattern| matches_name(pattern, name)),
        }
    }

    /// Whether it is valid at `seconds` since the Unix epoch; both ends belong to it (RFC 5280, 4.1.2.5).
    #[must_use]
    pub const fn is_valid_at(&self, seconds: i64) -> bool {
        self.not_before <= seconds && seconds <= self.not_after
    }

    /// Whether `issuer` may have signed it: its subject is our issuer, and the key identifiers do not contradict.
    #[must_use]
    pub fn may_be_issued_by(&self, issuer: &Self) -> bool {
        let keys_agree = match (&self.authority_key_id, &issuer.subject_key_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        self.error.is_none() && self.issuer == issuer.subject && keys_agree
    }

    /// All names, DNS names first: for reports.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.dns_names.iter().cloned().chain(self.addresses.iter().map(IpAddr::to_string))
    }

    fn read(certificate: &X509Certificate<'_>) -> Self {
        let mut read = Self {
            subject: distinguished_name(certificate.subject()),
            issuer: distinguished_name(certificate.issuer()),
            common_name: certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(text),
            serial: hex(certificate.raw_serial()),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            key: key_name(certificate.public_key()),
            rsa_bits: rsa_bits(certificate.public_key()),
            signature: algorithm_name(&certificate.signature_algorithm.algorithm.to_id_string()),
            is_self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            ..Self::default()
        };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => read.read_names(&names.general_names),
                ParsedExtension::BasicConstraints(constraints) => read.is_ca = constraints.ca,
                ParsedExtension::SubjectKeyIdentifier(id) => read.subject_key_id = Some(hex(id.0)),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    read.authority_key_id = id.key_identifier.as_ref().map(|id| hex(id.0));
                }
                _ => {}
            }
        }
        read
    }

    fn read_names(&mut self, names: &[GeneralName<'_>]) {
        for name in names.iter().take(MAX_NAMES) {
            match name {
                GeneralName::DNSName(name) => self.dns_names.push(text(name)),
                GeneralName::IPAddress(bytes) => self.addresses.extend(address(bytes)),
                _ => {}
            }
        }
    }
}

/// `CN=broker.example, issued by CN=Example CA, RSA 2048`.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "unreadable certificate ({error})"),
            None if self.is_self_issued => write!(f, "{}, self-signed, {}", self.subject, self.key),
            None => write!(f, "{}, issued by {}, {}", self.subject, self.issuer, self.key),
        }
    }
}

/// Certificates that were seen before: each is parsed once and shared. Bounded: the oldest leaves first.
#[derive(Debug)]
pub struct CertificateStore(Interned<Certificate>);

impl CertificateStore {
    /// A store for at most `capacity` certificates.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Interned::new(capacity))
    }

    /// The certificate with these DER bytes, parsed now or earlier.
    pub fn intern(&mut self, der: &[u8]) -> Arc<Certificate> {
        self.0.find(der).unwrap_or_else(|| self.0.keep(der, Certificate::parse(der)))
    }

    /// How many certificates are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// How many had to leave; such a one is parsed anew when it comes again.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.0.evicted()
    }
}

/// RFC 9525, 6.3: without regard to case; `*` stands for exactly one whole label, the left-most one.
fn matches_name(pattern: &str, name: &str) -> bool {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent))
        }
        None => pattern.eq_ignore_ascii_case(name),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into())).ok()
}

fn text(value: &str) -> String {
    printable(value.as_bytes())
}

/// A distinguished name by its DER bytes; those in hex where they cannot be read.
pub(super) fn distinguished_name_from_der(der: &[u8]) -> String {
    X509Name::from_der(der)
        .map_or_else(|_| format!("#{}", printable(hex(der).as_bytes())), |(_, name)| distinguished_name(&name))
}

fn distinguished_name(name: &X509Name<'_>) -> String {
    let attributes = name.iter_attributes().map(|attribute| {
        let value = match attribute.as_str() {
            Ok(value) => text(value),
            Err(_) => format!("#{}", hex(attribute.as_slice())),
        };
        format!("{}={value}", attribute_name(&attribute.attr_type().to_id_string()))
    });
    attributes.take(MAX_NAMES).collect::<Vec<_>>().join(", ")
}

/// The short name of an attribute's type (RFC 4514, 3, and what openssl prints for others), else its number.
fn attribute_name(oid: &str) -> &str {
    match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "2.5.4.46" => "dnQualifier",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        other => other,
    }
}

fn key_name(key: &SubjectPublicKeyInfo<'_>) -> String {
    let algorithm = key.algorithm.algorithm.to_id_string();
    match algorithm.as_str() {
        "1.2.840.113549.1.1.1" => match rsa_bits(key) {
            Some(bits) => format!("RSA {bits}"),
            None => "RSA".to_owned(),
        },
        "1.2.840.10045.2.1" => {
            let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            format!("EC {}", curve.map_or_else(String::new, |curve| curve_name(&curve.to_id_string()).to_owned()))
        }
        other => algorithm_name(other),
    }
}

fn curve_name(oid: &str) -> &str {
    match oid {
        "1.2.840.10045.3.1.7" => "P-256",
        "1.3.132.0.34" => "P-384",
        "1.3.132.0.35" => "P-521",
        "1.3.132.0.33" => "P-224",
        "1.3.132.0.10" => "secp256k1",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        other => other,
    }
}

fn rsa_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let Ok(PublicKey::RSA(key)) = key.parsed() else { return None };
    let modulus = key.modulus.iter().copied().skip_while(|byte| *byte == 0);
    let leading_zeros = modulus.clone().next()?.leading_zeros();
    u32::try_from(modulus.count() * 8).ok().map(|bits| bits - leading_zeros)
}

/// The name of a signature's or a key's algorithm, else its number.
fn algorithm_name(oid: &str) -> String {
    match oid {
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.10040.4.1" => "DSA",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(dns: &[&str], addresses: &[&str]) -> Certificate {
        Certificate {
            dns_names: dns.iter().map(|name| (*name).to_owned()).collect(),
            addresses: addresses.iter().filter_map(|address| address.parse().ok()).collect(),
            ..Certificate::default()
        }
    }

    #[test]
    fn names_match_as_in_rfc_9525() {
        let certificate = named(&["broker.example", "*.iot.example"], &["192.0.2.20", "2001:db8::1"]);
        for covered in
            ["broker.example", "BROKER.Example.", "a.iot.example", "192.0.2.20", "2001:db8::1", "[2001:db8::1]"]
        {
            assert!(certificate.covers(covered), "{covered}");
        }
        for other in ["example", "x.broker.example", "iot.example", "a.b.iot.example", ".iot.example", "192.0.2.21", ""]
        {
            assert!(!certificate.covers(other), "{other}");
        }
        assert!(!named(&["192.0.2.20"], &[]).covers("192.0.2.20"), "an address never matches a DNS name");
        assert!(!named(&["b*.example"], &[]).covers("broker.example"), "a wildcard is a whole label");
    }

    #[test]
    fn a_certificate_is_read_as_it_was_made() {
        let mut params =
            rcgen::CertificateParams::new(vec!["broker.example".to_owned(), "192.0.2.20".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Example");
        params.distinguished_name.push(rcgen::DnType::CommonName, "broker.example");
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x0a, 0xbc]));
        params.not_before = time::macros::datetime!(2026-01-01 00:00 UTC);
        params.not_after = time::macros::datetime!(2027-01-01 00:00 UTC);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let made = params.self_signed(&key).unwrap();

        let read = Certificate::parse(made.der());
        assert_eq!(
            (read.subject.as_str(), read.issuer.as_str()),
            ("O=Example, CN=broker.example", "O=Example, CN=broker.example")
        );
        assert_eq!((read.serial.as_str(), read.common_name.as_deref()), ("0abc", Some("broker.example")));
        assert_eq!((read.not_before, read.not_after), (1_767_225_600, 1_798_761_600));
        assert!(read.is_valid_at(1_767_225_600) && read.is_valid_at(1_798_761_600) && !read.is_valid_at(1_798_761_601));
        assert_eq!(read.names().collect::<Vec<_>>(), ["broker.example", "192.0.2.20"]);
        assert_eq!((read.key.as_str(), read.signature.as_str()), ("EC P-256", "ecdsa-with-SHA256"));
        assert!(read.is_ca && read.is_self_issued && read.may_be_issued_by(&read) && read.error.is_none());
    }

    #[test]
    fn unreadable_bytes_keep_their_fingerprint() {
        let read = Certificate::parse(b"no certificate");
        assert!(read.error.is_some());
        // printf 'no certificate' | sha256sum
        assert_eq!(read.sha256, "de826f9e5acba22f80b95e447f9a1a29db2441d3f8dee9d83dfbb0e52370dfc0");
    }

    #[test]
    fn the_store_parses_once_and_stays_bounded() {
        let mut store = CertificateStore::new(2);
        let first = store.intern(b"one");
        assert!(Arc::ptr_eq(&first, &store.intern(b"one")));
        store.intern(b"two");
        store.intern(b"three");
        assert_eq!((store.len(), store.evicted()), (2, 1));
        assert!(!Arc::ptr_eq(&first, &store.intern(b"one")));
    }
}
