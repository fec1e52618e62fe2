//! The session that packets make: who asked what, who answered when, and what the specification forbids where it came.
//! Packets come in, [`Facts`] are kept, violations go out. Nothing here knows of bytes.

mod in_flight;
mod log;
mod samples;
mod topics;

pub use in_flight::{Exchange, InFlight};
pub use log::{Burst, Entry, Log, Total};
pub use samples::Samples;
pub use topics::{Topics, Volume};

use super::Limits;
use super::codes::{PacketType, QoS, ReasonCode, Version};
use super::event::Violation;
use super::facts::{Facts, Mark};
use super::packet::{Ack, Packet, Publish};
use crate::evidence::Basis;
use crate::net::{PerSide, Side};
use crate::pack::packed;
use crate::stream::Moment;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most topic aliases of a side that are kept.
const MAX_ALIASES: usize = 1024;

/// What is known of one connection's packets.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) facts: Facts,
    aliases: PerSide<BTreeMap<u16, Arc<str>>>,
}

packed! { struct Session { facts, aliases } }

impl Session {
    /// A packet of `side` is complete. What it violates, if anything.
    pub(super) fn handle(&mut self, side: Side, at: Moment, packet: &mut Packet, limits: Limits) -> Option<Violation> {
        let kind = packet.kind();
        let violation = self.violation(side, kind);
        self.facts.packets[side].count(kind);
        match side {
            Side::Client => self.facts.note_client(at),
            Side::Server => self.facts.note_server(at),
        }
        let consequence = self.take(side, at, packet, limits);
        violation.or(consequence)
    }

    /// What is wrong with a packet of this kind at this place, whatever is in it.
    fn violation(&self, side: Side, kind: PacketType) -> Option<Violation> {
        let facts = &self.facts;
        let is_first = facts.log.total(side).count <= 1 && facts.gaps[side] == 0;
        let by_client =
            matches!(kind, PacketType::CONNECT | PacketType::SUBSCRIBE | PacketType::UNSUBSCRIBE | PacketType::PINGREQ);
        let by_server =
            matches!(kind, PacketType::CONNACK | PacketType::SUBACK | PacketType::UNSUBACK | PacketType::PINGRESP);
        match (side, kind) {
            (Side::Client, _) if by_server => Some(Violation::WrongDirection(kind)),
            (Side::Server, _) if by_client => Some(Violation::WrongDirection(kind)),
            (Side::Client, PacketType::CONNECT) if facts.connect.is_some() => Some(Violation::SecondConnect),
            (Side::Server, PacketType::CONNACK) if facts.connack.is_some() => Some(Violation::SecondConnack),
            (Side::Client, _) if is_first && kind != PacketType::CONNECT => Some(Violation::NotConnectFirst(kind)),
            (Side::Server, _)
                if is_first && !matches!(kind, PacketType::CONNACK | PacketType::AUTH | PacketType::DISCONNECT) =>
            {
                Some(Violation::NotConnackFirst(kind))
            }
            _ => facts.disconnect[side].map(|_| Violation::AfterDisconnect(kind)),
        }
    }

    /// What the packet changes.
    fn take(&mut self, side: Side, at: Moment, packet: &mut Packet, limits: Limits) -> Option<Violation> {
        let facts = &mut self.facts;
        match packet {
            Packet::Connect(connect) => {
                facts.note_version(connect.version, Basis::Observed);
                facts.connect.get_or_insert_with(|| Arc::clone(connect));
            }
            Packet::Connack(connack) => {
                facts.connack.get_or_insert_with(|| Arc::clone(connack));
            }
            Packet::Publish(publish) => return self.publish(side, at, publish, limits),
            Packet::Ack(ack) => return self.ack(side, at, ack, limits),
            Packet::Subscribe(subscribe) => facts.in_flight[side].ask(
                subscribe.packet_id,
                PacketType::SUBSCRIBE,
                PacketType::SUBACK,
                at,
                limits.in_flight,
            ),
            Packet::Unsubscribe(unsubscribe) => facts.in_flight[side].ask(
                unsubscribe.packet_id,
                PacketType::UNSUBSCRIBE,
                PacketType::UNSUBACK,
                at,
                limits.in_flight,
            ),
            Packet::Answer(answer) => return self.answer(side, at, answer.packet_id, answer.kind, false),
            Packet::Pingreq => facts.pings.request(at),
            Packet::Pingresp => drop(facts.pings.answer(at)),
            Packet::Disconnect(disconnect) => {
                facts.disconnect[side].get_or_insert(Mark { at, basis: Basis::Observed });
                facts.disconnect_reason.get_or_insert_with(|| (side, disconnect.clone()));
            }
            Packet::Auth(_) => facts.note_version(Version::V5_0, Basis::Observed),
        }
        None
    }

