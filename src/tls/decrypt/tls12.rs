//! The record layer of TLS 1.0 to 1.2 (RFC 5246, 6.2.3; RFC 5288, 6655, 7366, 7905).

use super::aead::Aead;
use super::cbc::{Aes, BLOCK, MacKey, strip_padding};
use super::schedule::{KeyBlock, Randoms};
use super::sequence::Sequence;
use super::{OpenError, Opened, Unsupported, room};
use crate::net::{PerSide, Side};
use crate::tls::codes::{ContentType, Version};
use crate::tls::keylog::MASTER_SECRET_LEN;
use crate::tls::suite::{Cipher, CipherSuite, KeyExchange, Kind, Parameters};

/// The keys and the progress of both directions.
pub(super) struct Tls12 {
    channels: PerSide<Channel>,
}

struct Channel {
    protection: Protection,
    sealed: bool,
    sequence: Sequence,
}

enum Protection {
    Aead(AeadProtection),
    Cbc(CbcProtection),
    Null(MacKey, usize),
}

struct AeadProtection {
    aead: Aead,
    tag_len: usize,
    /// From the keys: the whole of it for ChaCha20-Poly1305, the first four bytes for the others.
    fixed_iv: [u8; 12],
    /// Whether each record carries eight bytes of its nonce.
    explicit: bool,
    /// The last record's explicit nonce minus its number: most stacks count both up together.
    nonce_offset: Option<u64>,
}

struct CbcProtection {
    aes: Aes,
    mac: MacKey,
    mac_len: usize,
    encrypt_then_mac: bool,
    vector: Vector,
}

/// Where a CBC record's initialization vector comes from.
enum Vector {
    /// It stands before the ciphertext (TLS 1.1 and 1.2).
    Explicit,
    /// It is the last block of the record before, the first comes from the keys (TLS 1.0); unknown after a gap.
    Chained { first: [u8; BLOCK], next: Option<[u8; BLOCK]> },
}

impl Tls12 {
    pub(super) fn new(
        version: Version,
        suite: CipherSuite,
        master: &[u8; MASTER_SECRET_LEN],
        randoms: Randoms<'_>,
        encrypt_then_mac: bool,
    ) -> Result<Self, Unsupported> {
        if !(Version::TLS_1_0..=Version::TLS_1_2).contains(&version) {
            return Err(Unsupported::Version(version));
        }
        let parameters = suite.parameters().ok_or(Unsupported::Suite(suite))?;
        let of_this_version =
            parameters.key_exchange != KeyExchange::Tls13 && (version == Version::TLS_1_2 || !parameters.is_aead());
        if !of_this_version {
            return Err(Unsupported::Suite(suite));
        }
        let protection = protections(version, parameters, master, randoms, encrypt_then_mac);
        let (client, server) = protection.ok_or(Unsupported::Suite(suite))?;
        Ok(Self { channels: PerSide { client: Channel::new(client), server: Channel::new(server) } })
    }

    pub(super) fn change_cipher_spec(&mut self, side: Side) {
        let channel = &mut self.channels[side];
        channel.sealed = true;
        channel.sequence = Sequence::default();
        if let Protection::Cbc(CbcProtection { vector: Vector::Chained { first, next }, .. }) = &mut channel.protection
        {
            *next = Some(*first);
        }
    }

    pub(super) fn lost_records(&mut self, side: Side) {
        let channel = &mut self.channels[side];
        channel.sequence.lose();
        if let Protection::Cbc(CbcProtection { vector: Vector::Chained { next, .. }, .. }) = &mut channel.protection {
            *next = None;
        }
    }

    pub(super) fn open<'b>(
        &mut self,
        side: Side,
        header: [u8; 5],
        body: &[u8],
        buffer: &'b mut Vec<u8>,
    ) -> Result<Opened<'b>, OpenError> {
        let Channel { protection, sealed, sequence } = &mut self.channels[side];
        if !*sealed && !sequence.is_lost() {
            return Err(OpenError::NotSealed);
        }
        let opened = match protection {
            Protection::Aead(aead) => aead.open(sequence, header, body, buffer).map(|plaintext| (plaintext, true)),
            Protection::Cbc(cbc) => cbc.open(sequence, header, body, buffer),
            Protection::Null(mac, mac_len) => open_null(mac, *mac_len, sequence, header, body, buffer),
        };
        // The ChangeCipherSpec may be among what was lost: a number that was found proves it.
        *sealed |= !sequence.is_lost();
        let (plaintext, authenticated) = if *sealed { opened? } else { return Err(OpenError::NotSealed) };
        Ok(Opened { content_type: ContentType(header[0]), plaintext, authenticated })
    }
}

