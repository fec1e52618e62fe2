//! What can go wrong on the way from a name to an acknowledged message, by step. Each prints as one sentence that says
//! what to do.

use crate::broker::{ConnectCode, ReasonCode};
use crate::net::Endpoint;
use crate::pki::pem::PemError;
use rustls::{CertificateError, InvalidMessage};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a device did not get all its messages through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The options contradict MQTT or TLS.
    #[error("{0}")]
    Options(String),
    /// A certificate or key file.
    #[error(transparent)]
    Files(#[from] PemError),
    /// The certificate does not fit its key, or cannot be used at all.
    #[error("the certificate {path} cannot be used: {reason}; check that it belongs to the key")]
    Identity {
        /// The certificate.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key log cannot be written.
    #[error("cannot write the key log {path}: {source}")]
    KeyLog {
        /// The key log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What happens cannot be printed.
    #[error("cannot write to the output: {0}")]
    Output(io::Error),
    /// The name has no address.
    #[error("cannot find the address of {host}: {source}; check the endpoint's name and the DNS server")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No TCP connection.
    #[error("cannot connect to {server} by TCP: {}", tcp_advice(.source))]
    TcpConnect {
        /// The last address that was tried.
        server: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS session. In TLS 1.3 a client learns only after its first packet that its certificate was refused.
    #[error("the TLS handshake with {host} failed: {cause}")]
    TlsHandshake {
        /// The endpoint.
        host: String,
        /// Why.
        cause: TlsCause,
    },
    /// No MQTT session.
    #[error("the broker did not accept CONNECT of client \"{client_id}\": {cause}")]
    MqttConnect {
        /// The client's id.
        client_id: String,
        /// Why.
        cause: ConnectCause,
    },
    /// A subscription was refused.
    #[error(
        "the broker refused the subscription to '{filter}': {reason}; check that the policy allows it (AWS IoT: iot:Subscribe on topicfilter/{filter})"
    )]
    Subscribe {
        /// The filter.
        filter: String,
        /// The SUBACK's code.
        reason: ReasonCode,
    },
    /// A publication was refused.
    #[error(
        "the broker refused the message to '{topic}': {reason}; check that the policy allows it (AWS IoT: iot:Publish on topic/{topic})"
    )]
    Publish {
        /// The topic.
        topic: String,
        /// The code of PUBACK or PUBREC.
        reason: ReasonCode,
    },
    /// The broker's own limits, told in its CONNACK, do not let the messages pass.
    #[error("the broker takes {limit} at most: {advice}")]
    Limit {
        /// What it takes.
        limit: String,
        /// What to change.
        advice: &'static str,
    },
    /// A session that had begun broke.
    #[error("{0}")]
    Session(SessionCause),
}

impl PublishError {
    /// The step that failed, in a word.
    pub const fn step(&self) -> &'static str {
        match self {
            Self::Options(_) | Self::Files(_) | Self::Identity { .. } | Self::KeyLog { .. } | Self::Output(_) => {
                "preparation"
            }
            Self::Resolve { .. } => "DNS",
            Self::TcpConnect { .. } => "TCP",
            Self::TlsHandshake { .. } => "TLS",
            Self::MqttConnect { .. } => "MQTT connect",
            Self::Subscribe { .. } => "subscribe",
            Self::Publish { .. } | Self::Limit { .. } => "publish",
            Self::Session(_) => "session",
        }
    }

    /// Whether another attempt may go better.
    pub(super) const fn is_transient(&self) -> bool {
        match self {
            Self::Resolve { .. } | Self::TcpConnect { .. } => true,
            Self::TlsHandshake { cause, .. } => {
                matches!(cause, TlsCause::ClosedByServer | TlsCause::Reset | TlsCause::Timeout)
            }
            Self::MqttConnect { cause, .. } => match cause {
                // Server unavailable, busy, over quota, too many connections: later perhaps.
                ConnectCause::Refused { code, .. } => matches!(code.0, 3 | 0x88 | 0x89 | 0x97 | 0x9f),
                ConnectCause::ClosedByServer | ConnectCause::Reset | ConnectCause::Timeout => true,
                ConnectCause::Protocol(_) => false,
            },
            Self::Session(cause) => !matches!(cause, SessionCause::Disconnected(ReasonCode::SESSION_TAKEN_OVER)),
            _ => false,
        }
    }
}

/// Why a TLS handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsCause {
    /// The server sent this alert (RFC 8446, 6.2).
    Alert(u8),
    /// This client refused the server's certificate.
    ServerCertificate(String),
    /// The server does not speak TLS on this port.
    NotTls,
    /// The server closed without an alert.
    ClosedByServer,
    /// The connection was reset.
    Reset,
    /// The server did not answer in time.
    Timeout,
    /// Anything else, in the library's words.
    Other(String),
}

