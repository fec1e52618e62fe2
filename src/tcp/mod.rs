//! One TCP connection, watched from outside. In: the segments of both directions. Out: what happened ([`Event`]), the two
//! byte streams in order ([`Chunk`]), and at any time what is known so far ([`Facts`]).
//!
//! The tracker is an observer, not an endpoint: it may see a segment that the receiver never got, and miss one that it
//! did. So it drops nothing for being wrong and never waits for a timer; what it cannot know it leaves unknown.
//!
//! Order of calls: [`Tracker::starts_anew`] before each segment that has SYN set, [`Tracker::handle_segment`] for each one
//! that belongs here, [`Tracker::finish`] once.
//!
//! The names of what is counted are those of Wireshark's "TCP Analysis" (User's Guide, 7.5), the letters of the history
//! are those of Zeek's conn.log, the states those of RFC 9293, 3.3.2.

mod acknowledgment;
mod analysis;
mod assembler;
mod direction;
mod duplicates;
mod event;
mod facts;
mod history;
mod incarnation;
mod opening;
mod outlet;
mod outstanding;
mod pause;
mod reset;
mod rtt;
mod state;
mod steady;
mod step;
#[cfg(test)]
mod tests;
mod tracker;

pub use event::{Event, GapCause, Resend, ResetFit, SynOptions};
pub use facts::{
    Facts, Fin, Handshake, Hole, InFlight, KeepAlives, Resends, Reset, Sendings, SideFacts, Ttl, Vantage, ZeroWindows,
};
pub use history::{Completeness, History};
pub use pause::Pause;
pub use rtt::RoundTrip;
pub use state::State;
pub use tracker::Tracker;

use crate::net::Side;
use crate::stream::{Chunk, Moment};

/// Where a [`Tracker`] puts what it finds.
pub trait Sink {
    /// Something happened, at `at`, sent (or for a gap: failed to be seen) by the side `by`.
    fn event(&mut self, at: Moment, by: Side, event: Event);

    /// The next piece of what `side` sent, in order.
    fn chunk(&mut self, side: Side, at: Moment, chunk: Chunk<'_>);
}

/// What one connection may hold in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that may wait behind a hole, for each direction. Where more come, the oldest hole is given up.
    pub buffered_bytes: usize,
    /// Segments that may wait behind a hole, for each direction.
    pub buffered_segments: usize,
    /// Segments that are remembered until they are acknowledged, for each direction. Further ones are remembered as one.
    pub outstanding_segments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { buffered_bytes: 1 << 20, buffered_segments: 1024, outstanding_segments: 256 }
    }
}
