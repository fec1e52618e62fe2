//! `html`: one page, which needs nothing else and runs nothing: a table for each pair.

use super::{NAMED, counts};
use crate::diff::{Brief, Diff, Difference, Pair, Side};
use crate::report::model::Outcome;
use crate::report::{escape, html as page, units};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::io::{self, Write};

/// The look of the report's page, and what this one has beside it.
const STYLE: &str = concat!(include_str!("../../report/html/style.css"), include_str!("diff.css"));

/// Tells it as a page for a browser.
///
/// # Errors
/// When `out` fails.
pub fn html(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(whole(diff).into_string().as_bytes())
}

fn whole(diff: &Diff) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(page::policy_without_script(STYLE));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content=(concat!("iotcap ", env!("CARGO_PKG_VERSION")));
                title { (escape(&diff.a.source)) " → " (escape(&diff.b.source)) " · iotcap diff" }
                style { (PreEscaped(STYLE)) }
            }
            body.diff {
                header.top {
                    p.brand { "iotcap diff" }
                    h1 { (escape(&diff.headline)) }
                }
                main {
                    dl.sides { (side("A", &diff.a)) (side("B", &diff.b)) }
                    @for pair in &diff.pairs { (self::pair(pair, &diff.headline)) }
                    (only("A", &diff.only_a))
                    (only("B", &diff.only_b))
                    @if diff.alike > 0 { p.rest { (units::counted(diff.alike as u64, "pair")) " alike" } }
                    @if diff.not_compared > 0 {
                        p.rest { (units::counted(diff.not_compared, "connection")) " not compared: there are too many" }
                    }
                }
            }
        }
    }
}

fn side(letter: &str, side: &Side) -> Markup {
    html! {
        dt { (letter) }
        dd { (escape(&side.source)) span.dim { " · " (counts(side)) } }
    }
}

fn pair(pair: &Pair, told: &str) -> Markup {
    html! {
        section.pair {
            h2 { "Connection " (pair.a.id) " in A, " (pair.b.id) " in B" }
            // The headline of the first one stands on top.
            @if pair.headline != told { p { (escape(&pair.headline)) } }
            table {
                thead { tr {
                    td {}
                    th scope="col" { "A " (outcome(pair.a.outcome)) span.who { (escape(&pair.a.ends)) } }
                    th scope="col" { "B " (outcome(pair.b.outcome)) span.who { (escape(&pair.b.ends)) } }
                } }
                tbody { @for difference in &pair.differences { (self::difference(difference)) } }
            }
        }
    }
}

fn difference(difference: &Difference) -> Markup {
    let Difference { what, a, b, .. } = difference;
    html! {
        tr {
            th scope="row" { (escape(what)) }
            @for (letter, value) in [("A", a), ("B", b)] {
                td data-side=(letter) {
                    @match value {
                        Some(value) => (escape(value)),
                        None => span.dim { "–" },
                    }
                }
            }
        }
    }
}

fn only(letter: &str, only: &[Brief]) -> Markup {
    html! {
        @if !only.is_empty() {
            section.only {
                h2 { "Only in " (letter) }
                ul {
                    @for brief in only.iter().take(NAMED) {
                        li {
                            p { (outcome(brief.outcome)) " " (escape(&brief.headline)) }
                            p.dim { "connection " (brief.id) " · " (escape(&brief.ends)) }
                        }
                    }
                    @if only.len() > NAMED { li.dim { (units::count((only.len() - NAMED) as u64)) " more" } }
                }
            }
        }
    }
}

fn outcome(outcome: Outcome) -> Markup {
    html! { span class={ "outcome " (outcome.name()) } { (page::mark(outcome)) " " (outcome.name()) } }
}
