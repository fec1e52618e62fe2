//! What a connection gives away: its record in, the texts in it that are to have pseudonyms out.

use super::pseudonyms::{Pseudonyms, Sort};
use crate::connection::Record;
use crate::decode::DnsMessage;
use crate::event::{Event, Kind};
use crate::mqtt::packet::Properties;
use crate::mqtt::{self, Packet};
use crate::tls::{self, Certificate};

/// Topics of one connection that are looked up beyond those in its events.
const MAX_TOPICS: usize = 256;

/// Originals with their pseudonyms.
pub(super) struct Originals<'a> {
    pub(super) found: Vec<(String, String)>,
    pub(super) pseudonyms: &'a mut Pseudonyms,
}

impl Originals<'_> {
    /// All that a record holds.
    pub(super) fn record(&mut self, record: &Record) {
        self.name(record.server_name());
        if let Some(resolution) = &record.resolution {
            resolution.query.iter().chain([&resolution.answer]).for_each(|message| self.dns(message));
        }
        if let Some(tls) = &record.tls {
            self.name(tls.client_hello.as_ref().and_then(|hello| hello.server_name.as_deref()));
            for chain in [&tls.certificates.client, &tls.certificates.server].into_iter().flatten() {
                chain.iter().for_each(|certificate| self.certificate(certificate));
            }
        }
        if let Some(facts) = &record.mqtt {
            self.id(facts.client_id());
            self.id(facts.username());
            for (topic, _) in facts.topics.top(MAX_TOPICS) {
                self.topic(Some(&topic));
            }
        }
        for event in record.events.iter() {
            self.event(event);
        }
    }

    /// All that an event holds.
    pub(super) fn event(&mut self, event: &Event) {
        match &event.kind {
            Kind::Dns(message) => self.dns(message),
            Kind::Tls(event) => self.tls(event),
            Kind::Mqtt(mqtt::Event::Packet(packet)) => self.packet(packet),
            Kind::Mqtt(mqtt::Event::Incomplete(packet)) => self.topic(packet.topic.as_deref()),
            Kind::Icmp(_) | Kind::Tcp(_) | Kind::Mqtt(_) => {}
        }
    }

    fn dns(&mut self, message: &DnsMessage) {
        self.name(message.question.as_ref().map(|question| question.name.as_str()));
        message.aliases.iter().for_each(|alias| self.name(Some(alias)));
    }

    fn tls(&mut self, event: &tls::Event) {
        match event {
            tls::Event::ClientHello(hello) => self.name(hello.server_name.as_deref()),
            tls::Event::Certificate(chain) => chain.iter().for_each(|certificate| self.certificate(certificate)),
            tls::Event::CertificateRequest(request) => {
                request.authorities.iter().for_each(|authority| self.distinguished_name(authority));
            }
            _ => {}
        }
    }

    fn certificate(&mut self, certificate: &Certificate) {
        self.distinguished_name(&certificate.subject);
        self.distinguished_name(&certificate.issuer);
        if let Some(name) = &certificate.common_name {
            let pseudonym = self.pseudonyms.value(name);
            self.found.push((name.clone(), pseudonym));
        }
        certificate.dns_names.iter().for_each(|name| self.name(Some(name)));
        let keys = [&certificate.subject_key_id, &certificate.authority_key_id].into_iter().flatten();
        let serial = self.pseudonyms.serial(&certificate.serial);
        self.found.push((certificate.serial.clone(), serial));
        for hex in [&certificate.sha256].into_iter().chain(keys) {
            let pseudonym = self.pseudonyms.hex(hex);
            self.found.push((hex.clone(), pseudonym));
        }
    }

    fn packet(&mut self, packet: &Packet) {
        match packet {
            Packet::Connect(connect) => {
                self.id(Some(&connect.client_id));
                self.id(connect.username.as_deref());
                self.topic(connect.will.as_ref().map(|will| &*will.topic));
                self.properties(&connect.properties);
            }
            Packet::Connack(connack) => self.properties(&connack.properties),
            Packet::Publish(publish) => self.topic(Some(&publish.topic)),
            Packet::Ack(ack) => self.words(ack.reason_string.as_deref()),
            Packet::Subscribe(subscribe) => {
                subscribe.filters.iter().for_each(|(filter, _)| self.topic(Some(filter)));
            }
            Packet::Unsubscribe(unsubscribe) => {
                unsubscribe.filters.iter().for_each(|filter| self.topic(Some(filter)));
            }
            Packet::Disconnect(disconnect) => {
                self.words(disconnect.reason_string.as_deref());
                self.name(disconnect.server_reference.as_deref());
            }
            Packet::Answer(_) | Packet::Pingreq | Packet::Pingresp | Packet::Auth(_) => {}
        }
    }

    fn properties(&mut self, properties: &Properties) {
        self.id(properties.assigned_client_id.as_deref());
        self.words(properties.reason_string.as_deref());
        self.name(properties.server_reference.as_deref());
    }

    fn name(&mut self, name: Option<&str>) {
        self.put(name, Pseudonyms::name);
    }

    fn id(&mut self, id: Option<&str>) {
        self.put(id, |pseudonyms, id| pseudonyms.text(Sort::Id, id));
    }

    fn topic(&mut self, topic: Option<&str>) {
        self.put(topic, Pseudonyms::topic);
    }

    fn words(&mut self, words: Option<&str>) {
        self.put(words, |pseudonyms, words| pseudonyms.text(Sort::Words, words));
    }

    fn distinguished_name(&mut self, name: &str) {
        self.put(Some(name), Pseudonyms::distinguished_name);
    }

    fn put(&mut self, original: Option<&str>, map: impl FnOnce(&mut Pseudonyms, &str) -> String) {
        if let Some(original) = original.filter(|original| !original.is_empty()) {
            let pseudonym = map(self.pseudonyms, original);
            self.found.push((original.to_owned(), pseudonym));
        }
    }
}
