//! `iotcap demo`: a broker and a handful of devices on this machine, some of them broken on purpose, captured and analysed.
//!
//! Where capturing is permitted the traffic is real, over loopback; where it is not, the lab plays the same faults on its
//! virtual wire. Either way the reports are files in a folder afterwards.

use crate::analyze::analyze;
use crate::cli::{Cli, FileFormat, FormatName, OutputArgs};
use crate::lab;
use anyhow::{Context, Result};
use clap::Parser;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the demo leaves its reports.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// The folder for the reports and the capture
    #[arg(long, value_name = "FOLDER", default_value = "iotcap-demo")]
    pub folder: PathBuf,
    /// Use the virtual wire even where capturing is permitted
    #[arg(long)]
    pub wire: bool,
}

/// What the virtual wire shows in place of the devices.
const SCENARIOS: [&str; 8] = [
    "healthy-tls13",
    "healthy-mqtt5-tls12",
    "client-certificate-expired-tls12",
    "client-certificate-refused-tls13",
    "client-certificate-missing-tls13",
    "server-certificate-untrusted-tls12",
    "connect-refused-tls13",
    "closed-on-publish-tls13",
];

/// Runs the demo.
///
/// # Errors
/// One sentence where a file cannot be written or the broker not be started.
pub fn demo(arguments: &DemoArgs) -> Result<ExitCode> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    #[cfg(all(feature = "live", unix))]
    if !arguments.wire {
        match real::Demo::prepare(folder) {
            Ok(demo) => return demo.run(),
            Err(reason) => eprintln!("over the virtual wire, because {reason:#}\n"),
        }
    }
    on_the_wire(folder)
}

/// The command line that the demo stands for, with the reports that it leaves.
fn command_line<'a>(folder: &Path, rest: impl IntoIterator<Item = &'a str>) -> Cli {
    let report = |format: &str, name: &str| format!("--report={format}={}", folder.join(name).display());
    let reports = [("html", "report.html"), ("json", "report.json"), ("text", "report.txt")];
    let mut words = vec!["iotcap".to_owned()];
    words.extend(reports.map(|(format, name)| report(format, name)));
    words.extend(rest.into_iter().map(str::to_owned));
    Cli::parse_from(words)
}

fn on_the_wire(folder: &Path) -> Result<ExitCode> {
    let mut recordings = Vec::new();
    for name in SCENARIOS {
        let entry = lab::find(name).with_context(|| format!("the lab has no scenario {name}"))?;
        recordings.push(lab::run(&entry.scenario()?)?);
    }
    let path = folder.join("capture.pcapng");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    // Each gets addresses of its own, so that they are as many devices.
    lab::multiply(&recordings, 1, 1, BufWriter::new(file))?;
    let cli = command_line(folder, [path.display().to_string().as_str()]);
    let exit_code = analyze(&cli.analyze)?;
    say_where_the_reports_are(folder, &cli.analyze.output);
    Ok(exit_code)
}

fn say_where_the_reports_are(folder: &Path, output: &OutputArgs) {
    let names = output.reports.iter().map(|report| (&report.path, report.format));
    println!("\nreports in {}:", folder.display());
    for (path, format) in names {
        let what = match format {
            FileFormat::Stream(FormatName::Json) => "for programs: iotcap.report/1",
            FileFormat::Stream(FormatName::Jsonl) => "a connection a line",
            FileFormat::Stream(FormatName::Markdown) => "for a job's summary or a ticket",
            FileFormat::Stream(FormatName::Junit) => "test cases for CI servers",
            FileFormat::Stream(FormatName::Github) => "annotations of a GitHub workflow",
            FileFormat::Stream(FormatName::Text) => "this text",
            FileFormat::Stream(FormatName::Html) => "the same for a browser",
            #[cfg(feature = "parquet")]
            FileFormat::Parquet => "for archives",
        };
        println!("  {:<32} {what}", path.display());
    }
    if let Some(capture) = &output.write {
        println!("  {:<32} the frames, for Wireshark", capture.display());
    }
}

