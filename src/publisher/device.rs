//! One device: connects, subscribes, publishes, comes back after interruptions, says goodbye. It tells what happens as
//! [`Progress`].

use super::backoff::chance;
use super::connect::connect;
use super::error::{ConnectCause, PublishError, SessionCause, TlsCause};
use super::options::Options;
use super::outbox::Outbox;
use super::report::{Attempt, DeviceReport};
use super::session::Session;
use crate::broker::codec::{ConnAck, Connect, ConnectCode, Disconnect, Packet, Publish, QoS, ReasonCode};
use crate::broker::now;
use crate::broker::stop::Stop;
use crate::broker::wire::{Wire, WireError};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a CONNACK may take.
const CONNACK_PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of a packet that is taken from the broker.
const LARGEST_RECEIVED: u32 = 16 * 1024 * 1024;
/// Attempts that a report keeps.
const ATTEMPTS_KEPT: usize = 100;

/// What happens to a device, as it happens.
#[derive(Debug)]
pub(super) enum Progress {
    Connecting,
    Connected,
    Subscribing,
    Subscribed(ReasonCode),
    /// The payload is shortened for people.
    Publishing {
        payload: String,
    },
    Received(Box<Publish>),
    Interrupted(String),
    Resumed {
        session_present: bool,
    },
    Disconnecting,
    Disconnected,
    Failed(String),
}

pub(super) type Link = Wire<TlsStream<TcpStream>>;

/// A device and its surroundings.
pub(super) struct Device {
    pub(super) options: Arc<Options>,
    pub(super) connector: TlsConnector,
    /// Its place among the devices, from 0.
    pub(super) number: usize,
    pub(super) client_id: String,
    pub(super) progress: mpsc::Sender<(usize, Progress)>,
    pub(super) stop: Stop,
}

impl Device {
    /// Does all that the options ask for, or gives up.
    pub(super) async fn run(mut self) -> DeviceReport {
        let (client_id, asked) = (self.client_id.clone(), self.options.count);
        let mut report = DeviceReport { client_id, asked, ..DeviceReport::default() };
        let mut outbox = Outbox::default();
        report.error = self.publish_all(&mut outbox, &mut report).await.err();
        (report.published, report.acknowledged) = (outbox.published, outbox.acknowledged);
        if let Some(error) = &report.error {
            self.tell(Progress::Failed(error.to_string())).await;
        }
        report
    }

    async fn publish_all(&mut self, outbox: &mut Outbox, report: &mut DeviceReport) -> Result<(), PublishError> {
        self.tell(Progress::Connecting).await;
        let mut fruitless = 0;
        loop {
            let before = outbox.acknowledged;
            let mut attempt = Attempt::default();
            let started = now();
            let ended = self.connection(outbox, report, &mut attempt).await;
            attempt.timings.total = Some(started.elapsed());
            let (error, had_session) = match ended {
                Ok(()) => (None, true),
                Err(error) => (Some(error), attempt.connack == Some(ConnectCode::ACCEPTED)),
            };
            attempt.error = error.as_ref().map(ToString::to_string);
            if report.attempts.len() < ATTEMPTS_KEPT {
                report.attempts.push(attempt);
            }
            let Some(error) = error else { return Ok(()) };
            // A device that was never connected says at once what is wrong; one that was comes back.
            if !error.is_transient() || (report.interruptions == 0 && !had_session) {
                return Err(error);
            }
            fruitless = if outbox.acknowledged > before { 1 } else { fruitless + 1 };
            let Some(wait) = self.options.reconnect.wait(fruitless, chance()) else { return Err(error) };
            if had_session {
                report.interruptions += 1;
                self.tell(Progress::Interrupted(error.to_string())).await;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.requested() => return Err(error),
            }
        }
    }

