//! The line at the foot of the terminal that says that the capture goes on. It is on standard error, and only on a terminal.

use crate::report::units;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often it changes.
const EVERY: Duration = Duration::from_millis(250);

/// The status line.
pub(super) struct Status {
    enabled: bool,
    shown: bool,
    next: Option<Instant>,
}

/// What it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) frames: u64,
    pub(super) connections: u64,
    pub(super) dropped: u64,
}

impl Status {
    pub(super) fn new(wanted: bool) -> Self {
        Self { enabled: wanted && io::stderr().is_terminal(), shown: false, next: None }
    }

    /// Takes the line away, before something else is written.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            self.write("\r\x1b[K");
        }
    }

    /// Shows the line, if it is time to.
    pub(super) fn show(&mut self, now: Instant, counts: Counts) {
        if !self.enabled || self.next.is_some_and(|next| now < next && self.shown) {
            return;
        }
        self.next = Some(now + EVERY);
        self.shown = true;
        self.write(&format!("\r\x1b[K{}", line(counts)));
    }

    /// Whoever closed standard error does not want to know.
    fn write(&mut self, text: &str) {
        let mut stderr = io::stderr().lock();
        self.enabled &= stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).is_ok();
    }
}

/// Says something to the user. Whoever closed standard error does not want to know.
pub(super) fn say(sentence: &str) {
    drop(writeln!(io::stderr(), "iotcap: {sentence}"));
}

fn line(Counts { frames, connections, dropped }: Counts) -> String {
    let (frames, connections) = (units::counted(frames, "frame"), units::counted(connections, "connection"));
    let dropped = if dropped > 0 { format!(", {} dropped", units::count(dropped)) } else { String::new() };
    format!("{frames}, {connections}{dropped}  (Ctrl-C ends with the summary)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_shown_when_there_are_some() {
        let counts = Counts { frames: 12_345, connections: 1, dropped: 0 };
        assert_eq!(line(counts), "12,345 frames, 1 connection  (Ctrl-C ends with the summary)");
        assert!(line(Counts { dropped: 7, ..counts }).contains(", 7 dropped"));
    }
}
