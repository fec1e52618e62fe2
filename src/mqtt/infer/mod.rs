//! What encrypted records of MQTT must be, without keys: by their lengths, their order and their time.

use super::Sink;
use super::facts::Facts;
use crate::net::Side;
use crate::stream::Moment;
use std::fmt;

/// How many bytes of plaintext an encrypted record holds: exactly so many with AEAD suites, else a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaintextLen {
    /// At least so many bytes.
    pub min: u32,
    /// At most so many bytes.
    pub max: u32,
}

/// x
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// x
    Connect,
}
impl Reading {
    pub(super) const fn event_name(self) -> &'static str {
        "connect"
    }
}
/// x
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inference {
    /// x
    pub reading: Reading,
}
impl fmt::Display for Inference {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
#[derive(Debug, Default)]
pub(super) struct Inferrer;
impl Inferrer {
    pub(super) fn handle_record(&mut self, _: Side, _: Moment, _: PlaintextLen, _: &mut Facts, _: &mut impl Sink) {}
    pub(super) fn handle_gap(&mut self) {}
    pub(super) fn handle_close(&mut self, _: Side, _: Moment, _: &mut Facts, _: &mut impl Sink) {}
    pub(super) fn finish(&mut self, _: &mut Facts, _: &mut impl Sink) {}
}
