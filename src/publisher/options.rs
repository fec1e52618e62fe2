//! What the publisher is asked to do: the options of `iotcap publish`, and the same as a plain value for callers of the
//! library.

use super::backoff::Backoff;
use crate::broker::{Login, MqttVersion};
use mqttbytes::QoS;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

/// The port of MQTT over TLS.
const MQTT_TLS_PORT: u16 = 8883;
/// On this port AWS IoT speaks MQTT only to who asks for it by ALPN.
const HTTPS_PORT: u16 = 443;
/// AWS IoT's ALPN name of MQTT with client certificates.
const AWS_ALPN: &str = "x-amzn-mqtt-ca";
/// The longest string that MQTT can carry (1.5.3 / 1.5.4), in bytes.
const LONGEST_STRING: usize = 65_535;

/// The options of `iotcap publish`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The broker's host name or address
    #[arg(long, value_name = "HOST")]
    pub endpoint: String,
    /// The broker's port
    #[arg(long, value_name = "PORT", default_value_t = MQTT_TLS_PORT)]
    pub port: u16,
    /// The device's certificate, with its chain if it has one (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// The authorities that the broker's certificate may come from (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca: PathBuf,
    /// The client id; with several devices, each appends its number [default: a random one]
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The topic to publish to
    #[arg(long, value_name = "TOPIC", default_value = "test/topic")]
    pub topic: String,
    /// What to publish [default: "Hello World!" and a number]
    #[arg(long, value_name = "TEXT", conflicts_with = "size")]
    pub message: Option<String>,
    /// Publish messages of so many bytes instead
    #[arg(long, value_name = "BYTES")]
    pub size: Option<usize>,
    /// 0: sent once, 1: acknowledged, 2: exactly once
    #[arg(long, value_name = "0|1|2", default_value = "1", value_parser = parse_qos)]
    pub qos: QoS,
    /// How many messages each device publishes; 0 goes on until interrupted
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub count: u64,
    /// Seconds between two messages of a device
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = parse_seconds)]
    pub interval: Duration,
    /// The version of MQTT
    #[arg(long, value_name = "3.1.1|5", default_value = "3.1.1")]
    pub mqtt: MqttVersion,
    /// The only version of TLS to offer [default: both]
    #[arg(long, value_name = "1.2|1.3", value_parser = parse_tls)]
    pub tls: Option<TlsVersion>,
    /// The application protocol to ask for [default: x-amzn-mqtt-ca on port 443, else none]
    #[arg(long, value_name = "NAME")]
    pub alpn: Option<String>,
    /// Do not name the host in the ClientHello
    #[arg(long)]
    pub no_sni: bool,
    /// Seconds of silence after which a ping is sent; 0 turns it off
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub keep_alive: u16,
    /// Keep the session at the broker between connections
    #[arg(long)]
    pub persistent_session: bool,
    /// Subscribe to this topic filter first, and print what comes
    #[arg(long, value_name = "FILTER")]
    pub subscribe: Option<String>,
    /// How many devices at once, all with the same certificate
    #[arg(long, value_name = "N", default_value = "1")]
    pub devices: NonZeroU16,
    /// Append the TLS secrets to this file, so that a capture can be decrypted (NSS key log)
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
    /// User name and password, for brokers that want them
    #[arg(skip)]
    pub login: Option<Login>,
    /// How it comes back after an interruption
    #[arg(skip)]
    pub reconnect: Backoff,
}

/// A version of TLS to insist on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V12,
    /// TLS 1.3 (RFC 8446).
    V13,
}

