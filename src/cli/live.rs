//! Options of a live capture.

use clap::Args;
use std::time::Duration;

/// A live capture.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Live capture")]
pub struct LiveArgs {
    /// Interface to capture on (repeatable); see: iotcap interfaces
    #[arg(short, long = "interface", value_name = "IF")]
    pub interfaces: Vec<String>,
    /// Show each frame as it comes, at 17 times the cost
    #[arg(long, hide_short_help = true)]
    pub immediate: bool,
    /// Wait for an interface that went away (keeps `CAP_NET_RAW`, nothing else)
    #[arg(long, hide_short_help = true)]
    pub reopen: bool,
    /// Stay root once the capture is open
    #[arg(long, hide_short_help = true)]
    pub no_drop: bool,
    /// Become this user once the capture is open, instead of the one who called sudo, or else nobody
    #[arg(long, value_name = "USER", hide_short_help = true, conflicts_with = "no_drop")]
    pub user: Option<String>,
    /// The kernel's buffer for each interface, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 32, hide_short_help = true,
          value_parser = clap::value_parser!(u16).range(1..2048))]
    pub buffer: u16,
    /// The most bytes that are kept of a frame
    #[arg(long, value_name = "BYTES", default_value_t = 262_144, hide_short_help = true,
          value_parser = clap::value_parser!(u32).range(64..=262_144))]
    pub snaplen: u32,
}

/// When a live capture ends by itself.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Live capture")]
pub struct UntilArgs {
    /// End after so many seconds
    #[arg(long, value_name = "S", hide_short_help = true, value_parser = seconds)]
    pub duration: Option<Duration>,
    /// End after so many frames that were looked at
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write seconds, for example 10 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(|| "more than 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("0").is_err() && seconds("-1").is_err() && seconds("soon").is_err());
    }
}
