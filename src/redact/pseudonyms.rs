//! Originals in, pseudonyms out: each distinct original gets the next number of its kind. No original can be told from its
//! pseudonym but by its length and, for addresses, its kind.

use crate::diagnosis::Service;
use crate::diagnosis::rules::known_issuers;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Distinct originals that are kept apart; further ones share a pseudonym.
const MAX_ORIGINALS: usize = 1 << 20;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// A part of a host name.
    Label,
    /// A level of a topic.
    Level,
    /// A client id or a user name.
    Id,
    /// A value in the name of a certificate's holder or issuer, or any other words.
    Words,
}

impl Sort {
    const fn word(self) -> &'static str {
        match self {
            Self::Label => "host",
            Self::Level => "level",
            Self::Id => "id",
            Self::Words => "text",
        }
    }
}

/// Top-level domains that stay: they say nothing, and names without them look broken.
const TOP_LEVEL: &[&str] = &[
    "arpa",
    "cloud",
    "cn",
    "com",
    "de",
    "dev",
    "edu",
    "eu",
    "example",
    "gov",
    "home",
    "internal",
    "invalid",
    "io",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "net",
    "org",
    "test",
    "uk",
    "us",
];

/// The pseudonyms that were given so far.
#[derive(Clone, Debug, Default)]
pub struct Pseudonyms {
    addresses: HashMap<IpAddr, IpAddr>,
    /// The next number of each pool of addresses.
    next_address: HashMap<Pool, u32>,
    hardware: HashMap<[u8; 6], u32>,
    texts: HashMap<(Sort, Box<str>), Box<str>>,
    /// The next number of texts of this kind and length.
    next_text: HashMap<(Sort, usize), u64>,
    bytes: HashMap<Box<[u8]>, u32>,
}

/// Where the pseudonyms of addresses come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pool {
    Private4,
    LinkLocal4,
    Public4,
    Private6,
    LinkLocal6,
    Public6,
}

impl Pseudonyms {
    /// For an address.
    pub fn address(&mut self, original: IpAddr) -> IpAddr {
        let Some(pool) = Pool::of(original) else { return original };
        if let Some(known) = self.addresses.get(&original) {
            return *known;
        }
        if self.addresses.len() >= MAX_ORIGINALS {
            return pool.address(0);
        }
        let next = self.next_address.entry(pool).or_insert(0);
        let pseudonym = loop {
            *next += 1;
            let pseudonym = pool.address(*next);
            if pseudonym != original {
                break pseudonym;
            }
        };
        self.addresses.insert(original, pseudonym);
        pseudonym
    }

    /// For the address of a network interface; those of groups stay. The result is locally administered (IEEE 802, 8.4).
    pub fn hardware(&mut self, original: [u8; 6]) -> [u8; 6] {
        if original[0] & 1 == 1 || original == [0; 6] {
            return original;
        }
        let number = number_of(&mut self.hardware, original);
        let [a, b, c, d] = number.to_be_bytes();
        [2, 0, a, b, c, d]
    }

    /// For a host name, or a pattern of such: of the same length.
    pub fn name(&mut self, original: &str) -> String {
        let lower = original.to_ascii_lowercase();
        let labels: Vec<&str> = lower.split('.').collect();
        let last = labels.iter().rposition(|label| !label.is_empty()).unwrap_or(0);
        let of_service = Service::of(original).is_some();
        let map = |(index, label): (usize, &&str)| {
            let stays = of_service && index > 0 || index > 0 && index == last && TOP_LEVEL.contains(label);
            if stays || matches!(*label, "" | "*") { (*label).to_owned() } else { self.text(Sort::Label, label) }
        };
        labels.iter().enumerate().map(map).collect::<Vec<_>>().join(".")
    }

    /// For a topic or a filter of topics: of the same length. Wildcards and the names of the broker's own trees stay.
    pub fn topic(&mut self, original: &str) -> String {
        let map = |level: &str| match level {
            "" | "+" | "#" | "$share" | "$SYS" | "$aws" | "$iothub" => level.to_owned(),
            level => self.text(Sort::Level, level),
        };
        original.split('/').map(map).collect::<Vec<_>>().join("/")
    }

    /// For a value in the name of a certificate's holder: as a host name where it looks like one. Codes of countries stay, and
    /// words by which rules know products and public authorities.
    pub fn value(&mut self, original: &str) -> String {
        let mut pseudonym = match original {
            short if short.len() <= 2 => return short.to_owned(),
            name if name.contains('.') && !name.contains([' ', '/', '@', ',']) => self.name(name),
            words => self.text(Sort::Words, words),
        };
        let lower = original.to_ascii_lowercase();
        for word in known_issuers() {
            if let Some(start) = lower.find(word)
                && let Some(kept) = original.get(start..start + word.len())
                && pseudonym.is_char_boundary(start)
                && pseudonym.is_char_boundary(start + word.len())
            {
                pseudonym.replace_range(start..start + word.len(), kept);
            }
        }
        pseudonym
    }

