//! The findings of the TLS handshake on traffic that is made here: other clients, delays, vantage points and endings than
//! those of the recordings. What a finding must say comes from the specifications, never from an earlier run.

#[path = "support/recording.rs"]
mod recording;
#[path = "support/wire.rs"]
mod wire;

use iotcap::diagnosis::Verdict;
use wire::Side::{Client, Server};
use wire::{Authority, Hello, Shown, TlsServer, Wire, alert, client_hello, hello, record, sealed, server_hello_tls13};

/// Cause, confidence and phase, as a user sees them.
fn told(verdict: &Verdict) -> (&str, &str, &str) {
    let cause = verdict.cause().unwrap_or_else(|| panic!("no cause: {}", verdict.headline()));
    (cause.rule.id, cause.finding.confidence.name(), verdict.stopped_in.map_or("-", |phase| phase.name()))
}

/// The findings of TLS.
fn ids(verdict: &Verdict) -> Vec<&str> {
    let of_tls = verdict.findings.iter().filter(|judged| judged.rule.code.starts_with("TLS"));
    of_tls.map(|judged| judged.rule.id).collect()
}

const AUTHENTICATION: &str = "tls-authentication";
const HELLO: &str = "tls-hello";

mod before_the_server_hello {
    use super::*;

    /// The server's answer to a ClientHello, seen from three places.
    fn answered(wire: fn() -> Wire, hello: &[u8], answer: impl Fn(&mut Wire)) -> Verdict {
        let mut wire = wire();
        wire.handshake().send(Client, hello).round_trip();
        answer(&mut wire);
        wire.verdict()
    }

    fn refused_by_alert(hello: &[u8], description: u8) -> Verdict {
        answered(Wire::beside_the_client, hello, |wire| {
            wire.send(Server, &alert(2, description)).fin(Server).way().fin(Client);
        })
    }

    #[test]
    fn alerts_on_the_hello_have_their_names() {
        let named = client_hello(&hello().name("broker.example").tls13());
        let old = client_hello(&hello().name("broker.example").ciphers(&[0xc013]));
        let alpn = client_hello(&hello().name("broker.example").tls13().alpn("mqtt"));
        let nameless = client_hello(&hello().tls13());
        assert_eq!(told(&refused_by_alert(&named, 112)), ("sni-refused", "proven", HELLO));
        assert_eq!(told(&refused_by_alert(&nameless, 112)), ("no-sni", "proven", HELLO));
        assert_eq!(told(&refused_by_alert(&alpn, 120)), ("alpn-refused", "proven", HELLO));
        assert_eq!(told(&refused_by_alert(&named, 120)), ("alpn-missing", "proven", HELLO));
        assert_eq!(told(&refused_by_alert(&old, 70)), ("version-mismatch", "proven", HELLO));
        assert_eq!(told(&refused_by_alert(&old, 40)), ("no-common-parameters", "proven", HELLO));
        assert_eq!(told(&refused_by_alert(&old, 71)), ("no-common-parameters", "proven", HELLO));
        assert_eq!(told(&refused_by_alert(&named, 80)), ("other-alert", "proven", HELLO));
    }

    #[test]
    fn tls13_an_alert_behind_the_server_hello_may_be_about_alpn() {
        let hello = client_hello(&hello().name("broker.example").tls13().alpn("http/1.1"));
        let verdict = answered(Wire::beside_the_client, &hello, |wire| {
            wire.send(Server, &[server_hello_tls13(), sealed(19)].concat()).fin(Server).way().fin(Client);
        });
        assert_eq!(told(&verdict), ("alpn-refused", "possible", HELLO));
    }

    #[test]
    fn a_broad_offer_without_a_name_lacks_the_name() {
        let broad: Vec<u16> = (0x1301..=0x1303).chain(0xc02b..=0xc030).collect();
        let nameless = client_hello(&hello().tls13().ciphers(&broad));
        assert_eq!(told(&refused_by_alert(&nameless, 40)), ("no-sni", "likely", HELLO));
    }

