//! Tests of the whole: what a caller of [`Decryptor`](super::Decryptor) relies on.

use proptest::prelude::*;

use super::testing::{MASTER, RANDOMS, Record, Sealer12, Sealer13, unhex};
use super::*;
use crate::tls::keylog::KeyLog;

const TLS12: Version = Version::TLS_1_2;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// Every suite's way to protect a record, with the versions and the order of encryption and MAC that it can have.
#[rustfmt::skip]
const SUITES_12: [(u16, Version, bool); 22] = [
    (0xc02f, TLS12, false), (0xc030, TLS12, false), (0xcca8, TLS12, false), (0xc0ac, TLS12, false),
    (0xc0ad, TLS12, false), (0xc0ae, TLS12, false), (0xc0af, TLS12, false),
    (0xc013, TLS12, false), (0xc013, TLS12, true), (0xc014, Version::TLS_1_1, false), (0xc014, Version::TLS_1_1, true),
    (0x002f, Version::TLS_1_0, false), (0x0035, Version::TLS_1_0, true), (0xc027, TLS12, false), (0x003d, TLS12, true),
    (0xc028, TLS12, false), (0xc024, TLS12, true), (0x0001, Version::TLS_1_0, false), (0x0002, TLS12, false),
    (0x003b, TLS12, false), (0xc03b, TLS12, false), (0x009c, TLS12, true),
];
const SUITES_13: [u16; 5] = [0x1301, 0x1302, 0x1303, 0x1304, 0x1305];

fn tls12(suite: u16, version: Version, encrypt_then_mac: bool) -> (Sealer12, Decryptor) {
    let mut decryptor =
        Decryptor::tls12(version, CipherSuite(suite), &MASTER, RANDOMS.client, RANDOMS.server, encrypt_then_mac)
            .unwrap();
    decryptor.change_cipher_spec(Side::Client);
    (Sealer12::client(version, suite, encrypt_then_mac), decryptor)
}

const EARLY: &str = "CLIENT_EARLY_TRAFFIC_SECRET";
const CLIENT_HANDSHAKE: &str = "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
const CLIENT_DATA: &str = "CLIENT_TRAFFIC_SECRET_0";

/// A decryptor that has these labels' secrets, and their sealing sides.
fn tls13<const N: usize>(suite: u16, labels: [&str; N]) -> ([Sealer13; N], Decryptor) {
    let (sealers, log) = secrets13(suite, labels);
    (sealers, Decryptor::tls13(Version::TLS_1_3, CipherSuite(suite), log.lookup(&[0x11; 32]).unwrap()).unwrap())
}

/// A key log that has these labels' secrets, and their sealing sides.
fn secrets13<const N: usize>(suite: u16, labels: [&str; N]) -> ([Sealer13; N], KeyLog) {
    let len = CipherSuite(suite).parameters().unwrap().hash.len();
    let mut log = KeyLog::new();
    let sealers = labels.map(|label| {
        let value = u8::try_from(label.len()).unwrap();
        log.add_text(format!("{label} {} {}\n", "11".repeat(32), format!("{value:02x}").repeat(len)).as_bytes());
        Sealer13::new(suite, &vec![value; len])
    });
    (sealers, log)
}

/// Opens a record of the client: its type, its plaintext, and whether it was authenticated.
fn open(decryptor: &mut Decryptor, (header, body): &Record) -> Result<(u8, Vec<u8>, bool), OpenError> {
    let mut buffer = Vec::new();
    let opened = decryptor.open(Side::Client, *header, body, &mut buffer)?;
    Ok((opened.content_type.0, opened.plaintext.to_vec(), opened.authenticated))
}

/// What [`open`] gives for a record of application data.
#[expect(clippy::unnecessary_wraps, reason = "it is compared with results")]
fn data(content: &[u8]) -> Result<(u8, Vec<u8>, bool), OpenError> {
    Ok((DATA, content.to_vec(), true))
}

