//! Frame → TCP segment, ICMP error or DNS message, or a counted reason to leave the frame out.
//!
//! In comes any frame of any link type, whole or cut by the snaplen; out goes what later stages talk about. The decoder never
//! fails, never panics, allocates nothing for a segment, and does not verify checksums: a captured one is wrong wherever the
//! card was to fill it in.

mod captured;
mod dns;
mod first_look;
mod fragments;
mod icmp;
mod ip;
mod link;
mod skip;
#[cfg(test)]
mod testing;
mod transport;

pub use dns::{DnsMessage, QueryType, Question, Rcode};
pub use first_look::{FirstLook, Look};
pub use fragments::{FragmentCounts, Limits};
pub use icmp::{IcmpError, IcmpMessage};
pub use skip::{Skip, SkipCounts};

use crate::frame::Frame;
use crate::segment::Segment;
use etherparse::IpNumber;
use fragments::Fragments;
use ip::{Datagram, Fragment};
use link::IpVersion;
use transport::PortSet;

/// What the caller wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Segments from or to these TCP ports; all of them where none is named.
    pub ports: Vec<u16>,
    /// IPv6 as well as IPv4.
    pub ipv6: bool,
    /// DNS over UDP, port 53.
    pub dns: bool,
}

/// What a frame turned out to be.
#[derive(Clone, Debug)]
pub enum Decoded<'a> {
    /// A TCP segment from or to one of the ports.
    Segment(Segment<'a>),
    /// An ICMP error about such a segment.
    IcmpError(IcmpError),
    /// A DNS question or answer.
    Dns(DnsMessage),
    /// Nothing of interest, and why.
    Skipped(Skip),
}

/// Turns frames into segments. It keeps fragments of datagrams until they are whole, so that one decoder must see all frames
/// of a capture, in order.
#[derive(Debug)]
pub struct Decoder {
    wanted: Wanted,
    fragments: Fragments,
    skipped: SkipCounts,
}

/// [`Interest`] in the form in which it is asked.
#[derive(Debug)]
struct Wanted {
    ports: PortSet,
    ipv6: bool,
    dns: bool,
}

impl Decoder {
    /// A decoder that lets through what is of interest, and keeps no more than the limits allow.
    #[must_use]
    pub fn new(interest: Interest, limits: Limits) -> Self {
        Self { wanted: Wanted::new(interest), fragments: Fragments::new(limits), skipped: SkipCounts::default() }
    }

    /// Looks at one frame. A datagram that came in fragments is given with the frame that completed it.
    pub fn decode<'a>(&'a mut self, frame: &Frame<'a>) -> Decoded<'a> {
        let Self { wanted, fragments, skipped } = self;
        // Nearly every frame; all others take a way that is a few times as long.
        if let Some(datagram) = link::plain_packet(frame).and_then(ip::plain_tcp) {
            return wanted.tcp(&datagram, frame, skipped);
        }
        match wanted.datagram(frame, fragments, skipped) {
            Ok(datagram) if datagram.protocol == IpNumber::TCP => wanted.tcp(&datagram, frame, skipped),
            Ok(datagram) => wanted.other_than_tcp(&datagram, frame).unwrap_or_else(|skip| skipped.skip(skip)),
            Err(skip) => skipped.skip(skip),
        }
    }

    /// What was left out, by reason.
    #[must_use]
    pub const fn skipped(&self) -> &SkipCounts {
        &self.skipped
    }

    /// Counts what was left out before it came here.
    pub fn join_skipped(&mut self, skipped: &SkipCounts) {
        self.skipped.join(skipped);
    }

    /// What became of fragmented datagrams.
    #[must_use]
    pub const fn fragments(&self) -> &FragmentCounts {
        self.fragments.counts()
    }

    /// Datagrams of which fragments are still missing.
    #[must_use]
    pub fn incomplete_datagrams(&self) -> usize {
        self.fragments.waiting()
    }
}

impl Wanted {
    fn new(Interest { ports, ipv6, dns }: Interest) -> Self {
        Self { ports: PortSet::new(&ports), ipv6, dns }
    }

