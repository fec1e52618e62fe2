//! Scenarios: what a `wire.toml` may say. Text goes in, a checked [`Scenario`] or one sentence with the line comes out.
//!
//! Unknown keys are refused, so that a misspelt fault cannot become a healthy recording. What is left out is a healthy
//! device, a healthy broker and a plain wire:
//!
//! ```
//! let text = r#"
//! title = "A ClientHello that is swallowed"
//! story = "A firewall lets small packets pass; the device gives up after ten seconds."
//! messages = ["tcp: syn", "tls: client_hello", "tcp: retransmission"]
//!
//! [[client]]
//! tls = ["1.3"]
//! groups = ["x25519mlkem768", "x25519"]
//! steps = ["connect", { publish = { topic = "a/b", size = 100, qos = 1 } }, "disconnect"]
//! patience_ms = 10000
//!
//! [wire]
//! delay_ms = 25
//!
//! [[wire.rule]]
//! if = { direction = "to-server", larger_than = 1400 }
//! do = "drop"
//!
//! [[expect]]
//! outcome = "failed"
//! stopped_in = "tls-hello"
//! cause = "large-client-hello-dropped"
//! "#;
//! let scenario = iotcap::lab::Scenario::from_toml(text, "swallowed")?;
//! let recording = iotcap::lab::run(&scenario)?;
//! assert!(recording.frames.len() > 6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod endpoint;
mod segment;
mod server;
mod wire;

pub use client::*;
pub use endpoint::*;
pub use segment::*;
pub use server::*;
pub use wire::*;

use serde::Deserialize;
use std::time::Duration;

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The scenario contradicts itself, or asks for what the lab does not have.
    #[error("{0}")]
    Scenario(String),
    /// A certificate could not be issued.
    #[error("cannot issue a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A key of the lab could not be read.
    #[error("cannot read a key of the lab: {0}")]
    Key(String),
    /// The TLS library refused its configuration.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The recording could not be written.
    #[error("cannot write the recording: {0}")]
    Write(#[from] std::io::Error),
}

/// Why the text of a scenario was refused: one sentence, with the line and what is wrong there.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name}, line {line}: {problem}")]
pub struct ScenarioError {
    /// The scenario or file.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

/// One story of a connection, or of several, between devices and a broker.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line for lists.
    pub title: String,
    /// What happens, for people.
    pub story: String,
    /// Seed of every random choice.
    #[serde(default = "one")]
    pub seed: u64,
    /// The virtual time after which the wire falls silent, in milliseconds.
    #[serde(default = "two_minutes")]
    pub until_ms: Millis,
    /// The devices; one, if none is named.
    #[serde(default = "one_client")]
    pub client: Vec<Client>,
    /// The broker.
    #[serde(default)]
    pub server: Server,
    /// What lies between them.
    #[serde(default)]
    pub wire: Wire,
    /// Where and how the wire is recorded.
    #[serde(default)]
    pub capture: Capture,
    /// Segments written by hand in place of the endpoints' TCP.
    #[serde(default)]
    pub segment: Vec<Segment>,
    /// Questions to a name server, and its answers.
    #[serde(default)]
    pub dns: Vec<Dns>,
    /// The verdict that must come out, by connection.
    #[serde(default)]
    pub expect: Vec<Expect>,
    /// Findings that must be there for the capture as a whole: they span connections, or there is none to have them.
    #[serde(default)]
    pub expect_groups: Vec<String>,
    /// What tshark must find in the recording, as `layer: message`.
    #[serde(default)]
    pub messages: Vec<String>,
}

impl Scenario {
    /// Reads a scenario; `name` is for the error.
    ///
    /// # Errors
    /// A sentence with the line, for anything that is not TOML or not a scenario.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, ScenarioError> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            ScenarioError {
                name: name.to_owned(),
                line: before.matches('\n').count() + 1,
                problem: error.message().trim().replace('\n', "; "),
            }
        })
    }
}

/// A duration in milliseconds, with decimals: 0 to 1e9 (11 days).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "f64")]
pub struct Millis(pub Duration);

impl TryFrom<f64> for Millis {
    type Error = String;

    fn try_from(millis: f64) -> Result<Self, String> {
        if (0.0..=1e9).contains(&millis) {
            Ok(Self(Duration::from_secs_f64(millis / 1000.0)))
        } else {
            Err(format!("{millis} milliseconds are not in 0 to 1e9"))
        }
    }
}

const fn millis(count: u64) -> Millis {
    Millis(Duration::from_millis(count))
}

/// A probability, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Chance(pub f64);

impl TryFrom<f64> for Chance {
    type Error = String;

    fn try_from(chance: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&chance) { Ok(Self(chance)) } else { Err(format!("{chance} is not in 0 to 1")) }
    }
}

/// A question to the name server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// When it is asked.
    pub at_ms: Millis,
    /// The name.
    pub name: String,
    /// What comes back; nothing, if not given.
    pub answer: Option<DnsAnswer>,
    /// How long the answer takes.
    #[serde(default = "thirty")]
    pub takes_ms: Millis,
}

/// The name server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsAnswer {
    /// The broker's address.
    Address,
    /// NXDOMAIN.
    Nxdomain,
    /// No record of the type.
    Empty,
}

/// The verdict on one connection, in the words of the catalogue, in the order of the connections' first frames. A cause that
/// is not named must not be there; what else is not named is not asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `ok`, `degraded`, `failed`, `open` or `inconclusive`.
    pub outcome: String,
    /// The phase.
    pub stopped_in: Option<String>,
    /// The finding that explains it.
    pub cause: Option<String>,
    /// Further findings that are right as well, because the bytes alone do not decide.
    #[serde(default)]
    pub cause_any: Vec<String>,
    /// `client`, `server` or `path`.
    pub closed_by: Option<String>,
    /// `fin`, `rst` or `alert`.
    pub how: Option<String>,
    /// `proven`, `likely` or `possible`.
    pub confidence: Option<String>,
    /// Findings that must be there besides.
    #[serde(default)]
    pub also: Vec<String>,
}

const fn one() -> u64 {
    1
}

const fn two_minutes() -> Millis {
    millis(120_000)
}

const fn thirty() -> Millis {
    millis(30)
}

fn one_client() -> Vec<Client> {
    vec![Client::default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = Scenario::from_toml("title = \"t\"\nstory = \"s\"\n[wire]\ndelay = 3\n", "x").unwrap_err();
        assert_eq!((error.line, error.name.as_str()), (4, "x"));
        assert!(error.problem.contains("`delay`"), "{}", error.problem);
    }

    #[test]
    fn an_unknown_step_is_refused_with_its_line() {
        let text = "title = \"t\"\nstory = \"s\"\n[[client]]\nsteps = [\n  \"connect\",\n  \"dance\",\n]\n";
        let error = Scenario::from_toml(text, "x").unwrap_err();
        assert_eq!(error.line, 6);
    }

    #[test]
    fn a_probability_above_one_is_refused() {
        let error = Scenario::from_toml("title = \"t\"\nstory = \"s\"\nwire = { loss = 1.5 }\n", "x").unwrap_err();
        assert_eq!((error.line, error.problem.as_str()), (3, "1.5 is not in 0 to 1"));
    }

    #[test]
    fn two_lines_are_a_scenario() {
        let scenario = Scenario::from_toml("title = \"t\"\nstory = \"s\"\n", "x").unwrap();
        assert_eq!((scenario.client.len(), scenario.server.port), (1, 8883));
    }
}