#[test]
fn every_suite_of_tls12_opens_what_was_sealed() {
    for (suite, version, encrypt_then_mac) in SUITES_12 {
        let (mut client, mut decryptor) = tls12(suite, version, encrypt_then_mac);
        let finished = client.seal(HANDSHAKE, b"\x14\x00\x00\x0cverify_data.");
        assert_eq!(
            open(&mut decryptor, &finished),
            Ok((HANDSHAKE, b"\x14\x00\x00\x0cverify_data.".to_vec(), true)),
            "{}, {version}",
            CipherSuite(suite)
        );
        for len in [0, 1, 15, 16, 17, 255, 256, 1400, 16_384] {
            let content = vec![0xa5; len];
            assert_eq!(open(&mut decryptor, &client.seal(DATA, &content)), data(&content), "{}", CipherSuite(suite));
        }
    }
}

#[test]
fn every_suite_of_tls13_opens_what_was_sealed() {
    for suite in SUITES_13 {
        let ([mut handshake, mut application], mut decryptor) = tls13(suite, [CLIENT_HANDSHAKE, CLIENT_DATA]);
        let finished = handshake.seal(HANDSHAKE, b"finished", 0);
        assert_eq!(open(&mut decryptor, &finished), Ok((HANDSHAKE, b"finished".to_vec(), true)));
        decryptor.start_application_keys(Side::Client);
        for (len, padding) in [(0, 0), (1, 0), (2, 100), (16_384, 0), (0, 1)] {
            let content = vec![7; len];
            assert_eq!(open(&mut decryptor, &application.seal(DATA, &content, padding)), data(&content));
        }
    }
}

#[test]
fn record_lengths_are_what_the_suite_promises() {
    for (suite, version, encrypt_then_mac) in SUITES_12 {
        let (mut client, _) = tls12(suite, version, encrypt_then_mac);
        // AEAD suites ignore the extension.
        for len in [0, 2, 4, 5, 16, 100] {
            let (_, body) = client.seal(DATA, &vec![0; len]);
            let promised = CipherSuite(suite).record_len(version, u32::try_from(len).unwrap(), encrypt_then_mac);
            assert_eq!(promised, u32::try_from(body.len()).ok(), "{}, {len} bytes", CipherSuite(suite));
        }
    }
}

#[test]
fn what_was_altered_is_refused_and_the_next_record_opens() {
    for (suite, version, encrypt_then_mac) in SUITES_12 {
        let (mut client, mut decryptor) = tls12(suite, version, encrypt_then_mac);
        for position in [0, 20, usize::MAX] {
            let (header, mut body) = client.seal(DATA, b"some content that is longer than a block");
            let last = body.len() - 1;
            body[position.min(last)] ^= 1;
            let refused = open(&mut decryptor, &(header, body));
            assert_eq!(refused, Err(OpenError::BadRecordMac), "{}, byte {position}", CipherSuite(suite));
            let next = open(&mut decryptor, &client.seal(DATA, b"next"));
            // TLS 1.0 chains records: a wrong last block spoils the first of the next one.
            if version > Version::TLS_1_0 || position == 0 {
                assert_eq!(next, data(b"next"), "{}, byte {position}", CipherSuite(suite));
            }
        }
    }
    for suite in SUITES_13 {
        let ([mut client], mut decryptor) = tls13(suite, [CLIENT_DATA]);
        decryptor.start_application_keys(Side::Client);
        assert_eq!(open(&mut decryptor, &client.seal(DATA, b"first", 0)), data(b"first"));
        let (mut header, body) = client.seal(DATA, b"content", 0);
        header[1] ^= 1;
        assert_eq!(open(&mut decryptor, &(header, body)), Err(OpenError::BadRecordMac), "the header is authenticated");
        assert_eq!(open(&mut decryptor, &client.seal(DATA, b"next", 0)), data(b"next"));
    }
}

#[test]
fn too_short_and_too_long_records_are_malformed() {
    for (suite, version, encrypt_then_mac) in SUITES_12 {
        let (_, mut decryptor) = tls12(suite, version, encrypt_then_mac);
        assert_eq!(open(&mut decryptor, &([DATA, 3, 3, 0, 0], Vec::new())), Err(OpenError::Malformed));
        assert_eq!(open(&mut decryptor, &([DATA, 3, 3, 0, 7], vec![0; 7])), Err(OpenError::Malformed));
        assert_eq!(open(&mut decryptor, &([DATA, 3, 3, 0, 0], vec![0; MAX_BODY + 1])), Err(OpenError::Malformed));
    }
    let (_, mut decryptor) = tls13(0x1301, [CLIENT_DATA]);
    assert_eq!(open(&mut decryptor, &([DATA, 3, 3, 0, 16], vec![0; 16])), Err(OpenError::Malformed));
}

