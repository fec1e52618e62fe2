//! MQTT 3.1.1 through mqttbytes, into and out of the shape that both versions share.

use super::{
    CodecError, ConnAck, Connect, ConnectCode, Login, MqttVersion, Packet, RawPacket, ServerLimits, Unsubscribe, Will,
};
use bytes::BytesMut;
use mqttbytes::{v4, v5};

pub(super) fn decode(raw: RawPacket) -> Result<Packet, CodecError> {
    let read = v4::read(&mut raw.into_buffer(), super::LARGEST_PACKET);
    Ok(match read.map_err(|_| CodecError::Malformed("packet"))? {
        v4::Packet::Connect(connect) => Packet::Connect(Box::new(shared_connect(connect))),
        v4::Packet::ConnAck(connack) => Packet::ConnAck(ConnAck {
            session_present: connack.session_present,
            code: ConnectCode(connack.code as u8),
            limits: ServerLimits::default(),
        }),
        v4::Packet::Publish(publish) => Packet::Publish(v5::Publish {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            topic: publish.topic,
            pkid: publish.pkid,
            properties: None,
            payload: publish.payload,
        }),
        v4::Packet::Subscribe(subscribe) => {
            let filters = subscribe.filters.into_iter().map(|filter| v5::SubscribeFilter::new(filter.path, filter.qos));
            Packet::Subscribe(v5::Subscribe { pkid: subscribe.pkid, filters: filters.collect(), properties: None })
        }
        v4::Packet::Unsubscribe(unsubscribe) => {
            Packet::Unsubscribe(Unsubscribe { packet_id: unsubscribe.pkid, filters: unsubscribe.topics })
        }
        _ => return Err(CodecError::Malformed("packet")),
    })
}

pub(super) fn encode(packet: &Packet, buffer: &mut BytesMut) -> Result<usize, mqttbytes::Error> {
    match packet {
        Packet::Connect(connect) => own_connect(connect).write(buffer),
        Packet::ConnAck(connack) => {
            v4::ConnAck::new(v4::ConnectReturnCode::Success, connack.session_present).write(buffer)
        }
        Packet::Publish(publish) => v4::Publish {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            topic: publish.topic.clone(),
            pkid: publish.pkid,
            payload: publish.payload.clone(),
        }
        .write(buffer),
        Packet::Subscribe(subscribe) => {
            let filters =
                subscribe.filters.iter().map(|filter| v4::SubscribeFilter::new(filter.path.clone(), filter.qos));
            v4::Subscribe { pkid: subscribe.pkid, filters: filters.collect() }.write(buffer)
        }
        Packet::Unsubscribe(unsubscribe) => {
            v4::Unsubscribe { pkid: unsubscribe.packet_id, topics: unsubscribe.filters.clone() }.write(buffer)
        }
        _ => Err(mqttbytes::Error::IncorrectPacketFormat),
    }
}

fn shared_connect(connect: v4::Connect) -> Connect {
    Connect {
        version: MqttVersion::V311,
        client_id: connect.client_id,
        keep_alive: connect.keep_alive,
        clean_start: connect.clean_session,
        session_expiry: if connect.clean_session { 0 } else { u32::MAX },
        receive_maximum: u16::MAX,
        maximum_packet_size: None,
        will: connect.last_will.map(|will| {
            let mut message = v5::Publish::from_bytes(will.topic, will.qos, will.message);
            message.retain = will.retain;
            Will { message, delay: 0 }
        }),
        login: connect.login.map(|login| Login { username: login.username, password: login.password }),
        authentication_method: None,
    }
}

fn own_connect(connect: &Connect) -> v4::Connect {
    v4::Connect {
        protocol: mqttbytes::Protocol::V4,
        keep_alive: connect.keep_alive,
        client_id: connect.client_id.clone(),
        clean_session: connect.clean_start,
        last_will: connect.will.as_ref().map(|will| v4::LastWill {
            topic: will.message.topic.clone(),
            message: will.message.payload.clone(),
            qos: will.message.qos,
            retain: will.message.retain,
        }),
        login: connect.login.as_ref().map(|login| v4::Login::new(login.username.clone(), login.password.clone())),
    }
}
