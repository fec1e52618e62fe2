//! Data for the script: in come pieces of JSON, out go blocks of them, deflated (RFC 1951) and in base64. What a reader
//! never opens is never inflated, and nothing in a block can end it: base64 has no `<`.

use super::assets::base64;
use crate::report::spool::Spool;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::{self, Write};

/// What is deflated together, in bytes: enough that connections share their words, little enough to be inflated at once.
const BLOCK: usize = 1 << 20;
/// The most pieces of a block.
const MOST_PIECES: usize = 128;

/// Writes all pieces in their order as `<script id="NAME-0">`, `NAME-1` …, one line a piece, and returns how many pieces
/// each block has. No piece may contain a line feed.
pub(super) fn blocks(name: &str, pieces: &mut Spool, out: &mut dyn Write) -> io::Result<Vec<usize>> {
    let mut blocks = Blocks { name, block: Vec::new(), pieces: 0, written: Vec::new() };
    pieces.drain_sorted(|piece| blocks.add(piece, out))?;
    blocks.flush(out)?;
    Ok(blocks.written)
}

struct Blocks<'a> {
    name: &'a str,
    block: Vec<u8>,
    pieces: usize,
    written: Vec<usize>,
}

impl Blocks<'_> {
    fn add(&mut self, piece: &[u8], out: &mut dyn Write) -> io::Result<()> {
        if self.pieces == MOST_PIECES || self.block.len() + piece.len() > BLOCK {
            self.flush(out)?;
        }
        self.block.extend_from_slice(piece);
        self.block.push(b'\n');
        self.pieces += 1;
        Ok(())
    }

    fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.pieces == 0 {
            return Ok(());
        }
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(&self.block)?;
        let block = base64(&deflated.finish()?);
        writeln!(
            out,
            r#"<script type="application/octet-stream" id="{}-{}">{block}</script>"#,
            self.name,
            self.written.len()
        )?;
        self.written.push(self.pieces);
        self.pieces = 0;
        self.block.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_in_a_block_and_no_block_is_long() {
        let mut spool = Spool::default();
        let sizes = (0..300).map(|_| 10).chain([BLOCK / 2, BLOCK / 2, BLOCK * 2, 10]);
        for (order, size) in sizes.enumerate() {
            spool.add(order as u64, |bytes| bytes.write_all(&vec![b'x'; size])).unwrap();
        }
        let mut out = Vec::new();
        // What is longer than a block by itself stands alone; two halves and their line feeds are longer than one.
        assert_eq!(blocks("rows", &mut spool, &mut out).unwrap(), [128, 128, 45, 1, 1, 1]);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.matches("<script type=\"application/octet-stream\" id=\"rows-").count(), 6);
    }

    #[test]
    fn nothing_makes_no_block() {
        let mut out = Vec::new();
        assert!(blocks("rows", &mut Spool::default(), &mut out).unwrap().is_empty() && out.is_empty());
    }
}
