//! A phase took longer than its budget.
//!
//! ## What it means
//! Somebody set a time for a phase (`--budget PHASE=MS`, or `budget` in the configuration), and this connection took longer.
//! It worked; the budget says that this is too slow all the same.
//!
//! ## On the wire
//! The time between the frames that begin and end the phase, as the report's timings have it. A phase that did not end has
//! no time, and exceeds nothing.
//!
//! ## Likely causes
//! 1. The phase became slower: compare with an earlier capture (`iotcap diff`).
//! 2. The path became longer or lossy: each phase has at least one round trip in it.
//! 3. The budget is too small for this device or network.
//!
//! ## What to do
//! * Look at the round trip and at the times of the other phases first: if all grew, it is the path.
//! * In tls-authentication, look at the size of keys and chains, and at resumption.
//! * In mqtt-connect, look at the service that decides who may connect.
//!
//! ## References
//! * docs/ci.md

use crate::diagnosis::budget::Stretch;
use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::evidence::Confidence;
use crate::stream::Moment;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Warning,
    ..Rule::new("budget-exceeded", "BUD001", include_str!("budget_exceeded.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let timings = &case.record.timeline.timings;
    let exceeded: Vec<_> = case.thresholds.budget.exceeded(timings).collect();
    let &(stretch, took, at_most) = exceeded.first()?;
    let (began, ended) = bounds(case, stretch);
    let message = format!("{stretch} took {}, over its budget of {}", span(took), span(at_most));
    let finding = Finding::new(confidence(case, stretch), ended, message).with_frame(began);
    let round_trip = format!("the round trip is {}", span(case.round_trip()));
    let others = exceeded.iter().skip(1).map(|(stretch, took, at_most)| {
        format!("{stretch} took {} as well, over its budget of {}", span(*took), span(*at_most))
    });
    Some(others.fold(finding.because(round_trip), Finding::because))
}

/// The frames that the time lies between.
fn bounds(case: &Case<'_>, stretch: Stretch) -> (Moment, Moment) {
    let record = case.record;
    let phase = Phase::ALL.into_iter().find(|phase| phase.name() == stretch.name());
    let seen = phase.map(|phase| record.timeline.phase(phase));
    (
        seen.and_then(|phase| phase.started).unwrap_or(record.first),
        seen.and_then(|phase| phase.ended).unwrap_or(record.last),
    )
}

/// Where a phase of sealed records begins and ends is inferred.
fn confidence(case: &Case<'_>, stretch: Stretch) -> Confidence {
    let is_clear = matches!(stretch, Stretch::TcpHandshake | Stretch::TlsHello | Stretch::Total);
    if is_clear || case.reads_mqtt() { Confidence::Proven } else { Confidence::Likely }
}
