//! What is known of a TLS connection so far: for reports, and for the rules that judge it. Nothing here is a judgement
//! but what [`Basis`] says is inferred.

use super::alert::{Alert, AlertDescription};
use super::codes::{NamedGroup, Version};
use super::foreign::Foreign;
use super::hello::{ClientHello, ServerHello};
use super::history::History;
use super::message::{CertificateRequest, Chain};
use super::record::PartialRecord;
use super::suite::CipherSuite;
use crate::evidence::Basis;
use crate::net::{PerSide, Side};
use crate::pack::packed;
use crate::stream::Moment;
use std::sync::Arc;

/// The most alerts of a connection that are kept; more are counted.
const MAX_ALERTS: usize = 16;

/// What one connection has shown.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The first ClientHello.
    pub client_hello: Option<Arc<ClientHello>>,
    /// When the first ClientHello began.
    pub client_hello_began: Option<Moment>,
    /// When the first ClientHello ended.
    pub client_hello_at: Option<Moment>,
    /// The HelloRetryRequest.
    pub hello_retry: Option<Arc<ServerHello>>,
    /// The ServerHello that counts.
    pub server_hello: Option<Arc<ServerHello>>,
    /// When that ServerHello ended.
    pub server_hello_at: Option<Moment>,
    /// The group of the key exchange.
    pub group: Option<NamedGroup>,
    /// The application protocol that was agreed on; TLS 1.3 encrypts it.
    pub alpn: Option<Box<str>>,
    /// Whether an earlier session was resumed.
    pub resumed: Resumed,
    /// Both sides' certificates, where they were readable.
    pub certificates: PerSideChain,
    /// The request for the client's certificate, where it was readable.
    pub certificate_request: Option<Arc<CertificateRequest>>,
    /// Whether the server asked for the client's certificate, and how that is known.
    pub certificate_requested: Option<(bool, Basis)>,
    /// What became of the client's certificate, and how that is known.
    pub client_certificate: (ClientCertificate, Option<Basis>),
    /// ChangeCipherSpec of each side.
    pub change_cipher_spec: PerSide<Option<Moment>>,
    /// Finished of each side.
    pub finished: PerSide<Option<Mark>>,
    /// The last byte of the server's flight so far, as long as the client had not answered it.
    pub server_flight_ended: Option<Moment>,
    /// The first byte of the client's answer to the server's flight; its ChangeCipherSpec does not count.
    pub client_flight_began: Option<Moment>,
    /// The first application data of each side. Tickets and alerts are none.
    pub first_application: PerSide<Option<Mark>>,
    /// The first proof that the server accepted the handshake: a record behind the client's Finished that is not of the
    /// size of an alert (TLS 1.3), or its own Finished in a full handshake (TLS 1.2).
    pub server_accepted: Option<Mark>,
    /// The first alerts, in their order.
    pub alerts: Vec<AlertSeen>,
    /// How many alerts are not in that list.
    pub alerts_dropped: u32,
    /// The last alert of each side.
    pub last_alert: PerSide<Option<AlertSeen>>,
    /// close_notify of each side.
    pub close_notify: PerSide<Option<Mark>>,
    /// What a side speaks that is no TLS.
    pub not_tls: PerSide<Option<(Foreign, Moment)>>,
    /// The letters of what was read, in order.
    pub history: History,
    /// Each side's records.
    pub records: PerSide<Records>,
    /// The record that has begun and not ended.
    pub partial: PerSide<Option<PartialRecord>>,
    /// Whether some of the connection was decrypted.
    pub decrypted: bool,
    /// Records that stayed closed although there was a secret: for another part, or they do not authenticate.
    pub not_opened: u32,
    /// How often a side's stream was lost and found again.
    pub resynchronised: u32,
    /// Messages and headers that contradict themselves.
    pub malformed: u32,
}

packed! {
    struct Facts {
        client_hello, client_hello_began, client_hello_at, hello_retry, server_hello, server_hello_at, group, alpn,
        resumed, certificates, certificate_request, certificate_requested, client_certificate, change_cipher_spec,
        finished, server_flight_ended, client_flight_began, first_application, server_accepted, alerts, alerts_dropped,
        last_alert, close_notify, not_tls, history, records, partial, decrypted, not_opened, resynchronised, malformed,
    }
}

