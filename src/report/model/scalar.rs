//! The small values of a report: instants, durations, frames, sides, and how an enum of the contract is declared.

use crate::frame::FrameId;
use crate::time::Timestamp;
use crate::{evidence, net};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Declares an enum whose variants are the contract's words: one spelling for JSON, the schema and people.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them, in the contract's order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The contract's word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(super) use words;

words! {
    /// Who did it.
    Actor {
        /// The device that opened the connection.
        Client = "client",
        /// The broker.
        Server = "server",
        /// Something between them: a forged reset, an ICMP error.
        Path = "path",
    }
}

impl From<net::Side> for Actor {
    fn from(side: net::Side) -> Self {
        match side {
            net::Side::Client => Self::Client,
            net::Side::Server => Self::Server,
        }
    }
}

words! {
    /// How much a statement can be relied on.
    Confidence {
        /// The bytes say so.
        Proven = "proven",
        /// Sizes, order and time agree, and nothing contradicts.
        Likely = "likely",
        /// One of several readings.
        Possible = "possible",
    }
}

impl From<evidence::Confidence> for Confidence {
    fn from(confidence: evidence::Confidence) -> Self {
        match confidence {
            evidence::Confidence::Proven => Self::Proven,
            evidence::Confidence::Likely => Self::Likely,
            evidence::Confidence::Possible => Self::Possible,
        }
    }
}

/// One value for the client and one for the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PerSide<T> {
    /// The client's.
    pub client: T,
    /// The server's.
    pub server: T,
}

impl<T> From<net::PerSide<T>> for PerSide<T> {
    fn from(sides: net::PerSide<T>) -> Self {
        Self { client: sides.client, server: sides.server }
    }
}

/// An instant: RFC 3339 in UTC with nine digits of fraction. Wider than a [`Timestamp`], for certificates that are valid
/// until the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(OffsetDateTime);

impl Time {
    /// From whole seconds since the Unix epoch; clamped to the years -9999 to 9999.
    #[must_use]
    pub fn from_secs(seconds: i64) -> Self {
        let limit = if seconds < 0 { time::PrimitiveDateTime::MIN } else { time::PrimitiveDateTime::MAX };
        Self(OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(limit.assume_utc()))
    }

    /// The time since `earlier`; zero where the capture's clock stepped backwards in between.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from(self.0 - earlier.0).unwrap_or(Duration::ZERO)
    }

    /// Nanoseconds since the Unix epoch; clamped to the years 1677 to 2262.
    #[must_use]
    pub fn unix_nanos(self) -> i64 {
        let nanos = self.0.unix_timestamp_nanos();
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// The day, as `2026-11-22`.
    #[must_use]
    pub fn date(self) -> String {
        format!("{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }

    /// The time of the day in UTC to the second, as `20:05:00`.
    #[must_use]
    pub fn of_day(self) -> String {
        format!("{:02}:{:02}:{:02}", self.0.hour(), self.0.minute(), self.0.second())
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        let nanos = timestamp.as_nanos().rem_euclid(1_000_000_000);
        Self(Self::from_secs(timestamp.as_secs()).0 + time::Duration::nanoseconds(nanos))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(year @ 0..=9999) = u32::try_from(self.0.year()) else {
            return write!(f, "{}T{}.{:09}Z", self.date(), self.of_day(), self.0.nanosecond());
        };
        // Reports hold some forty instants a connection: their digits are written in place.
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        let (hour, minute, second, nanos) = self.0.time().as_hms_nano();
        set_digits(&mut text[..4], year);
        set_digits(&mut text[5..7], u8::from(self.0.month()).into());
        set_digits(&mut text[8..10], self.0.day().into());
        set_digits(&mut text[11..13], hour.into());
        set_digits(&mut text[14..16], minute.into());
        set_digits(&mut text[17..19], second.into());
        set_digits(&mut text[20..29], nanos);
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Writes a number into its place, with zeros in front.
fn set_digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let instant = OffsetDateTime::parse(&text, &Rfc3339).map_err(de::Error::custom)?;
        Ok(Self(instant.to_offset(time::UtcOffset::UTC)))
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "RFC 3339 in UTC with nanoseconds.",
            "type": "string",
            "format": "date-time",
            "pattern": r"^-?\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z$",
        })
    }
}

/// A duration: milliseconds with up to six decimals, which are nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub Duration);

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // One division of two exact numbers: the shortest decimal of the result is the one with whole nanoseconds.
        serializer.serialize_f64(self.0.as_nanos() as f64 / 1e6)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(millis / 1e3).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> Cow<'static, str> {
        "Millis".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration in milliseconds; six decimals are nanoseconds.",
            "type": "number",
            "minimum": 0,
        })
    }
}

/// Which connection this is, at whatever place it was captured: 16 bytes, written as 32 hexadecimal digits, as the trace ids of
/// W3C Trace Context and OpenTelemetry are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

impl TraceId {
    /// The first half of a SHA-256 digest.
    #[must_use]
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        Self(std::array::from_fn(|index| digest[index]))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(de::Error::custom("not 32 hexadecimal digits"));
        }
        u128::from_str_radix(&text, 16).map(|id| Self(id.to_be_bytes())).map_err(de::Error::custom)
    }
}

