//! After a silence, the path has forgotten the connection.
//!
//! ## What it means
//! Nothing was sent for a while, and the next packet was answered by a reset: a NAT, a firewall or a load balancer on the
//! path had dropped the idle connection from its table.
//!
//! ## On the wire
//! A session at work, a silence, data of one side, and at once a reset without an acknowledgment in the other side's name:
//! the answer of somebody who does not know the connection.
//!
//! ## Likely causes
//! 1. A load balancer's idle timer (350 s at AWS network load balancers, 4 min at Azure's).
//! 2. A NAT's idle timer, often shorter in mobile networks.
//! 3. A stateful firewall that drops idle connections.
//! 4. The server was started again meanwhile and does not know the connection.
//!
//! ## What to do
//! * Set the MQTT keep-alive below the silence that the report names.
//! * Or raise the idle timer of the device on the path, or turn on TCP keep-alives below it.
//!
//! ### AWS IoT Core
//! * The keep-alive may be up to 1,200 s, but a NAT gateway on the way drops idle connections after 350 s: stay below that.
//!
//! ## References
//! * RFC 5382, 5 (NAT timers); RFC 9293, 3.5.2 and 3.8.4; MQTT 3.1.1, 3.1.2.10 (keep-alive)

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    supersedes: &["on-path-reset", "server-aborted", "client-aborted", "closed-on-publish", "closed-on-subscribe"],
    ..Rule::new("idle-timeout-reset", "TCP011", include_str!("idle_timeout_reset.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let record = case.record;
    let (side, reset) = case.closing_reset()?;
    let pause = record.tcp.pause.filter(|pause| pause.by == side.peer() && pause.ended <= reset.at)?;
    let answered = reset.at.at.since(pause.ended.at);
    // What the reset answers is what ended the silence; a keep-alive carries nothing new to be acknowledged.
    let answers_it = reset.since_unacked.or(reset.since_peer) == Some(answered);
    let forged = record.forged_reset(side);
    if pause.length() < case.thresholds.idle || !answers_it || !case.session_was_seen() {
        return None;
    }
    if forged.is_none() && (reset.ack.is_some() || answered > case.at_once()) {
        return None;
    }
    let silence = span(pause.length());
    let message = format!(
        "after {silence} of silence the {}'s next packet was answered by a reset (frame {}), {} later",
        pause.by,
        reset.at.frame,
        span(answered)
    );
    let finding = Finding::new(forged.unwrap_or(Confidence::Likely), reset.at, message)
        .with_frames([pause.began, pause.ended])
        .because(format!("nothing was sent between frames {} and {}", pause.began.frame, pause.ended.frame))
        .because_of(
            reset
                .ack
                .is_none()
                .then(|| "the reset acknowledges nothing: its sender does not know the connection".to_owned()),
        )
        .stopped_in(case.phase());
    Some(match forged {
        Some(_) => {
            finding.because(format!("the reset cannot be the {side}'s own: it came too soon or over another way"))
        }
        None => finding.or_else(format!("the {side} was started again meanwhile and does not know the connection")),
    })
}