    /// For a distinguished name, as `C=SE, O=Example, CN=broker`.
    pub fn distinguished_name(&mut self, original: &str) -> String {
        let map = |part: &str| match part.split_once('=') {
            Some((kind, value)) => format!("{kind}={}", self.value(value)),
            None => self.value(part),
        };
        original.split(", ").map(map).collect::<Vec<_>>().join(", ")
    }

    /// For any text: of as many bytes.
    pub fn text(&mut self, sort: Sort, original: &str) -> String {
        if original.is_empty() {
            return String::new();
        }
        let key = (sort, Box::from(original));
        if let Some(known) = self.texts.get(&key) {
            return known.to_string();
        }
        if self.texts.len() >= MAX_ORIGINALS {
            return rendered(sort, 0, original.len());
        }
        let next = self.next_text.entry((sort, original.len())).or_insert(0);
        *next += 1;
        let mut pseudonym = rendered(sort, *next, original.len());
        if pseudonym == original {
            *next += 1;
            pseudonym = rendered(sort, *next, original.len());
        }
        self.texts.insert(key, Box::from(pseudonym.as_str()));
        pseudonym
    }

    /// For bytes that identify something, such as a serial number or a key: as many others.
    pub fn bytes(&mut self, original: &[u8]) -> Vec<u8> {
        let number = if self.bytes.len() >= MAX_ORIGINALS && !self.bytes.contains_key(original) {
            0
        } else {
            number_of(&mut self.bytes, Box::from(original))
        };
        scattered(number, original.len())
    }

    /// For a number, such as a serial number or an RSA modulus, big end first: of as many bits.
    pub fn integer(&mut self, original: &[u8]) -> Vec<u8> {
        let mut pseudonym = self.bytes(original);
        if let (Some(first), Some(own)) = (pseudonym.first_mut(), original.first()) {
            *first = *own;
        }
        if let (Some(0), Some(second)) = (original.first(), pseudonym.get_mut(1)) {
            *second |= 0x80;
        }
        pseudonym
    }

    /// For a number that is written in hex.
    pub fn serial(&mut self, original: &str) -> String {
        match unhex(original) {
            Some(bytes) => hex(&self.integer(&bytes)),
            None => self.text(Sort::Words, original),
        }
    }

    /// For bytes that are written in hex.
    pub fn hex(&mut self, original: &str) -> String {
        match unhex(original) {
            Some(bytes) => hex(&self.bytes(&bytes)),
            None => self.text(Sort::Words, original),
        }
    }
}

