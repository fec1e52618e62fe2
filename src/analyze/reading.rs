//! Captures that are read: their frames, through the filter, to the analysis, in this thread or in several.

use super::Told;
use crate::analyzer::{Analyzer, Taken};
use crate::diagnosis::Draft;
use crate::flow::Share;
use crate::frame::Frame;
use crate::pipeline::{self, Batch, Dealer, Plan};
use crate::source::bpf::FilterProgram;
use crate::source::{CaptureInfo, Filled, Source, Taker};
use anyhow::Result;

/// What is read, and how far its secrets were taken over.
pub(super) struct Reading {
    pub(super) source: Box<dyn Source + Send>,
    pub(super) filter: Option<FilterProgram>,
    pub(super) secrets_seen: usize,
    /// Whether secrets behind frames are a reason to stop: they have to be known before those.
    pub(super) waits_for_secrets: bool,
}

impl Reading {
    /// Analyses a share of the flows in this thread; nothing where secrets came too late.
    pub(super) fn by_itself(&mut self, plan: Plan, share: Share, told: &mut Told) -> Result<Option<Analyzer>> {
        let mut analyzer = Analyzer::for_share(plan.config, share);
        for text in &plan.secrets {
            analyzer.add_secrets(text);
        }
        let mut goes_on = true;
        while goes_on {
            match self.source.next_frame() {
                Some(frame) if self.filter.as_mut().is_none_or(|filter| filter.matches(&frame)) => {
                    let taken = analyzer.push(&frame);
                    told.tell_all(&mut analyzer)?;
                    if let Some(saving) = told.saving.as_mut().filter(|_| taken != Taken::PassedOver) {
                        saving.add(&frame)?;
                    }
                }
                Some(_) => {}
                None => goes_on = false,
            }
            let info = self.source.info();
            if !take_secrets(info, &mut self.secrets_seen, self.waits_for_secrets, |text| analyzer.add_secrets(text)) {
                return Ok(None);
            }
        }
        analyzer.finish();
        told.tell_all(&mut analyzer)?;
        Ok(Some(analyzer))
    }

    /// Analyses in several threads; nothing where secrets came too late.
    pub(super) fn by_threads(&mut self, plan: &Plan, told: &mut Told) -> Result<Option<Analyzer>> {
        let Self { source, filter, secrets_seen, waits_for_secrets } = self;
        let (capture, thresholds) = (told.capture, told.desk.thresholds().clone());
        let mut is_too_late = false;
        let fill = |dealer: &mut Dealer, batch: &mut Batch| {
            let spare = batch.take_bytes();
            let mut dealing = Dealing { dealer, batch, filter, secrets_seen, waits: *waits_for_secrets, is_too_late };
            let Filled { bytes, more } = source.fill(spare, &mut dealing);
            is_too_late = dealing.is_too_late;
            if is_too_late {
                *batch = Batch::default();
            } else {
                batch.put_bytes(bytes);
            }
            more
        };
        let judge = |record| Draft::new(record, capture, &thresholds);
        let analyzer = pipeline::run(plan, fill, judge, |news| told.tell_news(news))?;
        Ok((!is_too_late).then_some(analyzer))
    }
}

/// A batch that is being filled.
struct Dealing<'a> {
    dealer: &'a mut Dealer,
    batch: &'a mut Batch,
    filter: &'a mut Option<FilterProgram>,
    secrets_seen: &'a mut usize,
    waits: bool,
    is_too_late: bool,
}

impl Taker for Dealing<'_> {
    fn take(&mut self, frame: &Frame<'_>, start: usize) -> bool {
        self.filter.as_mut().is_none_or(|filter| filter.matches(frame)) && self.dealer.deal(self.batch, frame, start)
    }

    fn note(&mut self, info: &CaptureInfo) -> bool {
        let Self { dealer, batch, .. } = self;
        let goes_on = take_secrets(info, self.secrets_seen, self.waits, |text| dealer.add_secrets(batch, text));
        self.is_too_late = !goes_on;
        goes_on
    }
}

/// Takes over what a capture says meanwhile of its secrets; not, and for good, where they stand behind frames and are waited for.
/// They stand before the frames that need them in a well-made file; then they are there in time.
fn take_secrets(info: &CaptureInfo, seen: &mut usize, waits: bool, mut add: impl FnMut(&[u8])) -> bool {
    for block in info.secrets.iter().skip(*seen) {
        *seen += 1;
        if block.after.number() > 0 && waits {
            return false;
        }
        add(&block.bytes);
    }
    true
}
