//! MQTT above TLS or TCP: not read yet.

use crate::evidence::{Basis, Seen};
use crate::net::{PerSide, Side};
use crate::stream::Moment;
use std::fmt;

/// Where a [`Tracker`] puts what it finds.
pub trait Sink {
    /// A control packet, read or inferred.
    fn event(&mut self, seen: Seen, event: Event);
}

/// What bounds a connection's MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {}

/// The plaintext length of a record, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaintextLen {
    /// At least.
    pub min: u32,
    /// At most.
    pub max: u32,
}

/// Something that MQTT shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {}

impl Event {
    /// The contract's word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match *self {}
    }
}

impl fmt::Display for Event {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// Something that happened, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Moment,
    /// Read or inferred.
    pub basis: Basis,
}

/// What is known of a connection's MQTT.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The first packet of the client.
    pub connect_at: Option<Moment>,
    /// The first packet of the server.
    pub connack_at: Option<Moment>,
    /// The client's first packet after that.
    pub first_after_connack: Option<Moment>,
    /// The first request that was acknowledged, and its acknowledgment.
    pub first_ack: Option<(Moment, Moment)>,
    /// DISCONNECT of each side.
    pub disconnect: PerSide<Option<Mark>>,
}

impl Facts {
    /// PUBLISH packets of one side.
    #[must_use]
    pub const fn published(&self, _side: Side) -> Option<u64> {
        None
    }
}

/// Watches the MQTT of one connection.
#[derive(Debug, Default)]
pub struct Tracker {
    facts: Facts,
}

impl Tracker {
    /// A tracker that has seen nothing.
    #[must_use]
    pub fn new(_limits: Limits) -> Self {
        Self::default()
    }

    /// Takes plaintext.
    pub fn handle_plaintext(&mut self, _side: Side, _at: Moment, _bytes: &[u8], _sink: &mut impl Sink) {}

    /// Takes the length of a sealed record.
    pub fn handle_sealed(&mut self, _side: Side, _at: Moment, _len: PlaintextLen, _sink: &mut impl Sink) {}

    /// Bytes are missing.
    pub fn handle_gap(&mut self, _side: Side) {}

    /// A side has closed.
    pub fn handle_close(&mut self, _side: Side, _at: Moment, _sink: &mut impl Sink) {}

    /// Settles what waited.
    pub fn finish(&mut self, _at: Moment, _sink: &mut impl Sink) {}

    /// What is known so far.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What is known at the end.
    #[must_use]
    pub fn into_facts(self) -> Facts {
        self.facts
    }
}