impl Channel {
    fn new(protection: Protection) -> Self {
        Self { protection, sealed: false, sequence: Sequence::default() }
    }
}

/// Both directions' keys, in the order of the key block (RFC 5246, 6.3). None if the algorithm is unknown here.
fn protections(
    version: Version,
    parameters: Parameters,
    master: &[u8; MASTER_SECRET_LEN],
    randoms: Randoms<'_>,
    encrypt_then_mac: bool,
) -> Option<(Protection, Protection)> {
    let mut block = KeyBlock::new(version, parameters.hash, master, randoms);
    let mac = parameters.mac;
    let client_mac = MacKey::new(mac, block.take(mac.len()))?;
    let server_mac = MacKey::new(mac, block.take(mac.len()))?;
    match (parameters.kind, parameters.cipher) {
        (Kind::Null, _) => {
            let len = usize::from(mac.len());
            Some((Protection::Null(client_mac, len), Protection::Null(server_mac, len)))
        }
        (Kind::Cbc { .. }, Cipher::Aes) => {
            let client_aes = Aes::new(parameters, block.take(parameters.key_len))?;
            let server_aes = Aes::new(parameters, block.take(parameters.key_len))?;
            let mut vector = || match parameters.fixed_iv_len(version) {
                0 => Vector::Explicit,
                len => {
                    let first = block.take(len).try_into().unwrap_or_default();
                    Vector::Chained { first, next: Some(first) }
                }
            };
            let cbc = |aes, mac_key, vector| {
                let mac_len = usize::from(mac.len());
                Protection::Cbc(CbcProtection { aes, mac: mac_key, mac_len, encrypt_then_mac, vector })
            };
            Some((cbc(client_aes, client_mac, vector()), cbc(server_aes, server_mac, vector())))
        }
        _ => {
            let client_aead = Aead::new(parameters, block.take(parameters.key_len))?;
            let server_aead = Aead::new(parameters, block.take(parameters.key_len))?;
            let mut protect = |aead| {
                let mut fixed_iv = [0; 12];
                let fixed_len = parameters.fixed_iv_len(version);
                fixed_iv.get_mut(..usize::from(fixed_len))?.copy_from_slice(block.take(fixed_len));
                Some(Protection::Aead(AeadProtection {
                    aead,
                    tag_len: usize::from(parameters.tag_len()),
                    fixed_iv,
                    explicit: parameters.explicit_nonce_len(version) > 0,
                    nonce_offset: None,
                }))
            };
            Some((protect(client_aead)?, protect(server_aead)?))
        }
    }
}

impl AeadProtection {
    fn open<'b>(
        &mut self,
        sequence: &mut Sequence,
        header: [u8; 5],
        body: &[u8],
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], OpenError> {
        let (explicit, sealed) = if self.explicit {
            let (nonce, sealed) = body.split_first_chunk::<8>().ok_or(OpenError::Malformed)?;
            (Some(u64::from_be_bytes(*nonce)), sealed)
        } else {
            (None, body)
        };
        let content_len = sealed.len().checked_sub(self.tag_len).ok_or(OpenError::Malformed)?;
        let (ciphertext, tag) = sealed.split_at_checked(content_len).ok_or(OpenError::Malformed)?;
        let out = room(buffer, content_len);
        let was_lost = sequence.is_lost();
        let hint = explicit.zip(self.nonce_offset).map(|(nonce, offset)| nonce.wrapping_sub(offset));
        let mut found = 0;
        let opened = sequence.search(hint, |number| {
            found = number;
            let nonce = nonce(&self.fixed_iv, explicit, number);
            self.aead.open(nonce, &pseudo_header(number, header, content_len), ciphertext, tag, out)
        });
        if !opened {
            return Err(if was_lost { OpenError::OutOfStep } else { OpenError::BadRecordMac });
        }
        self.nonce_offset = explicit.map(|nonce| nonce.wrapping_sub(found));
        Ok(out)
    }
}

