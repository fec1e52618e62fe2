//! Parquet as an output: who captured, and what its files are called, by the options or else by the captures.

use super::Output;
use super::outputs::{Origin, cannot_write};
use crate::archive::{self, Archive, PartName, Settings};
use crate::cli::OutputArgs;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What stands for a sensor that nobody has named, or that may not be told.
const UNKNOWN: &str = "unknown";

/// Begins an archive.
pub(super) fn archive(path: &Path, arguments: &OutputArgs, origin: Origin<'_>) -> Result<Output> {
    let name = path.display().to_string();
    let sensor = sensor(arguments, origin);
    let (archive, file) = match origin {
        Origin::Files(captures) => {
            let capture = capture(arguments, captures);
            let part = arguments.part.as_deref().map_or(PartName::OfCapture(&capture), PartName::Given);
            let settings = Settings { path, sensor: &sensor, part, events: arguments.events };
            (Archive::create(&settings).with_context(|| cannot_write(&name))?, None)
        }
        Origin::Interfaces if archive::is_folder(path) => {
            bail!("a live capture goes to one Parquet file: --report parquet=FILE; or save it with -w and read that")
        }
        Origin::Interfaces => {
            let open = || {
                let file = File::create(path)?;
                Ok::<_, io::Error>((Archive::in_file(file.try_clone()?, &sensor, arguments.events)?, Some(file)))
            };
            open().with_context(|| cannot_write(&name))?
        }
    };
    Ok(Output { format: Box::new(archive), to: Box::new(io::sink()), name, file })
}

/// Who captured. The names of folders and hosts are nobody's business in a report with pseudonyms.
fn sensor(arguments: &OutputArgs, origin: Origin<'_>) -> String {
    let guessed = || match origin {
        _ if arguments.redact => None,
        Origin::Files(captures) => folder_of(captures.first()?),
        Origin::Interfaces => host(),
    };
    arguments.sensor.clone().or_else(guessed).filter(|name| !name.is_empty()).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The name of the folder that a capture lies in.
fn folder_of(capture: &Path) -> Option<String> {
    let path = capture.canonicalize().ok()?;
    path.parent()?.file_name().map(|name| in_a_path(&name.to_string_lossy()))
}

#[cfg(unix)]
fn host() -> Option<String> {
    nix::unistd::gethostname().ok().map(|name| in_a_path(&name.to_string_lossy()))
}

#[cfg(not(unix))]
fn host() -> Option<String> {
    None
}

/// The captures by their first one's name.
fn capture(arguments: &OutputArgs, captures: &[PathBuf]) -> String {
    let name = captures.first().and_then(|path| path.file_name()).filter(|name| *name != "-");
    let name = match name {
        Some(name) if !arguments.redact => in_a_path(&name.to_string_lossy()),
        _ => "capture".to_owned(),
    };
    if captures.len() > 1 { format!("{name}-{}", captures.len()) } else { name }
}

/// A name that says the same in a path of a dataset, and leads nowhere else.
fn in_a_path(name: &str) -> String {
    let fits = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    name.chars().map(|character| if fits(character) { character } else { '_' }).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_names_in_a_dataset() {
        assert_eq!(in_a_path("gw 1/a=b.pcapng"), "gw_1_a_b.pcapng");
        assert_eq!(in_a_path(&"x".repeat(300)).len(), 100);
    }
}