#[test]
fn records_in_clear_are_left_alone() {
    let mut decryptor =
        Decryptor::tls12(TLS12, CipherSuite(0xc02f), &MASTER, RANDOMS.client, RANDOMS.server, false).unwrap();
    let mut client = Sealer12::client(TLS12, 0xc02f, false);
    let finished = client.seal(HANDSHAKE, b"finished");
    assert_eq!(open(&mut decryptor, &finished), Err(OpenError::NotSealed));
    decryptor.change_cipher_spec(Side::Server);
    assert_eq!(open(&mut decryptor, &finished), Err(OpenError::NotSealed), "the other side's change is not this one's");
    decryptor.change_cipher_spec(Side::Client);
    assert!(open(&mut decryptor, &finished).is_ok());
    let (_, mut decryptor) = tls13(0x1301, [CLIENT_DATA]);
    let alert = ([21, 3, 3, 0, 2], vec![2, 48]);
    assert_eq!(open(&mut decryptor, &alert), Err(OpenError::NotSealed));
}

#[test]
fn after_a_gap_the_record_number_is_found() {
    for (suite, version, encrypt_then_mac) in SUITES_12 {
        let (mut client, mut decryptor) = tls12(suite, version, encrypt_then_mac);
        assert_eq!(open(&mut decryptor, &client.seal(DATA, b"before")), data(b"before"));
        for _ in 0..40 {
            client.seal(DATA, b"lost");
        }
        decryptor.lost_records(Side::Client);
        let first = open(&mut decryptor, &client.seal(DATA, b"after"));
        let chained = version == Version::TLS_1_0 && suite != 0x0001;
        assert_eq!(first, if chained { Err(OpenError::OutOfStep) } else { data(b"after") }, "{}", CipherSuite(suite));
        assert_eq!(open(&mut decryptor, &client.seal(DATA, b"then")), data(b"then"), "{}", CipherSuite(suite));
    }
    for suite in SUITES_13 {
        let ([mut client], mut decryptor) = tls13(suite, [CLIENT_DATA]);
        decryptor.start_application_keys(Side::Client);
        assert_eq!(open(&mut decryptor, &client.seal(DATA, b"before", 0)), data(b"before"));
        client.number += 60;
        decryptor.lost_records(Side::Client);
        assert_eq!(open(&mut decryptor, &client.seal(DATA, b"after", 0)), data(b"after"));
    }
}

#[test]
fn a_lost_change_cipher_spec_shows_by_itself() {
    for (suite, version, encrypt_then_mac) in SUITES_12 {
        let (random, other) = (RANDOMS.client, RANDOMS.server);
        let suite = CipherSuite(suite);
        let mut decryptor = Decryptor::tls12(version, suite, &MASTER, random, other, encrypt_then_mac).unwrap();
        let mut client = Sealer12::client(version, suite.0, encrypt_then_mac);
        let clear = ([HANDSHAKE, 3, 3, 0, 64], vec![0x10; 64]);
        decryptor.lost_records(Side::Client);
        assert_eq!(open(&mut decryptor, &clear), Err(OpenError::NotSealed), "{suite}");
        // ChangeCipherSpec and Finished are lost, and in TLS 1.0 the block that the next record needs.
        client.seal(HANDSHAKE, b"finished");
        if version == Version::TLS_1_0 {
            let _ = open(&mut decryptor, &client.seal(DATA, b"connect"));
        }
        assert_eq!(open(&mut decryptor, &client.seal(DATA, b"publish")), data(b"publish"), "{suite}");
    }
}

#[test]
fn a_gap_before_the_change_cipher_spec_does_no_harm() {
    for (suite, version, encrypt_then_mac) in SUITES_12 {
        let (mut client, mut decryptor) = tls12(suite, version, encrypt_then_mac);
        decryptor.lost_records(Side::Client);
        decryptor.change_cipher_spec(Side::Client);
        assert_eq!(open(&mut decryptor, &client.seal(DATA, b"connect")), data(b"connect"), "{}", CipherSuite(suite));
    }
}

