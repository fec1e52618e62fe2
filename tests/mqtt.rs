//! MQTT as an observer reads it: packets of 3.1, 3.1.1 and 5.0 by the bytes of the specifications, against mqttbytes, and
//! damaged in every way.

use bytes::BytesMut;
use iotcap::evidence::Seen;
use iotcap::frame::FrameId;
use iotcap::mqtt::{
    ConnackCode, Event, Facts, Limits, Malformed, Packet, PacketType, QoS, ReasonCode, Sink, Tracker, Version,
    Violation,
};
use iotcap::net::Side::{self, Client, Server};
use iotcap::stream::Moment;
use iotcap::time::Timestamp;
use mqttbytes::{v4, v5};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Default)]
struct Seens(Vec<(Seen, Event)>);

impl Sink for Seens {
    fn event(&mut self, seen: Seen, event: Event) {
        self.0.push((seen, event));
    }
}

/// The moment `millis` after the start; the frame has the same number.
fn at(millis: u64) -> Moment {
    Moment::new(Timestamp::from_secs(0) + Duration::from_millis(millis), FrameId::new(0, millis))
}

/// Each piece comes ten milliseconds after the one before.
fn track(pieces: &[(Side, &[u8])]) -> (Vec<(Seen, Event)>, Facts) {
    let (mut tracker, mut sink) = (Tracker::new(Limits::default()), Seens::default());
    let mut now = 0;
    for (side, bytes) in pieces {
        now += 10;
        tracker.handle_plaintext(*side, at(now), bytes, &mut sink);
    }
    tracker.finish(at(now), &mut sink);
    (sink.0, tracker.facts().clone())
}

/// `name: detail` of each event.
fn told(pieces: &[(Side, &[u8])]) -> Vec<String> {
    track(pieces).0.iter().map(|(seen, event)| format!("{} {}: {event}", seen.by, event.name())).collect()
}

/// CONNECT 3.1.1: clean session, keep alive 60 s, client id "a".
const CONNECT_V4: &[u8] = &[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 0x02, 0, 60, 0, 1, b'a'];
/// CONNECT 5.0: clean start, keep alive 60 s, no properties, client id "a".
const CONNECT_V5: &[u8] = &[0x10, 14, 0, 4, b'M', b'Q', b'T', b'T', 5, 0x02, 0, 60, 0, 0, 1, b'a'];
const CONNACK_V4: &[u8] = &[0x20, 2, 0, 0];
const CONNACK_V5: &[u8] = &[0x20, 3, 0, 0, 0];

