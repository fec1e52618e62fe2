//! The server's certificate has expired.
//!
//! ## What it means
//! The certificate that the server showed is past its last day, and the client refused it. All clients that check will
//! do so from now on.
//!
//! ## On the wire
//! After the server's flight: the alert certificate_expired of the client, or another refusal or close, and a certificate
//! whose notAfter lies before the time of the capture. TLS 1.3 hides the certificate, and mostly the alert too.
//!
//! ## Likely causes
//! 1. The certificate was not renewed.
//! 2. It was renewed, and the broker still holds the old one: it was not reloaded.
//! 3. An intermediate certificate in the chain has expired.
//! 4. The device's clock is ahead (where the certificate cannot be read).
//!
//! ## What to do
//! * Renew the certificate, and reload the broker (mosquitto: `kill -HUP`, or restart it).
//! * Check the dates: `openssl s_client -connect HOST:8883 -servername HOST | openssl x509 -noout -dates`.
//! * Have renewals watched: iotcap warns fourteen days ahead (server-certificate-expires-soon).
//!
//! ## References
//! * RFC 5280, 4.1.2.5 (validity); RFC 8446, 6.2 (certificate_expired)

use crate::diagnosis::handshake::{Sign, date};
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::timeline::Phase;
use crate::tls::{AlertDescription, Certificate};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "server-certificate-untrusted", "server-chain-incomplete", "client-gave-up"],
    ..Rule::new("server-certificate-expired", "TLS023", include_str!("server_certificate_expired.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.server_refused()?;
    let says_so = refusal.sign == Sign::Alert(AlertDescription::CERTIFICATE_EXPIRED);
    let says_otherwise = refusal.sign == Sign::Alert(AlertDescription::UNKNOWN_CA);
    let expired = expired(case);
    let unreadable = case.server_certificate().is_none();
    let flight = case.tls()?.server_flight_ended;
    let sign = refusal.shown();
    Some(match expired {
        Some(certificate) if !says_otherwise => {
            let ended = date(certificate.not_after);
            let message = format!("the client refused the server certificate, which expired on {ended} ({sign})");
            let confidence = if says_so { refusal.confidence() } else { Confidence::Likely };
            let fact = format!(
                "{} was valid until {ended}; this was captured on {}",
                certificate.subject,
                date(case.now_secs())
            );
            Finding::new(confidence, refusal.at, message).with_frame(flight).because(fact)
        }
        None if says_so && unreadable => {
            let message = format!("the client says that the server certificate has expired ({sign})");
            Finding::likely(refusal.at, message).with_frame(flight).or_else("the clock of the client is wrong")
        }
        _ => return None,
    })
}

/// The first certificate of the server's chain that is past its last day; roots are not looked at.
fn expired<'a>(case: &Case<'a>) -> Option<&'a Certificate> {
    let chain = case.tls()?.certificates.server.as_ref()?;
    let counts = |(index, certificate): &(usize, &'a Certificate)| *index == 0 || !certificate.is_self_issued;
    let readable = chain.iter().map(|certificate| &**certificate).enumerate().filter(counts);
    readable.map(|(_, certificate)| certificate).find(|one| one.error.is_none() && one.not_after < case.now_secs())
}
