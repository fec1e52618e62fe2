//! The thread that captures on one interface. It copies frames into batches and does nothing else; where no batch is free
//! it waits, and the kernel keeps what comes, counts what it has no room for, and tells.

use super::batch::Batch;
use super::device::{self, Copies, FRACTION, Link, Options};
use super::error::words;
use super::{Counters, News};
use crate::frame::LinkType;
use crate::time::Timestamp;
use pcap::{Active, BreakLoop, Capture, Packet, Stat};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Batches of one interface that can be under way at once: some 16 MiB.
pub(super) const BATCHES: usize = 64;
/// How often it is tried to open an interface that went away.
const RETRY: Duration = Duration::from_millis(500);

/// The counters cost a system call and a file in /sys: they are asked for so often, and at the end.
const ROUNDS_PER_COUNT: u64 = 16;

/// What a thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Capture what the filter lets through.
    Capture,
    /// Capture everything for a while.
    Look,
    /// End.
    Stop,
}

/// How a thread is told what to do, even while it waits for frames.
pub(super) struct Control {
    order: AtomicU8,
    breaker: Mutex<BreakLoop>,
}

impl Control {
    pub(super) fn new(capture: &mut Capture<Active>) -> Arc<Self> {
        Arc::new(Self { order: AtomicU8::new(Order::Capture as u8), breaker: Mutex::new(capture.breakloop_handle()) })
    }

    /// Gives an order and wakes the thread.
    pub(super) fn give(&self, order: Order) {
        self.order.store(order as u8, Ordering::SeqCst);
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner).breakloop();
    }

    fn order(&self) -> Order {
        match self.order.load(Ordering::SeqCst) {
            order if order == Order::Stop as u8 => Order::Stop,
            order if order == Order::Look as u8 => Order::Look,
            _ => Order::Capture,
        }
    }

    fn replace_breaker(&self, capture: &mut Capture<Active>) {
        *self.breaker.lock().unwrap_or_else(PoisonError::into_inner) = capture.breakloop_handle();
    }
}

/// The state of a capture thread.
pub(super) struct Worker {
    pub(super) link: Link,
    pub(super) capture: Capture<Active>,
    pub(super) control: Arc<Control>,
    pub(super) options: Options,
    pub(super) reopen: bool,
    pub(super) filling: Filling,
    pub(super) tally: Tally,
    pub(super) rounds: u64,
}

impl Worker {
    /// Captures until told to stop, or until the interface went away for good.
    pub(super) fn run(mut self) {
        let mut looking = false;
        loop {
            let order = self.control.order();
            if order == Order::Stop || self.filling.nobody_listens {
                break;
            }
            if looking != (order == Order::Look) {
                looking = !looking;
                self.set_filter(looking);
            }
            if let Err(message) = self.round()
                && self.control.order() != Order::Stop
            {
                self.filling.news(News::Lost { interface: self.filling.interface, message });
                if !self.reopen || !self.open_again() {
                    break;
                }
                looking = false;
            }
        }
        self.end();
    }

