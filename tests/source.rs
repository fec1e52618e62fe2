//! The reader and the writer beside other programs: capinfos on the folder that IOTCAP_CORPUS names, and two other
//! libraries on generated files. Then what holds for any bytes: cut anywhere, changed anywhere.

use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::pcapng::{Interface, InterfaceStatistics, Section, Writer};
use iotcap::source::{self, CaptureInfo, FileSource, Source};
use iotcap::time::Timestamp;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapTsResolution, PcapWriter};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::{Block, PcapNgBlock, PcapNgReader, PcapNgWriter};
use pcap_file::{DataLink, Endianness};
use pcap_parser::PcapBlockOwned;
use pcap_parser::traits::PcapNGPacketBlock;
use proptest::collection::vec;
use proptest::prelude::*;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What a file comes to: the number of its last frame, the sum of original lengths, the earliest and latest time in
/// nanoseconds.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    frames: u64,
    bytes: u64,
    times: Option<(i64, i64)>,
}

/// What we read; or the sentence that tells of damage or of a refusal.
fn ours(path: &Path) -> Result<Sums, String> {
    let mut source = source::open(&[path.to_owned()]).map_err(|error| error.to_string())?;
    let mut sums = Sums::default();
    while let Some(frame) = source.next_frame() {
        assert!(frame.id.number() > sums.frames, "{}: frame numbers ascend", path.display());
        sums.frames = frame.id.number();
        sums.bytes += u64::from(frame.original_len);
        let at = frame.at.as_nanos();
        let (first, last) = sums.times.unwrap_or((at, at));
        sums.times = Some((first.min(at), last.max(at)));
    }
    match source.info().damaged.first() {
        Some(damage) => Err(format!("{}: {damage}", path.display())),
        None => Ok(sums),
    }
}

/// What capinfos reads, where it reads a pcap or pcapng file to its end.
fn capinfos(path: &Path) -> Option<Sums> {
    let output = Command::new("capinfos").args(["-MTrtcdaeS"]).arg(path).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let [_, kind, frames, bytes, first, last] = text.trim().split('\t').collect::<Vec<_>>().try_into().ok()?;
    let times = nanos(first).zip(nanos(last));
    let sums = Sums { frames: frames.parse().ok()?, bytes: bytes.parse().ok()?, times };
    (output.status.success() && kind.contains("pcap")).then_some(sums)
}

/// Seconds with decimals, as nanoseconds.
fn nanos(seconds: &str) -> Option<i64> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    Some(whole.parse::<i64>().ok()? * 1_000_000_000 + format!("{fraction:0<9}").parse::<i64>().ok()?)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

#[test]
fn every_file_of_the_corpus_is_read_as_wireshark_reads_it() {
    let Some(corpus) = std::env::var_os("IOTCAP_CORPUS") else {
        println!("skipped: IOTCAP_CORPUS names no folder");
        return;
    };
    if Command::new("capinfos").arg("--version").output().is_err() {
        println!("skipped: capinfos is not installed");
        return;
    }
    let mut differing = Vec::new();
    let mut compared = 0;
    for path in files_below(Path::new(&corpus)) {
        match (ours(&path), capinfos(&path)) {
            (ours, None) => {
                println!("not read by capinfos: {}", ours.map_or_else(|refusal| refusal, |sums| format!("{sums:?}")));
            }
            (ours, Some(expected)) => {
                compared += 1;
                if ours.as_ref() != Ok(&expected) {
                    differing.push(format!("{}: {ours:?}, not {expected:?}", path.display()));
                }
            }
        }
    }
    println!("{compared} files compared");
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn wireshark_reads_what_is_written() {
    let mut writer = Writer::new(Vec::new(), &Section { comment: "all of it", ..Section::default() }).unwrap();
    let ethernet =
        Interface { link_type: LinkType::ETHERNET, snaplen: 96, name: "eth0", description: "", filter: "tcp" };
    let interface = writer.add_interface(&ethernet).unwrap();
    writer.write_secrets(b"CLIENT_RANDOM 00 11\n").unwrap();
    writer.write_names(&[([192, 0, 2, 20].into(), "broker.example")]).unwrap();
    let at = Timestamp::from_nanos(1_700_000_000_123_456_789);
    let frame =
        Frame { id: FrameId::new(0, 1), at, link_type: ethernet.link_type, original_len: 100, data: &[0xff; 61] };
    writer.write_frame(interface, &frame, &["the verdict", "and more"]).unwrap();
    let statistics = InterfaceStatistics { received: Some(1), dropped_by_interface: None, dropped_by_os: Some(7) };
    writer.write_interface_statistics(interface, at, &statistics).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), writer.into_inner()).unwrap();

    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).arg(file.path()).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let fields = ["frame.time_epoch", "frame.cap_len", "frame.len", "frame.interface_name", "frame.comment"];
    let fields = fields.map(|field| ["-e", field]).concat();
    let Some(frame) = run("tshark", &[&["-T", "fields"], &fields[..], &["-r"]].concat()) else {
        println!("skipped: tshark is not installed");
        return;
    };
    assert_eq!(frame.trim(), "1700000000.123456789\t61\t100\teth0\tthe verdict,and more");
    // Packets, interfaces, comment, names, secrets.
    let info = run("capinfos", &["-McIkDn"]).unwrap_or_default();
    for line in [
        "Number of packets:   1",
        "all of it",
        "Number of decryption secrets in file: 1",
        "resolved IPv4 addresses in file: 1",
        "Filter string = tcp",
    ] {
        assert!(info.contains(line), "{line:?} is not in {info}");
    }
}

