//! `/api/events`: each connection as it ends, and what spans several of them, to whoever listens. One who listens too slowly misses some and is told how many.

use super::Shared;
use crate::daemon::metrics::Metrics;
use crate::report::json;
use crate::report::model::Connection;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast::{Receiver, Sender, channel, error::RecvError};

/// Connections that a slow listener may lag behind.
const WAITING: usize = 1024;

/// Where events are told.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Events(Sender<Told>);

/// The name of an event, and its data.
type Told = (&'static str, Arc<str>);

/// A connection, as short as a row of a table.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    started: &'a crate::report::model::Time,
    client: &'a crate::report::model::Client,
    server: &'a crate::report::model::Server,
    outcome: crate::report::model::Outcome,
    cause: Option<&'a str>,
    headline: &'a str,
    timings: &'a crate::report::model::Timings,
}

impl Events {
    pub(in crate::daemon) fn new() -> Self {
        Self(channel(WAITING).0)
    }

    /// A connection ended.
    pub(in crate::daemon) fn tell(&self, connection: &Connection) {
        if self.0.receiver_count() == 0 {
            return;
        }
        let Connection { id, started, client, server, outcome, cause, headline, timings, .. } = connection;
        let row = Row { id, started, client, server, outcome: *outcome, cause: cause.as_deref(), headline, timings };
        self.send("connection", &row);
    }

    /// Several connections have something in common.
    pub(in crate::daemon) fn tell_group(&self, group: &impl Serialize) {
        self.send("group", group);
    }

    fn send(&self, name: &'static str, what: &impl Serialize) {
        if let Ok(json) = json::to_text(what) {
            // The last listener may have left just now.
            drop(self.0.send((name, json.into())));
        }
    }
}

/// One who listens; counted while he does.
struct Reader {
    events: Receiver<Told>,
    metrics: Arc<Metrics>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.metrics.reader_went();
    }
}

/// Events until the listener has enough.
pub(super) async fn events(State(shared): State<Shared>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    shared.metrics.reader_came();
    let reader = Reader { events: shared.events.0.subscribe(), metrics: shared.metrics };
    let stream = stream::unfold(reader, |mut reader| async move {
        let event = match reader.events.recv().await {
            Ok((name, json)) => Event::default().event(name).data(&*json),
            Err(RecvError::Lagged(missed)) => {
                reader.metrics.reader_lagged();
                Event::default().event("lagged").data(format!("{{\"missed\":{missed}}}"))
            }
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), reader))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
