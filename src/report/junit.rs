//! `junit`: what CI servers show as tests: a suite for the capture, in it a case for each connection, or with expectations a
//! case for each of those.
//!
//! A connection that failed is a failed case; a degraded one passes unless it is asked for otherwise; one that is open or
//! without a verdict is skipped. The form wants its totals first, so that cases are held until the end: so many of them, the
//! failed ones first; the others are counted in one more case.

use super::format::Format;
use super::model::{Capture, Connection, Expectation, Finding, Glance, Group, Outcome, Severity, Summary};
use super::worst::Worst;
use super::{escape, phrases, units};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite, XmlString};
use std::borrow::Cow;
use std::io::{self, Write};

/// Connections that get a case of their own.
const CASES: usize = 10_000;

/// What a degraded connection counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Degraded {
    /// A case that passes, with the finding in its output.
    #[default]
    Passes,
    /// A failed case.
    Fails,
}

/// Connections as test cases.
#[derive(Debug)]
pub struct Junit {
    cases: Worst<TestCase>,
    degraded: Degraded,
    expectations: Vec<Expectation>,
}

impl Junit {
    /// A report in which degraded connections count as that.
    #[must_use]
    pub const fn new(degraded: Degraded) -> Self {
        Self { cases: Worst::new(CASES), degraded, expectations: Vec::new() }
    }
}

impl Format for Junit {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn passes_over(&mut self, glance: &Glance<'_>) -> bool {
        let is_full = self.cases.is_full_for(glance.outcome);
        if is_full {
            self.cases.pass_over();
        }
        is_full
    }

    fn connection(&mut self, connection: &Connection, _: &mut dyn Write) -> io::Result<()> {
        let degraded = self.degraded;
        self.cases.keep(connection.outcome, connection.ordinal, || of_connection(connection, degraded));
        Ok(())
    }

    fn judged(&mut self, expectations: &[Expectation]) {
        self.expectations = expectations.to_vec();
    }

    fn finish(
        &mut self,
        capture: &Capture,
        summary: &Summary,
        groups: &[Group],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let cases = std::mem::replace(&mut self.cases, Worst::new(0));
        let left_out = cases.left_out();
        let mut suite = suite(capture, summary);
        if self.expectations.is_empty() {
            suite.add_test_cases(cases.into_capture_order());
            suite.add_test_cases(groups.iter().filter(|group| group.severity == Severity::Error).map(of_group));
            if left_out > 0 {
                suite.add_test_case(of_the_rest(left_out, summary));
            }
        } else {
            suite.add_test_cases(self.expectations.iter().map(of_expectation));
        }
        write(suite, out)
    }
}

/// Writes a document of one suite.
pub(crate) fn write(suite: TestSuite, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new("iotcap");
    if let Some(time) = suite.time {
        report.set_time(time);
    }
    report.add_test_suite(suite);
    let document = report.to_string().map_err(io::Error::other)?;
    out.write_all(in_the_common_form(&document).as_bytes())
}

/// Without the number of skipped cases at the top, which Jenkins' form (junit-10.xsd) has for suites only.
fn in_the_common_form(document: &str) -> Cow<'_, str> {
    let parts = document.split_once("<testsuites ").and_then(|(head, rest)| Some((head, rest.split_once('>')?)));
    let Some((head, (top, rest))) = parts else { return document.into() };
    let attributes = top.split_inclusive("\" ").filter(|attribute| !attribute.starts_with("skipped="));
    format!("{head}<testsuites {}>{rest}", attributes.collect::<String>()).into()
}

fn suite(capture: &Capture, summary: &Summary) -> TestSuite {
    let mut suite = TestSuite::new(xml(&capture.source));
    if let (Some(first), Some(last)) = (capture.first, capture.last) {
        suite.set_time(last.since(first));
        suite.extra.insert("timestamp".into(), xml(&first.to_string()));
    }
    suite.add_property(Property::new("frames", capture.frames.to_string()));
    suite.add_property(Property::new("connections", summary.connections.to_string()));
    if let Some(filter) = &capture.filter {
        suite.add_property(Property::new("filter", xml(filter)));
    }
    suite
}

