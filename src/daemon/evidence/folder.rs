//! The folder of evidence: files are written whole or not at all, and old ones go before there are too many.
//!
//! A file is written under a name that nobody looks for, brought to the disk, and then renamed: whatever ends the program,
//! a file with its final name is complete.

use super::file::{SUFFIX, cause_of};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What bounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DiskLimits {
    /// Bytes of all files.
    pub(super) bytes: u64,
    /// Their number.
    pub(super) files: usize,
    /// Their age.
    pub(super) age: Duration,
}

/// A folder of evidence.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    limits: DiskLimits,
    /// By name, which begins with the time.
    files: BTreeMap<String, Stored>,
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    bytes: u64,
    modified: SystemTime,
}

/// What the name of an unfinished file ends with.
const UNFINISHED: &str = ".unfinished";

impl Folder {
    /// Looks through the folder; what an earlier run left unfinished is removed.
    pub(super) fn open(path: &Path, limits: DiskLimits) -> io::Result<Self> {
        let mut folder = Self { path: path.to_owned(), limits, files: BTreeMap::new(), bytes: 0 };
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.ends_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            } else if name.ends_with(SUFFIX) {
                let about = entry.metadata()?;
                folder.note(name, about.len(), about.modified()?);
            }
        }
        Ok(folder)
    }

    pub(super) const fn set_limits(&mut self, limits: DiskLimits) {
        self.limits = limits;
    }

    /// Writes a file, whole or not at all.
    pub(super) fn store(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
        now: SystemTime,
    ) -> io::Result<()> {
        let unfinished = self.path.join(format!("{name}{UNFINISHED}"));
        let written = self.write(&unfinished, name, write);
        match written {
            Ok(bytes) => self.note(name.to_owned(), bytes, now),
            // It may not even be there.
            Err(_) => drop(fs::remove_file(&unfinished)),
        }
        written.map(|_| ())
    }

    /// Removes files that are too old, then those that are too many; how many went.
    pub(super) fn tidy(&mut self, now: SystemTime) -> u64 {
        let mut removed = 0;
        let is_old = |stored: &Stored| now.duration_since(stored.modified).is_ok_and(|age| age > self.limits.age);
        let old: Vec<_> =
            self.files.iter().filter(|(_, stored)| is_old(stored)).map(|(name, _)| name.clone()).collect();
        for name in old {
            removed += u64::from(self.remove(&name));
        }
        while (self.files.len() > self.limits.files || self.bytes > self.limits.bytes)
            && let Some(name) = self.least_missed()
        {
            removed += u64::from(self.remove(&name));
        }
        removed
    }

    /// How many files there are, and their bytes.
    pub(super) fn size(&self) -> (usize, u64) {
        (self.files.len(), self.bytes)
    }

    fn write(
        &self,
        unfinished: &Path,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<u64> {
        // The frames may hold passwords of plain MQTT: nobody but the owner and its group reads them.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(unfinished)?;
        let mut out = BufWriter::new(&file);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        fs::rename(unfinished, self.path.join(name))?;
        File::open(&self.path)?.sync_all()?;
        Ok(bytes)
    }

    fn note(&mut self, name: String, bytes: u64, modified: SystemTime) {
        let before = self.files.insert(name, Stored { bytes, modified });
        self.bytes = self.bytes - before.map_or(0, |stored| stored.bytes) + bytes;
    }

    /// The oldest file of the cause that has the most: a flood of one kind leaves the others alone.
    fn least_missed(&self) -> Option<String> {
        let mut by_cause: BTreeMap<&str, (usize, &String)> = BTreeMap::new();
        for name in self.files.keys() {
            by_cause.entry(cause_of(name)).or_insert((0, name)).0 += 1;
        }
        by_cause.into_values().max_by_key(|(count, _)| *count).map(|(_, name)| name.clone())
    }

    /// Whether a file of that name was removed; somebody else may have done so before.
    fn remove(&mut self, name: &str) -> bool {
        if let Some(stored) = self.files.remove(name) {
            self.bytes -= stored.bytes;
        }
        fs::remove_file(self.path.join(name)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DiskLimits = DiskLimits { bytes: 1000, files: 4, age: Duration::from_secs(100) };
    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn store(folder: &mut Folder, name: &str, bytes: usize, now: SystemTime) {
        folder.store(name, |out| out.write_all(&vec![0; bytes]), now).unwrap();
        folder.tidy(now);
    }

    #[test]
    fn the_cause_with_the_most_files_gives_up_its_oldest_one() {
        let path = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(path.path(), LIMITS).unwrap();
        for name in ["1_rare_a.pcapng", "2_often_a.pcapng", "3_often_b.pcapng", "4_often_c.pcapng", "5_often_d.pcapng"]
        {
            store(&mut folder, name, 10, START);
        }
        assert_eq!(names(path.path()), ["1_rare_a.pcapng", "3_often_b.pcapng", "4_often_c.pcapng", "5_often_d.pcapng"]);
        store(&mut folder, "6_often_e.pcapng", 970, START);
        assert_eq!(names(path.path()), ["1_rare_a.pcapng", "6_often_e.pcapng"]);
        assert_eq!(folder.size(), (2, 980));
    }

    #[test]
    fn old_files_go_and_a_clock_that_went_back_removes_none() {
        let path = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(path.path(), LIMITS).unwrap();
        let at = |seconds: u64| START + Duration::from_secs(1000 + seconds);
        store(&mut folder, "1_a.pcapng", 1, at(0));
        store(&mut folder, "2_a.pcapng", 1, at(90));
        assert_eq!(folder.tidy(START), 0);
        assert_eq!(folder.tidy(at(101)), 1);
        assert_eq!(names(path.path()), ["2_a.pcapng"]);
    }

    #[test]
    fn a_file_that_could_not_be_written_leaves_nothing() {
        let path = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(path.path(), LIMITS).unwrap();
        let full = |out: &mut dyn Write| {
            out.write_all(b"half of it")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        assert!(folder.store("1_a.pcapng", full, START).is_err());
        assert_eq!((names(path.path()).len(), folder.size()), (0, (0, 0)));
    }

    #[test]
    fn a_restart_counts_what_is_there_and_removes_what_is_unfinished() {
        let path = tempfile::tempdir().unwrap();
        fs::write(path.path().join("1_a.pcapng"), [0; 7]).unwrap();
        fs::write(path.path().join("2_a.pcapng.unfinished"), [0; 7]).unwrap();
        fs::write(path.path().join("somebody's"), [0; 7]).unwrap();
        let folder = Folder::open(path.path(), LIMITS).unwrap();
        assert_eq!(folder.size(), (1, 7));
        assert_eq!(names(path.path()), ["1_a.pcapng", "somebody's"]);
    }
}
