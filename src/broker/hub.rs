//! The broker's heart: all sessions, retained messages and wills. In go CONNECTs and packets with the time, out come
//! answers and, by [`Hub::poll`], what other clients published. It knows no socket, asks no clock and never waits.

use super::codec::{
    Ack, Connect, ConnectCode, Disconnect, MqttVersion, Packet, Publish, QoS, ReasonCode, SubAck, Subscribe,
    Unsubscribe, Will,
};
use super::filter::{is_topic_filter, is_topic_name, matches};
use super::retained::Retained;
use super::seat::{Departure, Outgoing, Reaction, Seat, Welcome};
use super::session::{Message, PeerLimits, Session, Subscription};
use super::{BrokerStats, Limits, Policy};
use mqttbytes::v5::{RetainForwardRule, SubscribeFilter};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A client, connected or not.
struct Client {
    session: Session,
    link: Option<Link>,
    /// How long the session outlives its connection; None is for ever.
    expiry: Option<Duration>,
    /// When the session ends, while nobody is connected.
    ends: Option<Instant>,
    /// When the will is due, while nobody is connected.
    due_will: Option<(Will, Instant)>,
}

/// The connection that a client has now.
struct Link {
    id: u64,
    limits: PeerLimits,
    bell: Arc<Notify>,
    will: Option<Will>,
}

/// All that the broker knows.
pub(super) struct Hub {
    limits: Limits,
    policy: Policy,
    clients: HashMap<String, Client>,
    retained: Retained,
    last_link: u64,
    pub(super) stats: BrokerStats,
}

impl Hub {
    pub(super) fn new(limits: Limits, policy: Policy) -> Self {
        let (clients, retained) = (HashMap::new(), Retained::new(limits.retained));
        Self { limits, policy, clients, retained, last_link: 0, stats: BrokerStats::default() }
    }

    /// Admits a client, or says with which code it is refused. A connection that held the session loses it.
    pub(super) fn connect(&mut self, connect: Connect, now: Instant) -> Result<Welcome, ConnectCode> {
        self.refuse(&connect)?;
        self.last_link += 1;
        let assigned_id = connect.client_id.is_empty();
        let client_id = if assigned_id { format!("auto-{:016x}", self.last_link) } else { connect.client_id };
        if let Some(old) = self.detach(&client_id) {
            old.bell.notify_one();
            self.leave_will(&client_id, old.will, now);
        }
        let mut known = self.clients.remove(&client_id);
        // The old session ends for good: a will that waits is published now (5.0, 3.1.3.2.2).
        if connect.clean_start
            && let Some((will, _)) = known.take().and_then(|client| client.due_will)
        {
            self.route(None, will.message, now);
        }
        let session_present = known.is_some();
        let mut session = known.map(|client| client.session).unwrap_or_default();
        session.resume();
        let bell = Arc::new(Notify::new());
        let limits = PeerLimits {
            receive_maximum: connect.receive_maximum.min(self.limits.in_flight).max(1),
            maximum_packet_size: connect.maximum_packet_size.unwrap_or(u32::MAX),
        };
        let link = Link { id: self.last_link, limits, bell: Arc::clone(&bell), will: connect.will };
        let expiry = lifetime(connect.session_expiry);
        self.clients
            .insert(client_id.clone(), Client { session, link: Some(link), expiry, ends: None, due_will: None });
        self.stats.accepted += 1;
        let seat = Seat { client_id, version: connect.version, link: self.last_link, bell };
        Ok(Welcome { seat, session_present, assigned_id })
    }

    fn refuse(&mut self, connect: &Connect) -> Result<(), ConnectCode> {
        let full = self.clients.len() >= self.limits.sessions && !self.clients.contains_key(&connect.client_id);
        let refusal = self.policy.refusal(connect).or(full.then(|| ConnectCode::server_unavailable(connect.version)));
        self.stats.refused += u64::from(refusal.is_some());
        refusal.map_or(Ok(()), Err)
    }

