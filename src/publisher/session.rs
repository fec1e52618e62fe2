//! A device's session on one connection, from CONNACK to the last acknowledgement: subscribing, publishing at
//! intervals, pings, timeouts.

use super::device::{Device, Link, Progress, broken, granted};
use super::error::{PublishError, SessionCause};
use super::outbox::{Outbox, Outcome, SUBSCRIBE_ID};
use super::report::Timings;
use super::shown_payload;
use crate::broker::codec::{ConnAck, Disconnect, Packet, QoS, ReasonCode, Subscribe};
use crate::broker::filter::matches;
use crate::broker::now;
use crate::broker::stop::Stop;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long an acknowledgement or the answer to a ping may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
/// How long the device's own messages may take to come back by its subscription, and the broker to release the last of
/// them.
const ECHO_PATIENCE: Duration = Duration::from_secs(5);
/// How long the last acknowledgements may take once the session was asked to end.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// Messages on their way at once, if the broker does not want fewer.
const WINDOW: u16 = 20;

/// What is waited for, with the time when waiting ends.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    packet: &'static str,
    until: Instant,
}

impl Awaited {
    fn new(packet: &'static str) -> Self {
        Self { packet, until: now() + ANSWER_PATIENCE }
    }
}

pub(super) struct Session<'a> {
    device: &'a Device,
    link: &'a mut Link,
    outbox: &'a mut Outbox,
    timings: &'a mut Timings,
    limits: &'a ConnAck,
    /// Messages that came for the subscription, on this connection.
    pub(super) received: u64,
    /// When the first PUBLISH was written, until it is answered.
    first_publish: Option<Instant>,
    next_publish: Instant,
    last_sent: Instant,
    subscription: Option<Awaited>,
    ping: Option<Awaited>,
    /// Since when only acknowledgements or messages are waited for.
    answer: Option<Awaited>,
    echo_until: Option<Instant>,
    /// It was asked to end, and does by then.
    stop_by: Option<Instant>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        device: &'a Device,
        link: &'a mut Link,
        outbox: &'a mut Outbox,
        limits: &'a ConnAck,
        timings: &'a mut Timings,
    ) -> Self {
        Self {
            device,
            link,
            outbox,
            timings,
            limits,
            received: 0,
            first_publish: None,
            next_publish: now(),
            last_sent: now(),
            subscription: None,
            ping: None,
            answer: None,
            echo_until: None,
            stop_by: None,
        }
    }

    /// Ends well when all is published and acknowledged, or when it was asked to end.
    pub(super) async fn run(&mut self, stop: &mut Stop) -> Result<(), PublishError> {
        self.check_limits()?;
        for packet in self.outbox.resume(self.limits.session_present) {
            self.send(&packet)?;
        }
        self.subscribe().await?;
        loop {
            self.flush().await?;
            if self.is_done()? {
                return Ok(());
            }
            self.flush().await?;
            let publish_at = self.may_publish().then_some(self.next_publish);
            let ping_at = self.ping_at();
            let (deadline, awaited) = self.deadline();
            let (echo_until, stop_by) = (self.echo_until, self.stop_by);
            tokio::select! {
                received = self.link.receive() => match received {
                    Ok(Some(packet)) => self.handle(packet).await?,
                    Ok(None) => {
                        let unacknowledged = self.outbox.unacknowledged();
                        return Err(PublishError::Session(SessionCause::ClosedByServer { unacknowledged }));
                    }
                    Err(error) => return Err(broken(&error)),
                },
                () = until(publish_at) => self.publish().await?,
                () = until(ping_at) => self.send_ping()?,
                () = until(deadline) => return Err(PublishError::Session(SessionCause::NoAnswer(awaited))),
                () = until(echo_until) => return Ok(()),
                () = until(stop_by) => return Ok(()),
                () = stop.requested(), if stop_by.is_none() => self.stop_by = Some(now() + STOP_PATIENCE),
            }
        }
    }

    /// What the broker cannot take is better said than tried.
    fn check_limits(&self) -> Result<(), PublishError> {
        let (options, limits) = (&self.device.options, &self.limits.limits);
        if options.qos > limits.maximum_qos {
            let limit = format!("QoS {}", limits.maximum_qos as u8);
            return Err(PublishError::Limit { limit, advice: "lower --qos" });
        }
        let size = options.payload(u64::MAX).len() + options.topic.len() + 16;
        if let Some(limit) = limits.maximum_packet_size.filter(|limit| u64::from(*limit) < size as u64) {
            return Err(PublishError::Limit {
                limit: format!("packets of {limit} bytes"),
                advice: "publish shorter messages",
            });
        }
        Ok(())
    }

    async fn subscribe(&mut self) -> Result<(), PublishError> {
        let Some(filter) = &self.device.options.subscribe else { return Ok(()) };
        // A session that is still there has its subscriptions, yet a second SUBSCRIBE does no harm and proves that they
        // work.
        self.device.tell(Progress::Subscribing).await;
        let subscribe = Subscribe { pkid: SUBSCRIBE_ID, ..Subscribe::new(filter.as_str(), self.device.options.qos) };
        self.subscription = Some(Awaited::new("SUBACK"));
        self.send(&Packet::Subscribe(subscribe))
    }

    async fn publish(&mut self) -> Result<(), PublishError> {
        let options = &self.device.options;
        let payload = options.payload(self.outbox.published + 1);
        self.device.tell(Progress::Publishing { payload: shown_payload(payload.as_bytes()) }).await;
        let packet = self.outbox.publish(&options.topic, options.qos, payload);
        self.next_publish = now() + options.interval;
        if self.timings.first_ack.is_none() && options.qos != QoS::AtMostOnce {
            self.first_publish.get_or_insert_with(now);
        }
        self.send(&packet)
    }

    async fn handle(&mut self, packet: Packet) -> Result<(), PublishError> {
        if matches!(packet, Packet::PubAck(_) | Packet::PubRec(_))
            && let Some(first) = self.first_publish.take()
        {
            self.timings.first_ack = Some(first.elapsed());
        }
        match self.outbox.handle(packet) {
            Outcome::Progress(reply) => {
                self.answer = None;
                reply.map_or(Ok(()), |reply| self.send(&reply))
            }
            Outcome::Reply(reply) => self.send(&reply),
            Outcome::Refused { topic, reason } => Err(PublishError::Publish { topic, reason }),
            Outcome::Message { publish, reply } => {
                self.received += 1;
                self.device.tell(Progress::Received(publish)).await;
                reply.map_or(Ok(()), |reply| self.send(&reply))
            }
            Outcome::Other(Packet::SubAck(ack)) if ack.packet_id == SUBSCRIBE_ID => {
                self.subscription = None;
                let code = ack.codes.first().copied().unwrap_or(ReasonCode::UNSPECIFIED_ERROR);
                self.device.tell(Progress::Subscribed(code)).await;
                let filter = self.device.options.subscribe.clone().unwrap_or_default();
                granted(code).map(drop).map_err(|reason| PublishError::Subscribe { filter, reason })
            }
            Outcome::Other(Packet::PingResp) => {
                self.ping = None;
                self.outbox.answered();
                Ok(())
            }
            Outcome::Other(Packet::Disconnect(Disconnect { reason, .. })) => {
                Err(PublishError::Session(SessionCause::Disconnected(reason)))
            }
            Outcome::Other(other) => {
                Err(PublishError::Session(SessionCause::Protocol(format!("{} without being asked", other.name()))))
            }
        }
    }

    /// Whether nothing is left to wait for. Messages with QoS 0 have no acknowledgement, but a ping that is answered
    /// after them shows that the broker has read them.
    fn is_done(&mut self) -> Result<bool, PublishError> {
        if !self.all_published() || self.outbox.in_flight() > 0 || self.subscription.is_some() {
            if self.outbox.in_flight() > 0 && self.answer.is_none() {
                let packet = if self.device.options.qos == QoS::AtLeastOnce { "PUBACK" } else { "PUBREC or PUBCOMP" };
                self.answer = Some(Awaited::new(packet));
            }
            return Ok(false);
        }
        if self.outbox.unproven() > 0 {
            if self.ping.is_none() {
                self.send_ping()?;
            }
            return Ok(false);
        }
        let options = &self.device.options;
        let echoes = options.subscribe.as_deref().is_some_and(|filter| matches(filter, &options.topic));
        let received = !echoes || self.stop_by.is_some() || self.received >= options.count;
        let complete = received && self.outbox.unreleased() == 0;
        if !complete {
            self.echo_until.get_or_insert_with(|| now() + ECHO_PATIENCE);
        }
        Ok(complete)
    }

    fn all_published(&self) -> bool {
        let count = self.device.options.count;
        self.stop_by.is_some() || (count > 0 && self.outbox.published >= count)
    }

    fn may_publish(&self) -> bool {
        let window = WINDOW.min(self.limits.limits.receive_maximum);
        !self.all_published() && self.subscription.is_none() && self.outbox.in_flight() < usize::from(window)
    }

    /// After this much silence of ours a ping is due, if none is under way (3.1.2.10).
    fn ping_at(&self) -> Option<Instant> {
        let seconds = self.limits.limits.keep_alive.unwrap_or(self.device.options.keep_alive);
        let silence = Duration::from_secs(seconds.into());
        (seconds > 0 && self.ping.is_none()).then(|| self.last_sent + silence)
    }

    fn send_ping(&mut self) -> Result<(), PublishError> {
        self.ping = Some(Awaited::new("PINGRESP"));
        self.outbox.ask();
        self.send(&Packet::PingReq)
    }

    /// The earliest of what is waited for.
    fn deadline(&self) -> (Option<Instant>, &'static str) {
        let awaited =
            [self.subscription, self.ping, self.answer].into_iter().flatten().min_by_key(|awaited| awaited.until);
        awaited.map_or((None, ""), |awaited| (Some(awaited.until), awaited.packet))
    }

    fn send(&mut self, packet: &Packet) -> Result<(), PublishError> {
        self.last_sent = now();
        self.link
            .queue(packet)
            .map_err(|error| PublishError::Options(format!("{} cannot be written: {error}", packet.name())))
    }

    async fn flush(&mut self) -> Result<(), PublishError> {
        if self.link.queued() == 0 {
            return Ok(());
        }
        match tokio::time::timeout(ANSWER_PATIENCE, self.link.flush()).await {
            Ok(Ok(())) => Ok(()),
            // What the broker said before it closed is still to be read, and says more than the failed write.
            Ok(Err(error)) => match tokio::time::timeout(ANSWER_PATIENCE, self.link.receive()).await {
                Ok(Ok(Some(Packet::Disconnect(Disconnect { reason, .. })))) => {
                    Err(PublishError::Session(SessionCause::Disconnected(reason)))
                }
                Ok(Ok(None)) => {
                    let unacknowledged = self.outbox.unacknowledged();
                    Err(PublishError::Session(SessionCause::ClosedByServer { unacknowledged }))
                }
                _ => Err(broken(&error.into())),
            },
            Err(_) => Err(PublishError::Session(SessionCause::Broken("the broker takes no more bytes".to_owned()))),
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
