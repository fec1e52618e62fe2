//! Reports built by hand: what the diagnosis would say of recordings like those in fixtures. Frames, times and lengths are
//! such as tshark shows for real connections.

use iotcap::net::Endpoint;
use iotcap::report::model::{
    Actor, Capture, CaptureKind, Certificate, Client, ClientCertificate, Closed, ClosedHow, Confidence, Connection,
    Damage, DisplayFilter, Dropped, Event, Finding, FrameList, FrameRef, Group, Layer, Millis, Mqtt, MqttSource,
    Outcome, PerSide, Phase, PhaseName, PhaseOutcome, RoundTrips, Rung, Server, Severity, Tcp, Time, Timings, Tls,
    TlsAlert, Topic, TraceId, Vantage,
};
use iotcap::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// 2026-11-22T18:20:57.838983805Z.
const BEGIN: Timestamp = Timestamp::from_nanos(1_795_371_657_838_983_805);

pub(crate) fn at(micros: u64) -> Time {
    Time::from(BEGIN + Duration::from_micros(micros))
}

fn event(frame: u64, micros: u64, by: Actor, layer: Layer, kind: &'static str, detail: &str) -> Event {
    Event {
        at: at(micros),
        ms: self::micros(micros),
        seen: FrameRef { frame, file: None },
        by,
        layer,
        kind: kind.into(),
        detail: detail.to_owned(),
        observed: true,
        confidence: None,
        until: None,
    }
}

fn inferred(confidence: Confidence, event: Event) -> Event {
    Event { observed: false, confidence: Some(confidence), ..event }
}

pub(crate) fn frames(numbers: &[u64]) -> FrameList {
    numbers.iter().map(|&frame| FrameRef { frame, file: None }).collect()
}

fn micros(micros: u64) -> Millis {
    Duration::from_micros(micros).into()
}

fn phase(phase: PhaseName, outcome: PhaseOutcome, from: u64, to: u64, frames: [u64; 2]) -> Phase {
    Phase { phase, outcome, started: Some(at(from)), ended: Some(at(to)), frames: Some(frames) }
}

fn not_reached(phases: &[PhaseName]) -> impl Iterator<Item = Phase> {
    phases.iter().map(|&phase| Phase {
        phase,
        outcome: PhaseOutcome::NotReached,
        started: None,
        ended: None,
        frames: None,
    })
}

/// A connection from 192.0.2.10 of which nothing else is known.
pub(crate) fn connection(first_frame: u64, port: u16) -> Connection {
    let end = |last, port| Endpoint::new([192, 0, 2, last].into(), port);
    Connection {
        ordinal: first_frame,
        id: first_frame.to_string(),
        trace_id: TraceId([0x5a; 16]),
        client: Client { address: "192.0.2.10".to_owned(), port },
        server: Server { address: "192.0.2.20".to_owned(), port: 8883, name: None },
        started: at(0),
        ended: None,
        frames: 0,
        bytes: PerSide::default(),
        outcome: Outcome::Ok,
        stopped_in: None,
        reached: None,
        cause: None,
        confidence: None,
        headline: String::new(),
        vantage: Vantage::Client,
        closed: Closed::default(),
        timings: Timings::default(),
        phases: Vec::new(),
        tcp: Tcp::default(),
        tls: None,
        mqtt: None,
        findings: Vec::new(),
        events: Vec::new(),
        dropped_events: 0,
        display_filter: DisplayFilter::between(end(10, port), end(20, 8883)),
    }
}

