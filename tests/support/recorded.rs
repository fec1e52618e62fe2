//! The frames of a recording, to be told again: of another client, or of a later round.

use iotcap::analyzer::Analyzer;
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::source::{FileSource, Source};
use iotcap::time::Timestamp;
use std::path::Path;

/// A frame of Ethernet, IPv4 without options, and TCP.
#[derive(Clone)]
pub(crate) struct Recorded {
    /// Its number in the recording, from 0.
    pub(crate) number: u64,
    /// When it was captured.
    pub(crate) at: Timestamp,
    /// Its bytes.
    pub(crate) data: Vec<u8>,
}

impl Recorded {
    /// The same of another client (192.0.2.10 becomes 10.x.y.z). Checksums are not looked at.
    pub(crate) fn of_client(&self, client: u32) -> Self {
        let mut other = self.clone();
        for address in other.data[14 + 12..14 + 20].as_chunks_mut::<4>().0 {
            if *address == [192, 0, 2, 10] {
                *address = (10 << 24 | client).to_be_bytes();
            }
        }
        other
    }

    pub(crate) fn push(&self, analyzer: &mut Analyzer) {
        let original_len = u32::try_from(self.data.len()).expect("a frame");
        let id = FrameId::new(0, self.number);
        analyzer.push(&Frame { id, at: self.at, link_type: LinkType::ETHERNET, original_len, data: &self.data });
    }
}

/// The frames of a fixture.
pub(crate) fn recorded(fixture: &str) -> Vec<Recorded> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture).join("capture.pcapng");
    let mut source = FileSource::open(&path).expect("the fixture");
    let mut frames = Vec::new();
    while let Some(frame) = source.next_frame() {
        assert_eq!(frame.link_type, LinkType::ETHERNET);
        frames.push(Recorded { number: frame.id.number(), at: frame.at, data: frame.data.to_vec() });
    }
    frames
}
