//! What MQTT shows through its encryption: sizes, order and time of records go in, packets come out. Nothing wrong may be
//! called likely.

use iotcap::evidence::{Basis, Confidence, Seen};
use iotcap::frame::FrameId;
use iotcap::mqtt::{Event, Facts, Limits, PacketType, PlaintextLen, Sink, Tracker, Version};
use iotcap::net::Side::{self, Client, Server};
use iotcap::stream::{End, Moment};
use iotcap::time::Timestamp;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

#[derive(Default)]
struct Readings(Vec<(Seen, Event)>);

impl Sink for Readings {
    fn event(&mut self, seen: Seen, event: Event) {
        self.0.push((seen, event));
    }
}

/// Something on the wire: the sender, milliseconds since the start, what.
type Step = (Side, u64, What);

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// A record of so many bytes, exactly.
    Len(u32),
    /// A record of a range.
    Range(u32, u32),
    Close,
    Reset,
}
use What::{Close, Len, Range, Reset};

/// Who, when, which packet, how sure: in the order of time.
fn readings(steps: &[Step], alerts_visible: bool) -> (Vec<(Side, u64, &'static str, Confidence)>, Facts) {
    let (mut tracker, mut sink) = (Tracker::new(Limits::default()), Readings::default());
    if alerts_visible {
        tracker.alerts_are_visible();
    }
    let at = |millis| Moment::new(Timestamp::from_secs(0) + Duration::from_millis(millis), FrameId::new(0, millis));
    for (side, millis, what) in steps {
        match *what {
            Len(len) => tracker.handle_sealed(*side, at(*millis), PlaintextLen { min: len, max: len }, &mut sink),
            Range(min, max) => tracker.handle_sealed(*side, at(*millis), PlaintextLen { min, max }, &mut sink),
            Close => tracker.handle_close(*side, at(*millis), End::Fin, &mut sink),
            Reset => tracker.handle_close(*side, at(*millis), End::Reset, &mut sink),
        }
    }
    tracker.finish(at(steps.last().map_or(0, |step| step.1)), &mut sink);
    let mut told: Vec<_> = sink
        .0
        .iter()
        .map(|(seen, event)| match seen.basis {
            Basis::Inferred(confidence) => (seen.by, seen.ended.frame.number(), event.name(), confidence),
            Basis::Observed => panic!("nothing was read: {event:?}"),
        })
        .collect();
    told.sort_by_key(|reading| reading.1);
    (told, tracker.facts().clone())
}

/// The packets that are told, with `?` behind those that are only possible.
fn told(steps: &[Step]) -> String {
    told_with(steps, false)
}

fn told_with(steps: &[Step], alerts_visible: bool) -> String {
    let (readings, _) = readings(steps, alerts_visible);
    let name = |(_, _, name, confidence): &(Side, u64, &str, Confidence)| {
        format!("{name}{}", if *confidence < Confidence::Likely { "?" } else { "" })
    };
    readings.iter().map(name).collect::<Vec<_>>().join(" ")
}

/// CONNECT of a client id of nine bytes, CONNACK 3.1.1; then these.
fn session(rest: &[Step]) -> Vec<Step> {
    let mut steps = vec![(Client, 1, Len(23)), (Server, 21, Len(4))];
    steps.extend_from_slice(rest);
    steps
}

#[test]
fn a_publisher_of_qos_1() {
    let steps = session(&[
        (Client, 22, Len(101)),
        (Server, 42, Len(4)),
        (Client, 1000, Len(101)),
        (Server, 1020, Len(4)),
        (Client, 2000, Len(2)),
        (Client, 2001, Len(2)),
        (Client, 2002, Close),
    ]);
    assert_eq!(told(&steps), "connect connack publish puback publish puback disconnect");
    let (_, facts) = readings(&steps, false);
    assert_eq!(facts.version, Some((Version::V3_1_1, Basis::Inferred(Confidence::Possible))));
    assert_eq!((facts.published(Client), facts.published(Server)), (Some(2), Some(0)));
    assert_eq!(
        facts.first_ack.map(|(asked, answered)| (asked.frame.number(), answered.frame.number())),
        Some((22, 42))
    );
    assert_eq!(facts.ack_latency.client.median(), Some(Duration::from_millis(20)));
    assert!(facts.log.has_worked() && facts.disconnect.client.is_some());
}

#[test]
fn a_publisher_of_qos_2() {
    let steps = session(&[
        (Client, 22, Len(519)),
        (Server, 42, Len(4)),
        (Client, 43, Len(4)),
        (Server, 63, Len(4)),
        (Client, 64, Close),
    ]);
    assert_eq!(told(&steps), "connect connack publish pubrec pubrel pubcomp");
}

#[test]
fn a_publisher_of_qos_0_that_leaves() {
    let steps = session(&[(Client, 22, Len(60)), (Client, 23, Len(2)), (Client, 24, Len(2)), (Client, 25, Close)]);
    assert_eq!(told(&steps), "connect connack publish disconnect");
}

/// A server answers DISCONNECT with a FIN, and what it or the path have forgotten with a reset.
#[test]
fn two_bytes_after_a_silence_are_what_the_answer_to_them_says() {
    let ends =
        |what| session(&[(Client, 22, Len(60)), (Server, 42, Len(4)), (Client, 9000, Len(2)), (Server, 9020, what)]);
    assert_eq!(told_with(&ends(Close), true), "connect connack publish puback disconnect?");
    assert_eq!(told_with(&ends(Reset), true), "connect connack publish puback pingreq?");
    // In TLS 1.3 close_notify looks like the answer to a ping; a FIN that is one act with it tells it apart.
    let answered = |millis| {
        let last = [(Client, 9000, Len(2)), (Server, 9020, Len(2)), (Server, millis, Close)];
        session(&[&[(Client, 22, Len(60)), (Server, 42, Len(4))], &last[..]].concat())
    };
    assert_eq!(told(&answered(9021)), "connect connack publish puback disconnect?");
    assert_eq!(told(&answered(9500)), "connect connack publish puback pingreq? pingresp?");
}

#[test]
fn a_subscriber() {
    let steps = session(&[
        (Client, 22, Len(12)),
        (Server, 42, Len(5)),
        (Server, 500, Len(80)),
        (Client, 501, Len(4)),
        (Server, 900, Len(80)),
        (Client, 901, Len(4)),
        (Server, 5000, Close),
    ]);
    assert_eq!(told(&steps), "connect connack subscribe suback publish puback publish puback");
}

#[test]
fn pings_have_an_interval() {
    let steps = session(&[
        (Client, 10_021, Len(2)),
        (Server, 10_041, Len(2)),
        (Client, 20_041, Len(2)),
        (Server, 20_061, Len(2)),
        (Client, 30_061, Len(2)),
        (Client, 45_000, Close),
    ]);
    assert_eq!(told(&steps), "connect connack pingreq pingresp pingreq pingresp pingreq");
    let (_, facts) = readings(&steps, false);
    assert_eq!(facts.pings.intervals.median(), Some(Duration::from_millis(10_020)));
    assert_eq!(facts.pings.unanswered_since.map(|at| at.frame.number()), Some(30_061));
}

#[test]
fn two_bytes_answered_by_two_at_the_end_stay_doubtful() {
    // DISCONNECT and the server's close_notify look the same as a ping.
    let end = [(Client, 5000, Len(2)), (Server, 5020, Len(2)), (Client, 5021, Close)];
    assert_eq!(told(&session(&end)), "connect connack pingreq? pingresp?");
    // Where alerts have a type of their own they do not.
    assert_eq!(told_with(&session(&end), true), "connect connack pingreq pingresp");
    // Nobody pings right behind his own message (MQTT 5.0, 3.1.2.10): what the server hangs up after is a farewell.
    let amid =
        [(Client, 40, Len(14)), (Server, 60, Len(4)), (Client, 61, Len(2)), (Server, 81, Len(2)), (Server, 81, Close)];
    assert_eq!(told(&session(&amid)), "connect connack publish puback disconnect?");
}

#[test]
fn a_lone_record_of_two_bytes_before_the_close_is_a_farewell_of_one_kind() {
    let end = [(Client, 5000, Len(2)), (Client, 5001, Close)];
    assert_eq!(told(&session(&end)), "connect connack disconnect?");
    assert_eq!(told_with(&session(&end), true), "connect connack disconnect");
}

#[test]
fn version_5_shows_in_its_lengths() {
    let steps = [
        (Client, 1, Len(24)),
        (Server, 21, Len(11)),
        (Client, 22, Len(101)),
        (Server, 42, Len(5)),
        (Server, 9000, Len(3)),
        (Server, 9001, Close),
    ];
    assert_eq!(told(&steps), "connect connack publish puback disconnect");
    let (_, facts) = readings(&steps, false);
    assert_eq!(facts.version, Some((Version::V5_0, Basis::Inferred(Confidence::Likely))));
    assert!(facts.disconnect.server.is_some());
}

#[test]
fn an_alert_in_place_of_connack_is_no_connack() {
    let (told, facts) = readings(&[(Client, 1, Len(165)), (Server, 60, Len(2)), (Server, 61, Close)], false);
    assert_eq!(told.len(), 1);
    assert_eq!((facts.connack_at, facts.sent_before_connack), (None, 0));
}

#[test]
fn a_large_first_answer_is_doubtful() {
    assert_eq!(
        told(&[(Client, 1, Len(23)), (Server, 21, Len(150)), (Server, 22, Len(4))]).split(' ').nth(1),
        Some("connack?")
    );
}

#[test]
fn a_ticket_in_front_of_connack_is_passed_over() {
    assert_eq!(told(&[(Client, 1, Len(23)), (Server, 20, Len(1049)), (Server, 21, Len(4))]), "connect connack");
}

#[test]
fn what_was_sent_before_connack_is_counted() {
    let (_, facts) = readings(&[(Client, 1, Len(23)), (Client, 2, Len(60)), (Server, 21, Len(4))], false);
    assert_eq!((facts.sent_before_connack, facts.log.client_before_server()), (1, 2));
}

#[test]
fn a_message_of_many_records_is_one() {
    let steps = session(&[
        (Client, 30, Len(16_384)),
        (Client, 31, Len(16_384)),
        (Client, 32, Len(3000)),
        (Server, 60, Len(4)),
        (Client, 1000, Close),
    ]);
    assert_eq!(told(&steps), "connect connack publish puback");
    let (_, facts) = readings(&steps[..5], false);
    assert_eq!((facts.log.unanswered().count, facts.log.unanswered().bytes), (3, 35_768));
}

#[test]
fn nothing_is_likely_behind_a_gap() {
    let (mut tracker, mut sink) = (Tracker::new(Limits::default()), Readings::default());
    tracker.handle_gap(Client);
    tracker.handle_gap(Server);
    for (side, millis, what) in session(&[(Client, 40, Len(101)), (Server, 60, Len(4)), (Client, 500, Len(101))]) {
        let Len(len) = what else { continue };
        let at = Moment::new(Timestamp::from_secs(0) + Duration::from_millis(millis), FrameId::new(0, millis));
        tracker.handle_sealed(side, at, PlaintextLen { min: len, max: len }, &mut sink);
    }
    assert!(sink.0.iter().all(|(seen, _)| seen.basis == Basis::Inferred(Confidence::Possible)), "{:?}", sink.0);
    assert_eq!(tracker.facts().published(Client), None);
}

#[test]
fn with_block_ciphers_the_small_ones_stay_doubtful() {
    let steps = [
        (Client, 1, Range(16, 31)),
        (Server, 21, Range(0, 15)),
        (Client, 22, Range(32, 47)),
        (Server, 42, Range(0, 15)),
        (Client, 500, Range(0, 15)),
        (Client, 501, Close),
    ];
    assert_eq!(told(&steps), "connect connack publish? puback? disconnect?");
}

/// A session of a client and a broker that keep to the specification, on a wire with this round trip.
struct Simulation {
    random: u64,
    /// Milliseconds from the client's record to the server's answer to it.
    round_trip: u64,
    /// Milliseconds from the server's record to the client's answer to it.
    reaction: u64,
    /// Later first; the number keeps the order of what comes together.
    queue: BinaryHeap<std::cmp::Reverse<(u64, u64, Action)>>,
    number: u64,
    steps: Vec<Step>,
    truth: BTreeMap<u64, &'static str>,
    is_v5: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Send { by_client: bool, len: u32, kind: &'static str, answer: Answer },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    None,
    Once(&'static str, u32),
    Release,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            round_trip: 0,
            reaction: 1,
            queue: BinaryHeap::new(),
            number: 0,
            steps: Vec::new(),
            truth: BTreeMap::new(),
            is_v5: false,
        }
    }

    /// A random number below the bound (xorshift64): the same ones each time.
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    fn size(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound.into())).expect("below the bound")
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).expect("below the bound")
    }

    fn plan(&mut self, at: u64, by_client: bool, kind: &'static str, len: u32, answer: Answer) {
        self.number += 1;
        self.queue.push(std::cmp::Reverse((at, self.number, Action::Send { by_client, len, kind, answer })));
    }

    fn publish(&mut self, at: u64, by_client: bool, qos: u64, len: u32) {
        let answer = match qos {
            0 => Answer::None,
            1 => Answer::Once("puback", 4),
            _ => Answer::Release,
        };
        self.plan(at, by_client, "publish", len + if qos > 0 { 2 } else { 0 }, answer);
    }

    /// A whole session; returns the sum of readings that are right, and the wrong ones that are called likely.
    fn run(seed: u64) -> (usize, usize, Vec<String>) {
        let mut sim = Self::new(seed);
        sim.round_trip = 5 + sim.below(200);
        if sim.below(3) == 0 {
            // Recorded beside the server.
            (sim.round_trip, sim.reaction) = (sim.reaction, sim.round_trip);
        }
        sim.is_v5 = sim.below(3) == 0;
        let connack = if sim.is_v5 { 5 + 3 * sim.size(3) } else { 4 };
        sim.plan(1, true, "connect", 23, Answer::Once("connack", connack));
        let mut now = 10 + sim.round_trip + sim.reaction;
        let mut first_end = 0;
        let (qos, down_qos) = (sim.below(3), sim.below(3));
        if sim.below(2) == 0 {
            let (len, v5) = (8 + sim.size(40), u32::from(sim.is_v5));
            sim.plan(now, true, "subscribe", len + v5, Answer::Once("suback", 5 + v5));
            now += sim.round_trip + sim.below(50);
            first_end = now + 4000;
            for _ in 0..sim.below(6) {
                let (at, len) = (now + sim.below(4000), 20 + sim.size(200));
                sim.publish(at, false, down_qos, len);
            }
        }
        let (len, spread) = (20 + sim.size(300), 1 + sim.size(10));
        for _ in 0..sim.below(12) {
            let varied = len + sim.size(spread);
            if sim.below(5) == 0 {
                sim.plan(now, true, "pingreq", 2, Answer::Once("pingresp", 2));
            } else {
                sim.publish(now, true, qos, varied);
            }
            now += [1, 40, 500, 3000][sim.index(4)];
        }
        // All exchanges end before the client leaves.
        let end = now.max(first_end) + 1500 + sim.below(3000);
        sim.plan(end, true, "disconnect", 2, Answer::None);
        sim.drain();
        let last = sim.steps.last().map_or(end, |step| step.1);
        if sim.below(2) == 0 {
            sim.steps.push((Client, last + 1, Len(2)));
        }
        sim.steps.push((Client, last + 2, Close));
        sim.judge(seed)
    }

    fn drain(&mut self) {
        let mut last = 0;
        while let Some(std::cmp::Reverse((at, _, Action::Send { by_client, len, kind, answer }))) = self.queue.pop() {
            // One record a moment: the moment is its name.
            let at = at.max(last + 1);
            last = at;
            self.steps.push((if by_client { Client } else { Server }, at, Len(len)));
            self.truth.insert(at, kind);
            let then = at + if by_client { self.round_trip } else { self.reaction };
            match answer {
                Answer::None => {}
                Answer::Once(kind, len) => self.plan(then, !by_client, kind, len, Answer::None),
                Answer::Release => {
                    // PUBREC; PUBREL and PUBCOMP follow from it.
                    self.plan(then, !by_client, "pubrec", 4, Answer::Once("pubrel", 4));
                }
            }
            if kind == "pubrel" {
                self.plan(
                    at + if by_client { self.round_trip } else { self.reaction },
                    !by_client,
                    "pubcomp",
                    4,
                    Answer::None,
                );
            }
        }
    }

    fn judge(&self, seed: u64) -> (usize, usize, Vec<String>) {
        let (told, _) = readings(&self.steps, false);
        let is_right = |(_, at, name, _): &&(Side, u64, &str, Confidence)| self.truth.get(at) == Some(name);
        let wrong = |reading: &&(Side, u64, &str, Confidence)| reading.3 >= Confidence::Likely && !is_right(reading);
        let right = told.iter().filter(is_right).count();
        let wrong = told.iter().filter(wrong).map(|(side, at, name, _)| {
            format!("seed {seed}: {side} {at} called {name}, is {:?}: {:?}", self.truth.get(at), self.steps)
        });
        (self.truth.len(), right, wrong.collect())
    }
}