/// TLS 1.3 without keys, some messages, a clean end.
pub(crate) fn healthy() -> Connection {
    Connection {
        server: Server { name: Some("broker.example".to_owned()), ..connection(1, 38259).server },
        ended: Some(at(727_354)),
        frames: 39,
        bytes: PerSide { client: 4_084, server: 4_837 },
        reached: Some(Rung::MqttSession),
        headline: "TLS 1.3, 4 messages published and acknowledged, closed by the client".to_owned(),
        closed: Closed {
            by: Some(Actor::Client),
            how: Some(ClosedHow::Fin),
            at: Some(at(705_889)),
            frame: Some(34),
            file: None,
        },
        timings: Timings {
            tcp_handshake: Some(micros(20_379)),
            tls_hello: Some(micros(21_713)),
            tls_authentication: Some(micros(1_883)),
            mqtt_connect: Some(micros(84_083)),
            session: Some(micros(576_243)),
            total: Some(micros(727_354)),
            rtt: Some(micros(20_344)),
            ..Timings::default()
        },
        tls: Some(Tls {
            version: Some("1.3".to_owned()),
            cipher: Some("TLS_AES_256_GCM_SHA384".to_owned()),
            resumed: Some(false),
            hello_retry: Some(false),
            client_certificate: ClientCertificate::Sent,
            ..Tls::default()
        }),
        events: vec![
            event(1, 0, Actor::Client, Layer::Tcp, "syn", "MSS 1460"),
            event(2, 20_344, Actor::Server, Layer::Tcp, "syn_ack", "MSS 1460"),
            event(4, 20_876, Actor::Client, Layer::Tls, "client_hello", "TLS 1.3, name broker.example"),
        ],
        findings: vec![finding(
            "hello-retry",
            "TLS013",
            Severity::Note,
            "the server asked for another key share",
            &[6],
        )],
        ..connection(1, 38259)
    }
}

pub(crate) fn finding(
    id: &'static str,
    code: &'static str,
    severity: Severity,
    message: &str,
    numbers: &[u64],
) -> Finding {
    Finding {
        id: id.into(),
        code: code.into(),
        severity,
        confidence: Confidence::Proven,
        at: None,
        frames: frames(numbers),
        message: message.to_owned(),
        evidence: Vec::new(),
        causes: Vec::new(),
        remedy: Vec::new(),
        other_readings: Vec::new(),
    }
}

/// TLS 1.2: the server refuses the client's certificate, in clear.
pub(crate) fn refused() -> Connection {
    use PhaseName::{MqttConnect, MqttSession, TcpHandshake, TlsAuthentication, TlsHello};
    let headline = "The server refused the client's certificate: unknown_ca";
    let name = "a1lab0example-ats.iot.ap-northeast-1.amazonaws.com";
    Connection {
        server: Server { name: Some(name.to_owned()), ..connection(1, 55603).server },
        ended: Some(at(66_955)),
        frames: 12,
        bytes: PerSide { client: 1_404, server: 2_242 },
        outcome: Outcome::Failed,
        stopped_in: Some(TlsAuthentication),
        reached: Some(Rung::ClientFlight),
        cause: Some("client-certificate-refused".to_owned()),
        confidence: Some(Confidence::Proven),
        headline: headline.to_owned(),
        closed: Closed {
            by: Some(Actor::Server),
            how: Some(ClosedHow::Alert),
            at: Some(at(66_908)),
            frame: Some(11),
            file: None,
        },
        timings: Timings {
            tcp_handshake: Some(micros(20_574)),
            tls_hello: Some(micros(22_065)),
            total: Some(micros(66_955)),
            rtt: Some(micros(20_510)),
            server_think: Some(micros(1_555)),
            client_crypto: Some(micros(2_550)),
            ..Timings::default()
        },
        phases: [
            phase(TcpHandshake, PhaseOutcome::Completed, 0, 20_574, [1, 3]),
            phase(TlsHello, PhaseOutcome::Completed, 21_081, 43_146, [4, 6]),
            phase(TlsAuthentication, PhaseOutcome::Failed, 43_146, 66_908, [6, 11]),
        ]
        .into_iter()
        .chain(not_reached(&[MqttConnect, MqttSession]))
        .collect(),
        tcp: Tcp {
            history: "ShADadR".to_owned(),
            completeness: 47,
            rtt: Some(RoundTrips {
                min: micros(20_427),
                median: micros(20_510),
                max: micros(21_165),
            }),
            mss: PerSide { client: Some(1460), server: Some(1460) },
            ..Tcp::default()
        },
        tls: Some(refused_tls(name)),
        findings: vec![
            Finding {
                at: Some(at(66_908)),
                evidence: vec![
                    "the server asked for a certificate (frame 8) and the client sent CN=device-7, issued by CN=Other CA \
                     (frame 10)"
                        .to_owned(),
                    "fatal alert unknown_ca (48) in place of the server's ChangeCipherSpec".to_owned(),
                ],
                causes: vec![
                    "The broker does not have the CA that issued this certificate".into(),
                    "AWS IoT: the certificate is not registered in this account and region, or it is not active".into(),
                ],
                remedy: vec![
                    "Register and activate the certificate: aws iot describe-certificate --certificate-id ID shows its state"
                        .into(),
                ],
                ..finding("client-certificate-refused", "TLS031", Severity::Error, headline, &[10, 11])
            },
            finding(
                "server-certificate-expires-soon",
                "TLS029",
                Severity::Warning,
                "The server's certificate is valid for 12 more days",
                &[8],
            ),
        ],
        events: refused_events(),
        ..connection(1, 55603)
    }
}

