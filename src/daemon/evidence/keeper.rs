//! The frames of connections that are still going on or wait for their verdict: of each its first ones and a ring of its last
//! ones, all within one budget. The longest idle connection gives its frames up first. No input or output here.

use crate::frame::{Frame, FrameId, LinkType};
use crate::net::FlowKey;
use crate::time::Timestamp;
use slab::Slab;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What bounds it, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) struct MemoryLimits {
    /// A connection's first frames.
    pub(in crate::daemon) first: usize,
    /// Its last ones.
    pub(in crate::daemon) last: usize,
    /// The frames of all connections, also of those on their way to a file.
    pub(in crate::daemon) all: usize,
}

/// Keeps frames by connection.
///
/// ```text
/// keep(key, frame) … end(key, ordinal) … take(ordinal)
/// ```
#[derive(Debug)]
pub(in crate::daemon) struct Keeper {
    limits: MemoryLimits,
    by_flow: HashMap<FlowKey, usize>,
    open: Slab<Open>,
    /// One entry a connection, with a tick at which it cannot have been younger; moved on when it is looked at.
    idle: BinaryHeap<Reverse<(u64, usize)>>,
    /// Those that are over, by the ordinal of their connection.
    over: BTreeMap<u64, Kept>,
    /// Frames of no connection that may explain one, in the order of their numbers.
    supporting: Supporting,
    budget: Budget,
    /// Frames so far: the order of time that no clock can disturb.
    tick: u64,
    given_up: u64,
}

/// Questions and answers of DNS of late.
#[derive(Debug, Default)]
struct Supporting {
    frames: VecDeque<KeptFrame>,
    bytes: usize,
}

/// The part of all memory for frames that they may take, one in so many bytes.
const SUPPORTING: usize = 16;

#[derive(Debug)]
struct Open {
    key: FlowKey,
    last: u64,
    kept: Kept,
}

/// Bytes that are held, wherever they went.
#[derive(Clone, Debug, Default)]
struct Budget(Arc<AtomicUsize>);

/// What is kept of one connection. Its bytes count until it is dropped.
#[derive(Debug)]
pub(in crate::daemon) struct Kept {
    /// Frames of no connection that explain this one.
    before: Vec<KeptFrame>,
    first: Vec<KeptFrame>,
    last: VecDeque<KeptFrame>,
    first_bytes: usize,
    last_bytes: usize,
    /// Whether the first part is complete.
    first_is_full: bool,
    /// Frames between the two parts.
    left_out: u64,
    /// Whether frames before the first one were given up.
    begins_late: bool,
    budget: Budget,
}

/// A frame and where it came from.
#[derive(Debug)]
pub(in crate::daemon) struct KeptFrame {
    pub(in crate::daemon) id: FrameId,
    pub(super) at: Timestamp,
    pub(super) interface: usize,
    pub(super) link_type: LinkType,
    pub(super) original_len: u32,
    pub(super) data: Box<[u8]>,
}

impl Keeper {
    pub(in crate::daemon) fn new(limits: MemoryLimits) -> Self {
        Self {
            limits,
            by_flow: HashMap::new(),
            open: Slab::new(),
            idle: BinaryHeap::new(),
            over: BTreeMap::new(),
            supporting: Supporting::default(),
            budget: Budget::default(),
            tick: 0,
            given_up: 0,
        }
    }

    /// Other limits, from the next frame on.
    pub(in crate::daemon) const fn set_limits(&mut self, limits: MemoryLimits) {
        self.limits = limits;
    }

    /// Keeps a frame of the connection that goes on with this key; `is_first` where it is the connection's first.
    pub(in crate::daemon) fn keep(&mut self, key: FlowKey, interface: usize, frame: &Frame<'_>, is_first: bool) {
        if self.limits.all == 0 {
            return;
        }
        self.tick += 1;
        let slot = *self.by_flow.entry(key).or_insert_with(|| {
            let kept = Kept::new(self.budget.clone(), !is_first);
            let slot = self.open.insert(Open { key, last: self.tick, kept });
            self.idle.push(Reverse((self.tick, slot)));
            slot
        });
        let Some(open) = self.open.get_mut(slot) else { return };
        open.last = self.tick;
        open.kept.add(KeptFrame::new(interface, frame), self.limits);
        self.keep_to_the_budget();
    }

