//! Where two connections part ways: the first thing that a side does in one and not in the other. Each side is looked at by
//! itself, since what the two say at the same time comes in either order.

use super::{Parting, Step};
use crate::report::model::{Actor, Connection, Event, Layer};

/// What happens to packets, not what anybody decides; and what a server may send at any time.
const BESIDES: &[&str] =
    &["retransmission", "out_of_order", "gap", "zero_window", "application_data", "new_session_ticket", "established"];

pub(super) fn parting(a: &Connection, b: &Connection) -> Option<Parting> {
    let first_of = |by| first_difference(by, a, b);
    let first =
        Actor::ALL.iter().filter_map(|&by| first_of(by)).min_by(|one, other| one.at().total_cmp(&other.at()))?;
    Some(Parting {
        both_reach: a.reached.min(b.reached),
        a: first.a.map(step),
        b: first.b.map(step),
        by: first.by.name(),
    })
}

struct FirstDifference<'a> {
    by: Actor,
    a: Option<&'a Event>,
    b: Option<&'a Event>,
}

impl FirstDifference<'_> {
    /// Milliseconds since the first frame at which the sooner one does it.
    fn at(&self) -> f64 {
        let ms = |event: Option<&Event>| event.map_or(f64::INFINITY, |event| event.ms.0.as_secs_f64());
        ms(self.a).min(ms(self.b))
    }
}

fn first_difference<'a>(by: Actor, a: &'a Connection, b: &'a Connection) -> Option<FirstDifference<'a>> {
    let (mut of_a, mut of_b) = (steps(by, a), steps(by, b));
    loop {
        match (of_a.next(), of_b.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) if is_same(a, b) => {}
            (a, b) => return Some(FirstDifference { by, a, b }),
        }
    }
}

/// What one side does of its own accord: it does not, where it closes because the other side did.
fn steps(by: Actor, connection: &Connection) -> impl Iterator<Item = &Event> {
    let only_follows = connection.closed.by.is_some_and(|closer| closer != by);
    connection.events.iter().filter(move |event| {
        let is_echo = only_follows && matches!(&*event.kind, "fin" | "rst");
        event.by == by && event.layer != Layer::Dns && !BESIDES.contains(&&*event.kind) && !is_echo
    })
}

/// Whether two events are the same step; two alerts are only if they say the same.
fn is_same(a: &Event, b: &Event) -> bool {
    a.layer == b.layer && a.kind == b.kind && (a.kind != "alert" || a.detail == b.detail)
}

fn step(event: &Event) -> Step {
    Step {
        frame: event.seen.frame,
        ms: event.ms.0.as_secs_f64() * 1e3,
        kind: event.kind.clone().into_owned(),
        detail: event.detail.clone(),
    }
}

impl Parting {
    /// `both reach client-flight; then in A the server sends …, in B it sends …`.
    pub(super) fn in_words(&self) -> String {
        let reach = self.both_reach.map_or_else(String::new, |rung| format!("both reach {rung}; then "));
        let by = self.by;
        format!("{reach}in A the {by} sends {}, in B {}", words(self.a.as_ref()), words(self.b.as_ref()))
    }
}

fn words(step: Option<&Step>) -> String {
    match step {
        None => "nothing more".to_owned(),
        Some(Step { frame, kind, detail, .. }) if kind == "alert" => format!("the alert {detail} (frame {frame})"),
        Some(Step { frame, kind, .. }) => format!("{kind} (frame {frame})"),
    }
}
