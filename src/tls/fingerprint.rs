//! Fingerprints of a ClientHello: which TLS library the client uses, whatever it says about itself.
//!
//! JA3 (Salesforce, 2017: decimal numbers in their order) and JA4 (FoxIO, 2023: sorted, so that a library that shuffles its
//! extensions stays the same). The fields of a hello come in, text goes out; placeholders (GREASE) are left out of both.

use super::bytes::{Reader, u16_list};
use super::codes::{Version, is_grease};
use super::hello::{extension, next_extension};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The JA3 string and its MD5 in hex: `version,ciphers,extensions,groups,point formats`.
pub fn ja3(legacy_version: u16, ciphers: &[u16], extensions: &[u8]) -> (String, String) {
    let extensions = parse(extensions);
    let types = extensions.iter().map(|(kind, _)| *kind);
    let groups = find(&extensions, extension::SUPPORTED_GROUPS).and_then(|data| Reader::new(data).vec16());
    let formats = find(&extensions, extension::EC_POINT_FORMATS).and_then(|data| Reader::new(data).vec8());
    let text = format!(
        "{legacy_version},{},{},{},{}",
        joined(ciphers.iter().copied()),
        joined(types),
        joined(u16_list(groups.unwrap_or_default())),
        joined(formats.unwrap_or_default().iter().copied().map(u16::from)),
    );
    let digest = hex(&Md5::digest(text.as_bytes()));
    (text, digest)
}

/// The JA4 fingerprint over TCP: `t13d1516h2_8daaf6152771_b186095e22b6`.
pub fn ja4(legacy_version: u16, ciphers: &[u16], extensions: &[u8]) -> String {
    let extensions: Vec<_> = parse(extensions).into_iter().filter(|(kind, _)| !is_grease(*kind)).collect();
    let mut ciphers: Vec<u16> = ciphers.iter().copied().filter(|cipher| !is_grease(*cipher)).collect();
    ciphers.sort_unstable();
    let mut sorted: Vec<u16> = extensions
        .iter()
        .map(|(kind, _)| *kind)
        .filter(|kind| ![extension::SERVER_NAME, extension::ALPN].contains(kind))
        .collect();
    sorted.sort_unstable();
    let signatures = find(&extensions, extension::SIGNATURE_ALGORITHMS).and_then(|data| Reader::new(data).vec16());
    let signatures: Vec<u16> = u16_list(signatures.unwrap_or_default()).filter(|scheme| !is_grease(*scheme)).collect();
    let mut third = hex_list(&sorted);
    if !signatures.is_empty() {
        third = format!("{third}_{}", hex_list(&signatures));
    }
    format!(
        "t{}{}{:02}{:02}{}_{}_{}",
        version_code(legacy_version, &extensions),
        if find(&extensions, extension::SERVER_NAME).is_some() { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99),
        protocol_code(&extensions),
        truncated_hash(&hex_list(&ciphers), ciphers.is_empty()),
        truncated_hash(&third, sorted.is_empty()),
    )
}

type Extensions<'a> = [(u16, &'a [u8])];

fn parse(extensions: &[u8]) -> Vec<(u16, &[u8])> {
    let mut reader = Reader::new(extensions);
    std::iter::from_fn(|| next_extension(&mut reader)).collect()
}

fn find<'a>(extensions: &Extensions<'a>, wanted: u16) -> Option<&'a [u8]> {
    extensions.iter().find(|(kind, _)| *kind == wanted).map(|(_, data)| *data)
}

fn version_code(legacy_version: u16, extensions: &Extensions<'_>) -> &'static str {
    let offered = find(extensions, extension::SUPPORTED_VERSIONS).and_then(|data| Reader::new(data).vec8());
    let best = u16_list(offered.unwrap_or_default()).filter(|version| !is_grease(*version)).max();
    match Version(best.unwrap_or(legacy_version)) {
        Version::TLS_1_3 => "13",
        Version::TLS_1_2 => "12",
        Version::TLS_1_1 => "11",
        Version::TLS_1_0 => "10",
        Version::SSL_3_0 => "s3",
        Version::SSL_2_0 => "s2",
        _ => "00",
    }
}

/// The first and the last character of the first application protocol; of its hex form where they are no letters or digits.
fn protocol_code(extensions: &Extensions<'_>) -> String {
    let list = find(extensions, extension::ALPN).and_then(|data| Reader::new(data).vec16());
    let first = list.and_then(|list| Reader::new(list).vec8()).unwrap_or_default();
    let (Some(begin), Some(end)) = (first.first().copied(), first.last().copied()) else { return "00".to_owned() };
    if begin.is_ascii_alphanumeric() && end.is_ascii_alphanumeric() {
        format!("{}{}", char::from(begin), char::from(end))
    } else {
        format!("{:x}{:x}", begin >> 4, end & 0x0f)
    }
}

fn truncated_hash(text: &str, is_empty: bool) -> String {
    if is_empty { "0".repeat(12) } else { hex(Sha256::digest(text.as_bytes()).get(..6).unwrap_or_default()) }
}

fn joined(values: impl Iterator<Item = u16>) -> String {
    let mut text = String::new();
    for value in values.filter(|value| !is_grease(*value)) {
        let separator = if text.is_empty() { "" } else { "-" };
        let _ = write!(text, "{separator}{value}");
    }
    text
}

fn hex_list(values: &[u16]) -> String {
    values.iter().map(|value| format!("{value:04x}")).collect::<Vec<_>>().join(",")
}

/// Bytes in plain lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
