//! A hundred thousand damaged control packets, as the payloads of plain connections: they change what is told of MQTT, and
//! nothing else.

use super::analysis::{Ports, connections, mqtt_events};
use super::random::Random;
use etherparse::PacketBuilder;
use iotcap::connection::Record;
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::mqtt::Event;
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::time::Timestamp;
use std::time::Duration;

/// So many connections of so many packets each.
const CONNECTIONS: u16 = 10_000;
const PACKETS: usize = 10;

/// Packets of all types, to be damaged.
const SOUND: &[&[u8]] = &[
    b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a",
    b"\x10\x1d\x00\x04MQTT\x04\xee\x00\x0a\x00\x01d\x00\x01w\x00\x04gone\x00\x01u\x00\x02pw",
    b"\x20\x10\x01\x00\x0d\x12\x00\x02x1\x13\x00\x1e\x27\x00\x02\x00\x00",
    b"\x32\x09\x00\x03a/b\x00\x02hi",
    b"\x30\x0c\x00\x01t\x07\x0b\x01\x0b\x02\x0b\x80\x01!",
    b"\x40\x09\x00\x09\x10\x05\x1f\x00\x02no",
    b"\x62\x02\x00\x03",
    b"\x82\x08\x00\x01\x00\x03a/#\x01",
    b"\x90\x04\x00\x01\x00\x87",
    b"\xa2\x07\x00\x04\x00\x03a/#",
    b"\xc0\x00\xd0\x00",
    b"\xe0\x08\x98\x06\x1f\x00\x03bye",
    b"\xf0\x02\x18\x00",
];

#[test]
fn damaged_packets_change_nothing_but_what_is_told_of_mqtt() {
    let sound = connections(&capture(&mut |_| {}), None, &Ports::Named(&[1883]));
    let mut random = Random(0x1057_CA9D_0000_0001);
    let damaged = connections(&capture(&mut |packet| random.damage(packet)), None, &Ports::Named(&[1883]));
    assert_eq!((sound.len(), damaged.len()), (usize::from(CONNECTIONS), usize::from(CONNECTIONS)));
    let (mut told, mut errors) = (0, 0);
    for (sound, damaged) in sound.iter().zip(&damaged) {
        assert_eq!(outside(sound), outside(damaged));
        told += mqtt_events(damaged).count();
        let is_error = |event: &Event| matches!(event, Event::Malformed(_) | Event::ProtocolError(_));
        errors += mqtt_events(damaged).filter(|(_, _, event)| is_error(event)).count();
    }
    // A length that was damaged hides what follows.
    assert!(told > 50_000 && errors > 10_000, "{told} events, {errors} errors");
}

/// What is told of a connection below MQTT.
fn outside(record: &Record) -> impl PartialEq + std::fmt::Debug {
    (record.endpoints, record.first, record.last, record.frames(), record.ending, format!("{:?}", record.tcp))
}

/// Connections one behind the other, each with a handshake of TCP, packets of either side, and a close. What `damage` leaves
/// of a packet keeps its length, so that the segments stay as they are.
fn capture(damage: &mut impl FnMut(&mut [u8])) -> Vec<u8> {
    let section = Section { hardware: "", os: "", application: "test", comment: "" };
    let mut writer = Writer::new(Vec::new(), &section).expect("memory");
    let interface = Interface { link_type: LinkType::RAW, snaplen: 0, name: "", description: "", filter: "" };
    let id = writer.add_interface(&interface).expect("memory");
    let mut at = Timestamp::from_secs(1_700_000_000);
    for connection in 0..CONNECTIONS {
        let mut ends = [Peer { port: 20_000 + connection, next: 1000 }, Peer { port: 1883, next: 5000 }];
        let mut send = |from: usize, flags: &str, payload: &[u8]| {
            let data = segment(&mut ends, from, flags, payload);
            at = at + Duration::from_millis(1);
            let original_len = u32::try_from(data.len()).expect("short");
            let frame = Frame { id: FrameId::new(0, 1), at, link_type: LinkType::RAW, original_len, data: &data };
            writer.write_frame(id, &frame, &[]).expect("memory");
        };
        send(0, "S", &[]);
        send(1, "SA", &[]);
        send(0, "A", &[]);
        for number in 0..PACKETS {
            let mut packet = SOUND[(number + usize::from(connection)) % SOUND.len()].to_vec();
            damage(&mut packet);
            send(number % 2, "A", &packet);
        }
        send(0, "FA", &[]);
        send(1, "FA", &[]);
        send(0, "A", &[]);
    }
    writer.into_inner()
}

struct Peer {
    port: u16,
    next: u32,
}

fn segment(ends: &mut [Peer; 2], from: usize, flags: &str, payload: &[u8]) -> Vec<u8> {
    const ADDRESSES: [[u8; 4]; 2] = [[192, 0, 2, 10], [192, 0, 2, 20]];
    let (sender, peer) = (&ends[from], &ends[1 - from]);
    let builder = PacketBuilder::ipv4(ADDRESSES[from], ADDRESSES[1 - from], 64);
    let mut builder = builder.tcp(sender.port, peer.port, sender.next, 65_000);
    for flag in flags.chars() {
        builder = match flag {
            'S' => builder.syn(),
            'F' => builder.fin(),
            _ => builder.ack(peer.next),
        };
    }
    let mut bytes = Vec::new();
    builder.write(&mut bytes, payload).expect("memory");
    let closing = u32::from(flags.contains(['S', 'F']));
    ends[from].next += closing + u32::try_from(payload.len()).expect("short");
    bytes
}

impl Random {
    /// Overwrites one to three bytes: with anything, with what is next to the right value, or with the extremes. The length
    /// mostly stays, so that what follows is looked at too.
    fn damage(&mut self, packet: &mut [u8]) {
        for _ in 0..=self.below(3) {
            let place = match self.below(packet.len()) {
                1 if self.below(8) > 0 => 0,
                place => place,
            };
            let byte = &mut packet[place];
            *byte = match self.below(4) {
                0 => byte.wrapping_add(1),
                1 => 0xff,
                2 => *byte ^ 1 << self.below(8),
                _ => self.below(256).to_le_bytes()[0],
            };
        }
    }
}
