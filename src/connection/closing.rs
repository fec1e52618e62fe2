//! Who closed a connection, and how: the sender of the first sign of it, unless something on the path forged that sign.

use crate::decode::IcmpError;
use crate::event::By;
use crate::evidence::{Basis, Confidence};
use crate::net::Side;
use crate::stream::Moment;
use crate::timeline::{CloseHow, Closed};
use crate::{mqtt, tcp, tls};
use std::time::Duration;

/// A time to live that differs by more than this from the sender's other frames was set by somebody else: routes
/// change by a hop or two.
const HOPS: u8 = 3;

/// Below this the far end may be as near as the capture, and times tell nothing.
const SHORTEST_ROUND_TRIP: Duration = Duration::from_millis(1);

/// A farewell and the FIN or reset behind it lie no farther apart, beyond two round trips.
const FAREWELL: Duration = Duration::from_secs(1);

/// The first sign of closing; none while the connection is open.
pub(super) fn closed(
    tcp: &tcp::Facts,
    tls: Option<&tls::Facts>,
    mqtt: Option<&mqtt::Facts>,
    unreachable: Option<&IcmpError>,
) -> Option<Closed> {
    let mut signs = Signs::default();
    for side in Side::BOTH {
        add_signs_of(side, tcp, tls, mqtt, &mut signs);
    }
    if let Some(error) = unreachable.filter(|_| tcp.established.is_none()) {
        signs.add(Moment::new(error.at, error.frame), By::Path, Mark::Unreachable, Basis::Observed);
    }
    let first = signs.first?;
    // An error that is followed by a working handshake closed nothing; one that ended the attempt did.
    let how = match first.what {
        Mark::FatalAlert => Some(CloseHow::Alert),
        Mark::Unreachable => None,
        _ => how_tcp_ended(tcp, first.by),
    };
    Some(Closed { by: first.by, how, at: first.at, basis: first.basis })
}

/// The signs of closing, of which the first one counts.
#[derive(Default)]
struct Signs {
    first: Option<Sign>,
}

impl Signs {
    fn add(&mut self, at: Moment, by: By, what: Mark, basis: Basis) {
        if self.first.as_ref().is_none_or(|first| (at, what) < (first.at, first.what)) {
            self.first = Some(Sign { at, by, what, basis });
        }
    }
}

/// A sign that somebody closes.
struct Sign {
    at: Moment,
    by: By,
    what: Mark,
    basis: Basis,
}

/// What the sign was; where one frame holds several, the first of these counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Disconnect,
    FatalAlert,
    CloseNotify,
    Fin,
    Reset,
    Unreachable,
}

fn add_signs_of(side: Side, tcp: &tcp::Facts, tls: Option<&tls::Facts>, mqtt: Option<&mqtt::Facts>, signs: &mut Signs) {
    let facts = tcp.side(side);
    // A record of two bytes is as well a ping, unless its sender then closes.
    let ended = ended(side, tcp, tls);
    let soon = FAREWELL + tcp.handshake.round_trip().unwrap_or_default() * 2;
    let is_prompt = |at: Moment| ended.is_some_and(|ended| ended.at.since(at.at) <= soon);
    let counts = |at: Moment, basis: Basis| basis.is_observed() || is_prompt(at);
    // In the handshake nothing but an alert is so short.
    let in_session = |at: Moment| mqtt.and_then(|mqtt| mqtt.connack_at).is_some_and(|connected| connected < at);
    if let Some(mark) = mqtt.and_then(|mqtt| mqtt.disconnect[side]).filter(|mark| counts(mark.at, mark.basis)) {
        signs.add(mark.at, side.into(), Mark::Disconnect, mark.basis);
    }
    for seen in tls.into_iter().flat_map(|tls| &tls.alerts).filter(|seen| seen.by == side) {
        match seen.alert {
            Some(alert) if alert.is_fatal() => signs.add(seen.at, side.into(), Mark::FatalAlert, seen.basis),
            Some(_) => {}
            None if in_session(seen.at) && !counts(seen.at, seen.basis) => {}
            // What an encrypted alert says is not known; hardly any but closing ones are ever sent.
            None => signs.add(seen.at, side.into(), Mark::CloseNotify, seen.basis),
        }
    }
    if let Some(mark) = tls.and_then(|tls| tls.close_notify[side]).filter(|mark| counts(mark.at, mark.basis)) {
        signs.add(mark.at, side.into(), Mark::CloseNotify, mark.basis);
    }
    if let Some(fin) = facts.fin {
        signs.add(fin.at, side.into(), Mark::Fin, Basis::Observed);
    }
    if let Some(reset) = facts.reset.filter(tcp::Reset::closes) {
        match forgery(side, &reset, tcp) {
            Some(confidence) => signs.add(reset.at, By::Path, Mark::Reset, Basis::Inferred(confidence)),
            None => signs.add(reset.at, side.into(), Mark::Reset, Basis::Observed),
        }
    }
}

