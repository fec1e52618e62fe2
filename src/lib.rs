//! iotcap: tells where an MQTT connection over TLS stopped, who ended it, and why, from its packets.
//!
//! The modules, in the order that a frame passes them. Imports go down this list only; `tests/architecture.rs` holds it.
//!
//! ```text
//! source ──Frame──▶ decode ──Segment──▶ flow ──▶ connection ──Event──▶ timeline ──▶ diagnosis ──Finding──▶ report
//! ```

// The words: what all stages talk about.
mod bytes;
pub mod evidence;
pub mod frame;
pub mod net;
mod pack;
pub mod segment;
pub mod spelling;
pub mod stream;
pub mod time;

// The core: no input or output, no clock, no threads.
pub mod decode;
pub mod mqtt;
pub mod tcp;
pub mod tls;

pub mod event;
pub mod names;
pub mod timeline;

pub mod analyzer;
pub mod connection;
pub mod flow;

// The core on several threads.
pub mod pipeline;

// What it means, and how it is told.
pub mod diagnosis;
pub mod pcapng;
pub mod report;

// The edges: files, interfaces, people.
pub mod analyze;
#[cfg(feature = "parquet")]
pub mod archive;
pub mod broker;
pub mod cli;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod diff;
pub mod expect;
#[cfg(all(feature = "live", unix))]
pub mod interfaces;
pub mod lab;
#[cfg(all(feature = "live", unix))]
pub mod live;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod pki;
mod private;
#[cfg(unix)]
pub mod privileges;
pub mod progress;
pub mod publisher;
pub mod redact;
#[cfg(all(feature = "live", unix))]
pub mod run;
pub mod saving;
pub mod shares;
pub mod source;