fn of_connection(connection: &Connection, degraded: Degraded) -> TestCase {
    let cause = connection.cause_finding();
    let mut status = match connection.outcome {
        Outcome::Failed => failure(),
        Outcome::Degraded if degraded == Degraded::Fails => failure(),
        Outcome::Ok | Outcome::Degraded => TestCaseStatus::success(),
        Outcome::Open | Outcome::Inconclusive => TestCaseStatus::skipped(),
    };
    let passes = matches!(status, TestCaseStatus::Success { .. });
    let told = cause.map(|cause| proof(cause, connection));
    if !passes {
        status.set_message(xml(&connection.headline));
        status.set_type(xml(connection.cause.as_deref().unwrap_or(connection.outcome.name())));
        if let Some(told) = &told {
            status.set_description(told.clone());
        }
    }
    let name = format!("connection {}: {}", connection.id, phrases::ends(connection));
    let mut case = TestCase::new(xml(&name), status);
    case.set_classname(xml(&phrases::server(&connection.server)));
    if let Some(total) = connection.timings.total {
        case.set_time(total.0);
    }
    if passes {
        case.set_system_out(told.unwrap_or_else(|| xml(&connection.headline)));
    }
    case
}

/// What proves the cause, what may be behind it, and what to do.
fn proof(cause: &Finding, connection: &Connection) -> XmlString {
    let mut lines = vec![connection.headline.clone(), format!("{}, {}", phrases::rule(cause), cause.confidence)];
    lines.extend(phrases::frames(&cause.frames).map(|frames| format!("proof: {frames}")));
    lines.extend(cause.evidence.iter().map(|fact| format!("- {fact}")));
    let listed = |head: &str, items: &mut dyn Iterator<Item = &str>| {
        let items: Vec<_> = items.map(|item| format!("- {item}")).collect();
        if items.is_empty() { Vec::new() } else { [vec![format!("{head}:")], items].concat() }
    };
    lines.extend(listed("or else", &mut cause.other_readings.iter().map(|reading| &**reading)));
    lines.extend(listed("causes", &mut cause.causes.iter().map(|cause| &**cause)));
    lines.extend(listed("remedy", &mut cause.remedy.iter().map(|remedy| &**remedy)));
    if !connection.phases.is_empty() {
        lines.push(format!("phases: {}", phrases::phases(&connection.phases)));
    }
    lines.push(format!("Wireshark: {}", connection.display_filter.wireshark));
    xml_lines(&lines)
}

fn of_group(group: &Group) -> TestCase {
    let mut status = failure();
    status.set_message(xml(&group.message)).set_type(xml(&group.id));
    let facts = group.evidence.iter().map(|fact| format!("- {fact}"));
    let remedy = group.remedy.iter().map(|remedy| format!("remedy: {remedy}"));
    status.set_description(xml_lines(&facts.chain(remedy).collect::<Vec<_>>()));
    let mut case = TestCase::new(xml(&format!("across connections: {}", group.id)), status);
    case.set_classname(group.server.as_ref().map_or_else(|| xml("capture"), |server| xml(&phrases::server(server))));
    case
}

fn of_expectation(expectation: &Expectation) -> TestCase {
    let mut status = if expectation.met { TestCaseStatus::success() } else { failure() };
    if let Some(first) = expectation.mismatches.first() {
        let told = expectation.mismatches.iter().map(|mismatch| format!("- {}", phrases::mismatch(mismatch)));
        let more = (expectation.more_mismatches > 0)
            .then(|| format!("- and {} more", units::count(expectation.more_mismatches)));
        let expected = std::iter::once(format!("expected: {}", expectation.expected));
        status.set_message(xml(&first.message)).set_type("not-as-expected");
        status.set_description(xml_lines(&expected.chain(told).chain(more).collect::<Vec<_>>()));
    }
    let mut case = TestCase::new(xml(&expectation.name), status);
    case.set_classname("expectations");
    if expectation.met {
        case.set_system_out(xml(&expectation.expected));
    }
    case
}

/// One case for all connections that have none of their own: failed as soon as one of them did.
fn of_the_rest(left_out: u64, summary: &Summary) -> TestCase {
    let told = format!("{} without a case of their own", units::counted(left_out, "connection"));
    let mut status = if summary.failed > CASES as u64 { failure() } else { TestCaseStatus::success() };
    if summary.failed > CASES as u64 {
        status.set_message(told.clone()).set_type("failed");
    }
    let mut case = TestCase::new(told, status);
    case.set_classname("more");
    case
}

pub(crate) fn failure() -> TestCaseStatus {
    TestCaseStatus::non_success(NonSuccessKind::Failure)
}

pub(crate) fn xml_lines(lines: &[String]) -> XmlString {
    XmlString::new(lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n"))
}

pub(crate) fn xml(text: &str) -> XmlString {
    XmlString::new(printable(text))
}

/// Text of characters that XML may hold (XML 1.0, 2.2), and that show themselves.
fn printable(text: &str) -> String {
    escape(text).replace('\u{fffe}', "\\u{fffe}").replace('\u{ffff}', "\\u{ffff}")
}
