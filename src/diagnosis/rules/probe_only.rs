//! The connection was opened and closed without a word.
//!
//! ## What it means
//! The client opened a TCP connection and closed it at once without sending a byte. That is how health checks and port
//! scanners test a port; nothing is wrong.
//!
//! ## On the wire
//! SYN, SYN-ACK, perhaps ACK, then RST or FIN of the client, and no payload; or a whole TLS handshake, the client's
//! close_notify and its close, and no application data.
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
use crate::timeline::Rung;

/// See the head of this file.
pub(super) const RULE: Rule =
    Rule { severity: Severity::Note, ..Rule::new("probe-only", "TCP005", include_str!("probe_only.rs"), check) };

fn check(case: &Case<'_>) -> Option<Finding> {
    of_tcp(case).or_else(|| of_tls(case))
}

fn of_tcp(case: &Case<'_>) -> Option<Finding> {
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

/// The handshake is completed, and the client says goodbye: `openssl s_client` and monitors do so.
fn of_tls(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let tls = record.tls.as_deref().filter(|_| !record.may_have_missed_frames())?;
    let closed = record.timeline.closed.filter(|closed| closed.by == By::Client)?;
    let finished = tls.finished.client?;
    let goodbye = tls.alerts.iter().find(|alert| alert.by == Side::Client && alert.at > finished.at)?;
    let has_spoken = Side::BOTH.into_iter().any(|side| tls.first_application[side].is_some());
    if has_spoken || record.timeline.reached < Some(Rung::TlsEstablished) {
        return None;
    }
    let open = closed.at.at.since(finished.at.at);
    let message =
        format!("the client said goodbye {} after the TLS handshake, without a byte of MQTT: a probe", span(open));
    let finding = Finding::likely(goodbye.at, message).with_frame(finished.at);
    let finding = finding.or_else("an alert that cannot be read, of a client that judges the server this late");
    Some(finding.because("no application data in either direction").is_expected())
}
