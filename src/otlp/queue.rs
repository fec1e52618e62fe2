//! What waits for the collector: messages come in, batches go out to one thread. Bounded in number and in bytes; what does not
//! fit is dropped and counted, and whoever hands over never waits for a collector that cannot be reached.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most messages that wait.
const MAX_MESSAGES: usize = 4096;
/// And the most bytes of them.
const MAX_BYTES: usize = 32 << 20;
/// The most messages of one request.
const BATCH_MESSAGES: usize = 256;
/// From so many bytes on a request takes no more of them.
const BATCH_BYTES: usize = 1 << 20;
/// How long a request waits for more messages.
const LINGER: Duration = Duration::from_millis(500);
/// How long whoever is patient waits for room at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to do where there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Drop it: more frames are coming.
    None,
    /// Wait, as long as the collector takes something: a file goes nowhere.
    WhileItTakes,
}

/// What became of the messages. All that was handed over is in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that the collector took.
    pub sent: u64,
    /// Messages that it refused for good.
    pub failed: u64,
    /// Messages for which there was no room.
    pub dropped: u64,
    /// Messages that wait, or are on their way.
    pub waiting: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.sent + self.failed + self.dropped + self.waiting
    }
}

/// How far the whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// More will come.
    Open,
    /// No more will come; what is there is to be sent.
    Closing,
    /// Nobody waits any more.
    Over,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    counts: Counts,
    phase: Phase,
    /// Whether the last request was answered.
    reached: bool,
    /// Why it was not, or why messages were refused.
    problem: Option<String>,
    /// Whether the thread has ended.
    is_done: bool,
}

/// The queue, shared between those who hand over and the thread that sends.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) counts: Counts,
    pub(super) problem: Option<String>,
}

impl Queue {
    pub(super) const fn new() -> Self {
        let counts = Counts { sent: 0, failed: 0, dropped: 0, waiting: 0 };
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            counts,
            phase: Phase::Open,
            reached: true,
            problem: None,
            is_done: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `goes_on` says no, or for this long.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        at_most: Duration,
        goes_on: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout_while(state, at_most, goes_on);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    // For those who hand over.

    /// Takes a message, or drops it where there is no room.
    pub(super) fn offer(&self, message: Vec<u8>, patience: Patience) {
        let size = message.len();
        let is_full = |state: &State| state.waiting.len() >= MAX_MESSAGES || state.bytes + size > MAX_BYTES;
        let mut state = self.state();
        if patience == Patience::WhileItTakes {
            state = self.wait(state, PATIENCE, |state| is_full(state) && state.reached);
        }
        if is_full(&state) {
            state.counts.dropped += 1;
            return;
        }
        state.waiting.push_back(message);
        state.bytes += size;
        state.counts.waiting += 1;
        self.changed.notify_all();
    }

    /// What became of the messages so far.
    pub(super) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// No more will come: waits until all is sent, or for this long.
    pub(super) fn close(&self, at_most: Duration) -> Outcome {
        let mut state = self.state();
        state.phase = Phase::Closing;
        self.changed.notify_all();
        let mut state = self.wait(state, at_most, |state| !state.is_done);
        state.phase = Phase::Over;
        self.changed.notify_all();
        Outcome { counts: state.counts, problem: state.problem.clone() }
    }

    // For the thread that sends.

    /// The next messages to send; nothing once all are sent and no more will come.
    pub(super) fn next_batch(&self) -> Option<Vec<Vec<u8>>> {
        let mut state = self.state();
        while state.waiting.is_empty() && state.phase == Phase::Open {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut state = self.wait(state, LINGER, |state| {
            state.phase == Phase::Open && state.waiting.len() < BATCH_MESSAGES && state.bytes < BATCH_BYTES
        });
        if state.phase == Phase::Over {
            return None;
        }
        let mut batch = Vec::new();
        let mut size = 0;
        while size < BATCH_BYTES
            && batch.len() < BATCH_MESSAGES
            && let Some(message) = state.waiting.pop_front()
        {
            size += message.len();
            batch.push(message);
        }
        state.bytes = state.bytes.saturating_sub(size);
        self.changed.notify_all();
        (!batch.is_empty()).then_some(batch)
    }

    /// The collector has answered: so many messages are done with, and it refused so many of them. Says whether it could not be
    /// reached before.
    pub(super) fn answered(&self, messages: u64, refused: u64, problem: Option<String>) -> bool {
        let mut state = self.state();
        let refused = refused.min(messages);
        state.counts.waiting -= messages;
        state.counts.failed += refused;
        state.counts.sent += messages - refused;
        state.problem = problem.or_else(|| state.problem.take().filter(|_| state.counts.failed > 0));
        self.changed.notify_all();
        !std::mem::replace(&mut state.reached, true)
    }

    /// A request came to nothing. Says whether it could be reached before.
    pub(super) fn unreached(&self, problem: &str) -> bool {
        let mut state = self.state();
        state.problem = Some(problem.to_owned());
        self.changed.notify_all();
        std::mem::replace(&mut state.reached, false)
    }

    /// Waits before the next attempt: shorter where somebody waits for the end. Says whether there is to be one.
    pub(super) fn pause(&self, usual: Duration, last: Duration) -> bool {
        let state = self.wait(self.state(), usual, |state| state.phase == Phase::Open);
        let state = self.wait(state, last, |state| state.phase == Phase::Closing);
        state.phase != Phase::Over
    }

    /// The thread ends.
    pub(super) fn done(&self) {
        self.state().is_done = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let queue = Queue::new();
        for _ in 0..MAX_MESSAGES + 3 {
            queue.offer(vec![0], Patience::None);
        }
        let waiting = MAX_MESSAGES as u64;
        assert_eq!(queue.counts(), Counts { dropped: 3, waiting, ..Counts::default() });
        let queue = Queue::new();
        for _ in 0..3 {
            queue.offer(vec![0; MAX_BYTES / 2], Patience::None);
        }
        assert_eq!(queue.counts(), Counts { dropped: 1, waiting: 2, ..Counts::default() });
    }

    #[test]
    fn nobody_waits_for_a_collector_that_cannot_be_reached() {
        let queue = Queue::new();
        queue.unreached("connection refused");
        for _ in 0..=MAX_MESSAGES {
            queue.offer(vec![0], Patience::WhileItTakes);
        }
        assert_eq!(queue.counts().dropped, 1);
    }

    #[test]
    fn batches_are_bounded_and_all_is_counted_once() {
        let queue = Queue::new();
        for _ in 0..=BATCH_MESSAGES {
            queue.offer(vec![0; 10], Patience::None);
        }
        let first = queue.next_batch().unwrap().len();
        assert_eq!(first, BATCH_MESSAGES);
        assert!(!queue.answered(first as u64, 2, Some("two were refused".to_owned())));
        assert_eq!(queue.next_batch().unwrap().len(), 1);
        queue.answered(1, 0, None);
        let Outcome { counts, problem } = {
            queue.done();
            queue.close(Duration::ZERO)
        };
        assert_eq!(counts, Counts { sent: BATCH_MESSAGES as u64 - 1, failed: 2, dropped: 0, waiting: 0 });
        assert_eq!((counts.all(), problem.as_deref()), (BATCH_MESSAGES as u64 + 1, Some("two were refused")));
        assert!(queue.next_batch().is_none());
    }
}
