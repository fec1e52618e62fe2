//! A ClientHello of more than one segment does not get through.
//!
//! ## What it means
//! With a post-quantum key share today's ClientHello has 1.5 kB and more, and spans two segments. Some boxes on the path
//! read the first segment only, or lose the second, and the server never sees the whole.
//!
//! ## On the wire
//! A ClientHello that is longer than a segment, resent and not acknowledged, or answered by a reset. A smaller one of
//! the same host passes.
//!
//! ## Likely causes
//! 1. A firewall or balancer that expects the whole ClientHello in one segment.
//! 2. A path whose largest packet is smaller than both hosts believe, and that tells nobody.
//!
//! ## What to do
//! * Try without the post-quantum group: `openssl s_client -groups X25519:P-256 -connect HOST:8883`.
//! * Update the box; lower the MTU of the interface for a test: `ip link set dev DEV mtu 1300`.
//!
//! ## References
//! * RFC 8446, 4.1.2; draft-ietf-tls-ecdhe-mlkem (X25519MLKEM768: a key share of 1,216 bytes)
//! * <https://tldr.fail>

use super::client_hello_lost::resent;
use crate::diagnosis::handshake::Stage;
use crate::diagnosis::{Case, Finding, Rule};
use crate::event::By;
use crate::timeline::{CloseHow, Phase};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    ..Rule::new("large-client-hello-dropped", "TLS011", include_str!("large_client_hello_dropped.rs"), check)
};

/// The payload of a segment on Ethernet, for hosts that name none.
const USUAL_MSS: u16 = 1460;
/// The header of a record.
const RECORD_HEADER: u32 = 5;

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    let (hello, at) = (case.hello()?, tls.client_hello_at?);
    let reset = case.record.timeline.closed.filter(|closed| {
        closed.how == Some(CloseHow::Rst) && closed.by != By::Client && case.record.tcp.server.payload_bytes == 0
    });
    let is_reset = reset.is_some() && case.refusal().is_none_or(|refusal| refusal.stage == Stage::Hello);
    if !is_large(case) || !(resent(case).is_some() || is_reset) || tls.server_hello.is_some() {
        return None;
    }
    let message =
        format!("the ClientHello spans segments ({} bytes) and may not have passed the path whole", hello.length);
    let finding = Finding::possible(at, message).with_frame(reset.map(|reset| reset.at)).rests_on_absence();
    Some(finding.or_else("the path drops or refuses any ClientHello, or the server does"))
}

/// Whether the ClientHello is longer than a segment may be.
pub(super) fn is_large(case: &Case<'_>) -> bool {
    let tcp = &case.record.tcp;
    let mss = [tcp.client.syn, tcp.server.syn].into_iter().filter_map(|syn| syn?.mss).min().unwrap_or(USUAL_MSS);
    case.hello().is_some_and(|hello| hello.length.saturating_add(RECORD_HEADER) > u32::from(mss))
}