fn refused_tls(name: &str) -> Tls {
    Tls {
        version: Some("1.2".to_owned()),
        offered_versions: vec!["1.2".to_owned()],
        cipher: Some("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".to_owned()),
        offered_ciphers: vec!["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".to_owned(), "0x5600".to_owned()],
        group: Some("x25519".to_owned()),
        server_name: Some(name.to_owned()),
        resumed: Some(false),
        hello_retry: Some(false),
        history: "CsxkruGI".to_owned(),
        certificates: PerSide {
            client: vec![certificate("CN=device-7", "CN=Other CA")],
            server: vec![certificate(&format!("CN={name}"), "CN=Lab CA")],
        },
        client_certificate: ClientCertificate::Sent,
        alerts: vec![TlsAlert {
            by: Actor::Server,
            level: Some("fatal".to_owned()),
            description: Some("unknown_ca".to_owned()),
            encrypted: false,
            seen: FrameRef { frame: 11, file: None },
            observed: true,
        }],
        ..Tls::default()
    }
}

fn certificate(subject: &str, issuer: &str) -> Certificate {
    Certificate {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
        serial: "0a1b".to_owned(),
        not_before: Some(Time::from_secs(1_790_000_000)),
        not_after: Some(Time::from_secs(1_796_400_000)),
        names: Vec::new(),
        key: Some("RSA 2048".to_owned()),
        signature: Some("sha256WithRSAEncryption".to_owned()),
        sha256: "9f".repeat(32),
    }
}

