//! What has to be opened before rights are given up: interfaces, reports, the file to save in; and the giving up.

use super::signals::Signal;
use super::status::say;
use super::watch::{Parts, Watch};
use crate::analyze::{self, Output, Told};
use crate::cli::{FormatName, LiveArgs, OutputArgs, SelectionArgs};
use crate::diagnosis::Thresholds;
use crate::expect::Expectations;
use crate::privileges::{self, Account, Keep, Reach};
use crate::report::Pace;
use crate::saving::LiveFile;
use crate::source::bpf::{FilterProgram, kernel_filter};
use crate::source::live::{self, LiveCapture, Options};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// A closed connection waits so long for stragglers before it is told: somebody is watching.
const LINGER: Duration = Duration::from_secs(1);

/// Everything that is open, before a thread is started.
pub(crate) struct Session<'a> {
    capture: LiveCapture,
    outputs: Vec<Output>,
    saving: Option<LiveFile>,
    key_log: Option<File>,
    filter: FilterProgram,
    selection: &'a SelectionArgs,
    output: &'a OutputArgs,
    thresholds: Thresholds,
    expectations: Option<Expectations>,
    reopen: bool,
    /// Asked while files can still be read.
    route: Option<String>,
    pace: Pace,
}

impl<'a> Session<'a> {
    /// Opens the interfaces, the reports, and the file to save in. Nothing is told before the end, if `pace` says so.
    pub(crate) fn open(
        interfaces: &[String],
        live: &LiveArgs,
        selection: &'a SelectionArgs,
        output: &'a OutputArgs,
        pace: Pace,
    ) -> Result<Self> {
        let interest = analyze::config(selection).interest;
        let filter = selection.filter.clone().unwrap_or_else(|| kernel_filter(&interest));
        let options = Options {
            filter: filter.clone(),
            snaplen: live.snaplen,
            buffer: usize::from(live.buffer) << 20,
            immediate: live.immediate,
        };
        let filter = FilterProgram::new(&filter)?;
        let capture = LiveCapture::open(interfaces, options)?;
        if output.redact && output.write.is_some() {
            bail!(
                "a capture is redacted once it is whole: save it, then read it with --redact and -w (iotcap -r live.pcapng --redact -w told.pcapng)"
            );
        }
        let create = |path| LiveFile::create(path, live.snaplen, &analyze::filter_text(selection));
        let saving = output.write.as_deref().map(create).transpose()?;
        let outputs = match pace {
            Pace::AtOnce => analyze::outputs(output, pace)?,
            Pace::AtEnd => analyze::outputs_held_back(output)?,
        };
        let open =
            |path: &PathBuf| File::open(path).with_context(|| format!("cannot read the key log {}", path.display()));
        let key_log = selection.keylog.as_ref().map(open).transpose()?;
        let thresholds = analyze::thresholds(output);
        let expectations = analyze::expectations(output)?;
        let route = live::default_route();
        Ok(Self {
            capture,
            outputs,
            saving,
            key_log,
            filter,
            selection,
            output,
            thresholds,
            expectations,
            reopen: live.reopen,
            route,
            pace,
        })
    }

    /// Gives the files that were made as root to the user who is to have them.
    pub(crate) fn hand_files_to(&self, account: Option<&Account>) {
        let Some(account) = account else { return };
        let reports = analyze::files(&self.outputs);
        reports.chain(self.saving.as_ref().map(LiveFile::file)).for_each(|file| account.own(file));
    }

    /// Starts the threads. Rights are given up by now.
    pub(crate) fn start(self, signal: Signal) -> Result<Watch<'a>> {
        let Self { capture, outputs, saving, key_log, filter, selection, output, reopen, route, pace, .. } = self;
        let mut config = analyze::config(selection);
        // Only text is watched as it grows.
        config.connection.follow = pace == Pace::AtOnce && output.format == FormatName::Text && !output.quiet;
        config.flow.closed_linger = LINGER;
        let interfaces: Vec<String> = capture.names().map(str::to_owned).collect();
        let mut link_types = Vec::new();
        for link_type in capture.link_types() {
            if !link_types.contains(&link_type) {
                link_types.push(link_type);
            }
        }
        let running = capture.start(reopen).context("no thread to capture in")?;
        if !output.quiet && pace == Pace::AtOnce {
            let (names, filter) = (interfaces.join(" and "), analyze::filter_text(selection));
            say(&format!("capturing on {names} ({filter}); Ctrl-C ends it with the summary"));
        }
        let mut told = Told::begin(outputs, self.thresholds)?.expecting(self.expectations.as_ref());
        told.redactor = output.redact.then(Box::default);
        let parts = Parts { running, told, saving, key_log, filter, interfaces, link_types, route, reopen, pace };
        Ok(Watch::new(parts, config, selection, output, signal))
    }
}

/// The rights of the process, on their way out.
pub(crate) struct Rights {
    account: Option<Account>,
    keep: Keep,
    /// What is needed even then.
    reach: Reach,
    /// Whether they are to be given up.
    drop: bool,
    /// Whether it is said.
    told: bool,
}

impl Rights {
    /// What is to become of them.
    pub(crate) fn of(live: &LiveArgs, output: &OutputArgs) -> Result<Self> {
        let keep = if live.reopen { Keep::NetRaw } else { Keep::Nothing };
        let account = if live.no_drop { None } else { Account::to_become(live.user.as_deref())? };
        let reach = analyze::reach(output)?;
        Ok(Self { account, keep, reach, drop: !live.no_drop, told: output.verbose > 0 })
    }

    /// Who the process will run as, where it changes.
    pub(crate) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Becomes that user, for good, with all programs that it will start.
    pub(crate) fn leave_root(&self) -> Result<()> {
        if self.drop {
            privileges::bound();
        }
        self.become_user()
    }

    /// Becomes that user; a program that it starts may still become root where the system lets it.
    pub(crate) fn become_user(&self) -> Result<()> {
        if let Some(account) = &self.account {
            privileges::leave_root(account, self.keep)?;
        }
        Ok(())
    }

    /// Gives up the rest.
    pub(crate) fn seal(&self) -> Result<()> {
        if self.drop {
            let sealed = privileges::seal_but_for(self.keep, &self.reach)?;
            if self.told {
                let user =
                    self.account.as_ref().map_or_else(String::new, |account| format!("running as {}, ", account.name));
                say(&format!("{user}{sealed}"));
            }
        }
        Ok(())
    }
}