    /// What a packet of a connected client leads to.
    pub(super) fn handle(&mut self, seat: &Seat, packet: Packet, now: Instant) -> Reaction {
        if self.session(seat).is_none() {
            return Reaction::Close(ReasonCode::SESSION_TAKEN_OVER);
        }
        match packet {
            Packet::Publish(publish) => self.publish(seat, publish, now),
            Packet::Subscribe(subscribe) => self.subscribe(seat, subscribe, now),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(seat, &unsubscribe),
            Packet::PubAck(ack) | Packet::PubComp(ack) => self.with_session(seat, |session| {
                session.acknowledge(ack.packet_id);
                None
            }),
            Packet::PubRec(ack) => self.with_session(seat, |session| session.received_by_client(ack)),
            Packet::PubRel(ack) => self.with_session(seat, |session| Some(session.release(ack.packet_id))),
            Packet::PingReq => Reaction::reply(Packet::PingResp),
            Packet::Disconnect(disconnect) => self.goodbye(seat, disconnect),
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp
            | Packet::Auth(_) => Reaction::Close(ReasonCode::PROTOCOL_ERROR),
        }
    }

    /// The next packet that others have for this client.
    pub(super) fn poll(&mut self, seat: &Seat, now: Instant) -> Outgoing {
        match self.client(seat) {
            Some((session, link)) => {
                session.poll(link.limits, now).map_or(Outgoing::Nothing, |packet| Outgoing::Packet(Box::new(packet)))
            }
            None => Outgoing::TakenOver,
        }
    }

    /// The connection is gone. Nothing happens if its session has been taken over.
    pub(super) fn leave(&mut self, seat: &Seat, departure: Departure, now: Instant) {
        if self.client(seat).is_none() {
            return;
        }
        let Some(link) = self.detach(&seat.client_id) else { return };
        if departure == Departure::Abrupt {
            self.leave_will(&seat.client_id, link.will, now);
        }
        let Some(client) = self.clients.get_mut(&seat.client_id) else { return };
        client.ends = client.expiry.and_then(|expiry| now.checked_add(expiry));
        self.advance(now);
    }

    /// Ends sessions and publishes wills whose time has come.
    pub(super) fn advance(&mut self, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let due = |client: &Client| is_due(client.ends) || is_due(client.due_will.as_ref().map(|(_, at)| *at));
        let ids: Vec<String> =
            self.clients.iter().filter(|(_, client)| due(client)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            let Some(client) = self.clients.get_mut(&id) else { continue };
            let will = client.due_will.take();
            if is_due(client.ends) {
                self.clients.remove(&id);
            }
            if let Some((will, _)) = will {
                self.route(None, will.message, now);
            }
        }
    }

    fn detach(&mut self, client_id: &str) -> Option<Link> {
        let client = self.clients.get_mut(client_id)?;
        let link = client.link.take()?;
        client.session.detach();
        Some(link)
    }

    /// Publishes a will, at once or when its delay is over, whichever comes first of that and the session's end.
    fn leave_will(&mut self, client_id: &str, will: Option<Will>, now: Instant) {
        let Some(will) = will else { return };
        let delay = Duration::from_secs(will.delay.into());
        match self.clients.get_mut(client_id) {
            Some(client) if !delay.is_zero() => {
                let delay = client.expiry.map_or(delay, |expiry| expiry.min(delay));
                client.due_will = Some((will, now + delay));
            }
            _ => {
                self.route(None, will.message, now);
            }
        }
    }

    fn goodbye(&mut self, seat: &Seat, disconnect: Disconnect) -> Reaction {
        if let Some(client) = self.clients.get_mut(&seat.client_id)
            && let Some(seconds) = disconnect.session_expiry
        {
            // A session that was to end with its connection cannot be kept after all (5.0, 3.14.2.2.2).
            if client.expiry == Some(Duration::ZERO) && seconds > 0 {
                return Reaction::Close(ReasonCode::PROTOCOL_ERROR);
            }
            client.expiry = lifetime(seconds);
        }
        match disconnect.reason {
            ReasonCode::SUCCESS => Reaction::Goodbye(Departure::Clean),
            _ => Reaction::Goodbye(Departure::Abrupt),
        }
    }

