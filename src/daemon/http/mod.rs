//! The daemon's HTTP: metrics, health, finished connections, events, and the live page. It reads what the other threads left for
//! it and never makes them wait.
//!
//! Whoever asks has to be who he should: over an address that is not loopback only with the token, and on loopback without one
//! only under a name of this machine, so that a page from elsewhere in somebody's browser learns nothing.

mod access;
mod api;
pub(super) mod events;
mod listener;
mod page;

pub(super) use access::Access;
pub(super) use listener::{Bound, bind};

use super::collector::Tally;
use super::gathered::Gathered;
use super::health::Health;
use super::log::Log;
use super::metrics::Metrics;
use super::recent::Recent;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use events::Events;
use listener::Limited;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::{Arc, Mutex, PoisonError};

/// What answers are made of.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) recent: Arc<Mutex<Recent>>,
    pub(super) gathered: Arc<Mutex<Gathered>>,
    pub(super) events: Events,
    pub(super) log: Log,
    /// Opened while files could be opened.
    pub(super) memory: Option<Arc<Mutex<File>>>,
    /// What became of the messages for a collector, where there is one.
    pub(super) tally: Option<Tally>,
}

/// Answers until the program ends.
///
/// # Errors
/// If the runtime does not take the socket.
pub(super) async fn serve(bound: Bound, clients: u16, access: Access, shared: Shared) -> io::Result<()> {
    let router = router(access, shared);
    match bound {
        Bound::Tcp(socket) => {
            let socket = tokio::net::TcpListener::from_std(socket)?;
            axum::serve(Limited::new(socket, clients), router).await
        }
        Bound::Unix(socket) => {
            let socket = tokio::net::UnixListener::from_std(socket)?;
            axum::serve(Limited::new(socket, clients), router).await
        }
    }
}

fn router(access: Access, shared: Shared) -> Router {
    let open = Router::new().route("/healthz", get(healthz));
    let guarded = Router::new()
        .route("/", get(page::html))
        .route("/live.js", get(page::script))
        .route("/live.css", get(page::style))
        .route("/metrics", get(metrics))
        .route("/api/connections", get(api::connections))
        .route("/api/connections/{id}", get(api::connection))
        .route("/api/groups", get(api::groups))
        .route("/api/events", get(events::events))
        .route_layer(middleware::from_fn_with_state(Arc::new(access), access::check));
    open.merge(guarded).layer(middleware::map_response(secure)).with_state(shared)
}

/// What every answer says of itself.
async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'",
        ),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

async fn healthz(State(shared): State<Shared>) -> Response {
    let answer = shared.health.answer(super::clock::steady());
    let status = if answer.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(answer)).into_response()
}

async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text";
    shared.metrics.log_dropped(shared.log.dropped());
    if let Some(tally) = &shared.tally {
        shared.metrics.sent(tally());
    }
    if let Some(bytes) = shared.memory.as_deref().and_then(resident) {
        shared.metrics.resident(bytes);
    }
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains(OPEN_METRICS) {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], shared.metrics.open_metrics()).into_response()
    } else {
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], shared.metrics.prometheus()).into_response()
    }
}

/// The second number of /proc/self/statm, in bytes.
fn resident(statm: &Mutex<File>) -> Option<i64> {
    let mut file = statm.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    let pages: i64 = text.split(' ').nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    pages.checked_mul(page)
}
