//! Decryption: from secrets that somebody gave to the plaintext of sealed records.
//!
//! Secrets and what the hellos agreed on come in, then one record at a time; plaintext goes out, in a buffer that the caller
//! lends. No handshake message is parsed here: whoever reads them says when keys change. A record that does not open is
//! an error about that record and no more; nothing here panics, waits or allocates once its buffer has grown.

mod aead;
mod cbc;
mod schedule;
mod sequence;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls12;
mod tls13;

use std::fmt;

use super::codes::{ContentType, Version};
use super::keylog::{MASTER_SECRET_LEN, Secrets};
use super::suite::CipherSuite;
use crate::net::Side;
use crate::pack::{Pack, Packer, Unpacker};

/// The longest body that a record may have: TLSCiphertext.fragment of TLS 1.2 and before (RFC 5246, 6.2.3).
pub const MAX_BODY: usize = (1 << 14) + 2048;

/// Opens the sealed records of one connection, both ways.
///
/// TLS 1.2 and before: [`tls12`](Self::tls12) once the ServerHello is known, then
/// [`change_cipher_spec`](Self::change_cipher_spec) at each side's ChangeCipherSpec. A renegotiation, whose messages are
/// sealed by the old keys, needs a second one.
///
/// TLS 1.3: [`early_data`](Self::early_data) at a ClientHello that offers such, [`tls13`](Self::tls13) once the ServerHello is
/// known, which [`take_over`](Self::take_over)s from the one for early data, then
/// [`start_application_keys`](Self::start_application_keys) after each side's Finished and
/// [`key_update`](Self::key_update) after each KeyUpdate. A change of keys that nobody announced, because its message
/// was lost, is found by trial.
///
/// Either: [`lost_records`](Self::lost_records) after a gap. Calls that belong to the other version do nothing.
pub struct Decryptor(Inner);

/// A key stays where it is: who can be read does not sleep.
impl Pack for Decryptor {
    fn pack(&self, to: &mut Packer) {
        to.refuse();
    }

    fn unpack(_: &mut Unpacker<'_>) -> Option<Self> {
        None
    }
}

enum Inner {
    Tls12(Box<tls12::Tls12>),
    Tls13(Box<tls13::Tls13>),
    /// No suite has been chosen yet: one for each that it may be, and only the right one once a record has opened.
    EarlyData(Vec<tls13::Tls13>),
}

/// The suites of TLS 1.3 (RFC 8446, B.4).
const TLS13_SUITES: std::ops::RangeInclusive<u16> = 0x1301..=0x1305;

/// An opened record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<'b> {
    /// What it holds: in TLS 1.3 the inner, true type.
    pub content_type: ContentType,
    /// Its content.
    pub plaintext: &'b [u8],
    /// Whether its authenticity was checked. False only for CBC records whose number is unknown after a gap, and for
    /// suites without any MAC.
    pub authenticated: bool,
}

/// Why a record did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OpenError {
    /// It is in clear: this side has not changed its cipher yet, or (TLS 1.3) its outer type says so.
    #[error("the record is not sealed")]
    NotSealed,
    /// The key log lacks the secret for this part of the connection.
    #[error("no secret for this part of the connection")]
    NoSecret,
    /// No record of this suite has such a length or such padding.
    #[error("no record of this cipher suite looks like this")]
    Malformed,
    /// It does not authenticate: altered on the way, or sealed with other keys.
    #[error("the record does not authenticate")]
    BadRecordMac,
    /// Records were lost before it and its number was not found; this says nothing against the record.
    #[error("records were lost before this one and its number is unknown")]
    OutOfStep,
    /// Padding without a content type (RFC 8446, 5.4).
    #[error("the record holds nothing but padding")]
    NoContent,
}

/// Why there is no decryption for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unsupported {
    /// A version that cannot be decrypted here: before TLS 1.0, or unknown.
    #[error("decryption does not know TLS version {0}")]
    Version(Version),
    /// A suite that cannot be decrypted here (3DES, RC4, Camellia, ARIA …), or one that the version does not have.
    #[error("decryption does not know the cipher suite {0}")]
    Suite(CipherSuite),
    /// No traffic secret that fits the suite.
    #[error("the key log has no traffic secret for this connection")]
    NoSecret,
}

impl Decryptor {
    /// For TLS 1.0 to 1.2. The extended master secret (RFC 7627) makes no difference here: it is in `master` already.
    ///
    /// `encrypt_then_mac` is whether both hellos carried that extension (RFC 7366); it matters to CBC suites only.
    ///
    /// # Errors
    /// The version or the suite is none that can be decrypted.
    pub fn tls12(
        version: Version,
        suite: CipherSuite,
        master: &[u8; MASTER_SECRET_LEN],
        client_random: &[u8; 32],
        server_random: &[u8; 32],
        encrypt_then_mac: bool,
    ) -> Result<Self, Unsupported> {
        let randoms = schedule::Randoms { client: client_random, server: server_random };
        let inner = tls12::Tls12::new(version, suite, master, randoms, encrypt_then_mac)?;
        Ok(Self(Inner::Tls12(Box::new(inner))))
    }