    fn publish(&mut self, seat: &Seat, publish: Publish, now: Instant) -> Reaction {
        let properties = publish.properties.as_ref();
        if properties.is_some_and(|all| all.topic_alias.is_some()) {
            return Reaction::Close(ReasonCode::TOPIC_ALIAS_INVALID);
        }
        if !is_topic_name(&publish.topic) {
            return Reaction::Close(ReasonCode::TOPIC_NAME_INVALID);
        }
        if properties.is_some_and(|all| !all.subscription_identifiers.is_empty()) {
            return Reaction::Close(ReasonCode::PROTOCOL_ERROR);
        }
        let (qos, packet_id) = (publish.qos, publish.pkid);
        if self.policy.denies_topic(&publish.topic) {
            return Reaction::refuse_publish(seat.version, qos, packet_id);
        }
        if qos == QoS::ExactlyOnce {
            let limit = usize::from(self.limits.in_flight);
            let Some(session) = self.session(seat) else { return Reaction::Close(ReasonCode::SESSION_TAKEN_OVER) };
            if !session.has_received(packet_id) && session.unreleased() >= limit && seat.version == MqttVersion::V5 {
                return Reaction::Close(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED);
            }
            if !session.receive(packet_id) {
                return Reaction::reply(Packet::PubRec(Ack::success(packet_id)));
            }
        }
        self.stats.received += 1;
        let reason = match self.route(Some(&seat.client_id), publish, now) {
            0 => ReasonCode::NO_MATCHING_SUBSCRIBERS,
            _ => ReasonCode::SUCCESS,
        };
        match qos {
            QoS::AtMostOnce => Reaction::Silence,
            QoS::AtLeastOnce => Reaction::reply(Packet::PubAck(Ack::new(packet_id, reason))),
            QoS::ExactlyOnce => Reaction::reply(Packet::PubRec(Ack::new(packet_id, reason))),
        }
    }

    /// Gives a message to all that subscribe to it, once each, and keeps it if it is to be retained (3.3.1.3). Says how
    /// many got it.
    fn route(&mut self, from: Option<&str>, mut publish: Publish, now: Instant) -> usize {
        let retain = std::mem::take(&mut publish.retain);
        let lifetime = publish.properties.as_ref().and_then(|all| all.message_expiry_interval);
        let expires = lifetime.and_then(|seconds| now.checked_add(Duration::from_secs(seconds.into())));
        let message = Arc::new(Message { publish, expires });
        if retain {
            self.stats.dropped += u64::from(!self.retained.keep(&message));
        }
        let mut reached = 0;
        for (client_id, client) in &mut self.clients {
            let own = from.is_some_and(|from| from == client_id);
            let wanted = client.session.subscriptions.iter().filter(|(filter, subscription)| {
                !(own && subscription.no_local) && matches(filter, &message.publish.topic)
            });
            // Filters that overlap give one copy, with the highest QoS among them (3.3.5 / 3.3.4).
            let Some(best) =
                wanted.map(|(_, subscription)| *subscription).reduce(|a, b| if b.qos > a.qos { b } else { a })
            else {
                continue;
            };
            let qos = lower(message.publish.qos, best.qos);
            reached += 1;
            if client.link.is_none() && qos == QoS::AtMostOnce {
                continue;
            }
            if client.session.offer(Arc::clone(&message), qos, retain && best.retain_as_published, self.limits.queue) {
                self.stats.delivered += 1;
            } else {
                self.stats.dropped += 1;
            }
            if let Some(link) = &client.link {
                link.bell.notify_one();
            }
        }
        reached
    }

    fn subscribe(&mut self, seat: &Seat, subscribe: Subscribe, now: Instant) -> Reaction {
        if subscribe.filters.is_empty() || subscribe.pkid == 0 {
            return Reaction::Close(ReasonCode::PROTOCOL_ERROR);
        }
        let identified = subscribe.properties.as_ref().is_some_and(|properties| properties.id.is_some());
        let codes = subscribe
            .filters
            .into_iter()
            .map(|filter| {
                if identified {
                    return ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED;
                }
                self.subscribe_to(seat, filter, now)
            })
            .collect();
        Reaction::reply(Packet::SubAck(SubAck { packet_id: subscribe.pkid, codes }))
    }

    fn subscribe_to(&mut self, seat: &Seat, filter: SubscribeFilter, now: Instant) -> ReasonCode {
        let limits = self.limits;
        if filter.path.starts_with("$share/") {
            return ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
        }
        if !is_topic_filter(&filter.path) {
            return ReasonCode::TOPIC_FILTER_INVALID;
        }
        if self.policy.denies_topic(&filter.path) {
            return ReasonCode::NOT_AUTHORIZED;
        }
        let retained = match filter.retain_forward_rule {
            RetainForwardRule::Never => Vec::new(),
            _ => self.retained.matching(&filter.path, now),
        };
        let Some(session) = self.session(seat) else { return ReasonCode::UNSPECIFIED_ERROR };
        let is_new = !session.subscriptions.contains_key(&filter.path);
        if is_new && session.subscriptions.len() >= limits.subscriptions {
            return ReasonCode::QUOTA_EXCEEDED;
        }
        let (qos, no_local, retain_as_published) = (filter.qos, filter.nolocal, filter.preserve_retain);
        session.subscriptions.insert(filter.path, Subscription { qos, no_local, retain_as_published });
        let mut dropped = 0;
        if is_new || filter.retain_forward_rule != RetainForwardRule::OnNewSubscribe {
            for message in retained {
                let qos = lower(message.publish.qos, qos);
                dropped += u64::from(!session.offer(message, qos, true, limits.queue));
            }
        }
        self.stats.dropped += dropped;
        ReasonCode(qos as u8)
    }

