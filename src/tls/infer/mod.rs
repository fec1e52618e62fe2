//! What the encrypted records of TLS 1.3 must be, without keys: by their lengths, their order and their time.
//!
//! In TLS 1.3 all records behind the ServerHello look alike (RFC 8446, 5.2: outer type 23), alerts too. But a Finished has
//! the length of a hash, an alert two bytes, and each side speaks in its turn. The lengths of records come in, readings go
//! out, each with its confidence; padding and shared records lower it. Nothing here is ever proven.

mod closing;
mod flights;

pub(super) use closing::Closing;
pub(super) use flights::Flights;

use super::PlaintextLen;
use super::hello::Grouped;
use crate::evidence::Confidence;
use crate::net::Side;
use crate::pack::packed;
use crate::stream::Moment;
use std::fmt;

/// What an encrypted record is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// EncryptedExtensions.
    EncryptedExtensions,
    /// CertificateRequest.
    CertificateRequest,
    /// Certificate, perhaps with the CertificateVerify in the same record.
    Certificate,
    /// An empty Certificate: asked for one, and has none.
    NoCertificate,
    /// An empty Certificate and Finished in one record.
    NoCertificateAndFinished,
    /// CertificateVerify.
    CertificateVerify,
    /// Finished.
    Finished,
    /// A side's whole flight in one record, or its last part: Finished is in it.
    FlightEnd,
    /// A part of the handshake that cannot be told apart.
    Handshake,
    /// The end of the data that was sent before the handshake.
    EndOfEarlyData,
    /// A ticket with which the client may resume.
    NewSessionTicket,
    /// An alert.
    Alert,
}

packed! {
    enum Reading {
        EncryptedExtensions, CertificateRequest, Certificate, NoCertificate, NoCertificateAndFinished,
        CertificateVerify, Finished, FlightEnd, Handshake, EndOfEarlyData, NewSessionTicket, Alert,
    }
}

impl Reading {
    /// The report's name of the event.
    #[must_use]
    pub const fn event_name(self) -> &'static str {
        match self {
            Self::EncryptedExtensions => "encrypted_extensions",
            Self::CertificateRequest => "certificate_request",
            Self::Certificate | Self::NoCertificate => "certificate",
            Self::CertificateVerify => "certificate_verify",
            Self::Finished => "finished",
            Self::NoCertificateAndFinished | Self::FlightEnd | Self::Handshake => "encrypted_handshake",
            Self::EndOfEarlyData => "end_of_early_data",
            Self::NewSessionTicket => "new_session_ticket",
            Self::Alert => "encrypted_alert",
        }
    }

    /// Whether the sender's Finished is in the record.
    #[must_use]
    pub const fn holds_finished(self) -> bool {
        matches!(self, Self::Finished | Self::NoCertificateAndFinished | Self::FlightEnd)
    }

    /// What would make it wrong.
    #[must_use]
    pub const fn unless(self) -> &'static str {
        match self {
            Self::Alert => "unless it is a control packet of two bytes",
            Self::NewSessionTicket => "unless the server spoke first, or its CONNACK has many properties",
            Self::FlightEnd => "unless messages were padded or more records of the flight follow",
            _ => "unless records were padded or messages share them in another way",
        }
    }
}

/// A reading of one encrypted record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inference {
    /// What it is taken for.
    pub reading: Reading,
    /// The record's length, in bytes.
    pub length: u32,
    /// How sure that is.
    pub confidence: Confidence,
}

packed! { struct Inference { reading, length, confidence } }

/// `empty Certificate, by its length of 25 bytes`.
impl fmt::Display for Inference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reading {
            Reading::NoCertificate => "empty, ",
            Reading::NoCertificateAndFinished => "empty Certificate and Finished, ",
            Reading::FlightEnd => "up to Finished, ",
            _ => "",
        })?;
        write!(f, "by a record of {} bytes", Grouped(self.length))?;
        if self.confidence < Confidence::Likely {
            write!(f, ", {}", self.reading.unless())?;
        }
        Ok(())
    }
}

/// An encrypted record of TLS 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) by: Side,
    /// The length in its header, in bytes.
    pub(super) length: u32,
    /// The length of what is in it, if there is no padding.
    pub(super) content: u32,
    /// How many bytes of plaintext it holds: the same with an AEAD suite, else a range.
    pub(super) plaintext: PlaintextLen,
    pub(super) began: Moment,
    pub(super) ended: Moment,
}

packed! { struct Sealed { by, length, content, plaintext, began, ended } }

impl Sealed {
    /// The same record, of which so many bytes are known to be padding (RFC 8446, 5.4).
    pub(super) const fn without_padding(mut self, padding: u32) -> Self {
        self.content = self.content.saturating_sub(padding);
        self.plaintext.min = self.plaintext.min.saturating_sub(padding);
        self.plaintext.max = self.plaintext.max.saturating_sub(padding);
        self
    }

    /// This record and the one that goes on with its message, as if they were one.
    pub(super) fn joined(&self, next: &Self) -> Self {
        Self {
            by: self.by,
            length: self.length.saturating_add(next.length),
            content: self.content.saturating_add(next.content),
            plaintext: PlaintextLen {
                min: self.plaintext.min.saturating_add(next.plaintext.min),
                max: self.plaintext.max.saturating_add(next.plaintext.max),
            },
            began: self.began,
            ended: next.ended,
        }
    }
}

/// What became of a record: part of the handshake (or an alert), or application data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Read(Sealed, Reading, Confidence),
    Application(Sealed),
}

/// The length of an alert (RFC 8446, 6), and of the smallest control packets of MQTT.
const ALERT_LEN: u32 = 2;
