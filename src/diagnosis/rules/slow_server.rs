//! The server is slow in the handshake.
//!
//! ## What it means
//! The server took long to answer a message of the handshake, beyond the time that the way there and back takes. It works;
//! but clients with short timers will give up, and it may be the first sign of an overload.
//!
//! ## On the wire
//! More than a second (by default) from the ClientHello to the ServerHello, or from the client's Finished to the server's
//! (TLS 1.2), without the round trip, and nothing was lost meanwhile.
//!
//! ## Likely causes
//! 1. The broker is overloaded: many devices connect at once.
//! 2. It asks somebody about the certificate: a directory, an OCSP responder, a plugin.
//! 3. A proxy or balancer in front of it opens a connection of its own first.
//!
//! ## What to do
//! * Look at the broker's load and at its connects per second.
//! * Let devices wait a random time before they reconnect; resume sessions.
//!
//! ## References
//! * RFC 8446, 2; RFC 5246, 7.3

use super::slow_client::lost_something;
use crate::diagnosis::handshake::shown;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::stream::Moment;
use crate::tls::{Facts, Version};
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule =
    Rule { severity: Severity::Warning, ..Rule::new("slow-server", "TLS038", include_str!("slow_server.rs"), check) };

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    // Without the way there and back nobody knows whose time it was.
    case.record.tcp.handshake.to_server?;
    if lost_something(case) || case.record.may_have_missed_frames() {
        return None;
    }
    let (took, asked, answered, what) = [on_the_hello(case, tls), on_the_flight(case, tls)]
        .into_iter()
        .flatten()
        .filter(|(took, ..)| *took > case.thresholds.slow_server)
        .max_by_key(|(took, ..)| *took)?;
    let message = format!("the server took {} to answer the {what}, beyond the round trip", shown(took));
    Some(Finding::likely(answered, message).with_frame(asked))
}

type Answer = (Duration, Moment, Moment, &'static str);

/// A retry takes two answers, and the client's own time lies between them: it is not looked at.
fn on_the_hello(case: &Case<'_>, tls: &Facts) -> Option<Answer> {
    let (asked, answered) = (tls.client_hello_at?, tls.server_hello_at?);
    let took = case.beyond_the_way(asked, answered);
    tls.hello_retry.is_none().then_some((took, asked, answered, "ClientHello"))
}

/// Up to TLS 1.2, and not in a resumed handshake, where the server's Finished comes first.
fn on_the_flight(case: &Case<'_>, tls: &Facts) -> Option<Answer> {
    let (asked, answered) = (tls.finished.client?.at, tls.finished.server?.at);
    let is_answer = tls.version() < Some(Version::TLS_1_3) && asked < answered;
    is_answer.then(|| (case.beyond_the_way(asked, answered), asked, answered, "client's flight"))
}
