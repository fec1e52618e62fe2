//! Holds connections against expectations, one by one, and says in the end what came of each.

use super::file::{Count, Expectations, Wanted, Wish};
use crate::diagnosis::Stretch;
use crate::report::model::{
    Connection, Event, Expectation, FrameList, FrameRef, Layer, Mismatch, Outcome, PhaseName, PhaseOutcome, Timings,
};
use crate::report::{phrases, units};
use std::collections::BTreeSet;
use std::time::Duration;

/// Mismatches that are kept of one expectation.
const KEPT: usize = 10;
/// Names of servers that are remembered, to say which there were.
const NAMES: usize = 8;

/// Who holds connections against expectations.
#[derive(Debug)]
pub struct Judge {
    expectations: Expectations,
    tallies: Vec<Tally>,
    others: Tally,
    seen: Seen,
}

/// What came of one expectation so far.
#[derive(Clone, Debug, Default)]
struct Tally {
    connections: u64,
    mismatches: Vec<Mismatch>,
    more: u64,
}

/// What there was, to tell somebody whose expectation found nothing.
#[derive(Debug, Default)]
struct Seen {
    connections: u64,
    without_client_id: u64,
    names: BTreeSet<String>,
}

impl Judge {
    pub(super) fn new(expectations: Expectations) -> Self {
        let tallies = vec![Tally::default(); expectations.wanted.len()];
        Self { expectations, tallies, others: Tally::default(), seen: Seen::default() }
    }

    /// Looks at a connection whose verdict is final.
    pub fn see(&mut self, connection: &Connection) {
        self.seen.note(connection);
        let mut is_expected = false;
        for (wanted, tally) in self.expectations.wanted.iter().zip(&mut self.tallies) {
            if wanted.selection.takes(connection) {
                is_expected = true;
                tally.connections += 1;
                mismatches(wanted, connection, tally);
            }
        }
        if !is_expected {
            self.others.connections += 1;
            if connection.outcome == Outcome::Failed {
                self.others.add(connection, &failed(connection), of_cause(connection));
            }
        }
    }

    /// What came of all of them, in the order of the file.
    #[must_use]
    pub fn finish(self) -> Vec<Expectation> {
        let Self { expectations: Expectations { wanted, no_other_failures }, tallies, others, seen } = self;
        let judged = wanted.iter().zip(tallies).map(|(wanted, mut tally)| {
            if let Some(message) = wrong_number(wanted, &tally, &seen) {
                tally.mismatches.insert(0, Mismatch { connection: None, message, frames: FrameList::default() });
            }
            tally.judged(wanted.name(), wanted.in_words())
        });
        let others = no_other_failures
            .then(|| others.judged("no other failures".to_owned(), "no other connection fails".to_owned()));
        judged.chain(others).collect()
    }
}

impl Tally {
    fn add(&mut self, connection: &Connection, what: &str, frames: FrameList) {
        if self.mismatches.len() >= KEPT {
            self.more += 1;
            return;
        }
        let message = format!("connection {} ({}): {what}", connection.id, phrases::ends(connection));
        self.mismatches.push(Mismatch { connection: Some(connection.id.clone()), message, frames });
    }

    fn judged(self, name: String, expected: String) -> Expectation {
        let Self { connections, mismatches, more } = self;
        Expectation { name, expected, met: mismatches.is_empty(), connections, mismatches, more_mismatches: more }
    }
}

impl Seen {
    fn note(&mut self, connection: &Connection) {
        self.connections += 1;
        let client_id = connection.mqtt.as_ref().and_then(|mqtt| mqtt.client_id.as_ref());
        self.without_client_id += u64::from(client_id.is_none());
        if self.names.len() < NAMES {
            self.names.insert(phrases::server(&connection.server));
        }
    }
}

/// A sentence where there are too few or too many.
fn wrong_number(wanted: &Wanted, tally: &Tally, seen: &Seen) -> Option<String> {
    let found = tally.connections;
    let is_right = match wanted.count {
        Count::Exactly(number) => found == number,
        Count::AtLeast(number) => found >= number,
    };
    if is_right {
        return None;
    }
    let among = units::counted(seen.connections, "connection");
    let told = format!("{} ({}) among {among}", units::counted(found, "connection"), wanted.selection);
    let names: Vec<&str> = seen.names.iter().map(String::as_str).collect();
    let servers = (found == 0 && !names.is_empty()).then(|| format!("the servers were {}", names.join(", ")));
    let sealed = (wanted.selection.needs_mqtt() && seen.without_client_id > 0).then(|| {
        let sealed = units::counted(seen.without_client_id, "connection");
        format!("the client id and topics of {sealed} cannot be read (--keylog opens them)")
    });
    Some(std::iter::once(told).chain(servers).chain(sealed).collect::<Vec<_>>().join("; "))
}

