//! A handful of devices for a broker of one's own: some are well, the others are broken on purpose, each in its own
//! way. In, made certificates and a port; out, what each device saw, to lay beside what a capture of them shows.

use super::{Backoff, Options, PublishError, PublishReport, TlsVersion, run_until};
use crate::broker::{MqttVersion, Policy};
use crate::pki::{CertifiedFiles, Pki, PkiError};
use std::future::pending;
use std::time::Duration;
use tokio::task::JoinSet;

const DENIED_CLIENT: &str = "intruder";
const DENIED_TOPIC: &str = "factory/secret";
const SHARED_CLIENT_ID: &str = "twin";

/// A device and what is to become of it.
#[derive(Clone, Debug)]
pub struct FleetDevice {
    /// What to call it.
    pub name: &'static str,
    /// What is wrong with it, in a few words; None: it is well.
    pub defect: Option<&'static str>,
    /// The finding (by its id in the catalogue) that a capture of it leads to.
    pub expected: Option<&'static str>,
    /// When it begins, after the others.
    pub delay: Duration,
    /// What it does.
    pub options: Options,
}

/// What became of a device.
#[derive(Debug)]
pub struct FleetResult {
    /// Which one.
    pub device: FleetDevice,
    /// What it printed.
    pub output: String,
    /// Its own view.
    pub report: Result<PublishReport, PublishError>,
}

/// What the broker must forbid for the fleet's defects to show.
pub fn policy() -> Policy {
    Policy { denied_clients: vec![DENIED_CLIENT.into()], denied_topics: vec![DENIED_TOPIC.into()], ..Policy::default() }
}

/// The fleet for a broker on this machine that has [`policy`] and the server certificate of `pki`.
///
/// # Errors
/// When a certificate cannot be made.
pub fn fleet(pki: &Pki, port: u16) -> Result<Vec<FleetDevice>, PkiError> {
    let good = pki.device("fleet")?;
    let base = |identity: Option<CertifiedFiles>, tls: TlsVersion, client_id: &str| {
        let (cert, key) = identity.map(|files| (files.certificate, files.key)).unzip();
        Options {
            port,
            cert,
            key,
            tls: Some(tls),
            client_id: Some(client_id.to_owned()),
            topic: format!("factory/{client_id}"),
            interval: Duration::from_millis(100),
            reconnect: Backoff { attempts: 0, ..Backoff::default() },
            ..Options::new("localhost", pki.ca_certificate())
        }
    };
    let well = |name, options| FleetDevice { name, defect: None, expected: None, delay: Duration::ZERO, options };
    let broken = |name, defect, expected, options| FleetDevice {
        name,
        defect: Some(defect),
        expected: Some(expected),
        delay: Duration::ZERO,
        options,
    };
    let (v12, v13) = (TlsVersion::V12, TlsVersion::V13);
    let twin = |count| Options { count, ..base(Some(good.clone()), v13, SHARED_CLIENT_ID) };
    Ok(vec![
        well("thermometer", Options { count: 5, ..base(Some(good.clone()), v13, "thermometer") }),
        well("press", Options { count: 5, mqtt: MqttVersion::V5, ..base(Some(good.clone()), v12, "press") }),
        broken(
            "pump",
            "its certificate has expired",
            "client-certificate-expired",
            base(Some(pki.expired_device("pump")?), v12, "pump"),
        ),
        broken(
            "visitor",
            "its certificate is from another authority",
            "client-certificate-refused",
            base(Some(pki.foreign_device("visitor")?), v13, "visitor"),
        ),
        broken("blank", "it has no certificate", "client-certificate-missing", base(None, v13, "blank")),
        broken(
            "sceptic",
            "it does not know the broker's authority",
            "server-certificate-untrusted",
            Options { ca: pki.foreign_ca_certificate()?, ..base(Some(good.clone()), v12, "sceptic") },
        ),
        broken(
            DENIED_CLIENT,
            "the policy refuses its client id",
            "connect-refused",
            base(Some(good.clone()), v13, DENIED_CLIENT),
        ),
        broken(
            "gossip",
            "the policy refuses its topic",
            "closed-on-publish",
            Options { topic: DENIED_TOPIC.into(), ..base(Some(good.clone()), v13, "gossip") },
        ),
        // More messages than it will have time for.
        broken("twin", "another device has the same client id", "session-taken-over", twin(100)),
        FleetDevice { delay: Duration::from_millis(500), ..well("other-twin", twin(5)) },
    ])
}

/// Runs all devices at once, to their end.
pub async fn run(fleet: Vec<FleetDevice>) -> Vec<FleetResult> {
    let mut running = JoinSet::new();
    for (number, device) in fleet.into_iter().enumerate() {
        running.spawn(async move {
            let mut output = Vec::new();
            tokio::time::sleep(device.delay).await;
            let report = run_until(device.options.clone(), &mut output, pending()).await;
            (number, FleetResult { device, output: String::from_utf8_lossy(&output).into_owned(), report })
        });
    }
    let mut results = Vec::new();
    while let Some(ended) = running.join_next().await {
        // A device that panicked would be missing; none does.
        results.extend(ended.ok());
    }
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}
