//! Segments written by hand, for what an honest TCP would never send.

use super::{Direction, Millis};
use serde::Deserialize;

/// A segment written by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// When it is sent.
    pub at_ms: Millis,
    /// Who sends it.
    pub from: Sender,
    /// Letters of S, A, F, R, P; `A` if not given.
    #[serde(default = "ack_flag")]
    pub flags: String,
    /// Added to the next sequence number.
    #[serde(default)]
    pub seq: i64,
    /// Added to the acknowledgement number: all that the peer has sent so far.
    #[serde(default)]
    pub ack: i64,
    /// The window field.
    #[serde(default = "full_window")]
    pub window: u16,
    /// Blocks of selective acknowledgement, relative to the acknowledgement number.
    #[serde(default)]
    pub sack: Vec<[i64; 2]>,
    /// What it carries.
    pub data: Option<Data>,
    /// The TTL, if not the endpoint's.
    pub hop_limit: Option<u8>,
    /// Starts with a new client port (`port`) or with new sequence numbers on the old one (`isn`).
    pub renew: Option<Renewal>,
}

/// Who sends a segment written by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// The device.
    Client,
    /// The broker.
    Server,
}

impl Sender {
    /// The way that its segments travel.
    #[must_use]
    pub const fn direction(self) -> Direction {
        match self {
            Self::Client => Direction::ToServer,
            Self::Server => Direction::ToClient,
        }
    }
}

/// A fresh start among segments written by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Renewal {
    /// Another client port.
    Port,
    /// The same ports, other initial sequence numbers.
    Isn,
}

/// What a segment written by hand carries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Data {
    /// Text.
    Text(String),
    /// Hexadecimal bytes.
    Hex(String),
    /// A flight of the conversation that the endpoints would have had, from 0, client and server in turns.
    Flight(usize),
    /// Bytes of such a flight: which, from, to.
    Part([usize; 3]),
}

const fn full_window() -> u16 {
    64_240
}

fn ack_flag() -> String {
    "A".to_owned()
}
