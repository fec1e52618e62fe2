//! The server's certificate is for another name.
//!
//! ## What it means
//! The client asked for one name, and the certificate that it got is for others. Clients that check names, as they
//! should, refuse it.
//!
//! ## On the wire
//! After the server's flight: the client's alert bad_certificate or certificate_unknown, or a close, and no name in the
//! certificate's subjectAltName fits the one in the ClientHello. TLS 1.3 hides the certificate.
//!
//! ## Likely causes
//! 1. The device uses another name (or the IP address) than the certificate was made for.
//! 2. The broker holds the wrong certificate, or its default one, as the ClientHello named no server or an unknown one.
//! 3. The certificate names the host in its common name only, which clients no longer look at.
//!
//! ## What to do
//! * Connect by a name that the certificate lists, or issue one that lists the name in use (subjectAltName).
//! * See the names: `openssl s_client -connect HOST:8883 -servername HOST | openssl x509 -noout -ext subjectAltName`.
//!
//! ## References
//! * RFC 9525, 6 (verifying service identity); RFC 6066, 3

use crate::diagnosis::handshake::Sign;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::timeline::Phase;
use crate::tls::AlertDescription;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "server-certificate-untrusted", "server-chain-incomplete", "client-gave-up"],
    ..Rule::new("server-name-mismatch", "TLS026", include_str!("server_name_mismatch.rs"), check)
};

/// How many of the certificate's names are shown.
const SHOWN: usize = 4;

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.server_refused()?;
    let certificate = case.server_certificate()?;
    let may_mean_names = match refusal.sign {
        Sign::Alert(alert) => [
            AlertDescription::BAD_CERTIFICATE,
            AlertDescription::CERTIFICATE_UNKNOWN,
            AlertDescription::ACCESS_DENIED,
            AlertDescription::UNRECOGNIZED_NAME,
            AlertDescription::HANDSHAKE_FAILURE,
            AlertDescription::CLOSE_NOTIFY,
            AlertDescription::USER_CANCELED,
        ]
        .contains(&alert),
        // Clients that connect by address and close may have had other reasons.
        Sign::SealedAlert | Sign::Close(_) | Sign::LateClose(_) => case.record.server_name().is_some(),
    };
    let named = case.record.server_name();
    let address = case.record.endpoints.server.address.to_string();
    let asked = named.unwrap_or(&address);
    if !may_mean_names || certificate.covers(asked) || !certificate.is_valid_at(case.now_secs()) {
        return None;
    }
    let names: Vec<String> = certificate.names().take(SHOWN).collect();
    let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
    let message =
        format!("the server certificate is for {names}, not for {asked}: the client refused it ({})", refusal.shown());
    let confidence = if named.is_some() { Confidence::Likely } else { Confidence::Possible };
    let finding = Finding::new(confidence, refusal.at, message).with_frame(case.tls()?.server_flight_ended);
    Some(match named {
        Some(_) => finding.or_else("the client does not check names, and refused the certificate for its issuer"),
        None => finding
            .because("the ClientHello names no server: the client may have connected by address")
            .or_else("the client does not trust the issuer"),
    })
}
