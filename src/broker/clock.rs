//! The clock of the edges that talk MQTT for real.

use tokio::time::Instant;

/// Now, by tokio's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "keep-alive and timings of live connections need a clock; nothing here reads captures"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
