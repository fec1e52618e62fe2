//! The server asks for another ClientHello.
//!
//! ## What it means
//! In TLS 1.3 a client guesses which group the server will take for the key exchange, and sends its share at once. Here
//! the guess was wrong (or the server wanted a cookie), so the hello took one more round trip. It works; it is only slower.
//!
//! ## On the wire
//! ClientHello, HelloRetryRequest, ClientHello, ServerHello.
//!
//! ## Likely causes
//! 1. The client's first group is not among those that the server takes.
//! 2. The server prefers a stronger group than the one that the client guessed.
//! 3. The server makes the client prove its address with a cookie.
//!
//! ## What to do
//! * Nothing has to be done. To save the round trip, let the client offer the wanted group first.
//!
//! ## References
//! * RFC 8446, 2.1 and 4.1.4 (HelloRetryRequest)

use crate::diagnosis::{Case, Finding, Rule, Severity};

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Note,
    keeps_outcome: true,
    ..Rule::new("hello-retry", "TLS013", include_str!("hello_retry.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    let retry = tls.hello_retry.as_deref()?;
    let at = tls.server_hello_at.or(tls.client_hello_at)?;
    let wanted = retry.group.map_or_else(|| "a cookie".to_owned(), |group| format!("the group {group}"));
    let message = format!("the server asked for another ClientHello, with {wanted}: one more round trip");
    let first = case.hello().map(|hello| {
        let shares: Vec<String> = hello.offer.key_shares.iter().map(ToString::to_string).collect();
        format!("the first one had key shares for {}", shares.join(", "))
    });
    Some(Finding::proven(at, message).with_frame(tls.client_hello_at).because_of(first))
}
