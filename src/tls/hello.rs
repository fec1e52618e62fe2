//! The hellos: ClientHello, ServerHello, HelloRetryRequest and the extensions in them (RFC 8446, 4.1 and 4.2; RFC 5246,
//! 7.4.1). A message's body comes in, a value with all that a report or a rule asks for goes out. Placeholders (GREASE,
//! RFC 8701) are set aside; lists are cut at a limit, so that a hello of a megabyte stays small.

use super::bytes::{Reader, u16_list};
use super::codes::{NamedGroup, Version, is_grease};
use super::offer::{Offer, Offered, Offers};
use super::suite::CipherSuite;
use crate::pack::packed;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use tls_parser::parse_tls_handshake_server_hello;

/// The longest list that is kept of a hello: more is no offer but an attack.
pub(super) const MAX_LIST: usize = 256;
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

/// What a client says first: what it offers, and what is of this connection alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The length of the message with its header, in bytes.
    pub length: u32,
    /// The random: the key to a key log.
    pub random: [u8; 32],
    /// The session id, at most 32 bytes; in TLS 1.3 a mere disguise.
    pub session_id: SessionId,
    /// The name of the server (SNI, RFC 6066, 3).
    pub server_name: Option<Box<str>>,
    /// The length of the session ticket that is offered (TLS 1.2, RFC 5077); 0: none, but one is wanted.
    pub session_ticket: Option<u16>,
    /// What it offers, as others with the same library and settings do.
    pub offer: Arc<Offer>,
}

packed! { struct ClientHello { length, random, session_id, server_name, session_ticket, offer } }
packed! { once ClientHello }

/// A session id: at most 32 bytes (RFC 5246, 7.4.1.2).
pub type SessionId = SmallVec<[u8; 32]>;

impl ClientHello {
    /// Reads the body of a ClientHello.
    pub(super) fn parse(body: &[u8], offers: &mut Offers) -> Option<Self> {
        let mut reader = Reader::new(body);
        let legacy_version = Version(reader.u16()?);
        let random = reader.array()?;
        let session_id = reader.vec8().filter(|id| id.len() <= 32)?;
        let ciphers = reader.vec16().filter(|list| list.len().is_multiple_of(2))?;
        reader.vec8()?;
        let extensions = reader.vec16().unwrap_or_default();
        let mut hello = Self {
            length: message_len(body),
            random,
            session_id: SessionId::from_slice(session_id),
            offer: offers.find_or_read(Offered { legacy_version, ciphers, extensions }),
            ..Self::default()
        };
        let mut reader = Reader::new(extensions);
        while let Some((kind, data)) = next_extension(&mut reader) {
            match kind {
                extension::SERVER_NAME => hello.server_name = server_name(&mut Reader::new(data)),
                extension::SESSION_TICKET => hello.session_ticket = u16::try_from(data.len()).ok(),
                _ => {}
            }
        }
        Some(hello)
    }

    /// Reads a ClientHello in the form of SSL 2.0 (RFC 5246, E.2), without its header of two bytes.
    pub(super) fn parse_ssl_v2(message: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(message);
        reader.u8()?;
        let version = Version(reader.u16()?);
        let (ciphers_len, _session_id_len, _challenge_len) = (reader.u16()?, reader.u16()?, reader.u16()?);
        let kinds = reader.take(usize::from(ciphers_len))?.as_chunks::<3>().0;
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        Some(Self { length, offer: Arc::new(Offer::of_ssl_v2(version, kinds)), ..Self::default() })
    }

    /// Whether the offer includes TLS 1.3.
    #[must_use]
    pub fn offers_tls13(&self) -> bool {
        self.offer.versions.contains(&Version::TLS_1_3)
    }

    /// The best version that is offered: the highest one.
    #[must_use]
    pub fn best_version(&self) -> Version {
        self.offer.versions.iter().copied().max().unwrap_or(self.offer.legacy_version)
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
        if !self.offer.alpn.is_empty() {
            write!(f, ", ALPN {}", self.offer.alpn.join(" "))?;
        }
        write!(f, ", {} ciphers", self.offer.ciphers.len())?;
        if self.offer.pre_shared_key || self.session_ticket.is_some_and(|length| length > 0) {
            f.write_str(", wants to resume")?;
        }
        if self.offer.early_data {
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
    pub session_id: SessionId,
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
    pub extensions: SmallVec<[u16; 8]>,
}

packed! {
    struct ServerHello {
        length, version, random, is_retry, session_id, cipher, group, alpn, pre_shared_key, session_ticket,
        extended_master_secret, encrypt_then_mac, extensions,
    }
}
packed! { once ServerHello }

impl ServerHello {
    /// Reads the body of a ServerHello.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        if let Some(hello) = Self::parse_of_draft(body) {
            return Some(hello);
        }
        let (_, contents) = parse_tls_handshake_server_hello(body).ok()?;
        let random: [u8; 32] = contents.random.try_into().unwrap_or_default();
        let hello = Self {
            is_retry: random == HELLO_RETRY_RANDOM,
            session_id: SessionId::from_slice(contents.session_id.unwrap_or_default()),
            ..Self::begin(body, Version(contents.version.0), random, CipherSuite(contents.cipher.0))
        };
        Some(hello.with_extensions(contents.ext.unwrap_or_default()))
    }

    /// Up to draft 21 of TLS 1.3 it has the draft's version in its head, and neither session id nor compression method
    /// (draft-ietf-tls-tls13-20, 4.1.3).
    fn parse_of_draft(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let version = Version(reader.u16()?);
        if !(Version::TLS_1_3_DRAFT_18..=Version::TLS_1_3_DRAFT_21).contains(&version) {
            return None;
        }
        let random = reader.take(32)?.try_into().ok()?;
        let cipher = CipherSuite(reader.u16()?);
        Some(Self::begin(body, version, random, cipher).with_extensions(reader.vec16().unwrap_or_default()))
    }

    fn begin(body: &[u8], version: Version, random: [u8; 32], cipher: CipherSuite) -> Self {
        Self {
            length: message_len(body),
            version,
            random,
            is_retry: false,
            session_id: SessionId::from_slice(&[]),
            cipher,
            group: None,
            alpn: None,
            pre_shared_key: false,
            session_ticket: false,
            extended_master_secret: false,
            encrypt_then_mac: false,
            extensions: SmallVec::new(),
        }
    }

    fn with_extensions(mut self, extensions: &[u8]) -> Self {
        let mut reader = Reader::new(extensions);
        while let Some((kind, data)) = next_extension(&mut reader) {
            self.read_extension(kind, data);
        }
        self
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

/// The numbers of a list but for the placeholders in it.
pub(super) fn real(values: impl Iterator<Item = u16>) -> impl Iterator<Item = u16> {
    values.filter(|value| !is_grease(*value)).take(MAX_LIST)
}

fn server_name(reader: &mut Reader<'_>) -> Option<Box<str>> {
    let mut list = Reader::new(reader.vec16()?);
    loop {
        let (kind, name) = (list.u8()?, list.vec16()?);
        if kind == 0 {
            return Some(printable(name).into_boxed_str());
        }
    }
}

/// Text from the wire for people: what is not printable is escaped, and no text is endless.
pub(super) fn printable(bytes: &[u8]) -> String {
    // Nearly every name.
    if bytes.len() <= 256 && bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return bytes.iter().copied().map(char::from).collect();
    }
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
