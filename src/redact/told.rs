//! What is told, with pseudonyms in place of originals: one place, before any format sees it.

use super::originals::Originals;
use super::pseudonyms::{Pseudonyms, Sort};
use super::text::Dictionary;
use crate::connection::Record;
use crate::event;
use crate::report::model::{
    Capture, CaptureKind, Certificate, Connection, Event, Expectation, Finding, Group, Mqtt, Server, Tls,
};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Originals of all connections that findings on several of them, or on the capture, may name.
const MAX_SHARED: usize = 100_000;

/// Replaces originals in what is told. A record comes first ([`Self::learn`]), then what was made of it.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    pseudonyms: Pseudonyms,
    /// Of the record that was learnt last.
    dictionary: Dictionary,
    /// Of all of them.
    shared: BTreeMap<String, String>,
    /// Whether the dictionary has all of these.
    has_all: bool,
}

impl Redactor {
    /// Takes note of what a connection gives away, before it or a finding that names it is told.
    pub fn learn(&mut self, record: &Record) {
        let mut originals = Originals { found: Vec::new(), pseudonyms: &mut self.pseudonyms };
        originals.record(record);
        let found = originals.found;
        if self.shared.len() < MAX_SHARED {
            self.shared.extend(found.iter().cloned());
        }
        self.dictionary = Dictionary::new(found);
        self.has_all = false;
    }

    /// The pseudonyms, for captures.
    pub const fn pseudonyms_mut(&mut self) -> &mut Pseudonyms {
        &mut self.pseudonyms
    }

    /// The connection of the record that was learnt last.
    #[must_use]
    pub fn connection(&mut self, mut connection: Connection) -> Connection {
        self.address(&mut connection.client.address);
        self.server(&mut connection.server);
        self.text(&mut connection.headline);
        self.text(&mut connection.display_filter.wireshark);
        if let Some(tls) = &mut connection.tls {
            self.tls(tls);
        }
        if let Some(mqtt) = &mut connection.mqtt {
            self.mqtt(mqtt);
        }
        connection.findings.iter_mut().for_each(|finding| self.finding(finding));
        connection.events.iter_mut().for_each(|event| self.text(&mut event.detail));
        connection
    }

    /// An event of a connection that is going on, and its words for who that is.
    #[must_use]
    pub fn happened(&mut self, event: &event::Event, who: &str, mut told: Event) -> (String, Event) {
        let mut originals = Originals { found: Vec::new(), pseudonyms: &mut self.pseudonyms };
        originals.event(event);
        let dictionary = Dictionary::new(originals.found);
        told.detail = dictionary.redact(&told.detail, &mut self.pseudonyms);
        (dictionary.redact(who, &mut self.pseudonyms), told)
    }

    /// A finding on several connections, or on the capture: once all of them were learnt.
    #[must_use]
    pub fn group(&mut self, mut group: Group) -> Group {
        self.use_all();
        if let Some(server) = &mut group.server {
            self.server(server);
        }
        group.clients.iter_mut().for_each(|client| self.text(client));
        self.text(&mut group.message);
        group.evidence.iter_mut().for_each(|text| self.text(text));
        group.remedy.iter_mut().for_each(|text| self.either(text));
        group
    }

    /// What is said of the capture. The names of files are their owner's: they become numbers.
    #[must_use]
    pub fn capture(&mut self, mut capture: Capture) -> Capture {
        self.use_all();
        if capture.kind == CaptureKind::File {
            capture.source = match capture.files.len() {
                0 | 1 => "capture 1".to_owned(),
                count => format!("{count} captures"),
            };
            for (number, file) in (1..).zip(&mut capture.files) {
                *file = format!("capture {number}");
            }
        }
        if let Some(filter) = &mut capture.filter {
            self.text(filter);
        }
        if let Some(damage) = &mut capture.damaged {
            self.text(&mut damage.what);
        }
        capture
    }

    /// What was held against the capture.
    pub fn expectation(&mut self, expectation: &mut Expectation) {
        let Expectation { name, expected, mismatches, .. } = expectation;
        for text in [name, expected].into_iter().chain(mismatches.iter_mut().map(|mismatch| &mut mismatch.message)) {
            *text = self.any_text(text);
        }
    }

    /// A text that may hold anything that any connection gave away.
    #[must_use]
    pub fn any_text(&mut self, text: &str) -> String {
        self.use_all();
        self.dictionary.redact(text, &mut self.pseudonyms)
    }

    fn use_all(&mut self) {
        if std::mem::replace(&mut self.has_all, true) {
            return;
        }
        let all = self.shared.iter().map(|(original, pseudonym)| (original.clone(), pseudonym.clone()));
        self.dictionary = Dictionary::new(all.collect());
    }

    fn tls(&mut self, tls: &mut Tls) {
        if let Some(name) = &mut tls.server_name {
            *name = self.pseudonyms.name(name);
        }
        for certificate in tls.certificates.client.iter_mut().chain(&mut tls.certificates.server) {
            self.certificate(certificate);
        }
    }

    fn certificate(&mut self, certificate: &mut Certificate) {
        let pseudonyms = &mut self.pseudonyms;
        certificate.subject = pseudonyms.distinguished_name(&certificate.subject);
        certificate.issuer = pseudonyms.distinguished_name(&certificate.issuer);
        certificate.serial = pseudonyms.serial(&certificate.serial);
        certificate.sha256 = pseudonyms.hex(&certificate.sha256);
        for name in &mut certificate.names {
            *name = match name.parse() {
                Ok(address) => pseudonyms.address(address).to_string(),
                Err(_) => pseudonyms.name(name),
            };
        }
    }

    fn mqtt(&mut self, mqtt: &mut Mqtt) {
        for id in [&mut mqtt.client_id, &mut mqtt.username].into_iter().flatten() {
            *id = self.pseudonyms.text(Sort::Id, id);
        }
        for topic in &mut mqtt.topics {
            topic.name = self.pseudonyms.topic(&topic.name);
        }
    }

    fn finding(&mut self, finding: &mut Finding) {
        self.text(&mut finding.message);
        finding.evidence.iter_mut().for_each(|text| self.text(text));
        let rest = finding.causes.iter_mut().chain(&mut finding.remedy).chain(&mut finding.other_readings);
        rest.for_each(|text| self.either(text));
    }

    fn server(&mut self, server: &mut Server) {
        self.address(&mut server.address);
        if let Some(name) = &mut server.name {
            *name = self.pseudonyms.name(name);
        }
    }

    fn address(&mut self, text: &mut String) {
        if let Ok(address) = text.parse() {
            *text = self.pseudonyms.address(address).to_string();
        }
    }

    fn text(&mut self, text: &mut String) {
        *text = self.dictionary.redact(text, &mut self.pseudonyms);
    }

    fn either(&mut self, text: &mut Cow<'static, str>) {
        let redacted = self.dictionary.redact(text, &mut self.pseudonyms);
        if redacted != **text {
            *text = Cow::Owned(redacted);
        }
    }
}
