//! libpcap's filter language: an expression against frames of any link type, and the text that the kernel is given live.
//!
//! Compiles with libpcap itself, once for every link type that occurs. Without the feature `live` there is no libpcap, and an
//! expression is refused with a sentence that says so.

use crate::decode::Interest;
use crate::frame::{Frame, LinkType};
use thiserror::Error;

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FilterError {
    /// libpcap does not accept it, for any link type.
    #[error("the filter '{expression}' is not one that libpcap understands: {message} (see `man pcap-filter`)")]
    Expression {
        /// The expression.
        expression: String,
        /// libpcap's words.
        message: String,
    },
    /// This program was built without libpcap.
    #[error(
        "this build has no libpcap, so that it knows no filter expressions: use --port, or build with the feature 'live'"
    )]
    NoLibpcap,
}

/// A filter expression, compiled for every link type that occurs.
///
/// libpcap sees the captured bytes only, so that `less` and `greater` compare captured lengths; and of NULL and LOOP it knows
/// only the number that this system has for IPv6.
pub struct FilterProgram {
    expression: String,
    /// One or two in practice: a file rarely mixes link types.
    programs: Vec<(LinkType, Result<Compiled, String>)>,
}

impl FilterProgram {
    /// Checks an expression.
    ///
    /// # Errors
    /// If libpcap accepts it for no link type, or if there is no libpcap.
    pub fn new(expression: &str) -> Result<Self, FilterError> {
        // Some expressions make sense on some link types only, so that being refused on the first one says nothing yet. The
        // first message is the one to show: most captures are Ethernet's.
        const TRIED: [LinkType; 4] =
            [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::IEEE802_11_RADIOTAP, LinkType::RAW];
        let programs = TRIED.map(|link_type| (link_type, compile(expression, link_type)));
        if programs.iter().any(|(_, program)| program.is_ok()) {
            return Ok(Self { expression: expression.to_owned(), programs: programs.into() });
        }
        let message = programs.into_iter().find_map(|(_, program)| program.err()).unwrap_or_default();
        Err(if cfg!(feature = "live") {
            FilterError::Expression { expression: expression.to_owned(), message }
        } else {
            FilterError::NoLibpcap
        })
    }

    /// The expression as it was given.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Whether a frame matches. An expression that makes no sense for a link type matches none of its frames.
    pub fn matches(&mut self, frame: &Frame<'_>) -> bool {
        let index =
            self.programs.iter().position(|(link_type, _)| *link_type == frame.link_type).unwrap_or_else(|| {
                self.programs.push((frame.link_type, compile(&self.expression, frame.link_type)));
                self.programs.len() - 1
            });
        matches!(self.programs.get(index), Some((_, Ok(program))) if program.filter(frame.data))
    }

    /// Why no frame of this link type can match: libpcap's words.
    #[must_use]
    pub fn refusal(&self, link_type: LinkType) -> Option<&str> {
        let (_, program) = self.programs.iter().find(|(known, _)| *known == link_type)?;
        program.as_ref().err().map(String::as_str)
    }
}

/// The filter for the kernel: one text for every link type, and never narrower than what the decoder looks for (but for IP over
/// LLC, which libpcap's `ip` does not mean on Ethernet).
///
/// Beside what is of interest it lets through what the kernel cannot judge (later fragments, IPv6 behind extension headers, tagged
/// frames, PPPoE, MPLS), and IPv6 on the same ports even unasked, so that the report can say that it was there.
#[must_use]
pub fn kernel_filter(interest: &Interest) -> String {
    /// VLAN tags, PPPoE, MPLS. The keywords `vlan` and `pppoes` would shift all that follows, and exist on Ethernet only.
    const WRAPPED: [&str; 8] = ["0x8100", "0x88a8", "0x9100", "0x9200", "0x9300", "0x8864", "0x8847", "0x8848"];
    /// Hop-by-hop options, routing, fragment, authentication, destination options, mobility, host identity, shim6.
    const IPV6_EXTENSIONS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];

    let mut terms = Vec::new();
    if interest.ports.is_empty() {
        terms.push("tcp".to_owned());
    }
    terms.extend(interest.ports.iter().map(|port| format!("tcp port {port}")));
    // An offset, and TCP; the port is in the first fragment only.
    terms.push("(ip[6:2] & 0x1fff != 0 and ip proto 6)".to_owned());
    // Destination unreachable, time exceeded, parameter problem.
    terms.push("(icmp and (icmp[0] = 3 or icmp[0] = 11 or icmp[0] = 12))".to_owned());
    if interest.dns {
        terms.push("udp port 53".to_owned());
        terms.push("(ip[6:2] & 0x1fff != 0 and ip proto 17)".to_owned());
    }
    if interest.ipv6 {
        terms.extend(IPV6_EXTENSIONS.map(|number| format!("ip6 proto {number}")));
        // ICMPv6 errors are types 1 to 4 of those below 128 (RFC 4443, 2.1).
        terms.push("(ip6 proto 58 and ip6[40] < 5)".to_owned());
    }
    terms.extend(WRAPPED.map(|number| format!("ether proto {number}")));
    terms.join(" or ")
}

