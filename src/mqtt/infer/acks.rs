//! Records of the length of an acknowledgement: which of PUBACK, PUBREC, PUBREL and PUBCOMP each of them is (MQTT 5.0, 4.3).
//!
//! All have four bytes. What a run of them can mean follows from what was published and not yet acknowledged: every
//! meaning of the run is tried, and those count that leave the fewest exchanges of QoS 2 half done for no reason.

use crate::mqtt::codes::PacketType;
use crate::net::Side;
use smallvec::SmallVec;

/// The longest run that is explained.
pub(super) const MAX_RUN: usize = 10;

/// The most steps of the search: a run that has more explanations than that is not told apart.
const MAX_STEPS: u32 = 4096;

/// The most messages of the server that are thought to wait.
const MAX_DOWN: u32 = 64;

/// One thing of each record of a run.
pub(super) type Run<T> = SmallVec<[T; MAX_RUN]>;

/// What one record of a run means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// All best explanations agree.
    Only(PacketType),
    /// They do not: one of them.
    OneOf(PacketType),
    /// No acknowledgement fits: nothing waits for one.
    None,
}

/// One record of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) by: Side,
    /// Messages of the client since the record before it.
    pub(super) up: u32,
    /// Messages of the server since then.
    pub(super) down: u32,
    /// What belongs to it may still come.
    pub(super) is_young: bool,
}

/// Messages that were sent and may wait for an acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// The client's.
    pub(super) up: u32,
    /// The server's.
    pub(super) down: u32,
    /// Exchanges of QoS 2 that the client began, by what they wait for.
    up_half: Half,
    /// Exchanges of QoS 2 that the server began.
    down_half: Half,
}

/// Exchanges of QoS 2 that are half done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Half {
    received: u32,
    released: u32,
}

impl Open {
    /// The messages that came in front of a record.
    pub(super) fn add(&mut self, step: Step) {
        self.up = self.up.saturating_add(step.up);
        self.down = self.down.saturating_add(step.down).min(MAX_DOWN);
    }

    /// One message is acknowledged by PUBACK: the client's, which is counted where it waits, or one of the server's, of which
    /// so many are new. False: none waits.
    pub(super) fn acknowledge_once(&mut self, by: Side, new_down: u32) -> bool {
        self.down = self.down.saturating_add(new_down).min(MAX_DOWN);
        match by {
            Side::Server => true,
            Side::Client => {
                let waits = self.down > 0;
                self.down -= u32::from(waits);
                waits
            }
        }
    }

    /// Whether no exchange of QoS 2 is half done.
    pub(super) const fn is_idle(self) -> bool {
        self.cost() == 0
    }

    /// What is left half done.
    const fn cost(self) -> u32 {
        self.up_half.received + self.up_half.released + self.down_half.received + self.down_half.released
    }

    /// After `by` sent `kind`; none: nothing waits for that.
    pub(super) fn after(mut self, by: Side, kind: PacketType) -> Option<Self> {
        // PUBACK, PUBREC and PUBCOMP answer the peer's message; PUBREL goes on with an own one.
        let is_answer = kind != PacketType::PUBREL;
        let (open, half) = match (by, is_answer) {
            (Side::Server, true) | (Side::Client, false) => (&mut self.up, &mut self.up_half),
            (Side::Client, true) | (Side::Server, false) => (&mut self.down, &mut self.down_half),
        };
        let less = |count: &mut u32| {
            *count = count.checked_sub(1)?;
            Some(())
        };
        match kind {
            PacketType::PUBACK => less(open)?,
            PacketType::PUBREC => {
                less(open)?;
                half.received += 1;
            }
            PacketType::PUBREL => {
                less(&mut half.received)?;
                half.released += 1;
            }
            _ => less(&mut half.released)?,
        }
        Some(self)
    }
}

/// Explains a run of acknowledgements.
pub(super) fn explain(run: &[Step], open: Open) -> Run<Meaning> {
    acknowledged_once(run, open).unwrap_or_else(|| search(run, open))
}

/// The run of nearly every session, without a search: one side acknowledges what waits for it, and no exchange of QoS 2 is
/// open. Then PUBACK leaves nothing half done, and PUBREC is as good only where its PUBREL may still come.
fn acknowledged_once(run: &[Step], mut open: Open) -> Option<Run<Meaning>> {
    let by = run.first()?.by;
    if !open.is_idle() || run.len() > MAX_RUN || run.iter().any(|step| step.by != by) {
        return None;
    }
    let kind = PacketType::PUBACK;
    let meaning = |step: &Step| {
        open.add(*step);
        open = open.after(by, kind)?;
        Some(if step.is_young { Meaning::OneOf(kind) } else { Meaning::Only(kind) })
    };
    run.iter().map(meaning).collect()
}

fn search(run: &[Step], open: Open) -> Run<Meaning> {
    let meanings = Run::from_elem(Meaning::None, run.len());
    let mut search = Search { best: u32::MAX, meanings, path: Run::new(), steps: 0 };
    search.visit(run, open, Cost::default());
    if search.steps > MAX_STEPS {
        for meaning in &mut search.meanings {
            if let Meaning::Only(kind) = *meaning {
                *meaning = Meaning::OneOf(kind);
            }
        }
    }
    search.meanings
}

