//! What an analysis of one share gives to the others and takes from them: see [`crate::shares`].

use crate::analyzer::{News, What};
use crate::cli::ShareArgs;
use crate::connection::Arrival;
use crate::diagnosis::{Draft, Thresholds, takeover_window};
use crate::shares::carry::{CarryIn, CarryOut};
use crate::time::Timestamp;
use anyhow::Result;

/// Files of what shares need to know of one another; none where the whole is analysed.
#[derive(Default)]
pub(super) struct Carrying {
    out: Option<CarryOut>,
    others: CarryIn,
}

impl Carrying {
    pub(super) fn begin(arguments: &ShareArgs) -> Result<Self> {
        let out = arguments.carry_out.as_deref().map(CarryOut::create).transpose()?;
        Ok(Self { out, others: CarryIn::read(&arguments.carry_in)? })
    }

    /// The next arrival in another share that was known by a time.
    pub(super) fn next_by(&mut self, now: Timestamp) -> Option<(Timestamp, Arrival)> {
        self.others.next_by(now)
    }

    /// Writes what the others need to know of this.
    pub(super) fn note(&mut self, news: &News<Draft>, thresholds: &Thresholds) -> Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        let at = news.order.at;
        let record = match &news.what {
            What::Arrived(arrival) => return out.arrived(at, arrival),
            What::Over(draft) => draft.record(),
        };
        if let Some(arrival) = record.arrival() {
            out.arrived(at, &arrival)?;
        }
        takeover_window(record, thresholds).map_or(Ok(()), |window| out.ended(record.endpoints.server, &window))
    }

    pub(super) fn finish(self) -> Result<()> {
        self.out.map_or(Ok(()), CarryOut::finish)
    }
}
