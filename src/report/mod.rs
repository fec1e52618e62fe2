//! Reports: in come finished connections, out go text, JSON and a page, for people and programs.
//!
//! [`model`] is the contract; a [`Format`] renders it while connections are still coming, so that memory does not grow with
//! the capture. Nothing here judges: what a report says was decided before.

pub mod build;
mod escape;
mod format;
mod github;
pub mod html;
pub mod json;
pub(crate) mod junit;
mod losses;
mod markdown;
pub mod model;
pub(crate) mod phrases;
mod spool;
pub mod teach;
mod text;
pub mod units;
mod worst;

pub(crate) use worst::badness;

pub use escape::escape;
pub use format::Format;
pub use github::Github;
pub(crate) use github::workflow_command;
pub use html::Html;
pub use json::{Json, JsonLines, schema};
pub use junit::{Degraded, Junit};
pub use markdown::Markdown;
pub(crate) use markdown::mark;
pub use text::{Glyphs, Pace, Text, TextOptions};
pub(crate) use text::{Line, Page};
