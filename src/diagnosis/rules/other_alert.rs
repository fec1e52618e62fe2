//! An alert ended it.
//!
//! ## What it means
//! One side sent a TLS alert that no other finding of this catalogue explains. Its name says what its sender did not
//! like; more is not known, and nothing is guessed here.
//!
//! ## On the wire
//! A record of type alert, in clear or decrypted, whose description is neither close_notify nor user_canceled, and that is
//! no mere answer to the other side's close.
//!
//! ## Likely causes
//! 1. The log of the alert's sender has the reason; the alert is only its short form.
//!
//! ## What to do
//! * Look into the log of the side that sent the alert, at this time.
//! * Look the alert up in RFC 8446, 6.2, or RFC 5246, 7.2.2.
//!
//! ## References
//! * RFC 8446, 6.2 (error alerts); IANA TLS Alerts

use crate::diagnosis::handshake::Sign;
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::tls::AlertDescription;

/// See the head of this file. Each finding that explains an alert supersedes it.
pub(super) const RULE: Rule = Rule::new("other-alert", "TLS014", include_str!("other_alert.rs"), check);

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.refusal()?;
    let (by, frame) = (refusal.by, refusal.at.frame);
    let finding = match refusal.sign {
        Sign::Alert(alert) => {
            let message = format!("the {by} sent the alert {alert} ({}), frame {frame}", alert.0);
            let meaning = meaning(alert).map(|meaning| format!("{alert}: {meaning}"));
            // Whether it answers a close depends on what came before it.
            Finding::new(refusal.confidence(), refusal.at, message).because_of(meaning).rests_on_absence()
        }
        // Of the client it is a finding of its own, or a goodbye; of the server it may answer the CONNECT.
        Sign::SealedAlert if by == Side::Server && case.tls()?.first_application.client.is_none() => {
            let message = format!("the server broke off with an encrypted alert, frame {frame}");
            Finding::possible(refusal.at, message).or_else("a close_notify: it waited for the client in vain")
        }
        _ => return None,
    };
    Some(finding.stopped_in(refusal.stage.phase(case.record)))
}

/// What the specification says of an alert (RFC 8446, 6.2, shortened).
fn meaning(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::UNEXPECTED_MESSAGE => "a message came that does not belong here",
        AlertDescription::RECORD_OVERFLOW => "a record was longer than is allowed",
        AlertDescription::HANDSHAKE_FAILURE => "no acceptable set of parameters could be negotiated",
        AlertDescription::ILLEGAL_PARAMETER => "a field of the handshake contradicts others or is out of range",
        AlertDescription::DECODE_ERROR => "a message could not be read: a field out of range or a wrong length",
        AlertDescription::DECRYPT_ERROR => "a signature, a Finished or a binder could not be verified",
        AlertDescription::INTERNAL_ERROR => "an error that has nothing to do with the peer, such as lack of memory",
        AlertDescription::INAPPROPRIATE_FALLBACK => "the client retried with an older version than it needs to",
        AlertDescription::MISSING_EXTENSION => "the hello lacks an extension that is mandatory for what it offers",
        AlertDescription::UNSUPPORTED_EXTENSION => "an extension came that nobody had asked for",
        AlertDescription::CERTIFICATE_REVOKED => "the certificate was revoked by its issuer",
        AlertDescription::BAD_CERTIFICATE_STATUS_RESPONSE => "the stapled OCSP answer is invalid or missing",
        AlertDescription::UNKNOWN_PSK_IDENTITY => "the server does not know the pre-shared key that was named",
        AlertDescription::ACCESS_DENIED => "the certificate is valid, but the sender's access control refuses it",
        _ => return None,
    })
}
