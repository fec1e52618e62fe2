//! Where a collector is and how it is talked to: from an address, and from the environment variables by which OpenTelemetry's
//! programs are configured. All that needs files or names of this host is read here, before rights are given up.

use super::attributes::Attributes;
#[cfg(unix)]
use crate::privileges::Reach;
use anyhow::{Context, Result, anyhow, bail};
use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a request may take where OTEL_EXPORTER_OTLP_TIMEOUT does not say otherwise, as the specification has it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the resolver of names reads, on systems of every kind.
#[cfg(unix)]
const RESOLVER: [&str; 7] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/run/systemd/resolve",
    "/run/resolvconf",
];

/// Who tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// What this place is called; empty for the name of the host.
    pub sensor: String,
    /// Whether the host's name is to stay unknown.
    pub anonymous: bool,
    /// A file with headers to send, `name: value` a line.
    pub headers: Option<PathBuf>,
}

/// A collector, and how it is talked to. Headers hold secrets: they are never printed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As it was given.
    pub(super) url: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// What stands before `/v1/traces`.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) timeout: Duration,
    pub(super) gzip: bool,
    /// For https.
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) resource: Resource,
    pub(super) sensor: String,
}

impl Settings {
    /// Reads the address, and by `variable` the environment.
    ///
    /// # Errors
    /// One sentence where the address, a header or a certificate cannot be understood.
    pub fn new(url: &str, who: &Who, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let Place { host, port, path, is_https } = Place::of(url)?;
        let exporter = |name: &str| variable(&format!("OTEL_EXPORTER_OTLP_{name}")).filter(|value| !value.is_empty());
        let mut headers = HeaderMap::new();
        for pair in exporter("HEADERS").iter().flat_map(|pairs| pairs.split(',')) {
            add_header(&mut headers, pair, '=').context("OTEL_EXPORTER_OTLP_HEADERS")?;
        }
        if let Some(file) = &who.headers {
            headers_of_file(&mut headers, file)?;
        }
        let timeout = match exporter("TIMEOUT") {
            Some(millis) => Duration::from_millis(
                millis.parse().map_err(|_| anyhow!("OTEL_EXPORTER_OTLP_TIMEOUT is no number of milliseconds"))?,
            ),
            None => TIMEOUT,
        };
        let gzip = match exporter("COMPRESSION").as_deref() {
            None | Some("gzip") => true,
            Some("none") => false,
            Some(_) => bail!("OTEL_EXPORTER_OTLP_COMPRESSION is gzip or none"),
        };
        let certificate = exporter("CERTIFICATE").map(PathBuf::from);
        let tls = is_https.then(|| tls(certificate.as_deref())).transpose()?;
        let (sensor, resource) = resource(who, &variable);
        Ok(Self { url: url.to_owned(), host, port, path, headers, timeout, gzip, tls, resource, sensor })
    }

    /// What this sensor is called.
    #[must_use]
    pub fn sensor(&self) -> &str {
        &self.sensor
    }
}

/// What a process needs that is to send to this address once its rights are given up: the port, and the files by which names
/// are found.
///
/// # Errors
/// One sentence where the address cannot be understood.
#[cfg(unix)]
pub fn reach(url: &str) -> Result<Reach> {
    let connect = vec![Place::of(url)?.port];
    Ok(Reach { read: RESOLVER.iter().map(PathBuf::from).collect(), write: Vec::new(), connect })
}

/// What an address says.
struct Place {
    host: String,
    port: u16,
    path: String,
    is_https: bool,
}

impl Place {
    fn of(url: &str) -> Result<Self> {
        let wrong = || anyhow!("'{url}' is no address of a collector: write http://HOST:4318 or https://HOST:PORT");
        if url.contains('@') {
            bail!(
                "an address of a collector has no user and no password in it: tokens belong in OTEL_EXPORTER_OTLP_HEADERS"
            );
        }
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        if uri.port_u16() == Some(4317) {
            bail!(
                "port 4317 is for OTLP over gRPC; iotcap speaks OTLP over HTTP, which is port 4318 of most collectors"
            );
        }
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if is_https { 443 } else { 80 }),
            path: uri.path().trim_end_matches('/').to_owned(),
            is_https,
        })
    }
}

/// `name=value`, as the specification of the exporters has it: with the value percent-encoded.
fn add_header(headers: &mut HeaderMap, pair: &str, separator: char) -> Result<()> {
    if pair.trim().is_empty() {
        return Ok(());
    }
    // What is wrong with one is told without it.
    let (name, value) = pair.split_once(separator).with_context(|| format!("a header has no '{separator}'"))?;
    let name: HeaderName = name.trim().parse().map_err(|_| anyhow!("a header has a name that is none"))?;
    let value = if separator == '=' { decoded(value.trim()) } else { value.trim().as_bytes().to_vec() };
    let mut value = HeaderValue::from_bytes(&value).map_err(|_| anyhow!("the value of {name} is none"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn headers_of_file(headers: &mut HeaderMap, file: &Path) -> Result<()> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read the headers in {}", file.display()))?;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    for line in lines {
        add_header(headers, line, ':').with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// Without `%20` and the like.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().iter();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(&byte) = bytes.next() {
        let digits = bytes.as_slice().get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| byte == b'%') {
            Some(escaped) => {
                decoded.push(escaped);
                bytes.nth(1);
            }
            None => decoded.push(byte),
        }
    }
    decoded
}

