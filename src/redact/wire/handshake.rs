//! Messages of the TLS handshake in clear: which of their bytes are to be overwritten. A whole message comes in, edits with
//! places in it go out (RFC 8446, 4; RFC 5246, 7.4).

use super::der;
use super::edit::{Edit, fit};
use crate::redact::Pseudonyms;
use crate::tls::HandshakeType;

/// The type and the length of a message.
pub(super) const HEAD: usize = 4;

/// What is to be overwritten in a message, header included.
pub(super) fn edits(message: &[u8], pseudonyms: &mut Pseudonyms) -> Vec<Edit> {
    let kind = message.first().copied().map_or(HandshakeType(0), HandshakeType);
    let found = match kind {
        HandshakeType::CLIENT_HELLO => client_hello(message, pseudonyms),
        HandshakeType::CERTIFICATE => Some(certificates(message, pseudonyms)),
        HandshakeType::CERTIFICATE_REQUEST => certificate_request(message, pseudonyms),
        // An OCSP response: names of the responder, its certificates, serial numbers.
        HandshakeType::CERTIFICATE_STATUS => message.get(HEAD + 4..).map(|der| vec![der_at(HEAD + 4, der, pseudonyms)]),
        _ => Some(Vec::new()),
    };
    // What cannot be read may hold anything.
    found.unwrap_or_else(|| vec![Edit::fill(HEAD as u64, message.len().saturating_sub(HEAD) as u64, 0)])
}

/// The names in the server_name extension (RFC 6066, 3).
fn client_hello(message: &[u8], pseudonyms: &mut Pseudonyms) -> Option<Vec<Edit>> {
    // Version and random.
    let mut at = HEAD + 2 + 32;
    at += 1 + usize::from(*message.get(at)?); // session id
    at += 2 + u16_at(message, at)?; // cipher suites
    at += 1 + usize::from(*message.get(at)?); // compression methods
    let mut edits = Vec::new();
    if at >= message.len() {
        return Some(edits);
    }
    let end = (at + 2 + u16_at(message, at)?).min(message.len());
    at += 2;
    while at < end {
        let (kind, len) = (u16_at(message, at)?, u16_at(message, at + 2)?);
        if kind == 0 {
            server_names(message, at + 4, len, pseudonyms, &mut edits)?;
        }
        at += 4 + len;
    }
    Some(edits)
}

fn server_names(
    message: &[u8],
    start: usize,
    len: usize,
    pseudonyms: &mut Pseudonyms,
    edits: &mut Vec<Edit>,
) -> Option<()> {
    let mut at = start + 2;
    while at < start + len {
        let name_len = u16_at(message, at + 1)?;
        let name = message.get(at + 3..at + 3 + name_len)?;
        let pseudonym = pseudonyms.name(&String::from_utf8_lossy(name));
        edits.push(Edit::bytes((at + 3) as u64, fit(&pseudonym, name_len)));
        at += 3 + name_len;
    }
    Some(())
}

/// Each certificate of a chain.
fn certificates(message: &[u8], pseudonyms: &mut Pseudonyms) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut at = HEAD + 3;
    while let Some(len) = u24_at(message, at) {
        let Some(der) = message.get(at + 3..at + 3 + len) else {
            edits.push(Edit::fill(at as u64, (message.len() - at) as u64, 0));
            break;
        };
        edits.push(der_at(at + 3, der, pseudonyms));
        at += 3 + len;
    }
    edits
}

/// The names of the accepted authorities; before TLS 1.2 there are no signature algorithms in front of them.
fn certificate_request(message: &[u8], pseudonyms: &mut Pseudonyms) -> Option<Vec<Edit>> {
    let types = HEAD + 1 + usize::from(*message.get(HEAD)?);
    let behind_algorithms = u16_at(message, types).map(|len| types + 2 + len);
    let fits = |at: usize| u16_at(message, at).is_some_and(|len| at + 2 + len == message.len());
    let list = behind_algorithms.filter(|at| fits(*at)).or(Some(types).filter(|at| fits(*at)))?;
    let mut edits = Vec::new();
    let mut at = list + 2;
    while at < message.len() {
        let len = u16_at(message, at)?;
        edits.push(der_at(at + 2, message.get(at + 2..at + 2 + len)?, pseudonyms));
        at += 2 + len;
    }
    Some(edits)
}

fn der_at(at: usize, der: &[u8], pseudonyms: &mut Pseudonyms) -> Edit {
    let mut redacted = der.to_vec();
    if !der::redact(&mut redacted, pseudonyms) {
        redacted.fill(0);
    }
    Edit::bytes(at as u64, redacted)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn u24_at(bytes: &[u8], at: usize) -> Option<usize> {
    let [high, middle, low] = *bytes.get(at..)?.first_chunk()?;
    Some(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
}
