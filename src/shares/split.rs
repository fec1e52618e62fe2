//! The frames of a capture, dealt out to shares: captures in, a pcapng file a share out.
//!
//! Frames of no interest are left out; what is of no flow (DNS, ICMP, fragments, secrets) goes to all shares, as it does
//! among threads. Each frame keeps its name, and each piece the capture's clock, also where that was moved by frames of
//! others: what has expired does not depend on the split. No frame is judged here, and none is kept in memory.

use crate::analyzer::Config;
use crate::decode::{Decoded, Decoder, FirstLook, Look, Skip};
use crate::flow::{Limits, Share};
use crate::frame::{Frame, FrameId, LinkType};
use crate::net::FlowKey;
use crate::pcapng::{Interface, InterfaceId, Section, Writer};
use crate::source::Source;
use crate::source::bpf::FilterProgram;
use crate::time::Timestamp;
use std::io::{self, Write};

const APPLICATION: &str = concat!("iotcap ", env!("CARGO_PKG_VERSION"));

/// What became of the frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that were read.
    pub frames: u64,
    /// Frames that were written, copies for several shares counted each.
    pub written: u64,
}

/// How a capture is split.
pub struct Plan {
    /// What the analysis will be told: it decides what is of interest, and whose it is.
    pub config: Config,
    /// A filter that leaves out the rest.
    pub filter: Option<FilterProgram>,
    /// How many files of the same capture come before the first one.
    pub first_file: u16,
}

/// Deals all frames of a source out to as many shares as there are places to write to.
///
/// # Errors
/// Those of the places.
pub fn split<W: Write>(source: &mut dyn Source, mut plan: Plan, to: Vec<W>) -> io::Result<Counts> {
    let mut pieces = to.into_iter().map(Piece::begin).collect::<io::Result<Vec<_>>>()?;
    let mut deal = Deal::new(&plan.config, pieces.len());
    let mut counts = Counts::default();
    let mut secrets_seen = 0;
    let mut now = None;
    loop {
        let frame = source.next_frame();
        let is_over = frame.is_none();
        if let Some(frame) = frame {
            counts.frames += 1;
            if plan.filter.as_mut().is_none_or(|filter| filter.matches(&frame)) {
                let latest = now.map_or(frame.at, |now: Timestamp| now.max(frame.at));
                now = Some(latest);
                let to = deal.whose(&frame);
                let file = frame.id.file().saturating_add(plan.first_file);
                let frame = Frame { id: FrameId::new(file, frame.id.number()), ..frame };
                for piece in to.of(&mut pieces) {
                    piece.add(&frame, latest)?;
                    counts.written += 1;
                }
            }
        }
        for secrets in source.info().secrets.iter().skip(secrets_seen) {
            secrets_seen += 1;
            pieces.iter_mut().try_for_each(|piece| piece.writer.write_secrets(&secrets.bytes))?;
        }
        if is_over {
            break;
        }
    }
    pieces.into_iter().try_for_each(|piece| piece.end(now))?;
    Ok(counts)
}

/// Who gets a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Nobody,
    One(usize),
    Everybody,
}

impl Whose {
    fn of<W: Write>(self, pieces: &mut [Piece<W>]) -> &mut [Piece<W>] {
        match self {
            Self::Nobody => &mut [],
            Self::One(index) => pieces.get_mut(index..=index).unwrap_or_default(),
            Self::Everybody => pieces,
        }
    }
}

/// Tells whose frames are.
struct Deal {
    look: FirstLook,
    /// For what the first look does not know.
    decoder: Decoder,
    limits: Limits,
    shares: usize,
}

impl Deal {
    fn new(config: &Config, shares: usize) -> Self {
        Self {
            look: FirstLook::new(config.interest.clone()),
            decoder: Decoder::new(config.interest.clone(), config.decode),
            limits: config.flow,
            shares,
        }
    }

    fn whose(&mut self, frame: &Frame<'_>) -> Whose {
        let key = match self.look.look(frame) {
            Look::Segment(key) => key,
            Look::PassedOver => return Whose::Nobody,
            Look::Unknown => {
                let assembled = self.decoder.fragments().assembled;
                let key = match self.decoder.decode(frame) {
                    Decoded::Segment(segment) => FlowKey::new(segment.source, segment.destination),
                    Decoded::IcmpError(error) => FlowKey::new(error.quoted_source, error.quoted_destination),
                    Decoded::Dns(_) | Decoded::Skipped(Skip::FragmentHeld) => return Whose::Everybody,
                    Decoded::Skipped(_) => return Whose::Nobody,
                };
                // The fragments before this one went to all.
                if self.decoder.fragments().assembled != assembled {
                    return Whose::Everybody;
                }
                key
            }
        };
        Whose::One(Share::of_shard(self.limits.shard(&key), self.shares))
    }
}

/// The file of one share.
struct Piece<W: Write> {
    writer: Writer<W>,
    interfaces: Vec<(LinkType, InterfaceId)>,
    /// The latest time that whoever reads the piece knows of.
    known: Option<Timestamp>,
}

impl<W: Write> Piece<W> {
    fn begin(to: W) -> io::Result<Self> {
        let writer = Writer::new(to, &Section { application: APPLICATION, ..Section::default() })?;
        Ok(Self { writer, interfaces: Vec::new(), known: None })
    }

    /// Takes a frame, which came when it was `now` in the capture.
    fn add(&mut self, frame: &Frame<'_>, now: Timestamp) -> io::Result<()> {
        if now > frame.at {
            self.set_clock(now, frame.link_type)?;
        }
        let interface = self.interface(frame.link_type)?;
        self.known = self.known.max(Some(now));
        self.writer.write_frame_with_id(interface, frame)
    }

    /// Tells how late it is, where a frame's own time does not: by a frame without a byte, which is nobody's.
    fn set_clock(&mut self, now: Timestamp, link_type: LinkType) -> io::Result<()> {
        if self.known >= Some(now) {
            return Ok(());
        }
        self.known = Some(now);
        let interface = self.interface(link_type)?;
        let mark = Frame { id: FrameId::new(0, 0), at: now, link_type, original_len: 0, data: &[] };
        self.writer.write_frame_with_id(interface, &mark)
    }

    /// The capture went on until then.
    fn end(mut self, now: Option<Timestamp>) -> io::Result<()> {
        if let Some(now) = now {
            self.set_clock(now, LinkType::ETHERNET)?;
        }
        self.writer.flush()
    }

    fn interface(&mut self, link_type: LinkType) -> io::Result<InterfaceId> {
        if let Some((_, id)) = self.interfaces.iter().find(|(known, _)| *known == link_type) {
            return Ok(*id);
        }
        let id =
            self.writer.add_interface(&Interface { link_type, snaplen: 0, name: "", description: "", filter: "" })?;
        self.interfaces.push((link_type, id));
        Ok(id)
    }
}
