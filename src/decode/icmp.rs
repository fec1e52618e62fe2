//! Datagram → an ICMP error about a segment on one of our ports (RFC 792, RFC 4443).
//!
//! Errors are the messages that say that a packet did not get through: destination unreachable, packet too big, time exceeded,
//! parameter problem. Redirects and source quenches quote packets as well, but stop none.

use super::captured::Captured;
use super::ip::{self, Datagram, IpHeader};
use super::link::IpVersion;
use super::skip::Skip;
use super::transport::PortSet;
use crate::frame::{Frame, FrameId};
use crate::net::Endpoint;
use crate::pack::packed;
use crate::segment::SeqNumber;
use crate::time::Timestamp;
use etherparse::IpNumber;
use std::fmt;
use std::net::IpAddr;

/// Somebody on the path says that a segment did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// The frame that carried it.
    pub frame: FrameId,
    /// When that frame was captured.
    pub at: Timestamp,
    /// Who says so: a router, a firewall, or the receiver itself.
    pub sender: IpAddr,
    /// What is said.
    pub message: IcmpMessage,
    /// The largest packet that fits the next link, in bytes (RFC 1191, 4; RFC 4443, 3.2); only where the message tells it.
    pub next_hop_mtu: Option<u32>,
    /// The sender of the segment in question.
    pub quoted_source: Endpoint,
    /// The receiver of the segment in question.
    pub quoted_destination: Endpoint,
    /// The sequence number of the segment in question.
    pub quoted_seq: SeqNumber,
}

packed! { struct IcmpError { frame, at, sender, message, next_hop_mtu, quoted_source, quoted_destination, quoted_seq } }

/// The message, with the MTU where there is one: `fragmentation needed and DF set, MTU 1400`.
impl fmt::Display for IcmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)?;
        match self.next_hop_mtu {
            Some(mtu) => write!(f, ", MTU {mtu}"),
            None => Ok(()),
        }
    }
}

/// Type and code of an ICMP error, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IcmpMessage {
    /// ICMP for IPv4 (RFC 792).
    V4 {
        /// The type field.
        kind: u8,
        /// The code field.
        code: u8,
    },
    /// ICMPv6 (RFC 4443).
    V6 {
        /// The type field.
        kind: u8,
        /// The code field.
        code: u8,
    },
}

packed! { enum IcmpMessage { V4 { kind, code }, V6 { kind, code } } }

impl IcmpMessage {
    /// Whether a packet was too big for the next link, which path MTU discovery relies on; every other error says that
    /// packets do not arrive at all.
    #[must_use]
    pub const fn is_too_big(self) -> bool {
        matches!(self, Self::V4 { kind: 3, code: 4 } | Self::V6 { kind: 2, .. })
    }

    /// The specification's words, where it has some for this code.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::V4 { kind, code } => v4_name(kind, code),
            Self::V6 { kind, code } => v6_name(kind, code),
        }
    }

    const fn is_error(self) -> bool {
        matches!(self, Self::V4 { kind: 3 | 11 | 12, .. } | Self::V6 { kind: 1..=4, .. })
    }
}

/// The specification's words, or type and code in hex.
impl fmt::Display for IcmpMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.name()) {
            (_, Some(name)) => f.pad(name),
            (Self::V4 { kind, code }, None) => write!(f, "ICMP type {kind:#04x}, code {code:#04x}"),
            (Self::V6 { kind, code }, None) => write!(f, "ICMPv6 type {kind:#04x}, code {code:#04x}"),
        }
    }
}

/// RFC 792; unreachable codes 6 to 12: RFC 1122, 3.2.2.1; 13 to 15: RFC 1812, 5.2.7.1; parameter problem 1 and 2: IANA.
const fn v4_name(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (3, 0) => "net unreachable",
        (3, 1) => "host unreachable",
        (3, 2) => "protocol unreachable",
        (3, 3) => "port unreachable",
        (3, 4) => "fragmentation needed and DF set",
        (3, 5) => "source route failed",
        (3, 6) => "destination network unknown",
        (3, 7) => "destination host unknown",
        (3, 8) => "source host isolated",
        (3, 9) => "communication with destination network administratively prohibited",
        (3, 10) => "communication with destination host administratively prohibited",
        (3, 11) => "network unreachable for type of service",
        (3, 12) => "host unreachable for type of service",
        (3, 13) => "communication administratively prohibited",
        (3, 14) => "host precedence violation",
        (3, 15) => "precedence cutoff in effect",
        (11, 0) => "time to live exceeded in transit",
        (11, 1) => "fragment reassembly time exceeded",
        (12, 0) => "parameter problem",
        (12, 1) => "missing a required option",
        (12, 2) => "bad length",
        _ => return None,
    })
}

