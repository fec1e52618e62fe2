//! For the tests: hex, and a side that seals records. No library at hand makes CBC and CCM traffic.

use aes::{Aes128, Aes256};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use ccm::Ccm;
use ccm::aead::{Aead as _, KeyInit, Payload};
use ccm::consts::{U8, U12, U16};
use hmac::{Hmac, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::schedule::{KeyBlock, Randoms, expand_label};
use crate::tls::codes::Version;
use crate::tls::suite::{CipherSuite, Kind, Mac, Parameters};

/// Bytes from hex digits; blanks and line ends do not count.
pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A record: its header and its body.
pub(super) type Record = ([u8; 5], Vec<u8>);

pub(super) const MASTER: [u8; 48] = [0x5a; 48];
pub(super) const RANDOMS: Randoms<'static> = Randoms { client: &[0xc1; 32], server: &[0x5e; 32] };

/// Seals what the client of a TLS 1.0 to 1.2 connection sends.
pub(super) struct Sealer12 {
    version: Version,
    parameters: Parameters,
    encrypt_then_mac: bool,
    mac_key: Vec<u8>,
    key: Vec<u8>,
    iv: Vec<u8>,
    /// The number of the next record.
    pub(super) number: u64,
    /// The nonce on the wire is the record's number plus this.
    pub(super) nonce_offset: u64,
}

impl Sealer12 {
    pub(super) fn client(version: Version, suite: u16, encrypt_then_mac: bool) -> Self {
        let parameters = CipherSuite(suite).parameters().unwrap();
        let mut block = KeyBlock::new(version, parameters.hash, &MASTER, RANDOMS);
        let mut client_part = |len: u8| {
            let part = block.take(len).to_vec();
            block.take(len);
            part
        };
        Self {
            version,
            parameters,
            encrypt_then_mac,
            mac_key: client_part(parameters.mac.len()),
            key: client_part(parameters.key_len),
            iv: client_part(parameters.fixed_iv_len(version)),
            number: 0,
            nonce_offset: 0,
        }
    }

    pub(super) fn seal(&mut self, content_type: u8, content: &[u8]) -> Record {
        let body = match self.parameters.kind {
            Kind::Cbc { .. } => self.cbc(content_type, content),
            Kind::Null => [content, &self.mac(content_type, content)].concat(),
            kind => {
                let explicit = (self.number.wrapping_add(self.nonce_offset)).to_be_bytes();
                let aad = self.pseudo_header(content_type, content.len());
                if kind == Kind::AeadChaCha20Poly1305 {
                    let mut nonce: [u8; 12] = self.iv.clone().try_into().unwrap();
                    nonce[4..].iter_mut().zip(self.number.to_be_bytes()).for_each(|(byte, other)| *byte ^= other);
                    aead(self.parameters, &self.key, nonce, &aad, content)
                } else {
                    let nonce = [&self.iv[..], &explicit].concat().try_into().unwrap();
                    [&explicit[..], &aead(self.parameters, &self.key, nonce, &aad, content)].concat()
                }
            }
        };
        self.number += 1;
        (header(content_type, self.version, body.len()), body)
    }

    fn cbc(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let explicit = self.version > Version::TLS_1_0;
        let iv = if explicit { vec![u8::try_from(self.number).unwrap() ^ 0x77; 16] } else { self.iv.clone() };
        let mut inside = content.to_vec();
        if !self.encrypt_then_mac {
            inside.extend(self.mac(content_type, content));
        }
        let padding = 15 - inside.len() % 16;
        inside.extend(vec![u8::try_from(padding).unwrap(); padding + 1]);
        let len = inside.len();
        if self.key.len() == 16 {
            let encryptor = cbc::Encryptor::<Aes128>::new_from_slices(&self.key, &iv).unwrap();
            encryptor.encrypt_padded::<NoPadding>(&mut inside, len).unwrap();
        } else {
            let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(&self.key, &iv).unwrap();
            encryptor.encrypt_padded::<NoPadding>(&mut inside, len).unwrap();
        }
        let mut body = if explicit { iv } else { Vec::new() };
        self.iv = inside[len - 16..].to_vec();
        body.extend(inside);
        if self.encrypt_then_mac {
            body.extend(self.mac(content_type, &body));
        }
        body
    }

    fn mac(&self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let header = self.pseudo_header(content_type, content.len());
        macro_rules! hmac {
            ($hash:ty) => {{
                let mac = <Hmac<$hash> as KeyInit>::new_from_slice(&self.mac_key).unwrap();
                mac.chain_update(&header).chain_update(content).finalize().into_bytes().to_vec()
            }};
        }
        match self.parameters.mac {
            Mac::None => Vec::new(),
            Mac::Md5 => hmac!(Md5),
            Mac::Sha1 => hmac!(Sha1),
            Mac::Sha256 => hmac!(Sha256),
            Mac::Sha384 => hmac!(Sha384),
        }
    }

    fn pseudo_header(&self, content_type: u8, len: usize) -> Vec<u8> {
        [&self.number.to_be_bytes()[..], &header(content_type, self.version, len)].concat()
    }
}

/// Seals with one traffic secret of TLS 1.3.
pub(super) struct Sealer13 {
    parameters: Parameters,
    secret: Vec<u8>,
    /// The number of the next record.
    pub(super) number: u64,
}

impl Sealer13 {
    pub(super) fn new(suite: u16, secret: &[u8]) -> Self {
        Self { parameters: CipherSuite(suite).parameters().unwrap(), secret: secret.to_vec(), number: 0 }
    }

    /// The keys after a KeyUpdate.
    pub(super) fn next(&self) -> Self {
        let mut secret = vec![0; self.secret.len()];
        expand_label(self.parameters.hash, &self.secret, b"traffic upd", &mut secret).unwrap();
        Self { parameters: self.parameters, secret, number: 0 }
    }

    pub(super) fn seal(&mut self, content_type: u8, content: &[u8], padding: usize) -> Record {
        let hash = self.parameters.hash;
        let (mut key, mut nonce) = (vec![0; usize::from(self.parameters.key_len)], [0; 12]);
        expand_label(hash, &self.secret, b"key", &mut key).unwrap();
        expand_label(hash, &self.secret, b"iv", &mut nonce).unwrap();
        nonce[4..].iter_mut().zip(self.number.to_be_bytes()).for_each(|(byte, other)| *byte ^= other);
        let inner = [content, &[content_type], &vec![0; padding]].concat();
        let header = header(23, Version::TLS_1_2, inner.len() + usize::from(self.parameters.tag_len()));
        self.number += 1;
        (header, aead(self.parameters, &key, nonce, &header, &inner))
    }
}

fn header(content_type: u8, version: Version, len: usize) -> [u8; 5] {
    let [major, minor] = version.0.to_be_bytes();
    let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
    [content_type, major, minor, high, low]
}

fn aead(parameters: Parameters, key: &[u8], nonce: [u8; 12], aad: &[u8], content: &[u8]) -> Vec<u8> {
    let aws_lc = |algorithm| {
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
        let mut body = content.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut body).unwrap();
        body
    };
    let payload = Payload { msg: content, aad };
    macro_rules! ccm {
        ($cipher:ty, $tag:ty) => {
            Ccm::<$cipher, $tag, U12>::new_from_slice(key).unwrap().encrypt(&nonce.into(), payload).unwrap()
        };
    }
    match (parameters.kind, key.len()) {
        (Kind::AeadGcm, 16) => aws_lc(&AES_128_GCM),
        (Kind::AeadGcm, _) => aws_lc(&AES_256_GCM),
        (Kind::AeadChaCha20Poly1305, _) => aws_lc(&CHACHA20_POLY1305),
        (Kind::AeadCcm, 16) => ccm!(Aes128, U16),
        (Kind::AeadCcm, _) => ccm!(Aes256, U16),
        (Kind::AeadCcm8, 16) => ccm!(Aes128, U8),
        (Kind::AeadCcm8, _) => ccm!(Aes256, U8),
        other => panic!("no AEAD: {other:?}"),
    }
}
