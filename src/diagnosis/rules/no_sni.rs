//! The ClientHello names no server.
//!
//! ## What it means
//! Many endpoints share one address and tell by the name in the ClientHello (SNI) which certificate and which account is
//! meant. This client sends none, and the server does not go on.
//!
//! ## On the wire
//! A ClientHello without the extension server_name, then an alert (unrecognized_name, missing_extension, sometimes
//! handshake_failure) or a close without a word.
//!
//! ## Likely causes
//! 1. The client connects by IP address instead of by name.
//! 2. Its TLS stack sends the name only when it is told to: `mbedtls_ssl_set_hostname`, `SSL_set_tlsext_host_name`,
//!    `wolfSSL_UseSNI`.
//! 3. A proxy or tunnel in front of the broker opens the connection anew without a name.
//!
//! ### AWS IoT Core
//! 1. AWS IoT Core requires SNI, and refuses connections without it.
//!
//! ### HiveMQ Cloud
//! 1. Clusters share their addresses: without SNI nobody knows which one is meant.
//!
//! ### EMQX Cloud
//! 1. Serverless deployments share their addresses, and require SNI.
//!
//! ## What to do
//! * Connect by the broker's name, and set it as the server's name in the TLS stack.
//! * Compare `openssl s_client -connect HOST:8883 -servername HOST` with the same and `-noservername`.
//!
//! ### AWS IoT Core
//! * Set the full name of `aws iot describe-endpoint --endpoint-type iot:Data-ATS` as the server's name.
//!
//! ## References
//! * RFC 6066, 3 (server_name); RFC 8446, 9.2 (missing_extension)
//! * AWS IoT Core developer guide, "Transport security in AWS IoT Core"

use crate::diagnosis::handshake::{Refusal, Sign, Stage};
use crate::diagnosis::{Case, Finding, Rule, Service};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::{AlertDescription, ClientHello, NamedGroup};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["other-alert"],
    ..Rule::new("no-sni", "TLS003", include_str!("no_sni.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.refusal()?;
    let confidence = confidence(case, &refusal)?;
    let message = format!("the server did not accept a ClientHello without a server name ({})", refusal.shown());
    let finding = Finding::new(confidence, refusal.at, message)
        .with_frame(case.tls()?.client_hello_at)
        .because("the ClientHello has no extension server_name");
    Some(match refusal.sign {
        _ if confidence == Confidence::Proven => finding,
        Sign::Close(_) => finding.rests_on_absence().or_else("the listener is overloaded, or speaks no TLS"),
        _ => finding.or_else("the offered versions, ciphers or groups do not suit the server"),
    })
}

/// How sure it is that the missing name is why.
fn confidence(case: &Case<'_>, refusal: &Refusal) -> Option<Confidence> {
    let hello = case.hello()?;
    let nameless = hello.server_name.is_none() && !hello.offer.encrypted_client_hello;
    if !nameless || refusal.by != Side::Server || refusal.stage != Stage::Hello {
        return None;
    }
    // A server that finds nothing in a broad offer misses something else: the name.
    let requires_names = matches!(case.service, Some(Service::AwsIotCore | Service::HiveMqCloud | Service::EmqxCloud));
    let refused_a_broad_offer = matches!(refusal.sign, Sign::Alert(_)) && is_broad(hello);
    match refusal.sign {
        Sign::Alert(AlertDescription::UNRECOGNIZED_NAME) => Some(Confidence::Proven),
        Sign::Alert(AlertDescription::MISSING_EXTENSION) => Some(Confidence::Likely),
        Sign::Alert(AlertDescription::HANDSHAKE_FAILURE | AlertDescription::ACCESS_DENIED) | Sign::Close(_) => {
            Some(if requires_names || refused_a_broad_offer { Confidence::Likely } else { Confidence::Possible })
        }
        _ => None,
    }
}

/// Whether almost any server finds versions, ciphers and groups of its own in this offer.
fn is_broad(hello: &ClientHello) -> bool {
    let usual_groups = [NamedGroup::X25519, NamedGroup::SECP256R1];
    hello.offers_tls13()
        && hello.offer.ciphers.len() >= 8
        && usual_groups.iter().all(|group| hello.offer.groups.contains(group))
}

/// Whether this finding explains more than a general one that fits the same frames.
pub(super) fn explains_better(case: &Case<'_>, refusal: &Refusal) -> bool {
    confidence(case, refusal) >= Some(Confidence::Likely)
}
