//! What is known of a connection: for reports and rules. Nothing here is a judgment.
//!
//! A value that the capture cannot tell is `None`. Offsets count from the SYN: 1 is the first byte of data.

use super::event::{ResetFit, SynOptions};
use super::history::{Completeness, History};
use super::pause::Pause;
use super::rtt::RoundTrip;
use super::state::State;
use crate::net::{PerSide, Side};
use crate::pack::packed;
use crate::segment::SeqNumber;
use crate::stream::Moment;
use std::time::Duration;

/// A connection, as far as it was seen.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Of the client.
    pub client: SideFacts,
    /// Of the server.
    pub server: SideFacts,
    /// The handshake's two halves.
    pub handshake: Handshake,
    /// When the handshake's last acknowledgment was seen.
    pub established: Option<Moment>,
    /// Where the capture was taken.
    pub vantage: Vantage,
    /// Whether the first frame was no SYN: the start was not captured.
    pub midstream: bool,
    /// The only side of which anything was seen, although the other one must have answered it.
    pub one_sided: Option<Side>,
    /// Whose reset was the first that counts.
    pub reset_by: Option<Side>,
    /// The last data of each side before the first FIN, or the first reset that counts.
    pub before_close: PerSide<Option<Moment>>,
    /// The last time that nothing was sent for long.
    pub pause: Option<Pause>,
    /// Whether the snaplen cut payload off.
    pub truncated: bool,
    /// Frames that the capture holds twice; they count as one in everything else.
    pub duplicate_frames: u64,
    /// Zeek's letters.
    pub history: History,
    /// Wireshark's bits.
    pub completeness: Completeness,
}

impl Facts {
    /// The facts of one side.
    #[must_use]
    pub const fn side(&self, side: Side) -> &SideFacts {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

/// What one side sent, and what became of it.
#[derive(Clone, Debug, Default)]
pub struct SideFacts {
    /// Its state.
    pub state: State,
    /// Frames, without duplicates.
    pub frames: u64,
    /// Payload bytes on the wire, retransmissions included.
    pub payload_bytes: u64,
    /// Segments with payload, retransmissions included.
    pub data_segments: u64,
    /// Its initial sequence number.
    pub isn: Option<SeqNumber>,
    /// What its SYN offered.
    pub syn: Option<SynOptions>,
    /// Its SYNs (of the server: SYN-ACKs).
    pub syns: Sendings,
    /// Whether its SYN was acknowledged.
    pub syn_acked: bool,
    /// IPv4 time to live or IPv6 hop limit of its frames, without resets (which may be forged).
    pub ttl: Option<Ttl>,
    /// What it sent again.
    pub retransmissions: Resends,
    /// Acknowledgments that it sent again.
    pub duplicate_acks: u64,
    /// Segments that came after later ones.
    pub out_of_order: u64,
    /// Segments with bytes (or a SYN, or a FIN) missing before them: not captured, or late.
    pub previous_not_captured: u64,
    /// Acknowledgments of bytes that were never seen: of the other side, by this one.
    pub acked_unseen: u64,
    /// Its closed windows.
    pub zero_windows: ZeroWindows,
    /// Segments that filled the other side's window.
    pub window_full: u64,
    /// Window updates.
    pub window_updates: u64,
    /// Its keep-alives.
    pub keep_alives: KeepAlives,
    /// Bytes of it that the capture lacks: the other side acknowledged them.
    pub missed_bytes: u64,
    /// Bytes of it that never came although later ones did, and that nobody acknowledged; known when the tracker is finished.
    pub lost_bytes: u64,
    /// Bytes of it that were given up because of a limit; some may have come later.
    pub given_up_bytes: u64,
    /// Bytes of it that the snaplen cut off.
    pub cut_bytes: u64,
    /// When the first bytes of it that the capture lacks were acknowledged.
    pub first_gap: Option<Moment>,
    /// Bytes that came again with other values, of those that could be compared.
    pub inconsistent_overlaps: u64,
    /// Payload bytes after its FIN, which were ignored.
    pub bytes_after_fin: u64,
    /// Segments from beyond any window, which were ignored.
    pub strays: u64,
    /// Offset after the highest byte that it sent.
    pub highest_sent: u64,
    /// Offset up to which the other side acknowledged it.
    pub highest_acked: u64,
    /// Payload bytes of the largest segment that was acknowledged.
    pub largest_acked: u32,
    /// Payload bytes of the largest segment that was sent again and is still not acknowledged.
    pub largest_unacked_resent: u32,
    /// What it sent and the other side has not acknowledged.
    pub in_flight: Option<InFlight>,
    /// Bytes of it that never came although later ones did.
    pub hole: Option<Hole>,
    /// Its first frame.
    pub first_frame: Option<Moment>,
    /// Its last frame.
    pub last_frame: Option<Moment>,
    /// Its last frame with payload (other than keep-alives).
    pub last_data: Option<Moment>,
    /// Its last acknowledgment without payload.
    pub last_ack: Option<Moment>,
    /// Its FIN.
    pub fin: Option<Fin>,
    /// Its first reset that counts; if none does, its first one.
    pub reset: Option<Reset>,
    /// Its resets, all of them.
    pub resets: u64,
    /// Round trips of what it sent: from the capture to the other side and back.
    pub round_trip: Option<RoundTrip>,
}

packed! {
    struct SideFacts {
        state, frames, payload_bytes, data_segments, isn, syn, syns, syn_acked, ttl, retransmissions, duplicate_acks,
        out_of_order, previous_not_captured, acked_unseen, zero_windows, window_full, window_updates, keep_alives,
        missed_bytes, lost_bytes, given_up_bytes, cut_bytes, first_gap, inconsistent_overlaps, bytes_after_fin, strays,
        highest_sent, highest_acked, largest_acked, largest_unacked_resent, in_flight, hole, first_frame, last_frame,
        last_data, last_ack, fin, reset, resets, round_trip,
    }
}

impl SideFacts {
    /// Payload bytes that this side sent, each counted once, as the sequence numbers tell.
    #[must_use]
    pub fn stream_bytes(&self) -> u64 {
        let sent = self.highest_sent.max(self.highest_acked);
        self.fin.map_or(sent, |fin| fin.seq.min(sent)).saturating_sub(1)
    }
}

/// Something that was sent once or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sendings {
    /// How often.
    pub count: u32,
    /// The first time.
    pub first: Option<Moment>,
    /// The last time.
    pub last: Option<Moment>,
}

packed! { struct Sendings { count, first, last } }

impl Sendings {
    pub(super) fn add(&mut self, now: Moment) {
        self.count = self.count.saturating_add(1);
        self.first = self.first.or(Some(now));
        self.last = Some(now);
    }
}

/// IPv4 time to live, or IPv6 hop limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    /// Of the first frame.
    pub first: u8,
    /// Of the last frame.
    pub last: u8,
    /// The lowest.
    pub min: u8,
}