    fn publish(&mut self, side: Side, at: Moment, publish: &mut Publish, limits: Limits) -> Option<Violation> {
        let violation = self.resolve_alias(side, publish);
        let facts = &mut self.facts;
        facts.duplicates[side] += u64::from(publish.dup);
        facts.retained[side] += u64::from(publish.retain);
        facts.topics.count(&publish.topic, u64::from(publish.payload_length), limits.topics);
        if let Some(id) = publish.packet_id {
            let awaits = if publish.qos == QoS::AT_LEAST_ONCE { PacketType::PUBACK } else { PacketType::PUBREC };
            facts.in_flight[side].ask(id, PacketType::PUBLISH, awaits, at, limits.in_flight);
        }
        violation
    }

    /// A topic alias is introduced together with its topic, then stands alone (MQTT 5.0, 3.3.2.3.4).
    fn resolve_alias(&mut self, side: Side, publish: &mut Publish) -> Option<Violation> {
        let alias = publish.topic_alias?;
        let is_whole = self.is_whole(side);
        let aliases = &mut self.aliases[side];
        if !publish.topic.is_empty() {
            if aliases.len() < MAX_ALIASES || aliases.contains_key(&alias) {
                aliases.insert(alias, Arc::clone(&publish.topic));
            }
            return None;
        }
        match aliases.get(&alias) {
            Some(topic) => publish.topic = Arc::clone(topic),
            None if aliases.len() < MAX_ALIASES && is_whole => {
                return Some(Violation::UnknownTopicAlias(alias));
            }
            None => {}
        }
        None
    }

    fn ack(&mut self, side: Side, at: Moment, ack: &Ack, limits: Limits) -> Option<Violation> {
        if ack.kind != PacketType::PUBREL {
            return self.answer(side, at, ack.packet_id, ack.kind, ack.reason.is_failure());
        }
        let awaits = PacketType::PUBCOMP;
        if ack.reason == ReasonCode::SUCCESS {
            self.facts.in_flight[side].ask(ack.packet_id, PacketType::PUBREL, awaits, at, limits.in_flight);
        }
        None
    }

    /// `side` answers what its peer asked.
    fn answer(&mut self, side: Side, at: Moment, id: u16, kind: PacketType, is_failure: bool) -> Option<Violation> {
        let asker = side.peer();
        let Some(answered) = self.facts.in_flight[asker].answer(id, kind, is_failure) else {
            // Exchanges of QoS 2 may be older than the connection.
            let is_told =
                matches!(kind, PacketType::PUBACK | PacketType::SUBACK | PacketType::UNSUBACK) && self.is_whole(asker);
            return is_told.then_some(Violation::UnknownPacketId(kind, id));
        };
        if answered.asked == PacketType::PUBLISH && kind != PacketType::PUBCOMP {
            self.facts.ack_latency[asker].add(at.at.since(answered.since.at));
        }
        if asker == Side::Client && answered.asked != PacketType::UNSUBSCRIBE {
            self.facts.first_ack.get_or_insert((answered.since, at));
        }
        None
    }

    /// Whether all that this side said was read.
    fn is_whole(&self, side: Side) -> bool {
        let facts = &self.facts;
        facts.gaps[side] == 0
            && facts.in_flight[side].forgotten() == 0
            && facts.given_up[side].is_none()
            && !facts.sealed
    }
}
