//! Datagram → DNS question or answer (RFC 1035, 4.1) over UDP, as evidence for what led to a connection or to none.
//!
//! Names are hostile: they are bounded, escaped, and a compression pointer must point backwards, so that none can loop.

use super::captured::Captured;
use super::ip::Datagram;
use super::skip::Skip;
use crate::frame::{Frame, FrameId};
use crate::net::Endpoint;
use crate::pack::packed;
use crate::time::Timestamp;
use smallvec::SmallVec;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A DNS question or answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsMessage {
    /// The frame that carried it.
    pub frame: FrameId,
    /// When that frame was captured.
    pub at: Timestamp,
    /// Who asks.
    pub client: Endpoint,
    /// Who is asked.
    pub resolver: Endpoint,
    /// What an answer has in common with its question.
    pub id: u16,
    /// Whether it is an answer.
    pub is_response: bool,
    /// How the answer turned out.
    pub rcode: Rcode,
    /// Not all of the answer is here: the resolver, the capture or damage cut it. A missing address then proves nothing.
    pub truncated: bool,
    /// What is asked for.
    pub question: Option<Question>,
    /// The addresses of the answer, in its order; 64 at most.
    pub addresses: SmallVec<[IpAddr; 4]>,
    /// The names that the answer's CNAME records lead to, in its order; 64 at most.
    pub aliases: Vec<String>,
    /// The shortest time to live of the answer's addresses and aliases, in seconds.
    pub min_ttl: Option<u32>,
}

packed! {
    struct DnsMessage {
        frame, at, client, resolver, id, is_response, rcode, truncated, question, addresses, aliases, min_ttl,
    }
}

/// `A broker.example` or `A broker.example: 192.0.2.20`, or the error by its name.
impl fmt::Display for DnsMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(question) = &self.question {
            write!(f, "{} {}", question.query_type, question.name)?;
        }
        if !self.is_response {
            return Ok(());
        }
        if self.rcode != Rcode::NO_ERROR {
            return write!(f, ": {}", self.rcode);
        }
        if self.addresses.is_empty() {
            return f.write_str(": no address");
        }
        for (index, address) in self.addresses.iter().enumerate() {
            write!(f, "{} {address}", if index == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// What a DNS message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name as it was sent, without the final dot. Compare without regard to case (RFC 4343).
    pub name: String,
    /// The type of record.
    pub query_type: QueryType,
}

packed! { struct Question { name, query_type } }

/// How an answer turned out (RFC 1035, 4.1.1; RFC 6895, 2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rcode(pub u8);

packed! { struct Rcode(_) }

impl Rcode {
    /// No error; without records the name exists, but has none of this type.
    pub const NO_ERROR: Self = Self(0);
    /// The resolver could not read the question.
    pub const FORMAT_ERROR: Self = Self(1);
    /// The resolver failed.
    pub const SERVER_FAILURE: Self = Self(2);
    /// The name does not exist.
    pub const NAME_ERROR: Self = Self(3);
    /// The resolver does not know this kind of question.
    pub const NOT_IMPLEMENTED: Self = Self(4);
    /// The resolver refuses by its policy.
    pub const REFUSED: Self = Self(5);
}

/// IANA's name, or the number in hex.
impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::NO_ERROR => "NOERROR",
            Self::FORMAT_ERROR => "FORMERR",
            Self::SERVER_FAILURE => "SERVFAIL",
            Self::NAME_ERROR => "NXDOMAIN",
            Self::NOT_IMPLEMENTED => "NOTIMP",
            Self::REFUSED => "REFUSED",
            Self(other) => return write!(f, "{other:#04x}"),
        })
    }
}

/// The type of a record (RFC 1035, 3.2.2 and 3.2.3; the IANA registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueryType(pub u16);

packed! { struct QueryType(_) }

impl QueryType {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// The canonical name of an alias.
    pub const CNAME: Self = Self(5);
    /// A name for an address.
    pub const PTR: Self = Self(12);
    /// Text.
    pub const TXT: Self = Self(16);
    /// An IPv6 address (RFC 3596).
    pub const AAAA: Self = Self(28);
    /// Host and port of a service (RFC 2782).
    pub const SRV: Self = Self(33);
    /// Parameters of a service (RFC 9460).
    pub const SVCB: Self = Self(64);
    /// Parameters of an HTTPS service (RFC 9460).
    pub const HTTPS: Self = Self(65);
    /// All records.
    pub const ANY: Self = Self(255);
}

