//! `/api/connections`: finished connections as `iotcap.report/1` tells them, the latest first; `/api/groups`: what spans several.

use super::Shared;
use crate::daemon::recent::{Page, Query};
use crate::report::json::to_text;
use crate::report::model::{Outcome, SchemaId};
use crate::time::Timestamp;
use axum::extract::{self, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::PoisonError;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Connections on a page, unless another number is asked for.
const PAGE: usize = 50;
/// And the most.
const LONGEST_PAGE: usize = 500;

/// What may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    outcome: Option<Outcome>,
    cause: Option<String>,
    client: Option<String>,
    /// RFC 3339.
    since: Option<String>,
    /// `next` of the page before.
    before: Option<u64>,
    limit: Option<usize>,
}

/// A page of them.
pub(super) async fn connections(State(shared): State<Shared>, asked: extract::Query<Asked>) -> Response {
    let query = match asked.0.query() {
        Ok(query) => query,
        Err(problem) => return (StatusCode::BAD_REQUEST, problem).into_response(),
    };
    let page = shared.recent.lock().unwrap_or_else(PoisonError::into_inner).page(&query);
    json(body(&page))
}

/// One of them, by its id.
pub(super) async fn connection(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let found = shared.recent.lock().unwrap_or_else(PoisonError::into_inner).find(&id);
    match found {
        Some(connection) => json(connection.to_string()),
        None => (StatusCode::NOT_FOUND, "no such connection, or no longer\n").into_response(),
    }
}

/// The findings that span connections, the one that grew last first.
pub(super) async fn groups(State(shared): State<Shared>) -> Response {
    let told = to_text(&shared.gathered.lock().unwrap_or_else(PoisonError::into_inner).all());
    match told {
        Ok(groups) => json(format!("{{\"schema\":\"{}\",\"groups\":{groups}}}", SchemaId::V1.name())),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl Asked {
    fn query(self) -> Result<Query, &'static str> {
        let Self { outcome, cause, client, since, before, limit } = self;
        let since = since.as_deref().map(time).transpose()?;
        let limit = limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
        Ok(Query { outcome, cause, client, since, before, limit })
    }
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    let wrong = "since is no time like 2026-11-22T10:11:12Z\n";
    let nanos = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong)?.unix_timestamp_nanos();
    i64::try_from(nanos).map(Timestamp::from_nanos).map_err(|_| wrong)
}

/// The connections are JSON already.
fn body(page: &Page) -> String {
    let schema = SchemaId::V1.name();
    let next = page.next.map_or_else(|| "null".to_owned(), |next| next.to_string());
    format!("{{\"schema\":\"{schema}\",\"next\":{next},\"connections\":[{}]}}", page.connections.join(","))
}

fn json(body: String) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}
