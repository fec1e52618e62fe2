//! What the broker keeps for one client, connected or not (MQTT 3.1.1, 3.1.2.4; 5.0, 4.1): subscriptions, messages that
//! wait, and packet ids in use. In go messages and acknowledgements, out come packets by [`Session::poll`]. It knows no
//! socket and asks no clock.

use super::codec::{Ack, Packet, Publish, QoS, ReasonCode};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::time::Instant;

/// A message on its way to its subscribers; shared by all of them.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) publish: Publish,
    /// When nobody wants it any more (5.0, 3.3.2.3.3).
    pub(super) expires: Option<Instant>,
}

impl Message {
    /// The packet of a subscriber, with what is left of the message's time.
    fn packet(&self, qos: QoS, retain: bool, now: Instant) -> Publish {
        let mut publish = self.publish.clone();
        (publish.qos, publish.retain, publish.dup, publish.pkid) = (qos, retain, false, 0);
        if let (Some(expires), Some(properties)) = (self.expires, publish.properties.as_mut()) {
            let left = expires.saturating_duration_since(now).as_secs();
            properties.message_expiry_interval = Some(u32::try_from(left).unwrap_or(u32::MAX));
        }
        publish
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// How a client wants the messages of one filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription {
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
}

/// A message that waits for its turn.
#[derive(Debug)]
struct Waiting {
    message: Arc<Message>,
    qos: QoS,
    retain: bool,
}

/// A publication with QoS above 0 whose acknowledgement has not come (4.3.2, 4.3.3).
#[derive(Debug)]
enum InFlight {
    /// PUBLISH was sent, PUBACK or PUBREC is awaited.
    Published(Box<Publish>),
    /// PUBREL was sent, PUBCOMP is awaited.
    Released(u16),
}

impl InFlight {
    const fn packet_id(&self) -> u16 {
        match self {
            Self::Published(publish) => publish.pkid,
            Self::Released(packet_id) => *packet_id,
        }
    }
}

/// What the connected client can take.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerLimits {
    /// In flight at once.
    pub(super) receive_maximum: u16,
    /// Bytes of a whole packet.
    pub(super) maximum_packet_size: u32,
}

/// The state of one client.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    waiting: VecDeque<Waiting>,
    in_flight: VecDeque<InFlight>,
    /// Packets to send once more after the client came back.
    again: VecDeque<Packet>,
    /// Packet ids of the client's QoS 2 publications that were routed and not released (4.3.3).
    received: HashSet<u16>,
    last_packet_id: u16,
}

impl Session {
    /// Queues a message; false if `limit` messages wait already.
    #[must_use]
    pub(super) fn offer(&mut self, message: Arc<Message>, qos: QoS, retain: bool, limit: usize) -> bool {
        let room = self.waiting.len() < limit;
        if room {
            self.waiting.push_back(Waiting { message, qos, retain });
        }
        room
    }

    /// The client came back: what it has not acknowledged is sent again, in order, before anything new (4.4).
    pub(super) fn resume(&mut self) {
        let again = |in_flight: &InFlight| match in_flight {
            InFlight::Published(publish) => Packet::Publish(Publish { dup: true, ..Publish::clone(publish) }),
            InFlight::Released(packet_id) => Packet::PubRel(Ack::success(*packet_id)),
        };
        self.again = self.in_flight.iter().map(again).collect();
    }

    /// The connection is gone: messages with QoS 0 are not kept for later.
    pub(super) fn detach(&mut self) {
        self.again.clear();
        self.waiting.retain(|waiting| waiting.qos != QoS::AtMostOnce);
    }

    /// The next packet for the client, if there is one that it can take now.
    pub(super) fn poll(&mut self, limits: PeerLimits, now: Instant) -> Option<Packet> {
        if let Some(packet) = self.again.pop_front() {
            return Some(packet);
        }
        loop {
            let next = self.waiting.front()?;
            let acknowledged = next.qos != QoS::AtMostOnce;
            if acknowledged && self.in_flight.len() >= usize::from(limits.receive_maximum) {
                return None;
            }
            let next = self.waiting.pop_front()?;
            // The header of the largest packet takes five bytes (2.2.3).
            let too_large =
                next.message.publish.len() + 5 > usize::try_from(limits.maximum_packet_size).unwrap_or(usize::MAX);
            if next.message.is_expired(now) || too_large {
                continue;
            }
            let mut publish = next.message.packet(next.qos, next.retain, now);
            if acknowledged {
                publish.pkid = self.next_packet_id();
                self.in_flight.push_back(InFlight::Published(Box::new(publish.clone())));
            }
            return Some(Packet::Publish(publish));
        }
    }

    /// The client's PUBLISH with QoS 2 came; false if it had come before.
    #[must_use]
    pub(super) fn receive(&mut self, packet_id: u16) -> bool {
        self.received.insert(packet_id)
    }

    /// How many QoS 2 publications of the client are not released.
    pub(super) fn unreleased(&self) -> usize {
        self.received.len()
    }

    /// Whether that QoS 2 publication has come and was not released.
    pub(super) fn has_received(&self, packet_id: u16) -> bool {
        self.received.contains(&packet_id)
    }

    /// The client's PUBREL came: the answer.
    pub(super) fn release(&mut self, packet_id: u16) -> Packet {
        let known = self.received.remove(&packet_id);
        Packet::PubComp(Ack::new(packet_id, known_or_not(known)))
    }

    /// PUBACK or PUBCOMP came: the publication is done.
    pub(super) fn acknowledge(&mut self, packet_id: u16) {
        self.in_flight.retain(|in_flight| in_flight.packet_id() != packet_id);
    }

