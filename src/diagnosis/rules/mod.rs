//! The catalogue: every finding, one file each, in the order of the phases.

use super::Rule;

mod client_certificate_refused;
mod syn_unanswered;

/// All rules.
pub static ALL: &[Rule] = &[
    // Reaching the server.
    syn_unanswered::RULE,
    // Each side judges the other.
    client_certificate_refused::RULE,
];

/// The rule with this id or code.
#[must_use]
pub fn find(id_or_code: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id.eq_ignore_ascii_case(id_or_code) || rule.code.eq_ignore_ascii_case(id_or_code))
}
