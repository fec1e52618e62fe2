//! The server does not know the name that the client asks for.
//!
//! ## What it means
//! The client named a server in its ClientHello, and the server says that it is not that one.
//!
//! ## On the wire
//! The fatal alert unrecognized_name in answer to the ClientHello. A mere warning of that name, after which the server
//! goes on, is none of this.
//!
//! ## Likely causes
//! 1. The endpoint is mistyped, or it is that of another account, region or cluster.
//! 2. A custom domain points to the address, but was never set up at the server.
//! 3. An entry in /etc/hosts or a DNS override leads the name to another server.
//!
//! ### AWS IoT Core
//! 1. The name is not an endpoint of this region, or its custom domain configuration is disabled.
//!
//! ### HiveMQ Cloud
//! 1. The cluster was deleted, or stopped for lack of use.
//!
//! ## What to do
//! * Compare the name in the ClientHello with the one that the service's console shows.
//! * Resolve the name from the device's network: `dig NAME`, and compare the address.
//!
//! ### AWS IoT Core
//! * Take the name that `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints.
//!
//! ## References
//! * RFC 6066, 3 (server_name, unrecognized_name)

use crate::diagnosis::handshake::Stage;
use crate::diagnosis::{Case, Finding, Rule};
use crate::net::Side;
use crate::timeline::Phase;
use crate::tls::AlertDescription;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    phase: Some(Phase::TlsHello),
    supersedes: &["other-alert"],
    ..Rule::new("sni-refused", "TLS004", include_str!("sni_refused.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let refusal = case.refusal()?;
    refusal.alert_among(Side::Server, &[AlertDescription::UNRECOGNIZED_NAME])?;
    let name = case.hello()?.server_name.as_deref()?;
    if refusal.stage == Stage::Accepted {
        return None;
    }
    let message = format!("the server does not know the name {name} ({})", refusal.shown());
    let finding = Finding::new(refusal.confidence(), refusal.at, message);
    Some(finding.with_frame(case.tls()?.client_hello_at).stopped_in(refusal.stage.phase(case.record)))
}
