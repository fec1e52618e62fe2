//! A broker with mutual TLS beside the server, certificates for it, and clients.

use crate::net::{Net, Running, SERVER, Stream, finish};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// An authority, certificates of it, and one of nobody.
pub(crate) struct Certificates(tempfile::TempDir);

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, pem: String| fs::write(folder.path().join(name), pem).unwrap();
        let params = |name: &str, address: &str| {
            let mut params = CertificateParams::new(vec![address.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let authority = |name: &str| {
            let mut params = params(name, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            (certificate, Issuer::new(params, key))
        };
        let leaf = |name: &str, address: &str, issuer: &Issuer<'_, KeyPair>| {
            let key = KeyPair::generate().unwrap();
            write(&format!("{name}.pem"), params(name, address).signed_by(&key, issuer).unwrap().pem());
            write(&format!("{name}.key"), key.serialize_pem());
        };
        let (certificate, ours) = authority("ca.test");
        write("ca.pem", certificate.pem());
        leaf("server", SERVER, &ours);
        leaf("client", "client.test", &ours);
        leaf("stranger", "stranger.test", &authority("other.test").1);
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A mosquitto with mutual TLS beside the server, once it listens.
pub(crate) fn mosquitto(net: &Net, certificates: &Certificates) -> Running {
    let path = |name: &str| certificates.path(name).display().to_string();
    let config = format!(
        "listener 8883 {SERVER}\nallow_anonymous true\nuser root\nlog_type all\nrequire_certificate true\n\
         cafile {}\ncertfile {}\nkeyfile {}\n",
        path("ca.pem"),
        path("server.pem"),
        path("server.key")
    );
    fs::write(certificates.path("mosquitto.conf"), config).unwrap();
    let program = if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
    let mut command = net.at_server(program);
    let mut running = Running::start(command.arg("-c").arg(certificates.path("mosquitto.conf")));
    running.line(Stream::Error, " running");
    running
}

/// Publishes one message with this certificate; the client's own view of it.
pub(crate) fn publish(net: &Net, certificates: &Certificates, who: &str, version: &str) -> ExitStatus {
    publish_from(net.at_client("mosquitto_pub"), certificates, who, version)
}

/// The same with a command for `mosquitto_pub` that was made elsewhere.
pub(crate) fn publish_from(mut command: Command, certificates: &Certificates, who: &str, version: &str) -> ExitStatus {
    command.args(["-h", SERVER, "-p", "8883", "-q", "1", "-t", "a/b", "-m", "hello"]);
    command.arg("--cafile").arg(certificates.path("ca.pem"));
    command.arg("--cert").arg(certificates.path(&format!("{who}.pem")));
    command.arg("--key").arg(certificates.path(&format!("{who}.key")));
    // The client's own option sets the lowest version only.
    let config = certificates.path("openssl.cnf");
    let lines = format!("openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n[c]\nMaxProtocol=TLSv{version}\n");
    fs::write(&config, lines).unwrap();
    finish(command.env("OPENSSL_CONF", config)).status
}
