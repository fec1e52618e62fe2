//! Puts one direction's bytes in order. In: pieces at their offset in the stream. Out: data and the holes in it, in order.
//!
//! What comes in order is handed on without a copy; what comes early is copied and waits, within [`Limits`]. Where two copies
//! of a byte differ, the first one wins, as with most receivers. It knows no time: nothing here waits for a timer.

use super::Limits;
use super::direction::{Offset, span};
use std::collections::VecDeque;

/// What the stream goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Bytes.
    Data(&'a [u8]),
    /// So many bytes are missing, and the caller said that they will not come.
    Missing(u64),
    /// So many bytes are missing, and too much waited behind them.
    GivenUp(u64),
    /// So many bytes were cut off by the snaplen.
    Cut(u64),
}

/// One direction of a stream. `expected` is the offset of the next byte to hand on.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    expected: Offset,
    waiting: Option<Box<Waiting>>,
}

/// What came early: sorted by offset, without overlaps.
#[derive(Debug, Default)]
struct Waiting {
    pieces: VecDeque<Held>,
    bytes: usize,
    inconsistent: u64,
}

#[derive(Debug)]
struct Held {
    start: Offset,
    end: Offset,
    /// The captured part from `start`; shorter than the piece where the snaplen cut it.
    data: Box<[u8]>,
}

impl Assembler {
    /// Begins the stream at `expected`.
    pub(super) fn start_at(&mut self, expected: Offset) {
        self.expected = expected;
    }

    /// The offset of the next byte to hand on.
    pub(super) fn expected(&self) -> Offset {
        self.expected
    }

    /// Whether `offset` is next, and nothing waits behind a hole.
    pub(super) fn is_at(&self, offset: Offset) -> bool {
        self.expected == offset && self.waiting.as_ref().is_none_or(|waiting| waiting.pieces.is_empty())
    }

    /// Everything below `to` was handed on; only right where nothing waits.
    pub(super) fn move_to(&mut self, to: Offset) {
        self.expected = to;
    }

    /// The hole that the stream waits at, as the offsets of its start and end.
    pub(super) fn hole(&self) -> Option<(Offset, Offset)> {
        let first = self.waiting.as_ref()?.pieces.front()?;
        Some((self.expected, first.start))
    }

    /// Bytes in overlaps of waiting pieces that differed from the copy that came first.
    pub(super) fn inconsistent(&self) -> u64 {
        self.waiting.as_ref().map_or(0, |waiting| waiting.inconsistent)
    }