/// The registry's name, or the number in hex.
impl fmt::Display for QueryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match *self {
            Self::A => "A",
            Self::CNAME => "CNAME",
            Self::PTR => "PTR",
            Self::TXT => "TXT",
            Self::AAAA => "AAAA",
            Self::SRV => "SRV",
            Self::SVCB => "SVCB",
            Self::HTTPS => "HTTPS",
            Self::ANY => "ANY",
            Self(other) => return write!(f, "{other:#06x}"),
        })
    }
}

const PORT: u16 = 53;
/// Questions, and answers, that are read of one message; what is beyond counts as cut.
const RECORDS_MAX: u16 = 64;

/// Whether one of the two UDP ports is DNS's.
pub(super) const fn is_port(ports: (u16, u16)) -> bool {
    ports.0 == PORT || ports.1 == PORT
}

/// Reads a standard query (opcode 0) or the answer to one.
pub(super) fn message(datagram: &Datagram<'_>, ports: (u16, u16), frame: &Frame<'_>) -> Result<DnsMessage, Skip> {
    const RESPONSE: u8 = 0x80;
    const OPCODE_MASK: u8 = 0x78;
    const TRUNCATED: u8 = 0x02;
    const RCODE_MASK: u8 = 0x0f;

    let body = udp_payload(datagram.payload)?;
    let header = body.head::<12>()?;
    let [id @ .., flags, more_flags, a, b, c, d, _, _, _, _] = *header;
    let is_response = flags & RESPONSE != 0;
    let source = Endpoint::new(datagram.header.source(), ports.0);
    let destination = Endpoint::new(datagram.header.destination(), ports.1);
    let (client, resolver) = if is_response { (destination, source) } else { (source, destination) };
    if resolver.port != PORT || flags & OPCODE_MASK != 0 {
        return Err(Skip::NotDns);
    }
    let mut message = DnsMessage {
        frame: frame.id,
        at: frame.at,
        client,
        resolver,
        id: u16::from_be_bytes(id),
        is_response,
        rcode: Rcode(more_flags & RCODE_MASK),
        truncated: flags & TRUNCATED != 0,
        question: None,
        addresses: SmallVec::new(),
        aliases: Vec::new(),
        min_ttl: None,
    };
    let mut reader = Reader { message: body.bytes(), at: header.len() };
    let answers = if is_response { u16::from_be_bytes([c, d]) } else { 0 };
    let complete = message.read_sections(&mut reader, u16::from_be_bytes([a, b]), answers);
    message.truncated |= complete.is_none();
    Ok(message)
}

