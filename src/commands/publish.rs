//! `iotcap publish`: the embedded publisher on the command line, with a capture of its own beside it where one is asked for.

use crate::publisher::{self, Options, PublishReport};
use anyhow::Result;
use std::io;
use std::process::ExitCode;

/// What to publish, and whether to watch.
#[derive(Debug, clap::Args)]
pub struct PublishArgs {
    /// What to publish.
    #[command(flatten)]
    pub options: Options,
    /// Capture on this interface meanwhile, and lay the verdict beside the client's own view
    #[cfg(all(feature = "live", unix))]
    #[arg(long, value_name = "IF")]
    pub capture: Option<String>,
}

/// Publishes, and tells how it went.
///
/// # Errors
/// One sentence where the interface cannot be captured on.
pub fn publish(arguments: &PublishArgs) -> Result<ExitCode> {
    #[cfg(all(feature = "live", unix))]
    if let Some(interface) = &arguments.capture {
        return watched::publish(&arguments.options, interface);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let report = match runtime.block_on(publisher::run(arguments.options.clone(), &mut io::stdout())) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("iotcap publish: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    Ok(exit_code(&report))
}

fn exit_code(report: &PublishReport) -> ExitCode {
    if let Some(error) = report.error() {
        eprintln!("iotcap publish: {error}");
    }
    if report.all_acknowledged() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// With a capture beside it.
#[cfg(all(feature = "live", unix))]
mod watched {
    use super::{ExitCode, Options, PublishReport, Result, exit_code, io, publisher};
    use crate::cli::Cli;
    use crate::commands::verdicts::Verdicts;
    use crate::live::{Session, Signal};
    use crate::report::Pace;
    use clap::Parser;
    use std::time::Duration;

    /// So long without a frame after the publisher is done, and the capture is complete.
    const QUIET: Duration = Duration::from_millis(300);

    pub(super) fn publish(options: &Options, interface: &str) -> Result<ExitCode> {
        let signal = Signal::catch()?;
        let folder = tempfile::tempdir()?;
        let report_path = folder.path().join("report.json");
        let report = format!("--report=json={}", report_path.display());
        let port = options.port.to_string();
        let cli = Cli::parse_from(["iotcap", "-i", interface, "-p", &port, "--ipv6", "--no-drop", "-q", &report]);
        let arguments = &cli.analyze;
        let session = Session::open(
            &arguments.live.interfaces,
            &arguments.live,
            &arguments.selection,
            &arguments.output,
            Pace::AtEnd,
        )?;
        let mut watch = session.start(signal)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let options = options.clone();
        let publishing = runtime.spawn(async move {
            let until = async {
                // Dropped, it means the same: nobody waits any more.
                let _ = stopped.await;
            };
            publisher::run_until(options, &mut io::stdout(), until).await
        });
        let mut stop = Some(stop);
        watch.run_until(|watch| {
            if watch.signal().seen().is_some()
                && let Some(stop) = stop.take()
            {
                let _ = stop.send(());
            }
            Ok(publishing.is_finished() && watch.quiet_for() >= QUIET)
        })?;
        let published = runtime.block_on(publishing)?;
        watch.finish()?;
        match published {
            Ok(report) => {
                lay_side_by_side(&report, &Verdicts::read(&report_path)?);
                Ok(exit_code(&report))
            }
            Err(error) => {
                eprintln!("iotcap publish: {error}");
                Ok(ExitCode::FAILURE)
            }
        }
    }

    /// What each attempt of each device saw itself, and what the packets say of the very same connection.
    fn lay_side_by_side(report: &PublishReport, verdicts: &Verdicts) {
        let attempts = report.devices.iter().flat_map(|device| &device.attempts);
        let ports: Vec<u16> = attempts.filter_map(|attempt| Some(attempt.client?.port)).collect();
        let mut others = verdicts.of_no_port_of(&ports);
        for device in &report.devices {
            for attempt in &device.attempts {
                println!(
                    "\n{} from {}",
                    device.client_id,
                    attempt.client.map_or_else(|| "no port".to_owned(), |end| end.to_string())
                );
                let own = attempt.error.as_ref().map_or_else(|| "no error".to_owned(), ToString::to_string);
                println!("  the client says   {own}");
                let connection = match attempt.client {
                    Some(client) => verdicts.of_port(client.port),
                    None => others.next(),
                };
                match connection {
                    None => println!("  the packets say   nothing: this connection was not captured"),
                    Some(connection) => {
                        println!("  the packets say   {}", connection.headline);
                        if let Some(finding) = connection.cause_finding() {
                            let frames: Vec<String> = finding.frames.iter().map(|frame| frame.to_string()).collect();
                            println!(
                                "                    {} {}, {}, frames {}",
                                finding.code,
                                finding.id,
                                finding.confidence,
                                frames.join(", ")
                            );
                        }
                    }
                }
            }
        }
    }
}
