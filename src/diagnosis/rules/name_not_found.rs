//! The broker's name does not exist.
//!
//! ## What it means
//! The client asked for the address of a name that looks like a broker's, and was told that there is none. It never tried to
//! connect.
//!
//! ## On the wire
//! A DNS answer with NXDOMAIN, or without an address, and no SYN behind it.
//!
//! ## Likely causes
//! 1. A typo in the endpoint.
//! 2. An endpoint of another region or account, or one that was deleted.
//! 3. A name in a private zone, asked for outside of it.
//! 4. A resolver that blocks the name.
//!
//! ## What to do
//! * Compare the name with the broker's configuration, letter by letter.
//! * Ask another resolver: `dig @1.1.1.1 NAME`.
//!
//! ### AWS IoT Core
//! * `aws iot describe-endpoint --endpoint-type iot:Data-ATS` names the right one, for the region that it is asked in.
//!
//! ## References
//! * RFC 1035, 4.1.1; RFC 8020 (NXDOMAIN)

use crate::diagnosis::Rule;

/// A finding about the capture as a whole: see [`crate::diagnosis::whole`].
pub(in crate::diagnosis) const RULE: Rule =
    Rule::new("name-not-found", "DNS001", include_str!("name_not_found.rs"), |_| None);
