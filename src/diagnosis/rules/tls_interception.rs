//! Something on the way opens TLS and shows its own certificate.
//!
//! ## What it means
//! The certificate that came is not the broker's: an inspection device made it on the fly, signed by its own authority.
//! Computers of that network trust it; the device does not, and refuses.
//!
//! ## On the wire
//! A server certificate whose issuer is an inspection product, then the client's refusal or close. TLS 1.3 hides the
//! certificate.
//!
//! ## Likely causes
//! 1. The company's proxy or firewall inspects TLS on this port.
//! 2. Antivirus software on the same machine does ("web shield").
//! 3. Somebody debugs with a proxy (mitmproxy, Charles, Fiddler, Burp).
//!
//! ## What to do
//! * Have the broker's host and port exempted from inspection.
//! * Trusting the inspection's authority on the device does not help where the broker wants the client's certificate: mutual
//!   TLS cannot pass such a device.
//!
//! ## References
//! * RFC 8446, E.6 and 9.3 (middleboxes); NIST SP 1800-37

use crate::diagnosis::{Case, Finding, Rule};
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsAuthentication),
    supersedes: &[
        "other-alert",
        "server-certificate-untrusted",
        "server-chain-incomplete",
        "server-certificate-expired",
        "server-certificate-not-yet-valid",
        "client-clock-wrong",
        "server-name-mismatch",
        "client-gave-up",
    ],
    ..Rule::new("tls-interception", "TLS027", include_str!("tls_interception.rs"), check)
};

/// Words in the issuer's name by which inspection products are known, in lower case.
#[rustfmt::skip]
pub(super) const PRODUCTS: [&str; 41] = [
    "zscaler", "fortinet", "fortigate", "palo alto networks", "blue coat", "bluecoat", "symantec web security",
    "cisco umbrella", "cisco secure access", "cisco web security", "sophos", "netskope", "goskope",
    "check point", "checkpoint", "barracuda", "watchguard", "sonicwall", "forcepoint", "websense",
    "mcafee web gateway", "skyhigh", "iboss", "untangle", "smoothwall", "lightspeed", "securly",
    "menlo security", "cato networks", "eset ssl filter", "kaspersky", "avast", "avg web", "bitdefender",
    "mitmproxy", "charles proxy", "fiddler", "portswigger", "squid", "cloudflare gateway",
    "gateway ca - cloudflare",
];

/// Words that name the trade without a product.
#[rustfmt::skip]
pub(super) const TRADE: [&str; 8] = [
    "ssl inspection", "tls inspection", "ssl-inspection", "ssl decrypt", "ssl proxy", "tls proxy", "proxy ca",
    "web filter",
];

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.server_refused()?;
    let certificate = case.server_certificate()?;
    let chain = case.tls()?.certificates.server.as_ref()?;
    let issuers = chain.iter().map(|one| one.issuer.as_str());
    let issuer = issuers.into_iter().find(|issuer| is_inspection(issuer))?;
    let message = format!(
        "the certificate was made by an inspection device ({}), and the client refused it ({})",
        common_name(issuer),
        refusal.shown()
    );
    let finding = Finding::likely(refusal.at, message).with_frame(case.tls()?.server_flight_ended);
    Some(finding.because(format!("the certificate shown: {}, issued by {}", certificate.subject, certificate.issuer)))
}

/// The common name in a distinguished name, which is the part that people know.
fn common_name(name: &str) -> &str {
    name.rsplit_once("CN=").map_or(name, |(_, common_name)| common_name)
}

fn is_inspection(issuer: &str) -> bool {
    let issuer = issuer.to_lowercase();
    PRODUCTS.iter().chain(&TRADE).any(|word| issuer.contains(word))
}

#[cfg(test)]
mod tests {
    use super::is_inspection;

    #[test]
    fn inspection_products_are_known_by_their_issuers_and_authorities_are_not() {
        for issuer in [
            "C=US, ST=California, O=Zscaler Inc., CN=Zscaler Intermediate Root CA (zscaler.net)",
            "C=US, O=Fortinet, OU=Certificate Authority, CN=FG100E",
            "CN=mitmproxy, O=mitmproxy",
            "O=Example, CN=Example TLS Inspection CA",
        ] {
            assert!(is_inspection(issuer), "{issuer}");
        }
        for issuer in ["C=US, O=Amazon, CN=Amazon RSA 2048 M01", "C=US, O=Let's Encrypt, CN=R3", "CN=Broker CA"] {
            assert!(!is_inspection(issuer), "{issuer}");
        }
    }
}
