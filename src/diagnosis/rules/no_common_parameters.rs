//! The two sides share no cipher suite, group or signature.
//!
//! ## What it means
//! The server found nothing in the client's offer that it could choose: no cipher suite, no group for the key exchange, or
//! no signature that its certificate can give.
//!
//! ## On the wire
//! The alert handshake_failure or insufficient_security right after the ClientHello, in place of the ServerHello.
//!
//! ## Likely causes
//! 1. The client's short list of cipher suites has none that the server takes: compare with what the server offers others.
//! 2. The server has an RSA certificate and the client takes ECDSA only, or the other way round.
//! 3. The client's groups (curves) are not the server's.
//! 4. The server wants a name (SNI) or does not know this one, and says no more than this.
//! 5. The server takes no version as old as the client's.
//!
//! ## What to do
//! * Compare the offered lists with what the server takes: `nmap --script ssl-enum-ciphers -p 8883 HOST`.
//! * Offer ECDHE with AES-GCM, and the groups x25519 and secp256r1.
//!
//! ## References
//! * RFC 8446, 4.1.1 and 6.2 (handshake_failure, insufficient_security); RFC 5246, 7.4.1.3

use super::no_sni;
use crate::diagnosis::handshake::Stage;
use crate::diagnosis::{Case, Finding, Rule};
use crate::evidence::Confidence;
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::{AlertDescription, ClientHello, Version};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["other-alert"],
    ..Rule::new("no-common-parameters", "TLS008", include_str!("no_common_parameters.rs"), check)
};

/// How many names of the offer are shown.
const SHOWN: usize = 4;

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.refusal().filter(|refusal| refusal.stage == Stage::Hello)?;
    let said = [AlertDescription::HANDSHAKE_FAILURE, AlertDescription::INSUFFICIENT_SECURITY];
    let alert = refusal.alert_among(Side::Server, &said)?;
    let hello = case.hello()?;
    if no_sni::explains_better(case, &refusal) {
        return None;
    }
    // Without a name, or of an old version, handshake_failure may mean that, too.
    let is_exact = alert == AlertDescription::INSUFFICIENT_SECURITY
        || hello.server_name.is_some() && hello.best_version() >= Version::TLS_1_2;
    let limit = if is_exact { Confidence::Proven } else { Confidence::Likely };
    let confidence = refusal.confidence().min(limit);
    let message = format!("the server found nothing to choose in the ClientHello ({})", refusal.shown());
    let mut finding =
        Finding::new(confidence, refusal.at, message).with_frame(case.tls()?.client_hello_at).because(offer(hello));
    if !is_exact && hello.server_name.is_none() {
        finding = finding.or_else("the server wants a name (SNI)");
    }
    if !is_exact && hello.best_version() < Version::TLS_1_2 {
        finding = finding.or_else("the server takes no version as old as this");
    }
    Some(finding)
}

fn offer(hello: &ClientHello) -> String {
    let list = |names: Vec<String>| match names.len() {
        0 => "none".to_owned(),
        count if count <= SHOWN => names.join(", "),
        count => {
            format!("{} and {} more", names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "), count - SHOWN)
        }
    };
    let ciphers = hello.offer.ciphers.iter().filter(|suite| !suite.is_signal()).map(ToString::to_string).collect();
    let groups = hello.offer.groups.iter().map(ToString::to_string).collect();
    format!("offered ciphers: {}; groups: {}", list(ciphers), list(groups))
}