    /// PUBREC came: the answer, if one is due.
    pub(super) fn received_by_client(&mut self, ack: Ack) -> Option<Packet> {
        if ack.reason.is_error() {
            self.acknowledge(ack.packet_id);
            return None;
        }
        let known = self.in_flight.iter_mut().find(|in_flight| in_flight.packet_id() == ack.packet_id);
        let reason = known_or_not(known.is_some());
        if let Some(in_flight) = known {
            *in_flight = InFlight::Released(ack.packet_id);
        }
        Some(Packet::PubRel(Ack::new(ack.packet_id, reason)))
    }

    /// The next id that is not in use; ids are never 0 (2.3.1 / 2.2.1). Fewer than 65,535 are in use: the receive
    /// maximum sees to that.
    fn next_packet_id(&mut self) -> u16 {
        loop {
            self.last_packet_id = self.last_packet_id.wrapping_add(1).max(1);
            if self.in_flight.iter().all(|in_flight| in_flight.packet_id() != self.last_packet_id) {
                return self.last_packet_id;
            }
        }
    }
}

const fn known_or_not(known: bool) -> ReasonCode {
    if known { ReasonCode::SUCCESS } else { ReasonCode::PACKET_IDENTIFIER_NOT_FOUND }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::clock;
    use mqttbytes::v5::PublishProperties;
    use std::time::Duration;

    const LIMITS: PeerLimits = PeerLimits { receive_maximum: 2, maximum_packet_size: 1000 };

    fn message(payload: &str) -> Arc<Message> {
        Arc::new(Message { publish: Publish::new("a", QoS::ExactlyOnce, payload), expires: None })
    }

    fn published(packet: Option<Packet>) -> Publish {
        match packet {
            Some(Packet::Publish(publish)) => publish,
            other => panic!("a PUBLISH, not {other:?}"),
        }
    }

    #[test]
    fn no_more_in_flight_than_the_client_takes() {
        let (mut session, now) = (Session::default(), clock::now());
        for payload in ["1", "2", "3"] {
            assert!(session.offer(message(payload), QoS::AtLeastOnce, false, 10));
        }
        let first = published(session.poll(LIMITS, now));
        let second = published(session.poll(LIMITS, now));
        assert_ne!(first.pkid, second.pkid);
        assert_eq!(session.poll(LIMITS, now), None);
        session.acknowledge(first.pkid);
        assert_eq!(published(session.poll(LIMITS, now)).payload, "3");
    }

    // 3.1.1, 4.4: PUBLISH with DUP, and PUBREL, with their original ids and in their order.
    #[test]
    fn what_was_not_acknowledged_is_sent_again_in_order() {
        let (mut session, now) = (Session::default(), clock::now());
        for payload in ["1", "2"] {
            assert!(session.offer(message(payload), QoS::ExactlyOnce, false, 10));
        }
        let first = published(session.poll(LIMITS, now));
        let second = published(session.poll(LIMITS, now));
        let answer = session.received_by_client(Ack::success(first.pkid));
        assert_eq!(answer, Some(Packet::PubRel(Ack::success(first.pkid))));
        session.detach();
        session.resume();
        assert_eq!(session.poll(LIMITS, now), Some(Packet::PubRel(Ack::success(first.pkid))));
        assert_eq!(session.poll(LIMITS, now), Some(Packet::Publish(Publish { dup: true, ..second })));
        assert_eq!(session.poll(LIMITS, now), None);
    }

    #[test]
    fn messages_with_qos_0_do_not_wait_for_a_client_that_left() {
        let (mut session, now) = (Session::default(), clock::now());
        assert!(session.offer(message("0"), QoS::AtMostOnce, false, 10));
        assert!(session.offer(message("1"), QoS::AtLeastOnce, false, 10));
        session.detach();
        session.resume();
        assert_eq!(published(session.poll(LIMITS, now)).payload, "1");
        assert_eq!(session.poll(LIMITS, now), None);
    }

    #[test]
    fn expired_and_too_large_messages_are_passed_over() {
        let (mut session, now) = (Session::default(), clock::now());
        let mut publish = Publish::new("a", QoS::AtMostOnce, "late");
        publish.properties = Some(PublishProperties {
            payload_format_indicator: None,
            message_expiry_interval: Some(10),
            topic_alias: None,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
            subscription_identifiers: Vec::new(),
            content_type: None,
        });
        let late = Arc::new(Message { publish, expires: Some(now + Duration::from_secs(10)) });
        for message in [late.clone(), message(&"x".repeat(1000)), late] {
            assert!(session.offer(message, QoS::AtMostOnce, false, 10));
        }
        let fresh = published(session.poll(LIMITS, now + Duration::from_secs(4)));
        assert_eq!(fresh.properties.unwrap().message_expiry_interval, Some(6));
        assert_eq!(session.poll(LIMITS, now + Duration::from_secs(10)), None);
    }

    #[test]
    fn a_publication_with_qos_2_counts_once() {
        let mut session = Session::default();
        assert!(session.receive(7));
        assert!(!session.receive(7));
        assert_eq!(session.release(7), Packet::PubComp(Ack::success(7)));
        assert_eq!(session.release(7), Packet::PubComp(Ack::new(7, ReasonCode::PACKET_IDENTIFIER_NOT_FOUND)));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut session = Session::default();
        assert!(session.offer(message("1"), QoS::AtLeastOnce, false, 1));
        assert!(!session.offer(message("2"), QoS::AtLeastOnce, false, 1));
    }
}
