//! The wire of a scenario: how it treats packets, what its middlebox does to some of them, and where it is recorded.

use super::{Chance, Millis, millis};
use serde::Deserialize;

/// The path between the endpoints.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wire {
    /// One way.
    pub delay_ms: Millis,
    /// Up to so much more, at random; order is kept.
    pub jitter_ms: Millis,
    /// Bits per second, each way.
    pub bandwidth: f64,
    /// Packets lost at random.
    pub loss: Chance,
    /// Packets that arrive after later ones.
    pub reorder: Chance,
    /// By how much they are late.
    pub reorder_ms: Millis,
    /// Packets that arrive twice.
    pub duplicate: Chance,
    /// Packets in which a bit of the payload flips; their checksums tell.
    pub corrupt: Chance,
    /// Routers on the way: what the TTL loses.
    pub hops: u8,
    /// Where the middlebox stands: 0 beside the client, 1 beside the server.
    pub middlebox_at: Chance,
    /// What the middlebox does; for each packet the first rule that fits.
    pub rule: Vec<Rule>,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            delay_ms: millis(20),
            jitter_ms: Millis::default(),
            bandwidth: 1e9,
            loss: Chance::default(),
            reorder: Chance::default(),
            reorder_ms: millis(5),
            duplicate: Chance::default(),
            corrupt: Chance::default(),
            hops: 9,
            middlebox_at: Chance(0.5),
            rule: Vec::new(),
        }
    }
}

/// Where the capture stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// Beside the client.
    #[default]
    Client,
    /// Beside the server.
    Server,
    /// On the client's side of the middlebox, half way to it.
    Between,
}

/// What frames look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Ethernet.
    #[default]
    Ethernet,
    /// Ethernet with an 802.1Q tag.
    Vlan,
    /// Raw IP.
    Raw,
    /// BSD loopback.
    Null,
    /// Linux cooked.
    Sll,
}

/// How the wire is recorded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capture {
    /// Where.
    pub vantage: Vantage,
    /// The link layer.
    pub link: Link,
    /// Bytes kept of a frame; all, if not given.
    pub snaplen: Option<usize>,
    /// Frames before this are not recorded.
    pub from_ms: Millis,
    /// Frames after this are not recorded.
    pub to_ms: Option<Millis>,
    /// Only frames that travel so.
    pub only: Option<Direction>,
    /// Frames that the capture loses, though the endpoints have them.
    pub miss: Vec<Match>,
    /// Whether every frame is seen twice.
    pub twice: bool,
    /// What the interface statistics say was dropped.
    pub dropped: Option<u64>,
    /// Whether the secrets are left out.
    pub without_secrets: bool,
}

/// Who a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the client.
    ToClient,
    /// To the server.
    ToServer,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub const fn back(self) -> Self {
        match self {
            Self::ToClient => Self::ToServer,
            Self::ToServer => Self::ToClient,
        }
    }
}

/// One rule of the middlebox: which packets, and what becomes of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which packets.
    #[serde(rename = "if", default)]
    pub matches: Match,
    /// How many that fit are let through first.
    #[serde(default)]
    pub skip: u32,
    /// How often the rule is applied; without end, if not given.
    pub times: Option<u32>,
    /// What becomes of them.
    #[serde(rename = "do")]
    pub action: Action,
}

/// Which packets; all that is given must be true.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// Which way it travels.
    pub direction: Option<Direction>,
    /// What it is.
    pub what: Pick,
    /// IP packets of more than so many bytes.
    pub larger_than: Option<usize>,
    /// Its payload contains this text.
    pub contains: Option<String>,
    /// Not before.
    pub after_ms: Option<Millis>,
    /// Not after.
    pub until_ms: Option<Millis>,
    /// The flow was silent for so long before, now or at any time earlier: a NAT that forgot it.
    pub forgotten_after_ms: Option<Millis>,
    /// Only packets of the flow that came as number n, from 1.
    pub connection: Option<u32>,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// Anything.
    #[default]
    Any,
    /// SYN without ACK.
    Syn,
    /// SYN and ACK.
    SynAck,
    /// Neither SYN nor RST nor payload: a bare ACK (or FIN).
    Bare,
    /// With payload.
    Data,
    /// The first segment of a ClientHello.
    ClientHello,
    /// FIN.
    Fin,
    /// RST.
    Reset,
}

/// What a middlebox does to a packet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Swallows it.
    Drop,
    /// Lets it pass, whatever later rules say.
    Pass,
    /// Answers with forged resets.
    Reset(Reset),
    /// Swallows it and answers with an ICMP error.
    Icmp(IcmpError),
    /// Flips a bit of its payload and leaves the checksum as it was.
    Corrupt,
    /// Flips a bit of its payload and repairs the checksum.
    CorruptSilently,
    /// Lets it pass twice.
    Duplicate,
    /// Lets it pass late.
    Delay(Millis),
}

/// Forged resets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Who gets one.
    pub to: Vec<Direction>,
    /// The TTL that it leaves the middlebox with.
    #[serde(default = "middlebox_ttl")]
    pub hop_limit: u8,
    /// How long the middlebox thinks.
    #[serde(default)]
    pub after_ms: Millis,
    /// Whether the packet that provoked it goes on.
    #[serde(default)]
    pub pass: bool,
}

/// An ICMP error (RFC 792; 4443 over IPv6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IcmpError {
    /// Host unreachable.
    Host,
    /// Port unreachable.
    Port,
    /// Administratively prohibited.
    Prohibited,
    /// Fragmentation needed, with the size that would pass.
    #[serde(rename = "too_big")]
    TooBig(u16),
}

const fn middlebox_ttl() -> u8 {
    128
}
