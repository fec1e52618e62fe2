//! A capture that is read, saved with what was found in it: findings as comments on the frames that prove them, the verdict
//! as the comment on all of it, names of servers, what is known of the interfaces, and the TLS secrets that opened anything,
//! before the frames that need them.
//!
//! Verdicts come after frames: these wait in a temporary file. The file is written at the end beside its place and then
//! takes it: there is the old one or the whole new one, and never a part.

use super::remarks::Remarks;
use super::spool::{Frames, Spool};
use crate::frame::{Frame, FrameId, LinkType};
use crate::pcapng::{Interface, InterfaceId, InterfaceStatistics, Section, Writer};
use crate::redact::{Redactor, Rewriter};
use crate::report::model::{Connection, Group, Summary};
use crate::source::{CaptureInfo, InterfaceInfo};
use crate::time::Timestamp;
use anyhow::{Context, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const APPLICATION: &str = concat!("iotcap ", env!("CARGO_PKG_VERSION"));
/// Names of interfaces that share a description.
const MAX_JOINED: usize = 16;

/// A file that is written once all is known.
pub struct AnnotatedFile {
    path: PathBuf,
    filter: String,
    spool: Spool,
    /// A file of the capture and a link type in it: an interface of the file that is written, by its index.
    interfaces: Vec<(u16, LinkType)>,
    remarks: Remarks,
    frames: u64,
    /// Whether a frame has another number than where it came from: texts name the latter.
    renumbered: bool,
}

/// What is known at the end of the capture.
#[derive(Clone, Copy)]
pub struct Ending<'a> {
    /// How many connections came to what.
    pub summary: &'a Summary,
    /// Findings that belong to no single connection.
    pub groups: &'a [Group],
    /// What the capture says about itself.
    pub info: &'a CaptureInfo,
    /// A key log that is to be part of the file; empty for none.
    pub secrets: &'a str,
}

/// What hides who took part, where that is asked for.
pub type Hiding<'a> = Option<&'a mut Redactor>;

impl AnnotatedFile {
    /// Gets ready; the file itself stays as it is until [`Self::finish`].
    ///
    /// # Errors
    /// Where no file can be made in its folder.
    pub fn create(path: &Path, filter: &str) -> Result<Self> {
        // What a link names is to be replaced, not the link.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let spool = Spool::create_in(&folder_of(&path)).with_context(|| cannot_write(&path))?;
        let (interfaces, remarks) = (Vec::new(), Remarks::default());
        Ok(Self { path, filter: filter.to_owned(), spool, interfaces, remarks, frames: 0, renumbered: false })
    }

