//! The handshake of TLS 1.3 behind the ServerHello: the server's flight, the client's flight, the tickets.
//!
//! Records are held until their flight is complete, which is known when the other side answers; then all of them are
//! judged at once, each with the moments at which it was seen.

use super::{ALERT_LEN, Judged, Reading, Sealed};
use crate::evidence::Confidence::{self, Likely, Possible};
use crate::net::{PerSide, Side};
use crate::pack::packed;
use smallvec::{SmallVec, smallvec};

/// The most records of a flight that are held.
const MAX_HELD: usize = 16;
/// The header of a handshake message.
const HEADER: u32 = 4;
/// A Certificate without a certificate: context, and an empty list (RFC 8446, 4.4.2).
const NO_CERTIFICATE: u32 = HEADER + 4;
/// A Certificate with one is longer than this: even an Ed25519 certificate with short names is.
const SMALLEST_CERTIFICATE: u32 = 200;
/// The smallest EncryptedExtensions: an empty list.
const SMALLEST_EXTENSIONS: u32 = HEADER + 2;
/// The smallest NewSessionTicket: no nonce, a ticket of one byte (RFC 8446, 4.6.1).
const SMALLEST_TICKET: u32 = HEADER + 14;
/// Real tickets are longer; a CONNACK is mostly shorter.
const USUAL_TICKET: u32 = 50;
/// A CONNACK of 5.0 that assigns a client id and tells all its limits is hardly longer.
const LONGEST_CONNACK: u32 = 128;
/// The tickets of one handshake hold the same state: their lengths differ by less.
const TICKETS_DIFFER: u32 = 64;
/// The stack of Java pads every record of TLS 1.3 by so much (JDK 17, `SSLCipher`); others do not pad at all.
const JSSE_PADDING: u32 = 16;

type Labels = SmallVec<[(Reading, Confidence); 5]>;

/// The handshake of one connection. Its records go in in the order of the capture.
#[derive(Clone, Debug)]
pub(in super::super) struct Flights {
    /// The length of the hash, where the cipher suite is known.
    hash_len: Option<u32>,
    /// Whether the ServerHello accepted a pre-shared key: no certificates then.
    resumed: bool,
    stages: PerSide<Stage>,
    held: [Vec<Sealed>; 2],
    /// Whether the client's application data has begun.
    client_spoke: bool,
    /// Whether the client has sent early data.
    spoke_early: bool,
    /// The last ticket's length: they often come in pairs.
    ticket: Option<u32>,
    /// The server's first record behind CONNECT, where it can be a ticket as well as CONNACK: whoever speaks next tells.
    doubtful: Option<Sealed>,
    /// Whether the server's flight shows that it asked for a certificate.
    requested: Option<bool>,
    /// By how much each side pads its records, as far as its flight shows.
    padding: PerSide<u32>,
}

packed! { struct Flights { hash_len, resumed, stages, held, client_spoke, spoke_early, ticket, doubtful, requested, padding } }

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Data before the handshake is accepted and has not ended (client only).
    Early,
    /// The flight is coming.
    #[default]
    Flight,
    /// The flight is over. Server: tickets or alerts may still come before its first application data.
    After,
    /// Only application data is left.
    Settled,
}

packed! { enum Stage { Early, Flight, After, Settled } }

impl Flights {
    /// A handshake whose ServerHello was just seen; `early`: the client offered data before it.
    pub(in super::super) fn new(hash_len: Option<u32>, resumed: bool, early: bool) -> Self {
        let client = if resumed && early { Stage::Early } else { Stage::Flight };
        Self {
            hash_len,
            resumed,
            stages: PerSide { client, server: Stage::Flight },
            held: [Vec::new(), Vec::new()],
            client_spoke: false,
            spoke_early: false,
            ticket: None,
            doubtful: None,
            requested: None,
            padding: PerSide::default(),
        }
    }

    /// The client has sent early data: the server may answer it right behind its flight.
    pub(in super::super) const fn note_early_data(&mut self) {
        self.spoke_early = true;
    }

    /// Whether nothing is left to judge: all further records are application data.
    pub(in super::super) fn is_settled(&self) -> bool {
        self.stages.client == Stage::Settled && self.stages.server == Stage::Settled
    }

    /// Whether the server's flight shows that it asked for the client's certificate.
    pub(in super::super) const fn certificate_requested(&self) -> Option<bool> {
        self.requested
    }

