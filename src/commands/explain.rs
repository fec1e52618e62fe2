//! `iotcap explain`: what a finding means, from the comment at the top of its rule.

use crate::diagnosis::{Rule, rules};
use anyhow::{Result, anyhow};
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

/// What to explain.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// A finding's id or code: syn-unanswered, TCP001
    #[arg(required_unless_present = "all")]
    pub finding: Option<String>,
    /// All findings, as Markdown
    #[arg(long, conflicts_with = "finding")]
    pub all: bool,
}

/// Prints what was asked for.
///
/// # Errors
/// When no finding has this id or code, or the output fails.
pub fn explain(arguments: &ExplainArgs) -> Result<ExitCode> {
    let text = match &arguments.finding {
        Some(name) => one(rules::find(name).ok_or_else(|| unknown(name))?),
        None => all(),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// All findings as Markdown: docs/findings.md is a copy of it.
#[must_use]
pub fn all() -> String {
    let mut text = "# Findings\n\nWhat `iotcap explain` prints, for every finding. Made from the rules by `iotcap explain --all`.\n\n".to_owned();
    for rule in rules::ALL {
        let _ = writeln!(text, "* [{} {}](#{}-{})", rule.code, rule.id, rule.code.to_lowercase(), rule.id);
    }
    for rule in rules::ALL {
        let _ = write!(text, "\n{}", one(rule));
    }
    text
}

fn one(rule: &Rule) -> String {
    let doc = rule.doc();
    let mut text = format!("## {} {}\n\n**{}.** Severity: {}", rule.code, rule.id, doc.title, rule.severity);
    if let Some(phase) = rule.phase {
        let _ = write!(text, ". Phase: {}", phase.name());
    }
    if !rule.supersedes.is_empty() {
        let _ = write!(text, ". Explains away: {}", rule.supersedes.join(", "));
    }
    let _ = write!(text, ".\n\n{}\n", doc.markdown(2).trim_end());
    text
}

fn unknown(name: &str) -> anyhow::Error {
    let near =
        rules::ALL.iter().map(|rule| rule.id).filter(|id| id.contains(name) || name.contains(id)).collect::<Vec<_>>();
    match near.first() {
        Some(near) => anyhow!("no finding is called {name}: did you mean {near}? `iotcap explain --all` lists them"),
        None => anyhow!("no finding is called {name}: `iotcap explain --all` lists them"),
    }
}
