//! Options that say which frames are looked at.

use clap::Args;
use std::path::PathBuf;

/// Which frames are looked at.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What to look at")]
pub struct SelectionArgs {
    /// Server port (repeatable); 1883 is plain MQTT, all others TLS
    #[arg(short, long = "port", value_name = "N", default_value = "8883", value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// A libpcap filter instead of the ports; then any TCP port, by content
    #[arg(short, long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// IPv6 as well
    #[arg(long)]
    pub ipv6: bool,
    /// Do not look at DNS for names that lead to the broker
    #[arg(long, hide_short_help = true)]
    pub no_dns: bool,
    /// TLS secrets in the NSS key log format (SSLKEYLOGFILE)
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
    /// First bytes of each MQTT payload to show
    #[arg(long, value_name = "N", default_value_t = 0, hide_short_help = true)]
    pub payload: u16,
}
