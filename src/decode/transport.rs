//! Datagram → TCP segment, by fixed offsets: this is the hot path, and a header that the snaplen cut still says something.

use super::ip::Datagram;
use super::skip::{Skip, SkipCounts};
use crate::frame::Frame;
use crate::net::Endpoint;
use crate::segment::{Segment, SeqNumber, TcpFlags, TcpOptions};

/// The ports of interest: one bit each, so that a thousand cost no more than one.
#[derive(Clone, Debug)]
pub(super) struct PortSet(Box<[u64]>);

impl PortSet {
    /// The set of `ports`; of all ports where none is named.
    pub(super) fn new(ports: &[u16]) -> Self {
        let mut words = vec![if ports.is_empty() { u64::MAX } else { 0 }; 1 << 10];
        for port in ports {
            if let Some(word) = words.get_mut(usize::from(port >> 6)) {
                *word |= 1 << (port & 63);
            }
        }
        Self(words.into_boxed_slice())
    }

    fn contains(&self, port: u16) -> bool {
        self.0.get(usize::from(port >> 6)).is_some_and(|word| word >> (port & 63) & 1 == 1)
    }

    /// Whether one of the two ports of a segment is of interest.
    pub(super) fn contains_either(&self, ports: (u16, u16)) -> bool {
        self.contains(ports.1) || self.contains(ports.0)
    }
}

/// The source and destination ports: the same place in TCP and UDP.
#[inline]
pub(super) fn ports(datagram: &Datagram<'_>) -> Result<(u16, u16), Skip> {
    let [a, b, c, d] = *datagram.payload.head::<4>()?;
    Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// The ports of a segment, if one of them is wanted.
#[inline]
pub(super) fn wanted_ports(
    datagram: &Datagram<'_>,
    wanted: &PortSet,
    skipped: &mut SkipCounts,
) -> Result<(u16, u16), Skip> {
    let ports = ports(datagram)?;
    if wanted.contains_either(ports) {
        return Ok(ports);
    }
    skipped.add_other_port(ports.0.min(ports.1));
    Err(Skip::OtherPort)
}

/// Reads a segment (RFC 9293, 3.1).
pub(super) fn segment<'a>(datagram: &Datagram<'a>, ports: (u16, u16), frame: &Frame<'_>) -> Result<Segment<'a>, Skip> {
    let header = datagram.payload.head::<20>()?;
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < header.len() {
        return Err(Skip::Malformed);
    }
    let (options, payload, payload_len) = match datagram.payload.after(header_len) {
        Ok(payload) => {
            let options = datagram.payload.bytes().get(header.len()..header_len).unwrap_or_default();
            (options, payload.bytes(), payload.wire_len())
        }
        // Cut within the options: the rest of the header and the lengths are sure.
        Err(Skip::Truncated) => (&[][..], &[][..], datagram.payload.wire_len().saturating_sub(header_len)),
        Err(skip) => return Err(skip),
    };
    Ok(Segment {
        frame: frame.id,
        at: frame.at,
        source: Endpoint::new(datagram.header.source(), ports.0),
        destination: Endpoint::new(datagram.header.destination(), ports.1),
        ttl: datagram.header.ttl(),
        seq: SeqNumber(u32::from_be_bytes([header[4], header[5], header[6], header[7]])),
        ack: SeqNumber(u32::from_be_bytes([header[8], header[9], header[10], header[11]])),
        flags: TcpFlags(header[13]),
        window: u16::from_be_bytes([header[14], header[15]]),
        options: TcpOptions(options),
        payload,
        payload_len: u32::try_from(payload_len).unwrap_or(u32::MAX),
    })
}

/// Why TCP over IPv6 is left out that was not asked for.
pub(super) fn unasked_ipv6(datagram: &Datagram<'_>, wanted: &PortSet, skipped: &mut SkipCounts) -> Skip {
    if !ports(datagram).is_ok_and(|ports| wanted.contains_either(ports)) {
        return Skip::Ipv6NotAsked;
    }
    let flags = datagram.payload.head::<14>().map_or(TcpFlags::default(), |header| TcpFlags(header[13]));
    if flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK) {
        skipped.add_ipv6_attempt();
    }
    Skip::Ipv6OnOurPorts
}
