//! The server's certificate is not valid yet.
//!
//! ## What it means
//! The certificate's first day lies in the future of the capture, and the client refused it.
//!
//! ## On the wire
//! After the server's flight: the client's alert bad_certificate, certificate_expired or certificate_unknown, or a close,
//! and a certificate whose notBefore lies after the time of the capture. TLS 1.3 hides the certificate.
//!
//! ## Likely causes
//! 1. It was issued on a machine whose clock was ahead.
//! 2. It was installed before its time.
//! 3. The clock of the machine that captured is behind.
//!
//! ## What to do
//! * Issue it again on a machine with a right clock, with a day of slack before its first use.
//! * Compare with `date -u` on the machine that captured.
//!
//! ## References
//! * RFC 5280, 4.1.2.5 (validity)

use crate::diagnosis::handshake::{Sign, date};
use crate::diagnosis::{Case, Finding, Rule};
use crate::timeline::Phase;
use crate::tls::AlertDescription;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "server-certificate-untrusted", "server-chain-incomplete", "client-gave-up"],
    ..Rule::new(
        "server-certificate-not-yet-valid",
        "TLS024",
        include_str!("server_certificate_not_yet_valid.rs"),
        check,
    )
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.server_refused()?;
    let certificate = case.server_certificate().filter(|certificate| certificate.not_before > case.now_secs())?;
    if refusal.sign == Sign::Alert(AlertDescription::UNKNOWN_CA) {
        return None;
    }
    let begins = date(certificate.not_before);
    let message = format!("the client refused the server certificate, valid only from {begins} ({})", refusal.shown());
    let fact =
        format!("{} is valid from {begins}; this was captured on {}", certificate.subject, date(case.now_secs()));
    let finding = Finding::likely(refusal.at, message).with_frame(case.tls()?.server_flight_ended).because(fact);
    Some(finding.or_else("the client refused it for another reason, and the capture's clock is behind"))
}