    /// The whole IP datagram that the frame carries or completes.
    fn datagram<'a>(
        &self,
        frame: &Frame<'a>,
        fragments: &'a mut Fragments,
        skipped: &mut SkipCounts,
    ) -> Result<Datagram<'a>, Skip> {
        let packet = link::packet(frame)?;
        let asked = self.ipv6 || packet.0 == IpVersion::V4;
        match ip::datagram(packet)? {
            (datagram, None) if asked || datagram.protocol == IpNumber::TCP => Ok(datagram),
            (part, Some(fragment)) if asked => {
                let unwanted = self.unwanted(&part, fragment, skipped)?;
                whole(fragments.push(part, fragment, frame.at, unwanted)?)
            }
            _ => Err(Skip::Ipv6NotAsked),
        }
    }

    #[inline]
    fn tcp<'a>(&self, datagram: &Datagram<'a>, frame: &Frame<'_>, skipped: &mut SkipCounts) -> Decoded<'a> {
        if !self.ipv6 && datagram.header.version() == IpVersion::V6 {
            let skip = transport::unasked_ipv6(datagram, &self.ports, skipped);
            return skipped.skip(skip);
        }
        let ports = match transport::wanted_ports(datagram, &self.ports, skipped) {
            Ok(ports) => ports,
            Err(skip) => return skipped.skip(skip),
        };
        match transport::segment(datagram, ports, frame) {
            Ok(segment) => Decoded::Segment(segment),
            Err(skip) => skipped.skip(skip),
        }
    }

    fn other_than_tcp(&self, datagram: &Datagram<'_>, frame: &Frame<'_>) -> Result<Decoded<'static>, Skip> {
        match datagram.protocol {
            IpNumber::UDP => self.udp(datagram, frame),
            IpNumber::ICMP | IpNumber::IPV6_ICMP => icmp::error(datagram, &self.ports, frame).map(Decoded::IcmpError),
            IpNumber::IPV4 | IpNumber::IPV6 | IpNumber::GRE => Err(Skip::Tunnel),
            _ => Err(Skip::OtherProtocol),
        }
    }

    fn udp(&self, datagram: &Datagram<'_>, frame: &Frame<'_>) -> Result<Decoded<'static>, Skip> {
        const VXLAN: u16 = 4789;

        match transport::ports(datagram)? {
            (_, VXLAN) => Err(Skip::Tunnel),
            ports if self.dns && dns::is_port(ports) => dns::message(datagram, ports, frame).map(Decoded::Dns),
            _ => Err(Skip::OtherProtocol),
        }
    }

    /// Why the datagram that a fragment begins is not worth putting together, if it is not. Later fragments follow their
    /// first one, unless their protocol alone decides.
    fn unwanted(
        &self,
        part: &Datagram<'_>,
        fragment: Fragment,
        skipped: &mut SkipCounts,
    ) -> Result<Option<Skip>, Skip> {
        match part.protocol {
            IpNumber::TCP => {}
            IpNumber::UDP if self.dns => {}
            // A first fragment of IPv6 may begin with further extension headers.
            _ if part.header.version() == IpVersion::V6 => return Ok(None),
            _ => return Err(Skip::OtherProtocol),
        }
        match transport::ports(part) {
            Ok(_) if fragment.offset > 0 => Ok(None),
            Ok(_) if part.protocol == IpNumber::TCP => Ok(transport::wanted_ports(part, &self.ports, skipped).err()),
            Ok(ports) => Ok((!dns::is_port(ports)).then_some(Skip::OtherProtocol)),
            // A first fragment too short to hold the ports is kept until more came.
            Err(_) => Ok(None),
        }
    }
}

