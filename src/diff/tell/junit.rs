//! `junit`: a case for each pair that differs and for each connection that only one capture has; one more for all pairs that
//! are alike. A case fails where the second capture is worse; one that has no counterpart is skipped.

use crate::diff::{Brief, Diff, Difference, Pair};
use crate::report::junit::{failure, write, xml, xml_lines};
use crate::report::model::Outcome;
use crate::report::units;
use quick_junit::{TestCase, TestCaseStatus, TestSuite};
use std::io::{self, Write};

/// Tells it as test cases; what is at least as bad as `bar`, and was better, is a failed one.
///
/// # Errors
/// When `out` fails.
pub fn junit(diff: &Diff, bar: Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut suite = TestSuite::new(xml(&format!("{} → {}", diff.a.source, diff.b.source)));
    suite.add_test_cases(diff.pairs.iter().map(|pair| of_pair(pair, bar)));
    suite.add_test_cases(diff.only_a.iter().map(|brief| of_one("A", brief, TestCaseStatus::skipped())));
    suite.add_test_cases(diff.only_b.iter().map(|brief| {
        let status = if brief.is_bad(bar) { failure() } else { TestCaseStatus::skipped() };
        of_one("B", brief, status)
    }));
    if diff.alike > 0 {
        suite.add_test_case(plain(
            &format!("{} alike", units::counted(diff.alike as u64, "pair")),
            TestCaseStatus::success(),
        ));
    }
    if diff.not_compared > 0 {
        let told = format!("{} not compared: there are too many", units::counted(diff.not_compared, "connection"));
        suite.add_test_case(plain(&told, TestCaseStatus::skipped()));
    }
    write(suite, out)
}

fn of_pair(pair: &Pair, bar: Outcome) -> TestCase {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    let differences = pair.differences.iter().flat_map(|Difference { what, a, b, .. }| {
        [format!("{what}:"), format!("  A: {}", value(a)), format!("  B: {}", value(b))]
    });
    let ends = ["ends:".to_owned(), format!("  A: {}", pair.a.ends), format!("  B: {}", pair.b.ends)];
    let told: Vec<_> = ends.into_iter().chain(differences).collect();
    let name = format!("connection {} in A, {} in B: {}", pair.a.id, pair.b.id, pair.b.ends);
    if !pair.is_worse(bar) {
        let mut case = plain(&name, TestCaseStatus::success());
        case.set_system_out(xml_lines(&[vec![pair.headline.clone()], told].concat()));
        return case;
    }
    let mut status = failure();
    status.set_message(xml(&pair.headline)).set_type("worse").set_description(xml_lines(&told));
    plain(&name, status)
}

fn of_one(letter: &str, brief: &Brief, mut status: TestCaseStatus) -> TestCase {
    status.set_message(xml(&brief.headline)).set_type(xml(&format!("only in {letter}")));
    plain(&format!("only in {letter}: connection {}: {}", brief.id, brief.ends), status)
}

fn plain(name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(xml(name), status);
    case.set_classname("iotcap diff");
    case
}
