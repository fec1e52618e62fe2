//! Cipher suites: what a 16-bit code stands for, and how long its records are.
//!
//! A code from a hello comes in; its name, its parameters and the lengths of its records go out. Nothing here holds a key
//! or reads a byte of traffic. Names and algorithms come from tls-parser's copy of the IANA registry; the lengths are ours.

use crate::pack::packed;
use std::fmt;

use tls_parser::{TlsCipherAu, TlsCipherEnc, TlsCipherEncMode, TlsCipherKx, TlsCipherMac, TlsCipherSuite, TlsPRF};

use super::codes::Version;

/// A cipher suite as it stands on the wire (RFC 8446, B.4; RFC 5246, A.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CipherSuite(pub u16);

packed! { struct CipherSuite(_) }

impl CipherSuite {
    /// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746): a signal in a list of suites, no suite.
    pub const EMPTY_RENEGOTIATION_INFO_SCSV: Self = Self(0x00ff);
    /// TLS_FALLBACK_SCSV (RFC 7507): a signal in a list of suites, no suite.
    pub const FALLBACK_SCSV: Self = Self(0x5600);

    /// The IANA name, or none for a number that the registry does not know. [`Display`](fmt::Display) prints those in hex.
    pub fn name(self) -> Option<&'static str> {
        match self.registered() {
            Some(suite) => Some(suite.name),
            None if self.is_grease() => Some("GREASE"),
            None => None,
        }
    }

    /// Whether this is a placeholder that clients send to keep servers tolerant (RFC 8701): 0x0a0a, 0x1a1a … 0xfafa.
    pub const fn is_grease(self) -> bool {
        self.0 & 0x0f0f == 0x0a0a && self.0 >> 8 == self.0 & 0xff
    }

    /// Whether this is a signal rather than a suite.
    pub const fn is_signal(self) -> bool {
        matches!(self, Self::EMPTY_RENEGOTIATION_INFO_SCSV | Self::FALLBACK_SCSV)
    }

    /// What the suite is made of; none for unknown numbers, signals, GREASE, and the few drafts whose records have
    /// another shape.
    pub fn parameters(self) -> Option<Parameters> {
        if self.is_signal() {
            return None;
        }
        Parameters::of(self.registered()?)
    }

    /// Why nobody should use it any more; none if it is fit or unknown.
    pub fn weakness(self) -> Option<Weakness> {
        if self.is_signal() {
            return None;
        }
        let suite = self.registered()?;
        if suite.name.contains("_EXPORT") {
            return Some(Weakness::Export);
        }
        match suite.enc {
            TlsCipherEnc::Null => Some(Weakness::NoEncryption),
            _ if suite.au == TlsCipherAu::Null => Some(Weakness::NoAuthentication),
            TlsCipherEnc::Rc4 => Some(Weakness::Rc4),
            TlsCipherEnc::Des => Some(Weakness::Des),
            TlsCipherEnc::TripleDes | TlsCipherEnc::Idea | TlsCipherEnc::Rc2 => Some(Weakness::SmallBlock),
            _ => None,
        }
    }

    /// How many bytes of plaintext a sealed record holds, from the length in its header. See [`Parameters::plaintext_len`].
    pub fn plaintext_len(self, version: Version, record_len: u32, encrypt_then_mac: bool) -> Option<LengthRange> {
        self.parameters()?.plaintext_len(version, record_len, encrypt_then_mac)
    }

    /// The length in the header of the record that seals so many bytes. See [`Parameters::record_len`].
    pub fn record_len(self, version: Version, plaintext_len: u32, encrypt_then_mac: bool) -> Option<u32> {
        Some(self.parameters()?.record_len(version, plaintext_len, encrypt_then_mac))
    }

    fn registered(self) -> Option<&'static TlsCipherSuite> {
        TlsCipherSuite::from_id(self.0)
    }
}

/// The IANA name, or the number in hex.
impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

