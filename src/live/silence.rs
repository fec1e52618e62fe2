//! When nothing comes: a short look without the filter, and at the end a word on what was seen instead and what to try.

use crate::analyze::filter_text;
use crate::cli::SelectionArgs;
use crate::decode::{Decoder, Interest, Limits, SkipCounts};
use crate::frame::Frame;
use crate::report::units;
use std::time::{Duration, Instant};

/// So long without a frame, and it is time to look what else there is.
const SILENT: Duration = Duration::from_secs(5);
/// How long to look.
const LOOK: Duration = Duration::from_secs(2);
/// How many ports are told.
const TOLD: usize = 5;

/// Watches for silence, and looks.
pub(super) struct Silence {
    state: State,
    decoder: Decoder,
    frames: u64,
    looked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting(Instant),
    Looking(Instant),
    Done,
}

/// What to do with the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Off,
    On,
}

impl Silence {
    pub(super) fn new(interest: Interest, started: Instant, duration: Option<Duration>) -> Self {
        // A short capture is looked at in its second half.
        let wait = duration.map_or(SILENT, |duration| SILENT.min(duration / 2));
        let decoder = Decoder::new(interest, Limits::default());
        Self { state: State::Waiting(started + wait), decoder, frames: 0, looked: false }
    }

    /// Whether the filter is to be turned, now that so many frames of interest have come.
    pub(super) fn turn(&mut self, now: Instant, frames: u64) -> Option<Turn> {
        match self.state {
            State::Waiting(_) if frames > 0 => {
                self.state = State::Done;
                None
            }
            State::Waiting(until) if now >= until => {
                self.state = State::Looking(now + LOOK);
                self.looked = true;
                Some(Turn::Off)
            }
            State::Looking(until) if now >= until || frames > 0 => {
                self.state = State::Done;
                Some(Turn::On)
            }
            _ => None,
        }
    }

    /// Takes a frame that came while the filter was off, and that it would have kept away.
    pub(super) fn look_at(&mut self, frame: &Frame<'_>) {
        self.frames += 1;
        self.decoder.decode(frame);
    }

    /// What to tell a user who saw no connection. What the frames of interest say of it (names, IPv6) is in the report.
    pub(super) fn sentences(&self, surroundings: &Surroundings<'_>) -> Vec<String> {
        let Surroundings { interfaces, selection, route } = *surroundings;
        let names = interfaces.join(" and ");
        let mut sentences = vec![format!("no connection was seen on {names} ({})", filter_text(selection))];
        sentences.extend(self.looked.then(|| self.seen_instead()));
        sentences.extend(elsewhere(interfaces, route));
        if self.looked && self.frames == 0 {
            sentences.push(
                "is the device's traffic on another interface (iotcap interfaces), or on another machine?".to_owned(),
            );
        }
        sentences
    }

    fn skipped(&self) -> &SkipCounts {
        self.decoder.skipped()
    }

    fn seen_instead(&self) -> String {
        if self.frames == 0 {
            return "without the filter nothing came either: the interface is silent".to_owned();
        }
        let frames = units::counted(self.frames, "frame");
        let ports = self.skipped().other_ports(TOLD);
        if ports.is_empty() {
            return format!("without the filter {frames} came, none of them TCP");
        }
        let told: Vec<_> = ports.iter().map(|(port, frames)| format!("{port} ({})", units::count(*frames))).collect();
        let likely = [443, 1883, 8884, 8443].iter().find(|port| ports.iter().any(|(seen, _)| seen == *port));
        let hint = likely.map_or(String::new(), |port| format!("; is it MQTT on {port}? Try -p {port}"));
        format!("without the filter {frames} came, on TCP ports {}{hint}", told.join(", "))
    }
}

/// What a hint depends on.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) interfaces: &'a [String],
    pub(super) selection: &'a SelectionArgs,
    /// The interface that carries the default route.
    pub(super) route: Option<&'a str>,
}

fn elsewhere(interfaces: &[String], route: Option<&str>) -> Option<String> {
    let route = route?;
    let covered = interfaces.iter().any(|name| name == route || name == crate::source::live::ANY);
    (!covered).then(|| format!("the default route goes over {route}: try -i {route}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interest() -> Interest {
        Interest { ports: vec![8883], ipv6: false, dns: true }
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn it_looks_once_and_only_when_nothing_came() {
        let start = now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut silence = Silence::new(interest(), start, None);
        assert_eq!(silence.turn(after(4), 0), None);
        assert_eq!(silence.turn(after(5), 0), Some(Turn::Off));
        assert_eq!(silence.turn(after(6), 0), None);
        assert_eq!(silence.turn(after(7), 0), Some(Turn::On));
        assert_eq!(silence.turn(after(60), 0), None);
        let mut busy = Silence::new(interest(), start, None);
        assert_eq!(busy.turn(after(1), 1), None);
        assert_eq!(busy.turn(after(9), 1), None);
    }

    #[test]
    fn another_interface_is_suggested_where_the_default_route_is_not_looked_at() {
        let interfaces = |name: &str| vec![name.to_owned()];
        assert!(elsewhere(&interfaces("lo"), Some("eth0")).is_some_and(|sentence| sentence.contains("-i eth0")));
        assert_eq!(elsewhere(&interfaces("eth0"), Some("eth0")), None);
        assert_eq!(elsewhere(&interfaces("any"), Some("eth0")), None);
        assert_eq!(elsewhere(&interfaces("lo"), None), None);
    }
}
