//! The life of the daemon: everything is opened, then root is left, then threads are started, then it answers until a signal
//! ends it.

use super::clock;
use super::collector::{self, Collector};
use super::config::{DaemonConfig, EvidenceConfig, Listen};
use super::engine::{Engine, EvidenceOf, Tuning};
use super::evidence::{self, MemoryLimits};
use super::gathered::Gathered;
use super::health::Health;
use super::http::events::Events;
use super::http::{self, Access, Bound, Shared};
use super::log::Log;
use super::metrics::Metrics;
use super::notify;
use super::recent::{self, Recent};
use super::teller::{self, Teller};
use super::watch::{self, Orders, Parts};
use crate::analyzer;
use crate::config::ConfigFile;
use crate::connection::Settings;
use crate::decode::Interest;
use crate::diagnosis::Thresholds;
use crate::flow;
use crate::privileges::{self, Account, Keep};
use crate::source::bpf::{FilterProgram, kernel_filter};
use crate::source::live::{LiveCapture, Options};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

/// A closed connection waits so long for stragglers before it is told.
const LINGER: Duration = Duration::from_secs(1);
/// How long the threads may take to finish what they have: a service manager waits longer, a person does not.
const LAST_WORDS: Duration = Duration::from_millis(1800);
/// How often it is looked whether the analysis still runs, where no watchdog asks.
const LOOK: Duration = Duration::from_secs(1);

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Given {
    /// The configuration file.
    pub config: PathBuf,
    /// Interfaces in place of those in the file.
    pub interfaces: Vec<String>,
    /// The user to become in place of the one in the file.
    pub user: Option<String>,
    /// Stay root.
    pub no_drop: bool,
}

impl Given {
    /// The configuration file, with what the command line says in its place.
    ///
    /// # Errors
    /// One sentence where the file cannot be read or makes no sense.
    pub fn read(&self) -> Result<ConfigFile> {
        let mut config = ConfigFile::read(&self.config)?;
        if !self.interfaces.is_empty() {
            config.daemon.interfaces.clone_from(&self.interfaces);
        }
        if let Some(user) = &self.user {
            config.daemon.user.clone_from(user);
        }
        match config.daemon.problem() {
            Some(problem) => bail!("{}: {problem}", self.config.display()),
            None => Ok(config),
        }
    }
}

/// Captures, analyses and answers until SIGTERM or SIGINT.
///
/// # Errors
/// One sentence where something cannot be opened, or root not be left.
pub fn run(given: &Given) -> Result<ExitCode> {
    let config = given.read()?;
    let opened = Opened::open(&config.daemon)?;
    let sealed = leave_root(given, &config.daemon)?;
    let log = Log::begin(&config.daemon.log).context("there can be no log")?;
    tracing::debug!(rights = %sealed, "rights were given up");
    let runtime = runtime::Builder::new_current_thread().enable_all().build().context("there is no runtime")?;
    let daemon = {
        let _inside = runtime.enter();
        Daemon::start(given, config, opened, log)?
    };
    daemon.run(runtime)
}

/// What has to be opened while there are rights.
struct Opened {
    capture: LiveCapture,
    socket: Option<Bound>,
    access: Access,
    memory: Option<File>,
    collector: Option<Collector>,
}

impl Opened {
    fn open(config: &DaemonConfig) -> Result<Self> {
        let filter = if config.filter.is_empty() { kernel_filter(&interest(config)) } else { config.filter.clone() };
        // A filter that cannot be understood is told as such, not as an interface that cannot be opened.
        FilterProgram::new(&filter)?;
        let (snaplen, buffer) = (config.snaplen, usize::from(config.buffer_mib) << 20);
        let options = Options { filter, snaplen, buffer, immediate: false };
        let capture = LiveCapture::open(&config.interfaces, options)?;
        let listen = config.http.address().map_err(anyhow::Error::msg)?;
        let socket = http::bind(&listen).with_context(|| format!("cannot listen on {}", config.http.listen))?;
        let access = access(config, &listen)?;
        let collector = Collector::open(&config.otlp)?;
        Ok(Self { capture, socket, access, memory: File::open("/proc/self/statm").ok(), collector })
    }
}

fn access(config: &DaemonConfig, listen: &Listen) -> Result<Access> {
    let file = &config.http.token_file;
    if file.as_os_str().is_empty() {
        return Ok(if matches!(listen, Listen::Unix(_)) { Access::Socket } else { Access::Loopback });
    }
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the token in {}", file.display()))?;
    match text.lines().next().map(str::trim) {
        Some(token) if !token.is_empty() => Ok(Access::with_token(token)),
        _ => bail!("{} has no token in its first line", file.display()),
    }
}

