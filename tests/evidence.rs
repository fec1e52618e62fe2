//! A worse capture of the same traffic may make a verdict weaker, but never wrong and proven.
//!
//! Every recorded fixture is analysed with one direction removed, cut to 96 bytes, from the middle on, with every frame
//! doubled, with every twentieth frame removed, and cut off in the middle. What is then called a proven error must be among
//! the causes that the label allows.

mod captures;

use captures::recorded_fixtures;
use iotcap::diagnosis::rules;
use iotcap::frame::Frame;
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::source::{FileSource, Source};
use serde_json::Value;
use std::path::Path;

#[test]
fn one_direction_proves_nothing_false() {
    for server in [false, true] {
        holds(move |frames| frames.into_iter().filter(|frame| frame.is_from_server() == server).collect());
    }
}

#[test]
fn a_short_snaplen_proves_nothing_false() {
    holds(|mut frames| {
        for frame in &mut frames {
            frame.data.truncate(96);
        }
        frames
    });
}

#[test]
fn a_start_in_the_middle_proves_nothing_false() {
    for tenth in 1..10 {
        holds(move |frames| frames.iter().skip(frames.len() * tenth / 10).cloned().collect());
    }
}

#[test]
fn an_end_in_the_middle_proves_nothing_false() {
    for tenth in 1..10 {
        holds(move |frames| frames.iter().take(frames.len() * tenth / 10).cloned().collect());
    }
}

#[test]
fn doubled_frames_prove_nothing_false() {
    holds(|frames| frames.into_iter().flat_map(|frame| [frame.clone(), frame]).collect());
}

#[test]
fn lost_frames_prove_nothing_false() {
    for first in [3, 7, 11, 19] {
        holds(move |frames| {
            frames.into_iter().enumerate().filter(|(index, _)| index % 20 != first).map(|(_, frame)| frame).collect()
        });
    }
}

/// A frame of a fixture.
#[derive(Clone)]
struct Kept {
    at: iotcap::time::Timestamp,
    link_type: iotcap::frame::LinkType,
    original_len: u32,
    data: Vec<u8>,
}

impl Kept {
    /// All fixtures have one server: 192.0.2.20. Its address as the source stands before the client's.
    fn is_from_server(&self) -> bool {
        let place = |address: [u8; 4]| self.data.windows(4).position(|bytes| bytes == address);
        place([192, 0, 2, 20]) < place([192, 0, 2, 10])
    }
}

/// Analyses what `change` makes of every fixture, and holds it against the label.
#[track_caller]
fn holds(change: impl Fn(Vec<Kept>) -> Vec<Kept>) {
    let mut wrong = Vec::new();
    for folder in recorded_fixtures() {
        let label: Value = serde_json::from_slice(&std::fs::read(folder.join("label.json")).unwrap()).unwrap();
        let allowed = causes(&label);
        let report = analysed(&change(frames(&folder.join("capture.pcapng"))));
        for connection in report["connections"].as_array().unwrap() {
            for finding in connection["findings"].as_array().unwrap() {
                let id = finding["id"].as_str().unwrap();
                let claims = finding["severity"] == "error" && finding["confidence"] == "proven";
                if claims && !allowed.contains(&id.to_owned()) {
                    wrong.push(format!("{}: {id}: {}", folder.display(), finding["message"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All causes that the label allows for any of its connections.
fn causes(label: &Value) -> Vec<String> {
    let mut causes = Vec::new();
    for connection in label["connections"].as_array().into_iter().flatten() {
        causes.extend(connection["cause"].as_str().map(str::to_owned));
        for list in ["cause_any", "keyless_any"] {
            causes
                .extend(connection[list].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        }
        causes.extend(connection["also"].as_str().map(str::to_owned));
    }
    // What a named cause explains away is true as well, only less exact.
    let general: Vec<String> = causes
        .iter()
        .filter_map(|id| rules::find(id))
        .flat_map(|rule| rule.supersedes)
        .map(ToString::to_string)
        .collect();
    causes.extend(general);
    causes.extend(label["summary"]["causes"].as_object().into_iter().flat_map(|causes| causes.keys().cloned()));
    causes
}

fn frames(capture: &Path) -> Vec<Kept> {
    let mut source = FileSource::open(capture).unwrap();
    let mut frames = Vec::new();
    while let Some(Frame { at, link_type, original_len, data, .. }) = source.next_frame() {
        frames.push(Kept { at, link_type, original_len, data: data.to_vec() });
    }
    frames
}

fn analysed(frames: &[Kept]) -> Value {
    let section = Section { hardware: "", os: "", application: "", comment: "" };
    let mut writer = Writer::new(Vec::new(), &section).unwrap();
    let link_type = frames.first().map_or(iotcap::frame::LinkType::ETHERNET, |frame| frame.link_type);
    let interface = Interface { link_type, snaplen: 0, name: "", description: "", filter: "" };
    let interface = writer.add_interface(&interface).unwrap();
    for Kept { at, link_type, original_len, data } in frames {
        let id = iotcap::frame::FrameId::new(0, 1);
        let frame = Frame { id, at: *at, link_type: *link_type, original_len: *original_len, data };
        writer.write_frame(interface, &frame, &[]).unwrap();
    }
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_iotcap"))
        .args(["-", "-p", "8883", "-p", "443", "--format", "json"])
        .write_stdin(writer.into_inner())
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}