#[test]
fn a_session_of_3_1_1_is_told_packet_by_packet() {
    let (events, facts) = track(&[
        (Client, CONNECT_V4),
        (Server, CONNACK_V4),
        (Client, &[0x82, 8, 0, 1, 0, 3, b'a', b'/', b'#', 1]),
        (Server, &[0x90, 3, 0, 1, 1]),
        (Client, &[0x32, 9, 0, 3, b'a', b'/', b'b', 0, 2, b'h', b'i']),
        (Server, &[0x40, 2, 0, 2, 0x31, 7, 0, 3, b'a', b'/', b'b', b'h', b'i']),
        (Client, &[0x34, 7, 0, 1, b'q', 0, 3, b'o', b'k']),
        (Server, &[0x50, 2, 0, 3]),
        (Client, &[0x62, 2, 0, 3]),
        (Server, &[0x70, 2, 0, 3]),
        (Client, &[0xa2, 7, 0, 4, 0, 3, b'a', b'/', b'#']),
        (Server, &[0xb0, 2, 0, 4]),
        (Client, &[0xc0, 0]),
        (Server, &[0xd0, 0]),
        (Client, &[0xe0, 0]),
    ]);
    let lines: Vec<_> = events.iter().map(|(seen, event)| format!("{} {}: {event}", seen.by, event.name())).collect();
    assert_eq!(
        lines,
        [
            "client connect: client id a, MQTT 3.1.1, keep alive 60 s, clean session",
            "server connack: 0x00 connection accepted",
            "client subscribe: packet id 1, a/# QoS 1",
            "server suback: packet id 1, granted QoS 1",
            "client publish: topic a/b, QoS 1, packet id 2, 2 bytes",
            "server puback: packet id 2",
            "server publish: topic a/b, QoS 0, 2 bytes, retain",
            "client publish: topic q, QoS 2, packet id 3, 2 bytes",
            "server pubrec: packet id 3",
            "client pubrel: packet id 3",
            "server pubcomp: packet id 3",
            "client unsubscribe: packet id 4, a/#",
            "server unsuback: packet id 4",
            "client pingreq: ",
            "server pingresp: ",
            "client disconnect: ",
        ]
    );
    assert_eq!(facts.version.map(|(version, _)| version), Some(Version::V3_1_1));
    assert_eq!(
        (facts.connect_at, facts.connack_at, facts.first_after_connack),
        (Some(at(10)), Some(at(20)), Some(at(30)))
    );
    assert_eq!(facts.first_ack, Some((at(30), at(40))));
    assert_eq!(facts.disconnect.client.map(|mark| mark.at), Some(at(150)));
    assert_eq!((facts.published(Client), facts.published(Server)), (Some(2), Some(1)));
    assert_eq!(facts.ack_latency.client.median(), Some(Duration::from_millis(10)));
    assert_eq!((facts.pings.sent, facts.pings.answered), (1, 1));
    assert!(facts.in_flight.client.is_empty() && facts.errors.is_empty());
    let topics: Vec<_> =
        facts.topics.top(9).into_iter().map(|(name, v)| (name.to_string(), v.packets, v.bytes)).collect();
    assert_eq!(topics, [("a/b".to_owned(), 2, 4), ("q".to_owned(), 1, 2)]);
}

#[test]
fn a_session_of_5_0_is_told_packet_by_packet() {
    assert_eq!(
        told(&[
            (Client, CONNECT_V5),
            // Assigned client id "x1", server keep alive 30 s, maximum packet size 131,072.
            (Server, &[0x20, 16, 1, 0, 13, 18, 0, 2, b'x', b'1', 19, 0, 30, 39, 0, 2, 0, 0]),
            // Subscription identifier 1; no local.
            (Client, &[0x82, 9, 0, 1, 2, 11, 1, 0, 1, b'#', 0x05]),
            (Server, &[0x90, 4, 0, 1, 0, 0x87]),
            // Topic alias 5 with its topic, then alone.
            (Client, &[0x30, 8, 0, 1, b't', 3, 35, 0, 5, b'1']),
            (Client, &[0x30, 7, 0, 0, 3, 35, 0, 5, b'2']),
            // Three subscription identifiers.
            (Server, &[0x30, 12, 0, 1, b't', 7, 11, 1, 11, 2, 11, 0x80, 1, b'!']),
            // PUBLISH of QoS 1 that nobody wants, reason string "no".
            (Client, &[0x32, 6, 0, 1, b't', 0, 9, 0]),
            (Server, &[0x40, 9, 0, 9, 0x10, 5, 31, 0, 2, b'n', b'o']),
            (Client, &[0xa2, 6, 0, 2, 0, 0, 1, b'#']),
            (Server, &[0xb0, 4, 0, 2, 0, 0x11]),
            (Server, &[0xf0, 2, 0x18, 0]),
            (Server, &[0xe0, 1, 0x8e]),
            (Client, &[0xe0, 0]),
        ]),
        [
            "client connect: client id a, MQTT 5.0, keep alive 60 s, clean start",
            "server connack: 0x00 success, session present, client id x1, keep alive 30 s",
            "client subscribe: packet id 1, # QoS 1",
            "server suback: packet id 1, 0x87 not authorized",
            "client publish: topic t, QoS 0, 1 byte",
            "client publish: topic t, QoS 0, 1 byte",
            "server publish: topic t, QoS 0, 1 byte",
            "client publish: topic t, QoS 1, packet id 9, 0 bytes",
            "server puback: packet id 9, 0x10 no matching subscribers, \u{201c}no\u{201d}",
            "client unsubscribe: packet id 2, #",
            "server unsuback: packet id 2, 0x11 no subscription existed",
            "server auth: 0x18 continue authentication",
            "server disconnect: 0x8e session taken over",
            "client disconnect: ",
        ]
    );
}

