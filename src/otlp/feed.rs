//! The way to the collector: bytes come in as from any format, and wait in a queue that a thread empties. The thread starts with
//! the first message, when rights are given up already; the end waits for it no longer than it was told to.

use super::delivery;
use super::queue::{Counts, Outcome, Patience, Queue};
use super::settings::Settings;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What is said meanwhile, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// While it goes on: the collector cannot be reached, or refuses something.
    pub trouble: fn(&str),
    /// At the end, where something was lost.
    pub lost: fn(&str),
    /// How long the end may wait for a collector.
    pub last_words: Duration,
}

/// Messages on their way to a collector; dropped, it sends what it has and says what was lost.
#[derive(Debug)]
pub struct Feed {
    settings: Arc<Settings>,
    queue: Arc<Queue>,
    patience: Patience,
    voice: Voice,
    has_started: bool,
    /// Of a message that is not whole yet.
    pending: Vec<u8>,
}

impl Feed {
    /// A way to this collector. Nothing is opened yet.
    #[must_use]
    pub fn new(settings: Settings, patience: Patience, voice: Voice) -> Self {
        let (settings, queue) = (Arc::new(settings), Arc::new(Queue::new()));
        Self { settings, queue, patience, voice, has_started: false, pending: Vec::new() }
    }

    /// What became of the messages, whenever somebody asks.
    pub fn counts(&self) -> impl Fn() -> Counts + Send + Sync + 'static + use<> {
        let queue = Arc::clone(&self.queue);
        move || queue.counts()
    }

    fn start(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.has_started, true) {
            return Ok(());
        }
        let (queue, settings, voice) = (Arc::clone(&self.queue), Arc::clone(&self.settings), self.voice);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || {
            delivery::run(&queue, &settings, voice, &runtime);
            // A name that is being looked up may take longer than anybody waits.
            runtime.shutdown_background();
            queue.done();
        };
        thread::Builder::new().name("otlp".to_owned()).spawn(run).map(drop)
    }

    /// The first whole message that waits to be handed over.
    fn next_message(&mut self) -> Option<Vec<u8>> {
        let length = prost::decode_length_delimiter(&self.pending[..]).ok()?;
        let start = prost::length_delimiter_len(length);
        let message = self.pending.get(start..start.checked_add(length)?)?.to_vec();
        self.pending.drain(..start + length);
        Some(message)
    }
}

impl Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        while let Some(message) = self.next_message() {
            self.start()?;
            self.queue.offer(message, self.patience);
        }
        Ok(bytes.len())
    }

    /// Nothing: messages go out as they come, and nobody waits for them before the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if !self.has_started {
            return;
        }
        let Outcome { counts, problem } = self.queue.close(self.voice.last_words);
        let lost = counts.all() - counts.sent;
        if lost > 0 {
            let (all, url) = (counts.all(), &self.settings.url);
            let why = problem.unwrap_or_else(|| "it was too slow".to_owned());
            let sentence =
                format!("{lost} of {all} messages (one a connection) did not reach the collector at {url}: {why}");
            (self.voice.lost)(&sentence);
        }
    }
}
