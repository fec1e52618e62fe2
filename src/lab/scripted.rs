//! Packets written by hand: segments that no honest TCP would send, forged resets, and the questions to a name server.
//!
//! In: what the scenario lists. Out: packets on the wire, at the moments that it names; nobody answers them.

use super::client::from_hex;
use super::packet::{TcpDraft, TcpView, flag, udp};
use super::random::Random;
use super::scenario::{Data, Direction, DnsAnswer, Renewal, Scenario, Segment, Sender};
use super::simulation::Addresses;
use super::wire::Wire;
use crate::net::Endpoint;
use etherparse::TcpOptionElement;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Sends the segments of a scenario.
pub(super) fn play_segments(scenario: &Scenario, addresses: &Addresses, flights: &[Vec<u8>], wire: &mut Wire) {
    let Some(client) = addresses.clients.first() else { return };
    let mut random = Random::derived(scenario.seed, 0x0005_E915);
    let mut talk = Talk::new(Endpoint::new(*client, 49_500), addresses.server, &mut random);
    for segment in &scenario.segment {
        match segment.renew {
            Some(Renewal::Port) => {
                let port = talk.client.port + 1;
                talk = Talk::new(Endpoint::new(*client, port), addresses.server, &mut random);
            }
            Some(Renewal::Isn) => talk = Talk::new(talk.client, addresses.server, &mut random),
            None => {}
        }
        if let Some(packet) = talk.segment(segment, flights) {
            wire.send(segment.at_ms.0, segment.from.direction(), &packet);
        }
    }
}

/// Both ends of a connection that is written by hand: what each has sent so far.
struct Talk {
    client: Endpoint,
    server: Endpoint,
    /// The next sequence numbers: the client's, the server's.
    next: [u32; 2],
}

impl Talk {
    fn new(client: Endpoint, server: Endpoint, random: &mut Random) -> Self {
        let isn = |random: &mut Random| u32::try_from(random.below(1 << 32)).unwrap_or_default();
        Self { client, server, next: [isn(random), isn(random)] }
    }

    fn segment(&mut self, segment: &Segment, flights: &[Vec<u8>]) -> Option<Vec<u8>> {
        let (own, peer, source, destination) = match segment.from {
            Sender::Client => (0, 1, self.client, self.server),
            Sender::Server => (1, 0, self.server, self.client),
        };
        let payload = segment.data.as_ref().map(|data| bytes_of(data, flights)).unwrap_or_default();
        let flags = flags_of(&segment.flags);
        let seq = moved(self.next[own], segment.seq);
        let ack = moved(self.next[peer], segment.ack);
        let mut options = Vec::new();
        if flags & flag::SYN != 0 {
            options.extend([
                TcpOptionElement::MaximumSegmentSize(1460),
                TcpOptionElement::SelectiveAcknowledgementPermitted,
            ]);
        }
        let mut blocks = segment.sack.iter().map(|[from, to]| (moved(ack, *from), moved(ack, *to)));
        if let Some(first) = blocks.next() {
            options.push(TcpOptionElement::SelectiveAcknowledgement(first, [blocks.next(), blocks.next(), None]));
        }
        let draft = TcpDraft {
            source,
            destination,
            hop_limit: segment.hop_limit.unwrap_or(64),
            seq,
            ack,
            flags,
            window: segment.window,
            options: &options,
            payload: &payload,
        };
        let packet = draft.packet()?;
        // A segment that repeats old bytes moves nothing; one that skips some does.
        let end = TcpView::of(&packet)?.next_seq();
        if end.wrapping_sub(self.next[own]) < 1 << 31 {
            self.next[own] = end;
        }
        Some(packet)
    }
}

fn moved(number: u32, by: i64) -> u32 {
    // Sequence numbers wrap: only the low half of the distance counts.
    let by = by.rem_euclid(1 << 32);
    number.wrapping_add(u32::try_from(by).unwrap_or_default())
}

fn flags_of(letters: &str) -> u8 {
    letters.chars().fold(0, |flags, letter| {
        flags
            | match letter {
                'S' => flag::SYN,
                'A' => flag::ACK,
                'F' => flag::FIN,
                'R' => flag::RST,
                'P' => flag::PSH,
                _ => 0,
            }
    })
}

fn bytes_of(data: &Data, flights: &[Vec<u8>]) -> Vec<u8> {
    let flight = |number: usize| flights.get(number).map(Vec::as_slice).unwrap_or_default();
    match data {
        Data::Text(text) => text.clone().into_bytes(),
        Data::Hex(hex) => from_hex(hex),
        Data::Flight(number) => flight(*number).to_vec(),
        Data::Part([number, from, to]) => {
            let bytes = flight(*number);
            bytes.get((*from).min(bytes.len())..(*to).min(bytes.len())).unwrap_or_default().to_vec()
        }
    }
}

