//! Where reports go: standard output and files, each with its format.

#[cfg(feature = "parquet")]
use super::archives::archive;
use super::collector::{self, collector};
use crate::cli::{AnalyzeArgs, Colour, FailOn, FileFormat, FormatName, OutputArgs, columns_of_standard_output};
use crate::report::{
    Degraded, Format, Github, Glyphs, Html, Json, JsonLines, Junit, Markdown, Pace, Text, TextOptions,
};
use anstream::{AutoStream, ColorChoice};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

/// What is written at once, in bytes.
const BUFFER: usize = 64 << 10;

/// A format and where it goes.
pub(crate) struct Output {
    pub(super) format: Box<dyn Format>,
    pub(super) to: Box<dyn Write>,
    pub(super) name: String,
    /// The file, where it is one.
    #[cfg_attr(not(all(feature = "live", unix)), expect(dead_code, reason = "only a live capture changes its user"))]
    pub(super) file: Option<File>,
}

/// Opens what the report goes to, for captures that may have to be read a second time: nothing is out before the end.
pub(super) fn of_files(arguments: &AnalyzeArgs) -> Result<Vec<Output>> {
    let captures = arguments.captures();
    let arguments = &arguments.output;
    let stdout = standard_output(arguments);
    let stdout = if arguments.format == FormatName::Jsonl { Box::new(Held::new(stdout)) } else { stdout };
    let mut outputs = open(arguments, Pace::AtEnd, Origin::Files(&captures), stdout)?;
    outputs.extend(collector(arguments, collector::Pace::File)?);
    Ok(outputs)
}

/// What the report is of.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(all(feature = "live", feature = "parquet", unix)),
    expect(dead_code, reason = "only an archive asks, and only a live capture has interfaces")
)]
pub(super) enum Origin<'a> {
    /// Captures that are read, perhaps twice.
    Files(&'a [PathBuf]),
    /// Interfaces. The process has no right to make files later.
    Interfaces,
}

/// Only text has colours that may have to be taken out again.
pub(super) fn standard_output(arguments: &OutputArgs) -> Box<dyn Write> {
    let stdout = io::stdout();
    match arguments.format {
        FormatName::Text => {
            let choice = arguments.color.choice(&stdout);
            Box::new(BufWriter::new(AutoStream::new(stdout, choice)))
        }
        _ => Box::new(BufWriter::with_capacity(BUFFER, stdout)),
    }
}

#[cfg_attr(not(feature = "parquet"), expect(unused_variables, reason = "only an archive asks for the origin"))]
pub(super) fn open(
    arguments: &OutputArgs,
    pace: Pace,
    origin: Origin<'_>,
    stdout: Box<dyn Write>,
) -> Result<Vec<Output>> {
    let mut outputs = Vec::new();
    if !(arguments.quiet && arguments.format == FormatName::Text) {
        let look = Look::of_standard_output(arguments.color);
        outputs.push(Output {
            format: format(arguments.format, arguments, look, pace),
            to: stdout,
            name: "standard output".to_owned(),
            file: None,
        });
    }
    for target in &arguments.reports {
        outputs.push(match target.format {
            FileFormat::Stream(name) => stream(name, &target.path, arguments)?,
            #[cfg(feature = "parquet")]
            FileFormat::Parquet => archive(&target.path, arguments, origin)?,
        });
    }
    Ok(outputs)
}

/// A format that is written to one file from its begin to its end.
fn stream(name: FormatName, path: &Path, arguments: &OutputArgs) -> Result<Output> {
    let open = || {
        let file = File::create(path)?;
        Ok::<_, io::Error>((file.try_clone()?, file))
    };
    let (to, file) = open().with_context(|| cannot_write(&path.display().to_string()))?;
    Ok(Output {
        format: format(name, arguments, Look::OF_FILES, Pace::AtEnd),
        to: Box::new(BufWriter::with_capacity(BUFFER, to)),
        name: path.display().to_string(),
        file: Some(file),
    })
}

/// How text looks where it goes.
#[derive(Clone, Copy)]
struct Look {
    width: Option<usize>,
    colour: bool,
}

impl Look {
    const OF_FILES: Self = Self { width: None, colour: false };

    fn of_standard_output(colour: Colour) -> Self {
        Self { width: columns_of_standard_output(), colour: colour.choice(&io::stdout()) != ColorChoice::Never }
    }
}

fn format(name: FormatName, arguments: &OutputArgs, look: Look, pace: Pace) -> Box<dyn Format> {
    match name {
        FormatName::Json => Box::new(Json::default()),
        FormatName::Jsonl => Box::new(JsonLines::default()),
        FormatName::Markdown => Box::new(Markdown::new(arguments.limit)),
        FormatName::Junit => Box::new(Junit::new(match arguments.fail_on {
            Some(FailOn::Degraded) => Degraded::Fails,
            _ => Degraded::Passes,
        })),
        FormatName::Github => Box::new(Github::default()),
        FormatName::Html => Box::<Html>::default(),
        FormatName::Text => Box::new(Text::new(TextOptions {
            width: look.width.unwrap_or(TextOptions::default().width),
            colour: look.colour,
            glyphs: Glyphs::Unicode,
            verbose: arguments.verbose > 0,
            teach: arguments.teach,
            limit: arguments.limit,
            // A live capture has told them by then.
            events: arguments.events && pace == Pace::AtEnd,
            pace,
        })),
    }
}

/// What is written before its time, kept until it is flushed: memory first, then a temporary file. A capture may have to be
/// read again, or standard output be somebody else's until the end.
pub(super) struct Held<W: Write> {
    kept: tempfile::SpooledTempFile,
    pub(super) to: W,
}

impl<W: Write> Held<W> {
    const IN_MEMORY: usize = 16 << 20;

    pub(super) fn new(to: W) -> Self {
        Self { kept: tempfile::spooled_tempfile(Self::IN_MEMORY), to }
    }
}

impl<W: Write> Write for Held<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.kept.write(bytes)
    }

    /// The end: all goes out.
    fn flush(&mut self) -> io::Result<()> {
        self.kept.rewind()?;
        io::copy(&mut self.kept, &mut self.to)?;
        self.kept.rewind()?;
        self.kept.set_len(0)?;
        self.to.flush()
    }
}

pub(super) fn cannot_write(name: &str) -> String {
    format!("cannot write to {name}")
}
