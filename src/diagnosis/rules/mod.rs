//! The catalogue: every finding, one file each, in the order of the phases.

use super::Rule;

mod accept_then_close;
mod capture_ended_first;
mod capture_gap;
mod client_aborted;
mod client_certificate_refused;
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
mod syn_unanswered;
mod truncated_snaplen;
pub(super) mod went_over_ipv6;
mod zero_window_stall;

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
    // Each side judges the other.
    client_certificate_refused::RULE,
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
];

/// The rule with this id or code.
#[must_use]
pub fn find(id_or_code: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id.eq_ignore_ascii_case(id_or_code) || rule.code.eq_ignore_ascii_case(id_or_code))
}
