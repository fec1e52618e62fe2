//! The client's cryptography is slow.
//!
//! ## What it means
//! Between the server's flight and its own the client verifies certificates and signs. This one took long for it. It
//! works; but each reconnect costs that time, and the server's timer may end it.
//!
//! ## On the wire
//! More than two seconds (by default) from the last byte of the server's flight to the first of the client's, without the
//! way to the client and back, and nothing was lost meanwhile.
//!
//! ## Likely causes
//! 1. A small device computes RSA without hardware support.
//! 2. A secure element or a slow bus to it.
//! 3. The device is busy, or throttled to save power.
//!
//! ## What to do
//! * Use ECDSA (P-256) in place of RSA, hardware support where there is some, and a short chain.
//! * Resume sessions: no certificates, no signatures.
//!
//! ## References
//! * RFC 8446, 2.2 (resumption); RFC 5077 (tickets)

use crate::diagnosis::handshake::{client_answered, shown};
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::tls::Facts;

/// See the head of this file.
pub(super) const RULE: Rule =
    Rule { severity: Severity::Warning, ..Rule::new("slow-client", "TLS037", include_str!("slow_client.rs"), check) };

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls().filter(|tls| client_answered(tls))?;
    let (flight, answer) = (tls.server_flight_ended?, tls.client_flight_began?);
    let way = case.record.tcp.handshake.to_client?;
    let took = answer.at.since(flight.at).saturating_sub(way);
    if took <= case.thresholds.slow_client || lost_something(case) || case.record.may_have_missed_frames() {
        return None;
    }
    let message = format!("the client took {} to answer the server's flight", shown(took));
    let finding = Finding::likely(answer, message).with_frame(flight);
    Some(finding.because_of(what_it_verified(tls)))
}

/// Whether a loss may have cost the time.
pub(super) fn lost_something(case: &Case<'_>) -> bool {
    let tcp = &case.record.tcp;
    let resent = |side: &crate::tcp::SideFacts| side.retransmissions.data + side.retransmissions.fast;
    resent(&tcp.client) + resent(&tcp.server) + tcp.client.previous_not_captured + tcp.server.previous_not_captured > 0
}

fn what_it_verified(tls: &Facts) -> Option<String> {
    let keys: Vec<&str> = tls.certificates.server.as_ref()?.iter().map(|one| one.key.as_str()).collect();
    Some(format!("the server's chain has the keys {}", keys.join(", ")))
}
