//! From a name to a TLS session: DNS, TCP and TLS, each with its time and its own error.

use super::report::Attempt;
use super::{PublishError, TlsCause};
use crate::broker::now;
use crate::net::Endpoint;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// For a lookup, and for each address.
const TCP_PATIENCE: Duration = Duration::from_secs(10);
/// For the whole handshake.
const TLS_PATIENCE: Duration = Duration::from_secs(15);

/// Connects and notes in `attempt` how long each step took, as far as it gets.
pub(super) async fn connect(
    host: &str,
    port: u16,
    connector: &TlsConnector,
    attempt: &mut Attempt,
) -> Result<TlsStream<TcpStream>, PublishError> {
    let name = server_name(host)?;
    let addresses = resolve(host, port, attempt).await?;
    let stream = connect_tcp(host, &addresses, attempt).await?;
    let started = now();
    let handshake = timeout(TLS_PATIENCE, connector.connect(name, stream)).await;
    let cause = match handshake {
        Ok(Ok(stream)) => {
            attempt.timings.tls = Some(started.elapsed());
            attempt.note_tls(stream.get_ref().1);
            return Ok(stream);
        }
        Ok(Err(error)) => TlsCause::in_handshake(&error),
        Err(_) => TlsCause::Timeout,
    };
    Err(PublishError::TlsHandshake { host: host.to_owned(), cause })
}

/// The name that the server's certificate must have.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, PublishError> {
    ServerName::try_from(host.to_owned()).map_err(|_| {
        PublishError::Options(format!(
            "\"{host}\" is no host name and no address; --endpoint takes one without scheme and port"
        ))
    })
}

/// Addresses to try in turn, IPv4 first: the capture looks at IPv4 unless told otherwise.
async fn resolve(host: &str, port: u16, attempt: &mut Attempt) -> Result<Vec<SocketAddr>, PublishError> {
    let wrong = |source| PublishError::Resolve { host: host.to_owned(), source };
    let started = now();
    let found = timeout(TCP_PATIENCE, tokio::net::lookup_host((host, port))).await;
    let found = found.map_err(|_| wrong(io::ErrorKind::TimedOut.into()))?.map_err(wrong)?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    attempt.timings.dns = Some(started.elapsed());
    if addresses.is_empty() {
        return Err(wrong(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    Ok(addresses)
}

async fn connect_tcp(host: &str, addresses: &[SocketAddr], attempt: &mut Attempt) -> Result<TcpStream, PublishError> {
    let started = now();
    let mut last = None;
    for address in addresses {
        let server = Endpoint::new(address.ip(), address.port());
        attempt.server = Some(server);
        let connected = timeout(TCP_PATIENCE, TcpStream::connect(address)).await;
        match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                attempt.timings.tcp = Some(started.elapsed());
                attempt.client = stream.local_addr().ok().map(|own| Endpoint::new(own.ip(), own.port()));
                // CONNECT and acknowledgements are small and should not wait for more.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(source) => last = Some(PublishError::TcpConnect { server, source }),
        }
    }
    Err(last.unwrap_or_else(|| PublishError::Resolve { host: host.to_owned(), source: io::ErrorKind::NotFound.into() }))
}
