//! The hellos: ClientHello, ServerHello, HelloRetryRequest and the extensions in them (RFC 8446, 4.1 and 4.2; RFC 5246,
//! 7.4.1). A message's body comes in, a value with all that a report or a rule asks for goes out. Placeholders (GREASE,
//! RFC 8701) are set aside; lists are cut at a limit, so that a hello of a megabyte stays small.

use super::bytes::{Reader, u16_list};
use super::codes::{NamedGroup, SignatureScheme, Version, is_grease};
use super::fingerprint;
use super::suite::CipherSuite;
use std::fmt;
use tls_parser::{TlsClientHelloContents, parse_tls_handshake_client_hello, parse_tls_handshake_server_hello};

/// The longest list that is kept of a hello: more is no offer but an attack.
const MAX_LIST: usize = 256;
/// The random by which a ServerHello is a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446, 4.1.3).
const HELLO_RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Types of extensions (IANA "TLS ExtensionType Values").
pub(super) mod extension {
    pub(in super::super) const SERVER_NAME: u16 = 0;
    pub(in super::super) const MAX_FRAGMENT_LENGTH: u16 = 1;
    pub(in super::super) const SUPPORTED_GROUPS: u16 = 10;
    pub(in super::super) const EC_POINT_FORMATS: u16 = 11;
    pub(in super::super) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(in super::super) const ALPN: u16 = 16;
    pub(in super::super) const ENCRYPT_THEN_MAC: u16 = 22;
    pub(in super::super) const EXTENDED_MASTER_SECRET: u16 = 23;
    pub(in super::super) const RECORD_SIZE_LIMIT: u16 = 28;
    pub(in super::super) const SESSION_TICKET: u16 = 35;
    pub(in super::super) const PRE_SHARED_KEY: u16 = 41;
    pub(in super::super) const EARLY_DATA: u16 = 42;
    pub(in super::super) const SUPPORTED_VERSIONS: u16 = 43;
    pub(in super::super) const CERTIFICATE_AUTHORITIES: u16 = 47;
    pub(in super::super) const POST_HANDSHAKE_AUTH: u16 = 49;
    pub(in super::super) const KEY_SHARE: u16 = 51;
    pub(in super::super) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

/// What a client offers.
#[expect(clippy::struct_excessive_bools, reason = "each is an extension that is there or is not")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The length of the message with its header, in bytes.
    pub length: u32,
    /// The version in the hello itself; TLS 1.3 always says 1.2 here.
    pub legacy_version: Version,
    /// All versions that are offered, best first as the client wrote them.
    pub versions: Vec<Version>,
    /// The random: the key to a key log.
    pub random: [u8; 32],
    /// The session id, at most 32 bytes; in TLS 1.3 a mere disguise.
    pub session_id: Vec<u8>,
    /// The offered cipher suites.
    pub ciphers: Vec<CipherSuite>,
    /// The types of the extensions, in their order.
    pub extensions: Vec<u16>,
    /// The name of the server (SNI, RFC 6066, 3).
    pub server_name: Option<String>,
    /// The offered application protocols (RFC 7301).
    pub alpn: Vec<String>,
    /// The offered groups.
    pub groups: Vec<NamedGroup>,
    /// The groups for which a key share came along.
    pub key_shares: Vec<NamedGroup>,
    /// The accepted signatures.
    pub signature_schemes: Vec<SignatureScheme>,
    /// The length of the session ticket that is offered (TLS 1.2, RFC 5077); 0: none, but one is wanted.
    pub session_ticket: Option<u16>,
    /// Whether a pre-shared key is offered: in TLS 1.3 mostly a session to resume.
    pub pre_shared_key: bool,
    /// Whether data follows at once, before the server's answer (RFC 8446, 4.2.10).
    pub early_data: bool,
    /// Whether the true hello is encrypted inside of this one, or pretends to be.
    pub encrypted_client_hello: bool,
    /// RFC 7627.
    pub extended_master_secret: bool,
    /// RFC 7366.
    pub encrypt_then_mac: bool,
    /// RFC 8446, 4.2.6.
    pub post_handshake_auth: bool,
    /// The code of the longest record that the client can take: 1 to 4 for 2^9 to 2^12 bytes (RFC 6066, 4).
    pub max_fragment_length: Option<u8>,
    /// The longest record that the client can take, in bytes (RFC 8449).
    pub record_size_limit: Option<u16>,
    /// Whether placeholders were sent (RFC 8701).
    pub grease: bool,
    /// MD5 of the JA3 string, in hex; empty for a hello of SSL 2.0.
    pub ja3: String,
    /// The JA4 fingerprint; empty for a hello of SSL 2.0.
    pub ja4: String,
}

