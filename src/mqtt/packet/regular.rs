//! The packets that mqttbytes reads rightly: CONNACK, SUBSCRIBE and (3.1.1) UNSUBSCRIBE. Whatever it refuses, and whatever
//! it is known to misread, is left to the tolerant decoder.

use super::frame::Frame;
use super::{Connack, MAX_LIST, Packet, Properties, Subscribe, Unsubscribe, text};
use crate::mqtt::codes::{ConnackCode, QoS, ReasonCode, Version};
use ::bytes::{BufMut, BytesMut};
use mqttbytes::{v4, v5};
use std::sync::Arc;

/// Longer bodies are not copied for it.
const MAX_BODY: usize = 16 * 1024;

/// Reads a frame strictly; none: irregular, too long, or of a version that mqttbytes does not know.
pub(super) fn read(frame: &Frame<'_>, version: Option<Version>) -> Option<Packet> {
    let length = frame.length as usize;
    if frame.body.len() != length || length > MAX_BODY {
        return None;
    }
    let mut bytes = BytesMut::with_capacity(length + 5);
    bytes.put_u8(frame.first);
    put_length(&mut bytes, frame.length);
    bytes.put_slice(frame.body);
    match version? {
        Version::V3_1 | Version::V3_1_1 => packet_v4(v4::read(&mut bytes, MAX_BODY).ok()?, frame),
        // UNSUBSCRIBE of 5.0 is not given to it: mqttbytes 0.6.0 prints to standard error there. A refusal in the form of
        // 3.1.1, two bytes, it does not read.
        Version::V5_0 if frame.first >> 4 != 10 && length > 2 => packet_v5(v5::read(&mut bytes, MAX_BODY).ok()?, frame),
        _ => None,
    }
}

fn packet_v4(packet: v4::Packet, frame: &Frame<'_>) -> Option<Packet> {
    Some(match packet {
        v4::Packet::ConnAck(ack) => Packet::Connack(Arc::new(Connack {
            session_present: ack.session_present,
            code: ConnackCode::Return(*frame.body.get(1)?),
            properties: Properties::default(),
        })),
        v4::Packet::Subscribe(subscribe) if is_regular(subscribe.pkid, subscribe.filters.len()) => {
            let filters = subscribe.filters.iter().map(|f| (text(f.path.as_bytes()), QoS(f.qos as u8))).collect();
            Packet::Subscribe(Arc::new(Subscribe { packet_id: subscribe.pkid, filters }))
        }
        v4::Packet::Unsubscribe(unsubscribe) if is_regular(unsubscribe.pkid, unsubscribe.topics.len()) => {
            let filters = unsubscribe.topics.iter().map(|filter| text(filter.as_bytes())).collect();
            Packet::Unsubscribe(Arc::new(Unsubscribe { packet_id: unsubscribe.pkid, filters }))
        }
        _ => return None,
    })
}

fn packet_v5(packet: v5::Packet, frame: &Frame<'_>) -> Option<Packet> {
    Some(match packet {
        v5::Packet::ConnAck(ack) => Packet::Connack(Arc::new(Connack {
            session_present: ack.session_present,
            // Its enumeration does not give the number back.
            code: ConnackCode::Reason(ReasonCode(*frame.body.get(1)?)),
            properties: ack.properties.map(connack_properties).unwrap_or_default(),
        })),
        v5::Packet::Subscribe(subscribe) if is_regular(subscribe.pkid, subscribe.filters.len()) => {
            let filters = subscribe.filters.iter().map(|f| (text(f.path.as_bytes()), QoS(f.qos as u8))).collect();
            Packet::Subscribe(Arc::new(Subscribe { packet_id: subscribe.pkid, filters }))
        }
        _ => return None,
    })
}

const fn is_regular(packet_id: u16, entries: usize) -> bool {
    packet_id != 0 && entries != 0 && entries <= MAX_LIST
}

fn connack_properties(read: v5::ConnAckProperties) -> Properties {
    let text = |value: Option<String>| value.map(|value| text(value.as_bytes()));
    Properties {
        session_expiry: read.session_expiry_interval,
        receive_maximum: read.receive_max,
        maximum_packet_size: read.max_packet_size,
        topic_alias_maximum: read.topic_alias_max,
        maximum_qos: read.max_qos,
        server_keep_alive: read.server_keep_alive,
        assigned_client_id: text(read.assigned_client_identifier),
        reason_string: text(read.reason_string),
        server_reference: text(read.server_reference),
        authentication_method: text(read.authentication_method),
        ..Properties::default()
    }
}

fn put_length(bytes: &mut BytesMut, mut length: u32) {
    while length >= 0x80 {
        bytes.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.put_u8((length & 0x7f) as u8);
}
