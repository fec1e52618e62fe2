//! The catalogue: every finding, one file each, in the order of the phases.

use super::{Case, Judged, Rule, groups};

mod accept_then_close;
mod budget_exceeded;
mod capture_ended_first;
mod capture_gap;
mod client_aborted;
mod client_silent;
mod connection_refused;
mod duplicate_frames;
mod frames_dropped;
mod icmp_unreachable;
mod idle_timeout_reset;
mod midstream_start;
pub(super) mod name_not_found;
pub(super) mod name_unanswered;
mod not_tls;
pub(super) mod nothing_seen;
mod on_path_reset;
mod one_direction;
mod packet_loss;
mod path_died;
mod path_mtu_black_hole;
mod probe_only;
mod server_aborted;
mod slow_name;
mod slow_network;
mod syn_ack_unanswered;
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
mod bad_record_mac;
mod client_certificate_expired;
mod client_certificate_missing;
mod client_certificate_refused;
mod client_certificate_revoked;
mod client_clock_wrong;
mod client_gave_up;
mod client_key_mismatch;
mod server_certificate_expired;
mod server_certificate_expires_soon;
mod server_certificate_not_yet_valid;
mod server_certificate_untrusted;
mod server_chain_incomplete;
mod server_flight_incomplete;
mod server_name_mismatch;
mod server_silent_in_handshake;
mod slow_client;
mod slow_server;
mod syn_unanswered;
mod tls_interception;
mod truncated_snaplen;
mod weak_parameters;
pub(super) mod went_over_ipv6;
mod zero_window_stall;
// MQTT.
mod closed_on_connect;
mod closed_on_publish;
mod closed_on_subscribe;
mod connack_missing;
mod connect_refused;
mod keepalive_expired;
mod payload_too_large;
mod pingresp_missing;
mod protocol_error;
mod puback_missing;
mod sent_before_connack;
mod server_closed;
mod server_silent;
mod slow_connack;

/// All rules.
pub static ALL: &[Rule] = &[
    // Reaching the server.
    syn_unanswered::RULE,
    connection_refused::RULE,
    icmp_unreachable::RULE,
    syn_ack_unanswered::RULE,
    probe_only::RULE,
    accept_then_close::RULE,
    client_silent::RULE,
    packet_loss::RULE,
    path_mtu_black_hole::RULE,
    on_path_reset::RULE,
    idle_timeout_reset::RULE,
    path_died::RULE,
    zero_window_stall::RULE,
    client_aborted::RULE,
    server_aborted::RULE,
    slow_network::RULE,
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
    server_flight_incomplete::RULE,
    server_certificate_untrusted::RULE,
    server_chain_incomplete::RULE,
    server_certificate_expired::RULE,
    server_certificate_not_yet_valid::RULE,
    client_clock_wrong::RULE,
    server_name_mismatch::RULE,
    tls_interception::RULE,
    client_gave_up::RULE,
    server_certificate_expires_soon::RULE,
    client_certificate_missing::RULE,
    client_certificate_refused::RULE,
    client_certificate_expired::RULE,
    client_certificate_revoked::RULE,
    client_key_mismatch::RULE,
    server_silent_in_handshake::RULE,
    bad_record_mac::RULE,
    slow_client::RULE,
    slow_server::RULE,
    weak_parameters::RULE,
    // MQTT.
    closed_on_connect::RULE,
    connect_refused::RULE,
    connack_missing::RULE,
    sent_before_connack::RULE,
    payload_too_large::RULE,
    closed_on_publish::RULE,
    closed_on_subscribe::RULE,
    puback_missing::RULE,
    protocol_error::RULE,
    keepalive_expired::RULE,
    groups::SESSION_TAKEN_OVER,
    pingresp_missing::RULE,
    groups::THROTTLED,
    server_closed::RULE,
    groups::RECONNECT_STORM,
    slow_connack::RULE,
    server_silent::RULE,
    // Cannot tell.
    midstream_start::RULE,
    capture_gap::RULE,
    one_direction::RULE,
    truncated_snaplen::RULE,
    capture_ended_first::RULE,
    frames_dropped::RULE,
    duplicate_frames::RULE,
    not_tls::RULE,
    nothing_seen::RULE,
    went_over_ipv6::RULE,
    // Before the SYN.
    name_not_found::RULE,
    name_unanswered::RULE,
    slow_name::RULE,
    // What somebody asked for.
    budget_exceeded::RULE,
];

/// What all rules find.
pub(super) fn check_all(case: &Case<'_>) -> Vec<Judged> {
    ALL.iter().filter_map(|rule| Some(Judged { rule, finding: (rule.check)(case)? })).collect()
}

/// The rule with this id or code.
#[must_use]
pub fn find(id_or_code: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id.eq_ignore_ascii_case(id_or_code) || rule.code.eq_ignore_ascii_case(id_or_code))
}

/// The words in names of certificates' issuers by which rules know products and public authorities, in lower case: they say
/// nothing of who uses those.
pub(crate) fn known_issuers() -> impl Iterator<Item = &'static str> {
    let words = tls_interception::PRODUCTS.iter().chain(&tls_interception::TRADE);
    words.chain(&server_chain_incomplete::INTERMEDIATES).map(|word| word.trim_start_matches("o="))
}