impl ClientHello {
    /// Reads the body of a ClientHello.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let (_, contents) = parse_tls_handshake_client_hello(body).ok()?;
        let mut hello = Self {
            length: message_len(body),
            legacy_version: Version(contents.version.0),
            random: contents.random.try_into().unwrap_or_default(),
            session_id: contents.session_id.unwrap_or_default().to_vec(),
            ciphers: real(contents.ciphers.iter().map(|cipher| cipher.0)).map(CipherSuite).collect(),
            grease: contents.ciphers.iter().any(|cipher| is_grease(cipher.0)),
            ..Self::default()
        };
        let mut reader = Reader::new(contents.ext.unwrap_or_default());
        while let Some((kind, data)) = next_extension(&mut reader) {
            hello.read_extension(kind, data);
        }
        if hello.versions.is_empty() {
            hello.versions.push(hello.legacy_version);
        }
        hello.fingerprint(&contents);
        Some(hello)
    }

    /// Reads a ClientHello in the form of SSL 2.0 (RFC 5246, E.2), without its header of two bytes.
    pub(super) fn parse_ssl_v2(message: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(message);
        reader.u8()?;
        let version = Version(reader.u16()?);
        let (ciphers_len, _session_id_len, _challenge_len) = (reader.u16()?, reader.u16()?, reader.u16()?);
        let kinds = reader.take(usize::from(ciphers_len))?.as_chunks::<3>().0;
        // Only the kinds that begin with a zero are suites of SSL 3.0 and TLS.
        let ciphers = kinds.iter().filter(|[first, ..]| *first == 0);
        Some(Self {
            length: u32::try_from(message.len()).unwrap_or(u32::MAX),
            legacy_version: version,
            versions: vec![version],
            ciphers: ciphers
                .take(MAX_LIST)
                .map(|[_, high, low]| CipherSuite(u16::from_be_bytes([*high, *low])))
                .collect(),
            ..Self::default()
        })
    }

    /// Whether the offer includes TLS 1.3.
    #[must_use]
    pub fn offers_tls13(&self) -> bool {
        self.versions.contains(&Version::TLS_1_3)
    }

    /// The best version that is offered: the highest one.
    #[must_use]
    pub fn best_version(&self) -> Version {
        self.versions.iter().copied().max().unwrap_or(self.legacy_version)
    }

    fn fingerprint(&mut self, contents: &TlsClientHelloContents<'_>) {
        let ciphers: Vec<u16> = contents.ciphers.iter().map(|cipher| cipher.0).collect();
        let extensions = contents.ext.unwrap_or_default();
        self.ja3 = fingerprint::ja3(contents.version.0, &ciphers, extensions).1;
        self.ja4 = fingerprint::ja4(contents.version.0, &ciphers, extensions);
    }

    fn read_extension(&mut self, kind: u16, data: &[u8]) {
        if is_grease(kind) {
            self.grease = true;
            return;
        }
        if self.extensions.len() < MAX_LIST {
            self.extensions.push(kind);
        }
        let mut reader = Reader::new(data);
        match kind {
            extension::SERVER_NAME => self.server_name = server_name(&mut reader),
            extension::ALPN => self.alpn = protocol_names(&mut reader),
            extension::SUPPORTED_GROUPS => self.groups = numbers(reader.vec16()).map(NamedGroup).collect(),
            extension::SIGNATURE_ALGORITHMS => {
                self.signature_schemes = numbers(reader.vec16()).map(SignatureScheme).collect();
            }
            extension::SUPPORTED_VERSIONS => self.versions = numbers(reader.vec8()).map(Version).collect(),
            extension::KEY_SHARE => self.key_shares = real(key_share_groups(&mut reader)).map(NamedGroup).collect(),
            extension::SESSION_TICKET => self.session_ticket = u16::try_from(data.len()).ok(),
            extension::PRE_SHARED_KEY => self.pre_shared_key = true,
            extension::EARLY_DATA => self.early_data = true,
            extension::ENCRYPTED_CLIENT_HELLO => self.encrypted_client_hello = true,
            extension::EXTENDED_MASTER_SECRET => self.extended_master_secret = true,
            extension::ENCRYPT_THEN_MAC => self.encrypt_then_mac = true,
            extension::POST_HANDSHAKE_AUTH => self.post_handshake_auth = true,
            extension::MAX_FRAGMENT_LENGTH => self.max_fragment_length = reader.u8(),
            extension::RECORD_SIZE_LIMIT => self.record_size_limit = reader.u16(),
            _ => {}
        }
    }
}

