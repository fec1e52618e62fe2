//! What somebody expects of a capture: in comes a file of expectations (TOML, docs/ci.md) and then each connection with its
//! verdict, out goes what of it came true, with the proof of what did not.
//!
//! Connections are judged one by one, with bounded memory. Nothing here diagnoses: an expectation is held against the report.

mod file;
mod judge;
mod select;

pub use file::{ExpectError, Expectations};
pub use judge::Judge;
