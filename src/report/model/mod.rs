//! The report `iotcap.report/1`: the contract's types, and nothing that decides.
//!
//! In come facts and findings from the diagnosis, out go values that every format renders and that JSON carries as they are.
//! Unknown values are `None` and become null, never 0. Fields may be added; none may go or change its meaning.

mod connection;
mod expectation;
mod layers;
mod scalar;
mod story;
mod whole;

pub use connection::{
    Client, Closed, ClosedHow, Connection, DisplayFilter, Outcome, Phase, PhaseName, PhaseOutcome, Rung, Server,
    Timings, Vantage,
};
pub use expectation::{Expectation, Mismatch};
pub use layers::{AckTimes, Certificate, ClientCertificate, Mqtt, MqttSource, RoundTrips, Tcp, Tls, TlsAlert, Topic};
pub use scalar::{Actor, Confidence, FrameList, FrameRef, Millis, PerSide, Time, TraceId};
pub use story::{Event, Finding, Layer, Severity};
pub use whole::{Capture, CaptureKind, Damage, Dropped, Glance, Group, Report, SchemaId, Summary};
