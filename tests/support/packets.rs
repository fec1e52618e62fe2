//! Frames taken apart and put together again: the same connection as another link, network or capture would have shown it.

use crate::wire::Captured;
use iotcap::frame::LinkType;

/// An IPv4 frame with a TCP segment.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) at: i64,
    pub(crate) link_type: LinkType,
    pub(crate) link: Vec<u8>,
    pub(crate) ip: Vec<u8>,
    pub(crate) tcp: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Packet {
    /// Takes a frame apart; none where it is no whole TCP segment in IPv4.
    pub(crate) fn of(frame: &Captured) -> Option<Self> {
        let start = match frame.link_type {
            LinkType::ETHERNET => 14,
            LinkType::RAW => 0,
            LinkType::NULL => 4,
            LinkType::LINUX_SLL => 16,
            _ => return None,
        };
        let (link, rest) = frame.data.split_at_checked(start)?;
        let header = usize::from(rest.first()? & 15) * 4;
        let total = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let fragmented = u16::from_be_bytes([*rest.get(6)?, *rest.get(7)?]) & 0x3fff != 0;
        if rest[0] >> 4 != 4 || *rest.get(9)? != 6 || fragmented || total < header + 20 {
            return None;
        }
        let (ip, rest) = rest.get(..total)?.split_at_checked(header)?;
        let words = usize::from(rest.get(12)? >> 4);
        let (tcp, payload) = rest.split_at_checked(words * 4)?;
        let [link, ip, tcp, payload] = [link, ip, tcp, payload].map(<[u8]>::to_vec);
        Some(Self { at: frame.at, link_type: frame.link_type, link, ip, tcp, payload })
    }

    /// Puts it together, with the lengths that it has now.
    pub(crate) fn frame(&self) -> Captured {
        let mut ip = self.ip.clone();
        let total = self.ip.len() + self.tcp.len() + self.payload.len();
        ip[2..4].copy_from_slice(&u16::try_from(total).expect("a datagram").to_be_bytes());
        let data = [&self.link[..], &ip, &self.tcp, &self.payload].concat();
        Captured { at: self.at, link_type: self.link_type, data }
    }

    pub(crate) fn seq(&self) -> u32 {
        u32::from_be_bytes(self.tcp[4..8].try_into().expect("four bytes"))
    }

    /// The two segments that a narrower path would have made of it: FIN and PSH are the second one's.
    pub(crate) fn split(&self, place: usize) -> [Self; 2] {
        let (first, second) = self.payload.split_at(place);
        let (mut before, mut after) = (self.clone(), self.clone());
        before.payload = first.to_vec();
        before.tcp[13] &= !0x09;
        after.payload = second.to_vec();
        let seq = self.seq().wrapping_add(u32::try_from(place).expect("a segment"));
        after.tcp[4..8].copy_from_slice(&seq.to_be_bytes());
        [before, after]
    }

    /// The two fragments that a router would have made of it; the first has `place` bytes, a multiple of eight.
    pub(crate) fn fragments(&self, place: usize, identification: u16) -> [Captured; 2] {
        let whole = [&self.tcp[..], &self.payload].concat();
        let (first, second) = whole.split_at(place);
        let piece = |bytes: &[u8], offset: u16| {
            let mut packet = self.clone();
            packet.ip[4..6].copy_from_slice(&identification.to_be_bytes());
            packet.ip[6..8].copy_from_slice(&offset.to_be_bytes());
            (packet.tcp, packet.payload) = (bytes.to_vec(), Vec::new());
            packet.frame()
        };
        [piece(first, 0x2000), piece(second, u16::try_from(place / 8).expect("an offset"))]
    }

    /// The same on another link.
    pub(crate) fn on(&self, link: Link) -> Self {
        let mut packet = self.clone();
        let tag = [0x81, 0, 0, 42];
        (packet.link_type, packet.link) = match link {
            Link::Ethernet => (LinkType::ETHERNET, [&[2; 12][..], &[8, 0]].concat()),
            Link::Vlan => (LinkType::ETHERNET, [&[2; 12][..], &tag, &[8, 0]].concat()),
            Link::TwoVlans => (LinkType::ETHERNET, [&[2; 12][..], &[0x88, 0xa8, 0, 7], &tag, &[8, 0]].concat()),
            Link::Raw => (LinkType::RAW, Vec::new()),
            Link::Null => (LinkType::NULL, vec![2, 0, 0, 0]),
            Link::Loop => (LinkType::LOOP, vec![0, 0, 0, 2]),
            Link::Cooked => (LinkType::LINUX_SLL, [&[0, 0, 0, 1, 0, 6][..], &[2; 8], &[8, 0]].concat()),
            Link::Cooked2 => {
                (LinkType::LINUX_SLL2, [&[8, 0][..], &[0; 2], &[0, 0, 0, 1, 0, 1, 0, 6], &[2; 8]].concat())
            }
        };
        packet
    }

    /// The same from a client with another address.
    pub(crate) fn of_another_client(&self) -> Self {
        let mut packet = self.clone();
        for place in [12, 16] {
            if packet.ip[place..place + 4] == [192, 0, 2, 10] {
                packet.ip[place + 3] = 11;
            }
        }
        packet
    }
}

/// Links that a capture may have been made on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    Ethernet,
    Vlan,
    TwoVlans,
    Raw,
    Null,
    Loop,
    Cooked,
    Cooked2,
}

impl Link {
    pub(crate) const ALL: [Self; 8] =
        [Self::Ethernet, Self::Vlan, Self::TwoVlans, Self::Raw, Self::Null, Self::Loop, Self::Cooked, Self::Cooked2];
}
