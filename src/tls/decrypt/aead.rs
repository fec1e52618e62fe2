//! The AEAD algorithms behind one face: open with a key, a nonce and additional data.

use aes::{Aes128, Aes256};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ccm::Ccm;
use ccm::aead::inout::InOutBuf;
use ccm::aead::{AeadInOut, KeyInit, Tag};
use ccm::consts::{U8, U12, U16};

use crate::tls::suite::{Cipher, Kind, Parameters};

/// A key of any of the AEAD suites.
pub(super) enum Aead {
    /// GCM and ChaCha20-Poly1305.
    AwsLc(LessSafeKey),
    Ccm128(Box<Ccm<Aes128, U16, U12>>),
    Ccm256(Box<Ccm<Aes256, U16, U12>>),
    Ccm8With128(Box<Ccm<Aes128, U8, U12>>),
    Ccm8With256(Box<Ccm<Aes256, U8, U12>>),
}

impl Aead {
    /// None if the suite is no AEAD that is known here, or the key has another length.
    pub(super) fn new(parameters: Parameters, key: &[u8]) -> Option<Self> {
        if key.len() != usize::from(parameters.key_len) {
            return None;
        }
        match (parameters.kind, parameters.cipher, key.len()) {
            (Kind::AeadGcm, Cipher::Aes, 16) => aws_lc(&AES_128_GCM, key),
            (Kind::AeadGcm, Cipher::Aes, 32) => aws_lc(&AES_256_GCM, key),
            (Kind::AeadChaCha20Poly1305, Cipher::ChaCha20, 32) => aws_lc(&CHACHA20_POLY1305, key),
            (Kind::AeadCcm, Cipher::Aes, 16) => Some(Self::Ccm128(Box::new(Ccm::new_from_slice(key).ok()?))),
            (Kind::AeadCcm, Cipher::Aes, 32) => Some(Self::Ccm256(Box::new(Ccm::new_from_slice(key).ok()?))),
            (Kind::AeadCcm8, Cipher::Aes, 16) => Some(Self::Ccm8With128(Box::new(Ccm::new_from_slice(key).ok()?))),
            (Kind::AeadCcm8, Cipher::Aes, 32) => Some(Self::Ccm8With256(Box::new(Ccm::new_from_slice(key).ok()?))),
            _ => None,
        }
    }

    /// Decrypts into `out`, which is as long as the ciphertext, and says whether the tag is right. If it is not, `out` holds
    /// nothing of use.
    pub(super) fn open(&self, nonce: [u8; 12], aad: &[u8], ciphertext: &[u8], tag: &[u8], out: &mut [u8]) -> bool {
        match self {
            Self::AwsLc(key) => {
                let nonce = Nonce::assume_unique_for_key(nonce);
                key.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, out).is_ok()
            }
            Self::Ccm128(key) => open_ccm(&**key, nonce, aad, ciphertext, tag, out),
            Self::Ccm256(key) => open_ccm(&**key, nonce, aad, ciphertext, tag, out),
            Self::Ccm8With128(key) => open_ccm(&**key, nonce, aad, ciphertext, tag, out),
            Self::Ccm8With256(key) => open_ccm(&**key, nonce, aad, ciphertext, tag, out),
        }
    }
}

fn aws_lc(algorithm: &'static Algorithm, key: &[u8]) -> Option<Aead> {
    Some(Aead::AwsLc(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)))
}

fn open_ccm<C: AeadInOut<NonceSize = U12>>(
    key: &C,
    nonce: [u8; 12],
    aad: &[u8],
    ciphertext: &[u8],
    tag: &[u8],
    out: &mut [u8],
) -> bool {
    let (Ok(tag), Ok(buffer)) = (Tag::<C>::try_from(tag), InOutBuf::new(ciphertext, out)) else { return false };
    key.decrypt_inout_detached(&nonce.into(), aad, buffer, &tag).is_ok()
}
