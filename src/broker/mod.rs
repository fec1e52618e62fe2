//! The embedded broker: MQTT 3.1.1 and 5.0 over mutual TLS, for the demo and the tests. Sockets come in, sessions live
//! in memory.
//!
//! It does QoS 0 to 2 both ways, wildcards, retained messages, wills, persistent sessions, takeover, keep-alive and the
//! limits of 5.0. It does not do topic aliases, subscription identifiers, shared subscriptions or enhanced
//! authentication, and says so with the codes that 5.0 has for that. It writes nothing to disk.

mod clock;
pub(crate) mod codec;
mod connection;
pub(crate) mod filter;
mod hub;
mod policy;
mod retained;
mod seat;
mod session;
pub(crate) mod stop;
pub(crate) mod wire;

pub(crate) use clock::now;
pub use codec::{ConnectCode, Login, MqttVersion, ReasonCode};
pub use policy::Policy;

use crate::pki::CertifiedFiles;
use crate::pki::pem::{PemError, read_certificates, read_private_key, read_roots};
use hub::Hub;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stop::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use wire::Wire;

/// Ports that are tried one after the other when the first is taken.
const PORTS_TRIED: u16 = 100;
/// How often sessions and wills are looked at whose time has come.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long connections have to say goodbye when the broker stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where and for whom the broker works.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port, or the first of a hundred to try; 0 lets the system choose.
    pub port: u16,
    /// The server's certificate and key.
    pub identity: CertifiedFiles,
    /// The authorities that clients' certificates come from, PEM.
    pub client_ca: PathBuf,
    /// Whether clients need a certificate.
    pub client_certificates: ClientCertificates,
    /// Who may do what.
    pub policy: Policy,
    /// What it keeps at most.
    pub limits: Limits,
}

impl BrokerOptions {
    /// A broker on loopback, port 8883 or the next free one, that asks every client for a certificate.
    pub fn loopback(identity: CertifiedFiles, client_ca: PathBuf) -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 8883,
            identity,
            client_ca,
            client_certificates: ClientCertificates::Required,
            policy: Policy::default(),
            limits: Limits::default(),
        }
    }
}

/// Whether clients need a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Mutual TLS: without one, no session.
    Required,
    /// One that is shown must be good; none is good too.
    Optional,
}

/// What the broker keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Sessions, connected or not; more are refused.
    pub sessions: usize,
    /// Messages that wait for one client; more are dropped and counted.
    pub queue: usize,
    /// Publications with QoS above 0 that are not acknowledged yet, for each client and direction.
    pub in_flight: u16,
    /// Filters of one client.
    pub subscriptions: usize,
    /// Retained messages; more are dropped and counted.
    pub retained: usize,
    /// Bytes of a packet.
    pub packet_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1000,
            sessions: 10_000,
            queue: 1000,
            in_flight: 100,
            subscriptions: 1000,
            retained: 10_000,
            packet_size: 256 * 1024,
        }
    }
}

/// What the broker has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerStats {
    /// TLS handshakes that failed.
    pub failed_handshakes: u64,
    /// Clients let in.
    pub accepted: u64,
    /// Clients refused by CONNACK.
    pub refused: u64,
    /// Publications received.
    pub received: u64,
    /// Messages queued for subscribers.
    pub delivered: u64,
    /// Messages dropped because a limit was reached.
    pub dropped: u64,
}

/// A broker that listens.
pub struct Broker {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    hub: Arc<Mutex<Hub>>,
    limits: Limits,
}

impl Broker {
    /// Loads the certificates and begins to listen.
    ///
    /// # Errors
    /// When a file cannot be used or no port is free.
    pub async fn bind(options: BrokerOptions) -> io::Result<Self> {
        let config = server_config(&options)?;
        let listener = listen(options.address, options.port).await?;
        let hub = Arc::new(Mutex::new(Hub::new(options.limits, options.policy)));
        Ok(Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), hub, limits: options.limits })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves clients until `shutdown` is done; then says goodbye to all (5.0: DISCONNECT, server shutting down) and
    /// returns what it has seen.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> BrokerStats {
        let (stopper, stop) = stop::channel();
        let room = Arc::new(Semaphore::new(self.limits.connections));
        let mut connections = JoinSet::new();
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accept = async { (Arc::clone(&room).acquire_owned().await, self.listener.accept().await) };
            tokio::select! {
                () = &mut shutdown => break,
                (permit, accepted) = accept => match accepted {
                    Ok((stream, peer)) => {
                        let served = self.serve(stream, peer, stop.clone());
                        connections.spawn(async move {
                            served.await;
                            drop(permit);
                        });
                    }
                    // Too many open files, or a client that went before it was accepted: the next one may be luckier.
                    Err(error) => {
                        tracing::warn!(%error, "could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                _ = housekeeping.tick() => connection::lock(&self.hub).advance(now()),
            }
        }
        stopper.stop();
        let farewell = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            connections.abort_all();
        }
        connection::lock(&self.hub).stats
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, mut stop: Stop) -> impl Future<Output = ()> + use<> {
        let (acceptor, hub, limits) = (self.acceptor.clone(), Arc::clone(&self.hub), self.limits);
        async move {
            // Acknowledgements are small and should not wait for more.
            let _ = stream.set_nodelay(true);
            let handshake = tokio::select! {
                handshake = tokio::time::timeout(connection::PATIENCE, acceptor.accept(stream).into_fallible()) => handshake,
                () = stop.requested() => return,
            };
            match handshake {
                Ok(Ok(stream)) => connection::serve(stream, &hub, limits, stop).await,
                Ok(Err((error, stream))) => {
                    tracing::info!(%peer, %error, "TLS handshake failed");
                    connection::lock(&hub).stats.failed_handshakes += 1;
                    // The alert is written; it must not be lost to a reset.
                    Wire::new(stream, MqttVersion::V311, limits.packet_size).close().await;
                }
                Err(_) => connection::lock(&hub).stats.failed_handshakes += 1,
            }
        }
    }
}

async fn listen(address: IpAddr, first: u16) -> io::Result<TcpListener> {
    let last = if first == 0 { 0 } else { first.saturating_add(PORTS_TRIED - 1) };
    for port in first..=last {
        match TcpListener::bind((address, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port < last => {}
            result => return result,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn server_config(options: &BrokerOptions) -> io::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = load_roots(&options.client_ca)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = match options.client_certificates {
        ClientCertificates::Required => verifier,
        ClientCertificates::Optional => verifier.allow_unauthenticated(),
    };
    let verifier = verifier.build().map_err(io::Error::other)?;
    let certificates = read_certificates(&options.identity.certificate).map_err(invalid)?;
    let key = read_private_key(&options.identity.key).map_err(invalid)?;
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates, key)
        .map_err(io::Error::other)
}

fn load_roots(path: &Path) -> io::Result<RootCertStore> {
    read_roots(path).map_err(invalid)
}

fn invalid(error: PemError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
