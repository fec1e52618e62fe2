//! OTLP over HTTP/1.1, with TLS where the address asks for it: a request comes in, the collector's answer goes out. One
//! connection, kept while it works.

use super::settings::Settings;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It may go well another time, but not sooner than the collector says.
    Later(String, Option<Duration>),
    /// It never will.
    Never(String),
}

/// A way to one collector. To be used inside one runtime.
#[derive(Debug)]
pub(super) struct Client<'a> {
    settings: &'a Settings,
    connection: Option<SendRequest<Full<Bytes>>>,
    /// Where it was found the last time: names may not be resolvable later.
    known: Vec<SocketAddr>,
}

impl<'a> Client<'a> {
    pub(super) const fn new(settings: &'a Settings) -> Self {
        Self { settings, connection: None, known: Vec::new() }
    }

    /// Posts a message and gives the answer to it.
    pub(super) async fn post(&mut self, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let limit = self.settings.timeout;
        let answer = timeout(limit, self.attempt(path, body)).await;
        let answer = answer.unwrap_or_else(|_| Err(later(format!("no answer within {} s", limit.as_secs_f64()))));
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    async fn attempt(&mut self, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        // A connection that idled may have been closed: that is no reason to wait.
        if let Some(mut connection) = self.connection.take()
            && connection.ready().await.is_ok()
            && let Ok(response) = connection.send_request(self.request(path, body.clone())?).await
        {
            self.connection = Some(connection);
            return answer(response).await;
        }
        let mut connection = self.connect().await.map_err(later)?;
        let response = connection.send_request(self.request(path, body)?).await.map_err(|error| later(said(&error)))?;
        self.connection = Some(connection);
        answer(response).await
    }

    fn request(&self, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let Settings { host, port, path: prefix, headers, gzip, .. } = self.settings;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{prefix}{path}"))
            .header(HOST, format!("{host}:{port}"))
            .header(USER_AGENT, concat!("iotcap/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/x-protobuf");
        if *gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let mut request = request.body(Full::new(body)).map_err(|error| Failure::Never(error.to_string()))?;
        request.headers_mut().extend(headers.clone());
        Ok(request)
    }

    async fn connect(&mut self) -> Result<SendRequest<Full<Bytes>>, String> {
        let Settings { host, port, tls, .. } = self.settings;
        match lookup_host((&**host, *port)).await {
            Ok(found) => self.known = found.collect(),
            Err(error) if self.known.is_empty() => return Err(format!("{host} cannot be found: {error}")),
            Err(error) => tracing::debug!(%error, host, "the collector is looked for where it was"),
        }
        let stream = reach(&self.known).await?;
        match tls {
            Some(config) => {
                let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string())?;
                let stream = TlsConnector::from(config.clone()).connect(name, stream).await;
                converse(stream.map_err(|error| error.to_string())?).await
            }
            None => converse(stream).await,
        }
    }
}

/// The first address that takes a connection.
async fn reach(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut problem = "it has no address".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| said(&error))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the collector is over");
        }
    });
    Ok(sender)
}

/// What the specification calls retryable is worth another attempt; all else will be refused again.
async fn answer(response: Response<hyper::body::Incoming>) -> Result<Bytes, Failure> {
    let status = response.status();
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            Err(Failure::Later(format!("it says {status}"), wait.map(Duration::from_secs)))
        }
        status if status.is_success() => body
            .map(http_body_util::Collected::to_bytes)
            .map_err(|error| later(format!("its answer broke off: {error}"))),
        status => Err(Failure::Never(format!("it says {status}"))),
    }
}

const fn later(sentence: String) -> Failure {
    Failure::Later(sentence, None)
}

/// An error with what is behind it, which is what tells.
fn said(error: &hyper::Error) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
