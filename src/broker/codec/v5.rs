//! MQTT 5.0 through mqttbytes.

use super::{CodecError, ConnAck, Connect, ConnectCode, Login, MqttVersion, Packet, RawPacket, ServerLimits, Will};
use bytes::BytesMut;
use mqttbytes::{QoS, v5};

pub(super) fn decode(raw: RawPacket) -> Result<Packet, CodecError> {
    let read = v5::read(&mut raw.into_buffer(), super::LARGEST_PACKET);
    Ok(match read.map_err(|_| CodecError::Malformed("packet"))? {
        v5::Packet::Connect(connect) => Packet::Connect(Box::new(shared_connect(connect))),
        v5::Packet::ConnAck(connack) => Packet::ConnAck(ConnAck {
            session_present: connack.session_present,
            code: ConnectCode(connack.code as u8),
            limits: connack.properties.map(limits).unwrap_or_default(),
        }),
        v5::Packet::Publish(publish) => Packet::Publish(publish),
        v5::Packet::Subscribe(subscribe) => Packet::Subscribe(subscribe),
        _ => return Err(CodecError::Malformed("packet")),
    })
}

pub(super) fn encode(packet: &Packet, buffer: &mut BytesMut) -> Result<usize, mqttbytes::Error> {
    match packet {
        Packet::Connect(connect) => own_connect(connect).write(buffer),
        Packet::ConnAck(connack) => {
            let mut own = v5::ConnAck::new(v5::ConnectReturnCode::Success, connack.session_present);
            // Always: without properties mqttbytes leaves out their length, which 5.0 (3.2.2.3.1) demands.
            own.properties = Some(properties(&connack.limits));
            own.write(buffer)
        }
        Packet::Publish(publish) => publish.write(buffer),
        Packet::Subscribe(subscribe) => subscribe.write(buffer),
        Packet::Unsubscribe(unsubscribe) => {
            let filters = unsubscribe.filters.clone();
            v5::Unsubscribe { pkid: unsubscribe.packet_id, filters, properties: None }.write(buffer)
        }
        _ => Err(mqttbytes::Error::IncorrectPacketFormat),
    }
}

fn shared_connect(connect: v5::Connect) -> Connect {
    let properties = connect.properties.as_ref();
    Connect {
        version: MqttVersion::V5,
        keep_alive: connect.keep_alive,
        clean_start: connect.clean_session,
        session_expiry: properties.and_then(|all| all.session_expiry_interval).unwrap_or(0),
        receive_maximum: properties.and_then(|all| all.receive_maximum).unwrap_or(u16::MAX),
        maximum_packet_size: properties.and_then(|all| all.max_packet_size),
        authentication_method: properties.and_then(|all| all.authentication_method.clone()),
        client_id: connect.client_id,
        will: connect.last_will.map(|will| {
            let mut message = v5::Publish::from_bytes(will.topic, will.qos, will.message);
            message.retain = will.retain;
            let delay = will.properties.as_ref().and_then(|all| all.delay_interval).unwrap_or(0);
            message.properties = will.properties.and_then(message_properties);
            Will { message, delay }
        }),
        login: connect.login.map(|login| Login { username: login.username, password: login.password }),
    }
}

/// The properties that a will hands on to its publication: all but the delay.
fn message_properties(will: v5::WillProperties) -> Option<v5::PublishProperties> {
    let without_delay = v5::WillProperties { delay_interval: None, ..will };
    let empty = without_delay.payload_format_indicator.is_none()
        && without_delay.message_expiry_interval.is_none()
        && without_delay.content_type.is_none()
        && without_delay.response_topic.is_none()
        && without_delay.correlation_data.is_none()
        && without_delay.user_properties.is_empty();
    (!empty).then_some(v5::PublishProperties {
        payload_format_indicator: without_delay.payload_format_indicator,
        message_expiry_interval: without_delay.message_expiry_interval,
        topic_alias: None,
        response_topic: without_delay.response_topic,
        correlation_data: without_delay.correlation_data,
        user_properties: without_delay.user_properties,
        subscription_identifiers: Vec::new(),
        content_type: without_delay.content_type,
    })
}

fn own_connect(connect: &Connect) -> v5::Connect {
    let receive_maximum = (connect.receive_maximum != u16::MAX).then_some(connect.receive_maximum);
    v5::Connect {
        protocol: mqttbytes::Protocol::V5,
        keep_alive: connect.keep_alive,
        client_id: connect.client_id.clone(),
        clean_session: connect.clean_start,
        last_will: connect.will.as_ref().map(|will| v5::LastWill {
            topic: will.message.topic.clone(),
            message: will.message.payload.clone(),
            qos: will.message.qos,
            retain: will.message.retain,
            properties: (will.delay > 0).then(|| v5::WillProperties {
                delay_interval: Some(will.delay),
                payload_format_indicator: None,
                message_expiry_interval: None,
                content_type: None,
                response_topic: None,
                correlation_data: None,
                user_properties: Vec::new(),
            }),
        }),
        login: connect.login.as_ref().map(|login| v5::Login::new(login.username.clone(), login.password.clone())),
        properties: Some(v5::ConnectProperties {
            session_expiry_interval: (connect.session_expiry > 0).then_some(connect.session_expiry),
            receive_maximum,
            max_packet_size: connect.maximum_packet_size,
            topic_alias_max: None,
            request_response_info: None,
            request_problem_info: None,
            user_properties: Vec::new(),
            authentication_method: connect.authentication_method.clone(),
            authentication_data: None,
        }),
    }
}

fn limits(properties: v5::ConnAckProperties) -> ServerLimits {
    ServerLimits {
        receive_maximum: properties.receive_max.unwrap_or(u16::MAX),
        maximum_qos: properties.max_qos.and_then(|qos| mqttbytes::qos(qos).ok()).unwrap_or(QoS::ExactlyOnce),
        maximum_packet_size: properties.max_packet_size,
        keep_alive: properties.server_keep_alive,
        client_id: properties.assigned_client_identifier,
        reason: properties.reason_string,
    }
}

fn properties(limits: &ServerLimits) -> v5::ConnAckProperties {
    let mut properties = v5::ConnAckProperties::new();
    properties.receive_max = (limits.receive_maximum != u16::MAX).then_some(limits.receive_maximum);
    properties.max_packet_size = limits.maximum_packet_size;
    properties.assigned_client_identifier.clone_from(&limits.client_id);
    properties.server_keep_alive = limits.keep_alive;
    properties.reason_string.clone_from(&limits.reason);
    // Not done here, and said so (5.0, 3.2.2.3.12 and 3.2.2.3.13).
    properties.subscription_identifiers_available = Some(0);
    properties.shared_subscription_available = Some(0);
    properties
}
