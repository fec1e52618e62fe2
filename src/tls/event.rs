//! What a TLS connection shows, one event a message: its kind by the report's name and a detail of one line. Large bodies
//! are shared, so that an event stays small.

use super::alert::Alert;
use super::codes::{HandshakeType, SignatureScheme};
use super::foreign::Foreign;
use super::hello::{ClientHello, Grouped, ServerHello};
use super::infer::Inference;
use super::message::{CertificateRequest, Chain, ServerKeyExchange};
use crate::pack::packed;
use std::fmt;
use std::sync::Arc;

/// One message, or one fact about the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client's offer.
    ClientHello(Arc<ClientHello>),
    /// The server wants the client to begin again (TLS 1.3).
    HelloRetryRequest(Arc<ServerHello>),
    /// The server's choice.
    ServerHello(Arc<ServerHello>),
    /// The rest of the server's choice (TLS 1.3).
    EncryptedExtensions {
        /// The application protocol.
        alpn: Option<Box<str>>,
    },
    /// A side's certificates; none: it has none to give.
    Certificate(Chain),
    /// The server's part of the key exchange (TLS 1.2).
    ServerKeyExchange(ServerKeyExchange),
    /// The server asks for the client's certificate.
    CertificateRequest(Arc<CertificateRequest>),
    /// The end of the server's flight (TLS 1.2).
    ServerHelloDone,
    /// The client's part of the key exchange (TLS 1.2).
    ClientKeyExchange {
        /// The message's length without its header, in bytes.
        length: u32,
    },
    /// A side proves that it has the key of its certificate.
    CertificateVerify {
        /// How; not said before TLS 1.2.
        scheme: Option<SignatureScheme>,
    },
    /// From here on the sender encrypts (TLS 1.2); a mere disguise in TLS 1.3.
    ChangeCipherSpec,
    /// The sender is done with the handshake.
    Finished {
        /// The message's length without its header, in bytes.
        length: u32,
    },
    /// The server asks for another handshake (TLS 1.2).
    HelloRequest,
    /// A ticket with which the client may resume.
    NewSessionTicket {
        /// For how many seconds.
        lifetime: u32,
        /// The ticket's length in bytes.
        length: u32,
    },
    /// The state of the server's certificate by its authority (OCSP).
    CertificateStatus {
        /// The message's length without its header, in bytes.
        length: u32,
    },
    /// The sender takes new keys (TLS 1.3).
    KeyUpdate {
        /// 1: the peer should do the same.
        request: u8,
    },
    /// The end of the data that was sent before the handshake (TLS 1.3).
    EndOfEarlyData,
    /// Another message of the handshake.
    Handshake {
        /// What it is.
        kind: HandshakeType,
        /// Its length without its header, in bytes.
        length: u32,
    },
    /// A message of the handshake that could not be read.
    Unread {
        /// What it is.
        kind: HandshakeType,
        /// Its length without its header, in bytes.
        length: u32,
        /// Why.
        why: Unread,
    },
    /// An encrypted record of the handshake.
    EncryptedHandshake {
        /// The record's length, in bytes.
        length: u32,
        /// Whether it is the first behind ChangeCipherSpec: the place of Finished (RFC 5246, 7.4.9).
        is_finished: bool,
    },
    /// The first application data of a side.
    ApplicationData {
        /// The record's length, in bytes.
        length: u32,
    },
    /// An alert that could be read.
    Alert(Alert),
    /// A record that is an alert by its type (TLS 1.2); what it says is encrypted.
    EncryptedAlert {
        /// The record's length, in bytes.
        length: u32,
    },
    /// What an encrypted record of TLS 1.3 must be, by its length, place and time.
    Inferred(Inference),
    /// A side speaks something else. Nothing more of it is read.
    NotTls(Foreign),
    /// Bytes that should have been the header of a record.
    Garbage {
        /// These bytes.
        bytes: [u8; 5],
    },
    /// The stream is readable again after a gap, or after garbage.
    Resynchronised {
        /// So many bytes were passed over.
        skipped: u64,
    },
}

packed! {
    enum Event {
        ClientHello(what), HelloRetryRequest(what), ServerHello(what), EncryptedExtensions { alpn }, Certificate(what),
        ServerKeyExchange(what), CertificateRequest(what), ServerHelloDone, ClientKeyExchange { length },
        CertificateVerify { scheme }, ChangeCipherSpec, Finished { length }, HelloRequest,
        NewSessionTicket { lifetime, length }, CertificateStatus { length }, KeyUpdate { request }, EndOfEarlyData,
        Handshake { kind, length }, Unread { kind, length, why }, EncryptedHandshake { length, is_finished },
        ApplicationData { length }, Alert(what), EncryptedAlert { length }, Inferred(what), NotTls(what),
        Garbage { bytes }, Resynchronised { skipped },
    }
}

