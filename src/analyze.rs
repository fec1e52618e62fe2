//! The edge that joins the stages for a command: sources are opened, frames pushed, verdicts handed to the formats.

#[cfg(feature = "parquet")]
mod archives;
mod carrying;
mod collector;
mod gathered;
#[cfg(all(feature = "live", unix))]
mod live;
mod outputs;
mod reading;
mod told;

#[cfg(all(feature = "live", unix))]
pub(crate) use collector::reach;
pub(crate) use gathered::Gathered;
#[cfg(all(feature = "live", unix))]
pub(crate) use live::{files, outputs, outputs_held_back};
use told::Known;
pub(crate) use {outputs::Output, told::Told};

use self::carrying::Carrying;
use self::gathered::Gathering;
use crate::analyzer::{Analyzer, Config};
use crate::cli::{AnalyzeArgs, FailOn, OutputArgs, PhaseBudget, SelectionArgs, ShareArgs};
use crate::connection::Settings;
use crate::decode::Interest;
use crate::diagnosis::Thresholds;
use crate::diagnosis::whole::{Whole, whole};
use crate::expect::Expectations;
use crate::flow::Share;
use crate::mqtt;
use crate::pipeline::Plan;
use crate::progress;
use crate::redact::Redactor;
use crate::report::build::{self, CaptureFacts};
use crate::report::model::{CaptureKind, Damage, Dropped, Group, Outcome, Summary};
use crate::saving::AnnotatedFile;
use crate::source::bpf::FilterProgram;
use crate::source::{self, Source};
use anyhow::{Context, Result, bail};
use reading::Reading;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use zeroize::Zeroizing;

/// Analyses captures and tells what was found.
///
/// # Errors
/// One sentence where the captures cannot be read, the filter not be understood, or a report not be written.
pub fn analyze(arguments: &AnalyzeArgs) -> Result<ExitCode> {
    let mut redactor = arguments.output.redact.then(Box::default);
    let summary = read(arguments, &mut redactor, || outputs::of_files(arguments))?;
    Ok(exit_code(&summary, arguments.output.fail_on.unwrap_or(FailOn::Never)))
}

/// Analyses captures and keeps what was found, with pseudonyms where there is a redactor, which learns.
pub(crate) fn gather(arguments: &AnalyzeArgs, redactor: &mut Option<Box<Redactor>>) -> Result<Gathered> {
    let gathered = Gathering::default();
    read(arguments, redactor, || {
        gathered.clear();
        Ok(vec![gathered.output()])
    })?;
    Ok(gathered.done())
}

/// Reads captures, as often as it takes; `outputs` opens where the report goes.
fn read(
    arguments: &AnalyzeArgs,
    redactor: &mut Option<Box<Redactor>>,
    outputs: impl Fn() -> Result<Vec<Output>>,
) -> Result<Summary> {
    let mut secrets = Secrets::given(arguments)?;
    let expectations = expectations(&arguments.output)?;
    loop {
        if let Some(summary) = pass(arguments, expectations.as_ref(), &mut secrets, redactor, outputs()?)? {
            return Ok(summary);
        }
    }
}

/// TLS secrets that are known before the first frame.
#[derive(Default)]
struct Secrets {
    /// Key logs, each complete.
    texts: Vec<Zeroizing<Vec<u8>>>,
    /// Whether these are all that the capture has, wherever in it they stand.
    complete: bool,
}

impl Secrets {
    /// What the user named. Standard input cannot be read twice, so that secrets behind their frames come too late there.
    fn given(arguments: &AnalyzeArgs) -> Result<Self> {
        let read = |path: &PathBuf| {
            let text = std::fs::read(path).with_context(|| format!("cannot read the key log {}", path.display()))?;
            Ok::<_, anyhow::Error>(Zeroizing::new(text))
        };
        let texts = arguments.selection.keylog.iter().map(read).collect::<Result<_>>()?;
        let complete = arguments.captures().iter().any(|path| path.as_os_str() == "-");
        Ok(Self { texts, complete })
    }
}

/// Reads the captures once; nothing where they turned out to hold secrets behind the frames that need them.
/// Only a pass that came to its end has taught the redactor.
fn pass(
    arguments: &AnalyzeArgs,
    expectations: Option<&Expectations>,
    secrets: &mut Secrets,
    redactor: &mut Option<Box<Redactor>>,
    outputs: Vec<Output>,
) -> Result<Option<Summary>> {
    let ShareArgs { share, pieces, .. } = arguments.share;
    let open = if pieces { source::open_copies } else { source::open };
    let mut source = open(&arguments.captures())?;
    if !arguments.output.quiet {
        source = progress::shown(source, &arguments.captures());
    }
    let mut reading = Reading {
        source,
        // Whoever made the pieces applied it, and they tell more than its frames: how late it is.
        filter: arguments.selection.filter.as_deref().filter(|_| !pieces).map(FilterProgram::new).transpose()?,
        secrets_seen: 0,
        waits_for_secrets: !secrets.complete,
    };
    let told = Told::begin(outputs, thresholds(&arguments.output))?;
    let mut told = told.expecting(expectations);
    told.saving = saving(arguments)?;
    told.carrying = Carrying::begin(&arguments.share)?;
    told.redactor.clone_from(redactor);
    let plan = Plan {
        config: config(&arguments.selection),
        secrets: secrets.texts.clone(),
        threads: arguments.threads.map_or_else(usual_threads, usize::from),
    };
    // What is saved depends on what became of each frame, in their order.
    let read = if plan.threads > 1 && told.saving.is_none() && share.is_none() {
        reading.by_threads(&plan, &mut told)?
    } else {
        reading.by_itself(plan, share.unwrap_or(Share::WHOLE), &mut told)?
    };
    let Some(analyzer) = read else {
        *secrets = all_secrets(reading.source.as_mut(), std::mem::take(&mut secrets.texts));
        return Ok(None);
    };
    let source = reading.source.as_ref();
    if let Some(filter) = &reading.filter {
        say_where_the_filter_does_not_fit(filter, source);
    }
    let facts = CaptureFacts { secrets: analyzer.secrets_used(), ..capture_facts(source, &arguments.selection) };
    let capture = build::capture(facts, &analyzer.stats(), analyzer.skipped());
    let secrets =
        if arguments.output.no_secrets || redactor.is_some() { Zeroizing::default() } else { analyzer.used_secrets() };
    let known = Known { info: source.info(), secrets: &secrets };
    let summary = told.finish_saving(&capture, &about_capture(&analyzer, &arguments.selection), known)?;
    *redactor = told.redactor;
    Ok(Some(summary))
}

