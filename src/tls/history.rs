//! The order of the messages as a string of Zeek's letters (ssl.log, `ssl_history`): upper case from the client, lower
//! case from the server. Only what was read counts; an inferred message has no letter.

use super::event::Event;
use crate::net::Side;
use crate::pack::packed;
use std::fmt;

/// Zeek stops there too.
const MAX_LEN: usize = 100;

/// As many as most connections have: room for them is made at once.
const USUAL: usize = 24;

/// `CsxkrnXGYIFift…`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(String);

packed! { struct History(_) }

impl History {
    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn note(&mut self, by: Side, event: &Event) {
        if let Some(letter) = letter(event) {
            self.push(by, letter);
        }
    }

    pub(super) fn push(&mut self, by: Side, letter: char) {
        if self.0.capacity() == 0 {
            self.0.reserve_exact(USUAL);
        }
        if self.0.len() < MAX_LEN {
            self.0.push(match by {
                Side::Client => letter,
                Side::Server => letter.to_ascii_lowercase(),
            });
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn letter(event: &Event) -> Option<char> {
    Some(match event {
        Event::HelloRequest => 'H',
        Event::ClientHello(_) => 'C',
        Event::ServerHello(_) => 'S',
        Event::HelloRetryRequest(_) => 'J',
        Event::EncryptedExtensions { .. } => 'O',
        Event::Certificate(_) => 'X',
        Event::ServerKeyExchange(_) => 'K',
        Event::CertificateRequest(_) => 'R',
        Event::ServerHelloDone => 'N',
        Event::CertificateVerify { .. } => 'Y',
        Event::ClientKeyExchange { .. } => 'G',
        Event::Finished { .. } => 'F',
        Event::NewSessionTicket { .. } => 'T',
        Event::CertificateStatus { .. } => 'U',
        Event::EndOfEarlyData => 'E',
        Event::KeyUpdate { .. } => 'P',
        Event::ChangeCipherSpec => 'I',
        Event::ApplicationData { .. } => 'D',
        Event::Alert(_) | Event::EncryptedAlert { .. } => 'L',
        Event::Handshake { .. } | Event::EncryptedHandshake { .. } | Event::Unread { .. } => 'Z',
        Event::Inferred(_) | Event::NotTls(_) | Event::Garbage { .. } | Event::Resynchronised { .. } => return None,
    })
}