impl Facts {
    /// The version that was agreed on.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.server_hello.as_ref().map(|hello| hello.version)
    }

    /// The cipher suite that was agreed on.
    #[must_use]
    pub fn cipher(&self) -> Option<CipherSuite> {
        self.server_hello.as_ref().map(|hello| hello.cipher)
    }

    /// Whether any record or hello was seen: whether this is TLS at all.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        Side::BOTH.iter().any(|side| self.records[*side].count > 0)
    }

    /// Whether both sides are done with the handshake, read or inferred.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.finished.client.is_some() && self.finished.server.is_some()
    }

    pub(super) fn note_alert(&mut self, seen: AlertSeen) {
        let is_close = seen.alert.is_some_and(|alert| alert.description == AlertDescription::CLOSE_NOTIFY);
        if is_close {
            self.close_notify[seen.by].get_or_insert(Mark { at: seen.at, basis: seen.basis });
        }
        self.last_alert[seen.by] = Some(seen);
        if self.alerts.len() < MAX_ALERTS {
            self.alerts.push(seen);
        } else {
            self.alerts_dropped += 1;
        }
    }
}

/// Something that happened, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When it was complete.
    pub at: Moment,
    /// Read or inferred.
    pub basis: Basis,
}

packed! { struct Mark { at, basis } }

/// Whether an earlier session was resumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Resumed {
    /// The capture does not tell.
    #[default]
    Unknown,
    /// A full handshake.
    No,
    /// By its session id (RFC 5246, 7.3).
    BySessionId,
    /// By a ticket (RFC 5077).
    ByTicket,
    /// By a pre-shared key (RFC 8446, 2.2).
    ByPreSharedKey,
}

packed! { enum Resumed { Unknown, No, BySessionId, ByTicket, ByPreSharedKey } }

impl Resumed {
    /// Whether a session was resumed; none: the capture does not tell.
    #[must_use]
    pub const fn is_resumed(self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::No => Some(false),
            Self::BySessionId | Self::ByTicket | Self::ByPreSharedKey => Some(true),
        }
    }
}

/// What became of the client's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientCertificate {
    /// The capture does not tell.
    #[default]
    Unknown,
    /// The server did not ask for one.
    NotRequested,
    /// It was asked for, and the client had none.
    Missing,
    /// It was sent.
    Sent,
}

packed! { enum ClientCertificate { Unknown, NotRequested, Missing, Sent } }

impl ClientCertificate {
    /// The contract's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotRequested => "not-requested",
            Self::Missing => "missing",
            Self::Sent => "sent",
        }
    }
}

/// An alert as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertSeen {
    /// Its sender.
    pub by: Side,
    /// When.
    pub at: Moment,
    /// What it says; none where it is encrypted.
    pub alert: Option<Alert>,
    /// Whether it was encrypted on the wire.
    pub encrypted: bool,
    /// Whether it is an alert by its type, or by its size.
    pub basis: Basis,
}

packed! { struct AlertSeen { by, at, alert, encrypted, basis } }

/// One side's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// How many.
    pub count: u64,
    /// How many of them were application data, by their type or by inference.
    pub application: u64,
    /// The bytes in the bodies of those.
    pub application_bytes: u64,
    /// The longest body, in bytes.
    pub longest: u16,
    /// When the last one ended.
    pub last: Option<Moment>,
}

packed! { struct Records { count, application, application_bytes, longest, last } }

/// Both sides' certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerSideChain {
    /// The client's.
    pub client: Option<Chain>,
    /// The server's.
    pub server: Option<Chain>,
}

packed! { struct PerSideChain { client, server } }

impl PerSideChain {
    /// The chain of one side.
    #[must_use]
    pub fn of(&self, side: Side) -> Option<&Chain> {
        match side {
            Side::Client => self.client.as_ref(),
            Side::Server => self.server.as_ref(),
        }
    }
}
