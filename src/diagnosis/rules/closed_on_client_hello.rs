//! The server closes on the ClientHello, without an alert.
//!
//! ## What it means
//! The ClientHello arrived, and the server's only answer is to close. Something in it, or before it, is not to the
//! server's liking, or there is no TLS behind this port.
//!
//! ## On the wire
//! A ClientHello, its acknowledgment, then a FIN or a reset of the server; no byte of it, no alert. OpenSSL clients answer
//! a bare FIN with the alert decode_error: that is an echo and no cause.
//!
//! ## Likely causes
//! 1. The listener speaks no TLS: it reads the ClientHello as a malformed packet and closes.
//! 2. The server wants a name (SNI) that it knows, or ALPN, and closes without saying so.
//! 3. A load balancer has no healthy broker behind it, or a limit of connections is reached.
//! 4. The broker failed to load its certificate or key, or is out of memory.
//!
//! ### AWS IoT Core
//! 1. No SNI, or one that is not an endpoint of this region.
//!
//! ## What to do
//! * Look into the broker's log at this time; mosquitto names the reason there.
//! * Try with and without name: `openssl s_client -connect HOST:8883 -servername HOST`.
//!
//! ## References
//! * RFC 8446, 6 (a server that refuses should send an alert)

use super::no_sni;
use crate::diagnosis::handshake::{Sign, Stage, shown};
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["other-alert"],
    ..Rule::new("closed-on-client-hello", "TLS012", include_str!("closed_on_client_hello.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let (tls, tcp) = (case.tls()?, &case.record.tcp);
    let hello_at = tls.client_hello_at?;
    let (by, at, how) = case.first_close()?;
    let waited = at.at.since(hello_at.at);
    // What is acknowledged behind the FIN came too late to be judged.
    let acked = tcp.server.fin.filter(|fin| fin.at == at).map_or(tcp.client.highest_acked, |fin| fin.acks);
    let heard = acked > 1 && at >= hello_at;
    let silent = tcp.server.payload_bytes == 0 && tcp.server.missed_bytes == 0;
    if by != Side::Server
        || !heard
        || !silent
        || waited >= case.thresholds.server_silent
        || !case.sees_both_sides_from_the_start()
    {
        return None;
    }
    let refusal = case.refusal().filter(|refusal| refusal.stage == Stage::Hello && refusal.sign == Sign::Close(how))?;
    if no_sni::explains_better(case, &refusal) {
        return None;
    }
    let message = format!(
        "the server closed ({}, frame {}) {} after the ClientHello, without an alert",
        how.name().to_uppercase(),
        at.frame,
        shown(waited)
    );
    let nameless = case.hello()?.server_name.is_none().then(|| "the ClientHello names no server (SNI)".to_owned());
    let finding = Finding::proven(at, message).with_frame(hello_at).rests_on_absence();
    Some(finding.because("the server acknowledged the ClientHello and sent no byte").because_of(nameless))
}
