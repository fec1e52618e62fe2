//! OpenTelemetry: finished connections and their findings come in, traces and log records leave for a collector, as OTLP over
//! HTTP in protobuf (OpenTelemetry Protocol 1.x). [`Otlp`] is one more [`Format`](crate::report::Format), which writes messages
//! of bytes; [`Feed`] is what it writes to: a bounded queue in front of a thread.
//!
//! Times are the capture's own. Nothing here holds up a capture: what a collector does not take is dropped and counted.

mod attributes;
mod client;
mod delivery;
mod feed;
mod format;
mod logs;
mod message;
mod queue;
mod settings;
mod spans;

pub use feed::{Feed, Voice};
pub use format::Otlp;
pub use queue::{Counts, Patience};
#[cfg(unix)]
pub use settings::reach;
pub use settings::{Settings, Who};
