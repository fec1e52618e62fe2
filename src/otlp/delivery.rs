//! The thread that sends: batches come from the queue, requests go to the collector, again and again where that may help.

use super::client::{Client, Failure};
use super::feed::Voice;
use super::message::Message;
use super::queue::Queue;
use super::settings::Settings;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message as _;
use std::io::Write;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Between the first two attempts; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// And never longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Where somebody waits for the end.
const LAST_PAUSE: Duration = Duration::from_millis(250);

/// Sends until the queue is closed and empty, or nobody waits for it any more.
pub(super) fn run(queue: &Queue, settings: &Settings, voice: Voice, runtime: &Runtime) {
    let mut delivery = Delivery { queue, settings, voice, runtime, client: Client::new(settings) };
    while let Some(batch) = queue.next_batch() {
        if !delivery.deliver(&batch) {
            break;
        }
    }
}

struct Delivery<'a> {
    queue: &'a Queue,
    settings: &'a Settings,
    voice: Voice,
    runtime: &'a Runtime,
    client: Client<'a>,
}

impl Delivery<'_> {
    /// Sends a batch; says whether there is to be another one.
    fn deliver(&mut self, batch: &[Vec<u8>]) -> bool {
        let mut all = Message::default();
        for message in batch {
            // They are this program's own: what cannot be read back is a mistake here, and no reason to stop.
            let merged = all.merge(&message[..]);
            debug_assert!(merged.is_ok(), "{merged:?}");
        }
        let requests = [traces(&mut all, self.settings), logs(&mut all, self.settings)];
        let mut problem = None;
        let mut refused = 0;
        for Request { path, body, rejected } in requests.into_iter().flatten() {
            let body = if self.settings.gzip { compressed(&body) } else { body.into() };
            match self.persist(path, &body) {
                Ok(answer) => {
                    if let Some(sentence) = rejected(&answer) {
                        (problem, refused) = (Some(sentence), refused.max(1));
                    }
                }
                Err(Some(sentence)) => (problem, refused) = (Some(sentence), batch.len()),
                Err(None) => return false,
            }
        }
        if let Some(problem) = &problem {
            (self.voice.trouble)(&format!("the collector at {} refused something: {problem}", self.settings.url));
        }
        if self.queue.answered(batch.len() as u64, refused as u64, problem) {
            tracing::info!(url = self.settings.url, "the collector takes traces again");
        }
        true
    }

    /// Posts until there is an answer; else why there will never be one, or nothing where nobody waits any more.
    fn persist(&mut self, path: &str, body: &Bytes) -> Result<Bytes, Option<String>> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.runtime.block_on(self.client.post(path, body.clone())) {
                Ok(answer) => return Ok(answer),
                Err(Failure::Never(sentence)) => return Err(Some(sentence)),
                Err(Failure::Later(sentence, wait)) => {
                    if self.queue.unreached(&sentence) {
                        let url = &self.settings.url;
                        (self.voice.trouble)(&format!(
                            "the collector at {url} takes no traces ({sentence}); they wait"
                        ));
                    }
                    let usual = wait.map_or(pause, |wait| wait.clamp(pause, LONGEST_PAUSE));
                    if !self.queue.pause(usual, LAST_PAUSE) {
                        return Err(None);
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

/// What is posted, where, and what an answer says against it.
struct Request {
    path: &'static str,
    body: Vec<u8>,
    rejected: fn(&[u8]) -> Option<String>,
}

fn traces(message: &mut Message, settings: &Settings) -> Option<Request> {
    let spans = std::mem::take(&mut message.spans);
    let is_some = !spans.is_empty();
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
    let resource = Some(settings.resource.clone());
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    let rejected = |answer: &[u8]| {
        let partial = ExportTraceServiceResponse::decode(answer).ok()?.partial_success?;
        (partial.rejected_spans > 0).then_some(partial.error_message)
    };
    let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    is_some.then_some(Request { path: "/v1/traces", body, rejected })
}

fn logs(message: &mut Message, settings: &Settings) -> Option<Request> {
    let log_records = std::mem::take(&mut message.logs);
    let is_some = !log_records.is_empty();
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() }];
    let resource = Some(settings.resource.clone());
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
    let rejected = |answer: &[u8]| {
        let partial = ExportLogsServiceResponse::decode(answer).ok()?.partial_success?;
        (partial.rejected_log_records > 0).then_some(partial.error_message)
    };
    let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    is_some.then_some(Request { path: "/v1/logs", body, rejected })
}

fn scope() -> InstrumentationScope {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    InstrumentationScope { name: "iotcap".to_owned(), version, ..InstrumentationScope::default() }
}

fn compressed(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    debug_assert!(written.is_ok(), "memory takes everything");
    written.unwrap_or_default().into()
}
