//! What each message says.

use super::{CLIENT_HELLO, Lab, SERVER_HELLO, bytes, handshake, message, record};
use crate::net::Side;
use crate::tls::facts::{ClientCertificate, Resumed};
use crate::tls::fingerprint::{ja3, ja4};
use crate::tls::{AlertDescription, NamedGroup, PlaintextLen, Version};

/// A ServerHello of TLS 1.2: this suite, this session id, extended_master_secret.
fn server_hello_tls12(suite: u16, session_id: &[u8]) -> Vec<u8> {
    let id_len = u8::try_from(session_id.len()).unwrap();
    let [high, low] = suite.to_be_bytes();
    let body = [&[3, 3], &[7; 32][..], &[id_len], session_id, &[high, low, 0], &[0, 4, 0, 23, 0, 0]].concat();
    record(22, &message(2, &body))
}

/// A ClientHello of TLS 1.2 with this session id and session ticket.
fn client_hello_tls12(session_id: &[u8], ticket: &[u8]) -> Vec<u8> {
    let id_len = u8::try_from(session_id.len()).unwrap();
    let ticket_len = u8::try_from(ticket.len()).unwrap();
    let extensions = [&[0, 4 + ticket_len, 0, 35, 0, ticket_len], ticket].concat();
    let body = [&[3, 3], &[9; 32][..], &[id_len], session_id, &[0, 2, 0xc0, 0x2f], &[1, 0], &extensions].concat();
    record(22, &message(1, &body))
}

#[test]
fn the_hellos_of_rfc_8448() {
    let mut lab = Lab::new();
    lab.client(&handshake(CLIENT_HELLO)).server(&handshake(SERVER_HELLO));
    assert_eq!(
        lab.details(),
        [
            "client client_hello TLS 1.3 offered, SNI server, 3 ciphers, 196 bytes",
            "server server_hello TLS 1.3, TLS_AES_128_GCM_SHA256, x25519",
        ]
    );
    let hello = lab.facts().client_hello.clone().unwrap();
    assert_eq!(hello.offer.versions, [Version::TLS_1_3]);
    assert_eq!(hello.offer.groups.len(), 9);
    assert_eq!(hello.offer.key_shares, [NamedGroup(29)]);
    assert_eq!(hello.offer.signature_schemes.len(), 15);
    assert_eq!((hello.session_ticket, hello.offer.record_size_limit), (Some(0), Some(0x4001)));
    let offer = &hello.offer;
    assert!(!offer.pre_shared_key && !offer.early_data && !offer.extended_master_secret && !offer.grease);
    assert_eq!(lab.facts().resumed, Resumed::No);
    assert_eq!(lab.facts().history.as_str(), "Cs");
}

#[test]
fn a_retry_is_known_by_its_random() {
    let random = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
    let retry = SERVER_HELLO.replace("a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928", random);
    let mut lab = Lab::new();
    lab.client(&handshake(CLIENT_HELLO)).server(&handshake(&retry)).server(&record(20, &[1]));
    // The client's ChangeCipherSpec does not make its second ClientHello an encrypted one.
    lab.client(&record(20, &[1])).client(&handshake(CLIENT_HELLO)).server(&handshake(SERVER_HELLO));
    let names: Vec<_> = lab.seen.events.iter().map(|(_, event)| event.name()).collect();
    let expected = [
        "client_hello",
        "hello_retry_request",
        "change_cipher_spec",
        "change_cipher_spec",
        "client_hello",
        "server_hello",
    ];
    assert_eq!(names, expected);
    assert!(lab.facts().hello_retry.is_some());
}

#[test]
fn a_full_handshake_of_tls_1_2() {
    let mut lab = Lab::new();
    lab.client(&client_hello_tls12(&[], &[])).server(&server_hello_tls12(0xc02f, &[5; 32]));
    let key_exchange = [&[3, 0, 29, 32], &[1; 32][..], &[8, 4, 0, 2, 1, 1]].concat();
    // Two kinds of certificates, two signatures, one authority: CN=CA.
    let name = bytes("300d310b300906035504030c024341");
    let request = [&[2, 1, 64, 0, 4, 8, 4, 4, 3, 0, 17, 0, 15], &name[..]].concat();
    let flight =
        [message(11, &[0, 0, 5, 0, 0, 2, 1, 2]), message(12, &key_exchange), message(13, &request), message(14, &[])];
    lab.server(&record(22, &flight.concat()));
    let answer = [message(11, &[0, 0, 0]), message(16, &[0; 33])];
    lab.client(&record(22, &answer.concat())).client(&record(20, &[1])).client(&record(22, &[0xaa; 40]));
    let ticket = message(4, &[0, 0, 28, 32, 0, 3, 1, 2, 3]);
    lab.server(&record(22, &ticket)).server(&record(20, &[1])).server(&record(22, &[0xaa; 40]));
    lab.client(&record(23, &[0; 50])).server(&record(21, &[0xbb; 26]));
    assert_eq!(
        &lab.details()[3..],
        [
            "server server_key_exchange x25519",
            "server certificate_request issued by CN=CA",
            "server server_hello_done",
            "client certificate no certificate",
            "client client_key_exchange",
            "client change_cipher_spec",
            "client encrypted_handshake Finished by its place, 40 bytes",
            "server new_session_ticket good for 7200 s, 3 bytes",
            "server change_cipher_spec",
            "server encrypted_handshake Finished by its place, 40 bytes",
            "client application_data 50 bytes",
            "server encrypted_alert 26 bytes",
        ]
    );
    let facts = lab.facts();
    assert_eq!(facts.history.as_str(), "CsxkrnXGIZtizDl");
    assert_eq!((facts.client_certificate.0, facts.resumed), (ClientCertificate::Missing, Resumed::No));
    assert!(facts.is_established() && facts.server_accepted.is_some());
    assert_eq!(facts.certificate_request.as_ref().map(|request| request.signature_schemes.len()), Some(2));
    // 50 bytes of AES-GCM: 8 of nonce, 16 of tag.
    assert_eq!(lab.seen.data[0].1, PlaintextLen { min: 26, max: 26 });
}

