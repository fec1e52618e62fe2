//! The connection in one word: Zeek's history letters and Wireshark's completeness bits, for experts to check against.

use crate::net::Side;
use crate::pack::packed;
use crate::segment::SeqNumber;
use std::fmt;

/// So many letters are kept; what comes later is not shown.
const LETTERS_MAX: usize = 64;

/// As many as most connections have: room for them is made at once.
const USUAL: usize = 16;

/// The letters of Zeek's conn.log: capital ones are the client's.
///
/// s SYN · h SYN with ACK · a pure ACK · d data · f FIN · r RST · g gap · t retransmitted data · w zero window · i FIN with RST ·
/// q SYN with FIN or RST. The letters a, d, i, q come once a side; s, h, f, r again for another sequence number; g, t, w at the
/// first, tenth, hundredth … time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    letters: Vec<u8>,
    numbers: [[Option<SeqNumber>; 4]; 2],
    counts: [[u64; 3]; 2],
}

packed! { struct History { letters, numbers, counts } }

impl History {
    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.letters).unwrap_or_default()
    }

    /// Notes a letter that comes once a side.
    pub(super) fn once(&mut self, side: Side, letter: u8) {
        let letter = cased(side, letter);
        if !self.letters.contains(&letter) {
            self.push(letter);
        }
    }

    /// Notes one of s, h, f, r; again only for another sequence number.
    pub(super) fn numbered(&mut self, side: Side, letter: Numbered, seq: SeqNumber) {
        let last = &mut self.numbers[side as usize][letter as usize];
        if last.replace(seq) != Some(seq) {
            self.push(cased(side, b"shfr"[letter as usize]));
        }
    }

    /// Counts one of g, t, w; shown at powers of ten.
    pub(super) fn counted(&mut self, side: Side, letter: Counted) {
        let count = &mut self.counts[side as usize][letter as usize];
        *count += 1;
        let power_of_ten = 10_u64.checked_pow(count.ilog10()) == Some(*count);
        if power_of_ten {
            self.push(cased(side, b"gtw"[letter as usize]));
        }
    }

    fn push(&mut self, letter: u8) {
        if self.letters.capacity() == 0 {
            self.letters.reserve_exact(USUAL);
        }
        if self.letters.len() < LETTERS_MAX {
            self.letters.push(letter);
        }
    }
}

/// Letters that are repeated for another sequence number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbered {
    Syn,
    SynAck,
    Fin,
    Rst,
}

/// Letters that are repeated at powers of ten.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    Gap,
    Retransmission,
    ZeroWindow,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn cased(side: Side, letter: u8) -> u8 {
    match side {
        Side::Client => letter.to_ascii_uppercase(),
        Side::Server => letter,
    }
}

/// Wireshark's tcp.completeness: which parts of a conversation were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Completeness(pub u8);

packed! { struct Completeness(_) }

impl Completeness {
    /// A SYN.
    pub const SYN: Self = Self(1);
    /// A SYN with an acknowledgment.
    pub const SYN_ACK: Self = Self(2);
    /// An acknowledgment.
    pub const ACK: Self = Self(4);
    /// Payload.
    pub const DATA: Self = Self(8);
    /// A FIN.
    pub const FIN: Self = Self(16);
    /// A RST.
    pub const RST: Self = Self(32);

    pub(super) fn add(&mut self, part: Self) {
        self.0 |= part.0;
    }

    /// Whether `part` was seen.
    #[must_use]
    pub const fn contains(self, part: Self) -> bool {
        self.0 & part.0 == part.0
    }
}

/// The number, as in Wireshark's column.
impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_follow_zeeks_rules_of_repetition() {
        let mut history = History::default();
        history.numbered(Side::Client, Numbered::Syn, SeqNumber(7));
        history.numbered(Side::Client, Numbered::Syn, SeqNumber(7));
        history.numbered(Side::Client, Numbered::Syn, SeqNumber(8));
        history.numbered(Side::Server, Numbered::SynAck, SeqNumber(1));
        history.once(Side::Client, b'd');
        history.once(Side::Client, b'd');
        history.once(Side::Server, b'd');
        for _ in 0..100 {
            history.counted(Side::Server, Counted::Retransmission);
        }
        assert_eq!(history.as_str(), "SShDdttt");
    }

    #[test]
    fn the_letters_are_bounded() {
        let mut history = History::default();
        (0..1000).for_each(|seq| history.numbered(Side::Client, Numbered::Rst, SeqNumber(seq)));
        assert_eq!(history.as_str().len(), LETTERS_MAX);
    }
}
