//! Sentences with originals in them in, the same sentences with pseudonyms out. Known originals are replaced where they stand
//! as words, the longest first; addresses wherever there is one.

use super::pseudonyms::Pseudonyms;
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};

/// The originals that the sentences of one connection may hold, each with its pseudonym.
#[derive(Clone, Debug, Default)]
pub(super) struct Dictionary {
    /// By their first character, the longest first.
    entries: BTreeMap<char, Vec<(String, String)>>,
}

impl Dictionary {
    pub(super) fn new(mut entries: Vec<(String, String)>) -> Self {
        // Sentences quote what is odd in an original.
        let known: HashSet<&String> = entries.iter().map(|(original, _)| original).collect();
        let quoted: Vec<_> = entries
            .iter()
            .map(|(original, pseudonym)| (original.escape_debug().to_string(), pseudonym.clone()))
            .filter(|(quoted, _)| !known.contains(quoted))
            .collect();
        entries.extend(quoted);
        entries.retain(|(original, pseudonym)| !original.is_empty() && original != pseudonym);
        entries.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        entries.dedup();
        let mut by_first: BTreeMap<char, Vec<_>> = BTreeMap::new();
        for entry in entries {
            let Some(first) = entry.0.chars().next() else { continue };
            by_first.entry(first).or_default().push(entry);
        }
        Self { entries: by_first }
    }

    /// The text with pseudonyms.
    pub(super) fn redact(&self, text: &str, pseudonyms: &mut Pseudonyms) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut plain_from = 0;
        let mut at = 0;
        while let Some(rest) = text.get(at..) {
            let Some(first) = rest.chars().next() else { break };
            let here = self.entries.get(&first);
            let found = here.and_then(|here| here.iter().find(|(original, _)| stands_at(text, at, original)));
            if let Some((original, pseudonym)) = found {
                addresses(text.get(plain_from..at).unwrap_or_default(), pseudonyms, &mut redacted);
                redacted.push_str(pseudonym);
                at += original.len();
                plain_from = at;
            } else {
                at += first.len_utf8();
            }
        }
        addresses(text.get(plain_from..).unwrap_or_default(), pseudonyms, &mut redacted);
        redacted
    }
}

/// Whether this original stands here, and not within a longer word.
fn stands_at(text: &str, at: usize, original: &str) -> bool {
    if !text.get(at..).is_some_and(|rest| rest.starts_with(original)) {
        return false;
    }
    let before = text.get(..at).and_then(|before| before.chars().next_back());
    let after = text.get(at + original.len()..).and_then(|after| after.chars().next());
    let joins = |inner: Option<char>, outer: Option<char>| {
        inner.zip(outer).is_some_and(|(inner, outer)| inner.is_alphanumeric() && outer.is_alphanumeric())
    };
    !joins(original.chars().next(), before) && !joins(original.chars().next_back(), after)
}

/// Copies a text and replaces the addresses in it.
fn addresses(text: &str, pseudonyms: &mut Pseudonyms, redacted: &mut String) {
    let is_part = |character: char| character.is_ascii_hexdigit() || matches!(character, ':' | '.');
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        redacted.push_str(before);
        let end = from.find(|character| !is_part(character)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        match address(word, pseudonyms) {
            Some(replaced) => redacted.push_str(&replaced),
            None => redacted.push_str(word),
        }
        rest = after;
    }
    redacted.push_str(rest);
}

/// An address, perhaps with a port, perhaps at the end of a sentence.
fn address(word: &str, pseudonyms: &mut Pseudonyms) -> Option<String> {
    let core = word.trim_end_matches([':', '.']);
    // `::` may end an address.
    for candidate in [word, core] {
        let tail = word.get(candidate.len()..).unwrap_or_default();
        if let Ok(address) = candidate.parse::<IpAddr>() {
            return Some(format!("{}{tail}", pseudonyms.address(address)));
        }
        if let Ok(end) = candidate.parse::<SocketAddr>() {
            return Some(format!("{}{tail}", SocketAddr::new(pseudonyms.address(end.ip()), end.port())));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(entries: &[(&str, &str)], text: &str) -> String {
        let entries = entries.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Dictionary::new(entries).redact(text, &mut Pseudonyms::default())
    }

    #[test]
    fn originals_are_replaced_as_words_the_longest_first() {
        let entries = [("dev", "id1"), ("dev-7", "id-01"), ("a\"b", "id2")];
        assert_eq!(redact(&entries, "dev-7 is a device, dev is not"), "id-01 is a device, id1 is not");
        assert_eq!(redact(&entries, r#"the client id is "a\"b""#), r#"the client id is "id2""#);
        assert_eq!(redact(&[("zähler", "level-1")], "topic zähler, QoS 0"), "topic level-1, QoS 0");
    }

    #[test]
    fn addresses_are_replaced_wherever_they_are() {
        assert_eq!(redact(&[], "192.0.2.10:40000 → 192.0.2.20."), "198.51.100.1:40000 → 198.51.100.2.");
        assert_eq!(redact(&[], "[2a00::1]:8883, via fe80::9"), "[2001:db8::1]:8883, via fe80::1");
        assert_eq!(redact(&[], "ip.addr==192.0.2.10 && tcp.port==1"), "ip.addr==198.51.100.1 && tcp.port==1");
        assert_eq!(redact(&[], "at 12:34:56.789, MQTT 3.1.1, a dead beef"), "at 12:34:56.789, MQTT 3.1.1, a dead beef");
    }
}
