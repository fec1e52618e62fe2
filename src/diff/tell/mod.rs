//! What differs, told: one file a format. In comes the difference, out goes text for people and programs; the first thing it
//! says is what matters.

mod github;
mod html;
mod json;
mod junit;
mod markdown;
mod text;

pub use github::github;
pub use html::html;
pub use json::{json, json_lines};
pub use junit::junit;
pub use markdown::markdown;
pub use text::text;

use super::Side;
use crate::report::model::Outcome;
use crate::report::units;

/// Connections that only one capture has and that are named.
const NAMED: usize = 20;

/// How many connections of a capture came to what: `3 connections, 1 ok, 2 failed`.
fn counts(side: &Side) -> String {
    let outcomes = Outcome::ALL.iter().filter(|outcome| side.summary.outcome(**outcome) > 0);
    let outcomes = outcomes.map(|outcome| format!(", {} {outcome}", units::count(side.summary.outcome(*outcome))));
    std::iter::once(units::counted(side.summary.connections, "connection")).chain(outcomes).collect()
}
