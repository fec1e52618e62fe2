//! Why a capture could not be opened: one sentence each, that says what to do where that is known.

use crate::pcapng::BYTE_ORDER_MAGIC;
use std::fmt;
use std::io;
use std::path::Path;

/// Why a capture could not be opened. The string is the path as it was given, or `standard input`.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing has this name.
    #[error("{0}: no such file")]
    NotFound(String),
    /// The file may not be read.
    #[error("{0}: no permission to read it: run as a user who may, or change its owner")]
    Permission(String),
    /// A directory was named.
    #[error("{0}: is a directory: name the capture files in it")]
    Directory(String),
    /// There is not one byte.
    #[error("{0}: is empty: nothing was captured, or the capture was not yet written out")]
    Empty(String),
    /// The file is something else.
    #[error("{name}: is not a capture but {looks_like}: pcap and pcapng are read, plain or compressed by gzip or zstd")]
    NotACapture {
        /// The file.
        name: String,
        /// What it seems to be.
        looks_like: LooksLike,
    },
    /// The file is compressed, and something else is inside.
    #[error("{name}: its {compression} holds no capture but {looks_like}")]
    NoCaptureInside {
        /// The file.
        name: String,
        /// `gzip` or `zstd`.
        compression: &'static str,
        /// What is inside.
        looks_like: LooksLike,
    },
    /// The capture ends within its first header.
    #[error("{0}: is cut off within its header: it holds no frame")]
    CutInHeader(String),
    /// Reading failed at the beginning of the file.
    #[error("{name}: cannot be read: {error}")]
    Unreadable {
        /// The file.
        name: String,
        /// What the system said.
        error: io::Error,
    },
    /// More files than frames can be numbered for.
    #[error("{0} files are too many to read as one capture: at most 65536 can be")]
    TooManyFiles(usize),
    /// Not one file was named.
    #[error("no capture file is named: name one, or - for standard input")]
    NoFiles,
}

impl OpenError {
    /// The error that the system gave for opening or reading `name`.
    pub(super) fn from_io(name: &str, error: io::Error) -> Self {
        let name = name.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound(name),
            io::ErrorKind::PermissionDenied => Self::Permission(name),
            io::ErrorKind::IsADirectory => Self::Directory(name),
            _ => Self::Unreadable { name, error },
        }
    }
}

/// A path as messages name it.
pub(super) fn display_name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}

/// What a file that is no capture seems to be, from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LooksLike {
    /// A format known by its first bytes.
    Known(&'static str),
    /// Something else, by its first four bytes (fewer where it is shorter; the rest are zeros).
    Unknown([u8; 4]),
}

/// Formats that users mistake for captures, by their first bytes.
const KNOWN: [(&[u8], &str); 17] = [
    (b"snoop\0\0\0", "a snoop file (convert it with: editcap FILE OUT.pcapng)"),
    (b"XCP\0", "a NetXRay file (convert it with: editcap FILE OUT.pcapng)"),
    (b"GMBU", "a Network Monitor file (convert it with: editcap FILE OUT.pcapng)"),
    (b"RTSS", "a Network Monitor file (convert it with: editcap FILE OUT.pcapng)"),
    (b"\x04\x22\x4d\x18", "an lz4 archive (unpack it with: lz4 -d)"),
    (b"\xfd7zXZ\0", "an xz archive (unpack it with: xz -d)"),
    (b"BZh", "a bzip2 archive (unpack it with: bzip2 -d)"),
    (b"PK\x03\x04", "a zip archive (unpack it first)"),
    (b"\x7fELF", "a program"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"CLIENT_", "a TLS key log (give it with --keylog)"),
    (b"SERVER_", "a TLS key log (give it with --keylog)"),
    (b"# SSL/TLS", "a TLS key log (give it with --keylog)"),
    (b"-----BEGIN ", "a PEM file"),
    (b"{", "JSON"),
    (b"[", "JSON"),
];

impl LooksLike {
    /// Judges by the first bytes of a file.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Self::Known(name);
        }
        if bytes.windows(4).any(|word| word == BYTE_ORDER_MAGIC.to_le_bytes() || word == BYTE_ORDER_MAGIC.to_be_bytes())
        {
            return Self::Known("a pcapng file without its first bytes");
        }
        if is_erf(bytes) {
            return Self::Known("an ERF file (convert it with: editcap FILE OUT.pcapng)");
        }
        if bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
            return Self::Known("text");
        }
        let mut first = [0; 4];
        for (slot, byte) in first.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        Self::Unknown(first)
    }
}

/// Endace's extensible record format has no magic: a timestamp of eight bytes, then a type below 48 (the top bit tells of
/// extension headers), flags, and a record length that leads to another record of the same type.
fn is_erf(bytes: &[u8]) -> bool {
    let header =
        |at: usize| Some((*bytes.get(at + 8)?, u16::from_be_bytes([*bytes.get(at + 10)?, *bytes.get(at + 11)?])));
    let Some((kind, len)) = header(0) else { return false };
    (1..48).contains(&(kind & 0x7f)) && len >= 16 && header(usize::from(len)).is_some_and(|(next, _)| next == kind)
}

impl fmt::Display for LooksLike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => f.write_str(name),
            Self::Unknown(first) => {
                write!(f, "something that begins with the bytes {:08x}", u32::from_be_bytes(*first))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_a_file_seems_to_be() {
        let shown = |bytes: &[u8]| LooksLike::from_bytes(bytes).to_string();
        assert_eq!(shown(b"{\"a\": 1}"), "JSON");
        assert_eq!(shown(b"Frame 1: 74 bytes\n"), "text");
        assert_eq!(shown(b"\x7fELF\x02\x01"), "a program");
        assert_eq!(shown(&[0xde, 0xad, 0xbe, 0xef, 1]), "something that begins with the bytes deadbeef");
        let record = [&[0; 8][..], &[2, 4, 0, 20, 0, 0, 0, 4], &[0xff; 4]].concat();
        assert!(shown(&record.repeat(2)).starts_with("an ERF file"));
    }

    #[test]
    fn every_error_is_one_sentence_with_the_name() {
        let name = display_name(Path::new("a.pcap"));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(OpenError::from_io(&name, denied).to_string().starts_with("a.pcap: no permission"));
        assert_eq!(display_name(Path::new("-")), "standard input");
    }
}
