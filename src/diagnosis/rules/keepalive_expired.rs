//! The client was silent for longer than its keep-alive allows.
//!
//! ## What it means
//! In its CONNECT the client promised to say something at least once in a keep-alive period. It did not, and the broker
//! closed the connection and sent the client's will.
//!
//! ## On the wire
//! The client's last record, silence, and the server's close after 1.5 times the keep-alive or somewhat later (brokers look
//! only now and then; mosquitto took 10.75 s for a keep-alive of 5 s). MQTT 5.0: DISCONNECT with reason 0x8d.
//!
//! ## Likely causes
//! 1. The client's loop does not run: it is busy, blocked or asleep, and sends no pings.
//! 2. The client pings too late: the period is counted from the wrong packet.
//! 3. A device that sleeps for longer than its keep-alive.
//!
//! ## What to do
//! * Call the library's loop often enough, or give it a thread of its own.
//! * Ask for a longer keep-alive, or disconnect before sleeping.
//!
//! ## References
//! * MQTT 3.1.1, 3.1.2.10; MQTT 5.0, 3.1.2.10

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::evidence::Confidence;
use crate::mqtt::{PacketType, ReasonCode};
use crate::net::Side;
use crate::timeline::Phase;
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::MqttSession),
    supersedes: &["server-closed", "server-aborted"],
    ..Rule::new("keepalive-expired", "MQT011", include_str!("keepalive_expired.rs"), check)
};

/// How often brokers look, at most.
const LOOKS: Duration = Duration::from_secs(6);

/// The shortest keep-alive in use is five seconds; one and a half of it.
const SHORTEST: Duration = Duration::from_millis(7_500);

fn check(case: &Case<'_>) -> Option<Finding> {
    let mqtt = case.mqtt()?;
    let closed = case.server_closed().filter(|_| case.was_connected())?;
    let entries = case.entries_before(Some(closed.at));
    let last = entries.iter().rfind(|entry| entry.by == Side::Client)?;
    let silence = closed.at.at.since(last.at.at);
    let message = format!(
        "the client said nothing for {} (since frame {}), then the server closed (frame {})",
        span(silence),
        last.at.frame,
        closed.at.frame
    );
    if let Some((reason, at)) = case.server_reason() {
        let says = format!("DISCONNECT says {}", reason.shown_in(PacketType::DISCONNECT));
        let is_said = reason == ReasonCode::KEEP_ALIVE_TIMEOUT;
        return is_said.then(|| Finding::proven(at, message).with_frame(last.at).because(says));
    }
    let is_whole =
        mqtt.gaps.client == 0 && case.record.tcp.client.missed_bytes == 0 && case.record.tcp.one_sided.is_none();
    if !is_whole {
        return None;
    }
    let finding =
        |confidence| Finding::new(confidence, closed.at, message.clone()).with_frame(last.at).rests_on_absence();
    if let Some(seconds) = mqtt.keep_alive() {
        let keep_alive = Duration::from_secs(u64::from(seconds));
        return (seconds > 0 && fits(silence, keep_alive, case)).then(|| {
            let times = silence.as_secs_f64() / keep_alive.as_secs_f64();
            finding(Confidence::Likely)
                .because(format!("the keep-alive is {seconds} s; the silence is {times:.2} times that"))
        });
    }
    // The client's own rhythm tells how long it used to be silent.
    if let Some(interval) = mqtt.pings.intervals.max() {
        return fits(silence, interval, case).then(|| {
            let fact = format!("the client used to ping every {}", span(interval));
            finding(Confidence::Likely).because(fact).or_else("the server closed for a reason of its own")
        });
    }
    let spoken: Vec<_> = entries.iter().filter(|entry| entry.by == Side::Client).collect();
    let longest = spoken.windows(2).map(|pair| pair[1].at.at.since(pair[0].at.at)).max().unwrap_or_default();
    if silence < SHORTEST || silence < longest * 3 / 2 || mqtt.pings.sent > 0 {
        return None;
    }
    let finding = finding(Confidence::Possible).or_else("the server closed an idle session for a reason of its own");
    let exact = USUAL.into_iter().find(|seconds| {
        let due = Duration::from_millis(seconds * 1500);
        silence.abs_diff(due) <= due / 100 + case.round_trip()
    });
    Some(match exact {
        Some(seconds) => finding.because(format!("the silence is 1.5 times {seconds} s, a usual keep-alive")),
        // A broker that looks now and then closes later: nearly any keep-alive fits.
        None => finding
            .as_severe_as(Severity::Warning)
            .because(format!("the longest keep-alive that fits is {}", span(silence * 2 / 3))),
    })
}

/// Usual keep-alives, in seconds.
const USUAL: [u64; 14] = [5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 1200];

/// Whether a close after such a silence fits this keep-alive: from 1.5 times to about 2.5 times.
fn fits(silence: Duration, keep_alive: Duration, case: &Case<'_>) -> bool {
    let least = keep_alive * 3 / 2;
    // A timer may run out a little early as seen from here, where the client's last word was late.
    let early = keep_alive / 50 + case.round_trip();
    silence + early >= least && silence <= keep_alive * 5 / 2 + LOOKS + case.round_trip()
}
