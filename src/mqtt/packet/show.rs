//! Packets in one line each, for people.

use super::{Ack, Answer, Auth, Connack, Connect, Disconnect, Incomplete, Packet, Publish, Subscribe, Unsubscribe};
use crate::mqtt::codes::{PacketType, QoS, ReasonCode, Version};
use std::fmt::{self, Display, Formatter};

/// The most filters of a packet that are shown.
const SHOWN: usize = 3;

/// The detail of a packet in one line; empty where its name says all.
impl Display for Packet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(connect) => connect.fmt(f),
            Self::Connack(connack) => connack.fmt(f),
            Self::Publish(publish) => publish.fmt(f),
            Self::Ack(ack) => ack.fmt(f),
            Self::Subscribe(subscribe) => subscribe.fmt(f),
            Self::Answer(answer) => answer.fmt(f),
            Self::Unsubscribe(unsubscribe) => unsubscribe.fmt(f),
            Self::Disconnect(disconnect) => disconnect.fmt(f),
            Self::Auth(auth) => auth.fmt(f),
            Self::Pingreq | Self::Pingresp => Ok(()),
        }
    }
}

/// `client id dev-7, MQTT 3.1.1, keep alive 60 s, clean start, will, user name`.
impl Display for Connect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &*self.client_id {
            "" => f.write_str("no client id")?,
            id => write!(f, "client id {id}")?,
        }
        write!(f, ", MQTT {}, ", self.version)?;
        match self.keep_alive {
            0 => f.write_str("no keep alive")?,
            seconds => write!(f, "keep alive {seconds} s")?,
        }
        let is_v5 = self.version == Version::V5_0;
        for (is_set, words) in [
            (self.clean_start && is_v5, "clean start"),
            (self.clean_start && !is_v5, "clean session"),
            (self.will.is_some(), "will"),
            (self.username.is_some(), "user name"),
            (self.has_password, "password"),
            (self.is_bridge, "bridge"),
        ] {
            if is_set {
                write!(f, ", {words}")?;
            }
        }
        Ok(())
    }
}

/// `0x00 connection accepted, session present`.
impl Display for Connack {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)?;
        if self.session_present {
            f.write_str(", session present")?;
        }
        if let Some(id) = &self.properties.assigned_client_id {
            write!(f, ", client id {id}")?;
        }
        if let Some(seconds) = self.properties.server_keep_alive {
            write!(f, ", keep alive {seconds} s")?;
        }
        quoted(f, self.properties.reason_string.as_deref())
    }
}

/// `topic sensors/1, QoS 1, packet id 3, 128 bytes`.
impl Display for Publish {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&*self.topic, self.topic_alias) {
            ("", Some(alias)) => write!(f, "topic alias {alias}")?,
            (topic, _) => write!(f, "topic {topic}")?,
        }
        write!(f, ", {}", self.qos)?;
        if let Some(id) = self.packet_id {
            write!(f, ", packet id {id}")?;
        }
        match self.payload_length {
            1 => f.write_str(", 1 byte")?,
            length => write!(f, ", {length} bytes")?,
        }
        if self.retain {
            f.write_str(", retain")?;
        }
        if self.dup {
            f.write_str(", sent again")?;
        }
        match &self.preview {
            Some(preview) if !preview.is_empty() => write!(f, ": {}", preview.escape_ascii()),
            _ => Ok(()),
        }
    }
}

/// `packet id 3`, with the reason where it is no success.
impl Display for Ack {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "packet id {}", self.packet_id)?;
        if self.reason != ReasonCode::SUCCESS {
            write!(f, ", {}", self.reason.shown_in(self.kind))?;
        }
        quoted(f, self.reason_string.as_deref())
    }
}

/// `packet id 1, a/# QoS 1, b QoS 0`.
impl Display for Subscribe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "packet id {}", self.packet_id)?;
        for (filter, qos) in self.filters.iter().take(SHOWN) {
            write!(f, ", {filter} {qos}")?;
        }
        more(f, self.filters.len())
    }
}

/// `packet id 1, a/#, b`.
impl Display for Unsubscribe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "packet id {}", self.packet_id)?;
        for filter in self.filters.iter().take(SHOWN) {
            write!(f, ", {filter}")?;
        }
        more(f, self.filters.len())
    }
}

/// `packet id 1, QoS 0, 0x87 not authorized`.
impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "packet id {}", self.packet_id)?;
        for code in self.codes.iter().take(SHOWN) {
            match (self.kind, *code) {
                (PacketType::SUBACK, ReasonCode(granted @ 0..=2)) => write!(f, ", granted {}", QoS(granted))?,
                (_, ReasonCode::SUCCESS) => {}
                (kind, code) => write!(f, ", {}", code.shown_in(kind))?,
            }
        }
        more(f, self.codes.len())
    }
}

/// Empty for a normal disconnection; `0x8e session taken over`.
impl Display for Disconnect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.reason != ReasonCode::SUCCESS {
            self.reason.shown_in(PacketType::DISCONNECT).fmt(f)?;
        }
        quoted(f, self.reason_string.as_deref())?;
        match &self.server_reference {
            Some(server) => write!(f, ", use {server}"),
            None => Ok(()),
        }
    }
}

/// `0x18 continue authentication, SCRAM-SHA-1`.
impl Display for Auth {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.reason.shown_in(PacketType::AUTH).fmt(f)?;
        match &self.method {
            Some(method) => write!(f, ", {method}"),
            None => Ok(()),
        }
    }
}

/// `topic a/b, 12000 of 131200 bytes came`.
impl Display for Incomplete {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(topic) = &self.topic {
            write!(f, "topic {topic}, ")?;
        }
        write!(f, "{} of {} bytes came", self.came, self.length)
    }
}

fn quoted(f: &mut Formatter<'_>, reason: Option<&str>) -> fmt::Result {
    match reason {
        Some(reason) => write!(f, ", \u{201c}{reason}\u{201d}"),
        None => Ok(()),
    }
}

fn more(f: &mut Formatter<'_>, count: usize) -> fmt::Result {
    match count.saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, ", and {more} more"),
    }
}