#[cfg(feature = "live")]
use pcap::BpfProgram as Compiled;

#[cfg(feature = "live")]
fn compile(expression: &str, link_type: LinkType) -> Result<Compiled, String> {
    /// libpcap's own number of raw IP: 12 on most systems, 14 on OpenBSD. Files have 101.
    const DLT_RAW: i32 = if cfg!(target_os = "openbsd") { 14 } else { 12 };
    /// libpcap's own number of OpenBSD's loopback: 12 there. Files have 108.
    const DLT_LOOP: i32 = if cfg!(target_os = "openbsd") { 12 } else { 108 };

    let number = match link_type {
        LinkType::RAW => DLT_RAW,
        LinkType::LOOP => DLT_LOOP,
        LinkType(number) => i32::from(number),
    };
    pcap::Capture::dead(pcap::Linktype(number)).and_then(|capture| capture.compile(expression, true)).map_err(|error| {
        match error {
            pcap::Error::PcapError(message) => message,
            other => other.to_string(),
        }
    })
}

/// What there is without libpcap: nothing.
#[cfg(not(feature = "live"))]
enum Compiled {}

#[cfg(not(feature = "live"))]
impl Compiled {
    fn filter(&self, _: &[u8]) -> bool {
        match *self {}
    }
}

#[cfg(not(feature = "live"))]
fn compile(_: &str, _: LinkType) -> Result<Compiled, String> {
    Err(String::new())
}

#[cfg(all(test, feature = "live"))]
mod tests {
    use super::*;
    use crate::frame::FrameId;
    use crate::time::Timestamp;
    use etherparse::PacketBuilder;