    /// Takes `data`, of which `len` bytes were on the wire, at `start`. Hands on what is in order now.
    pub(super) fn accept(
        &mut self,
        start: Offset,
        data: &[u8],
        len: u32,
        limits: &Limits,
        mut hand_on: impl FnMut(Piece<'_>),
    ) {
        let end = start + Offset::from(len);
        if end <= self.expected {
            return;
        }
        if start > self.expected {
            self.hold(start, end, data);
            self.keep_within(limits, &mut hand_on);
            return;
        }
        // Up to the first waiting piece these bytes are the first copy; beyond it they may be compared, then dropped.
        let data = data.get(span(start, self.expected)..).unwrap_or_default();
        match self.hole() {
            None => self.pass(data, end, &mut hand_on),
            Some((_, stop)) if end <= stop => {
                self.pass(data, end, &mut hand_on);
                self.drain(&mut hand_on);
            }
            Some((start, stop)) => {
                let own = span(start, stop);
                self.hold(stop, end, data.get(own..).unwrap_or_default());
                self.pass(data.get(..own).unwrap_or(data), stop, &mut hand_on);
                self.drain(&mut hand_on);
                self.keep_within(limits, &mut hand_on);
            }
        }
    }

    /// Gives up every hole below `to`: those bytes will not come.
    pub(super) fn skip_to(&mut self, to: Offset, mut hand_on: impl FnMut(Piece<'_>)) {
        while self.expected < to {
            let stop = self.hole().map_or(to, |(_, stop)| stop.min(to));
            if stop > self.expected {
                hand_on(Piece::Missing(stop.abs_diff(self.expected)));
                self.expected = stop;
            }
            self.drain(&mut hand_on);
        }
    }

    /// The end of the first waiting piece that begins below `to` and behind a hole: what an acknowledgment of `to` proves.
    pub(super) fn proven_hole(&self, to: Offset) -> Option<Offset> {
        let pieces = &self.waiting.as_ref()?.pieces;
        let below = pieces.partition_point(|piece| piece.start < to);
        Some(pieces.get(below.checked_sub(1)?)?.start)
    }

    /// Hands everything on that still waits, with the holes in it.
    pub(super) fn flush(&mut self, mut hand_on: impl FnMut(Piece<'_>)) {
        if let Some(last) = self.waiting.as_ref().and_then(|waiting| waiting.pieces.back()) {
            let end = last.end;
            self.skip_to(end, &mut hand_on);
        }
    }

    fn pass(&mut self, data: &[u8], end: Offset, hand_on: &mut impl FnMut(Piece<'_>)) {
        let len = span(self.expected, end);
        self.expected = end;
        hand_on_piece(data, len, hand_on);
    }

    fn drain(&mut self, hand_on: &mut impl FnMut(Piece<'_>)) {
        let Some(waiting) = &mut self.waiting else { return };
        while waiting.pieces.front().is_some_and(|piece| piece.start <= self.expected) {
            let Some(piece) = waiting.pieces.pop_front() else { return };
            waiting.bytes -= piece.data.len();
            self.expected = piece.end;
            hand_on_piece(&piece.data, span(piece.start, piece.end), hand_on);
        }
        if waiting.pieces.is_empty() && waiting.inconsistent == 0 {
            self.waiting = None;
        }
    }

    /// Copies the parts of `start..end` that do not wait yet.
    fn hold(&mut self, start: Offset, end: Offset, data: &[u8]) {
        let waiting = self.waiting.get_or_insert_default();
        let mut from = start;
        let mut index = waiting.pieces.partition_point(|piece| piece.end <= start);
        while from < end {
            let next = waiting.pieces.get(index);
            let stop = next.map_or(end, |piece| piece.start.min(end));
            if from < stop {
                let part = data.get(span(start, from)..).unwrap_or_default();
                let part = part.get(..span(from, stop)).unwrap_or(part);
                waiting.bytes += part.len();
                waiting.pieces.insert(index, Held { start: from, end: stop, data: part.into() });
                index += 1;
                from = stop;
            } else if let Some(piece) = next {
                let again = data.get(span(start, from)..).unwrap_or_default();
                let first = piece.data.get(span(piece.start, from)..).unwrap_or_default();
                waiting.inconsistent += first.iter().zip(again).map(|(a, b)| u64::from(a != b)).sum::<u64>();
                from = piece.end;
                index += 1;
            }
        }
    }

    fn keep_within(&mut self, limits: &Limits, hand_on: &mut impl FnMut(Piece<'_>)) {
        while let Some((_, stop)) = self.hole()
            && self.waiting.as_ref().is_some_and(|waiting| {
                waiting.bytes > limits.buffered_bytes || waiting.pieces.len() > limits.buffered_segments
            })
        {
            self.skip_to(stop, |piece| match piece {
                Piece::Missing(len) => hand_on(Piece::GivenUp(len)),
                piece => hand_on(piece),
            });
        }
    }
}

fn hand_on_piece(data: &[u8], len: usize, hand_on: &mut impl FnMut(Piece<'_>)) {
    if !data.is_empty() {
        hand_on(Piece::Data(data));
    }
    if len > data.len() {
        hand_on(Piece::Cut((len - data.len()) as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { buffered_bytes: 64, buffered_segments: 4, outstanding_segments: 4 };

    /// What was handed on: bytes as text, holes as `<3>`, cut bytes as `[3]`.
    #[derive(Default)]
    struct Stream {
        assembler: Assembler,
        text: String,
    }

    impl Stream {
        fn put(&mut self, start: Offset, data: &str) -> &mut Self {
            self.put_cut(start, data, u32::try_from(data.len()).unwrap())
        }

        fn put_cut(&mut self, start: Offset, data: &str, len: u32) -> &mut Self {
            let text = &mut self.text;
            self.assembler.accept(start, data.as_bytes(), len, &LIMITS, |piece| show(piece, text));
            self
        }

        fn skip_to(&mut self, to: Offset) -> &mut Self {
            let text = &mut self.text;
            self.assembler.skip_to(to, |piece| show(piece, text));
            self
        }

        fn flush(&mut self) -> &str {
            let text = &mut self.text;
            self.assembler.flush(|piece| show(piece, text));
            text
        }
    }

    fn show(piece: Piece<'_>, text: &mut String) {
        match piece {
            Piece::Data(data) => text.push_str(std::str::from_utf8(data).unwrap()),
            Piece::Missing(len) | Piece::GivenUp(len) => text.extend(["<", &len.to_string(), ">"]),
            Piece::Cut(len) => text.extend(["[", &len.to_string(), "]"]),
        }
    }

    #[test]
    fn what_waited_follows_the_piece_that_fills_the_hole() {
        let mut stream = Stream::default();
        assert_eq!(stream.put(4, "efg").put(8, "ij").put(0, "abcd").text, "abcdefg");
        assert_eq!(stream.put(7, "h").text, "abcdefghij");
    }

    #[test]
    fn the_first_copy_wins_and_differences_are_counted() {
        let mut stream = Stream::default();
        assert_eq!(stream.put(2, "CD").put(6, "GH").put(0, "abcXefgY").text, "abCDefGH");
        assert_eq!(stream.assembler.inconsistent(), 4);
        assert_eq!(stream.put(0, "zzzzzzzzij").text, "abCDefGHij", "bytes that were handed on cannot be compared");
    }

    #[test]
    fn a_piece_over_several_holes_fills_them_all() {
        let mut stream = Stream::default();
        stream.put(1, "b").put(3, "d");
        assert_eq!(stream.put(0, "abcde").text, "abcde");
        stream.put(7, "h");
        assert_eq!(stream.put(6, "ghi").put(5, "f").text, "abcdefghi");
        assert_eq!(stream.assembler.inconsistent(), 0);
    }

    #[test]
    fn a_hole_is_given_up_only_up_to_the_given_offset() {
        let mut stream = Stream::default();
        assert_eq!(stream.put(0, "ab").put(4, "ef").put(8, "ij").skip_to(4).text, "ab<2>ef");
        assert_eq!(stream.put(2, "cd").put(6, "g").text, "ab<2>efg");
        assert_eq!(stream.flush(), "ab<2>efg<1>ij");
    }

    #[test]
    fn cut_bytes_are_told_apart_from_missing_ones() {
        let mut stream = Stream::default();
        stream.put_cut(10, "kl", 5).put_cut(0, "ab", 10);
        assert_eq!(stream.put(15, "p").text, "ab[8]kl[3]p");
    }

    #[test]
    fn too_much_behind_a_hole_gives_the_oldest_hole_up() {
        let mut stream = Stream::default();
        for start in [1, 3, 5, 7] {
            stream.put(start, "x");
        }
        assert_eq!(stream.text, "");
        assert_eq!(stream.put(9, "x").text, "<1>x", "five pieces, four may wait");
        let mut stream = Stream::default();
        stream.put(1, &"x".repeat(64)).put(66, "y");
        assert_eq!(stream.text, format!("<1>{}", "x".repeat(64)), "65 bytes, 64 may wait");
    }
}