/// Becomes another user, with the right to capture and nothing else; only its own files are left to it.
fn leave_root(given: &Given, config: &DaemonConfig) -> Result<String> {
    let user = Some(config.user.as_str()).filter(|user| !user.is_empty());
    let account = if given.no_drop { None } else { Account::to_become(user)? };
    let folder = &config.evidence.folder;
    if has_evidence(&config.evidence) {
        prepare(folder, account.as_ref())?;
    }
    if given.no_drop {
        return Ok("all kept".to_owned());
    }
    if let (Some(account), Ok(Listen::Unix(path))) = (&account, config.http.address()) {
        let (uid, gid) = (account.uid.as_raw(), account.gid.as_raw());
        chown(&path, Some(uid), Some(gid)).with_context(|| format!("cannot hand over {}", path.display()))?;
    }
    privileges::bound();
    if let Some(account) = &account {
        privileges::leave_root(account, Keep::NetRaw)?;
    }
    let parent = |path: &Path| path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
    let mut reach = collector::reach(&config.otlp)?;
    reach.read.extend(parent(&given.config));
    if has_evidence(&config.evidence) {
        reach.write.push(folder.clone());
    }
    if let Ok(Listen::Unix(path)) = config.http.address() {
        reach.write.extend(parent(&path));
    }
    let sealed = privileges::seal_but_for(Keep::NetRaw, &reach)?;
    Ok(match account {
        Some(account) => format!("running as {}, {sealed}", account.name),
        None => sealed.to_string(),
    })
}

/// Makes the folder of the evidence and gives it to the user who will write there.
fn prepare(folder: &Path, account: Option<&Account>) -> Result<()> {
    let cannot = || format!("cannot keep evidence in {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    if let Some(account) = account {
        account.own(&File::open(folder).with_context(cannot)?);
    }
    Ok(())
}

fn has_evidence(config: &EvidenceConfig) -> bool {
    !config.folder.as_os_str().is_empty()
}

/// The daemon at work.
struct Daemon<'a> {
    given: &'a Given,
    config: ConfigFile,
    hangup: Signal,
    ending: [Signal; 2],
    health: Arc<Health>,
    log: Log,
    orders: Option<Orders>,
    /// In the order in which they end.
    threads: Vec<JoinHandle<()>>,
    evidence: Option<evidence::Writer>,
    healthy: Arc<AtomicBool>,
}

impl<'a> Daemon<'a> {
    /// Starts the threads. To be called inside the runtime.
    fn start(given: &'a Given, config: ConfigFile, opened: Opened, log: Log) -> Result<Self> {
        let daemon = &config.daemon;
        let Opened { capture, socket, access, memory, collector } = opened;
        let listen = |kind| signal(kind).context("signals cannot be heard");
        let hangup = listen(SignalKind::hangup())?;
        let ending = [listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?];
        let metrics = Arc::new(Metrics::new(daemon.http.server_names));
        let health = Arc::new(Health::new(&daemon.interfaces));
        let limits = recent::Limits { connections: daemon.http.recent, bytes: daemon.http.recent_mib << 20 };
        let recent = Arc::new(Mutex::new(Recent::new(limits)));
        let gathered = Arc::new(Mutex::new(Gathered::default()));
        let events = Events::new();
        let mut threads = Vec::new();
        let evidence = if has_evidence(&daemon.evidence) {
            let folder = daemon.evidence.folder.display();
            let started = evidence::Writer::start(&daemon.evidence, daemon.interfaces.clone(), Arc::clone(&metrics));
            let (writer, thread) = started.with_context(|| format!("cannot keep evidence in {folder}"))?;
            threads.push(thread);
            Some(writer)
        } else {
            None
        };
        let healthy = teller::healthy(&daemon.log);
        let tally = collector.as_ref().map(Collector::tally);
        let teller = Teller {
            recent: Arc::clone(&recent),
            gathered: Arc::clone(&gathered),
            events: events.clone(),
            evidence: evidence.clone(),
            collector,
            healthy: Arc::clone(&healthy),
        };
        let (teller, thread) = teller.start().context("no thread to tell connections in")?;
        threads.insert(0, thread);
        let parts = Parts {
            running: capture.start(true).context("no thread to capture in")?,
            engine: Engine::new(analysis(daemon), tuning(&config)),
            interfaces: daemon.interfaces.clone(),
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
            teller,
        };
        let (orders, thread) = watch::start(parts).context("no thread to analyse in")?;
        threads.insert(0, thread);
        if let Some(socket) = socket {
            let memory = memory.map(|file| Arc::new(Mutex::new(file)));
            let shared = Shared {
                health: Arc::clone(&health),
                metrics,
                recent,
                gathered,
                events,
                log: log.clone(),
                memory,
                tally,
            };
            let clients = daemon.http.clients;
            tokio::spawn(async move {
                if let Err(error) = http::serve(socket, clients, access, shared).await {
                    tracing::error!(%error, "HTTP has ended; the capture goes on");
                }
            });
        }
        let orders = Some(orders);
        Ok(Self { given, config, hangup, ending, health, log, orders, threads, evidence, healthy })
    }

