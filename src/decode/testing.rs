//! Packets and frames for the tests of this stage.

use super::{Decoded, Decoder, Interest, Limits, Skip};
use crate::frame::{Frame, FrameId, LinkType};
use crate::segment::Segment;
use crate::time::Timestamp;
use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader};

pub(super) const CLIENT: [u8; 4] = [192, 0, 2, 10];
pub(super) const SERVER: [u8; 4] = [192, 0, 2, 20];
pub(super) const CLIENT_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10];
pub(super) const SERVER_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20];
/// The only port that [`decoder`] looks at.
pub(super) const PORT: u16 = 8883;
/// The sequence number of every segment here.
pub(super) const SEQ: u32 = 0x0102_0304;

fn write(builder: PacketBuilderStep<TcpHeader>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    builder.psh().ack(7).write(&mut bytes, payload).unwrap();
    bytes
}

/// An IPv4 packet with a segment from the client to `port`.
pub(super) fn ipv4_to(port: u16, payload: &[u8]) -> Vec<u8> {
    write(PacketBuilder::ipv4(CLIENT, SERVER, 64).tcp(40_000, port, SEQ, 501), payload)
}

/// An IPv4 packet with a segment from the client to the server.
pub(super) fn ipv4(payload: &[u8]) -> Vec<u8> {
    ipv4_to(PORT, payload)
}

/// An IPv6 packet with a segment from the client to the server.
pub(super) fn ipv6(payload: &[u8]) -> Vec<u8> {
    write(PacketBuilder::ipv6(CLIENT_V6, SERVER_V6, 64).tcp(40_000, PORT, SEQ, 501), payload)
}

/// An IPv4 packet with a UDP datagram.
pub(super) fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4(CLIENT, SERVER, 64).udp(ports.0, ports.1).write(&mut bytes, payload).unwrap();
    bytes
}

/// An Ethernet frame: `head` begins with the EtherType.
pub(super) fn ethernet(head: &[u8], packet: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], head, packet].concat()
}

/// A frame that was captured whole, in the first second.
pub(super) fn frame(link_type: LinkType, data: &[u8]) -> Frame<'_> {
    let original_len = u32::try_from(data.len()).unwrap();
    Frame { id: FrameId::new(0, 1), at: Timestamp::from_secs(0), link_type, original_len, data }
}

/// A decoder for one port, IPv4, IPv6 and DNS.
pub(super) fn decoder() -> Decoder {
    Decoder::new(Interest { ports: vec![PORT], ipv6: true, dns: true }, Limits::default())
}

/// The segment that must have been found.
#[track_caller]
pub(super) fn segment(decoded: Decoded<'_>) -> Segment<'_> {
    match decoded {
        Decoded::Segment(segment) => segment,
        other => panic!("no segment: {other:?}"),
    }
}

/// The reason why nothing must have been found.
#[track_caller]
pub(super) fn skip(decoded: &Decoded<'_>) -> Skip {
    match decoded {
        Decoded::Skipped(skip) => *skip,
        other => panic!("not skipped: {other:?}"),
    }
}
