//! TLS, as far as an observer can read it: records, the handshake, alerts, certificates; and what encrypted records must be.
//!
//! The byte streams of one connection come in as chunks, in order, perhaps from the middle, perhaps with gaps. Events and
//! application data go out to a [`Sink`]; [`Facts`] are kept. With a key log, encrypted records are read as well. Nothing here verifies a signature, asks a clock, or fails: odd
//! bytes become events.
//!
//! ```text
//! Chunk ─▶ record ─▶ handshake ─▶ hello, message, certificate ─▶ Event, Facts
//!             └────▶ infer (TLS 1.3 without keys)  ────────────▶ Event, application data
//! ```

pub mod alert;
pub mod certificate;
pub mod codes;
pub mod decrypt;
pub mod event;
pub mod facts;
pub mod fingerprint;
mod foreign;
mod handshake;
pub mod hello;
mod history;
mod infer;
mod interned;
pub mod keylog;
mod known;
pub mod message;
mod offer;
mod record;
mod session;
pub mod suite;
#[cfg(test)]
mod tests;

pub use alert::{Alert, AlertDescription, AlertLevel};
pub use certificate::{Certificate, CertificateStore};
pub use codes::{ContentType, HandshakeType, NamedGroup, SignatureScheme, Version};
pub use event::{Event, Unread};
pub use facts::{AlertSeen, ClientCertificate, Facts, Mark, Records, Resumed};
pub use foreign::Foreign;
pub use hello::{ClientHello, ServerHello};
pub use history::History;
pub use infer::{Inference, Reading};
pub use known::Known;
pub use message::{CertificateRequest, Chain, ServerKeyExchange};
pub use offer::Offer;
pub use record::PartialRecord;
pub use suite::CipherSuite;

use crate::bytes;
use crate::evidence::{Basis, Seen};
use crate::net::Side;
use crate::pack::packed;
use crate::stream::{Chunk, Moment};
use keylog::KeyLog;
use record::RecordReader;
use session::Session;

/// Takes what a [`Tracker`] finds.
pub trait Sink {
    /// A message was seen, or inferred; inferred ones may come later than their moments say.
    fn event(&mut self, seen: Seen, event: Event);
    /// Application data of one record, in the order of its side.
    fn application_data(&mut self, side: Side, at: Moment, data: ApplicationData<'_>);
}

/// What there is of one piece of application data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationData<'a> {
    /// Readable bytes.
    Plaintext(&'a [u8]),
    /// One encrypted record: only its length is known.
    Sealed(PlaintextLen),
    /// Records may be missing here.
    Gap,
}

/// How many bytes of plaintext an encrypted record holds: exactly so many with AEAD suites, else a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaintextLen {
    /// At least so many bytes.
    pub min: u32,
    /// At most so many bytes.
    pub max: u32,
}

packed! { struct PlaintextLen { min, max } }

/// What connections share while they are tracked.
#[derive(Debug)]
pub struct Context<'a> {
    /// What was seen before.
    pub known: &'a mut Known,
    /// The secrets that somebody gave: those of a live connection may come after its first encrypted records.
    pub key_log: Option<&'a KeyLog>,
    /// Room for one decrypted record; what it holds between calls does not matter.
    pub plaintext: &'a mut Vec<u8>,
}

/// What one connection may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest handshake message that is put together, in bytes; longer ones are passed over.
    pub handshake_message: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { handshake_message: 256 * 1024 }
    }
}

/// Tracks TLS in one connection. Call [`handle_chunk`](Self::handle_chunk) with the chunks of both sides in the order of the
/// capture, [`handle_close`](Self::handle_close) when TCP says that a side has ended, [`finish`](Self::finish) at the end.
///
/// A capture that joins a connection in the middle begins each side with `Chunk::Gap(0)`.
#[derive(Debug)]
pub struct Tracker {
    readers: [RecordReader; 2],
    session: Session,
}

packed! { struct Tracker { readers, session } }

impl Tracker {
    /// A tracker for a new connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { readers: Default::default(), session: Session::new(limits.handshake_message) }
    }

    /// The next piece of one side's stream.
    pub fn handle_chunk(
        &mut self,
        side: Side,
        at: Moment,
        chunk: Chunk<'_>,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) {
        let (reader, session) = (reader(&mut self.readers, side), &mut self.session);
        session.look_for_secrets(context.key_log);
        match chunk {
            Chunk::Data(mut data) => {
                while let Some(piece) = reader.next(&mut data, at, |header| session.wants_body(side, header)) {
                    session.handle_piece(side, at, &piece, context, sink);
                }
            }
            Chunk::Gap(missing) => {
                let cut = reader.gap(missing, at);
                if let Some(record) = cut {
                    session.handle_record(side, &record, context, sink);
                }
                if reader.is_lost() {
                    session.handle_gap(side, sink);
                    sink.application_data(side, at, ApplicationData::Gap);
                }
            }
        }
        session.facts.partial[side] = reader.partial();
    }

    /// TCP says that a side has ended: what its last records were can be told now.
    pub fn handle_close(&mut self, side: Side, at: Moment, sink: &mut impl Sink) {
        self.finish_reader(side, at, sink);
        self.session.handle_close(side, at, sink);
    }

    /// The capture has ended, or the connection is given up. Nothing more will come.
    pub fn finish(&mut self, at: Moment, sink: &mut impl Sink) {
        for side in Side::BOTH {
            self.finish_reader(side, at, sink);
        }
        self.session.finish(sink);
    }

    /// What is known so far.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.session.facts
    }

    /// What is known at the end.
    #[must_use]
    pub fn into_facts(self) -> Facts {
        self.session.facts
    }

    fn finish_reader(&mut self, side: Side, at: Moment, sink: &mut impl Sink) {
        if let Some((what, began)) = reader(&mut self.readers, side).finish() {
            self.session.not_tls(Seen { began, ended: at, by: side, basis: Basis::Observed }, what, sink);
        }
    }
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

fn reader(readers: &mut [RecordReader; 2], side: Side) -> &mut RecordReader {
    let [client, server] = readers;
    match side {
        Side::Client => client,
        Side::Server => server,
    }
}
