//! The scenarios that the binary carries: `fixtures/<name>/wire.toml`, embedded, so that they are there on any machine.
//!
//! The table is held to the folder by a test.

use super::scenario::{Scenario, ScenarioError};

/// A scenario by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name of its folder among the fixtures: `healthy-…`, or the finding that it shows.
    pub name: &'static str,
    /// Its `wire.toml`.
    pub text: &'static str,
}

impl Entry {
    /// The scenario itself.
    ///
    /// # Errors
    /// Never for the ones that the tests have seen.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        Scenario::from_toml(self.text, self.name)
    }
}

/// All scenarios, by name.
pub const fn catalogue() -> &'static [Entry] {
    SCENARIOS
}

/// The scenario of that name.
pub fn find(name: &str) -> Option<&'static Entry> {
    SCENARIOS.iter().find(|entry| entry.name == name)
}

macro_rules! scenarios {
    ($($name:literal,)*) => {
        &[$(Entry { name: $name, text: include_str!(concat!("../../fixtures/", $name, "/wire.toml")) }),*]
    };
}

const SCENARIOS: &[Entry] = scenarios![
    "healthy-aes128-tls13",
    "healthy-aes256-tls13",
    "healthy-alpn-443-tls13",
    "healthy-between-vantage-tls13",
    "healthy-big-payload-tls12",
    "healthy-big-payload-tls13",
    "healthy-chacha20-tls13",
    "healthy-close-notify-only-tls13",
    "healthy-corruption-repaired-tls13",
    "healthy-duplicates-tls13",
    "healthy-ecdsa-aes128-tls12",
    "healthy-ecdsa-aes256-tls12",
    "healthy-ecdsa-chacha20-tls12",
    "healthy-fleet-tls13",
    "healthy-ipv6-tls13",
    "healthy-jitter-tls12",
    "healthy-jitter-tls13",
    "healthy-link-null",
    "healthy-link-raw",
    "healthy-link-sll",
    "healthy-link-vlan",
    "healthy-long-session-tls12",
    "healthy-long-session-tls13",
    "healthy-loss-repaired-tls12",
    "healthy-loss-repaired-tls13",
    "healthy-mqtt5-tls12",
    "healthy-mqtt5-tls13",
    "healthy-narrow-band-tls12",
    "healthy-no-client-certificate-tls12",
    "healthy-no-client-certificate-tls13",
    "healthy-offload-giants-tls13",
    "healthy-overlap-tls13",
    "healthy-plain-mqtt-1883",
    "healthy-post-quantum-hello",
    "healthy-qos0-tls12",
    "healthy-qos0-tls13",
    "healthy-qos2-tls12",
    "healthy-qos2-tls13",
    "healthy-resumption-tls12",
    "healthy-resumption-tls13",
    "healthy-rsa-aes128-tls12",
    "healthy-rsa-aes256-tls12",
    "healthy-rsa-chacha20-tls12",
    "healthy-sack-tls13",
    "healthy-server-vantage-tls12",
    "healthy-server-vantage-tls13",
    "healthy-tls12",
    "healthy-tls13",
];
