//! The messages of the handshake: what each one says is noted and told.

use super::{Context, Session, Sink, observed};
use crate::evidence::Seen;
use crate::net::Side;
use crate::tls::codes::{HandshakeType, Version};
use crate::tls::event::{Event, Unread};
use crate::tls::facts::{ClientCertificate, Mark, Resumed};
use crate::tls::handshake::{Message, MessageBody};
use crate::tls::hello::{ClientHello, ServerHello};
use crate::tls::keylog::KeyLog;
use crate::tls::message;
use crate::tls::record::{Body, Record};
use crate::tls::suite::KeyExchange;
use std::sync::Arc;

impl Session {
    /// A ClientHello in the form of SSL 2.0.
    pub(super) fn ssl_v2_hello(&mut self, seen: Seen, message: &[u8], sink: &mut impl Sink) {
        match ClientHello::parse_ssl_v2(message) {
            Some(hello) => {
                let event = self.client_hello(seen, hello);
                self.emit(seen, event, sink);
            }
            None => self.unread(seen, HandshakeType::CLIENT_HELLO, message.len(), Unread::Malformed, sink),
        }
    }

    pub(super) fn handshake_record(
        &mut self,
        side: Side,
        record: &Record<'_>,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) {
        let seen = observed(side, record);
        let looks_clear = match record.body {
            Body::Whole(bytes) | Body::Cut(bytes) => looks_like_message(bytes),
            Body::Skipped => false,
        };
        // Without a ServerHello nobody knows whether ChangeCipherSpec meant it.
        if self.is_sealed(side) && !(self.facts.version().is_none() && looks_clear) {
            return self.sealed_handshake(seen, record, sink);
        }
        match record.body {
            Body::Whole(bytes) => self.handle_handshake_bytes(seen, bytes, context, sink),
            Body::Cut(bytes) => {
                self.incomplete = true;
                self.cut_handshake(seen, bytes, context, sink);
            }
            Body::Skipped => {}
        }
    }

    /// TLS 1.2 behind ChangeCipherSpec: the first such record is Finished (RFC 5246, 7.4.9), later ones renegotiate.
    fn sealed_handshake(&mut self, seen: Seen, record: &Record<'_>, sink: &mut impl Sink) {
        let is_finished = self.facts.finished[seen.by].is_none();
        if is_finished {
            self.note_finished(seen);
        }
        let length = u32::from(record.header.length);
        self.emit(seen, Event::EncryptedHandshake { length, is_finished }, sink);
    }

    fn note_finished(&mut self, seen: Seen) {
        let mark = Mark { at: seen.ended, basis: seen.basis };
        self.facts.finished[seen.by].get_or_insert(mark);
        let is_tls13 = self.is_tls13();
        // In a resumed handshake the server's comes first and proves nothing.
        if seen.by == Side::Server && !is_tls13 && self.facts.finished.client.is_some() {
            self.facts.server_accepted.get_or_insert(mark);
        }
    }

    /// The bytes of a handshake record, clear or decrypted.
    pub(in super::super) fn handle_handshake_bytes(
        &mut self,
        seen: Seen,
        mut bytes: &[u8],
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) {
        let mut joiner = std::mem::take(self.joiner(seen.by));
        let length = length_u32(bytes.len());
        while let Some(message) = joiner.next(&mut bytes, seen.began, self.max_message) {
            self.handle_message(Seen { began: message.began, ..seen }, &message, context, sink);
        }
        if joiner.is_open() {
            self.cuts.learn(seen.by, length);
        }
        *self.joiner(seen.by) = joiner;
    }

    fn cut_handshake(&mut self, seen: Seen, mut bytes: &[u8], context: &mut Context<'_>, sink: &mut impl Sink) {
        let mut joiner = std::mem::take(self.joiner(seen.by));
        while let Some(message) = joiner.next(&mut bytes, seen.began, self.max_message) {
            self.handle_message(Seen { began: message.began, ..seen }, &message, context, sink);
        }
        if let Some(message) = joiner.cut(seen.began) {
            self.handle_message(Seen { began: message.began, ..seen }, &message, context, sink);
        }
        *self.joiner(seen.by) = joiner;
    }