/// What follows the UDP header (RFC 768), without what the IP packet holds beyond the datagram.
fn udp_payload(datagram: Captured<'_>) -> Result<Captured<'_>, Skip> {
    const HEADER_LEN: usize = 8;
    let len = usize::from(datagram.u16_at(4)?);
    let datagram = if (HEADER_LEN..datagram.wire_len()).contains(&len) { datagram.of_len(len) } else { datagram };
    datagram.after(HEADER_LEN)
}

impl DnsMessage {
    /// Reads questions and answers as far as they are here; nothing where something was missing.
    fn read_sections(&mut self, reader: &mut Reader<'_>, questions: u16, answers: u16) -> Option<()> {
        for _ in 0..questions.min(RECORDS_MAX) {
            let name = reader.name()?;
            let query_type = QueryType(reader.u16()?);
            let _class = reader.u16()?;
            self.question.get_or_insert(Question { name, query_type });
        }
        for _ in 0..answers.min(RECORDS_MAX) {
            let _owner = reader.name()?;
            let query_type = QueryType(reader.u16()?);
            let _class = reader.u16()?;
            let ttl = reader.u32()?;
            let data_len = usize::from(reader.u16()?);
            self.read_record(query_type, ttl, reader, data_len)?;
        }
        (questions.max(answers) <= RECORDS_MAX).then_some(())
    }

    fn read_record(&mut self, query_type: QueryType, ttl: u32, reader: &mut Reader<'_>, data_len: usize) -> Option<()> {
        let data = reader.message.get(reader.at..)?.get(..data_len)?;
        let address = match query_type {
            QueryType::A => <[u8; 4]>::try_from(data).ok().map(|octets| IpAddr::from(Ipv4Addr::from(octets))),
            QueryType::AAAA => <[u8; 16]>::try_from(data).ok().map(|octets| IpAddr::from(Ipv6Addr::from(octets))),
            _ => None,
        };
        if let Some(address) = address {
            self.addresses.push(address);
        } else if query_type == QueryType::CNAME {
            self.aliases.push(Reader { ..*reader }.name()?);
        }
        if matches!(query_type, QueryType::A | QueryType::AAAA | QueryType::CNAME) {
            self.min_ttl = Some(self.min_ttl.map_or(ttl, |least| least.min(ttl)));
        }
        reader.at += data_len;
        Some(())
    }
}

/// A place in a message.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.message.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_be_bytes)
    }

    /// A name (RFC 1035, 3.1 and 4.1.4): at most 255 bytes on the wire, which makes four times as many characters where each
    /// is escaped. A pointer leads to before the name or pointer it stands in; what a loop needs.
    fn name(&mut self) -> Option<String> {
        const POINTER: u8 = 0xc0;
        const WIRE_MAX: usize = 255;

        let mut name = String::new();
        let mut wire_len = 1;
        let mut begin = self.at;
        let mut after_pointer = None;
        loop {
            let [len] = self.bytes()?;
            match (len & POINTER, usize::from(len & !POINTER)) {
                (0, 0) => break,
                (0, len) => {
                    wire_len += len + 1;
                    if wire_len > WIRE_MAX {
                        return None;
                    }
                    let label = self.message.get(self.at..)?.get(..len)?;
                    self.at += len;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    push_label(&mut name, label);
                }
                (POINTER, high) => {
                    let [low] = self.bytes()?;
                    let target = high << 8 | usize::from(low);
                    if target >= begin {
                        return None;
                    }
                    after_pointer.get_or_insert(self.at);
                    (self.at, begin) = (target, target);
                }
                _ => return None,
            }
        }
        self.at = after_pointer.unwrap_or(self.at);
        if name.is_empty() {
            name.push('.');
        }
        Some(name)
    }
}

/// Adds a label, escaped (RFC 4343, 2.1): dots and backslashes by a backslash, what does not print as three decimal digits.
fn push_label(name: &mut String, label: &[u8]) {
    for &byte in label {
        match byte {
            b'.' | b'\\' => name.extend(['\\', char::from(byte)]),
            b'!'..=b'~' => name.push(char::from(byte)),
            _ => name.extend(['\\', digit(byte / 100), digit(byte / 10), digit(byte)]),
        }
    }
}

fn digit(number: u8) -> char {
    char::from(b'0' + number % 10)
}

#[cfg(test)]
mod tests {
    use super::super::Decoded;
    use super::super::testing::{self, CLIENT, SERVER, decoder, frame, skip};
    use super::*;
    use crate::frame::LinkType;

    /// A message of so many questions and answers, with flags as on the wire.
    fn dns(flags: u16, questions: u16, answers: u16, sections: &[u8]) -> Vec<u8> {
        let mut message = vec![0x12, 0x34];
        for field in [flags, questions, answers, 0, 0] {
            message.extend(field.to_be_bytes());
        }
        [&message, sections].concat()
    }

