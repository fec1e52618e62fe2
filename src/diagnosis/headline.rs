//! The sentence on top of every report.
//!
//! A [`Gist`] is taken of a record with its verdict; the sentence itself is made where somebody reads it.

use super::{Judged, Outcome};
use crate::connection::Record;
use crate::net::Side;
use crate::timeline::{CloseHow, Closed, Phase, Rung};
use std::fmt::Write as _;
use std::time::Duration;

/// What a headline tells of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gist {
    reached: Option<Rung>,
    /// How long TCP, TLS and MQTT took to connect.
    took: [Option<Duration>; 3],
    /// PUBLISH packets of the client; none where that is not known.
    published: Option<u64>,
    closed: Option<Closed>,
}

impl Gist {
    pub(super) fn of(record: &Record) -> Self {
        let timeline = &record.timeline;
        Self {
            reached: timeline.reached,
            took: [timeline.timings.tcp_handshake, record.tls_time(), timeline.timings.mqtt_connect],
            published: record.mqtt.as_ref().and_then(|mqtt| mqtt.published(Side::Client)),
            closed: timeline.closed,
        }
    }
}

/// One sentence: what became of the connection, where, by whom.
pub(super) fn headline(gist: &Gist, outcome: Outcome, stopped_in: Option<Phase>, cause: Option<&Judged>) -> String {
    let told = cause.map(|judged| judged.finding.headline.as_ref().unwrap_or(&judged.finding.message));
    match (outcome, told) {
        (Outcome::Failed, told) => {
            let place = stopped_in.map_or_else(|| "Stopped".to_owned(), |phase| format!("Stopped in {}", words(phase)));
            match told {
                Some(told) => format!("{place}: {told}."),
                None => format!("{place}: {}.", how_it_ended(gist)),
            }
        }
        (Outcome::Inconclusive, Some(told)) => format!("No verdict: {told}."),
        (Outcome::Degraded, Some(told)) => format!("{}, but {told}.", what_was_done(gist)),
        (Outcome::Open, _) => format!("{}; nobody had closed it when the capture ended.", what_was_done(gist)),
        _ => format!("{}, {}.", what_was_done(gist), how_it_ended(gist)),
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

fn what_was_done(gist: &Gist) -> String {
    let parts = ["TCP", "TLS", "MQTT"].into_iter().zip(gist.took);
    let known: Vec<String> = parts.filter_map(|(name, time)| Some(format!("{name} {}", short(time?)))).collect();
    let done = match gist.reached {
        Some(rung) if rung >= Rung::MqttConnected => "Connected",
        Some(rung) if rung >= Rung::TlsEstablished => "TLS established",
        Some(rung) if rung >= Rung::TcpEstablished => "TCP established",
        Some(_) => "SYN sent",
        None => "Seen from the middle",
    };
    let total: Duration = gist.took.into_iter().flatten().sum();
    let mut text = match known.len() {
        0 => done.to_owned(),
        _ => format!("{done} in {} ms ({})", short(total), known.join(", ")),
    };
    match gist.published {
        None | Some(0) => {}
        Some(1) => text.push_str(", published 1 message"),
        Some(count) => {
            let _ = write!(text, ", published {count} messages");
        }
    }
    text
}

fn how_it_ended(gist: &Gist) -> String {
    match &gist.closed {
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