    fn handle_message(&mut self, seen: Seen, message: &Message<'_>, context: &mut Context<'_>, sink: &mut impl Sink) {
        let body = match message.body {
            MessageBody::Whole(body) => body,
            MessageBody::Cut(_) => return self.unread(seen, message.kind, message.length as usize, Unread::Cut, sink),
            MessageBody::TooLong => {
                return self.unread(seen, message.kind, message.length as usize, Unread::TooLong, sink);
            }
        };
        match self.read_message(seen, message.kind, body, context) {
            Some(event) => {
                self.note_key_change(seen.by, &event);
                self.emit(seen, event, sink);
            }
            None => self.unread(seen, message.kind, body.len(), Unread::Malformed, sink),
        }
    }

    fn unread(&mut self, seen: Seen, kind: HandshakeType, length: usize, why: Unread, sink: &mut impl Sink) {
        if why == Unread::Malformed {
            self.facts.malformed += 1;
        }
        self.emit(seen, Event::Unread { kind, length: length_u32(length), why }, sink);
    }

    /// Reads one message; `None`: it is malformed.
    fn read_message(
        &mut self,
        seen: Seen,
        kind: HandshakeType,
        body: &[u8],
        context: &mut Context<'_>,
    ) -> Option<Event> {
        let version = self.facts.version().unwrap_or(Version::TLS_1_2);
        let length = length_u32(body.len());
        Some(match kind {
            HandshakeType::CLIENT_HELLO => {
                let event = self.client_hello(seen, ClientHello::parse(body, &mut context.known.offers)?);
                if self.facts.server_hello.is_none() && self.decryptor.is_none() {
                    self.start_early_data(context.key_log);
                }
                event
            }
            HandshakeType::SERVER_HELLO => self.server_hello(seen, ServerHello::parse(body)?, context.key_log),
            HandshakeType::ENCRYPTED_EXTENSIONS => {
                let alpn = message::encrypted_extensions_alpn(body)?.pop().map(String::into_boxed_str);
                self.facts.alpn.clone_from(&alpn);
                Event::EncryptedExtensions { alpn }
            }
            HandshakeType::CERTIFICATE => self.certificate(seen, body, version, context)?,
            HandshakeType::SERVER_KEY_EXCHANGE => self.server_key_exchange(body),
            HandshakeType::CERTIFICATE_REQUEST => {
                let request = context.known.request(body, version)?;
                self.facts.certificate_request = Some(Arc::clone(&request));
                self.facts.certificate_requested = Some((true, seen.basis));
                Event::CertificateRequest(request)
            }
            HandshakeType::SERVER_HELLO_DONE => {
                self.no_certificate_was_requested(seen);
                Event::ServerHelloDone
            }
            HandshakeType::CLIENT_KEY_EXCHANGE => {
                self.client_key_exchange = true;
                Event::ClientKeyExchange { length }
            }
            HandshakeType::CERTIFICATE_VERIFY => {
                Event::CertificateVerify { scheme: message::certificate_verify(body, version) }
            }
            HandshakeType::FINISHED => {
                if seen.by == Side::Server && version >= Version::TLS_1_3 {
                    self.no_certificate_was_requested(seen);
                }
                self.note_finished(seen);
                Event::Finished { length }
            }
            HandshakeType::HELLO_REQUEST => Event::HelloRequest,
            HandshakeType::NEW_SESSION_TICKET => {
                let (lifetime, length) = message::new_session_ticket(body, version)?;
                Event::NewSessionTicket { lifetime, length }
            }
            HandshakeType::CERTIFICATE_STATUS => Event::CertificateStatus { length },
            HandshakeType::KEY_UPDATE => Event::KeyUpdate { request: *body.first()? },
            HandshakeType::END_OF_EARLY_DATA => Event::EndOfEarlyData,
            HandshakeType::COMPRESSED_CERTIFICATE => {
                // Nobody compresses an empty list (RFC 8879, 4).
                if seen.by == Side::Client {
                    self.facts.client_certificate = (ClientCertificate::Sent, Some(seen.basis));
                }
                Event::Handshake { kind, length }
            }
            _ => Event::Handshake { kind, length },
        })
    }

