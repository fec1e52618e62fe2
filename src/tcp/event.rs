//! What can happen in a TCP connection that is worth a line of its story.

use crate::pack::packed;
use std::fmt;
use std::time::Duration;

/// Something that happened. Healthy routine (acknowledgments, window updates, answered keep-alives) is counted in
/// [`super::Facts`] and makes no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first SYN of the client (or, in a simultaneous open, of a side).
    Syn(SynOptions),
    /// The first SYN with an acknowledgment.
    SynAck(SynOptions),
    /// The handshake's last acknowledgment was seen: both sides can send.
    Established,
    /// Bytes, a SYN or a FIN were sent again.
    Retransmission {
        /// How Wireshark would call it.
        kind: Resend,
        /// Payload bytes.
        len: u32,
        /// Since they were first sent; none where the first copy was not captured (or is acknowledged and forgotten: a
        /// spurious retransmission).
        after: Option<Duration>,
    },
    /// Bytes came later than bytes that follow them, too soon to have been sent again.
    OutOfOrder {
        /// Payload bytes.
        len: u32,
    },
    /// Bytes that will not be seen.
    Gap {
        /// How many.
        len: u64,
        /// Why they are given up.
        cause: GapCause,
    },
    /// The sender of this segment can take no more data.
    ZeroWindow,
    /// The window of the sender of this segment is open again.
    WindowUpdate {
        /// How long it was closed.
        after: Duration,
    },
    /// A keep-alive after one that was not answered.
    KeepAlive {
        /// How many in a row have gone unanswered before this one, from 1.
        unanswered: u32,
    },
    /// The sender has no more data. Sent again it is a retransmission.
    Fin {
        /// Payload bytes and the SYN before it: its relative sequence number.
        seq: u64,
    },
    /// The sender gives the connection up.
    Rst {
        /// Whether the receiver takes it.
        fit: ResetFit,
        /// IPv4 time to live, or IPv6 hop limit.
        ttl: u8,
        /// Since the last segment of the other side.
        after: Option<Duration>,
    },
}

packed! {
    enum Event {
        Syn(what), SynAck(what), Established, Retransmission { kind, len, after }, OutOfOrder { len },
        Gap { len, cause }, ZeroWindow, WindowUpdate { after }, KeepAlive { unanswered }, Fin { seq },
        Rst { fit, ttl, after },
    }
}

/// What a SYN offers (RFC 9293, 3.7.1; RFC 7323, 2.2; RFC 2018, 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SynOptions {
    /// Maximum segment size, in bytes.
    pub mss: Option<u16>,
    /// Window scale shift count.
    pub window_scale: Option<u8>,
    /// Whether selective acknowledgment is permitted.
    pub sack_permitted: bool,
    /// The window field, which is never scaled here.
    pub window: u16,
    /// Payload bytes carried by the SYN (RFC 7413).
    pub data: u32,
}

packed! { struct SynOptions { mss, window_scale, sack_permitted, window, data } }

/// Why something was sent again, as far as can be told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resend {
    /// A SYN, with or without an acknowledgment.
    Syn,
    /// Bytes (or a FIN with them), after a timeout.
    Data,
    /// Bytes, within 20 ms of at least two duplicate acknowledgments that ask for them.
    Fast,
    /// Bytes that were acknowledged already.
    Spurious,
    /// A FIN without bytes.
    Fin,
}

packed! { enum Resend { Syn, Data, Fast, Spurious, Fin } }

/// Why missing bytes are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapCause {
    /// The other side acknowledged them: the capture lacks them.
    Acknowledged,
    /// The connection ended, and nobody acknowledged them: they were lost on the way.
    NeverCame,
    /// The limit on what may wait behind them was reached.
    Limit,
}

packed! { enum GapCause { Acknowledged, NeverCame, Limit } }

/// Whether a reset hits the receiver's window (RFC 9293, 3.10.7; RFC 5961, 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetFit {
    /// Exactly the next sequence number, or the acknowledgment of the SYN: every receiver takes it.
    Exact,
    /// Elsewhere in the window: older receivers take it, newer ones ask back.
    InWindow,
    /// The other side's acknowledgments were not captured: nothing to hold it against.
    Unknown,
    /// Outside: a receiver ignores it, the connection goes on.
    OutOfWindow,
}

packed! { enum ResetFit { Exact, InWindow, Unknown, OutOfWindow } }

impl Event {
    /// The contract's word for the kind of event.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Syn(_) => "syn",
            Self::SynAck(_) => "syn_ack",
            Self::Established => "established",
            Self::Retransmission { .. } => "retransmission",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::Gap { .. } => "gap",
            Self::ZeroWindow => "zero_window",
            Self::WindowUpdate { .. } => "window_update",
            Self::KeepAlive { .. } => "keep_alive",
            Self::Fin { .. } => "fin",
            Self::Rst { .. } => "rst",
        }
    }
}

