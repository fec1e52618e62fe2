//! What is to be said in a written capture: findings at the frames that prove them, verdicts and the names of servers for all
//! of it. Connections come in as they are told; comments go out, frame by frame. All of it is bounded, and what did not fit
//! is counted.

use crate::frame::FrameId;
use crate::report::escape;
use crate::report::model::{Connection, Finding, FrameRef, Group, Outcome, Summary};
use crate::report::units;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;

/// Findings that are kept: some 10 MB.
const MAX_REMARKS: usize = 20_000;
/// Frames that one finding is told at.
const MAX_FRAMES: usize = 64;
/// Connections that are named in the comment on the whole capture.
const MAX_HEADLINES: usize = 20;
/// Names of servers.
const MAX_NAMES: usize = 10_000;

/// What is to be said.
#[derive(Default)]
pub(super) struct Remarks {
    findings: Vec<Remark>,
    /// The remarks at each frame, by their index.
    places: BTreeMap<FrameRef, Vec<usize>>,
    headlines: Vec<String>,
    more_headlines: u64,
    names: BTreeSet<(IpAddr, String)>,
    left_out: u64,
}

/// A finding of one connection.
struct Remark {
    /// All of it.
    text: String,
    /// What it is called.
    label: String,
    /// The frame, by its number in the written file, that tells all of it.
    told_in: Option<u64>,
}

impl Remarks {
    /// Takes what is to be said of a connection.
    pub(super) fn add(&mut self, connection: &Connection) {
        if let Some(name) = &connection.server.name
            && let Ok(address) = connection.server.address.parse()
            && self.names.len() < MAX_NAMES
        {
            self.names.insert((address, escape(name).into_owned()));
        }
        if matches!(connection.outcome, Outcome::Failed | Outcome::Degraded) {
            if self.headlines.len() < MAX_HEADLINES {
                self.headlines.push(headline(connection));
            } else {
                self.more_headlines += 1;
            }
        }
        for finding in &connection.findings {
            self.add_finding(finding);
        }
    }

    fn add_finding(&mut self, finding: &Finding) {
        if self.findings.len() >= MAX_REMARKS {
            self.left_out += 1;
            return;
        }
        let index = self.findings.len();
        let label = format!("{} {}", finding.code, finding.id);
        self.findings.push(Remark { text: text(finding, &label), label, told_in: None });
        for frame in finding.frames.iter().take(MAX_FRAMES) {
            let here = self.places.entry(frame).or_default();
            if !here.contains(&index) {
                here.push(index);
            }
        }
    }

    /// The comments on a frame, which is the one of this number in the written file. The first frame of a finding tells all of
    /// it, the others where that is.
    pub(super) fn comments(&mut self, frame: FrameId, number: u64) -> Vec<String> {
        let Some(here) = self.places.get(&FrameRef::from(frame)) else { return Vec::new() };
        let mut comments = Vec::new();
        for index in here {
            let Some(remark) = self.findings.get_mut(*index) else { continue };
            comments.push(match remark.told_in {
                Some(first) => format!("{}: see frame {first}", remark.label),
                None => remark.text.clone(),
            });
            remark.told_in.get_or_insert(number);
        }
        comments
    }

    /// The comment on the whole capture.
    pub(super) fn on_all(&self, summary: &Summary, groups: &[Group]) -> String {
        let mut text = counts(summary);
        for headline in &self.headlines {
            text.push('\n');
            text.push_str(headline);
        }
        if self.more_headlines > 0 {
            put(&mut text, format_args!("\nand {} more", units::count(self.more_headlines)));
        }
        for group in groups.iter().take(MAX_HEADLINES) {
            put(&mut text, format_args!("\n{} {}: {}", group.code, group.id, escape(&group.message)));
        }
        if self.left_out > 0 {
            let left_out = units::counted(self.left_out, "finding");
            put(&mut text, format_args!("\n{left_out} did not fit into the comments: the report has all of them"));
        }
        text
    }

    /// The names of servers.
    pub(super) fn names(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        self.names.iter().map(|(address, name)| (*address, name.as_str()))
    }
}

fn text(finding: &Finding, label: &str) -> String {
    let mut text = format!("{}\n{label}, {}, {}", escape(&finding.message), finding.severity, finding.confidence);
    for evidence in &finding.evidence {
        put(&mut text, format_args!("\n- {}", escape(evidence)));
    }
    if let Some(remedy) = finding.remedy.first() {
        put(&mut text, format_args!("\nWhat to do: {}", escape(remedy)));
    }
    text
}

fn headline(connection: &Connection) -> String {
    let (client, server) = (&connection.client, &connection.server);
    let ends = format!("{} → {}", end(&client.address, client.port), end(&server.address, server.port));
    format!("{ends}: {}: {}", connection.outcome, escape(&connection.headline))
}

fn end(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

fn counts(summary: &Summary) -> String {
    let mut text = units::counted(summary.connections, "connection");
    let counts =
        Outcome::ALL.iter().map(|outcome| (outcome, summary.outcome(*outcome))).filter(|(_, count)| *count > 0);
    for (index, (outcome, count)) in counts.enumerate() {
        put(&mut text, format_args!("{}{} {outcome}", if index == 0 { ": " } else { ", " }, units::count(count)));
    }
    text
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(what);
    debug_assert!(written.is_ok(), "a String takes everything");
}
