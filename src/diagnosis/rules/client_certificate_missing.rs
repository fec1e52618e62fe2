//! The server wants a client certificate, and the client has none.
//!
//! ## What it means
//! The server asked for the client's certificate (mutual TLS); the client answered that it has none to give, and the
//! server broke off. In TLS 1.3 the client may believe by then that it is connected.
//!
//! ## On the wire
//! TLS 1.2: CertificateRequest, an empty Certificate of the client, then the server's alert handshake_failure (or
//! bad_certificate). TLS 1.3: a record of 25 bytes (an empty Certificate) before the client's Finished, then a record of
//! the size of an alert (certificate_required) and a close.
//!
//! ## Likely causes
//! 1. The client's certificate or key is not configured, not found, or not readable.
//! 2. The client has one, but of no authority that the server named in its request, or of a kind (RSA, ECDSA) that the
//!    server does not take, and so does not send it.
//!
//! ### AWS IoT Core
//! 1. The client connects with a password or token to an endpoint that wants X.509 certificates.
//!
//! ## What to do
//! * Configure certificate and key in the client (mosquitto_pub: `--cert`, `--key`), and check that both files load.
//! * Check that they belong together: `openssl x509 -noout -pubkey -in CERT` and `openssl pkey -pubout -in KEY` must agree.
//!
//! ## References
//! * RFC 5246, 7.4.6; RFC 8446, 4.4.2 and 6.2 (certificate_required)

use crate::diagnosis::handshake::{Refusal, Sign, Stage, shown};
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::{Basis, Confidence};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::{AlertDescription, ClientCertificate, Facts};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "client-certificate-refused", "closed-on-connect"],
    ..Rule::new("client-certificate-missing", "TLS030", include_str!("client_certificate_missing.rs"), check)
};

/// What servers say where a certificate is missing.
const MISSING: [AlertDescription; 8] = [
    AlertDescription::CERTIFICATE_REQUIRED,
    AlertDescription::HANDSHAKE_FAILURE,
    AlertDescription::BAD_CERTIFICATE,
    AlertDescription::CERTIFICATE_UNKNOWN,
    AlertDescription::NO_CERTIFICATE,
    AlertDescription::ACCESS_DENIED,
    AlertDescription::UNKNOWN_CA,
    AlertDescription::UNSUPPORTED_CERTIFICATE,
];

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    let refusal = case.refusal().filter(|refusal| refusal.by == Side::Server)?;
    if refusal.alert().is_none() && case.waited_in_vain(&refusal) {
        return None;
    }
    let confidence = confidence(tls, &refusal)?;
    let message = format!("the server wants a client certificate, and the client has none ({})", refusal.shown());
    let finding = Finding::new(confidence, refusal.at, message)
        .with_frame(tls.client_flight_began)
        .because_of((tls.client_certificate.0 == ClientCertificate::Missing).then(|| empty(tls)));
    let sent = tls.client_flight_began.map(|sent| refusal.at.at.since(sent.at));
    let finding = finding.because_of(sent.map(|time| format!("{} after the client's flight", shown(time))));
    Some(match refusal.sign {
        Sign::Close(_) => finding.rests_on_absence().or_else("the server closed for a reason of its own"),
        Sign::SealedAlert => finding.or_else("the server takes clients without a certificate, and refused the CONNECT"),
        _ => finding,
    })
}

fn confidence(tls: &Facts, refusal: &Refusal) -> Option<Confidence> {
    let (state, basis) = tls.client_certificate;
    let is_missing = state == ClientCertificate::Missing && refusal.stage == Stage::ClientFlight;
    let of_the_flight = basis.map_or(Confidence::Likely, Basis::confidence);
    match refusal.sign {
        Sign::Alert(AlertDescription::CERTIFICATE_REQUIRED) => Some(refusal.confidence()),
        Sign::Alert(alert) if is_missing && MISSING.contains(&alert) => Some(of_the_flight.min(refusal.confidence())),
        Sign::SealedAlert | Sign::Close(_) if is_missing => Some(of_the_flight.min(Confidence::Likely)),
        _ => None,
    }
}

fn empty(tls: &Facts) -> String {
    let inferred = tls.client_certificate.1.is_some_and(|basis| !basis.is_observed());
    let how = if inferred { ", by the size of its record" } else { "" };
    format!("the client's Certificate is empty{how}")
}
