//! The client's certificate was revoked.
//!
//! ## What it means
//! The server knows the device's certificate, and knows that it must no longer be taken.
//!
//! ## On the wire
//! The alert certificate_revoked of the server after the client's flight; in TLS 1.3 it is encrypted.
//!
//! ## Likely causes
//! 1. The certificate was revoked on purpose: the device was retired, lost, or given a new one that it does not use.
//! 2. The broker's revocation list has expired or is not loaded as it should be (mosquitto: `crlfile`).
//!
//! ### AWS IoT Core
//! 1. The certificate's status is REVOKED.
//!
//! ## What to do
//! * Give the device its new certificate.
//! * Look the serial number up in the revocation list: `openssl crl -noout -text -in crl.pem`.
//!
//! ### AWS IoT Core
//! * `aws iot describe-certificate` shows the status; `update-certificate --new-status ACTIVE` brings it back.
//!
//! ## References
//! * RFC 8446, 6.2 (certificate_revoked); RFC 5280, 5 (revocation lists)

use crate::diagnosis::handshake::Stage;
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::AlertDescription;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "client-certificate-refused", "client-certificate-expired", "closed-on-connect"],
    ..Rule::new("client-certificate-revoked", "TLS033", include_str!("client_certificate_revoked.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    let refusal = case.refusal().filter(|refusal| refusal.stage > Stage::Hello)?;
    refusal.alert_among(Side::Server, &[AlertDescription::CERTIFICATE_REVOKED])?;
    let certificate = tls.certificates.client.as_ref().and_then(|chain| chain.first());
    let message = format!("the server refused the client certificate as revoked ({})", refusal.shown());
    let finding = Finding::new(refusal.confidence(), refusal.at, message).with_frame(tls.client_flight_began);
    Some(finding.because_of(certificate.map(|one| format!("{}, serial number {}", one.subject, one.serial))))
}
