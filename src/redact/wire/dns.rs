//! A DNS message (RFC 1035, 4.1) with pseudonyms: names label by label, addresses; all other data of records is blanked.

use super::edit::fit;
use crate::redact::Pseudonyms;
use std::net::IpAddr;

/// Records that are looked at; there are no more in one datagram.
const MAX_RECORDS: u16 = 512;
const HEADER: usize = 12;

/// Overwrites the message in place. What cannot be read is blanked from there on.
pub(super) fn rewrite(message: &mut [u8], pseudonyms: &mut Pseudonyms) {
    let mut at = HEADER.min(message.len());
    if records(message, &mut at, pseudonyms).is_none()
        && let Some(rest) = message.get_mut(at..)
    {
        rest.fill(0);
    }
}

fn records(message: &mut [u8], at: &mut usize, pseudonyms: &mut Pseudonyms) -> Option<()> {
    let count = |index: usize| Some(u16::from_be_bytes(*message.get(4 + 2 * index..)?.first_chunk()?));
    let (questions, answers) = (count(0)?, [count(1)?, count(2)?, count(3)?]);
    for _ in 0..questions.min(MAX_RECORDS) {
        name(message, at, pseudonyms)?;
        *at += 4;
    }
    for _ in 0..answers.iter().fold(0_u16, |sum, count| sum.saturating_add(*count)).min(MAX_RECORDS) {
        name(message, at, pseudonyms)?;
        let [kind_high, kind_low, _, _, _, _, _, _, len_high, len_low] = *message.get(*at..)?.first_chunk()?;
        let kind = u16::from_be_bytes([kind_high, kind_low]);
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let data = *at + 10;
        message.get(data..data + len)?;
        *at = data;
        match (kind, len) {
            (1 | 28, 4 | 16) => address(message.get_mut(data..data + len)?, pseudonyms),
            // NS, CNAME, PTR
            (2 | 5 | 12, _) => name(message, at, pseudonyms)?,
            _ => message.get_mut(data..data + len)?.fill(0),
        }
        *at = data + len;
    }
    // Nothing is to follow.
    message.get_mut(*at..)?.fill(0);
    Some(())
}

fn address(bytes: &mut [u8], pseudonyms: &mut Pseudonyms) {
    let original = match *bytes {
        [a, b, c, d] => IpAddr::from([a, b, c, d]),
        _ => match <[u8; 16]>::try_from(&*bytes) {
            Ok(bytes) => IpAddr::from(bytes),
            Err(_) => return,
        },
    };
    match pseudonyms.address(original) {
        IpAddr::V4(v4) => bytes.copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => bytes.copy_from_slice(&v6.octets()),
    }
}

/// Overwrites the labels of a name up to its end, or to a pointer: that leads to labels which were overwritten before.
fn name(message: &mut [u8], at: &mut usize, pseudonyms: &mut Pseudonyms) -> Option<()> {
    let start = *at;
    let mut places = Vec::new();
    let mut text = String::new();
    loop {
        let len = usize::from(*message.get(*at)?);
        if len >= 0xc0 {
            *at += 2;
            break;
        }
        *at += 1;
        if len == 0 {
            break;
        }
        let label = message.get(*at..*at + len).filter(|_| len < 0x40 && *at - start < 256)?;
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&String::from_utf8_lossy(label).replace('.', "-"));
        places.push((*at, len));
        *at += len;
    }
    // The whole name decides which of its labels stay.
    let whole = whole_name(message, start).unwrap_or(text);
    let pseudonym = pseudonyms.name(&whole);
    for ((place, len), label) in places.into_iter().zip(pseudonym.split('.')) {
        message.get_mut(place..place + len)?.copy_from_slice(&fit(label, len));
    }
    Some(())
}

/// A name with the labels that pointers lead to. Those were overwritten already, which changes no label in front of them
/// but by what the end of a name says.
fn whole_name(message: &[u8], mut at: usize) -> Option<String> {
    let mut labels: Vec<String> = Vec::new();
    let mut jumps = 0;
    loop {
        let len = usize::from(*message.get(at)?);
        match len {
            0 => return Some(labels.join(".")),
            0xc0.. => {
                jumps += 1;
                let target = (len & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                if jumps > 16 || target >= at {
                    return None;
                }
                at = target;
            }
            _ => {
                let label = message.get(at + 1..at + 1 + len).filter(|_| labels.len() < 128)?;
                labels.push(String::from_utf8_lossy(label).replace('.', "-"));
                at += 1 + len;
            }
        }
    }
}
