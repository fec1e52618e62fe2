//! Key schedules: from a secret and the two randoms, or from a traffic secret, to the keys of records.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

use crate::tls::codes::Version;
use crate::tls::suite::Hash;

/// The randoms of the two hellos.
#[derive(Clone, Copy)]
pub(super) struct Randoms<'a> {
    pub(super) client: &'a [u8; 32],
    pub(super) server: &'a [u8; 32],
}

/// Twice the longest MAC key, AES key and vector.
const MAX_KEY_BLOCK: usize = 2 * (48 + 32 + 16);

/// The key material of TLS 1.2 and before, handed out piece by piece (RFC 5246, 6.3).
pub(super) struct KeyBlock {
    bytes: Zeroizing<[u8; MAX_KEY_BLOCK]>,
    taken: usize,
}

impl KeyBlock {
    pub(super) fn new(version: Version, hash: Hash, master: &[u8], randoms: Randoms<'_>) -> Self {
        let mut bytes = Zeroizing::new([0; MAX_KEY_BLOCK]);
        prf(version, hash, master, &[b"key expansion", randoms.server, randoms.client], &mut *bytes);
        Self { bytes, taken: 0 }
    }

    /// The next so many bytes; empty when there are not so many left.
    pub(super) fn take(&mut self, len: u8) -> &[u8] {
        let from = self.taken;
        self.taken += usize::from(len);
        self.bytes.get(from..self.taken).unwrap_or_default()
    }
}

/// The pseudorandom function (RFC 5246, 5; RFC 2246, 5 before TLS 1.2). The first of the seeds is the label.
fn prf(version: Version, hash: Hash, secret: &[u8], seeds: &[&[u8]], out: &mut [u8]) {
    out.fill(0);
    if version < Version::TLS_1_2 {
        // Each hash takes one half of the secret; of an odd number of bytes they share the middle one.
        let half = secret.len().div_ceil(2);
        let (first, last) = (secret.get(..half), secret.get(secret.len() - half..));
        xor_p_hash::<Hmac<Md5>>(first.unwrap_or_default(), seeds, out);
        xor_p_hash::<Hmac<Sha1>>(last.unwrap_or_default(), seeds, out);
    } else if hash == Hash::Sha384 {
        xor_p_hash::<Hmac<Sha384>>(secret, seeds, out);
    } else {
        xor_p_hash::<Hmac<Sha256>>(secret, seeds, out);
    }
}

/// P_hash, xored into `out` (RFC 5246, 5).
fn xor_p_hash<M: Mac + KeyInit + Clone>(secret: &[u8], seeds: &[&[u8]], out: &mut [u8]) {
    // HMAC takes keys of any length.
    let Ok(keyed) = <M as KeyInit>::new_from_slice(secret) else { return };
    let with_seeds = |mut mac: M| {
        for seed in seeds {
            mac.update(seed);
        }
        mac.finalize().into_bytes()
    };
    let mut a = with_seeds(keyed.clone());
    for chunk in out.chunks_mut(M::output_size()) {
        let block = with_seeds(keyed.clone().chain_update(&a));
        for (byte, pseudorandom) in chunk.iter_mut().zip(&block) {
            *byte ^= pseudorandom;
        }
        a = keyed.clone().chain_update(&a).finalize().into_bytes();
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446, 7.1). None if the secret is shorter than the hash.
pub(super) fn expand_label(hash: Hash, secret: &[u8], label: &[u8], out: &mut [u8]) -> Option<()> {
    const PREFIX: &[u8] = b"tls13 ";
    let len = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_len = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let info: [&[u8]; 5] = [&len, &label_len, PREFIX, label, &[0]];
    match hash {
        Hash::Sha256 => Hkdf::<Sha256>::from_prk(secret).ok()?.expand_multi_info(&info, out).ok(),
        Hash::Sha384 => Hkdf::<Sha384>::from_prk(secret).ok()?.expand_multi_info(&info, out).ok(),
        Hash::Sm3 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::decrypt::testing::unhex;

    /// The community's test vector for the PRF of TLS 1.2 with SHA-256
    /// (mailarchive.ietf.org/arch/msg/tls/fzVCzk-z3FShgGJ6DOXqM1ydxms).
    #[test]
    fn prf_sha256_gives_the_known_answer() {
        let secret = unhex("9bbe436ba940f017b17652849a71db35");
        let seed = unhex("a0ba9f936cda311827a6f796ffd5198c");
        let expected = unhex(
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a
             6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab
             4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
             87347b66",
        );
        let mut out = vec![0; expected.len()];
        prf(Version::TLS_1_2, Hash::Sha256, &secret, &[b"test label", &seed], &mut out);
        assert_eq!(out, expected);
    }

    /// The same collection's vector for SHA-384.
    #[test]
    fn prf_sha384_gives_the_known_answer() {
        let secret = unhex("b80b733d6ceefcdc71566ea48e5567df");
        let seed = unhex("cd665cf6a8447dd6ff8b27555edb7465");
        let expected = unhex(
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd
             e9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd
             8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259
             b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691
             c8f3a26854308d5eaa3be85e0990703d73e56f",
        );
        let mut out = vec![0; expected.len()];
        prf(Version::TLS_1_2, Hash::Sha384, &secret, &[b"test label", &seed], &mut out);
        assert_eq!(out, expected);
    }

    /// The vector that BearSSL and others use for TLS 1.0 and 1.1 (its first 64 bytes).
    #[test]
    fn prf_of_tls10_gives_the_known_answer() {
        let expected = unhex(
            "d3d4d1e349b5d515044666d51de32bab258cb521b6b053463e354832fd976754
             443bcf9a296519bc289abcbc1187e4ebd31e602353776c408aafb74cbc85eff6",
        );
        let mut out = vec![0; expected.len()];
        prf(Version::TLS_1_0, Hash::Sha256, &[0xab; 48], &[b"PRF Testvector", &[0xcd; 64]], &mut out);
        assert_eq!(out, expected);
    }

    /// RFC 8448, 3: the server's handshake traffic secret, its key and its vector.
    #[test]
    fn labels_expand_as_in_rfc_8448() {
        let secret = unhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        expand_label(Hash::Sha256, &secret, b"key", &mut key).unwrap();
        expand_label(Hash::Sha256, &secret, b"iv", &mut iv).unwrap();
        assert_eq!(key, *unhex("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(iv, *unhex("5d313eb2671276ee13000b30"));
        assert_eq!(expand_label(Hash::Sha384, &secret, b"key", &mut key), None, "a secret of the wrong length");
    }
}