    #[test]
    fn a_warning_that_the_server_goes_on_after_is_no_refusal() {
        let mut wire = Wire::beside_the_client();
        wire.handshake().send(Client, &client_hello(&hello().name("broker.example"))).round_trip();
        wire.send(Server, &[alert(1, 112), TlsServer::new().flight()].concat()).round_trip();
        wire.tls12_client_flight(Shown::Nothing).round_trip().tls12_server_end().round_trip().session();
        let verdict = wire.verdict();
        assert!(ids(&verdict).is_empty(), "{:?}", verdict.findings);
    }

    #[test]
    fn a_close_on_the_hello_is_told_from_a_timer() {
        let hello = client_hello(&hello().name("broker.example").tls13());
        for from in [Wire::beside_the_client, Wire::beside_the_server, Wire::between] {
            let at_once = answered(from, &hello, |wire| {
                wire.ack(Server).fin(Server).way().send(Client, &alert(2, 50)).fin(Client);
            });
            assert_eq!(told(&at_once), ("closed-on-client-hello", "proven", HELLO));
            let reset = answered(from, &hello, |wire| {
                wire.ack(Server).reset(Server);
            });
            assert_eq!(told(&reset), ("closed-on-client-hello", "proven", HELLO));
            let late = answered(from, &hello, |wire| {
                wire.ack(Server).wait(10_000).fin(Client).round_trip().ack(Server);
            });
            assert_eq!(told(&late), ("client-hello-unanswered", "proven", HELLO));
            let servers_timer = answered(from, &hello, |wire| {
                wire.ack(Server).wait(30_000).fin(Server).way().fin(Client);
            });
            assert_eq!(told(&servers_timer), ("client-hello-unanswered", "proven", HELLO));
        }
    }

    #[test]
    fn a_capture_that_ends_after_the_hello_says_nothing() {
        let hello = client_hello(&hello().name("broker.example").tls13());
        let verdict = answered(Wire::beside_the_client, &hello, |wire| {
            wire.ack(Server);
        });
        assert!(ids(&verdict).is_empty(), "{:?}", verdict.findings);
        let lost_or_not = answered(Wire::beside_the_client, &hello, |_| {});
        assert!(ids(&lost_or_not).is_empty(), "{:?}", lost_or_not.findings);
    }

    #[test]
    fn a_hello_that_never_arrives_is_lost() {
        let small = client_hello(&hello().name("broker.example").tls13());
        let mut wire = Wire::beside_the_client();
        wire.handshake().send(Client, &small);
        for wait in [200, 400, 800] {
            wire.wait(wait).resend(Client, &small);
        }
        assert_eq!(told(&wire.verdict()), ("client-hello-lost", "proven", HELLO));

        let large = client_hello(&hello().name("broker.example").tls13().padded(1600));
        let mut wire = Wire::beside_the_client();
        wire.handshake().send(Client, &large);
        for wait in [200, 400, 800] {
            wire.wait(wait).resend(Client, &large[..1000]);
        }
        assert!(ids(&wire.verdict()).contains(&"large-client-hello-dropped"));
    }

    #[test]
    fn what_is_no_tls_is_named() {
        let mut wire = Wire::beside_the_server();
        wire.handshake().send(Client, b"\x10\x10\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x02ab").way().fin(Server);
        let verdict = wire.verdict();
        assert_eq!(told(&verdict), ("plaintext-on-tls-port", "proven", HELLO));
        assert!(verdict.headline().contains("MQTT CONNECT"), "{}", verdict.headline());

        let hello = client_hello(&hello().name("broker.example").tls13());
        let banner = answered(Wire::between, &hello, |wire| {
            wire.send(Server, b"SSH-2.0-OpenSSH_9.2\r\n").way().reset(Client);
        });
        assert_eq!(told(&banner), ("server-not-tls", "proven", HELLO));
    }
}

mod the_servers_certificate {
    use super::*;

    /// TLS 1.2: the client's answer to a server's flight.
    fn after_flight(server: &TlsServer, answer: impl Fn(&mut Wire)) -> Verdict {
        after_flight_to(&hello(), server, answer)
    }

    fn after_flight_to(hello: &Hello, server: &TlsServer, answer: impl Fn(&mut Wire)) -> Verdict {
        let mut wire = Wire::beside_the_client();
        wire.handshake().send(Client, &client_hello(&hello.clone().name("broker.example"))).round_trip();
        wire.send(Server, &server.flight()).ack(Client).wait(3);
        answer(&mut wire);
        wire.verdict()
    }

