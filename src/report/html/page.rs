//! The frame of the page: head, capture, summary, groups; and the list for browsers without a script.

use super::across;
use super::assets::{SCRIPT, START, STYLE, policy};
use crate::diagnosis::rules;
use crate::report::losses::losses;
use crate::report::model::{Capture, CaptureKind, Connection, Damage, Expectation, Group, Outcome, Summary};
use crate::report::{escape, phrases, units};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// All up to the place where the connections stand.
pub(super) fn top(capture: &Capture, summary: &Summary, groups: &[Group], expectations: &[Expectation]) -> Markup {
    let title = match capture.files.len() {
        0 | 1 => escape(&capture.source),
        files => format!("{} captures", units::count(files as u64)).into(),
    };
    html! {
        (DOCTYPE)
        // Elements stay open here: the connections follow, as a stream.
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy(STYLE, &script()));
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            meta name="generator" content=(concat!("iotcap ", env!("CARGO_PKG_VERSION")));
            title { (verdict(summary)) " · " (title) " · iotcap" }
            style { (PreEscaped(STYLE)) }
        }
        (PreEscaped("<body>"))
        a.skip href="#connections" { "Skip to the connections" }
        header.top {
            p.brand { "iotcap" }
            h1 { (title) }
            @if capture.files.len() > 1 {
                details.files { summary { "files" } ol { @for file in &capture.files { li { (escape(file)) } } } }
            }
            (facts(capture))
            (warnings(capture))
            button #theme type="button" hidden { "Theme" }
        }
        (PreEscaped("<main>"))
        section.summary aria-labelledby="summary" {
            h2 #summary { (units::counted(summary.connections, "connection")) }
            (outcomes(summary))
            div.columns {
                (causes(summary))
                div #times {}
            }
        }
        (across::expectations(expectations))
        (across::groups(groups))
        section #connections aria-labelledby="connections-title" tabindex="-1" {
            h2 #connections-title { "Connections" }
            div #table {}
        }
    }
}

/// What comes after all data: the script, which finds all of it there.
pub(super) fn bottom() -> Markup {
    PreEscaped(format!("<script>{}</script>\n</body></html>\n", script()))
}

/// A block of data that the browser does not run.
pub(super) fn data_block<W: Write + ?Sized>(
    id: &str,
    out: &mut W,
    data: impl FnOnce(&mut W) -> io::Result<()>,
) -> io::Result<()> {
    let head = html! { (PreEscaped("<script type=\"application/json\" id=\"")) (id) (PreEscaped("\">")) };
    out.write_all(head.into_string().as_bytes())?;
    data(out)?;
    out.write_all(b"</script>\n")
}

/// A connection where there is no script.
pub(super) fn listed(connection: &Connection) -> Markup {
    html! {
        li class=(connection.outcome.name()) {
            p { strong { (mark(connection.outcome)) " " (connection.outcome.name()) } " " (escape(&connection.headline)) }
            p.dim {
                "frame " (connection.id) " · " (escape(&phrases::ends(connection))) " · " (connection.started)
                @if let Some(cause) = &connection.cause { " · " (escape(cause)) }
            }
            @if connection.outcome == Outcome::Failed {
                @for remedy in connection.cause_finding().into_iter().flat_map(|finding| &finding.remedy) {
                    p { (prose(remedy)) }
                }
                p { code { (escape(&connection.display_filter.wireshark)) } }
            }
        }
        "\n"
    }
}

/// What ends the list where there is no script, and with it all that is to be read.
pub(super) fn end_of_list(unlisted: u64) -> Markup {
    html! {
        (PreEscaped("</ol>"))
        @if unlisted > 0 { p { "And " (units::count(unlisted)) " more, which stand in a table where this page may run its script." } }
        (PreEscaped("</noscript>\n</main>\n"))
    }
}

fn script() -> String {
    [SCRIPT, START].concat()
}

fn verdict(summary: &Summary) -> String {
    match summary.failed {
        0 => units::counted(summary.connections, "connection"),
        failed => format!("{} of {} failed", units::count(failed), units::count(summary.connections)),
    }
}

fn facts(capture: &Capture) -> Markup {
    let what = match capture.kind {
        CaptureKind::File => None,
        CaptureKind::Live => Some("captured live"),
        CaptureKind::Wire => Some("the lab's wire"),
    };
    html! {
        ul.facts {
            @if let Some(what) = what { li { (what) } }
            li { (units::counted(capture.frames, "frame")) ", " (units::count(capture.frames_matched)) " looked at" }
            li { (units::size(capture.bytes)) }
            @if let (Some(first), Some(last)) = (capture.first, capture.last) {
                li { time datetime=(first) { (first.date()) " " (first.of_day()) } " UTC, " (units::human(last.since(first))) }
            }
            @if !capture.link_types.is_empty() { li { (escape(&capture.link_types.join(", "))) } }
            @if capture.secrets > 0 { li { (units::counted(capture.secrets, "TLS secret")) " used" } }
            @if let Some(filter) = &capture.filter { li { "filter " code { (escape(filter)) } } }
        }
    }
}