/// What speaks against a path.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    unexplained: u32,
    /// Steps of QoS 2 that are too young to be answered.
    excused: u32,
}

struct Search {
    best: u32,
    meanings: Run<Meaning>,
    path: Run<Option<PacketType>>,
    steps: u32,
}

impl Search {
    const KINDS: [PacketType; 4] = [PacketType::PUBCOMP, PacketType::PUBREL, PacketType::PUBACK, PacketType::PUBREC];
    /// What a record costs that no exchange explains: more than all that can be half done.
    const UNEXPLAINED: u32 = 1000;

    fn visit(&mut self, run: &[Step], mut open: Open, cost: Cost) {
        self.steps += 1;
        if cost.unexplained > self.best || self.steps > MAX_STEPS {
            return;
        }
        let Some((&step, rest)) = run.split_first() else { return self.note(open, cost) };
        open.add(step);
        let mut fits = false;
        for kind in Self::KINDS {
            if let Some(after) = open.after(step.by, kind) {
                fits = true;
                let is_half = matches!(kind, PacketType::PUBREC | PacketType::PUBREL);
                let excused = cost.excused + u32::from(is_half && step.is_young);
                self.path.push(Some(kind));
                self.visit(rest, after, Cost { excused, ..cost });
                self.path.pop();
            }
        }
        if !fits {
            self.path.push(None);
            self.visit(rest, open, Cost { unexplained: cost.unexplained + Self::UNEXPLAINED, ..cost });
            self.path.pop();
        }
    }

    fn note(&mut self, after: Open, cost: Cost) {
        let cost = cost.unexplained + after.cost().saturating_sub(cost.excused);
        if cost > self.best {
            return;
        }
        let is_better = cost < self.best;
        if is_better {
            self.best = cost;
        }
        for (meaning, kind) in self.meanings.iter_mut().zip(&self.path) {
            *meaning = match (*meaning, *kind) {
                (_, None) if is_better => Meaning::None,
                (_, Some(kind)) if is_better => Meaning::Only(kind),
                (Meaning::Only(other), kind) if kind != Some(other) => Meaning::OneOf(other),
                (Meaning::None, Some(kind)) => Meaning::OneOf(kind),
                (same, _) => same,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Meaning::{None, OneOf, Only};
    use super::*;
    use crate::net::Side::{Client, Server};

    fn meanings(run: &[Side], up: u32, down: u32) -> Vec<Meaning> {
        let steps: Vec<_> = run.iter().map(|&by| Step { by, up: 0, down: 0, is_young: false }).collect();
        explain(&steps, Open { up, down, ..Open::default() }).into_vec()
    }

    #[test]
    fn each_quality_of_service_has_its_run() {
        assert_eq!(meanings(&[Server], 1, 0), [Only(PacketType::PUBACK)]);
        let exactly_once = [Only(PacketType::PUBREC), Only(PacketType::PUBREL), Only(PacketType::PUBCOMP)];
        assert_eq!(meanings(&[Server, Client, Server], 1, 0), exactly_once);
        assert_eq!(meanings(&[Client, Server, Client], 0, 1), exactly_once);
    }

    #[test]
    fn both_directions_are_told_apart_where_the_run_allows() {
        // QoS 1 both ways.
        assert_eq!(meanings(&[Client, Server], 1, 1), [Only(PacketType::PUBACK); 2]);
        // QoS 2 down and QoS 1 up, or the other way round.
        let all_doubtful = meanings(&[Client, Server, Client, Server], 1, 1);
        assert!(all_doubtful.iter().all(|meaning| matches!(meaning, OneOf(_))), "{all_doubtful:?}");
    }

    #[test]
    fn what_nobody_waits_for_is_no_acknowledgement() {
        assert_eq!(meanings(&[Client], 0, 0), [None]);
        assert_eq!(meanings(&[Server, Server], 1, 0), [Only(PacketType::PUBACK), None]);
    }

    #[test]
    fn pipelined_messages_of_qos_2_are_told() {
        let run = [Server, Server, Client, Client, Server, Server];
        let kinds = [PacketType::PUBREC, PacketType::PUBREL, PacketType::PUBCOMP];
        let expected: Vec<_> = kinds.into_iter().flat_map(|kind| [Only(kind); 2]).collect();
        assert_eq!(meanings(&run, 2, 0), expected);
    }
}

#[cfg(test)]
mod short_way {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_leads_where_the_search_does(
            run in prop::collection::vec((any::<bool>(), 0..3_u32, 0..3_u32, any::<bool>()), 1..6),
            (up, down, has_one_side) in (0..4_u32, 0..4_u32, any::<bool>()),
        ) {
            let step = |(is_server, up, down, is_young)| {
                let by = if is_server || has_one_side { Side::Server } else { Side::Client };
                Step { by, up, down, is_young }
            };
            let steps: Vec<_> = run.into_iter().map(step).collect();
            let open = Open { up, down, ..Open::default() };
            prop_assert_eq!(explain(&steps, open), search(&steps, open));
        }
    }
}