/// Notes all that is not as wanted.
fn mismatches(wanted: &Wanted, connection: &Connection, tally: &mut Tally) {
    let result = wrong_result(wanted.result, connection);
    let is_right = result.is_none();
    if let Some(what) = result {
        tally.add(connection, &what, of_cause(connection));
    }
    if let Some((version, told)) = wanted
        .tls
        .as_deref()
        .zip(connection.tls.as_ref())
        .filter(|(version, tls)| tls.version.as_deref() != Some(*version))
    {
        let used = told
            .version
            .as_deref()
            .map_or_else(|| "no TLS version was agreed on".to_owned(), |used| format!("TLS {used}"));
        tally.add(connection, &format!("{used}, not TLS {version}"), of_event(connection, "server_hello"));
    } else if let (Some(version), None) = (&wanted.tls, &connection.tls) {
        tally.add(connection, &format!("no TLS at all, not TLS {version}"), FrameList::default());
    }
    // A connection that stopped has told so; what it did not come to follows from that.
    if !is_right {
        return;
    }
    if let Some(rung) = wanted.reaches.filter(|rung| connection.reached < Some(*rung)) {
        let reached = connection.reached.map_or("nothing", |rung| rung.name());
        let what = format!("reached {reached}, not {rung}: {}", connection.headline);
        tally.add(connection, &what, of_end(connection));
    }
    for (&stretch, &most) in &wanted.within {
        if let Some(what) = too_long(connection, stretch, most) {
            tally.add(connection, &what, of_stretch(connection, stretch));
        }
    }
}

fn wrong_result(wish: Wish, connection: &Connection) -> Option<String> {
    let outcome = connection.outcome;
    match wish {
        Wish::NoFailure if outcome == Outcome::Failed => Some(failed(connection)),
        Wish::NoFailure => None,
        Wish::Outcome(wanted) if outcome == wanted => None,
        Wish::Outcome(wanted) if outcome == Outcome::Failed => Some(format!("{}, not {wanted}", failed(connection))),
        Wish::Outcome(wanted) => Some(format!("{outcome}, not {wanted}: {}", connection.headline)),
        Wish::FailsWith(cause) if outcome != Outcome::Failed => {
            Some(format!("did not fail with {cause}, but is {outcome}: {}", connection.headline))
        }
        Wish::FailsWith(cause) if connection.cause.as_deref() == Some(cause) => None,
        Wish::FailsWith(cause) => Some(format!("{}, and not with {cause}", failed(connection))),
    }
}

/// `failed with TLS031 client-certificate-refused: Stopped in …`
fn failed(connection: &Connection) -> String {
    let cause = connection.cause_finding().map_or_else(String::new, |cause| format!(" with {}", phrases::rule(cause)));
    format!("failed{cause}: {}", connection.headline.trim_end_matches('.'))
}

fn too_long(connection: &Connection, stretch: Stretch, most: Duration) -> Option<String> {
    let most_in_words = units::human(most);
    match time_of(&connection.timings, stretch) {
        Some(took) if took > most => {
            Some(format!("{stretch} took {}, {most_in_words} are allowed", units::human(took)))
        }
        Some(_) => None,
        None => {
            let phase = phase_of(connection, stretch).map_or(PhaseOutcome::Unknown, |phase| phase.outcome);
            Some(format!("{stretch} has no time ({phase}), {most_in_words} are allowed"))
        }
    }
}

const fn time_of(timings: &Timings, stretch: Stretch) -> Option<Duration> {
    let millis = match stretch {
        Stretch::TcpHandshake => timings.tcp_handshake,
        Stretch::TlsHello => timings.tls_hello,
        Stretch::TlsAuthentication => timings.tls_authentication,
        Stretch::MqttConnect => timings.mqtt_connect,
        Stretch::MqttSession => timings.session,
        Stretch::FirstAck => timings.first_ack,
        Stretch::Total => timings.total,
    };
    match millis {
        Some(millis) => Some(millis.0),
        None => None,
    }
}

fn phase_of(connection: &Connection, stretch: Stretch) -> Option<&crate::report::model::Phase> {
    let name = PhaseName::ALL.iter().find(|name| name.name() == stretch.name())?;
    connection.phases.iter().find(|phase| phase.phase == *name)
}

/// The frames that a stretch lies between.
fn of_stretch(connection: &Connection, stretch: Stretch) -> FrameList {
    let frames = phase_of(connection, stretch).and_then(|phase| phase.frames);
    let file = connection.events.first().and_then(|event| event.seen.file);
    frames.into_iter().flatten().map(|frame| FrameRef { frame, file }).collect()
}

/// The frames that prove why it ended.
fn of_cause(connection: &Connection) -> FrameList {
    connection.cause_finding().map_or_else(|| of_end(connection), |cause| cause.frames.clone())
}

fn of_end(connection: &Connection) -> FrameList {
    let closed = connection.closed;
    closed.frame.map(|frame| FrameRef { frame, file: closed.file }).into_iter().collect()
}

fn of_event(connection: &Connection, kind: &str) -> FrameList {
    let is_it = |event: &&Event| event.layer == Layer::Tls && event.kind == kind;
    connection.events.iter().find(is_it).map(|event| event.seen).into_iter().collect()
}