    fn says(description: u8) -> impl Fn(&mut Wire) {
        move |wire| {
            wire.send(Client, &alert(2, description)).reset(Client);
        }
    }

    #[test]
    fn what_the_certificate_shows_names_the_cause() {
        let good = TlsServer::new();
        assert_eq!(told(&after_flight(&good, says(48))), ("server-certificate-untrusted", "proven", AUTHENTICATION));
        assert_eq!(told(&after_flight(&good, says(46))), ("server-certificate-untrusted", "likely", AUTHENTICATION));
        assert_eq!(told(&after_flight(&good, says(45))), ("client-clock-wrong", "likely", AUTHENTICATION));
        assert_eq!(told(&after_flight(&good, says(42))), ("client-clock-wrong", "possible", AUTHENTICATION));
        let of_go = after_flight_to(&hello().without_encrypt_then_mac(), &good, says(42));
        assert_eq!(told(&of_go), ("server-certificate-untrusted", "likely", AUTHENTICATION));
        let expired = TlsServer::new().valid_days(-400, -3);
        assert_eq!(told(&after_flight(&expired, says(45))), ("server-certificate-expired", "proven", AUTHENTICATION));
        assert_eq!(told(&after_flight(&expired, says(46))), ("server-certificate-expired", "likely", AUTHENTICATION));
        let future = TlsServer::new().valid_days(2, 400);
        assert_eq!(
            told(&after_flight(&future, says(42))),
            ("server-certificate-not-yet-valid", "likely", AUTHENTICATION)
        );
        let other_name = TlsServer::new().named("mail.example");
        assert_eq!(told(&after_flight(&other_name, says(42))), ("server-name-mismatch", "likely", AUTHENTICATION));
        // The client says which of the two it is.
        assert_eq!(
            told(&after_flight(&other_name, says(48))),
            ("server-certificate-untrusted", "proven", AUTHENTICATION)
        );
        let inspected = TlsServer::new().signed_by("Netskope", "ca.example.goskope.com");
        assert_eq!(told(&after_flight(&inspected, says(48))), ("tls-interception", "likely", AUTHENTICATION));
    }

    #[test]
    fn a_lone_leaf_of_a_public_authority_lacks_its_chain() {
        let lone = TlsServer::new().signed_by("Let's Encrypt", "R11").sends(Authority::Omitted);
        assert_eq!(told(&after_flight(&lone, says(48))), ("server-chain-incomplete", "likely", AUTHENTICATION));
        // A private root may have signed it directly.
        let private = TlsServer::new().sends(Authority::Omitted);
        assert_eq!(told(&after_flight(&private, says(48))), ("server-certificate-untrusted", "proven", AUTHENTICATION));
    }

    #[test]
    fn a_client_that_says_nothing_gave_up() {
        let good = TlsServer::new();
        let reset = after_flight(&good, |wire| {
            wire.wait(5000).reset(Client);
        });
        assert_eq!(told(&reset), ("client-gave-up", "proven", AUTHENTICATION));
        let hung = after_flight(&good, |wire| {
            wire.wait(60_000).fin(Server);
        });
        assert_eq!(told(&hung), ("client-gave-up", "proven", AUTHENTICATION));
        let expired = TlsServer::new().valid_days(-400, -3);
        let silent = after_flight(&expired, |wire| {
            wire.fin(Client);
        });
        assert_eq!(told(&silent), ("server-certificate-expired", "likely", AUTHENTICATION));
        let ended = after_flight(&good, |_| {});
        assert!(ids(&ended).is_empty(), "{:?}", ended.findings);
    }

    #[test]
    fn a_client_that_judges_after_the_handshake_closes_then() {
        let other_name = TlsServer::new().named("mail.example");
        let late = after_flight(&other_name, |wire| {
            wire.tls12_client_flight(Shown::Nothing).round_trip().tls12_server_end().ack(Client).fin(Client);
        });
        assert_eq!(told(&late), ("server-name-mismatch", "likely", AUTHENTICATION));
    }

