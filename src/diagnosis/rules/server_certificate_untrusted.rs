//! The client does not trust the server's certificate.
//!
//! ## What it means
//! The server showed its certificate, and the client refused it: it could not follow it to an authority that it knows, or
//! found it unfit. The broker is not at fault unless its certificate is.
//!
//! ## On the wire
//! After the server's flight, in place of the client's: the alert unknown_ca, bad_certificate, certificate_unknown or
//! unsupported_certificate. In TLS 1.3 it is often encrypted: a lone record of the size of an alert, then a close. Some
//! clients (Node.js) finish the handshake first and close right after it, without a word; others (s2n) say no more than
//! close_notify.
//!
//! ## Likely causes
//! 1. The CA that signed the server's certificate is not on the device, or the wrong file is loaded.
//! 2. The broker's certificate is signed by itself.
//! 3. The broker sends its leaf certificate without the intermediate one.
//! 4. The name, the dates or the device's clock do not fit: some stacks say bad_certificate to all of these.
//!
//! ### AWS IoT Core
//! 1. The device lacks the Amazon Root CA 1, or connects to an endpoint without `-ats` in its name, whose certificate is of
//!    another authority.
//!
//! ### Azure IoT Hub
//! 1. The device lacks the DigiCert Global Root G2: the hub's certificates moved away from the Baltimore root.
//!
//! ### HiveMQ Cloud
//! 1. The device lacks ISRG Root X1, the root of Let's Encrypt.
//!
//! ### EMQX Cloud
//! 1. The device lacks the DigiCert root that the console offers for download (emqxsl-ca.crt).
//!
//! ## What to do
//! * Compare the issuer seen with the CA file on the device.
//! * Check what the server sends: `openssl s_client -connect HOST:8883 -servername HOST -CAfile CA.pem -showcerts`.
//!
//! ### AWS IoT Core
//! * Install AmazonRootCA1.pem, and use the `-ats` endpoint.
//!
//! ## References
//! * RFC 8446, 4.4.2.4 and 6.2; RFC 5246, 7.2.2; RFC 5280, 6

use super::{client_clock_wrong, server_chain_incomplete};
use crate::diagnosis::handshake::{CLOSURE, Sign, Stage};
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::AlertDescription;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "client-gave-up"],
    ..Rule::new("server-certificate-untrusted", "TLS021", include_str!("server_certificate_untrusted.rs"), check)
};

/// What clients say of a certificate that they do not trust.
pub(super) const DISTRUST: [AlertDescription; 4] = [
    AlertDescription::UNKNOWN_CA,
    AlertDescription::BAD_CERTIFICATE,
    AlertDescription::CERTIFICATE_UNKNOWN,
    AlertDescription::UNSUPPORTED_CERTIFICATE,
];

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.server_refused()?;
    let message = format!("the client refused the server certificate ({})", refusal.shown());
    let finding = match refusal.sign {
        Sign::Alert(alert) if refusal.alert_among(Side::Client, &DISTRUST).is_some() => {
            if server_chain_incomplete::is_likely(case) || client_clock_wrong::explains(case, &refusal) {
                return None;
            }
            // Only one of the four says that it is the issuer.
            let limit = if alert == AlertDescription::UNKNOWN_CA { Confidence::Proven } else { Confidence::Likely };
            Finding::new(refusal.confidence().min(limit), refusal.at, message)
        }
        Sign::Alert(alert) if refusal.by == Side::Client && CLOSURE.contains(&alert) => {
            let message = format!("the client said goodbye in place of its flight ({})", refusal.shown());
            Finding::likely(refusal.at, message)
                .because("clients that do not say why (s2n) refuse a server certificate so")
                .or_else("the client's own timer, or a lack of memory")
        }
        Sign::SealedAlert if refusal.stage == Stage::ServerFlight => {
            Finding::new(refusal.confidence(), refusal.at, message)
                .because("a lone record of the size of an alert in place of the client's flight")
                .or_else("the certificate's name or dates, or the client's clock")
                .or_else("something else in the server's flight, which is encrypted")
        }
        // A check whether TLS works says goodbye; a stack that judges the certificate this late drops the connection.
        Sign::LateClose(_) if case.tls()?.alerts.iter().any(|alert| alert.by == Side::Client) => return None,
        Sign::LateClose(how) => {
            let message = format!(
                "the client closed right after the handshake, as if it did not want this server ({}, frame {})",
                how.name().to_uppercase(),
                refusal.at.frame
            );
            Finding::new(refusal.confidence(), refusal.at, message).or_else("a check that only wanted to see TLS work")
        }
        _ => return None,
    };
    Some(finding.with_frame(case.tls()?.server_flight_ended).because_of(seen(case)))
}

/// Which certificate was refused, where it can be read.
fn seen(case: &Case<'_>) -> Option<String> {
    let certificate = case.server_certificate()?;
    Some(if certificate.is_self_issued {
        format!("the server's certificate is self-signed: {}", certificate.subject)
    } else {
        format!("the server's certificate: {}, issued by {}", certificate.subject, certificate.issuer)
    })
}
