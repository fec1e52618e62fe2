//! The connection was opened and closed without a word.
//!
//! ## What it means
//! The client opened a TCP connection and closed it at once without sending a byte. That is how health checks and port
//! scanners test a port; nothing is wrong.
//!
//! ## On the wire
//! SYN, SYN-ACK, perhaps ACK, then RST or FIN of the client, and no payload.
//!
//! ## Likely causes
//! 1. A health check of a load balancer or a monitoring system.
//! 2. A port scan.
//! 3. A program that tests whether the port can be reached before it connects.
//!
//! ## What to do
//! * Nothing. Where probes fill the log of the broker, give the health check a port of its own.
//!
//! ## References
//! * RFC 9293, 3.5 and 3.6

use crate::connection::PortKind;
use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::event::By;
use crate::net::Side;

/// See the head of this file.
pub(super) const RULE: Rule =
    Rule { severity: Severity::Note, ..Rule::new("probe-only", "TCP005", include_str!("probe_only.rs"), check) };

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let tcp = &record.tcp;
    let closed = record.timeline.closed?;
    let opened = tcp.server.syns.first?;
    let spoken = Side::BOTH.into_iter().any(|side| tcp.side(side).stream_bytes() > 0);
    // A server may complain about the silence once the client is gone.
    let first_word = tcp.server.last_data.is_some_and(|said| said < closed.at) || tcp.client.stream_bytes() > 0;
    let nothing_expected = record.expected == PortKind::ByContent && !spoken;
    if tcp.midstream || tcp.one_sided.is_some() || first_word {
        return None;
    }
    let open = closed.at.at.since(opened.at);
    let probed = closed.by == By::Client && open <= case.at_once();
    if !probed && !nothing_expected {
        return None;
    }
    let how = closed.how.map(|how| format!(" ({})", how.name().to_uppercase())).unwrap_or_default();
    let message = format!("the {} closed the connection after {}{how} without a byte: a probe", closed.by, span(open));
    Some(Finding::proven(closed.at, message).with_frame(opened).because("no payload in either direction").is_expected())
}