/// Why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unread {
    /// Its fields contradict its length.
    Malformed,
    /// The capture lacks a part of it.
    Cut,
    /// It is longer than what is kept.
    TooLong,
}

packed! { enum Unread { Malformed, Cut, TooLong } }

impl Event {
    /// The report's name of this kind of event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientHello(_) => "client_hello",
            Self::HelloRetryRequest(_) => "hello_retry_request",
            Self::ServerHello(_) => "server_hello",
            Self::EncryptedExtensions { .. } => "encrypted_extensions",
            Self::Certificate(_) => "certificate",
            Self::ServerKeyExchange(_) => "server_key_exchange",
            Self::CertificateRequest(_) => "certificate_request",
            Self::ServerHelloDone => "server_hello_done",
            Self::ClientKeyExchange { .. } => "client_key_exchange",
            Self::CertificateVerify { .. } => "certificate_verify",
            Self::ChangeCipherSpec => "change_cipher_spec",
            Self::Finished { .. } => "finished",
            Self::HelloRequest => "hello_request",
            Self::NewSessionTicket { .. } => "new_session_ticket",
            Self::CertificateStatus { .. } => "certificate_status",
            Self::KeyUpdate { .. } => "key_update",
            Self::EndOfEarlyData => "end_of_early_data",
            Self::Unread { why: Unread::Malformed, .. } | Self::Garbage { .. } => "malformed",
            Self::Handshake { kind, .. } | Self::Unread { kind, .. } => kind.name().unwrap_or("handshake"),
            Self::EncryptedHandshake { .. } => "encrypted_handshake",
            Self::ApplicationData { .. } => "application_data",
            Self::Alert(_) => "alert",
            Self::EncryptedAlert { .. } => "encrypted_alert",
            Self::Inferred(inference) => inference.reading.event_name(),
            Self::NotTls(_) => "not_tls",
            Self::Resynchronised { .. } => "resynchronised",
        }
    }
}

/// The detail of an event in one line; empty where the name says all.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientHello(hello) => hello.fmt(f),
            Self::HelloRetryRequest(hello) | Self::ServerHello(hello) => hello.fmt(f),
            Self::EncryptedExtensions { alpn: Some(protocol) } => write!(f, "ALPN {protocol}"),
            Self::Certificate(chain) => match chain.as_ref() {
                [] => f.write_str("no certificate"),
                [own] => own.fmt(f),
                [own, issuers @ ..] => write!(f, "{own}, and {} more", issuers.len()),
            },
            Self::ServerKeyExchange(ServerKeyExchange { group: Some(group), .. }) => group.fmt(f),
            Self::ServerKeyExchange(ServerKeyExchange { prime_bits: Some(bits), .. }) => {
                write!(f, "prime of {bits} bits")
            }
            Self::CertificateRequest(request) => match request.authorities.as_slice() {
                [] => f.write_str("of any authority"),
                [only] => write!(f, "issued by {only}"),
                [first, ..] => write!(f, "issued by {first}, or {} others", request.authority_count - 1),
            },
            Self::CertificateVerify { scheme: Some(scheme) } => scheme.fmt(f),
            Self::NewSessionTicket { lifetime, length } => {
                write!(f, "good for {lifetime} s, {} bytes", Grouped(*length))
            }
            Self::KeyUpdate { request: 1 } => f.write_str("the peer is to do the same"),
            Self::Handshake { kind, length } => write!(f, "{kind}, {} bytes", Grouped(*length)),
            Self::Unread { kind, length, why } => {
                let why = match why {
                    Unread::Malformed => "its fields contradict its length",
                    Unread::Cut => "the capture lacks a part of it",
                    Unread::TooLong => "too long to keep",
                };
                write!(f, "{kind}, {} bytes, {why}", Grouped(*length))
            }
            Self::EncryptedHandshake { length, is_finished: true } => {
                write!(f, "Finished by its place, {} bytes", Grouped(*length))
            }
            Self::CertificateStatus { length }
            | Self::EncryptedHandshake { length, .. }
            | Self::ApplicationData { length }
            | Self::EncryptedAlert { length } => write!(f, "{} bytes", Grouped(*length)),
            Self::Alert(alert) => alert.fmt(f),
            Self::Inferred(inference) => inference.fmt(f),
            Self::NotTls(foreign) => foreign.fmt(f),
            Self::Garbage { bytes } => write!(f, "no record begins with {}", super::fingerprint::hex(bytes)),
            Self::Resynchronised { skipped } => write!(f, "readable again after {skipped} bytes"),
            Self::EncryptedExtensions { alpn: None }
            | Self::ServerKeyExchange(_)
            | Self::ServerHelloDone
            | Self::ClientKeyExchange { .. }
            | Self::CertificateVerify { scheme: None }
            | Self::ChangeCipherSpec
            | Self::Finished { .. }
            | Self::HelloRequest
            | Self::KeyUpdate { .. }
            | Self::EndOfEarlyData => Ok(()),
        }
    }
}
