//! The server's certificate will expire soon.
//!
//! ## What it means
//! Everything works today. On the day named here it will stop for all devices at once, unless the certificate is renewed.
//!
//! ## On the wire
//! A server certificate whose notAfter lies less than fourteen days (by default) after the capture, and that has used up
//! most of its life. TLS 1.3 hides the certificate.
//!
//! ## Likely causes
//! 1. Renewal is due, or it failed and nobody noticed.
//!
//! ## What to do
//! * Renew the certificate, and reload the broker.
//! * Check the renewal's log (certbot: `certbot certificates`).
//!
//! ## References
//! * RFC 5280, 4.1.2.5 (validity)

use crate::diagnosis::handshake::date;
use crate::diagnosis::{Case, Finding, Rule, Severity};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Warning,
    keeps_outcome: true,
    ..Rule::new("server-certificate-expires-soon", "TLS029", include_str!("server_certificate_expires_soon.rs"), check)
};

const DAY: i64 = 86_400;
/// Certificates of a few days are renewed late in their life, and always end soon: this share of it must be over.
const SHARE_LEFT: i64 = 3;

fn check(case: &Case<'_>) -> Option<Finding> {
    let certificate = case.server_certificate()?;
    let left = certificate.not_after.saturating_sub(case.now_secs());
    let life = certificate.not_after.saturating_sub(certificate.not_before);
    let soon = i64::try_from(case.thresholds.certificate_expires_soon.as_secs()).unwrap_or(i64::MAX);
    if left < 0 || left >= soon || left > life / SHARE_LEFT || !certificate.is_valid_at(case.now_secs()) {
        return None;
    }
    let days = left / DAY;
    let when = match days {
        0 => "within a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    };
    let message = format!("the server certificate expires {when}, on {}", date(certificate.not_after));
    let at = case.tls()?.server_flight_ended?;
    Some(Finding::proven(at, message).because(format!("{}, issued by {}", certificate.subject, certificate.issuer)))
}