#[test]
fn a_nonce_that_counts_with_the_records_bridges_any_gap() {
    let (mut client, mut decryptor) = tls12(0xc02f, TLS12, false);
    client.nonce_offset = 0xfedc_ba98_7654_3210;
    assert_eq!(open(&mut decryptor, &client.seal(DATA, b"before")), data(b"before"));
    client.number += 1_000_000;
    decryptor.lost_records(Side::Client);
    assert_eq!(open(&mut decryptor, &client.seal(DATA, b"after")), data(b"after"));
}

#[test]
fn a_cbc_record_of_unknown_number_is_readable_but_not_authenticated() {
    let (mut client, mut decryptor) = tls12(0xc013, TLS12, false);
    client.number += 200;
    decryptor.lost_records(Side::Client);
    let opened = open(&mut decryptor, &client.seal(DATA, b"after"));
    assert_eq!(opened, Ok((DATA, b"after".to_vec(), false)));
}

#[test]
fn lost_records_are_no_bad_mac() {
    let (mut client, mut decryptor) = tls12(0xcca8, TLS12, false);
    client.number += 1_000_000;
    decryptor.lost_records(Side::Client);
    assert_eq!(open(&mut decryptor, &client.seal(DATA, b"after")), Err(OpenError::OutOfStep));
    let ([mut client], mut decryptor) = tls13(0x1303, [CLIENT_DATA]);
    decryptor.start_application_keys(Side::Client);
    client.number += 1_000_000;
    decryptor.lost_records(Side::Client);
    assert_eq!(open(&mut decryptor, &client.seal(DATA, b"after", 0)), Err(OpenError::OutOfStep));
}

#[test]
fn key_updates_are_followed_announced_or_not() {
    let ([mut first], mut decryptor) = tls13(0x1302, [CLIENT_DATA]);
    decryptor.start_application_keys(Side::Client);
    assert_eq!(open(&mut decryptor, &first.seal(DATA, b"first", 0)), data(b"first"));
    decryptor.key_update(Side::Client);
    let mut second = first.next();
    assert_eq!(open(&mut decryptor, &second.seal(DATA, b"second", 0)), data(b"second"));
    // The next KeyUpdate and two records under its keys are lost.
    let mut third = second.next();
    third.number = 2;
    decryptor.lost_records(Side::Client);
    assert_eq!(open(&mut decryptor, &third.seal(DATA, b"third", 0)), data(b"third"));
    assert_eq!(open(&mut decryptor, &third.seal(DATA, b"more", 0)), data(b"more"));
}

#[test]
fn application_keys_are_found_when_finished_was_lost() {
    let ([mut handshake, mut application], mut decryptor) = tls13(0x1301, [CLIENT_HANDSHAKE, CLIENT_DATA]);
    assert!(open(&mut decryptor, &handshake.seal(HANDSHAKE, b"certificate", 0)).is_ok());
    decryptor.lost_records(Side::Client);
    application.number = 3;
    assert_eq!(open(&mut decryptor, &application.seal(DATA, b"connect", 0)), data(b"connect"));
    // A late announcement does not start the count again.
    decryptor.start_application_keys(Side::Client);
    assert_eq!(open(&mut decryptor, &application.seal(DATA, b"publish", 0)), data(b"publish"));
}

#[test]
fn a_key_log_without_handshake_secrets_still_opens_the_data() {
    let ([mut application], mut decryptor) = tls13(0x1301, [CLIENT_DATA]);
    let mut unknown = Sealer13::new(0x1301, &[0x99; 32]);
    for _ in 0..3 {
        assert_eq!(open(&mut decryptor, &unknown.seal(HANDSHAKE, b"certificate", 0)), Err(OpenError::NoSecret));
    }
    assert_eq!(open(&mut decryptor, &application.seal(DATA, b"connect", 0)), data(b"connect"));
}

#[test]
fn early_data_opens_and_gives_way_to_the_handshake() {
    let labels = [EARLY, CLIENT_HANDSHAKE, CLIENT_DATA];
    for announced in [true, false] {
        let ([mut early, mut handshake, mut application], mut decryptor) = tls13(0x1301, labels);
        decryptor.start_early_data();
        assert_eq!(open(&mut decryptor, &early.seal(DATA, b"connect", 0)), data(b"connect"));
        assert!(open(&mut decryptor, &early.seal(HANDSHAKE, b"\x05\0\0\0", 0)).is_ok());
        if announced {
            decryptor.end_early_data();
        }
        assert!(open(&mut decryptor, &handshake.seal(HANDSHAKE, b"finished", 0)).is_ok());
        if announced {
            decryptor.start_application_keys(Side::Client);
        }
        assert_eq!(open(&mut decryptor, &application.seal(DATA, b"publish", 0)), data(b"publish"));
    }
}

