//! Where "slow", "lossy" and "soon" begin. Each can be set in the configuration file, times in seconds.

use super::Budget;
use serde::Deserialize;
use std::time::Duration;

/// The thresholds of the findings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// A handshake round trip above this is `slow-network`. A geostationary satellite takes 600 ms; a good LTE cell 50 ms.
    #[serde(deserialize_with = "seconds")]
    pub slow_round_trip: Duration,
    /// A client that takes longer than this from the server's flight to its own is `slow-client`. A Cortex-M without
    /// hardware support takes some seconds for RSA-2048.
    #[serde(deserialize_with = "seconds")]
    pub slow_client: Duration,
    /// A server that takes longer than this beyond the round trip to answer in the handshake is `slow-server`.
    #[serde(deserialize_with = "seconds")]
    pub slow_server: Duration,
    /// A CONNACK that takes longer than this beyond the round trip is `slow-connack`.
    #[serde(deserialize_with = "seconds")]
    pub slow_connack: Duration,
    /// A DNS answer that takes longer than this is `slow-name`.
    #[serde(deserialize_with = "seconds")]
    pub slow_name: Duration,
    /// A share of segments sent again above this, in percent of those with data, is `packet-loss`.
    pub loss_percent: u32,
    /// And at least so many of them: one lost segment of five is no loss rate.
    pub loss_segments: u32,
    /// A window that stays closed for longer than this is `zero-window-stall`.
    #[serde(deserialize_with = "seconds")]
    pub zero_window: Duration,
    /// A server certificate that ends sooner than this is `server-certificate-expires-soon`.
    #[serde(deserialize_with = "seconds")]
    pub certificate_expires_soon: Duration,
    /// A QoS 1 or 2 PUBLISH without its acknowledgment after this is `puback-missing`.
    #[serde(deserialize_with = "seconds")]
    pub acknowledgment: Duration,
    /// A request without any record of the server after this is `server-silent`.
    #[serde(deserialize_with = "seconds")]
    pub server_silent: Duration,
    /// A connection that is opened and closed within this, beyond two round trips, is closed at once: a probe, or a server
    /// that takes nobody.
    #[serde(deserialize_with = "seconds")]
    pub at_once: Duration,
    /// Bytes that are still missing so long after later ones came were sent again several times since, in vain.
    #[serde(deserialize_with = "seconds")]
    pub unfilled_hole: Duration,
    /// So many times must the same bytes be sent again without an answer before a path is dead; a burst of loss takes
    /// two or three.
    pub unanswered_resends: u32,
    /// Silence before a reset or a death above this may have been an idle timer on the path.
    #[serde(deserialize_with = "seconds")]
    pub idle: Duration,
    /// So many connection attempts of one client within [`Self::storm_window`] are a `reconnect-storm`.
    pub storm_attempts: u32,
    /// The window for [`Self::storm_attempts`].
    #[serde(deserialize_with = "seconds")]
    pub storm_window: Duration,
    /// Refused CONNECTs from one source within two seconds, from this on, are `throttled`.
    pub throttled_connects: u32,
    /// A session taken over ends within this of the other one's CONNECT.
    #[serde(deserialize_with = "seconds")]
    pub takeover: Duration,
    /// A SYN without an answer for so long makes the connection stuck.
    #[serde(deserialize_with = "seconds")]
    pub stuck: Duration,
    /// A phase that takes longer than this is `budget-exceeded`; for example { tls-authentication = 0.5, total = 3 }.
    pub budget: Budget,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            slow_round_trip: Duration::from_millis(500),
            slow_client: Duration::from_secs(2),
            slow_server: Duration::from_secs(1),
            slow_connack: Duration::from_secs(2),
            slow_name: Duration::from_secs(1),
            loss_percent: 5,
            loss_segments: 3,
            zero_window: Duration::from_secs(2),
            certificate_expires_soon: Duration::from_hours(14 * 24),
            acknowledgment: Duration::from_secs(10),
            server_silent: Duration::from_secs(5),
            at_once: Duration::from_secs(1),
            unfilled_hole: Duration::from_secs(2),
            unanswered_resends: 3,
            idle: Duration::from_secs(2),
            storm_attempts: 8,
            storm_window: Duration::from_secs(10),
            throttled_connects: 10,
            takeover: Duration::from_secs(1),
            stuck: Duration::from_secs(7),
            budget: Budget::default(),
        }
    }
}

/// Seconds with their decimals, not below 0.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| serde::de::Error::custom(format!("{seconds} is no number of seconds")))
}
