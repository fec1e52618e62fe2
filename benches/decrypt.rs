//! Gigabytes a second that one core decrypts, on full records of TLS 1.3.
//!
//! `cargo bench --bench decrypt` seals records in memory and prints for each suite how fast they are opened.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use hkdf::Hkdf;
use iotcap::net::Side;
use iotcap::tls::decrypt::Decryptor;
use iotcap::tls::keylog::KeyLog;
use iotcap::tls::{CipherSuite, Version};
use sha2::{Sha256, Sha384};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The least for AES-GCM, in gigabytes a second.
const FLOOR: f64 = 1.0;
/// A full record (RFC 8446, 5.1), and so many of them: together they do not fit a second-level cache.
const CONTENT: usize = 1 << 14;
const RECORDS: u16 = 256;
const ROUNDS: u32 = 64;

fn main() {
    println!("{:<32} {:>8}", "suite", "GB/s");
    for (suite, algorithm, hash_len) in [
        (CipherSuite(0x1301), &AES_128_GCM, 32),
        (CipherSuite(0x1302), &AES_256_GCM, 48),
        (CipherSuite(0x1303), &CHACHA20_POLY1305, 32),
    ] {
        let secret = vec![9; hash_len];
        let records = sealed(algorithm, &secret);
        let time = (0..3).map(|_| open_all(suite, &secret, &records)).min().expect("three runs");
        let bytes = f64::from(RECORDS) * f64::from(ROUNDS) * CONTENT as f64;
        let speed = bytes / 1e9 / time.as_secs_f64();
        println!("{:<32} {speed:>8.2}", suite.to_string());
        assert!(algorithm == &CHACHA20_POLY1305 || speed >= FLOOR, "{suite}: {speed:.2} GB/s is below {FLOOR:.1}");
    }
}

/// Opens all records, again and again; making the keys anew each time is part of it.
#[expect(clippy::disallowed_methods, reason = "a bench measures the clock's time")]
fn open_all(suite: CipherSuite, secret: &[u8], records: &[Vec<u8>]) -> Duration {
    let mut key_log = KeyLog::new();
    let (random, digits) = ("07".repeat(32), "09".repeat(secret.len()));
    key_log.add_text(format!("CLIENT_TRAFFIC_SECRET_0 {random} {digits}\n").as_bytes());
    let secrets = key_log.lookup(&[7; 32]).expect("the secret");
    let mut buffer = Vec::new();
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let mut decryptor = Decryptor::tls13(Version::TLS_1_3, suite, secrets).expect("a known suite");
        decryptor.start_application_keys(Side::Client);
        for record in records {
            let (header, body) = record.split_first_chunk().expect("a header");
            let opened = decryptor.open(Side::Client, *header, body, &mut buffer).expect("it opens");
            assert_eq!(black_box(opened).plaintext.len(), CONTENT);
        }
    }
    start.elapsed()
}

/// Records 0, 1, 2 … of a side with this secret, each with its header (RFC 8446, 5.2).
fn sealed(algorithm: &'static Algorithm, secret: &[u8]) -> Vec<Vec<u8>> {
    let mut key = vec![0; algorithm.key_len()];
    let mut iv = [0; 12];
    expand(secret, "key", &mut key);
    expand(secret, "iv", &mut iv);
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).expect("a key"));
    let seal = |number: u64| {
        let mut nonce = iv;
        for (byte, other) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *byte ^= other;
        }
        let mut body = vec![0xa5; CONTENT];
        body.push(23);
        let length = u16::try_from(body.len() + algorithm.tag_len()).expect("a record").to_be_bytes();
        let header = [23, 3, 3, length[0], length[1]];
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(header), &mut body).expect("it seals");
        [&header[..], &body].concat()
    };
    (0..u64::from(RECORDS)).map(seal).collect()
}

/// HKDF-Expand-Label with an empty context (RFC 8446, 7.1).
fn expand(secret: &[u8], label: &str, out: &mut [u8]) {
    let length = u16::try_from(out.len()).expect("short").to_be_bytes();
    let label_length = u8::try_from(6 + label.len()).expect("short");
    let info = [&length[..], &[label_length], b"tls13 ", label.as_bytes(), &[0]].concat();
    match secret.len() {
        32 => Hkdf::<Sha256>::from_prk(secret).expect("a secret").expand(&info, out).expect("a key"),
        _ => Hkdf::<Sha384>::from_prk(secret).expect("a secret").expand(&info, out).expect("a key"),
    }
}
