//! CBC and null suites: a block cipher, or none, and a MAC before it or after it.

use aes::{Aes128Dec, Aes256Dec};
use cbc::cipher::consts::U16;
use cbc::cipher::inout::InOutBuf;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, BlockSizeUser, InnerIvInit, KeyInit};
use hmac::Hmac;
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use crate::tls::suite::{Cipher, Mac, Parameters};

/// The length of AES's block, in bytes.
pub(super) const BLOCK: usize = 16;

/// AES in CBC mode, decrypting only.
pub(super) enum Aes {
    Key128(Box<Aes128Dec>),
    Key256(Box<Aes256Dec>),
}

impl Aes {
    /// None if the suite's cipher is another one.
    pub(super) fn new(parameters: Parameters, key: &[u8]) -> Option<Self> {
        match (parameters.cipher, key.len()) {
            (Cipher::Aes, 16) => Some(Self::Key128(Box::new(Aes128Dec::new_from_slice(key).ok()?))),
            (Cipher::Aes, 32) => Some(Self::Key256(Box::new(Aes256Dec::new_from_slice(key).ok()?))),
            _ => None,
        }
    }

    /// Decrypts whole blocks into `out`, which is as long as the ciphertext.
    pub(super) fn decrypt(&self, iv: [u8; BLOCK], ciphertext: &[u8], out: &mut [u8]) {
        match self {
            Self::Key128(key) => decrypt(&**key, iv, ciphertext, out),
            Self::Key256(key) => decrypt(&**key, iv, ciphertext, out),
        }
    }
}

fn decrypt<C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>>(
    key: &C,
    iv: [u8; BLOCK],
    ciphertext: &[u8],
    out: &mut [u8],
) {
    let Ok(buffer) = InOutBuf::new(ciphertext, out) else { return };
    let (blocks, _) = buffer.into_chunks::<U16>();
    cbc::Decryptor::inner_iv_init(key, &iv.into()).decrypt_blocks_inout(blocks);
}

/// A keyed MAC: the key is hashed once, each record clones that state.
pub(super) enum MacKey {
    None,
    Md5(Box<Hmac<Md5>>),
    Sha1(Box<Hmac<Sha1>>),
    Sha256(Box<Hmac<Sha256>>),
    Sha384(Box<Hmac<Sha384>>),
}

impl MacKey {
    pub(super) fn new(mac: Mac, key: &[u8]) -> Option<Self> {
        Some(match mac {
            Mac::None => Self::None,
            Mac::Md5 => Self::Md5(Box::new(Hmac::new_from_slice(key).ok()?)),
            Mac::Sha1 => Self::Sha1(Box::new(Hmac::new_from_slice(key).ok()?)),
            Mac::Sha256 => Self::Sha256(Box::new(Hmac::new_from_slice(key).ok()?)),
            Mac::Sha384 => Self::Sha384(Box::new(Hmac::new_from_slice(key).ok()?)),
        })
    }

    /// Whether a MAC is that of the header and the content. Without a MAC: whether there is nothing that could be wrong.
    pub(super) fn verify(&self, header: &[u8], content: &[u8], mac: &[u8]) -> bool {
        match self {
            Self::None => mac.is_empty(),
            Self::Md5(key) => verify(&**key, header, content, mac),
            Self::Sha1(key) => verify(&**key, header, content, mac),
            Self::Sha256(key) => verify(&**key, header, content, mac),
            Self::Sha384(key) => verify(&**key, header, content, mac),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

fn verify<M: hmac::Mac + Clone>(key: &M, header: &[u8], content: &[u8], mac: &[u8]) -> bool {
    key.clone().chain_update(header).chain_update(content).verify_slice(mac).is_ok()
}

/// What stands before the padding: every byte of it, and its length byte, holds its length (RFC 5246, 6.2.3.2). None if
/// it is not so.
pub(super) fn strip_padding(padded: &[u8]) -> Option<&[u8]> {
    let (padding_len, rest) = padded.split_last()?;
    let (content, padding) = rest.split_at_checked(rest.len().checked_sub(usize::from(*padding_len))?)?;
    padding.iter().all(|byte| byte == padding_len).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_stripped_or_refused() {
        assert_eq!(strip_padding(&[7, 7, 0]), Some(&[7, 7][..]));
        assert_eq!(strip_padding(&[7, 2, 2, 2]), Some(&[7][..]));
        assert_eq!(strip_padding(&[1, 1]), Some(&[][..]));
        assert_eq!(strip_padding(&[7, 3, 2, 2]), None);
        assert_eq!(strip_padding(&[2, 2]), None, "longer than the record");
        assert_eq!(strip_padding(&[]), None);
    }
}
