//! Captures cut into files, as a ring of rotated ones is.

use iotcap::frame::{Frame, LinkType};
use iotcap::pcapng::{Interface, InterfaceId, Section, Writer};
use iotcap::source::{FileSource, Source};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// The frames of a capture in as many files as there are places to cut at, and one more.
pub(crate) fn cut(capture: &[u8], places: &[usize], folder: &Path) -> Vec<PathBuf> {
    let mut source = FileSource::from_reader("capture", Cursor::new(capture.to_vec())).expect("a capture");
    let mut files: Vec<Cut> = vec![Cut::begin()];
    let mut secrets = 0;
    let mut number = 0;
    while let Some(frame) = source.next_frame() {
        if places.contains(&number) {
            files.push(Cut::begin());
        }
        number += 1;
        let frame_data = frame.data.to_vec();
        let frame = Frame { data: &frame_data, ..frame };
        files.last_mut().expect("a file").add(&frame);
        for block in source.info().secrets.iter().skip(secrets) {
            secrets += 1;
            files.last_mut().expect("a file").writer.write_secrets(&block.bytes).expect("memory");
        }
    }
    let write = |(index, file): (usize, Cut)| {
        let path = folder.join(format!("{index}.pcapng"));
        fs::write(&path, file.into_bytes()).expect("a file");
        path
    };
    files.into_iter().enumerate().map(write).collect()
}

/// A file in the making.
pub(crate) struct Cut {
    writer: Writer<Vec<u8>>,
    interfaces: Vec<(LinkType, InterfaceId)>,
}

impl Cut {
    pub(crate) fn begin() -> Self {
        Self { writer: Writer::new(Vec::new(), &Section::default()).expect("memory"), interfaces: Vec::new() }
    }

    pub(crate) fn add(&mut self, frame: &Frame<'_>) {
        let link_type = frame.link_type;
        let known = self.interfaces.iter().find(|(known, _)| *known == link_type).map(|(_, id)| *id);
        let id = known.unwrap_or_else(|| {
            let interface = Interface { link_type, snaplen: 0, name: "", description: "", filter: "" };
            let id = self.writer.add_interface(&interface).expect("memory");
            self.interfaces.push((link_type, id));
            id
        });
        self.writer.write_frame(id, frame, &[]).expect("memory");
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.writer.into_inner()
    }
}
