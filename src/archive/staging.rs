//! Files that nobody is to see before they are whole: written in a hidden folder beside their place, renamed when all are
//! complete, gone when something fails.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The hidden folder. It goes away with this value, and with it whatever was not published.
pub(super) struct Staging {
    folder: TempDir,
    files: usize,
}

/// A file in the hidden folder.
#[derive(Debug)]
pub(super) struct Staged(PathBuf);

impl Staging {
    /// Makes a hidden folder in this one. Readers of datasets pass over names that begin with a dot.
    pub(super) fn inside(folder: &Path) -> io::Result<Self> {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        Ok(Self { folder: tempfile::Builder::new().prefix(".iotcap-").tempdir_in(here)?, files: 0 })
    }

    pub(super) fn create(&mut self) -> io::Result<(File, Staged)> {
        self.files += 1;
        let path = self.folder.path().join(self.files.to_string());
        Ok((File::create_new(&path)?, Staged(path)))
    }
}

impl Staged {
    /// Gives the file its name, in place of whatever has it.
    pub(super) fn publish(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(&self.0, path)
    }
}
