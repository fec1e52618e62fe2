//! The catalogue: every finding, one file each, in the order of the phases.

use super::Rule;

// Before the ServerHello.
mod alpn_missing;
mod alpn_refused;
mod client_hello_lost;
mod client_hello_unanswered;
mod closed_on_client_hello;
mod hello_retry;
mod large_client_hello_dropped;
mod no_common_parameters;
mod no_sni;
mod other_alert;
mod plaintext_on_tls_port;
mod server_not_tls;
mod sni_refused;
mod version_mismatch;
// Each side judges the other.
mod client_certificate_refused;
// Reaching the server.
mod syn_unanswered;

/// All rules.
pub static ALL: &[Rule] = &[
    // Reaching the server.
    syn_unanswered::RULE,
    // Before the ServerHello.
    plaintext_on_tls_port::RULE,
    server_not_tls::RULE,
    no_sni::RULE,
    sni_refused::RULE,
    alpn_refused::RULE,
    alpn_missing::RULE,
    version_mismatch::RULE,
    no_common_parameters::RULE,
    client_hello_unanswered::RULE,
    client_hello_lost::RULE,
    large_client_hello_dropped::RULE,
    closed_on_client_hello::RULE,
    hello_retry::RULE,
    other_alert::RULE,
    // Each side judges the other.
    client_certificate_refused::RULE,
];

/// The rule with this id or code.
#[must_use]
pub fn find(id_or_code: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id.eq_ignore_ascii_case(id_or_code) || rule.code.eq_ignore_ascii_case(id_or_code))
}