    fn frame(link_type: LinkType, data: &[u8]) -> Frame<'_> {
        let original_len = u32::try_from(data.len()).unwrap();
        Frame { id: FrameId::new(0, 1), at: Timestamp::from_secs(0), link_type, original_len, data }
    }

    fn tcp_to(port: u16) -> Vec<u8> {
        let mut packet = Vec::new();
        let builder = PacketBuilder::ipv4([192, 0, 2, 10], [192, 0, 2, 20], 64).tcp(40_000, port, 1, 1);
        builder.write(&mut packet, b"x").unwrap();
        packet
    }

    fn ethernet(head: &[u8], packet: &[u8]) -> Vec<u8> {
        [&[0; 12], head, packet].concat()
    }

    #[test]
    fn one_expression_matches_on_every_link_type() {
        let mut filter = FilterProgram::new("tcp port 8883 and host 192.0.2.20").unwrap();
        for (port, expected) in [(8883, true), (443, false)] {
            let packet = tcp_to(port);
            let cases = [
                (LinkType::RAW, packet.clone()),
                (LinkType::IPV4, packet.clone()),
                (LinkType::ETHERNET, ethernet(&[8, 0], &packet)),
                (LinkType::LINUX_SLL2, [&[8, 0], &[0; 18][..], &packet].concat()),
                (LinkType::LINUX_SLL, [&[0; 14], &[8, 0][..], &packet].concat()),
                (LinkType::LOOP, [&[0, 0, 0, 2], &packet[..]].concat()),
            ];
            for (link_type, data) in cases {
                assert_eq!(filter.matches(&frame(link_type, &data)), expected, "{link_type}, port {port}");
            }
        }
    }

    #[test]
    fn a_bad_expression_is_told_in_libpcaps_words() {
        let error = FilterProgram::new("tcp prot 8883").err().unwrap();
        let shown = error.to_string();
        assert!(shown.contains("'tcp prot 8883'") && shown.contains("syntax error"), "{shown}");
    }

    #[test]
    fn an_expression_for_another_link_type_matches_nothing_and_says_why() {
        let mut filter = FilterProgram::new("wlan type data").unwrap();
        assert!(!filter.matches(&frame(LinkType::ETHERNET, &ethernet(&[8, 0], &tcp_to(8883)))));
        assert!(filter.refusal(LinkType::ETHERNET).is_some_and(|words| words.contains("802.11")));
        assert_eq!(filter.refusal(LinkType::IEEE802_11_RADIOTAP), None);
    }

    #[test]
    fn an_unknown_link_type_matches_nothing() {
        let mut filter = FilterProgram::new("tcp").unwrap();
        assert!(!filter.matches(&frame(LinkType(60_000), &tcp_to(8883))));
    }

    fn interests() -> impl Iterator<Item = Interest> {
        let ports = [vec![], vec![8883], vec![8883, 443, 1883]];
        ports.into_iter().flat_map(|ports| {
            [(false, false), (true, false), (false, true), (true, true)].map(|(ipv6, dns)| Interest {
                ports: ports.clone(),
                ipv6,
                dns,
            })
        })
    }

    #[test]
    fn the_kernels_filter_compiles_on_every_link_type() {
        const LINK_TYPES: [LinkType; 12] = [
            LinkType::ETHERNET,
            LinkType::LINUX_SLL,
            LinkType::LINUX_SLL2,
            LinkType::RAW,
            LinkType::NULL,
            LinkType::LOOP,
            LinkType::PPP,
            LinkType::PPP_HDLC,
            LinkType::IPV4,
            LinkType::IPV6,
            LinkType::IEEE802_11,
            LinkType::IEEE802_11_RADIOTAP,
        ];
        for interest in interests() {
            let text = kernel_filter(&interest);
            for link_type in LINK_TYPES {
                // As the kernel gets it: some link types know no IPv6 or no ICMP, and that is no reason to refuse the filter.
                assert_eq!(compile(&text, link_type).err(), None, "{link_type}: {text}");
            }
        }
    }

    #[test]
    fn the_kernels_filter_is_no_narrower_than_the_decoder() {
        let interest = Interest { ports: vec![8883], ipv6: true, dns: true };
        let mut filter = FilterProgram::new(&kernel_filter(&interest)).unwrap();
        let mut passes = |data: &[u8]| filter.matches(&frame(LinkType::ETHERNET, data));

        let segment = tcp_to(8883);
        let with = |edits: &[(usize, u8)]| {
            let mut packet = segment.clone();
            for (index, value) in edits {
                packet[*index] = *value;
            }
            packet
        };
        let kept: [(&str, Vec<u8>); 9] = [
            ("segment", ethernet(&[8, 0], &segment)),
            ("first fragment", ethernet(&[8, 0], &with(&[(6, 0x20)]))),
            ("later fragment", ethernet(&[8, 0], &with(&[(7, 1), (22, 0), (23, 0)]))),
            ("tagged", ethernet(&[0x81, 0, 0, 5, 8, 0], &segment)),
            ("tagged twice", ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0], &segment)),
            ("PPPoE", ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 43, 0, 0x21], &segment)),
            ("ICMP unreachable", ethernet(&[8, 0], &with(&[(9, 1), (20, 3), (21, 13)]))),
            ("IPv6 with hop-by-hop options", ethernet(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 0], &[0; 50])),
            ("DNS", ethernet(&[8, 0], &with(&[(9, 17), (22, 0), (23, 53)]))),
        ];
        for (name, data) in kept {
            assert!(passes(&data), "{name}");
        }
        let dropped: [(&str, Vec<u8>); 3] = [
            ("other port", ethernet(&[8, 0], &tcp_to(443))),
            ("echo request", ethernet(&[8, 0], &with(&[(9, 1), (20, 8)]))),
            ("ARP", ethernet(&[8, 6], &[0; 28])),
        ];
        for (name, data) in dropped {
            assert!(!passes(&data), "{name}");
        }
    }
}

#[cfg(all(test, not(feature = "live")))]
mod tests {
    use super::*;

    #[test]
    fn without_libpcap_an_expression_is_refused_in_a_sentence() {
        let error = FilterProgram::new("tcp").err();
        assert_eq!(error, Some(FilterError::NoLibpcap));
    }
}
