//! What is said of more than one connection: expectations and what came of them, findings that span connections.

use super::page::{mark, prose};
use crate::report::model::{Expectation, Group, Mismatch, Outcome};
use crate::report::{escape, phrases, units};
use maud::{Markup, html};

pub(super) fn expectations(expectations: &[Expectation]) -> Markup {
    html! {
        @if !expectations.is_empty() {
            section.expectations aria-labelledby="expectations" {
                h2 #expectations { "Expectations" }
                ul { @for expectation in expectations { (self::expectation(expectation)) } }
            }
        }
    }
}

fn expectation(expectation: &Expectation) -> Markup {
    let (outcome, word) = if expectation.met { (Outcome::Ok, "met") } else { (Outcome::Failed, "not met") };
    html! {
        li {
            p {
                span class={ "outcome " (outcome.name()) } { (mark(outcome)) " " (word) } " "
                strong { (escape(&expectation.name)) } ": " (escape(&expectation.expected))
                span.dim { " (" (units::counted(expectation.connections, "connection")) ")" }
            }
            @if !expectation.mismatches.is_empty() {
                ul {
                    @for mismatch in &expectation.mismatches { (self::mismatch(mismatch)) }
                    @if expectation.more_mismatches > 0 { li { "and " (units::count(expectation.more_mismatches)) " more" } }
                }
            }
        }
    }
}

fn mismatch(mismatch: &Mismatch) -> Markup {
    html! {
        li {
            (escape(&phrases::mismatch(mismatch)))
            @if let Some(id) = &mismatch.connection { " " a href={ "#connection-" (id) } { "connection " (id) } }
        }
    }
}

pub(super) fn groups(groups: &[Group]) -> Markup {
    html! {
        @if !groups.is_empty() {
            section.groups aria-labelledby="groups" {
                h2 #groups { "Across connections" }
                @for group in groups.iter().take(MOST_GROUPS) { (self::group(group)) }
                @if let Some(folded @ [_, ..]) = groups.get(MOST_GROUPS..) {
                    details {
                        summary { (units::counted(folded.len() as u64, "more finding")) " across connections" }
                        @for group in folded { (self::group(group)) }
                    }
                }
            }
        }
    }
}

fn group(group: &Group) -> Markup {
    html! {
        article class={ "finding " (group.severity.name()) } {
            h3 { (escape(&group.message)) }
            p.dim {
                (escape(&group.id)) " " span.code { (escape(&group.code)) } " · " (group.confidence.name())
                @if let Some(server) = &group.server {
                    " · " (escape(&phrases::server(server)))
                }
            }
            @if !group.evidence.is_empty() { ul { @for item in &group.evidence { li { (escape(item)) } } } }
            @for item in &group.remedy { p.remedy { (prose(item)) } }
            @if !group.connections.is_empty() {
                p.members {
                    "connections "
                    @for id in group.connections.iter().take(MOST_MEMBERS) { a href={ "#connection-" (id) } { (id) } " " }
                    @if group.connections.len() > MOST_MEMBERS {
                        "and " (units::count((group.connections.len() - MOST_MEMBERS) as u64)) " more"
                    }
                }
            }
        }
    }
}

/// The most groups that stand open before the table: whoever has more looks for connections first.
const MOST_GROUPS: usize = 3;
/// The most connections of a group that are named.
const MOST_MEMBERS: usize = 40;
