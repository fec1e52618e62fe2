//! The MQTT codec of the two ends that speak it for real, the broker and the publisher: bytes ⇄ [`Packet`], for 3.1.1
//! and 5.0 alike.
//!
//! mqttbytes reads and writes the large packets. Acknowledgements, UNSUBSCRIBE, DISCONNECT and AUTH are read here,
//! because mqttbytes 0.6 refuses codes that it does not know and the short forms of MQTT 5, and prints to standard
//! error on an UNSUBSCRIBE of MQTT 5. A packet has one shape for both versions: mqttbytes' of MQTT 5, whose properties
//! stay empty in 3.1.1.
//!
//! It never reads a socket, and any bytes at all end in a packet or in a [`CodecError`].

mod code;
mod small;
mod v4;
mod v5;

pub use code::{ConnectCode, ReasonCode};
pub(crate) use mqttbytes::QoS;
pub(crate) use mqttbytes::v5::{Publish, Subscribe};

use bytes::{Bytes, BytesMut};
use std::fmt;
use std::str::FromStr;

/// The largest packet that MQTT can express (3.1.1 and 5.0, 2.2.3 / 1.5.5), in bytes of remaining length.
pub(crate) const LARGEST_PACKET: usize = 268_435_455;

/// The version of MQTT that a session speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MqttVersion {
    /// MQTT 3.1.1 (protocol level 4).
    V311,
    /// MQTT 5.0 (protocol level 5).
    V5,
}

/// `3.1.1` or `5.0`.
impl fmt::Display for MqttVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V311 => "3.1.1",
            Self::V5 => "5.0",
        })
    }
}

/// `3.1.1`, `5` or `5.0`.
impl FromStr for MqttVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "3.1.1" => Ok(Self::V311),
            "5" | "5.0" => Ok(Self::V5),
            _ => Err("MQTT 3.1.1 or 5 is spoken here".to_owned()),
        }
    }
}

/// A control packet of either version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Packet {
    Connect(Box<Connect>),
    ConnAck(ConnAck),
    Publish(Publish),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(SubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    Auth(ReasonCode),
}

impl Packet {
    /// The specification's name.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Connect(_) => "CONNECT",
            Self::ConnAck(_) => "CONNACK",
            Self::Publish(_) => "PUBLISH",
            Self::PubAck(_) => "PUBACK",
            Self::PubRec(_) => "PUBREC",
            Self::PubRel(_) => "PUBREL",
            Self::PubComp(_) => "PUBCOMP",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::SubAck(_) => "SUBACK",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::UnsubAck(_) => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect(_) => "DISCONNECT",
            Self::Auth(_) => "AUTH",
        }
    }
}

/// What opens a session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Connect {
    pub(crate) version: MqttVersion,
    /// May be empty: the broker then gives one.
    pub(crate) client_id: String,
    /// Seconds; 0 turns it off.
    pub(crate) keep_alive: u16,
    pub(crate) clean_start: bool,
    /// Seconds that the session outlives its connection; `u32::MAX` is for ever. 3.1.1: 0 with a clean session, else
    /// for ever.
    pub(crate) session_expiry: u32,
    /// Publications with QoS above 0 that the client takes before it has acknowledged one.
    pub(crate) receive_maximum: u16,
    /// Bytes of a whole packet that the client takes.
    pub(crate) maximum_packet_size: Option<u32>,
    pub(crate) will: Option<Will>,
    pub(crate) login: Option<Login>,
    /// Enhanced authentication (5.0, 4.12), by its method.
    pub(crate) authentication_method: Option<String>,
}

/// What the broker publishes when a client goes without a DISCONNECT.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Will {
    pub(crate) message: Publish,
    /// Seconds between the end of the connection and the publication.
    pub(crate) delay: u32,
}

/// User name and password, in clear inside the TLS session.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// Without the password: logs and test failures print this.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The answer to CONNECT.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConnAck {
    pub(crate) session_present: bool,
    pub(crate) code: ConnectCode,
    /// What the server limits or gives (5.0 only).
    pub(crate) limits: ServerLimits,
}

/// The properties of a CONNACK that change how a session goes on (5.0, 3.2.2.3).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServerLimits {
    pub(crate) receive_maximum: u16,
    pub(crate) maximum_qos: QoS,
    pub(crate) maximum_packet_size: Option<u32>,
    pub(crate) keep_alive: Option<u16>,
    pub(crate) client_id: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_qos: QoS::ExactlyOnce,
            maximum_packet_size: None,
            keep_alive: None,
            client_id: None,
            reason: None,
        }
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) packet_id: u16,
    /// Always success in 3.1.1, which has no room for it.
    pub(crate) reason: ReasonCode,
}

