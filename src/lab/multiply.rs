//! Many connections out of few: copies of recordings, interleaved, for benches and floods.
//!
//! In: recordings, how many copies, a seed. Out: one pcapng file in the order of time. Each copy has its own addresses,
//! hello randoms, session ids and key shares, and its checksums are right; all else is the original's. The secrets stay
//! out: those of TLS 1.2 would not fit the new randoms.

use super::packet::{TcpView, flag, repair_checksums};
use super::random::Random;
use super::recording::Recording;
use super::scenario::LabError;
use super::varying::{Patch, Streams};
use crate::frame::{Frame, FrameId, LinkType};
use crate::pcapng::{Interface, InterfaceId, Section, Writer};
use crate::time::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Multiplied {
    /// Copies of recordings, each with all of its connections.
    pub copies: u64,
    /// Frames.
    pub frames: u64,
}

/// The time between the beginnings of two copies.
const SPACING: Duration = Duration::from_millis(1);

/// Writes `copies` copies of every recording into one capture. Memory grows with the copies that overlap in time, not with
/// the frames.
///
/// # Errors
/// Those of the writer.
pub fn multiply<W: Write>(recordings: &[Recording], copies: u32, seed: u64, to: W) -> Result<Multiplied, LabError> {
    let mut writer = Writer::new(to, &Section { application: "iotcap lab", ..Section::default() })?;
    let templates: Vec<Template> =
        recordings.iter().filter(|recording| !recording.frames.is_empty()).map(Template::of).collect();
    let interfaces = describe(&mut writer, &templates)?;
    let Some(begin) = templates.iter().filter_map(|template| template.frames.first()).map(|frame| frame.at).min()
    else {
        return Ok(Multiplied::default());
    };
    let total = u64::from(copies) * templates.len() as u64;
    let mut running: BinaryHeap<Reverse<(Timestamp, u64, usize)>> = BinaryHeap::new();
    let (mut started, mut frames) = (0_u64, 0_u64);
    let mut scratch = Vec::new();
    loop {
        let starts = begin + SPACING * u32::try_from(started).unwrap_or(u32::MAX);
        let due = running.peek().map(|Reverse((at, _, _))| *at);
        if started < total && due.is_none_or(|due| starts <= due) {
            running.push(Reverse((starts, started, 0)));
            started += 1;
            continue;
        }
        let Some(Reverse((at, copy, number))) = running.pop() else { break };
        let which = usize::try_from(copy % templates.len() as u64).unwrap_or_default();
        let (Some(template), Some(interface)) = (templates.get(which), interfaces.get(which)) else { continue };
        let Some(frame) = template.frames.get(number) else { continue };
        frames += 1;
        template.vary(frame, copy, seed, &mut scratch);
        let written = Frame {
            id: FrameId::new(0, frames),
            at,
            link_type: template.link_type,
            original_len: frame.original_len,
            data: &scratch,
        };
        writer.write_frame(*interface, &written, &[])?;
        if let Some(next) = template.frames.get(number + 1) {
            running.push(Reverse((at + next.at.since(frame.at), copy, number + 1)));
        }
    }
    writer.flush()?;
    Ok(Multiplied { copies: total, frames })
}

/// One interface for each link type; returns the one of each template.
fn describe<W: Write>(writer: &mut Writer<W>, templates: &[Template]) -> Result<Vec<InterfaceId>, LabError> {
    let mut known: Vec<(LinkType, InterfaceId)> = Vec::new();
    for template in templates {
        if known.iter().all(|(link_type, _)| *link_type != template.link_type) {
            let interface = Interface {
                link_type: template.link_type,
                snaplen: 0,
                name: "wire0",
                description: "virtual wire",
                filter: "",
            };
            known.push((template.link_type, writer.add_interface(&interface)?));
        }
    }
    let of =
        |template: &Template| known.iter().find(|(link_type, _)| *link_type == template.link_type).map(|(_, id)| *id);
    Ok(templates.iter().filter_map(of).collect())
}

/// A recording, and where its copies differ.
struct Template {
    link_type: LinkType,
    frames: Vec<TemplateFrame>,
    /// The addresses that servers have, and all others.
    servers: Vec<IpAddr>,
    clients: Vec<IpAddr>,
}

struct TemplateFrame {
    at: Timestamp,
    original_len: u32,
    data: Vec<u8>,
    /// Where the IP packet begins.
    ip_at: usize,
    patches: Vec<Patch>,
}