    /// One connection from its lookup to its end.
    async fn connection(
        &mut self,
        outbox: &mut Outbox,
        report: &mut DeviceReport,
        attempt: &mut Attempt,
    ) -> Result<(), PublishError> {
        let mut stop = self.stop.clone();
        let (mut link, connack) = tokio::select! {
            connected = self.connect(attempt) => connected?,
            () = stop.requested() => return Ok(()),
        };
        if let Some(assigned) = &connack.limits.client_id {
            report.client_id.clone_from(assigned);
        }
        if report.interruptions == 0 {
            self.tell(Progress::Connected).await;
        } else {
            self.tell(Progress::Resumed { session_present: connack.session_present }).await;
        }
        let ended = {
            let mut session = Session::new(self, &mut link, outbox, &connack, &mut attempt.timings);
            let ended = session.run(&mut stop).await;
            report.received += session.received;
            ended
        };
        match ended {
            Ok(()) => {
                self.tell(Progress::Disconnecting).await;
                // A broker that is gone already needs no goodbye.
                if link.queue(&Packet::Disconnect(Disconnect::new(ReasonCode::SUCCESS))).is_ok()
                    && link.flush().await.is_ok()
                {
                    link.close().await;
                }
                self.tell(Progress::Disconnected).await;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Up to a CONNACK that accepts.
    async fn connect(&self, attempt: &mut Attempt) -> Result<(Link, ConnAck), PublishError> {
        let options = &*self.options;
        let stream = connect(&options.endpoint, options.port, &self.connector, attempt).await?;
        let mut link = Wire::new(stream, options.mqtt, LARGEST_RECEIVED as usize);
        let started = now();
        let hello = Packet::Connect(Box::new(self.hello()));
        let answer = match link.queue(&hello) {
            Ok(()) => timeout(CONNACK_PATIENCE, exchange(&mut link)).await,
            Err(error) => return Err(PublishError::Options(format!("CONNECT cannot be written: {error}"))),
        };
        let cause = match answer {
            Ok(Ok(Some(Packet::ConnAck(connack)))) => {
                attempt.timings.mqtt = Some(started.elapsed());
                attempt.connack = Some(connack.code);
                attempt.session_present = connack.session_present;
                if connack.code == ConnectCode::ACCEPTED {
                    return Ok((link, connack));
                }
                link.close().await;
                ConnectCause::Refused { code: connack.code, reason: connack.limits.reason }
            }
            Ok(Ok(Some(other))) => ConnectCause::Protocol(format!("{} in place of CONNACK", other.name())),
            Ok(Ok(None)) => ConnectCause::ClosedByServer,
            Ok(Err(WireError::Codec(error))) => ConnectCause::Protocol(error.to_string()),
            Ok(Err(WireError::Io(error))) => match TlsCause::of(&error) {
                // TLS 1.3: the server judges the client's certificate when the client is finished already.
                Some(cause) => return Err(PublishError::TlsHandshake { host: options.endpoint.clone(), cause }),
                None => ConnectCause::Reset,
            },
            Err(_) => ConnectCause::Timeout,
        };
        Err(PublishError::MqttConnect { client_id: self.client_id.clone(), cause })
    }

    fn hello(&self) -> Connect {
        let options = &*self.options;
        Connect {
            version: options.mqtt,
            client_id: self.client_id.clone(),
            keep_alive: options.keep_alive,
            clean_start: !options.persistent_session,
            session_expiry: if options.persistent_session { u32::MAX } else { 0 },
            receive_maximum: u16::MAX,
            maximum_packet_size: Some(LARGEST_RECEIVED),
            will: None,
            login: options.login.clone(),
            authentication_method: None,
        }
    }

    /// Tells who prints; if nobody does any more, so be it.
    pub(super) async fn tell(&self, progress: Progress) {
        let _ = self.progress.send((self.number, progress)).await;
    }
}

/// Writes what is queued and waits for the answer.
async fn exchange(link: &mut Link) -> Result<Option<Packet>, WireError> {
    // A server that refuses may close before all is written; what it said is worth more than the failed write.
    let written = link.flush().await;
    match link.receive().await {
        Ok(None) => written.map(|()| None).map_err(WireError::Io),
        received => received,
    }
}

/// What an error of the stream means once a session had begun.
pub(super) fn broken(error: &WireError) -> PublishError {
    PublishError::Session(match error {
        WireError::Io(error) => match TlsCause::of(error) {
            Some(cause) => SessionCause::Broken(cause.to_string()),
            None => SessionCause::Broken(error.to_string()),
        },
        WireError::Codec(error) => SessionCause::Protocol(error.to_string()),
    })
}

/// The QoS that a SUBACK grants, or its refusal.
pub(super) fn granted(code: ReasonCode) -> Result<QoS, ReasonCode> {
    mqttbytes::qos(code.0).map_err(|_| code)
}