/// Why a suite should not be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weakness {
    /// Everybody can read it.
    NoEncryption,
    /// Nobody proves who he is: open to a man in the middle.
    NoAuthentication,
    /// Made breakable on purpose for export in the nineties (FREAK, Logjam).
    Export,
    /// RC4 is forbidden (RFC 7465).
    Rc4,
    /// A key of 56 bits.
    Des,
    /// Blocks of 64 bits, as in 3DES (Sweet32).
    SmallBlock,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoEncryption => "no encryption",
            Self::NoAuthentication => "no authentication",
            Self::Export => "export grade",
            Self::Rc4 => "RC4",
            Self::Des => "DES",
            Self::SmallBlock => "64-bit block cipher",
        })
    }
}

/// How a suite protects a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Galois/counter mode (RFC 5288): a tag of 16 bytes.
    AeadGcm,
    /// ChaCha20-Poly1305 (RFC 7905): a tag of 16 bytes, no explicit nonce.
    AeadChaCha20Poly1305,
    /// Counter with CBC-MAC (RFC 6655): a tag of 16 bytes.
    AeadCcm,
    /// The same with a tag of 8 bytes.
    AeadCcm8,
    /// Cipher block chaining and a MAC (RFC 5246, 6.2.3.2).
    Cbc {
        /// The block's length in bytes: 16, or 8 for DES and its kin.
        block: u8,
    },
    /// A stream cipher and a MAC: RC4.
    Stream,
    /// A MAC at most.
    Null,
}

packed! { enum Kind { AeadGcm, AeadChaCha20Poly1305, AeadCcm, AeadCcm8, Cbc { block }, Stream, Null } }

/// The algorithm that encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// None at all.
    Null,
    /// AES.
    Aes,
    /// ChaCha20.
    ChaCha20,
    /// One that is rare enough to know only its lengths: ARIA, Camellia, SEED, SM4, RC4, DES, 3DES, IDEA, RC2.
    Other,
}

packed! { enum Cipher { Null, Aes, ChaCha20, Other } }

/// The hash in the MAC of a CBC, stream or null suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mac {
    /// No MAC of its own: an AEAD, or no protection at all.
    None,
    /// HMAC-MD5.
    Md5,
    /// HMAC-SHA-1.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-384.
    Sha384,
}

packed! { enum Mac { None, Md5, Sha1, Sha256, Sha384 } }

impl Mac {
    /// The length of its output, and of its key, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a property of an algorithm, not of a collection")]
    pub const fn len(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// The hash of the handshake and of the key schedule, in TLS 1.2 and 1.3. (1.0 and 1.1 always use MD5 and SHA-1.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-256, also where a suite from before TLS 1.2 names none (RFC 5246, 5).
    Sha256,
    /// SHA-384.
    Sha384,
    /// SM3 (RFC 8998).
    Sm3,
}

packed! { enum Hash { Sha256, Sha384, Sm3 } }

impl Hash {
    /// The length of its output, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a property of an algorithm, not of a collection")]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha256 | Self::Sm3 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// How the two sides agree on a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyExchange {
    /// Encrypted to the server's RSA key: whoever has that key reads everything.
    Rsa,
    /// Diffie-Hellman with a key from the certificate, or anonymous.
    Dh,
    /// Ephemeral Diffie-Hellman.
    Dhe,
    /// Diffie-Hellman over a curve with a key from the certificate, or anonymous.
    Ecdh,
    /// Ephemeral Diffie-Hellman over a curve.
    Ecdhe,
    /// A key that both have already.
    Psk,
    /// TLS 1.3: negotiated apart from the suite.
    Tls13,
    /// Kerberos, SRP, a password, or none.
    Other,
}

packed! { enum KeyExchange { Rsa, Dh, Dhe, Ecdh, Ecdhe, Psk, Tls13, Other } }

/// How the server proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Authentication {
    /// Not at all.
    Anonymous,
    /// With an RSA certificate.
    Rsa,
    /// With a DSA certificate.
    Dss,
    /// With an ECDSA (or EdDSA, RFC 8422) certificate.
    Ecdsa,
    /// By knowing the shared key.
    Psk,
    /// TLS 1.3: negotiated apart from the suite.
    Tls13,
    /// Kerberos, SRP or a password.
    Other,
}

