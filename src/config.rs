//! The configuration file: TOML, of which every key has a default. docs/iotcap.toml shows them all.

use crate::daemon::DaemonConfig;
use crate::diagnosis::Thresholds;
use crate::spelling;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use toml::{Spanned, Value};

/// What a configuration file may say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigFile {
    /// Which frames are looked at.
    pub selection: Options,
    /// The live capture.
    pub live: Options,
    /// How the result is told.
    pub output: Options,
    /// Where findings begin.
    pub thresholds: Thresholds,
    /// What the daemon does; packaging/iotcap.toml shows it all.
    pub daemon: DaemonConfig,
}

/// Options of the command line, as a table of the file has them: by their long names, unchecked ([`crate::cli`] knows them).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options(Vec<Setting>);

impl Options {
    /// The settings, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = BTreeMap::<Spanned<String>, Value>::deserialize(deserializer)?;
        let setting = |(name, value): (Spanned<String>, Value)| {
            let offset = name.span().start;
            Setting { name: name.into_inner(), value, place: Place { offset, ..Place::default() } }
        };
        Ok(Self(table.into_iter().map(setting).collect()))
    }
}

/// One option of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The option's long name.
    pub name: String,
    /// What it is set to.
    pub value: Value,
    place: Place,
}

impl Setting {
    /// The error that says what is wrong with it.
    #[must_use]
    pub fn refuse(&self, path: &Path, problem: String) -> ConfigError {
        ConfigError::Wrong { path: path.display().to_string(), place: self.place, problem }
    }
}

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// In bytes, from 0.
    offset: usize,
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
}

impl Place {
    fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or_default();
        let in_line = before.rsplit('\n').next().unwrap_or_default();
        Self { offset, line: before.matches('\n').count() + 1, column: in_line.chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a configuration file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read the configuration {path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's word.
        error: std::io::Error,
    },
    /// It is not TOML, or says what it may not.
    #[error("{path}, {place}: {problem}")]
    Wrong {
        /// The file.
        path: String,
        /// Where.
        place: Place,
        /// What is wrong there.
        problem: String,
    },
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// With the line where it is not TOML, has an unknown key, or a value of the wrong kind.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { path: name.clone(), error })?;
        Self::parse(&text, &name)
    }

    /// Reads a text, which messages call `name`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let mut file: Self = toml::from_str(text).map_err(|error: toml::de::Error| {
            let place = Place::of(text, error.span().unwrap_or_default().start);
            ConfigError::Wrong { path: name.to_owned(), place, problem: toml_problem(text, &error).1 }
        })?;
        for setting in
            [&mut file.selection, &mut file.live, &mut file.output].into_iter().flat_map(|table| &mut table.0)
        {
            setting.place = Place::of(text, setting.place.offset);
        }
        Ok(file)
    }
}

/// The line of a mistake, from 1, and what it is; for a key that does not exist, with the nearest one that does.
pub(crate) fn toml_problem(text: &str, error: &toml::de::Error) -> (usize, String) {
    let line = Place::of(text, error.span().unwrap_or_default().start).line;
    let problem = error.message().lines().collect::<Vec<_>>().join(" ");
    (line, unknown_key(&problem).unwrap_or(problem))
}

/// serde's "unknown field `a`, expected one of `b`, `c`", in the words of a user.
fn unknown_key(problem: &str) -> Option<String> {
    let mut quoted = problem.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let written = quoted.next()?;
    let known: Vec<&str> = quoted.collect();
    Some(match spelling::nearest(written, known.iter().copied()) {
        Some(near) => format!("unknown key '{written}'; did you mean '{near}'?"),
        None => format!("unknown key '{written}'; there are {}", known.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_example_says_all_the_defaults() {
        let example = include_str!("../docs/iotcap.toml");
        assert_eq!(ConfigFile::parse(example, "example").unwrap(), ConfigFile::default());
        let fields = format!("{:?}", Thresholds::default()).matches(": ").count();
        let keys = example.lines().filter(|line| !line.starts_with('#') && line.contains('=')).count();
        assert_eq!(keys, fields, "a threshold is missing in docs/iotcap.toml");
    }

    #[test]
    fn a_threshold_is_set_in_seconds_and_the_others_stay() {
        let config = ConfigFile::parse("[thresholds]\nslow_round_trip = 0.25\n", "x").unwrap();
        assert_eq!(config.thresholds.slow_round_trip, Duration::from_millis(250));
        assert_eq!(config.thresholds.stuck, Thresholds::default().stuck);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let told = |text: &str| ConfigFile::parse(text, "x.toml").unwrap_err().to_string();
        assert!(
            told("[thresholds]\n\nslow_roundtrip = 1\n")
                .starts_with("x.toml, line 3, column 1: unknown key 'slow_roundtrip'; did you mean 'slow_round_trip'?")
        );
        assert!(told("[thresholds]\nidle = -1\n").contains("-1 is no number of seconds"));
        assert!(told("[threshold]\n").contains("unknown key 'threshold'; did you mean 'thresholds'?"));
    }
}
