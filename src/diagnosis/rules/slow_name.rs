//! The server's name took long to resolve.
//!
//! ## What it means
//! The client waited for the address of the broker longer than a threshold before it could begin to connect.
//!
//! ## On the wire
//! A DNS question, and its answer long after it; then the SYN to one of the addresses in it.
//!
//! ## Likely causes
//! 1. The first resolver does not answer, and the second one is asked after a timeout (5 s is usual).
//! 2. A slow or overloaded resolver.
//! 3. A lossy link: the question or the answer was sent again.
//!
//! ## What to do
//! * Look at the order of resolvers on the device.
//! * Keep the address for as long as its record allows.
//!
//! ## References
//! * RFC 1035, 7.2; resolv.conf(5), timeout

use crate::diagnosis::reading::span;
use crate::diagnosis::{Case, Finding, Rule, Severity};
use crate::stream::Moment;

/// See the head of this file.
pub(super) const RULE: Rule = Rule {
    severity: Severity::Warning,
    keeps_outcome: true,
    ..Rule::new("slow-name", "DNS003", include_str!("slow_name.rs"), check)
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let resolution = case.record.resolution.as_deref()?;
    let query = resolution.query.as_ref()?;
    let answered = resolution.answered();
    let took = answered.at.since(query.at);
    // An answer that was there long before is not what this connection waited for.
    let waited_for = case.record.first.at.since(answered.at) <= case.thresholds.slow_name;
    if took < case.thresholds.slow_name || !waited_for {
        return None;
    }
    let name = resolution.name().unwrap_or("the server's name");
    let message = format!("{} took {} to resolve {name}", resolution.answer.resolver.address, span(took));
    Some(
        Finding::proven(answered, message)
            .with_frame(Moment::new(query.at, query.frame))
            .because(format!("the SYN followed {} after the answer", span(case.record.first.at.since(answered.at)))),
    )
}
