//! Reports: in come finished connections, out go text, JSON and a page, for people and programs.
//!
//! [`model`] is the contract; a [`Format`] renders it while connections are still coming, so that memory does not grow with
//! the capture. Nothing here judges: what a report says was decided before.

pub mod build;
mod escape;
mod format;
pub mod html;
mod json;
pub mod model;
mod spool;
mod text;
pub mod units;

pub use escape::escape;
pub use format::Format;
pub use html::Html;
pub use json::{Json, JsonLines, schema};
pub use text::{Glyphs, Pace, Teach, Text, TextOptions};
