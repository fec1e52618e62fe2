//! An ICMP error says that the connection's packets do not get through.
//!
//! ## What it means
//! A router, a firewall or the host itself reports that it could not, or would not, deliver a packet of the handshake.
//!
//! ## On the wire
//! An ICMP error (destination unreachable, time exceeded) that quotes a SYN or SYN-ACK of this connection; the handshake is
//! never completed. The sender of the error says where the way ends, its code why.
//!
//! ## Likely causes
//! 1. A firewall rejects the connection on purpose (administratively prohibited, port unreachable).
//! 2. The host does not exist or is off (host unreachable, from the last router before it).
//! 3. A router has no route there, or the route is a loop (net unreachable, time exceeded).
//!
//! ## What to do
//! * Ask whoever runs the sender of the error: the report names its address.
//! * Check the address and the port of the broker.
//! * Trace the way with TCP to this very port: `tcptraceroute SERVER 8883`.
//!
//! ### AWS IoT Core
//! * Where only 443 is let out, use port 443 with the ALPN protocol `x-amzn-mqtt-ca`.
//!
//! ## References
//! * RFC 792; RFC 4443, 3; RFC 1812, 5.2.7.1 (codes of refusal)
//! * RFC 9293, 3.9.2.2 (what TCP does with it)

use crate::decode::IcmpMessage;
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::stream::Moment;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TcpHandshake),
    supersedes: &["syn-unanswered", "syn-ack-unanswered"],
    ..Rule::new("icmp-unreachable", "TCP003", include_str!("icmp_unreachable.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let error = record.unreachable.as_ref().filter(|error| !error.message.is_too_big())?;
    // An error that a working handshake follows stopped nothing.
    if record.tcp.established.is_some() || record.tcp.midstream {
        return None;
    }
    let side = if error.quoted_source == record.endpoints.client { Side::Client } else { Side::Server };
    if side == Side::Client && record.tcp.server.syns.count > 0 {
        return None;
    }
    let packet = if side == Side::Client { "SYN" } else { "SYN-ACK" };
    let by_itself = error.sender == record.endpoints[side.peer()].address;
    let who =
        if by_itself { format!("the {} itself ({})", side.peer(), error.sender) } else { error.sender.to_string() };
    let message = format!("{who} says that the {side}'s {packet} cannot be delivered: {error} (frame {})", error.frame);
    let finding = Finding::proven(Moment::new(error.at, error.frame), message)
        .with_frame(record.tcp.side(side).syns.first)
        .because(format!("the ICMP error quotes the {packet} with sequence number {}", error.quoted_seq));
    Some(match cause(error.message) {
        Some(cause) => finding.probably(cause),
        None => finding,
    })
}

/// What the code says about the cause (RFC 792, RFC 1812 5.2.7.1, RFC 4443 3.1).
const fn cause(message: IcmpMessage) -> Option<&'static str> {
    match message {
        IcmpMessage::V4 { kind: 3, code: 9 | 10 | 13 } | IcmpMessage::V6 { kind: 1, code: 1 | 5 | 6 } => {
            Some("A firewall at the sender of the error rejects the connection on purpose.")
        }
        IcmpMessage::V4 { kind: 3, code: 3 } | IcmpMessage::V6 { kind: 1, code: 4 } => {
            Some("A firewall at the sender of the error rejects the port (iptables' REJECT answers like this).")
        }
        IcmpMessage::V4 { kind: 3, code: 1 } | IcmpMessage::V6 { kind: 1, code: 3 } => {
            Some("The host is off or does not exist: the last router before it finds nobody.")
        }
        IcmpMessage::V4 { kind: 3, code: 0 } | IcmpMessage::V6 { kind: 1, code: 0 } => {
            Some("The sender of the error has no route to that network.")
        }
        IcmpMessage::V4 { kind: 11, .. } | IcmpMessage::V6 { kind: 3, .. } => {
            Some("The route to the host is a loop: the packet went round until its time to live was used up.")
        }
        _ => None,
    }
}
