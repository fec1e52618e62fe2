//! Short phrases that all formats share: who talked to whom, which frames, how long.

use super::model::{Connection, Finding, FrameList, Mismatch, Phase, PhaseOutcome, Server};
use super::units;

/// An address and a port. An IPv6 address stands in brackets where a port follows it (RFC 3986, 3.2.2).
pub(crate) fn host_and_port(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// The client of a connection.
pub(crate) fn client(connection: &Connection) -> String {
    host_and_port(&connection.client.address, connection.client.port)
}

/// A server, by its name where there is one.
pub(crate) fn server(server: &Server) -> String {
    host_and_port(server.name.as_ref().unwrap_or(&server.address), server.port)
}

/// `192.0.2.10:40000 → broker.example:8883`.
pub(crate) fn ends(connection: &Connection) -> String {
    format!("{} → {}", client(connection), server(&connection.server))
}

/// `frame 3`, or `frames 3, 9`; nothing where no frame is named.
pub(crate) fn frames(frames: &FrameList) -> Option<String> {
    let numbers: Vec<_> = frames.iter().map(|frame| frame.to_string()).collect();
    match numbers.as_slice() {
        [] => None,
        [one] => Some(format!("frame {one}")),
        many => Some(format!("frames {}", many.join(", "))),
    }
}

/// A mismatch, with the frames that prove it.
pub(crate) fn mismatch(mismatch: &Mismatch) -> String {
    let frames = frames(&mismatch.frames).map_or_else(String::new, |frames| format!(" ({frames})"));
    format!("{}{frames}", mismatch.message)
}

/// `TLS031 client-certificate-refused`.
pub(crate) fn rule(finding: &Finding) -> String {
    format!("{} {}", finding.code, finding.id)
}

/// How long a connection was seen; nothing where that is not known.
pub(crate) fn took(connection: &Connection) -> Option<String> {
    connection.timings.total.map(|total| units::human(total.0))
}

/// What became of each phase that was reached: `tcp-handshake 21 ms › tls-hello failed after 7.0 s`.
pub(crate) fn phases(phases: &[Phase]) -> String {
    let reached = phases.iter().filter(|phase| phase.outcome != PhaseOutcome::NotReached);
    reached.map(phase).collect::<Vec<_>>().join(" › ")
}

fn phase(phase: &Phase) -> String {
    let took = phase.started.zip(phase.ended).map(|(started, ended)| units::human(ended.since(started)));
    let name = phase.phase;
    match (phase.outcome, took) {
        (PhaseOutcome::Completed, Some(took)) => format!("{name} {took}"),
        (PhaseOutcome::Completed, None) => name.to_string(),
        (PhaseOutcome::Failed, Some(took)) => format!("{name} failed after {took}"),
        (PhaseOutcome::Failed, None) => format!("{name} failed"),
        (PhaseOutcome::InProgress, _) => format!("{name} in progress"),
        (PhaseOutcome::NotReached | PhaseOutcome::Unknown, _) => format!("{name} unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::FrameRef;

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        assert_eq!(host_and_port("2001:db8::1", 8883), "[2001:db8::1]:8883");
        assert_eq!(host_and_port("192.0.2.1", 8883), "192.0.2.1:8883");
    }

    #[test]
    fn frames_are_named_with_their_file_where_it_is_not_the_first() {
        let frame = |frame, file| FrameRef { frame, file };
        assert_eq!(frames(&FrameList::default()), None);
        assert_eq!(frames(&[frame(3, None)].into_iter().collect()).as_deref(), Some("frame 3"));
        assert_eq!(
            frames(&[frame(3, None), frame(9, Some(2))].into_iter().collect()).as_deref(),
            Some("frames 3, 2:9")
        );
    }
}