#[test]
fn what_the_server_gives_counts_for_the_session() {
    let (_, facts) = track(&[(Client, CONNECT_V5), (Server, &[0x20, 11, 0, 0, 8, 18, 0, 2, b'x', b'1', 19, 0, 30])]);
    assert_eq!((facts.client_id(), facts.keep_alive()), (Some("x1"), Some(30)));
    assert_eq!(facts.connack_code(), Some(ConnackCode::Reason(ReasonCode::SUCCESS)));
}

#[test]
fn connect_is_read_in_all_its_forms() {
    let connect = |bytes: &[u8]| match track(&[(Client, bytes)]).0.remove(0).1 {
        Event::Packet(Packet::Connect(connect)) => connect,
        other => panic!("{other:?}"),
    };
    // MQTT 3.1 names itself MQIsdp.
    let old = connect(&[0x10, 15, 0, 6, b'M', b'Q', b'I', b's', b'd', b'p', 3, 2, 0, 10, 0, 1, b'c']);
    assert_eq!((old.version, &*old.client_id, old.is_bridge), (Version::V3_1, "c", false));
    // A bridge of mosquitto sets the highest bit of the level.
    let bridge = connect(&[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 0x84, 0, 0, 10, 0, 1, b'b']);
    assert_eq!((bridge.version, bridge.is_bridge, bridge.clean_start), (Version::V3_1_1, true, false));
    // Will (topic "w", payload "gone", QoS 1, retain), user name "u", a password that is no text.
    let full = connect(&[
        0x10, 29, 0, 4, b'M', b'Q', b'T', b'T', 4, 0xee, 0, 10, 0, 1, b'd', 0, 1, b'w', 0, 4, b'g', b'o', b'n', b'e',
        0, 1, b'u', 0, 2, 0xff, 0x00,
    ]);
    let will = full.will.as_ref().expect("a will");
    assert_eq!((&*will.topic, will.payload_length, will.qos, will.retain), ("w", 4, QoS::AT_LEAST_ONCE, true));
    assert_eq!((full.username.as_deref(), full.has_password), (Some("u"), true));
    let shown = track(&[(Client, &[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 0])]).0[0].1.to_string();
    assert_eq!(shown, "no client id, MQTT 3.1.1, no keep alive, clean session");
}

#[test]
fn refusals_are_told_in_the_code_of_their_version() {
    let code = |connect, bytes: &'static [u8]| track(&[(Client, connect), (Server, bytes)]).1.connack_code();
    assert_eq!(code(CONNECT_V4, &[0x20, 2, 0, 5]), Some(ConnackCode::Return(5)));
    // Beyond the table.
    assert_eq!(code(CONNECT_V4, &[0x20, 2, 0, 0x80]), Some(ConnackCode::Return(0x80)));
    assert_eq!(code(CONNECT_V5, &[0x20, 3, 0, 0x87, 0]), Some(ConnackCode::Reason(ReasonCode::NOT_AUTHORIZED)));
    // A server of 3.1.1 refuses 5.0 in its own form.
    assert_eq!(code(CONNECT_V5, &[0x20, 2, 0, 1]), Some(ConnackCode::Return(1)));
}

#[test]
fn disconnect_may_leave_out_what_is_normal() {
    let reason = |bytes: &'static [u8]| {
        let (_, facts) = track(&[(Client, CONNECT_V5), (Server, CONNACK_V5), (Server, bytes)]);
        facts.disconnect_reason.map(|(side, disconnect)| (side, disconnect.reason, disconnect.reason_string))
    };
    assert_eq!(reason(&[0xe0, 0]), Some((Server, ReasonCode::SUCCESS, None)));
    assert_eq!(reason(&[0xe0, 1, 0x8b]), Some((Server, ReasonCode::SERVER_SHUTTING_DOWN, None)));
    let why = Some("bye".into());
    assert_eq!(reason(&[0xe0, 8, 0x98, 6, 31, 0, 3, b'b', b'y', b'e']), Some((Server, ReasonCode(0x98), why)));
}

