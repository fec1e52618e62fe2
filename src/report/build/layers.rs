//! What TCP, TLS and MQTT did, in the words of the report.

use crate::connection::Record;
use crate::net::Side;
use crate::report::model::{self, Millis, PerSide};
use crate::tls::certificate::Certificate;
use crate::{mqtt, tcp, tls};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn vantage(vantage: tcp::Vantage) -> model::Vantage {
    match vantage {
        tcp::Vantage::Client => model::Vantage::Client,
        tcp::Vantage::Server => model::Vantage::Server,
        tcp::Vantage::Between => model::Vantage::Between,
        tcp::Vantage::Unknown => model::Vantage::Unknown,
    }
}

pub(super) fn tcp(facts: &tcp::Facts) -> model::Tcp {
    let (client, server) = (&facts.client, &facts.server);
    // Seen from one place, the round trip to the far side is the one that says something.
    let round_trip = client.round_trip.into_iter().chain(server.round_trip).max_by_key(|round_trip| round_trip.median);
    model::Tcp {
        history: facts.history.to_string(),
        completeness: facts.completeness.0,
        rtt: round_trip.map(|round_trip| model::RoundTrips {
            min: Millis(round_trip.min),
            median: Millis(round_trip.median),
            max: Millis(round_trip.max),
        }),
        retransmissions: PerSide { client: client.retransmissions.total(), server: server.retransmissions.total() },
        duplicate_acks: client.duplicate_acks + server.duplicate_acks,
        out_of_order: client.out_of_order + server.out_of_order,
        zero_window: client.zero_windows.segments + server.zero_windows.segments,
        missed_bytes: client.missed_bytes + server.missed_bytes,
        mss: PerSide { client: client.syn.and_then(|syn| syn.mss), server: server.syn.and_then(|syn| syn.mss) },
    }
}

pub(super) fn tls(facts: &tls::Facts) -> model::Tls {
    let offer = facts.client_hello.as_deref();
    let texts = |list: &[String]| list.to_vec();
    model::Tls {
        version: facts.version().map(|version| version.to_string()),
        offered_versions: offer
            .map(|hello| hello.offer.versions.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        cipher: facts.cipher().map(|cipher| cipher.to_string()),
        offered_ciphers: offer
            .map(|hello| hello.offer.ciphers.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        group: facts.group.map(|group| group.to_string()),
        server_name: offer.and_then(|hello| hello.server_name.as_deref().map(str::to_owned)),
        alpn: facts.alpn.as_deref().map(str::to_owned),
        alpn_offered: offer.map(|hello| texts(&hello.offer.alpn)).unwrap_or_default(),
        resumed: facts.resumed.is_resumed(),
        hello_retry: facts
            .server_hello
            .as_ref()
            .map(|_| facts.hello_retry.is_some())
            .or(facts.hello_retry.as_ref().map(|_| true)),
        ja3: offer.map(|hello| hello.offer.ja3.clone()),
        ja4: offer.map(|hello| hello.offer.ja4.clone()),
        history: facts.history.as_str().to_owned(),
        certificates: PerSide { client: chain(facts, Side::Client), server: chain(facts, Side::Server) },
        client_certificate: match facts.client_certificate.0 {
            tls::ClientCertificate::Unknown => model::ClientCertificate::Unknown,
            tls::ClientCertificate::NotRequested => model::ClientCertificate::NotRequested,
            tls::ClientCertificate::Missing => model::ClientCertificate::Missing,
            tls::ClientCertificate::Sent => model::ClientCertificate::Sent,
        },
        alerts: facts.alerts.iter().map(alert).collect(),
        decrypted: facts.decrypted,
    }
}

fn chain(facts: &tls::Facts, side: Side) -> Vec<model::Certificate> {
    facts
        .certificates
        .of(side)
        .into_iter()
        .flat_map(|chain| chain.iter())
        .map(|certificate| self::certificate(certificate))
        .collect()
}

fn certificate(certificate: &Certificate) -> model::Certificate {
    let known = certificate.error.is_none();
    let time = |seconds| known.then(|| model::Time::from_secs(seconds));
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    model::Certificate {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        serial: certificate.serial.clone(),
        not_before: time(certificate.not_before),
        not_after: time(certificate.not_after),
        names: certificate.names().collect(),
        key: text(&certificate.key),
        signature: text(&certificate.signature),
        sha256: certificate.sha256.clone(),
    }
}

fn alert(seen: &tls::AlertSeen) -> model::TlsAlert {
    model::TlsAlert {
        by: seen.by.into(),
        level: seen.alert.map(|alert| alert.level.to_string()),
        description: seen.alert.map(|alert| alert.description.to_string()),
        encrypted: seen.encrypted,
        seen: seen.at.frame.into(),
        observed: seen.basis.is_observed(),
    }
}

/// Topics that are listed.
const TOPICS: usize = 32;

pub(super) fn mqtt(facts: &mqtt::Facts, record: &Record) -> Option<model::Mqtt> {
    let source = match (facts.read, &record.tls) {
        (true, None) => model::MqttSource::Plaintext,
        (true, Some(_)) => model::MqttSource::Decrypted,
        (false, _) if facts.connect_at.is_some() || facts.sealed => model::MqttSource::Inferred,
        (false, _) => return None,
    };
    let (connect, connack) = (facts.connect.as_deref(), facts.connack.as_deref());
    let code = facts.connack_code();
    Some(model::Mqtt {
        source,
        version: facts.version.map(|(version, _)| version.to_string()),
        client_id: facts.client_id().map(str::to_owned),
        keep_alive: facts.keep_alive(),
        clean_start: connect.map(|connect| connect.clean_start),
        will: connect.map(|connect| connect.will.is_some()),
        username: facts.username().map(str::to_owned),
        connack_code: code.map(mqtt::ConnackCode::value),
        connack_reason: code.and_then(mqtt::ConnackCode::name).map(str::to_owned),
        session_present: connack.map(|connack| connack.session_present),
        packets: PerSide { client: packets(facts, Side::Client), server: packets(facts, Side::Server) },
        topics: facts.topics.top(TOPICS).into_iter().map(topic).collect(),
        ack_ms: acknowledgments(&facts.ack_latency.client),
        disconnect_reason: facts
            .disconnect_reason
            .as_ref()
            .map(|(_, disconnect)| disconnect.reason.shown_in(mqtt::PacketType::DISCONNECT).to_string()),
    })
}

fn packets(facts: &mqtt::Facts, side: Side) -> BTreeMap<String, u64> {
    facts.packets[side].iter().map(|(kind, count)| (kind.to_string(), count)).collect()
}

fn topic((name, volume): (Arc<str>, mqtt::Volume)) -> model::Topic {
    model::Topic { name: name.to_string(), packets: volume.packets, bytes: volume.bytes }
}

fn acknowledgments(samples: &mqtt::Samples) -> Option<model::AckTimes> {
    Some(model::AckTimes {
        min: Millis(samples.min()?),
        median: Millis(samples.median()?),
        p99: Millis(samples.percentile(99)?),
        max: Millis(samples.max()?),
    })
}
