//! Archives: in come finished connections, out go Parquet tables, for DuckDB, Spark and whatever else reads them. A file has one
//! table, with findings (and events) inside of their connections; a folder has one a kind, partitioned by day and sensor. docs/archive.md
//! lists the columns. Nothing is to be seen before it is complete, and a run that is repeated replaces what it wrote.

mod columns;
mod dataset;
mod rows;
mod staging;
mod table;

use crate::report::Format;
use crate::report::model::{Capture, Connection, Group, Summary};
use arrow_schema::FieldRef;
use columns::columns;
use dataset::Dataset;
use rows::ConnectionRow;
use staging::{Staged, Staging};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use table::Table;

/// Connections of a row group in a file, where they hold their findings and their events.
const NESTED_ROWS: usize = 10_000;

/// Where an archive goes, and what it calls itself.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// A file, or a folder: one that is there, or a path that ends in `/`.
    pub path: &'a Path,
    /// Who captured: a column in a file, a part of the path in a folder.
    pub sensor: &'a str,
    /// What the parts in a folder are called.
    pub part: PartName<'a>,
    /// Whether events are kept.
    pub events: bool,
}

/// What the parts in a folder are called: parts of the same name, day and sensor replace each other.
#[derive(Clone, Copy, Debug)]
pub enum PartName<'a> {
    /// This.
    Given(&'a str),
    /// This, and the time of the capture's first frame, so that another capture of the same name does not replace it.
    OfCapture(&'a str),
}

/// An archive, as a format of the report. It writes its own files, and nothing to where formats are written otherwise.
pub struct Archive {
    /// Nothing once it is complete.
    to: Option<To>,
}

enum To {
    File(Box<Whole>),
    Folder { dataset: Box<Dataset>, name: String, dated: bool },
}

/// A table with everything in it.
struct Whole {
    table: Table,
    sensor: String,
    /// Where it is to go once it is complete; nothing where it is there already.
    place: Option<Place>,
}

struct Place {
    path: PathBuf,
    staged: Staged,
    /// Holds what is staged.
    _staging: Staging,
}

/// Whether a path is one of a folder.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    path.is_dir()
        || path.as_os_str().as_encoded_bytes().last().is_some_and(|last| std::path::is_separator((*last).into()))
}

impl Archive {
    /// Begins an archive; the reader sees it once it is finished.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(settings: &Settings<'_>) -> io::Result<Self> {
        let Settings { path, sensor, part, events } = *settings;
        if is_folder(path) {
            let dataset = Box::new(Dataset::open(path, sensor, events)?);
            let (name, dated) = match part {
                PartName::Given(name) => (name, false),
                PartName::OfCapture(name) => (name, true),
            };
            return Ok(Self { to: Some(To::Folder { dataset, name: name.to_owned(), dated }) });
        }
        let mut staging = Staging::inside(path.parent().unwrap_or(path))?;
        let (file, staged) = staging.create()?;
        let place = Place { path: path.to_owned(), staged, _staging: staging };
        Self::of_file(file, sensor, events, Some(place))
    }

    /// Begins an archive in a file that is open: for a process that may not make another one later. It cannot be read before its end.
    ///
    /// # Errors
    /// Those of the file.
    pub fn in_file(file: File, sensor: &str, events: bool) -> io::Result<Self> {
        Self::of_file(file, sensor, events, None)
    }

    fn of_file(file: File, sensor: &str, events: bool, place: Option<Place>) -> io::Result<Self> {
        let table = Table::new(&nested(events), NESTED_ROWS, file)?;
        Ok(Self { to: Some(To::File(Box::new(Whole { table, sensor: sensor.to_owned(), place }))) })
    }
}

/// The columns of a file.
fn nested(events: bool) -> Vec<FieldRef> {
    columns::<ConnectionRow<'_>>(if events { &[] } else { &["events"] })
}

impl Format for Archive {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn connection(&mut self, connection: &Connection, _: &mut dyn Write) -> io::Result<()> {
        match &mut self.to {
            Some(To::File(whole)) => whole.push(connection),
            Some(To::Folder { dataset, .. }) => dataset.push(connection),
            None => Ok(()),
        }
    }

    fn finish(&mut self, capture: &Capture, _: &Summary, _: &[Group], _: &mut dyn Write) -> io::Result<()> {
        match self.to.take() {
            Some(To::File(whole)) => whole.finish(),
            Some(To::Folder { dataset, name, dated }) => {
                let first = capture.first.filter(|_| dated);
                let name = first.map_or(name.clone(), |first| format!("{name}-{}", first.unix_nanos()));
                dataset.publish(&name)
            }
            None => Ok(()),
        }
    }
}

impl Whole {
    fn push(&mut self, connection: &Connection) -> io::Result<()> {
        let values = dataset::values(connection) + connection.findings.len() + connection.events.len();
        self.table.push(&ConnectionRow::new(&self.sensor, connection), values)
    }

    fn finish(self) -> io::Result<()> {
        self.table.finish()?;
        self.place.map_or(Ok(()), |place| place.staged.publish(&place.path))
    }
}

/// The columns of all tables in Markdown, by the table's name; docs/archive.md is its copy.
#[must_use]
pub fn tables() -> Vec<(&'static str, String)> {
    let file = ("file", columns::described(&nested(true)));
    std::iter::once(file).chain(dataset::described()).collect()
}
