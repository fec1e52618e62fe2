//! The shape of a rule: a pure check with its name, its place and its documentation.

use super::doc::Doc;
use super::handshake::Refusal;
use super::service::Service;
use super::session::Answered;
use super::{Finding, Severity, Thresholds};
use crate::connection::Record;
use crate::mqtt::session::Entry;
use crate::net::Side;
use crate::stream::Moment;
use crate::timeline::{CloseHow, Phase};
use std::cell::OnceCell;

/// A finding of the catalogue.
pub struct Rule {
    /// Its name; it never changes once released.
    pub id: &'static str,
    /// Its short name.
    pub code: &'static str,
    /// The phase that it stops a connection in; none where that depends on the case or it stops nothing.
    pub phase: Option<Phase>,
    /// How bad it is.
    pub severity: Severity,
    /// The more general findings that it explains away.
    pub supersedes: &'static [&'static str],
    /// Whether it forbids a verdict: section "cannot tell" of the catalogue.
    pub forbids_verdict: bool,
    /// Whether it leaves the outcome as it is, though it is a warning: nothing is wrong yet.
    pub keeps_outcome: bool,
    /// Looks at one connection.
    pub check: fn(&Case<'_>) -> Option<Finding>,
    /// The source of its file, whose comment is its documentation.
    pub source: &'static str,
}

impl Rule {
    /// A rule about one connection that supersedes nothing; set what differs with `..`.
    #[must_use]
    pub const fn new(
        id: &'static str,
        code: &'static str,
        source: &'static str,
        check: fn(&Case<'_>) -> Option<Finding>,
    ) -> Self {
        Self {
            id,
            code,
            phase: None,
            severity: Severity::Error,
            supersedes: &[],
            forbids_verdict: false,
            keeps_outcome: false,
            check,
            source,
        }
    }

    /// Its documentation.
    #[must_use]
    pub fn doc(&self) -> Doc {
        Doc::parse(self.source)
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.id)
    }
}

/// What a rule looks at.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The connection.
    pub record: &'a Record,
    /// What is known of the capture as a whole.
    pub capture: CaptureState,
    /// The service at the far end, where its name tells.
    pub service: Option<Service>,
    /// Where "slow" and "lossy" begin.
    pub thresholds: &'a Thresholds,
    /// What many rules ask, worked out once.
    pub(super) asked: Asked,
}

impl<'a> Case<'a> {
    /// The case of one connection.
    #[must_use]
    pub fn new(record: &'a Record, capture: CaptureState, thresholds: &'a Thresholds) -> Self {
        let service = record.server_name().and_then(Service::of);
        Self { record, capture, service, thresholds, asked: Asked::default() }
    }
}

/// Answers of a case that are kept; each belongs to the method of its name.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) refusal: OnceCell<Option<Refusal>>,
    pub(super) server_refused: OnceCell<Option<Refusal>>,
    pub(super) first_close: OnceCell<Option<(Side, Moment, CloseHow)>>,
    pub(super) close_as_answer: OnceCell<Option<Answered>>,
    pub(super) entries: OnceCell<Vec<Entry>>,
}

/// What the capture as a whole lacks, as far as is known when the verdict is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureState {
    /// Frames that the kernel or the interface dropped; none where nobody counted.
    pub dropped: Option<u64>,
    /// Whether frames were cut by the snaplen.
    pub truncated: bool,
}