#[test]
fn a_resumed_handshake_has_the_servers_change_cipher_spec_first() {
    let by_ticket = |lab: &mut Lab| {
        lab.client(&client_hello_tls12(&[4; 32], &[1, 2, 3])).server(&server_hello_tls12(0xc02f, &[4; 32]));
    };
    let by_id = |lab: &mut Lab| {
        lab.client(&client_hello_tls12(&[4; 32], &[])).server(&server_hello_tls12(0xc02f, &[4; 32]));
    };
    for (hellos, expected) in
        [(&by_ticket as &dyn Fn(&mut Lab), Resumed::ByTicket), (&by_id as &dyn Fn(&mut Lab), Resumed::BySessionId)]
    {
        let mut lab = Lab::new();
        hellos(&mut lab);
        lab.server(&record(20, &[1]))
            .server(&record(22, &[0; 40]))
            .client(&record(20, &[1]))
            .client(&record(22, &[0; 40]));
        assert_eq!(lab.facts().resumed, expected);
        assert_eq!(lab.facts().client_certificate.0, ClientCertificate::NotRequested);
        assert_eq!(lab.facts().server_accepted, None, "the server's Finished came first and proves nothing");
    }
}

#[test]
fn alerts_are_read_where_they_are_clear() {
    let mut lab = Lab::new();
    lab.client(&client_hello_tls12(&[], &[])).server(&record(21, &[2, 40])).server(&record(21, &[1, 0, 2, 80]));
    assert_eq!(
        &lab.details()[1..],
        [
            "server alert fatal handshake_failure (40)",
            "server alert warning close_notify (0)",
            "server alert fatal internal_error (80)",
        ]
    );
    assert!(lab.facts().close_notify.server.is_some());

    // In TLS 1.3 too, after there are keys: OpenSSL sends a client's unknown_ca in clear.
    let mut lab = Lab::tls13();
    lab.sealed(Side::Server, &[674]).client(&record(21, &[2, 48]));
    let alert = lab.facts().last_alert.client.and_then(|seen| seen.alert).unwrap();
    assert_eq!((alert.description, alert.is_fatal()), (AlertDescription::UNKNOWN_CA, true));
    assert_eq!(lab.facts().finished.client, None);
}

#[test]
fn what_is_no_tls_is_named() {
    let mut lab = Lab::new();
    lab.client(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test").server(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(lab.details(), ["client not_tls an MQTT CONNECT in clear", "server not_tls an HTTP response"]);
    assert!(!lab.facts().is_tls());

    let mut short = Lab::new();
    short.client(b"\x10\x0c").close(Side::Client);
    assert_eq!(short.details(), ["client not_tls unknown bytes"]);
}

#[test]
fn a_client_hello_of_ssl_2_is_read_and_records_follow() {
    let mut lab = Lab::new();
    let hello =
        bytes("802e010301001500000010000004000005000064000002000009000062000003aabbccddeeff00112233445566778899");
    lab.client(&hello).client(&record(21, &[2, 10]));
    assert_eq!(lab.details()[0], "client client_hello TLS 1.0 offered, no SNI, 7 ciphers, 46 bytes");
    assert_eq!(lab.details()[1], "client alert fatal unexpected_message (10)");
}

#[test]
fn fields_that_contradict_the_length_are_malformed() {
    let mut lab = Lab::new();
    lab.client(&record(22, &message(1, &[3, 3, 1]))).server(&record(22, &message(2, &[3, 3])));
    assert_eq!(lab.details()[0], "client malformed client_hello, 3 bytes, its fields contradict its length");
    assert_eq!(lab.facts().malformed, 2);
}

/// The vectors of the JA3 README (Salesforce).
#[test]
fn ja3_is_that_of_its_authors() {
    let groups = bytes("00000000 000a00080006001700180019 000b00020100");
    let ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4];
    let (text, digest) = ja3(769, &ciphers, &groups);
    assert_eq!(text, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
    assert_eq!(digest, "ada70206e40642a3e4461f35503241d5");
    let (_, digest) = ja3(769, &[4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], &[]);
    assert_eq!(digest, "de350869b8c85de67a350c8d186f11e6");
}

/// The example of JA4's technical details (FoxIO), with placeholders as Chrome sends them.
#[test]
fn ja4_is_that_of_its_authors() {
    let ciphers = [
        0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
        0x002f, 0x0035,
    ];
    let extensions = bytes(
        "5a5a0000 001b0000 00000000 00330000 00100005000302 6832 44690000 00170000 002d0000 \
         000d0012001004030804040105030805050108060601 00050000 00230000 00120000 002b0007 06 1a1a 0304 0303 ff010000 000b0000 \
         000a0000 00150000",
    );
    assert_eq!(ja4(0x0303, &ciphers, &extensions), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    assert_eq!(ja4(0x0302, &[], &[]), "t11i000000_000000000000_000000000000");
}
