//! What was agreed on is weak.
//!
//! ## What it means
//! The connection may well work, but what protects it is out of date: it can be broken with known means, or will be soon,
//! and services are switching it off.
//!
//! ## On the wire
//! A ServerHello that chooses a version before TLS 1.2 or a cipher suite without sound encryption; or a certificate with an
//! RSA key below 2,048 bits or a signature with SHA-1 or MD5 (a root's own signature does not count).
//!
//! ## Likely causes
//! 1. The client's stack is old and offers nothing better.
//! 2. The server's settings allow what they should not.
//! 3. Certificates of a private CA were made with old defaults.
//!
//! ## What to do
//! * Update the side that is behind; let both use TLS 1.2 or 1.3 with AES-GCM or ChaCha20.
//! * Issue certificates with ECDSA P-256 or RSA 2048, signed with SHA-256.
//!
//! ## References
//! * RFC 8996 (TLS 1.0 and 1.1), RFC 7465 (RC4), RFC 9325 (recommendations), NIST SP 800-131A

use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::net::Side;
use crate::tls::{Certificate, Facts, Version};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Warning,
    ..Rule::new("weak-parameters", "TLS039", include_str!("weak_parameters.rs"), check)
};

/// The shortest RSA key that is still fit, in bits.
const MIN_RSA_BITS: u32 = 2048;

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    let at = tls.server_hello_at?;
    let weak = weaknesses(tls);
    let (first, others) = weak.split_first()?;
    let more = if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) };
    let finding = Finding::proven(at, format!("what was agreed on is weak: {first}{more}"));
    Some(others.iter().fold(finding, |finding, weakness| finding.because(weakness.clone())))
}

fn weaknesses(tls: &Facts) -> Vec<String> {
    let version = tls.version().filter(|version| *version < Version::TLS_1_2);
    let suite = tls.cipher().and_then(|suite| Some((suite, suite.weakness()?)));
    let mut weak: Vec<String> = version.map(|version| format!("TLS {version}")).into_iter().collect();
    weak.extend(suite.map(|(suite, weakness)| format!("{weakness} ({suite})")));
    for side in Side::BOTH {
        let chain = tls.certificates.of(side).into_iter().flat_map(|chain| chain.iter());
        weak.extend(chain.filter_map(|one| weakness(one)).map(|what| format!("{what} in the {side}'s chain")));
    }
    weak
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

fn weakness(certificate: &Certificate) -> Option<String> {
    let short = certificate.rsa_bits.filter(|bits| *bits < MIN_RSA_BITS);
    let old = ["sha1", "md5"].iter().any(|hash| contains_ignoring_case(&certificate.signature, hash));
    short
        .map(|bits| format!("an RSA key of {bits} bits"))
        .or_else(|| (old && !certificate.is_self_issued).then(|| format!("the signature {}", certificate.signature)))
}
