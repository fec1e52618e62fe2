//! The client's certificate has expired.
//!
//! ## What it means
//! The device proved its identity with a certificate that is past its last day, and the server refused it. Devices in
//! the field for years run into this all at once.
//!
//! ## On the wire
//! The alert certificate_expired of the server after the client's flight; or another refusal there, and a client
//! certificate whose notAfter lies before the time of the capture (TLS 1.2; TLS 1.3 hides both).
//!
//! ## Likely causes
//! 1. The device's certificate was not renewed.
//! 2. The CA that signed it, or an intermediate one, has expired.
//! 3. The server's clock is wrong (where the certificate is valid).
//!
//! ### AWS IoT Core
//! 1. A certificate of one's own CA has expired; those that AWS IoT issues are valid until 2049.
//!
//! ## What to do
//! * Issue a new certificate for the device, and rotate the others before their day comes.
//! * Check the dates: `openssl x509 -noout -dates -in device.pem`.
//!
//! ### AWS IoT Core
//! * Let the Device Defender audit "device certificate expiring" watch the fleet.
//!
//! ## References
//! * RFC 5280, 4.1.2.5; RFC 8446, 6.2 (certificate_expired)

use super::client_certificate_refused::refused_by_server;
use crate::diagnosis::handshake::{Sign, Stage, date};
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::{AlertDescription, Certificate};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "client-certificate-refused", "closed-on-connect"],
    ..Rule::new("client-certificate-expired", "TLS032", include_str!("client_certificate_expired.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.refusal().filter(|refusal| refusal.by == Side::Server && refusal.stage > Stage::Hello)?;
    let says_so = refusal.alert() == Some(AlertDescription::CERTIFICATE_EXPIRED);
    let certificate = own_certificate(case);
    let expired = certificate.filter(|certificate| certificate.not_after < case.now_secs());
    let sent = case.tls()?.client_flight_began;
    let fact = certificate.map(|one| {
        format!(
            "{} was valid until {}; this was captured on {}",
            one.subject,
            date(one.not_after),
            date(case.now_secs())
        )
    });
    let finding = match (says_so, expired) {
        (true, _) => {
            let message = format!("the server refused the client certificate as expired ({})", refusal.shown());
            let contradicted = certificate.is_some() && expired.is_none();
            let confidence = if contradicted { Confidence::Likely } else { Confidence::Proven };
            let finding = Finding::new(confidence.min(refusal.confidence()), refusal.at, message);
            if contradicted {
                finding.or_else("the server's clock is wrong, or a CA above the certificate has expired")
            } else {
                finding
            }
        }
        (false, Some(expired)) if fits(case) => {
            let ended = date(expired.not_after);
            let message =
                format!("the server refused the client certificate, which expired on {ended} ({})", refusal.shown());
            Finding::likely(refusal.at, message).or_else("the server refused it for another reason")
        }
        _ => return None,
    };
    Some(finding.with_frame(sent).because_of(fact))
}

/// Whether the server's refusal may be about dates: unknown_ca and decrypt_error are not.
fn fits(case: &Case<'_>) -> bool {
    let may_mean_dates = [
        AlertDescription::BAD_CERTIFICATE,
        AlertDescription::CERTIFICATE_UNKNOWN,
        AlertDescription::HANDSHAKE_FAILURE,
        AlertDescription::ACCESS_DENIED,
    ];
    refused_by_server(case).is_some_and(|refusal| match refusal.sign {
        Sign::Alert(alert) => may_mean_dates.contains(&alert),
        _ => true,
    })
}

fn own_certificate<'a>(case: &Case<'a>) -> Option<&'a Certificate> {
    let chain = case.tls()?.certificates.client.as_ref()?;
    chain.first().map(|leaf| &**leaf).filter(|leaf| leaf.error.is_none())
}
