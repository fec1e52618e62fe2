//! The headers of a frame: where they are, and how addresses in them are replaced with right checksums. Link layers and what is within IP that cannot be
//! read here have no [`Layout`].

use super::dns;
use crate::frame::{Frame, LinkType};
use crate::net::Endpoint;
use crate::redact::Pseudonyms;
use std::net::IpAddr;

/// What an IP packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
    Icmp,
    Icmp6,
}

/// Where things are in a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    link: LinkType,
    is_v6: bool,
    ip: usize,
    transport: usize,
    /// The end of the IP packet, as far as it was captured.
    end: usize,
    pub(super) protocol: Protocol,
    /// One of several pieces of a datagram.
    is_fragment: bool,
    /// The first of them, or the whole.
    is_first: bool,
    /// Bytes of the packet that were not captured.
    missing: usize,
}

/// A segment of TCP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
    pub(super) syn: bool,
    seq: u32,
    pub(super) payload: &'a [u8],
    /// Where the payload begins in its frame.
    pub(super) payload_at: usize,
    /// The payload's length on the wire.
    pub(super) len: u64,
}

impl Segment<'_> {
    /// The sequence number of the payload's first byte.
    pub(super) const fn first_byte(&self) -> u32 {
        self.seq.wrapping_add(self.syn as u32)
    }
}

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const TCP_HEADER: usize = 20;

impl Layout {
    pub(super) fn of(frame: &Frame<'_>) -> Option<Self> {
        let data = frame.data;
        let ip = ip_offset(frame)?;
        let rest_on_wire = (frame.original_len as usize).max(data.len()).checked_sub(ip)?;
        match data.get(ip)? >> 4 {
            4 => Self::v4(frame.link_type, data, ip, rest_on_wire),
            6 => Self::v6(frame.link_type, data, ip, rest_on_wire),
            _ => None,
        }
    }

    fn v4(link: LinkType, data: &[u8], ip: usize, rest_on_wire: usize) -> Option<Self> {
        let header = data.get(ip..)?.first_chunk::<IPV4_HEADER>()?;
        let header_len = usize::from(header[0] & 0x0f) * 4;
        // 0: the network card cuts the packet later (segmentation offload).
        let total = match u16::from_be_bytes([header[2], header[3]]) {
            0 => rest_on_wire,
            total => usize::from(total),
        };
        let fragment = u16::from_be_bytes([header[6], header[7]]);
        let protocol = match header[9] {
            1 => Protocol::Icmp,
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            _ => return None,
        };
        let transport = ip + header_len;
        (header_len >= IPV4_HEADER && total >= header_len && transport <= data.len()).then_some(Self {
            link,
            is_v6: false,
            ip,
            transport,
            end: (ip + total).min(data.len()),
            protocol,
            is_fragment: fragment & 0x3fff != 0,
            is_first: fragment.trailing_zeros() >= 13,
            missing: (ip + total).saturating_sub(data.len()),
        })
    }

    fn v6(link: LinkType, data: &[u8], ip: usize, rest_on_wire: usize) -> Option<Self> {
        let header = data.get(ip..)?.first_chunk::<IPV6_HEADER>()?;
        let total = match u16::from_be_bytes([header[4], header[5]]) {
            0 => rest_on_wire,
            len => IPV6_HEADER + usize::from(len),
        };
        let (mut next, mut transport, mut fragment) = (header[6], ip + IPV6_HEADER, 0);
        let protocol = loop {
            let extension = data.get(transport..).unwrap_or_default();
            match next {
                6 => break Protocol::Tcp,
                17 => break Protocol::Udp,
                58 => break Protocol::Icmp6,
                0 | 60 => transport += 8 * (usize::from(*extension.get(1)?) + 1),
                44 => {
                    fragment = u16::from_be_bytes([*extension.get(2)?, *extension.get(3)?]);
                    transport += 8;
                }
                _ => return None,
            }
            next = *extension.first()?;
        };
        (transport <= data.len()).then_some(Self {
            link,
            is_v6: true,
            ip,
            transport,
            end: (ip + total).min(data.len()),
            protocol,
            is_fragment: fragment & 0xfff9 != 0,
            is_first: fragment & 0xfff8 == 0,
            missing: (ip + total).saturating_sub(data.len()),
        })
    }

