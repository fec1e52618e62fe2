//! From records to events: what each record of a connection is, given all before it. Records come in, in the order of the
//! capture; events and application data go out, and the [`Facts`] are kept. Decrypted records take the same way as clear ones.

use super::alert::{Alert, AlertDescription, AlertLevel};
use super::codes::{ContentType, Version};
use super::decrypt::Decryptor;
use super::event::Event;
use super::facts::{AlertSeen, ClientCertificate, Facts, Mark, Resumed};
use super::foreign::Foreign;
use super::handshake::Joiner;
use super::infer::{Closing, Flights, Reading};
use super::record::{Body, Header, Piece, Record};
use super::suite::Parameters;
use super::{Context, Sink};
use crate::evidence::{Basis, Confidence, Seen};
use crate::net::{PerSide, Side};
use crate::pack::packed;
use crate::stream::Moment;
use cuts::Cuts;
use renegotiation::Renegotiation;

mod cuts;
mod handshake;
mod opened;
mod renegotiation;
mod sealed;

/// The longest alert record whose body is looked at: sixteen alerts, more than any stack joins.
const MAX_ALERT_BODY: u16 = 32;

/// One connection's state above the records.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) facts: Facts,
    max_message: usize,
    joiners: [Joiner; 2],
    /// Up to TLS 1.2: whose ChangeCipherSpec was seen, so that the rest is encrypted.
    sealed: PerSide<bool>,
    /// What the cipher suite is made of, once the ServerHello said which.
    suite: Option<Parameters>,
    /// Records were lost, or the capture began in the middle: the absence of a message proves nothing.
    incomplete: bool,
    decryptor: Option<Box<Decryptor>>,
    /// A second handshake, whose keys not both sides have taken to.
    renegotiation: Option<Box<Renegotiation>>,
    /// How many secrets there were when this connection's were last looked for.
    secrets_known: usize,
    secret_attempts: u8,
    flights: Option<Box<Flights>>,
    /// By how much each side pads its records, once its flight has shown it.
    padding: PerSide<u32>,
    /// Records that go on with a message.
    cuts: Cuts,
    closing: Closing,
    /// When each side closed.
    closed: PerSide<Option<Moment>>,
    /// Whether the client's part of a key exchange was seen, which TLS 1.3 does not have.
    client_key_exchange: bool,
}

packed! {
    struct Session {
        facts, max_message, joiners, sealed, suite, incomplete, decryptor, renegotiation, secrets_known,
        secret_attempts, flights, padding, cuts, closing, closed, client_key_exchange,
    }
}

impl Session {
    pub(super) fn new(max_message: usize) -> Self {
        Self {
            facts: Facts::default(),
            max_message,
            joiners: Default::default(),
            sealed: PerSide::default(),
            suite: None,
            incomplete: false,
            decryptor: None,
            renegotiation: None,
            secrets_known: 0,
            secret_attempts: 0,
            flights: None,
            padding: PerSide::default(),
            cuts: Cuts::default(),
            closing: Closing::default(),
            closed: PerSide::default(),
            client_key_exchange: false,
        }
    }

    /// Whether the body of this record will be looked at.
    pub(super) fn wants_body(&self, side: Side, header: Header) -> bool {
        match header.content_type {
            content_type if self.may_open(side, content_type) => true,
            ContentType::ALERT => header.length <= MAX_ALERT_BODY,
            ContentType::HANDSHAKE => !self.is_sealed(side) || self.facts.version().is_none(),
            _ => false,
        }
    }

    /// Bytes of this side are missing.
    pub(super) fn handle_gap(&mut self, side: Side, sink: &mut impl Sink) {
        self.settle_cut(side, sink);
        self.incomplete = true;
        self.joiner(side).gap();
        if let Some(decryptor) = self.decryptor_of(side) {
            decryptor.lost_records(side);
        }
    }