    /// Takes what the kernel still holds of the time before, and tells the last counters.
    fn end(mut self) {
        let until = clock();
        if let Ok(capture) = self.capture.setnonblock() {
            self.capture = capture;
            loop {
                let taken = self.capture.dispatch(None, |packet| self.filling.push(&packet));
                self.filling.hand_over();
                match taken {
                    // It was woken before: that is told once, and says nothing of what there is.
                    Err(pcap::Error::PcapError(message)) if message.is_empty() => {}
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
                if self.filling.last > until || self.filling.nobody_listens {
                    break;
                }
            }
            self.count();
        }
        self.filling.news(News::Over { interface: self.filling.interface });
    }

    /// Takes what the kernel has, or waits for something.
    fn round(&mut self) -> Result<(), String> {
        let Self { capture, filling, .. } = self;
        let taken = capture.dispatch(None, |packet| filling.push(&packet));
        filling.hand_over();
        self.rounds += 1;
        if self.rounds.is_multiple_of(ROUNDS_PER_COUNT) {
            self.count();
        }
        match taken {
            // A message that says nothing is what a thread gets that was woken.
            Err(pcap::Error::PcapError(message)) if !message.is_empty() => Err(message),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn set_filter(&mut self, looking: bool) {
        let filter = if looking { "" } else { self.options.filter.as_str() };
        // It was compiled before, and an empty one always is.
        if let Err(error) = self.capture.filter(filter, true) {
            tracing::warn!(interface = self.link.called(), error = words(error), "the filter could not be changed");
        }
        self.filling.unfiltered = looking;
    }

    fn count(&mut self) {
        if let Ok(stat) = self.capture.stats()
            && let Some(counters) = self.tally.add(stat, self.filling.taken)
        {
            self.filling.news(News::Counted { interface: self.filling.interface, counters });
        }
    }

    /// Waits for the interface to come back; `false` where the capture is to end before it does.
    fn open_again(&mut self) -> bool {
        loop {
            if self.control.order() == Order::Stop {
                return false;
            }
            thread::park_timeout(RETRY);
            if let Ok(mut capture) = device::open(&self.link.called(), &self.options) {
                self.control.replace_breaker(&mut capture);
                self.filling.link_type = device::link_type(capture.get_datalink());
                self.filling.unfiltered = false;
                self.capture = capture;
                self.link.follow();
                self.tally.begin_anew();
                self.filling.news(News::Back { interface: self.filling.interface });
                return true;
            }
        }
    }
}

/// The batch that is being filled, and where the next one comes from.
pub(super) struct Filling {
    pub(super) interface: usize,
    pub(super) link_type: LinkType,
    unfiltered: bool,
    batch: Option<Batch>,
    made: usize,
    /// When the last frame was captured.
    last: Timestamp,
    /// Frames that libpcap gave so far.
    taken: u64,
    free: Receiver<Batch>,
    out: SyncSender<News>,
    nobody_listens: bool,
}

impl Filling {
    pub(super) const fn new(
        interface: usize,
        link_type: LinkType,
        free: Receiver<Batch>,
        out: SyncSender<News>,
    ) -> Self {
        let (made, last) = (0, Timestamp::from_nanos(i64::MIN));
        let (unfiltered, batch, taken, nobody_listens) = (false, None, 0, false);
        Self { interface, link_type, unfiltered, batch, made, last, taken, free, out, nobody_listens }
    }

    fn push(&mut self, packet: &Packet<'_>) {
        if self.batch.as_ref().is_some_and(Batch::is_full) {
            self.hand_over();
        }
        if self.batch.is_none() {
            self.batch = self.empty_batch();
        }
        let Some(batch) = &mut self.batch else {
            self.nobody_listens = true;
            return;
        };
        self.taken += 1;
        self.last = time(packet);
        batch.push(self.last, packet.header.len, packet.data);
    }

    /// A batch that is free; a new one while there are few; or the next one that becomes free.
    fn empty_batch(&mut self) -> Option<Batch> {
        let mut batch = match self.free.try_recv() {
            Ok(batch) => batch,
            Err(TryRecvError::Empty) if self.made < BATCHES => {
                self.made += 1;
                Batch::new(self.interface, self.link_type)
            }
            Err(TryRecvError::Empty) => self.free.recv().ok()?,
            Err(TryRecvError::Disconnected) => return None,
        };
        batch.clear();
        (batch.link_type, batch.unfiltered) = (self.link_type, self.unfiltered);
        Some(batch)
    }

    fn hand_over(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.news(News::Frames(batch));
        }
    }

    fn news(&mut self, news: News) {
        self.nobody_listens |= self.out.send(news).is_err();
    }
}

#[expect(clippy::unnecessary_cast, reason = "these types differ between systems")]
fn time(packet: &Packet<'_>) -> Timestamp {
    let ts = packet.header.ts;
    let fraction = (ts.tv_usec as i64).saturating_mul(FRACTION);
    Timestamp::from_nanos((ts.tv_sec as i64).saturating_mul(1_000_000_000).saturating_add(fraction))
}

/// The clock that the kernel stamps frames with.
#[expect(clippy::disallowed_methods, reason = "what is captured after the end is not waited for")]
fn clock() -> Timestamp {
    Timestamp::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Adds libpcap's counters up: they are 32 bits wide and wrap, and begin anew with each opening.
#[derive(Debug, Default)]
pub(super) struct Tally {
    copies: Copies,
    /// All that passed the filter, copies and what was dropped included.
    received: u64,
    /// Of those, what was dropped.
    dropped: u64,
    by_interface: u64,
    last: Stat32,
}

/// Received, dropped, dropped by the interface.
type Stat32 = (u32, u32, u32);

impl Tally {
    pub(super) fn new(copies: Copies) -> Self {
        Self { copies, ..Self::default() }
    }

    /// The new totals, if frames were dropped since they were last taken. `taken` is how many frames libpcap gave so far.
    fn add(&mut self, Stat { received, dropped, if_dropped }: Stat, taken: u64) -> Option<Counters> {
        let (before_received, before_dropped, before_if_dropped) = self.last;
        self.last = (received, dropped, if_dropped);
        let more = u64::from(dropped.wrapping_sub(before_dropped));
        let more_by_interface = u64::from(if_dropped.wrapping_sub(before_if_dropped));
        self.received += u64::from(received.wrapping_sub(before_received));
        self.dropped += more;
        self.by_interface += more_by_interface;
        (more + more_by_interface > 0)
            .then(|| Counters { kernel: self.frames_dropped(taken), interface: self.by_interface })
    }

    /// Frames, not copies of them. Where some have two, it is not told which were dropped: as many as of those that were not.
    fn frames_dropped(&self, taken: u64) -> u64 {
        match self.copies {
            Copies::One => self.dropped,
            Copies::Two => self.dropped.div_ceil(2),
            Copies::Mixed => {
                let kept = self.received.saturating_sub(self.dropped).max(1);
                let frames = u128::from(self.dropped) * u128::from(taken.clamp(kept.div_ceil(2), kept));
                u64::try_from(frames.div_ceil(kept.into())).unwrap_or(self.dropped)
            }
        }
    }

    const fn begin_anew(&mut self) {
        self.last = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(received: u32, dropped: u32, if_dropped: u32) -> Stat {
        Stat { received, dropped, if_dropped }
    }

    #[test]
    fn counters_wrap_and_begin_anew() {
        let mut tally = Tally::default();
        let add = |tally: &mut Tally, dropped, if_dropped| {
            let counters = tally.add(stat(dropped, dropped, if_dropped), 0);
            counters.map(|counters| (counters.kernel, counters.interface))
        };
        assert_eq!(add(&mut tally, 0, 0), None);
        assert_eq!(add(&mut tally, u32::MAX, 2), Some((u64::from(u32::MAX), 2)));
        assert_eq!(add(&mut tally, 4, 2), Some(((1 << 32) + 4, 2)));
        tally.begin_anew();
        assert_eq!(add(&mut tally, 1, 1), Some(((1 << 32) + 5, 3)));
    }

    #[test]
    fn what_is_dropped_of_loopback_counts_once() {
        let dropped = |copies, received, dropped, taken| {
            Tally::new(copies).add(stat(received, dropped, 0), taken).unwrap().kernel
        };
        assert_eq!(dropped(Copies::Two, 27, 7, 10), 4);
        // Nothing of loopback, nothing else, and half of the copies.
        assert_eq!(dropped(Copies::Mixed, 120, 100, 20), 100);
        assert_eq!(dropped(Copies::Mixed, 120, 100, 10), 50);
        assert_eq!(dropped(Copies::Mixed, 120, 100, 15), 75);
        // Nothing came through: no worse than it can be.
        assert_eq!(dropped(Copies::Mixed, 100, 100, 0), 100);
    }
}
