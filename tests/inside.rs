//! What is inside of TLS, against tshark with the same keys; and what is inferred without keys, against what it was.
//!
//! Runs over all recorded fixtures and all scenarios of the lab, and over Wireshark's and Zeek's own captures where
//! IOTCAP_CORPUS names their folder. `UPDATE_EXPECT=1` writes the table in docs/inference.md anew.

#[path = "inside/against_tshark.rs"]
mod against_tshark;
#[path = "inside/analysis.rs"]
mod analysis;
mod captures;
#[path = "inside/inference.rs"]
mod inference;
#[path = "inside/mutated.rs"]
mod mutated;
#[path = "support/random.rs"]
mod random;
#[path = "inside/secrets.rs"]
mod secrets;

use analysis::Ports;
use std::path::Path;

/// The ports of the brokers in the fixtures.
const PORTS: Ports = Ports::Named(&[8883, 443]);

/// The secrets of a fixture, where the client gave any.
pub(crate) fn keys_of(folder: &Path) -> Option<Vec<u8>> {
    let text = std::fs::read(folder.join("capture.keys")).ok()?;
    text.split(|byte| *byte == b'\n').any(|line| !line.is_empty() && line[0] != b'#').then_some(text)
}
