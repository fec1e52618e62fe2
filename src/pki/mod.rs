//! The made certificates of the demo and of the tests: in, a directory and names; out, PEM files that any client and
//! broker can load.
//!
//! A directory holds one certificate authority (`ca.pem`), one server certificate (`server.pem`) and the devices'
//! certificates, each with its key beside it (`*.key`, for the owner's eyes only). What is there and still valid is
//! used again. These certificates prove nothing to anybody else: the authority is one's own.

pub mod pem;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use time::{Duration, OffsetDateTime};

/// Why certificates could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file or directory.
    #[error("cannot use {path} for made certificates: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in a file, or a name that no certificate can carry.
    #[error("cannot make a certificate for {name}: {source}")]
    Certificate {
        /// Whose.
        name: String,
        /// What the library said.
        source: rcgen::Error,
    },
    /// A name that would leave the directory.
    #[error("\"{0}\" cannot name a device: use letters, digits, '-', '_' and '.'")]
    Name(String),
}

/// A certificate chain and its private key, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedFiles {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM (PKCS #8), mode 600.
    pub key: PathBuf,
}

/// A certificate authority of one's own, and what it has issued, in a directory.
pub struct Pki {
    directory: PathBuf,
    authority: Authority,
}

/// The period that a certificate is valid for, in days from now; negative is the past.
#[derive(Clone, Copy)]
struct Validity {
    from: i64,
    to: i64,
}

impl Validity {
    const AUTHORITY: Self = Self { from: -1, to: 3650 };
    /// What clients accept at most from public authorities, and one day for clocks that disagree.
    const LEAF: Self = Self { from: -1, to: 397 };
    const EXPIRED: Self = Self { from: -400, to: -35 };
}

impl Pki {
    /// Opens the directory, making it and its authority where they are missing. A server certificate for localhost,
    /// 127.0.0.1, ::1 and `names` is issued anew when it is missing, about to expire or lacks a name.
    ///
    /// # Errors
    /// When the directory cannot be read or written, or when what it holds cannot be read as certificates and keys.
    pub fn load_or_create(directory: &Path, names: &[String]) -> Result<Self, PkiError> {
        create_private_directory(directory)?;
        let authority = Authority::load_or_create(directory, "ca", "iotcap demo CA")?;
        let pki = Self { directory: directory.to_owned(), authority };
        let mut all: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        all.extend(names.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
        let server = pki.files("server");
        if !is_current(&server, &all) {
            pki.authority.issue(&server, "localhost", &all, Validity::LEAF, ExtendedKeyUsagePurpose::ServerAuth)?;
        }
        Ok(pki)
    }

    /// The directory that made certificates live in by default: `iotcap/pki` below the user's cache.
    pub fn default_directory() -> PathBuf {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home_cache = |home: PathBuf| home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" });
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(home_cache)).unwrap_or_else(std::env::temp_dir);
        cache.join("iotcap").join("pki")
    }

    /// The authority's certificate, PEM: what both ends trust.
    pub fn ca_certificate(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// The server's certificate and key.
    pub fn server(&self) -> CertifiedFiles {
        self.files("server")
    }

    /// A device's certificate and key; its common name is `name`.
    ///
    /// # Errors
    /// When they cannot be written, or the name cannot name a file.
    pub fn device(&self, name: &str) -> Result<CertifiedFiles, PkiError> {
        let files = self.device_files("device", name)?;
        if !is_current(&files, &[]) {
            self.authority.issue(&files, name, &[], Validity::LEAF, ExtendedKeyUsagePurpose::ClientAuth)?;
        }
        Ok(files)
    }

    /// A device whose certificate ran out five weeks ago.
    ///
    /// # Errors
    /// As [`Pki::device`].
    pub fn expired_device(&self, name: &str) -> Result<CertifiedFiles, PkiError> {
        let files = self.device_files("expired", name)?;
        self.authority.issue(&files, name, &[], Validity::EXPIRED, ExtendedKeyUsagePurpose::ClientAuth)?;
        Ok(files)
    }

    /// A device of an authority that the broker does not know.
    ///
    /// # Errors
    /// As [`Pki::device`].
    pub fn foreign_device(&self, name: &str) -> Result<CertifiedFiles, PkiError> {
        let files = self.device_files("foreign", name)?;
        self.foreign_authority()?.issue(&files, name, &[], Validity::LEAF, ExtendedKeyUsagePurpose::ClientAuth)?;
        Ok(files)
    }

    /// The certificate of the authority behind [`Pki::foreign_device`], PEM: a client that trusts only this one refuses
    /// our server.
    ///
    /// # Errors
    /// As [`Pki::device`].
    pub fn foreign_ca_certificate(&self) -> Result<PathBuf, PkiError> {
        self.foreign_authority()?;
        Ok(self.directory.join("foreign-ca.pem"))
    }

    /// A server certificate that ran out five weeks ago.
    ///
    /// # Errors
    /// As [`Pki::device`].
    pub fn expired_server(&self) -> Result<CertifiedFiles, PkiError> {
        let files = self.files("server-expired");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        self.authority.issue(&files, "localhost", &names, Validity::EXPIRED, ExtendedKeyUsagePurpose::ServerAuth)?;
        Ok(files)
    }

    fn foreign_authority(&self) -> Result<Authority, PkiError> {
        Authority::load_or_create(&self.directory, "foreign-ca", "Somebody Else's CA")
    }

    fn device_files(&self, kind: &str, name: &str) -> Result<CertifiedFiles, PkiError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        // 64: the longest common name (RFC 5280, appendix A, ub-common-name).
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(PkiError::Name(name.to_owned()));
        }
        Ok(self.files(&format!("{kind}-{name}")))
    }

    fn files(&self, stem: &str) -> CertifiedFiles {
        CertifiedFiles {
            certificate: self.directory.join(format!("{stem}.pem")),
            key: self.directory.join(format!("{stem}.key")),
        }
    }
}

