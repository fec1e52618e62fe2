//! The client ends a working session without a goodbye.
//!
//! ## What it means
//! The session worked, and the client closed or reset the connection with neither a DISCONNECT nor a close_notify: as a
//! program does that crashes, is killed or exits without closing its client.
//!
//! ## On the wire
//! A session at work, then FIN or RST of the client, and no record of the client right before it that could be a DISCONNECT
//! or a close_notify.
//!
//! ## Likely causes
//! 1. The program crashed, was killed, or exits without disconnecting.
//! 2. The device was switched off or restarted in order, so that its system closed the connection.
//! 3. The program's own timer gave the connection up.
//!
//! ## What to do
//! * Look at the device's log at that time: crash, watchdog, deployment.
//! * The broker will have published the client's will: use one to notice.
//! * Send DISCONNECT before closing where the end is intended.
//!
//! ## References
//! * MQTT 3.1.1, 3.14 and 3.1.2.5 (will); MQTT 5.0, 4.13.2; RFC 8446, 6.1 (close_notify)

use crate::connection::PortKind;
use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::event::By;
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::CloseHow;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule::new("client-aborted", "TCP014", include_str!("client_aborted.rs"), check);

/// A record this short before the close may be the goodbye, where sizes do not tell.
const GOODBYE: Duration = Duration::from_millis(200);

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let closed = record.timeline.closed.filter(|closed| closed.by == By::Client && closed.basis.is_observed())?;
    let client = case.side(Side::Client);
    let incomplete = client.missed_bytes > 0 || client.lost_bytes > 0 || client.cut_bytes > 0 || record.tcp.truncated;
    if !case.session_was_seen() || case.said_goodbye(Side::Client) || incomplete {
        return None;
    }
    let last = record.tcp.before_close.client?;
    let quiet = closed.at.at.since(last.at);
    let read = record.tls.as_ref().is_none_or(|tls| tls.decrypted);
    if quiet < GOODBYE && !read {
        return None;
    }
    let how = if closed.how == Some(CloseHow::Rst) { "reset" } else { "closed" };
    let message = format!(
        "the client {how} the connection without DISCONNECT or close_notify (frame {}), {} after its last data",
        closed.at.frame,
        span(quiet)
    );
    let finding = if read { Finding::proven(closed.at, message) } else { Finding::likely(closed.at, message) };
    let finding = finding.with_frame(last).rests_on_absence().stopped_in(case.phase());
    // Where its last words had no answer it may have given up waiting for one; other rules know for which.
    let waited = record.tcp.before_close.server.is_none_or(|said| said < last);
    Some(if record.expected == PortKind::ByContent && !read {
        finding.as_severe_as(Severity::Note).or_else("a protocol other than MQTT, which may close like this")
    } else if waited {
        let reading = "the client gave up waiting for an answer of the server";
        finding.as_severe_as(Severity::Warning).at_most(Confidence::Likely).or_else(reading)
    } else {
        finding
    })
}
