//! What a frame says, as far as it can be read: the fields that are there are taken, whatever else is wrong.

use super::frame::{Frame, publish_qos};
use super::{
    Ack, Answer, Auth, Connack, Connect, Disconnect, Incomplete, MAX_LIST, Malformed, Packet, Properties, Publish,
    Subscribe, Unsubscribe, Will, regular, text,
};
use crate::bytes::Reader;
use crate::mqtt::codes::{ConnackCode, PacketType, QoS, ReasonCode, Version};
use std::sync::Arc;

/// A packet, and what is wrong with it all the same.
type Read = Result<(Packet, Option<Malformed>), Malformed>;

/// Reads a frame of a connection of this version (none: CONNECT was not seen). `topic` gives the name of a PUBLISH its
/// shared form.
pub(in crate::mqtt) fn decode(
    frame: &Frame<'_>,
    version: Option<Version>,
    preview: usize,
    topic: impl FnOnce(&[u8]) -> Arc<str>,
) -> Read {
    let kind = frame.kind();
    let body = Reader::new(frame.body);
    let fields = Malformed::Fields(kind);
    match kind {
        PacketType::CONNECT => connect(body, frame),
        PacketType::PUBLISH => publish(frame, version, preview, topic),
        PacketType::PUBACK | PacketType::PUBREC | PacketType::PUBREL | PacketType::PUBCOMP => ack(kind, body),
        PacketType::CONNACK | PacketType::SUBSCRIBE | PacketType::UNSUBSCRIBE => {
            regular::read(frame, version).map(|packet| (packet, None)).map_or_else(|| irregular(frame, version), Ok)
        }
        PacketType::SUBACK | PacketType::UNSUBACK => answer(kind, body, version).ok_or(fields),
        PacketType::PINGREQ => Ok((Packet::Pingreq, (frame.length > 0).then_some(fields))),
        PacketType::PINGRESP => Ok((Packet::Pingresp, (frame.length > 0).then_some(fields))),
        PacketType::DISCONNECT => Ok(disconnect(body)),
        PacketType::AUTH => Ok(auth(body)),
        _ => Err(Malformed::ReservedType),
    }
}

/// What is known of a packet of whose body only `came` bytes have come.
pub(in crate::mqtt) fn incomplete(frame: &Frame<'_>, came: u32) -> Incomplete {
    let topic = Some(frame.body).filter(|_| frame.kind() == PacketType::PUBLISH);
    Incomplete {
        kind: frame.kind(),
        length: frame.total(),
        came: u64::from(frame.header_length) + u64::from(came),
        began: frame.began,
        topic: topic.and_then(|body| Reader::new(body).vec16()).map(text),
    }
}

/// What mqttbytes refuses or misreads.
fn irregular(frame: &Frame<'_>, version: Option<Version>) -> Read {
    let (kind, body) = (frame.kind(), Reader::new(frame.body));
    match kind {
        PacketType::CONNACK => connack(body),
        PacketType::SUBSCRIBE => subscribe(body, version),
        _ => unsubscribe(body, version),
    }
    .ok_or(Malformed::Fields(kind))
}

fn connect(mut body: Reader<'_>, frame: &Frame<'_>) -> Read {
    let fields = Malformed::Fields(PacketType::CONNECT);
    let is_mqtt = matches!(body.vec16().ok_or(fields)?, b"MQTT" | b"MQIsdp");
    if !is_mqtt {
        return Err(Malformed::ProtocolName);
    }
    let level = body.u8().ok_or(fields)?;
    let flags = body.u8().ok_or(fields)?;
    let keep_alive = body.u16().ok_or(fields)?;
    let mut connect = Connect {
        version: Version(level & 0x7f),
        is_bridge: level & 0x80 != 0,
        clean_start: flags & 0x02 != 0,
        keep_alive,
        client_id: Box::default(),
        will: None,
        username: None,
        has_password: flags & 0x40 != 0,
        properties: Properties::default(),
    };
    let sound = connect_payload(&mut connect, flags, &mut body).unwrap_or(false) && body.is_empty();
    // A packet that was too long to keep is cut behind what matters; that is not its fault.
    let is_cut = frame.body.len() < frame.length as usize;
    Ok((Packet::Connect(Arc::new(connect)), (!sound && !is_cut).then_some(fields)))
}

