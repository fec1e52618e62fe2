//! MQTT control packets as bytes: written as the endpoints' scripts want them, and cut out of what was received.
//!
//! Versions 3.1.1 and 5.0 (OASIS; section numbers are those of 5.0). It checks nothing: endpoints of the lab may say what
//! a library would refuse to write.

use super::scenario::MqttVersion;

/// Control packet types (2.1.2), as the high half of the first byte.
pub(super) mod kind {
    pub(crate) const CONNECT: u8 = 1;
    pub(crate) const CONNACK: u8 = 2;
    pub(crate) const PUBLISH: u8 = 3;
    pub(crate) const PUBACK: u8 = 4;
    pub(crate) const PUBREC: u8 = 5;
    pub(crate) const PUBREL: u8 = 6;
    pub(crate) const PUBCOMP: u8 = 7;
    pub(crate) const SUBSCRIBE: u8 = 8;
    pub(crate) const SUBACK: u8 = 9;
    pub(crate) const PINGREQ: u8 = 12;
    pub(crate) const PINGRESP: u8 = 13;
    pub(crate) const DISCONNECT: u8 = 14;
}

/// A control packet: its first byte, and what follows the remaining length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    first: u8,
    body: Vec<u8>,
}

impl Packet {
    fn new(kind: u8, flags: u8) -> Self {
        Self { first: kind << 4 | flags, body: Vec::new() }
    }

    /// Takes the first whole packet from the front of what was received.
    pub(super) fn take(received: &mut Vec<u8>) -> Option<Self> {
        let first = *received.first()?;
        let (mut length, mut at) = (0_usize, 1);
        loop {
            let byte = *received.get(at)?;
            length |= usize::from(byte & 0x7F) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 || at > 4 {
                break;
            }
        }
        let body = received.get(at..at + length)?.to_vec();
        received.drain(..at + length);
        Some(Self { first, body })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.first];
        let mut length = self.body.len();
        loop {
            let digit = u8::try_from(length & 0x7F).unwrap_or_default();
            length >>= 7;
            bytes.push(if length > 0 { digit | 0x80 } else { digit });
            if length == 0 {
                break;
            }
        }
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub(super) const fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// The quality of service of a PUBLISH (3.3.1.2).
    pub(super) const fn qos(&self) -> u8 {
        self.first >> 1 & 3
    }

    fn byte(mut self, byte: u8) -> Self {
        self.body.push(byte);
        self
    }

    fn word(mut self, word: u16) -> Self {
        self.body.extend_from_slice(&word.to_be_bytes());
        self
    }

    fn text(self, text: &str) -> Self {
        let mut packet = self.word(u16::try_from(text.len()).unwrap_or(u16::MAX));
        packet.body.extend(text.bytes().take(usize::from(u16::MAX)));
        packet
    }

    /// An empty list of properties, which only 5.0 has (2.2.2).
    fn no_properties(self, version: MqttVersion) -> Self {
        match version {
            MqttVersion::V311 => self,
            MqttVersion::V5 => self.byte(0),
        }
    }

    fn read_word(&self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes([*self.body.get(at)?, *self.body.get(at + 1)?]))
    }

    fn read_text(&self, at: usize) -> Option<String> {
        let bytes = self.body.get(at + 2..at + 2 + usize::from(self.read_word(at)?))?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The packet identifier (2.2.1) of anything but a CONNECT.
    pub(super) fn id(&self) -> Option<u16> {
        if self.kind() != kind::PUBLISH {
            return self.read_word(0);
        }
        if self.qos() == 0 { None } else { self.read_word(2 + usize::from(self.read_word(0)?)) }
    }

    /// The topic name of a PUBLISH.
    pub(super) fn topic(&self) -> Option<String> {
        self.read_text(0)
    }

    /// How much of a PUBLISH is payload.
    pub(super) fn payload_len(&self, version: MqttVersion) -> usize {
        let header = 2 + usize::from(self.read_word(0).unwrap_or(0)) + if self.qos() > 0 { 2 } else { 0 };
        self.body.len().saturating_sub(header + usize::from(version == MqttVersion::V5))
    }

    /// The topic filters of a SUBSCRIBE without properties.
    pub(super) fn filters(&self, version: MqttVersion) -> Vec<String> {
        let mut at = if version == MqttVersion::V5 { 3 } else { 2 };
        let mut filters = Vec::new();
        while let Some(filter) = self.read_text(at) {
            at += filter.len() + 3;
            filters.push(filter);
        }
        filters
    }

    /// The version, keep-alive in seconds and client identifier of a CONNECT without properties.
    pub(super) fn connect_fields(&self) -> Option<(MqttVersion, u16, String)> {
        let version = if *self.body.get(6)? == 5 { MqttVersion::V5 } else { MqttVersion::V311 };
        let client_id_at = if version == MqttVersion::V5 { 11 } else { 10 };
        Some((version, self.read_word(8)?, self.read_text(client_id_at)?))
    }

    /// The return or reason code of a CONNACK.
    pub(super) fn connack_code(&self) -> Option<u8> {
        self.body.get(1).copied()
    }
}