    #[test]
    fn a_flight_that_stops_is_not_the_clients_fault() {
        let one_record = TlsServer::new().flight();
        let several = TlsServer::new().flight_in_records();
        for (flight, phase) in [(one_record, HELLO), (several, AUTHENTICATION)] {
            let half = &flight[..flight.len() / 2];
            let mut wire = Wire::beside_the_client();
            wire.handshake().send(Client, &client_hello(&hello().name("broker.example"))).round_trip();
            wire.send(Server, half).ack(Client);
            assert!(ids(&wire.verdict()).is_empty(), "the capture ended too early");
            wire.wait(10_000).fin(Client);
            assert_eq!(told(&wire.verdict()), ("server-flight-incomplete", "proven", phase));
        }
    }

    #[test]
    fn tls13_hides_the_reason_and_the_finding_says_so() {
        let mut wire = Wire::beside_the_client();
        wire.tls13_server_flight().wait(2);
        // Encrypted, a lone alert has 2 + 1 + 16 bytes.
        wire.send(Client, &sealed(19)).fin(Client).round_trip().fin(Server);
        let verdict = wire.verdict();
        assert_eq!(told(&verdict), ("server-certificate-untrusted", "likely", AUTHENTICATION));
        assert!(!verdict.cause().unwrap().finding.other_readings.is_empty());

        let mut wire = Wire::beside_the_client();
        // s2n says no more than this, in clear, and only after some time.
        wire.tls13_server_flight().wait(17_000).send(Client, &alert(1, 0)).fin(Client);
        assert_eq!(told(&wire.verdict()), ("server-certificate-untrusted", "likely", AUTHENTICATION));

        let mut wire = Wire::beside_the_client();
        wire.tls13_server_flight().send(Client, &alert(2, 45)).fin(Client);
        assert_eq!(told(&wire.verdict()), ("server-certificate-expired", "likely", AUTHENTICATION));
    }

    #[test]
    fn a_certificate_warns_before_its_end_unless_it_is_a_short_one() {
        let healthy = |server: &TlsServer| {
            after_flight(server, |wire| {
                wire.tls12_client_flight(Shown::Nothing).round_trip().tls12_server_end().round_trip().session();
            })
        };
        let verdict = healthy(&TlsServer::new().valid_days(-355, 10));
        assert_eq!((ids(&verdict), verdict.outcome.name()), (vec!["server-certificate-expires-soon"], "ok"));
        assert!(ids(&healthy(&TlsServer::new().valid_days(-1, 6))).is_empty(), "six days is all it lives");
        assert!(ids(&healthy(&TlsServer::new())).is_empty());
    }
}

mod the_clients_certificate {
    use super::*;

    /// TLS 1.2 with a client certificate: what the server says in place of its ChangeCipherSpec.
    fn in_place_of_its_end(shown: Shown, answer: impl Fn(&mut Wire)) -> Verdict {
        let mut wire = Wire::beside_the_client();
        wire.handshake().send(Client, &client_hello(&hello().name("broker.example"))).round_trip();
        wire.send(Server, &TlsServer::new().asks().flight()).ack(Client).wait(3);
        wire.tls12_client_flight(shown).round_trip();
        answer(&mut wire);
        wire.verdict()
    }

    fn says(description: u8) -> impl Fn(&mut Wire) {
        move |wire| {
            wire.send(Server, &alert(2, description)).reset(Server);
        }
    }

    #[test]
    fn the_servers_alert_names_the_cause() {
        let good = Shown::Valid(-30, 300);
        let cases = [
            (good, 48, "client-certificate-refused", "proven"),
            (good, 46, "client-certificate-refused", "proven"),
            (good, 40, "client-certificate-refused", "likely"),
            (good, 44, "client-certificate-revoked", "proven"),
            (good, 51, "client-key-mismatch", "proven"),
            (good, 20, "bad-record-mac", "proven"),
            (good, 10, "other-alert", "proven"),
            // The server's clock, or a CA above.
            (good, 45, "client-certificate-expired", "likely"),
            (Shown::Valid(-400, -3), 45, "client-certificate-expired", "proven"),
            (Shown::Valid(-400, -3), 42, "client-certificate-expired", "likely"),
            (Shown::Valid(-400, -3), 48, "client-certificate-refused", "proven"),
            (Shown::Empty, 40, "client-certificate-missing", "proven"),
            (Shown::Empty, 42, "client-certificate-missing", "proven"),
            (Shown::Empty, 116, "client-certificate-missing", "proven"),
        ];
        for (shown, description, id, confidence) in cases {
            let verdict = in_place_of_its_end(shown, says(description));
            assert_eq!(told(&verdict), (id, confidence, AUTHENTICATION), "alert {description}");
        }
    }

