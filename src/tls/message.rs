//! The smaller messages of the handshake, both of TLS 1.2 (RFC 5246, 7.4) and of TLS 1.3 (RFC 8446, 4.3, 4.4 and 4.6). The
//! two versions shape some of them differently. A body comes in, a value goes out, or `None` where it is malformed.

use super::bytes::Reader;
use super::certificate::{Certificate, CertificateStore, distinguished_name_from_der};
use super::codes::{NamedGroup, SignatureScheme, Version};
use super::hello::{extension, next_extension, numbers, protocol_names};
use crate::pack::{Pack, Packer, Unpacker, packed};
use std::sync::Arc;
use tls_parser::{TlsMessageHandshake, parse_tls_handshake_msg_certificate};

/// The most certificates of one chain, and names of one request, that are kept.
const MAX_CHAIN: usize = 16;
const MAX_AUTHORITIES: usize = 64;

/// A side's certificates, its own first.
pub type Chain = Arc<[Arc<Certificate>]>;

impl Pack for Chain {
    fn pack(&self, to: &mut Packer) {
        to.once(self, |chain, to| {
            chain.len().pack(to);
            for certificate in chain {
                to.handle(certificate);
            }
        });
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        from.once(|from| (0..usize::unpack(from)?).map(|_| from.handle()).collect())
    }
}

/// What the server accepts as the client's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The distinguished names of the accepted authorities; empty: any. At most 64 are kept.
    pub authorities: Vec<String>,
    /// How many authorities it names.
    pub authority_count: usize,
    /// The accepted signatures; TLS 1.0 and 1.1 do not say.
    pub signature_schemes: Vec<SignatureScheme>,
}

packed! { shared CertificateRequest }

/// The server's part of the key exchange (TLS 1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerKeyExchange {
    /// The group, for ECDHE.
    pub group: Option<NamedGroup>,
    /// The length of the prime in bits, for DHE.
    pub prime_bits: Option<u32>,
}

packed! { struct ServerKeyExchange { group, prime_bits } }

/// The chain in a Certificate message; empty where a side has none to give.
pub(super) fn certificate(body: &[u8], version: Version, store: &mut CertificateStore) -> Option<Chain> {
    if version >= Version::TLS_1_3 { certificate_tls13(body, store) } else { certificate_tls12(body, store) }
}

fn certificate_tls12(body: &[u8], store: &mut CertificateStore) -> Option<Chain> {
    match parse_tls_handshake_msg_certificate(body) {
        Ok(([], TlsMessageHandshake::Certificate(contents))) => {
            Some(contents.cert_chain.iter().take(MAX_CHAIN).map(|raw| store.intern(raw.data)).collect())
        }
        _ => None,
    }
}

/// RFC 8446, 4.4.2: a context, then certificates with extensions of their own.
fn certificate_tls13(body: &[u8], store: &mut CertificateStore) -> Option<Chain> {
    let mut reader = Reader::new(body);
    reader.vec8()?;
    let mut list = Reader::new(reader.vec24()?);
    let mut chain = Vec::new();
    while !list.is_empty() && chain.len() < MAX_CHAIN {
        chain.push(store.intern(list.vec24()?));
        list.vec16()?;
    }
    Some(chain.into())
}

/// What a CertificateRequest asks for.
pub(super) fn certificate_request(body: &[u8], version: Version) -> Option<CertificateRequest> {
    let mut reader = Reader::new(body);
    let mut request = CertificateRequest::default();
    if version >= Version::TLS_1_3 {
        // RFC 8446, 4.3.2: a context, then extensions.
        reader.vec8()?;
        let mut extensions = Reader::new(reader.vec16()?);
        while let Some((kind, data)) = next_extension(&mut extensions) {
            let mut data = Reader::new(data);
            match kind {
                extension::SIGNATURE_ALGORITHMS => {
                    request.signature_schemes = numbers(data.vec16()).map(SignatureScheme).collect();
                }
                extension::CERTIFICATE_AUTHORITIES => request.read_authorities(data.vec16()?),
                _ => {}
            }
        }
    } else {
        // RFC 5246, 7.4.4: certificate types, signatures (since 1.2), names.
        reader.vec8()?;
        if version >= Version::TLS_1_2 {
            request.signature_schemes = numbers(Some(reader.vec16()?)).map(SignatureScheme).collect();
        }
        request.read_authorities(reader.vec16()?);
    }
    Some(request)
}

impl CertificateRequest {
    fn read_authorities(&mut self, list: &[u8]) {
        let mut list = Reader::new(list);
        while let Some(name) = list.vec16() {
            self.authority_count += 1;
            if self.authorities.len() < MAX_AUTHORITIES {
                self.authorities.push(distinguished_name_from_der(name));
            }
        }
    }
}

/// The group of a ServerKeyExchange; what it holds depends on the cipher suite (RFC 8422, 5.4; RFC 5246, 7.4.3).
pub(super) fn server_key_exchange(body: &[u8], is_ecdhe: bool, is_dhe: bool) -> ServerKeyExchange {
    let mut reader = Reader::new(body);
    let mut exchange = ServerKeyExchange::default();
    // Curve type 3: a named one.
    if is_ecdhe && reader.u8() == Some(3) {
        exchange.group = reader.u16().map(NamedGroup);
    } else if is_dhe && let Some([first, rest @ ..]) = reader.vec16() {
        let bits = (rest.len() + 1) * 8 - first.leading_zeros() as usize;
        exchange.prime_bits = u32::try_from(bits).ok();
    }
    exchange
}

/// The signature of a CertificateVerify; before TLS 1.2 it does not say how it was made.
pub(super) fn certificate_verify(body: &[u8], version: Version) -> Option<SignatureScheme> {
    (version >= Version::TLS_1_2).then(|| Reader::new(body).u16().map(SignatureScheme)).flatten()
}

/// The lifetime of a ticket in seconds, and the length of the ticket itself in bytes.
pub(super) fn new_session_ticket(body: &[u8], version: Version) -> Option<(u32, u32)> {
    let mut reader = Reader::new(body);
    let lifetime = reader.u32()?;
    if version >= Version::TLS_1_3 {
        // RFC 8446, 4.6.1: age_add and a nonce stand before the ticket; up to draft 20 there was no nonce.
        reader.u32()?;
        if version == Version::TLS_1_3 || version >= Version::TLS_1_3_DRAFT_21 {
            reader.vec8()?;
        }
    }
    let ticket = reader.vec16()?;
    Some((lifetime, u32::try_from(ticket.len()).unwrap_or(u32::MAX)))
}

/// The application protocols in EncryptedExtensions (TLS 1.3): one, or none.
pub(super) fn encrypted_extensions_alpn(body: &[u8]) -> Option<Vec<String>> {
    let mut extensions = Reader::new(Reader::new(body).vec16()?);
    let alpn = std::iter::from_fn(|| next_extension(&mut extensions)).find(|(kind, _)| *kind == extension::ALPN);
    Some(alpn.map(|(_, data)| protocol_names(&mut Reader::new(data))).unwrap_or_default())
}