#[test]
fn nothing_wrong_is_called_likely_in_simulated_sessions() {
    let (mut sent, mut right, mut wrong) = (0, 0, Vec::new());
    for seed in 1..=1000 {
        let (packets, found, mistaken) = Simulation::run(seed);
        sent += packets;
        right += found;
        wrong.extend(mistaken);
    }
    assert!(wrong.is_empty(), "{} wrong of {sent}, the first: {:#?}", wrong.len(), &wrong[..wrong.len().min(4)]);
    assert!(right * 100 >= sent * 95, "{right} of {sent} found");
}

#[test]
fn any_records_at_all_do_no_harm() {
    let mut sim = Simulation::new(77);
    for _ in 0..500 {
        let mut now = 0;
        let mut steps = Vec::new();
        for _ in 0..sim.below(300) {
            now += sim.below(60);
            let side = if sim.below(2) == 0 { Client } else { Server };
            let len = [0, 2, 2, 3, 4, 4, 4, 5, 6, 8, 20, 300, 16_384, u32::MAX][sim.index(14)];
            steps.push((
                side,
                now,
                match sim.below(40) {
                    0 => Close,
                    1 => Range(0, 15),
                    _ => Len(len),
                },
            ));
        }
        let (told, facts) = readings(&steps, false);
        assert!(told.len() <= steps.len());
        assert!(facts.packets.client[PacketType::CONNECT] <= 1);
    }
}