    fn decode(ports: (u16, u16), message: &[u8]) -> Decoded<'static> {
        let packet = testing::udp(ports, message);
        match decoder().decode(&frame(LinkType::RAW, &packet)) {
            Decoded::Dns(message) => Decoded::Dns(message),
            other => Decoded::Skipped(skip(&other)),
        }
    }

    #[track_caller]
    fn read(ports: (u16, u16), message: &[u8]) -> DnsMessage {
        match decode(ports, message) {
            Decoded::Dns(message) => message,
            other => panic!("no DNS: {other:?}"),
        }
    }

    const QUESTION: &[u8] = b"\x06broker\x07example\x00\x00\x01\x00\x01";
    const RESPONSE: u16 = 0x8180;

    #[test]
    fn a_question_names_what_is_asked_of_whom() {
        let message = read((5353, 53), &dns(0x0100, 1, 0, QUESTION));
        assert_eq!(
            (message.client, message.resolver),
            (Endpoint::new(CLIENT.into(), 5353), Endpoint::new(SERVER.into(), 53))
        );
        assert_eq!((message.id, message.is_response, message.truncated), (0x1234, false, false));
        let question = message.question.unwrap();
        assert_eq!((question.name.as_str(), question.query_type), ("broker.example", QueryType::A));
    }

    #[test]
    fn an_answer_is_followed_through_its_aliases() {
        // broker.example CNAME edge.example (compressed), then A and AAAA of that.
        let answers = [
            QUESTION,
            b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x01\x2c\x00\x07\x04edge\xc0\x13",
            b"\xc0\x2c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x14",
            b"\xc0\x2c\x00\x1c\x00\x01\x00\x00\x00\x78\x00\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x14",
        ]
        .concat();
        let message = read((53, 5353), &dns(RESPONSE, 1, 3, &answers));
        assert_eq!(message.client, Endpoint::new(SERVER.into(), 5353));
        assert_eq!((message.is_response, message.rcode, message.truncated), (true, Rcode::NO_ERROR, false));
        assert_eq!(message.aliases, ["edge.example"]);
        let expected: [IpAddr; 2] = [SERVER.into(), "2001:db8::14".parse().unwrap()];
        assert_eq!(message.addresses[..], expected);
        assert_eq!(message.min_ttl, Some(60));
    }

    #[test]
    fn a_name_that_does_not_exist() {
        let message = read((53, 5353), &dns(RESPONSE | 3, 1, 0, QUESTION));
        assert_eq!((message.rcode, message.rcode.to_string().as_str()), (Rcode::NAME_ERROR, "NXDOMAIN"));
        assert!(message.addresses.is_empty() && !message.truncated);
    }

    #[test]
    fn a_missing_part_of_the_answer_shows() {
        assert!(read((53, 5353), &dns(RESPONSE | 0x0200, 1, 0, QUESTION)).truncated, "the TC bit");
        let cut = read((53, 5353), &dns(RESPONSE, 1, 1, QUESTION));
        assert!(cut.truncated && cut.question.is_some(), "an answer is announced that is not there");
    }

    #[test]
    fn hostile_names_are_escaped() {
        let name = |wire: &[u8]| Reader { message: wire, at: 0 }.name();
        assert_eq!(name(b"\x03a.b\x02\\\x00\x00").as_deref(), Some("a\\.b.\\\\\\000"));
        assert_eq!(name(b"\x04\x1b[0m\x02\xff \x00").as_deref(), Some("\\027[0m.\\255\\032"));
        assert_eq!(name(b"\x00").as_deref(), Some("."));
    }

    #[test]
    fn names_are_bounded_and_pointers_cannot_loop() {
        let name = |wire: &[u8], at| Reader { message: wire, at }.name();
        let label = |len: u8| [&[len], &vec![b'a'; usize::from(len)][..]].concat();
        // RFC 1035, 2.3.4: 255 bytes with lengths and the root; one more is too long.
        let longest = [label(63), label(63), label(63), label(61), vec![0]].concat();
        assert_eq!(name(&longest, 0).map(|name| name.len()), Some(253));
        assert_eq!(name(&[label(63), label(63), label(63), label(62), vec![0]].concat(), 0), None);
        // To itself; forwards; to each other; to the label in front, again and again.
        assert_eq!(name(&[0xc0, 0], 0), None);
        assert_eq!(name(&[0xc0, 2, 0], 0), None);
        assert_eq!(name(&[0xc0, 2, 0xc0, 0], 2), None);
        assert_eq!(name(b"\x01a\xc0\x00", 0), None);
        assert_eq!(name(b"\x80\x00", 0), None, "reserved label type");
        // Backwards is what pointers are for.
        assert_eq!(name(b"\x01a\x00\x01b\xc0\x00", 3).as_deref(), Some("b.a"));
    }

    #[test]
    fn what_is_no_dns_is_told_apart() {
        // A dynamic update (opcode 5); an answer that does not come from port 53.
        assert_eq!(skip(&decode((5353, 53), &dns(0x2800, 1, 0, QUESTION))), Skip::NotDns);
        assert_eq!(skip(&decode((5353, 53), &dns(RESPONSE, 1, 0, QUESTION))), Skip::NotDns);
        assert_eq!(skip(&decode((5353, 53), b"short")), Skip::Malformed);
        assert_eq!(skip(&decode((5353, 5353), &dns(0x0100, 1, 0, QUESTION))), Skip::OtherProtocol);
    }

    #[test]
    fn numbers_without_a_name_are_hex() {
        assert_eq!((Rcode(11).to_string(), QueryType(0xff01).to_string()), ("0x0b".into(), "0xff01".into()));
        assert_eq!(QueryType::HTTPS.to_string(), "HTTPS");
    }
}