    /// Keeps a frame that may explain a connection which follows.
    pub(in crate::daemon) fn keep_supporting(&mut self, interface: usize, frame: &Frame<'_>) {
        let Supporting { frames, bytes } = &mut self.supporting;
        let frame = KeptFrame::new(interface, frame);
        *bytes += frame.cost();
        self.budget.add(frame.cost());
        frames.push_back(frame);
        while *bytes > self.limits.all / SUPPORTING
            && let Some(oldest) = frames.pop_front()
        {
            *bytes -= oldest.cost();
            self.budget.give_back(oldest.cost());
        }
    }

    /// Adds those with these numbers, where they are still there, to what was kept of a connection.
    pub(in crate::daemon) fn add_supporting(&self, kept: &mut Kept, numbers: impl Iterator<Item = FrameId>) {
        let frames = &self.supporting.frames;
        for number in numbers {
            let found = frames.binary_search_by_key(&number, |frame| frame.id).ok().and_then(|index| frames.get(index));
            kept.before.extend(found.map(|frame| KeptFrame::new(frame.interface, &frame.frame())));
        }
    }

    /// The connection with this key is over; its frames wait under its ordinal.
    pub(in crate::daemon) fn end(&mut self, key: &FlowKey, ordinal: u64) {
        if let Some(kept) = self.remove(key) {
            self.over.insert(ordinal, kept);
        }
    }

    /// What was kept of a connection that is over, if it was not given up.
    pub(in crate::daemon) fn take(&mut self, ordinal: u64) -> Option<Kept> {
        self.over.remove(&ordinal)
    }

    /// Bytes that are held.
    pub(in crate::daemon) fn bytes(&self) -> usize {
        self.budget.bytes()
    }

    /// Connections that gave their frames up.
    pub(in crate::daemon) const fn given_up(&self) -> u64 {
        self.given_up
    }

    fn remove(&mut self, key: &FlowKey) -> Option<Kept> {
        let slot = self.by_flow.remove(key)?;
        self.sweep();
        self.open.try_remove(slot).map(|open| open.kept)
    }

    fn keep_to_the_budget(&mut self) {
        while self.budget.bytes() > self.limits.all {
            let gone = self.longest_idle().and_then(|key| self.remove(&key));
            // Those that are over wait for two seconds: they go last.
            if gone.or_else(|| self.over.pop_first().map(|(_, kept)| kept)).is_none() {
                // The rest is on its way to a file.
                break;
            }
            self.given_up += 1;
        }
    }

    fn longest_idle(&mut self) -> Option<FlowKey> {
        while let Some(Reverse((tick, slot))) = self.idle.pop() {
            match self.open.get(slot) {
                Some(open) if open.last == tick => return Some(open.key),
                // An entry of a connection that is over, whose slot has another one now, is as good as its own.
                Some(open) => self.idle.push(Reverse((open.last, slot))),
                None => {}
            }
        }
        None
    }

    /// Entries outlive their connections; now and then they are made anew.
    fn sweep(&mut self) {
        if self.idle.len() > 4 * self.open.len() + 1024 {
            self.idle = self.open.iter().map(|(slot, open)| Reverse((open.last, slot))).collect();
        }
    }
}

