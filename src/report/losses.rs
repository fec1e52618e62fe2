//! Frames that were lost before anybody could read them, in words.

use super::model::{Capture, CaptureKind};
use super::units;

/// Linux's device for all interfaces: some frames come twice there, and the kernel does not tell which of them it dropped.
const ANY: &str = "any";

/// How many frames were lost, for people, and who lost them.
pub(super) fn losses(capture: &Capture) -> impl Iterator<Item = (String, &'static str)> {
    let by_kernel = if is_estimated(capture) { "about " } else { "" };
    [("the kernel", by_kernel, capture.dropped.kernel), ("the interface", "", capture.dropped.interface)]
        .into_iter()
        .filter_map(|(who, about, frames)| Some((who, about, frames.filter(|frames| *frames > 0)?)))
        .map(|(who, about, frames)| (format!("{about}{}", units::counted(frames, "frame")), who))
}

fn is_estimated(capture: &Capture) -> bool {
    capture.kind == CaptureKind::Live && capture.source.split(' ').any(|name| name == ANY)
}
