//! Records whose content is encrypted, and no keys for them: which are application data, and what the others must be.

use super::{Session, Sink};
use crate::evidence::{Basis, Confidence, Seen};
use crate::net::Side;
use crate::tls::event::Event;
use crate::tls::facts::{AlertSeen, ClientCertificate, Mark};
use crate::tls::infer::{Flights, Inference, Judged, Reading, Sealed};
use crate::tls::record::Record;
use crate::tls::suite::Kind;
use crate::tls::{ApplicationData, PlaintextLen};

/// The most bytes by which a suite makes a record longer: explicit nonce, MAC and padding of CBC with SHA-384.
const MAX_EXPANSION: u32 = 16 + 48 + 256;
/// The fewest: the tag of a CCM_8 suite.
const MIN_EXPANSION: u32 = 8;
/// In TLS 1.3 a byte with the true type, and the tag.
const TLS13_EXPANSION: u32 = 1 + 16;

impl Session {
    /// A record of the outer type application_data.
    pub(super) fn application_record(&mut self, side: Side, record: &Record<'_>, sink: &mut impl Sink) {
        let length = u32::from(record.header.length);
        let (began, ended) = (record.began, record.ended);
        if self.flights.is_none() && self.is_tls13_without_server_hello(side) {
            self.flights = Some(Box::new(Flights::new(None, false, false)));
        }
        let (content, plaintext) = (self.content_len(length), self.plaintext_len(length));
        let sealed = Sealed { by: side, length, content, plaintext, began, ended };
        if let Some(old) = self.cuts.give_up_old(side, began) {
            self.sealed_record(old, sink);
        }
        if let Some(sealed) = self.cuts.join(sealed) {
            self.sealed_record(sealed, sink);
        }
    }

    /// Something else came: what was cut off before it does not go on.
    pub(super) fn settle_cut(&mut self, side: Side, sink: &mut impl Sink) {
        if let Some(sealed) = self.cuts.give_up(side) {
            self.sealed_record(sealed, sink);
        }
    }

    /// A record, or all records of one message.
    fn sealed_record(&mut self, sealed: Sealed, sink: &mut impl Sink) {
        // A Finished that was read leaves nothing to guess about.
        let is_past = self.facts.finished[sealed.by].is_some_and(|mark| mark.basis.is_observed());
        match self.flights.as_mut().filter(|_| !is_past) {
            Some(flights) => {
                let mut judged = Vec::new();
                flights.record(sealed, &mut judged);
                self.tell(judged, sink);
            }
            None => self.application_data(&sealed.without_padding(self.padding[sealed.by]), sink),
        }
    }

    /// A ServerHello of TLS 1.3 was seen: what follows is to be judged by its looks.
    pub(super) fn start_flights(&mut self) {
        // A capture may show the client's answer first; what is held is not dropped for that.
        if self.flights.is_some() {
            return;
        }
        let facts = &self.facts;
        let hash_len = self.suite.and_then(|suite| u32::try_from(suite.hash.len()).ok());
        let resumed = facts.server_hello.as_ref().is_some_and(|hello| hello.pre_shared_key);
        let early = facts.client_hello.as_ref().is_some_and(|hello| hello.offer.early_data);
        let mut flights = Flights::new(hash_len, resumed, early);
        if facts.first_application.client.is_some() {
            flights.note_early_data();
        }
        self.flights = Some(Box::new(flights));
    }

    /// The handshake will not go on, or one side will not: what is held is judged now.
    pub(super) fn settle_flights(&mut self, by: Side, sink: &mut impl Sink) {
        if let Some(flights) = self.flights.as_mut() {
            let mut judged = Vec::new();
            flights.end(by, &mut judged);
            self.tell(judged, sink);
        }
    }

    pub(super) fn inferred(&mut self, record: &Sealed, reading: Reading, confidence: Confidence, sink: &mut impl Sink) {
        let basis = Basis::Inferred(confidence);
        let seen = Seen { began: record.began, ended: record.ended, by: record.by, basis };
        // One of several readings is no entry in the list of alerts.
        if reading == Reading::Alert && confidence > Confidence::Possible {
            let alert = AlertSeen { by: record.by, at: record.ended, alert: None, encrypted: true, basis };
            self.facts.note_alert(alert);
        }
        self.emit(seen, Event::Inferred(Inference { reading, length: record.length, confidence }), sink);
    }

