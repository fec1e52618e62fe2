//! The publications of one device that are on their way (MQTT 3.1.1 and 5.0, 4.3): in go messages and the broker's
//! packets, out come packets to send. It outlives connections, so that an interruption loses nothing. It knows no
//! socket and no clock.

use crate::broker::codec::{Ack, Packet, Publish, QoS, ReasonCode};
use bytes::Bytes;
use std::collections::{HashSet, VecDeque};

/// The packet id of the only SUBSCRIBE; publications never have it.
pub(super) const SUBSCRIBE_ID: u16 = u16::MAX;

/// QoS 2 messages from the broker that it has not released; as many as there are packet ids.
type Received = HashSet<u16>;

/// What has become of the messages so far, and what is still on its way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    in_flight: VecDeque<InFlight>,
    received: Received,
    last_packet_id: u16,
    /// Messages with QoS 0 of which nobody knows yet whether the broker has read them.
    unproven: u64,
    /// Those of them that were sent before the last ping.
    asked: u64,
    /// Messages given to [`Outbox::publish`].
    pub(super) published: u64,
    /// Those that the broker has taken over: PUBACK or PUBCOMP came; with QoS 0, see [`Outbox::answered`].
    pub(super) acknowledged: u64,
}

/// A publication whose acknowledgement has not come.
#[derive(Debug)]
struct InFlight {
    publish: Publish,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// PUBACK or PUBREC is awaited.
    Published,
    /// PUBCOMP is awaited.
    Released,
}

/// What a packet of the broker means for the messages.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// The broker has taken over a message, or the first half of a QoS 2 exchange is done; this is to be sent.
    Progress(Option<Packet>),
    /// The broker refused this topic's message.
    Refused { topic: String, reason: ReasonCode },
    /// A message came; this is to be sent.
    Message { publish: Box<Publish>, reply: Option<Packet> },
    /// A message that had come before, or its release; this is to be sent.
    Reply(Packet),
    /// Not about messages.
    Other(Packet),
}

impl Outbox {
    /// The packet for a new message.
    pub(super) fn publish(&mut self, topic: &str, qos: QoS, payload: impl Into<Bytes>) -> Packet {
        let mut publish = Publish::from_bytes(topic, qos, payload.into());
        self.published += 1;
        if qos == QoS::AtMostOnce {
            self.unproven += 1;
        } else {
            publish.pkid = self.next_packet_id();
            self.in_flight.push_back(InFlight { publish: publish.clone(), stage: Stage::Published });
        }
        Packet::Publish(publish)
    }

    /// How many messages await an acknowledgement.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The topic of the first message that awaits one.
    pub(super) fn unacknowledged(&self) -> Option<String> {
        self.in_flight.front().map(|first| first.publish.topic.clone())
    }

    /// How many messages with QoS 0 nobody has answered for.
    pub(super) fn unproven(&self) -> u64 {
        self.unproven
    }

    /// How many QoS 2 messages from the broker it has not released.
    pub(super) fn unreleased(&self) -> usize {
        self.received.len()
    }

    /// A ping is sent.
    pub(super) fn ask(&mut self) {
        self.asked = self.unproven;
    }

    /// The ping is answered, so the broker has read what was sent before it.
    pub(super) fn answered(&mut self) {
        let read = std::mem::take(&mut self.asked);
        self.unproven -= read;
        self.acknowledged += read;
    }

    /// What to send again after a new connection (4.4). Messages with QoS 0 that nobody answered for may be lost, and
    /// stay so. Without its session the broker knows nothing of them, but what it had received with QoS 2 it owns.
    pub(super) fn resume(&mut self, session_present: bool) -> Vec<Packet> {
        (self.unproven, self.asked) = (0, 0);
        if !session_present {
            self.received.clear();
            let before = self.in_flight.len();
            self.in_flight.retain(|in_flight| in_flight.stage == Stage::Published);
            self.acknowledged += (before - self.in_flight.len()) as u64;
        }
        let again = |in_flight: &InFlight| match in_flight.stage {
            Stage::Published => Packet::Publish(Publish { dup: session_present, ..in_flight.publish.clone() }),
            Stage::Released => Packet::PubRel(Ack::success(in_flight.publish.pkid)),
        };
        self.in_flight.iter().map(again).collect()
    }

