//! The embedded publisher: [`Options`] in, messages out to a real broker over mutual TLS; it prints what happens as it
//! happens and returns its own view of it as a [`PublishReport`].
//!
//! It waits for every acknowledgement, tells which step failed and what to do about it, and comes back after an
//! interruption. It never captures: whoever does can find the very same connections by the endpoints in the report.

mod backoff;
mod connect;
mod device;
mod error;
pub mod fleet;
mod options;
mod outbox;
mod report;
mod session;
mod tls;

pub use backoff::Backoff;
pub use error::{ConnectCause, PublishError, SessionCause, TlsCause};
pub use mqttbytes::QoS;
pub use options::{Options, TlsVersion};
pub use report::{Attempt, DeviceReport, PublishReport, Timings, TlsSession};

use crate::broker::stop;
use device::{Device, Progress};
use report::shown;
use std::future::Future;
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Lines that wait to be printed; devices wait for the printer, not for its memory.
const LINES_WAITING: usize = 256;
/// Bytes of a message that are printed.
const PAYLOAD_SHOWN: usize = 128;

/// Publishes until all is acknowledged, a device gives up, or Ctrl-C.
///
/// # Errors
/// When it could not even begin (options, files) or cannot print. What went wrong with a device is in its report.
pub async fn run(options: Options, output: &mut (dyn Write + Send)) -> Result<PublishReport, PublishError> {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    run_until(options, output, interrupted).await
}

/// As [`run`]; devices disconnect properly when `until` is done.
///
/// # Errors
/// As [`run`].
pub async fn run_until(
    options: Options,
    output: &mut (dyn Write + Send),
    until: impl Future<Output = ()>,
) -> Result<PublishReport, PublishError> {
    if let Some(problem) = options.problem() {
        return Err(PublishError::Options(problem));
    }
    connect::server_name(&options.endpoint)?;
    let connector = TlsConnector::from(Arc::new(tls::client_config(&options)?));
    let options = Arc::new(options);
    let ids = client_ids(&options);
    let (progress, mut lines) = mpsc::channel(LINES_WAITING);
    let (stopper, stop) = stop::channel();
    let mut devices = JoinSet::new();
    for (number, client_id) in ids.iter().enumerate() {
        let device = Device {
            options: Arc::clone(&options),
            connector: connector.clone(),
            number,
            client_id: client_id.clone(),
            progress: progress.clone(),
            stop: stop.clone(),
        };
        devices.spawn(async move { (number, device.run().await) });
    }
    drop(progress);
    let printer = Printer { options: &options, ids: &ids };
    let mut until = std::pin::pin!(until);
    let mut stopping = false;
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some((number, progress)) => printer.print(output, number, &progress).map_err(PublishError::Output)?,
                None => break,
            },
            () = &mut until, if !stopping => {
                stopping = true;
                stopper.stop();
            }
        }
    }
    let mut reports: Vec<(usize, DeviceReport)> = Vec::with_capacity(ids.len());
    while let Some(ended) = devices.join_next().await {
        match ended {
            Ok(report) => reports.push(report),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    reports.sort_by_key(|(number, _)| *number);
    let report = PublishReport { devices: reports.into_iter().map(|(_, report)| report).collect() };
    let total = |count: fn(&DeviceReport) -> u64| report.devices.iter().map(count).sum::<u64>();
    let (published, acknowledged) = (total(|device| device.published), total(|device| device.acknowledged));
    writeln!(output, "\n{published} published, {acknowledged} acknowledged\n\n{}", report.times())
        .map_err(PublishError::Output)?;
    Ok(report)
}

/// One device has the id that was asked for; several have it with their number.
fn client_ids(options: &Options) -> Vec<String> {
    let stem = options.client_id.clone().unwrap_or_else(|| {
        let [a, b, c, d] = [(); 4].map(|()| backoff::chance());
        format!("iotcap-{a:02x}{b:02x}{c:02x}{d:02x}")
    });
    match options.devices.get() {
        1 => vec![stem],
        devices => (1..=devices).map(|number| format!("{stem}-{number}")).collect(),
    }
}

/// The words of the AWS IoT SDK's sample, pubsub.py; each line begins with the client id when there are several.
struct Printer<'a> {
    options: &'a Options,
    ids: &'a [String],
}

impl Printer<'_> {
    fn print(&self, output: &mut dyn Write, number: usize, progress: &Progress) -> io::Result<()> {
        let client_id = self.ids.get(number).map(String::as_str).unwrap_or_default();
        if self.ids.len() > 1 {
            write!(output, "{}: ", shown(client_id))?;
        }
        let topic = shown(&self.options.topic);
        match progress {
            Progress::Connecting => {
                let endpoint = shown(&self.options.endpoint);
                writeln!(output, "Connecting to {endpoint} with client ID '{}'...", shown(client_id))
            }
            Progress::Connected => writeln!(output, "Connected!"),
            Progress::Subscribing => {
                let filter = shown(self.options.subscribe.as_deref().unwrap_or_default());
                writeln!(output, "Subscribing to topic '{filter}'...")
            }
            Progress::Subscribed(code) if code.is_error() => writeln!(output, "Not subscribed: {code}"),
            Progress::Subscribed(code) => writeln!(output, "Subscribed with QoS {}", code.0),
            Progress::Publishing { payload } => writeln!(output, "Publishing message to topic '{topic}': {payload}"),
            Progress::Received(publish) => {
                let (from, payload) = (shown(&publish.topic), shown_payload(&publish.payload));
                writeln!(output, "Received message from topic '{from}': {payload}")
            }
            Progress::Interrupted(error) => writeln!(output, "Connection interrupted. error: {}", shown(error)),
            Progress::Resumed { session_present } => {
                writeln!(output, "Connection resumed. return_code: 0 session_present: {session_present}")
            }
            Progress::Disconnecting => writeln!(output, "Disconnecting..."),
            Progress::Disconnected => writeln!(output, "Disconnected!"),
            Progress::Failed(error) => writeln!(output, "Failed: {}", shown(error)),
        }?;
        output.flush()
    }
}

/// For people: the beginning of a message, and how long it is if that is not all.
fn shown_payload(payload: &[u8]) -> String {
    match payload.get(..PAYLOAD_SHOWN) {
        Some(beginning) if payload.len() > PAYLOAD_SHOWN => {
            format!("{}... ({} bytes)", shown(&String::from_utf8_lossy(beginning)), payload.len())
        }
        _ => shown(&String::from_utf8_lossy(payload)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU16;

    #[test]
    fn several_devices_have_numbered_ids() {
        let options = Options { client_id: Some("sensor".into()), ..Options::new("h", "a") };
        assert_eq!(client_ids(&options), ["sensor"]);
        let options = Options { devices: NonZeroU16::new(2).unwrap(), ..options };
        assert_eq!(client_ids(&options), ["sensor-1", "sensor-2"]);
    }

    #[test]
    fn long_messages_and_control_characters_do_not_reach_the_terminal() {
        assert_eq!(shown_payload(b"a\x1b[2J\xff"), "a\\u{1b}[2J\u{fffd}");
        assert!(shown_payload(&[b'x'; 129]).ends_with("... (129 bytes)"));
    }
}