impl TlsCause {
    /// What an error of a TLS stream means for the handshake; None if TLS has no part in it.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(match inner {
            rustls::Error::AlertReceived(alert) => Self::Alert(u8::from(*alert)),
            rustls::Error::InvalidCertificate(problem) => Self::ServerCertificate(certificate_problem(problem)),
            rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            other => Self::Other(other.to_string()),
        })
    }

    /// As [`TlsCause::of`], for an error in the midst of the handshake.
    pub(super) fn in_handshake(error: &io::Error) -> Self {
        Self::of(error).unwrap_or_else(|| match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::ClosedByServer,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Other(error.to_string()),
        })
    }
}

impl fmt::Display for TlsCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(code) => match alert(*code) {
                Some((name, advice)) => write!(f, "the server refused with the alert {name} ({code}): {advice}"),
                None => write!(f, "the server refused with the alert {code}"),
            },
            Self::ServerCertificate(problem) => write!(f, "the server's certificate was refused: {problem}"),
            Self::NotTls => f.write_str("the server does not speak TLS on this port; check the port"),
            Self::ClosedByServer => f.write_str(
                "the server closed the connection without an alert; check the endpoint's name (SNI), the port, and whether a balancer \
                 stands before a broker that is down",
            ),
            Self::Reset => f.write_str("the connection was reset; look for a firewall or inspection device on the way, or a broker that is down"),
            Self::Timeout => f.write_str("the server did not answer in time; look at the server's load and for a firewall on the way"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// Why there is no CONNACK that accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectCause {
    /// The broker said no.
    Refused {
        /// With this code.
        code: ConnectCode,
        /// In these words of its own (5.0).
        reason: Option<String>,
    },
    /// The broker closed after CONNECT, without an answer.
    ClosedByServer,
    /// The connection was reset after CONNECT.
    Reset,
    /// No answer in time.
    Timeout,
    /// The answer was no CONNACK.
    Protocol(String),
}

impl fmt::Display for ConnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, reason } => {
                write!(f, "{code}")?;
                if let Some(reason) = reason {
                    write!(f, ", \"{reason}\"")?;
                }
                f.write_str(connect_advice(*code))
            }
            Self::ClosedByServer => f.write_str(
                "it closed the connection after CONNECT: on AWS IoT look at the policy (iot:Connect on this client id), and whether \
                 the certificate is active and the policy attached to it",
            ),
            Self::Reset => f.write_str(
                "the connection was reset after CONNECT: with TLS 1.3 the certificate may have been refused; look at the broker's log",
            ),
            Self::Timeout => f.write_str("no CONNACK came in time; on port 443 check the ALPN name, else look at the broker's load"),
            Self::Protocol(words) => write!(f, "it answered with {words}; check that this is an MQTT broker"),
        }
    }
}

/// Why a session broke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionCause {
    /// The broker closed without a word.
    ClosedByServer {
        /// The topic of a publication that was not acknowledged: the likeliest cause.
        unacknowledged: Option<String>,
    },
    /// The broker sent DISCONNECT (5.0).
    Disconnected(ReasonCode),
    /// An acknowledgement did not come.
    NoAnswer(&'static str),
    /// The connection broke.
    Broken(String),
    /// The broker sent what MQTT does not allow here.
    Protocol(String),
}

impl fmt::Display for SessionCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedByServer { unacknowledged: Some(topic) } => write!(
                f,
                "the broker closed the connection after PUBLISH to '{topic}': on AWS IoT look at the policy (iot:Publish on topic/{topic}), \
                 and whether another client uses the same client id"
            ),
            Self::ClosedByServer { unacknowledged: None } => f.write_str(
                "the broker closed the connection during the session: look whether another client uses the same client id, and at \
                 the policy",
            ),
            Self::Disconnected(ReasonCode::SESSION_TAKEN_OVER) => {
                f.write_str("the broker ended the session because another client connected with the same client id: give each its own")
            }
            Self::Disconnected(reason) => write!(f, "the broker ended the session: {reason}"),
            Self::NoAnswer(packet) => write!(f, "no {packet} came in time: look at the network between here and the broker"),
            Self::Broken(words) => write!(f, "the connection broke during the session: {words}"),
            Self::Protocol(words) => write!(f, "the broker sent {words}; check that this is an MQTT broker"),
        }
    }
}

fn tcp_advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "connection refused; check that a broker listens there, and the port".to_owned()
        }
        io::ErrorKind::TimedOut => {
            "no answer in time; a firewall may drop this port (try --port 443 with AWS IoT), or the address is wrong"
                .to_owned()
        }
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            format!("{error}; check this machine's network and routes")
        }
        _ => error.to_string(),
    }
}