/// What the capture lacks: it limits what can be said.
fn warnings(capture: &Capture) -> Markup {
    html! {
        ul.warnings {
            @for (frames, who) in losses(capture) {
                li { (frames) " dropped by " (who) }
            }
            @if let Some(damage) = &capture.damaged { li { "Damaged: " (escape(&damage_sentence(damage))) } }
            @if !capture.skipped.is_empty() { li.dim { "Not looked at: " (counts(&capture.skipped)) } }
            @if !capture.evicted.is_empty() { li { "Given up to keep within limits: " (counts(&capture.evicted)) } }
        }
    }
}

fn damage_sentence(damage: &Damage) -> String {
    let mut sentence = damage.what.clone();
    let place = [
        damage.file.map(|file| format!("in file {file}")),
        damage.offset.map(|offset| format!("at byte {}", units::count(offset))),
        damage.after_frame.map(|frame| format!("after frame {frame}")),
        (damage.more > 0).then(|| format!("and in {}", units::counted(damage.more, "more place"))),
    ];
    for part in place.into_iter().flatten() {
        sentence.push_str(", ");
        sentence.push_str(&part);
    }
    sentence
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let shown = by_count(counts).into_iter().map(|(what, n)| format!("{} {}", units::count(n), escape(what)));
    shown.collect::<Vec<_>>().join(", ")
}

/// The outcomes in the order in which one looks for them.
const WORST_FIRST: [Outcome; 5] =
    [Outcome::Failed, Outcome::Degraded, Outcome::Inconclusive, Outcome::Open, Outcome::Ok];

/// The counts, which the script makes filters of; and their shares as a bar.
fn outcomes(summary: &Summary) -> Markup {
    let shown = WORST_FIRST.iter().filter(|outcome| summary.outcome(**outcome) > 0);
    let mut before = 0.0;
    html! {
        ul.outcomes {
            @for outcome in shown.clone() {
                li class=(outcome.name()) {
                    button type="button" disabled data-outcome=(outcome.name()) aria-pressed="false" {
                        span.count { (units::count(summary.outcome(*outcome))) }
                        span.name { (mark(*outcome)) " " (outcome.name()) }
                    }
                }
            }
        }
        svg.shares viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
            @for outcome in shown {
                @let share = share(summary.outcome(*outcome), summary.connections);
                rect class=(outcome.name()) x=(before) y="0" width=(share) height="1" {}
                @let () = before += share;
            }
        }
    }
}

fn causes(summary: &Summary) -> Markup {
    let rows = by_count(&summary.causes);
    let most = rows.first().map_or(1, |(_, count)| *count);
    html! {
        @if !rows.is_empty() {
            div.causes tabindex="0" role="region" aria-label="Causes" {
                table {
                    caption { "Causes" }
                    thead { tr { th scope="col" { "cause" } th.number scope="col" { "connections" } } }
                    tbody {
                        @for (id, count) in rows {
                            tr {
                                td {
                                    button.cause type="button" disabled data-cause=(id) aria-pressed="false" { (escape(id)) }
                                    @if let Some(rule) = rules::find(id) {
                                        " " span.code { (rule.code) }
                                        p.dim { (rule.doc().title) }
                                    }
                                }
                                td.number {
                                    (units::count(count))
                                    svg.share viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
                                        rect x="0" y="0" width=(share(count, most)) height="1" {}
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(crate) const fn mark(outcome: Outcome) -> &'static str {
    // U+FE0E asks for a letter where the system would rather draw a picture.
    match outcome {
        Outcome::Ok => "✔\u{fe0e}",
        Outcome::Degraded => "▲\u{fe0e}",
        Outcome::Failed => "✘\u{fe0e}",
        Outcome::Open => "○\u{fe0e}",
        Outcome::Inconclusive => "?",
    }
}

/// A sentence of the catalogue: what stands between backticks is to be typed.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (escape(part)) } } @else { (escape(part)) }
        }
    }
}

/// In percent.
fn share(count: u64, of: u64) -> f64 {
    (count as f64 * 10_000.0 / of.max(1) as f64).round() / 100.0
}

/// The most frequent first; the same number in the order of their names.
fn by_count(counts: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut sorted: Vec<_> = counts.iter().map(|(name, &count)| (name.as_str(), count)).collect();
    sorted.sort_by_key(|&(_, count)| Reverse(count));
    sorted
}
