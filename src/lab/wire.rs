//! The virtual wire: packets go in at one end and come out at the other, late, damaged, doubled or not at all.
//!
//! In: IP packets with the moment at which an endpoint sent them. Out: packets with the moment at which they reach an
//! endpoint, and everything that passed the capture's vantage point. It judges nothing and knows no TLS; only its middlebox
//! looks into packets.

use super::middlebox::{Middlebox, Verdict};
use super::packet::{TcpView, age, icmp_error, repair_checksums};
use super::random::Random;
use super::scenario::{Action, Direction, Reset, Vantage, Wire as Settings};
use super::scripted;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A packet that passed the vantage point, with the virtual time since the start.
#[derive(Clone, Debug)]
pub(super) struct Passed {
    pub(super) at: Duration,
    pub(super) direction: Direction,
    pub(super) packet: Vec<u8>,
}

/// A packet that reaches an endpoint.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) direction: Direction,
    pub(super) packet: Vec<u8>,
}

/// See the module.
pub(super) struct Wire {
    settings: Settings,
    vantage: f64,
    random: Random,
    middlebox: Middlebox,
    under_way: BinaryHeap<Reverse<(Duration, u64, Heading)>>,
    sent: u64,
    /// By direction: when the sender's interface is free again, and the latest arrival.
    free: [Duration; 2],
    latest: [Duration; 2],
    passed: Vec<(Duration, u64, Passed)>,
}

/// A packet and its direction, ordered for the heap only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Heading {
    to_server: bool,
    packet: Vec<u8>,
}

/// Where the address of the middlebox comes from (RFC 5737, TEST-NET-3).
const MIDDLEBOX: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

impl Wire {
    pub(super) fn new(settings: &Settings, vantage: Vantage, seed: u64) -> Self {
        let box_at = settings.middlebox_at.0;
        Self {
            vantage: match vantage {
                Vantage::Client => 0.0,
                Vantage::Between => box_at / 2.0,
                Vantage::Server => 1.0,
            },
            random: Random::derived(seed, 0x0317_12E5),
            middlebox: Middlebox::new(&settings.rule),
            under_way: BinaryHeap::new(),
            sent: 0,
            free: [Duration::ZERO; 2],
            latest: [Duration::ZERO; 2],
            passed: Vec::new(),
            settings: settings.clone(),
        }
    }

    /// Takes a packet from an endpoint.
    pub(super) fn send(&mut self, now: Duration, direction: Direction, packet: &[u8]) {
        let departure = self.departure(now, direction, packet.len());
        let verdict = self.middlebox.judge(departure, direction, packet);
        let forged = self.forged(&verdict, departure, direction, packet);
        let mut journey = Journey { departure, extra: Duration::ZERO, survives: true, copies: 1, damaged: None };
        self.luck(direction, &mut journey, packet);
        match verdict {
            Verdict::Nothing | Verdict::Apply(Action::Pass) => {}
            Verdict::Apply(Action::Drop | Action::Icmp(_)) => journey.survives = false,
            Verdict::Apply(Action::Reset(Reset { pass, .. })) => journey.survives = pass,
            Verdict::Apply(Action::Duplicate) => journey.copies = 2,
            Verdict::Apply(Action::Delay(late)) => journey.extra += late.0,
            Verdict::Apply(Action::Corrupt) => journey.damaged = self.flip_a_bit(packet),
            Verdict::Apply(Action::CorruptSilently) => {
                journey.damaged = self.flip_a_bit(packet).map(|mut packet| {
                    repair_checksums(&mut packet);
                    packet
                });
            }
        }
        self.carry(direction, packet, &journey);
        for (at, direction, packet) in forged {
            self.inject(at, direction, packet);
        }
    }

    /// When the next packet reaches an endpoint.
    pub(super) fn next_arrival(&self) -> Option<Duration> {
        self.under_way.peek().map(|Reverse((at, _, _))| *at)
    }

