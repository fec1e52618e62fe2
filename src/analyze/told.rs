//! From finished connections to every format that was asked for: records wait at the desk, verdicts go out.

use super::outputs::{Output, cannot_write};
use crate::analyzer::{Analyzer, News, What};
use crate::connection::Record;
use crate::diagnosis::{CaptureState, Desk, Draft, Thresholds};
use crate::expect::{Expectations, Judge};
use crate::report::build;
use crate::report::model::{Capture, Group, Summary};
use anyhow::{Context, Result};

/// The connections told so far, in every format that was asked for.
pub(crate) struct Told {
    pub(super) outputs: Vec<Output>,
    summary: Summary,
    pub(super) desk: Desk,
    judge: Option<Judge>,
    /// What is known of the capture so far.
    pub(crate) capture: CaptureState,
}

impl Told {
    pub(crate) fn begin(mut outputs: Vec<Output>, thresholds: Thresholds) -> Result<Self> {
        for output in &mut outputs {
            output.format.begin(&mut output.to).with_context(|| cannot_write(&output.name))?;
        }
        let (summary, desk) = (Summary::default(), Desk::new(thresholds));
        Ok(Self { outputs, summary, desk, judge: None, capture: CaptureState::default() })
    }

    /// Holds each connection against these expectations as well.
    pub(crate) fn expecting(mut self, expectations: Option<&Expectations>) -> Self {
        self.judge = expectations.map(Expectations::judge);
        self
    }

    /// Takes what the analyzer has, and tells the connections whose verdicts are final.
    pub(crate) fn tell_all(&mut self, analyzer: &mut Analyzer) -> Result<()> {
        while let Some(news) = analyzer.poll_news() {
            let (capture, thresholds) = (self.capture, self.desk.thresholds());
            let news = news.map(|record| Draft::new(record, capture, thresholds));
            self.tell_news(news)?;
        }
        Ok(())
    }

    /// Takes the next piece of news, and tells the connections whose verdicts are final by its time.
    pub(crate) fn tell_news(&mut self, news: News<Draft>) -> Result<()> {
        self.desk.advance(news.order.at);
        self.tell_due()?;
        match news.what {
            What::Over(draft) => self.desk.push_draft(draft),
            What::Arrived(arrival) => self.desk.arrived(arrival),
        }
        Ok(())
    }

    /// Takes a connection that is over; its verdict waits for what may explain it.
    #[cfg_attr(not(all(feature = "live", unix)), expect(dead_code, reason = "only a live capture's state changes"))]
    pub(crate) fn take(&mut self, record: Record) {
        self.desk.push(record);
    }

    /// Tells the connections whose verdicts are final by now.
    #[cfg_attr(
        not(all(feature = "live", unix)),
        expect(dead_code, reason = "only a live capture is told by the clock")
    )]
    pub(crate) fn tell_final(&mut self, analyzer: &mut Analyzer) -> Result<()> {
        while let Some(arrival) = analyzer.poll_arrival() {
            self.desk.arrived(arrival);
        }
        if let Some(now) = analyzer.now() {
            self.desk.advance(now);
        }
        self.tell_due()
    }

    fn tell_due(&mut self) -> Result<()> {
        while let Some((record, verdict)) = self.desk.poll(self.capture) {
            let glance = build::glance(&record, &verdict);
            self.summary.count(&glance);
            // Most formats have no use for all of the ten-thousandth healthy connection: then it is not made.
            let mut connection = None;
            if let Some(judge) = &mut self.judge {
                judge.see(connection.get_or_insert_with(|| build::connection(&record, &verdict)));
            }
            for Output { format, to, name, .. } in &mut self.outputs {
                if !format.passes_over(&glance) {
                    let connection = connection.get_or_insert_with(|| build::connection(&record, &verdict));
                    format.connection(connection, to).with_context(|| cannot_write(name))?;
                }
            }
        }
        Ok(())
    }

    /// Tells what is left, and what is said of the whole: `groups` is what concerns no connection.
    pub(crate) fn finish(mut self, capture: &Capture, groups: &[Group]) -> Result<Summary> {
        self.desk.finish();
        self.tell_due()?;
        let groups: Vec<_> = self.desk.groups().iter().map(build::group).chain(groups.iter().cloned()).collect();
        let expectations = self.judge.take().map(Judge::finish);
        self.summary.unmet_expectations =
            expectations.as_ref().map(|judged| judged.iter().filter(|expectation| !expectation.met).count() as u64);
        for output in &mut self.outputs {
            if let Some(expectations) = &expectations {
                output.format.judged(expectations);
            }
            let written =
                output.format.finish(capture, &self.summary, &groups, &mut output.to).and_then(|()| output.to.flush());
            written.with_context(|| cannot_write(&output.name))?;
        }
        Ok(self.summary)
    }
}
