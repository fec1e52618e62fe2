//! Finished connections as traces, and what they have in common as log records: those of the configuration's collector, in builds that can send them.

use super::config::OtlpConfig;
use super::metrics::Sent;
use crate::privileges::Reach;
use crate::report::model::{Connection, Group, Time};
use anyhow::Result;
use std::sync::Arc;

/// What became of the messages so far.
pub(super) type Tally = Arc<dyn Fn() -> Sent + Send + Sync>;

#[cfg(feature = "otlp")]
mod sending {
    use super::{Connection, Group, OtlpConfig, Reach, Result, Sent, Tally, Time};
    use crate::otlp::{self, Counts, Feed, Otlp, Patience, Settings, Voice, Who};
    use crate::report::Format;
    use anyhow::Context;
    use std::sync::Arc;
    use std::time::Duration;

    /// The log hears of it. The end of the daemon waits for no collector longer than for its other threads.
    const VOICE: Voice = Voice {
        trouble: |sentence| tracing::warn!("{sentence}"),
        lost: |sentence| tracing::warn!("{sentence}"),
        last_words: Duration::from_millis(1500),
    };

    /// The way to the collector.
    #[derive(Debug)]
    pub(in super::super) struct Collector {
        format: Otlp,
        feed: Feed,
    }

    impl Collector {
        /// Reads what it takes, while there are rights. Nothing is sent yet.
        pub(in super::super) fn open(config: &OtlpConfig) -> Result<Option<Self>> {
            if config.url.is_empty() {
                return Ok(None);
            }
            let headers = Some(config.headers_file.clone()).filter(|file| !file.as_os_str().is_empty());
            let who = Who { sensor: config.sensor.clone(), anonymous: false, headers };
            let settings = Settings::new(&config.url, &who, |name| std::env::var(name).ok()).context("daemon.otlp")?;
            let format = Otlp::new(settings.sensor());
            Ok(Some(Self { format, feed: Feed::new(settings, Patience::None, VOICE) }))
        }

        /// Takes a finished connection.
        pub(in super::super) fn tell(&mut self, connection: &Connection) {
            if let Err(error) = self.format.connection(connection, &mut self.feed) {
                tracing::error!(%error, "a connection cannot be sent");
            }
        }

        /// Takes what several connections have in common, as it is at a time.
        pub(in super::super) fn tell_group(&mut self, group: &Group, at: Time) {
            if let Err(error) = self.format.group(group, at, &mut self.feed) {
                tracing::error!(%error, "what connections have in common cannot be sent");
            }
        }

        /// What became of them, for whoever asks.
        pub(in super::super) fn tally(&self) -> Tally {
            let counts = self.feed.counts();
            Arc::new(move || {
                let Counts { sent, failed, dropped, waiting } = counts();
                Sent { taken: sent, failed, dropped, waiting }
            })
        }
    }

    /// What is needed once rights are given up.
    pub(in super::super) fn reach(config: &OtlpConfig) -> Result<Reach> {
        if config.url.is_empty() { Ok(Reach::default()) } else { otlp::reach(&config.url).context("daemon.otlp.url") }
    }
}

/// This build sends nothing; [`OtlpConfig`] has said so.
#[cfg(not(feature = "otlp"))]
mod sending {
    use super::{Connection, Group, OtlpConfig, Reach, Result, Tally, Time};

    #[derive(Debug)]
    pub(in super::super) enum Collector {}

    #[expect(clippy::unnecessary_wraps, reason = "shaped as in builds that send")]
    impl Collector {
        pub(in super::super) const fn open(_: &OtlpConfig) -> Result<Option<Self>> {
            Ok(None)
        }

        pub(in super::super) const fn tell(&mut self, _: &Connection) {
            match *self {}
        }

        pub(in super::super) const fn tell_group(&mut self, _: &Group, _: Time) {
            match *self {}
        }

        pub(in super::super) fn tally(&self) -> Tally {
            match *self {}
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "shaped as in builds that send")]
    pub(in super::super) fn reach(_: &OtlpConfig) -> Result<Reach> {
        Ok(Reach::default())
    }
}

pub(super) use sending::{Collector, reach};