    /// The ServerHello is not in the capture, but no client of TLS 1.2 would go on without a ClientKeyExchange.
    fn is_tls13_without_server_hello(&self, side: Side) -> bool {
        let facts = &self.facts;
        let offered = facts.client_hello.as_ref().is_some_and(|hello| hello.offers_tls13() && !hello.offer.early_data);
        facts.server_hello.is_none() && offered && side == Side::Client && !self.client_key_exchange
    }

    fn tell(&mut self, judged: Vec<Judged>, sink: &mut impl Sink) {
        if let Some(flights) = &self.flights
            && self.facts.certificate_requested.is_none()
            && let Some(requested) = flights.certificate_requested()
        {
            self.facts.certificate_requested = Some((requested, Basis::Inferred(Confidence::Likely)));
        }
        for judgement in judged {
            match judgement {
                Judged::Read(record, reading, confidence) => {
                    self.note_reading(&record, reading, confidence);
                    self.inferred(&record, reading, confidence, sink);
                }
                Judged::Application(record) => self.application_data(&record, sink),
            }
        }
        if let Some(flights) = self.flights.take_if(|flights| flights.is_settled()) {
            self.padding = flights.padding();
        }
    }

    fn note_reading(&mut self, record: &Sealed, reading: Reading, confidence: Confidence) {
        let basis = Basis::Inferred(confidence);
        let mark = Mark { at: record.ended, basis };
        let facts = &mut self.facts;
        let client_finished = facts.finished.client.is_some();
        if record.by == Side::Server && client_finished && reading != Reading::Alert {
            facts.server_accepted.get_or_insert(mark);
        }
        if record.by == Side::Client {
            let certificate = match reading {
                Reading::Certificate | Reading::FlightEnd => Some(ClientCertificate::Sent),
                Reading::NoCertificate | Reading::NoCertificateAndFinished => Some(ClientCertificate::Missing),
                // Alone: nothing was asked for.
                Reading::Finished if facts.client_certificate.1.is_none() => Some(ClientCertificate::NotRequested),
                _ => None,
            };
            if let Some(certificate) = certificate {
                facts.client_certificate = (certificate, Some(basis));
                facts.certificate_requested.get_or_insert((certificate != ClientCertificate::NotRequested, basis));
            }
        }
        if reading.holds_finished() {
            facts.finished[record.by].get_or_insert(mark);
        }
    }

    fn application_data(&mut self, record: &Sealed, sink: &mut impl Sink) {
        let is_tls13 = self.is_tls13() || self.flights.is_some();
        let basis = if is_tls13 { Basis::Inferred(Confidence::Likely) } else { Basis::Observed };
        let seen = Seen { began: record.began, ended: record.ended, by: record.by, basis };
        if record.by == Side::Server && is_tls13 && self.facts.finished.client.is_some() {
            self.facts.server_accepted.get_or_insert(Mark { at: record.ended, basis });
        }
        self.note_application_data(seen, record.length, sink);
        if is_tls13 {
            self.closing.record(record);
        }
        // Between readable records a closed one is a hole.
        let sealed = ApplicationData::Sealed(record.plaintext);
        let data = if self.facts.decrypted { ApplicationData::Gap } else { sealed };
        sink.application_data(record.by, record.ended, data);
    }

    /// Counts application data, and tells the first of each side.
    pub(super) fn note_application_data(&mut self, seen: Seen, length: u32, sink: &mut impl Sink) {
        let records = &mut self.facts.records[seen.by];
        records.application += 1;
        records.application_bytes += u64::from(length);
        if self.facts.first_application[seen.by].is_none() {
            self.facts.first_application[seen.by] = Some(Mark { at: seen.ended, basis: seen.basis });
            self.emit(seen, Event::ApplicationData { length }, sink);
        }
    }

    /// The length of what a record of TLS 1.3 holds, if it is not padded.
    fn content_len(&self, length: u32) -> u32 {
        let is_ccm8 = self.suite.is_some_and(|suite| suite.kind == Kind::AeadCcm8);
        let expansion = if is_ccm8 { 1 + 8 } else { TLS13_EXPANSION };
        length.saturating_sub(expansion)
    }

    /// How many bytes of plaintext a record of so many bytes holds.
    fn plaintext_len(&self, length: u32) -> PlaintextLen {
        let known = self.facts.server_hello.as_ref().zip(self.suite).and_then(|(hello, suite)| {
            let range = suite.plaintext_len(hello.version, length, hello.encrypt_then_mac)?;
            Some(PlaintextLen { min: range.min, max: range.max })
        });
        let (min, max) = (length.saturating_sub(MAX_EXPANSION), length.saturating_sub(MIN_EXPANSION));
        known.unwrap_or(PlaintextLen { min, max })
    }
}
