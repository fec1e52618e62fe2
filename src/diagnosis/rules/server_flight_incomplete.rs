//! The server's flight begins and never ends.
//!
//! ## What it means
//! The server chose version and cipher and began to send its certificate, but its last message never came. The client
//! waits for the rest and cannot go on.
//!
//! ## On the wire
//! A ServerHello; then, up to TLS 1.2, no ServerHelloDone; in TLS 1.3 a record that ends in the middle, or none at all. The
//! client sends nothing but acknowledgments until somebody closes.
//!
//! ## Likely causes
//! 1. The flight's full-size segments are lost on the way: a tunnel or PPPoE with a smaller MTU (see path-mtu-black-hole).
//! 2. The server hangs in the middle: a key in slow hardware, an overloaded host.
//! 3. The server was killed or restarted just then.
//!
//! ## What to do
//! * Capture at the server: does it send all of its flight?
//! * Lower the MTU of the device's interface for a test: `ip link set dev DEV mtu 1300`.
//! * Look into the broker's log at this time.
//!
//! ## References
//! * RFC 5246, 7.3 (flights); RFC 8446, 2

use crate::connection::Ending;
use crate::diagnosis::handshake::{client_answered, shown};
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::stream::Moment;
use crate::timeline::Phase;
use crate::tls::{ContentType, Facts, Version};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    ..Rule::new("server-flight-incomplete", "TLS020", include_str!("server_flight_incomplete.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    let began = tls.server_hello_at.or_else(|| first_record(tls))?;
    let lacks = what_is_missing(case, tls)?;
    let refused = case.refusal().is_some_and(|refusal| refusal.alert().is_some());
    if client_answered(tls) || refused || case.record.tcp.truncated || !case.sees_both_sides_from_the_start() {
        return None;
    }
    let closed = case.first_close();
    let last = case.record.tcp.server.last_data.unwrap_or(began);
    let end = closed.map_or(case.watched_until(), |(_, at, _)| at);
    let waited = end.at.since(last.at);
    if closed.is_none() && waited < case.thresholds.server_silent && case.record.ending != Ending::Idle {
        return None;
    }
    let then = closed.map(|(by, _, how)| format!("the {by} closed ({})", how.name().to_uppercase()));
    let then = then.or(case.capture_ended().map(str::to_owned));
    let then = then.map_or_else(String::new, |then| format!(", then {then}"));
    let message = format!("the server's flight stopped after {lacks}; nothing for {}{then}", shown(waited));
    let holes = case.record.tcp.server.hole.is_some() || case.record.tcp.server.missed_bytes > 0;
    let phase = if tls.server_hello.is_some() { Phase::TlsAuthentication } else { Phase::TlsHello };
    let is_sure = tls.version() < Some(Version::TLS_1_3) && !holes;
    let finding = Finding::new(if is_sure { Confidence::Proven } else { Confidence::Likely }, last, message)
        .with_frame(Some(began).filter(|began| *began != last))
        .with_frame(closed.map(|(_, at, _)| at))
        .rests_on_absence()
        .stopped_in(phase);
    Some(if holes { finding.or_else("the rest was sent, and lost on the way") } else { finding })
}

/// When the server's first record began, if that is of the handshake: it may hold the whole flight.
fn first_record(tls: &Facts) -> Option<Moment> {
    let partial = tls.partial.server.filter(|_| tls.records.server.count == 0)?;
    (partial.content_type == ContentType::HANDSHAKE).then_some(partial.began)
}

/// Where the flight stopped; none if it is complete, or nobody can tell.
fn what_is_missing(case: &Case<'_>, tls: &Facts) -> Option<String> {
    if let Some(partial) = tls.partial.server {
        return Some(format!("{} of a record's {} bytes", partial.received, partial.length));
    }
    let count = tls.records.server.count;
    let after_records = || format!("{count} record{}", if count == 1 { "" } else { "s" });
    if case.record.tcp.server.hole.is_some() {
        return Some(format!("{}, with a hole in it", after_records()));
    }
    let is_complete = if tls.version() < Some(Version::TLS_1_3) {
        // ServerHelloDone, or the ChangeCipherSpec of a resumed session.
        tls.history.as_str().contains(['n', 'i'])
    } else {
        // Of what is encrypted only this can be told: that there is none. The dummy ChangeCipherSpec does not count.
        let hellos = 1 + u64::from(tls.hello_retry.is_some());
        tls.finished.server.is_some() || count > hellos + u64::from(tls.change_cipher_spec.server.is_some())
    };
    (!is_complete).then(after_records)
}
