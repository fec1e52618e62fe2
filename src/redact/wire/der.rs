//! A certificate, or a part of one, in DER (X.690) with pseudonyms for names, serial numbers, keys and signatures. Structure, dates,
//! algorithms and constraints stay, so that it says the same about everything but whose it is.

use super::edit::fit;
use crate::redact::Pseudonyms;
use crate::redact::pseudonyms::Sort;
use std::net::IpAddr;

/// How deep values are nested in any certificate, and more.
const MAX_DEPTH: u8 = 32;
/// Numbers and bits of so many bytes and less are flags, versions and exponents.
const SHORT: usize = 4;

/// Overwrites the values in `bytes`; false where they are no DER, so that all of them must go.
pub(super) fn redact(bytes: &mut [u8], pseudonyms: &mut Pseudonyms) -> bool {
    is_der(bytes, 0) && {
        walk(bytes, pseudonyms, 0);
        true
    }
}

fn walk(mut bytes: &mut [u8], pseudonyms: &mut Pseudonyms, depth: u8) {
    while let Some((tag, header, len)) = head(bytes) {
        let Some((value, rest)) = bytes.split_at_mut_checked(header + len) else { return };
        if let Some(content) = value.get_mut(header..) {
            self::value(tag, content, pseudonyms, depth);
        }
        bytes = rest;
    }
}

fn value(tag: u8, content: &mut [u8], pseudonyms: &mut Pseudonyms, depth: u8) {
    match tag {
        tag if tag & 0x20 != 0 => walk(content, pseudonyms, depth + 1),
        // INTEGER
        0x02 if content.len() > SHORT => content.copy_from_slice(&pseudonyms.integer(content)),
        // BIT STRING: the unused bits of the last byte, then a key, a signature or flags.
        0x03 if content.len() > SHORT => {
            let Some((_, bits)) = content.split_first_mut() else { return };
            opaque(bits, true, pseudonyms, depth);
        }
        // OCTET STRING: mostly the value of an extension.
        0x04 => opaque(content, false, pseudonyms, depth),
        // UTF8String, PrintableString, TeletexString, IA5String, VisibleString
        0x0c | 0x13 | 0x14 | 0x16 | 0x1a => text(content, Pseudonyms::value, pseudonyms),
        // UniversalString, BMPString; a key identifier: [0].
        0x1c | 0x1e | 0x80 if content.len() > SHORT => content.copy_from_slice(&pseudonyms.bytes(content)),
        // Names of other kinds: rfc822Name [1], uniformResourceIdentifier [6].
        0x81 | 0x86 => text(content, |pseudonyms, text| pseudonyms.text(Sort::Words, text), pseudonyms),
        // dNSName [2]
        0x82 => text(content, Pseudonyms::name, pseudonyms),
        // iPAddress [7]
        0x87 => address(content, pseudonyms),
        _ => {}
    }
}

/// Bytes that hold DER, or are meaningless to anybody; `marked`: their first one says what kind they are.
fn opaque(content: &mut [u8], marked: bool, pseudonyms: &mut Pseudonyms, depth: u8) {
    if is_der(content, depth + 1) {
        return walk(content, pseudonyms, depth + 1);
    }
    let kept = usize::from(marked);
    if let Some(rest) = content.get_mut(kept..).filter(|rest| rest.len() > SHORT) {
        rest.copy_from_slice(&pseudonyms.bytes(rest));
    }
}

fn text(content: &mut [u8], map: impl FnOnce(&mut Pseudonyms, &str) -> String, pseudonyms: &mut Pseudonyms) {
    let pseudonym = map(pseudonyms, &String::from_utf8_lossy(content));
    content.copy_from_slice(&fit(&pseudonym, content.len()));
}

fn address(content: &mut [u8], pseudonyms: &mut Pseudonyms) {
    let original = match *content {
        [a, b, c, d] => IpAddr::from([a, b, c, d]),
        _ => match <[u8; 16]>::try_from(&*content) {
            Ok(bytes) => IpAddr::from(bytes),
            // An address and a mask, in constraints.
            Err(_) => return content.fill(0),
        },
    };
    match pseudonyms.address(original) {
        IpAddr::V4(v4) => content.copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => content.copy_from_slice(&v6.octets()),
    }
}

/// Whether these bytes are values of DER from end to end, down to the last one.
fn is_der(mut bytes: &[u8], depth: u8) -> bool {
    if bytes.is_empty() || depth > MAX_DEPTH {
        return false;
    }
    while !bytes.is_empty() {
        let Some((tag, header, len)) = head(bytes) else { return false };
        let Some(content) = bytes.get(header..header + len) else { return false };
        if tag & 0x20 != 0 && !content.is_empty() && !is_der(content, depth + 1) {
            return false;
        }
        bytes = bytes.get(header + len..).unwrap_or_default();
    }
    true
}

/// The tag, the length of tag and length, and the length of the value.
fn head(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let tag = *bytes.first()?;
    // Tags of several bytes are in no certificate.
    if tag & 0x1f == 0x1f || tag == 0 {
        return None;
    }
    let (header, len) = match *bytes.get(1)? {
        short @ 0..=0x7f => (2, usize::from(short)),
        long @ 0x81..=0x83 => {
            let count = usize::from(long & 0x7f);
            let len = bytes.get(2..2 + count)?.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
            (2 + count, len)
        }
        _ => return None,
    };
    (bytes.len() >= header + len).then_some((tag, header, len))
}
