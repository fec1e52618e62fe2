//! PEM files of certificates and private keys, into rustls' types; errors name the file and what is wrong with it.

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};

/// Why a PEM file could not be used. Each is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// It could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds no PEM block of the wanted kind.
    #[error("{path} holds no {wanted} in PEM form (-----BEGIN …)")]
    Missing {
        /// Which file.
        path: PathBuf,
        /// `certificate` or `private key`.
        wanted: &'static str,
    },
    /// It is damaged.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The certificates of a file in their order, at least one.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    const WANTED: &str = "certificate";
    let blocks = CertificateDer::pem_file_iter(path).map_err(|error| translate(path, WANTED, error))?;
    let certificates = blocks.collect::<Result<Vec<_>, _>>().map_err(|error| translate(path, WANTED, error))?;
    if certificates.is_empty() {
        return Err(PemError::Missing { path: path.to_owned(), wanted: WANTED });
    }
    Ok(certificates)
}

/// The first private key of a file: PKCS #8, PKCS #1 or SEC 1, not encrypted.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| translate(path, "private key", error))
}

/// The authorities of a file, as what a peer's certificate is checked against.
///
/// # Errors
/// When the file cannot be read, or holds no certificate that can be trusted.
pub fn read_roots(path: &Path) -> Result<RootCertStore, PemError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(path)? {
        let damaged = |error| PemError::Damaged { path: path.to_owned(), reason: format!("{error}") };
        roots.add(certificate).map_err(damaged)?;
    }
    Ok(roots)
}

fn translate(path: &Path, wanted: &'static str, error: pem::Error) -> PemError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => PemError::Read { path, source },
        pem::Error::NoItemsFound => PemError::Missing { path, wanted },
        other => PemError::Damaged { path, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file_and_what_it_lacks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("device.pem");
        assert!(read_certificates(&path).unwrap_err().to_string().contains("device.pem: No such file"));
        std::fs::write(&path, "hello").unwrap();
        let (certificate, key) = (read_certificates(&path).unwrap_err(), read_private_key(&path).unwrap_err());
        assert!(certificate.to_string().contains("device.pem holds no certificate in PEM form"), "{certificate}");
        assert!(key.to_string().contains("device.pem holds no private key in PEM form"), "{key}");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(read_certificates(&path), Err(PemError::Damaged { .. })));
    }
}