/// A reset as a middlebox forges it from a packet that it saw: to the receiver of that packet in its sender's name, or back
/// to its sender in the receiver's (RFC 9293, 3.5.3: acceptable is what is in the window).
pub(super) fn forged_reset(provoking: &[u8], onwards: bool, hop_limit: u8) -> Option<Vec<u8>> {
    let view = TcpView::of(provoking)?;
    let (source, destination, seq, ack) = if onwards {
        (view.source, view.destination, view.next_seq(), view.ack)
    } else {
        (view.destination, view.source, view.ack, view.next_seq())
    };
    let draft = TcpDraft {
        source,
        destination,
        hop_limit,
        seq,
        ack,
        flags: flag::RST | flag::ACK,
        window: 0,
        options: &[],
        payload: &[],
    };
    draft.packet()
}

/// Puts the questions of a scenario, and their answers, on the wire.
pub(super) fn ask_names(scenario: &Scenario, addresses: &Addresses, wire: &mut Wire) {
    let Some(client) = addresses.clients.first() else { return };
    let server = match client {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 0x53)),
    };
    let (asker, resolver) = (Endpoint::new(*client, 40_053), Endpoint::new(server, 53));
    for (id, dns) in (0x1A00_u16..).zip(&scenario.dns) {
        let question = question(id, &dns.name, client.is_ipv6());
        if let Some(packet) = udp(asker, resolver, &question) {
            wire.send(dns.at_ms.0, Direction::ToServer, &packet);
        }
        if let Some(packet) =
            dns.answer.and_then(|kind| udp(resolver, asker, &answer(&question, kind, addresses.server.address)))
        {
            wire.send(dns.at_ms.0 + dns.takes_ms.0, Direction::ToClient, &packet);
        }
    }
}

/// A query for one name, A or AAAA (RFC 1035, 4.1; RFC 3596).
fn question(id: u16, name: &str, ipv6: bool) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        message.push(u8::try_from(label.len().min(63)).unwrap_or_default());
        message.extend(label.bytes().take(63));
    }
    message.extend_from_slice(&[0, 0, if ipv6 { 28 } else { 1 }, 0, 1]);
    message
}

/// The answer to a query.
fn answer(question: &[u8], kind: DnsAnswer, address: IpAddr) -> Vec<u8> {
    let mut message = question.to_vec();
    let (code, answers) = match kind {
        DnsAnswer::Address => (0x80, 1),
        DnsAnswer::Nxdomain => (0x83, 0),
        DnsAnswer::Empty => (0x80, 0),
    };
    for (at, byte) in [(2, 0x81), (3, code), (7, answers)] {
        if let Some(field) = message.get_mut(at) {
            *field = byte;
        }
    }
    if kind == DnsAnswer::Address {
        // The name by a pointer to the question (4.1.4), class IN, 60 seconds.
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let kind = if octets.len() == 4 { 1 } else { 28 };
        message.extend_from_slice(&[
            0xC0,
            12,
            0,
            kind,
            0,
            1,
            0,
            0,
            0,
            60,
            0,
            u8::try_from(octets.len()).unwrap_or_default(),
        ]);
        message.extend(octets);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk() -> Talk {
        let endpoint = |last, port| Endpoint::new(Ipv4Addr::new(192, 0, 2, last).into(), port);
        Talk { client: endpoint(1, 50_000), server: endpoint(2, 8883), next: [u32::MAX - 2, 500] }
    }

    fn view(talk: &mut Talk, segment: &str) -> TcpView {
        let segment: Segment = toml::from_str(&format!("at_ms = 0\n{segment}")).unwrap();
        TcpView::of(&talk.segment(&segment, &[b"flight".to_vec()]).unwrap()).unwrap()
    }

    #[test]
    fn sequence_numbers_follow_what_was_sent_and_wrap() {
        let mut talk = talk();
        assert_eq!(view(&mut talk, "from = 'client'\nflags = 'S'").seq, u32::MAX - 2);
        assert_eq!(view(&mut talk, "from = 'client'\ndata = { text = 'abc' }").seq, u32::MAX - 1);
        assert_eq!(view(&mut talk, "from = 'server'").ack, 1);
    }

    #[test]
    fn what_is_sent_again_moves_nothing() {
        let mut talk = talk();
        view(&mut talk, "from = 'server'\ndata = { flight = 0 }");
        assert_eq!(view(&mut talk, "from = 'server'\nseq = -6\ndata = { part = [0, 0, 3] }").seq, 500);
        assert_eq!(view(&mut talk, "from = 'server'").seq, 506);
    }

    #[test]
    fn a_selective_acknowledgement_names_what_came_behind_the_hole() {
        let mut talk = talk();
        view(&mut talk, "from = 'server'\ndata = { flight = 0 }");
        let segment: Segment = toml::from_str("at_ms = 0\nfrom = 'client'\nack = -6\nsack = [[2, 6]]").unwrap();
        let packet = talk.segment(&segment, &[]).unwrap();
        // Kind 5, length 10, the two edges (RFC 2018, 3).
        assert_eq!(packet[40..50], [5, 10, 0, 0, 1, 246, 0, 0, 1, 250]);
    }
}
