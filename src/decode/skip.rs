//! Why frames were left out, counted: what a report tells where nothing was found.

use super::Decoded;
use std::fmt;

/// Why a frame is not part of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// The link type is not decoded.
    UnknownLinkType,
    /// Not IP: ARP, spanning tree, beacons …
    NotIp,
    /// An IEEE 802.11 frame that is encrypted on the air.
    ProtectedWireless,
    /// IPv6 that is not TCP on one of the ports, where only IPv4 was asked for.
    Ipv6NotAsked,
    /// TCP over IPv6 on one of the ports, where only IPv4 was asked for.
    Ipv6OnOurPorts,
    /// IP inside of IP, GRE or VXLAN: not looked into.
    Tunnel,
    /// IP, but none of TCP, an ICMP error, DNS.
    OtherProtocol,
    /// TCP on other ports.
    OtherPort,
    /// ICMP that is no error about a segment on one of the ports.
    OtherIcmp,
    /// UDP port 53, but no DNS question or answer.
    NotDns,
    /// A fragment that waits for the rest of its datagram.
    FragmentHeld,
    /// The snaplen cut the frame before the end of its headers.
    Truncated,
    /// The headers contradict themselves or each other.
    Malformed,
}

impl Skip {
    /// Every reason, in the order in which a frame meets them.
    pub const ALL: [Self; 13] = [
        Self::UnknownLinkType,
        Self::NotIp,
        Self::ProtectedWireless,
        Self::Ipv6NotAsked,
        Self::Ipv6OnOurPorts,
        Self::Tunnel,
        Self::OtherProtocol,
        Self::OtherPort,
        Self::OtherIcmp,
        Self::NotDns,
        Self::FragmentHeld,
        Self::Truncated,
        Self::Malformed,
    ];

    /// A short phrase for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownLinkType => "unknown link type",
            Self::NotIp => "not IP",
            Self::ProtectedWireless => "encrypted 802.11",
            Self::Ipv6NotAsked => "IPv6",
            Self::Ipv6OnOurPorts => "IPv6 on the same ports",
            Self::Tunnel => "tunnel",
            Self::OtherProtocol => "other protocol",
            Self::OtherPort => "TCP on other ports",
            Self::OtherIcmp => "other ICMP",
            Self::NotDns => "port 53, but not DNS",
            Self::FragmentHeld => "IP fragment",
            Self::Truncated => "cut by the snaplen",
            Self::Malformed => "malformed headers",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many frames were left out, by reason, and what stood in their place.
#[derive(Clone, Debug)]
pub struct SkipCounts {
    frames: [u64; Skip::ALL.len()],
    /// Segments by the lower of their ports. A counter for every port is exact, bounded and faster than any top list; the
    /// pages of ports that never occur are never touched.
    other_ports: Box<[u64]>,
    ipv6_attempts: u64,
}

impl Default for SkipCounts {
    fn default() -> Self {
        let other_ports = vec![0; usize::from(u16::MAX) + 1].into_boxed_slice();
        Self { frames: Default::default(), other_ports, ipv6_attempts: 0 }
    }
}

impl SkipCounts {
    /// Frames that were left out for this reason.
    #[must_use]
    pub const fn count(&self, skip: Skip) -> u64 {
        self.frames[skip as usize]
    }

    /// Frames that were left out.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.frames.iter().sum()
    }

    /// The reasons that occurred, with their number of frames.
    pub fn by_reason(&self) -> impl Iterator<Item = (Skip, u64)> {
        Skip::ALL.into_iter().zip(self.frames).filter(|(_, frames)| *frames > 0)
    }

    /// The `top` busiest server ports among the TCP segments on other ports, with their number of segments. The lower port
    /// of a segment is taken for the server's.
    #[must_use]
    pub fn other_ports(&self, top: usize) -> Vec<(u16, u64)> {
        let mut ports: Vec<_> =
            (0..=u16::MAX).zip(self.other_ports.iter().copied()).filter(|(_, segments)| *segments > 0).collect();
        ports.sort_by_key(|(port, segments)| (std::cmp::Reverse(*segments), *port));
        ports.truncate(top);
        ports
    }

    /// Connections that a client tried to open over IPv6 to one of the ports, where only IPv4 was asked for: SYNs, resent ones
    /// too.
    #[must_use]
    pub const fn ipv6_attempts(&self) -> u64 {
        self.ipv6_attempts
    }

    /// Adds what was counted elsewhere.
    pub(super) fn join(&mut self, other: &Self) {
        self.frames.iter_mut().zip(other.frames).for_each(|(own, frames)| *own += frames);
        self.other_ports.iter_mut().zip(&other.other_ports).for_each(|(own, segments)| *own += segments);
        self.ipv6_attempts += other.ipv6_attempts;
    }

    /// Counts a frame that is left out.
    pub(super) fn skip<'a>(&mut self, skip: Skip) -> Decoded<'a> {
        self.frames[skip as usize] += 1;
        Decoded::Skipped(skip)
    }

    pub(super) fn add_other_port(&mut self, server_port: u16) {
        if let Some(segments) = self.other_ports.get_mut(usize::from(server_port)) {
            *segments += 1;
        }
    }

    pub(super) fn add_ipv6_attempt(&mut self) {
        self.ipv6_attempts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let mut counts = SkipCounts::default();
        for (index, skip) in Skip::ALL.into_iter().enumerate() {
            for _ in 0..=index {
                counts.skip(skip);
            }
        }
        let counted: Vec<_> = counts.by_reason().collect();
        assert_eq!(counted, Skip::ALL.into_iter().zip(1..).collect::<Vec<_>>());
        assert_eq!(counts.total(), (1..=13).sum::<u64>());
    }

    #[test]
    fn the_busiest_ports_come_first() {
        let mut counts = SkipCounts::default();
        for port in [443, 1883, 443, 65535, 0, 443, 1883] {
            counts.add_other_port(port);
        }
        assert_eq!(counts.other_ports(3), [(443, 3), (1883, 2), (0, 1)]);
        assert_eq!(counts.other_ports(9).len(), 4);
    }
}
