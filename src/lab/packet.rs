//! IP packets with TCP, UDP or ICMP inside: read, made, and their checksums put right.

use super::scenario::IcmpError;
use crate::net::Endpoint;
use etherparse::{
    Icmpv4Type, Icmpv6Type, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv6Extensions, Ipv6Header, NetSlice,
    PacketBuilder, PacketBuilderStep, SlicedPacket, TcpHeader, TcpOptionElement, TransportSlice, icmpv4, icmpv6,
};
use std::net::IpAddr;
use std::ops::Range;

/// FIN, SYN, RST, PSH, ACK as they stand in the header (RFC 9293, 3.1).
pub(crate) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const PSH: u8 = 0x08;
    pub(crate) const ACK: u8 = 0x10;
}

/// The fields of a TCP segment that the wire looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TcpView {
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    /// Where the payload lies in the packet.
    pub(crate) payload: Range<usize>,
}

impl TcpView {
    /// The segment in an IP packet; `None` for anything else.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let sliced = SlicedPacket::from_ip(packet).ok()?;
        let (source, destination): (IpAddr, IpAddr) = match &sliced.net {
            Some(NetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            Some(NetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            _ => return None,
        };
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { return None };
        let set = |on, bit| if on { bit } else { 0 };
        let flags = set(tcp.fin(), flag::FIN)
            | set(tcp.syn(), flag::SYN)
            | set(tcp.rst(), flag::RST)
            | set(tcp.psh(), flag::PSH)
            | set(tcp.ack(), flag::ACK);
        Some(Self {
            source: Endpoint::new(source, tcp.source_port()),
            destination: Endpoint::new(destination, tcp.destination_port()),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            flags,
            payload: packet.len() - tcp.payload().len()..packet.len(),
        })
    }

    pub(crate) const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// The sequence number after this segment: SYN and FIN count (RFC 9293, 3.4).
    pub(crate) fn next_seq(&self) -> u32 {
        let counted = u32::from(self.has(flag::SYN)) + u32::from(self.has(flag::FIN));
        self.seq.wrapping_add(u32::try_from(self.payload.len()).unwrap_or(u32::MAX)).wrapping_add(counted)
    }
}

/// The receiver and the size of an ICMP error that says how large a packet may be (RFC 1191, 4; RFC 4443, 3.2).
pub(crate) fn too_big(packet: &[u8]) -> Option<(IpAddr, u16)> {
    let sliced = SlicedPacket::from_ip(packet).ok()?;
    match (sliced.net?, sliced.transport?) {
        (NetSlice::Ipv4(ip), TransportSlice::Icmpv4(icmp)) => match icmp.icmp_type() {
            Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu }) => {
                Some((ip.header().destination_addr().into(), next_hop_mtu))
            }
            _ => None,
        },
        (NetSlice::Ipv6(ip), TransportSlice::Icmpv6(icmp)) => match icmp.icmp_type() {
            Icmpv6Type::PacketTooBig { mtu } => {
                Some((ip.header().destination_addr().into(), u16::try_from(mtu).unwrap_or(u16::MAX)))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A TCP segment to be made.
#[derive(Clone, Debug)]
pub(crate) struct TcpDraft<'a> {
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    pub(crate) hop_limit: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) options: &'a [TcpOptionElement],
    pub(crate) payload: &'a [u8],
}

impl TcpDraft<'_> {
    /// The IP packet; `None` if the addresses are of two families or the parts do not fit into one packet.
    pub(crate) fn packet(&self) -> Option<Vec<u8>> {
        let has = |bit| self.flags & bit != 0;
        let mut header = TcpHeader::new(self.source.port, self.destination.port, self.seq, self.window);
        header.fin = has(flag::FIN);
        header.syn = has(flag::SYN);
        header.rst = has(flag::RST);
        header.psh = has(flag::PSH);
        header.ack = has(flag::ACK);
        header.acknowledgment_number = if header.ack { self.ack } else { 0 };
        header.set_options(self.options).ok()?;
        let tcp = ip(self.source.address, self.destination.address, self.hop_limit)?.tcp_header(header);
        let mut packet = Vec::with_capacity(tcp.size(self.payload.len()));
        tcp.write(&mut packet, self.payload).ok()?;
        Some(packet)
    }
}

/// A UDP datagram as an IP packet; `None` if the addresses are of two families or the payload is too large.
pub(crate) fn udp(source: Endpoint, destination: Endpoint, payload: &[u8]) -> Option<Vec<u8>> {
    let udp = ip(source.address, destination.address, 64)?.udp(source.port, destination.port);
    let mut packet = Vec::with_capacity(udp.size(payload.len()));
    udp.write(&mut packet, payload).ok()?;
    Some(packet)
}

