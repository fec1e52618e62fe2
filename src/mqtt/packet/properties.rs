//! The properties of MQTT 5.0 (2.2.2). Their bytes come in, those that an observer of a connection wants go out.

use super::text;
use crate::bytes::Reader;
use crate::pack::packed;

/// The properties that tell something of the connection. None: not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// For how many seconds the session outlives the connection; 4,294,967,295: for ever.
    pub session_expiry: Option<u32>,
    /// How many messages of QoS 1 and 2 the sender takes at once.
    pub receive_maximum: Option<u16>,
    /// The longest packet that the sender takes, in bytes.
    pub maximum_packet_size: Option<u32>,
    /// The highest topic alias that the sender takes.
    pub topic_alias_maximum: Option<u16>,
    /// The highest QoS that the server knows.
    pub maximum_qos: Option<u8>,
    /// The keep-alive that the server wants in place of the client's, in seconds.
    pub server_keep_alive: Option<u16>,
    /// The client id that the server gives.
    pub assigned_client_id: Option<Box<str>>,
    /// Why, in the sender's words.
    pub reason_string: Option<Box<str>>,
    /// The server to use instead.
    pub server_reference: Option<Box<str>>,
    /// The number that stands for the topic.
    pub topic_alias: Option<u16>,
    /// How the client authenticates.
    pub authentication_method: Option<Box<str>>,
    /// After how many seconds a message is not worth delivering.
    pub message_expiry: Option<u32>,
}

packed! {
    struct Properties {
        session_expiry, receive_maximum, maximum_packet_size, topic_alias_maximum, maximum_qos, server_keep_alive,
        assigned_client_id, reason_string, server_reference, topic_alias, authentication_method, message_expiry,
    }
}

impl Properties {
    /// Reads all properties; false if they end early or one is unknown (what stands before it is kept).
    pub(super) fn read(bytes: &[u8]) -> (Self, bool) {
        let mut properties = Self::default();
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            if properties.read_one(&mut reader).is_none() {
                return (properties, false);
            }
        }
        (properties, true)
    }

    /// One property, by its identifier (MQTT 5.0, table 2-4).
    fn read_one(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        match reader.varint()? {
            2 => self.message_expiry = Some(reader.u32()?),
            17 => self.session_expiry = Some(reader.u32()?),
            18 => self.assigned_client_id = Some(text(reader.vec16()?)),
            19 => self.server_keep_alive = Some(reader.u16()?),
            21 => self.authentication_method = Some(text(reader.vec16()?)),
            28 => self.server_reference = Some(text(reader.vec16()?)),
            31 => self.reason_string = Some(text(reader.vec16()?)),
            33 => self.receive_maximum = Some(reader.u16()?),
            34 => self.topic_alias_maximum = Some(reader.u16()?),
            35 => self.topic_alias = Some(reader.u16()?),
            36 => self.maximum_qos = Some(reader.u8()?),
            39 => self.maximum_packet_size = Some(reader.u32()?),
            // Payload format, request problem and response information, retain, wildcard, identifiers, shared.
            1 | 23 | 25 | 37 | 40 | 41 | 42 => drop(reader.u8()?),
            // Content type, response topic, correlation data, authentication data, response information.
            3 | 8 | 9 | 22 | 26 => drop(reader.vec16()?),
            // Subscription identifier.
            11 => drop(reader.varint()?),
            // Will delay interval.
            24 => drop(reader.u32()?),
            // User property: a name and a value.
            38 => drop((reader.vec16()?, reader.vec16()?)),
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_of_the_specification_is_stepped_over() {
        // One of each identifier of table 2-4, the last one tells whether all before it were read to their end.
        let bytes: &[u8] = &[
            1, 0, 2, 0, 0, 0, 9, 3, 0, 1, b't', 8, 0, 1, b'r', 9, 0, 2, 0xff, 0xfe, 11, 0x80, 0x01, 17, 0, 0, 1, 0, 18,
            0, 1, b'i', 19, 0, 30, 21, 0, 1, b'm', 22, 0, 1, 0, 23, 1, 24, 0, 0, 0, 1, 25, 1, 26, 0, 0, 28, 0, 1, b's',
            31, 0, 1, b'w', 33, 0, 10, 34, 0, 11, 35, 0, 12, 36, 1, 37, 1, 38, 0, 1, b'k', 0, 1, b'v', 40, 1, 41, 1,
            42, 1, 39, 0, 2, 0, 0,
        ];
        let (read, sound) = Properties::read(bytes);
        assert!(sound);
        assert_eq!(read.message_expiry, Some(9));
        assert_eq!(read.session_expiry, Some(256));
        assert_eq!(read.assigned_client_id.as_deref(), Some("i"));
        assert_eq!(read.server_keep_alive, Some(30));
        assert_eq!(read.receive_maximum, Some(10));
        assert_eq!(read.topic_alias, Some(12));
        assert_eq!(read.maximum_packet_size, Some(131_072));
    }

    #[test]
    fn what_stands_before_an_unknown_property_is_kept() {
        let (read, sound) = Properties::read(&[33, 0, 10, 99, 1, 2, 3]);
        assert!(!sound);
        assert_eq!(read.receive_maximum, Some(10));
    }
}
