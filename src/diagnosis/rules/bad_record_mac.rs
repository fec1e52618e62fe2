//! A record did not authenticate.
//!
//! ## What it means
//! One side could not verify a record that it got: its bytes were changed on the way, or the two sides have different
//! keys. TCP's checksum does not catch everything.
//!
//! ## On the wire
//! The alert bad_record_mac (or decryption_failed of old stacks) of either side. Once TLS is established it is encrypted.
//!
//! ## Likely causes
//! 1. The two sides do not share their key: a pre-shared key that was mistyped, a session that only one of them resumed.
//! 2. A device on the path rewrites bytes.
//! 3. Memory or a network card (checksum offload) corrupts what passes.
//! 4. A bug of a TLS stack, or two threads that write to one connection.
//!
//! ## What to do
//! * Compare the pre-shared keys of both sides, if they use any.
//! * Switch resumption off for a test, then the card's offloads: `ethtool -K DEV tx off rx off`.
//! * Try over another network.
//!
//! ## References
//! * RFC 8446, 6.2 (bad_record_mac); RFC 5246, 7.2.2; RFC 4279 (pre-shared keys)

use crate::diagnosis::{Case, Finding, Rule};
use crate::tls::AlertDescription;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    supersedes: &["other-alert"],
    ..Rule::new("bad-record-mac", "TLS036", include_str!("bad_record_mac.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.refusal()?;
    let about_records = [AlertDescription::BAD_RECORD_MAC, AlertDescription::DECRYPTION_FAILED];
    refusal.alert_among(refusal.by, &about_records)?;
    let message =
        format!("the {} could not verify a record of the {} ({})", refusal.by, refusal.by.peer(), refusal.shown());
    let finding = Finding::new(refusal.confidence(), refusal.at, message);
    let last = case.tls()?.records[refusal.by.peer()].last.filter(|last| *last < refusal.at);
    Some(finding.with_frame(last).stopped_in(refusal.stage.phase(case.record)))
}
