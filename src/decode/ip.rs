//! IP packet → the datagram inside of it, or one fragment of a datagram. Lengths are those on the wire, whatever was captured.

use super::captured::Captured;
use super::link::IpVersion;
use super::skip::Skip;
use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, err};
use std::net::IpAddr;

/// What the headers of a whole IP packet said, and what follows them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// IPv4 time to live or IPv6 hop limit.
    pub(super) ttl: u8,
    pub(super) protocol: IpNumber,
    pub(super) payload: Captured<'a>,
}

/// Where a packet's payload belongs in its datagram (RFC 791, 2.3; RFC 8200, 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) identification: u32,
    /// Bytes from the start of the datagram's payload.
    pub(super) offset: usize,
    /// Whether further fragments follow.
    pub(super) more: bool,
}

/// Reads the headers of a packet. For a fragment the datagram's payload is the fragment's, its protocol the first fragment's
/// (in IPv6 maybe an extension header, see [`behind_extensions`]).
#[inline]
pub(super) fn datagram((version, data): (IpVersion, Captured<'_>)) -> Result<(Datagram<'_>, Option<Fragment>), Skip> {
    match version {
        IpVersion::V4 => ipv4(data),
        IpVersion::V6 => ipv6(data),
    }
}

/// The largest packet that an offloading card or kernel hands over in one piece (Linux: GSO_MAX_SIZE).
const OFFLOADED_MAX: usize = 8 * 65_535;

/// The length of a packet whose length field is 0, because the card was still to split it (TSO): that of the frame.
fn offloaded_len(data: Captured<'_>) -> usize {
    if data.wire_len() <= OFFLOADED_MAX { data.wire_len() } else { data.bytes().len() }
}

#[inline]
fn ipv4(data: Captured<'_>) -> Result<(Datagram<'_>, Option<Fragment>), Skip> {
    let header = Ipv4HeaderSlice::from_slice(data.bytes()).map_err(|error| match error {
        err::ipv4::HeaderSliceError::Len(error) => data.lack_of(error.required_len),
        err::ipv4::HeaderSliceError::Content(_) => Skip::Malformed,
    })?;
    let total_len = match header.total_len() {
        0 => offloaded_len(data),
        len => usize::from(len),
    };
    let payload = data.of_len(total_len).after(header.slice().len())?;
    let fragment = header.is_fragmenting_payload().then(|| Fragment {
        identification: u32::from(header.identification()),
        offset: usize::from(header.fragments_offset().byte_offset()),
        more: header.more_fragments(),
    });
    let datagram = Datagram {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.ttl(),
        protocol: header.protocol(),
        payload,
    };
    Ok((datagram, fragment))
}

fn ipv6(data: Captured<'_>) -> Result<(Datagram<'_>, Option<Fragment>), Skip> {
    let header = Ipv6HeaderSlice::from_slice(data.bytes()).map_err(|error| match error {
        err::ipv6::HeaderSliceError::Len(error) => data.lack_of(error.required_len),
        err::ipv6::HeaderSliceError::Content(_) => Skip::Malformed,
    })?;
    let payload = data.after(header.slice().len())?;
    let payload_len = match header.payload_length() {
        0 => offloaded_len(payload),
        len => usize::from(len),
    };
    let (protocol, payload, fragment) = behind_extensions(header.next_header(), payload.of_len(payload_len))?;
    let datagram = Datagram {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.hop_limit(),
        protocol,
        payload,
    };
    Ok((datagram, fragment))
}

/// The headers that one packet may chain before its payload; RFC 8200, 4.1 knows six.
const EXTENSIONS_MAX: usize = 16;

/// Walks IPv6 extension headers (RFC 8200, 4) to what they lead to, or to the first fragment header.
pub(super) fn behind_extensions(
    mut next: IpNumber,
    mut data: Captured<'_>,
) -> Result<(IpNumber, Captured<'_>, Option<Fragment>), Skip> {
    const MOBILITY: IpNumber = IpNumber(135);
    const HOST_IDENTITY: IpNumber = IpNumber(139);
    const SHIM6: IpNumber = IpNumber(140);

    for _ in 0..EXTENSIONS_MAX {
        match next {
            IpNumber::IPV6_HEADER_HOP_BY_HOP
            | IpNumber::IPV6_ROUTE_HEADER
            | IpNumber::IPV6_DESTINATION_OPTIONS
            | MOBILITY
            | HOST_IDENTITY
            | SHIM6 => {
                let [following, len] = *data.head::<2>()?;
                next = IpNumber(following);
                data = data.after((usize::from(len) + 1) * 8)?;
            }
            // RFC 4302, 2.2: in units of four bytes, minus two.
            IpNumber::AUTHENTICATION_HEADER => {
                let [following, len] = *data.head::<2>()?;
                next = IpNumber(following);
                data = data.after((usize::from(len) + 2) * 4)?;
            }
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                let [following, _, high, low, a, b, c, d] = *data.head::<8>()?;
                next = IpNumber(following);
                data = data.after(8)?;
                let field = u16::from_be_bytes([high, low]);
                let fragment = Fragment {
                    identification: u32::from_be_bytes([a, b, c, d]),
                    offset: usize::from(field & !7),
                    more: field & 1 == 1,
                };
                // An atomic fragment (RFC 6946) is a whole packet.
                if fragment.more || fragment.offset > 0 {
                    return Ok((next, data, Some(fragment)));
                }
            }
            _ => return Ok((next, data, None)),
        }
    }
    Err(Skip::Malformed)
}