/// RFC 4443, 3; unreachable code 7: RFC 6550, 6.1; code 8: RFC 8883, 3; parameter problem 3: RFC 7112, 5; 4: RFC 8754, 2.1.
const fn v6_name(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (1, 0) => "no route to destination",
        (1, 1) => "communication with destination administratively prohibited",
        (1, 2) => "beyond scope of source address",
        (1, 3) => "address unreachable",
        (1, 4) => "port unreachable",
        (1, 5) => "source address failed ingress/egress policy",
        (1, 6) => "reject route to destination",
        (1, 7) => "error in source routing header",
        (1, 8) => "headers too long",
        (2, _) => "packet too big",
        (3, 0) => "hop limit exceeded in transit",
        (3, 1) => "fragment reassembly time exceeded",
        (4, 0) => "erroneous header field encountered",
        (4, 1) => "unrecognized Next Header type encountered",
        (4, 2) => "unrecognized IPv6 option encountered",
        (4, 3) => "IPv6 first fragment has incomplete IPv6 header chain",
        (4, 4) => "SR upper-layer header error",
        _ => return None,
    })
}

/// Reads an error about a segment on one of the ports. The quote may end with the eighth byte of the segment (RFC 792).
pub(super) fn error(datagram: &Datagram<'_>, wanted: &PortSet, frame: &Frame<'_>) -> Result<IcmpError, Skip> {
    let [kind, code, _, _, a, b, c, d] = *datagram.payload.head::<8>()?;
    let message = match (datagram.protocol, datagram.header.version()) {
        (IpNumber::ICMP, IpVersion::V4) => IcmpMessage::V4 { kind, code },
        (IpNumber::IPV6_ICMP, IpVersion::V6) => IcmpMessage::V6 { kind, code },
        _ => return Err(Skip::OtherProtocol),
    };
    if !message.is_error() {
        return Err(Skip::OtherIcmp);
    }
    let next_hop_mtu = match message {
        // Routers older than RFC 1191 leave it zero.
        IcmpMessage::V4 { kind: 3, code: 4 } => Some(u32::from(u16::from_be_bytes([c, d]))).filter(|mtu| *mtu > 0),
        IcmpMessage::V6 { kind: 2, .. } => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    };
    let quoted = quoted_segment(datagram.header.version(), datagram.payload.after(8)?)?;
    let [a, b, c, d, seq @ ..] = *quoted.payload.head::<8>()?;
    let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    if !wanted.contains_either(ports) {
        return Err(Skip::OtherIcmp);
    }
    Ok(IcmpError {
        frame: frame.id,
        at: frame.at,
        sender: datagram.header.source(),
        message,
        next_hop_mtu,
        quoted_source: Endpoint::new(quoted.header.source(), ports.0),
        quoted_destination: Endpoint::new(quoted.header.destination(), ports.1),
        quoted_seq: SeqNumber(u32::from_be_bytes(seq)),
    })
}

