//! The file of expectations: what it may say, and what is told of a file that says something else.

use super::judge::Judge;
use super::select::Selection;
use crate::config::toml_problem;
use crate::diagnosis::{Stretch, rules};
use crate::report::model::{Outcome, Rung};
use crate::report::units;
use crate::spelling;
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Expectations, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectations {
    pub(super) wanted: Vec<Wanted>,
    pub(super) no_other_failures: bool,
}

/// What is expected of some connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    name: Option<String>,
    pub(super) selection: Selection,
    pub(super) count: Count,
    pub(super) reaches: Option<Rung>,
    pub(super) within: BTreeMap<Stretch, Duration>,
    pub(super) tls: Option<String>,
    pub(super) result: Wish,
}

/// How many connections there must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Exactly(u64),
    AtLeast(u64),
}

/// What is to become of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Anything but a failure: nothing else was said.
    NoFailure,
    Outcome(Outcome),
    /// A failure with this cause, by its id.
    FailsWith(&'static str),
}

/// Why expectations are not taken.
#[derive(Debug, thiserror::Error)]
pub enum ExpectError {
    /// They cannot be read.
    #[error("cannot read the expectations {path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's word.
        error: std::io::Error,
    },
    /// They are not TOML, or say what they may not.
    #[error("{path}, line {line}: {problem}")]
    Wrong {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// They contradict themselves, or expect nothing.
    #[error("{path}: {problem}")]
    Senseless {
        /// The file.
        path: String,
        /// What makes no sense.
        problem: String,
    },
}

impl Expectations {
    /// Reads a file.
    ///
    /// # Errors
    /// With the line where it is not TOML, has an unknown key or word, and with the nearest one that exists.
    pub fn read(path: &Path) -> Result<Self, ExpectError> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| ExpectError::Unreadable { path: name.clone(), error })?;
        Self::parse(&text, &name)
    }

    /// Takes them as text; `name` is that of the file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self, ExpectError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let (line, problem) = toml_problem(text, &error);
            ExpectError::Wrong { path: name.to_owned(), line, problem }
        })?;
        let senseless = |problem| ExpectError::Senseless { path: name.to_owned(), problem };
        if file.connection.is_empty() && !file.default.no_other_failures {
            return Err(senseless("it expects nothing; write [[connection]], as docs/ci.md shows".to_owned()));
        }
        let numbered = file.connection.into_iter().enumerate();
        let wanted = numbered
            .map(|(index, entry)| entry.checked().map_err(|why| senseless(format!("connection {}: {why}", index + 1))))
            .collect::<Result<_, _>>()?;
        Ok(Self { wanted, no_other_failures: file.default.no_other_failures })
    }

    /// Somebody who holds connections against them.
    #[must_use]
    pub fn judge(&self) -> Judge {
        Judge::new(self.clone())
    }
}

impl Wanted {
    /// As given, or what it selects.
    pub(super) fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.selection.to_string())
    }

    /// What is expected, in words.
    pub(super) fn in_words(&self) -> String {
        let count = match self.count {
            Count::Exactly(0) => "no connection".to_owned(),
            Count::Exactly(number) => format!("exactly {}", units::counted(number, "connection")),
            Count::AtLeast(number) => format!("at least {}", units::counted(number, "connection")),
        };
        if self.count == Count::Exactly(0) {
            return format!("{count} ({})", self.selection);
        }
        let result = match self.result {
            Wish::NoFailure => "none fails".to_owned(),
            Wish::Outcome(outcome) => format!("outcome {outcome}"),
            Wish::FailsWith(cause) => format!("fails with {cause}"),
        };
        let times = self.within.iter().map(|(stretch, most)| format!("{stretch} within {}", units::human(*most)));
        let parts = std::iter::once(format!("{count} ({})", self.selection))
            .chain(self.reaches.map(|rung| format!("reaches {rung}")))
            .chain(times)
            .chain(self.tls.as_ref().map(|version| format!("TLS {version}")))
            .chain([result]);
        parts.collect::<Vec<_>>().join(", ")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct File {
    default: General,
    connection: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct General {
    no_other_failures: bool,
}

/// `[[connection]]`, as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    name: Option<String>,
    #[serde(alias = "sni")]
    server_name: Word<super::select::Glob>,
    client: Word<super::select::Network>,
    client_id: Word<super::select::Glob>,
    topic: Word<super::select::TopicFilter>,
    port: Option<u16>,
    count: Option<u64>,
    at_least: Option<u64>,
    reaches: Word<OneOf<Rung>>,
    within: BTreeMap<String, String>,
    tls: Word<Version>,
    outcome: Word<OneOf<Outcome>>,
    fails_with: Word<Cause>,
}

impl Entry {
    fn checked(self) -> Result<Wanted, String> {
        let count = match (self.count, self.at_least) {
            (Some(_), Some(_)) => return Err("count and at_least exclude each other".to_owned()),
            (Some(exactly), None) => Count::Exactly(exactly),
            (None, at_least) => Count::AtLeast(at_least.unwrap_or(1)),
        };
        let result = match (self.outcome.0, self.fails_with.0) {
            (Some(_), Some(_)) => return Err("outcome and fails_with exclude each other".to_owned()),
            (Some(OneOf(outcome)), None) => Wish::Outcome(outcome),
            (None, Some(Cause(id))) => Wish::FailsWith(id),
            (None, None) => Wish::NoFailure,
        };
        let limit = |(phase, most): (String, String)| Ok::<_, String>((phase.parse::<Stretch>()?, duration(&most)?));
        Ok(Wanted {
            name: self.name,
            selection: Selection {
                server_name: self.server_name.0,
                client: self.client.0,
                client_id: self.client_id.0,
                topic: self.topic.0,
                port: self.port,
            },
            count,
            reaches: self.reaches.0.map(|OneOf(rung)| rung),
            within: self.within.into_iter().map(limit).collect::<Result<_, _>>()?,
            tls: self.tls.0.map(|Version(version)| version),
            result,
        })
    }
}

/// `500ms`, `2s`, `1.5min`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no time; write 500ms, 2s or 1.5min");
    let unit_at = text.find(|character: char| character.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1e3,
        "s" => number,
        "min" => number * 60.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// A value that is written as a word; none where the key is missing.
struct Word<T>(Option<T>);

impl<T> Default for Word<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: FromStr<Err = String>> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(|value| Self(Some(value))).map_err(de::Error::custom)
    }
}