    /// By how much each side pads all its records, in bytes.
    pub(in super::super) const fn padding(&self) -> PerSide<u32> {
        self.padding
    }

    /// The next record.
    pub(in super::super) fn record(&mut self, record: Sealed, out: &mut Vec<Judged>) {
        let record = record.without_padding(self.padding[record.by]);
        match record.by {
            Side::Server => self.server_record(record, out),
            Side::Client => self.client_record(record, out),
        }
    }

    /// A side sent an alert in clear, or closed: what is held will not become more.
    pub(in super::super) fn end(&mut self, by: Side, out: &mut Vec<Judged>) {
        self.settle_server(false, out);
        self.settle_doubt(false, out);
        match by {
            Side::Client => self.settle_client(true, None, out),
            // A server that refuses ends the client's flight as well.
            Side::Server => self.settle_client(true, Some(ALERT_LEN), out),
        }
    }

    fn server_record(&mut self, record: Sealed, out: &mut Vec<Judged>) {
        match self.stages.server {
            Stage::Early | Stage::Flight if record.content == ALERT_LEN => {
                self.settle_server(false, out);
                out.push(Judged::Read(record, Reading::Alert, Likely));
            }
            Stage::Early | Stage::Flight => {
                self.held[1].push(record);
                if self.held[1].len() >= MAX_HELD {
                    self.settle_server(false, out);
                }
            }
            Stage::After => {
                self.settle_client(true, Some(record.content), out);
                self.after_the_flights(record, out);
            }
            Stage::Settled => out.push(Judged::Application(record)),
        }
    }

    /// A server's record behind its flight and before its first application data: a ticket, an alert, or the CONNACK.
    fn after_the_flights(&mut self, record: Sealed, out: &mut Vec<Judged>) {
        self.settle_doubt(false, out);
        let is_other = |ticket: u32| ticket.abs_diff(record.content) > TICKETS_DIFFER;
        let reading = match record.content {
            ALERT_LEN => (Reading::Alert, Likely),
            length if self.ticket == Some(length) && length >= USUAL_TICKET => (Reading::NewSessionTicket, Likely),
            SMALLEST_TICKET.. if self.spoke_early && !self.client_spoke => (Reading::NewSessionTicket, Possible),
            // A broker never speaks first.
            SMALLEST_TICKET.. if !self.client_spoke => (Reading::NewSessionTicket, Likely),
            _ if !self.client_spoke && !self.spoke_early => (Reading::Handshake, Possible),
            USUAL_TICKET..=LONGEST_CONNACK if self.client_spoke && self.ticket.is_none() => {
                self.doubtful = Some(record);
                return;
            }
            USUAL_TICKET.. if !(self.client_spoke && self.ticket.is_some_and(is_other)) => {
                (Reading::NewSessionTicket, Possible)
            }
            _ => return self.first_word(record, out),
        };
        if reading.0 == Reading::NewSessionTicket {
            self.ticket = Some(record.content);
        }
        out.push(Judged::Read(record, reading.0, reading.1));
    }

    /// The server's first application data.
    fn first_word(&mut self, record: Sealed, out: &mut Vec<Judged>) {
        self.stages.server = Stage::Settled;
        out.push(Judged::Application(record));
    }

    /// Judges the record that may be CONNACK: a client waits for CONNACK and then goes on; behind a ticket the server does.
    fn settle_doubt(&mut self, client_goes_on: bool, out: &mut Vec<Judged>) {
        let Some(record) = self.doubtful.take() else { return };
        if client_goes_on {
            return self.first_word(record, out);
        }
        self.ticket = Some(record.content);
        out.push(Judged::Read(record, Reading::NewSessionTicket, Possible));
    }

