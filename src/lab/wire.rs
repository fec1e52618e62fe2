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
