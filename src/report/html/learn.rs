//! What a reader can ask about: the meaning of each finding, event and phase that stands in the report, once each.

use crate::diagnosis::{Rule, rules};
use crate::report::model::{Connection, Layer};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What occurred in a report. Bounded by the number of findings and of kinds of event that there are.
#[derive(Debug, Default)]
pub(super) struct Learned {
    findings: BTreeSet<&'static str>,
    kinds: BTreeSet<(Layer, String)>,
}

/// The most kinds of event that are explained; there are fewer.
const MOST_KINDS: usize = 256;

impl Learned {
    /// Remembers what occurs in a connection.
    pub(super) fn note(&mut self, connection: &Connection) {
        connection.findings.iter().for_each(|finding| self.note_finding(&finding.id));
        for event in &connection.events {
            let is_known = self.kinds.iter().any(|(layer, kind)| *layer == event.layer && *kind == event.kind);
            if !is_known && self.kinds.len() < MOST_KINDS {
                self.kinds.insert((event.layer, event.kind.clone().into_owned()));
            }
        }
    }

    /// Remembers a finding.
    pub(super) fn note_finding(&mut self, id: &str) {
        self.findings.extend(rules::find(id).map(|rule| rule.id));
    }

    /// All that can be told.
    pub(super) fn told(&self) -> Told {
        let finding = |id: &&'static str| rules::find(id).map(|rule| (rule.id, Meaning::of(rule)));
        Told {
            findings: self.findings.iter().filter_map(finding).collect(),
            events: BTreeMap::new(),
            phases: BTreeMap::new(),
        }
    }
}

/// Explanations, by what they explain.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    findings: BTreeMap<&'static str, Meaning>,
    /// By layer and kind, as `tls/client_hello`.
    events: BTreeMap<String, Sentence>,
    phases: BTreeMap<&'static str, Sentence>,
}

/// What a finding means, from the comment at the top of its rule.
#[derive(Debug, Serialize)]
struct Meaning {
    title: String,
    means: String,
    on_the_wire: String,
    references: Vec<String>,
}

impl Meaning {
    fn of(rule: &Rule) -> Self {
        let doc = rule.doc();
        Self {
            means: doc.text("What it means"),
            on_the_wire: doc.text("On the wire"),
            references: doc.items("References", None),
            title: doc.title,
        }
    }
}

/// One plain sentence and the section of the specification behind it.
#[derive(Debug, Serialize)]
struct Sentence {
    sentence: &'static str,
    section: &'static str,
}
