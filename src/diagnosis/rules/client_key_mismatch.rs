//! The client signed with a key that is not its certificate's.
//!
//! ## What it means
//! A client proves with a signature (CertificateVerify) that it holds the key of its certificate. The server could not
//! verify this one.
//!
//! ## On the wire
//! The client's Certificate and CertificateVerify, then the server's alert decrypt_error; in TLS 1.3 it is encrypted.
//!
//! ## Likely causes
//! 1. The key file belongs to another certificate: files of two devices were mixed up.
//! 2. The secure element holds another key than the certificate was issued for, or signs wrongly.
//! 3. A bug of the client's stack in the kind of signature that the server asked for (RSA-PSS, for one).
//! 4. Rarely its Finished: something on the way changed the handshake.
//!
//! ## What to do
//! * `openssl x509 -noout -pubkey -in device.pem` and `openssl pkey -pubout -in device.key` must print the same.
//!
//! ## References
//! * RFC 8446, 4.4.3 and 6.2 (decrypt_error); RFC 5246, 7.4.8

use super::client_certificate_refused::refused_by_server;
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::AlertDescription;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "client-certificate-refused", "closed-on-connect"],
    ..Rule::new("client-key-mismatch", "TLS034", include_str!("client_key_mismatch.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = refused_by_server(case)?;
    refusal.alert_among(Side::Server, &[AlertDescription::DECRYPT_ERROR])?;
    let message = format!("the server could not verify the client's signature ({})", refusal.shown());
    let finding = Finding::new(refusal.confidence(), refusal.at, message);
    Some(finding.with_frame(case.tls()?.client_flight_began))
}