    #[test]
    fn a_close_without_an_alert_is_at_most_likely() {
        let close = |wire: &mut Wire| {
            wire.ack(Server).fin(Server);
        };
        assert_eq!(
            told(&in_place_of_its_end(Shown::Valid(-30, 300), close)),
            ("client-certificate-refused", "likely", AUTHENTICATION)
        );
        assert_eq!(
            told(&in_place_of_its_end(Shown::Empty, close)),
            ("client-certificate-missing", "likely", AUTHENTICATION)
        );
    }

    #[test]
    fn silence_after_the_clients_flight_is_the_servers() {
        let verdict = in_place_of_its_end(Shown::Valid(-30, 300), |wire| {
            wire.ack(Server).wait(20_000).fin(Client);
        });
        assert_eq!(told(&verdict), ("server-silent-in-handshake", "proven", AUTHENTICATION));
        let servers_timer = in_place_of_its_end(Shown::Valid(-30, 300), |wire| {
            wire.ack(Server).wait(60_000).fin(Server);
        });
        assert_eq!(told(&servers_timer), ("server-silent-in-handshake", "proven", AUTHENTICATION));
        let ended = in_place_of_its_end(Shown::Valid(-30, 300), |wire| {
            wire.ack(Server);
        });
        assert!(ids(&ended).is_empty(), "{:?}", ended.findings);
    }

    /// TLS 1.3 without keys: certificate, verify and Finished of SHA-256, then perhaps a CONNECT after so many milliseconds.
    fn tls13(
        from: fn() -> Wire,
        certificate: &[usize],
        connect_after: Option<i64>,
        answer: impl Fn(&mut Wire),
    ) -> Verdict {
        let mut wire = from();
        wire.tls13_server_flight().wait(2);
        let flight: Vec<u8> = certificate.iter().flat_map(|length| sealed(*length)).collect();
        wire.send(Client, &flight);
        if let Some(after) = connect_after {
            wire.wait(after).send(Client, &sealed(60));
        }
        answer(&mut wire);
        wire.verdict()
    }

    const FULL: [usize; 3] = [846, 281, 53];
    const EMPTY: [usize; 2] = [25, 53];

    fn alert_after_a_round_trip(wire: &mut Wire) {
        wire.round_trip().send(Server, &sealed(19)).reset(Server);
    }

    #[test]
    fn tls13_an_empty_certificate_is_why() {
        for from in [Wire::beside_the_client, Wire::beside_the_server, Wire::between] {
            for connect in [None, Some(0)] {
                let verdict = tls13(from, &EMPTY, connect, alert_after_a_round_trip);
                assert_eq!(told(&verdict), ("client-certificate-missing", "likely", AUTHENTICATION));
            }
        }
    }

    #[test]
    fn tls13_a_refusal_that_cannot_answer_a_connect_is_of_the_certificate() {
        let no_connect = tls13(Wire::beside_the_client, &FULL, None, alert_after_a_round_trip);
        assert_eq!(told(&no_connect), ("client-certificate-refused", "likely", AUTHENTICATION));
        // The CONNECT leaves while the alert is on its way.
        let crossing = tls13(Wire::beside_the_client, &FULL, Some(12), |wire| {
            wire.wait(10).send(Server, &sealed(19)).reset(Server);
        });
        assert_eq!(told(&crossing), ("client-certificate-refused", "likely", AUTHENTICATION));
    }

    #[test]
    fn tls13_a_refusal_that_may_answer_a_connect_names_both_readings() {
        let verdict = tls13(Wire::beside_the_client, &FULL, Some(0), alert_after_a_round_trip);
        assert_eq!(told(&verdict), ("client-certificate-refused", "possible", AUTHENTICATION));
        assert!(verdict.cause().unwrap().finding.other_readings.iter().any(|reading| reading.contains("CONNECT")));
    }