    /// Takes a frame that was looked at.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub fn add(&mut self, frame: &Frame<'_>) -> Result<()> {
        self.frames += 1;
        self.renumbered |= frame.id != FrameId::new(0, self.frames);
        let index = u32::try_from(self.interface_of(frame.id.file(), frame.link_type)).unwrap_or(u32::MAX);
        self.spool.add(index, frame).with_context(|| cannot_write(&self.path))
    }

    /// Takes what was found on a connection.
    pub fn tell(&mut self, connection: &Connection) {
        self.remarks.add(connection);
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(self, ending: Ending<'_>, hiding: Hiding<'_>) -> Result<()> {
        let path = self.path.clone();
        self.write(ending, hiding).with_context(|| cannot_write(&path))
    }

    fn write(mut self, ending: Ending<'_>, mut hiding: Hiding<'_>) -> io::Result<()> {
        for interface in &ending.info.interfaces {
            self.interface_of(interface.file, interface.link_type);
        }
        let Self { path, filter, spool, interfaces, mut remarks, renumbered, .. } = self;
        let target = Target::open(&path, !ending.secrets.is_empty())?;
        let mut comment = remarks.on_all(ending.summary, ending.groups);
        if renumbered {
            comment.push_str("\nSentences name frames by their numbers in the original capture.");
        }
        let section = Section { application: APPLICATION, comment: &comment, ..Section::default() };
        let mut writer = Writer::new(BufWriter::with_capacity(256 << 10, target.file()), &section)?;
        let mut described: Vec<_> = interfaces.iter().map(|origin| Described::of(*origin, ending.info)).collect();
        let mut filter = filter;
        if let Some(redactor) = &mut hiding {
            filter = redactor.any_text(&filter);
            for interface in &mut described {
                interface.hide(redactor);
            }
        }
        let ids: Vec<InterfaceId> =
            described.iter().map(|interface| interface.write(&filter, &mut writer)).collect::<io::Result<_>>()?;
        // Names that the capture had already may be those of anybody.
        let known = ending.names().filter(|_| hiding.is_none());
        let names: Vec<(IpAddr, &str)> = remarks.names().chain(known).collect();
        if !names.is_empty() {
            writer.write_names(&names)?;
        }
        if !ending.secrets.is_empty() {
            writer.write_secrets(ending.secrets.as_bytes())?;
        }
        let last = write_frames(spool.into_frames()?, &ids, &mut remarks, hiding, &mut writer)?;
        for (id, interface) in ids.iter().zip(&described) {
            if interface.statistics != InterfaceStatistics::default() {
                writer.write_interface_statistics(*id, last, &interface.statistics)?;
            }
        }
        writer.flush()?;
        drop(writer);
        target.settle(&path)
    }

    /// The index of an interface, which is described at the end.
    fn interface_of(&mut self, file: u16, link_type: LinkType) -> usize {
        let origin = (file, link_type);
        self.interfaces.iter().position(|known| *known == origin).unwrap_or_else(|| {
            self.interfaces.push(origin);
            self.interfaces.len() - 1
        })
    }
}

/// Writes the frames with their comments, and gives the time of the last one.
fn write_frames<W: Write>(
    mut frames: Frames,
    ids: &[InterfaceId],
    remarks: &mut Remarks,
    hiding: Hiding<'_>,
    writer: &mut Writer<W>,
) -> io::Result<Timestamp> {
    let mut rewriting = match hiding {
        Some(redactor) => Some((learnt(&mut frames, redactor)?, redactor)),
        None => None,
    };
    let (mut number, mut last) = (0, Timestamp::default());
    while let Some((interface, frame)) = frames.next()? {
        let rewritten;
        let data = match &mut rewriting {
            Some((rewriter, redactor)) => match rewriter.rewrite(&frame, redactor.pseudonyms_mut()) {
                Some(data) => {
                    rewritten = data;
                    &rewritten[..]
                }
                None => continue,
            },
            None => frame.data,
        };
        let Some(id) = ids.get(interface as usize) else { continue };
        (number, last) = (number + 1, frame.at);
        let comments = remarks.comments(frame.id, number);
        let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
        writer.write_frame(*id, &Frame { data, ..frame }, &comments)?;
    }
    if let Some((rewriter, _)) = rewriting.filter(|(rewriter, _)| rewriter.left_out() > 0) {
        tracing::warn!(frames = rewriter.left_out(), "frames were left out, for their headers cannot be redacted");
    }
    Ok(last)
}

/// A rewriter that has seen all frames once.
fn learnt(frames: &mut Frames, redactor: &mut Redactor) -> io::Result<Rewriter> {
    let mut rewriter = Rewriter::default();
    while let Some((_, frame)) = frames.next()? {
        rewriter.learn(&frame, redactor.pseudonyms_mut());
    }
    rewriter.finish_learning(redactor.pseudonyms_mut());
    frames.rewind()?;
    Ok(rewriter)
}

impl<'a> Ending<'a> {
    /// Names that the capture had already.
    fn names(&self) -> impl Iterator<Item = (IpAddr, &'a str)> {
        self.info.names.iter().map(|(address, name)| (*address, name.as_str()))
    }
}