/// One of the contract's words.
struct OneOf<T>(T);

impl FromStr for OneOf<Rung> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Rung::ALL.iter().find(|rung| rung.name() == text);
        known
            .map(|rung| Self(*rung))
            .ok_or_else(|| spelling::unknown("rung", text, Rung::ALL.iter().map(|rung| rung.name())))
    }
}

impl FromStr for OneOf<Outcome> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Outcome::ALL.iter().find(|outcome| outcome.name() == text);
        known
            .map(|outcome| Self(*outcome))
            .ok_or_else(|| spelling::unknown("outcome", text, Outcome::ALL.iter().map(|outcome| outcome.name())))
    }
}

/// A finding, by its id or its code.
struct Cause(&'static str);

impl FromStr for Cause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = rules::find(text).map(|rule| Self(rule.id));
        known.ok_or_else(|| match spelling::nearest(text, rules::ALL.iter().map(|rule| rule.id)) {
            Some(near) => format!("no finding is called '{text}'; did you mean '{near}'?"),
            None => format!("no finding is called '{text}'; docs/findings.md has them all"),
        })
    }
}

/// A version of TLS, as the report writes it.
struct Version(String);

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = ["1.0", "1.1", "1.2", "1.3"];
        if known.contains(&text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("'{text}' is no version of TLS; there are {}", known.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str) -> String {
        Expectations::parse(text, "expect.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_file_says_what_is_expected() {
        let text = r#"
            [default]
            no_other_failures = true
            [[connection]]
            sni = "*.example"
            client = "192.0.2.0/24"
            port = 8883
            at_least = 2
            reaches = "mqtt-session"
            within = { total = "2s", tls-authentication = "500ms" }
            tls = "1.3"
            outcome = "ok"
            [[connection]]
            name = "the one without a certificate"
            client_id = "sensor-?"
            topic = "sensors/#"
            count = 1
            fails_with = "tls030"
        "#;
        let expectations = Expectations::parse(text, "x").unwrap();
        assert!(expectations.no_other_failures);
        let told: Vec<_> = expectations.wanted.iter().map(|wanted| (wanted.name(), wanted.in_words())).collect();
        assert_eq!(told[0].0, "to *.example, from 192.0.2.0/24, port 8883");
        assert_eq!(
            told[0].1,
            "at least 2 connections (to *.example, from 192.0.2.0/24, port 8883), reaches mqtt-session, \
             tls-authentication within 500 ms, total within 2.0 s, TLS 1.3, outcome ok"
        );
        assert_eq!(told[1].0, "the one without a certificate");
        assert!(told[1].1.ends_with("fails with client-certificate-missing"), "{}", told[1].1);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest() {
        assert_eq!(
            refused("[[connection]]\nport = 8883\nreach = \"mqtt-session\"\n"),
            "expect.toml, line 3: unknown key 'reach'; did you mean 'reaches'?"
        );
        assert!(refused("[defaults]\n").contains("line 1: unknown key 'defaults'; did you mean 'default'?"));
    }

    #[test]
    fn an_unknown_word_is_refused_with_its_line_and_the_nearest() {
        for (line, told) in [
            ("reaches = \"mqtt-sesion\"", "no rung is called 'mqtt-sesion'; did you mean 'mqtt-session'?"),
            ("outcome = \"faild\"", "no outcome is called 'faild'; did you mean 'failed'?"),
            (
                "fails_with = \"client-certificate-refuse\"",
                "no finding is called 'client-certificate-refuse'; did you mean 'client-certificate-refused'?",
            ),
            ("tls = \"13\"", "'13' is no version of TLS; there are 1.0, 1.1, 1.2, 1.3"),
            ("client = \"home\"", "'home' is no address and no network; write 192.0.2.7 or 192.0.2.0/24"),
            ("topic = \"a/#/b\"", "'a/#/b' is no topic filter; + is one level, # all that follow"),
        ] {
            assert_eq!(refused(&format!("[[connection]]\n{line}\n")), format!("expect.toml, line 2: {told}"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(refused("").contains("expects nothing"));
        assert!(refused("[[connection]]\ncount = 1\nat_least = 1\n").contains("connection 1: count and at_least"));
        assert!(refused("[[connection]]\noutcome = \"ok\"\nfails_with = \"TLS031\"\n").contains("exclude each other"));
        assert!(refused("[[connection]]\nwithin = { tls-hullo = \"1s\" }\n").contains("did you mean 'tls-hello'?"));
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5 min"), Ok(Duration::from_secs(90)));
        assert!(duration("500").is_err() && duration("-1s").is_err() && duration("1h").is_err());
    }
}
