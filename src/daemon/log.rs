//! The daemon's log on standard error, as text or JSON. A thread of its own writes it: where the target is slow, full or gone,
//! lines are dropped and counted, and nobody waits.

use super::config::{LogConfig, LogFormat, LogLevel};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Lines that wait to be written.
const WAITING: usize = 8192;
/// How long the end waits for the last lines.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The log that was begun.
#[derive(Clone)]
pub(super) struct Log {
    level: Handle<LevelFilter, Registry>,
    lines: Lines,
}

/// Where lines go.
#[derive(Clone, Debug)]
struct Lines {
    to: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

enum Line {
    Text(Vec<u8>),
    /// Everything before it was written, or given up.
    Flush(SyncSender<()>),
}

impl Log {
    /// Begins to log. To be called once, after rights were given up and before anything is logged.
    pub(super) fn begin(config: &LogConfig) -> io::Result<Self> {
        let (to, lines) = sync_channel(WAITING);
        let lines_out = Lines { to, dropped: Arc::default() };
        Builder::new().name("log".to_owned()).spawn(move || write(&lines, &mut io::stderr()))?;
        let (filter, level) = reload::Layer::new(level(config.level));
        // systemd's journal has a clock of its own.
        let in_journal = std::env::var_os("JOURNAL_STREAM").is_some();
        let layer = fmt::layer().with_writer(lines_out.clone()).with_ansi(false).log_internal_errors(false);
        let layer = match (config.format, in_journal) {
            (LogFormat::Json, _) => layer.json().flatten_event(true).boxed(),
            (LogFormat::Text, true) => layer.without_time().boxed(),
            (LogFormat::Text, false) => layer.boxed(),
        };
        let logging = tracing_subscriber::registry().with(filter).with(layer);
        logging.try_init().map_err(io::Error::other)?;
        Ok(Self { level, lines: lines_out })
    }

    /// Another level from now on.
    pub(super) fn set_level(&self, wanted: LogLevel) {
        // It fails only where the log itself is gone.
        drop(self.level.reload(level(wanted)));
    }

    /// Lines that were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.lines.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything is written, but not for long.
    pub(super) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.lines.to.try_send(Line::Flush(done)).is_ok() {
            let _done_or_too_late = wait.recv_timeout(LAST_WORDS);
        }
    }
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}

/// What cannot be written is lost: there is nobody left to tell.
fn write(lines: &Receiver<Line>, to: &mut impl Write) {
    while let Ok(line) = lines.recv() {
        match line {
            Line::Text(text) => drop(to.write_all(&text)),
            Line::Flush(done) => drop(to.flush().and_then(|()| done.send(()).map_err(io::Error::other))),
        }
    }
}

impl Write for Lines {
    /// Each call is a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.to.try_send(Line::Text(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_takes_nothing_costs_lines_and_no_time() {
        let (to, lines) = sync_channel(2);
        let mut out = Lines { to, dropped: Arc::default() };
        for _ in 0..5 {
            out.write_all(b"line\n").unwrap();
        }
        assert_eq!(out.dropped.load(Ordering::Relaxed), 3);
        let dropped = Arc::clone(&out.dropped);
        drop(out);
        let mut gone = Gone(0);
        write(&lines, &mut gone);
        assert_eq!((gone.0, dropped.load(Ordering::Relaxed)), (2, 3));
    }

    struct Gone(u32);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
