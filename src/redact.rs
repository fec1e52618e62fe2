//! `--redact`: reports and captures that can be shown to strangers. What names a person, a company, a device or a place comes in; what comes
//! out in its place is a pseudonym: the same one for the same original, everywhere in one run, and of the same length where
//! it is text, so that captures keep their shape.
//!
//! * Addresses: private ones stay private, all others become addresses for documentation or tests. Loopback, multicast and
//!   unspecified addresses say nothing and stay.
//! * Host names: label by label, so that what shares a domain still does and wildcards still fit. Top-level domains and the domains of the
//!   cloud services that a diagnosis knows stay.
//! * Client ids, user names, topics (level by level), texts of a server, and what names a certificate.
//!
//! Nothing here reads a clock or a random number: the same capture gives the same pseudonyms.

mod originals;
mod pseudonyms;
mod text;
mod told;
mod wire;

pub use pseudonyms::Pseudonyms;
pub use told::Redactor;
pub use wire::Rewriter;
