//! Who may ask: who knows the token; where there is none, who asks this machine by a name of its own.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::Arc;

/// The user that browsers send the token for.
const USER: &str = "iotcap";

/// Who may ask.
#[derive(Clone, Debug)]
pub(in crate::daemon) enum Access {
    /// Who sends one of these in `Authorization`: the token as a bearer's, or as a password.
    Token([[u8; 32]; 2]),
    /// Who names this machine `localhost` or by a loopback address.
    Loopback,
    /// Everybody who reaches it: the file system says who may open the socket.
    Socket,
}

impl Access {
    /// With this token.
    pub(in crate::daemon) fn with_token(token: &str) -> Self {
        let basic = format!("Basic {}", base64(format!("{USER}:{token}").as_bytes()));
        Self::Token([format!("Bearer {token}"), basic].map(|header| Sha256::digest(header).into()))
    }

    fn allows(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Socket => true,
            Self::Loopback => headers.get(header::HOST).is_none_or(|host| host.to_str().is_ok_and(is_loopback)),
            Self::Token(expected) => {
                let Some(given) = headers.get(header::AUTHORIZATION) else { return false };
                let given: [u8; 32] = Sha256::digest(given.as_bytes()).into();
                expected.iter().any(|expected| verify_slices_are_equal(expected, &given).is_ok())
            }
        }
    }
}

/// Lets through who may ask.
pub(super) async fn check(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    if access.allows(request.headers()) {
        return next.run(request).await;
    }
    match *access {
        Access::Token(_) => {
            let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"iotcap\"")];
            (StatusCode::UNAUTHORIZED, challenge, "the token is missing or wrong\n").into_response()
        }
        _ => (StatusCode::FORBIDDEN, "ask for this machine as localhost or by its loopback address\n").into_response(),
    }
}

/// Whether a `Host` header names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// RFC 4648, 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0, |word, index| word << 8 | u32::from(chunk.get(index).copied().unwrap_or_default()));
        for index in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * index) & 0x3f) as usize];
            text.push(if index <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in vectors {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn the_token_opens_as_a_bearers_and_as_a_password() {
        let access = Access::with_token("secret");
        let asked = |value| access.allows(&headers(header::AUTHORIZATION, value));
        assert!(asked("Bearer secret"));
        // What `curl -u iotcap:secret` sends.
        assert!(asked("Basic aW90Y2FwOnNlY3JldA=="));
        assert!(!asked("Bearer secre") && !asked("secret") && !asked("Bearer "));
        assert!(!access.allows(&HeaderMap::new()));
    }

    #[test]
    fn on_loopback_a_strangers_name_opens_nothing() {
        let asked = |value| Access::Loopback.allows(&headers(header::HOST, value));
        for host in ["localhost", "localhost:9464", "127.0.0.1:9464", "127.0.0.1", "[::1]:9464", "[::1]"] {
            assert!(asked(host), "{host}");
        }
        for host in ["evil.example", "evil.example:9464", "192.0.2.1:9464", "localhost.evil.example", ""] {
            assert!(!asked(host), "{host}");
        }
    }
}
