//! Captures in memory for the benches: copies of a recorded fixture, interleaved, each with its own client address.

use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::source::{FileSource, Source};
use iotcap::time::Timestamp;
use std::path::Path;
use std::time::Duration;

/// A recorded frame without its place.
struct Recorded {
    at: Timestamp,
    original_len: u32,
    data: Vec<u8>,
}

/// Copies of a fixture, so many that they have about so many frames; a hundred interleaved at a time.
pub(crate) fn multiplied(fixture: &str, frames: usize) -> Vec<u8> {
    const INTERLEAVED: usize = 100;
    let recorded = recorded(fixture);
    let length = recorded.last().expect("a frame").at.since(recorded[0].at) + Duration::from_millis(1);
    let section = Section { hardware: "", os: "", application: "bench", comment: "" };
    let mut writer = Writer::new(Vec::new(), &section).expect("memory");
    let interface = Interface { link_type: LinkType::ETHERNET, snaplen: 0, name: "bench", description: "", filter: "" };
    let id = writer.add_interface(&interface).expect("memory");
    let rounds = frames.div_ceil(recorded.len() * INTERLEAVED);
    for round in 0..rounds {
        for frame in &recorded {
            for lane in 0..INTERLEAVED {
                let mut data = frame.data.clone();
                readdress(&mut data, u32::try_from(round * INTERLEAVED + lane).expect("fewer than 2^32 copies"));
                let offset = length * u32::try_from(round).expect("few rounds") + Duration::from_micros(lane as u64);
                let number = FrameId::new(0, 1);
                let (at, original_len) = (frame.at + offset, frame.original_len);
                let frame = Frame { id: number, at, link_type: LinkType::ETHERNET, original_len, data: &data };
                writer.write_frame(id, &frame, &[]).expect("memory");
            }
        }
    }
    writer.into_inner()
}

fn recorded(fixture: &str) -> Vec<Recorded> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture).join("capture.pcapng");
    let mut source = FileSource::open(&path).expect("the fixture");
    let mut frames = Vec::new();
    while let Some(frame) = source.next_frame() {
        frames.push(Recorded { at: frame.at, original_len: frame.original_len, data: frame.data.to_vec() });
    }
    frames
}

/// Gives the client (192.0.2.10) of an Ethernet frame the address 10.x.y.z. Checksums are not looked at.
fn readdress(data: &mut [u8], copy: u32) {
    let [_, b, c, d] = copy.to_be_bytes();
    for address in [26..30, 30..34] {
        let Some(bytes) = data.get_mut(address) else { continue };
        if bytes == [192, 0, 2, 10] {
            bytes.copy_from_slice(&[10, b, c, d]);
        }
    }
}