    #[test]
    fn tls13_after_a_ticket_it_is_no_matter_of_certificates() {
        let verdict = tls13(Wire::beside_the_client, &FULL, Some(0), |wire| {
            wire.round_trip().send(Server, &[sealed(250), sealed(250)].concat());
            wire.send(Server, &sealed(19)).reset(Server);
        });
        assert!(!ids(&verdict).iter().any(|id| id.starts_with("client-certificate")), "{:?}", verdict.findings);
        let late = tls13(Wire::beside_the_client, &FULL, Some(0), |wire| {
            wire.wait(3000).send(Server, &sealed(19)).fin(Server);
        });
        assert!(!ids(&late).iter().any(|id| id.starts_with("client-certificate")), "{:?}", late.findings);
        // A client that sends no CONNECT meets the broker's timer.
        let silent = tls13(Wire::beside_the_client, &FULL, None, |wire| {
            wire.ack(Server).wait(30_000).send(Server, &sealed(19)).fin(Server);
        });
        assert!(!ids(&silent).iter().any(|id| id.starts_with("client-certificate")), "{:?}", silent.findings);
    }
}

mod healthy {
    use super::*;

    #[test]
    fn a_session_of_tls13_has_no_finding() {
        for from in [Wire::beside_the_client, Wire::beside_the_server, Wire::between] {
            for alerts in [0, 1, 2] {
                let mut wire = from();
                wire.tls13_server_flight().wait(2);
                wire.send(Client, &[sealed(846), sealed(281), sealed(53), sealed(60)].concat()).round_trip();
                wire.send(Server, &[sealed(250), sealed(250), sealed(21)].concat()).way();
                wire.send(Client, &sealed(80)).round_trip().send(Server, &sealed(21)).wait(1000);
                for _ in 0..alerts {
                    wire.send(Client, &sealed(19));
                }
                wire.fin(Client).round_trip().send(Server, &sealed(19)).fin(Server).reset(Client);
                let verdict = wire.verdict();
                assert!(ids(&verdict).is_empty(), "{alerts} alerts: {:?}", verdict.findings);
            }
        }
    }

    #[test]
    fn slowness_is_a_warning_with_its_owner() {
        let slow = |client: i64, server: i64| {
            let mut wire = Wire::between();
            wire.handshake().send(Client, &client_hello(&hello().name("broker.example"))).round_trip().wait(server);
            wire.send(Server, &TlsServer::new().flight()).way().wait(client);
            wire.tls12_client_flight(Shown::Nothing).round_trip().tls12_server_end().round_trip().session();
            wire.verdict()
        };
        assert_eq!(told(&slow(3000, 0)), ("slow-client", "likely", "-"));
        assert_eq!(told(&slow(0, 1500)), ("slow-server", "likely", "-"));
        assert!(ids(&slow(500, 500)).is_empty());
    }

    #[test]
    fn old_versions_are_weak_and_work() {
        let mut wire = Wire::beside_the_client();
        wire.handshake().send(Client, &client_hello(&hello().name("broker.example"))).round_trip();
        wire.send(Server, &TlsServer::new().version(0x0302).flight()).round_trip();
        wire.tls12_client_flight(Shown::Nothing).round_trip().tls12_server_end().round_trip().session();
        let verdict = wire.verdict();
        assert_eq!((ids(&verdict), verdict.outcome.name()), (vec!["weak-parameters"], "degraded"));
    }

    #[test]
    fn a_retry_is_a_note() {
        let mut wire = Wire::beside_the_client();
        let hello = client_hello(&hello().name("broker.example").tls13());
        wire.handshake().send(Client, &hello).round_trip();
        wire.send(Server, &record(22, &wire::hello_retry(0x0018))).way().send(Client, &hello).round_trip();
        wire.send(Server, &server_hello_tls13()).send(Server, &wire::tls13_flight()).way();
        wire.send(Client, &[sealed(53), sealed(60)].concat()).round_trip().send(Server, &sealed(21)).way().fin(Client);
        let verdict = wire.verdict();
        assert_eq!((ids(&verdict), verdict.outcome.name()), (vec!["hello-retry"], "ok"));
    }
}