impl Template {
    fn of(recording: &Recording) -> Self {
        let mut streams = Streams::default();
        let mut template =
            Self { link_type: recording.link_type, frames: Vec::new(), servers: Vec::new(), clients: Vec::new() };
        for frame in &recording.frames {
            let ip_at = link_header_len(recording.link_type, &frame.data);
            let packet = frame.data.get(ip_at..).unwrap_or_default();
            if let Some(view) = TcpView::of(packet) {
                template.learn(&view);
                streams.add(&view, packet);
            }
            template.frames.push(TemplateFrame {
                at: frame.at,
                original_len: frame.original_len,
                data: frame.data.clone(),
                ip_at,
                patches: Vec::new(),
            });
        }
        let varying = streams.varying();
        for frame in &mut template.frames {
            let packet = frame.data.get(frame.ip_at..).unwrap_or_default();
            if let Some(view) = TcpView::of(packet) {
                frame.patches = varying.patches(&view, frame.ip_at);
            }
        }
        template
    }

    fn learn(&mut self, view: &TcpView) {
        let server = if view.has(flag::SYN | flag::ACK) {
            Some(view.source.address)
        } else if view.has(flag::SYN) {
            Some(view.destination.address)
        } else {
            None
        };
        self.servers.extend(server.filter(|server| !self.servers.contains(server)));
        for address in [view.source.address, view.destination.address] {
            if !self.clients.contains(&address) {
                self.clients.push(address);
            }
        }
    }

    /// Writes the frame of one copy into `scratch`.
    fn vary(&self, frame: &TemplateFrame, copy: u64, seed: u64, scratch: &mut Vec<u8>) {
        scratch.clear();
        scratch.extend_from_slice(&frame.data);
        for patch in &frame.patches {
            patch.apply(scratch, |value| Random::derived(seed, copy.wrapping_mul(0x1_0001).wrapping_add(value)));
        }
        let Some(packet) = scratch.get_mut(frame.ip_at..) else { return };
        self.move_addresses(packet, copy);
        // What was cut off cannot be summed.
        if frame.original_len as usize == frame.data.len() {
            repair_checksums(packet);
        }
    }

    /// Replaces the addresses of a packet, of the packet that an ICMP error quotes, and of a name server's answer.
    fn move_addresses(&self, packet: &mut [u8], copy: u64) {
        let ipv4 = match packet.first().map(|first| first >> 4) {
            Some(4) => true,
            Some(6) => false,
            _ => return,
        };
        let at: &[usize] = if ipv4 { &[12, 16] } else { &[8, 24] };
        for at in at {
            self.move_address(packet, *at, ipv4, copy);
        }
        let protocol = packet.get(if ipv4 { 9 } else { 6 }).copied();
        match (ipv4, protocol) {
            // ICMP: the quoted packet begins behind 20 + 8 bytes.
            (true, Some(1)) => {
                for at in [40, 44] {
                    self.move_address(packet, at, true, copy);
                }
                if let Some(quoted) = packet.get_mut(28..) {
                    repair_checksums(quoted);
                }
            }
            // UDP: the lab's answers end with the address.
            (_, Some(17)) => {
                let width = if ipv4 { 4 } else { 16 };
                if let Some(at) = packet.len().checked_sub(width).filter(|at| *at >= 40) {
                    self.move_address(packet, at, ipv4, copy);
                }
            }
            _ => {}
        }
    }

    fn move_address(&self, packet: &mut [u8], at: usize, ipv4: bool, copy: u64) {
        let Some(field) = packet.get_mut(at..at + if ipv4 { 4 } else { 16 }) else { return };
        let old = match <[u8; 4]>::try_from(&*field) {
            Ok(octets) => IpAddr::from(octets),
            Err(_) => match <[u8; 16]>::try_from(&*field) {
                Ok(octets) => IpAddr::from(octets),
                Err(_) => return,
            },
        };
        let is_server = self.servers.contains(&old);
        let Some(place) = self.clients.iter().position(|address| *address == old) else { return };
        match moved(old, is_server, place, copy) {
            IpAddr::V4(new) => field.copy_from_slice(&new.octets()),
            IpAddr::V6(new) => field.copy_from_slice(&new.octets()),
        }
    }
}

/// The address of a copy: devices in 10.0.0.0/8 (sixteen places a copy), brokers in 198.18.0.0/15 (RFC 2544), and so in the
/// low half of IPv6 addresses.
fn moved(old: IpAddr, is_server: bool, place: usize, copy: u64) -> IpAddr {
    let place = copy.wrapping_mul(16).wrapping_add(place as u64 & 15);
    match old {
        IpAddr::V4(_) if is_server => {
            let low = u32::try_from(copy % (1 << 17)).unwrap_or_default();
            Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() | low).into()
        }
        IpAddr::V4(_) => {
            let low = u32::try_from(place % (1 << 24)).unwrap_or_default();
            Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() | low).into()
        }
        IpAddr::V6(old) => Ipv6Addr::from_bits(((old.to_bits() >> 64) << 64) | u128::from(place | (1 << 62))).into(),
    }
}

