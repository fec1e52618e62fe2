//! Something on the path resets the connection.
//!
//! ## What it means
//! The reset carries the address of one side, and that side cannot have sent it: it came sooner than the side could have
//! known what it answers, or over another number of hops than all its other packets.
//!
//! ## On the wire
//! A reset, often right after the ClientHello, far sooner than the round trip of the handshake, or with another time to
//! live. The real server's answer may still come behind it, and then the client answers that with resets of its own.
//!
//! ## Likely causes
//! 1. A firewall or inspection device that does not allow this server name, port or protocol.
//! 2. A proxy that is required for outgoing connections.
//! 3. A NAT or load balancer that no longer knows the connection.
//!
//! ## What to do
//! * Try from another network: a phone's hotspot tells at once whether the network is to blame.
//! * Have name and port of the broker allowed on the device that inspects traffic.
//! * Try another server name against the same address: if that passes, the device goes by name.
//!
//! ### AWS IoT Core
//! * Use port 443 with the ALPN protocol `x-amzn-mqtt-ca` where only web traffic is let out.
//!
//! ## References
//! * RFC 9293, 3.10.7; RFC 5961, 3; Weaver, Sommer, Paxson, "Detecting Forged TCP Reset Packets" (NDSS 2009)

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule};
use crate::event::By;
use crate::net::Side;
use crate::tcp;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    supersedes: &[
        "closed-on-client-hello",
        "accept-then-close",
        "large-client-hello-dropped",
        "client-hello-lost",
        "server-aborted",
        "client-aborted",
        "closed-on-connect",
        "closed-on-publish",
        "closed-on-subscribe",
        "client-gave-up",
    ],
    ..Rule::new("on-path-reset", "TCP010", include_str!("on_path_reset.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    record.timeline.closed.filter(|closed| closed.by == By::Path)?;
    let (side, reset) = case.closing_reset()?;
    let confidence = record.forged_reset(side)?;
    let tcp = &record.tcp;
    let since = reset.since_unacked.or(reset.since_peer).map(span).unwrap_or_default();
    let message = format!("something on the path reset the connection in the {side}'s name (frame {})", reset.at.frame);
    let headline = format!("{message}, {since} after the {}'s data", side.peer());
    let went_on = tcp.side(side).last_data.filter(|said| *said > reset.at);
    let finding = Finding::new(confidence, reset.at, message)
        .with_frame(went_on)
        .because_of(soon(side, &reset, tcp))
        .because_of(other_ttl(side, &reset, tcp))
        .because_of(went_on.map(|said| format!("the real {side} went on after it (frame {})", said.frame)))
        .stopped_in(case.phase_at(reset.at));
    Some(if reset.since_unacked.is_some() { finding.headline(headline) } else { finding })
}

fn soon(side: Side, reset: &tcp::Reset, tcp: &tcp::Facts) -> Option<String> {
    let since = reset.since_unacked?;
    let there_and_back = match side {
        Side::Server => tcp.handshake.to_server,
        Side::Client => tcp.handshake.to_client,
    }?;
    let sooner = since < there_and_back / 2;
    sooner.then(|| {
        format!(
            "it came {} after what it answers; the way to the {side} and back takes {}",
            span(since),
            span(there_and_back)
        )
    })
}

fn other_ttl(side: Side, reset: &tcp::Reset, tcp: &tcp::Facts) -> Option<String> {
    let ttl = tcp.side(side).ttl?;
    (reset.ttl != ttl.first && reset.ttl != ttl.last)
        .then(|| format!("it has TTL {}; the {side}'s other frames have {}", reset.ttl, ttl.last))
}
