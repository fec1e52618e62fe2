//! Whether the interfaces are still there. Some systems tell a capture when its interface goes down, others (Linux) do not.

use crate::source::live::Link;
use std::time::{Duration, Instant};

/// How often a silent interface is looked after.
const EVERY: Duration = Duration::from_millis(250);

/// The interfaces of a capture.
pub(crate) struct Links {
    links: Vec<(Link, State)>,
    next: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    /// Down; its capture still waits.
    Down,
    /// Gone; its capture has said so.
    Gone,
}

/// What became of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    WentDown,
    CameBack,
}

impl Links {
    pub(crate) fn new(names: &[String], now: Instant) -> Self {
        Self { links: names.iter().map(|name| (Link::named(name), State::Up)).collect(), next: now + EVERY }
    }

    /// The capture says that its interface is gone; whether that is news.
    pub(crate) fn lose(&mut self, interface: usize) -> bool {
        let link = self.links.get_mut(interface);
        link.is_some_and(|(_, state)| std::mem::replace(state, State::Gone) == State::Up)
    }

    /// The capture says that its interface is back.
    pub(crate) fn find(&mut self, interface: usize) {
        if let Some((link, state)) = self.links.get_mut(interface) {
            link.follow();
            *state = State::Up;
        }
    }

    /// What an interface is called now.
    pub(crate) fn name(&self, interface: usize) -> String {
        self.links.get(interface).map_or_else(|| "an interface".to_owned(), |(link, _)| link.called())
    }

    /// Looks after the interfaces, if it is time to. To be called while nothing comes: what brings frames is up.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<(usize, Change)> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now + EVERY;
        let check = |(index, (link, state)): (usize, &mut (Link, State))| {
            let change = match (*state, link.is_up()) {
                (State::Up, false) => (State::Down, Change::WentDown),
                (State::Down, true) => (State::Up, Change::CameBack),
                _ => return None,
            };
            *state = change.0;
            Some((index, change.1))
        };
        self.links.iter_mut().enumerate().filter_map(check).collect()
    }
}