    /// What the broker's packet means.
    pub(super) fn handle(&mut self, packet: Packet) -> Outcome {
        match packet {
            Packet::PubAck(ack) => self.finish(ack),
            Packet::PubRec(ack) if ack.reason.is_error() => self.finish(ack),
            Packet::PubRec(ack) => {
                if let Some(in_flight) = self.in_flight.iter_mut().find(|it| it.publish.pkid == ack.packet_id) {
                    in_flight.stage = Stage::Released;
                }
                Outcome::Progress(Some(Packet::PubRel(Ack::success(ack.packet_id))))
            }
            // Its code cannot be a refusal: the broker has taken the message by PUBREC already (5.0, 3.7.2.1).
            Packet::PubComp(ack) => self.finish(Ack::success(ack.packet_id)),
            Packet::PubRel(ack) => {
                self.received.remove(&ack.packet_id);
                Outcome::Reply(Packet::PubComp(Ack::success(ack.packet_id)))
            }
            Packet::Publish(publish) => self.receive(publish),
            other => Outcome::Other(other),
        }
    }

    fn receive(&mut self, publish: Publish) -> Outcome {
        let ack = Ack::success(publish.pkid);
        match publish.qos {
            QoS::AtMostOnce => Outcome::Message { publish: Box::new(publish), reply: None },
            QoS::AtLeastOnce => Outcome::Message { publish: Box::new(publish), reply: Some(Packet::PubAck(ack)) },
            QoS::ExactlyOnce if self.received.insert(publish.pkid) => {
                Outcome::Message { publish: Box::new(publish), reply: Some(Packet::PubRec(ack)) }
            }
            QoS::ExactlyOnce => Outcome::Reply(Packet::PubRec(ack)),
        }
    }

    /// An acknowledgement of something unknown is a late one, and none is missing.
    fn finish(&mut self, ack: Ack) -> Outcome {
        let Some(at) = self.in_flight.iter().position(|in_flight| in_flight.publish.pkid == ack.packet_id) else {
            return Outcome::Progress(None);
        };
        let done = self.in_flight.remove(at);
        match done {
            Some(done) if ack.reason.is_error() => Outcome::Refused { topic: done.publish.topic, reason: ack.reason },
            _ => {
                self.acknowledged += 1;
                Outcome::Progress(None)
            }
        }
    }