packed! { struct Ttl { first, last, min } }

/// Retransmissions by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resends {
    /// SYNs and SYN-ACKs.
    pub syn: u64,
    /// Bytes after a timeout.
    pub data: u64,
    /// Bytes after duplicate acknowledgments.
    pub fast: u64,
    /// Bytes that were acknowledged already.
    pub spurious: u64,
    /// FINs without bytes.
    pub fin: u64,
}

packed! { struct Resends { syn, data, fast, spurious, fin } }

impl Resends {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.syn + self.data + self.fast + self.spurious + self.fin
    }
}

/// The times at which a side could take no more data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZeroWindows {
    /// How often the window closed.
    pub episodes: u64,
    /// Segments that said so.
    pub segments: u64,
    /// How long it was closed at most, of the times that are over.
    pub longest: Duration,
    /// Since when it is closed.
    pub since: Option<Moment>,
    /// Probes that it got meanwhile.
    pub probes: u64,
}

packed! { struct ZeroWindows { episodes, segments, longest, since, probes } }

/// Keep-alives (RFC 9293, 3.8.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepAlives {
    /// How many.
    pub count: u64,
    /// How many of the last ones in a row have no answer.
    pub unanswered: u32,
    /// The last one.
    pub last: Option<Moment>,
}

packed! { struct KeepAlives { count, unanswered, last } }

/// Sent, not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// When the first byte of it was first sent.
    pub first_sent: Moment,
    /// When that byte was last sent.
    pub last_sent: Moment,
    /// How often that byte was sent again.
    pub resent: u32,
    /// Payload bytes of the segment that first carried that byte.
    pub first_len: u32,
    /// How much it is, in sequence numbers (a SYN and a FIN count 1).
    pub bytes: u64,
}

