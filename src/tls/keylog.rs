//! The NSS key log: the secrets that SSLKEYLOGFILE, or a decryption secrets block in a capture, gives away.
//!
//! Text comes in, whole or in pieces as a file grows; secrets by client random or session id come out. A line that makes no
//! sense is counted, never an error. Nothing here reads a file, and no secret is ever printed: `Debug` shows lengths, and
//! memory is wiped when a secret is dropped.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;
use zeroize::{Zeroize, Zeroizing};

use crate::net::{PerSide, Side};

/// More than any line that means something: the longest is below 200 bytes.
const MAX_LINE: usize = 512;

/// The master secret of TLS 1.2 and before is always this long (RFC 5246, 8.1).
pub const MASTER_SECRET_LEN: usize = 48;

/// The secrets of many connections. Holds at most a fixed number of them; the oldest go first, and are counted.
pub struct KeyLog {
    /// In boxes: a growing table would leave copies of what it moves behind.
    secrets: HashMap<Name, Box<Secrets>>,
    /// In the order of their arrival; each name once.
    order: VecDeque<Name>,
    limit: usize,
    evicted: u64,
    evicted_used: u64,
    tail: Tail,
}

impl KeyLog {
    /// The number of connections whose secrets [`KeyLog::new`] holds: about 30 MB.
    pub const DEFAULT_LIMIT: usize = 65_536;

    /// An empty log that holds the secrets of [`KeyLog::DEFAULT_LIMIT`] connections.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(Self::DEFAULT_LIMIT)
    }

    /// An empty log that holds the secrets of so many connections (at least one).
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            secrets: HashMap::new(),
            order: VecDeque::new(),
            limit: limit.max(1),
            evicted: 0,
            evicted_used: 0,
            tail: Tail::default(),
        }
    }

    /// The next piece of a log that may still grow. An unfinished last line waits for its rest, or for [`KeyLog::finish`].
    pub fn add_text(&mut self, text: &[u8]) -> Added {
        let mut added = Added::default();
        let mut pieces = text.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let ended = pieces.peek().is_some();
            if !ended {
                self.tail.extend(piece);
            } else if self.tail.is_empty() {
                self.add_line(piece, &mut added);
            } else {
                self.tail.extend(piece);
                self.end_tail(&mut added);
            }
        }
        added
    }

    /// The log has ended: its last line counts even without a line feed.
    pub fn finish(&mut self) -> Added {
        let mut added = Added::default();
        if !self.tail.is_empty() {
            self.end_tail(&mut added);
        }
        added
    }

    /// A text that is complete in itself, such as a capture's decryption secrets block. Does not touch the unfinished line
    /// of [`KeyLog::add_text`].
    pub fn add_block(&mut self, text: &[u8]) -> Added {
        let mut added = Added::default();
        for line in text.split(|byte| *byte == b'\n') {
            self.add_line(line, &mut added);
        }
        added
    }

    /// The secrets of the connection whose ClientHello carries this random.
    pub fn lookup(&self, client_random: &[u8; 32]) -> Option<&Secrets> {
        self.secrets.get(&Name::Random(*client_random)).map(|secrets| &**secrets)
    }

    /// The master secret of a TLS 1.2 session by its id, from the `RSA Session-ID:` lines of OpenSSL's session printouts.
    pub fn lookup_session(&self, session_id: &[u8]) -> Option<&Secrets> {
        self.secrets.get(&Name::session(session_id)?).map(|secrets| &**secrets)
    }

    /// How many connections and sessions have secrets here.
    pub fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// How many were dropped to make room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many of all that were ever here decrypted something ([`Secrets::mark_used`]).
    pub fn used(&self) -> u64 {
        self.secrets.values().map(|secrets| u64::from(secrets.is_used())).sum::<u64>() + self.evicted_used
    }

    /// Takes over which secrets decrypted something elsewhere, by a log of the same content.
    pub fn join_used(&mut self, other: &Self) {
        for (name, secrets) in &other.secrets {
            if secrets.is_used()
                && let Some(own) = self.secrets.get(name)
            {
                own.mark_used();
            }
        }
        self.evicted_used += other.evicted_used;
    }

    /// The secrets that were used, as a key log again, in the order of their arrival: for a decryption secrets block.
    pub fn used_text(&self) -> Zeroizing<String> {
        let used = self.order.iter().filter_map(|name| Some((name, self.secrets.get(name)?)));
        let mut text = Zeroizing::new(String::new());
        for (name, secrets) in used.filter(|(_, secrets)| secrets.is_used()) {
            secrets.write(name, &mut text);
        }
        text
    }

    fn end_tail(&mut self, added: &mut Added) {
        let tail = std::mem::take(&mut self.tail);
        if tail.too_long {
            added.malformed += 1;
        } else {
            self.add_line(&tail.line, added);
        }
    }

    fn add_line(&mut self, line: &[u8], added: &mut Added) {
        let (name, slot, secret) = match parse_line(line) {
            Line::Nothing => return,
            Line::Other => return added.ignored += 1,
            Line::Malformed => return added.malformed += 1,
            Line::Secret(name, slot, secret) => (name, slot, secret),
        };
        if !self.secrets.contains_key(&name) {
            self.make_room();
            self.order.push_back(name);
        }
        let place = self.secrets.entry(name).or_default().slot(slot);
        if place.as_ref() == Some(&secret) {
            added.repeated += 1;
        } else {
            // A client that is run again with a fixed random overwrites: the later one is the one in use.
            *place = Some(secret);
            added.secrets += 1;
        }
    }

    fn make_room(&mut self) {
        while self.order.len() >= self.limit {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(secrets) = self.secrets.remove(&oldest) {
                self.evicted += 1;
                self.evicted_used += u64::from(secrets.is_used());
            }
        }
    }
}