impl Options {
    /// What `iotcap publish --endpoint … --ca …` does.
    pub fn new(endpoint: impl Into<String>, ca: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: endpoint.into(),
            port: MQTT_TLS_PORT,
            cert: None,
            key: None,
            ca: ca.into(),
            client_id: None,
            topic: "test/topic".to_owned(),
            message: None,
            size: None,
            qos: QoS::AtLeastOnce,
            count: 1,
            interval: Duration::from_secs(1),
            mqtt: MqttVersion::V311,
            tls: None,
            alpn: None,
            no_sni: false,
            keep_alive: 60,
            persistent_session: false,
            subscribe: None,
            devices: NonZeroU16::MIN,
            keylog: None,
            login: None,
            reconnect: Backoff::default(),
        }
    }

    /// The application protocol to ask for.
    pub fn alpn(&self) -> Option<&str> {
        self.alpn.as_deref().or((self.port == HTTPS_PORT).then_some(AWS_ALPN))
    }

    /// What is wrong with them, in one sentence, before anything is sent.
    pub(super) fn problem(&self) -> Option<String> {
        use crate::broker::filter::{is_topic_filter, is_topic_name};
        let too_long = |text: &str| text.len() > LONGEST_STRING;
        if !is_topic_name(&self.topic) || too_long(&self.topic) {
            return Some(format!(
                "\"{}\" is no topic to publish to: it must not be empty and holds no + and no #",
                self.topic
            ));
        }
        if let Some(filter) = self.subscribe.as_deref().filter(|filter| !is_topic_filter(filter) || too_long(filter)) {
            return Some(format!("\"{filter}\" is no topic filter: + stands for a whole level, # for all at its end"));
        }
        if self.client_id.as_deref().is_some_and(too_long) {
            return Some(format!("the client id must not be longer than {LONGEST_STRING} bytes"));
        }
        let longest = 255;
        if self.alpn.as_deref().is_some_and(|name| name.is_empty() || name.len() > longest) {
            return Some(format!("an application protocol's name has between 1 and {longest} bytes"));
        }
        None
    }

    /// The `number`th message, from 1.
    pub(super) fn payload(&self, number: u64) -> String {
        match (&self.message, self.size) {
            (Some(message), _) => message.clone(),
            (None, Some(size)) => "0123456789abcdef".chars().cycle().take(size).collect(),
            (None, None) => format!("Hello World! [{number}]"),
        }
    }
}

fn parse_qos(text: &str) -> Result<QoS, String> {
    let number = text.parse().map_err(|_| "0, 1 or 2".to_owned())?;
    mqttbytes::qos(number).map_err(|_| "0, 1 or 2".to_owned())
}

fn parse_tls(text: &str) -> Result<TlsVersion, String> {
    match text {
        "1.2" => Ok(TlsVersion::V12),
        "1.3" => Ok(TlsVersion::V13),
        _ => Err("1.2 or 1.3".to_owned()),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "a number of seconds that is not negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Cli::try_parse_from(std::iter::once("publish").chain(line.split(' '))).map(|cli| cli.options)
    }

    #[test]
    fn the_defaults_of_the_command_line_are_those_of_the_library() {
        let parsed = parse("--endpoint broker.test --ca ca.pem").unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Options::new("broker.test", "ca.pem")));
    }

    #[test]
    fn every_option_of_the_contract_is_there() {
        let line = "--endpoint h --port 443 --cert c --key k --ca a --client-id i --topic t --size 10 --qos 2 --count 3 --interval 0.5 \
                    --mqtt 5 --tls 1.2 --alpn p --no-sni --keep-alive 30 --persistent-session --subscribe # --devices 4 --keylog l";
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let options = parse(&line).unwrap();
        assert_eq!(
            (options.mqtt, options.tls, options.qos),
            (MqttVersion::V5, Some(TlsVersion::V12), QoS::ExactlyOnce)
        );
        assert_eq!(
            (options.interval, options.devices.get(), options.payload(1).len()),
            (Duration::from_millis(500), 4, 10)
        );
        assert!(parse("--endpoint h --ca a --message x").is_ok());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "--endpoint h",
            "--endpoint h --ca a --cert c",
            "--endpoint h --ca a --qos 3",
            "--endpoint h --ca a --interval -1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(Options { topic: "a/#".into(), ..Options::new("h", "a") }.problem().is_some());
        assert!(Options { subscribe: Some("a#".into()), ..Options::new("h", "a") }.problem().is_some());
        assert_eq!(Options::new("h", "a").problem(), None);
    }

    #[test]
    fn port_443_asks_for_mqtt_by_itself() {
        assert_eq!(Options { port: 443, ..Options::new("h", "a") }.alpn(), Some("x-amzn-mqtt-ca"));
        assert_eq!(Options { port: 443, alpn: Some("mqtt".into()), ..Options::new("h", "a") }.alpn(), Some("mqtt"));
        assert_eq!(Options::new("h", "a").alpn(), None);
    }
}