    /// For TLS 1.3, with whatever of the handshake, application and early secrets is there.
    ///
    /// # Errors
    /// The suite is none of TLS 1.3, or no secret has the length that it needs.
    pub fn tls13(version: Version, suite: CipherSuite, secrets: &Secrets) -> Result<Self, Unsupported> {
        Ok(Self(Inner::Tls13(Box::new(tls13::Tls13::new(version, suite, secrets)?))))
    }

    /// For what a client sends before the ServerHello: it is sealed by the suite of the session that the client resumes
    /// (RFC 8446, 4.2.10), which is one of those that it offers. None without the secret.
    #[must_use]
    pub fn early_data(offered: &[CipherSuite], secrets: &Secrets) -> Option<Self> {
        secrets.early()?;
        let suites = TLS13_SUITES.map(CipherSuite).filter(|suite| offered.contains(suite));
        let mut candidates: Vec<_> =
            suites.filter_map(|suite| tls13::Tls13::new(Version::TLS_1_3, suite, secrets).ok()).collect();
        candidates.iter_mut().for_each(tls13::Tls13::start_early_data);
        (!candidates.is_empty()).then_some(Self(Inner::EarlyData(candidates)))
    }

    /// TLS 1.3: goes on where the early data before the ServerHello has ended.
    pub fn take_over(&mut self, early: Self) {
        let (Inner::Tls13(tls13), Inner::EarlyData(mut candidates)) = (&mut self.0, early.0) else { return };
        match candidates.pop() {
            Some(early) if candidates.is_empty() => tls13.take_over(early),
            // None of it has opened.
            _ => {
                tls13.start_early_data();
                tls13.lost_records(Side::Client);
            }
        }
    }

    /// TLS 1.2 and before: the records of this side are sealed from here on. (In TLS 1.3 that message means nothing.)
    pub fn change_cipher_spec(&mut self, side: Side) {
        match &mut self.0 {
            Inner::Tls12(tls12) => tls12.change_cipher_spec(side),
            Inner::Tls13(_) | Inner::EarlyData(_) => {}
        }
    }

    /// TLS 1.3: the client offered early data, so that its next sealed records may be that. Harmless if it sends none.
    pub fn start_early_data(&mut self) {
        match &mut self.0 {
            Inner::Tls12(_) | Inner::EarlyData(_) => {}
            Inner::Tls13(tls13) => tls13.start_early_data(),
        }
    }

    /// TLS 1.3: the client sent EndOfEarlyData.
    pub fn end_early_data(&mut self) {
        match &mut self.0 {
            Inner::Tls12(_) | Inner::EarlyData(_) => {}
            Inner::Tls13(tls13) => tls13.end_early_data(),
        }
    }

    /// TLS 1.3: this side sent its Finished; what follows is sealed with its application keys.
    pub fn start_application_keys(&mut self, side: Side) {
        match &mut self.0 {
            Inner::Tls12(_) | Inner::EarlyData(_) => {}
            Inner::Tls13(tls13) => tls13.start_application_keys(side),
        }
    }

    /// TLS 1.3: this side sent a KeyUpdate; what follows is sealed with its next keys.
    pub fn key_update(&mut self, side: Side) {
        match &mut self.0 {
            Inner::Tls12(_) | Inner::EarlyData(_) => {}
            Inner::Tls13(tls13) => tls13.key_update(side),
        }
    }

    /// Bytes of this side are missing: the numbers of its records are unknown until one is found by trial. The
    /// ChangeCipherSpec may be among them; the first record that authenticates shows it.
    pub fn lost_records(&mut self, side: Side) {
        match &mut self.0 {
            Inner::Tls12(tls12) => tls12.lost_records(side),
            Inner::Tls13(tls13) => tls13.lost_records(side),
            Inner::EarlyData(candidates) => candidates.iter_mut().for_each(|tls13| tls13.lost_records(side)),
        }
    }

    /// Opens the next record of a side. `header` is its five bytes as they came, `body` what follows them. The buffer grows
    /// to the longest record and may hold anything between calls.
    ///
    /// # Errors
    /// See [`OpenError`]. The next record can be tried all the same.
    pub fn open<'b>(
        &mut self,
        side: Side,
        header: [u8; 5],
        body: &[u8],
        buffer: &'b mut Vec<u8>,
    ) -> Result<Opened<'b>, OpenError> {
        if body.len() > MAX_BODY {
            return Err(OpenError::Malformed);
        }
        match &mut self.0 {
            Inner::Tls12(tls12) => tls12.open(side, header, body, buffer),
            Inner::Tls13(tls13) => {
                let inner = tls13.open(side, header, body, buffer)?;
                inner.within(buffer)
            }
            Inner::EarlyData(candidates) => {
                let mut opened = Err(OpenError::NoSecret);
                let fitting = candidates.iter_mut().position(|tls13| {
                    opened = tls13.open(side, header, body, buffer);
                    opened.is_ok()
                });
                if let Some(index) = fitting {
                    candidates.swap(0, index);
                    candidates.truncate(1);
                }
                opened?.within(buffer)
            }
        }
    }
}

/// Says which version, never a key.
impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = if matches!(self.0, Inner::Tls12(_)) { "tls12" } else { "tls13" };
        f.debug_tuple("Decryptor").field(&version).finish()
    }
}

/// The front of a buffer, grown if need be. Never shrinks it: filling it with zeros anew would cost as much as a copy.
fn room(buffer: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    buffer.get_mut(..len).unwrap_or_default()
}
