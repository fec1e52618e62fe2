//! What differs between two captures: in come the connections of both with their verdicts, out goes which of them belong
//! together, where each pair parts ways, and which parameter, time or finding differs.
//!
//! Nothing here diagnoses; it compares what was found in each.

mod facts;
mod parting;
mod tell;

pub use tell::{github, html, json, json_lines, junit, markdown, text};

use crate::report::model::{Connection, Outcome, Rung, Summary};
use crate::report::{badness, phrases};
use serde::Serialize;

/// One of the captures, with what was found in it.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The file.
    pub source: &'a str,
    /// How many connections came to what.
    pub summary: &'a Summary,
    /// The connections, in the order of their first frames.
    pub connections: &'a [Connection],
}

/// What differs.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// Which form this has.
    pub schema: &'static str,
    /// The difference that matters most, in one sentence.
    pub headline: String,
    /// The first capture.
    pub a: Side,
    /// The second.
    pub b: Side,
    /// Connections that belong together and differ, the worst difference first.
    pub pairs: Vec<Pair>,
    /// How many pairs do not differ.
    pub alike: usize,
    /// Connections of the first capture that the second has none for.
    pub only_a: Vec<Brief>,
    /// Connections of the second capture that the first has none for.
    pub only_b: Vec<Brief>,
    /// How many connections were not compared, because there are too many.
    pub not_compared: u64,
}

/// One of the captures.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// The file.
    pub source: String,
    /// How many connections came to what.
    pub summary: Summary,
}

/// A connection, in short.
#[derive(Clone, Debug, Serialize)]
pub struct Brief {
    /// The number of its first frame.
    pub id: String,
    /// Its ends.
    pub ends: String,
    /// The verdict.
    pub outcome: Outcome,
    /// The verdict in one sentence.
    pub headline: String,
}

/// Two connections that belong together.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The one of the first capture.
    pub a: Brief,
    /// The one of the second.
    pub b: Brief,
    /// Their difference in one sentence.
    pub headline: String,
    /// Where they part ways; null where one does all that the other does.
    pub parting: Option<Parting>,
    /// What differs, the weightiest first.
    pub differences: Vec<Difference>,
}

/// Where two connections part ways.
#[derive(Clone, Debug, Serialize)]
pub struct Parting {
    /// The highest rung that both reached.
    pub both_reach: Option<Rung>,
    /// What the first one does then; null for nothing more.
    pub a: Option<Step>,
    /// What the second one does then; null for nothing more.
    pub b: Option<Step>,
    /// Who does it, or does not.
    pub by: &'static str,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The frame.
    pub frame: u64,
    /// Milliseconds since the connection's first frame.
    pub ms: f64,
    /// Its kind, as in the report.
    pub kind: String,
    /// What is worth knowing about it.
    pub detail: String,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Of which sort it is.
    pub sort: Sort,
    /// What it is.
    pub what: String,
    /// What it is in the first capture; null where it is not there.
    pub a: Option<String>,
    /// What it is in the second; null where it is not there.
    pub b: Option<String>,
}

/// The sorts of differences, the weightiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The verdict.
    Outcome,
    /// What became of a phase.
    Phase,
    /// What was found.
    Finding,
    /// What was asked for or agreed on.
    Parameter,
    /// How long something took.
    Time,
}

/// Compares two captures.
#[must_use]
pub fn compare(a: Found<'_>, b: Found<'_>) -> Diff {
    let (couples, only_a, only_b) = pair_up(a.connections, b.connections);
    let compared = couples.len();
    let mut pairs: Vec<Pair> =
        couples.into_iter().map(|(a, b)| pair(a, b)).filter(|pair| !pair.differences.is_empty()).collect();
    pairs.sort_by_key(|pair| (!differs_in_outcome(pair), pair.differences.first().map(|first| first.sort)));
    let not_compared = [a, b].iter().map(|one| one.summary.connections - one.connections.len() as u64).sum();
    let side = |one: Found<'_>| Side { source: one.source.to_owned(), summary: one.summary.clone() };
    Diff {
        schema: "iotcap.diff/1",
        headline: headline(&pairs, compared, [only_a.len(), only_b.len()]),
        a: side(a),
        b: side(b),
        alike: compared - pairs.len(),
        pairs,
        only_a: only_a.into_iter().map(brief).collect(),
        only_b: only_b.into_iter().map(brief).collect(),
        not_compared,
    }
}

