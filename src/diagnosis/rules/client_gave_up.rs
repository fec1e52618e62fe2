//! The client never answers the server's flight.
//!
//! ## What it means
//! The server did its part and waits. The client got it all, sent no flight of its own and no alert, and closed (or let
//! the server close): it ran out of memory or time, or it does not say why.
//!
//! ## On the wire
//! The server's flight, acknowledged; then a FIN or a reset of the client, without an alert. The wait in between tells much:
//! some seconds are a timer, a fraction of one is a decision.
//!
//! ## Likely causes
//! 1. A buffer of the client is smaller than the server's longest record (16 KiB are allowed), or its heap is full.
//! 2. The client's own timer is shorter than its cryptography takes.
//! 3. It refused the server's certificate and does not say so with an alert.
//! 4. It crashed, or its watchdog restarted it.
//!
//! ## What to do
//! * Give the TLS stack buffers of 16 KiB for what comes in (`MBEDTLS_SSL_IN_CONTENT_LEN`), or negotiate shorter records.
//! * Look at the device's heap while it connects, and at its log.
//! * Let the broker send a shorter chain, or ECDSA certificates.
//!
//! ## References
//! * RFC 8446, 5.1 (2^14 bytes a record) and 6.2; RFC 6066, 4 (max_fragment_length); RFC 8449 (record_size_limit)

use crate::diagnosis::handshake::{Sign, Stage, shown};
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::Version;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    ..Rule::new("client-gave-up", "TLS028", include_str!("client_gave_up.rs"), check)
};

/// How long s2n waits before it closes after a failure, in seconds.
const BLINDING_FROM: u64 = 10;
const BLINDING_TO: u64 = 30;

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    let refusal = case.refusal().filter(|refusal| refusal.stage == Stage::ServerFlight)?;
    let Sign::Close(how) = refusal.sign else { return None };
    let flight = tls.server_flight_ended?;
    let arrived = case.record.tcp.server.hole.is_none() && tls.partial.server.is_none();
    // Up to TLS 1.2 the flight may share one record, and says where it ends; in 1.3 it never shares that of the hello.
    let more_than_the_hello = if tls.version() < Some(Version::TLS_1_3) {
        tls.history.as_str().contains('n')
    } else {
        flight > tls.server_hello_at? || tls.records.server.count > 2
    };
    let waited = refusal.at.at.since(flight.at);
    if !arrived || !more_than_the_hello {
        return None;
    }
    let message = match refusal.by {
        Side::Client => format!(
            "the client closed ({}, frame {}) {} after the server's flight, without an alert",
            how.name().to_uppercase(),
            refusal.at.frame,
            shown(waited)
        ),
        // A server that closes sooner did not wait for the client.
        Side::Server if waited < case.thresholds.server_silent => return None,
        Side::Server => {
            format!("the client did not answer the server's flight in {}; then the server closed", shown(waited))
        }
    };
    let (longest, sent) = (tls.records.server.longest, case.record.tcp.server.stream_bytes());
    let finding = Finding::proven(refusal.at, message)
        .with_frame(flight)
        .rests_on_absence()
        .because(format!("the server sent {sent} bytes; its longest record has {longest}"));
    Some(match waited.as_secs() {
        0 => finding.or_else("the client refused the server certificate without saying so"),
        BLINDING_FROM..=BLINDING_TO => finding
            .or_else("the client refused the server certificate: s2n waits 10 to 30 s on purpose before it closes"),
        _ => finding,
    })
}
