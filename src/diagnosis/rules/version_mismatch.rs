//! The two sides share no version of TLS.
//!
//! ## What it means
//! What the client offers is too old for the server, or too new; or the server chose a version that the client does not
//! take.
//!
//! ## On the wire
//! The alert protocol_version: of the server in answer to the ClientHello, or of the client in answer to the ServerHello.
//!
//! ## Likely causes
//! 1. The client's TLS stack knows nothing newer than TLS 1.0 or 1.1, which servers no longer take.
//! 2. The server's policy was tightened: only TLS 1.2, or only 1.3.
//! 3. The client insists on TLS 1.3, and the server does not have it.
//!
//! ### AWS IoT Core
//! 1. The security policy of the endpoint's domain configuration asks for a newer version (TLS 1.2 at least).
//!
//! ### Azure IoT Hub
//! 1. Azure IoT Hub takes TLS 1.2 and newer; older versions were retired.
//!
//! ## What to do
//! * Update the client's TLS stack, or its settings for the lowest and highest version.
//! * See what the server takes: `openssl s_client -connect HOST:8883 -tls1_2`, then `-tls1_3`.
//!
//! ### AWS IoT Core
//! * Compare with `aws iot describe-domain-configuration`, tlsConfig.
//!
//! ## References
//! * RFC 8446, 4.1.3 and 6.2 (protocol_version); RFC 8996 (TLS 1.0 and 1.1 are deprecated)

use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::{AlertDescription, ClientHello, Version};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["other-alert", "client-gave-up"],
    ..Rule::new("version-mismatch", "TLS007", include_str!("version_mismatch.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.refusal()?;
    let alert = refusal.alert().filter(|alert| *alert == AlertDescription::PROTOCOL_VERSION)?;
    let tls = case.tls()?;
    let hello = case.hello()?;
    let (offered, frame) = (offered(hello), refusal.at.frame);
    let message = match (refusal.by, tls.version()) {
        (Side::Server, _) => {
            format!("the server takes none of the offered versions, {offered} (alert {alert}, frame {frame})")
        }
        (Side::Client, Some(chosen)) => {
            format!("the client offered {offered} and does not take {chosen} (alert {alert}, frame {frame})")
        }
        (Side::Client, None) => return None,
    };
    let needed = (refusal.by == Side::Server).then(|| needed(hello)).flatten();
    let finding = Finding::new(refusal.confidence(), refusal.at, message).with_frame(tls.client_hello_at);
    // Whoever says it, the hellos did not agree: the phase is that of the hello.
    Some(finding.with_frame(tls.server_hello_at).because_of(needed.map(str::to_owned)))
}

fn offered(hello: &ClientHello) -> String {
    let (lowest, highest) = (hello.offer.versions.iter().copied().min(), hello.best_version());
    match lowest {
        // Without the extension supported_versions only the highest one is named; older ones are offered silently.
        Some(lowest) if lowest != highest => format!("TLS {lowest} to {highest}"),
        _ if highest < Version::TLS_1_3 => format!("TLS {highest} at most"),
        _ => format!("TLS {highest} only"),
    }
}

fn needed(hello: &ClientHello) -> Option<&'static str> {
    let best = hello.best_version();
    if best < Version::TLS_1_2 {
        Some("servers of today want TLS 1.2 or newer")
    } else if best == Version::TLS_1_2 {
        Some("the server wants TLS 1.3")
    } else if hello.offer.versions.iter().all(|version| *version >= Version::TLS_1_3) {
        Some("the server does not have TLS 1.3")
    } else {
        None
    }
}