/// The key of an authority, ready to sign.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Certificates are issued by name and key alone, so the authority's own certificate is written once and never
    /// parsed.
    fn load_or_create(directory: &Path, stem: &str, common_name: &str) -> Result<Self, PkiError> {
        let wrong = |source| PkiError::Certificate { name: common_name.to_owned(), source };
        let files = CertifiedFiles {
            certificate: directory.join(format!("{stem}.pem")),
            key: directory.join(format!("{stem}.key")),
        };
        let mut params = params(common_name, &[], Validity::AUTHORITY).map_err(wrong)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = if is_current(&files, &[]) {
            KeyPair::from_pem(&read(&files.key)?).map_err(wrong)?
        } else {
            let key = KeyPair::generate().map_err(wrong)?;
            let certificate = params.self_signed(&key).map_err(wrong)?;
            write(&files.key, &key.serialize_pem())?;
            write(&files.certificate, &certificate.pem())?;
            key
        };
        Ok(Self { issuer: Issuer::new(params, key) })
    }

    fn issue(
        &self,
        files: &CertifiedFiles,
        common_name: &str,
        names: &[String],
        validity: Validity,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<(), PkiError> {
        let wrong = |source| PkiError::Certificate { name: common_name.to_owned(), source };
        let mut params = params(common_name, names, validity).map_err(wrong)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().map_err(wrong)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(wrong)?;
        write(&files.key, &key.serialize_pem())?;
        write(&files.certificate, &certificate.pem())
    }
}

fn params(common_name: &str, names: &[String], validity: Validity) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let now = now();
    (params.not_before, params.not_after) = (now + Duration::days(validity.from), now + Duration::days(validity.to));
    Ok(params)
}

/// Whether a certificate and its key are there, the certificate lives for another day, and it has all these names.
fn is_current(files: &CertifiedFiles, names: &[String]) -> bool {
    let Ok(pem) = fs::read(&files.certificate) else { return false };
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(&pem) else { return false };
    let Ok(certificate) = pem.parse_x509() else { return false };
    let validity = certificate.validity();
    let tomorrow = (now() + Duration::days(1)).unix_timestamp();
    files.key.is_file()
        && validity.not_before.timestamp() <= tomorrow
        && tomorrow < validity.not_after.timestamp()
        && has_names(&certificate, names)
}

fn has_names(certificate: &x509_parser::certificate::X509Certificate<'_>, names: &[String]) -> bool {
    use x509_parser::extensions::GeneralName;
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return names.is_empty() };
    let address = |bytes: &[u8]| match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
    };
    let present: Vec<String> = extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .collect();
    names.iter().all(|name| present.contains(name))
}

fn create_private_directory(directory: &Path) -> Result<(), PkiError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|source| PkiError::File { path: directory.to_owned(), source })
}

/// Writes beside the file and renames, so that nobody ever reads half a certificate or a key with the wrong mode.
fn write(path: &Path, pem: &str) -> Result<(), PkiError> {
    let wrong = |source| PkiError::File { path: path.to_owned(), source };
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(
        &mut options,
        if path.extension().is_some_and(|it| it == "key") { 0o600 } else { 0o644 },
    );
    let mut file = options.open(&beside).map_err(wrong)?;
    file.write_all(pem.as_bytes()).map_err(wrong)?;
    fs::rename(&beside, path).map_err(wrong)
}

fn read(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(|source| PkiError::File { path: path.to_owned(), source })
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid by the clock on the wall")]
fn now() -> OffsetDateTime {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_used_again() {
        let directory = tempfile::tempdir().unwrap();
        let first = Pki::load_or_create(directory.path(), &[]).unwrap();
        let device = first.device("sensor").unwrap();
        let read_all =
            || [first.ca_certificate(), first.server().key, device.key.clone()].map(|path| fs::read(path).unwrap());
        let before = read_all();
        let second = Pki::load_or_create(directory.path(), &["127.0.0.1".into()]).unwrap();
        assert_eq!(second.device("sensor").unwrap(), device);
        assert_eq!(read_all(), before);
    }

    #[test]
    fn a_new_name_gets_a_new_server_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let first = fs::read(Pki::load_or_create(directory.path(), &[]).unwrap().server().certificate).unwrap();
        let pki = Pki::load_or_create(directory.path(), &["broker.test".into()]).unwrap();
        assert_ne!(fs::read(pki.server().certificate).unwrap(), first);
        assert!(is_current(&pki.server(), &["broker.test".into(), "::1".into()]));
        assert!(!is_current(&pki.server(), &["other.test".into()]));
    }

    #[test]
    fn devices_that_are_broken_on_purpose_leave_the_good_one_alone() {
        let directory = tempfile::tempdir().unwrap();
        let pki = Pki::load_or_create(directory.path(), &[]).unwrap();
        let good = fs::read(pki.device("old").unwrap().certificate).unwrap();
        assert!(!is_current(&pki.expired_device("old").unwrap(), &[]));
        assert!(is_current(&pki.foreign_device("old").unwrap(), &[]));
        assert_eq!(fs::read(pki.device("old").unwrap().certificate).unwrap(), good);
    }

    #[test]
    fn names_cannot_leave_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let pki = Pki::load_or_create(directory.path(), &[]).unwrap();
        for name in ["", "../x", "a/b", "a b"] {
            assert!(matches!(pki.device(name), Err(PkiError::Name(_))), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("pki");
        let pki = Pki::load_or_create(&directory, &[]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&pki.server().key), 0o600);
        assert_eq!(mode(&directory.join("ca.key")), 0o600);
    }
}
