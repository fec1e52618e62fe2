//! The client's side of TLS: PEM files and options in, a rustls configuration out; and the key log.

use super::options::{Options, TlsVersion};
use super::{PublishError, TlsCause};
use crate::pki::pem::{read_certificates, read_private_key, read_roots};
use rustls::client::Resumption;
use rustls::{ClientConfig, KeyLog, SupportedProtocolVersion, version};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// One configuration for all devices of a run.
pub(super) fn client_config(options: &Options) -> Result<ClientConfig, PublishError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let unusable = |error: rustls::Error| PublishError::TlsHandshake {
        host: options.endpoint.clone(),
        cause: TlsCause::Other(error.to_string()),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(options.tls))
        .map_err(unusable)?
        .with_root_certificates(read_roots(&options.ca)?);
    let mut config = match options.cert.as_ref().zip(options.key.as_ref()) {
        Some((certificate, key)) => builder
            .with_client_auth_cert(read_certificates(certificate)?, read_private_key(key)?)
            .map_err(|error| PublishError::Identity { path: certificate.clone(), reason: error.to_string() })?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = options.alpn().map(|name| name.as_bytes().to_vec()).into_iter().collect();
    config.enable_sni = !options.no_sni;
    // Every connection shows the whole handshake: this is a tool for looking at handshakes.
    config.resumption = Resumption::disabled();
    if let Some(path) = &options.keylog {
        config.key_log = Arc::new(KeyLogFile::open(path)?);
    }
    Ok(config)
}

fn versions(only: Option<TlsVersion>) -> &'static [&'static SupportedProtocolVersion] {
    static V12: [&SupportedProtocolVersion; 1] = [&version::TLS12];
    static V13: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    match only {
        None => rustls::DEFAULT_VERSIONS,
        Some(TlsVersion::V12) => &V12,
        Some(TlsVersion::V13) => &V13,
    }
}

/// Appends TLS secrets in NSS form (draft-ietf-tls-keylogfile), one line each, whole lines only.
#[derive(Debug)]
struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    fn open(path: &Path) -> Result<Self, PublishError> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // Whoever reads it can read the traffic.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|source| PublishError::KeyLog { path: path.to_owned(), source })?;
        Ok(Self(Mutex::new(file)))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        // Room for all of it at once: growing would leave copies of the secret behind.
        let length = label.len() + 2 * (client_random.len() + secret.len()) + 3;
        let mut line = Zeroizing::new(String::with_capacity(length));
        line.push_str(label);
        for bytes in [client_random, secret] {
            line.push(' ');
            push_hex(bytes, &mut line);
        }
        line.push('\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "cannot write the key log");
        }
    }
}

fn push_hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
}
