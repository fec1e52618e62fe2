//! Nobody answers the question for the broker's name.
//!
//! ## What it means
//! The client asked a resolver for the address of a name that looks like a broker's, and got no answer. It never tried to
//! connect.
//!
//! ## On the wire
//! The same DNS question several times, no answer, and no SYN behind it.
//!
//! ## Likely causes
//! 1. The resolver is down, or its address is wrong.
//! 2. A firewall drops DNS.
//! 3. The link to the outside is down.
//!
//! ## What to do
//! * Ask the same resolver by hand: `dig @RESOLVER NAME`.
//! * Look at the resolver that the device was given (DHCP, configuration).
//!
//! ## References
//! * RFC 1035, 4.2.1 and 7.2

use crate::diagnosis::Rule;

/// A finding about the capture as a whole: see [`crate::diagnosis::whole`].
pub(in crate::diagnosis) const RULE: Rule =
    Rule::new("name-unanswered", "DNS002", include_str!("name_unanswered.rs"), |_| None);