impl Diff {
    /// Whether something of the second capture is at least this bad, and was not so bad in the first.
    #[must_use]
    pub fn is_worse(&self, at_least: Outcome) -> bool {
        self.pairs.iter().any(|pair| pair.is_worse(at_least)) || self.only_b.iter().any(|brief| brief.is_bad(at_least))
    }
}

impl Pair {
    /// Whether the second one is at least this bad, and the first was better.
    #[must_use]
    pub fn is_worse(&self, at_least: Outcome) -> bool {
        badness(self.b.outcome) < badness(self.a.outcome) && self.b.is_bad(at_least)
    }
}

impl Brief {
    /// Whether the connection is at least this bad.
    #[must_use]
    pub fn is_bad(&self, at_least: Outcome) -> bool {
        badness(self.outcome) <= badness(at_least)
    }
}

type Couples<'a> = Vec<(&'a Connection, &'a Connection)>;

/// Which connections belong together: those to the same name and port of the same client id, then to the same name and port,
/// then to the same port, then any; each in their order.
fn pair_up<'a>(a: &'a [Connection], b: &'a [Connection]) -> (Couples<'a>, Vec<&'a Connection>, Vec<&'a Connection>) {
    let (mut left, mut right): (Vec<&Connection>, Vec<&Connection>) = (a.iter().collect(), b.iter().collect());
    let mut couples = Vec::new();
    for closeness in Closeness::ALL {
        left.retain(|a| {
            let Some(key) = closeness.key(a) else { return true };
            let Some(index) = right.iter().position(|b| closeness.key(b).as_ref() == Some(&key)) else { return true };
            couples.push((*a, right.remove(index)));
            false
        });
    }
    couples.sort_by_key(|(a, _)| a.ordinal);
    (couples, left, right)
}

/// What must be equal for two connections to belong together.
#[derive(Clone, Copy)]
enum Closeness {
    ClientId,
    Server,
    Port,
    Nothing,
}

impl Closeness {
    const ALL: [Self; 4] = [Self::ClientId, Self::Server, Self::Port, Self::Nothing];

    /// The same for those that belong together; none where it is not known.
    fn key(self, connection: &Connection) -> Option<String> {
        let server = &connection.server;
        match self {
            Self::ClientId => {
                let client_id = connection.mqtt.as_ref()?.client_id.as_ref()?;
                Some(format!("{} {client_id}", phrases::server(server)))
            }
            Self::Server => Some(phrases::server(server)),
            Self::Port => Some(server.port.to_string()),
            Self::Nothing => Some(String::new()),
        }
    }
}

fn brief(connection: &Connection) -> Brief {
    Brief {
        id: connection.id.clone(),
        ends: phrases::ends(connection),
        outcome: connection.outcome,
        headline: connection.headline.clone(),
    }
}

fn pair(a: &Connection, b: &Connection) -> Pair {
    let differences = facts::differences(a, b);
    let is_other_end = differences.first().is_some_and(|first| first.sort <= Sort::Phase);
    let parting = if is_other_end { parting::parting(a, b) } else { None };
    let headline = match &parting {
        Some(parting) => format!("{}: {}.", outcomes(a, b), parting.in_words()),
        None => format!("{}; {}.", outcomes(a, b), first_differences(&differences)),
    };
    Pair { a: brief(a), b: brief(b), headline, parting, differences }
}

fn outcomes(a: &Connection, b: &Connection) -> String {
    let word = |connection: &Connection| match connection.outcome {
        Outcome::Ok => "works",
        Outcome::Degraded => "is degraded",
        Outcome::Failed => "fails",
        Outcome::Open => "is open",
        Outcome::Inconclusive => "is inconclusive",
    };
    if a.outcome == b.outcome { format!("Both: {}", a.outcome) } else { format!("A {}, B {}", word(a), word(b)) }
}

fn first_differences(differences: &[Difference]) -> String {
    let Some(first) = differences.first() else { return "nothing differs".to_owned() };
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let more = differences.len() - 1;
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{} differs: {} in A, {} in B{more}", first.what, value(&first.a), value(&first.b))
}

fn differs_in_outcome(pair: &Pair) -> bool {
    pair.a.outcome != pair.b.outcome
}

fn headline(pairs: &[Pair], compared: usize, only: [usize; 2]) -> String {
    match (pairs.first(), only) {
        (Some(first), _) => first.headline.clone(),
        (None, [0, 0]) if compared == 0 => "Neither capture has a connection to compare.".to_owned(),
        (None, [0, 0]) => "Nothing differs that matters.".to_owned(),
        (None, [only_a, only_b]) => {
            format!("What both have is alike; connections that only A has: {only_a}, that only B has: {only_b}.")
        }
    }
}