    fn unsubscribe(&mut self, seat: &Seat, unsubscribe: &Unsubscribe) -> Reaction {
        if unsubscribe.filters.is_empty() || unsubscribe.packet_id == 0 {
            return Reaction::Close(ReasonCode::PROTOCOL_ERROR);
        }
        self.with_session(seat, |session| {
            let code = |filter: &String| match session.subscriptions.remove(filter) {
                Some(_) => ReasonCode::SUCCESS,
                None => ReasonCode::NO_SUBSCRIPTION_EXISTED,
            };
            let codes = unsubscribe.filters.iter().map(code).collect();
            Some(Packet::UnsubAck(SubAck { packet_id: unsubscribe.packet_id, codes }))
        })
    }

    fn client(&mut self, seat: &Seat) -> Option<(&mut Session, &Link)> {
        let client = self.clients.get_mut(&seat.client_id)?;
        let link = client.link.as_ref().filter(|link| link.id == seat.link)?;
        Some((&mut client.session, link))
    }

    fn session(&mut self, seat: &Seat) -> Option<&mut Session> {
        self.client(seat).map(|(session, _)| session)
    }

    fn with_session(&mut self, seat: &Seat, act: impl FnOnce(&mut Session) -> Option<Packet>) -> Reaction {
        match self.session(seat) {
            Some(session) => act(session).map_or(Reaction::Silence, Reaction::reply),
            None => Reaction::Close(ReasonCode::SESSION_TAKEN_OVER),
        }
    }
}

/// How long a session outlives its connection; None is for ever (5.0, 3.1.2.11.2).
fn lifetime(seconds: u32) -> Option<Duration> {
    (seconds != u32::MAX).then(|| Duration::from_secs(seconds.into()))
}