impl Default for KeyLog {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLog").field("len", &self.len()).field("evicted", &self.evicted).finish_non_exhaustive()
    }
}

/// What a piece of text brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// New secrets.
    pub secrets: u64,
    /// Secrets that were known already: both ends wrote into one file.
    pub repeated: u64,
    /// Lines with labels that decryption does not need, such as EXPORTER_SECRET.
    pub ignored: u64,
    /// Lines that are no key log.
    pub malformed: u64,
}

/// The secrets of one connection: a master secret (TLS 1.2 and before) or traffic secrets (TLS 1.3).
#[derive(Debug, Default)]
pub struct Secrets {
    master: Option<Secret>,
    early: Option<Secret>,
    handshake: PerSide<Option<Secret>>,
    application: PerSide<Option<Secret>>,
    used: AtomicBool,
}

impl Secrets {
    /// The master secret.
    pub fn master(&self) -> Option<&[u8; MASTER_SECRET_LEN]> {
        self.master.as_ref().map(|secret| &secret.bytes)
    }

    /// The client's traffic secret for 0-RTT data.
    pub fn early(&self) -> Option<&Secret> {
        self.early.as_ref()
    }

    /// A side's traffic secret for its part of the handshake.
    pub fn handshake(&self, side: Side) -> Option<&Secret> {
        self.handshake[side].as_ref()
    }

    /// A side's first traffic secret for application data.
    pub fn application(&self, side: Side) -> Option<&Secret> {
        self.application[side].as_ref()
    }

    /// Remembers that these decrypted something. Takes a shared reference so that threads can share a log.
    pub fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Whether these decrypted something.
    pub fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    fn slot(&mut self, slot: Slot) -> &mut Option<Secret> {
        match slot {
            Slot::Master => &mut self.master,
            Slot::Early => &mut self.early,
            Slot::Handshake(side) => &mut self.handshake[side],
            Slot::Application(side) => &mut self.application[side],
        }
    }

    fn get(&self, slot: Slot) -> Option<&Secret> {
        match slot {
            Slot::Master => self.master.as_ref(),
            Slot::Early => self.early.as_ref(),
            Slot::Handshake(side) => self.handshake[side].as_ref(),
            Slot::Application(side) => self.application[side].as_ref(),
        }
    }

