//! What is said of the capture as a whole.

use crate::analyzer::Stats;
use crate::decode::SkipCounts;
use crate::diagnosis::Judged;
use crate::frame::LinkType;
use crate::report::model::{Capture, CaptureKind, Damage, Dropped, Group};
use std::collections::BTreeMap;

/// What the source knows of the capture, in the words of the report.
#[derive(Clone, Debug)]
pub struct CaptureFacts {
    /// The files or interfaces, in the order in which frames name them.
    pub sources: Vec<String>,
    /// What they are.
    pub kind: CaptureKind,
    /// Link types, in the order of their first appearance.
    pub link_types: Vec<LinkType>,
    /// Frames that were read.
    pub frames: u64,
    /// The filter, as given.
    pub filter: Option<String>,
    /// Lost frames.
    pub dropped: Dropped,
    /// The first damaged place, and how many more there are.
    pub damaged: Option<Damage>,
    /// TLS secrets that were used.
    pub secrets: u64,
}

/// The report's words on the capture.
#[must_use]
pub fn capture(facts: CaptureFacts, stats: &Stats, skipped: &SkipCounts) -> Capture {
    let several = facts.sources.len() > 1;
    let table = stats.table;
    let evicted = [
        ("unestablished connections", table.evicted_unestablished),
        ("established connections", table.evicted_established),
        ("idle connections", table.expired),
    ];
    Capture {
        source: facts.sources.join(" "),
        kind: facts.kind,
        files: if several { facts.sources } else { Vec::new() },
        link_types: facts.link_types.iter().map(ToString::to_string).collect(),
        frames: facts.frames,
        frames_matched: stats.frames_matched,
        bytes: stats.bytes,
        first: stats.first.map(Into::into),
        last: stats.last.map(Into::into),
        filter: facts.filter,
        dropped: facts.dropped,
        damaged: facts.damaged,
        secrets: facts.secrets,
        skipped: counted(skipped.by_reason().map(|(reason, count)| (reason.name(), count))),
        evicted: counted(evicted),
    }
}

/// A finding about the capture itself, which belongs to no connection.
#[must_use]
pub fn about_capture(judged: &Judged) -> Group {
    let finding = super::finding(judged, None);
    Group {
        id: finding.id,
        code: finding.code,
        severity: finding.severity,
        confidence: finding.confidence,
        server: None,
        clients: Vec::new(),
        connections: Vec::new(),
        message: finding.message,
        evidence: finding.evidence,
        remedy: finding.remedy,
    }
}

fn counted(counts: impl IntoIterator<Item = (&'static str, u64)>) -> BTreeMap<String, u64> {
    counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)).collect()
}