/// The fields behind the keep-alive, in their order (MQTT 5.0, 3.1.3); none: they end early.
fn connect_payload(connect: &mut Connect, flags: u8, body: &mut Reader<'_>) -> Option<bool> {
    let is_v5 = connect.version == Version::V5_0;
    let mut sound = flags & 0x01 == 0;
    if is_v5 {
        let (properties, all) = Properties::read(body.vec_varint()?);
        connect.properties = properties;
        sound &= all;
    }
    connect.client_id = text(body.vec16()?);
    if flags & 0x04 != 0 {
        if is_v5 {
            body.vec_varint()?;
        }
        let topic = text(body.vec16()?);
        let payload_length = u32::try_from(body.vec16()?.len()).unwrap_or(u32::MAX);
        connect.will = Some(Will { topic, payload_length, qos: QoS(flags >> 3 & 3), retain: flags & 0x20 != 0 });
    }
    if flags & 0x80 != 0 {
        connect.username = Some(text(body.vec16()?));
    }
    if connect.has_password {
        body.vec16()?;
    }
    Some(sound)
}

fn connack(mut body: Reader<'_>) -> Option<(Packet, Option<Malformed>)> {
    let (flags, code) = (body.u8()?, body.u8()?);
    // Two bytes are 3.1.1, or a server that refuses 5.0 as one of 3.1.1 does (MQTT 5.0, 4.13.2 note).
    let (code, properties, sound) = if body.is_empty() {
        (ConnackCode::Return(code), Properties::default(), true)
    } else {
        let (properties, sound) = body.vec_varint().map(Properties::read).unwrap_or_default();
        (ConnackCode::Reason(ReasonCode(code)), properties, sound && body.is_empty())
    };
    let connack = Connack { session_present: flags & 1 != 0, code, properties };
    let malformed = (!sound || flags > 1).then_some(Malformed::Fields(PacketType::CONNACK));
    Some((Packet::Connack(Arc::new(connack)), malformed))
}

fn publish(frame: &Frame<'_>, version: Option<Version>, preview: usize, topic: impl FnOnce(&[u8]) -> Arc<str>) -> Read {
    let fields = Malformed::Fields(PacketType::PUBLISH);
    let mut body = Reader::new(frame.body);
    let name = body.vec16().ok_or(fields)?;
    let qos = publish_qos(frame.first);
    let packet_id = if qos > QoS::AT_MOST_ONCE { Some(body.u16().ok_or(fields)?) } else { None };
    let mut properties = (Properties::default(), true);
    if version == Some(Version::V5_0) {
        properties = body.vec_varint().map(Properties::read).ok_or(fields)?;
    }
    let (properties, sound) = properties;
    let head = frame.body.len() - body.rest().len();
    let payload = body.rest();
    let publish = Publish {
        topic: topic(name),
        topic_alias: properties.topic_alias,
        qos,
        dup: frame.first & 0x08 != 0,
        retain: frame.first & 0x01 != 0,
        packet_id,
        payload_length: frame.length.saturating_sub(u32::try_from(head).unwrap_or(u32::MAX)),
        preview: (preview > 0).then(|| payload.get(..preview).unwrap_or(payload).into()),
    };
    let malformed = match (qos.0, packet_id) {
        (3, _) => Some(Malformed::ReservedQoS),
        (_, Some(0)) => Some(Malformed::PacketIdZero),
        _ => (!sound).then_some(fields),
    };
    Ok((Packet::Publish(publish), malformed))
}

fn ack(kind: PacketType, mut body: Reader<'_>) -> Read {
    let fields = Malformed::Fields(kind);
    let packet_id = body.u16().ok_or(fields)?;
    let reason = ReasonCode(body.u8().unwrap_or_default());
    let (properties, sound) = optional_properties(&mut body);
    let malformed = if packet_id == 0 { Some(Malformed::PacketIdZero) } else { (!sound).then_some(fields) };
    Ok((Packet::Ack(Ack { kind, packet_id, reason, reason_string: properties.reason_string }), malformed))
}

