//! The record layer of TLS 1.3 (RFC 8446, 5.2 and 7).

use zeroize::Zeroizing;

use super::aead::Aead;
use super::schedule::expand_label;
use super::sequence::Sequence;
use super::{OpenError, Opened, Unsupported, room};
use crate::net::{PerSide, Side};
use crate::tls::codes::{ContentType, Version};
use crate::tls::keylog::{Secret, Secrets};
use crate::tls::suite::{CipherSuite, KeyExchange, Parameters};

/// The keys and the progress of both directions.
pub(super) struct Tls13 {
    parameters: Parameters,
    /// How much of a record's header is authenticated: all of it (RFC 8446, 5.2), nothing in drafts before 25.
    authenticated: usize,
    channels: PerSide<Channel>,
}

struct Channel {
    early: Option<Keys>,
    handshake: Option<Keys>,
    application: Option<Generation>,
    epoch: Epoch,
    sequence: Sequence,
}

/// Which keys seal the next record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Epoch {
    Early,
    Handshake,
    Application,
}

struct Keys {
    aead: Aead,
    iv: [u8; 12],
}

/// Application keys, and the secret from which a KeyUpdate makes the next ones.
struct Generation {
    keys: Keys,
    secret: Zeroizing<Vec<u8>>,
}

/// The header of a record.
const HEADER: usize = 5;

/// A record as it is tried with one key after another.
struct Sealed<'a> {
    authenticated: &'a [u8],
    ciphertext: &'a [u8],
    tag: &'a [u8],
}

impl Tls13 {
    pub(super) fn new(version: Version, suite: CipherSuite, secrets: &Secrets) -> Result<Self, Unsupported> {
        let parameters = suite
            .parameters()
            .filter(|parameters| parameters.key_exchange == KeyExchange::Tls13 && parameters.is_aead())
            .ok_or(Unsupported::Suite(suite))?;
        // Whether the suite can be decrypted at all shows on any key.
        if Aead::new(parameters, &vec![0; usize::from(parameters.key_len)]).is_none() {
            return Err(Unsupported::Suite(suite));
        }
        let channel = |side| {
            let keys = |secret: Option<&Secret>| Keys::new(parameters, secret?.as_bytes());
            Channel {
                early: keys(secrets.early().filter(|_| side == Side::Client)),
                handshake: keys(secrets.handshake(side)),
                application: secrets
                    .application(side)
                    .and_then(|secret| Generation::new(parameters, Zeroizing::new(secret.as_bytes().to_vec()))),
                epoch: Epoch::Handshake,
                sequence: Sequence::default(),
            }
        };
        let channels = PerSide { client: channel(Side::Client), server: channel(Side::Server) };
        if channels.client.has_no_keys() && channels.server.has_no_keys() {
            return Err(Unsupported::NoSecret);
        }
        let is_early_draft = (Version::TLS_1_3_DRAFT_18..Version::TLS_1_3_DRAFT_25).contains(&version);
        Ok(Self { parameters, authenticated: if is_early_draft { 0 } else { HEADER }, channels })
    }

    pub(super) fn start_early_data(&mut self) {
        let client = &mut self.channels.client;
        if client.epoch == Epoch::Handshake && client.sequence.is_start() {
            client.enter(Epoch::Early);
        }
    }

    pub(super) fn end_early_data(&mut self) {
        let client = &mut self.channels.client;
        if client.epoch == Epoch::Early {
            client.enter(Epoch::Handshake);
        }
    }

    pub(super) fn start_application_keys(&mut self, side: Side) {
        let channel = &mut self.channels[side];
        // A record may have shown it already: its number must not start again.
        if channel.epoch != Epoch::Application {
            channel.enter(Epoch::Application);
        }
    }

    pub(super) fn key_update(&mut self, side: Side) {
        let channel = &mut self.channels[side];
        channel.application = channel.application.as_ref().and_then(|current| current.next(self.parameters));
        channel.enter(Epoch::Application);
    }

    pub(super) fn lost_records(&mut self, side: Side) {
        self.channels[side].sequence.lose();
    }

    /// Takes over the position in the early data that was read before the ServerHello. Its keys are those of the session that
    /// was to be resumed, whatever the server chose.
    pub(super) fn take_over(&mut self, early: Self) {
        let Channel { early, epoch, sequence, .. } = early.channels.client;
        if epoch == Epoch::Early {
            let client = &mut self.channels.client;
            (client.early, client.epoch, client.sequence) = (early, epoch, sequence);
        }
    }

