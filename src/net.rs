//! Who talks to whom: endpoints, the two sides of a connection, and the key that both directions of a flow share.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::{Index, IndexMut};

/// A side of a connection. The client is the sender of the first SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The device: it opened the connection.
    Client,
    /// The broker: it was listening.
    Server,
}

impl Side {
    /// Both sides, the client first.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// `client` or `server`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One value for each side of a connection, indexed by [`Side`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerSide<T> {
    /// The client's.
    pub client: T,
    /// The server's.
    pub server: T,
}

impl<T> Index<Side> for PerSide<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

impl<T> IndexMut<Side> for PerSide<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

/// An IP address and a TCP (or UDP) port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The IP address.
    pub address: IpAddr,
    /// The port, in host order.
    pub port: u16,
}

impl Endpoint {
    /// An endpoint from its parts.
    #[must_use]
    pub const fn new(address: IpAddr, port: u16) -> Self {
        Self { address, port }
    }
}

/// `192.0.2.1:8883` or `[2001:db8::1]:8883`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// The key of a flow: the same for both directions. Addresses are kept as numbers of 128 bits in two halves (IPv4 mapped, RFC
/// 4291, 2.5.5.2), so that a key is compared and hashed as a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    addresses: [[u64; 2]; 2],
    ports: [u16; 2],
}

/// An array's own hash is that of its bytes and their number; this is of its words.
impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for word in self.addresses.as_flattened() {
            state.write_u64(*word);
        }
        state.write_u32(self.both_ports());
    }
}

impl FlowKey {
    /// The key of the flow that these two endpoints share, in whatever order they are given.
    #[must_use]
    #[inline]
    pub fn new(one: Endpoint, other: Endpoint) -> Self {
        let (one, other) = ((mapped(one.address), one.port), (mapped(other.address), other.port));
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        Self { addresses: [low.0, high.0], ports: [low.1, high.1] }
    }

    /// A number that spreads flows evenly, the same on every machine and in every run: all 64 bits of it are good.
    #[must_use]
    #[inline]
    pub fn spread(&self) -> u64 {
        // The finalizer of SplitMix64 over each word (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
        let mix = |hash: u64, word: u64| {
            let mixed = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        };
        let [low, high] = self.addresses.map(|[upper, lower]| upper ^ lower);
        mix(mix(mix(0, low), high), self.both_ports().into())
    }

    /// The two endpoints, the lower one first.
    #[must_use]
    pub fn endpoints(&self) -> [Endpoint; 2] {
        [0, 1].map(|i| {
            let [upper, lower] = self.addresses[i].map(u128::from);
            Endpoint::new(Ipv6Addr::from_bits(upper << 64 | lower).to_canonical(), self.ports[i])
        })
    }

    fn both_ports(&self) -> u32 {
        u32::from(self.ports[0]) << 16 | u32::from(self.ports[1])
    }
}

/// The upper half of an address, and the lower one.
fn mapped(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(address) => [0, 0xffff << 32 | u64::from(address.to_bits())],
        IpAddr::V6(address) => {
            let [upper, lower] = [address.to_bits() >> 64, address.to_bits() & u128::from(u64::MAX)];
            [upper, lower].map(|half| u64::try_from(half).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn both_directions_have_one_key() {
        let client = Endpoint::new(Ipv4Addr::new(192, 0, 2, 10).into(), 40_000);
        let server = Endpoint::new(Ipv4Addr::new(192, 0, 2, 20).into(), 8883);
        assert_eq!(FlowKey::new(client, server), FlowKey::new(server, client));
        assert_eq!(FlowKey::new(server, client).endpoints(), [client, server]);
    }

    #[test]
    fn the_port_tells_flows_between_two_hosts_apart() {
        let host: IpAddr = Ipv4Addr::LOCALHOST.into();
        let server = Endpoint::new(host, 8883);
        assert_ne!(FlowKey::new(Endpoint::new(host, 1), server), FlowKey::new(Endpoint::new(host, 2), server));
    }

    #[test]
    fn a_key_gives_its_endpoints_back() {
        let hosts: [IpAddr; 4] =
            ["10.0.0.1", "255.255.255.255", "2001:db8::1:2:3", "fe80::1"].map(|text| text.parse().unwrap());
        for (low, high) in hosts.into_iter().zip(hosts.into_iter().skip(1)) {
            let ends = [Endpoint::new(low, 50_000), Endpoint::new(high, 8883)];
            let mut given = FlowKey::new(ends[0], ends[1]).endpoints();
            given.sort_by_key(|end| end.port != 50_000);
            assert_eq!(given, ends);
        }
    }

    #[test]
    fn endpoints_print_like_sockets() {
        assert_eq!(Endpoint::new(Ipv6Addr::LOCALHOST.into(), 8883).to_string(), "[::1]:8883");
    }
}