/// RFC 5288, 3 and RFC 6655, 3: four fixed bytes and eight of the record's; RFC 7905, 2: twelve, xored with the number.
fn nonce(fixed_iv: &[u8; 12], explicit: Option<u64>, number: u64) -> [u8; 12] {
    let mut nonce = *fixed_iv;
    // The fixed part leaves zeros where an explicit nonce goes, so both cases are one.
    for (byte, other) in nonce.iter_mut().skip(4).zip(explicit.unwrap_or(number).to_be_bytes()) {
        *byte ^= other;
    }
    nonce
}

impl CbcProtection {
    fn open<'b>(
        &mut self,
        sequence: &mut Sequence,
        header: [u8; 5],
        body: &[u8],
        buffer: &'b mut Vec<u8>,
    ) -> Result<(&'b [u8], bool), OpenError> {
        // What encrypt-then-MAC authenticates: all of the body before the MAC (RFC 7366, 3).
        let outer_len = if self.encrypt_then_mac { self.mac_len } else { 0 };
        let sealed_len = body.len().checked_sub(outer_len).ok_or(OpenError::Malformed)?;
        let (sealed, outer_mac) = body.split_at_checked(sealed_len).ok_or(OpenError::Malformed)?;
        let (iv, ciphertext) = match &mut self.vector {
            Vector::Explicit => {
                let (iv, ciphertext) = sealed.split_first_chunk::<BLOCK>().ok_or(OpenError::Malformed)?;
                (Some(*iv), ciphertext)
            }
            Vector::Chained { next, .. } => (std::mem::replace(next, sealed.last_chunk().copied()), sealed),
        };
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
            return Err(OpenError::Malformed);
        }
        // The first record after a gap in TLS 1.0: the next one has this one's last block.
        let iv = iv.ok_or(OpenError::OutOfStep)?;
        let was_lost = sequence.is_lost();
        let out = room(buffer, ciphertext.len());
        self.aes.decrypt(iv, ciphertext, out);
        let inner_len = if self.encrypt_then_mac { 0 } else { self.mac_len };
        let parts = strip_padding(out).and_then(|inside| inside.split_at_checked(inside.len().checked_sub(inner_len)?));
        let authentic = sequence.search(None, |number| match parts {
            _ if self.encrypt_then_mac => {
                self.mac.verify(&pseudo_header(number, header, sealed_len), sealed, outer_mac)
            }
            Some((content, mac)) => self.mac.verify(&pseudo_header(number, header, content.len()), content, mac),
            None => false,
        });
        match parts {
            Some((content, _)) if authentic || was_lost => Ok((content, authentic)),
            _ if was_lost => Err(OpenError::OutOfStep),
            _ => Err(OpenError::BadRecordMac),
        }
    }
}

fn open_null<'b>(
    mac: &MacKey,
    mac_len: usize,
    sequence: &mut Sequence,
    header: [u8; 5],
    body: &[u8],
    buffer: &'b mut Vec<u8>,
) -> Result<(&'b [u8], bool), OpenError> {
    let content_len = body.len().checked_sub(mac_len).ok_or(OpenError::Malformed)?;
    let (content, tag) = body.split_at_checked(content_len).ok_or(OpenError::Malformed)?;
    let was_lost = sequence.is_lost();
    let right = sequence.search(None, |number| mac.verify(&pseudo_header(number, header, content_len), content, tag));
    if !right && !was_lost {
        return Err(OpenError::BadRecordMac);
    }
    let out = room(buffer, content_len);
    out.copy_from_slice(content);
    Ok((out, right && !mac.is_none()))
}

/// What every record of TLS 1.2 authenticates beside its content: number, type, version, length (RFC 5246, 6.2.3).
fn pseudo_header(number: u64, [content_type, major, minor, ..]: [u8; 5], content_len: usize) -> [u8; 13] {
    let mut bytes = [0; 13];
    let len = u16::try_from(content_len).unwrap_or(u16::MAX).to_be_bytes();
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..].copy_from_slice(&[content_type, major, minor, len[0], len[1]]);
    bytes
}