#[test]
fn early_data_without_its_secret_does_not_disturb_the_count() {
    let ([mut handshake], mut decryptor) = tls13(0x1301, [CLIENT_HANDSHAKE]);
    let mut early = Sealer13::new(0x1301, &[0x99; 32]);
    decryptor.start_early_data();
    for _ in 0..3 {
        assert_eq!(open(&mut decryptor, &early.seal(DATA, b"connect", 0)), Err(OpenError::NoSecret));
    }
    assert!(open(&mut decryptor, &handshake.seal(HANDSHAKE, b"finished", 0)).is_ok());
}

#[test]
fn early_data_opens_before_a_server_chose_any_suite() {
    let offered = SUITES_13.map(CipherSuite);
    for resumed in SUITES_13 {
        let ([mut early, mut handshake], log) = secrets13(resumed, [EARLY, CLIENT_HANDSHAKE]);
        let secrets = log.lookup(&[0x11; 32]).unwrap();
        let mut before = Decryptor::early_data(&offered, secrets).unwrap();
        for content in [&b"connect"[..], b"subscribe"] {
            assert_eq!(open(&mut before, &early.seal(DATA, content, 0)), data(content), "{resumed:04x}");
        }
        let mut decryptor = Decryptor::tls13(Version::TLS_1_3, CipherSuite(resumed), secrets).unwrap();
        decryptor.take_over(before);
        assert_eq!(open(&mut decryptor, &early.seal(DATA, b"publish", 0)), data(b"publish"), "{resumed:04x}");
        decryptor.end_early_data();
        assert!(open(&mut decryptor, &handshake.seal(HANDSHAKE, b"finished", 0)).is_ok(), "{resumed:04x}");
    }
}

#[test]
fn early_data_of_a_session_that_is_not_resumed_opens_as_well() {
    let ([mut early], log) = secrets13(0x1303, [EARLY]);
    let secrets = log.lookup(&[0x11; 32]).unwrap();
    let mut before = Decryptor::early_data(&[CipherSuite(0x1301), CipherSuite(0x1303)], secrets).unwrap();
    assert!(open(&mut before, &early.seal(DATA, b"connect", 0)).is_ok());
    // The server takes another suite, and knows nothing of the session.
    let mut decryptor = Decryptor::tls13(Version::TLS_1_3, CipherSuite(0x1301), secrets).unwrap();
    decryptor.take_over(before);
    assert_eq!(open(&mut decryptor, &early.seal(DATA, b"publish", 0)), data(b"publish"));
}

#[test]
fn a_suite_that_was_not_offered_seals_no_early_data() {
    let ([mut early], log) = secrets13(0x1301, [EARLY]);
    let secrets = log.lookup(&[0x11; 32]).unwrap();
    assert!(Decryptor::early_data(&[CipherSuite(0xc02f)], secrets).is_none());
    let mut decryptor = Decryptor::early_data(&[CipherSuite(0x1303)], secrets).unwrap();
    assert_eq!(open(&mut decryptor, &early.seal(DATA, b"connect", 0)), Err(OpenError::BadRecordMac));
    let (_, without) = secrets13(0x1301, [CLIENT_HANDSHAKE]);
    assert!(Decryptor::early_data(&[CipherSuite(0x1301)], without.lookup(&[0x11; 32]).unwrap()).is_none());
}

#[test]
fn padding_without_a_type_is_no_content() {
    let ([mut client], mut decryptor) = tls13(0x1301, [CLIENT_DATA]);
    decryptor.start_application_keys(Side::Client);
    assert_eq!(open(&mut decryptor, &client.seal(0, b"", 9)), Err(OpenError::NoContent));
}