/// A frame apart from its file.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    nanos: i64,
    link_type: u16,
    original_len: u32,
    data: Vec<u8>,
}

fn read(bytes: &[u8]) -> Option<(Vec<Kept>, CaptureInfo)> {
    let mut source = FileSource::from_reader("test", Cursor::new(bytes.to_vec())).ok()?;
    let mut frames = Vec::new();
    while let Some(Frame { at, link_type, original_len, data, .. }) = source.next_frame() {
        frames.push(Kept { nanos: at.as_nanos(), link_type: link_type.0, original_len, data: data.to_vec() });
    }
    Some((frames, source.info().clone()))
}

const LINK_TYPES: [LinkType; 2] = [LinkType::ETHERNET, LinkType::LINUX_SLL2];

/// Frames on one of two interfaces.
fn frames() -> impl Strategy<Value = Vec<(usize, Kept)>> {
    let frame = (0..2_usize, 0..4_000_000_000_000_000_000_i64, vec(any::<u8>(), 0..120), 0..2_000_u32);
    let frame = frame.prop_map(|(interface, nanos, data, cut)| {
        let original_len = u32::try_from(data.len()).unwrap() + cut;
        (interface, Kept { nanos, link_type: LINK_TYPES[interface].0, original_len, data })
    });
    vec(frame, 0..12)
}

/// By our own writer, with a comment on each third frame and secrets before each fourth; and where its blocks end.
fn pcapng(frames: &[(usize, Kept)]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    let mut writer = Writer::new(&mut bytes, &Section { application: "test", ..Section::default() }).unwrap();
    let interfaces = LINK_TYPES.map(|link_type| {
        let interface = Interface { link_type, snaplen: 0, name: "eth0", description: "", filter: "" };
        writer.add_interface(&interface).unwrap()
    });
    for (index, (interface, kept)) in frames.iter().enumerate() {
        if index % 4 == 0 {
            writer.write_secrets(b"CLIENT_RANDOM 00 11").unwrap();
        }
        let frame = Frame {
            id: FrameId::new(0, 0),
            at: Timestamp::from_nanos(kept.nanos),
            link_type: LINK_TYPES[*interface],
            original_len: kept.original_len,
            data: &kept.data,
        };
        let comments: &[&str] = if index % 3 == 0 { &["a comment"] } else { &[] };
        writer.write_frame(interfaces[*interface], &frame, comments).unwrap();
    }
    let mut end = 0;
    while let Some(len) = bytes.get(end + 4..end + 8) {
        end += u32::from_le_bytes(len.try_into().unwrap()) as usize;
        ends.push(end);
    }
    (bytes, ends)
}

