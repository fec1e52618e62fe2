//! The small packets, read and written here for both versions: acknowledgements, pings, DISCONNECT, AUTH, and
//! UNSUBSCRIBE of 5.0.

use super::{
    Ack, CodecError, ConnAck, ConnectCode, Disconnect, MqttVersion, Packet, RawPacket, ReasonCode, ServerLimits,
    SubAck, Unsubscribe,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use mqttbytes::v5::DisconnectProperties;

/// Control packet types (2.2.1).
pub(super) mod kind {
    pub(crate) const CONNECT: u8 = 1;
    pub(crate) const CONNACK: u8 = 2;
    pub(crate) const PUBACK: u8 = 4;
    pub(crate) const PUBREC: u8 = 5;
    pub(crate) const PUBREL: u8 = 6;
    pub(crate) const PUBCOMP: u8 = 7;
    pub(crate) const SUBACK: u8 = 9;
    pub(crate) const UNSUBSCRIBE: u8 = 10;
    pub(crate) const UNSUBACK: u8 = 11;
    pub(crate) const PINGREQ: u8 = 12;
    pub(crate) const PINGRESP: u8 = 13;
    pub(crate) const DISCONNECT: u8 = 14;
    pub(crate) const AUTH: u8 = 15;
}

/// None: the packet is one of those that mqttbytes reads.
pub(super) fn decode(raw: &RawPacket, version: MqttVersion) -> Result<Option<Packet>, CodecError> {
    let body = raw.body();
    let v5 = version == MqttVersion::V5;
    Ok(Some(match raw.kind() {
        kind::CONNACK => match refusal(&body) {
            Some(refusal) => refusal,
            None => return Ok(None),
        },
        kind::PUBACK => Packet::PubAck(ack(body, "PUBACK")?),
        kind::PUBREC => Packet::PubRec(ack(body, "PUBREC")?),
        kind::PUBREL => Packet::PubRel(ack(body, "PUBREL")?),
        kind::PUBCOMP => Packet::PubComp(ack(body, "PUBCOMP")?),
        kind::SUBACK => Packet::SubAck(sub_ack(body, version).ok_or(CodecError::Malformed("SUBACK"))?),
        kind::UNSUBACK => Packet::UnsubAck(sub_ack(body, version).ok_or(CodecError::Malformed("UNSUBACK"))?),
        kind::UNSUBSCRIBE if v5 => Packet::Unsubscribe(unsubscribe(body).ok_or(CodecError::Malformed("UNSUBSCRIBE"))?),
        kind::PINGREQ => Packet::PingReq,
        kind::PINGRESP => Packet::PingResp,
        kind::DISCONNECT => Packet::Disconnect(disconnect(body)),
        kind::AUTH if v5 => Packet::Auth(first_code(&body)),
        _ => return Ok(None),
    }))
}

/// False: the packet is one of those that mqttbytes writes.
pub(super) fn encode(packet: &Packet, version: MqttVersion, buffer: &mut BytesMut) -> bool {
    let v5 = version == MqttVersion::V5;
    match packet {
        Packet::ConnAck(connack) if connack.code != ConnectCode::ACCEPTED => put_refusal(connack, v5, buffer),
        Packet::PubAck(ack) => put_ack(kind::PUBACK << 4, *ack, v5, buffer),
        Packet::PubRec(ack) => put_ack(kind::PUBREC << 4, *ack, v5, buffer),
        // The low bits of PUBREL are 0010 (3.6.1).
        Packet::PubRel(ack) => put_ack(kind::PUBREL << 4 | 0b0010, *ack, v5, buffer),
        Packet::PubComp(ack) => put_ack(kind::PUBCOMP << 4, *ack, v5, buffer),
        Packet::SubAck(ack) => put_sub_ack(kind::SUBACK << 4, ack, v5, buffer),
        // An UNSUBACK of 3.1.1 has no payload (3.11.3).
        Packet::UnsubAck(ack) if v5 => put_sub_ack(kind::UNSUBACK << 4, ack, v5, buffer),
        Packet::UnsubAck(ack) => put_ack(kind::UNSUBACK << 4, Ack::success(ack.packet_id), v5, buffer),
        Packet::PingReq => buffer.put_slice(&[kind::PINGREQ << 4, 0]),
        Packet::PingResp => buffer.put_slice(&[kind::PINGRESP << 4, 0]),
        Packet::Disconnect(disconnect) => put_code(kind::DISCONNECT << 4, disconnect.reason, v5, buffer),
        Packet::Auth(reason) => put_code(kind::AUTH << 4, *reason, v5, buffer),
        _ => return false,
    }
    true
}

/// A CONNACK that refuses: its code is all that matters, and mqttbytes takes neither unknown codes nor the two bytes of
/// 3.1.1 in a session of 5.0.
fn refusal(body: &Bytes) -> Option<Packet> {
    let code = ConnectCode(*body.get(1)?);
    let refused = code != ConnectCode::ACCEPTED;
    refused.then(|| {
        let limits = ServerLimits { reason: reason_string(body.slice(2..)), ..ServerLimits::default() };
        Packet::ConnAck(ConnAck { session_present: false, code, limits })
    })
}

/// The reason string among the properties of a refusal, if it comes first, as it does from the brokers that send one.
fn reason_string(mut properties: Bytes) -> Option<String> {
    const REASON_STRING: u8 = 31;
    let length = variable_length(&mut properties)?;
    let mut properties = properties.get(..length).map(|all| properties.slice_ref(all))?;
    (properties.try_get_u8().ok()? == REASON_STRING).then(|| string(&mut properties)).flatten()
}

fn ack(mut body: Bytes, name: &'static str) -> Result<Ack, CodecError> {
    let packet_id = body.try_get_u16().map_err(|_| CodecError::Malformed(name))?;
    Ok(Ack::new(packet_id, first_code(&body)))
}

/// Left out, the code is success (5.0, 3.4.2.1, 3.14.2.1).
fn first_code(body: &[u8]) -> ReasonCode {
    body.first().copied().map_or(ReasonCode::SUCCESS, ReasonCode)
}

/// mqttbytes reads the properties where there are any; what it cannot read changes nothing.
fn disconnect(mut body: Bytes) -> Disconnect {
    let reason = first_code(&body);
    let properties = if body.len() > 1 {
        body.advance(1);
        DisconnectProperties::extract(&mut body).ok().flatten()
    } else {
        None
    };
    Disconnect { reason, session_expiry: properties.and_then(|all| all.session_expiry_interval) }
}

fn sub_ack(mut body: Bytes, version: MqttVersion) -> Option<SubAck> {
    let packet_id = body.try_get_u16().ok()?;
    if version == MqttVersion::V5 {
        skip_properties(&mut body)?;
    }
    Some(SubAck { packet_id, codes: body.iter().copied().map(ReasonCode).collect() })
}

fn unsubscribe(mut body: Bytes) -> Option<Unsubscribe> {
    let packet_id = body.try_get_u16().ok()?;
    skip_properties(&mut body)?;
    let mut filters = Vec::new();
    while body.has_remaining() {
        filters.push(string(&mut body)?);
    }
    Some(Unsubscribe { packet_id, filters })
}

fn skip_properties(body: &mut Bytes) -> Option<()> {
    let length = variable_length(body)?;
    (length <= body.len()).then(|| body.advance(length))
}

/// A variable byte integer (5.0, 1.5.5).
fn variable_length(body: &mut Bytes) -> Option<usize> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = body.try_get_u8().ok()?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A string (1.5.3 / 1.5.4).
fn string(body: &mut Bytes) -> Option<String> {
    let length = usize::from(body.try_get_u16().ok()?);
    (length <= body.len()).then(|| String::from_utf8(body.split_to(length).to_vec()).ok()).flatten()
}

fn put_refusal(connack: &ConnAck, v5: bool, buffer: &mut BytesMut) {
    if v5 {
        buffer.put_slice(&[kind::CONNACK << 4, 3, 0, connack.code.0, 0]);
    } else {
        buffer.put_slice(&[kind::CONNACK << 4, 2, 0, connack.code.0]);
    }
}

fn put_ack(first_byte: u8, ack: Ack, v5: bool, buffer: &mut BytesMut) {
    let with_reason = v5 && ack.reason != ReasonCode::SUCCESS;
    buffer.put_slice(&[first_byte, if with_reason { 3 } else { 2 }]);
    buffer.put_u16(ack.packet_id);
    if with_reason {
        buffer.put_u8(ack.reason.0);
    }
}

fn put_sub_ack(first_byte: u8, ack: &SubAck, v5: bool, buffer: &mut BytesMut) {
    buffer.put_u8(first_byte);
    put_variable_length(2 + usize::from(v5) + ack.codes.len(), buffer);
    buffer.put_u16(ack.packet_id);
    if v5 {
        buffer.put_u8(0);
    }
    // In 3.1.1 every refusal is 0x80 (3.9.3).
    let code = |code: &ReasonCode| if code.is_error() && !v5 { 0x80 } else { code.0 };
    buffer.extend(ack.codes.iter().map(code));
}

/// As many codes as a packet has room for: a SUBSCRIBE with more filters does not exist.
fn put_variable_length(mut value: usize, buffer: &mut BytesMut) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0x7f);
        value >>= 7;
        buffer.put_u8(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}

fn put_code(first_byte: u8, reason: ReasonCode, v5: bool, buffer: &mut BytesMut) {
    if v5 && reason != ReasonCode::SUCCESS {
        buffer.put_slice(&[first_byte, 1, reason.0]);
    } else {
        buffer.put_slice(&[first_byte, 0]);
    }
}
