//! What the wire's capture holds: frames with nanosecond stamps, and the secrets that open their TLS.
//!
//! In: the packets that passed the vantage point. Out: a [`Recording`], and from it a pcapng file. The same scenario gives
//! the same bytes.

use super::middlebox::fits;
use super::packet::TcpView;
use super::scenario::{Capture, Direction, LabError, Link, Scenario};
use super::simulation;
use super::tls::START;
use super::wire::Passed;
use crate::frame::{Frame, FrameId, LinkType};
use crate::pcapng::{Interface, InterfaceStatistics, Section, Writer};
use crate::time::Timestamp;
use std::io::Write;
use std::time::Duration;

/// A frame as the capture kept it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFrame {
    /// When it passed, in virtual time.
    pub at: Timestamp,
    /// Its length on the wire, in bytes.
    pub original_len: u32,
    /// What was kept of it.
    pub data: Vec<u8>,
}

/// A recorded scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What it shows.
    pub title: String,
    /// What its frames begin with.
    pub link_type: LinkType,
    /// In the order of their stamps.
    pub frames: Vec<RecordedFrame>,
    /// The secrets of its TLS connections: the text of an NSS key log.
    pub secrets: Vec<u8>,
    /// What the capture says that it dropped.
    pub dropped: Option<u64>,
}

/// Plays a scenario and records it.
///
/// # Errors
/// When the scenario asks for what the lab cannot set up.
pub fn run(scenario: &Scenario) -> Result<Recording, LabError> {
    let played = simulation::play(scenario)?;
    let capture = &scenario.capture;
    let (link_type, _) = header(capture.link, Direction::ToServer, true);
    let mut frames: Vec<RecordedFrame> = Vec::new();
    for passed in played.passed.iter().filter(|passed| is_kept(passed, capture)) {
        let at = Timestamp::from_secs(i64::try_from(START).unwrap_or_default()) + passed.at;
        let frame = frame(passed, at, capture);
        if capture.twice {
            frames.push(RecordedFrame { at: at + Duration::from_nanos(700), ..frame.clone() });
        }
        frames.push(frame);
    }
    frames.sort_by_key(|frame| frame.at);
    let secrets = if capture.without_secrets { Vec::new() } else { played.secrets.into_bytes() };
    Ok(Recording { title: scenario.title.clone(), link_type, frames, secrets, dropped: capture.dropped })
}

fn is_kept(passed: &Passed, capture: &Capture) -> bool {
    let view = TcpView::of(&passed.packet);
    let missed = |condition| fits(condition, passed.at, passed.direction, &passed.packet, view.as_ref(), None);
    passed.at >= capture.from_ms.0
        && capture.to_ms.is_none_or(|to| passed.at <= to.0)
        && capture.only.is_none_or(|only| only == passed.direction)
        && !capture.miss.iter().any(missed)
}

fn frame(passed: &Passed, at: Timestamp, capture: &Capture) -> RecordedFrame {
    let ipv4 = passed.packet.first().is_some_and(|byte| byte >> 4 == 4);
    let (_, mut data) = header(capture.link, passed.direction, ipv4);
    data.extend_from_slice(&passed.packet);
    let original_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
    data.truncate(capture.snaplen.unwrap_or(usize::MAX));
    RecordedFrame { at, original_len, data }
}

/// Addresses for documentation (RFC 7042, 2.1.2).
const CLIENT_MAC: [u8; 6] = [0x00, 0x00, 0x5E, 0x00, 0x53, 0x10];
const SERVER_MAC: [u8; 6] = [0x00, 0x00, 0x5E, 0x00, 0x53, 0x20];

/// The header of the link layer, and its type.
fn header(link: Link, direction: Direction, ipv4: bool) -> (LinkType, Vec<u8>) {
    let ether_type: [u8; 2] = if ipv4 { [0x08, 0x00] } else { [0x86, 0xDD] };
    let (source, destination) = match direction {
        Direction::ToServer => (CLIENT_MAC, SERVER_MAC),
        Direction::ToClient => (SERVER_MAC, CLIENT_MAC),
    };
    match link {
        Link::Ethernet => (LinkType::ETHERNET, [destination.as_slice(), &source, &ether_type].concat()),
        // Tag protocol 0x8100, VLAN 42 (IEEE 802.1Q).
        Link::Vlan => {
            (LinkType::ETHERNET, [destination.as_slice(), &source, &[0x81, 0x00, 0, 42], &ether_type].concat())
        }
        Link::Raw => (LinkType::RAW, Vec::new()),
        // The family in host order: AF_INET, or AF_INET6 as Linux counts.
        Link::Null => (LinkType::NULL, vec![if ipv4 { 2 } else { 10 }, 0, 0, 0]),
        Link::Sll => {
            let packet_type = if direction == Direction::ToServer { 4 } else { 0 };
            (LinkType::LINUX_SLL, [[0, packet_type, 0, 1, 0, 6].as_slice(), &source, &[0, 0], &ether_type].concat())
        }
    }
}

impl Recording {
    /// Writes it as a pcapng section: secrets first, then the frames.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_pcapng<W: Write>(&self, to: W) -> Result<(), LabError> {
        let mut writer =
            Writer::new(to, &Section { application: "iotcap lab", comment: &self.title, ..Section::default() })?;
        let interface = writer.add_interface(&Interface {
            link_type: self.link_type,
            snaplen: 0,
            name: "wire0",
            description: "virtual wire",
            filter: "",
        })?;
        if !self.secrets.is_empty() {
            writer.write_secrets(&self.secrets)?;
        }
        for (number, frame) in (1..).zip(&self.frames) {
            let frame = Frame {
                id: FrameId::new(0, number),
                at: frame.at,
                link_type: self.link_type,
                original_len: frame.original_len,
                data: &frame.data,
            };
            writer.write_frame(interface, &frame, &[])?;
        }
        if let (Some(dropped), Some(last)) = (self.dropped, self.frames.last()) {
            let received = u64::try_from(self.frames.len()).unwrap_or(u64::MAX).saturating_add(dropped);
            let statistics = InterfaceStatistics {
                received: Some(received),
                dropped_by_os: Some(dropped),
                ..InterfaceStatistics::default()
            };
            writer.write_interface_statistics(interface, last.at, &statistics)?;
        }
        writer.flush()?;
        Ok(())
    }
}
