//! Sections, blocks and their damage, from bytes made here.

use super::super::testing::{block, frame, half, pcapng, read_bytes, word};
use super::*;
use crate::frame::FrameId;
use crate::source::info::{Damage, Dropped};
use std::net::{Ipv4Addr, Ipv6Addr};

const LE: ByteOrder = ByteOrder::Little;
const BE: ByteOrder = ByteOrder::Big;

fn section(order: ByteOrder) -> Vec<u8> {
    block(order, 0x0a0d_0d0a, &[0x1a2b_3c4d], &[&half(order, 1)[..], &half(order, 0), &[0xff; 8]].concat())
}

fn interface(order: ByteOrder, link_type: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
    block(order, 1, &[], &[&half(order, link_type)[..], &[0; 2], &word(order, snaplen), options].concat())
}

fn option(order: ByteOrder, code: u16, value: &[u8]) -> Vec<u8> {
    let len = half(order, u16::try_from(value.len()).unwrap());
    let mut bytes = [&half(order, code)[..], &len, value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn packet(order: ByteOrder, interface: u32, time: u32, data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap();
    block(order, 6, &[interface, 0, time, len, len], data)
}

/// A section of one Ethernet interface with these blocks.
fn file(blocks: &[Vec<u8>]) -> Vec<u8> {
    [section(LE), interface(LE, 1, 0, &[]), blocks.concat()].concat()
}

/// Ten frames of 56 bytes of data: 88 bytes each.
fn ten() -> Vec<u8> {
    file(&(0..10).map(|index| packet(LE, 0, index, &[0xab; 56])).collect::<Vec<_>>())
}

fn offset_of_third() -> usize {
    file(&[]).len() + 2 * 88
}

#[test]
fn each_section_has_its_own_byte_order_and_interfaces() {
    let read = read_bytes(
        &[
            section(BE),
            interface(BE, 1, 0, &[]),
            interface(BE, 113, 0, &[]),
            packet(BE, 1, 7, b"cooked"),
            section(LE),
            interface(LE, 101, 0, &[]),
            packet(LE, 0, 9, b"raw"),
        ]
        .concat(),
    );
    let frames: Vec<_> = read.frames.iter().map(|frame| (frame.id.number(), frame.link_type, frame.nanos)).collect();
    assert_eq!(frames, [(1, LinkType::LINUX_SLL, 7_000), (2, LinkType::RAW, 9_000)]);
    assert_eq!(read.info.link_types, [LinkType::ETHERNET, LinkType::LINUX_SLL, LinkType::RAW]);
    assert_eq!((read.info.interfaces.len(), read.info.damaged), (3, vec![]));
}

#[test]
fn each_interface_has_its_own_clock() {
    let read = read_bytes(
        &[
            section(LE),
            interface(LE, 1, 0, &option(LE, 9, &[0x8a])),
            interface(LE, 1, 0, &[option(LE, 9, &[9]), option(LE, 14, &100_i64.to_le_bytes())].concat()),
            packet(LE, 0, 512, b"a"),
            packet(LE, 1, 512, b"b"),
        ]
        .concat(),
    );
    assert_eq!(read.frames.iter().map(|frame| frame.nanos).collect::<Vec<_>>(), [500_000_000, 100_000_000_512]);
}

#[test]
fn simple_and_obsolete_packets_are_frames() {
    let read = read_bytes(
        &[section(LE), interface(LE, 1, 4, &[]), block(LE, 2, &[0, 0, 7, 3, 9], b"old"), block(LE, 3, &[9], b"simp")]
            .concat(),
    );
    let frames: Vec<_> = read.frames.iter().map(|frame| (&frame.data[..], frame.original_len, frame.nanos)).collect();
    assert_eq!(frames, [(&b"old"[..], 9, 7_000), (b"simp", 9, 7_000)]);
}

#[test]
fn what_the_writer_wrote_is_known_again() {
    let counters = InterfaceStatistics { received: Some(5), dropped_by_interface: None, dropped_by_os: Some(2) };
    let read = read_bytes(&pcapng(|writer, id| {
        writer.write_frame(id, &frame(1, b"one"), &["first", "of all"])?;
        writer.write_secrets(b"CLIENT_RANDOM 00 11\n")?;
        writer.write_names(&[(Ipv4Addr::LOCALHOST.into(), "here"), (Ipv6Addr::LOCALHOST.into(), "here.example")])?;
        writer.write_frame(id, &frame(1_700_000_000_123_456_789, b"two!"), &[])?;
        writer.write_interface_statistics(id, Timestamp::from_nanos(2), &counters)
    }));
    assert_eq!(read.data(), [b"one".to_vec(), b"two!".to_vec()]);
    assert_eq!((read.frames[1].nanos, read.info.frame_comments), (1_700_000_000_123_456_789, 2));
    let secrets = &read.info.secrets[0];
    assert_eq!((&secrets.bytes[..], secrets.after), (&b"CLIENT_RANDOM 00 11\n"[..], FrameId::new(0, 1)));
    assert_eq!(secrets.kind, SecretsType::TLS_KEY_LOG);
    let names =
        [(Ipv4Addr::LOCALHOST.into(), "here".to_owned()), (Ipv6Addr::LOCALHOST.into(), "here.example".to_owned())];
    assert_eq!(read.info.names, names);
    assert_eq!(read.info.dropped, Dropped { kernel: Some(2), interface: None });
    assert_eq!((read.info.interfaces[0].statistics, read.info.damaged), (counters, vec![]));
}

#[test]
fn an_interface_describes_itself() {
    let texts: [(u16, &[u8]); 4] = [(2, b"eth0"), (3, b"uplink"), (11, b"\0tcp"), (12, b"Linux")];
    let options = texts.map(|(code, value)| option(BE, code, value)).concat();
    let info = read_bytes(&[section(BE), interface(BE, 1, 96, &options)].concat()).info;
    let found = &info.interfaces[0];
    assert_eq!((&found.name[..], &found.description[..], &found.filter[..]), ("eth0", "uplink", "tcp"));
    assert_eq!((&found.os[..], found.snaplen, info.dropped), ("Linux", 96, Dropped::default()));
}

/// As tshark 4.0 numbers them: a custom block, a journal entry and a system call take a number, an unknown block none.
#[test]
fn blocks_that_wireshark_numbers_take_a_number() {
    for (kind, second) in [(0xbad, 3), (0x4000_0bad, 3), (9, 3), (0x204, 3), (0x8000_0001, 2)] {
        let read =
            read_bytes(&file(&[packet(LE, 0, 1, b"a"), block(LE, kind, &[32_473], b"?"), packet(LE, 0, 2, b"b")]));
        assert_eq!((read.numbers(), read.info.damaged), (vec![1, second], vec![]));
    }
}

#[test]
fn a_malformed_frame_costs_itself() {
    let unknown_interface = packet(LE, 7, 1, b"x");
    let too_long = block(LE, 6, &[0, 0, 1, 5, 5], b"abcd");
    let too_short = block(LE, 6, &[0, 0, 1], &[]);
    for (bad, fault) in
        [(unknown_interface, Fault::UnknownInterface(7)), (too_long, Fault::FrameBlock), (too_short, Fault::FrameBlock)]
    {
        let len = bad.len() as u64;
        let read = read_bytes(&file(&[packet(LE, 0, 1, b"a"), bad, packet(LE, 0, 2, b"b")]));
        assert_eq!(read.numbers(), [1, 3]);
        let offset = file(&[packet(LE, 0, 1, b"a")]).len() as u64;
        assert_eq!(read.info.damaged, [Damage { after: FrameId::new(0, 1), offset, fault, skipped: Some(len) }]);
    }
}

#[test]
fn a_malformed_option_costs_only_the_options() {
    let bad = block(LE, 6, &[0, 0, 1, 4, 4], &[b"data", &option(LE, 1, b"fine")[..], &[1, 0, 0xff, 0]].concat());
    let read = read_bytes(&file(&[bad, packet(LE, 0, 2, b"b")]));
    assert_eq!((read.numbers(), read.info.frame_comments), (vec![1, 2], 1));
    assert_eq!((&read.info.damaged[0].fault, read.info.damaged[0].skipped), (&Fault::Options, Some(0)));
}

#[test]
fn a_malformed_interface_keeps_the_numbers_of_the_others() {
    let blocks = [section(LE), block(LE, 1, &[1], &[]), interface(LE, 113, 0, &[]), packet(LE, 1, 1, b"a")];
    let read = read_bytes(&blocks.concat());
    assert_eq!((read.frames[0].link_type, &read.info.damaged[0].fault), (LinkType::LINUX_SLL, &Fault::Block(1)));
}

#[test]
fn an_impossible_length_costs_one_frame() {
    for len in [0, 4, 11, 0x7fff_ffff, u32::MAX] {
        let mut file = ten();
        file[offset_of_third() + 4..][..4].copy_from_slice(&word(LE, len));
        let read = read_bytes(&file);
        assert_eq!(read.numbers(), [1, 2, 4, 5, 6, 7, 8, 9, 10]);
        let damage = Damage {
            after: FrameId::new(0, 2),
            offset: offset_of_third() as u64,
            fault: Fault::BlockLength(len),
            skipped: Some(88),
        };
        assert_eq!(read.info.damaged, [damage]);
    }
}

#[test]
fn a_wrong_length_costs_one_frame() {
    for len in [40, 92, 96, 300, 4_000, 1 << 20] {
        let mut file = ten();
        file[offset_of_third() + 4..][..4].copy_from_slice(&word(LE, len));
        assert_eq!(read_bytes(&file).numbers(), [1, 2, 4, 5, 6, 7, 8, 9, 10], "{len}");
    }
}

#[test]
fn a_wrong_length_at_the_end_of_a_block_costs_nothing() {
    for frame in [3, 10] {
        let mut file = ten();
        let end = file.len() - (10 - frame) * 88;
        file[end - 4..end].copy_from_slice(&word(LE, 1));
        let read = read_bytes(&file);
        assert_eq!(read.frames.len(), 10);
        assert_eq!(read.info.damaged[0].fault, Fault::BlockEnd { first: 88, last: 1 });
        assert_eq!((read.info.damaged.len(), read.info.damaged[0].skipped), (1, Some(0)));
    }
}

#[test]
fn bytes_that_were_put_in_or_lost_cost_what_they_touch() {
    let put_in = [&ten()[..offset_of_third() + 30], &[0; 5], &ten()[offset_of_third() + 30..]].concat();
    let lost = [&ten()[..offset_of_third() + 30], &ten()[offset_of_third() + 61..]].concat();
    for file in [put_in, lost] {
        let read = read_bytes(&file);
        assert_eq!((read.numbers(), read.info.damaged.len()), (vec![1, 2, 4, 5, 6, 7, 8, 9, 10], 1));
    }
}

#[test]
fn a_length_without_its_padding_is_understood() {
    let mut unpadded = packet(LE, 0, 1, b"abcde");
    let (len, end) = (word(LE, 37), unpadded.len() - 4);
    unpadded[4..8].copy_from_slice(&len);
    unpadded[end..].copy_from_slice(&len);
    let read = read_bytes(&file(&[unpadded, packet(LE, 0, 2, b"b")]));
    assert_eq!((read.numbers(), read.info.damaged), (vec![1, 2], vec![]));
}

#[test]
fn a_cut_off_end_is_told_with_its_place() {
    let file = ten();
    for cut in [1, 40, 80, 87] {
        let read = read_bytes(&file[..file.len() - cut]);
        let offset = (file.len() - 88) as u64;
        let damage = Damage { after: FrameId::new(0, 9), offset, fault: Fault::CutOff, skipped: None };
        assert_eq!((read.frames.len(), read.info.damaged), (9, vec![damage]));
    }
}

#[test]
fn a_section_without_byte_order_is_passed_over() {
    let mut bad = section(BE);
    bad[8] = 0;
    let read = read_bytes(&[ten(), bad, packet(LE, 0, 11, b"more")].concat());
    assert_eq!((read.frames.len(), &read.info.damaged[0].fault), (11, &Fault::SectionHeader));
}
