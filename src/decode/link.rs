//! Frame → the IP packet inside of it. Knows the link layers of the tcpdump registry, VLAN tags, MPLS, PPP, PPPoE and LLC.
//!
//! etherparse decodes Ethernet only up to three tags and refuses cooked captures of loopback and PPP; these are a few lines each.

use super::captured::Captured;
use super::skip::Skip;
use crate::frame::{Frame, LinkType};

/// The version of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IpVersion {
    V4,
    V6,
}

/// An IP packet behind its link layer, padding included.
pub(super) type Packet<'a> = (IpVersion, Captured<'a>);

/// The DLT values of raw IP that live captures use (12 on most systems, 14 on OpenBSD); some files hold them too.
const DLT_RAW: LinkType = LinkType(12);
const DLT_RAW_OPENBSD: LinkType = LinkType(14);

/// Finds the IP packet in the frames that most captures consist of, in a nanosecond: nothing but one VLAN tag in front of it.
/// All others are left for [`packet`].
#[inline]
pub(super) fn plain_packet<'a>(frame: &Frame<'a>) -> Option<Packet<'a>> {
    let u16_at = |offset: usize| frame.data.get(offset..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
    let (number, header_len) = match frame.link_type {
        LinkType::ETHERNET => match u16_at(12)? {
            0x8100 => (u16_at(16)?, 18),
            number => (number, 14),
        },
        LinkType::LINUX_SLL => (u16_at(14)?, 16),
        LinkType::LINUX_SLL2 => (u16_at(0)?, 20),
        _ => return None,
    };
    let version = match number {
        0x0800 => IpVersion::V4,
        0x86dd => IpVersion::V6,
        _ => return None,
    };
    Some((version, Captured::new(frame.data, frame.original_len as usize).after(header_len).ok()?))
}

/// Finds the IP packet in a frame.
pub(super) fn packet<'a>(frame: &Frame<'a>) -> Result<Packet<'a>, Skip> {
    let data = Captured::new(frame.data, frame.original_len as usize);
    match frame.link_type {
        LinkType::ETHERNET => ethernet(data),
        LinkType::LINUX_SLL => cooked(data),
        LinkType::LINUX_SLL2 => ether_type(data.u16_at(0)?, data.after(20)?),
        LinkType::NULL | LinkType::LOOP => loopback(data),
        LinkType::RAW | DLT_RAW | DLT_RAW_OPENBSD => by_version(data),
        LinkType::IPV4 => Ok((IpVersion::V4, data)),
        LinkType::IPV6 => Ok((IpVersion::V6, data)),
        LinkType::PPP | LinkType::PPP_HDLC => ppp_hdlc(data),
        LinkType::PPP_ETHER => pppoe(data),
        LinkType::IEEE802_11 => wireless(data),
        LinkType::IEEE802_11_RADIOTAP => radiotap(data),
        _ => Err(Skip::UnknownLinkType),
    }
}

fn ethernet(data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    let [_, _, _, _, _, _, _, _, _, _, _, _, high, low] = *data.head::<14>()?;
    ether_type(u16::from_be_bytes([high, low]), data.after(14)?)
}

/// What an EtherType says that `data` is; below 0x0600 it is a length, and LLC follows (IEEE 802.3, 3.2.6).
fn ether_type(mut ether_type: u16, mut data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    // Whatever is taken off has a length, so that the data bounds how deep things are nested.
    loop {
        match ether_type {
            0x0800 => return Ok((IpVersion::V4, data)),
            0x86dd => return Ok((IpVersion::V6, data)),
            // VLAN tags (IEEE 802.1Q, 9.6) and the values in use for outer ones before 802.1ad.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
                let [_, _, high, low] = *data.head::<4>()?;
                ether_type = u16::from_be_bytes([high, low]);
                data = data.after(4)?;
            }
            0x8847 | 0x8848 => return mpls(data),
            0x8864 => return pppoe(data),
            0..0x0600 => (ether_type, data) = llc(data)?,
            _ => return Err(Skip::NotIp),
        }
    }
}