    pub(super) fn handle_piece(
        &mut self,
        side: Side,
        at: Moment,
        piece: &Piece<'_>,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) {
        let seen = |began| Seen { began, ended: at, by: side, basis: Basis::Observed };
        match *piece {
            Piece::Record(record) => self.handle_record(side, &record, context, sink),
            Piece::Foreign { what, began } => self.not_tls(seen(began), what, sink),
            Piece::SslV2Hello { message, began } => self.ssl_v2_hello(seen(began), message, sink),
            Piece::Garbage { bytes, began } => {
                self.facts.malformed += 1;
                self.handle_gap(side, sink);
                self.emit(seen(began), Event::Garbage { bytes }, sink);
            }
            Piece::Resynchronised { skipped } => {
                self.facts.resynchronised += 1;
                // The next record follows the gap at once: TCP's own event says all.
                if skipped > 0 {
                    self.emit(seen(at), Event::Resynchronised { skipped }, sink);
                }
            }
        }
    }

    /// A side speaks something else.
    pub(super) fn not_tls(&mut self, seen: Seen, what: Foreign, sink: &mut impl Sink) {
        self.facts.not_tls[seen.by] = Some((what, seen.began));
        self.emit(seen, Event::NotTls(what), sink);
    }

    pub(super) fn handle_record(
        &mut self,
        side: Side,
        record: &Record<'_>,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) {
        let records = &mut self.facts.records[side];
        records.count += 1;
        records.longest = records.longest.max(record.header.length);
        records.last = Some(record.ended);
        self.note_flights(side, record);
        self.settle_cut(side.peer(), sink);
        if record.header.content_type != ContentType::APPLICATION_DATA {
            self.settle_cut(side, sink);
        }
        if self.may_open(side, record.header.content_type) && self.open_record(side, record, context, sink) {
            return;
        }
        match record.header.content_type {
            ContentType::CHANGE_CIPHER_SPEC => self.change_cipher_spec(side, record, sink),
            ContentType::ALERT => self.alert_record(side, record, sink),
            ContentType::HANDSHAKE => self.handshake_record(side, record, context, sink),
            ContentType::APPLICATION_DATA => self.application_record(side, record, sink),
            _ => self.facts.history.push(side, 'B'),
        }
    }

    pub(super) fn emit(&mut self, seen: Seen, event: Event, sink: &mut impl Sink) {
        self.facts.history.note(seen.by, &event);
        sink.event(seen, event);
    }