    fn client_record(&mut self, record: Sealed, out: &mut Vec<Judged>) {
        match self.stages.client {
            Stage::Early if record.content == HEADER => {
                self.stages.client = Stage::Flight;
                out.push(Judged::Read(record, Reading::EndOfEarlyData, Likely));
            }
            Stage::Early if !self.is_finished(record.content) => {
                self.note_early_data();
                out.push(Judged::Application(record));
            }
            // Behind the ServerHello no side has said anything else of two bytes yet.
            Stage::Early | Stage::Flight if record.content == ALERT_LEN => {
                self.settle_server(false, out);
                self.settle_client(true, Some(ALERT_LEN), out);
                out.push(Judged::Read(record, Reading::Alert, Likely));
            }
            // No message of a client is so long before its Finished: an alert that is padded.
            Stage::Flight if record.content == ALERT_LEN + JSSE_PADDING && self.held[0].is_empty() => {
                self.padding.client = JSSE_PADDING;
                self.client_record(record.without_padding(JSSE_PADDING), out);
            }
            Stage::Early | Stage::Flight => {
                self.settle_server(true, out);
                self.held[0].push(record);
                self.look_for_padding(Side::Client);
                self.settle_client(false, None, out);
            }
            // The client closes without a CONNECT.
            Stage::After if record.content == ALERT_LEN && !self.client_spoke => {
                out.push(Judged::Read(record, Reading::Alert, Likely));
            }
            Stage::After | Stage::Settled => {
                self.settle_doubt(true, out);
                self.client_spoke = true;
                self.stages.client = Stage::Settled;
                out.push(Judged::Application(record));
            }
        }
    }

    /// Judges the server's flight; `answered`: the client went on with its own.
    fn settle_server(&mut self, answered: bool, out: &mut Vec<Judged>) {
        if !matches!(self.stages.server, Stage::Early | Stage::Flight) {
            return;
        }
        self.stages.server = Stage::After;
        self.look_for_padding(Side::Server);
        let held = std::mem::take(&mut self.held[1]);
        let labels = self.server_labels(&held, answered);
        let mut labels = labels.into_iter();
        for record in held {
            match labels.next() {
                Some((reading, confidence)) => out.push(Judged::Read(record, reading, confidence)),
                None => self.after_the_flights(record, out),
            }
        }
    }

    fn server_labels(&mut self, held: &[Sealed], answered: bool) -> Labels {
        let is_finished = |record: &Sealed| self.is_finished(record.content);
        let end = match held {
            [] => return Labels::new(),
            [.., last] if held.len() > 1 && is_finished(last) => held.len() - 1,
            _ => match held.iter().skip(1).position(is_finished) {
                Some(position) if !answered => position + 1,
                _ => {
                    // No record of that length: the messages share records.
                    let mut labels: Labels = held.iter().map(|_| (Reading::Handshake, Likely)).collect();
                    if let Some(last) = labels.last_mut().filter(|_| answered) {
                        *last = (Reading::FlightEnd, Likely);
                    }
                    return labels;
                }
            },
        };
        let flight = held.get(..=end).unwrap_or(held);
        match flight {
            [extensions, _] if self.resumed && extensions.content >= SMALLEST_EXTENSIONS => {
                self.requested = Some(false);
                smallvec![(Reading::EncryptedExtensions, Likely), (Reading::Finished, Likely)]
            }
            [_, certificate, verify, _] if is_certificate(certificate) && is_verify(verify) => {
                self.requested = Some(false);
                smallvec![
                    (Reading::EncryptedExtensions, Likely),
                    (Reading::Certificate, Likely),
                    (Reading::CertificateVerify, Likely),
                    (Reading::Finished, Likely),
                ]
            }
            [_, request, certificate, verify, _]
                if is_certificate(certificate) && is_verify(verify) && request.content < 1 << 14 =>
            {
                self.requested = Some(true);
                smallvec![
                    (Reading::EncryptedExtensions, Likely),
                    (Reading::CertificateRequest, Likely),
                    (Reading::Certificate, Likely),
                    (Reading::CertificateVerify, Likely),
                    (Reading::Finished, Likely),
                ]
            }
            _ => {
                let confidence = if answered { Likely } else { Possible };
                let parts = flight.iter().skip(1).map(|_| (Reading::Handshake, confidence));
                parts.chain([(Reading::Finished, confidence)]).collect()
            }
        }
    }

    /// Judges the client's flight as soon as its records can have one meaning only; at the latest when it is `over`.
    /// `answer`: the length of what the server said to it.
    fn settle_client(&mut self, over: bool, answer: Option<u32>, out: &mut Vec<Judged>) {
        if !matches!(self.stages.client, Stage::Early | Stage::Flight) || self.held[0].is_empty() {
            return;
        }
        let Some(labels) = self.client_labels(&self.held[0], over, answer) else { return };
        self.stages.client = Stage::After;
        let mut labels = labels.into_iter();
        for record in std::mem::take(&mut self.held[0]) {
            match labels.next() {
                Some((reading, confidence)) => out.push(Judged::Read(record, reading, confidence)),
                None => self.client_record(record, out),
            }
        }
    }