    /// The segment, if the frame holds a whole one.
    pub(super) fn segment<'a>(&self, data: &'a [u8]) -> Option<Segment<'a>> {
        if self.protocol != Protocol::Tcp || self.is_fragment {
            return None;
        }
        let tcp = data.get(self.transport..self.end)?;
        let header = tcp.first_chunk::<TCP_HEADER>()?;
        let header_len = usize::from(header[12] >> 4) * 4;
        let payload_at = (self.transport + header_len.max(TCP_HEADER)).min(self.end);
        let [source, destination] = self.ends(data)?;
        Some(Segment {
            source: Endpoint::new(source, u16::from_be_bytes([header[0], header[1]])),
            destination: Endpoint::new(destination, u16::from_be_bytes([header[2], header[3]])),
            syn: header[13] & 2 != 0,
            seq: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            payload: data.get(payload_at..self.end)?,
            payload_at,
            len: (self.end + self.missing).saturating_sub(self.transport + header_len.max(TCP_HEADER)) as u64,
        })
    }

    /// The payload of a datagram of UDP: DNS is rewritten, all else blanked.
    pub(super) fn rewrite_datagram(&self, data: &mut [u8], pseudonyms: &mut Pseudonyms) {
        let is_dns = !self.is_fragment
            && data
                .get(self.transport..self.transport + 4)
                .is_some_and(|ports| matches!(ports, [0, 53, ..] | [.., 0, 53]));
        let Some(payload) = data.get_mut(self.transport + 8..self.end) else { return };
        if is_dns { dns::rewrite(payload, pseudonyms) } else { payload.fill(0) }
    }

    /// Replaces addresses and sets checksums; what follows the packet goes.
    pub(super) fn rewrite_headers(&self, data: &mut [u8], pseudonyms: &mut Pseudonyms) {
        self.rewrite_link(data, pseudonyms);
        if let Some(trailer) = data.get_mut(self.end..) {
            trailer.fill(0);
        }
        let Some(packet) = data.get_mut(self.ip..self.end) else { return };
        let transport = self.transport - self.ip;
        rewrite_addresses(packet, transport, pseudonyms);
        if self.is_fragment {
            self.blank_fragment(packet, transport);
        } else if matches!(self.protocol, Protocol::Icmp | Protocol::Icmp6)
            && let Some(message) = packet.get_mut(transport..)
        {
            rewrite_icmp(message, self.is_v6, pseudonyms);
        }
        self.set_checksums(packet, transport);
    }

    /// A piece of a datagram is not put together here: but for the header of the first one, it is blanked.
    fn blank_fragment(&self, packet: &mut [u8], transport: usize) {
        let kept = match (self.is_first, self.protocol) {
            (false, _) => 0,
            (true, Protocol::Tcp) => TCP_HEADER,
            (true, _) => 8,
        };
        if let Some(rest) = packet.get_mut(transport + kept..) {
            rest.fill(0);
        }
    }

    fn set_checksums(&self, packet: &mut [u8], transport: usize) {
        if !self.is_v6 {
            set_checksum(packet, transport, 10, 0);
        }
        let at = match self.protocol {
            Protocol::Tcp => 16,
            Protocol::Udp => 6,
            Protocol::Icmp | Protocol::Icmp6 => 2,
        };
        if self.is_fragment {
            return;
        }
        let (pseudo_header, protocol) = match self.protocol {
            Protocol::Icmp => (0, 1),
            Protocol::Tcp => (self.address_sum(packet), 6),
            Protocol::Udp => (self.address_sum(packet), 17),
            Protocol::Icmp6 => (self.address_sum(packet), 58),
        };
        let Some(message) = packet.get_mut(transport..) else { return };
        let is_off = self.protocol == Protocol::Udp && !self.is_v6 && message.get(6..8) == Some(&[0, 0]);
        if is_off {
            return;
        }
        let len = message.len();
        let start = if self.protocol == Protocol::Icmp { 0 } else { pseudo_header + protocol + len as u64 };
        if self.missing > 0 {
            // It covers bytes that are not here: nobody can check it.
            if let Some(field) = message.get_mut(at..at + 2) {
                field.fill(0);
            }
            return;
        }
        set_checksum(message, len, at, start);
    }

    /// What the addresses add to the checksum of what the packet carries (RFC 9293, 3.1).
    fn address_sum(&self, packet: &[u8]) -> u64 {
        let range = if self.is_v6 { 8..40 } else { 12..20 };
        packet.get(range).map_or(0, sum)
    }

    fn ends(&self, data: &[u8]) -> Option<[IpAddr; 2]> {
        let packet = data.get(self.ip..)?;
        Some(if self.is_v6 {
            [
                IpAddr::from(*packet.get(8..)?.first_chunk::<16>()?),
                IpAddr::from(*packet.get(24..)?.first_chunk::<16>()?),
            ]
        } else {
            [IpAddr::from(*packet.get(12..)?.first_chunk::<4>()?), IpAddr::from(*packet.get(16..)?.first_chunk::<4>()?)]
        })
    }

    fn rewrite_link(&self, data: &mut [u8], pseudonyms: &mut Pseudonyms) {
        let places: &[usize] = match self.link {
            LinkType::ETHERNET => &[0, 6],
            // The sender's address, and what is behind it in a field of eight bytes.
            LinkType::LINUX_SLL => &[6],
            LinkType::LINUX_SLL2 => &[12],
            _ => &[],
        };
        for place in places {
            if let Some(address) = data.get_mut(*place..).and_then(|rest| rest.first_chunk_mut::<6>()) {
                *address = pseudonyms.hardware(*address);
            }
        }
        let behind = match self.link {
            LinkType::LINUX_SLL => 12..14,
            LinkType::LINUX_SLL2 => 18..20,
            _ => return,
        };
        if let Some(behind) = data.get_mut(behind) {
            behind.fill(0);
        }
    }
}