/// The detail of an event; what [`Event::name`] says already is not repeated, and it may be empty.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Syn(ref options) | Self::SynAck(ref options) => options.fmt(f),
            Self::Established => Ok(()),
            Self::Retransmission { kind, len, after } => {
                kind.describe(len, f)?;
                match after {
                    Some(after) => write!(f, " after {}", Span(after)),
                    None if kind != Resend::Data => Ok(()),
                    None => f.write_str(", first copy not captured"),
                }
            }
            Self::OutOfOrder { len } => write!(f, "{} bytes late", Grouped(len.into())),
            Self::Gap { len, cause } => {
                let bytes = Grouped(len);
                match cause {
                    GapCause::Acknowledged => write!(f, "{bytes} bytes not captured"),
                    GapCause::NeverCame => write!(f, "{bytes} bytes never came, though later ones did"),
                    GapCause::Limit => write!(f, "{bytes} bytes given up: too much waits behind them"),
                }
            }
            Self::ZeroWindow => f.write_str("can take no more data"),
            Self::WindowUpdate { after } => write!(f, "takes data again after {}", Span(after)),
            Self::KeepAlive { unanswered } => write!(f, "{unanswered} before it unanswered"),
            Self::Fin { seq } => write!(f, "seq {}", Grouped(seq)),
            Self::Rst { fit, ttl, after } => {
                write!(f, "TTL {ttl}")?;
                if let Some(after) = after {
                    write!(f, ", {} after the other side's last segment", Span(after))?;
                }
                match fit {
                    ResetFit::Exact | ResetFit::Unknown => Ok(()),
                    ResetFit::InWindow => f.write_str(", not at the expected sequence number"),
                    ResetFit::OutOfWindow => f.write_str(", outside the window: not a close"),
                }
            }
        }
    }
}

impl Resend {
    fn describe(self, len: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syn => f.write_str("SYN again"),
            Self::Fin => f.write_str("FIN again"),
            Self::Data => write!(f, "{} bytes again", Grouped(len.into())),
            Self::Fast => write!(f, "{} bytes again for duplicate acks", Grouped(len.into())),
            Self::Spurious => write!(f, "{} bytes again, acknowledged already", Grouped(len.into())),
        }
    }
}

/// `seq 0, MSS 1460, window scale 7, SACK permitted`.
impl fmt::Display for SynOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seq 0")?;
        if let Some(mss) = self.mss {
            write!(f, ", MSS {mss}")?;
        }
        if let Some(shift) = self.window_scale {
            write!(f, ", window scale {shift}")?;
        }
        if self.sack_permitted {
            f.write_str(", SACK permitted")?;
        }
        if self.data > 0 {
            write!(f, ", {} bytes of data", Grouped(self.data.into()))?;
        }
        Ok(())
    }
}

/// A number in groups of three digits: `1,448`.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A span of time for people: `0.85 ms`, `204 ms`, `3.1 s`.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = crate::time::millis(self.0);
        if millis < 10.0 {
            write!(f, "{millis:.2} ms")
        } else if millis < 1000.0 {
            write!(f, "{millis:.0} ms")
        } else {
            write!(f, "{:.1} s", millis / 1000.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_read_like_a_sentence() {
        let syn = SynOptions {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            window: 64_240,
            ..Default::default()
        };
        assert_eq!(Event::Syn(syn).to_string(), "seq 0, MSS 1460, window scale 7, SACK permitted");
        let again = Event::Retransmission { kind: Resend::Data, len: 1448, after: Some(Duration::from_millis(204)) };
        assert_eq!(again.to_string(), "1,448 bytes again after 204 ms");
        let unseen = Event::Retransmission { kind: Resend::Data, len: 7, after: None };
        assert_eq!(unseen.to_string(), "7 bytes again, first copy not captured");
        assert_eq!(
            Event::Gap { len: 1_234_567, cause: GapCause::Acknowledged }.to_string(),
            "1,234,567 bytes not captured"
        );
        let forged = Event::Rst { fit: ResetFit::OutOfWindow, ttl: 61, after: Some(Duration::from_micros(850)) };
        assert_eq!(
            forged.to_string(),
            "TTL 61, 0.85 ms after the other side's last segment, outside the window: not a close"
        );
    }

    #[test]
    fn an_event_stays_small() {
        assert!(size_of::<Event>() <= 24, "{}", size_of::<Event>());
    }
}
