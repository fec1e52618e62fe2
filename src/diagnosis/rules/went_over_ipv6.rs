//! Connections went over IPv6, and only IPv4 was looked at.
//!
//! ## What it means
//! Clients opened connections to one of the ports over IPv6. They are not analysed unless that is asked for.
//!
//! ## On the wire
//! IPv6 packets with a SYN to one of the ports.
//!
//! ## Likely causes
//! 1. The server's name has an IPv6 address, and clients prefer it.
//!
//! ## What to do
//! * Add `--ipv6`.
//!
//! ## References
//! * RFC 6724 (address selection), RFC 8305 (Happy Eyeballs)

use crate::diagnosis::{Rule, Severity};

/// A finding about the capture as a whole: see [`crate::diagnosis::whole`].
pub(in crate::diagnosis) const RULE: Rule = Rule {
    severity: Severity::Note,
    ..Rule::new("went-over-ipv6", "CAP010", include_str!("went_over_ipv6.rs"), |_| None)
};