    /// The next packet that has reached an endpoint by `now`.
    pub(super) fn arrived(&mut self, now: Duration) -> Option<Arrival> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse((_, _, heading)) = self.under_way.pop()?;
        let direction = if heading.to_server { Direction::ToServer } else { Direction::ToClient };
        Some(Arrival { direction, packet: heading.packet })
    }

    /// Everything that passed the vantage point, in order.
    pub(super) fn into_passed(mut self) -> Vec<Passed> {
        self.passed.sort_by_key(|(at, number, _)| (*at, *number));
        self.passed.into_iter().map(|(_, _, passed)| passed).collect()
    }

    /// The sender's interface sends one packet after the other, at the wire's speed.
    fn departure(&mut self, now: Duration, direction: Direction, bytes: usize) -> Duration {
        // No host answers in no time: some tens of microseconds lie between an event and a packet.
        let reaction = Duration::from_micros(12) + self.random.duration(Duration::from_micros(55));
        let free = &mut self.free[index(direction)];
        let departure = (now + reaction).max(*free);
        // 24 bytes of preamble, header and gap; the nanoseconds keep stamps from looking machine-made.
        let busy = Duration::from_secs_f64((bytes + 24) as f64 * 8.0 / self.settings.bandwidth.max(1.0));
        *free = departure + busy + self.random.duration(Duration::from_nanos(900));
        departure
    }

    fn luck(&mut self, direction: Direction, journey: &mut Journey, packet: &[u8]) {
        if self.random.chance(self.settings.loss.0) {
            journey.survives = false;
        }
        if self.random.chance(self.settings.duplicate.0) {
            journey.copies = 2;
        }
        if self.random.chance(self.settings.corrupt.0) {
            journey.damaged = self.flip_a_bit(packet);
        }
        let jitter = self.random.duration(self.settings.jitter_ms.0);
        let slot = index(direction);
        if self.random.chance(self.settings.reorder.0) {
            journey.extra = jitter + self.settings.reorder_ms.0;
            return;
        }
        // In order: not before the packet that was sent before.
        let arrival = (journey.departure + self.settings.delay_ms.0 + jitter).max(self.latest[slot]);
        self.latest[slot] = arrival + Duration::from_nanos(1);
        journey.extra = arrival.saturating_sub(journey.departure + self.settings.delay_ms.0);
    }

    fn flip_a_bit(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let payload = TcpView::of(packet)?.payload;
        let last = payload.len().checked_sub(1)?;
        let mut damaged = packet.to_vec();
        // Past the record header where there is room: a broken length would be another story.
        let position = payload.start + last.min(5 + last / 2);
        *damaged.get_mut(position)? ^= 1 << self.random.below(8);
        Some(damaged)
    }

    /// Takes a packet all the way, and lets the capture see it where it passes.
    fn carry(&mut self, direction: Direction, packet: &[u8], journey: &Journey) {
        let delay = self.settings.delay_ms.0;
        let (vantage, middlebox) = match direction {
            Direction::ToServer => (self.vantage, self.settings.middlebox_at.0),
            Direction::ToClient => (1.0 - self.vantage, 1.0 - self.settings.middlebox_at.0),
        };
        let behind = |packet: &[u8]| {
            let mut packet = packet.to_vec();
            age(&mut packet, self.settings.hops);
            packet
        };
        let after_box = behind(journey.damaged.as_deref().unwrap_or(packet));
        for copy in 0..journey.copies {
            let gap = Duration::from_micros(40) * copy;
            if vantage < middlebox {
                if copy == 0 {
                    self.witness(journey.departure + delay.mul_f64(vantage), direction, packet.to_vec());
                }
            } else if journey.survives {
                let at = journey.departure + delay.mul_f64(vantage) + journey.extra + gap;
                self.witness(at, direction, after_box.clone());
            }
            if journey.survives {
                self.push(journey.departure + delay + journey.extra + gap, direction, after_box.clone());
            }
        }
    }

    /// Puts a forged packet on the way from the middlebox to one end.
    fn inject(&mut self, at: Duration, direction: Direction, packet: Vec<u8>) {
        let delay = self.settings.delay_ms.0;
        let (vantage, middlebox) = match direction {
            Direction::ToServer => (self.vantage, self.settings.middlebox_at.0),
            Direction::ToClient => (1.0 - self.vantage, 1.0 - self.settings.middlebox_at.0),
        };
        if vantage >= middlebox {
            self.witness(at + delay.mul_f64(vantage - middlebox), direction, packet.clone());
        }
        self.push(at + delay.mul_f64(1.0 - middlebox), direction, packet);
    }

    fn forged(
        &self,
        verdict: &Verdict,
        departure: Duration,
        direction: Direction,
        packet: &[u8],
    ) -> Vec<(Duration, Direction, Vec<u8>)> {
        let way = match direction {
            Direction::ToServer => self.settings.middlebox_at.0,
            Direction::ToClient => 1.0 - self.settings.middlebox_at.0,
        };
        let at_box = departure + self.settings.delay_ms.0.mul_f64(way);
        match verdict {
            Verdict::Apply(Action::Reset(reset)) => {
                let forge = |to: &Direction| {
                    let forged = scripted::forged_reset(packet, *to == direction, reset.hop_limit)?;
                    Some((at_box + reset.after_ms.0, *to, forged))
                };
                reset.to.iter().filter_map(forge).collect()
            }
            Verdict::Apply(Action::Icmp(error)) => {
                let router = match TcpView::of(packet).map(|view| view.source.address) {
                    Some(IpAddr::V6(_)) => IpAddr::V6(MIDDLEBOX.to_ipv6_mapped()),
                    _ => IpAddr::V4(MIDDLEBOX),
                };
                icmp_error(*error, router, packet)
                    .map(|packet| (at_box, direction.back(), packet))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn push(&mut self, at: Duration, direction: Direction, packet: Vec<u8>) {
        self.sent += 1;
        self.under_way.push(Reverse((at, self.sent, Heading { to_server: direction == Direction::ToServer, packet })));
    }

    fn witness(&mut self, at: Duration, direction: Direction, packet: Vec<u8>) {
        self.sent += 1;
        self.passed.push((at, self.sent, Passed { at, direction, packet }));
    }
}

/// What becomes of one packet.
struct Journey {
    departure: Duration,
    /// Beyond the wire's delay.
    extra: Duration,
    survives: bool,
    copies: u32,
    damaged: Option<Vec<u8>>,
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::ToClient => 0,
        Direction::ToServer => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::{TcpDraft, flag};
    use super::super::scenario::{Chance, Millis, Rule};
    use super::*;
    use crate::net::Endpoint;

    const DELAY: Duration = Duration::from_millis(50);

    fn settings(rules: &str) -> Settings {
        #[derive(serde::Deserialize)]
        struct Rules {
            rule: Vec<Rule>,
        }
        let rule = toml::from_str::<Rules>(&format!("rule = [{rules}]")).unwrap().rule;
        Settings { delay_ms: Millis(DELAY), hops: 10, rule, ..Settings::default() }
    }

    /// A segment of the client with this many bytes.
    fn segment(bytes: usize) -> Vec<u8> {
        TcpDraft {
            source: Endpoint::new(Ipv4Addr::new(192, 0, 2, 10).into(), 50_000),
            destination: Endpoint::new(Ipv4Addr::new(198, 51, 100, 20).into(), 8883),
            hop_limit: 64,
            seq: 1000,
            ack: 2000,
            flags: flag::ACK,
            window: 1000,
            options: &[],
            payload: &vec![7; bytes],
        }
        .packet()
        .unwrap()
    }

    fn arrivals(wire: &mut Wire) -> Vec<(Duration, Arrival)> {
        let mut arrivals = Vec::new();
        while let Some(at) = wire.next_arrival() {
            arrivals.extend(wire.arrived(at).map(|arrival| (at, arrival)));
        }
        arrivals
    }

    #[test]
    fn the_capture_sees_a_packet_when_it_passes_the_vantage_point() {
        let seen = |vantage| {
            let mut wire = Wire::new(&settings(""), vantage, 1);
            wire.send(Duration::ZERO, Direction::ToServer, &segment(10));
            wire.into_passed().first().map(|passed| (passed.at, passed.packet[8])).unwrap()
        };
        let (beside_client, beside_server) = (seen(Vantage::Client), seen(Vantage::Server));
        assert_eq!(beside_client.0 + DELAY, beside_server.0);
        assert_eq!((beside_client.1, beside_server.1), (64, 54), "routers take from the TTL");
    }

    #[test]
    fn what_the_middlebox_swallows_is_seen_on_its_near_side_only() {
        let seen = |vantage| {
            let mut wire = Wire::new(&settings("{ if = { larger_than = 1000 }, do = 'drop' }"), vantage, 1);
            wire.send(Duration::ZERO, Direction::ToServer, &segment(1200));
            wire.send(Duration::ZERO, Direction::ToServer, &segment(100));
            (arrivals(&mut wire).len(), wire.into_passed().len())
        };
        assert_eq!([Vantage::Client, Vantage::Between, Vantage::Server].map(seen), [(1, 2), (1, 2), (1, 1)]);
    }

    #[test]
    fn a_forged_reset_comes_sooner_than_the_server_could_answer() {
        let rule = "{ do = { reset = { to = ['to-client'], hop_limit = 200 } } }";
        let mut wire = Wire::new(&Settings { middlebox_at: Chance(0.1), ..settings(rule) }, Vantage::Client, 1);
        let sent = segment(100);
        wire.send(Duration::ZERO, Direction::ToServer, &sent);
        let [(at, reset)] = arrivals(&mut wire).try_into().unwrap();
        let view = TcpView::of(&reset.packet).unwrap();
        assert!(at < DELAY / 2);
        assert_eq!((view.flags, view.seq, view.ack, reset.packet[8]), (flag::RST | flag::ACK, 2000, 1100, 200));
    }

    #[test]
    fn a_nat_forgets_a_silent_flow_for_ever() {
        let mut wire = Wire::new(&settings("{ if = { forgotten_after_ms = 60000 }, do = 'drop' }"), Vantage::Client, 1);
        for seconds in [0, 50, 100, 165, 170] {
            wire.send(Duration::from_secs(seconds), Direction::ToServer, &segment(10));
        }
        let arrived: Vec<u64> = arrivals(&mut wire).iter().map(|(at, _)| at.as_secs()).collect();
        assert_eq!(arrived, [0, 50, 100]);
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let order = |reorder| {
            let jittery = Settings { jitter_ms: Millis(DELAY), reorder: Chance(reorder), ..settings("") };
            let mut wire = Wire::new(&jittery, Vantage::Client, 1);
            for number in 0..50 {
                wire.send(
                    Duration::from_millis(number),
                    Direction::ToServer,
                    &segment(usize::try_from(number).unwrap()),
                );
            }
            let sizes: Vec<usize> = arrivals(&mut wire).iter().map(|(_, arrival)| arrival.packet.len()).collect();
            (sizes.len(), sizes.is_sorted())
        };
        assert_eq!((order(0.0), order(0.3)), ((50, true), (50, false)));
    }

    #[test]
    fn damage_shows_in_the_checksum_unless_it_is_repaired() {
        let arrived = |action: &str| {
            let mut wire = Wire::new(&settings(&format!("{{ do = '{action}' }}")), Vantage::Client, 1);
            wire.send(Duration::ZERO, Direction::ToServer, &segment(100));
            let [(_, arrival)] = arrivals(&mut wire).try_into().unwrap();
            let mut repaired = arrival.packet.clone();
            repair_checksums(&mut repaired);
            (arrival.packet[40..] != segment(100)[40..], repaired == arrival.packet)
        };
        assert_eq!((arrived("corrupt"), arrived("corrupt-silently")), ((true, false), (true, true)));
    }

    #[test]
    fn a_narrow_wire_sends_one_packet_after_the_other() {
        let mut wire = Wire::new(&Settings { bandwidth: 80_000.0, ..settings("") }, Vantage::Server, 1);
        for _ in 0..3 {
            wire.send(Duration::ZERO, Direction::ToServer, &segment(960));
        }
        let at: Vec<Duration> = arrivals(&mut wire).iter().map(|(at, _)| *at).collect();
        // 1000 bytes and the frame's overhead at 10,000 bytes a second.
        assert!(at.windows(2).all(|pair| (100..110).contains(&pair[1].saturating_sub(pair[0]).as_millis())), "{at:?}");
    }
}
