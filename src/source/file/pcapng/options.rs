//! The options that end most blocks (pcapng 3.5).

use super::ByteOrder;
use crate::pcapng::{OptionCode, padding};

/// The most bytes of a text that are kept.
const MAX_TEXT: usize = 1_024;

/// The options of a block, up to the first malformed one.
pub(super) struct Options<'a> {
    order: ByteOrder,
    bytes: &'a [u8],
    is_malformed: bool,
}

impl<'a> Options<'a> {
    pub(super) fn new(order: ByteOrder, bytes: &'a [u8]) -> Self {
        Self { order, bytes, is_malformed: false }
    }

    /// Whether the options that were passed end in one that does not fit its block.
    pub(super) fn is_malformed(&self) -> bool {
        self.is_malformed
    }

    fn parse(&self) -> Option<(OptionCode, &'a [u8], &'a [u8])> {
        let code = OptionCode(self.order.u16(self.bytes, 0)?);
        let len = usize::from(self.order.u16(self.bytes, 2)?);
        let value = self.bytes.get(4..4 + len)?;
        let rest = self.bytes.get(4 + len + padding(len)..).unwrap_or_default();
        Some((code, value, rest))
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (OptionCode, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let Some((code, value, rest)) = self.parse() else {
            self.bytes = &[];
            self.is_malformed = true;
            return None;
        };
        self.bytes = rest;
        if code == OptionCode::END {
            self.bytes = &[];
            return None;
        }
        Some((code, value))
    }
}

/// A text as it can be shown: what is not UTF-8 replaced, what is too long cut.
pub(super) fn text(value: &[u8]) -> String {
    let value = value.get(..MAX_TEXT).unwrap_or(value);
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_at_the_end_mark() {
        let bytes = [1, 0, 3, 0, b'a', b'b', b'c', 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 9];
        let mut options = Options::new(ByteOrder::Little, &bytes);
        let found: Vec<_> = options.by_ref().collect();
        assert_eq!(found, [(OptionCode(1), &b"abc"[..]), (OptionCode(2), &b""[..])]);
        assert!(!options.is_malformed());
    }

    #[test]
    fn an_option_beyond_its_block_is_malformed() {
        let mut options = Options::new(ByteOrder::Big, &[0, 1, 0, 9, b'a']);
        assert_eq!(options.next(), None);
        assert!(options.is_malformed());
    }

    #[test]
    fn text_that_is_no_text_is_shown_all_the_same() {
        assert_eq!(text(b"caf\xc3\xa9 \xff\0\0"), "café \u{fffd}");
    }
}
