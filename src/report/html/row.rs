//! One line of the table: what can be sorted, filtered and searched without reading the whole connection.

use crate::report::model::{Connection, Millis, Outcome, PhaseName, PhaseOutcome, Time};
use serde::Serialize;

/// A connection in the table. Texts are cut where they are too long for a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row<'a> {
    id: &'a str,
    outcome: Outcome,
    stopped_in: Option<PhaseName>,
    cause: Option<&'a str>,
    headline: &'a str,
    client: String,
    server: String,
    name: Option<&'a str>,
    client_id: Option<&'a str>,
    topics: Vec<&'a str>,
    version: Option<&'a str>,
    started: Time,
    frames: u64,
    total: Option<Millis>,
    phases: Vec<Bar>,
}

/// A phase before the session, as far as it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Bar {
    phase: PhaseName,
    outcome: PhaseOutcome,
    ms: Option<Millis>,
}

/// The most that a line shows of a text, in bytes.
const LONGEST: usize = 320;
/// The most topics that a search finds a connection by.
const MOST_TOPICS: usize = 8;

impl<'a> Row<'a> {
    /// The line of a connection.
    #[must_use]
    pub fn of(connection: &'a Connection) -> Self {
        let mqtt = connection.mqtt.as_ref();
        let topics = mqtt.into_iter().flat_map(|mqtt| &mqtt.topics).take(MOST_TOPICS);
        Self {
            id: &connection.id,
            outcome: connection.outcome,
            stopped_in: connection.stopped_in,
            cause: connection.cause.as_deref(),
            headline: cut(&connection.headline),
            client: format!("{}:{}", connection.client.address, connection.client.port),
            server: format!("{}:{}", connection.server.address, connection.server.port),
            name: connection.server.name.as_deref().map(cut),
            client_id: mqtt.and_then(|mqtt| mqtt.client_id.as_deref()).map(cut),
            topics: topics.map(|topic| cut(&topic.name)).collect(),
            version: connection.tls.as_ref().and_then(|tls| tls.version.as_deref()),
            started: connection.started,
            frames: connection.frames,
            total: connection.timings.total,
            phases: bars(connection),
        }
    }
}

fn bars(connection: &Connection) -> Vec<Bar> {
    let reached = connection.phases.iter().filter(|phase| {
        phase.phase < PhaseName::MqttSession
            && !matches!(phase.outcome, PhaseOutcome::NotReached | PhaseOutcome::Unknown)
    });
    reached
        .map(|phase| Bar {
            phase: phase.phase,
            outcome: phase.outcome,
            ms: phase
                .started
                .zip(phase.ended.or(connection.closed.at).or(connection.ended))
                .map(|(started, ended)| ended.since(started).into()),
        })
        .collect()
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default()
}