packed! { enum Authentication { Anonymous, Rsa, Dss, Ecdsa, Psk, Tls13, Other } }

/// What a suite is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// The shape of a record.
    pub kind: Kind,
    /// The algorithm that encrypts.
    pub cipher: Cipher,
    /// The length of its key, in bytes. For export suites, of the final key's effective part.
    pub key_len: u8,
    /// The MAC of suites that are no AEAD.
    pub mac: Mac,
    /// The hash of the key schedule.
    pub hash: Hash,
    /// How the secret is agreed on.
    pub key_exchange: KeyExchange,
    /// How the server proves who it is.
    pub authentication: Authentication,
}

packed! { struct Parameters { kind, cipher, key_len, mac, hash, key_exchange, authentication } }

/// How long a plaintext can be, in bytes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LengthRange {
    /// The least.
    pub min: u32,
    /// The most.
    pub max: u32,
}

impl LengthRange {
    /// Whether a length lies within.
    pub const fn contains(self, len: u32) -> bool {
        self.min <= len && len <= self.max
    }
}

impl Parameters {
    fn of(suite: &TlsCipherSuite) -> Option<Self> {
        let kind = match (suite.enc, suite.enc_mode) {
            (TlsCipherEnc::Chacha20_Poly1305, _) => Kind::AeadChaCha20Poly1305,
            (TlsCipherEnc::Null, _) => Kind::Null,
            (TlsCipherEnc::Rc4, _) => Kind::Stream,
            (_, TlsCipherEncMode::Gcm) => Kind::AeadGcm,
            // The registry's table has no column for the tag; the name says it.
            (_, TlsCipherEncMode::Ccm) if suite.name.contains("_CCM_8") => Kind::AeadCcm8,
            (_, TlsCipherEncMode::Ccm) => Kind::AeadCcm,
            (_, TlsCipherEncMode::Cbc) => Kind::Cbc { block: u8::try_from(suite.enc_block_size()).ok()? },
            (_, TlsCipherEncMode::Null) => return None,
        };
        let (cipher, key_len) = match suite.enc {
            TlsCipherEnc::Null => (Cipher::Null, 0),
            TlsCipherEnc::Aes => (Cipher::Aes, suite.enc_key_size()),
            // The table says 128 bits; RFC 7905 and RFC 8446 say 256.
            TlsCipherEnc::Chacha20_Poly1305 => (Cipher::ChaCha20, 32),
            // The table counts DES's key bits without the parity bits that are on the wire.
            TlsCipherEnc::TripleDes => (Cipher::Other, 24),
            TlsCipherEnc::Des if suite.enc_size == 56 => (Cipher::Other, 8),
            _ => (Cipher::Other, suite.enc_key_size()),
        };
        Some(Self {
            kind,
            cipher,
            key_len: u8::try_from(key_len).ok()?,
            mac: match suite.mac {
                TlsCipherMac::Null | TlsCipherMac::Aead => Mac::None,
                TlsCipherMac::HmacMd5 => Mac::Md5,
                TlsCipherMac::HmacSha1 => Mac::Sha1,
                TlsCipherMac::HmacSha256 => Mac::Sha256,
                TlsCipherMac::HmacSha384 => Mac::Sha384,
                TlsCipherMac::HmacSha512 => return None,
            },
            hash: match suite.prf {
                TlsPRF::Sha384 => Hash::Sha384,
                TlsPRF::Sm3 => Hash::Sm3,
                TlsPRF::Sha512 => return None,
                TlsPRF::Default | TlsPRF::Null | TlsPRF::Md5AndSha1 | TlsPRF::Sha1 | TlsPRF::Sha256 => Hash::Sha256,
            },
            key_exchange: match (suite.kx, suite.au) {
                (TlsCipherKx::Rsa, _) => KeyExchange::Rsa,
                (TlsCipherKx::Dh, _) => KeyExchange::Dh,
                // The table has these two columns the wrong way round for TLS_PSK_DHE_….
                (TlsCipherKx::Dhe, _) | (TlsCipherKx::Psk, TlsCipherAu::Dhe) => KeyExchange::Dhe,
                (TlsCipherKx::Ecdh | TlsCipherKx::Aecdh, _) => KeyExchange::Ecdh,
                (TlsCipherKx::Ecdhe, _) => KeyExchange::Ecdhe,
                (TlsCipherKx::Psk, _) => KeyExchange::Psk,
                (TlsCipherKx::Tls13, _) => KeyExchange::Tls13,
                (TlsCipherKx::Null | TlsCipherKx::Krb5 | TlsCipherKx::Srp | TlsCipherKx::Eccpwd, _) => {
                    KeyExchange::Other
                }
            },
            authentication: match suite.au {
                TlsCipherAu::Null => Authentication::Anonymous,
                TlsCipherAu::Rsa | TlsCipherAu::Srp_Rsa => Authentication::Rsa,
                TlsCipherAu::Dss | TlsCipherAu::Srp_Dss => Authentication::Dss,
                TlsCipherAu::Ecdsa => Authentication::Ecdsa,
                TlsCipherAu::Psk | TlsCipherAu::Dhe => Authentication::Psk,
                TlsCipherAu::Tls13 => Authentication::Tls13,
                TlsCipherAu::Krb5 | TlsCipherAu::Srp | TlsCipherAu::Eccpwd => Authentication::Other,
            },
        })
    }

