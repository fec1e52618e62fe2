//! Values as JSON that may stand inside of an HTML script element.

use crate::report::json::write_value;
use serde::Serialize;
use std::io::{self, Write};

/// Writes `value` so that no `<` is left, which only strings can hold: neither `</script>` nor `<!--` ends the block.
pub(super) fn write<T: Serialize + ?Sized, W: Write + ?Sized>(value: &T, out: &mut W) -> io::Result<()> {
    write_value(value, &mut Inert { out })
}

struct Inert<'a, W: ?Sized> {
    out: &'a mut W,
}

impl<W: Write + ?Sized> Write for Inert<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut parts = bytes.split(|&byte| byte == b'<');
        self.out.write_all(parts.next().unwrap_or_default())?;
        for part in parts {
            self.out.write_all(b"\\u003c")?;
            self.out.write_all(part)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_string_can_end_its_block() {
        let nasty = ["</script><script>alert(1)</script>", "<!--<script>", "a<b"];
        let mut written = Vec::new();
        write(&nasty, &mut written).unwrap();
        assert!(!written.contains(&b'<'));
        assert_eq!(serde_json::from_slice::<[String; 3]>(&written).unwrap(), nasty);
    }
}
