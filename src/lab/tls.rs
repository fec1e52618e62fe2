//! TLS endpoints of the lab: rustls, configured by a scenario, its clock standing still and its random numbers seeded.
//!
//! In: bytes from the peer. Out: bytes for the peer, and what was said inside. A [`Channel`] does no I/O of its own.

use super::certificates::{self, Authority, BROKER_NAME};
use super::crypto::{FixedClock, Secrets, provider};
use super::scenario::{Alert, Certificate, Client, ClientAuth, LabError, Server, TlsVersion, Trust};
use super::verifiers::{AcceptAnything, RefuseWith};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection, SupportedProtocolVersion, version,
};
use std::io::{Read, Write};
use std::sync::Arc;

/// The virtual wall clock at the start of every recording: 2026-03-01T12:00:00Z.
pub(super) const START: u64 = 1_772_366_400;

/// One end of a TLS connection, or of a connection in clear.
#[derive(Debug)]
pub(super) enum Channel {
    /// With TLS.
    Tls {
        /// The library's end.
        connection: Box<Connection>,
        /// Decrypted, not yet read.
        heard: Vec<u8>,
    },
    /// Without: what is said goes out as it is.
    Clear {
        /// Received, not yet read.
        received: Vec<u8>,
        /// Said, not yet sent.
        said: Vec<u8>,
    },
}

impl Channel {
    pub(super) const fn clear() -> Self {
        Self::Clear { received: Vec::new(), said: Vec::new() }
    }

    fn tls(mut connection: Connection) -> Self {
        connection.set_buffer_limit(None);
        Self::Tls { connection: Box::new(connection), heard: Vec::new() }
    }

    /// Takes what the peer sent. After an error the alert is among the output, and nothing more will be read.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) -> Result<(), rustls::Error> {
        match self {
            Self::Clear { received, .. } => received.extend_from_slice(bytes),
            Self::Tls { connection, heard } => {
                while !bytes.is_empty() {
                    // Reading from memory fails only when the buffers are full of what was not read yet.
                    if connection.read_tls(&mut bytes).unwrap_or(0) == 0 {
                        break;
                    }
                    let processed = connection.process_new_packets();
                    // Its error says that there is no more for now.
                    let _ = connection.reader().read_to_end(heard);
                    processed?;
                }
            }
        }
        Ok(())
    }

    /// What is to be sent to the peer.
    pub(super) fn output(&mut self) -> Vec<u8> {
        match self {
            Self::Clear { said, .. } => std::mem::take(said),
            Self::Tls { connection, .. } => {
                let mut bytes = Vec::new();
                while connection.wants_write() && connection.write_tls(&mut bytes).is_ok() {}
                bytes
            }
        }
    }

    /// What the peer said.
    pub(super) fn heard(&mut self) -> Vec<u8> {
        match self {
            Self::Clear { received, .. } => std::mem::take(received),
            Self::Tls { heard, .. } => std::mem::take(heard),
        }
    }

    /// Says something; before the handshake is over it waits for it.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        match self {
            Self::Clear { said, .. } => said.extend_from_slice(bytes),
            Self::Tls { connection, .. } => {
                // Without a limit on its buffer it takes everything.
                let _ = connection.writer().write_all(bytes);
            }
        }
    }

    pub(super) fn say_goodbye(&mut self) {
        if let Self::Tls { connection, .. } = self {
            connection.send_close_notify();
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls { connection, .. } if connection.is_handshaking())
    }
}

fn versions(wanted: &[TlsVersion]) -> Vec<&'static SupportedProtocolVersion> {
    wanted
        .iter()
        .map(|wanted| match wanted {
            TlsVersion::V12 => &version::TLS12,
            TlsVersion::V13 => &version::TLS13,
        })
        .collect()
}

