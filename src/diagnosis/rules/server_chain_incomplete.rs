//! The server sends its certificate without the one that signed it.
//!
//! ## What it means
//! Public authorities sign servers with an intermediate certificate, which the server must send along: devices hold roots
//! only. This server sent its own certificate alone, and the client could not follow it to a root.
//!
//! ## On the wire
//! A Certificate message with one certificate that is not signed by itself, then the client's alert unknown_ca,
//! bad_certificate or certificate_unknown. TLS 1.3 hides the certificates.
//!
//! ## Likely causes
//! 1. The broker's `certfile` holds the leaf only (Let's Encrypt: `cert.pem` in place of `fullchain.pem`).
//! 2. The certificate was renewed by another intermediate, and the file with the chain is the old one.
//! 3. The leaf was signed by a root directly, and the device lacks that root.
//!
//! ## What to do
//! * Let the broker send leaf and intermediate certificates in this order, without the root.
//! * Check: `openssl s_client -connect HOST:8883 -servername HOST -showcerts` must print more than one certificate.
//!
//! ## References
//! * RFC 5246, 7.4.2 (each certificate must certify the one before it); RFC 8446, 4.4.2

use super::server_certificate_untrusted::DISTRUST;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::Certificate;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "client-gave-up"],
    ..Rule::new("server-chain-incomplete", "TLS022", include_str!("server_chain_incomplete.rs"), check)
};

/// Words in the names of intermediate authorities, and public authorities, whose roots sign no servers.
pub(super) const INTERMEDIATES: [&str; 14] = [
    "intermediate",
    "issuing",
    "subordinate",
    "sub ca",
    "sub-ca",
    "let's encrypt",
    "o=amazon",
    "digicert",
    "sectigo",
    "globalsign",
    "google trust services",
    "godaddy",
    "entrust",
    "o=microsoft corporation",
];

fn check(case: &Case<'_>) -> Option<Finding> {
    let leaf = lone_leaf(case)?;
    let refusal = case.server_refused()?;
    refusal.alert_among(Side::Client, &DISTRUST)?;
    // It may as well be a root that the device lacks: this is never proven.
    let confidence = if is_likely(case) { Confidence::Likely } else { Confidence::Possible };
    let message = format!(
        "the server sent its certificate without the issuer's, and the client refused it ({})",
        refusal.shown()
    );
    let finding = Finding::new(confidence, refusal.at, message).with_frame(case.tls()?.server_flight_ended);
    Some(
        finding
            .because(format!("one certificate only: {}, issued by {}", leaf.subject, leaf.issuer))
            .or_else("the device lacks the CA that signed the certificate directly"),
    )
}

/// Whether the lone certificate was signed by an authority that never stands alone.
pub(super) fn is_likely(case: &Case<'_>) -> bool {
    lone_leaf(case).is_some_and(|leaf| {
        let issuer = leaf.issuer.to_lowercase();
        INTERMEDIATES.iter().any(|word| issuer.contains(word))
    })
}

fn lone_leaf<'a>(case: &Case<'a>) -> Option<&'a Certificate> {
    let alone = case.tls()?.certificates.server.as_ref()?.len() == 1;
    case.server_certificate().filter(|leaf| alone && !leaf.is_self_issued)
}
