//! Times of silence: what ended the last one is often what was answered by a reset, or by nothing.

use crate::net::Side;
use crate::pack::packed;
use crate::stream::Moment;
use std::time::Duration;

/// A time without a frame of either side, of [`Pause::SHORTEST`] at least, that new data or a keep-alive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The last frame before it.
    pub began: Moment,
    /// The first frame behind it.
    pub ended: Moment,
    /// Who sent that one.
    pub by: Side,
}

packed! { struct Pause { began, ended, by } }

impl Pause {
    /// Shorter ones are not noted.
    pub const SHORTEST: Duration = Duration::from_secs(1);

    /// The pause between two frames, if it was one.
    pub(super) fn between(began: Option<Moment>, ended: Moment, by: Side) -> Option<Self> {
        began.map(|began| Self { began, ended, by }).filter(|pause| pause.length() >= Self::SHORTEST)
    }

    /// How long it was.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.ended.at.since(self.began.at)
    }
}
