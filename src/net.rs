//! Who talks to whom: endpoints, the two sides of a connection, and the key that both directions of a flow share.

use crate::pack::packed;
use std::fmt;
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

packed! { enum Side { Client, Server } }

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

packed! { struct Endpoint { address, port } }

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

/// The key of a flow: the same for both directions. Addresses are kept as sixteen bytes (IPv4 mapped, RFC 4291, 2.5.5.2),
/// so that a key is compared and hashed as plain bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    addresses: [[u8; 16]; 2],
    ports: [u16; 2],
}

impl FlowKey {
    /// The key of the flow that these two endpoints share, in whatever order they are given.
    #[must_use]
    pub fn new(one: Endpoint, other: Endpoint) -> Self {
        let (one, other) = ((mapped(one.address), one.port), (mapped(other.address), other.port));
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        Self { addresses: [low.0, high.0], ports: [low.1, high.1] }
    }

    /// A number that spreads flows evenly, the same on every machine and in every run: all 64 bits of it are good.
    #[must_use]
    pub fn spread(&self) -> u64 {
        // The finalizer of SplitMix64 over each word (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
        let mix = |hash: u64, word: u64| {
            let mixed = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        };
        let folded = |address: u128| (address ^ address >> 64) & u128::from(u64::MAX);
        let word = |address| u64::try_from(folded(u128::from_be_bytes(address))).unwrap_or_default();
        let [low, high] = self.addresses.map(word);
        let ports = u64::from(self.ports[0]) << 16 | u64::from(self.ports[1]);
        mix(mix(mix(0, low), high), ports)
    }

    /// The two endpoints, the lower one first.
    #[must_use]
    pub fn endpoints(&self) -> [Endpoint; 2] {
        [0, 1].map(|i| Endpoint::new(Ipv6Addr::from(self.addresses[i]).to_canonical(), self.ports[i]))
    }
}

fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
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
    fn endpoints_print_like_sockets() {
        assert_eq!(Endpoint::new(Ipv6Addr::LOCALHOST.into(), 8883).to_string(), "[::1]:8883");
    }
}
