//! Nobody answers the SYN.
//!
//! ## What it means
//! The client asks the server for a connection again and again, and nothing comes back: no SYN-ACK, no reset, no ICMP
//! error. The packets are dropped on the way there, or the answers on the way back.
//!
//! ## On the wire
//! The same SYN several times, with growing gaps (1, 2, 4 s …) or every second (Linux since 6.5), and no frame of the
//! server.
//!
//! ## Likely causes
//! 1. A firewall drops outgoing connections to this port; many networks let only 80 and 443 out.
//! 2. The address is wrong, or the host behind it is gone.
//! 3. A security group or host firewall in front of the server drops the client's address.
//! 4. The way back is broken: asymmetric routing, a NAT without room.
//! 5. The capture has only one direction.
//!
//! ### AWS IoT Core
//! 1. The network blocks port 8883; AWS IoT also answers on 443 with ALPN.
//! 2. The endpoint is of another region or account; `describe-endpoint` names the right one.
//!
//! ## What to do
//! * Try from another network: a phone's hotspot tells at once whether the network is to blame.
//! * Trace the way with TCP to this very port: `tcptraceroute SERVER 8883`.
//! * Have port 8883 opened on the way out, or use 443 where the broker offers it.
//!
//! ### AWS IoT Core
//! * Use port 443 with the ALPN protocol `x-amzn-mqtt-ca`.
//!
//! ## References
//! * RFC 9293, 3.8.1 (retransmission), 3.10.7.3 (SYN-SENT)

use crate::connection::Ending;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TcpHandshake),
    ..Rule::new("syn-unanswered", "TCP001", include_str!("syn_unanswered.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let tcp = &case.record.tcp;
    let syns = tcp.client.syns;
    let (first, last) = (syns.first?, syns.last?);
    if tcp.server.frames > 0 || tcp.one_sided.is_some() || case.record.unreachable.is_some() {
        return None;
    }
    // One SYN at the end of the capture may have been answered behind it.
    if syns.count == 1 && case.record.ending == Ending::CaptureEnded {
        return None;
    }
    let waited = case.record.last.at.since(first.at);
    let message = match syns.count {
        1 => "the server did not answer the SYN".to_owned(),
        count => format!("the server answered none of {count} SYNs in {:.1} s", waited.as_secs_f64()),
    };
    // One SYN may have been answered behind the end of the capture; two say that the client has waited a second. That
    // the answers did not pass the capture is never proof that there were none.
    let confidence = if syns.count > 1 { Confidence::Likely } else { Confidence::Possible };
    let finding = Finding::new(confidence, first, message)
        .with_frame((last != first).then_some(last))
        .rests_on_absence()
        .because(format!(
            "{} SYN{} of the client, no frame of the server",
            syns.count,
            if syns.count == 1 { "" } else { "s" }
        ));
    Some(finding.or_else("the capture has but one direction"))
}