    fn client_labels(&self, held: &[Sealed], over: bool, answer: Option<u32>) -> Option<Labels> {
        let content = |index: usize| held.get(index).map(|record| record.content);
        let first = content(0)?;
        let has_certificate = if first >= SMALLEST_CERTIFICATE { Likely } else { Possible };
        Some(match (content(1), content(2)) {
            _ if self.is_finished(first) => smallvec![(Reading::Finished, Likely)],
            _ if first.checked_sub(NO_CERTIFICATE).is_some_and(|rest| self.is_finished(rest)) => {
                smallvec![(Reading::NoCertificateAndFinished, Likely)]
            }
            (Some(second), _) if first == NO_CERTIFICATE && self.is_finished(second) => {
                smallvec![(Reading::NoCertificate, Likely), (Reading::Finished, Likely)]
            }
            (None, _) if !over => return None,
            _ if first == NO_CERTIFICATE => smallvec![(Reading::NoCertificate, Likely)],
            // Certificate and CertificateVerify in one record, or all in one and a CONNECT of that length.
            (Some(second), _) if self.is_finished(second) => {
                smallvec![(Reading::Certificate, has_certificate), (Reading::Finished, Possible)]
            }
            (Some(second), Some(third)) if is_verify_len(second) && self.is_finished(third) => smallvec![
                (Reading::Certificate, has_certificate),
                (Reading::CertificateVerify, has_certificate),
                (Reading::Finished, Likely),
            ],
            (Some(second), None) if is_verify_len(second) && !over => return None,
            (Some(second), None) if is_verify_len(second) && answer.is_none() => {
                smallvec![(Reading::Certificate, has_certificate), (Reading::CertificateVerify, Possible)]
            }
            _ if first < SMALLEST_CERTIFICATE => smallvec![(Reading::Handshake, Possible)],
            // All in one record, if something followed it: more of the client, or an answer that is no refusal.
            (Some(_), _) => smallvec![(Reading::FlightEnd, Likely)],
            (None, _) if answer.is_some_and(|answer| answer != ALERT_LEN) => smallvec![(Reading::FlightEnd, Likely)],
            (None, _) => smallvec![(Reading::FlightEnd, Possible)],
        })
    }

    /// Takes the padding off a flight whose lengths make sense only without it.
    fn look_for_padding(&mut self, side: Side) {
        let held = match side {
            Side::Client => &self.held[0],
            Side::Server => &self.held[1],
        };
        if self.padding[side] != 0 || !self.is_padded(side, held) {
            return;
        }
        self.padding[side] = JSSE_PADDING;
        for record in self.held.iter_mut().flatten().filter(|record| record.by == side) {
            *record = record.without_padding(JSSE_PADDING);
        }
    }

    fn is_padded(&self, side: Side, held: &[Sealed]) -> bool {
        let Some((first, others)) = held.split_first() else { return false };
        let makes_sense = |padding: u32| {
            let ends_flight = |content| self.is_finished(content) || is_verify_len(content);
            let alone = |content| content == NO_CERTIFICATE || (self.hash_len.is_some() && self.is_finished(content));
            let fits =
                |record: &Sealed, fits: &dyn Fn(u32) -> bool| record.content.checked_sub(padding).is_some_and(fits);
            others.iter().any(|record| fits(record, &ends_flight)) || (side == Side::Client && fits(first, &alone))
        };
        !makes_sense(0) && makes_sense(JSSE_PADDING)
    }

    fn is_finished(&self, content: u32) -> bool {
        match self.hash_len {
            Some(hash_len) => content == HEADER + hash_len,
            None => content == HEADER + 32 || content == HEADER + 48,
        }
    }
}

fn is_certificate(record: &Sealed) -> bool {
    record.content >= SMALLEST_CERTIFICATE
}

fn is_verify(record: &Sealed) -> bool {
    is_verify_len(record.content)
}

/// Whether a CertificateVerify is so long: a header, scheme and length, and a signature by a usual key.
fn is_verify_len(content: u32) -> bool {
    matches!(
        content.saturating_sub(HEADER + 4),
        // Ed25519 and Ed448; ECDSA in DER over P-256, P-384, P-521; RSA of 1,024 to 8,192 bits.
        64 | 114 | 66..=72 | 98..=104 | 135..=139 | 128 | 256 | 384 | 512 | 1024
    )
}
