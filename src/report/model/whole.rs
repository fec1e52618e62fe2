//! What is said of the capture as a whole.

use super::scalar::words;
use super::{Confidence, Connection, Expectation, Outcome, Server, Severity, Time, Timings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Which contract the report keeps.
    pub schema: SchemaId,
    /// What was captured.
    pub capture: Capture,
    /// How many connections came to what.
    pub summary: Summary,
    /// The connections, in the order of their first frame.
    pub connections: Vec<Connection>,
    /// Findings that span connections.
    pub groups: Vec<Group>,
    /// What was expected and what came of it; absent where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<Expectation>,
}

words! {
    /// The version of the report's contract.
    SchemaId {
        /// The first.
        V1 = "iotcap.report/1",
    }
}

/// What was captured, and what the capture lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capture {
    /// The file, the interface or the scenario.
    pub source: String,
    /// What `source` is.
    pub kind: CaptureKind,
    /// All files, in the order in which frames name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The link types of its frames, by the tcpdump registry's names.
    pub link_types: Vec<String>,
    /// Frames that were read.
    pub frames: u64,
    /// Frames that belong to a connection that was looked at.
    pub frames_matched: u64,
    /// Bytes of all frames on the wire.
    pub bytes: u64,
    /// When the first frame was captured.
    pub first: Option<Time>,
    /// When the last frame was captured.
    pub last: Option<Time>,
    /// The filter, as given.
    pub filter: Option<String>,
    /// Frames that were lost before anybody could read them.
    pub dropped: Dropped,
    /// Where the capture is damaged, and what is wrong there.
    pub damaged: Option<Damage>,
    /// How many TLS secrets were used.
    pub secrets: u64,
    /// Frames that were not looked at, by the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<String, u64>,
    /// What was given up to keep within a limit, by the limit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evicted: BTreeMap<String, u64>,
}

words! {
    /// Where frames came from.
    CaptureKind {
        /// A capture file, or several.
        File = "file",
        /// A network interface.
        Live = "live",
        /// The lab's virtual wire.
        Wire = "wire",
    }
}

/// Frames that were lost; null where nobody counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dropped {
    /// By the kernel, because the reader was too slow.
    pub kernel: Option<u64>,
    /// By the interface or its driver.
    pub interface: Option<u64>,
}

/// A place in a capture file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Damage {
    /// The file among `files`, from 1; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
    /// The offset in the (uncompressed) file, in bytes.
    pub offset: Option<u64>,
    /// The last frame before it.
    pub after_frame: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// How many more places there are.
    pub more: u64,
}

/// How many connections came to what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// All of them.
    pub connections: u64,
    /// Did their work and were closed.
    pub ok: u64,
    /// Did their work, with something wrong.
    pub degraded: u64,
    /// Did not do their work.
    pub failed: u64,
    /// Nobody has closed them.
    pub open: u64,
    /// The capture lacks what a verdict needs.
    pub inconclusive: u64,
    /// How often each finding was the cause.
    pub causes: BTreeMap<String, u64>,
    /// How many expectations did not come true; absent where none were stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmet_expectations: Option<u64>,
}

/// What counts of a connection, whether or not it is told. It stands in no report itself.
#[derive(Clone, Copy, Debug)]
pub struct Glance<'a> {
    /// What it came to.
    pub outcome: Outcome,
    /// The id of the finding that explains it.
    pub cause: Option<&'a str>,
    /// How long its parts took.
    pub timings: Timings,
}

impl Summary {
    /// Counts one connection in.
    pub fn count(&mut self, glance: &Glance<'_>) {
        self.connections += 1;
        *self.outcome_mut(glance.outcome) += 1;
        if let Some(cause) = glance.cause {
            match self.causes.get_mut(cause) {
                Some(count) => *count += 1,
                None => _ = self.causes.insert(cause.to_owned(), 1),
            }
        }
    }

    /// How many came to this outcome.
    #[must_use]
    pub const fn outcome(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Ok => self.ok,
            Outcome::Degraded => self.degraded,
            Outcome::Failed => self.failed,
            Outcome::Open => self.open,
            Outcome::Inconclusive => self.inconclusive,
        }
    }

    const fn outcome_mut(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::Degraded => &mut self.degraded,
            Outcome::Failed => &mut self.failed,
            Outcome::Open => &mut self.open,
            Outcome::Inconclusive => &mut self.inconclusive,
        }
    }
}

/// A finding that spans connections, or is about the capture itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// The catalogue's id, as `reconnect-storm`.
    pub id: Cow<'static, str>,
    /// Its short name, as `MQT015`.
    pub code: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// The server that all of them lead to; null where the finding is about the capture itself.
    pub server: Option<Server>,
    /// The clients, by address, or by client identifier where that is known.
    pub clients: Vec<String>,
    /// The ids of the connections.
    pub connections: Vec<String>,
    /// What was found, in one sentence.
    pub message: String,
    /// What proves it, one statement each.
    pub evidence: Vec<String>,
    /// What to do about it.
    pub remedy: Vec<Cow<'static, str>>,
}