/// Real devices and a real broker, over loopback.
#[cfg(all(feature = "live", unix))]
mod real {
    use super::{Cli, Context, ExitCode, Path, Result, command_line, say_where_the_reports_are};
    use crate::broker::{Broker, BrokerOptions};
    use crate::commands::verdicts::Verdicts;
    use crate::live::{Session, Signal};
    use crate::pki::Pki;
    use crate::publisher::fleet::{self, FleetResult};
    use crate::report::Pace;
    use std::path::PathBuf;
    use std::time::Duration;
    use tokio::runtime::Runtime;
    use tokio::task::JoinHandle;

    /// So long without a frame after the last device is done, and the capture is complete.
    const QUIET: Duration = Duration::from_millis(300);

    /// Everything that can fail is done: what is left is to run it.
    pub(super) struct Demo {
        folder: PathBuf,
        cli: Cli,
        runtime: Runtime,
        broker: Broker,
        pki: Pki,
        port: u16,
        signal: Signal,
    }

    impl Demo {
        pub(super) fn prepare(folder: &Path) -> Result<Self> {
            let signal = Signal::catch()?;
            let pki = Pki::load_or_create(&Pki::default_directory(), &[])?;
            let runtime = Runtime::new()?;
            let mut options = BrokerOptions::loopback(pki.server(), pki.ca_certificate());
            options.policy = fleet::policy();
            let broker = runtime.block_on(Broker::bind(options)).context("the broker finds no free port")?;
            let port = broker.local_addr()?.port();
            let capture = folder.join("capture.pcapng").display().to_string();
            let loopback = crate::source::live::loopback().unwrap_or_else(|| "lo".to_owned());
            let port_text = port.to_string();
            let cli = command_line(folder, ["-i", &loopback, "-p", &port_text, "--no-drop", "-w", &capture]);
            let demo = Self { folder: folder.to_owned(), cli, runtime, broker, pki, port, signal };
            // Opened once to know whether it is permitted.
            drop(demo.session()?);
            Ok(demo)
        }

        fn session(&self) -> Result<Session<'_>> {
            let arguments = &self.cli.analyze;
            Session::open(
                &arguments.live.interfaces,
                &arguments.live,
                &arguments.selection,
                &arguments.output,
                Pace::AtOnce,
            )
        }

        pub(super) fn run(self) -> Result<ExitCode> {
            let session = {
                let arguments = &self.cli.analyze;
                let (live, output) = (&arguments.live, &arguments.output);
                Session::open(&live.interfaces, live, &arguments.selection, output, Pace::AtOnce)?
            };
            let devices = fleet::fleet(&self.pki, self.port)?;
            let mut watch = session.start(self.signal)?;
            println!(
                "captured live on loopback: a broker on port {}, {} devices, some of them broken on purpose\n",
                self.port,
                devices.len()
            );
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let broker = self.runtime.spawn(self.broker.run(async {
                let _ = stopped.await;
            }));
            let running: JoinHandle<Vec<FleetResult>> = self.runtime.spawn(fleet::run(devices));
            watch.run_until(|watch| Ok(running.is_finished() && watch.quiet_for() >= QUIET))?;
            let results = self.runtime.block_on(running)?;
            let _ = stop.send(());
            self.runtime.block_on(broker)?;
            watch.finish()?;
            let verdicts = Verdicts::read(&self.folder.join("report.json"))?;
            print_both_views(&results, &verdicts);
            say_where_the_reports_are(&self.folder, &self.cli.analyze.output);
            Ok(ExitCode::SUCCESS)
        }
    }

    fn print_both_views(results: &[FleetResult], verdicts: &Verdicts) {
        println!("\nwhat was wrong, and what was found:");
        for result in results {
            let attempt =
                result.report.iter().flat_map(|report| &report.devices).flat_map(|device| &device.attempts).next();
            let port = attempt.and_then(|attempt| attempt.client).map(|client| client.port);
            let verdict = port.and_then(|port| verdicts.of_port(port));
            let cause = verdict.and_then(|verdict| verdict.cause.as_deref());
            let outcome = verdict.map_or("not seen", |verdict| verdict.outcome.name());
            let found = cause.map_or_else(|| outcome.to_owned(), |cause| format!("{outcome}: {cause}"));
            println!("  {:<12} {:<42} {found}", result.device.name, result.device.defect.unwrap_or("nothing"));
        }
    }
}