/// Finds the TCP segment in a quoted packet. The quoted length fields are those of the whole packet and say nothing of the
/// quote.
fn quoted_segment(version: IpVersion, packet: Captured<'_>) -> Result<Datagram<'_>, Skip> {
    let header = IpHeader::read(version, packet)?;
    let data = packet.after(header.header_len())?;
    let (protocol, payload, offset) = match header {
        IpHeader::V4(header) => (header.protocol(), data, usize::from(header.fragments_offset().byte_offset())),
        IpHeader::V6(header) => {
            let (protocol, payload, fragment) = ip::behind_extensions(header.next_header(), data)?;
            (protocol, payload, fragment.map_or(0, |fragment| fragment.offset))
        }
    };
    if protocol == IpNumber::TCP && offset == 0 {
        Ok(Datagram { header, protocol, payload })
    } else {
        Err(Skip::OtherIcmp)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, CLIENT, CLIENT_V6, PORT, SEQ, SERVER, SERVER_V6, decoder, frame, skip};
    use super::super::{Decoded, Decoder, Interest, Limits};
    use super::*;
    use crate::frame::LinkType;

    const ROUTER: [u8; 4] = [198, 51, 100, 1];

    /// An ICMP message from a router to the client: its eight bytes, then the quote.
    fn icmp(head: [u8; 8], quote: &[u8]) -> Vec<u8> {
        let mut packet = testing::ipv4(&[])[..20].to_vec();
        packet[2..4].copy_from_slice(&u16::try_from(28 + quote.len()).unwrap().to_be_bytes());
        packet[9] = 1;
        packet[12..16].copy_from_slice(&ROUTER);
        packet[16..20].copy_from_slice(&CLIENT);
        [&packet, &head[..], quote].concat()
    }

    fn icmp_v6(head: [u8; 8], quote: &[u8]) -> Vec<u8> {
        let mut packet = testing::ipv6(&[])[..40].to_vec();
        packet[4..6].copy_from_slice(&u16::try_from(8 + quote.len()).unwrap().to_be_bytes());
        packet[6] = 58;
        [&packet, &head[..], quote].concat()
    }

    #[track_caller]
    fn error(packet: &[u8]) -> IcmpError {
        match decoder().decode(&frame(LinkType::RAW, packet)) {
            Decoded::IcmpError(error) => error,
            other => panic!("no error: {other:?}"),
        }
    }

    #[test]
    fn eight_quoted_bytes_tell_the_segment() {
        let segment = testing::ipv4(b"payload that a router need not quote");
        let error = error(&icmp([3, 13, 0, 0, 0, 0, 0, 0], &segment[..28]));
        assert_eq!(error.sender, IpAddr::from(ROUTER));
        assert_eq!(error.message, IcmpMessage::V4 { kind: 3, code: 13 });
        assert_eq!(error.to_string(), "communication administratively prohibited");
        assert_eq!(error.quoted_source, Endpoint::new(CLIENT.into(), 40_000));
        assert_eq!(error.quoted_destination, Endpoint::new(SERVER.into(), PORT));
        assert_eq!((error.quoted_seq, error.next_hop_mtu), (SeqNumber(SEQ), None));
    }

    #[test]
    fn too_big_tells_the_mtu() {
        let v4 = error(&icmp([3, 4, 0, 0, 0, 0, 0x05, 0x78], &testing::ipv4(b"x")));
        assert_eq!((v4.next_hop_mtu, v4.message.is_too_big()), (Some(1400), true));
        assert_eq!(v4.to_string(), "fragmentation needed and DF set, MTU 1400");
        let older = error(&icmp([3, 4, 0, 0, 0, 0, 0, 0], &testing::ipv4(b"x")));
        assert_eq!((older.next_hop_mtu, older.message.is_too_big()), (None, true));

        let v6 = error(&icmp_v6([2, 0, 0, 0, 0, 0, 0x05, 0x00], &testing::ipv6(b"x")));
        assert_eq!((v6.next_hop_mtu, v6.message.is_too_big()), (Some(1280), true));
        assert_eq!(v6.quoted_source, Endpoint::new(CLIENT_V6.into(), 40_000));
        assert_eq!(v6.quoted_destination, Endpoint::new(SERVER_V6.into(), PORT));
        assert_eq!(v6.to_string(), "packet too big, MTU 1280");
    }

    #[test]
    fn other_messages_are_other_icmp() {
        let mut udp = testing::ipv4(b"x");
        udp[9] = 17;
        let mut later_fragment = testing::ipv4(b"x");
        later_fragment[7] = 1;
        for packet in [
            icmp([8, 0, 0, 0, 0, 0, 0, 0], &testing::ipv4(b"echo request")),
            icmp([5, 1, 0, 0, 198, 51, 100, 2], &testing::ipv4(b"redirect")),
            icmp([3, 3, 0, 0, 0, 0, 0, 0], &testing::ipv4_to(443, b"x")),
            icmp([3, 3, 0, 0, 0, 0, 0, 0], &udp),
            icmp([3, 3, 0, 0, 0, 0, 0, 0], &later_fragment),
        ] {
            assert_eq!(skip(&decoder().decode(&frame(LinkType::RAW, &packet))), Skip::OtherIcmp);
        }
        let seven = icmp([3, 3, 0, 0, 0, 0, 0, 0], &testing::ipv4(b"x")[..27]);
        assert_eq!(skip(&decoder().decode(&frame(LinkType::RAW, &seven))), Skip::Malformed);
    }

    #[test]
    fn ipv6_errors_are_left_out_where_ipv6_is() {
        let packet = icmp_v6([1, 0, 0, 0, 0, 0, 0, 0], &testing::ipv6(b"x"));
        let mut decoder = Decoder::new(Interest { ports: vec![PORT], ..Interest::default() }, Limits::default());
        assert_eq!(skip(&decoder.decode(&frame(LinkType::RAW, &packet))), Skip::Ipv6NotAsked);
    }

    #[test]
    fn an_unknown_code_is_shown_by_its_number() {
        assert_eq!(IcmpMessage::V4 { kind: 3, code: 99 }.to_string(), "ICMP type 0x03, code 0x63");
        assert_eq!(IcmpMessage::V4 { kind: 11, code: 0 }.to_string(), "time to live exceeded in transit");
    }
}