    /// The next id that is not in use, never 0 (2.3.1 / 2.2.1) and never [`SUBSCRIBE_ID`].
    fn next_packet_id(&mut self) -> u16 {
        loop {
            self.last_packet_id = self.last_packet_id % (SUBSCRIBE_ID - 1) + 1;
            if self.in_flight.iter().all(|in_flight| in_flight.publish.pkid != self.last_packet_id) {
                return self.last_packet_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet_id(packet: &Packet) -> u16 {
        match packet {
            Packet::Publish(publish) => publish.pkid,
            other => panic!("a PUBLISH, not {other:?}"),
        }
    }

    #[test]
    fn qos_1_is_done_with_its_puback() {
        let mut outbox = Outbox::default();
        let id = packet_id(&outbox.publish("a", QoS::AtLeastOnce, "x"));
        assert_eq!((outbox.in_flight(), outbox.acknowledged), (1, 0));
        assert_eq!(outbox.handle(Packet::PubAck(Ack::success(id))), Outcome::Progress(None));
        assert_eq!(outbox.handle(Packet::PubAck(Ack::success(id))), Outcome::Progress(None));
        assert_eq!((outbox.in_flight(), outbox.acknowledged), (0, 1));
    }

    #[test]
    fn packet_ids_come_round_without_zero_and_without_the_subscription_s() {
        let mut outbox = Outbox { last_packet_id: SUBSCRIBE_ID - 2, ..Outbox::default() };
        let ids = [(); 2].map(|()| packet_id(&outbox.publish("a", QoS::AtLeastOnce, "x")));
        assert_eq!(ids, [SUBSCRIBE_ID - 1, 1]);
    }

    #[test]
    fn qos_2_is_done_with_its_pubcomp() {
        let mut outbox = Outbox::default();
        let id = packet_id(&outbox.publish("a", QoS::ExactlyOnce, "x"));
        let release = Packet::PubRel(Ack::success(id));
        assert_eq!(outbox.handle(Packet::PubRec(Ack::success(id))), Outcome::Progress(Some(release)));
        assert_eq!(outbox.acknowledged, 0);
        outbox.handle(Packet::PubComp(Ack::success(id)));
        assert_eq!((outbox.in_flight(), outbox.acknowledged), (0, 1));
    }

    #[test]
    fn a_refused_message_is_not_acknowledged() {
        for refusal in [Packet::PubAck as fn(Ack) -> Packet, Packet::PubRec] {
            let mut outbox = Outbox::default();
            let id = packet_id(&outbox.publish("a", QoS::ExactlyOnce, "x"));
            let outcome = outbox.handle(refusal(Ack::new(id, ReasonCode::NOT_AUTHORIZED)));
            assert_eq!(outcome, Outcome::Refused { topic: "a".into(), reason: ReasonCode::NOT_AUTHORIZED });
            assert_eq!((outbox.in_flight(), outbox.acknowledged), (0, 0));
        }
    }

    #[test]
    fn a_session_that_is_still_there_gets_duplicates_and_releases() {
        let mut outbox = Outbox::default();
        let first = packet_id(&outbox.publish("a", QoS::ExactlyOnce, "1"));
        let second = outbox.publish("a", QoS::AtLeastOnce, "2");
        outbox.handle(Packet::PubRec(Ack::success(first)));
        let Packet::Publish(second) = second else { panic!("a PUBLISH") };
        let again = [Packet::PubRel(Ack::success(first)), Packet::Publish(Publish { dup: true, ..second })];
        assert_eq!(outbox.resume(true), again);
    }

    #[test]
    fn a_new_session_gets_only_what_the_old_one_had_not_taken() {
        let mut outbox = Outbox::default();
        let first = packet_id(&outbox.publish("a", QoS::ExactlyOnce, "1"));
        let second = outbox.publish("a", QoS::ExactlyOnce, "2");
        outbox.handle(Packet::PubRec(Ack::success(first)));
        assert_eq!(outbox.resume(false), [second]);
        assert_eq!((outbox.in_flight(), outbox.acknowledged), (1, 1));
    }

    #[test]
    fn messages_with_qos_0_count_once_something_after_them_is_answered() {
        let mut outbox = Outbox::default();
        outbox.publish("a", QoS::AtMostOnce, "lost");
        outbox.resume(true);
        outbox.publish("a", QoS::AtMostOnce, "read");
        outbox.ask();
        outbox.publish("a", QoS::AtMostOnce, "after the ping");
        outbox.answered();
        assert_eq!((outbox.published, outbox.acknowledged, outbox.unproven()), (3, 1, 1));
    }

    #[test]
    fn a_message_with_qos_2_is_told_once() {
        let mut outbox = Outbox::default();
        let publish = Publish { pkid: 9, ..Publish::new("a", QoS::ExactlyOnce, "x") };
        let received = Packet::PubRec(Ack::success(9));
        let first = outbox.handle(Packet::Publish(publish.clone()));
        assert_eq!(first, Outcome::Message { publish: Box::new(publish.clone()), reply: Some(received.clone()) });
        assert_eq!(outbox.handle(Packet::Publish(Publish { dup: true, ..publish })), Outcome::Reply(received));
        assert_eq!(outbox.handle(Packet::PubRel(Ack::success(9))), Outcome::Reply(Packet::PubComp(Ack::success(9))));
    }
}