/// By another library's writer.
fn pcap(frames: &[(usize, Kept)], endianness: Endianness, ts_resolution: PcapTsResolution) -> Vec<u8> {
    let header = PcapHeader { endianness, ts_resolution, datalink: DataLink::ETHERNET, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
    for (_, kept) in frames {
        let at = Duration::from_nanos(kept.nanos.unsigned_abs());
        writer.write_packet(&PcapPacket::new(at, kept.original_len, &kept.data[..]).unwrap()).unwrap();
    }
    writer.into_inner()
}

fn orders() -> impl Strategy<Value = Endianness> {
    prop_oneof![Just(Endianness::Little), Just(Endianness::Big)]
}

fn units() -> impl Strategy<Value = PcapTsResolution> {
    prop_oneof![Just(PcapTsResolution::MicroSecond), Just(PcapTsResolution::NanoSecond)]
}

fn nanos_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_again(frames in frames()) {
        let (read, info) = read(&pcapng(&frames).0).unwrap();
        prop_assert_eq!(&read, &frames.iter().map(|(_, kept)| kept.clone()).collect::<Vec<_>>());
        prop_assert_eq!((info.damaged, info.frame_comments), (vec![], frames.len().div_ceil(3) as u64));
        prop_assert_eq!(info.secrets.len(), frames.len().div_ceil(4));
    }

    #[test]
    fn another_library_reads_what_is_written(frames in frames()) {
        let (bytes, _) = pcapng(&frames);
        let mut reader = PcapNgReader::new(Cursor::new(&bytes)).unwrap();
        let mut found = Vec::new();
        while let Some(block) = reader.next_block() {
            if let (Block::EnhancedPacket(packet), state) = block.unwrap() {
                let link_type = u32::from(state.interfaces()[packet.interface_id as usize].linktype);
                found.push(Kept {
                    nanos: nanos_of(packet.timestamp),
                    link_type: u16::try_from(link_type).unwrap(),
                    original_len: packet.original_len,
                    data: packet.data.into_owned(),
                });
            }
        }
        prop_assert_eq!(found, frames.iter().map(|(_, kept)| kept.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn a_third_library_finds_the_same_blocks(frames in frames()) {
        let (bytes, ends) = pcapng(&frames);
        let mut reader = pcap_parser::create_reader(1 << 20, Cursor::new(bytes)).unwrap();
        let (mut blocks, mut data) = (0, Vec::new());
        while let Ok((len, block)) = reader.next() {
            blocks += 1;
            if let PcapBlockOwned::NG(pcap_parser::Block::EnhancedPacket(packet)) = &block {
                data.push(packet.packet_data().to_vec());
            }
            reader.consume(len);
        }
        prop_assert_eq!(blocks, ends.len());
        prop_assert_eq!(data, frames.iter().map(|(_, kept)| kept.data.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn pcap_of_another_library_is_read_as_it_reads_it(frames in frames(), order in orders(), unit in units()) {
        let bytes = pcap(&frames, order, unit);
        let mut reader = PcapReader::new(Cursor::new(&bytes)).unwrap();
        let mut expected = Vec::new();
        while let Some(packet) = reader.next_packet() {
            let packet = packet.unwrap();
            let (nanos, original_len) = (nanos_of(packet.timestamp()), packet.orig_len());
            expected.push(Kept { nanos, link_type: 1, original_len, data: packet.into_data().into_owned() });
        }
        let (read, info) = read(&bytes).unwrap();
        prop_assert_eq!(expected.len(), frames.len());
        prop_assert_eq!((read, info.damaged), (expected, vec![]));
    }

    #[test]
    fn pcapng_of_another_library_is_read_as_it_reads_it(
        frames in frames(),
        order in orders(),
        binary in any::<bool>(),
        exponent in 3..=9_u8,
    ) {
        let resolution = InterfaceTsResolution::new(binary, exponent).unwrap();
        let mut writer = PcapNgWriter::with_endianness(Vec::new(), order).unwrap();
        for link_type in LINK_TYPES {
            let mut interface = InterfaceDescriptionBlock::new(DataLink::from(u32::from(link_type.0)), 0);
            interface.options.push(InterfaceDescriptionOption::IfTsResol(resolution));
            writer.write_pcapng_block(interface).unwrap();
        }
        for (interface, kept) in &frames {
            let packet = EnhancedPacketBlock {
                interface_id: u32::try_from(*interface).unwrap(),
                timestamp: Duration::from_nanos(kept.nanos.unsigned_abs()),
                original_len: kept.original_len,
                data: kept.data.clone().into(),
                options: vec![],
            };
            writer.write_block(&packet.into_block()).unwrap();
        }
        let bytes = writer.into_inner();
        let mut reader = PcapNgReader::new(Cursor::new(&bytes)).unwrap();
        let mut expected = Vec::new();
        while let Some(block) = reader.next_block() {
            if let (Block::EnhancedPacket(packet), _) = block.unwrap() {
                let link_type = LINK_TYPES[packet.interface_id as usize].0;
                let (nanos, original_len) = (nanos_of(packet.timestamp), packet.original_len);
                expected.push(Kept { nanos, link_type, original_len, data: packet.data.into_owned() });
            }
        }
        let (read, info) = read(&bytes).unwrap();
        prop_assert_eq!((read, info.damaged), (expected, vec![]));
    }

    /// Whatever changes, reading ends, and what is found lies within the file.
    #[test]
    fn a_changed_file_is_read_to_an_end(
        frames in frames(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        is_pcap in any::<bool>(),
    ) {
        let mut bytes = if is_pcap { pcap(&frames, Endianness::Little, PcapTsResolution::MicroSecond) } else { pcapng(&frames).0 };
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some((found, info)) = read(&bytes) {
            prop_assert!(found.iter().map(|kept| kept.data.len()).sum::<usize>() <= bytes.len());
            prop_assert!(info.damaged.iter().all(|damage| damage.offset <= bytes.len() as u64));
        }
    }
}

proptest! {
    // Each case reads the file once for each of its bytes.
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn a_prefix_of_a_file_gives_a_prefix_of_its_frames(frames in frames(), order in orders(), unit in units()) {
        let (pcapng, ends) = pcapng(&frames);
        let pcap = pcap(&frames, order, unit);
        let records = frames.iter().scan(24, |end, (_, kept)| {
            *end += 16 + kept.data.len();
            Some(*end)
        });
        let records: Vec<usize> = [24].into_iter().chain(records).collect();
        for (bytes, ends) in [(pcapng, ends), (pcap, records)] {
            let (whole, _) = read(&bytes).unwrap();
            for cut in 0..bytes.len() {
                let Some((frames, info)) = read(&bytes[..cut]) else {
                    prop_assert!(cut < ends[0], "refused after {cut} bytes");
                    continue;
                };
                prop_assert!(whole.starts_with(&frames));
                prop_assert_eq!(info.damaged.is_empty(), ends.contains(&cut), "cut after {} bytes", cut);
            }
        }
    }
}