/// Where the IP packet begins.
fn ip_offset(frame: &Frame<'_>) -> Option<usize> {
    match frame.link_type {
        LinkType::ETHERNET => behind_ether_type(frame.data, 12),
        LinkType::LINUX_SLL => behind_ether_type(frame.data, 14),
        LinkType::LINUX_SLL2 => match ether_type(frame.data, 0)? {
            0x0800 | 0x86dd => Some(20),
            _ => None,
        },
        LinkType::NULL | LinkType::LOOP => Some(4),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Some(0),
        _ => None,
    }
}

fn behind_ether_type(data: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match ether_type(data, at)? {
            0x0800 | 0x86dd => return Some(at + 2),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => at += 4,
            // PPPoE: six bytes of its own and the protocol of PPP.
            0x8864 => return Some(at + 2 + 8),
            _ => return None,
        }
    }
}

fn ether_type(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

/// The addresses of an IP header; its options, which may hold more of them, become padding.
fn rewrite_addresses(packet: &mut [u8], header_len: usize, pseudonyms: &mut Pseudonyms) {
    let is_v6 = packet.first().is_some_and(|first| first >> 4 == 6);
    if is_v6 {
        for place in [8, 24] {
            if let Some(bytes) = packet.get_mut(place..).and_then(|rest| rest.first_chunk_mut::<16>())
                && let IpAddr::V6(address) = pseudonyms.address(IpAddr::from(*bytes))
            {
                *bytes = address.octets();
            }
        }
        return;
    }
    for place in [12, 16] {
        if let Some(bytes) = packet.get_mut(place..).and_then(|rest| rest.first_chunk_mut::<4>())
            && let IpAddr::V4(address) = pseudonyms.address(IpAddr::from(*bytes))
        {
            *bytes = address.octets();
        }
    }
    if let Some(options) = packet.get_mut(IPV4_HEADER..header_len) {
        options.fill(1);
    }
}

/// The packet that an error quotes gets pseudonyms as well, and no payload. All other messages lose their bodies.
fn rewrite_icmp(message: &mut [u8], is_v6: bool, pseudonyms: &mut Pseudonyms) {
    let kind = message.first().copied().unwrap_or(0);
    let quotes = if is_v6 { (1..=4).contains(&kind) } else { matches!(kind, 3 | 4 | 5 | 11 | 12) };
    // A redirect names a router.
    if !is_v6
        && kind == 5
        && let Some(router) = message.get_mut(4..8)
    {
        router.fill(0);
    }
    let Some(quoted) = message.get_mut(8..) else { return };
    if !quotes {
        return quoted.fill(0);
    }
    rewrite_quoted(quoted, pseudonyms);
}

/// The beginning of a packet, or all of it.
fn rewrite_quoted(quoted: &mut [u8], pseudonyms: &mut Pseudonyms) {
    let (Some(first), Some(lens)) = (quoted.first().copied(), quoted.get(2..6)) else { return quoted.fill(0) };
    let [total, payload] = [u16::from_be_bytes([lens[0], lens[1]]), u16::from_be_bytes([lens[2], lens[3]])];
    let (header_len, total, protocol, addresses) = match first >> 4 {
        4 => (usize::from(first & 0x0f) * 4, usize::from(total), quoted.get(9), 12..20),
        6 => (IPV6_HEADER, IPV6_HEADER + usize::from(payload), quoted.get(6), 8..40),
        _ => return quoted.fill(0),
    };
    let (transport_header, at, protocol) = match protocol {
        Some(6) => (TCP_HEADER, 16, 6),
        Some(17) => (8, 6, 17),
        _ => return quoted.fill(0),
    };
    rewrite_addresses(quoted, header_len, pseudonyms);
    if header_len != IPV6_HEADER {
        set_checksum(quoted, header_len, 10, 0);
    }
    let address_sum = quoted.get(addresses).map_or(0, sum);
    let Some(transport) = quoted.get_mut(header_len..) else { return };
    if let Some(rest) = transport.get_mut(transport_header..) {
        rest.fill(0);
    }
    // Only a packet that is quoted whole has a checksum that anybody can check.
    match total.checked_sub(header_len).filter(|len| *len <= transport.len()) {
        Some(len) => set_checksum(transport, len, at, address_sum + protocol + len as u64),
        None => _ = transport.get_mut(at..at + 2).map(|field| field.fill(0)),
    }
}

/// Sets the checksum at `at` of the first `len` bytes; `start` is what else it covers (RFC 1071).
fn set_checksum(bytes: &mut [u8], len: usize, at: usize, start: u64) {
    let Some(field) = bytes.get_mut(at..at + 2) else { return };
    field.fill(0);
    let mut total = start + bytes.get(..len).map_or(0, sum);
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    let checksum = !u16::try_from(total).unwrap_or(u16::MAX);
    // In UDP a zero says that there is none.
    let checksum = if at == 6 && checksum == 0 { u16::MAX } else { checksum };
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

fn sum(bytes: &[u8]) -> u64 {
    let (pairs, last) = bytes.as_chunks::<2>();
    let pairs: u64 = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum();
    pairs + last.first().map_or(0, |last| u64::from(*last) << 8)
}