/// What a CONNECT says.
pub(super) struct Connect<'a> {
    pub(super) version: MqttVersion,
    pub(super) client_id: &'a str,
    pub(super) keep_alive: u16,
    pub(super) clean: bool,
    pub(super) username: Option<&'a str>,
    pub(super) password: Option<&'a str>,
}

/// CONNECT (3.1).
pub(super) fn connect(connect: &Connect<'_>) -> Packet {
    let level = match connect.version {
        MqttVersion::V311 => 4,
        MqttVersion::V5 => 5,
    };
    let flag = |set, bit| if set { bit } else { 0 };
    let flags =
        flag(connect.clean, 0x02) | flag(connect.password.is_some(), 0x40) | flag(connect.username.is_some(), 0x80);
    let packet = Packet::new(kind::CONNECT, 0).text("MQTT").byte(level).byte(flags).word(connect.keep_alive);
    let packet = packet.no_properties(connect.version).text(connect.client_id);
    [connect.username, connect.password].into_iter().flatten().fold(packet, Packet::text)
}

/// CONNACK (3.2).
pub(super) fn connack(version: MqttVersion, code: u8) -> Packet {
    Packet::new(kind::CONNACK, 0).byte(0).byte(code).no_properties(version)
}

/// PUBLISH (3.3) of `size` bytes of text; `id` where the quality of service is above 0.
pub(super) fn publish(version: MqttVersion, topic: &str, size: usize, qos: u8, id: u16) -> Packet {
    let packet = Packet::new(kind::PUBLISH, qos << 1).text(topic);
    let packet = if qos > 0 { packet.word(id) } else { packet };
    let mut packet = packet.no_properties(version);
    packet.body.extend((0..size).map(|i| b"{\"temperature\":21.5}"[i % 20]));
    packet
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7) and UNSUBACK of 3.1.1.
pub(super) fn acknowledgement(kind: u8, id: u16) -> Packet {
    // PUBREL alone has its reserved flags set to 2 (2.1.3).
    Packet::new(kind, if kind == kind::PUBREL { 2 } else { 0 }).word(id)
}

/// SUBSCRIBE (3.8).
pub(super) fn subscribe(version: MqttVersion, id: u16, filters: &[String], qos: u8) -> Packet {
    let packet = Packet::new(kind::SUBSCRIBE, 2).word(id).no_properties(version);
    filters.iter().fold(packet, |packet, filter| packet.text(filter).byte(qos))
}

/// SUBACK (3.9) with one code a filter.
pub(super) fn suback(version: MqttVersion, id: u16, codes: &[u8]) -> Packet {
    let packet = Packet::new(kind::SUBACK, 0).word(id).no_properties(version);
    codes.iter().fold(packet, |packet, code| packet.byte(*code))
}

/// PINGREQ, PINGRESP (3.12, 3.13), and a DISCONNECT without a reason (3.14).
pub(super) fn bare(kind: u8) -> Packet {
    Packet::new(kind, 0)
}

/// DISCONNECT of 5.0 with a reason (3.14).
pub(super) fn disconnect_because(reason: u8) -> Packet {
    Packet::new(kind::DISCONNECT, 0).byte(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    fn read_v4(packet: &Packet) -> mqttbytes::v4::Packet {
        mqttbytes::v4::read(&mut BytesMut::from(packet.bytes().as_slice()), 1 << 20).unwrap()
    }

    #[test]
    fn mqttbytes_reads_what_is_written() {
        let written = publish(MqttVersion::V311, "a/b", 300, 1, 7);
        let mqttbytes::v4::Packet::Publish(read) = read_v4(&written) else { panic!("no PUBLISH") };
        assert_eq!((read.topic.as_str(), read.pkid, read.payload.len()), ("a/b", 7, 300));
        assert_eq!(
            (written.topic().as_deref(), written.id(), written.payload_len(MqttVersion::V311)),
            (Some("a/b"), Some(7), 300)
        );
    }

    #[test]
    fn a_connect_of_version_5_is_one() {
        let packet = connect(&Connect {
            version: MqttVersion::V5,
            client_id: "id",
            keep_alive: 30,
            clean: true,
            username: Some("u"),
            password: Some("p"),
        });
        let mut bytes = BytesMut::from(packet.bytes().as_slice());
        let mqttbytes::v5::Packet::Connect(read) = mqttbytes::v5::read(&mut bytes, 1 << 20).unwrap() else {
            panic!("no CONNECT")
        };
        assert_eq!((read.client_id.as_str(), read.keep_alive, read.login.is_some()), ("id", 30, true));
        assert_eq!(packet.connect_fields(), Some((MqttVersion::V5, 30, "id".to_owned())));
    }

    #[test]
    fn packets_are_taken_one_by_one_and_only_whole() {
        let mut received = publish(MqttVersion::V311, "t", 200, 0, 0).bytes();
        received.extend(bare(kind::PINGREQ).bytes());
        received.push(0xE0);
        let kinds: Vec<u8> = std::iter::from_fn(|| Packet::take(&mut received)).map(|packet| packet.kind()).collect();
        assert_eq!((kinds, received), (vec![kind::PUBLISH, kind::PINGREQ], vec![0xE0]));
    }
}