/// The recordings, changed in memory.
mod recordings {
    use super::recording::{Label, Recording, recordings};
    use super::*;
    use iotcap::diagnosis::Severity;
    use iotcap::evidence::Confidence;

    /// Findings of TLS that say that the connection failed.
    fn errors(verdict: &Verdict) -> Vec<(&str, Confidence)> {
        let of_tls = verdict.findings.iter().filter(|judged| judged.rule.code.starts_with("TLS"));
        let errors = of_tls.filter(|judged| judged.severity() == Severity::Error);
        errors.map(|judged| (judged.rule.id, judged.finding.confidence)).collect()
    }

    #[test]
    fn a_capture_that_ends_early_accuses_nobody_wrongly() {
        for Recording { name, frames, labels } in recordings() {
            for end in 1..=frames.len() {
                for (verdict, label) in wire::verdicts(&frames[..end]).iter().zip(&labels) {
                    for (id, confidence) in errors(verdict) {
                        assert!(
                            label.allows(id) || confidence == Confidence::Possible,
                            "{name} cut after {end} frames: {id} {confidence}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_capture_without_its_beginning_accuses_nobody_wrongly() {
        for Recording { name, frames, labels } in recordings() {
            for begin in 1..frames.len() {
                for (verdict, label) in wire::verdicts(&frames[begin..]).iter().zip(&labels) {
                    for (id, confidence) in errors(verdict) {
                        // Without the hellos the more general finding is what is left.
                        let general = ["other-alert", "server-certificate-untrusted", "client-certificate-refused"];
                        let explained = label.allows(id) || confidence == Confidence::Possible;
                        assert!(
                            explained || general.contains(&id) && !label.is_healthy(),
                            "{name} from frame {begin} on: {id} {confidence}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_healthy_connection_of_which_a_frame_is_missing_is_accused_of_nothing() {
        for Recording { name, frames, labels } in recordings() {
            if !labels.iter().all(Label::is_healthy) {
                continue;
            }
            for missing in 0..frames.len() {
                let rest: Vec<_> =
                    (0..).zip(&frames).filter(|(at, _)| *at != missing).map(|(_, f)| f.clone()).collect();
                for verdict in wire::verdicts(&rest) {
                    assert!(
                        errors(&verdict).is_empty(),
                        "{name} without frame {}: {:?}",
                        missing + 1,
                        errors(&verdict)
                    );
                }
            }
        }
    }

    #[test]
    fn whatever_is_missing_nothing_false_is_proven() {
        // What is left where a name or a reason went missing with the frame.
        let general = ["other-alert", "server-certificate-untrusted", "client-certificate-refused"];
        for Recording { name, frames, labels } in recordings() {
            for missing in 0..frames.len() {
                let rest: Vec<_> =
                    (0..).zip(&frames).filter(|(at, _)| *at != missing).map(|(_, f)| f.clone()).collect();
                for (verdict, label) in wire::verdicts(&rest).iter().zip(&labels) {
                    for (id, confidence) in errors(verdict) {
                        let explained = label.allows(id) || confidence < Confidence::Proven || general.contains(&id);
                        assert!(explained, "{name} without frame {}: {id} {confidence}", missing + 1);
                    }
                }
            }
        }
    }

    #[test]
    fn a_frame_that_was_captured_twice_counts_once() {
        for Recording { name, frames, .. } in recordings() {
            let twice: Vec<_> = frames.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect();
            for (once, twice) in wire::verdicts(&frames).iter().zip(&wire::verdicts(&twice)) {
                assert_eq!(errors(once), errors(twice), "{name}");
            }
        }
    }

    #[test]
    fn ten_times_slower_is_no_other_cause() {
        for Recording { name, mut frames, labels } in recordings() {
            let begin = frames.first().map_or(0, |frame| frame.at);
            for frame in &mut frames {
                frame.at = begin + (frame.at - begin) * 10;
            }
            for (verdict, label) in wire::verdicts(&frames).iter().zip(&labels) {
                for (id, confidence) in errors(verdict) {
                    assert!(label.allows(id) || confidence == Confidence::Possible, "{name}: {id} {confidence}");
                }
            }
        }
    }
}