/// An ICMP error from `router` about `offending`: it quotes the beginning of it (RFC 792: the IP header and 8 bytes and more).
pub(crate) fn icmp_error(error: IcmpError, router: IpAddr, offending: &[u8]) -> Option<Vec<u8>> {
    let receiver = TcpView::of(offending)?.source.address;
    let builder = ip(router, receiver, 64)?;
    let quoted = offending.get(..offending.len().min(128))?;
    let mut packet = Vec::new();
    if receiver.is_ipv4() {
        use icmpv4::DestUnreachableHeader as Unreachable;
        let unreachable = match error {
            IcmpError::Host => Unreachable::Host,
            IcmpError::Port => Unreachable::Port,
            IcmpError::Prohibited => Unreachable::FilterProhibited,
            IcmpError::TooBig(next_hop_mtu) => Unreachable::FragmentationNeeded { next_hop_mtu },
        };
        builder.icmpv4(Icmpv4Type::DestinationUnreachable(unreachable)).write(&mut packet, quoted).ok()?;
    } else {
        use icmpv6::DestUnreachableCode as Unreachable;
        let unreachable = match error {
            IcmpError::Host => Icmpv6Type::DestinationUnreachable(Unreachable::Address),
            IcmpError::Port => Icmpv6Type::DestinationUnreachable(Unreachable::Port),
            IcmpError::Prohibited => Icmpv6Type::DestinationUnreachable(Unreachable::Prohibited),
            IcmpError::TooBig(mtu) => Icmpv6Type::PacketTooBig { mtu: u32::from(mtu) },
        };
        builder.icmpv6(unreachable).write(&mut packet, quoted).ok()?;
    }
    Some(packet)
}

fn ip(source: IpAddr, destination: IpAddr, hop_limit: u8) -> Option<PacketBuilderStep<IpHeaders>> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header =
                Ipv4Header::new(0, hop_limit, IpNumber::TCP, source.octets(), destination.octets()).ok()?;
            header.dont_fragment = true;
            Some(PacketBuilder::ip(IpHeaders::Ipv4(header, Ipv4Extensions::default())))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                source: source.octets(),
                destination: destination.octets(),
                hop_limit,
                ..Ipv6Header::default()
            };
            Some(PacketBuilder::ip(IpHeaders::Ipv6(header, Ipv6Extensions::default())))
        }
        _ => None,
    }
}

/// Takes `hops` from the TTL or hop limit, and repairs the header's checksum.
pub(crate) fn age(packet: &mut [u8], hops: u8) {
    let field = match packet.first().map(|byte| byte >> 4) {
        Some(4) => packet.get_mut(8),
        Some(6) => packet.get_mut(7),
        _ => None,
    };
    if let Some(ttl) = field {
        *ttl = ttl.saturating_sub(hops).max(1);
    }
    repair_ipv4_header(packet);
}

/// Computes the checksums of the IP header and of TCP, UDP or ICMPv6 anew.
pub(crate) fn repair_checksums(packet: &mut [u8]) {
    repair_ipv4_header(packet);
    let Some((addresses, protocol, start)) = pseudo_header(packet) else { return };
    let checksum_at = match protocol {
        TCP => start + 16,
        UDP => start + 6,
        _ => return,
    };
    let Some(length) = packet.len().checked_sub(start).and_then(|length| u32::try_from(length).ok()) else { return };
    let Some(field) = packet.get_mut(checksum_at..checksum_at + 2) else { return };
    field.fill(0);
    let sum = [addresses, start..packet.len()]
        .into_iter()
        .filter_map(|range| packet.get(range))
        .fold(u32::from(protocol) + (length >> 16) + (length & 0xFFFF), ones_sum);
    if let Some(field) = packet.get_mut(checksum_at..checksum_at + 2) {
        field.copy_from_slice(&fold(sum).to_be_bytes());
    }
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Where the addresses lie, the protocol, and where its header begins.
fn pseudo_header(packet: &[u8]) -> Option<(Range<usize>, u8, usize)> {
    let first = *packet.first()?;
    match first >> 4 {
        4 => Some((12..20, *packet.get(9)?, usize::from(first & 0xF) * 4)),
        6 => Some((8..40, *packet.get(6)?, 40)),
        _ => None,
    }
}

fn repair_ipv4_header(packet: &mut [u8]) {
    let Some(first) = packet.first().copied().filter(|first| first >> 4 == 4) else { return };
    let Some(header) = packet.get_mut(..usize::from(first & 0xF) * 4).filter(|header| header.len() >= 20) else {
        return;
    };
    header[10..12].fill(0);
    let checksum = fold(ones_sum(0, header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// The sum of RFC 1071 over some bytes, not yet folded; 64 KiB cannot overflow it.
fn ones_sum(start: u32, bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(start, |sum, pair| match *pair {
        [high, low] => sum + u32::from(u16::from_be_bytes([high, low])),
        [high] => sum + (u32::from(high) << 8),
        _ => sum,
    })
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn drafts() -> [Vec<u8>; 2] {
        let v4 = |last| Endpoint::new(Ipv4Addr::new(192, 0, 2, last).into(), 1000);
        let v6 = |last| Endpoint::new(Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, last).into(), 1000);
        [(v4(1), v4(2)), (v6(1), v6(2))].map(|(source, destination)| {
            let options = [TcpOptionElement::MaximumSegmentSize(1460)];
            TcpDraft {
                source,
                destination,
                hop_limit: 64,
                seq: 7,
                ack: 9,
                flags: flag::SYN | flag::ACK,
                window: 100,
                options: &options,
                payload: b"odd",
            }
            .packet()
            .unwrap()
        })
    }

    #[test]
    fn what_was_made_is_read_back() {
        for packet in drafts() {
            let view = TcpView::of(&packet).unwrap();
            assert_eq!((view.seq, view.ack, view.flags), (7, 9, flag::SYN | flag::ACK));
            assert_eq!((&packet[view.payload.clone()], view.next_seq()), (b"odd".as_slice(), 11));
        }
    }

    #[test]
    fn repaired_checksums_are_those_of_etherparse() {
        for packet in drafts() {
            let mut repaired = packet.clone();
            let start = pseudo_header(&packet).unwrap().2;
            repaired[start + 16..start + 18].fill(0xAA);
            repair_checksums(&mut repaired);
            assert_eq!(repaired, packet);
        }
    }
}