#[test]
fn protocol_errors_are_told() {
    let errors = |pieces: &[(Side, &[u8])]| -> Vec<Event> {
        let is_error = |event: &Event| matches!(event, Event::ProtocolError(_) | Event::Malformed(_));
        track(pieces).0.into_iter().map(|(_, event)| event).filter(is_error).collect()
    };
    let forbidden = |violation| vec![Event::ProtocolError(violation)];
    let malformed = |malformed| vec![Event::Malformed(malformed)];
    let session = [(Client, CONNECT_V4), (Server, CONNACK_V4)];
    let then = |side, bytes: &'static [u8]| errors(&[session[0], session[1], (side, bytes)]);
    assert_eq!(then(Client, CONNECT_V4), forbidden(Violation::SecondConnect));
    assert_eq!(
        then(Server, &[0x82, 6, 0, 1, 0, 1, b'a', 0]),
        forbidden(Violation::WrongDirection(PacketType::SUBSCRIBE))
    );
    assert_eq!(then(Server, &[0x40, 2, 0, 7]), forbidden(Violation::UnknownPacketId(PacketType::PUBACK, 7)));
    assert_eq!(errors(&[(Client, &[0xc0, 0])]), forbidden(Violation::NotConnectFirst(PacketType::PINGREQ)));
    assert_eq!(then(Client, &[0x36, 5, 0, 1, b'a', 0, 1]), malformed(Malformed::ReservedQoS));
    assert_eq!(then(Client, &[0x32, 5, 0, 1, b'a', 0, 0]), malformed(Malformed::PacketIdZero));
    assert_eq!(then(Client, &[0x30, 2, 0, 9]), malformed(Malformed::Fields(PacketType::PUBLISH)));
    assert_eq!(then(Client, &[0x05, 0]), malformed(Malformed::ReservedType));
    assert_eq!(then(Client, &[0xe0, 0, 0xc0, 0]), forbidden(Violation::AfterDisconnect(PacketType::PINGREQ)));
    assert_eq!(errors(&[(Client, b"GET / HTTP/1.1\r\n\r\n")]), malformed(Malformed::Http));
}

#[test]
fn packets_go_on_behind_one_that_cannot_be_read() {
    let lines = told(&[(Client, CONNECT_V4), (Server, CONNACK_V4), (Client, &[0x30, 2, 0, 9, 0xc0, 0])]);
    assert_eq!(lines[2..], ["client malformed: the fields of PUBLISH contradict its length", "client pingreq: "]);
}

#[test]
fn unanswered_packets_stay_in_flight() {
    let (_, facts) = track(&[
        (Client, CONNECT_V4),
        (Server, CONNACK_V4),
        (Client, &[0x32, 5, 0, 1, b'a', 0, 1]),
        (Client, &[0x3a, 5, 0, 1, b'a', 0, 1]),
        (Client, &[0xc0, 0]),
    ]);
    let (id, exchange) = facts.in_flight.client.oldest().expect("one is open");
    assert_eq!((id, exchange.since, exchange.awaits, exchange.repeated), (1, at(30), PacketType::PUBACK, true));
    assert_eq!((facts.duplicates.client, facts.pings.unanswered_since), (1, Some(at(50))));
}

#[test]
fn a_packet_that_is_cut_off_is_told_when_its_side_ends() {
    let (events, facts) = track(&[(Client, CONNECT_V4), (Client, &[0x30, 0xff, 0x7f, 0, 1, b't', 1, 2, 3])]);
    assert_eq!(events[1].1.to_string(), "topic t, 9 of 16386 bytes came");
    assert_eq!(facts.incomplete.client.map(|packet| packet.kind), Some(PacketType::PUBLISH));
}

