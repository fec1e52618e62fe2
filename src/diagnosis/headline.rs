//! The sentence on top of every report.

use super::{Judged, Outcome};
use crate::connection::Record;
use crate::timeline::{CloseHow, Phase, Rung};
use std::time::Duration;

/// One sentence: what became of the connection, where, by whom.
pub(super) fn headline(record: &Record, outcome: Outcome, stopped_in: Option<Phase>, cause: Option<&Judged>) -> String {
    let told = cause.map(|judged| judged.finding.headline.as_ref().unwrap_or(&judged.finding.message));
    match (outcome, told) {
        (Outcome::Failed, told) => {
            let place = stopped_in.map_or_else(|| "Stopped".to_owned(), |phase| format!("Stopped in {}", words(phase)));
            match told {
                Some(told) => format!("{place}: {told}."),
                None => format!("{place}: {}.", how_it_ended(record)),
            }
        }
        (Outcome::Inconclusive, Some(told)) => format!("No verdict: {told}."),
        (Outcome::Degraded, Some(told)) => format!("{}, but {told}.", what_was_done(record)),
        (Outcome::Open, _) => format!("{}; nobody had closed it when the capture ended.", what_was_done(record)),
        _ => format!("{}, {}.", what_was_done(record), how_it_ended(record)),
    }
}

/// The phase as people say it.
#[must_use]
pub(super) const fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::TcpHandshake => "the TCP handshake",
        Phase::TlsHello => "the TLS hello",
        Phase::TlsAuthentication => "TLS authentication",
        Phase::MqttConnect => "MQTT connect",
        Phase::MqttSession => "the MQTT session",
        Phase::Close => "closing",
    }
}

fn what_was_done(record: &Record) -> String {
    let timings = &record.timeline.timings;
    let parts = [("TCP", timings.tcp_handshake), ("TLS", record.tls_time()), ("MQTT", timings.mqtt_connect)];
    let known: Vec<String> =
        parts.iter().filter_map(|(name, time)| Some(format!("{name} {}", short((*time)?)))).collect();
    let done = match record.timeline.reached {
        Some(rung) if rung >= Rung::MqttConnected => "Connected",
        Some(rung) if rung >= Rung::TlsEstablished => "TLS established",
        Some(rung) if rung >= Rung::TcpEstablished => "TCP established",
        Some(_) => "SYN sent",
        None => "Seen from the middle",
    };
    let total: Duration = parts.iter().filter_map(|(_, time)| *time).sum();
    let mut text = match known.len() {
        0 => done.to_owned(),
        _ => format!("{done} in {} ms ({})", short(total), known.join(", ")),
    };
    if let Some(published) = record.published() {
        text.push_str(", ");
        text.push_str(&published);
    }
    text
}

fn how_it_ended(record: &Record) -> String {
    match &record.timeline.closed {
        Some(closed) => match closed.how {
            // A FIN is how connections end.
            Some(CloseHow::Fin) | None => format!("closed by the {}", closed.by),
            Some(how) => format!("closed by the {} ({})", closed.by, how.name().to_uppercase()),
        },
        None => "nobody had closed it when the capture ended".to_owned(),
    }
}

fn short(time: Duration) -> String {
    let millis = crate::time::millis(time);
    if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }
}