/// Name and advice for the alerts that a client of an MQTT broker meets (RFC 8446, 6; RFC 7301, 3.2).
const fn alert(code: u8) -> Option<(&'static str, &'static str)> {
    Some(match code {
        10 => ("unexpected_message", "look at the server's log"),
        40 => (
            "handshake_failure",
            "no parameters in common, or before TLS 1.3 a missing client certificate; check --cert and --key, the endpoint's name (SNI) and --tls",
        ),
        42 => ("bad_certificate", "the device's certificate is damaged or not accepted; check --cert"),
        43 => ("unsupported_certificate", "the device's certificate is of a kind that the server does not take"),
        44 => (
            "certificate_revoked",
            "the device's certificate was revoked or is inactive; activate it or make a new one",
        ),
        45 => (
            "certificate_expired",
            "the device's certificate has expired, or its clock and the server's disagree; make a new one",
        ),
        46 => (
            "certificate_unknown",
            "the server does not accept the device's certificate; check that it is registered and active",
        ),
        48 => (
            "unknown_ca",
            "the server does not know who issued the device's certificate; check --cert, its chain and the broker's CA",
        ),
        49 => ("access_denied", "the certificate is good, but is not allowed in; look at the server's access rules"),
        50 | 51 => {
            ("decrypt_error", "the proof of the private key did not fit; check that --cert and --key belong together")
        }
        70 => ("protocol_version", "the server does not speak the TLS version offered; try the other --tls"),
        71 => ("insufficient_security", "the server wants stronger ciphers than were offered"),
        80 => ("internal_error", "look at the server's log"),
        112 => ("unrecognized_name", "the server does not serve this name; check --endpoint"),
        116 => ("certificate_required", "the server wants a client certificate; give --cert and --key"),
        120 => (
            "no_application_protocol",
            "the server does not speak the ALPN name offered; on AWS IoT: x-amzn-mqtt-ca on port 443, none on 8883",
        ),
        _ => return None,
    })
}

fn certificate_problem(problem: &CertificateError) -> String {
    let advice = match problem {
        CertificateError::UnknownIssuer => {
            "it was issued by none of the authorities in --ca; on AWS IoT: Amazon Root CA 1"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired, or this machine's clock is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet, or this machine's clock is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name; connect by a name that the certificate has"
        }
        CertificateError::BadSignature => "its signature is wrong: --ca holds another authority of the same name",
        CertificateError::Revoked => "it was revoked",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is no server's certificate"
        }
        other => return other.to_string(),
    };
    advice.to_owned()
}

const fn connect_advice(code: ConnectCode) -> &'static str {
    match code.0 {
        1 | 0x84 => "; try the other --mqtt version",
        2 | 0x85 => "; choose another --client-id",
        3 | 0x88 | 0x89 | 0x97 | 0x9f => "; try again later",
        4 | 0x86 => "; check user name and password",
        5 | 0x87 => "; check what the policy allows this client id and certificate",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_name_the_step_and_what_to_do() {
        let refused = PublishError::MqttConnect {
            client_id: "sensor-1".into(),
            cause: ConnectCause::Refused { code: ConnectCode(0x87), reason: Some("no policy".into()) },
        };
        assert_eq!(
            refused.to_string(),
            "the broker did not accept CONNECT of client \"sensor-1\": not authorized (0x87), \"no policy\"; check what the policy allows \
             this client id and certificate"
        );
        let expired = PublishError::TlsHandshake { host: "h".into(), cause: TlsCause::Alert(45) };
        assert!(expired.to_string().contains("certificate_expired (45): the device's certificate has expired"));
    }

    #[test]
    fn alerts_are_found_inside_of_stream_errors() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA);
        let error = io::Error::new(io::ErrorKind::InvalidData, alert);
        assert_eq!(TlsCause::of(&error), Some(TlsCause::Alert(48)));
        assert_eq!(TlsCause::of(&io::ErrorKind::ConnectionReset.into()), None);
    }

    #[test]
    fn only_what_may_go_better_is_tried_again() {
        let tls = |cause| PublishError::TlsHandshake { host: "h".into(), cause };
        assert!(tls(TlsCause::Timeout).is_transient() && !tls(TlsCause::Alert(45)).is_transient());
        let session = |reason| PublishError::Session(SessionCause::Disconnected(reason));
        assert!(session(ReasonCode::SERVER_SHUTTING_DOWN).is_transient());
        assert!(!session(ReasonCode::SESSION_TAKEN_OVER).is_transient());
    }
}
