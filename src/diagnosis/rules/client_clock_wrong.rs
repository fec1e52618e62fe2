//! The device does not know what time it is.
//!
//! ## What it means
//! The client says that the server's certificate is out of its time, and by the capture's clock it is not. A device that
//! boots in 1970 and has not asked anybody for the time finds every certificate not valid yet.
//!
//! ## On the wire
//! After the server's flight: the client's alert certificate_expired, or bad_certificate (what OpenSSL says of a
//! certificate that is not valid yet), and all certificates are valid at the time of the capture. TLS 1.3 hides them.
//!
//! ## Likely causes
//! 1. The device has no real-time clock or a flat battery, and TLS begins before NTP has answered.
//! 2. NTP is blocked: UDP port 123 does not get out.
//! 3. The root on the device has expired, though the chain that the server sends has not.
//! 4. The device means something else by bad_certificate: it does not trust the issuer, or the name.
//!
//! ## What to do
//! * Set the clock before TLS: wait for NTP, or take the time from the modem or the build.
//! * Check with `date -u` on the device.
//!
//! ## References
//! * RFC 5280, 4.1.2.5; RFC 8446, 6.2 (certificate_expired, bad_certificate)

use crate::diagnosis::handshake::{Refusal, Sign, date};
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::AlertDescription;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "client-gave-up"],
    ..Rule::new("client-clock-wrong", "TLS025", include_str!("client_clock_wrong.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.server_refused().filter(|refusal| explains(case, refusal))?;
    let certificate = case.server_certificate()?;
    let message = format!(
        "the client finds the server certificate out of its time ({}), and it is valid: its clock is wrong",
        refusal.shown()
    );
    let fact = format!(
        "{} is valid from {} to {}; this was captured on {}",
        certificate.subject,
        date(certificate.not_before),
        date(certificate.not_after),
        date(case.now_secs())
    );
    let says_so = refusal.sign == Sign::Alert(AlertDescription::CERTIFICATE_EXPIRED);
    let flight = case.tls()?.server_flight_ended;
    Some(if says_so {
        Finding::likely(refusal.at, message)
            .with_frame(flight)
            .because(fact)
            .or_else("the root on the device has expired")
    } else {
        let message = format!(
            "the client refused a server certificate that is valid and for this name ({}): probably its clock is wrong",
            refusal.shown()
        );
        Finding::possible(refusal.at, message)
            .with_frame(flight)
            .because(fact)
            .or_else("the client does not trust the issuer, and its stack calls that bad_certificate")
    })
}

/// Whether a refusal is about time, though the certificates are valid at the capture's time.
pub(super) fn explains(case: &Case<'_>, refusal: &Refusal) -> bool {
    let about_time = [AlertDescription::CERTIFICATE_EXPIRED, AlertDescription::BAD_CERTIFICATE];
    let Some(alert) = refusal.alert_among(Side::Client, &about_time) else { return false };
    let Some(leaf) = case.server_certificate() else { return false };
    let Some(chain) = case.tls().and_then(|tls| tls.certificates.server.as_ref()) else { return false };
    let in_time = chain.iter().all(|one| one.error.is_some() || one.is_valid_at(case.now_secs()));
    // bad_certificate says less: what else it is said of must be out of the question. Some stacks (that of Go) call every
    // certificate bad that they do not like; those that tell the reasons apart offer encrypt-then-MAC.
    let tells_apart =
        case.tls().and_then(|tls| tls.client_hello.as_ref()).is_some_and(|hello| hello.offer.encrypt_then_mac);
    let nothing_else = tells_apart
        && !leaf.is_self_issued
        && chain.len() > 1
        && case.record.server_name().is_some_and(|name| leaf.covers(name));
    in_time && (alert == AlertDescription::CERTIFICATE_EXPIRED || nothing_else)
}
