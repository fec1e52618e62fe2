//! Finished connections to an OpenTelemetry collector, where that is asked for.

use super::Output;
use crate::cli::OutputArgs;
#[cfg(all(feature = "live", unix))]
use crate::privileges::Reach;
use anyhow::Result;

/// Where the connections come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// From a file, perhaps twice: nothing is out before the end.
    File,
    /// From interfaces, which do not wait.
    #[cfg_attr(not(all(feature = "live", unix)), expect(dead_code, reason = "nothing is captured"))]
    Live,
}

/// What sends them.
#[cfg(feature = "otlp")]
pub(super) fn collector(arguments: &OutputArgs, pace: Pace) -> Result<Option<Output>> {
    use super::outputs::Held;
    use crate::otlp::{Feed, Otlp, Patience, Settings, Voice, Who};
    use anyhow::Context;
    use std::io::Write;
    use std::time::Duration;

    const VOICE: Voice = Voice {
        trouble: |sentence| tracing::info!("{sentence}"),
        lost: |sentence| eprintln!("iotcap: {sentence}"),
        last_words: Duration::from_secs(5),
    };

    let Some(url) = &arguments.otlp else { return Ok(None) };
    let sensor = arguments.sensor.clone().unwrap_or_default();
    let who = Who { sensor, anonymous: arguments.redact, headers: None };
    let settings = Settings::new(url, &who, |name| std::env::var(name).ok()).context("--otlp")?;
    let format = Box::new(Otlp::new(settings.sensor()));
    let to: Box<dyn Write> = match pace {
        Pace::File => Box::new(Held::new(Feed::new(settings, Patience::WhileItTakes, VOICE))),
        Pace::Live => Box::new(Feed::new(settings, Patience::None, VOICE)),
    };
    Ok(Some(Output { format, to, name: url.clone(), file: None }))
}

/// This build has none.
#[cfg(not(feature = "otlp"))]
pub(super) fn collector(arguments: &OutputArgs, _: Pace) -> Result<Option<Output>> {
    match &arguments.otlp {
        Some(_) => anyhow::bail!("this build sends no traces: it was made without the feature 'otlp'"),
        None => Ok(None),
    }
}

/// What it has to be able to do once rights are given up.
#[cfg(all(feature = "live", feature = "otlp", unix))]
pub(crate) fn reach(arguments: &OutputArgs) -> Result<Reach> {
    let Some(url) = &arguments.otlp else { return Ok(Reach::default()) };
    crate::otlp::reach(url)
}

/// It sends nothing.
#[cfg(all(feature = "live", not(feature = "otlp"), unix))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature an address may be wrong")]
pub(crate) fn reach(_: &OutputArgs) -> Result<Reach> {
    Ok(Reach::default())
}
