//! In the middle of the connection nothing comes back any more.
//!
//! ## What it means
//! One side sends the same bytes again and again, and not one packet of the other side answers. Neither has closed: the
//! path between them is gone, or the other host is.
//!
//! ## On the wire
//! Retransmissions with growing gaps that nobody acknowledges, or keep-alives without an answer. Mostly no frame of the
//! other side comes any more; where only one direction is dead it is still heard, and acknowledges nothing.
//!
//! ## Likely causes
//! 1. The link is down: radio out of range, cable unplugged, modem connecting again.
//! 2. A NAT or a load balancer forgot the connection and drops its packets without a word.
//! 3. The client's address changed; its old connection leads nowhere.
//! 4. The other host lost power or froze.
//!
//! ## What to do
//! * Find out at that time whether other connections over the same link went on.
//! * Let the client give up sooner: a shorter MQTT keep-alive, TCP_USER_TIMEOUT.
//! * Where it happens after a silence, set the keep-alive below that silence.
//!
//! ## References
//! * RFC 6298, 5; RFC 9293, 3.8.3 (connection failures); RFC 5482 (user timeout)

use crate::diagnosis::reading::{count, span};
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    supersedes: &[
        "packet-loss",
        "pingresp-missing",
        "server-silent",
        "connack-missing",
        "puback-missing",
        "server-silent-in-handshake",
        "server-flight-incomplete",
        "client-gave-up",
        "client-aborted",
        "capture-ended-first",
    ],
    ..Rule::new("path-died", "TCP012", include_str!("path_died.rs"), check)
};

/// A silence of this length may have run out an idle timer on the path; shorter ones are rare.
const LONG_SILENCE: Duration = Duration::from_secs(30);

fn check(case: &Case<'_>) -> Option<Finding> {
    if case.record.tcp.one_sided.is_some() {
        return None;
    }
    Side::BOTH.into_iter().find_map(|side| data_unanswered(case, side).or_else(|| keep_alives_unanswered(case, side)))
}

fn data_unanswered(case: &Case<'_>, side: Side) -> Option<Finding> {
    let (facts, peer) = (case.side(side), case.side(side.peer()));
    let in_flight = facts.in_flight.filter(|in_flight| in_flight.resent >= case.thresholds.unanswered_resends)?;
    // What was never answered at all is no path that died: the rules of the handshake tell about that.
    let worked_before = facts.highest_acked > 1 && (peer.stream_bytes() > 0 || side == Side::Server);
    let closed = case.record.timeline.closed;
    let was_closing = closed.is_some_and(|closed| closed.at <= in_flight.first_sent);
    let refused = Side::BOTH.into_iter().any(|side| case.side(side).zero_windows.since.is_some())
        || case.closing_reset().is_some_and(|(by, _)| by == side.peer());
    if !worked_before || was_closing || refused {
        return None;
    }
    let sent = format!(
        "the {side} sent {} {} times in {}",
        count(in_flight.bytes, "byte"),
        in_flight.resent + 1,
        span(in_flight.last_sent.at.since(in_flight.first_sent.at)),
    );
    let on_its_way = in_flight.first_sent.at + case.round_trip();
    let heard = peer.last_frame.is_some_and(|last| last.at > on_its_way);
    let message = if heard {
        format!("nothing of the {side} arrives any more: {sent} and none of it was acknowledged")
    } else {
        format!("nothing came from the {} any more: {sent} without an answer", side.peer())
    };
    let finding = Finding::likely(in_flight.first_sent, message)
        .with_frame(in_flight.last_sent)
        .because_of(heard.then(|| format!("the {} is still heard: one direction is dead", side.peer())));
    Some(told(finding, case, side).stopped_in(case.phase_at(in_flight.first_sent)))
}

fn keep_alives_unanswered(case: &Case<'_>, side: Side) -> Option<Finding> {
    let keep_alives = case.side(side).keep_alives;
    let last = keep_alives.last.filter(|_| keep_alives.unanswered >= case.thresholds.unanswered_resends)?;
    let heard = case.side(side.peer()).last_frame?;
    let closed_before = case.record.timeline.closed.is_some_and(|closed| closed.at <= heard);
    if closed_before || case.side(side.peer()).zero_windows.since.is_some() || heard >= last {
        return None;
    }
    let message = format!(
        "nothing came from the {} any more: {} keep-alives of the {side} in a row have no answer",
        side.peer(),
        keep_alives.unanswered
    );
    Some(told(Finding::likely(last, message), case, side))
}

fn told(finding: Finding, case: &Case<'_>, side: Side) -> Finding {
    let heard = case.side(side.peer()).last_frame;
    let pause = case.record.tcp.pause.filter(|pause| pause.by == side && pause.length() >= LONG_SILENCE);
    let finding = finding
        .with_frame(heard)
        .because_of(heard.map(|heard| format!("the last frame of the {} is {}", side.peer(), heard.frame)))
        .because_of(case.record.unreachable.as_ref().map(|error| format!("{} reports: {error}", error.sender)))
        .rests_on_absence()
        .stopped_in(case.phase());
    match pause.filter(|pause| heard.is_some_and(|heard| heard <= pause.began)) {
        Some(pause) => finding
            .because(format!("it began after {} of silence", span(pause.length())))
            .probably("A NAT or load balancer dropped the idle connection from its table and answers nothing."),
        None => finding,
    }
}
