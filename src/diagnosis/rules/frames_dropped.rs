//! Frames were dropped while capturing.
//!
//! ## What it means
//! The kernel or the interface counted frames that did not make it into the capture. What seems missing here may have been
//! sent; findings that rest on something missing are marked as less sure.
//!
//! ## On the wire
//! Nothing: the number comes from libpcap's counters or the capture file's interface statistics.
//!
//! ## Likely causes
//! 1. The capturing program was too slow, or its buffer too small.
//! 2. The machine was busy, or the link faster than it.
//!
//! ## What to do
//! * Capture with a larger buffer (`-B` of tcpdump and dumpcap) and a filter for the broker's port.
//! * Write to a fast disk, and analyse later.
//!
//! ## References
//! * pcap_stats(3PCAP); pcapng, 4.6 (interface statistics)

use crate::diagnosis::reading::count;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::timeline::Rung;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Note,
    ..Rule::new("frames-dropped", "CAP006", include_str!("frames_dropped.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let dropped = case.capture.dropped.filter(|frames| *frames > 0)?;
    // A connection that worked to its end lacks nothing that matters.
    let complete = record.timeline.reached >= Some(Rung::MqttConnected) && record.timeline.closed.is_some();
    if complete && !record.may_have_missed_frames() {
        return None;
    }
    let message = format!("{} dropped while capturing, perhaps of this connection", were(dropped));
    Some(Finding::proven(record.last, message).because("forbids certainty about what seems not to have been sent"))
}

fn were(frames: u64) -> String {
    format!("{} {}", count(frames, "frame"), if frames == 1 { "was" } else { "were" })
}