    fn write(&self, name: &Name, text: &mut String) {
        match name {
            Name::Random(random) => {
                for (label, slot) in LABELS {
                    if let Some(secret) = self.get(slot) {
                        text.push_str(label);
                        text.push(' ');
                        push_hex(random, text);
                        text.push(' ');
                        push_hex(secret.as_bytes(), text);
                        text.push('\n');
                    }
                }
            }
            Name::Session(id) => {
                if let Some(secret) = &self.master {
                    text.push_str("RSA Session-ID:");
                    push_hex(id.as_bytes(), text);
                    text.push_str(" Master-Key:");
                    push_hex(secret.as_bytes(), text);
                    text.push('\n');
                }
            }
        }
    }
}

/// A secret of 32 or 48 bytes; wiped when dropped, never printed.
#[derive(PartialEq, Eq)]
pub struct Secret {
    bytes: [u8; 48],
    len: u8,
}

impl Secret {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.len)
    }
}

/// By what a connection's secrets are found.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Name {
    Random([u8; 32]),
    Session(SessionId),
}

impl Name {
    fn session(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; 32];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        (!id.is_empty()).then_some(Self::Session(SessionId { bytes, len: id.len() }))
    }
}

/// A session id of 1 to 32 bytes (RFC 5246, 7.4.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SessionId {
    bytes: [u8; 32],
    len: usize,
}

impl SessionId {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Which of a connection's secrets a line holds.
#[derive(Clone, Copy)]
enum Slot {
    Master,
    Early,
    Handshake(Side),
    Application(Side),
}

/// The labels that decryption needs (RFC 9850, 2).
const LABELS: [(&str, Slot); 6] = [
    ("CLIENT_RANDOM", Slot::Master),
    ("CLIENT_EARLY_TRAFFIC_SECRET", Slot::Early),
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", Slot::Handshake(Side::Client)),
    ("SERVER_HANDSHAKE_TRAFFIC_SECRET", Slot::Handshake(Side::Server)),
    ("CLIENT_TRAFFIC_SECRET_0", Slot::Application(Side::Client)),
    ("SERVER_TRAFFIC_SECRET_0", Slot::Application(Side::Server)),
];

/// An unfinished last line.
#[derive(Default)]
struct Tail {
    line: Zeroizing<Vec<u8>>,
    too_long: bool,
}

impl Tail {
    fn is_empty(&self) -> bool {
        self.line.is_empty() && !self.too_long
    }

    fn extend(&mut self, piece: &[u8]) {
        if self.line.len() + piece.len() > MAX_LINE {
            self.too_long = true;
            self.line.zeroize();
        }
        if !self.too_long && !piece.is_empty() {
            // Room for any line at once: growing would leave copies of a secret behind.
            let room = MAX_LINE - self.line.len();
            self.line.reserve_exact(room);
            self.line.extend_from_slice(piece);
        }
    }
}

/// What a line says.
enum Line {
    /// Nothing: empty, or a comment.
    Nothing,
    /// A secret that decryption needs.
    Secret(Name, Slot, Secret),
    /// A key log line of another kind.
    Other,
    /// No key log line.
    Malformed,
}

fn parse_line(line: &[u8]) -> Line {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Line::Nothing;
    }
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(b"RSA"), Some(id), Some(key), None) => parse_rsa(id, key),
        (Some(label), Some(random), Some(secret), None) => parse_labelled(label, random, secret),
        _ => Line::Malformed,
    }
}

/// `RSA Session-ID:… Master-Key:…`; also the old `RSA <8 bytes> <premaster secret>`, which names no connection that
/// can be found without the ClientKeyExchange and is ignored.
fn parse_rsa(id: &[u8], key: &[u8]) -> Line {
    let Some((id, key)) = id.strip_prefix(b"Session-ID:").zip(key.strip_prefix(b"Master-Key:")) else {
        return if is_hex(id) && is_hex(key) { Line::Other } else { Line::Malformed };
    };
    let mut bytes = [0; 32];
    let name = decode_hex(id, &mut bytes).and_then(|len| Name::session(bytes.get(..len)?));
    match name.zip(secret(key, &[MASTER_SECRET_LEN])) {
        Some((name, secret)) => Line::Secret(name, Slot::Master, secret),
        None => Line::Malformed,
    }
}