/// When a side was done: its FIN or reset, or what it said in answer to the other's FIN, if a reset then left it no room for more.
fn ended(side: Side, tcp: &tcp::Facts, tls: Option<&tls::Facts>) -> Option<Moment> {
    let facts = tcp.side(side);
    let by_tcp =
        facts.fin.map(|fin| fin.at).into_iter().chain(facts.reset.filter(tcp::Reset::closes).map(|reset| reset.at));
    let peer_fin = tcp.side(side.peer()).fin.map(|fin| fin.at);
    let answer = tls
        .and_then(|tls| tls.close_notify[side])
        .map(|mark| mark.at)
        .filter(|at| peer_fin.is_some_and(|fin| fin < *at));
    by_tcp.chain(answer).min()
}

/// Whether something on the path sent this reset in the side's name: it came sooner than the side could have known what
/// it answers, or with another time to live than its frames have.
pub(super) fn forgery(side: Side, reset: &tcp::Reset, tcp: &tcp::Facts) -> Option<Confidence> {
    let facts = tcp.side(side);
    let other_ttl = facts.ttl.is_some_and(|ttl| reset.ttl.abs_diff(ttl.first).min(reset.ttl.abs_diff(ttl.last)) > HOPS);
    let handshake = match side {
        Side::Server => tcp.handshake.to_server,
        Side::Client => tcp.handshake.to_client,
    };
    // The first round trip may have waited for a radio to wake up.
    let shortest = tcp.side(side.peer()).round_trip.map_or(Duration::MAX, |round_trip| round_trip.min);
    let too_soon = handshake
        .map(|round_trip| round_trip.min(shortest))
        .filter(|round_trip| *round_trip >= SHORTEST_ROUND_TRIP)
        .zip(reset.since_unacked.filter(|_| answers_the_unacked(reset)))
        .is_some_and(|(round_trip, since)| since < round_trip / 2);
    (other_ttl || too_soon).then_some(Confidence::Likely)
}

/// Whether the reset answers what the other side has sent and nobody had acknowledged, so that the time since then must
/// be a round trip.
///
/// A living socket resets whenever it likes and acknowledges what it had (RFC 9293, 3.10.7: RST with ACK), so only one that
/// acknowledges more is an answer. One without an acknowledgment is always the answer to a segment (3.5.2).
fn answers_the_unacked(reset: &tcp::Reset) -> bool {
    reset.ack.is_none() || reset.acks_more
}

/// FIN or RST, whichever that side sent first.
fn how_tcp_ended(tcp: &tcp::Facts, by: By) -> Option<CloseHow> {
    let Some(side) = by.side() else { return Some(CloseHow::Rst) };
    let facts = tcp.side(side);
    let fin = facts.fin.map(|fin| fin.at);
    let reset = facts.reset.filter(tcp::Reset::closes).map(|reset| reset.at);
    match (fin, reset) {
        (Some(fin), Some(reset)) if reset < fin => Some(CloseHow::Rst),
        (Some(_), _) => Some(CloseHow::Fin),
        (None, Some(_)) => Some(CloseHow::Rst),
        (None, None) => None,
    }
}
