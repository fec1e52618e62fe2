//! What somebody allows a connection to take: times of its phases, by name.

use crate::spelling;
use crate::timeline::Timings;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A stretch of a connection that has a time: a phase, the first acknowledgment, or the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stretch {
    /// First SYN to the ACK of the SYN-ACK.
    TcpHandshake,
    /// ClientHello to ServerHello.
    TlsHello,
    /// ServerHello to the last Finished.
    TlsAuthentication,
    /// CONNECT to CONNACK.
    MqttConnect,
    /// CONNACK to the first sign of closing.
    MqttSession,
    /// The first PUBLISH that was acknowledged to its acknowledgment.
    FirstAck,
    /// First frame to last frame.
    Total,
}

impl Stretch {
    /// All of them, in the order of time.
    pub const ALL: [Self; 7] = [
        Self::TcpHandshake,
        Self::TlsHello,
        Self::TlsAuthentication,
        Self::MqttConnect,
        Self::MqttSession,
        Self::FirstAck,
        Self::Total,
    ];

    /// The contract's name of the phase.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TcpHandshake => "tcp-handshake",
            Self::TlsHello => "tls-hello",
            Self::TlsAuthentication => "tls-authentication",
            Self::MqttConnect => "mqtt-connect",
            Self::MqttSession => "mqtt-session",
            Self::FirstAck => "first-ack",
            Self::Total => "total",
        }
    }

    /// How long it took; none where it did not end or was not seen.
    #[must_use]
    pub const fn of(self, timings: &Timings) -> Option<Duration> {
        match self {
            Self::TcpHandshake => timings.tcp_handshake,
            Self::TlsHello => timings.tls_hello,
            Self::TlsAuthentication => timings.tls_authentication,
            Self::MqttConnect => timings.mqtt_connect,
            Self::MqttSession => timings.session,
            Self::FirstAck => timings.first_ack,
            Self::Total => timings.total,
        }
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Stretch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|stretch| stretch.name() == text);
        known.ok_or_else(|| spelling::unknown("phase", text, Self::ALL.map(Self::name)))
    }
}

/// The longest time of each phase that is still in order; empty where nobody set one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Budget(BTreeMap<Stretch, Duration>);

impl Budget {
    /// Allows a stretch so much and no more.
    pub fn allow(&mut self, stretch: Stretch, at_most: Duration) {
        self.0.insert(stretch, at_most);
    }

    /// What took longer than it may: the stretch, its time, and what is allowed; in the order of time.
    pub(super) fn exceeded<'a>(
        &'a self,
        timings: &'a Timings,
    ) -> impl Iterator<Item = (Stretch, Duration, Duration)> + 'a {
        self.0.iter().filter_map(|(&stretch, &at_most)| {
            let took = stretch.of(timings)?;
            (took > at_most).then_some((stretch, took, at_most))
        })
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.0).finish()
    }
}

/// In the configuration file: a table of seconds.
impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = <D::Error as serde::de::Error>::custom::<String>;
        let mut budget = Self::default();
        for (name, seconds) in BTreeMap::<String, f64>::deserialize(deserializer)? {
            let at_most = Duration::try_from_secs_f64(seconds);
            let at_most = at_most.map_err(|_| wrong(format!("{seconds} is no number of seconds")))?;
            budget.allow(name.parse().map_err(wrong)?, at_most);
        }
        Ok(budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_took_longer_is_told_in_the_order_of_time() {
        let timings = Timings {
            tls_authentication: Some(Duration::from_millis(501)),
            tcp_handshake: Some(Duration::from_millis(20)),
            mqtt_connect: Some(Duration::from_millis(80)),
            ..Timings::default()
        };
        let mut budget = Budget::default();
        budget.allow(Stretch::MqttConnect, Duration::from_millis(79));
        budget.allow(Stretch::TlsAuthentication, Duration::from_millis(500));
        budget.allow(Stretch::TcpHandshake, Duration::from_millis(20));
        budget.allow(Stretch::FirstAck, Duration::ZERO);
        let told: Vec<_> = budget.exceeded(&timings).map(|(stretch, ..)| stretch).collect();
        assert_eq!(told, [Stretch::TlsAuthentication, Stretch::MqttConnect]);
    }

    #[test]
    fn a_wrong_name_is_told_with_the_nearest() {
        let told = "tls-authentification".parse::<Stretch>().unwrap_err();
        assert_eq!(told, "no phase is called 'tls-authentification'; did you mean 'tls-authentication'?");
        assert!(Stretch::ALL.into_iter().all(|stretch| stretch.name().parse() == Ok(stretch)));
    }
}
