//! What encrypted records of TLS 1.3 are taken for. Lengths are those of the catalogue: content, one byte of type, 16 of tag.

use super::Lab;
use crate::evidence::Confidence;
use crate::net::Side::{Client, Server};
use crate::tls::facts::ClientCertificate;

/// EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify (RSA 2048), Finished (SHA-256).
const SERVER_FLIGHT: [u16; 5] = [23, 62, 1811, 281, 53];

fn certificate(lab: &Lab) -> ClientCertificate {
    lab.facts().client_certificate.0
}

#[test]
fn a_flight_with_certificates_both_ways() {
    let mut lab = Lab::tls13();
    lab.sealed(Server, &SERVER_FLIGHT).sealed(Client, &[846, 281, 53, 40]).sealed(Server, &[1082, 1082, 21]);
    assert_eq!(
        lab.told(),
        [
            "3 server encrypted_extensions likely",
            "3 server certificate_request likely",
            "3 server certificate likely",
            "3 server certificate_verify likely",
            "3 server finished likely",
            "4 client certificate likely",
            "4 client certificate_verify likely",
            "4 client finished likely",
            "4 client application_data likely",
            "5 server new_session_ticket possible",
            "5 server new_session_ticket likely",
            "5 server application_data likely",
        ]
    );
    assert_eq!(certificate(&lab), ClientCertificate::Sent);
    assert!(lab.facts().is_established() && lab.facts().server_accepted.is_some());
    let lens: Vec<_> = lab.seen.data.iter().map(|(side, len)| (*side, len.min, len.max)).collect();
    assert_eq!(lens, [(Client, 23, 23), (Server, 4, 4)]);
}

#[test]
fn a_lone_alert_refuses_the_server() {
    let mut lab = Lab::tls13();
    lab.sealed(Server, &SERVER_FLIGHT).sealed(Client, &[19]).close(Client);
    assert_eq!(lab.told().last().unwrap(), "4 client encrypted_alert likely");
    assert_eq!((certificate(&lab), lab.facts().finished.client), (ClientCertificate::Unknown, None));
    assert_eq!(lab.facts().first_application.client, None);
}

#[test]
fn a_client_without_a_certificate() {
    // In two records; in one.
    for flight in [&[25, 53][..], &[61]] {
        let mut lab = Lab::tls13();
        lab.sealed(Server, &SERVER_FLIGHT)
            .sealed(Client, flight)
            .sealed(Client, &[40])
            .sealed(Server, &[19])
            .close(Server);
        assert_eq!(certificate(&lab), ClientCertificate::Missing);
        assert_eq!(lab.told().last().unwrap(), "6 server encrypted_alert likely");
        assert!(lab.facts().finished.client.is_some() && lab.facts().server_accepted.is_none());
        assert!(lab.facts().first_application.client.is_some() && lab.facts().first_application.server.is_none());
    }
}

#[test]
fn no_certificate_was_asked_for() {
    let mut lab = Lab::tls13();
    lab.sealed(Server, &[23, 1811, 281, 53]).sealed(Client, &[53]);
    assert_eq!(certificate(&lab), ClientCertificate::NotRequested);
    assert_eq!(lab.facts().certificate_requested.map(|(requested, _)| requested), Some(false));
    assert_eq!(lab.told().last().unwrap(), "4 client finished likely");
}

/// A CONNACK of 5.0 that assigns a client id is as long as a short ticket (MQTT 5.0, 3.2.2.3.7): 55 bytes from mosquitto.
#[test]
fn a_long_connack_is_no_ticket() {
    let told = |server: &[&[u16]], client: &[u16]| {
        let mut lab = Lab::tls13();
        lab.sealed(Server, &SERVER_FLIGHT).sealed(Client, &[53, 35]);
        for records in server {
            lab.sealed(Server, records);
        }
        lab.sealed(Client, client).told().split_off(7)
    };
    // Of another length than the tickets in front of it.
    assert_eq!(
        told(&[&[266], &[72]], &[]),
        ["5 server new_session_ticket possible", "6 server application_data likely"]
    );
    // The client goes on behind it.
    assert_eq!(told(&[&[72]], &[40]), ["5 server application_data likely"]);
    // The server goes on: nobody waited for it.
    assert_eq!(
        told(&[&[72], &[21]], &[40]),
        ["5 server new_session_ticket possible", "6 server application_data likely"]
    );
}

#[test]
fn an_alert_in_answer_to_a_fin_is_told_though_a_reset_follows() {
    let mut lab = Lab::tls13();
    lab.sealed(Server, &SERVER_FLIGHT).sealed(Client, &[53, 35]).sealed(Server, &[21]).sealed(Client, &[19]);
    lab.sealed(Server, &[19]).close(Server).sealed(Client, &[19]).finish();
    // A ping may have crossed the FIN.
    assert_eq!(lab.told().last().unwrap(), "9 client encrypted_alert possible");
    assert!(lab.facts().close_notify.client.is_some());
}

