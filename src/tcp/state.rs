//! The states of RFC 9293, 3.3.2, as an observer can tell them: from what was sent and acknowledged, never stored.

use super::direction::{Direction, NO_FIN, Origin};
use crate::pack::packed;
use std::fmt;

/// The state of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing was seen of it, or it is over.
    #[default]
    Closed,
    /// It was sent a SYN and has not answered: listening, if it is there at all.
    Listen,
    /// It sent a SYN that was not answered.
    SynSent,
    /// Both sent a SYN; its own is not acknowledged.
    SynReceived,
    /// It can send and receive.
    Established,
    /// It sent a FIN that is not acknowledged.
    FinWait1,
    /// Its FIN was acknowledged; the other side can still send.
    FinWait2,
    /// The other side sent a FIN; it can still send.
    CloseWait,
    /// Both sent a FIN at the same time; its own is not acknowledged.
    Closing,
    /// It sent a FIN after the other side's.
    LastAck,
    /// Both FINs are acknowledged; it was the first to send one.
    TimeWait,
}

packed! {
    enum State {
        Closed, Listen, SynSent, SynReceived, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait,
    }
}

impl State {
    /// The name in RFC 9293.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The state of `me`.
pub(super) fn state(me: &Direction, peer: &Direction, reset: bool) -> State {
    if reset {
        return State::Closed;
    }
    match (me.origin, peer.origin) {
        (Origin::Unknown, Origin::Unknown) => return State::Closed,
        (Origin::Unknown, _) => return State::Listen,
        (Origin::Syn, Origin::Unknown) => return State::SynSent,
        (Origin::Syn, _) if !me.syn_acked() => return State::SynReceived,
        _ => {}
    }
    let peer_fin = peer.fin != NO_FIN;
    if me.fin == NO_FIN {
        return if peer_fin { State::CloseWait } else { State::Established };
    }
    // Whoever sent its FIN before it acknowledged the other's closed first.
    let passive = me.facts.fin.is_some_and(|fin| fin.answers);
    match (passive, me.fin_acked(), peer_fin) {
        (true, false, _) => State::LastAck,
        (true, true, _) => State::Closed,
        (false, false, false) => State::FinWait1,
        (false, false, true) => State::Closing,
        (false, true, false) => State::FinWait2,
        (false, true, true) => State::TimeWait,
    }
}