    /// Whether encryption and authentication are one algorithm.
    pub const fn is_aead(self) -> bool {
        matches!(self.kind, Kind::AeadGcm | Kind::AeadChaCha20Poly1305 | Kind::AeadCcm | Kind::AeadCcm8)
    }

    /// The length of an AEAD's tag in bytes; 0 for the others, which have a MAC.
    pub const fn tag_len(self) -> u8 {
        match self.kind {
            Kind::AeadGcm | Kind::AeadChaCha20Poly1305 | Kind::AeadCcm => 16,
            Kind::AeadCcm8 => 8,
            Kind::Cbc { .. } | Kind::Stream | Kind::Null => 0,
        }
    }

    /// How many bytes of initialization vector come from the keys: the whole nonce in TLS 1.3, its fixed part in the AEADs
    /// of TLS 1.2, and the first record's vector in the CBC of TLS 1.0.
    pub fn fixed_iv_len(self, version: Version) -> u8 {
        match self.kind {
            Kind::AeadGcm | Kind::AeadCcm | Kind::AeadCcm8 if version < Version::TLS_1_3 => 4,
            Kind::AeadGcm | Kind::AeadCcm | Kind::AeadCcm8 | Kind::AeadChaCha20Poly1305 => 12,
            Kind::Cbc { block } if version <= Version::TLS_1_0 => block,
            Kind::Cbc { .. } | Kind::Stream | Kind::Null => 0,
        }
    }

    /// How many bytes of nonce or initialization vector each record carries in clear before its ciphertext.
    pub fn explicit_nonce_len(self, version: Version) -> u8 {
        match self.kind {
            Kind::AeadGcm | Kind::AeadCcm | Kind::AeadCcm8 if version < Version::TLS_1_3 => 8,
            Kind::Cbc { block } if version >= Version::TLS_1_1 => block,
            _ => 0,
        }
    }

