//! From finished connections to every format that was asked for: records wait at the desk, verdicts go out.

use super::carrying::Carrying;
use super::outputs::{Output, cannot_write};
use crate::analyzer::{Analyzer, News, What};
use crate::connection::Record;
use crate::diagnosis::{CaptureState, Desk, Draft, Thresholds, Verdict};
use crate::expect::{Expectations, Judge};
use crate::redact::Redactor;
use crate::report::build;
use crate::report::model::{Capture, Connection, Group, Summary};
use crate::saving::{AnnotatedFile, Ending};
use crate::source::CaptureInfo;
use crate::time::Timestamp;
use anyhow::{Context, Result};
use std::borrow::Cow;

/// The connections told so far, in every format that was asked for.
pub(crate) struct Told {
    pub(super) outputs: Vec<Output>,
    summary: Summary,
    pub(super) desk: Desk,
    judge: Option<Judge>,
    /// What is known of the capture so far.
    pub(crate) capture: CaptureState,
    /// What replaces originals by pseudonyms, where that is asked for.
    pub(crate) redactor: Option<Box<Redactor>>,
    /// The file that frames are saved in together with what was found.
    pub(crate) saving: Option<AnnotatedFile>,
    /// What goes from and to other shares of the capture.
    pub(super) carrying: Carrying,
}

/// What a saved file takes over beside frames and findings.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// What the capture says about itself.
    pub(super) info: &'a CaptureInfo,
    /// The secrets that opened something; empty where they are to be left out.
    pub(super) secrets: &'a str,
}

impl Told {
    pub(crate) fn begin(mut outputs: Vec<Output>, thresholds: Thresholds) -> Result<Self> {
        for output in &mut outputs {
            output.format.begin(&mut output.to).with_context(|| cannot_write(&output.name))?;
        }
        let (summary, desk) = (Summary::default(), Desk::new(thresholds));
        let capture = CaptureState::default();
        let carrying = Carrying::default();
        Ok(Self { outputs, summary, desk, judge: None, capture, redactor: None, saving: None, carrying })
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
        self.take_carried(news.order.at)?;
        self.desk.advance(news.order.at);
        self.tell_due()?;
        self.carrying.note(&news, self.desk.thresholds())?;
        match news.what {
            What::Over(draft) => self.desk.push_draft(draft),
            What::Arrived(arrival) => self.desk.arrived(arrival),
        }
        Ok(())
    }

    /// Takes what other shares have told by a time, as if it were told here.
    fn take_carried(&mut self, now: Timestamp) -> Result<()> {
        while let Some((at, arrival)) = self.carrying.next_by(now) {
            self.desk.advance(at);
            self.tell_due()?;
            self.desk.arrived(arrival);
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
            if let Some(redactor) = &mut self.redactor {
                redactor.learn(&record);
            }
            let redacts = self.redactor.is_some();
            let mut make = || told(&record, &verdict, self.redactor.as_deref_mut());
            let mut connection = None;
            match &mut self.judge {
                // Expectations name things as they are.
                Some(judge) if redacts => judge.see(&build::connection(&record, &verdict)),
                Some(judge) => judge.see(connection.get_or_insert_with(&mut make)),
                None => {}
            }
            if let Some(saving) = &mut self.saving {
                saving.tell(connection.get_or_insert_with(&mut make));
            }
            for Output { format, to, name, .. } in &mut self.outputs {
                if !format.passes_over(&glance) {
                    let connection = connection.get_or_insert_with(&mut make);
                    format.connection(connection, to).with_context(|| cannot_write(name))?;
                }
            }
        }
        Ok(())
    }

    /// Tells what is left, and what is said of the whole: `groups` is what concerns no connection.
    #[cfg_attr(
        not(all(feature = "live", unix)),
        expect(dead_code, reason = "a capture that is read may have to be saved")
    )]
    pub(crate) fn finish(mut self, capture: &Capture, groups: &[Group]) -> Result<Summary> {
        self.conclude(capture, groups)?;
        Ok(self.summary)
    }

    /// The same, and completes the file that frames are saved in.
    pub(super) fn finish_saving(&mut self, capture: &Capture, groups: &[Group], known: Known<'_>) -> Result<Summary> {
        let groups = self.conclude(capture, groups)?;
        if let Some(saving) = self.saving.take() {
            let Known { info, secrets } = known;
            saving.finish(
                Ending { summary: &self.summary, groups: &groups, info, secrets },
                self.redactor.as_deref_mut(),
            )?;
        }
        Ok(std::mem::take(&mut self.summary))
    }

    fn conclude(&mut self, capture: &Capture, groups: &[Group]) -> Result<Vec<Group>> {
        self.take_carried(Timestamp::from_nanos(i64::MAX))?;
        std::mem::take(&mut self.carrying).finish()?;
        self.desk.finish();
        self.tell_due()?;
        let mut groups: Vec<_> = self.desk.groups().iter().map(build::group).chain(groups.iter().cloned()).collect();
        let mut capture = Cow::Borrowed(capture);
        if let Some(redactor) = &mut self.redactor {
            groups = groups.into_iter().map(|group| redactor.group(group)).collect();
            capture = Cow::Owned(redactor.capture(capture.into_owned()));
        }
        let mut expectations = self.judge.take().map(Judge::finish);
        self.summary.unmet_expectations =
            expectations.as_ref().map(|judged| judged.iter().filter(|expectation| !expectation.met).count() as u64);
        if let (Some(expectations), Some(redactor)) = (&mut expectations, &mut self.redactor) {
            for expectation in expectations {
                redactor.expectation(expectation);
            }
        }
        for output in &mut self.outputs {
            if let Some(expectations) = &expectations {
                output.format.judged(expectations);
            }
            let written =
                output.format.finish(&capture, &self.summary, &groups, &mut output.to).and_then(|()| output.to.flush());
            written.with_context(|| cannot_write(&output.name))?;
        }
        Ok(groups)
    }
}

/// A connection as it may be told.
pub(super) fn told(record: &Record, verdict: &Verdict, redactor: Option<&mut Redactor>) -> Connection {
    let connection = build::connection(record, verdict);
    match redactor {
        Some(redactor) => redactor.connection(connection),
        None => connection,
    }
}