/// The EtherType behind an LLC header (IEEE 802.2), which has SNAP (RFC 1042) or names IP itself, and its data.
fn llc(data: Captured<'_>) -> Result<(u16, Captured<'_>), Skip> {
    match data.head::<3>()? {
        [0xaa, 0xaa, 0x03] => match data.head::<8>()? {
            // The organization of Ethernet types: RFC 1042's, or that of bridges (IEEE 802.1H).
            [_, _, _, 0x00, 0x00, 0x00 | 0xf8, high, low] => Ok((u16::from_be_bytes([*high, *low]), data.after(8)?)),
            _ => Err(Skip::NotIp),
        },
        [0x06, 0x06, 0x03] => Ok((0x0800, data.after(3)?)),
        _ => Err(Skip::NotIp),
    }
}

/// MPLS label stack entries (RFC 3032, 2.1) up to the bottom of the stack. What follows is not said; IP is told by its version.
fn mpls(mut data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    loop {
        let [_, _, bottom, _] = *data.head::<4>()?;
        data = data.after(4)?;
        if bottom & 1 == 1 {
            return by_version(data);
        }
    }
}

/// A PPPoE session packet (RFC 2516, 4): version and type, code 0, session, length.
fn pppoe(data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    let [0x11, 0, _, _, high, low] = *data.head::<6>()? else { return Err(Skip::NotIp) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    ppp(data.after(6)?.of_len(length))
}

/// PPP that may be in HDLC-like framing (RFC 1662, 3.1), or Cisco's HDLC with an EtherType.
fn ppp_hdlc(data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    match data.head::<2>()? {
        [0xff, 0x03] => ppp(data.after(2)?),
        [0x0f | 0x8f, 0x00] => ether_type(data.u16_at(2)?, data.after(4)?),
        _ => ppp(data),
    }
}

/// A PPP protocol number (RFC 1661, 2): two bytes, or one where it is compressed (odd).
fn ppp(data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    let [first] = *data.head::<1>()?;
    let (number, data) =
        if first & 1 == 1 { (u16::from(first), data.after(1)?) } else { (data.u16_at(0)?, data.after(2)?) };
    match number {
        0x0021 => Ok((IpVersion::V4, data)),
        0x0057 => Ok((IpVersion::V6, data)),
        _ => Err(Skip::NotIp),
    }
}

/// Linux cooked capture, version 1. A protocol below 0x0600 is one of Linux's own: 4 is LLC, 1 Novell's 802.3.
fn cooked(data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    ether_type(data.u16_at(14)?, data.after(16)?)
}

/// A protocol family, in the order of the host that captured it; small numbers, so that the order shows.
fn loopback(data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    let family = u32::from_le_bytes(*data.head()?);
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 => Ok((IpVersion::V4, data.after(4)?)),
        // AF_INET6 on Linux, NetBSD and OpenBSD, FreeBSD, macOS.
        10 | 24 | 28 | 30 => Ok((IpVersion::V6, data.after(4)?)),
        _ => Err(Skip::NotIp),
    }
}

/// Raw IP: the version nibble tells which.
fn by_version(data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    match data.head::<1>()? {
        [0x40..=0x4f] => Ok((IpVersion::V4, data)),
        [0x60..=0x6f] => Ok((IpVersion::V6, data)),
        _ => Err(Skip::NotIp),
    }
}

/// A radiotap header: version 0, padding, its length in little endian. What it says of the radio is skipped.
fn radiotap(data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    let [0, _, low, high] = *data.head::<4>()? else { return Err(Skip::NotIp) };
    wireless(data.after(usize::from(u16::from_le_bytes([low, high])))?)
}