#[test]
fn what_cannot_be_decrypted_is_said_at_once() {
    let tls12 = |version, suite| {
        Decryptor::tls12(version, CipherSuite(suite), &MASTER, RANDOMS.client, RANDOMS.server, false).err()
    };
    for suite in [0x000a, 0x0005, 0x0041, 0xc03c, 0xc050, 0xc07a, 0x0096, 0x1301, 0x00ff, 0x2a2a, 0xfefe] {
        assert_eq!(tls12(TLS12, suite), Some(Unsupported::Suite(CipherSuite(suite))), "{}", CipherSuite(suite));
    }
    assert_eq!(tls12(Version::TLS_1_1, 0xc02f), Some(Unsupported::Suite(CipherSuite(0xc02f))), "no AEAD before 1.2");
    for version in [Version::SSL_3_0, Version::TLS_1_3, Version(0x7f17)] {
        assert_eq!(tls12(version, 0x002f), Some(Unsupported::Version(version)));
    }
    let mut log = KeyLog::new();
    log.add_text(format!("CLIENT_TRAFFIC_SECRET_0 {} {}\n", "22".repeat(32), "33".repeat(32)).as_bytes());
    log.add_text(format!("CLIENT_RANDOM {} {}\n", "44".repeat(32), "55".repeat(48)).as_bytes());
    let tls13 = |suite, random| {
        Decryptor::tls13(Version::TLS_1_3, CipherSuite(suite), log.lookup(&[random; 32]).unwrap()).err()
    };
    assert_eq!(tls13(0x1301, 0x22), None);
    assert_eq!(tls13(0x1302, 0x22), Some(Unsupported::NoSecret), "the secret is too short for SHA-384");
    assert_eq!(tls13(0x1301, 0x44), Some(Unsupported::NoSecret), "a master secret is of no use here");
    for suite in [0xc02f, 0x00c6, 0x1307, 0xc0b4] {
        assert_eq!(tls13(suite, 0x22), Some(Unsupported::Suite(CipherSuite(suite))), "{}", CipherSuite(suite));
    }
}

#[test]
fn debug_shows_no_key() {
    let (_, decryptor) = tls12(0xc02f, TLS12, false);
    assert_eq!(format!("{decryptor:?}"), "Decryptor(\"tls12\")");
}

/// RFC 8448, 3: a whole connection, from the server's flight to both alerts.
#[test]
fn the_trace_of_rfc_8448_opens() {
    let record = |text: &str| -> Record {
        let bytes = unhex(text);
        (bytes[..5].try_into().unwrap(), bytes[5..].to_vec())
    };
    let mut log = KeyLog::new();
    let random = "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7";
    for (label, secret) in [
        ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"),
        ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"),
        ("CLIENT_TRAFFIC_SECRET_0", "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"),
        ("SERVER_TRAFFIC_SECRET_0", "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"),
    ] {
        log.add_text(format!("{label} {random} {secret}\n").as_bytes());
    }
    let secrets = log.lookup(&unhex(random).try_into().unwrap()).unwrap();
    let mut decryptor = Decryptor::tls13(Version::TLS_1_3, CipherSuite(0x1301), secrets).unwrap();
    let mut buffer = Vec::new();
    let mut open = |decryptor: &mut Decryptor, side, text| {
        let (header, body) = record(text);
        let opened = decryptor.open(side, header, &body, &mut buffer).unwrap();
        (opened.content_type, opened.plaintext.to_vec())
    };

    let (content_type, flight) = open(&mut decryptor, Side::Server, SERVER_FLIGHT);
    assert_eq!((content_type, flight.len()), (ContentType::HANDSHAKE, 657));
    // EncryptedExtensions first, Finished (20, 32 bytes) last.
    assert_eq!(flight[..4], [8, 0, 0, 0x24]);
    assert_eq!(flight[657 - 36..657 - 28], *unhex("14 00 00 20 9b 9b 14 1d"));
    decryptor.start_application_keys(Side::Server);
    let (content_type, finished) = open(&mut decryptor, Side::Client, CLIENT_FINISHED);
    assert_eq!(content_type, ContentType::HANDSHAKE);
    let verify_data = unhex("a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61");
    assert_eq!(finished, [&[0x14, 0, 0, 0x20], &verify_data[..]].concat());
    decryptor.start_application_keys(Side::Client);
    let (content_type, ticket) = open(&mut decryptor, Side::Server, NEW_SESSION_TICKET);
    assert_eq!((content_type, &ticket[..4]), (ContentType::HANDSHAKE, &[4, 0, 0, 0xc9][..]));
    let payload: Vec<u8> = (0..50).collect();
    for (side, text) in [(Side::Client, CLIENT_RECORD), (Side::Server, SERVER_RECORD)] {
        assert_eq!(open(&mut decryptor, side, text), (ContentType::APPLICATION_DATA, payload.clone()));
    }
    for (side, text) in [(Side::Client, CLIENT_ALERT), (Side::Server, SERVER_ALERT)] {
        assert_eq!(open(&mut decryptor, side, text), (ContentType::ALERT, vec![1, 0]));
    }
}