    fn run(mut self, runtime: Runtime) -> Result<ExitCode> {
        let interfaces = self.config.daemon.interfaces.join(" ");
        tracing::info!(interfaces, listen = self.config.daemon.http.listen, "capturing");
        notify::ready(&interfaces);
        let over = runtime.block_on(self.until_the_end());
        notify::stopping();
        runtime.block_on(self.finish());
        // Readers of events would stay for ever.
        runtime.shutdown_background();
        if let Ok(Listen::Unix(path)) = self.config.daemon.http.address() {
            // Whoever starts next removes it otherwise.
            drop(fs::remove_file(path));
        }
        self.log.flush();
        over.map(|()| ExitCode::SUCCESS)
    }

    /// Until a signal; an error where the analysis has ended by itself.
    async fn until_the_end(&mut self) -> Result<()> {
        let watchdog = notify::watchdog_interval();
        let mut look = tokio::time::interval(watchdog.unwrap_or(LOOK).min(LOOK));
        loop {
            let [terminate, interrupt] = &mut self.ending;
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = self.hangup.recv() => self.reload(),
                _ = look.tick() => {
                    if self.threads.first().is_none_or(JoinHandle::is_finished) {
                        bail!("the capture has ended");
                    }
                    // One that hangs is for the service manager to end.
                    if watchdog.is_some() && self.health.is_moving(clock::steady()) {
                        notify::alive();
                    }
                }
            }
        }
    }

    /// What is left is told, saved and logged.
    async fn finish(&mut self) {
        self.orders = None;
        self.evidence = None;
        let threads = std::mem::take(&mut self.threads);
        let ended = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // What it said when it panicked is in the log.
                drop(thread.join());
            }
        });
        if timeout(LAST_WORDS, ended).await.is_err() {
            tracing::warn!("not everything could be told in time");
        }
    }

    /// Takes over what can be taken over of the configuration.
    fn reload(&mut self) {
        notify::reloading();
        match self.given.read() {
            Ok(config) => self.take_over(config),
            Err(error) => tracing::error!("the configuration stays as it was: {error:#}"),
        }
        notify::ready(&self.config.daemon.interfaces.join(" "));
    }

    fn take_over(&mut self, new: ConfigFile) {
        for key in self.config.daemon.needs_a_restart(&new.daemon) {
            tracing::warn!(key, "this takes a restart");
        }
        let old = &mut self.config;
        old.thresholds = new.thresholds;
        let folder = std::mem::take(&mut old.daemon.evidence.folder);
        old.daemon.evidence = EvidenceConfig { folder, ..new.daemon.evidence };
        (old.daemon.log.level, old.daemon.log.healthy) = (new.daemon.log.level, new.daemon.log.healthy);
        self.log.set_level(old.daemon.log.level);
        self.healthy.store(old.daemon.log.healthy, Ordering::Relaxed);
        if let Some(evidence) = &self.evidence {
            evidence.set_limits(&old.daemon.evidence);
        }
        if let Some(orders) = &self.orders {
            orders.tune(tuning(old));
        }
        tracing::info!("the configuration was read again");
    }
}

fn interest(config: &DaemonConfig) -> Interest {
    let any_port = !config.filter.is_empty();
    let ports = if any_port { Vec::new() } else { config.ports.clone() };
    Interest { ports, ipv6: config.ipv6 || any_port, dns: config.dns }
}

fn analysis(config: &DaemonConfig) -> analyzer::Config {
    let (unestablished_idle, established_idle) = config.table.idle();
    let any_port = !config.filter.is_empty();
    analyzer::Config {
        interest: interest(config),
        flow: flow::Limits {
            connections: config.table.connections,
            unestablished_idle,
            established_idle,
            closed_linger: LINGER,
            ..flow::Limits::default()
        },
        connection: Settings { ports: config.ports.clone(), any_port, ..Settings::default() },
        ..analyzer::Config::default()
    }
}

fn tuning(config: &ConfigFile) -> Tuning {
    let EvidenceConfig { degraded, first_kib, last_kib, memory_mib, .. } = config.daemon.evidence;
    let wanted = has_evidence(&config.daemon.evidence);
    let thresholds: Thresholds = config.thresholds.clone();
    Tuning {
        thresholds,
        memory: MemoryLimits {
            first: first_kib << 10,
            last: last_kib << 10,
            all: if wanted { memory_mib << 20 } else { 0 },
        },
        evidence: EvidenceOf { failed: wanted, degraded: wanted && degraded },
    }
}