/// An IEEE 802.11 data frame (9.2.4 and 9.3.2) that is not encrypted.
fn wireless(data: Captured<'_>) -> Result<Packet<'_>, Skip> {
    const DATA: u8 = 0x08;
    const TYPE_MASK: u8 = 0x0c;
    const NO_DATA: u8 = 0x40;
    const QOS: u8 = 0x80;
    const BOTH_DISTRIBUTION: u8 = 0x03;
    const PROTECTED: u8 = 0x40;
    const HT_CONTROL: u8 = 0x80;
    const AGGREGATED: u8 = 0x80;

    let [control, flags] = *data.head::<2>()?;
    if control & TYPE_MASK != DATA || control & NO_DATA != 0 {
        return Err(Skip::NotIp);
    }
    if flags & PROTECTED != 0 {
        return Err(Skip::ProtectedWireless);
    }
    let mut header = if flags & BOTH_DISTRIBUTION == BOTH_DISTRIBUTION { 30 } else { 24 };
    if control & QOS != 0 {
        let [qos, _] = *data.after(header)?.head::<2>()?;
        if qos & AGGREGATED != 0 {
            return Err(Skip::NotIp);
        }
        header += if flags & HT_CONTROL == 0 { 2 } else { 6 };
    }
    let (number, data) = llc(data.after(header)?)?;
    ether_type(number, data)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, decoder, ethernet, frame, segment, skip};
    use super::*;

    /// An 802.11 header of `len` bytes: data, to the distribution system.
    fn wireless_header(control: u8, flags: u8, len: usize) -> Vec<u8> {
        let mut header = vec![0; len];
        header[..2].copy_from_slice(&[control, flags]);
        header
    }

    const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

    #[test]
    fn ipv4_is_found_behind_every_link_layer() {
        let packet = testing::ipv4(b"hello");
        let pppoe: &[u8] = &[0x11, 0, 0, 1, 0, 47, 0, 0x21];
        let sll = |hardware: [u8; 2]| [&[0, 0, 3, 4], &hardware[..], &[0; 8], &[8, 0]].concat();
        let sll_hardware = |number: u16| number.to_be_bytes();
        let cases: Vec<(&str, LinkType, Vec<u8>)> = vec![
            ("raw", LinkType::RAW, vec![]),
            ("raw, libpcap's number", LinkType(12), vec![]),
            ("raw, OpenBSD's number", LinkType(14), vec![]),
            ("raw IPv4", LinkType::IPV4, vec![]),
            ("Ethernet", LinkType::ETHERNET, ethernet(&[8, 0], &[])),
            ("VLAN", LinkType::ETHERNET, ethernet(&[0x81, 0, 0, 5, 8, 0], &[])),
            ("QinQ", LinkType::ETHERNET, ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0], &[])),
            ("five tags", LinkType::ETHERNET, ethernet(&[&[0x81, 0, 0, 5].repeat(5)[..], &[8, 0]].concat(), &[])),
            ("LLC and SNAP", LinkType::ETHERNET, ethernet(&[&[0, 53], &SNAP[..]].concat(), &[])),
            ("PPPoE", LinkType::ETHERNET, ethernet(&[&[0x88, 0x64], pppoe].concat(), &[])),
            ("PPPoE in a VLAN", LinkType::ETHERNET, ethernet(&[&[0x81, 0, 0, 7, 0x88, 0x64], pppoe].concat(), &[])),
            ("MPLS", LinkType::ETHERNET, ethernet(&[0x88, 0x47, 0, 1, 0, 64, 0, 1, 1, 64], &[])),
            ("cooked, Ethernet", LinkType::LINUX_SLL, sll(sll_hardware(1))),
            ("cooked, loopback", LinkType::LINUX_SLL, sll(sll_hardware(772))),
            ("cooked, PPP", LinkType::LINUX_SLL, sll(sll_hardware(512))),
            ("cooked, tun", LinkType::LINUX_SLL, sll(sll_hardware(0xfffe))),
            ("cooked, VLAN", LinkType::LINUX_SLL, [&sll(sll_hardware(1))[..14], &[0x81, 0, 0, 5, 8, 0]].concat()),
            ("cooked 2", LinkType::LINUX_SLL2, [&[8, 0], &[0; 18][..]].concat()),
            ("NULL, little endian", LinkType::NULL, vec![2, 0, 0, 0]),
            ("NULL, big endian", LinkType::NULL, vec![0, 0, 0, 2]),
            ("LOOP", LinkType::LOOP, vec![0, 0, 0, 2]),
            ("PPP", LinkType::PPP, vec![0, 0x21]),
            ("PPP, compressed protocol", LinkType::PPP, vec![0x21]),
            ("PPP, HDLC framing", LinkType::PPP, vec![0xff, 3, 0, 0x21]),
            ("PPP_HDLC", LinkType::PPP_HDLC, vec![0xff, 3, 0, 0x21]),
            ("PPP_HDLC, Cisco", LinkType::PPP_HDLC, vec![0x0f, 0, 8, 0]),
            ("PPP_ETHER", LinkType::PPP_ETHER, pppoe.to_vec()),
            ("802.11", LinkType::IEEE802_11, [&wireless_header(0x08, 1, 24), &SNAP[..]].concat()),
            ("802.11, QoS", LinkType::IEEE802_11, [&wireless_header(0x88, 2, 26), &SNAP[..]].concat()),
            ("802.11, four addresses", LinkType::IEEE802_11, [&wireless_header(0x88, 3, 32), &SNAP[..]].concat()),
            (
                "radiotap",
                LinkType::IEEE802_11_RADIOTAP,
                [&[0, 0, 10, 0, 0, 0, 0, 0, 1, 1], &wireless_header(0x08, 1, 24)[..], &SNAP[..]].concat(),
            ),
        ];
        for (name, link_type, head) in cases {
            let data = [&head[..], &packet].concat();
            let mut decoder = decoder();
            let decoded = decoder.decode(&frame(link_type, &data));
            assert!(matches!(decoded, super::super::Decoded::Segment(_)), "{name}: {decoded:?}");
            assert_eq!(segment(decoded).payload, b"hello", "{name}");
        }
    }

    #[test]
    fn ipv6_is_found_behind_every_link_layer() {
        let packet = testing::ipv6(b"hello");
        let mut cases: Vec<(LinkType, Vec<u8>)> = vec![
            (LinkType::RAW, vec![]),
            (LinkType::IPV6, vec![]),
            (LinkType::ETHERNET, ethernet(&[0x86, 0xdd], &[])),
            (LinkType::PPP, vec![0, 0x57]),
            (LinkType::LINUX_SLL2, [&[0x86, 0xdd], &[0; 18][..]].concat()),
        ];
        // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS.
        for family in [10, 24, 28, 30] {
            cases.push((LinkType::NULL, vec![family, 0, 0, 0]));
            cases.push((LinkType::LOOP, vec![0, 0, 0, family]));
        }
        for (link_type, head) in cases {
            let data = [&head[..], &packet].concat();
            assert_eq!(segment(decoder().decode(&frame(link_type, &data))).payload, b"hello", "{link_type} {head:x?}");
        }
    }

    #[test]
    fn encrypted_wireless_is_told_apart() {
        let data = wireless_header(0x88, 0x41, 80);
        assert_eq!(skip(&decoder().decode(&frame(LinkType::IEEE802_11, &data))), Skip::ProtectedWireless);
        let beacon = wireless_header(0x80, 0, 80);
        assert_eq!(skip(&decoder().decode(&frame(LinkType::IEEE802_11, &beacon))), Skip::NotIp);
    }

    #[test]
    fn tags_within_tags_within_tags_end_with_the_frame() {
        let nested = [[0x81, 0, 0, 5].repeat(60_000), vec![0, 9]].concat();
        assert_eq!(skip(&decoder().decode(&frame(LinkType::ETHERNET, &ethernet(&nested, &[])))), Skip::Malformed);
        let snap_in_vlan = [0x81, 0, 0, 5, 0, 9, 0xaa, 0xaa, 3, 0, 0, 0].repeat(20_000);
        let decoded = skip(&decoder().decode(&frame(LinkType::ETHERNET, &ethernet(&snap_in_vlan, &[]))));
        assert_eq!(decoded, Skip::Malformed);
    }
}
