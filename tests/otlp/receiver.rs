//! An OpenTelemetry receiver: what a collector does with OTLP over HTTP, as far as the specification of the protocol has it. It
//! is another HTTP server than iotcap's client was made with, and decodes by the messages that the project publishes. With a
//! certificate it speaks https.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::Listener;
use flate2::read::GzDecoder;
use iotcap::pki::CertifiedFiles;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What was received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) traces: Vec<ExportTraceServiceRequest>,
    pub(crate) logs: Vec<ExportLogsServiceRequest>,
    /// Of every request, those that were refused too.
    pub(crate) headers: Vec<HeaderMap>,
    /// The bodies as they came, compressed or not, and the same unpacked; in bytes.
    pub(crate) bytes: (usize, usize),
}

/// What a receiver answers to its requests, one after the other; then it takes all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It takes it.
    Take,
    /// It does not.
    Refuse(StatusCode),
    /// It takes it, and is gone: whatever comes while it closes is refused.
    TakeAndGo,
}

#[derive(Clone)]
struct Shared {
    received: Arc<Mutex<Received>>,
    answers: Arc<Mutex<Vec<Answer>>>,
    gone: Arc<Notify>,
}

impl Shared {
    fn next_answer(&self) -> Answer {
        let mut answers = self.answers.lock().expect("nobody panicked");
        let answer = answers.pop().unwrap_or(Answer::Take);
        if answer == Answer::TakeAndGo {
            *answers = vec![Answer::Refuse(StatusCode::SERVICE_UNAVAILABLE); 1000];
        }
        answer
    }
}

/// A receiver on loopback, until it is dropped.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    scheme: &'static str,
    shared: Shared,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// On any port, with these answers, the first one first.
    pub(crate) fn start(answers: &[Answer]) -> Self {
        Self::start_on(0, answers)
    }

    /// On this port.
    pub(crate) fn start_on(port: u16, answers: &[Answer]) -> Self {
        Self::start_at(listening(port), answers, None)
    }

    /// On any port, with a certificate.
    pub(crate) fn start_secured(server: &CertifiedFiles, answers: &[Answer]) -> Self {
        Self::start_at(listening(0), answers, Some(server))
    }

    /// On a socket that listens, with a certificate or without.
    pub(crate) fn start_at(socket: TcpListener, answers: &[Answer], server: Option<&CertifiedFiles>) -> Self {
        let tls = server.map(acceptor);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let port = socket.local_addr().expect("an address").port();
        socket.set_nonblocking(true).expect("a socket");
        let answers = answers.iter().rev().copied().collect();
        let shared =
            Shared { received: Arc::default(), answers: Arc::new(Mutex::new(answers)), gone: Arc::new(Notify::new()) };
        let state = shared.clone();
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let gone = Arc::clone(&state.gone);
                let router = Router::new().route("/v1/traces", post(traces)).route("/v1/logs", post(logs));
                let router = router.with_state(state);
                let door = Door { socket: tokio::net::TcpListener::from_std(socket).expect("a socket"), tls };
                let serving = axum::serve(door, router).with_graceful_shutdown(async move { gone.notified().await });
                serving.await.expect("it serves");
            });
        });
        Self { port, scheme, shared, thread: Some(thread) }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Waits until it is gone by itself.
    pub(crate) fn wait_until_gone(mut self) -> Received {
        self.thread.take().expect("a thread").join().expect("it ends");
        self.received()
    }

    /// What it has by now.
    pub(crate) fn received(&self) -> Received {
        self.shared.received.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.gone.notify_one();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ends");
        }
    }
}

/// A socket on loopback, of the network that the calling thread is in.
pub(crate) fn listening(port: u16) -> TcpListener {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).expect("a free port")
}

fn acceptor(server: &CertifiedFiles) -> TlsAcceptor {
    let chain =
        CertificateDer::pem_file_iter(&server.certificate).expect("a chain").map(|read| read.expect("one of it"));
    let key = PrivateKeyDer::from_pem_file(&server.key).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config =
        config.with_no_client_auth().with_single_cert(chain.collect(), key).expect("a certificate and its key");
    TlsAcceptor::from(Arc::new(config))
}

/// Where clients come in.
struct Door {
    socket: tokio::net::TcpListener,
    tls: Option<TlsAcceptor>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener for Door {
    type Io = Box<dyn Stream>;
    type Addr = SocketAddr;

    /// Whoever does not trust the certificate is gone before a request.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, from) = Listener::accept(&mut self.socket).await;
            match &self.tls {
                None => return (Box::new(stream), from),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        return (Box::new(stream), from);
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.socket.local_addr()
    }
}

async fn traces(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    take(&shared, &headers, &body, |received, body| {
        received.traces.push(ExportTraceServiceRequest::decode(body).expect("traces"));
        ExportTraceServiceResponse::default().encode_to_vec()
    })
}

async fn logs(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    take(&shared, &headers, &body, |received, body| {
        received.logs.push(ExportLogsServiceRequest::decode(body).expect("logs"));
        ExportLogsServiceResponse::default().encode_to_vec()
    })
}

fn take(
    shared: &Shared,
    headers: &HeaderMap,
    body: &[u8],
    decode: impl FnOnce(&mut Received, &[u8]) -> Vec<u8>,
) -> Response {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let mut received = shared.received.lock().expect("nobody panicked");
    received.headers.push(headers.clone());
    let answer = shared.next_answer();
    if let Answer::Refuse(status) = answer {
        return status.into_response();
    }
    let mut plain = Vec::new();
    match headers.get("content-encoding") {
        Some(encoding) => {
            assert_eq!(encoding, "gzip");
            GzDecoder::new(body).read_to_end(&mut plain).expect("gzip");
        }
        None => plain.extend_from_slice(body),
    }
    received.bytes = (received.bytes.0 + body.len(), received.bytes.1 + plain.len());
    let response = decode(&mut received, &plain);
    if answer == Answer::TakeAndGo {
        shared.gone.notify_one();
        return ([("content-type", "application/x-protobuf"), ("connection", "close")], response).into_response();
    }
    ([("content-type", "application/x-protobuf")], response).into_response()
}
