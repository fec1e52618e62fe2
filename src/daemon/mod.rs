//! `iotcap daemon`: watches a gateway for months. In come frames of live interfaces, out go metrics, a page and an API, log
//! lines, and evidence files of the connections that failed.
//!
//! ```text
//! capture threads ──News──▶ analysis thread ──Finished──▶ teller thread ──▶ log, recent connections, events
//!                           (Engine, sans-I/O)                        ├──▶ evidence thread ──▶ files
//!                                                                      └──▶ otlp thread ──▶ collector
//!                                                     main thread: tokio, HTTP, signals, systemd
//! ```
//!
//! Every arrow is a bounded channel. Frames wait for the analysis in the kernel and nothing else does: whatever is slower than
//! the analysis is passed over and counted, never waited for.

mod config;

#[cfg(all(feature = "live", unix))]
mod clock;
#[cfg(all(feature = "live", unix))]
mod collector;
#[cfg(all(feature = "live", unix))]
mod engine;
#[cfg(all(feature = "live", unix))]
mod evidence;
#[cfg(all(feature = "live", unix))]
mod gathered;
#[cfg(all(feature = "live", unix))]
mod health;
#[cfg(all(feature = "live", unix))]
mod http;
#[cfg(all(feature = "live", unix))]
mod log;
#[cfg(all(feature = "live", unix))]
mod metrics;
#[cfg(all(feature = "live", unix))]
mod notify;
#[cfg(all(feature = "live", unix))]
mod recent;
#[cfg(all(feature = "live", unix))]
mod service;
#[cfg(all(feature = "live", unix))]
mod teller;
#[cfg(all(feature = "live", unix))]
mod watch;

pub use config::{
    DaemonConfig, EvidenceConfig, HttpConfig, Listen, LogConfig, LogFormat, LogLevel, OtlpConfig, TableConfig,
};
#[cfg(all(feature = "live", unix))]
pub use service::{Given, run};