impl JsonSchema for TraceId {
    fn schema_name() -> Cow<'static, str> {
        "TraceId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "16 bytes in hexadecimal digits.",
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
        })
    }
}

/// One frame of the capture, by the number that Wireshark shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct FrameRef {
    /// The frame's number in its file, from 1.
    pub frame: u64,
    /// The file among `capture.files`, from 1; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
}

impl From<FrameId> for FrameRef {
    fn from(id: FrameId) -> Self {
        Self { frame: id.number(), file: (id.file() > 0).then(|| u32::from(id.file()) + 1) }
    }
}

/// `14`, or `2:14` in the second file.
impl fmt::Display for FrameRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file {
            Some(file) => write!(f, "{file}:{}", self.frame),
            None => write!(f, "{}", self.frame),
        }
    }
}

/// The frames that prove something, in the order in which they prove it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrameList {
    /// The frames' numbers in their files, from 1.
    frames: Vec<u64>,
    /// The file of each of `frames`, from 1; absent where all are in the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<u32>,
}

impl FrameList {
    /// The frames, each with its file.
    pub fn iter(&self) -> impl Iterator<Item = FrameRef> {
        let files = self.files.iter().map(|&file| (file > 1).then_some(file)).chain(std::iter::repeat(None));
        self.frames.iter().zip(files).map(|(&frame, file)| FrameRef { frame, file })
    }

    /// Whether no frame is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

impl<F: Into<FrameRef>> FromIterator<F> for FrameList {
    fn from_iter<I: IntoIterator<Item = F>>(frames: I) -> Self {
        let frames: Vec<FrameRef> = frames.into_iter().map(Into::into).collect();
        let in_first = frames.iter().all(|frame| frame.file.is_none());
        let files = if in_first { Vec::new() } else { frames.iter().map(|frame| frame.file.unwrap_or(1)).collect() };
        Self { frames: frames.iter().map(|frame| frame.frame).collect(), files }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn instants_keep_every_nanosecond_both_ways() {
        let time = Time::from(Timestamp::from_nanos(1_795_377_900_000_000_001));
        assert_eq!(json(&time), r#""2026-11-22T20:05:00.000000001Z""#);
        assert_eq!(serde_json::from_str::<Time>(&json(&time)).unwrap(), time);
        assert_eq!(time.unix_nanos(), 1_795_377_900_000_000_001);
        assert_eq!(Time::from(Timestamp::from_nanos(-1)).to_string(), "1969-12-31T23:59:59.999999999Z");
        // The first year of our era, and those that RFC 3339 cannot write.
        assert_eq!(Time::from_secs(-62_135_596_800).to_string(), "0001-01-01T00:00:00.000000000Z");
        assert_eq!(Time::from_secs(i64::MIN).date(), "-9999-01-01");
    }

    #[test]
    fn a_certificate_without_an_end_is_valid_until_9999() {
        // RFC 5280, 4.1.2.5: 99991231235959Z says that there is no well-defined end.
        assert_eq!(Time::from_secs(253_402_300_799).to_string(), "9999-12-31T23:59:59.000000000Z");
        assert_eq!(Time::from_secs(i64::MAX).date(), "9999-12-31");
    }

    #[test]
    fn durations_are_decimal_milliseconds_to_the_nanosecond() {
        for (nanos, shown) in [(0, "0.0"), (1, "1e-6"), (20_509_840, "20.50984"), (7_032_000_000_001, "7032000.000001")]
        {
            let millis = Millis(Duration::from_nanos(nanos));
            assert_eq!(json(&millis), shown);
            assert_eq!(serde_json::from_str::<Millis>(shown).unwrap(), millis);
        }
    }

    #[test]
    fn trace_ids_are_32_digits_both_ways() {
        let id = TraceId(std::array::from_fn(|index| u8::try_from(index).unwrap()));
        assert_eq!(json(&id), r#""000102030405060708090a0b0c0d0e0f""#);
        assert_eq!(serde_json::from_str::<TraceId>(&json(&id)).unwrap(), id);
        for wrong in [r#""0001""#, r#""+00102030405060708090a0b0c0d0e0f""#] {
            assert!(serde_json::from_str::<TraceId>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn frames_name_their_file_only_where_it_is_not_the_first() {
        let one_file: FrameList = [FrameId::new(0, 3), FrameId::new(0, 9)].into_iter().collect();
        assert_eq!(json(&one_file), r#"{"frames":[3,9]}"#);
        let two_files: FrameList = [FrameId::new(0, 3), FrameId::new(1, 9)].into_iter().collect();
        assert_eq!(json(&two_files), r#"{"frames":[3,9],"files":[1,2]}"#);
        assert_eq!(two_files.iter().map(|frame| frame.to_string()).collect::<Vec<_>>(), ["3", "2:9"]);
        assert_eq!(serde_json::from_str::<FrameList>(&json(&two_files)).unwrap(), two_files);
    }
}
