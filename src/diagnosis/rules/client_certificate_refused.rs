//! The server refuses the client's certificate.
//!
//! ## What it means
//! The client proved that it has a certificate and its key, and the server did not accept it. TLS ends here; MQTT was
//! never spoken.
//!
//! ## On the wire
//! TLS 1.2: an alert of the server in place of its ChangeCipherSpec, after the client's Certificate and Finished. TLS 1.3:
//! the client's full flight, then a record of the size of an alert and a close within about a round trip. The client may
//! have sent its CONNECT by then: in TLS 1.3 it is done before the server has judged.
//!
//! ## Likely causes
//! 1. The certificate is of an authority that the broker does not know (unknown_ca).
//! 2. The certificate is not registered, or not active (certificate_unknown, access_denied).
//! 3. The certificate is of another kind than the broker takes (bad_certificate, unsupported_certificate).
//!
//! ### AWS IoT Core
//! 1. The certificate is not registered in this account and region, or it is not active.
//! 2. The certificate was made for another endpoint's account.
//!
//! ## What to do
//! * Compare the issuer of the device's certificate with the authorities that the broker accepts.
//! * Check with `openssl verify -CAfile broker-clients-ca.pem device.pem` that the chain is complete.
//!
//! ### AWS IoT Core
//! * `aws iot describe-certificate` must say ACTIVE, in the account and region of this endpoint.
//!
//! ## References
//! * RFC 5246, 7.4.6 and 7.4.8; RFC 8446, 4.4.2.4 and 6.2

use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::{AlertDescription, ClientCertificate};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    ..Rule::new("client-certificate-refused", "TLS031", include_str!("client_certificate_refused.rs"), check)
};

/// What a server says of a certificate that it does not take for reasons that have no finding of their own.
const REFUSALS: [AlertDescription; 6] = [
    AlertDescription::UNKNOWN_CA,
    AlertDescription::BAD_CERTIFICATE,
    AlertDescription::UNSUPPORTED_CERTIFICATE,
    AlertDescription::CERTIFICATE_UNKNOWN,
    AlertDescription::ACCESS_DENIED,
    AlertDescription::HANDSHAKE_FAILURE,
];

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.record.tls.as_deref()?;
    if tls.client_certificate.0 != ClientCertificate::Sent {
        return None;
    }
    let said = tls.alerts.iter().find(|seen| seen.by == Side::Server)?;
    let alert = said.alert.filter(|alert| REFUSALS.contains(&alert.description))?;
    let sent = tls.client_flight_began;
    let message =
        format!("the server refused the client certificate (alert {}, frame {})", alert.description, said.at.frame);
    let after = sent.map(|sent| format!("{:.0} ms after it was sent", crate::time::millis(said.at.at.since(sent.at))));
    let headline = after.as_ref().map_or_else(|| message.clone(), |after| format!("{message}, {after}"));
    Some(Finding::new(said.basis.confidence(), said.at, message).with_frame(sent).because_of(after).headline(headline))
}
