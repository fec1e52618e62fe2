//! The server does not answer the client's flight.
//!
//! ## What it means
//! The client sent its certificate, key exchange and Finished; the server's TCP acknowledged them, and its TLS says
//! nothing more: neither its own Finished nor an alert.
//!
//! ## On the wire
//! TLS 1.2: the client's flight, acknowledged, no ChangeCipherSpec of the server; after some seconds somebody closes. (In
//! TLS 1.3 a server has nothing to say here; see connack-missing.)
//!
//! ## Likely causes
//! 1. The broker asks somebody about the certificate and waits: a slow directory, an OCSP responder, a plugin.
//! 2. The broker hangs or is overloaded.
//! 3. Its answer is lost on the way.
//!
//! ## What to do
//! * Look into the broker's log, and at whatever it asks about certificates.
//! * Capture at the server: does it answer?
//!
//! ## References
//! * RFC 5246, 7.3

use crate::connection::Ending;
use crate::diagnosis::handshake::{accepted, shown};
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::Version;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    ..Rule::new("server-silent-in-handshake", "TLS035", include_str!("server_silent_in_handshake.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let (tls, tcp) = (case.tls()?, &case.record.tcp);
    let finished = tls.finished.client?;
    let later = tls.records.server.last.is_some_and(|last| last > finished.at);
    let acked = tcp.client.in_flight.is_none_or(|flight| flight.resent == 0 && flight.first_sent > finished.at);
    let is_tls12 = tls.version().is_some_and(|version| version < Version::TLS_1_3);
    let complete = tcp.server.hole.is_none() && tcp.server.missed_bytes == 0;
    if !is_tls12 || later || !acked || !complete || accepted(tls).is_some() || !case.sees_both_sides_from_the_start() {
        return None;
    }
    let closed = case.first_close();
    let end = closed.map_or(case.watched_until(), |(_, at, _)| at);
    let waited = end.at.since(finished.at.at);
    let confidence = match closed {
        // A server that closes sooner has answered.
        Some((Side::Server, ..)) if waited < case.thresholds.server_silent => return None,
        Some((Side::Client, ..)) if case.beyond_the_way(finished.at, end) < case.thresholds.slow_server => {
            Confidence::Possible
        }
        None if waited < case.thresholds.server_silent && case.record.ending != Ending::Idle => return None,
        _ => Confidence::Proven,
    };
    let then = closed.map(|(by, ..)| format!("the {by} closed")).or(case.capture_ended().map(str::to_owned));
    let then = then.map_or_else(String::new, |then| format!("; then {then}"));
    let message = format!("the server did not answer the client's flight in {}{then}", shown(waited));
    let finding = Finding::new(confidence, finished.at, message)
        .with_frame(closed.map(|(_, at, _)| at))
        .rests_on_absence()
        .because("the server's TCP acknowledged the client's Finished");
    Some(if confidence == Confidence::Possible {
        finding.or_else("the client closed before the server could answer")
    } else {
        finding
    })
}
