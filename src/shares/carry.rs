//! What the verdicts of one share need to know of the others: clients that were accepted, which may have taken over sessions.
//!
//! One JSON object a line, in the order of time. An `arrival` is a client that its server accepted; an `ended` is a session
//! that its server ended, with the time in which an arrival may have been the reason. Whoever has the files of all shares sees
//! by them which verdicts have to be given again: those of a share with an `ended` that an `arrival` of another one fits.

use crate::connection::Arrival;
use crate::frame::FrameId;
use crate::mqtt::PlaintextLen;
use crate::net::{Endpoint, PerSide};
use crate::stream::Moment;
use crate::time::Timestamp;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// What a line says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Arrival(ArrivalLine),
    Ended(EndedLine),
}

/// An [`Arrival`]; times are nanoseconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
struct ArrivalLine {
    /// When it was known.
    at: i64,
    server: SocketAddr,
    client: SocketAddr,
    first: Point,
    connect: Point,
    connack: Point,
    length: Option<(u32, u32)>,
    client_id: Option<Box<str>>,
}

/// A session that its server ended.
#[derive(Debug, Serialize, Deserialize)]
struct EndedLine {
    server: SocketAddr,
    /// An arrival whose CONNACK came between these may have been the reason.
    from: i64,
    to: i64,
}

/// A time and a frame.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Point(i64, u64);

/// Writes what others need to know.
pub struct CarryOut {
    to: BufWriter<File>,
    path: PathBuf,
}

impl CarryOut {
    /// Begins a file, for its owner alone: it may hold client ids.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = crate::private::create(path).with_context(|| cannot_write(path))?;
        Ok(Self { to: BufWriter::new(file), path: path.to_owned() })
    }

    /// A client was accepted, as was known at a time.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn arrived(&mut self, at: Timestamp, arrival: &Arrival) -> Result<()> {
        self.write(&Line::Arrival(ArrivalLine::new(at, arrival)))
    }

    /// A server ended a session; an arrival in this time may have been the reason.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn ended(&mut self, server: Endpoint, by_arrivals: &RangeInclusive<Timestamp>) -> Result<()> {
        let (from, to) = (by_arrivals.start().as_nanos(), by_arrivals.end().as_nanos());
        self.write(&Line::Ended(EndedLine { server: address(server), from, to }))
    }

    /// All is written.
    ///
    /// # Errors
    /// Where it could not be.
    pub fn finish(mut self) -> Result<()> {
        self.to.flush().with_context(|| cannot_write(&self.path))
    }

    fn write(&mut self, line: &Line) -> Result<()> {
        let written = serde_json::to_writer(&mut self.to, line).map_err(io::Error::from);
        written.and_then(|()| self.to.write_all(b"\n")).with_context(|| cannot_write(&self.path))
    }
}

/// What other shares have told.
#[derive(Debug, Default)]
pub struct CarryIn {
    arrivals: VecDeque<(Timestamp, Arrival)>,
}

impl CarryIn {
    /// Reads the files of other shares.
    ///
    /// # Errors
    /// One sentence where one cannot be read or is none.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut arrivals = Vec::new();
        for path in paths {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            for (index, line) in text.lines().enumerate() {
                let line: Line = serde_json::from_str(line)
                    .with_context(|| format!("{}: line {} is not of --carry-out", path.display(), index + 1))?;
                if let Line::Arrival(line) = line {
                    arrivals.push((Timestamp::from_nanos(line.at), Arrival::from(line)));
                }
            }
        }
        arrivals.sort_by_key(|(at, arrival)| (*at, arrival.connack_at.frame));
        Ok(Self { arrivals: arrivals.into() })
    }

    /// The next arrival that was known by a time, and when.
    pub fn next_by(&mut self, now: Timestamp) -> Option<(Timestamp, Arrival)> {
        self.arrivals.front().is_some_and(|(at, _)| *at <= now).then(|| self.arrivals.pop_front())?
    }
}

impl ArrivalLine {
    fn new(at: Timestamp, arrival: &Arrival) -> Self {
        let Arrival { endpoints, ordinal: _, first, connect_at, connack_at, length, client_id } = arrival;
        Self {
            at: at.as_nanos(),
            server: address(endpoints.server),
            client: address(endpoints.client),
            first: Point::from(*first),
            connect: Point::from(*connect_at),
            connack: Point::from(*connack_at),
            length: length.map(|length| (length.min, length.max)),
            client_id: client_id.clone(),
        }
    }
}

impl From<ArrivalLine> for Arrival {
    fn from(line: ArrivalLine) -> Self {
        let ArrivalLine { at: _, server, client, first, connect, connack, length, client_id } = line;
        Self {
            endpoints: PerSide { client: endpoint(client), server: endpoint(server) },
            // Of another share's frames: what counts is the frame that it begins with.
            ordinal: 0,
            first: first.into(),
            connect_at: connect.into(),
            connack_at: connack.into(),
            length: length.map(|(min, max)| PlaintextLen { min, max }),
            client_id,
        }
    }
}

impl From<Moment> for Point {
    fn from(Moment { at, frame }: Moment) -> Self {
        Self(at.as_nanos(), frame.to_bits())
    }
}

impl From<Point> for Moment {
    fn from(Point(at, frame): Point) -> Self {
        Self::new(Timestamp::from_nanos(at), FrameId::from_bits(frame))
    }
}

fn address(endpoint: Endpoint) -> SocketAddr {
    SocketAddr::new(endpoint.address, endpoint.port)
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::new(address.ip(), address.port())
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write to {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(nanos: i64, frame: u64) -> Arrival {
        let moment = |frame| Moment::new(Timestamp::from_nanos(nanos), FrameId::new(2, frame));
        let end = |port| Endpoint::new("2001:db8::7".parse().unwrap(), port);
        Arrival {
            endpoints: PerSide { client: end(40_000), server: end(8883) },
            ordinal: 17,
            first: moment(frame),
            connect_at: moment(frame + 1),
            connack_at: moment(frame + 2),
            length: Some(PlaintextLen { min: 20, max: 35 }),
            client_id: Some("küche-1".into()),
        }
    }

    #[test]
    fn arrivals_of_several_files_come_back_in_the_order_of_time() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["one", "other"].map(|name| folder.path().join(name));
        for (path, nanos) in paths.iter().zip([20, 10]) {
            let mut carry = CarryOut::create(path).unwrap();
            let server = arrival(0, 1).endpoints.server;
            carry.ended(server, &(Timestamp::from_nanos(3)..=Timestamp::from_nanos(5))).unwrap();
            carry.arrived(Timestamp::from_nanos(nanos), &arrival(nanos, 5)).unwrap();
            carry.finish().unwrap();
        }
        let mut carry = CarryIn::read(&paths).unwrap();
        assert!(carry.next_by(Timestamp::from_nanos(9)).is_none());
        let (at, known) = carry.next_by(Timestamp::from_nanos(20)).unwrap();
        // All but the place among the frames of its own share.
        let expected = Arrival { ordinal: 0, ..arrival(10, 5) };
        assert_eq!((at.as_nanos(), format!("{known:?}")), (10, format!("{expected:?}")));
        assert_eq!(carry.next_by(Timestamp::from_nanos(20)).unwrap().0.as_nanos(), 20);
        assert!(carry.next_by(Timestamp::from_nanos(i64::MAX)).is_none());
    }

    #[test]
    fn another_file_is_refused_by_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "{\"id\":\"1\"}\n").unwrap();
        let problem = CarryIn::read(&[file.path().to_owned()]).unwrap_err().to_string();
        assert!(problem.ends_with("line 1 is not of --carry-out"), "{problem}");
    }
}