    fn client_hello(&mut self, seen: Seen, hello: ClientHello) -> Event {
        let hello = Arc::new(hello);
        if self.facts.client_hello.is_none() {
            self.facts.client_hello = Some(Arc::clone(&hello));
            self.facts.client_hello_began = Some(seen.began);
            self.facts.client_hello_at = Some(seen.ended);
        } else if self.facts.is_established() {
            self.renegotiate(&hello);
        }
        Event::ClientHello(hello)
    }

    fn server_hello(&mut self, seen: Seen, hello: ServerHello, key_log: Option<&KeyLog>) -> Event {
        let hello = Arc::new(hello);
        if hello.is_retry {
            self.facts.hello_retry = Some(Arc::clone(&hello));
            return Event::HelloRetryRequest(hello);
        }
        // A renegotiation (TLS 1.2) is told and changes nothing but the keys.
        if self.facts.server_hello.is_some() && self.facts.is_established() {
            self.agree_anew(&hello, key_log);
            return Event::ServerHello(hello);
        }
        let is_tls13 = hello.version >= Version::TLS_1_3;
        let facts = &mut self.facts;
        facts.server_hello_at.get_or_insert(seen.ended);
        facts.group = hello.group;
        facts.alpn = hello.alpn.as_deref().map(Into::into);
        if is_tls13 {
            facts.resumed = if hello.pre_shared_key { Resumed::ByPreSharedKey } else { Resumed::No };
        }
        facts.server_hello = Some(Arc::clone(&hello));
        self.suite = hello.cipher.parameters();
        self.start_decryption(&hello, key_log);
        if is_tls13 {
            self.start_flights();
        }
        Event::ServerHello(hello)
    }

    fn certificate(&mut self, seen: Seen, body: &[u8], version: Version, context: &mut Context<'_>) -> Option<Event> {
        let chain = message::certificate(body, version, &mut context.known.certificates)?;
        let facts = &mut self.facts;
        match seen.by {
            Side::Server => {
                facts.certificates.server = Some(Arc::clone(&chain));
                facts.resumed = Resumed::No;
            }
            Side::Client => {
                let state = if chain.is_empty() { ClientCertificate::Missing } else { ClientCertificate::Sent };
                facts.client_certificate = (state, Some(seen.basis));
                facts.certificates.client = Some(Arc::clone(&chain));
            }
        }
        Some(Event::Certificate(chain))
    }

    fn server_key_exchange(&mut self, body: &[u8]) -> Event {
        let key_exchange = self.suite.map(|suite| suite.key_exchange);
        let is_ecdhe = matches!(key_exchange, Some(KeyExchange::Ecdhe | KeyExchange::Ecdh));
        let is_dhe = matches!(key_exchange, Some(KeyExchange::Dhe | KeyExchange::Dh));
        let exchange = message::server_key_exchange(body, is_ecdhe, is_dhe);
        self.facts.group = exchange.group.or(self.facts.group);
        Event::ServerKeyExchange(exchange)
    }

    /// The server's flight is complete: whether it asked for a certificate is known, if nothing of it was lost.
    fn no_certificate_was_requested(&mut self, seen: Seen) {
        if self.facts.certificate_requested.is_none() && !self.incomplete {
            self.facts.certificate_requested = Some((false, seen.basis));
            self.facts.client_certificate = (ClientCertificate::NotRequested, Some(seen.basis));
        }
    }
}

/// Whether these bytes begin like a message that is never encrypted under its own type.
fn looks_like_message(bytes: &[u8]) -> bool {
    matches!(bytes, [1 | 2, 0, high, low, 3, ..] if u16::from_be_bytes([*high, *low]) > 40)
}

fn length_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