/// How many bytes come before the IP packet.
fn link_header_len(link_type: LinkType, data: &[u8]) -> usize {
    match link_type {
        LinkType::ETHERNET if data.get(12..14) == Some(&[0x81, 0x00]) => 18,
        LinkType::ETHERNET => 14,
        LinkType::NULL => 4,
        LinkType::LINUX_SLL => 16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{find, run};
    use super::*;
    use crate::net::Endpoint;
    use std::collections::{BTreeMap, BTreeSet};

    fn recording(name: &str) -> Recording {
        run(&find(name).unwrap().scenario().unwrap()).unwrap()
    }

    /// The IP packets of a multiplied capture, by way of another pcapng reader.
    fn packets(file: &[u8]) -> Vec<Vec<u8>> {
        use pcap_file::pcapng::{Block, PcapNgReader};
        let mut reader = PcapNgReader::new(file).unwrap();
        let mut packets = Vec::new();
        while let Some(block) = reader.next_block() {
            if let (Block::EnhancedPacket(packet), _) = block.unwrap() {
                packets.push(packet.data[14..].to_vec());
            }
        }
        packets
    }

    #[test]
    fn copies_differ_in_addresses_and_hellos_and_keep_their_checksums() {
        let original = recording("healthy-tls12");
        let mut file = Vec::new();
        let multiplied = multiply(std::slice::from_ref(&original), 50, 1, &mut file).unwrap();
        assert_eq!((multiplied.copies, multiplied.frames), (50, 50 * original.frames.len() as u64));

        let packets = packets(&file);
        let (mut clients, mut hellos) = (BTreeSet::new(), BTreeSet::new());
        for packet in &packets {
            let mut repaired = packet.clone();
            repair_checksums(&mut repaired);
            assert_eq!(&repaired, packet);
            let view = TcpView::of(packet).unwrap();
            if view.has(flag::SYN) && !view.has(flag::ACK) {
                clients.insert(view.source.address);
            }
            if let [0x16, _, _, _, _, 0x01, hello @ ..] = &packet[view.payload.clone()] {
                // Length and version come before the random.
                hellos.insert(hello[5..37].to_vec());
            }
        }
        assert_eq!((clients.len(), hellos.len()), (50, 50));
    }

    #[test]
    fn copies_overlap_in_time_and_are_in_order() {
        let mut file = Vec::new();
        multiply(&[recording("healthy-tls13"), recording("healthy-tls12")], 20, 1, &mut file).unwrap();
        let packets = packets(&file);
        let syns =
            packets.iter().take(100).filter_map(|packet| TcpView::of(packet)).filter(|view| view.flags == flag::SYN);
        assert!(syns.count() > 30, "connections are not interleaved");
    }

    /// The bytes of every stream of a capture by their sequence numbers; panics where two segments disagree.
    fn streams(packets: &[Vec<u8>]) -> BTreeMap<(Endpoint, Endpoint), BTreeMap<u32, u8>> {
        let mut streams: BTreeMap<_, BTreeMap<u32, u8>> = BTreeMap::new();
        for packet in packets {
            let view = TcpView::of(packet).unwrap();
            let stream = streams.entry((view.source, view.destination)).or_default();
            for (seq, byte) in (view.seq..).zip(&packet[view.payload.clone()]) {
                assert_eq!(*stream.entry(seq).or_insert(*byte), *byte, "two segments disagree");
            }
        }
        streams
    }

    #[test]
    fn a_value_is_the_same_wherever_it_is_sent_again() {
        for name in ["healthy-overlap-tls13", "healthy-post-quantum-hello", "client-hello-lost"] {
            let mut file = Vec::new();
            multiply(&[recording(name)], 1, 1, &mut file).unwrap();
            assert!(!streams(&packets(&file)).is_empty(), "{name}");
        }
    }

    #[test]
    fn the_answer_repeats_the_session_id_of_the_question() {
        let mut file = Vec::new();
        multiply(&[recording("healthy-tls13")], 1, 9, &mut file).unwrap();
        let hellos: Vec<Vec<u8>> =
            streams(&packets(&file)).into_values().map(|stream| stream.into_values().collect()).collect();
        // Record header 5, message header 4, version 2, random 32, the length of the session id.
        let session_id = |hello: &[u8]| hello[44..76].to_vec();
        assert_eq!((hellos[0][43], session_id(&hellos[0])), (32, session_id(&hellos[1])));
        let original = recording("healthy-tls13");
        assert!(
            !original.frames.iter().any(|frame| frame.data.windows(32).any(|bytes| bytes == session_id(&hellos[0])))
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_file() {
        let original = [recording("hello-retry"), recording("icmp-unreachable-host"), recording("slow-name")];
        let file = |seed| {
            let mut file = Vec::new();
            multiply(&original, 3, seed, &mut file).unwrap();
            file
        };
        assert_eq!(file(1), file(1));
        assert_ne!(file(1), file(2));
    }
}