#[test]
fn packets_are_found_again_behind_a_gap() {
    let (mut tracker, mut sink) = (Tracker::new(Limits::default()), Seens::default());
    tracker.handle_gap(Client);
    tracker.handle_plaintext(Client, at(1), b"the rest of some payload", &mut sink);
    tracker.handle_plaintext(Client, at(2), &[0x30, 4, 0, 1, b't', b'x', 0xc0, 0], &mut sink);
    tracker.handle_gap(Client);
    tracker.handle_plaintext(Client, at(3), &[0xc0, 0], &mut sink);
    let names: Vec<_> = sink.0.iter().map(|(seen, event)| (seen.ended, event.name())).collect();
    assert_eq!(names, [(at(2), "publish"), (at(2), "pingreq"), (at(3), "pingreq")]);
}

fn topic() -> impl Strategy<Value = String> {
    "[a-z/]{1,40}"
}

fn qos() -> impl Strategy<Value = mqttbytes::QoS> {
    prop_oneof![Just(mqttbytes::QoS::AtMostOnce), Just(mqttbytes::QoS::AtLeastOnce), Just(mqttbytes::QoS::ExactlyOnce)]
}

/// The packet that `bytes` are, behind a CONNECT of this version.
fn read_by_us(connect: &[u8], side: Side, bytes: &[u8]) -> Packet {
    let (events, _) =
        track(&[(Client, connect), (Server, if connect[8] == 5 { CONNACK_V5 } else { CONNACK_V4 }), (side, bytes)]);
    match &events[2].1 {
        Event::Packet(packet) => packet.clone(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn publish_is_what_mqttbytes_wrote(topic in topic(), qos in qos(), id in 1..u16::MAX, payload in prop::collection::vec(any::<u8>(), 0..300), retain: bool, dup: bool) {
        let mut bytes = BytesMut::new();
        let mut publish = v4::Publish::new(&topic, qos, payload.clone());
        (publish.pkid, publish.retain, publish.dup) = (id, retain, dup);
        publish.write(&mut bytes).unwrap();
        let Packet::Publish(read) = read_by_us(CONNECT_V4, Client, &bytes) else { panic!() };
        prop_assert_eq!((&*read.topic, read.qos.0, read.retain, read.dup), (&*topic, qos as u8, retain, dup));
        prop_assert_eq!(read.payload_length as usize, payload.len());
        prop_assert_eq!(read.packet_id, (qos != mqttbytes::QoS::AtMostOnce).then_some(id));

        let mut bytes = BytesMut::new();
        let mut publish = v5::Publish::new(&topic, qos, payload.clone());
        (publish.pkid, publish.retain, publish.dup) = (id, retain, dup);
        publish.properties = Some(v5::PublishProperties {
            payload_format_indicator: Some(1), message_expiry_interval: Some(9), topic_alias: Some(id), response_topic: Some(topic.clone()),
            correlation_data: Some(payload.clone().into()), user_properties: vec![(topic.clone(), topic.clone())], subscription_identifiers: vec![], content_type: None,
        });
        publish.write(&mut bytes).unwrap();
        let Packet::Publish(read) = read_by_us(CONNECT_V5, Client, &bytes) else { panic!() };
        prop_assert_eq!((&*read.topic, read.topic_alias, read.payload_length as usize), (&*topic, Some(id), payload.len()));
    }

    #[test]
    fn connect_is_what_mqttbytes_wrote(id in "[a-zA-Z0-9]{0,60}", keep_alive: u16, clean: bool, user in "[a-z]{0,9}", password in "[a-z]{0,9}", will in prop::option::of((topic(), qos(), any::<bool>()))) {
        let mut bytes = BytesMut::new();
        let mut connect = v5::Connect::new(&id);
        (connect.keep_alive, connect.clean_session) = (keep_alive, clean);
        connect.set_login(&user, &password);
        connect.last_will = will.clone().map(|(topic, qos, retain)| v5::LastWill::new(topic, "x", qos, retain));
        connect.write(&mut bytes).unwrap();
        let (events, _) = track(&[(Client, &bytes)]);
        let Event::Packet(Packet::Connect(read)) = &events[0].1 else { panic!() };
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!((&*read.client_id, read.keep_alive, read.clean_start), (&*id, keep_alive, clean));
        prop_assert_eq!((read.username.as_deref().unwrap_or(""), read.has_password), (&*user, !password.is_empty()));
        prop_assert_eq!(read.will.as_ref().map(|w| (w.topic.to_string(), w.qos.0, w.retain)), will.map(|(t, q, r)| (t, q as u8, r)));
    }

    #[test]
    fn subscribe_is_what_mqttbytes_wrote(filters in prop::collection::vec((topic(), qos()), 1..20), id in 1..u16::MAX) {
        let mut bytes = BytesMut::new();
        let mut subscribe = v4::Subscribe::new_many(filters.iter().map(|(path, qos)| v4::SubscribeFilter::new(path.clone(), *qos)));
        subscribe.pkid = id;
        subscribe.write(&mut bytes).unwrap();
        let Packet::Subscribe(read) = read_by_us(CONNECT_V4, Client, &bytes) else { panic!() };
        prop_assert_eq!(read.packet_id, id);
        let read: Vec<_> = read.filters.iter().map(|(path, qos)| (path.to_string(), qos.0)).collect();
        prop_assert_eq!(read, filters.iter().map(|(path, qos)| (path.clone(), *qos as u8)).collect::<Vec<_>>());
    }
}

/// A generator of our own, so that the same damage is done each time (xorshift64).
struct Damage(u64);

impl Damage {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below the bound")
    }
}

#[test]
fn a_hundred_thousand_damaged_packets_do_no_harm() {
    let packets: &[(Side, &[u8])] = &[
        (
            Client,
            &[
                0x10, 29, 0, 4, b'M', b'Q', b'T', b'T', 4, 0xee, 0, 10, 0, 1, b'd', 0, 1, b'w', 0, 4, 1, 2, 3, 4, 0, 1,
                b'u', 0, 2, 0xff, 0,
            ],
        ),
        (Server, &[0x20, 16, 1, 0, 13, 18, 0, 2, b'x', b'1', 19, 0, 30, 39, 0, 2, 0, 0]),
        (Client, &[0x82, 9, 0, 1, 2, 11, 1, 0, 1, b'#', 0x05]),
        (Server, &[0x90, 4, 0, 1, 0, 0x87]),
        (Client, &[0x34, 10, 0, 1, b't', 0, 7, 3, 35, 0, 5, b'1']),
        (Server, &[0x40, 9, 0, 9, 0x10, 5, 31, 0, 2, b'n', b'o']),
        (Client, &[0xa2, 6, 0, 2, 0, 0, 1, b'#']),
        (Server, &[0xe0, 8, 0x98, 6, 31, 0, 3, b'b', b'y', b'e']),
        (Server, &[0xf0, 2, 0x18, 0]),
        (Client, &[0xc0, 0]),
    ];
    let mut damage = Damage(0x2545_f491_4f6c_dd1d);
    let limits = Limits { in_flight: 16, topics: 8, ..Limits::default() };
    for _ in 0..1_000 {
        let (mut tracker, mut sink) = (Tracker::new(limits), Seens::default());
        let version = if damage.below(2) == 0 { CONNECT_V4 } else { CONNECT_V5 };
        tracker.handle_plaintext(Client, at(1), version, &mut sink);
        for now in 0..100 {
            let (side, bytes) = packets[damage.below(packets.len())];
            let mut bytes = bytes.to_vec();
            for _ in 0..damage.below(3) {
                let index = damage.below(bytes.len());
                match damage.below(3) {
                    0 => bytes[index] = u8::try_from(damage.below(256)).expect("a byte"),
                    1 => bytes.insert(index, u8::try_from(damage.below(256)).expect("a byte")),
                    _ => drop(bytes.remove(index)),
                }
            }
            tracker.handle_plaintext(side, at(now), &bytes, &mut sink);
            if damage.below(4) == 0 {
                tracker.handle_gap(side);
            }
        }
        let facts = tracker.facts();
        assert!(facts.in_flight.client.len() <= 16 && facts.topics.len() <= 8 && facts.errors.len() <= 16);
        assert!(sink.0.iter().all(|(_, event)| event.to_string().len() < 10_000));
    }
}