/// Trusts these certificates, or else those that the system trusts.
fn tls(file: Option<&Path>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = file {
        let cannot = || format!("cannot read the certificates in {}", file.display());
        for certificate in CertificateDer::pem_file_iter(file).with_context(cannot)? {
            roots.add(certificate.with_context(cannot)?).with_context(cannot)?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        bail!("this system trusts no certificates: name the collector's authority in OTEL_EXPORTER_OTLP_CERTIFICATE");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Who this is: OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME win over what is guessed.
fn resource(who: &Who, variable: &impl Fn(&str) -> Option<String>) -> (String, Resource) {
    let host = Some(host_name()).filter(|host| !who.anonymous && !host.is_empty());
    let named = Some(who.sensor.clone()).filter(|name| !name.is_empty());
    let sensor = named.or_else(|| host.clone()).unwrap_or_else(|| "unknown".to_owned());
    let mut values: BTreeMap<String, String> = BTreeMap::from([
        ("service.name".to_owned(), "iotcap".to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id".to_owned(), instance(&sensor, host.as_deref().unwrap_or_default())),
        ("iotcap.sensor".to_owned(), sensor.clone()),
    ]);
    values.extend(host.map(|host| ("host.name".to_owned(), host)));
    let given = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    for (name, value) in given.split(',').filter_map(|pair| pair.split_once('=')) {
        values.insert(name.trim().to_owned(), String::from_utf8_lossy(&decoded(value.trim())).into_owned());
    }
    let service = variable("OTEL_SERVICE_NAME").filter(|name| !name.is_empty());
    values.extend(service.map(|name| ("service.name".to_owned(), name)));
    let attributes =
        values.into_iter().fold(Attributes::default(), |attributes, (name, value)| attributes.with(&name, value));
    (sensor, Resource { attributes: attributes.0, ..Resource::default() })
}

/// A UUID of this sensor on this host (RFC 9562, 5.8): the same after each start, so that a backend counts one instance.
fn instance(sensor: &str, host: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("iotcap instance\0{sensor}\0{host}")).into();
    let first: [u8; 16] = std::array::from_fn(|index| digest[index]);
    let bits = u128::from_be_bytes(first) & !(0xf << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
    let text = format!("{bits:032x}");
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| text.get(part).unwrap_or_default()).join("-")
}

#[cfg(unix)]
fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, variables: &[(&str, &str)]) -> Result<Settings> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::new(url, &Who { sensor: "gate-7".to_owned(), ..Who::default() }, variable)
    }

    #[test]
    fn an_address_names_its_place() {
        let place = |url: &str| settings(url, &[]).map(|s| (s.host, s.port, s.path)).map_err(|error| error.to_string());
        assert_eq!(place("http://collector:4318").unwrap(), ("collector".to_owned(), 4318, String::new()));
        assert_eq!(place("http://[2001:db8::1]:4318/a/").unwrap(), ("2001:db8::1".to_owned(), 4318, "/a".to_owned()));
        assert_eq!(place("http://collector/otlp").unwrap(), ("collector".to_owned(), 80, "/otlp".to_owned()));
        for wrong in ["collector:4318", "ftp://collector", "http://", "", "http:///v1"] {
            assert!(place(wrong).unwrap_err().contains("http://HOST:4318"), "{wrong}");
        }
        assert!(place("http://collector:4317").unwrap_err().contains("gRPC"));
        let told = place("https://me:secret@collector").unwrap_err();
        assert!(told.contains("OTEL_EXPORTER_OTLP_HEADERS") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn headers_are_taken_over_and_never_shown() {
        let variables = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t0ken, x-tenant = a=b")];
        let settings = settings("http://collector:4318", &variables).unwrap();
        assert_eq!(settings.headers["authorization"], "Bearer t0ken");
        assert_eq!(settings.headers["x-tenant"], "a=b");
        assert!(!format!("{settings:?}").contains("t0ken"));
        let wrong = [("OTEL_EXPORTER_OTLP_HEADERS", "t0ken")];
        let error = self::settings("http://collector:4318", &wrong).unwrap_err();
        assert!(!format!("{error:#}").contains("t0ken") && format!("{error:#}").contains("HEADERS"), "{error:#}");
    }

    #[test]
    fn the_resource_says_which_sensor() {
        let variables =
            [("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,host.name=gw"), ("OTEL_SERVICE_NAME", "x")];
        let settings = settings("http://collector:4318", &variables).unwrap();
        let told = format!("{:?}", settings.resource);
        for part in ["gate-7", "service.instance.id", "deployment.environment.name", "\"gw\"", "\"x\""] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(instance("a", "b"), instance("a", "b"));
        let id = instance("a", "c");
        assert_eq!((id.len(), id.as_bytes()[14], id != instance("a", "b")), (36, b'8', true));
    }

    #[test]
    fn what_cannot_be_understood_is_told_by_its_name() {
        for (name, value) in [("TIMEOUT", "soon"), ("COMPRESSION", "lz4"), ("CERTIFICATE", "/nowhere")] {
            let name = format!("OTEL_EXPORTER_OTLP_{name}");
            let error = settings("https://collector", &[(&name, value)]).unwrap_err();
            assert!(format!("{error:#}").contains(if value == "/nowhere" { value } else { &name }), "{error:#}");
        }
    }
}