/// `TLS 1.3 offered, SNI broker.example, ALPN x-amzn-mqtt-ca, 31 ciphers, 1,503 bytes`.
impl fmt::Display for ClientHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} offered", Named(self.best_version()))?;
        match &self.server_name {
            Some(name) => write!(f, ", SNI {name}")?,
            None => f.write_str(", no SNI")?,
        }
        if !self.alpn.is_empty() {
            write!(f, ", ALPN {}", self.alpn.join(" "))?;
        }
        write!(f, ", {} ciphers", self.ciphers.len())?;
        if self.pre_shared_key || self.session_ticket.is_some_and(|length| length > 0) {
            f.write_str(", wants to resume")?;
        }
        if self.early_data {
            f.write_str(", early data")?;
        }
        write!(f, ", {} bytes", Grouped(self.length))
    }
}

/// What a server chose.
#[expect(clippy::struct_excessive_bools, reason = "each is an extension that is there or is not")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// The length of the message with its header, in bytes.
    pub length: u32,
    /// The version: by its supported_versions extension, else by the hello itself.
    pub version: Version,
    /// The random.
    pub random: [u8; 32],
    /// Whether this is a HelloRetryRequest: the client is to begin again with another group or cookie.
    pub is_retry: bool,
    /// The session id; in TLS 1.3 an echo of the client's.
    pub session_id: Vec<u8>,
    /// The cipher suite.
    pub cipher: CipherSuite,
    /// The group of the key share; in a HelloRetryRequest the one that is wanted.
    pub group: Option<NamedGroup>,
    /// The application protocol, up to TLS 1.2; 1.3 encrypts it.
    pub alpn: Option<String>,
    /// Whether a pre-shared key was accepted: in TLS 1.3 a resumed session.
    pub pre_shared_key: bool,
    /// Whether a new session ticket will come (TLS 1.2, RFC 5077).
    pub session_ticket: bool,
    /// RFC 7627.
    pub extended_master_secret: bool,
    /// RFC 7366.
    pub encrypt_then_mac: bool,
    /// The types of the extensions, in their order.
    pub extensions: Vec<u16>,
}

impl ServerHello {
    /// Reads the body of a ServerHello.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let (_, contents) = parse_tls_handshake_server_hello(body).ok()?;
        let random: [u8; 32] = contents.random.try_into().unwrap_or_default();
        let mut hello = Self {
            length: message_len(body),
            version: Version(contents.version.0),
            random,
            is_retry: random == HELLO_RETRY_RANDOM,
            session_id: contents.session_id.unwrap_or_default().to_vec(),
            cipher: CipherSuite(contents.cipher.0),
            group: None,
            alpn: None,
            pre_shared_key: false,
            session_ticket: false,
            extended_master_secret: false,
            encrypt_then_mac: false,
            extensions: Vec::new(),
        };
        let mut reader = Reader::new(contents.ext.unwrap_or_default());
        while let Some((kind, data)) = next_extension(&mut reader) {
            hello.read_extension(kind, data);
        }
        Some(hello)
    }

    fn read_extension(&mut self, kind: u16, data: &[u8]) {
        if self.extensions.len() < MAX_LIST {
            self.extensions.push(kind);
        }
        let mut reader = Reader::new(data);
        match kind {
            extension::SUPPORTED_VERSIONS => self.version = reader.u16().map_or(self.version, Version),
            extension::KEY_SHARE => self.group = reader.u16().map(NamedGroup),
            extension::ALPN => self.alpn = protocol_names(&mut reader).pop(),
            extension::PRE_SHARED_KEY => self.pre_shared_key = true,
            extension::SESSION_TICKET => self.session_ticket = true,
            extension::EXTENDED_MASTER_SECRET => self.extended_master_secret = true,
            extension::ENCRYPT_THEN_MAC => self.encrypt_then_mac = true,
            _ => {}
        }
    }
}

