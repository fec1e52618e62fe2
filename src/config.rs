//! The configuration file: TOML, of which every key has a default. docs/iotcap.toml shows them all.

use crate::daemon::DaemonConfig;
use crate::diagnosis::Thresholds;
use crate::spelling;
use serde::Deserialize;
use std::path::Path;

/// What a configuration file may say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigFile {
    /// Where findings begin.
    pub thresholds: Thresholds,
    /// What the daemon does; packaging/iotcap.toml shows it all.
    pub daemon: DaemonConfig,
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
    #[error("{path}, line {line}: {problem}")]
    Wrong {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
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
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let (line, problem) = toml_problem(text, &error);
            ConfigError::Wrong { path: name.to_owned(), line, problem }
        })
    }
}

/// The line of a mistake, from 1, and what it is; for a key that does not exist, with the nearest one that does.
pub(crate) fn toml_problem(text: &str, error: &toml::de::Error) -> (usize, String) {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
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
                .starts_with("x.toml, line 3: unknown key 'slow_roundtrip'; did you mean 'slow_round_trip'?")
        );
        assert!(told("[thresholds]\nidle = -1\n").contains("-1 is no number of seconds"));
        assert!(told("[threshold]\n").contains("unknown key 'threshold'; did you mean 'thresholds'?"));
    }
}
