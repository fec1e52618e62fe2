//! Nobody answers the SYN-ACK.
//!
//! ## What it means
//! The server answers the SYN, and the handshake's last acknowledgment never comes: the SYN-ACK is lost on the way to the
//! client, or the acknowledgment on the way back.
//!
//! ## On the wire
//! SYN, SYN-ACK, and the SYN-ACK again and again; often the SYN again as well. No acknowledgment, no data, no reset.
//!
//! ## Likely causes
//! 1. Packets to the client take another way than packets from it (asymmetric routing), and a stateful firewall there
//!    drops a SYN-ACK without its SYN.
//! 2. The client's address is not the one that its packets carry: a spoofed source, a NAT rule for one direction only.
//! 3. The client is gone: it lost its network right after the SYN.
//! 4. The client's own firewall drops the answer.
//!
//! ## What to do
//! * Capture at both ends at the same time: where the SYN-ACK is last seen is the place that drops it.
//! * Compare the routes of both directions, and look at the stateful firewalls on them.
//!
//! ## References
//! * RFC 9293, 3.10.7.4 (SYN-RECEIVED)

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TcpHandshake),
    ..Rule::new("syn-ack-unanswered", "TCP004", include_str!("syn_ack_unanswered.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let tcp = &case.record.tcp;
    let (client, server) = (&tcp.client, &tcp.server);
    let (first, last) = (server.syns.first?, server.syns.last?);
    let answered = client.last_ack.is_some() || client.payload_bytes > 0 || client.fin.is_some() || client.resets > 0;
    if tcp.established.is_some() || answered || server.resets > 0 || tcp.one_sided.is_some() {
        return None;
    }
    if server.syns.count < 2 && client.syns.last.is_none_or(|again| again < first) {
        return None;
    }
    let waited = case.watched_since(first);
    let message = match server.syns.count {
        1 => format!("the client did not acknowledge the SYN-ACK and sent its SYN again, {} later", span(waited)),
        count => format!("the client acknowledged none of {count} SYN-ACKs in {}", span(waited)),
    };
    let confidence = if server.syns.count > 2 { Confidence::Proven } else { Confidence::Likely };
    Some(
        Finding::new(confidence, first, message)
            .with_frame((last != first).then_some(last))
            .rests_on_absence()
            .because(format!("{} SYNs of the client, {} SYN-ACKs of the server", client.syns.count, server.syns.count))
            .because("no acknowledgment, no reset and no data of the client"),
    )
}
