//! The `[daemon]` section of the configuration file: what it may say, and whether it makes sense. Nothing is opened here.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What the daemon does. packaging/iotcap.toml explains each key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonConfig {
    /// Interfaces to capture on; at least one.
    pub interfaces: Vec<String>,
    /// Server ports to look at, from 1.
    pub ports: Vec<u16>,
    /// A libpcap filter in place of the ports; empty for none.
    pub filter: String,
    /// IPv6 as well.
    pub ipv6: bool,
    /// DNS for names that lead to the broker.
    pub dns: bool,
    /// The kernel's buffer for each interface, in MiB, 1 to 2047.
    pub buffer_mib: u16,
    /// The most bytes that are kept of a frame, 64 to 262144.
    pub snaplen: u32,
    /// The user to become once the capture is open; empty for who called sudo, or else nobody.
    pub user: String,
    /// Where it answers.
    pub http: HttpConfig,
    /// What bounds the table of connections.
    pub table: TableConfig,
    /// Frames of bad connections, in files.
    pub evidence: EvidenceConfig,
    /// The log.
    pub log: LogConfig,
    /// Finished connections as traces.
    pub otlp: OtlpConfig,
}

/// Where the daemon answers, and whom.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// `ADDRESS:PORT`, `unix:PATH`, or empty for nowhere.
    pub listen: String,
    /// A file whose first line a client has to send; empty where nobody has to.
    pub token_file: PathBuf,
    /// Connections served at once; more wait.
    pub clients: u16,
    /// Finished connections kept for the API.
    pub recent: usize,
    /// And how much memory they may take, in MiB.
    pub recent_mib: usize,
    /// Server names that get labels of their own in the metrics; the others are `other`.
    pub server_names: usize,
}

/// What bounds the table of connections.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// Connections held at once.
    pub connections: usize,
    /// A connection whose handshake was not completed is over after so many seconds without a frame.
    pub unestablished_idle: u64,
    /// An established one is over after so many seconds without a frame.
    pub established_idle: u64,
}

/// Frames of bad connections, in files.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvidenceConfig {
    /// The folder; empty for no evidence.
    pub folder: PathBuf,
    /// Whether connections that were degraded leave a file too.
    pub degraded: bool,
    /// How much of a connection's first frames is kept, in KiB.
    pub first_kib: usize,
    /// And of its last ones.
    pub last_kib: usize,
    /// Memory for the frames of all connections together, in MiB.
    pub memory_mib: usize,
    /// The most that the files may take, in MiB.
    pub disk_mib: u64,
    /// The most files.
    pub files: usize,
    /// Files older than so many days go.
    pub days: u64,
    /// The most files that one cause may write in a minute.
    pub files_per_minute: u32,
}

/// Finished connections as traces, for an OpenTelemetry collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// `http://HOST:PORT` or `https://HOST:PORT`; empty for no collector.
    pub url: String,
    /// What this place is called; empty for the name of the host.
    pub sensor: String,
    /// A file with headers to send, `name: value` a line; empty for none.
    pub headers_file: PathBuf,
}

/// The log, on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `text` or `json`.
    pub format: LogFormat,
    /// What is logged.
    pub level: LogLevel,
    /// Whether healthy connections get a line.
    pub healthy: bool,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// The least that a log line must be worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What stops the daemon from doing its work.
    Error,
    /// And connections that failed.
    Warn,
    /// And every other connection.
    #[default]
    Info,
    /// And what the daemon does.
    Debug,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Nowhere,
    /// On this address.
    Tcp(SocketAddr),
    /// On this socket in the file system.
    Unix(PathBuf),
}

impl Default for DaemonConfig {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            ports: vec![8883],
            filter: String::new(),
            ipv6: false,
            dns: true,
            buffer_mib: 32,
            snaplen: 262_144,
            user: String::new(),
            http: HttpConfig::default(),
            table: TableConfig::default(),
            evidence: EvidenceConfig::default(),
            log: LogConfig::default(),
            otlp: OtlpConfig::default(),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".to_owned(),
            token_file: PathBuf::new(),
            clients: 64,
            recent: 1000,
            recent_mib: 16,
            server_names: 50,
        }
    }
}

impl Default for TableConfig {
    fn default() -> Self {
        Self { connections: 1 << 20, unestablished_idle: 130, established_idle: 3600 }
    }
}

impl Default for EvidenceConfig {
    fn default() -> Self {
        Self {
            folder: "/var/lib/iotcap/evidence".into(),
            degraded: true,
            first_kib: 64,
            last_kib: 64,
            memory_mib: 64,
            disk_mib: 1024,
            files: 2000,
            days: 30,
            files_per_minute: 30,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: LogLevel::Info, healthy: true }
    }
}