const CLIENT_FINISHED: &str = "
    170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc
    44d87f38f80338ac98fc46deb384bd1caeacab6867d726c40546";
const CLIENT_RECORD: &str = "
    1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f
    2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae6
    3aeebb21694915e4";
const SERVER_RECORD: &str = "
    17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36
    e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf33254
    0dd032e167c2955d";
const CLIENT_ALERT: &str = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
const SERVER_ALERT: &str = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";
const NEW_SESSION_TICKET: &str = "
    17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d4
    1d6af8f6b580dcf3d11d63c758db289a015940252f55713e061dc13e078891a3
    8efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e0
    9c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406
    f16e3fc181a77ca475840025db2f0a77f81b5ab05b94c01346755f69232c8651
    9d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74
    bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf159
    85684f";
const SERVER_FLIGHT: &str = "
    17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35e
    df7869fcf40aa40aa2b8ea73f848a7ca07612ef9f945cb960b4068905123ea78
    b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13b
    d9aefb0e57f271585b8ea9bb355c7c79020716cfb9b1183ef3ab20e37d57a6b9
    d7477609aee6e122a4cf51427325250c7d0e509289444c9b3a648f1d71035d2e
    d65b0e3cdd0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd61092
    8d809810e4b7ed1a8fd991f06aa6248204797e36a6a73b70a2559c09ead68694
    5ba246ab66e5edd8044b4c6de3fcf2a89441ac66272fd8fb330ef8190579b368
    4596c960bd596eea520a56a8d650f563aad27409960dca63d3e688611ea5e22f
    4415cf9538d51a200c27034272968a264ed6540c84838d89f72c24461aad6d26
    f59ecaba9acbbb317b66d902f4f292a36ac1b639c637ce343117b65962224531
    7b49eeda0c6258f100d7d961ffb138647e92ea330faeea6dfa31c7a84dc3bd7e
    1b7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da
    8c87c843f5e56eb4c5e8280a2b48052cf93b16499a66db7cca71e4599426f7d4
    61e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe
    5a37668936b335583b599186dc5c6918a396fa48a181d6b6fa4f9d62d513afbb
    992f2b992f67f8afe67f76913fa388cb5630c8ca01e0c65d11c66a1e2ac4c859
    77b7c7a6999bbf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038
    ebba42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f60f0504de93b5b84
    5e275592c12335ee340bbc4fddd502784016e4b3be7ef04dda49f4b440a30cb5
    d2af939828fd4ae3794e44f94df5a631ede42c1719bfdabf0253fe5175be898e
    750edc53370d2b";

proptest! {
    #[test]
    fn any_bytes_are_survived(
        choice in 0..SUITES_12.len() + SUITES_13.len(),
        records in proptest::collection::vec((any::<[u8; 5]>(), proptest::collection::vec(any::<u8>(), 0..200)), 1..8),
        lost in any::<u8>(),
    ) {
        let mut decryptor = match SUITES_12.get(choice) {
            Some((suite, version, encrypt_then_mac)) => tls12(*suite, *version, *encrypt_then_mac).1,
            None => tls13(SUITES_13[choice - SUITES_12.len()], [EARLY, CLIENT_HANDSHAKE, CLIENT_DATA]).1,
        };
        for (number, (mut header, body)) in records.into_iter().enumerate() {
            let is_lost = lost >> (number % 8) & 1 == 1;
            if is_lost {
                decryptor.lost_records(Side::Client);
            }
            header[0] = DATA;
            let opened = open(&mut decryptor, &(header, body));
            // Nobody without the keys makes a record that authenticates.
            prop_assert!(!matches!(opened, Ok((_, _, true))));
        }
    }
}