packed! { struct InFlight { first_sent, last_sent, resent, first_len, bytes } }

/// Bytes that were not seen although later ones were, or are known by the receiver to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Offset of its first byte.
    pub start: u64,
    /// Its length, in bytes.
    pub len: u64,
    /// Since when it is known.
    pub since: Moment,
    /// Whether the receiver asks for it (by a selective acknowledgment).
    pub reported: bool,
}

packed! { struct Hole { start, len, since, reported } }

/// A FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fin {
    /// When it was first sent.
    pub at: Moment,
    /// Its offset: bytes before it, and the SYN.
    pub seq: u64,
    /// Offset up to which it acknowledges the other side.
    pub acks: u64,
    /// Whether it acknowledges the other side's FIN.
    pub answers: bool,
    /// Whether it was acknowledged.
    pub acked: bool,
}

packed! { struct Fin { at, seq, acks, answers, acked } }

/// A reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// When.
    pub at: Moment,
    /// Its sequence number.
    pub seq: SeqNumber,
    /// Its acknowledgment, where it has one.
    pub ack: Option<SeqNumber>,
    /// IPv4 time to live, or IPv6 hop limit.
    pub ttl: u8,
    /// The window field.
    pub window: u16,
    /// Whether the receiver takes it.
    pub fit: ResetFit,
    /// Since the last segment of the other side, which it may answer.
    pub since_peer: Option<Duration>,
    /// Since the oldest byte of the other side that was not acknowledged was first sent; none where there was none.
    pub since_unacked: Option<Duration>,
    /// Whether it acknowledges something that was not acknowledged before.
    pub acks_more: bool,
}

packed! { struct Reset { at, seq, ack, ttl, window, fit, since_peer, since_unacked, acks_more } }

impl Reset {
    /// Whether it ends the connection.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.fit != ResetFit::OutOfWindow
    }
}

/// The two halves of the handshake, as they passed the capture. A half is unknown where its first segment was sent more
/// than once: nobody can tell which one was answered (Karn).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// From SYN to SYN-ACK: from the capture to the server and back.
    pub to_server: Option<Duration>,
    /// From SYN-ACK to ACK: from the capture to the client and back.
    pub to_client: Option<Duration>,
}

packed! { struct Handshake { to_server, to_client } }

impl Handshake {
    /// The whole round trip.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        Some(self.to_server? + self.to_client?)
    }

    /// Where this was seen from. Beside a host its half takes no longer than its kernel needs (tens of microseconds), beside
    /// the round trip of the other half. A path shorter than [`Vantage::SHORTEST`] cannot be told from that.
    #[must_use]
    pub fn vantage(&self) -> Vantage {
        let (Some(to_server), Some(to_client)) = (self.to_server, self.to_client) else { return Vantage::Unknown };
        if to_server + to_client < Vantage::SHORTEST {
            Vantage::Unknown
        } else if to_client * Vantage::NEAR <= to_server {
            Vantage::Client
        } else if to_server * Vantage::NEAR <= to_client {
            Vantage::Server
        } else {
            Vantage::Between
        }
    }
}

/// Where the capture was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Vantage {
    /// Beside the client.
    Client,
    /// Beside the server.
    Server,
    /// On the way.
    Between,
    /// Cannot be told.
    #[default]
    Unknown,
}

impl Vantage {
    /// Round trips below this say nothing.
    pub const SHORTEST: Duration = Duration::from_micros(500);

    /// A host is near whose half is at most the other one divided by this.
    pub const NEAR: u32 = 4;

    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Between => "between",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for Vantage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vantage(to_server: u64, to_client: u64) -> Vantage {
        let micros = Duration::from_micros;
        Handshake { to_server: Some(micros(to_server)), to_client: Some(micros(to_client)) }.vantage()
    }

    #[test]
    fn the_vantage_is_beside_the_host_that_answers_at_once() {
        assert_eq!(vantage(20_000, 50), Vantage::Client);
        assert_eq!(vantage(80, 35_000), Vantage::Server);
        assert_eq!(vantage(20_000, 15_000), Vantage::Between);
        assert_eq!(vantage(60, 12), Vantage::Unknown, "loopback");
        assert_eq!(
            Handshake { to_server: Some(Duration::from_millis(20)), to_client: None }.vantage(),
            Vantage::Unknown
        );
    }
}
