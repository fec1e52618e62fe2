//! Which connections an expectation is about.

use crate::broker::filter;
use crate::report::model::Connection;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A name in which `*` stands for any text and `?` for one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(String);

impl Glob {
    fn matches(&self, text: &str) -> bool {
        let (pattern, text): (Vec<char>, Vec<char>) = (self.0.chars().collect(), text.chars().collect());
        let (mut p, mut t) = (0, 0);
        // The last star, and the text that it stands for so far.
        let mut star = None;
        while t < text.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p + 1, t));
                    p += 1;
                }
                Some(&wanted) if wanted == '?' || text.get(t) == Some(&wanted) => (p, t) = (p + 1, t + 1),
                _ => {
                    let Some((after, stands_until)) = star else { return false };
                    star = Some((after, stands_until + 1));
                    (p, t) = (after, stands_until + 1);
                }
            }
        }
        pattern.get(p..).is_some_and(|rest| rest.iter().all(|character| *character == '*'))
    }

    /// The same for host names, in which case does not matter (RFC 4343).
    fn matches_host(&self, name: &str) -> bool {
        Self(self.0.to_lowercase()).matches(&name.to_lowercase())
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("it is empty; * stands for any".to_owned()) } else { Ok(Self(text.to_owned())) }
    }
}

/// An address, or all that begin with the same bits (RFC 4632, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    /// Bits that count, from the left.
    prefix: u32,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let differing = match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => (u32::from(one) ^ u32::from(other)).leading_zeros(),
            (IpAddr::V6(one), IpAddr::V6(other)) => (u128::from(one) ^ u128::from(other)).leading_zeros(),
            _ => return false,
        };
        differing >= self.prefix
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no address and no network; write 192.0.2.7 or 192.0.2.0/24");
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(all), |bits| bits.parse().map_err(|_| wrong()))?;
        if prefix <= all { Ok(Self { address, prefix }) } else { Err(wrong()) }
    }
}

/// A topic filter of MQTT: `+` is one level, `#` all that follow (MQTT 3.1.1, 4.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicFilter(String);

impl FromStr for TopicFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if filter::is_topic_filter(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("'{text}' is no topic filter; + is one level, # all that follow"))
        }
    }
}

/// What a connection must have, to be meant; nothing means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) server_name: Option<Glob>,
    pub(super) client: Option<Network>,
    pub(super) client_id: Option<Glob>,
    pub(super) topic: Option<TopicFilter>,
    pub(super) port: Option<u16>,
}

impl Selection {
    /// Whether this connection is meant. What is not known of it matches nothing.
    pub(super) fn takes(&self, connection: &Connection) -> bool {
        let server = &connection.server;
        let mqtt = connection.mqtt.as_ref();
        let is = |wanted: Option<bool>| wanted.unwrap_or(true);
        let name = server.name.as_deref().unwrap_or(&server.address);
        is(self.server_name.as_ref().map(|glob| glob.matches_host(name)))
            && is(self.port.map(|port| port == server.port))
            && is(self
                .client
                .map(|network| connection.client.address.parse().is_ok_and(|address| network.contains(address))))
            && is(self.client_id.as_ref().map(|glob| {
                mqtt.and_then(|mqtt| mqtt.client_id.as_ref()).is_some_and(|client_id| glob.matches(client_id))
            }))
            && is(self.topic.as_ref().map(|wanted| {
                mqtt.is_some_and(|mqtt| mqtt.topics.iter().any(|topic| filter::matches(&wanted.0, &topic.name)))
            }))
    }

    /// Whether it asks for what only MQTT in clear or decrypted can tell.
    pub(super) const fn needs_mqtt(&self) -> bool {
        self.client_id.is_some() || self.topic.is_some()
    }
}

/// `to *.example, port 8883`; for no selection `all connections`.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = [
            self.server_name.as_ref().map(|glob| format!("to {}", glob.0)),
            self.client.map(|Network { address, prefix }| match (address, prefix) {
                (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128) => format!("from {address}"),
                _ => format!("from {address}/{prefix}"),
            }),
            self.client_id.as_ref().map(|glob| format!("client id {}", glob.0)),
            self.topic.as_ref().map(|wanted| format!("topic {}", wanted.0)),
            self.port.map(|port| format!("port {port}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if parts.is_empty() { f.write_str("all connections") } else { f.write_str(&parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        let matches = |glob: &str, text: &str| glob.parse::<Glob>().unwrap().matches(text);
        assert!(matches("*", "") && matches("*.example", "a.b.example") && matches("a*b*c", "aXbYbc"));
        assert!(matches("sensor-??", "sensor-17") && matches("温*", "温度"));
        assert!(!matches("*.example", "example") && !matches("sensor-?", "sensor-17") && !matches("a", "ab"));
        assert!("A*.Example".parse::<Glob>().unwrap().matches_host("a1.EXAMPLE"));
        assert!("".parse::<Glob>().is_err());
    }

    #[test]
    fn a_star_takes_no_longer_on_a_hostile_name() {
        let glob: Glob = "*a*a*a*a*a*a*a*a*b".parse().unwrap();
        assert!(!glob.matches(&"a".repeat(5_000)));
    }

    #[test]
    fn a_network_is_an_address_and_its_bits() {
        let contains =
            |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(contains("192.0.2.0/24", "192.0.2.255") && !contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("192.0.2.7", "192.0.2.7") && !contains("192.0.2.7", "192.0.2.6"));
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1") && !contains("2001:db8::/32", "2001:db9::1"));
        for wrong in ["192.0.2.0/33", "192.0.2/24", "broker", "192.0.2.0/-1", "2001:db8::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
