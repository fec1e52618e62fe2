//! The receiver takes no more data.
//!
//! ## What it means
//! A side announced a receive window of zero and kept it closed: its program does not read what arrives. The sender can only
//! wait and ask.
//!
//! ## On the wire
//! Acknowledgments with window 0, zero-window probes of the other side, and for longer than a threshold no window update.
//!
//! ## Likely causes
//! 1. The receiving program is stuck, or busy with something else (a slow disk, a lock, a debugger).
//! 2. A broker that holds a client back because it publishes too fast.
//! 3. A small device whose receive buffers are full.
//!
//! ## What to do
//! * Look at the receiver at that time: CPU, blocked threads, garbage collection.
//! * Publish less at a time, or wait for acknowledgments before the next messages.
//!
//! ## References
//! * RFC 9293, 3.8.6.1 (zero-window probing)
//! * Wireshark User's Guide, 7.5 "TCP ZeroWindow"

use crate::diagnosis::reading::{count, span};
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::net::Side;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    supersedes: &[
        "packet-loss",
        "path-died",
        "server-silent",
        "puback-missing",
        "connack-missing",
        "pingresp-missing",
        "capture-ended-first",
    ],
    ..Rule::new("zero-window-stall", "TCP013", include_str!("zero_window_stall.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    Side::BOTH
        .into_iter()
        .find_map(|side| stalled(case, side))
        .or_else(|| Side::BOTH.into_iter().find_map(|side| stalled_once(case, side)))
}

/// A window that is still closed at the end.
fn stalled(case: &Case<'_>, side: Side) -> Option<Finding> {
    let windows = case.side(side).zero_windows;
    let since = windows.since.filter(|_| windows.probes > 0)?;
    let end = case.record.timeline.closed.map_or(case.record.last, |closed| closed.at.max(since));
    let closed_for = end.at.since(since.at);
    if closed_for < case.thresholds.zero_window {
        return None;
    }
    let message =
        format!("the {side} took no more data for {} (window 0 since frame {})", span(closed_for), since.frame);
    let finding = Finding::proven(since, message)
        .with_frame(case.side(side).last_ack)
        .because(format!("{} of the {}, and the window stayed closed", count(windows.probes, "probe"), side.peer()))
        .stopped_in(case.phase());
    Some(finding)
}

/// A window that opened again: the work went on, late.
fn stalled_once(case: &Case<'_>, side: Side) -> Option<Finding> {
    let windows = case.side(side).zero_windows;
    if windows.longest < case.thresholds.zero_window {
        return None;
    }
    let message = format!("the {side} took no data for {}, then went on", span(windows.longest));
    let at = case.side(side).last_ack.unwrap_or(case.record.last);
    let times = count(windows.episodes, "time");
    Some(Finding::proven(at, message).as_severe_as(Severity::Warning).because(format!("its window was closed {times}")))
}