/// As many as the machine has, and no more than have a use beside one that reads.
fn usual_threads() -> usize {
    const MOST: usize = 8;
    thread::available_parallelism().map_or(1, |count| count.get().min(MOST))
}

/// The findings that belong to no connection.
pub(crate) fn about_capture(analyzer: &Analyzer, selection: &SelectionArgs) -> Vec<Group> {
    let Interest { ports, .. } = config(selection).interest;
    let (stats, skipped, names) = (&analyzer.stats(), analyzer.skipped(), analyzer.names());
    whole(&Whole { stats, skipped, names, ports: &ports }).iter().map(build::about_capture).collect()
}

/// Reads on for secrets alone.
fn all_secrets(source: &mut dyn Source, mut texts: Vec<Zeroizing<Vec<u8>>>) -> Secrets {
    while source.next_frame().is_some() {}
    texts.extend(source.info().secrets.iter().map(|block| block.bytes.clone()));
    Secrets { texts, complete: true }
}

/// libpcap compiles an expression for each link type, and not every expression makes sense on each.
fn say_where_the_filter_does_not_fit(filter: &FilterProgram, source: &dyn Source) {
    for link_type in &source.info().link_types {
        if let Some(reason) = filter.refusal(*link_type) {
            eprintln!("iotcap: the filter does not fit {link_type}, whose frames were left out: {reason}");
        }
    }
}

/// Where the frames that were looked at are saved, if they are to be.
fn saving(arguments: &AnalyzeArgs) -> Result<Option<AnnotatedFile>> {
    let create = |path: &PathBuf| {
        let same = |capture: &PathBuf| path.exists() && path.canonicalize().ok() == capture.canonicalize().ok();
        if arguments.captures().iter().any(same) {
            bail!("{} is being read: save to another file", path.display());
        }
        AnnotatedFile::create(path, &filter_text(&arguments.selection))
    };
    arguments.output.write.as_ref().map(create).transpose()
}

/// What the core is to look at.
pub(crate) fn config(selection: &SelectionArgs) -> Config {
    let any_port = selection.filter.is_some();
    let ports = if any_port { Vec::new() } else { selection.ports.clone() };
    let mqtt = mqtt::Limits { payload_preview: selection.payload.into(), ..mqtt::Limits::default() };
    Config {
        interest: Interest { ports, ipv6: selection.ipv6 || any_port, dns: !selection.no_dns },
        connection: Settings { ports: selection.ports.clone(), any_port, mqtt, ..Settings::default() },
        ..Config::default()
    }
}

/// Where findings begin: by the options, or else by the configuration file, or else by default.
pub(crate) fn thresholds(output: &OutputArgs) -> Thresholds {
    let mut thresholds = output.thresholds.clone();
    for PhaseBudget { stretch, at_most } in &output.budgets {
        thresholds.budget.allow(*stretch, *at_most);
    }
    thresholds
}

/// What the capture must show, if anything.
pub(crate) fn expectations(output: &OutputArgs) -> Result<Option<Expectations>> {
    Ok(output.expect.as_deref().map(Expectations::read).transpose()?)
}

fn capture_facts(source: &dyn Source, selection: &SelectionArgs) -> CaptureFacts {
    let info = source.info();
    let several = info.sources.len() > 1;
    CaptureFacts {
        sources: info.sources.clone(),
        kind: CaptureKind::File,
        link_types: info.link_types.clone(),
        frames: info.frames,
        filter: Some(filter_text(selection)),
        dropped: Dropped { kernel: info.dropped.kernel, interface: info.dropped.interface },
        damaged: info.damaged.first().map(|damage| Damage {
            file: several.then(|| u32::from(damage.after.file()) + 1),
            offset: Some(damage.offset),
            after_frame: Some(damage.after.number()),
            what: damage.fault.to_string(),
            more: info.damaged.len() as u64 - 1 + info.omitted.damaged,
        }),
        secrets: 0,
    }
}

/// The filter in libpcap's words. The default one is a test after decoding, which this describes.
pub(crate) fn filter_text(selection: &SelectionArgs) -> String {
    selection.filter.clone().unwrap_or_else(|| default_filter(selection))
}

fn default_filter(selection: &SelectionArgs) -> String {
    let ports: Vec<String> = selection.ports.iter().map(|port| format!("tcp port {port}")).collect();
    let ports = if ports.len() > 1 { format!("({})", ports.join(" or ")) } else { ports.join("") };
    if selection.ipv6 { ports } else { format!("ip and {ports}") }
}

pub(crate) fn exit_code(summary: &Summary, fail_on: FailOn) -> ExitCode {
    let bad = match fail_on {
        FailOn::Never => 0,
        FailOn::Failed => summary.outcome(Outcome::Failed),
        FailOn::Degraded => summary.outcome(Outcome::Failed) + summary.outcome(Outcome::Degraded),
    };
    if bad > 0 || summary.unmet_expectations > Some(0) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
