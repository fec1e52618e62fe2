//! What several rules ask of a connection, and how they print numbers.

use super::Case;
use crate::connection::{Ending, PortKind};
use crate::event::By;
use crate::net::Side;
use crate::stream::Moment;
use crate::tcp;
use crate::timeline::{Phase, PhaseOutcome, Rung};
use std::time::Duration;

/// A session that a server ends sooner, after a handshake that the capture lacks, may have been the end of that handshake.
const SHORTEST_SESSION: Duration = Duration::from_secs(1);

impl Case<'_> {
    /// What TCP shows of one side.
    pub(super) fn side(&self, side: Side) -> &tcp::SideFacts {
        self.record.tcp.side(side)
    }

    /// The phase in which a connection stops that nobody lets go on.
    pub(super) fn phase(&self) -> Phase {
        if self.record.timeline.reached >= Some(Rung::MqttConnected) {
            return Phase::MqttSession;
        }
        match self.record.timeline.first_incomplete() {
            Some(Phase::TlsHello) if self.record.expected == PortKind::PlainMqtt => Phase::MqttConnect,
            Some(phase) => phase,
            None => Phase::MqttSession,
        }
    }

    /// The phase that the connection was in at that time: later frames may still have come.
    pub(super) fn phase_at(&self, at: Moment) -> Phase {
        let timeline = &self.record.timeline;
        let not_over = |phase: &Phase| timeline.phase(*phase).ended.is_some_and(|ended| ended >= at);
        let phases = Phase::ALL.into_iter().filter(|phase| *phase != Phase::Close);
        phases.into_iter().find(not_over).unwrap_or_else(|| self.phase())
    }

    /// Whether a session of MQTT was seen at work: not what merely looks like one where the handshake could not be read.
    pub(super) fn session_was_seen(&self) -> bool {
        let timeline = &self.record.timeline;
        if timeline.reached < Some(Rung::MqttConnected) {
            return false;
        }
        if timeline.phase(Phase::TlsAuthentication).outcome == PhaseOutcome::Completed || self.record.tls.is_none() {
            return true;
        }
        let connect = timeline.phase(Phase::MqttConnect);
        let client_spoke_first = connect.started.zip(connect.ended).is_some_and(|(sent, answered)| sent <= answered);
        let refused = timeline.closed.is_some_and(|closed| closed.by != By::Client)
            && timeline.timings.session.is_none_or(|session| session < SHORTEST_SESSION);
        client_spoke_first && !refused
    }

    /// The handshake's round trip; zero where it is not known.
    pub(super) fn round_trip(&self) -> Duration {
        let handshake = self.record.tcp.handshake;
        handshake.round_trip().or(handshake.to_server).or(handshake.to_client).unwrap_or_default()
    }

    /// How soon something follows "at once" on this path.
    pub(super) fn at_once(&self) -> Duration {
        self.thresholds.at_once + self.round_trip() * 2
    }

    /// The reset of the side that closed the connection, where a reset was the first sign of closing.
    pub(super) fn closing_reset(&self) -> Option<(Side, tcp::Reset)> {
        let closed = self.record.timeline.closed?;
        let resets = Side::BOTH.into_iter().filter_map(|side| Some((side, self.side(side).reset?)));
        resets.into_iter().find(|(_, reset)| reset.closes() && reset.at == closed.at)
    }

    /// Whether a side ended the connection in good manners: DISCONNECT or close_notify, read or inferred.
    pub(super) fn said_goodbye(&self, side: Side) -> bool {
        let disconnect = self.record.mqtt.as_ref().and_then(|mqtt| mqtt.disconnect[side]);
        let tls = self.record.tls.as_deref();
        let close_notify = tls.and_then(|tls| tls.close_notify[side]);
        let alert = tls.is_some_and(|tls| tls.alerts.iter().any(|alert| alert.by == side));
        disconnect.is_some() || close_notify.is_some() || alert
    }

    /// The last that was seen of it, at the time until which it was watched and nothing more came.
    pub(super) fn watched_until(&self) -> Moment {
        Moment { at: self.record.until, ..self.record.last }
    }

    /// That the capture ended, if that is why no more is known.
    pub(super) fn capture_ended(&self) -> Option<&'static str> {
        (self.record.ending == Ending::CaptureEnded).then_some("the capture ended")
    }

    /// How long frames of this connection were captured after that one.
    pub(super) fn watched_since(&self, since: Moment) -> Duration {
        self.record.last.at.since(since.at)
    }
}

/// A time for people: `0.8 ms`, `21 ms`, `4.0 s`, `350 s`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..0.01 => format!("{:.1} ms", seconds * 1000.0),
        ..1.0 => format!("{:.0} ms", seconds * 1000.0),
        ..100.0 => format!("{seconds:.1} s"),
        _ => format!("{seconds:.0} s"),
    }
}

/// A number of things: `1 byte`, `6,992 bytes`.
pub(super) fn count(number: u64, thing: &str) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + 8);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let plural = if number == 1 { "" } else { "s" };
    format!("{text} {thing}{plural}")
}

/// Whether a time looks like somebody's timer: a whole number of seconds, as far as a round trip allows.
pub(super) fn is_round(time: Duration) -> bool {
    let seconds = time.as_secs_f64();
    seconds > 0.9 && (seconds - seconds.round()).abs() < 0.06
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(span(Duration::from_micros(800)), "0.8 ms");
        assert_eq!(span(Duration::from_millis(21)), "21 ms");
        assert_eq!(span(Duration::from_millis(4021)), "4.0 s");
        assert_eq!(span(Duration::from_secs(350)), "350 s");
        assert_eq!((count(1, "byte"), count(6992, "byte")), ("1 byte".to_owned(), "6,992 bytes".to_owned()));
    }

    #[test]
    fn timers_are_round() {
        assert!(is_round(Duration::from_millis(4021)) && is_round(Duration::from_secs(10)));
        assert!(!is_round(Duration::from_millis(340)) && !is_round(Duration::from_millis(2500)));
    }
}
