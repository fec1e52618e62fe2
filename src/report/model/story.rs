//! What happened and what was concluded from it: events and findings.

use super::scalar::words;
use super::{Actor, Confidence, FrameList, FrameRef, Millis, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Something that happened on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// When its first byte was readable.
    pub at: Time,
    /// The same, since the connection's first frame.
    pub ms: Millis,
    /// The frame under which Wireshark shows it: the one with its last byte.
    #[serde(flatten)]
    pub seen: FrameRef,
    /// Who did it.
    pub by: Actor,
    /// The protocol it belongs to.
    pub layer: Layer,
    /// What it was: the contract's list.
    pub kind: Cow<'static, str>,
    /// What is worth knowing about it; empty where the kind says all.
    pub detail: String,
    /// Whether it was read, and not inferred from sizes, order and times.
    pub observed: bool,
    /// How sure the inference is; absent where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// When its last byte was readable, since the connection's first frame; absent where one frame held it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

words! {
    /// The protocol of an event.
    Layer {
        /// Names.
        Dns = "dns",
        /// Errors of the path.
        Icmp = "icmp",
        /// Transport.
        Tcp = "tcp",
        /// Security.
        Tls = "tls",
        /// Messages.
        Mqtt = "mqtt",
    }
}

/// A conclusion of the diagnosis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The catalogue's id, as `client-certificate-refused`.
    pub id: Cow<'static, str>,
    /// Its short name, as `TLS031`.
    pub code: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// When it happened.
    pub at: Option<Time>,
    /// The frames that prove it.
    #[serde(flatten)]
    pub frames: FrameList,
    /// What was found, in one sentence.
    pub message: String,
    /// What proves it, one statement each.
    pub evidence: Vec<String>,
    /// The probable causes, the likeliest first.
    pub causes: Vec<Cow<'static, str>>,
    /// What to do about it.
    pub remedy: Vec<Cow<'static, str>>,
    /// What else the same bytes could mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_readings: Vec<Cow<'static, str>>,
}

words! {
    /// How bad a finding is.
    Severity {
        /// The connection did not do its work.
        Error = "error",
        /// It did, but should be looked at.
        Warning = "warning",
        /// Worth knowing.
        Note = "note",
    }
}