impl Budget {
    fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Kept {
    /// What it takes without a frame.
    const COST: usize = size_of::<Self>() + size_of::<Open>();

    fn new(budget: Budget, begins_late: bool) -> Self {
        budget.add(Self::COST);
        Self {
            before: Vec::new(),
            first: Vec::new(),
            last: VecDeque::new(),
            first_bytes: 0,
            last_bytes: 0,
            first_is_full: false,
            left_out: 0,
            begins_late,
            budget,
        }
    }

    /// The frames, in their order.
    pub(in crate::daemon) fn frames(&self) -> impl Iterator<Item = &KeptFrame> {
        self.before.iter().chain(&self.first).chain(&self.last)
    }

    /// What is missing, in one sentence.
    pub(super) fn missing(&self) -> Option<String> {
        match (self.begins_late, self.left_out) {
            (false, 0) => None,
            (false, frames) => Some(format!("{frames} frames in the middle were left out to keep within the limits")),
            (true, 0) => Some("its first frames had to make room for those of other connections".to_owned()),
            (true, frames) => Some(format!(
                "its first frames had to make room for those of other connections, and {frames} in the middle were left out"
            )),
        }
    }

    fn add(&mut self, frame: KeptFrame, limits: MemoryLimits) {
        let cost = frame.cost();
        self.budget.add(cost);
        if !self.first_is_full && self.first_bytes + cost <= limits.first {
            self.first_bytes += cost;
            self.first.push(frame);
            return;
        }
        self.first_is_full = true;
        self.last_bytes += cost;
        self.last.push_back(frame);
        while self.last_bytes > limits.last
            && let Some(oldest) = self.last.pop_front()
        {
            self.last_bytes -= oldest.cost();
            self.budget.give_back(oldest.cost());
            self.left_out += 1;
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.budget.give_back(Self::COST + self.first_bytes + self.last_bytes);
    }
}

impl KeptFrame {
    fn new(interface: usize, frame: &Frame<'_>) -> Self {
        let Frame { id, at, link_type, original_len, data } = *frame;
        Self { id, at, interface, link_type, original_len, data: data.into() }
    }

    /// As it was captured.
    pub(super) fn frame(&self) -> Frame<'_> {
        let Self { id, at, link_type, original_len, data, .. } = self;
        Frame { id: *id, at: *at, link_type: *link_type, original_len: *original_len, data }
    }

    fn cost(&self) -> usize {
        size_of::<Self>() + self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Endpoint;
    use std::net::Ipv4Addr;

    const LIMITS: MemoryLimits = MemoryLimits { first: 1000, last: 1000, all: 1 << 20 };

    fn key(port: u16) -> FlowKey {
        let address = Ipv4Addr::new(192, 0, 2, 1).into();
        FlowKey::new(Endpoint::new(address, port), Endpoint::new(address, 8883))
    }

    fn frame(number: u64, data: &[u8]) -> Frame<'_> {
        let at = Timestamp::from_secs(i64::try_from(number).unwrap());
        Frame { id: FrameId::new(0, number), at, link_type: LinkType::ETHERNET, original_len: 100, data }
    }

    fn numbers(kept: &Kept) -> Vec<u64> {
        kept.frames().map(|frame| frame.id.number()).collect()
    }

    #[test]
    fn the_first_and_the_last_frames_of_a_connection_are_kept() {
        let mut keeper = Keeper::new(LIMITS);
        for number in 1..=100 {
            keeper.keep(key(1), 0, &frame(number, &[0; 100]), number == 1);
        }
        keeper.end(&key(1), 7);
        let kept = keeper.take(7).unwrap();
        let each = 1000 / (100 + size_of::<KeptFrame>()) as u64;
        let expected: Vec<u64> = (1..=each).chain(101 - each..=100).collect();
        assert_eq!(numbers(&kept), expected);
        assert!(kept.missing().unwrap().starts_with(&(100 - 2 * each).to_string()));
        drop(kept);
        assert_eq!(keeper.bytes(), 0);
    }

    #[test]
    fn the_longest_idle_connection_gives_its_frames_up_first() {
        let one = Kept::COST + size_of::<KeptFrame>() + 100;
        let mut keeper = Keeper::new(MemoryLimits { all: 3 * one, ..LIMITS });
        for (number, port) in [(1, 1), (2, 2), (3, 3)] {
            keeper.keep(key(port), 0, &frame(number, &[0; 100]), true);
        }
        // The first one was heard of since: the second one goes, then the third one.
        keeper.keep(key(1), 0, &frame(4, &[]), false);
        keeper.keep(key(4), 0, &frame(5, &[]), true);
        assert_eq!((keeper.given_up(), keeper.bytes() <= 3 * one), (1, true));
        for (port, ordinal) in [(1, 1), (2, 2), (3, 3), (4, 4)] {
            keeper.end(&key(port), ordinal);
        }
        let left: Vec<u64> = (1..=4).filter(|ordinal| keeper.take(*ordinal).is_some()).collect();
        assert_eq!(left, [1, 3, 4]);
    }

    #[test]
    fn what_comes_after_frames_were_given_up_says_so() {
        let mut keeper = Keeper::new(LIMITS);
        keeper.keep(key(1), 0, &frame(9, &[1]), false);
        keeper.end(&key(1), 1);
        assert!(keeper.take(1).unwrap().missing().unwrap().starts_with("its first frames"));
    }

    #[test]
    fn a_flood_of_new_connections_keeps_to_the_budget() {
        let mut keeper = Keeper::new(MemoryLimits { all: 100_000, ..LIMITS });
        for number in 1..=20_000_u64 {
            keeper.keep(key(u16::try_from(number % 20_000).unwrap()), 0, &frame(number, &[0; 60]), true);
            assert!(keeper.bytes() <= 100_000);
        }
        assert!(keeper.idle.len() <= 4 * keeper.open.len() + 1024);
        assert_eq!(keeper.given_up() + keeper.open.len() as u64, 20_000);
    }
}
