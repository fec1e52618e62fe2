//! One evidence file: frames and a verdict in, a pcapng section out, with the verdict as its comment and each finding beside
//! the frames that prove it.

use super::keeper::Kept;
use crate::frame::{FrameId, LinkType};
use crate::pcapng::{Interface, Section, Writer};
use crate::report::model::{Connection, Outcome};
use crate::time::Timestamp;
use std::collections::HashMap;
use std::io::{self, Write};
use time::OffsetDateTime;
use time::macros::format_description;

/// What of a connection's verdict goes into its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The name of the file, without a folder.
    pub(super) name: String,
    /// What is said of the whole.
    comment: String,
    /// What is said of single frames.
    comments: HashMap<FrameId, Vec<String>>,
}

/// What the name of every evidence file ends with.
pub(super) const SUFFIX: &str = ".pcapng";

impl Verdict {
    /// The verdict on this connection, that began at a time; `proof` has each finding's frames, in the order of the findings.
    pub(super) fn new(
        connection: &Connection,
        began: Timestamp,
        proof: &[Vec<FrameId>],
        missing: Option<&str>,
    ) -> Self {
        let mut comments: HashMap<FrameId, Vec<String>> = HashMap::new();
        for (finding, frames) in connection.findings.iter().zip(proof) {
            for frame in frames {
                let comment = format!("{} {}: {}", finding.code, finding.id, finding.message);
                comments.entry(*frame).or_default().push(comment);
            }
        }
        Self { name: name(connection, began), comment: comment(connection, missing), comments }
    }

    /// Writes the file. `interfaces` are the names of those that frames came from.
    pub(super) fn write(&self, kept: &Kept, interfaces: &[String], to: impl Write) -> io::Result<()> {
        let application = concat!("iotcap ", env!("CARGO_PKG_VERSION"));
        let section = Section { application, comment: &self.comment, ..Section::default() };
        let mut writer = Writer::new(to, &section)?;
        let mut described: Vec<((usize, LinkType), _)> = Vec::new();
        for kept in kept.frames() {
            let from = (kept.interface, kept.link_type);
            let known = described.iter().find(|(known, _)| *known == from).map(|(_, id)| *id);
            let id = if let Some(id) = known {
                id
            } else {
                let name = interfaces.get(kept.interface).map_or("", String::as_str);
                let link_type = kept.link_type;
                let id =
                    writer.add_interface(&Interface { link_type, snaplen: 0, name, description: "", filter: "" })?;
                described.push((from, id));
                id
            };
            let comments: Vec<&str> = self.comments.get(&kept.id).into_iter().flatten().map(String::as_str).collect();
            writer.write_frame(id, &kept.frame(), &comments)?;
        }
        writer.flush()
    }
}

/// `20261122T101112.123Z_tls-certificate-expired_192.0.2.1-40000_198.51.100.2-8883.pcapng`: files sort by time, and nothing in
/// a name comes from the wire but numbers.
fn name(connection: &Connection, began: Timestamp) -> String {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] =
        format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:3]Z");
    let at = OffsetDateTime::from_unix_timestamp_nanos(began.as_nanos().into()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let at = at.format(FORMAT).unwrap_or_default();
    let outcome = if connection.outcome == Outcome::Failed { "failed" } else { "degraded" };
    let cause = connection.cause.as_deref().unwrap_or(outcome);
    let address = |address: &str| address.replace(':', ".");
    let (client, server) = (&connection.client, &connection.server);
    format!(
        "{at}_{cause}_{}-{}_{}-{}{SUFFIX}",
        address(&client.address),
        client.port,
        address(&server.address),
        server.port
    )
}

/// The cause in a name that [`name`] made.
pub(super) fn cause_of(name: &str) -> &str {
    name.split('_').nth(1).unwrap_or_default()
}

fn comment(connection: &Connection, missing: Option<&str>) -> String {
    let mut lines = vec![format!("{}: {}", connection.outcome.name(), connection.headline)];
    for finding in &connection.findings {
        lines.push(format!("{} {} ({}): {}", finding.code, finding.id, finding.severity.name(), finding.message));
        lines.extend(finding.evidence.iter().map(|fact| format!("  - {fact}")));
    }
    if let Some(cause) = connection.cause_finding() {
        lines.extend(cause.remedy.first().map(|remedy| format!("what to do: {remedy}")));
    }
    lines.extend(missing.map(|missing| format!("note: {missing}")));
    lines.push(format!("id {} of the daemon's run; frames in the text are numbered by it", connection.id));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_can_be_read_from_a_name() {
        assert_eq!(
            cause_of("20261122T101112.123Z_connection-refused_192.0.2.1-40000_192.0.2.2-8883.pcapng"),
            "connection-refused"
        );
        assert_eq!(cause_of("something else"), "");
    }
}
