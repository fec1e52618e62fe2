//! The lab: two endpoints on a virtual wire with a virtual clock, recorded as if a capture had stood beside it.
//!
//! A [`Scenario`] goes in, a [`Recording`] comes out: smoltcp's TCP, rustls and MQTT on top, delays, losses and faults as
//! the scenario says, and the TLS secrets beside the frames. The same scenario gives the same bytes on every machine. It
//! opens no socket, asks no clock and needs no rights.
//!
//! ```text
//! client.rs ─ tls.rs ─ host.rs ─┐                      ┌─ host.rs ─ tls.rs ─ server.rs
//!                               ├─ wire.rs (middlebox) ─┤
//! scripted.rs (by hand) ────────┘          │            └──────── scripted.rs
//!                                     recording.rs ─▶ pcapng
//! ```

mod catalogue;
mod certificates;
mod client;
mod crypto;
mod host;
mod middlebox;
mod mqtt;
mod multiply;
mod packet;
mod peer;
mod random;
mod recording;
pub mod scenario;
mod scripted;
mod server;
mod simulation;
mod tls;
mod varying;
mod verifiers;
mod wire;

pub use catalogue::{Entry, catalogue, find};
pub use multiply::{Multiplied, multiply};
pub use recording::{RecordedFrame, Recording, run};
pub use scenario::{LabError, Scenario, ScenarioError};
