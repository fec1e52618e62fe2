//! One direction of a connection as a stream of bytes: what TCP hands upward.

use crate::frame::FrameId;
use crate::pack::packed;
use crate::time::Timestamp;

/// The next piece of a stream, in the order of its sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// Bytes, borrowed from the frame where they came in order.
    Data(&'a [u8]),
    /// So many bytes are missing and will not come: the peer acknowledged them, or a limit was reached.
    Gap(u64),
}

/// How a side ends its stream (RFC 9293, 3.6 and 3.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a FIN: it has no more to say.
    Fin,
    /// With a reset: it does not know the connection, or wants to know no more of it.
    Reset,
}

/// When a piece of a stream became readable, and by which frame.
///
/// A piece that waited for a hole before it to be filled carries the time and frame of the filling one, as in Wireshark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The capture's time.
    pub at: Timestamp,
    /// The frame.
    pub frame: FrameId,
}

packed! { struct Moment { at, frame } }

impl Moment {
    /// A moment from its parts.
    #[must_use]
    pub const fn new(at: Timestamp, frame: FrameId) -> Self {
        Self { at, frame }
    }
}
