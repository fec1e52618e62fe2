//! The labelled recordings as frames in memory.

#![allow(dead_code, reason = "shared by several test binaries")]

use crate::wire::Captured;
use iotcap::source;
use std::path::Path;

/// The longest recording that is taken apart frame by frame.
const LONGEST: usize = 60;

/// One recording with what is true of each of its connections.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) frames: Vec<Captured>,
    pub(crate) labels: Vec<Label>,
}

/// What is true of a connection.
pub(crate) struct Label(serde_json::Value);

impl Label {
    /// Whether the label names this finding as the cause, or allows it.
    pub(crate) fn allows(&self, id: &str) -> bool {
        let listed = ["cause_any", "keyless_any"].into_iter().filter_map(|field| self.0[field].as_array()).flatten();
        self.0["cause"] == id || self.0["also"] == id || listed.into_iter().any(|cause| cause == id)
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.0["outcome"] == "ok" && self.0["cause"].is_null()
    }
}

/// All recordings of whole frames that are short enough.
pub(crate) fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the fixtures").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let recordings: Vec<_> = paths.iter().filter_map(|path| recording(path)).collect();
    assert!(recordings.len() > 40, "only {} short recordings", recordings.len());
    recordings
}

fn recording(folder: &Path) -> Option<Recording> {
    let capture = folder.join("capture.pcapng");
    let label = std::fs::read_to_string(folder.join("label.json")).ok().filter(|_| capture.exists())?;
    let label: serde_json::Value = serde_json::from_str(&label).expect("a label");
    let labels = label["connections"].as_array()?.iter().cloned().map(Label).collect();
    let mut source = source::open(&[capture]).expect("a capture");
    let mut frames = Vec::new();
    while let Some(frame) = source.next_frame() {
        if frame.is_cut() {
            return None;
        }
        frames.push(Captured { at: frame.at.as_nanos(), link_type: frame.link_type, data: frame.data.to_vec() });
    }
    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    (frames.len() <= LONGEST).then_some(Recording { name, frames, labels })
}