/// `TLS 1.3, TLS_AES_256_GCM_SHA384, x25519`.
impl fmt::Display for ServerHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", Named(self.version), self.cipher)?;
        match self.group {
            Some(group) if self.is_retry => write!(f, ", wants {group}")?,
            Some(group) => write!(f, ", {group}")?,
            None => {}
        }
        if let Some(protocol) = &self.alpn {
            write!(f, ", ALPN {protocol}")?;
        }
        if self.pre_shared_key {
            f.write_str(", accepts the pre-shared key")?;
        }
        Ok(())
    }
}

/// The length of a message with its header of four bytes.
fn message_len(body: &[u8]) -> u32 {
    u32::try_from(body.len()).unwrap_or(u32::MAX).saturating_add(4)
}

/// The next extension: its type and its data. A list that is cut ends there.
pub(super) fn next_extension<'a>(reader: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    Some((reader.u16()?, reader.vec16()?))
}

/// The application protocols of an ALPN extension; also the one in EncryptedExtensions.
pub(super) fn protocol_names(reader: &mut Reader<'_>) -> Vec<String> {
    let mut list = Reader::new(reader.vec16().unwrap_or_default());
    std::iter::from_fn(|| list.vec8()).take(MAX_LIST).map(printable).collect()
}

/// A list of numbers without the placeholders in it.
pub(super) fn numbers(list: Option<&[u8]>) -> impl Iterator<Item = u16> + '_ {
    real(u16_list(list.unwrap_or_default()))
}

fn real(values: impl Iterator<Item = u16>) -> impl Iterator<Item = u16> {
    values.filter(|value| !is_grease(*value)).take(MAX_LIST)
}

fn server_name(reader: &mut Reader<'_>) -> Option<String> {
    let mut list = Reader::new(reader.vec16()?);
    loop {
        let (kind, name) = (list.u8()?, list.vec16()?);
        if kind == 0 {
            return Some(printable(name));
        }
    }
}

fn key_share_groups<'a>(reader: &mut Reader<'a>) -> impl Iterator<Item = u16> + 'a {
    let mut list = Reader::new(reader.vec16().unwrap_or_default());
    std::iter::from_fn(move || {
        let group = list.u16()?;
        list.vec16().map(|_| group)
    })
}

/// Text from the wire for people: what is not printable is escaped, and no text is endless.
pub(super) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(256).flat_map(escape_control).collect()
}

fn escape_control(character: char) -> impl Iterator<Item = char> {
    let escaped = character.is_control().then(|| character.escape_default());
    let plain = (!character.is_control()).then_some(character);
    escaped.into_iter().flatten().chain(plain)
}

/// A version as people call it: `TLS 1.3`, `SSL 3.0`.
pub(super) struct Named(pub(super) Version);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= Version::TLS_1_0 { write!(f, "TLS {}", self.0) } else { self.0.fmt(f) }
    }
}

/// A number with its thousands set apart: `1,503`.
pub(super) struct Grouped(pub(super) u32);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_000 => write!(f, "{}", self.0),
            1_000..1_000_000 => write!(f, "{},{:03}", self.0 / 1_000, self.0 % 1_000),
            _ => write!(f, "{},{:03},{:03}", self.0 / 1_000_000, self.0 / 1_000 % 1_000, self.0 % 1_000),
        }
    }
}
