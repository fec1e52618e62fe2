//! The server does not speak TLS.
//!
//! ## What it means
//! The client began with TLS, and what came back is no TLS record. Whoever listens on this port speaks another protocol;
//! clients report it as "wrong version number" or "record overflow".
//!
//! ## On the wire
//! A ClientHello, and as the first bytes of the server neither a handshake record (0x16) nor an alert (0x15) but, say,
//! "HTTP/1.1 400".
//!
//! ## Likely causes
//! 1. A web server or an HTTP proxy listens on this port.
//! 2. The broker's listener on this port is without TLS.
//! 3. Another service listens there: its banner tells which.
//!
//! ## What to do
//! * Check host and port; try `openssl s_client -connect HOST:PORT`.
//! * Switch TLS on in the broker's listener (mosquitto: `cafile`, `certfile` and `keyfile` under this very `listener`).
//!
//! ## References
//! * RFC 8446, 5.1 (record layer)

use crate::diagnosis::{Case, Finding, Rule};
use crate::timeline::Phase;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["other-alert", "client-gave-up", "closed-on-client-hello"],
    ..Rule::new("server-not-tls", "TLS002", include_str!("server_not_tls.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let tls = case.tls()?;
    let (what, at) = tls.not_tls.server?;
    let hello_at = tls.client_hello_at?;
    if case.record.tcp.midstream || tls.server_hello.is_some() {
        return None;
    }
    let finding = Finding::proven(at, format!("the server's first bytes are {what}, not TLS")).with_frame(hello_at);
    Some(if at < hello_at { finding.because("the server spoke before the client had said anything") } else { finding })
}
