//! The server refuses the client's certificate.
//!
//! ## What it means
//! The client proved that it has a certificate and its key, and the server did not accept it. TLS ends here; MQTT was
//! never spoken.
//!
//! ## On the wire
//! TLS 1.2: an alert of the server in place of its ChangeCipherSpec, after the client's Certificate and Finished. TLS 1.3:
//! the client's full flight, then a record of the size of an alert and a close within about a round trip. The client may
//! have sent its CONNECT by then: in TLS 1.3 it is done before the server has judged. Without keys a refused CONNECT looks
//! the same, unless the answer comes sooner than the server can have had it.
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
//! * RFC 5246, 7.4.6 and 7.4.8; RFC 8446, 4.4.2.4 and 6.2; golang/go issue 28779

use crate::diagnosis::handshake::{Refusal, Sign, Stage, shown};
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::{Basis, Confidence};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::{AlertDescription, ClientCertificate, Facts, Mark, Version};
use std::time::Duration;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &["other-alert", "closed-on-connect"],
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

/// How long a server thinks about a certificate at most; who takes longer has asked somebody, as for a CONNECT.
const THINKS: Duration = Duration::from_millis(250);

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    let refusal = refused_by_server(case)?;
    let sent = tls.client_flight_began;
    let message = format!("the server refused the client certificate ({})", refusal.shown());
    let after = sent.map(|sent| format!("{} after it was sent", shown(refusal.at.at.since(sent.at))));
    let headline = after.as_ref().map_or_else(|| message.clone(), |after| format!("{message}, {after}"));
    let finding = match refusal.sign {
        Sign::Alert(alert) if REFUSALS.contains(&alert) => {
            // The general alert may mean something else in the client's flight.
            let is_general = alert == AlertDescription::HANDSHAKE_FAILURE;
            let limit = if is_general { Confidence::Likely } else { Confidence::Proven };
            Finding::new(refusal.confidence().min(limit), refusal.at, message)
        }
        Sign::Alert(_) => return None,
        _ if case.waited_in_vain(&refusal) => return None,
        _ if tls.version() < Some(Version::TLS_1_3) => {
            let finding = Finding::likely(refusal.at, message).rests_on_absence();
            finding.or_else("the server closed for a reason of its own")
        }
        _ => hidden(case, tls, &refusal, message)?,
    };
    let certificate = tls.certificates.client.as_ref().and_then(|chain| chain.first());
    let seen = certificate.map(|one| format!("the client's certificate: {}, issued by {}", one.subject, one.issuer));
    Some(finding.with_frame(sent).because_of(seen).because_of(after).headline(headline))
}

/// The server's refusal of a client that had sent a certificate.
pub(super) fn refused_by_server(case: &Case<'_>) -> Option<Refusal> {
    let sent = case.tls()?.client_certificate.0 == ClientCertificate::Sent;
    case.refusal().filter(|refusal| sent && refusal.by == Side::Server && refusal.stage == Stage::ClientFlight)
}

/// TLS 1.3 without keys: the server's only word is an encrypted alert, or a close. It may be about the CONNECT.
fn hidden(case: &Case<'_>, tls: &Facts, refusal: &Refusal, message: String) -> Option<Finding> {
    let finished = tls.finished.client?.at;
    let connect = tls.first_application.client;
    let thought = case.beyond_the_way(finished, refusal.at);
    let limit = tls.client_certificate.1.map_or(Confidence::Possible, Basis::confidence);
    let is_alert = refusal.sign == Sign::SealedAlert;
    if connect.is_none_or(|connect| came_before_the_answer(case, refusal, connect)) {
        let confidence = if is_alert && thought < THINKS { Confidence::Likely } else { Confidence::Possible };
        let finding = Finding::new(confidence.min(limit), refusal.at, message).rests_on_absence();
        return Some(finding.because("the server cannot have had a CONNECT to judge by then"));
    }
    // A close without an alert, or a late one, is rather an answer to the CONNECT.
    let finding = Finding::possible(refusal.at, message).rests_on_absence();
    (is_alert && thought < THINKS).then(|| finding.or_else("TLS was accepted, and the server refused the CONNECT"))
}

/// Whether the refusal was on its way before the client's first record can have reached the server.
fn came_before_the_answer(case: &Case<'_>, refusal: &Refusal, connect: Mark) -> bool {
    let way = case.record.tcp.handshake.to_server.unwrap_or_default();
    // A server cannot answer sooner than the way there and back; a fifth is left for a path that has become faster.
    refusal.at <= connect.at || refusal.at.at.since(connect.at.at) < way * 4 / 5
}