/// An interface of the written file. Frames do not say which of several interfaces of one file and link type they came from:
/// these are one here, with the names of all.
struct Described {
    link_type: LinkType,
    snaplen: u32,
    name: String,
    description: String,
    filter: String,
    statistics: InterfaceStatistics,
}

impl Described {
    fn of((file, link_type): (u16, LinkType), info: &CaptureInfo) -> Self {
        let same = |interface: &&InterfaceInfo| (interface.file, interface.link_type) == (file, link_type);
        let all = || info.interfaces.iter().filter(same);
        let sum = |counter: fn(&InterfaceStatistics) -> Option<u64>| {
            all().filter_map(|interface| counter(&interface.statistics)).reduce(u64::saturating_add)
        };
        Self {
            link_type,
            // 0 is no limit.
            snaplen: if all().any(|interface| interface.snaplen == 0) {
                0
            } else {
                all().map(|interface| interface.snaplen).max().unwrap_or(0)
            },
            name: joined(all().map(|interface| interface.name.as_str())),
            description: joined(all().map(|interface| interface.description.as_str())),
            filter: joined(all().map(|interface| interface.filter.as_str())),
            statistics: InterfaceStatistics {
                received: sum(|statistics| statistics.received),
                dropped_by_interface: sum(|statistics| statistics.dropped_by_interface),
                dropped_by_os: sum(|statistics| statistics.dropped_by_os),
            },
        }
    }

    /// Says nothing of whose machine it was.
    fn hide(&mut self, redactor: &mut Redactor) {
        self.filter = redactor.any_text(&self.filter);
        self.description = String::new();
    }

    fn write<W: Write>(&self, filter: &str, writer: &mut Writer<W>) -> io::Result<InterfaceId> {
        writer.add_interface(&Interface {
            link_type: self.link_type,
            snaplen: self.snaplen,
            name: &self.name,
            description: &self.description,
            filter: if self.filter.is_empty() { filter } else { &self.filter },
        })
    }
}

/// Texts that differ, with commas between them.
fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut differing: Vec<&str> = Vec::new();
    for text in texts.filter(|text| !text.is_empty()) {
        if !differing.contains(&text) && differing.len() < MAX_JOINED {
            differing.push(text);
        }
    }
    differing.join(", ")
}

/// Where the file is written: beside its place, unless that is no regular file, such as a pipe.
enum Target {
    Beside(NamedTempFile),
    InPlace(File),
}

impl Target {
    /// `private`: nobody else is to read it.
    fn open(path: &Path, private: bool) -> io::Result<Self> {
        let there = fs::metadata(path).ok();
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            return Ok(Self::InPlace(OpenOptions::new().write(true).open(path)?));
        }
        let file = named_file(&folder_of(path), private)?;
        if let Some(there) = there.filter(|_| !private) {
            file.as_file().set_permissions(there.permissions())?;
        }
        Ok(Self::Beside(file))
    }

    fn file(&self) -> &File {
        match self {
            Self::Beside(file) => file.as_file(),
            Self::InPlace(file) => file,
        }
    }

    /// Takes the place.
    fn settle(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.persist(path).map(|_| ()).map_err(|error| error.error),
            Self::InPlace(_) => Ok(()),
        }
    }
}

/// A file that is the owner's alone, or has the permissions that the system gives to new files.
#[cfg(unix)]
fn named_file(folder: &Path, private: bool) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let mode = if private { 0o600 } else { 0o666 };
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(mode)).tempfile_in(folder)
}

#[cfg(not(unix))]
fn named_file(folder: &Path, _private: bool) -> io::Result<NamedTempFile> {
    NamedTempFile::new_in(folder)
}

/// Where frames wait: on the disk that is to hold them.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !path.starts_with("/dev") => folder.to_owned(),
        Some(_) if path.is_absolute() => std::env::temp_dir(),
        _ => PathBuf::from("."),
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write to {}", path.display())
}