fn refused_events() -> Vec<Event> {
    use Actor::{Client, Server};
    use Layer::{Tcp, Tls};
    vec![
        event(1, 0, Client, Tcp, "syn", "MSS 1460"),
        event(2, 20_510, Server, Tcp, "syn_ack", "MSS 1460"),
        event(3, 20_574, Client, Tcp, "established", "round trip 20.5 ms"),
        event(
            4,
            21_081,
            Client,
            Tls,
            "client_hello",
            "TLS 1.2, 15 cipher suites, name a1lab0example-ats.iot.ap-northeast-1.amazonaws.com",
        ),
        event(6, 43_146, Server, Tls, "server_hello", "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
        Event {
            until: Some(micros(43_194)),
            ..event(
                8,
                43_146,
                Server,
                Tls,
                "certificate",
                "2 certificates, CN=a1lab0example-ats.iot.ap-northeast-1.amazonaws.com",
            )
        },
        event(8, 43_194, Server, Tls, "server_key_exchange", "x25519"),
        event(8, 43_194, Server, Tls, "certificate_request", "any CA"),
        event(8, 43_194, Server, Tls, "server_hello_done", ""),
        event(10, 45_744, Client, Tls, "certificate", "1 certificate, CN=device-7, issued by CN=Other CA"),
        event(10, 45_744, Client, Tls, "client_key_exchange", ""),
        event(10, 45_744, Client, Tls, "certificate_verify", "rsa_pss_rsae_sha256"),
        event(10, 45_744, Client, Tls, "change_cipher_spec", ""),
        event(10, 45_744, Client, Tls, "encrypted_handshake", "40 bytes: Finished"),
        event(11, 66_908, Server, Tls, "alert", "fatal unknown_ca (48)"),
        event(12, 66_955, Server, Tcp, "rst", ""),
    ]
}

/// Four SYNs and no answer.
pub(crate) fn stuck_syn() -> Connection {
    use Actor::Client;
    let headline = "The server never answered: 4 SYNs in 3.0 s, nothing came back";
    Connection {
        id: "40".to_owned(),
        frames: 4,
        outcome: Outcome::Failed,
        stopped_in: Some(PhaseName::TcpHandshake),
        reached: Some(Rung::Syn),
        cause: Some("syn-unanswered".to_owned()),
        confidence: Some(Confidence::Proven),
        headline: headline.to_owned(),
        vantage: Vantage::Unknown,
        timings: Timings { total: Some(micros(3_031_901)), ..Timings::default() },
        phases: vec![phase(PhaseName::TcpHandshake, PhaseOutcome::Failed, 0, 3_031_901, [40, 43])],
        tcp: Tcp { history: "S".to_owned(), completeness: 1, ..Tcp::default() },
        findings: vec![Finding {
            evidence: vec!["no segment from the server and no ICMP error in 3.0 s".to_owned()],
            causes: vec![
                "Port 8883 is blocked on the way out".into(),
                "Wrong address or region".into(),
                "The capture sees one direction only".into(),
            ],
            remedy: vec!["Try port 443 with the ALPN protocol x-amzn-mqtt-ca".into()],
            ..finding("syn-unanswered", "TCP001", Severity::Error, headline, &[40, 41, 42, 43])
        }],
        events: vec![
            event(40, 0, Client, Layer::Tcp, "syn", "MSS 1460"),
            event(41, 983_873, Client, Layer::Tcp, "retransmission", "SYN, 1st time"),
            event(42, 2_007_920, Client, Layer::Tcp, "retransmission", "SYN, 2nd time"),
            event(43, 3_031_901, Client, Layer::Tcp, "retransmission", "SYN, 3rd time"),
        ],
        ..connection(40, 44108)
    }
}

/// TLS 1.3 without keys: an empty client certificate and an alert, both told by their sizes.
pub(crate) fn inferred_refusal() -> Connection {
    use Actor::{Client, Server};
    use Layer::{Tcp, Tls};
    let likely = |event| inferred(Confidence::Likely, event);
    let headline = "The server wanted a client certificate and the client had none";
    Connection {
        ended: Some(at(85_355)),
        frames: 14,
        bytes: PerSide { client: 672, server: 2_428 },
        outcome: Outcome::Failed,
        stopped_in: Some(PhaseName::TlsAuthentication),
        reached: Some(Rung::ClientFlight),
        cause: Some("client-certificate-missing".to_owned()),
        confidence: Some(Confidence::Likely),
        headline: headline.to_owned(),
        closed: Closed {
            by: Some(Server),
            how: Some(ClosedHow::Alert),
            at: Some(at(64_882)),
            frame: Some(11),
            file: None,
        },
        timings: Timings { total: Some(micros(85_355)), tcp_handshake: Some(micros(20_579)), ..Timings::default() },
        phases: vec![
            phase(PhaseName::TcpHandshake, PhaseOutcome::Completed, 0, 20_579, [1, 3]),
            phase(PhaseName::TlsHello, PhaseOutcome::Completed, 21_034, 43_143, [4, 6]),
            phase(PhaseName::TlsAuthentication, PhaseOutcome::Failed, 43_143, 64_882, [6, 11]),
        ],
        tls: Some(self::Tls {
            version: Some("1.3".to_owned()),
            cipher: Some("TLS_AES_256_GCM_SHA384".to_owned()),
            client_certificate: ClientCertificate::Missing,
            history: "Cs".to_owned(),
            ..self::Tls::default()
        }),
        findings: vec![Finding {
            confidence: Confidence::Likely,
            evidence: vec!["a record of 25 bytes, the size of an empty Certificate".to_owned()],
            other_readings: vec!["the server refused the CONNECT that crossed its alert".into()],
            causes: vec![
                "Key or certificate not loaded".into(),
                "The certificate is not of a CA that the server accepts".into(),
            ],
            ..finding("client-certificate-missing", "TLS030", Severity::Error, headline, &[10, 11])
        }],
        events: vec![
            event(1, 0, Client, Tcp, "syn", "MSS 1460"),
            event(2, 20_513, Server, Tcp, "syn_ack", "MSS 1460"),
            event(4, 21_034, Client, Tls, "client_hello", "TLS 1.3, 1.2"),
            event(6, 43_143, Server, Tls, "server_hello", "TLS 1.3, TLS_AES_256_GCM_SHA384"),
            likely(event(6, 43_143, Server, Tls, "encrypted_extensions", "23 bytes")),
            likely(event(10, 44_380, Client, Tls, "certificate", "25 bytes: empty")),
            likely(event(10, 44_380, Client, Tls, "finished", "69 bytes")),
            likely(event(11, 64_882, Server, Tls, "encrypted_alert", "19 bytes")),
            inferred(Confidence::Possible, event(12, 64_902, Client, Layer::Mqtt, "connect", "40 bytes")),
            event(13, 65_012, Server, Tcp, "rst", ""),
        ],
        tcp: self::Tcp { history: "ShADadR".to_owned(), completeness: 47, ..self::Tcp::default() },
        ..connection(1, 36661)
    }
}

/// Decrypted MQTT 5.0 that is still going on.
pub(crate) fn open_and_decrypted() -> Connection {
    let kinds = |kinds: &[(&str, u64)]| kinds.iter().map(|&(kind, n)| (kind.to_owned(), n)).collect::<BTreeMap<_, _>>();
    Connection {
        outcome: Outcome::Open,
        reached: Some(Rung::MqttSession),
        headline: "MQTT 5.0 session of \"sensor-7\", 1,200 messages, still open".to_owned(),
        tls: Some(Tls { version: Some("1.3".to_owned()), decrypted: true, ..Tls::default() }),
        mqtt: Some(Mqtt {
            source: MqttSource::Decrypted,
            version: Some("5.0".to_owned()),
            client_id: Some("sensor-7".to_owned()),
            keep_alive: Some(60),
            clean_start: Some(true),
            will: Some(false),
            username: None,
            connack_code: Some(0),
            connack_reason: Some("Success".to_owned()),
            session_present: Some(false),
            packets: PerSide {
                client: kinds(&[("CONNECT", 1), ("PUBLISH", 1_200)]),
                server: kinds(&[("CONNACK", 1), ("PUBACK", 1_200)]),
            },
            topics: vec![Topic { name: "plant/7/温度".to_owned(), packets: 1_200, bytes: 48_000 }],
            ack_ms: None,
            disconnect_reason: None,
        }),
        phases: vec![Phase {
            ended: None,
            ..phase(PhaseName::MqttSession, PhaseOutcome::InProgress, 151_111, 0, [15, 2_400])
        }],
        ..connection(7, 50_001)
    }
}

/// The capture began in the middle.
pub(crate) fn inconclusive() -> Connection {
    let headline = "The capture begins in the middle of this connection";
    Connection {
        outcome: Outcome::Inconclusive,
        cause: Some("midstream-start".to_owned()),
        confidence: Some(Confidence::Proven),
        headline: headline.to_owned(),
        phases: vec![Phase {
            phase: PhaseName::TcpHandshake,
            outcome: PhaseOutcome::Unknown,
            started: None,
            ended: None,
            frames: None,
        }],
        findings: vec![finding("midstream-start", "CAP001", Severity::Warning, headline, &[2])],
        ..connection(2, 50_002)
    }
}

/// Names and details that want to take over the terminal.
pub(crate) fn hostile() -> Connection {
    let nasty = "\x1b[2J\x1b]0;owned\x07\u{202e}gpj.exe\r\n\u{9b}31m\u{200b}";
    let mut connection = refused();
    connection.server.name = Some(nasty.to_owned());
    connection.headline = format!("The name was {nasty}");
    nasty.clone_into(&mut connection.display_filter.wireshark);
    for event in &mut connection.events {
        event.detail = nasty.repeat(3);
    }
    for finding in &mut connection.findings {
        nasty.clone_into(&mut finding.message);
        finding.evidence = vec![nasty.to_owned()];
        finding.remedy = vec![nasty.to_owned().into()];
    }
    if let Some(tls) = &mut connection.tls {
        tls.server_name = Some(nasty.to_owned());
        tls.alpn = Some(nasty.to_owned());
        for certificate in tls.certificates.client.iter_mut().chain(&mut tls.certificates.server) {
            nasty.clone_into(&mut certificate.subject);
        }
    }
    connection.mqtt = open_and_decrypted().mqtt.map(|mqtt| Mqtt { client_id: Some(nasty.to_owned()), ..mqtt });
    connection
}

pub(crate) fn capture() -> Capture {
    Capture {
        source: "client-cert-foreign-tls12.pcapng".to_owned(),
        kind: CaptureKind::File,
        files: Vec::new(),
        link_types: vec!["ETHERNET".to_owned()],
        frames: 12,
        frames_matched: 12,
        bytes: 4_420,
        first: Some(at(0)),
        last: Some(at(66_955)),
        filter: None,
        dropped: Dropped::default(),
        damaged: None,
        secrets: 0,
        skipped: BTreeMap::new(),
        evicted: BTreeMap::new(),
    }
}

pub(crate) fn damaged_capture() -> Capture {
    let counts = |counts: &[(&str, u64)]| counts.iter().map(|&(what, n)| (what.to_owned(), n)).collect();
    Capture {
        source: "gateway.pcapng.zst".to_owned(),
        frames: 1_204_133,
        frames_matched: 98_020,
        bytes: 912_400_120,
        last: Some(at(86_400_000_000)),
        filter: Some("tcp port 8883 or tcp port 443".to_owned()),
        dropped: Dropped { kernel: Some(312), interface: None },
        damaged: Some(Damage {
            file: None,
            offset: Some(912_001_004),
            after_frame: Some(1_203_990),
            what: "a packet block of 1,514 bytes ends after 212".to_owned(),
            more: 2,
        }),
        secrets: 4,
        skipped: counts(&[("other port", 1_100_000), ("not TCP", 6_112), ("cut inside a header", 1)]),
        evicted: counts(&[("events of a connection", 17)]),
        ..capture()
    }
}

pub(crate) fn takeover() -> Group {
    Group {
        id: "session-taken-over".into(),
        code: "MQT010".into(),
        severity: Severity::Error,
        confidence: Confidence::Likely,
        server: Some(Server { address: "192.0.2.20".to_owned(), port: 8883, name: Some("broker.example".to_owned()) }),
        clients: vec!["192.0.2.10".to_owned(), "192.0.2.11".to_owned()],
        connections: (1..=12).map(|n| (n * 40).to_string()).collect(),
        message: "Two clients throw each other out: each new connection ends the other's within 0.1 s".to_owned(),
        evidence: vec!["12 connections in 3 min 20 s, their lives alternate".to_owned()],
        remedy: vec!["Give each device a client id of its own".into()],
    }
}