    /// The capture has ended: nobody has closed, but what is held will not become more.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) {
        for side in Side::BOTH {
            self.settle_cut(side, sink);
        }
        self.settle_flights(Side::Client, sink);
        for side in Side::BOTH {
            // The peer's reset may leave no room for a FIN: what was said behind the peer's FIN is a farewell all the same.
            if self.closing.has_answered_close(side) {
                self.judge_goodbye(side, sink);
            }
        }
    }

    /// A side has closed.
    pub(super) fn handle_close(&mut self, side: Side, at: Moment, sink: &mut impl Sink) {
        self.settle_cut(side, sink);
        self.settle_flights(side, sink);
        self.judge_goodbye(side, sink);
        self.closed[side].get_or_insert(at);
    }

    /// What a side said last, now that it says no more.
    fn judge_goodbye(&mut self, side: Side, sink: &mut impl Sink) {
        if let Some(goodbye) = self.closing.close(side) {
            self.inferred(&goodbye.record, Reading::Alert, goodbye.confidence, sink);
            let mark = Mark { at: goodbye.record.ended, basis: Basis::Inferred(goodbye.close_notify) };
            self.facts.close_notify[side].get_or_insert(mark);
        }
        // An encrypted alert in a session that worked, and then the close: mostly close_notify. One that answers a bare FIN
        // may complain about it instead, as OpenSSL's does.
        if let Some(last) = self.facts.last_alert[side]
            && last.alert.is_none()
            && last.basis.is_observed()
            && self.facts.is_established()
        {
            let is_echo = self.closed[side.peer()].is_some_and(|closed| closed < last.at)
                && self.facts.last_alert[side.peer()].is_none();
            let confidence = if is_echo { Confidence::Possible } else { Confidence::Likely };
            let mark = Mark { at: last.at, basis: Basis::Inferred(confidence) };
            self.facts.close_notify[side].get_or_insert(mark);
        }
    }

    fn joiner(&mut self, side: Side) -> &mut Joiner {
        let [client, server] = &mut self.joiners;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// TLS 1.3, or one of its drafts: they have numbers of their own above it.
    fn is_tls13(&self) -> bool {
        self.facts.version().is_some_and(|version| version >= Version::TLS_1_3)
    }

    /// Whether handshake messages and alerts of this side are encrypted under their own type (up to TLS 1.2).
    fn is_sealed(&self, side: Side) -> bool {
        self.sealed[side] && !self.is_tls13()
    }

    fn note_flights(&mut self, side: Side, record: &Record<'_>) {
        let handshake = [ContentType::HANDSHAKE, ContentType::APPLICATION_DATA, ContentType::ALERT];
        if self.facts.server_hello.is_none() && side == Side::Client || self.facts.client_flight_began.is_some() {
            return;
        }
        match side {
            Side::Server if record.header.content_type != ContentType::ALERT => {
                self.facts.server_flight_ended = Some(record.ended);
            }
            Side::Client if handshake.contains(&record.header.content_type) => {
                self.facts.client_flight_began = Some(record.began);
            }
            _ => {}
        }
    }

    fn change_cipher_spec(&mut self, side: Side, record: &Record<'_>, sink: &mut impl Sink) {
        if let Some(decryptor) = self.decryptor.as_mut().filter(|_| !self.sealed[side]) {
            decryptor.change_cipher_spec(side);
        }
        self.sealed[side] = true;
        let is_first = self.facts.change_cipher_spec[side].is_none();
        self.facts.change_cipher_spec[side].get_or_insert(record.ended);
        if side == Side::Server && is_first {
            self.judge_resumption();
        }
        self.emit(observed(side, record), Event::ChangeCipherSpec, sink);
    }

    /// Up to TLS 1.2 a server that says ChangeCipherSpec before any certificate resumes a session.
    fn judge_resumption(&mut self) {
        let facts = &mut self.facts;
        let (Some(client), Some(server)) = (&facts.client_hello, &facts.server_hello) else { return };
        if server.version >= Version::TLS_1_3 || facts.resumed != Resumed::Unknown || self.incomplete {
            return;
        }
        let echoed = !server.session_id.is_empty() && server.session_id == client.session_id;
        facts.resumed = match client.session_ticket {
            _ if facts.change_cipher_spec.client.is_some() => Resumed::No,
            Some(1..) => Resumed::ByTicket,
            _ if echoed => Resumed::BySessionId,
            _ => return,
        };
        facts.certificate_requested = Some((false, Basis::Observed));
        facts.client_certificate = (ClientCertificate::NotRequested, Some(Basis::Observed));
    }

    fn alert_record(&mut self, side: Side, record: &Record<'_>, sink: &mut impl Sink) {
        let seen = observed(side, record);
        let alerts = match record.body {
            // No cipher seals two bytes without making them longer.
            Body::Whole(alert @ [_, _]) => alert,
            // Longer ones are several alerts, unless a ChangeCipherSpec was lost.
            Body::Whole(alerts) if !self.is_sealed(side) && !self.incomplete && self.facts.client_hello.is_some() => {
                alerts
            }
            _ => &[],
        };
        let (pairs, rest) = alerts.as_chunks::<2>();
        let are_alerts = rest.is_empty() && (pairs.len() == 1 || pairs.iter().all(|[level, _]| matches!(level, 1 | 2)));
        if pairs.is_empty() || !are_alerts {
            let alert = AlertSeen { by: side, at: seen.ended, alert: None, encrypted: true, basis: seen.basis };
            self.facts.note_alert(alert);
            let length = u32::from(record.header.length);
            return self.emit(seen, Event::EncryptedAlert { length }, sink);
        }
        self.settle_flights(side, sink);
        self.handle_alerts(seen, alerts, false, sink);
    }

    /// The alerts in a readable record, mostly one.
    fn handle_alerts(&mut self, seen: Seen, bytes: &[u8], encrypted: bool, sink: &mut impl Sink) {
        for [level, description] in bytes.as_chunks::<2>().0 {
            let alert = Alert { level: AlertLevel(*level), description: AlertDescription(*description) };
            self.facts.note_alert(AlertSeen {
                by: seen.by,
                at: seen.ended,
                alert: Some(alert),
                encrypted,
                basis: seen.basis,
            });
            self.emit(seen, Event::Alert(alert), sink);
        }
    }
}

fn observed(side: Side, record: &Record<'_>) -> Seen {
    Seen { began: record.began, ended: record.ended, by: side, basis: Basis::Observed }
}