    pub(super) fn open(
        &mut self,
        side: Side,
        header: [u8; 5],
        body: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<Inner, OpenError> {
        if ContentType(header[0]) != ContentType::APPLICATION_DATA {
            return Err(OpenError::NotSealed);
        }
        let tag_len = usize::from(self.parameters.tag_len());
        let inner_len = body.len().checked_sub(tag_len).filter(|len| *len > 0).ok_or(OpenError::Malformed)?;
        let authenticated = header.get(..self.authenticated).unwrap_or_default();
        let (ciphertext, tag) = body.split_at_checked(inner_len).ok_or(OpenError::Malformed)?;
        let out = room(buffer, inner_len);
        self.channels[side].open(self.parameters, &Sealed { authenticated, ciphertext, tag }, out)?;
        // The true type is the last byte that is not zero (RFC 8446, 5.4).
        let len = out.iter().rposition(|byte| *byte != 0).ok_or(OpenError::NoContent)?;
        let content_type = ContentType(*out.get(len).ok_or(OpenError::NoContent)?);
        Ok(Inner { content_type, len })
    }
}

/// What an opened record holds: its true type, and how many bytes at the front of the buffer.
#[derive(Clone, Copy)]
pub(super) struct Inner {
    content_type: ContentType,
    len: usize,
}

impl Inner {
    pub(super) fn within(self, buffer: &[u8]) -> Result<Opened<'_>, OpenError> {
        let plaintext = buffer.get(..self.len).ok_or(OpenError::NoContent)?;
        Ok(Opened { content_type: self.content_type, plaintext, authenticated: true })
    }
}

impl Channel {
    fn has_no_keys(&self) -> bool {
        self.early.is_none() && self.handshake.is_none() && self.application.is_none()
    }

    fn enter(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.sequence = Sequence::default();
    }

    /// Opens with the current keys, or with those that come after them.
    fn open(&mut self, parameters: Parameters, sealed: &Sealed<'_>, out: &mut [u8]) -> Result<(), OpenError> {
        if self.sequence.is_hopeless() {
            return Err(OpenError::OutOfStep);
        }
        let was_lost = self.sequence.is_lost();
        let was_start = self.sequence.is_start();
        let current = match self.epoch {
            Epoch::Early => self.early.as_ref(),
            Epoch::Handshake => self.handshake.as_ref(),
            Epoch::Application => self.application.as_ref().map(|generation| &generation.keys),
        };
        let has_key = current.is_some();
        if let Some(keys) = current
            && self.sequence.search(None, |number| keys.open(number, sealed, out))
        {
            return Ok(());
        }
        if self.open_with_later_keys(parameters, sealed, out) {
            return Ok(());
        }
        if was_start && !was_lost {
            // It may belong to other keys than these, such as early data: the count of these has not begun.
            self.sequence = Sequence::default();
        }
        Err(match (was_lost, has_key) {
            (true, _) => OpenError::OutOfStep,
            (false, false) => OpenError::NoSecret,
            (false, true) => OpenError::BadRecordMac,
        })
    }

    /// Tries the keys that a lost message may have announced, and keeps to those that open the record.
    fn open_with_later_keys(&mut self, parameters: Parameters, sealed: &Sealed<'_>, out: &mut [u8]) -> bool {
        let was_lost = self.sequence.is_lost();
        let mut opens = |keys: &Keys| {
            let mut sequence = Sequence::default();
            if was_lost {
                sequence.lose();
            }
            sequence.search(None, |number| keys.open(number, sealed, out)).then_some(sequence)
        };
        if self.epoch == Epoch::Application {
            let Some(next) = self.application.as_ref().and_then(|current| current.next(parameters)) else {
                return false;
            };
            let Some(sequence) = opens(&next.keys) else { return false };
            self.application = Some(next);
            self.sequence = sequence;
            return true;
        }
        let handshake = self.handshake.as_ref().filter(|_| self.epoch == Epoch::Early);
        let application = self.application.as_ref().map(|generation| &generation.keys);
        for (epoch, keys) in [(Epoch::Handshake, handshake), (Epoch::Application, application)] {
            if let Some(sequence) = keys.and_then(&mut opens) {
                (self.epoch, self.sequence) = (epoch, sequence);
                return true;
            }
        }
        false
    }
}

impl Keys {
    /// RFC 8446, 7.3. None if the secret does not have the length of the suite's hash.
    fn new(parameters: Parameters, secret: &[u8]) -> Option<Self> {
        if secret.len() != parameters.hash.len() {
            return None;
        }
        let mut key = Zeroizing::new([0; 32]);
        let key = key.get_mut(..usize::from(parameters.key_len))?;
        let mut iv = [0; 12];
        expand_label(parameters.hash, secret, b"key", key)?;
        let iv_len = usize::from(parameters.fixed_iv_len(Version::TLS_1_3));
        expand_label(parameters.hash, secret, b"iv", iv.get_mut(..iv_len)?)?;
        Some(Self { aead: Aead::new(parameters, key)?, iv })
    }

    /// RFC 8446, 5.2 and 5.3: the header is authenticated, the nonce is the vector xored with the record's number.
    fn open(&self, number: u64, sealed: &Sealed<'_>, out: &mut [u8]) -> bool {
        let mut nonce = self.iv;
        for (byte, other) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *byte ^= other;
        }
        self.aead.open(nonce, sealed.authenticated, sealed.ciphertext, sealed.tag, out)
    }
}

impl Generation {
    fn new(parameters: Parameters, secret: Zeroizing<Vec<u8>>) -> Option<Self> {
        Some(Self { keys: Keys::new(parameters, &secret)?, secret })
    }

    /// RFC 8446, 7.2.
    fn next(&self, parameters: Parameters) -> Option<Self> {
        let mut secret = Zeroizing::new(vec![0; self.secret.len()]);
        expand_label(parameters.hash, &self.secret, b"traffic upd", &mut secret)?;
        Self::new(parameters, secret)
    }
}
