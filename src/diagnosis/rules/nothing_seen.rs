//! The capture holds no connection to look at.
//!
//! ## What it means
//! Frames were read, and none of them belongs to a TCP connection to one of the ports that were asked for.
//!
//! ## On the wire
//! No TCP segment to or from the ports. The report says what there was instead: other ports, IPv6, questions for names.
//!
//! ## Likely causes
//! 1. The broker listens on another port.
//! 2. The client did not try to connect in that time, or never got the server's address.
//! 3. The client uses IPv6, and only IPv4 was asked for.
//! 4. The capture was made on another interface than the one that the client uses.
//!
//! ## What to do
//! * Name the port: `--port 443`; or let a filter decide: `--filter tcp`.
//! * Add `--ipv6`.
//! * Capture on another interface: `iotcap interfaces` lists them.
//!
//! ## References
//! * IANA port registry: 8883 secure-mqtt, 1883 mqtt

use crate::diagnosis::{Rule, Severity};

/// A finding about the capture as a whole: see [`crate::diagnosis::whole`].
pub(in crate::diagnosis) const RULE: Rule = Rule {
    severity: Severity::Warning,
    ..Rule::new("nothing-seen", "CAP009", include_str!("nothing_seen.rs"), |_| None)
};
