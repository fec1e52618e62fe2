//! The library run over a capture in memory: the finished connections, with all of their events.

use iotcap::analyzer::{Analyzer, Config};
use iotcap::connection::{Record, Settings};
use iotcap::decode::Interest;
use iotcap::event::{EventLimit, Kind};
use iotcap::frame::{Frame, FrameId};
use iotcap::lab::Recording;
use iotcap::mqtt::{ConnackCode, Event, Packet, PacketType};
use iotcap::net::Side;
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::source::{FileSource, Source};
use iotcap::tls;
use std::collections::BTreeMap;
use std::io::Cursor;

/// Every event is kept.
const ALL_EVENTS: EventLimit = EventLimit { first: 1_000_000, last: 64 };

/// Which connections are looked at.
pub(crate) enum Ports {
    /// Servers on these.
    Named(&'static [u16]),
    /// All, by content.
    Any,
}

/// The connections of a capture, with the secrets that are given and none else.
pub(crate) fn connections(capture: &[u8], secrets: Option<&[u8]>, ports: &Ports) -> Vec<Record> {
    let (named, any_port) = match ports {
        Ports::Named(ports) => (ports.to_vec(), false),
        Ports::Any => (vec![8883], true),
    };
    let interest = if any_port { Vec::new() } else { named.clone() };
    let connection = Settings { ports: named, any_port, events: ALL_EVENTS, ..Settings::default() };
    let interest = Interest { ports: interest, ipv6: true, dns: true };
    let mut analyzer = Analyzer::new(Config { interest, connection, ..Config::default() });
    if let Some(secrets) = secrets {
        analyzer.add_secrets(secrets);
    }
    let mut source = FileSource::from_reader("memory", Cursor::new(capture.to_vec())).expect("a capture");
    while let Some(frame) = source.next_frame() {
        analyzer.push(&frame);
    }
    analyzer.finish();
    let mut records: Vec<_> = std::iter::from_fn(|| analyzer.poll()).collect();
    records.sort_by_key(|record| record.ordinal);
    records
}

/// A scenario of the lab as a capture without secrets.
pub(crate) fn pcapng(recording: &Recording) -> Vec<u8> {
    let section = Section { hardware: "", os: "", application: "test", comment: "" };
    let mut writer = Writer::new(Vec::new(), &section).expect("memory");
    let interface = Interface { link_type: recording.link_type, snaplen: 0, name: "", description: "", filter: "" };
    let id = writer.add_interface(&interface).expect("memory");
    for frame in &recording.frames {
        let (at, original_len) = (frame.at, frame.original_len);
        let (link_type, data) = (recording.link_type, frame.data.as_slice());
        let frame = Frame { id: FrameId::new(0, 1), at, link_type, original_len, data };
        writer.write_frame(id, &frame, &[]).expect("memory");
    }
    writer.into_inner()
}

/// The control packets of a connection: their senders, the frames that they end in, and what they are.
pub(crate) fn mqtt_events(record: &Record) -> impl Iterator<Item = (Side, u64, &Event)> {
    record.events.iter().filter_map(|event| match &event.kind {
        Kind::Mqtt(mqtt) => Some((event.by.side()?, event.at.frame.number(), mqtt)),
        _ => None,
    })
}

/// The events of TLS in a connection, and their frames.
pub(crate) fn tls_events(record: &Record) -> impl Iterator<Item = (Side, u64, &tls::Event)> {
    record.events.iter().filter_map(|event| match &event.kind {
        Kind::Tls(tls) => Some((event.by.side()?, event.at.frame.number(), tls)),
        _ => None,
    })
}

/// What of an encrypted connection could not be read: the frames and the names of such events.
pub(crate) fn unread(record: &Record) -> Vec<(u64, &'static str)> {
    let is_closed = |event: &Kind| {
        matches!(
            event,
            Kind::Tls(
                tls::Event::Inferred(_) | tls::Event::EncryptedHandshake { .. } | tls::Event::EncryptedAlert { .. }
            ) | Kind::Mqtt(Event::Inferred(_))
        )
    };
    let closed = record.events.iter().filter(|event| is_closed(&event.kind));
    closed.map(|event| (event.at.frame.number(), event.kind.name())).collect()
}

/// What one frame shows of MQTT: the kinds of its packets, their topics and filters, their codes.
pub(crate) type Shown = BTreeMap<u64, Shows>;

/// See [`Shown`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shows {
    pub(crate) kinds: Vec<u8>,
    pub(crate) topics: Vec<String>,
    pub(crate) codes: Vec<u8>,
}

/// The packets that were read, frame by frame.
pub(crate) fn shown(records: &[Record]) -> Shown {
    let mut shown = Shown::new();
    for (_, frame, event) in records.iter().flat_map(mqtt_events) {
        let shows = shown.entry(frame).or_default();
        match event {
            Event::Packet(packet) => {
                shows.kinds.push(packet.kind().0);
                shows.topics.extend(topics(packet));
                shows.codes.extend(codes(packet));
            }
            // tshark tells the kind of such a packet, and what it can read.
            Event::Malformed(_) | Event::Incomplete(_) | Event::ProtocolError(_) | Event::Inferred(_) => {}
        }
    }
    shown.retain(|_, shows| !shows.kinds.is_empty());
    shown
}

fn topics(packet: &Packet) -> Vec<String> {
    match packet {
        Packet::Publish(publish) => vec![publish.topic.to_string()],
        Packet::Subscribe(subscribe) => subscribe.filters.iter().map(|(filter, _)| filter.to_string()).collect(),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.filters.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

fn codes(packet: &Packet) -> Vec<u8> {
    match packet {
        Packet::Connack(connack) => vec![match connack.code {
            ConnackCode::Return(code) => code,
            ConnackCode::Reason(reason) => reason.0,
        }],
        Packet::Answer(answer) if answer.kind == PacketType::SUBACK => answer.codes.iter().map(|code| code.0).collect(),
        _ => Vec::new(),
    }
}