fn subscribe(mut body: Reader<'_>, version: Option<Version>) -> Option<(Packet, Option<Malformed>)> {
    let packet_id = body.u16()?;
    if version == Some(Version::V5_0) {
        body.vec_varint()?;
    }
    let mut filters = Vec::new();
    while filters.len() < MAX_LIST
        && let Some(filter) = body.vec16()
        && let Some(options) = body.u8()
    {
        filters.push((text(filter), QoS(options & 3)));
    }
    let malformed = list_malformed(PacketType::SUBSCRIBE, packet_id, filters.len(), body);
    Some((Packet::Subscribe(Arc::new(Subscribe { packet_id, filters })), malformed))
}

fn unsubscribe(mut body: Reader<'_>, version: Option<Version>) -> Option<(Packet, Option<Malformed>)> {
    let packet_id = body.u16()?;
    if version == Some(Version::V5_0) {
        body.vec_varint()?;
    }
    let mut filters = Vec::new();
    while filters.len() < MAX_LIST
        && let Some(filter) = body.vec16()
    {
        filters.push(text(filter));
    }
    let malformed = list_malformed(PacketType::UNSUBSCRIBE, packet_id, filters.len(), body);
    Some((Packet::Unsubscribe(Arc::new(Unsubscribe { packet_id, filters })), malformed))
}

/// What is wrong with a packet that holds a list: no identifier, no entry (MQTT 5.0, 3.8.3), or half a one.
fn list_malformed(kind: PacketType, packet_id: u16, entries: usize, rest: Reader<'_>) -> Option<Malformed> {
    if packet_id == 0 {
        return Some(Malformed::PacketIdZero);
    }
    (entries == 0 || (!rest.is_empty() && entries < MAX_LIST)).then_some(Malformed::Fields(kind))
}

fn answer(kind: PacketType, mut body: Reader<'_>, version: Option<Version>) -> Option<(Packet, Option<Malformed>)> {
    let packet_id = body.u16()?;
    if version == Some(Version::V5_0) {
        body.vec_varint()?;
    }
    let codes: Box<[ReasonCode]> = body.rest().iter().take(MAX_LIST).copied().map(ReasonCode).collect();
    // Only an UNSUBACK before 5.0 has none.
    let is_bare = kind == PacketType::UNSUBACK && version != Some(Version::V5_0);
    let malformed = match packet_id {
        0 => Some(Malformed::PacketIdZero),
        _ => (codes.is_empty() && !is_bare).then_some(Malformed::Fields(kind)),
    };
    Some((Packet::Answer(Answer { kind, packet_id, codes }), malformed))
}

/// MQTT 5.0 allows to leave out the properties, and the reason with them (3.14.2.1).
fn disconnect(mut body: Reader<'_>) -> (Packet, Option<Malformed>) {
    let reason = ReasonCode(body.u8().unwrap_or_default());
    let (properties, sound) = optional_properties(&mut body);
    let Properties { reason_string, server_reference, .. } = properties;
    let malformed = (!sound).then_some(Malformed::Fields(PacketType::DISCONNECT));
    (Packet::Disconnect(Disconnect { reason, reason_string, server_reference }), malformed)
}

fn auth(mut body: Reader<'_>) -> (Packet, Option<Malformed>) {
    let reason = ReasonCode(body.u8().unwrap_or_default());
    let (properties, sound) = optional_properties(&mut body);
    let malformed = (!sound).then_some(Malformed::Fields(PacketType::AUTH));
    (Packet::Auth(Auth { reason, method: properties.authentication_method }), malformed)
}

/// Properties at the end of a packet, where nothing may stand as well.
fn optional_properties(body: &mut Reader<'_>) -> (Properties, bool) {
    if body.is_empty() {
        return (Properties::default(), true);
    }
    let (properties, sound) = body.vec_varint().map(Properties::read).unwrap_or_default();
    (properties, sound && body.is_empty())
}
