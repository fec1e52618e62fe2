//! What both endpoints have in common: the pipe to their TCP, and the places where a scenario makes them misbehave.
//!
//! In: bytes and the state of TCP, in a [`Pipe`]. Out: bytes, and how the connection is to end. Peers know no packets.

use super::scenario::{Deed, Ending, Fault, Point};
use super::tls::Channel;
use std::time::Duration;

/// What an endpoint shares with its TCP.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// The handshake of TCP is done.
    pub(super) connected: bool,
    /// Arrived and not yet taken.
    pub(super) received: Vec<u8>,
    /// The peer's FIN was received.
    pub(super) peer_closed: bool,
    /// TCP is gone, by a reset or because it gave up.
    pub(super) gone: bool,
    /// To be sent.
    pub(super) out: Vec<u8>,
    /// How TCP is to end once all is sent.
    pub(super) end: Option<TcpEnd>,
}

/// How an endpoint's TCP ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TcpEnd {
    /// FIN.
    Fin,
    /// RST.
    Reset,
    /// Nothing is sent, and the whole host answers no more.
    Vanish,
}

/// One end of a conversation.
pub(super) trait Peer {
    /// Goes as far as it can at this moment.
    fn advance(&mut self, now: Duration, pipe: &mut Pipe);

    /// When it wants to go on, even if nothing arrives.
    fn wake_at(&self) -> Option<Duration>;

    /// Whether it has ended its part.
    fn is_done(&self) -> bool;
}

/// Whether a peer may go past a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Nothing is to happen here.
    Go,
    /// Not yet.
    Held,
    /// A fault took over.
    Taken,
}

/// The channel of a peer, and its faults.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) channel: Channel,
    faults: Vec<Fault>,
    held_until: Option<(Point, Duration)>,
    /// Ready, but held back by a fault.
    withheld: Vec<u8>,
    /// How many more bytes may be sent, where a fault cuts a flight off.
    allowance: Option<usize>,
    /// It reads and says nothing any more.
    mute: bool,
    done: bool,
}

impl Core {
    /// `connection` is the number of the connection among the endpoint's, from 1.
    pub(super) fn new(channel: Channel, faults: &[Fault], connection: u32) -> Self {
        let mine = |fault: &&Fault| fault.connection.is_none_or(|number| number == connection);
        Self {
            channel,
            faults: faults.iter().filter(mine).cloned().collect(),
            held_until: None,
            withheld: Vec::new(),
            allowance: None,
            mute: false,
            done: false,
        }
    }

    /// Whether nothing is left to do but to swallow what arrives.
    pub(super) fn is_over(&mut self, pipe: &mut Pipe) -> bool {
        if pipe.gone {
            self.done = true;
        }
        if self.mute && pipe.peer_closed && !self.done {
            self.finish(pipe, TcpEnd::Fin);
        }
        if self.done || self.mute {
            pipe.received.clear();
        }
        self.done || self.mute
    }

    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    /// Whether time alone changes nothing any more.
    pub(super) const fn is_idle(&self) -> bool {
        self.done || self.mute
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.held_until.map(|(_, until)| until)
    }

    pub(super) fn fall_silent(&mut self) {
        self.mute = true;
    }

    /// Comes to a point where a fault may be.
    pub(super) fn reach(&mut self, point: Point, now: Duration, pipe: &mut Pipe) -> Gate {
        let Some(at) = self.faults.iter().position(|fault| fault.at == point) else { return Gate::Go };
        let wait = self.faults[at].wait_ms.0;
        let until = match self.held_until {
            Some((held, until)) if held == point => until,
            _ => now + wait,
        };
        if now < until {
            self.held_until = Some((point, until));
            return Gate::Held;
        }
        self.held_until = None;
        let fault = self.faults.remove(at);
        self.misbehave(&fault.deed, pipe)
    }

    fn misbehave(&mut self, deed: &Deed, pipe: &mut Pipe) -> Gate {
        match deed {
            Deed::GoOn => return Gate::Go,
            Deed::Part(bytes) => {
                self.allowance = Some(*bytes);
                return Gate::Go;
            }
            Deed::Silence => self.fall_silent(),
            Deed::Fin => self.finish(pipe, TcpEnd::Fin),
            Deed::Reset => self.finish(pipe, TcpEnd::Reset),
            Deed::CloseNotify => self.end(pipe, Ending::CloseNotify),
            Deed::Alert(alert) => {
                // alert(21), version 3.3, length 2, fatal(2) (RFC 5246, 6.2.1 and 7.2).
                pipe.out.extend_from_slice(&[21, 3, 3, 0, 2, 2, *alert as u8]);
                self.finish(pipe, TcpEnd::Fin);
            }
            Deed::Say(text) => {
                pipe.out.extend_from_slice(text.as_bytes());
                self.finish(pipe, TcpEnd::Fin);
            }
        }
        self.withheld.clear();
        Gate::Taken
    }

    /// Collects what TLS wants to send; true if there is any.
    pub(super) fn has_output(&mut self) -> bool {
        let output = self.channel.output();
        self.withheld.extend(output);
        !self.withheld.is_empty()
    }

    /// Lets go of what was collected.
    pub(super) fn send(&mut self, pipe: &mut Pipe) {
        self.has_output();
        let mut output = std::mem::take(&mut self.withheld);
        if let Some(allowance) = &mut self.allowance {
            output.truncate(*allowance);
            *allowance -= output.len();
            self.mute = *allowance == 0;
        }
        pipe.out.extend(output);
    }

    /// Ends the connection in one of the usual ways.
    pub(super) fn end(&mut self, pipe: &mut Pipe, ending: Ending) {
        if ending == Ending::CloseNotify {
            self.channel.say_goodbye();
        }
        self.send(pipe);
        self.finish(pipe, if ending == Ending::Reset { TcpEnd::Reset } else { TcpEnd::Fin });
    }

    /// Ends TCP; what was collected and not sent is lost.
    pub(super) fn finish(&mut self, pipe: &mut Pipe, end: TcpEnd) {
        self.done = true;
        pipe.end = Some(end);
    }
}
