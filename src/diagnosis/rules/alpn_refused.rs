//! The two sides agree on no application protocol.
//!
//! ## What it means
//! The client named the protocols that it would speak over TLS (ALPN), and the server speaks none of them.
//!
//! ## On the wire
//! A ClientHello with the extension application_layer_protocol_negotiation, then the alert no_application_protocol. In TLS
//! 1.3 some servers send it encrypted, behind their ServerHello and in place of their flight.
//!
//! ## Likely causes
//! 1. The name of the protocol is not the one that this server knows.
//! 2. The port serves something else: HTTPS, or MQTT over WebSocket.
//! 3. A library that is made for the web adds `h2` or `http/1.1` by itself.
//!
//! ### AWS IoT Core
//! 1. On port 443 the protocol is called `x-amzn-mqtt-ca` (`mqtt` with a custom authorizer); any other name is refused.
//!
//! ## What to do
//! * Set the protocol's name as the server's documentation spells it, or leave ALPN away on port 8883.
//! * Try it: `openssl s_client -connect HOST:443 -servername HOST -alpn NAME`.
//!
//! ### AWS IoT Core
//! * Set ALPN to `x-amzn-mqtt-ca` on port 443 and to nothing on 8883.
//!
//! ## References
//! * RFC 7301, 3.2 (no_application_protocol)
//! * AWS IoT Core developer guide, "Device communication protocols", table of ports and ALPN names

use crate::diagnosis::handshake::{Sign, Stage};
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::AlertDescription;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["other-alert", "client-gave-up"],
    ..Rule::new("alpn-refused", "TLS005", include_str!("alpn_refused.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.refusal()?;
    let hello = case.hello().filter(|hello| !hello.offer.alpn.is_empty())?;
    let (offered, frame) = (hello.offer.alpn.join(", "), refusal.at.frame);
    let finding = match (refusal.sign, refusal.by) {
        (Sign::Alert(alert), by) if alert == AlertDescription::NO_APPLICATION_PROTOCOL => {
            let message = match by {
                Side::Server => {
                    format!("the server speaks none of the protocols in ALPN: {offered} (alert {alert}, frame {frame})")
                }
                Side::Client => {
                    format!("the client found none of its protocols, {offered}, chosen (alert {alert}, frame {frame})")
                }
            };
            Finding::new(refusal.confidence(), refusal.at, message)
        }
        // The ServerHello says nothing of ALPN yet: a server may refuse it right behind.
        (Sign::SealedAlert, Side::Server) if refusal.stage == Stage::ServerFlight => {
            let message = format!(
                "the server broke off behind its ServerHello, perhaps for ALPN: {offered} ({})",
                refusal.shown()
            );
            Finding::possible(refusal.at, message)
                .or_else("something is wrong with the server's own certificate or key")
        }
        _ => return None,
    };
    // In TLS 1.3 a server may say so behind its ServerHello; it is about the hellos all the same.
    Some(finding.with_frame(case.tls()?.client_hello_at))
}
