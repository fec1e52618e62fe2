//! What a stream that is no TLS looks like by its first bytes. Nothing is parsed beyond the sign by which it is known.

use crate::pack::packed;
use std::fmt;

/// How many bytes are looked at, at most.
pub(super) const LOOK_LEN: usize = 16;

/// What speaks where TLS was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Foreign {
    /// An MQTT CONNECT in clear.
    Mqtt,
    /// An HTTP request.
    HttpRequest,
    /// An HTTP response.
    HttpResponse,
    /// The banner of an SSH server or client.
    Ssh,
    /// The banner of a mail server (SMTP, IMAP or POP3) or an FTP server.
    TextBanner,
    /// The PROXY protocol in front of whatever follows, version 1 (text) or 2 (binary).
    ProxyProtocol,
    /// Something else.
    Unknown,
}

packed! { enum Foreign { Mqtt, HttpRequest, HttpResponse, Ssh, TextBanner, ProxyProtocol, Unknown } }

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mqtt => "an MQTT CONNECT in clear",
            Self::HttpRequest => "an HTTP request",
            Self::HttpResponse => "an HTTP response",
            Self::Ssh => "an SSH banner",
            Self::TextBanner => "the text banner of a mail or FTP server",
            Self::ProxyProtocol => "a PROXY protocol header",
            Self::Unknown => "unknown bytes",
        })
    }
}

/// What the first bytes of a stream open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Tls,
    /// A ClientHello in the form of SSL 2.0 (RFC 5246, E.2), `length` bytes behind its header of two.
    SslV2Hello {
        length: u16,
    },
    Foreign(Foreign),
    /// More bytes are needed.
    Unclear,
}

/// Texts that give a protocol away.
const TEXTS: &[(&[u8], Foreign)] = &[
    (b"GET ", Foreign::HttpRequest),
    (b"HEAD ", Foreign::HttpRequest),
    (b"POST ", Foreign::HttpRequest),
    (b"PUT ", Foreign::HttpRequest),
    (b"DELETE ", Foreign::HttpRequest),
    (b"OPTIONS ", Foreign::HttpRequest),
    (b"CONNECT ", Foreign::HttpRequest),
    (b"TRACE ", Foreign::HttpRequest),
    (b"PATCH ", Foreign::HttpRequest),
    (b"PRI * HTTP/2", Foreign::HttpRequest),
    (b"HTTP/", Foreign::HttpResponse),
    (b"SSH-", Foreign::Ssh),
    (b"220", Foreign::TextBanner),
    (b"* OK", Foreign::TextBanner),
    (b"+OK", Foreign::TextBanner),
    (b"EHLO ", Foreign::TextBanner),
    (b"PROXY ", Foreign::ProxyProtocol),
    (b"\r\n\r\n\0\r\nQUIT\n", Foreign::ProxyProtocol),
];

/// What a stream that begins with `bytes` is. Looks at no more than [`LOOK_LEN`] of them: that many always suffice.
pub(super) fn opening(bytes: &[u8]) -> Opening {
    match bytes {
        [] | [20..=24 | 0x80..=0xff] => Opening::Unclear,
        [20..=24, 3, ..] => Opening::Tls,
        [high @ 0x80..=0xff, low, rest @ ..] => ssl_v2_hello(*high, *low, rest),
        [0x10, rest @ ..] => mqtt_connect(rest),
        _ => text(bytes),
    }
}

fn text(bytes: &[u8]) -> Opening {
    if let Some((_, foreign)) = TEXTS.iter().find(|(sign, _)| bytes.starts_with(sign)) {
        return Opening::Foreign(*foreign);
    }
    let may_become = TEXTS.iter().any(|(sign, _)| sign.starts_with(bytes));
    if may_become { Opening::Unclear } else { Opening::Foreign(Foreign::Unknown) }
}

/// The bytes behind 0x10: a remaining length of one to four bytes, then the protocol's name (MQTT 3.1.1, 3.1).
fn mqtt_connect(bytes: &[u8]) -> Opening {
    let length_len = bytes.iter().take(4).take_while(|byte| **byte >= 0x80).count() + 1;
    let Some(name) = bytes.get(length_len..) else { return Opening::Unclear };
    let names: [&[u8]; 2] = [b"\0\x04MQTT", b"\0\x06MQIsdp"];
    if names.iter().any(|sign| name.starts_with(sign)) {
        Opening::Foreign(Foreign::Mqtt)
    } else if names.iter().any(|sign| sign.starts_with(name)) {
        Opening::Unclear
    } else {
        Opening::Foreign(Foreign::Unknown)
    }
}

/// The bytes behind a length of two bytes with its highest bit set: type 1, then a version.
fn ssl_v2_hello(high: u8, low: u8, rest: &[u8]) -> Opening {
    match *rest {
        [] | [1] | [1, 0 | 3] => Opening::Unclear,
        [1, 0, 2, ..] | [1, 3, 0..=4, ..] => Opening::SslV2Hello { length: u16::from_be_bytes([high & 0x7f, low]) },
        _ => Opening::Foreign(Foreign::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer, and after how many bytes it was there.
    fn told(bytes: &[u8]) -> (Opening, usize) {
        (0..=bytes.len())
            .map(|len| (opening(bytes.get(..len).unwrap_or_default()), len))
            .find(|(opening, _)| *opening != Opening::Unclear)
            .unwrap_or((Opening::Unclear, bytes.len()))
    }

    #[test]
    fn protocols_are_known_by_their_first_bytes() {
        let foreign = |bytes: &[u8]| told(bytes).0;
        assert_eq!(foreign(b"\x16\x03\x01\x02\x00"), Opening::Tls);
        assert_eq!(foreign(b"\x10\x10\x00\x04MQTT\x04\x02"), Opening::Foreign(Foreign::Mqtt));
        assert_eq!(foreign(b"\x10\x80\x01\x00\x06MQIsdp\x03"), Opening::Foreign(Foreign::Mqtt));
        assert_eq!(foreign(b"GET / HTTP/1.1\r\n"), Opening::Foreign(Foreign::HttpRequest));
        assert_eq!(foreign(b"HTTP/1.1 400 Bad Request"), Opening::Foreign(Foreign::HttpResponse));
        assert_eq!(foreign(b"SSH-2.0-OpenSSH_9.2"), Opening::Foreign(Foreign::Ssh));
        assert_eq!(foreign(b"220 mail.example ESMTP"), Opening::Foreign(Foreign::TextBanner));
        assert_eq!(foreign(b"PROXY TCP4 192.0.2.1"), Opening::Foreign(Foreign::ProxyProtocol));
        assert_eq!(foreign(b"\r\n\r\n\0\r\nQUIT\n\x21\x11"), Opening::Foreign(Foreign::ProxyProtocol));
        assert_eq!(foreign(b"\x80\x2e\x01\x03\x01"), Opening::SslV2Hello { length: 46 });
        assert_eq!(foreign(b"hello"), Opening::Foreign(Foreign::Unknown));
        assert_eq!(foreign(b"\x16\x02"), Opening::Foreign(Foreign::Unknown));
    }

    #[test]
    fn the_answer_never_needs_more_than_the_window() {
        for first in 0..=255u8 {
            for second in [0, 1, 0x80, 0xff] {
                let mut bytes = [second; LOOK_LEN];
                bytes[0] = first;
                assert_ne!(told(&bytes).0, Opening::Unclear, "{bytes:02x?}");
            }
        }
    }
}