/// What all connections of a device share.
pub(super) fn client_config(settings: &Client, secrets: &Arc<Secrets>) -> Result<Arc<ClientConfig>, LabError> {
    let provider = provider(&settings.ciphers, &settings.groups)?;
    let clock = Arc::new(FixedClock(settings.clock.unwrap_or(START)));
    let authority = if settings.trust == Trust::Foreign { Authority::Foreign } else { Authority::Lab };
    let roots = Arc::new(certificates::trust(authority)?);
    let verifier: Arc<dyn ServerCertVerifier> = if settings.trust == Trust::Anything {
        Arc::new(AcceptAnything(provider.signature_verification_algorithms))
    } else {
        let strict = rustls::client::WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let strict = strict.build().map_err(|error| LabError::Scenario(error.to_string()))?;
        match settings.refusal {
            Some(alert) => Arc::new(RefuseWith { strict, alert: certificate_error(alert)? }),
            None => strict,
        }
    };
    let builder = ClientConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&versions(&settings.tls))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = if settings.certificate == Certificate::None {
        builder.with_no_client_auth()
    } else {
        let identity = certificates::device(settings.certificate, &settings.client_id)?;
        builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
    };
    config.key_log = Arc::<Secrets>::clone(secrets);
    config.alpn_protocols = settings.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.max_fragment_size = settings.record_size;
    config.enable_sni = !settings.server_name.is_empty();
    config.resumption = if settings.resumption { Resumption::in_memory_sessions(8) } else { Resumption::disabled() };
    Ok(Arc::new(config))
}

/// A fresh connection of a device.
pub(super) fn client(config: &Arc<ClientConfig>, settings: &Client) -> Result<Channel, LabError> {
    let name = if settings.server_name.is_empty() { BROKER_NAME } else { &settings.server_name };
    let name = name.to_owned().try_into().map_err(|_| LabError::Scenario(format!("{name} is no host name")))?;
    Ok(Channel::tls(ClientConnection::new(Arc::clone(config), name)?.into()))
}

/// What all connections of a broker share.
pub(super) fn server_config(settings: &Server, secrets: &Arc<Secrets>) -> Result<Arc<ServerConfig>, LabError> {
    let provider = provider(&settings.ciphers, &settings.groups)?;
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(FixedClock(START)))
        .with_protocol_versions(&versions(&settings.tls))?;
    let builder = if settings.client_auth == ClientAuth::None {
        builder.with_no_client_auth()
    } else {
        let roots = Arc::new(certificates::trust(Authority::Lab)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
            .with_crls([certificates::revocations()?])
            .only_check_end_entity_revocation()
            .allow_unknown_revocation_status();
        let verifier =
            if settings.client_auth == ClientAuth::Optional { verifier.allow_unauthenticated() } else { verifier };
        let strict = verifier.build().map_err(|error| LabError::Scenario(error.to_string()))?;
        match settings.refusal {
            Some(alert) => {
                builder.with_client_cert_verifier(Arc::new(RefuseWith { strict, alert: certificate_error(alert)? }))
            }
            None => builder.with_client_cert_verifier(strict),
        }
    };
    let identity = certificates::broker(settings.certificate)?;
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.key_log = Arc::<Secrets>::clone(secrets);
    config.alpn_protocols = settings.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.max_fragment_size = settings.record_size;
    if !settings.resumption {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// A fresh connection of a broker.
pub(super) fn server(config: &Arc<ServerConfig>) -> Result<Channel, LabError> {
    Ok(Channel::tls(ServerConnection::new(Arc::clone(config))?.into()))
}

/// The error for which rustls sends an alert.
fn certificate_error(alert: Alert) -> Result<rustls::CertificateError, LabError> {
    use rustls::CertificateError as Error;
    Ok(match alert {
        Alert::BadCertificate => Error::BadEncoding,
        Alert::CertificateExpired => Error::Expired,
        Alert::CertificateRevoked => Error::Revoked,
        Alert::UnknownCa => Error::UnknownIssuer,
        Alert::DecryptError => Error::BadSignature,
        Alert::UnsupportedCertificate => Error::InvalidPurpose,
        Alert::AccessDenied => Error::ApplicationVerificationFailure,
        Alert::CertificateUnknown => Error::Other(rustls::OtherError(Arc::new(std::fmt::Error))),
        other => return Err(LabError::Scenario(format!("no certificate is refused with {other:?}"))),
    })
}
