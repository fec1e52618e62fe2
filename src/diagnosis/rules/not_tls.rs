//! This connection is neither TLS nor MQTT.
//!
//! ## What it means
//! A filter let in traffic on a port of which nothing was expected, and its first bytes belong to some other protocol.
//! There is nothing to judge.
//!
//! ## On the wire
//! First bytes that are neither a TLS record nor an MQTT CONNECT.
//!
//! ## Likely causes
//! 1. Another service, which the filter includes.
//!
//! ## What to do
//! * Narrow the filter, or name the broker's port with `--port`: on a named port other protocols are an error.
//!
//! ## References
//! * RFC 8446, 5.1 (record layer); MQTT 3.1.1, 3.1

use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::evidence::Confidence;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Note,
    forbids_verdict: true,
    supersedes: &["midstream-start", "capture-gap", "capture-ended-first", "truncated-snaplen"],
    ..Rule::new("not-tls", "CAP008", include_str!("not_tls.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    if !record.is_other {
        return None;
    }
    let port = record.endpoints.server.port;
    let message = format!("the connection to port {port} is neither TLS nor MQTT");
    let finding = Finding::proven(record.first, message).because("told by its first bytes");
    Some(finding.yields_to(Confidence::Likely))
}