    /// How many bytes of plaintext a sealed record holds, from the length in its header.
    ///
    /// Exact for everything but CBC, where a block's worth of lengths look the same. Assumes the least padding, which is
    /// what all common stacks send: CBC and TLS 1.3 allow more. None if no record of this suite has that length.
    pub fn plaintext_len(self, version: Version, record_len: u32, encrypt_then_mac: bool) -> Option<LengthRange> {
        let sealed = record_len.checked_sub(u32::from(self.explicit_nonce_len(version)))?;
        let mac = u32::from(self.mac.len());
        let exact = match self.kind {
            Kind::Cbc { block } => {
                let block = u32::from(block);
                let blocks = if encrypt_then_mac { sealed.checked_sub(mac)? } else { sealed };
                if blocks == 0 || !blocks.is_multiple_of(block) {
                    return None;
                }
                let padded = if encrypt_then_mac { blocks } else { blocks.saturating_sub(mac) };
                let max = padded.checked_sub(1)?;
                return Some(LengthRange { min: padded.saturating_sub(block), max });
            }
            _ => sealed.checked_sub(mac + u32::from(self.tag_len()) + inner_type_len(version))?,
        };
        Some(LengthRange { min: exact, max: exact })
    }

    /// The length in the header of the record that seals so many bytes with the least padding.
    pub fn record_len(self, version: Version, plaintext_len: u32, encrypt_then_mac: bool) -> u32 {
        let nonce = u32::from(self.explicit_nonce_len(version));
        let mac = u32::from(self.mac.len());
        let sealed = match self.kind {
            Kind::Cbc { block } => {
                let (inside, outside) = if encrypt_then_mac { (0, mac) } else { (mac, 0) };
                // One byte says how much padding there is.
                let blocks = plaintext_len.saturating_add(inside + 1).div_ceil(u32::from(block));
                blocks.saturating_mul(u32::from(block)).saturating_add(outside)
            }
            _ => plaintext_len.saturating_add(mac + u32::from(self.tag_len()) + inner_type_len(version)),
        };
        sealed.saturating_add(nonce)
    }
}