/// A datagram that was put together: what its fragments held may begin with further extension headers.
fn whole(datagram: Datagram<'_>) -> Result<Datagram<'_>, Skip> {
    if datagram.header.version() == IpVersion::V4 {
        return Ok(datagram);
    }
    match ip::behind_extensions(datagram.protocol, datagram.payload)? {
        (protocol, payload, None) => Ok(Datagram { protocol, payload, ..datagram }),
        // Fragments of fragments are nobody's honest traffic.
        (_, _, Some(_)) => Err(Skip::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{self, CLIENT, PORT, SEQ, SERVER, decoder, ethernet, frame, segment, skip};
    use super::*;
    use crate::frame::LinkType;
    use crate::net::Endpoint;
    use crate::segment::{SeqNumber, TcpFlags};
    use etherparse::{PacketBuilder, TcpOptionElement};
    use proptest::prelude::*;

    #[test]
    fn a_segment_keeps_every_field_of_its_headers() {
        let mut packet = Vec::new();
        PacketBuilder::ipv4(CLIENT, SERVER, 57)
            .tcp(40_000, PORT, SEQ, 501)
            .syn()
            .ack(99)
            .options(&[TcpOptionElement::MaximumSegmentSize(1460), TcpOptionElement::WindowScale(7)])
            .unwrap()
            .write(&mut packet, b"early")
            .unwrap();
        let mut decoder = decoder();
        let segment = segment(decoder.decode(&frame(LinkType::IPV4, &packet)));
        assert_eq!(segment.source, Endpoint::new(CLIENT.into(), 40_000));
        assert_eq!(segment.destination, Endpoint::new(SERVER.into(), PORT));
        assert_eq!((segment.seq, segment.ack, segment.window), (SeqNumber(SEQ), SeqNumber(99), 501));
        assert_eq!((segment.flags, segment.ttl), (TcpFlags::SYN | TcpFlags::ACK, 57));
        assert_eq!(segment.options.maximum_segment_size(), Some(1460));
        assert_eq!(segment.options.window_scale(), Some(7));
        assert_eq!((segment.payload, segment.payload_len), (&b"early"[..], 5));
    }

    #[test]
    fn ethernet_padding_is_no_payload() {
        let data = ethernet(&[8, 0], &[testing::ipv4(b""), vec![0xee; 6]].concat());
        let mut decoder = decoder();
        let segment = segment(decoder.decode(&frame(LinkType::ETHERNET, &data)));
        assert_eq!((segment.payload, segment.payload_len), (&b""[..], 0));
    }

    #[test]
    fn a_length_of_zero_means_the_whole_frame() {
        // A card that segments by itself is given packets of more than 64 KiB, whose length field is 0.
        let payload = vec![7; 70_000];
        let (mut v4, mut v6) = (testing::ipv4(&payload[..60_000]), testing::ipv6(&payload[..60_000]));
        v4[2..4].fill(0);
        v6[4..6].fill(0);
        for mut packet in [v4, v6] {
            packet.extend_from_slice(&payload[60_000..]);
            let mut decoder = decoder();
            let segment = segment(decoder.decode(&frame(LinkType::RAW, &packet)));
            assert_eq!((segment.payload.len(), segment.payload_len), (70_000, 70_000));

            let cut = Frame { data: &packet[..1_000], ..frame(LinkType::RAW, &packet) };
            assert_eq!(testing::segment(decoder.decode(&cut)).payload_len, 70_000);
        }
    }

    #[test]
    fn a_snaplen_cut_at_any_byte_keeps_what_is_sure() {
        const IP_AND_TCP: [usize; 2] = [20 + 24, 40 + 24];
        let with_options = |builder: etherparse::PacketBuilderStep<etherparse::TcpHeader>| {
            let mut packet = Vec::new();
            let options = [TcpOptionElement::MaximumSegmentSize(1460)];
            builder.options(&options).unwrap().write(&mut packet, &[7; 100]).unwrap();
            packet
        };
        let packets = [
            with_options(PacketBuilder::ipv4(CLIENT, SERVER, 64).tcp(40_000, PORT, SEQ, 501)),
            with_options(PacketBuilder::ipv6(testing::CLIENT_V6, testing::SERVER_V6, 64).tcp(40_000, PORT, SEQ, 501)),
        ];
        for (packet, headers) in packets.into_iter().zip(IP_AND_TCP) {
            for snaplen in 0..packet.len() {
                let mut decoder = decoder();
                let decoded = decoder.decode(&Frame { data: &packet[..snaplen], ..frame(LinkType::RAW, &packet) });
                if snaplen < headers - 4 {
                    assert_eq!(skip(&decoded), Skip::Truncated, "cut at {snaplen}");
                    continue;
                }
                let segment = segment(decoded);
                assert_eq!(segment.payload_len, 100, "cut at {snaplen}");
                assert_eq!(segment.payload.len(), snaplen.saturating_sub(headers), "cut at {snaplen}");
                assert_eq!(segment.options.maximum_segment_size().is_some(), snaplen >= headers, "cut at {snaplen}");
            }
        }
    }

    #[test]
    fn a_length_beyond_the_frame_is_not_believed() {
        let packet = testing::ipv4(&[7; 100]);
        let mut decoder = decoder();
        let segment = segment(decoder.decode(&frame(LinkType::RAW, &packet[..60])));
        assert_eq!((segment.payload.len(), segment.payload_len), (20, 20));
    }

    #[test]
    fn headers_that_contradict_themselves_are_malformed() {
        let with = |index: usize, value: u8| {
            let mut packet = testing::ipv4(b"x");
            packet[index] = value;
            packet
        };
        // Header length below the minimum; total length within the header; TCP data offset below, and beyond the packet.
        for packet in [with(0, 0x44), with(3, 19), with(32, 0x40), with(32, 0xf0)] {
            assert_eq!(skip(&decoder().decode(&frame(LinkType::IPV4, &packet))), Skip::Malformed);
        }
    }

    #[test]
    fn no_port_named_means_every_port() {
        let packet = testing::ipv4_to(4433, b"x");
        let mut decoder = Decoder::new(Interest::default(), Limits::default());
        assert_eq!(segment(decoder.decode(&frame(LinkType::RAW, &packet))).destination.port, 4433);
    }

    #[test]
    fn what_is_left_out_is_counted_by_reason() {
        let mut decoder = Decoder::new(Interest { ports: vec![PORT], ..Interest::default() }, Limits::default());
        let mut other_v6 = testing::ipv6(b"");
        other_v6[43] = 0;
        let mut syn_v6 = testing::ipv6(b"");
        syn_v6[53] = 0x02;
        let mut tunnel = testing::ipv4(b"");
        tunnel[9] = 47;
        for packet in [
            testing::ipv4_to(443, b""),
            testing::ipv4_to(443, b""),
            testing::ipv4_to(22, b""),
            testing::ipv6(b""),
            syn_v6,
            other_v6,
            tunnel,
            testing::udp((5000, 4789), b"vxlan"),
            testing::udp((5000, 53), b"dns that was not asked for"),
        ] {
            skip(&decoder.decode(&frame(LinkType::RAW, &packet)));
        }
        skip(&decoder.decode(&frame(LinkType(147), b"user")));
        skip(&decoder.decode(&frame(LinkType::ETHERNET, &ethernet(&[8, 6], b"arp"))));

        let skipped = decoder.skipped();
        let expected = [
            (Skip::UnknownLinkType, 1),
            (Skip::NotIp, 1),
            (Skip::Ipv6NotAsked, 1),
            (Skip::Ipv6OnOurPorts, 2),
            (Skip::Tunnel, 2),
            (Skip::OtherProtocol, 1),
            (Skip::OtherPort, 3),
        ];
        assert_eq!(skipped.by_reason().collect::<Vec<_>>(), expected);
        assert_eq!(skipped.other_ports(8), [(443, 2), (22, 1)]);
        assert_eq!(skipped.ipv6_attempts(), 1);
    }

    #[test]
    fn ipv6_extension_headers_are_walked() {
        let packet = testing::ipv6(b"x");
        let (header, tcp) = packet.split_at(40);
        // Hop-by-hop, destination (24 bytes), routing, authentication (12 bytes), an atomic fragment; then TCP.
        let extensions: [&[u8]; 5] = [
            &[60, 0, 1, 4, 0, 0, 0, 0],
            &[43, 2, 1, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[51, 0, 4, 0, 0, 0, 0, 0],
            &[44, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],
            &[6, 0, 0, 0, 0, 0, 0, 9],
        ];
        let mut packet = [header, &extensions.concat(), tcp].concat();
        let payload_len = u16::try_from(packet.len() - 40).unwrap();
        packet[4..6].copy_from_slice(&payload_len.to_be_bytes());
        packet[6] = 0;
        let mut decoder = decoder();
        let segment = segment(decoder.decode(&frame(LinkType::IPV6, &packet)));
        assert_eq!((segment.seq, segment.payload), (SeqNumber(SEQ), &b"x"[..]));
    }

    const LINK_TYPES: [u16; 16] = [0, 1, 9, 12, 14, 50, 51, 101, 105, 108, 113, 127, 147, 228, 229, 276];

    proptest! {
        #[test]
        fn any_bytes_on_any_link_are_survived(
            frames in proptest::collection::vec(
                (proptest::sample::select(&LINK_TYPES[..]), proptest::collection::vec(any::<u8>(), 0..200), any::<u32>()),
                1..8,
            ),
        ) {
            let mut decoder = decoder();
            for (link_type, data, original_len) in &frames {
                drop(decoder.decode(&Frame { original_len: *original_len, ..frame(LinkType(*link_type), data) }));
            }
        }

        #[test]
        fn damaged_packets_are_survived(
            which in 0..4_usize,
            damage in proptest::collection::vec((0..120_usize, any::<u8>()), 0..6),
            len in 0..200_usize,
        ) {
            let mut packet = match which {
                0 => testing::ipv4(&[7; 60]),
                1 => testing::ipv6(&[7; 60]),
                2 => testing::udp((5000, 53), &[0xc0; 80]),
                _ => {
                    let mut icmp = testing::udp((0x0304, 0), &testing::ipv4(b""));
                    icmp[9] = 1;
                    icmp
                }
            };
            for (index, value) in damage {
                if let Some(byte) = packet.get_mut(index) {
                    *byte = value;
                }
            }
            let (mut one, mut other) = (decoder(), decoder());
            let cut = len.min(packet.len());
            let raw = one.decode(&Frame { data: &packet[..cut], ..frame(LinkType::RAW, &packet) });
            if let Decoded::Segment(segment) = &raw {
                prop_assert!(segment.payload.len() <= segment.payload_len as usize);
            }
            // Behind Ethernet the common case takes a short cut; it must lead to the same place.
            let version = packet.first().map_or(0, |byte| byte >> 4);
            prop_assume!(cut > 0 && matches!(version, 4 | 6));
            let data = ethernet(if version == 4 { &[8, 0] } else { &[0x86, 0xdd] }, &packet);
            let ethernet = other.decode(&Frame { data: &data[..14 + cut], ..frame(LinkType::ETHERNET, &data) });
            prop_assert_eq!(format!("{raw:?}"), format!("{ethernet:?}"));
        }
    }
}