fn parse_labelled(label: &[u8], random: &[u8], value: &[u8]) -> Line {
    let Some((_, slot)) = LABELS.iter().find(|(name, _)| name.as_bytes() == label) else {
        let looks_right = label.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
        return if looks_right && is_hex(random) && is_hex(value) { Line::Other } else { Line::Malformed };
    };
    let lengths: &[usize] = if matches!(slot, Slot::Master) { &[MASTER_SECRET_LEN] } else { &[32, 48] };
    let mut client_random = [0; 32];
    match (decode_hex(random, &mut client_random), secret(value, lengths)) {
        (Some(32), Some(secret)) => Line::Secret(Name::Random(client_random), *slot, secret),
        _ => Line::Malformed,
    }
}

fn secret(hex: &[u8], lengths: &[usize]) -> Option<Secret> {
    let mut secret = Secret { bytes: [0; 48], len: 0 };
    let len = decode_hex(hex, &mut secret.bytes)?;
    secret.len = u8::try_from(len).ok()?;
    lengths.contains(&len).then_some(secret)
}

fn is_hex(text: &[u8]) -> bool {
    text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit)
}

/// Writes the bytes into the front of `out` and says how many; none if it is no hex or does not fit.
fn decode_hex(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > out.len() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(pairs.len())
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn push_hex(bytes: &[u8], text: &mut String) {
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(label: &str, random: u8, value: u8, len: usize) -> String {
        format!("{label} {} {}\n", format!("{random:02x}").repeat(32), format!("{value:02X}").repeat(len))
    }

    #[test]
    fn secrets_are_found_by_client_random() {
        let mut log = KeyLog::new();
        let text = line("CLIENT_RANDOM", 0xab, 1, 48)
            + &line("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 0xcd, 2, 32)
            + &line("SERVER_HANDSHAKE_TRAFFIC_SECRET", 0xcd, 3, 32)
            + &line("CLIENT_TRAFFIC_SECRET_0", 0xcd, 4, 48)
            + &line("SERVER_TRAFFIC_SECRET_0", 0xcd, 5, 48)
            + &line("CLIENT_EARLY_TRAFFIC_SECRET", 0xcd, 6, 32);
        assert_eq!(log.add_text(text.as_bytes()), Added { secrets: 6, ..Added::default() });
        assert_eq!(log.lookup(&[0xab; 32]).unwrap().master(), Some(&[1; 48]));
        let tls13 = log.lookup(&[0xcd; 32]).unwrap();
        assert_eq!(tls13.master(), None);
        assert_eq!(tls13.handshake(Side::Client).unwrap().as_bytes(), [2; 32]);
        assert_eq!(tls13.handshake(Side::Server).unwrap().as_bytes(), [3; 32]);
        assert_eq!(tls13.application(Side::Client).unwrap().as_bytes(), [4; 48]);
        assert_eq!(tls13.application(Side::Server).unwrap().as_bytes(), [5; 48]);
        assert_eq!(tls13.early().unwrap().as_bytes(), [6; 32]);
        assert!(log.lookup(&[0; 32]).is_none());
    }

    #[test]
    fn comments_line_ends_and_foreign_lines_do_no_harm() {
        let mut log = KeyLog::new();
        let exporter = line("EXPORTER_SECRET", 1, 1, 32);
        let good = line("CLIENT_RANDOM", 1, 2, 48).replace('\n', "\r\n");
        let short = line("CLIENT_RANDOM", 3, 2, 47);
        let text = format!("# made by a test\r\n\r\n{exporter}garbage\n\u{0}\u{1}\n{short}  {good}{good}");
        let added = log.add_text(text.as_bytes());
        assert_eq!(added, Added { secrets: 1, repeated: 1, ignored: 1, malformed: 3 });
        assert_eq!(log.lookup(&[1; 32]).unwrap().master(), Some(&[2; 48]));
    }

    #[test]
    fn a_growing_file_waits_for_the_rest_of_its_last_line() {
        let mut log = KeyLog::new();
        let text = line("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 9, 7, 48);
        // A cut after 64 digits leaves what looks like a shorter secret.
        let (first, rest) = text.split_at(text.len() - 33);
        assert_eq!(log.add_text(first.as_bytes()), Added::default());
        assert!(log.is_empty());
        assert_eq!(log.add_text(rest.as_bytes()).secrets, 1);
        assert_eq!(log.lookup(&[9; 32]).unwrap().handshake(Side::Client).unwrap().as_bytes(), [7; 48]);
    }

    #[test]
    fn a_last_line_without_a_line_feed_counts_at_the_end() {
        let mut log = KeyLog::new();
        let text = line("CLIENT_RANDOM", 1, 2, 48);
        assert_eq!(log.add_text(text.trim_end().as_bytes()).secrets, 0);
        // A block in between is a text of its own.
        assert_eq!(log.add_block(line("CLIENT_RANDOM", 2, 3, 48).trim_end().as_bytes()).secrets, 1);
        assert_eq!(log.finish().secrets, 1);
        assert_eq!(log.finish(), Added::default());
        assert_eq!(log.len(), 2);
    }

    #[test]
    fn session_ids_lead_to_the_master_secret() {
        let mut log = KeyLog::new();
        let text = format!("RSA Session-ID:{} Master-Key:{}\n", "0F".repeat(32), "ee".repeat(48));
        assert_eq!(log.add_text(text.as_bytes()).secrets, 1);
        assert_eq!(log.lookup_session(&[0x0f; 32]).unwrap().master(), Some(&[0xee; 48]));
        assert!(log.lookup_session(&[]).is_none());
        assert!(log.lookup_session(&[0x0f; 33]).is_none());
        let premaster = format!("RSA {} {}\n", "0f".repeat(8), "ee".repeat(48));
        assert_eq!(log.add_text(premaster.as_bytes()).ignored, 1);
    }

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let mut log = KeyLog::with_limit(2);
        for random in 1..=2 {
            log.add_text(line("CLIENT_RANDOM", random, 1, 48).as_bytes());
        }
        log.lookup(&[1; 32]).unwrap().mark_used();
        log.add_text(line("CLIENT_RANDOM", 3, 1, 48).as_bytes());
        assert!(log.lookup(&[1; 32]).is_none());
        assert!(log.lookup(&[3; 32]).is_some());
        assert_eq!((log.len(), log.evicted(), log.used()), (2, 1, 1));
    }

    #[test]
    fn an_endless_line_is_one_bad_line_and_takes_no_memory() {
        let mut log = KeyLog::new();
        for _ in 0..100 {
            assert_eq!(log.add_text(&[b'a'; 400]), Added::default());
            assert!(log.tail.line.capacity() <= MAX_LINE);
        }
        let mut text = b"b\n".to_vec();
        text.extend_from_slice(line("CLIENT_RANDOM", 1, 1, 48).as_bytes());
        assert_eq!(log.add_text(&text), Added { secrets: 1, malformed: 1, ..Added::default() });
    }

    #[test]
    fn what_was_used_can_be_written_again() {
        let mut log = KeyLog::new();
        log.add_text(line("CLIENT_RANDOM", 1, 1, 48).as_bytes());
        log.add_text(line("SERVER_TRAFFIC_SECRET_0", 2, 1, 32).as_bytes());
        log.lookup(&[2; 32]).unwrap().mark_used();
        assert_eq!(log.used(), 1);
        assert_eq!(*log.used_text(), line("SERVER_TRAFFIC_SECRET_0", 2, 1, 32));
    }

    #[test]
    fn debug_prints_no_secret() {
        let mut log = KeyLog::new();
        log.add_text(line("CLIENT_RANDOM", 1, 0xa7, 48).as_bytes());
        let printed = format!("{log:?} {:?}", log.lookup(&[1; 32]));
        assert!(printed.contains("48 bytes") && !printed.contains("167") && !printed.to_lowercase().contains("a7"));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same(
            text in proptest::collection::vec(any::<u8>(), 0..300), cut in 0_usize..600,
        ) {
            let mut text = text;
            text.extend_from_slice(line("\nCLIENT_RANDOM", 1, 1, 48).as_bytes());
            let (first, second) = text.split_at(cut.min(text.len()));
            let (mut whole, mut pieces) = (KeyLog::new(), KeyLog::new());
            let expected = whole.add_text(&text);
            let (a, b) = (pieces.add_text(first), pieces.add_text(second));
            prop_assert_eq!(expected.secrets, a.secrets + b.secrets);
            prop_assert_eq!(expected.malformed, a.malformed + b.malformed);
            prop_assert!(pieces.lookup(&[1; 32]).is_some());
        }
    }
}