/// TLS 1.3 puts the true content type behind the content (RFC 8446, 5.2).
fn inner_type_len(version: Version) -> u32 {
    u32::from(version >= Version::TLS_1_3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TLS13: (CipherSuite, Version) = (CipherSuite(0x1301), Version::TLS_1_3);
    const GCM: (CipherSuite, Version) = (CipherSuite(0xc02f), Version::TLS_1_2);
    const CHACHA: (CipherSuite, Version) = (CipherSuite(0xcca8), Version::TLS_1_2);
    const CBC_SHA1: (CipherSuite, Version) = (CipherSuite(0xc013), Version::TLS_1_2);
    const CBC_SHA256: (CipherSuite, Version) = (CipherSuite(0xc027), Version::TLS_1_2);
    const CBC_SHA384: (CipherSuite, Version) = (CipherSuite(0xc028), Version::TLS_1_2);

    #[test]
    fn record_lengths_are_those_of_the_catalogue() {
        #[rustfmt::skip]
        let table = [
            // An alert, PINGREQ, PINGRESP, DISCONNECT.
            (2, [(TLS13, 19), (GCM, 26), (CHACHA, 18), (CBC_SHA1, 48), (CBC_SHA256, 64), (CBC_SHA384, 80)]),
            // CONNACK 3.1.1, PUBACK, UNSUBACK.
            (4, [(TLS13, 21), (GCM, 28), (CHACHA, 20), (CBC_SHA1, 48), (CBC_SHA256, 64), (CBC_SHA384, 80)]),
            // CONNACK 5.0 without properties, SUBACK of one filter.
            (5, [(TLS13, 22), (GCM, 29), (CHACHA, 21), (CBC_SHA1, 48), (CBC_SHA256, 64), (CBC_SHA384, 80)]),
            // Finished before TLS 1.3 (its 1.3 column is checked below).
            (16, [(TLS13, 33), (GCM, 40), (CHACHA, 32), (CBC_SHA1, 64), (CBC_SHA256, 80), (CBC_SHA384, 96)]),
        ];
        for (content, row) in table {
            for ((suite, version), record) in row {
                assert_eq!(suite.record_len(version, content, false), Some(record), "{suite}, {content} bytes");
                let range = suite.plaintext_len(version, record, false).unwrap();
                assert!(range.contains(content), "{suite}: {content} not in {range:?}");
            }
        }
        // Only in TLS 1.3 sealed: EncryptedExtensions, an empty Certificate, Finished, CertificateVerify.
        for (content, record) in [(6, 23), (8, 25), (36, 53), (52, 69), (264, 281)] {
            assert_eq!(TLS13.0.record_len(TLS13.1, content, false), Some(record));
            let exact = Some(LengthRange { min: content, max: content });
            assert_eq!(TLS13.0.plaintext_len(TLS13.1, record, false), exact);
        }
        // The smallest CONNECT, with a client id of n bytes.
        for n in [0, 1, 23, 100] {
            assert_eq!(TLS13.0.record_len(TLS13.1, 14 + n, false), Some(31 + n));
            assert_eq!(GCM.0.record_len(GCM.1, 14 + n, false), Some(38 + n));
            assert_eq!(CHACHA.0.record_len(CHACHA.1, 14 + n, false), Some(30 + n));
        }
    }

    #[test]
    fn encrypt_then_mac_pads_the_content_alone() {
        // RFC 7366, 3: IV, one block of content and padding, MAC.
        assert_eq!(CBC_SHA1.0.record_len(Version::TLS_1_2, 2, true), Some(16 + 16 + 20));
        assert_eq!(CBC_SHA256.0.record_len(Version::TLS_1_2, 15, true), Some(16 + 16 + 32));
        assert_eq!(CBC_SHA384.0.record_len(Version::TLS_1_2, 16, true), Some(16 + 32 + 48));
        assert_eq!(
            CBC_SHA1.0.plaintext_len(Version::TLS_1_2, 52, true),
            Some(LengthRange { min: 0, max: 15 }),
            "a whole block of lengths looks the same"
        );
    }

    #[test]
    fn tls10_sends_no_vector_and_ccm8_a_short_tag() {
        let (suite, _) = CBC_SHA1;
        assert_eq!(suite.record_len(Version::TLS_1_0, 2, false), Some(32));
        assert_eq!(CipherSuite(0xc0ae).record_len(Version::TLS_1_2, 2, false), Some(8 + 2 + 8));
        assert_eq!(CipherSuite(0x1305).record_len(Version::TLS_1_3, 2, false), Some(2 + 1 + 8));
        assert_eq!(CipherSuite(0x0005).record_len(Version::TLS_1_2, 2, false), Some(2 + 20), "RC4 with SHA-1");
    }

    #[test]
    fn lengths_that_no_record_has_are_refused() {
        assert_eq!(TLS13.0.plaintext_len(TLS13.1, 16, false), None, "no room for the content type");
        assert_eq!(GCM.0.plaintext_len(GCM.1, 23, false), None);
        assert_eq!(CBC_SHA1.0.plaintext_len(CBC_SHA1.1, 47, false), None, "not a multiple of the block");
        assert_eq!(CBC_SHA1.0.plaintext_len(CBC_SHA1.1, 16, false), None, "a vector and nothing else");
    }

    #[test]
    fn names_come_from_the_registry() {
        assert_eq!(CipherSuite(0x1301).to_string(), "TLS_AES_128_GCM_SHA256");
        assert_eq!(CipherSuite(0xc02f).to_string(), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        assert_eq!(CipherSuite(0x00ff).to_string(), "TLS_EMPTY_RENEGOTIATION_INFO_SCSV");
        assert_eq!(CipherSuite(0x2a2a).to_string(), "GREASE");
        assert_eq!(CipherSuite(0xfe01).to_string(), "0xfe01");
        assert!(CipherSuite(0xfafa).is_grease() && !CipherSuite(0x0a1a).is_grease());
    }

    #[test]
    fn parameters_follow_the_specifications() {
        let suite = |id| CipherSuite(id).parameters().unwrap();
        // RFC 7905, 2: a 256-bit key and a 96-bit fixed vector.
        let chacha = suite(0xcca9);
        assert_eq!((chacha.kind, chacha.key_len), (Kind::AeadChaCha20Poly1305, 32));
        assert_eq!((chacha.fixed_iv_len(Version::TLS_1_2), chacha.explicit_nonce_len(Version::TLS_1_2)), (12, 0));
        assert_eq!((chacha.key_exchange, chacha.authentication), (KeyExchange::Ecdhe, Authentication::Ecdsa));
        // RFC 5288, 3: 4 bytes from the keys, 8 in the record.
        let gcm = suite(0x009d);
        assert_eq!((gcm.cipher, gcm.key_len, gcm.hash), (Cipher::Aes, 32, Hash::Sha384));
        assert_eq!((gcm.fixed_iv_len(Version::TLS_1_2), gcm.explicit_nonce_len(Version::TLS_1_2)), (4, 8));
        assert_eq!(gcm.key_exchange, KeyExchange::Rsa);
        // RFC 6655, 4: the PRF of a suite that names no hash is SHA-256.
        let ccm8 = suite(0xc0a8);
        assert_eq!((ccm8.kind, ccm8.tag_len(), ccm8.hash), (Kind::AeadCcm8, 8, Hash::Sha256));
        assert_eq!((ccm8.key_exchange, ccm8.authentication), (KeyExchange::Psk, Authentication::Psk));
        // RFC 5246, C: 3DES_EDE_CBC has 24 bytes of key and blocks of 8.
        assert_eq!((suite(0x000a).kind, suite(0x000a).key_len), (Kind::Cbc { block: 8 }, 24));
        assert_eq!(CipherSuite(0x00ff).parameters(), None);
        assert_eq!(CipherSuite(0x3a3a).parameters(), None);
    }

    #[test]
    fn weak_suites_say_why() {
        assert_eq!(CipherSuite(0x0002).weakness(), Some(Weakness::NoEncryption));
        assert_eq!(CipherSuite(0x0003).weakness(), Some(Weakness::Export));
        assert_eq!(CipherSuite(0x0005).weakness(), Some(Weakness::Rc4));
        assert_eq!(CipherSuite(0x0009).weakness(), Some(Weakness::Des));
        assert_eq!(CipherSuite(0x000a).weakness(), Some(Weakness::SmallBlock));
        assert_eq!(CipherSuite(0x00a6).weakness(), Some(Weakness::NoAuthentication));
        assert_eq!(CipherSuite(0xc02f).weakness(), None);
        assert_eq!(CipherSuite(0x5600).weakness(), None, "a signal is no suite");
    }

    proptest! {
        #[test]
        fn sealing_and_guessing_agree(
            id in any::<u16>(), version in 0x0301_u16..=0x0304, len in 0_u32..20_000, encrypt_then_mac: bool,
        ) {
            if let Some(parameters) = CipherSuite(id).parameters() {
                let version = Version(version);
                let record = parameters.record_len(version, len, encrypt_then_mac);
                let range = parameters.plaintext_len(version, record, encrypt_then_mac).unwrap();
                prop_assert!(range.contains(len), "{len} not in {range:?}");
            }
        }

        #[test]
        fn any_length_is_survived(id: u16, version: u16, len: u32, encrypt_then_mac: bool) {
            let suite = CipherSuite(id);
            let _ = suite.plaintext_len(Version(version), len, encrypt_then_mac);
            let _ = suite.record_len(Version(version), len, encrypt_then_mac);
        }
    }
}