fn lower(a: QoS, b: QoS) -> QoS {
    if b < a { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::clock;

    fn connect(client_id: &str, version: MqttVersion) -> Connect {
        Connect {
            version,
            client_id: client_id.into(),
            keep_alive: 0,
            clean_start: true,
            session_expiry: 0,
            receive_maximum: u16::MAX,
            maximum_packet_size: None,
            will: None,
            login: None,
            authentication_method: None,
        }
    }

    fn hub() -> (Hub, Instant) {
        (Hub::new(Limits::default(), Policy::default()), clock::now())
    }

    fn join(hub: &mut Hub, connect: Connect, now: Instant) -> Seat {
        hub.connect(connect, now).expect("let in").seat
    }

    fn subscribe(hub: &mut Hub, seat: &Seat, filter: &str, qos: QoS, now: Instant) -> ReasonCode {
        match hub.handle(seat, Packet::Subscribe(Subscribe { pkid: 1, ..Subscribe::new(filter, qos) }), now) {
            Reaction::Reply(packet) => match *packet {
                Packet::SubAck(ack) => ack.codes[0],
                other => panic!("a SUBACK, not {other:?}"),
            },
            other => panic!("a SUBACK, not {other:?}"),
        }
    }

    fn published(hub: &mut Hub, seat: &Seat, now: Instant) -> Option<Publish> {
        match hub.poll(seat, now) {
            Outgoing::Packet(packet) => match *packet {
                Packet::Publish(publish) => Some(publish),
                other => panic!("a PUBLISH, not {other:?}"),
            },
            _ => None,
        }
    }

    fn will(delay: u32) -> Will {
        Will { message: Publish::new("gone", QoS::AtMostOnce, "bye"), delay }
    }

    #[test]
    fn a_second_connection_takes_the_session_over_and_the_will_of_the_first_is_published() {
        let (mut hub, now) = hub();
        let watcher = join(&mut hub, connect("watcher", MqttVersion::V311), now);
        subscribe(&mut hub, &watcher, "gone", QoS::AtMostOnce, now);
        let first = join(&mut hub, Connect { will: Some(will(0)), ..connect("device", MqttVersion::V311) }, now);
        let second = join(&mut hub, connect("device", MqttVersion::V311), now);
        assert_eq!(hub.poll(&first, now), Outgoing::TakenOver);
        assert_eq!(hub.handle(&first, Packet::PingReq, now), Reaction::Close(ReasonCode::SESSION_TAKEN_OVER));
        hub.leave(&first, Departure::Abrupt, now);
        assert_eq!(hub.poll(&second, now), Outgoing::Nothing);
        assert_eq!(published(&mut hub, &watcher, now).unwrap().payload, "bye");
        assert_eq!(published(&mut hub, &watcher, now), None);
    }

    // 5.0, 3.1.3.2.2: a client that is back in time has not gone.
    #[test]
    fn a_delayed_will_waits_and_is_forgotten_when_the_client_comes_back() {
        for comes_back in [true, false] {
            let (mut hub, now) = hub();
            let watcher = join(&mut hub, connect("watcher", MqttVersion::V5), now);
            subscribe(&mut hub, &watcher, "gone", QoS::AtMostOnce, now);
            let device = Connect {
                session_expiry: 60,
                clean_start: false,
                will: Some(will(10)),
                ..connect("device", MqttVersion::V5)
            };
            let seat = join(&mut hub, device.clone(), now);
            hub.leave(&seat, Departure::Abrupt, now);
            hub.advance(now + Duration::from_secs(9));
            if comes_back {
                assert!(hub.connect(device, now + Duration::from_secs(9)).unwrap().session_present);
            }
            hub.advance(now + Duration::from_secs(10));
            assert_eq!(published(&mut hub, &watcher, now).is_some(), !comes_back);
        }
    }

    #[test]
    fn a_clean_goodbye_leaves_no_will() {
        let (mut hub, now) = hub();
        let watcher = join(&mut hub, connect("watcher", MqttVersion::V5), now);
        subscribe(&mut hub, &watcher, "gone", QoS::AtMostOnce, now);
        let device = Connect { will: Some(will(0)), ..connect("device", MqttVersion::V5) };
        for reason in [ReasonCode::SUCCESS, ReasonCode::DISCONNECT_WITH_WILL] {
            let seat = join(&mut hub, device.clone(), now);
            let Reaction::Goodbye(departure) = hub.handle(&seat, Packet::Disconnect(Disconnect::new(reason)), now)
            else {
                panic!("a goodbye")
            };
            hub.leave(&seat, departure, now);
            assert_eq!(published(&mut hub, &watcher, now).is_some(), reason != ReasonCode::SUCCESS);
        }
    }

    #[test]
    fn a_session_ends_when_its_time_is_over() {
        let (mut hub, now) = hub();
        let device = Connect { session_expiry: 60, clean_start: false, ..connect("device", MqttVersion::V5) };
        for (later, present) in [(59, true), (60, false)] {
            let seat = join(&mut hub, device.clone(), now);
            hub.leave(&seat, Departure::Clean, now);
            hub.advance(now + Duration::from_secs(later));
            assert_eq!(hub.connect(device.clone(), now).unwrap().session_present, present);
        }
    }

    // 5.0, 3.14.2.2.2.
    #[test]
    fn a_goodbye_can_shorten_the_session_but_not_make_one() {
        let (mut hub, now) = hub();
        let goodbye =
            |seconds| Packet::Disconnect(Disconnect { reason: ReasonCode::SUCCESS, session_expiry: Some(seconds) });
        let device = Connect { session_expiry: 60, clean_start: false, ..connect("device", MqttVersion::V5) };
        let seat = join(&mut hub, device.clone(), now);
        assert_eq!(hub.handle(&seat, goodbye(0), now), Reaction::Goodbye(Departure::Clean));
        hub.leave(&seat, Departure::Clean, now);
        assert!(!hub.connect(device, now).unwrap().session_present);
        let passing = join(&mut hub, connect("passing", MqttVersion::V5), now);
        assert_eq!(hub.handle(&passing, goodbye(60), now), Reaction::Close(ReasonCode::PROTOCOL_ERROR));
    }

    #[test]
    fn filters_that_overlap_give_one_copy_with_the_highest_qos_and_no_local_gives_none() {
        let (mut hub, now) = hub();
        let seat = join(&mut hub, connect("device", MqttVersion::V5), now);
        subscribe(&mut hub, &seat, "a/#", QoS::AtMostOnce, now);
        subscribe(&mut hub, &seat, "a/+", QoS::AtLeastOnce, now);
        let mut publish = Publish::new("a/b", QoS::ExactlyOnce, "x");
        publish.pkid = 1;
        hub.handle(&seat, Packet::Publish(publish.clone()), now);
        assert_eq!(published(&mut hub, &seat, now).unwrap().qos, QoS::AtLeastOnce);
        assert_eq!(published(&mut hub, &seat, now), None);
        let quiet = join(&mut hub, connect("quiet", MqttVersion::V5), now);
        let mut filter = SubscribeFilter::new("a/b".into(), QoS::AtMostOnce);
        filter.nolocal = true;
        hub.handle(&quiet, Packet::Subscribe(Subscribe { pkid: 1, ..Subscribe::new_many([filter]) }), now);
        hub.handle(&quiet, Packet::Publish(publish), now);
        assert_eq!(published(&mut hub, &quiet, now), None);
    }

    #[test]
    fn a_retained_message_reaches_who_subscribes_later_until_it_is_taken_away() {
        let (mut hub, now) = hub();
        let device = join(&mut hub, connect("device", MqttVersion::V311), now);
        for (payload, expected) in [("on", Some("on")), ("", None)] {
            let mut publish = Publish::new("state", QoS::AtMostOnce, payload);
            publish.retain = true;
            hub.handle(&device, Packet::Publish(publish), now);
            let watcher = join(&mut hub, connect("watcher", MqttVersion::V311), now);
            subscribe(&mut hub, &watcher, "#", QoS::AtMostOnce, now);
            let received = published(&mut hub, &watcher, now);
            assert_eq!(received.as_ref().map(|publish| publish.payload.as_ref()), expected.map(str::as_bytes));
            assert!(received.is_none_or(|publish| publish.retain));
        }
    }

    #[test]
    fn what_the_policy_forbids_is_refused_in_the_client_s_own_tongue() {
        let policy =
            Policy { denied_clients: vec!["bad".into()], denied_topics: vec!["secret/#".into()], ..Policy::default() };
        let (mut hub, now) = (Hub::new(Limits::default(), policy), clock::now());
        for (version, code) in [(MqttVersion::V311, 5), (MqttVersion::V5, 0x87)] {
            assert_eq!(hub.connect(connect("bad", version), now).unwrap_err(), ConnectCode(code));
            let seat = join(&mut hub, connect("good", version), now);
            assert!(subscribe(&mut hub, &seat, "secret/a", QoS::AtMostOnce, now).is_error());
            let mut publish = Publish::new("secret/a", QoS::AtLeastOnce, "x");
            publish.pkid = 3;
            let expected = match version {
                MqttVersion::V311 => Reaction::Close(ReasonCode::NOT_AUTHORIZED),
                MqttVersion::V5 => Reaction::reply(Packet::PubAck(Ack::new(3, ReasonCode::NOT_AUTHORIZED))),
            };
            assert_eq!(hub.handle(&seat, Packet::Publish(publish), now), expected);
        }
    }

    #[test]
    fn what_is_not_done_here_is_refused_by_its_own_code() {
        let (mut hub, now) = hub();
        let enhanced = Connect { authentication_method: Some("SCRAM".into()), ..connect("device", MqttVersion::V5) };
        assert_eq!(hub.connect(enhanced, now).unwrap_err(), ConnectCode(0x8c));
        let nameless = Connect { clean_start: false, session_expiry: u32::MAX, ..connect("", MqttVersion::V311) };
        assert_eq!(hub.connect(nameless, now).unwrap_err(), ConnectCode(2));
        let seat = join(&mut hub, connect("device", MqttVersion::V5), now);
        assert_eq!(subscribe(&mut hub, &seat, "$share/group/a", QoS::AtMostOnce, now), ReasonCode(0x9e));
        assert_eq!(subscribe(&mut hub, &seat, "a/b#", QoS::AtMostOnce, now), ReasonCode(0x8f));
        let publish = Publish::new("a/+", QoS::AtMostOnce, "x");
        assert_eq!(hub.handle(&seat, Packet::Publish(publish), now), Reaction::Close(ReasonCode::TOPIC_NAME_INVALID));
        assert_eq!(hub.handle(&seat, Packet::PingResp, now), Reaction::Close(ReasonCode::PROTOCOL_ERROR));
    }
}