impl DaemonConfig {
    /// What makes no sense, in one sentence; nothing where all does.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let Self { interfaces, ports, buffer_mib, snaplen, http, table, evidence, .. } = self;
        let at_least_one = [
            ("daemon.http.clients", usize::from(http.clients)),
            ("daemon.http.recent", http.recent),
            ("daemon.table.connections", table.connections),
        ];
        if interfaces.is_empty() {
            return Some("daemon.interfaces is empty: name what to capture on, see `iotcap interfaces`".to_owned());
        }
        if ports.is_empty() || ports.contains(&0) {
            return Some("daemon.ports must name ports from 1 to 65535".to_owned());
        }
        if !(1..2048).contains(buffer_mib) || !(64..=262_144).contains(snaplen) {
            return Some("daemon.buffer_mib goes from 1 to 2047, daemon.snaplen from 64 to 262144".to_owned());
        }
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Some(format!("{key} must be at least 1"));
        }
        if !evidence.folder.as_os_str().is_empty() && !evidence.folder.is_absolute() {
            return Some("daemon.evidence.folder must begin with /".to_owned());
        }
        if !self.otlp.url.is_empty() && !cfg!(feature = "otlp") {
            return Some(
                "daemon.otlp.url: this build sends no traces, it was made without the feature 'otlp'".to_owned(),
            );
        }
        self.http.problem()
    }

    /// Keys that differ and that a running daemon cannot take over.
    #[must_use]
    pub fn needs_a_restart(&self, other: &Self) -> Vec<&'static str> {
        let changed = [
            ("daemon.interfaces", self.interfaces != other.interfaces),
            ("daemon.ports", self.ports != other.ports),
            ("daemon.filter", self.filter != other.filter),
            ("daemon.ipv6", self.ipv6 != other.ipv6),
            ("daemon.dns", self.dns != other.dns),
            ("daemon.buffer_mib", self.buffer_mib != other.buffer_mib),
            ("daemon.snaplen", self.snaplen != other.snaplen),
            ("daemon.user", self.user != other.user),
            ("daemon.http", self.http != other.http),
            ("daemon.table", self.table != other.table),
            ("daemon.evidence.folder", self.evidence.folder != other.evidence.folder),
            ("daemon.log.format", self.log.format != other.log.format),
            ("daemon.otlp", self.otlp != other.otlp),
        ];
        changed.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}

impl HttpConfig {
    /// Where to listen; `Err` with a sentence where that cannot be understood.
    ///
    /// # Errors
    /// If it is neither an address with a port nor a path.
    pub fn address(&self) -> Result<Listen, String> {
        match self.listen.strip_prefix("unix:") {
            _ if self.listen.is_empty() => Ok(Listen::Nowhere),
            Some(path) if path.starts_with('/') => Ok(Listen::Unix(path.into())),
            Some(_) => Err("daemon.http.listen: the path after unix: must begin with /".to_owned()),
            None => self.listen.parse().map(Listen::Tcp).map_err(|_| {
                "daemon.http.listen is neither ADDRESS:PORT (127.0.0.1:9464, [::1]:9464) nor unix:/PATH".to_owned()
            }),
        }
    }

    fn problem(&self) -> Option<String> {
        match self.address() {
            Err(problem) => Some(problem),
            Ok(Listen::Tcp(address)) if !address.ip().is_loopback() && self.token_file.as_os_str().is_empty() => {
                Some(format!("daemon.http.listen is open to others at {address}: name a daemon.http.token_file"))
            }
            Ok(_) => None,
        }
    }
}

impl TableConfig {
    /// How long an unestablished and an established connection may be idle.
    #[must_use]
    pub const fn idle(&self) -> (Duration, Duration) {
        (Duration::from_secs(self.unestablished_idle), Duration::from_secs(self.established_idle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    const EXAMPLE: &str = include_str!("../../packaging/iotcap.toml");

    #[test]
    fn the_example_says_all_the_defaults() {
        let example: ConfigFile = toml::from_str(EXAMPLE).unwrap();
        let expected = DaemonConfig { interfaces: vec!["eth0".to_owned()], ..DaemonConfig::default() };
        assert_eq!(example.daemon, expected);
        assert_eq!(example.daemon.problem(), None);
        // Each field is printed as `name: value`; sections are no keys of their own.
        let sections = 5;
        let fields = format!(
            "{:?}",
            DaemonConfig {
                http: HttpConfig { listen: String::new(), ..HttpConfig::default() },
                ..DaemonConfig::default()
            }
        )
        .matches(": ")
        .count();
        let daemon = EXAMPLE.split("[thresholds]").next().unwrap();
        let keys = daemon.lines().filter(|line| !line.starts_with('#') && line.contains(" = ")).count();
        assert_eq!(keys, fields - sections, "a key is missing in packaging/iotcap.toml");
    }

    #[test]
    fn what_makes_no_sense_is_told_by_its_key() {
        let good = DaemonConfig { interfaces: vec!["eth0".to_owned()], ..DaemonConfig::default() };
        let told = |change: fn(&mut DaemonConfig)| {
            let mut config = good.clone();
            change(&mut config);
            config.problem().unwrap_or_default()
        };
        assert_eq!(good.problem(), None);
        assert!(told(|c| c.interfaces.clear()).contains("daemon.interfaces"));
        assert!(told(|c| c.ports = vec![0]).contains("daemon.ports"));
        assert!(told(|c| c.table.connections = 0).contains("daemon.table.connections"));
        assert!(told(|c| c.http.listen = "0.0.0.0:9464".to_owned()).contains("token_file"));
        assert!(told(|c| c.http.listen = "localhost".to_owned()).contains("daemon.http.listen"));
        assert!(told(|c| c.http.listen = "unix:run/x".to_owned()).contains("must begin with /"));
        assert!(told(|c| c.evidence.folder = "evidence".into()).contains("daemon.evidence.folder"));
    }

    #[test]
    fn what_a_running_daemon_cannot_take_over_is_named() {
        let mut other = DaemonConfig::default();
        other.evidence.files = 1;
        other.log.level = LogLevel::Debug;
        assert!(DaemonConfig::default().needs_a_restart(&other).is_empty());
        other.ports = vec![443];
        other.http.clients = 1;
        assert_eq!(DaemonConfig::default().needs_a_restart(&other), ["daemon.ports", "daemon.http"]);
    }
}
