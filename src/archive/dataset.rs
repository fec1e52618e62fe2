//! A folder of tables: `connections`, `findings`, and `events` where they are asked for, each partitioned by day and sensor as Hive does
//! it. In come connections in any order of days, out go complete parts, all at the end; a part of the same name is replaced.

use super::columns::columns;
use super::rows::{ConnectionRow, EventRow, FindingRow, Key, PartRow};
use super::staging::{Staged, Staging};
use super::table::{ROWS, Table};
use crate::report::model::Connection;
use arrow_schema::FieldRef;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Days whose parts are open at a time. A connection of another day closes the one that was opened first.
const OPEN_DAYS: usize = 3;

/// The dataset that is being written to.
pub(super) struct Dataset {
    folder: PathBuf,
    sensor: String,
    staging: Staging,
    tables: Vec<Kind>,
    open: VecDeque<Day>,
    complete: Vec<Part>,
}

/// A table of the dataset.
struct Kind {
    name: &'static str,
    columns: Vec<FieldRef>,
    fill: fn(&mut Table, &Connection) -> io::Result<()>,
}

/// The tables of one day, in the order of the dataset's.
struct Day {
    date: String,
    tables: Vec<(Table, Staged)>,
}

/// A file that is complete.
struct Part {
    table: &'static str,
    date: String,
    file: Staged,
}

impl Dataset {
    pub(super) fn open(folder: &Path, sensor: &str, with_events: bool) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            sensor: sensor.to_owned(),
            staging: Staging::inside(folder)?,
            tables: tables().into_iter().filter(|table| with_events || table.name != EVENTS).collect(),
            open: VecDeque::new(),
            complete: Vec::new(),
        })
    }

    pub(super) fn push(&mut self, connection: &Connection) -> io::Result<()> {
        let date = connection.started.date();
        let day = if let Some(place) = self.open.iter().position(|day| day.date == date) {
            self.open.get_mut(place)
        } else {
            self.begin(date)?;
            self.open.back_mut()
        };
        let Some(day) = day else { return Ok(()) };
        self.tables.iter().zip(&mut day.tables).try_for_each(|(kind, (table, _))| (kind.fill)(table, connection))
    }

    /// Shows all parts under their names, and removes what an earlier run under the same name has left beyond them.
    pub(super) fn publish(mut self, name: &str) -> io::Result<()> {
        while let Some(day) = self.open.pop_front() {
            self.complete(day)?;
        }
        let mut numbers: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let mut published = BTreeSet::new();
        for Part { table, date, file } in &self.complete {
            let number = numbers.entry((*table, date.as_str())).or_default();
            let path = self.partition(table, date).join(format!("part-{name}-{number}.parquet"));
            *number += 1;
            file.publish(&path)?;
            published.insert(path);
        }
        for table in tables() {
            for path in self.parts(table.name, name)?.difference(&published) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, date: String) -> io::Result<()> {
        if self.open.len() >= OPEN_DAYS
            && let Some(day) = self.open.pop_front()
        {
            self.complete(day)?;
        }
        let mut tables = Vec::new();
        for kind in &self.tables {
            let (file, staged) = self.staging.create()?;
            tables.push((Table::new(&kind.columns, ROWS, file)?, staged));
        }
        self.open.push_back(Day { date, tables });
        Ok(())
    }

    fn complete(&mut self, day: Day) -> io::Result<()> {
        for (kind, (table, file)) in self.tables.iter().zip(day.tables) {
            table.finish()?;
            self.complete.push(Part { table: kind.name, date: day.date.clone(), file });
        }
        Ok(())
    }

    fn partition(&self, table: &str, date: &str) -> PathBuf {
        self.folder.join(table).join(format!("date={date}")).join(format!("sensor={}", self.sensor))
    }

    /// The parts of this name that a table has, of any day.
    fn parts(&self, table: &str, name: &str) -> io::Result<BTreeSet<PathBuf>> {
        let mut parts = BTreeSet::new();
        for day in entries(&self.folder.join(table))? {
            for path in entries(&day.join(format!("sensor={}", self.sensor)))? {
                if path.file_name().and_then(|file| file.to_str()).is_some_and(|file| is_part(file, name)) {
                    parts.insert(path);
                }
            }
        }
        Ok(parts)
    }
}

const CONNECTIONS: &str = "connections";
const FINDINGS: &str = "findings";
const EVENTS: &str = "events";

/// What is a table of its own, or in the path, is no column of the connections.
fn tables() -> [Kind; 3] {
    [
        Kind {
            name: CONNECTIONS,
            columns: columns::<ConnectionRow<'_>>(&["sensor", "findings", "events"]),
            fill: |table, connection| table.push(&ConnectionRow::new("", connection), values(connection)),
        },
        Kind {
            name: FINDINGS,
            columns: columns::<FindingRow<'_>>(&[]),
            fill: |table, connection| {
                let key = Key::of(connection);
                connection.findings.iter().try_for_each(|part| table.push(&PartRow { key, part }, 0))
            },
        },
        Kind {
            name: EVENTS,
            columns: columns::<EventRow<'_>>(&[]),
            fill: |table, connection| {
                let key = Key::of(connection);
                connection.events.iter().try_for_each(|part| table.push(&PartRow { key, part }, 0))
            },
        },
    ]
}

/// About how many values stand in the lists of a connection, but for findings and events.
pub(super) fn values(connection: &Connection) -> usize {
    let tls = connection.tls.as_ref().map_or(0, |tls| {
        let certificates = [&tls.certificates.client, &tls.certificates.server];
        let names: usize = certificates.into_iter().flatten().map(|certificate| 1 + certificate.names.len()).sum();
        tls.offered_ciphers.len() + tls.alerts.len() + names
    });
    tls / 8 + connection.mqtt.as_ref().map_or(0, |mqtt| mqtt.topics.len())
}

fn is_part(file: &str, name: &str) -> bool {
    let number = file.strip_prefix("part-").and_then(|rest| rest.strip_prefix(name)?.strip_prefix('-'));
    number
        .and_then(|rest| rest.strip_suffix(".parquet"))
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a folder holds; nothing where it is not there.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The tables in Markdown, for docs/archive.md.
pub(super) fn described() -> impl Iterator<Item = (&'static str, String)> {
    tables().into_iter().map(|table| (table.name, super::columns::described(&table.columns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_of_the_very_name_are_replaced() {
        assert!(is_part("part-gw-0.parquet", "gw") && is_part("part-gw-1-17.parquet", "gw-1"));
        for other in ["part-gw-1-0.parquet", "part-gw-.parquet", "part-gwen-0.parquet", "part-gw-0.parquet.crc", "gw"] {
            assert!(!is_part(other, "gw"), "{other}");
        }
    }
}
