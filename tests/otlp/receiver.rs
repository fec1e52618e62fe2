//! An OpenTelemetry receiver: what a collector does with OTLP over HTTP, as far as the specification of the protocol has it. It
//! is another HTTP server than iotcap's client was made with, and decodes by the messages that the project publishes.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::runtime;
use tokio::sync::Notify;

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
        let socket = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).expect("a free port");
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
                let socket = tokio::net::TcpListener::from_std(socket).expect("a socket");
                let serving = axum::serve(socket, router).with_graceful_shutdown(async move { gone.notified().await });
                serving.await.expect("it serves");
            });
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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