impl Ack {
    pub(crate) const fn new(packet_id: u16, reason: ReasonCode) -> Self {
        Self { packet_id, reason }
    }

    pub(crate) const fn success(packet_id: u16) -> Self {
        Self::new(packet_id, ReasonCode::SUCCESS)
    }
}

/// SUBACK or UNSUBACK: one code a filter (an UNSUBACK of 3.1.1 has none).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubAck {
    pub(crate) packet_id: u16,
    pub(crate) codes: Vec<ReasonCode>,
}

/// The end of a session's connection, said aloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disconnect {
    /// Always success in 3.1.1, where only the client says it.
    pub(crate) reason: ReasonCode,
    /// The client's change of mind about its session, in seconds (5.0, 3.14.2.2.2). It is read, never written.
    pub(crate) session_expiry: Option<u32>,
}

impl Disconnect {
    pub(crate) const fn new(reason: ReasonCode) -> Self {
        Self { reason, session_expiry: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsubscribe {
    pub(crate) packet_id: u16,
    pub(crate) filters: Vec<String>,
}

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    /// The fixed header announces more than the receiver takes.
    #[error("a packet of {length} bytes is larger than the {limit} bytes allowed")]
    TooLarge { length: usize, limit: usize },
    /// CONNECT names a protocol that is not spoken here; the level is the client's own.
    #[error("MQTT protocol level {0} is not spoken here")]
    UnsupportedVersion(u8),
    /// Anything else.
    #[error("malformed {0}")]
    Malformed(&'static str),
}

/// One whole packet as it came: fixed header and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawPacket {
    first_byte: u8,
    /// Where the body begins in `bytes`.
    header_length: usize,
    bytes: Bytes,
}

impl RawPacket {
    /// Takes one packet off the front of `buffer`; None until all of it has come. `limit` is in bytes
    /// after the fixed header.
    pub(crate) fn split_from(buffer: &mut BytesMut, limit: usize) -> Result<Option<Self>, CodecError> {
        let header = match mqttbytes::check(buffer.iter(), limit) {
            Ok(header) => header,
            Err(mqttbytes::Error::InsufficientBytes(_)) => return Ok(None),
            Err(mqttbytes::Error::PayloadSizeLimitExceeded(length)) => {
                return Err(CodecError::TooLarge { length, limit });
            }
            Err(_) => return Err(CodecError::Malformed("fixed header")),
        };
        let bytes = buffer.split_to(header.frame_length()).freeze();
        let (Some(&first_byte), Some(last)) = (bytes.first(), bytes.iter().skip(1).position(|byte| byte & 0x80 == 0))
        else {
            return Err(CodecError::Malformed("fixed header"));
        };
        Ok(Some(Self { first_byte, header_length: last + 2, bytes }))
    }

    /// The high four bits of the first byte (2.2.1).
    const fn kind(&self) -> u8 {
        self.first_byte >> 4
    }

    fn body(&self) -> Bytes {
        self.bytes.slice(self.header_length..)
    }

    /// For mqttbytes, which wants the fixed header again.
    fn into_buffer(self) -> BytesMut {
        BytesMut::from(self.bytes)
    }

    /// Reads a packet of a session of that version.
    pub(crate) fn decode(self, version: MqttVersion) -> Result<Packet, CodecError> {
        if let Some(packet) = small::decode(&self, version)? {
            return Ok(packet);
        }
        match version {
            MqttVersion::V311 => v4::decode(self),
            MqttVersion::V5 => v5::decode(self),
        }
    }

    /// Reads the first packet of a client, which says the version itself (3.1.2.1, 3.1.2.2).
    pub(crate) fn decode_connect(self) -> Result<Packet, CodecError> {
        const MALFORMED: CodecError = CodecError::Malformed("CONNECT");
        if self.kind() != small::kind::CONNECT {
            return Err(CodecError::Malformed("first packet, which must be CONNECT"));
        }
        let body = self.body();
        let length = usize::from(u16::from_be_bytes(*body.first_chunk().ok_or(MALFORMED)?));
        let name = body.get(2..2 + length).ok_or(MALFORMED)?;
        let level = *body.get(2 + length).ok_or(MALFORMED)?;
        match (name, level) {
            (b"MQTT", 4) => v4::decode(self),
            (b"MQTT", 5) => v5::decode(self),
            (b"MQTT" | b"MQIsdp", _) => Err(CodecError::UnsupportedVersion(level)),
            _ => Err(MALFORMED),
        }
    }
}

/// Appends a packet as a session of that version writes it; nothing if MQTT cannot express it (a body that is too long,
/// a packet id of 0). Strings must not be longer than 65,535 bytes.
pub(crate) fn encode(packet: &Packet, version: MqttVersion, buffer: &mut BytesMut) -> Result<(), CodecError> {
    if small::encode(packet, version, buffer) {
        return Ok(());
    }
    let before = buffer.len();
    let written = match version {
        MqttVersion::V311 => v4::encode(packet, buffer),
        MqttVersion::V5 => v5::encode(packet, buffer),
    };
    written.map(drop).map_err(|_| {
        buffer.truncate(before);
        CodecError::Malformed(packet.name())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqttbytes::v5::{PublishProperties, RetainForwardRule, SubscribeFilter};

    fn decode(bytes: &[u8], version: MqttVersion) -> Result<Packet, CodecError> {
        let mut buffer = BytesMut::from(bytes);
        let raw = RawPacket::split_from(&mut buffer, 1024)?.expect("a whole packet");
        assert!(buffer.is_empty());
        raw.decode(version)
    }

    fn encoded(packet: &Packet, version: MqttVersion) -> Vec<u8> {
        let mut buffer = BytesMut::new();
        encode(packet, version, &mut buffer).expect("can be written");
        buffer.to_vec()
    }

    fn round_trip(packet: &Packet, version: MqttVersion) {
        let mut buffer = BytesMut::from(&encoded(packet, version)[..]);
        let raw = RawPacket::split_from(&mut buffer, 1024).unwrap().unwrap();
        let read = if raw.kind() == small::kind::CONNECT { raw.decode_connect() } else { raw.decode(version) };
        assert_eq!(read.as_ref(), Ok(packet));
    }

    fn sample_connect(version: MqttVersion) -> Connect {
        Connect {
            version,
            client_id: "sensor-1".into(),
            keep_alive: 30,
            clean_start: false,
            session_expiry: u32::MAX,
            receive_maximum: u16::MAX,
            maximum_packet_size: None,
            will: Some(Will { message: Publish::new("gone", QoS::AtLeastOnce, "sensor-1"), delay: 0 }),
            login: Some(Login { username: "user".into(), password: "word".into() }),
            authentication_method: None,
        }
    }

    #[test]
    fn both_versions_read_what_they_write() {
        for version in [MqttVersion::V311, MqttVersion::V5] {
            let mut publish = Publish::new("a/b", QoS::ExactlyOnce, "hello");
            publish.pkid = 7;
            for packet in [
                Packet::Connect(Box::new(sample_connect(version))),
                Packet::ConnAck(ConnAck {
                    session_present: true,
                    code: ConnectCode::ACCEPTED,
                    limits: ServerLimits::default(),
                }),
                Packet::Publish(publish),
                Packet::PubAck(Ack::success(1)),
                Packet::PubRec(Ack::success(2)),
                Packet::PubRel(Ack::success(3)),
                Packet::PubComp(Ack::success(65_535)),
                Packet::SubAck(SubAck { packet_id: 4, codes: vec![ReasonCode(1), ReasonCode(0x80)] }),
                Packet::Unsubscribe(Unsubscribe { packet_id: 5, filters: vec!["a/+".into(), "#".into()] }),
                Packet::PingReq,
                Packet::PingResp,
                Packet::Disconnect(Disconnect::new(ReasonCode::SUCCESS)),
            ] {
                round_trip(&packet, version);
            }
        }
    }

    #[test]
    fn properties_of_version_5_survive() {
        let mut publish = Publish::new("a", QoS::AtMostOnce, "hello");
        publish.properties = Some(PublishProperties {
            payload_format_indicator: Some(1),
            message_expiry_interval: Some(60),
            topic_alias: None,
            response_topic: Some("answer".into()),
            correlation_data: Some(Bytes::from_static(b"42")),
            user_properties: vec![("key".into(), "value".into())],
            subscription_identifiers: Vec::new(),
            content_type: Some("text/plain".into()),
        });
        round_trip(&Packet::Publish(publish), MqttVersion::V5);
        let mut connect = sample_connect(MqttVersion::V5);
        (connect.session_expiry, connect.receive_maximum, connect.maximum_packet_size) = (120, 9, Some(4096));
        connect.will = connect.will.map(|will| Will { delay: 5, ..will });
        round_trip(&Packet::Connect(Box::new(connect)), MqttVersion::V5);
        let subscribe = Subscribe {
            pkid: 3,
            filters: vec![SubscribeFilter {
                path: "a/#".into(),
                qos: QoS::AtLeastOnce,
                nolocal: true,
                preserve_retain: true,
                retain_forward_rule: RetainForwardRule::Never,
            }],
            properties: None,
        };
        round_trip(&Packet::Subscribe(subscribe), MqttVersion::V5);
        let limits = ServerLimits { client_id: Some("given".into()), receive_maximum: 10, ..ServerLimits::default() };
        let connack = ConnAck { session_present: false, code: ConnectCode::ACCEPTED, limits };
        round_trip(&Packet::ConnAck(connack), MqttVersion::V5);
    }

    // MQTT 5.0, 3.14.2.1: the reason code and the property length may be left out.
    #[test]
    fn short_forms_of_version_5_are_read() {
        let read = |bytes: &[u8]| decode(bytes, MqttVersion::V5).unwrap();
        assert_eq!(read(&[0xe0, 0]), Packet::Disconnect(Disconnect::new(ReasonCode::SUCCESS)));
        assert_eq!(read(&[0xe0, 1, 0x8e]), Packet::Disconnect(Disconnect::new(ReasonCode::SESSION_TAKEN_OVER)));
        assert_eq!(read(&[0xe0, 2, 0x04, 0]), Packet::Disconnect(Disconnect::new(ReasonCode::DISCONNECT_WITH_WILL)));
        let expiry = Disconnect { session_expiry: Some(60), ..Disconnect::new(ReasonCode::SUCCESS) };
        assert_eq!(read(&[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 60]), Packet::Disconnect(expiry));
        assert_eq!(read(&[0xf0, 0]), Packet::Auth(ReasonCode::SUCCESS));
        assert_eq!(read(&[0x40, 2, 0, 9]), Packet::PubAck(Ack::success(9)));
        assert_eq!(read(&[0x40, 3, 0, 9, 0x87]), Packet::PubAck(Ack::new(9, ReasonCode::NOT_AUTHORIZED)));
        assert_eq!(read(&[0xa2, 6, 0, 1, 0, 0, 1, b'a']), {
            Packet::Unsubscribe(Unsubscribe { packet_id: 1, filters: vec!["a".into()] })
        });
    }

    #[test]
    fn codes_that_no_specification_names_stay_numbers() {
        let read = |bytes: &[u8], version| decode(bytes, version).unwrap();
        assert_eq!(read(&[0xe0, 1, 0xee], MqttVersion::V5), Packet::Disconnect(Disconnect::new(ReasonCode(0xee))));
        assert_eq!(read(&[0x90, 3, 0, 1, 0x87], MqttVersion::V311), {
            Packet::SubAck(SubAck { packet_id: 1, codes: vec![ReasonCode(0x87)] })
        });
        // A broker that speaks 3.1.1 only refuses a client of 5.0 in its own tongue (5.0, 3.1.2.2; 3.1.1, 3.2.2.3).
        for version in [MqttVersion::V311, MqttVersion::V5] {
            let Packet::ConnAck(refusal) = read(&[0x20, 2, 0, 1], version) else { panic!("a CONNACK") };
            assert_eq!(refusal.code, ConnectCode(1));
            let Packet::ConnAck(unknown) = read(&[0x20, 2, 0, 0x42], version) else { panic!("a CONNACK") };
            assert_eq!(unknown.code, ConnectCode(0x42));
        }
    }

    #[test]
    fn a_connect_of_another_version_is_told_by_its_level() {
        let mut old = BytesMut::from(&b"\x10\x11\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x03abc"[..]);
        let raw = RawPacket::split_from(&mut old, 1024).unwrap().unwrap();
        assert_eq!(raw.decode_connect(), Err(CodecError::UnsupportedVersion(3)));
    }

    #[test]
    fn a_packet_is_taken_only_when_whole_and_refused_before_it_has_come_when_too_large() {
        let mut buffer = BytesMut::from(&[0x40, 2, 0][..]);
        assert_eq!(RawPacket::split_from(&mut buffer, 1024), Ok(None));
        assert_eq!(buffer.len(), 3);
        let mut buffer = BytesMut::from(&[0x30, 0x81, 0x08][..]);
        assert_eq!(RawPacket::split_from(&mut buffer, 1024), Err(CodecError::TooLarge { length: 1025, limit: 1024 }));
        let mut buffer = BytesMut::from(&[0x30, 0xff, 0xff, 0xff, 0xff, 0x01][..]);
        assert_eq!(RawPacket::split_from(&mut buffer, 1024), Err(CodecError::Malformed("fixed header")));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_end_in_a_packet_or_an_error(bytes: Vec<u8>, first in 0u8..=255, v5: bool) {
            let mut packet = vec![first, u8::try_from(bytes.len().min(127)).unwrap()];
            packet.extend(bytes.iter().take(127));
            let version = if v5 { MqttVersion::V5 } else { MqttVersion::V311 };
            let mut buffer = BytesMut::from(&packet[..]);
            if let Ok(Some(raw)) = RawPacket::split_from(&mut buffer, 1024) {
                let _ = raw.clone().decode_connect();
                let _ = raw.decode(version);
            }
        }
    }
}