impl Pool {
    /// None: the address says nothing.
    fn of(address: IpAddr) -> Option<Self> {
        Some(match address {
            IpAddr::V4(v4) if v4.is_loopback() || v4.is_multicast() || v4.is_unspecified() || v4.is_broadcast() => {
                return None;
            }
            IpAddr::V4(v4) if v4.is_link_local() => Self::LinkLocal4,
            // Those of carriers as well (RFC 6598).
            IpAddr::V4(v4) if v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64) => {
                Self::Private4
            }
            IpAddr::V4(_) => Self::Public4,
            IpAddr::V6(v6) if v6.is_loopback() || v6.is_multicast() || v6.is_unspecified() => return None,
            IpAddr::V6(v6) if v6.is_unicast_link_local() => Self::LinkLocal6,
            IpAddr::V6(v6) if v6.is_unique_local() => Self::Private6,
            IpAddr::V6(_) => Self::Public6,
        })
    }

    fn address(self, number: u32) -> IpAddr {
        let v4 = |base: u32| IpAddr::V4(Ipv4Addr::from_bits(base.wrapping_add(number)));
        let v6 = |base: u128| IpAddr::V6(Ipv6Addr::from_bits(base + u128::from(number)));
        match self {
            Self::Private4 => v4(0x0a00_0000),
            Self::LinkLocal4 => v4(0xa9fe_0100 - 1),
            // 198.51.100.0/24 (RFC 5737), 203.0.113.0/24, then 198.18.0.0/15 (RFC 2544) and 240.0.0.0/4 (RFC 1112).
            Self::Public4 => match number {
                0..=254 => v4(0xc633_6400),
                255..=508 => v4(0xcb00_7100 - 254),
                509..=131_000 => v4(0xc612_0000 - 508),
                _ => v4(0xf000_0000 - 131_000),
            },
            Self::Private6 => v6(0xfd00 << 112),
            Self::LinkLocal6 => v6(0xfe80 << 112),
            // RFC 3849.
            Self::Public6 => v6(0x2001_0db8 << 96),
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let is_even = text.len().is_multiple_of(2);
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    bytes.collect::<Option<_>>().filter(|_| is_even)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn number_of<K: std::hash::Hash + Eq>(known: &mut HashMap<K, u32>, original: K) -> u32 {
    let next = u32::try_from(known.len()).unwrap_or(u32::MAX).saturating_add(1);
    *known.entry(original).or_insert(next)
}

/// `host-00012`: the word of its kind and a number, as long as is asked for.
fn rendered(sort: Sort, number: u64, len: usize) -> String {
    let digits = number.to_string();
    let word = sort.word();
    match len.checked_sub(digits.len()) {
        None => digits.get(digits.len() - len..).unwrap_or_default().to_owned(),
        Some(room) if room <= word.len() => format!("{}{digits}", word.get(..room).unwrap_or_default()),
        Some(room) => format!("{word}-{}{digits}", "0".repeat(room - word.len() - 1)),
    }
}

/// Bytes that look like nothing, from a number.
fn scattered(number: u32, len: usize) -> Vec<u8> {
    let mut state = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..len)
        .map(|_| {
            // SplitMix64: even, and quick.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 56) as u8
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(pseudonyms: &mut Pseudonyms, text: &str) -> String {
        pseudonyms.address(text.parse().unwrap()).to_string()
    }

    #[test]
    fn an_address_keeps_its_kind_and_nothing_else() {
        let mut pseudonyms = Pseudonyms::default();
        let mut of = |text: &str| address(&mut pseudonyms, text);
        assert_eq!(of("192.168.178.20"), "10.0.0.1");
        assert_eq!(of("10.0.0.1"), "10.0.0.2");
        assert_eq!(of("100.64.3.2"), "10.0.0.3");
        assert_eq!(of("8.8.8.8"), "198.51.100.1");
        assert_eq!(of("192.0.2.20"), "198.51.100.2");
        assert_eq!(of("192.168.178.20"), "10.0.0.1", "the same again");
        assert_eq!(of("127.0.0.1"), "127.0.0.1");
        assert_eq!(of("169.254.7.7"), "169.254.1.0");
        assert_eq!(of("2a00:1450::1"), "2001:db8::1");
        assert_eq!(of("fd12:3456::1"), "fd00::1");
        assert_eq!(of("fe80::1234"), "fe80::1");
    }

    #[test]
    fn no_two_addresses_share_a_pseudonym() {
        let mut pseudonyms = Pseudonyms::default();
        let all: std::collections::HashSet<_> = (0..140_000_u32)
            .map(|number| pseudonyms.address(Ipv4Addr::from_bits(0x0808_0000 + number).into()))
            .collect();
        assert_eq!(all.len(), 140_000);
        assert!(all.iter().all(|address| Pool::of(*address) == Some(Pool::Public4)));
    }

    #[test]
    fn a_name_keeps_its_shape_and_what_it_shares() {
        let mut pseudonyms = Pseudonyms::default();
        assert_eq!(pseudonyms.name("broker.factory.example"), "host-1.host-01.example");
        assert_eq!(pseudonyms.name("*.Factory.example"), "*.host-01.example");
        assert_eq!(pseudonyms.name("backup.factory.example."), "host-2.host-01.example.");
        assert_eq!(
            pseudonyms.name("a1b2c3-ats.iot.eu-central-1.amazonaws.com"),
            "host-00001.iot.eu-central-1.amazonaws.com"
        );
        assert_eq!(pseudonyms.name("x"), "1");
    }

    #[test]
    fn texts_have_the_length_of_their_originals() {
        let mut pseudonyms = Pseudonyms::default();
        for original in ["a", "ab", "abc", "dev-17", "zähler", "a much longer client id than any number needs"] {
            let pseudonym = pseudonyms.text(Sort::Id, original);
            assert_eq!(pseudonym.len(), original.len());
            assert_ne!(pseudonym, original);
            assert_eq!(pseudonyms.text(Sort::Id, original), pseudonym);
        }
        assert_eq!(pseudonyms.topic("plant/7/+/#"), "level/1/+/#".replace("level", "leve1"));
        assert_eq!(pseudonyms.topic("$aws/things/x"), "$aws/level1/2");
        assert_eq!(pseudonyms.distinguished_name("C=SE, O=Example Ltd, CN=a.b.example").len(), 35);
        assert_eq!(pseudonyms.value("Example TLS Inspection CA"), "text-000TLS Inspection001");
        assert_eq!(pseudonyms.hex("0badcafe").len(), 8);
    }
}
