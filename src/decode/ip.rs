//! IP packet → the datagram inside of it, or one fragment of a datagram. Lengths are those on the wire, whatever was captured.

use super::captured::Captured;
use super::link::{IpVersion, Packet};
use super::skip::Skip;
use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, err};
use std::net::IpAddr;

/// The header of an IP packet. Addresses are read where they are needed: most frames are left out by their ports before.
#[derive(Clone, Copy, Debug)]
pub(super) enum IpHeader<'a> {
    V4(Ipv4HeaderSlice<'a>),
    V6(Ipv6HeaderSlice<'a>),
}

impl<'a> IpHeader<'a> {
    /// Reads the header at the beginning of a packet.
    #[inline]
    pub(super) fn read(version: IpVersion, packet: Captured<'a>) -> Result<Self, Skip> {
        match version {
            IpVersion::V4 => Ipv4HeaderSlice::from_slice(packet.bytes()).map(Self::V4).map_err(|error| match error {
                err::ipv4::HeaderSliceError::Len(error) => packet.lack_of(error.required_len),
                err::ipv4::HeaderSliceError::Content(_) => Skip::Malformed,
            }),
            IpVersion::V6 => Ipv6HeaderSlice::from_slice(packet.bytes()).map(Self::V6).map_err(|error| match error {
                err::ipv6::HeaderSliceError::Len(error) => packet.lack_of(error.required_len),
                err::ipv6::HeaderSliceError::Content(_) => Skip::Malformed,
            }),
        }
    }

    pub(super) const fn version(&self) -> IpVersion {
        match self {
            Self::V4(_) => IpVersion::V4,
            Self::V6(_) => IpVersion::V6,
        }
    }

    /// The length of the header itself, without extension headers.
    pub(super) fn header_len(&self) -> usize {
        match self {
            Self::V4(header) => header.slice().len(),
            Self::V6(header) => header.slice().len(),
        }
    }

    pub(super) fn source(&self) -> IpAddr {
        match self {
            Self::V4(header) => header.source_addr().into(),
            Self::V6(header) => header.source_addr().into(),
        }
    }

    pub(super) fn destination(&self) -> IpAddr {
        match self {
            Self::V4(header) => header.destination_addr().into(),
            Self::V6(header) => header.destination_addr().into(),
        }
    }

    /// IPv4 time to live or IPv6 hop limit.
    pub(super) fn ttl(&self) -> u8 {
        match self {
            Self::V4(header) => header.ttl(),
            Self::V6(header) => header.hop_limit(),
        }
    }
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    pub(super) header: IpHeader<'a>,
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

/// Reads the header of a packet as nearly all are: without options and extension headers, whole, with TCP. All others are left
/// for [`datagram`].
#[inline]
pub(super) fn plain_tcp((version, packet): Packet<'_>) -> Option<Datagram<'_>> {
    const MIN_HEADER_LEN: usize = 20;

    let header = IpHeader::read(version, packet).ok()?;
    let header_len = header.header_len();
    let (plain, total_len) = match header {
        IpHeader::V4(header) => (
            header.protocol() == IpNumber::TCP && header_len == MIN_HEADER_LEN && !header.is_fragmenting_payload(),
            usize::from(header.total_len()),
        ),
        IpHeader::V6(header) => {
            (header.next_header() == IpNumber::TCP, usize::from(header.payload_length()) + header_len)
        }
    };
    // A length field of 0 means offloading.
    if !plain || total_len <= header_len {
        return None;
    }
    let payload = packet.of_len(total_len).after(header_len).ok()?;
    Some(Datagram { header, protocol: IpNumber::TCP, payload })
}

/// Reads the headers of a packet. For a fragment the datagram's payload is the fragment's, its protocol the first fragment's
/// (in IPv6 maybe an extension header, see [`behind_extensions`]).
pub(super) fn datagram((version, packet): (IpVersion, Captured<'_>)) -> Result<(Datagram<'_>, Option<Fragment>), Skip> {
    let header = IpHeader::read(version, packet)?;
    let (protocol, payload, fragment) = match header {
        IpHeader::V4(header) => ipv4(header, packet)?,
        IpHeader::V6(header) => ipv6(header, packet)?,
    };
    Ok((Datagram { header, protocol, payload }, fragment))
}

/// What follows a header: the protocol, the payload, and where it belongs if it is a fragment's.
type Payload<'a> = (IpNumber, Captured<'a>, Option<Fragment>);

/// The largest packet that an offloading card or kernel hands over in one piece (Linux: GSO_MAX_SIZE).
const OFFLOADED_MAX: usize = 8 * 65_535;

/// The length of a packet whose length field is 0, because the card was still to split it (TSO): that of the frame.
fn offloaded_len(data: Captured<'_>) -> usize {
    if data.wire_len() <= OFFLOADED_MAX { data.wire_len() } else { data.bytes().len() }
}

fn ipv4<'a>(header: Ipv4HeaderSlice<'a>, packet: Captured<'a>) -> Result<Payload<'a>, Skip> {
    let total_len = match header.total_len() {
        0 => offloaded_len(packet),
        len => usize::from(len),
    };
    let payload = packet.of_len(total_len).after(header.slice().len())?;
    let fragment = header.is_fragmenting_payload().then(|| Fragment {
        identification: u32::from(header.identification()),
        offset: usize::from(header.fragments_offset().byte_offset()),
        more: header.more_fragments(),
    });
    Ok((header.protocol(), payload, fragment))
}

fn ipv6<'a>(header: Ipv6HeaderSlice<'a>, packet: Captured<'a>) -> Result<Payload<'a>, Skip> {
    let payload = packet.after(header.slice().len())?;
    let payload_len = match header.payload_length() {
        0 => offloaded_len(payload),
        len => usize::from(len),
    };
    behind_extensions(header.next_header(), payload.of_len(payload_len))
}

/// The headers that one packet may chain before its payload; RFC 8200, 4.1 knows six.
const EXTENSIONS_MAX: usize = 16;

/// Walks IPv6 extension headers (RFC 8200, 4) to what they lead to, or to the first fragment header.
pub(super) fn behind_extensions(mut next: IpNumber, mut data: Captured<'_>) -> Result<Payload<'_>, Skip> {
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
