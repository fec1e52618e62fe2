//! Records for which there are keys: they are opened and then read like clear ones.

use super::{Context, Session, Sink, observed};
use crate::evidence::Seen;
use crate::net::Side;
use crate::tls::ApplicationData;
use crate::tls::codes::ContentType;
use crate::tls::decrypt::{Decryptor, OpenError};
use crate::tls::event::Event;
use crate::tls::facts::Mark;
use crate::tls::hello::{ClientHello, ServerHello};
use crate::tls::keylog::{KeyLog, Secrets};
use crate::tls::record::{Body, Record};

/// How often the secrets of one connection are looked up again because a part of them was missing.
const MAX_SECRET_ATTEMPTS: u8 = 4;

impl Session {
    /// Whether anybody gave the secrets of this connection by now: asked anew whenever the key log has grown.
    pub(in super::super) fn look_for_secrets(&mut self, key_log: Option<&KeyLog>) {
        let Some(key_log) = key_log.filter(|_| self.decryptor.is_none()) else { return };
        let Some(hello) = self.facts.server_hello.clone() else {
            self.start_early_data(Some(key_log));
            if let Some(decryptor) = &mut self.decryptor {
                decryptor.lost_records(Side::Client);
            }
            return;
        };
        if self.secrets_known == key_log.len() {
            return;
        }
        self.start_decryption(&hello, Some(key_log));
        // Records have passed since the ServerHello: keys and numbers are where they would be, or are found by trial.
        if let Some(decryptor) = &mut self.decryptor {
            for side in Side::BOTH {
                if self.sealed[side] {
                    decryptor.change_cipher_spec(side);
                }
                decryptor.lost_records(side);
            }
        }
    }

    /// A ClientHello offers early data: whether anybody gave the secret for that. No ServerHello has said by then which suite
    /// seals it, so that those offered are tried.
    pub(super) fn start_early_data(&mut self, key_log: Option<&KeyLog>) {
        let Some((hello, key_log)) = self.facts.client_hello.as_ref().zip(key_log) else { return };
        let Some(secrets) = key_log.lookup(&hello.random).filter(|_| hello.offer.early_data) else { return };
        if let Some(decryptor) = Decryptor::early_data(&hello.offer.ciphers, secrets) {
            secrets.mark_used();
            self.decryptor = Some(Box::new(decryptor));
        }
    }

    /// The ServerHello was seen: whether anybody gave the secrets for what follows.
    pub(super) fn start_decryption(&mut self, hello: &ServerHello, key_log: Option<&KeyLog>) {
        let early = self.decryptor.take();
        let Some((client_hello, key_log)) = self.facts.client_hello.as_ref().zip(key_log) else { return };
        self.secrets_known = key_log.len();
        let by_session = || key_log.lookup_session(&hello.session_id);
        let Some(secrets) = key_log.lookup(&client_hello.random).or_else(by_session) else { return };
        let Some(mut decryptor) = decryptor(client_hello, hello, secrets) else { return };
        secrets.mark_used();
        match early {
            Some(early) => decryptor.take_over(*early),
            None if client_hello.offer.early_data => {
                decryptor.start_early_data();
                decryptor.lost_records(Side::Client);
            }
            None => {}
        }
        self.decryptor = Some(Box::new(decryptor));
    }

    /// Whether records of this type and side may be opened.
    pub(super) fn may_open(&self, side: Side, content_type: ContentType) -> bool {
        let has_keys = self.decryptor.is_some() || self.renegotiation.is_some();
        if self.facts.server_hello.is_none() {
            return has_keys && side == Side::Client && content_type == ContentType::APPLICATION_DATA;
        }
        has_keys && if self.is_tls13() { content_type == ContentType::APPLICATION_DATA } else { self.sealed[side] }
    }

    /// Opens a record and reads what is in it. False: it stays closed.
    pub(super) fn open_record(
        &mut self,
        side: Side,
        record: &Record<'_>,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> bool {
        let Some(decryptor) = self.decryptor_of(side) else { return false };
        let Body::Whole(body) = record.body else {
            decryptor.lost_records(side);
            return false;
        };
        // The buffer is lent back below: the messages in it need the rest of the context.
        let mut buffer = std::mem::take(context.plaintext);
        let opened = decryptor.open(side, record.header.to_bytes(), body, &mut buffer);
        let failure = opened.err();
        if let Ok(opened) = opened {
            self.facts.decrypted = true;
            let seen = observed(side, record);
            self.handle_plaintext(seen, opened.content_type, opened.plaintext, context, sink);
        }
        *context.plaintext = buffer;
        if let Some(failure) = failure {
            self.facts.not_opened += 1;
            if failure == OpenError::NoSecret {
                self.look_again(side, context.key_log);
            }
        }
        failure.is_none()
    }

    /// A live key log is written in steps: if the secret that was missing is there by now, the next record is tried with it.
    fn look_again(&mut self, side: Side, key_log: Option<&KeyLog>) {
        let client_hello = self.facts.client_hello.as_ref();
        let secrets = client_hello.zip(key_log).and_then(|(hello, key_log)| key_log.lookup(&hello.random));
        let has_come = secrets.is_some_and(|secrets| secrets.application(side).is_some());
        if has_come && self.secret_attempts < MAX_SECRET_ATTEMPTS {
            self.secret_attempts += 1;
            self.secrets_known = 0;
            self.decryptor = None;
        }
    }

    fn handle_plaintext(
        &mut self,
        seen: Seen,
        content_type: ContentType,
        plaintext: &[u8],
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) {
        // What stayed closed before has no part in what is open now.
        self.settle_flights(seen.by, sink);
        let mark = Mark { at: seen.ended, basis: seen.basis };
        let is_answer = seen.by == Side::Server && self.is_tls13() && self.facts.finished.client.is_some();
        if is_answer && content_type != ContentType::ALERT {
            self.facts.server_accepted.get_or_insert(mark);
        }
        match content_type {
            ContentType::HANDSHAKE => self.handle_handshake_bytes(seen, plaintext, context, sink),
            ContentType::ALERT => self.handle_alerts(seen, plaintext, true, sink),
            ContentType::CHANGE_CIPHER_SPEC => {
                self.take_new_keys(seen.by);
                self.emit(seen, Event::ChangeCipherSpec, sink);
            }
            ContentType::APPLICATION_DATA => {
                let length = u32::try_from(plaintext.len()).unwrap_or(u32::MAX);
                self.note_application_data(seen, length, sink);
                sink.application_data(seen.by, seen.ended, ApplicationData::Plaintext(plaintext));
            }
            _ => {}
        }
    }

    /// A message was read that changes the sender's keys.
    pub(super) fn note_key_change(&mut self, by: Side, event: &Event) {
        let Some(decryptor) = self.decryptor.as_mut() else { return };
        match event {
            Event::Finished { .. } => decryptor.start_application_keys(by),
            Event::KeyUpdate { .. } => decryptor.key_update(by),
            Event::EndOfEarlyData => decryptor.end_early_data(),
            _ => {}
        }
    }
}

pub(super) fn decryptor(client: &ClientHello, server: &ServerHello, secrets: &Secrets) -> Option<Decryptor> {
    let (version, cipher) = (server.version, server.cipher);
    if version.is_tls13() {
        return Decryptor::tls13(version, cipher, secrets).ok();
    }
    let master = secrets.master()?;
    Decryptor::tls12(version, cipher, master, &client.random, &server.random, server.encrypt_then_mac).ok()
}