/// RFC 8448, 3: the server's flight is one record of 674 bytes, the client's one of 53; then a ticket of 222.
#[test]
fn messages_may_share_a_record() {
    let mut lab = Lab::tls13();
    lab.sealed(Server, &[674]).sealed(Client, &[53]).sealed(Server, &[222]).sealed(Client, &[67]).sealed(Server, &[67]);
    let expected =
        ["3 server encrypted_handshake likely", "4 client finished likely", "5 server new_session_ticket likely"];
    assert_eq!(&lab.told()[..3], expected);
    assert!(lab.facts().is_established());

    // A client's whole flight in one record: it shows when something follows.
    let mut lab = Lab::tls13();
    lab.sealed(Server, &[2211]).sealed(Client, &[1170]);
    assert_eq!(lab.told(), ["3 server encrypted_handshake likely"]);
    lab.sealed(Server, &[250]).sealed(Client, &[40]).sealed(Server, &[250, 21]);
    assert_eq!(lab.told()[1], "4 client encrypted_handshake likely");
    assert_eq!(certificate(&lab), ClientCertificate::Sent);
    assert_eq!(lab.seen.data.len(), 2);
}

#[test]
fn a_flight_that_could_be_two_things_is_only_possible() {
    // Certificate with CertificateVerify, and Finished; or all of them, and a CONNECT of 36 bytes.
    let mut lab = Lab::tls13();
    lab.sealed(Server, &SERVER_FLIGHT).sealed(Client, &[1117, 53]);
    assert_eq!(lab.told().last().unwrap(), "4 client finished possible");
    // Padded.
    let mut lab = Lab::tls13();
    lab.sealed(Server, &[128, 2048, 53]).sealed(Client, &[128]).finish();
    assert_eq!(lab.told().last().unwrap(), "4 client encrypted_handshake possible");
}

#[test]
fn a_flight_that_never_ends_is_told_at_the_end() {
    let mut lab = Lab::tls13();
    lab.sealed(Server, &[23, 62]).finish();
    assert_eq!(lab.told(), ["3 server encrypted_handshake likely", "3 server encrypted_handshake likely"]);
    assert_eq!(lab.facts().finished.server, None);
    // All of it came, and the client gave up.
    let mut lab = Lab::tls13();
    lab.sealed(Server, &SERVER_FLIGHT).close(Client);
    assert!(lab.facts().finished.server.is_some() && lab.facts().finished.client.is_none());
}

#[test]
fn the_end_of_a_session() {
    let session = || {
        let mut lab = Lab::tls13();
        lab.sealed(Server, &SERVER_FLIGHT).sealed(Client, &[25, 53, 40]).sealed(Server, &[21]);
        lab.seen.events.clear();
        lab
    };
    // DISCONNECT and close_notify, answered by close_notify.
    let mut lab = session();
    lab.sealed(Client, &[19, 19]).sealed(Server, &[19]).close(Client).close(Server);
    assert_eq!(&lab.told()[..], ["6 client encrypted_alert likely", "7 server encrypted_alert likely"]);
    assert!(lab.facts().close_notify.client.is_some() && lab.facts().close_notify.server.is_some());
    // One of them.
    let mut lab = session();
    lab.sealed(Client, &[19]).close(Client);
    assert_eq!(&lab.told()[..], ["6 client encrypted_alert possible"]);
    // A ping and its answer, then the server goes.
    let mut lab = session();
    lab.sealed(Client, &[19]).sealed(Server, &[19]).close(Server);
    assert_eq!(&lab.told()[..], ["7 server encrypted_alert possible"]);
    // A server that says goodbye by itself.
    let mut lab = session();
    lab.sealed(Client, &[60]).sealed(Server, &[19]).close(Server);
    assert_eq!(&lab.told()[..], ["7 server encrypted_alert likely"]);
    // An alert that answers a bare FIN: perhaps a complaint.
    let mut lab = session();
    lab.sealed(Client, &[60]).close(Client).sealed(Server, &[19]).close(Server);
    assert_eq!(&lab.told()[..], ["8 server encrypted_alert likely"]);
    let goodbye = lab.facts().close_notify.server.map(|mark| mark.basis.confidence());
    assert_eq!(goodbye, Some(Confidence::Possible));
    // No goodbye.
    let mut lab = session();
    lab.sealed(Client, &[60]).close(Client).close(Server);
    assert!(lab.told().is_empty());
}

#[test]
fn nothing_is_inferred_from_a_capture_that_begins_later() {
    let mut lab = Lab::new();
    lab.chunk(Client, crate::stream::Chunk::Gap(0)).sealed(Client, &[53, 19]).close(Client);
    assert_eq!(lab.told(), ["2 client application_data observed"]);
    assert!(!lab.facts().is_established());
}
