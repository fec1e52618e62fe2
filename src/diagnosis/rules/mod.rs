//! The catalogue: every finding, in the order of the phases.

use super::Rule;

/// All rules.
pub static ALL: &[Rule] = &[];

/// The rule with this id or code.
#[must_use]
pub fn find(id_or_code: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id.eq_ignore_ascii_case(id_or_code) || rule.code.eq_ignore_ascii_case(id_or_code))
}
