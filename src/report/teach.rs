//! For the one who is learning: in comes a kind of event or a phase, out goes one plain sentence (what it is, why it is there,
//! what normally follows) and the section of the specification that says it in full. It knows nothing of a capture.

use super::model::{Event, Layer, PhaseName};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What there is to know about a kind of event, or about a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// One sentence in plain words.
    pub sentence: &'static str,
    /// Where to read on, as `RFC 9293, 3.5`.
    pub section: &'static str,
}

/// The lesson of a kind of event; none for a kind that the contract does not know.
#[must_use]
pub fn event(layer: Layer, kind: &str) -> Option<&'static Lesson> {
    let lessons = match layer {
        Layer::Dns => DNS,
        Layer::Icmp => ICMP,
        Layer::Tcp => TCP,
        Layer::Tls => TLS,
        Layer::Mqtt => MQTT,
    };
    lessons.iter().find(|(taught, _)| *taught == kind).map(|(_, lesson)| lesson)
}

/// The lesson of a phase.
#[must_use]
pub const fn phase(phase: PhaseName) -> &'static Lesson {
    match phase {
        PhaseName::TcpHandshake => &TCP_HANDSHAKE,
        PhaseName::TlsHello => &TLS_HELLO,
        PhaseName::TlsAuthentication => &TLS_AUTHENTICATION,
        PhaseName::MqttConnect => &MQTT_CONNECT,
        PhaseName::MqttSession => &MQTT_SESSION,
    }
}

/// Which kinds of event have been explained to a reader: once is enough.
#[derive(Clone, Debug, Default)]
pub struct Taught(BTreeSet<(Layer, Cow<'static, str>)>);

impl Taught {
    /// The lesson of an event, the first time that its kind comes up.
    pub fn lesson(&mut self, of: &Event) -> Option<&'static Lesson> {
        let lesson = event(of.layer, &of.kind)?;
        self.0.insert((of.layer, of.kind.clone())).then_some(lesson)
    }
}

type Lessons = &'static [(&'static str, Lesson)];

const fn lesson(section: &'static str, sentence: &'static str) -> Lesson {
    Lesson { sentence, section }
}

static TCP_HANDSHAKE: Lesson = lesson(
    "RFC 9293, 3.5",
    "Device and server open a TCP connection with SYN, SYN-ACK and ACK, so that both know that the other one is there and where its bytes begin; TLS starts on it next.",
);
static TLS_HELLO: Lesson = lesson(
    "RFC 8446, 4.1",
    "Device and server agree on a TLS version, a cipher suite and fresh keys; nobody has proven yet who he is, which comes next.",
);
static TLS_AUTHENTICATION: Lesson = lesson(
    "RFC 8446, 4.4",
    "The server shows its certificate and, with mutual TLS, so does the device; each judges the other one's and either goes on to MQTT or ends the connection with an alert.",
);
static MQTT_CONNECT: Lesson = lesson(
    "MQTT 5.0, 3.1.4",
    "Within the encrypted connection the device says in CONNECT who it is and what session it wants, and the broker accepts or refuses with CONNACK; then the messages begin.",
);
static MQTT_SESSION: Lesson = lesson(
    "MQTT 5.0, 4.1",
    "The device publishes and subscribes, and pings when it has nothing to say, until one side disconnects or the connection breaks.",
);

static DNS: Lessons = &[
    (
        "query",
        lesson(
            "RFC 1035, 4.1.2",
            "The device asks a name server for the address of the broker's name, since a connection can only be opened to an address; an answer should follow within milliseconds.",
        ),
    ),
    (
        "answer",
        lesson(
            "RFC 1035, 4.1.3",
            "The name server tells the broker's addresses, or that there are none; the device then opens its connection to one of them.",
        ),
    ),
];

static ICMP: Lessons = &[(
    "unreachable",
    lesson(
        "RFC 9293, 3.9.2.2",
        "A router or a host reports that a packet could not be delivered, and quotes its beginning so that the sender knows which; the sender may try again, send smaller packets or give up.",
    ),
)];

static TCP: Lessons = &[
    (
        "syn",
        lesson(
            "RFC 9293, 3.5",
            "The device asks to open a connection and says at which number its bytes begin; the server should answer with SYN-ACK, or with RST if nothing listens there.",
        ),
    ),
    (
        "syn_ack",
        lesson(
            "RFC 9293, 3.5",
            "The server agrees to the connection and says where its own bytes begin; the device confirms with an ACK and may send from then on.",
        ),
    ),
    (
        "established",
        lesson(
            "RFC 9293, 3.5",
            "The device has confirmed the server's SYN-ACK, so the TCP connection stands in both directions; the device's ClientHello should come next.",
        ),
    ),
    (
        "retransmission",
        lesson(
            "RFC 9293, 3.8.1",
            "The sender got no acknowledgment in time, because the packet or its acknowledgment was lost or late, and sends the same again, waiting longer each time until it gives up.",
        ),
    ),
    (
        "out_of_order",
        lesson(
            "RFC 9293, 3.4",
            "This packet was overtaken on its way by later ones; the receiver holds those back until it is there, and puts the bytes in order by their numbers.",
        ),
    ),
    (
        "gap",
        lesson(
            "RFC 9293, 3.4",
            "The numbering of the bytes shows that some are not in this capture, because they were lost on the way or by whoever captured; what they said is unknown.",
        ),
    ),
    (
        "zero_window",
        lesson(
            "RFC 9293, 3.8.6.1",
            "The receiver's buffer is full because its program does not read, so the sender must stop and may only probe until the window opens again.",
        ),
    ),
    (
        "window_update",
        lesson(
            "RFC 9293, 3.8.6",
            "The receiver has room in its buffer again and says so; the sender, which had to wait, goes on.",
        ),
    ),
    (
        "keep_alive",
        lesson(
            "RFC 9293, 3.8.4",
            "A side that has heard nothing for long asks with an old byte number whether the other one is still there; any ACK will do, and without one after several tries it gives up.",
        ),
    ),
    (
        "fin",
        lesson(
            "RFC 9293, 3.6",
            "The sender has no more data and closes its direction of the connection in order; the other side acknowledges it, and normally sends its own FIN.",
        ),
    ),
    (
        "rst",
        lesson(
            "RFC 9293, 3.5.2",
            "The sender gives the connection up at once, because nothing listens there, the program ended it hard or the connection is unknown to it; nothing follows, and data on the way is lost.",
        ),
    ),
];

static TLS: Lessons = &[
    (
        "client_hello",
        lesson(
            "RFC 8446, 4.1.2",
            "The device offers the TLS versions, cipher suites and key shares that it knows, and usually names the server it wants (SNI); the server answers with its choice, a ServerHello, or with an alert.",
        ),
    ),
    (
        "hello_retry_request",
        lesson(
            "RFC 8446, 4.1.4",
            "The server could agree, but not with the key share that the device sent, and asks for another one; the device sends a second ClientHello, which costs one round trip.",
        ),
    ),
    (
        "server_hello",
        lesson(
            "RFC 8446, 4.1.3",
            "The server chooses the version and the cipher suite out of the device's offer and gives its part of the keys; in TLS 1.3 all that follows is encrypted, in TLS 1.2 its certificate follows in the clear.",
        ),
    ),
    (
        "encrypted_extensions",
        lesson(
            "RFC 8446, 4.3.1",
            "The server's remaining answers to the ClientHello, such as the application protocol (ALPN), which need not be readable on the wire; a request for a certificate or the server's certificate follows.",
        ),
    ),
    (
        "certificate",
        lesson(
            "RFC 8446, 4.4.2",
            "A side shows the certificate that says who it is, with those of its issuers, so that the other one can check it against the authorities it trusts; an empty list means that it has none to show.",
        ),
    ),
    (
        "compressed_certificate",
        lesson(
            "RFC 8879, 4",
            "A certificate message in compressed form, which saves packets because chains of certificates are long; it is checked like any other, and the proof of its key follows.",
        ),
    ),
    (
        "certificate_status",
        lesson(
            "RFC 6066, 8",
            "The server passes on a fresh statement of its authority that its certificate has not been revoked (OCSP stapling), so that the device need not ask; the handshake goes on.",
        ),
    ),
    (
        "server_key_exchange",
        lesson(
            "RFC 5246, 7.4.3",
            "The server's part of a fresh key agreement (TLS 1.2), signed with the key of its certificate, which proves that it owns it; the device's part follows in ClientKeyExchange.",
        ),
    ),
    (
        "certificate_request",
        lesson(
            "RFC 8446, 4.3.2",
            "The server wants to know who the device is and asks for its certificate, often naming the authorities that it accepts: this makes the TLS mutual; the device's Certificate should follow.",
        ),
    ),
    (
        "server_hello_done",
        lesson(
            "RFC 5246, 7.4.5",
            "The server has said all of its part of the handshake (TLS 1.2) and waits; the device now checks the certificate and answers, which takes a small one some time.",
        ),
    ),
    (
        "client_key_exchange",
        lesson(
            "RFC 5246, 7.4.7",
            "The device's part of the key agreement (TLS 1.2), after which both sides can compute the same keys; with mutual TLS its CertificateVerify follows, then ChangeCipherSpec.",
        ),
    ),
    (
        "certificate_verify",
        lesson(
            "RFC 8446, 4.4.3",
            "A signature over the handshake so far, with which a side proves that it holds the private key of the certificate it has shown; its Finished follows.",
        ),
    ),
    (
        "change_cipher_spec",
        lesson(
            "RFC 5246, 7.1",
            "From here on the sender encrypts with the new keys (TLS 1.2), and its Finished follows; in TLS 1.3 it means nothing and is only sent for old middleboxes.",
        ),
    ),
    (
        "finished",
        lesson(
            "RFC 8446, 4.4.4",
            "A checksum over the whole handshake under the new keys, which shows that both sides saw the same messages and nobody changed them; after both of them application data may flow.",
        ),
    ),
    (
        "encrypted_handshake",
        lesson(
            "RFC 5246, 7.4.9",
            "A handshake message that is already encrypted, so that only its length can be seen; right behind ChangeCipherSpec it is the Finished, after which application data follows.",
        ),
    ),
    (
        "handshake",
        lesson(
            "RFC 8446, 4",
            "A handshake message of a type that iotcap has no name for, such as one of a new extension; a receiver that did not ask for it ends the connection with an alert.",
        ),
    ),
    (
        "hello_request",
        lesson(
            "RFC 5246, 7.4.1.1",
            "The server asks for a new handshake on the open connection (TLS 1.2), for instance to ask for a certificate after all; the device may begin one with a ClientHello, or decline.",
        ),
    ),
    (
        "new_session_ticket",
        lesson(
            "RFC 8446, 4.6.1",
            "The server hands the device a ticket with which the next connection can resume this one without certificates, which saves time and computing; nothing needs to follow.",
        ),
    ),
    (
        "key_update",
        lesson(
            "RFC 8446, 4.6.3",
            "The sender changes its keys on the open connection (TLS 1.3), as one should after very much data; data goes on at once, and the other side may be asked to do the same.",
        ),
    ),
    (
        "end_of_early_data",
        lesson(
            "RFC 8446, 4.5",
            "The device, which had sent data together with its ClientHello to save a round trip (0-RTT), is done with that; its Finished follows.",
        ),
    ),
    (
        "application_data",
        lesson(
            "RFC 8446, 5.2",
            "The first encrypted data of this side, in which MQTT travels; without the session's keys only sizes and times can be seen of what it says.",
        ),
    ),
    (
        "alert",
        lesson(
            "RFC 8446, 6",
            "A side tells by TLS that it closes in order (close_notify), or which error it found in the other one's messages; after a fatal alert the connection ends.",
        ),
    ),
    (
        "encrypted_alert",
        lesson(
            "RFC 8446, 6.1",
            "An alert whose meaning is encrypted: at the end of a session it is nearly always close_notify, an orderly goodbye, earlier it is an error; the connection normally closes next.",
        ),
    ),
    (
        "malformed",
        lesson(
            "RFC 8446, 6.2",
            "Bytes that do not make the TLS message they claim to be, because a side or something between them is at fault; a receiver answers with a decode_error alert and closes.",
        ),
    ),
    (
        "not_tls",
        lesson(
            "RFC 8446, 5.1",
            "What this side sends is not TLS but another protocol, because one of the two was set up for something else, often a wrong port; the other side normally closes.",
        ),
    ),
    (
        "resynchronised",
        lesson(
            "RFC 8446, 5.1",
            "After bytes that the capture lacks, the beginning of a TLS record was found again; the story goes on from here.",
        ),
    ),
];

static MQTT: Lessons = &[
    (
        "connect",
        lesson(
            "MQTT 5.0, 3.1",
            "The device's first packet: its client id, how often it will be heard at least (keep alive), whether it wants its old session, and perhaps a user name; the broker must answer with CONNACK.",
        ),
    ),
    (
        "connack",
        lesson(
            "MQTT 5.0, 3.2",
            "The broker accepts the device, and says whether it still has its session, or refuses it with a code that names the reason and closes; once accepted, the device publishes and subscribes.",
        ),
    ),
    (
        "publish",
        lesson(
            "MQTT 5.0, 3.3",
            "A message on a topic, from the device to the broker or from the broker to a subscriber; with QoS 0 nothing follows, with QoS 1 a PUBACK, with QoS 2 a PUBREC.",
        ),
    ),
    (
        "puback",
        lesson(
            "MQTT 5.0, 3.4",
            "The receiver confirms a message of QoS 1, so that its sender can forget it; without it the sender has to send the message again after it reconnects.",
        ),
    ),
    (
        "pubrec",
        lesson(
            "MQTT 5.0, 3.5",
            "The receiver has stored a message of QoS 2: the first of three steps that deliver it exactly once; the sender answers with PUBREL.",
        ),
    ),
    (
        "pubrel",
        lesson(
            "MQTT 5.0, 3.6",
            "The sender of a message of QoS 2 promises not to send it again, so that the receiver may forget its number; the receiver answers with PUBCOMP.",
        ),
    ),
    (
        "pubcomp",
        lesson(
            "MQTT 5.0, 3.7",
            "The last step of a delivery of QoS 2: the message has arrived exactly once, and both sides may use its number again.",
        ),
    ),
    (
        "subscribe",
        lesson(
            "MQTT 5.0, 3.8",
            "The device asks for all messages whose topics match its filters; the broker answers with a SUBACK, and messages may come from then on.",
        ),
    ),
    (
        "suback",
        lesson(
            "MQTT 5.0, 3.9",
            "The broker says for each filter whether it is granted, and with which QoS, or refused; messages that match come as PUBLISH.",
        ),
    ),
    (
        "unsubscribe",
        lesson(
            "MQTT 5.0, 3.10",
            "The device no longer wants the messages of these filters; the broker confirms with UNSUBACK, and messages on their way may still come.",
        ),
    ),
    (
        "unsuback",
        lesson(
            "MQTT 5.0, 3.11",
            "The broker confirms that these filters no longer count; no new messages are sent because of them.",
        ),
    ),
    (
        "pingreq",
        lesson(
            "MQTT 5.0, 3.12",
            "The device had nothing to say for its keep alive time and shows that it is still there, which also keeps firewalls from forgetting the connection; the broker must answer with PINGRESP.",
        ),
    ),
    (
        "pingresp",
        lesson(
            "MQTT 5.0, 3.13",
            "The broker answers a ping, so that the device knows that the connection still works in both directions; a device that misses it should close and connect again.",
        ),
    ),
    (
        "disconnect",
        lesson(
            "MQTT 5.0, 3.14",
            "The sender ends the session in order, and with MQTT 5.0 gives a reason; a normal one of the device also cancels its will, and the connection is closed next.",
        ),
    ),
    (
        "auth",
        lesson(
            "MQTT 5.0, 3.15",
            "One step of an authentication that takes several, as a challenge and its answer (only MQTT 5.0); the other side answers with AUTH, CONNACK or DISCONNECT.",
        ),
    ),
    (
        "malformed",
        lesson(
            "MQTT 5.0, 4.13.1",
            "Bytes that cannot be read as the MQTT packet that should be there; the receiver has to close the connection.",
        ),
    ),
    (
        "protocol_error",
        lesson(
            "MQTT 5.0, 4.13.1",
            "A packet that can be read, but that the specification forbids at this place; the receiver has to close the connection.",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::codes::PacketType;
    use crate::tls::HandshakeType;

    /// Every kind that an event can have, from where the events have their names.
    fn kinds() -> BTreeSet<(Layer, String)> {
        let in_source = |layer, text| names_in(text).into_iter().map(move |name| (layer, name));
        let numbers = || 0..=u8::MAX;
        let mut kinds = BTreeSet::new();
        kinds.extend(["query", "answer"].map(|kind| (Layer::Dns, kind.to_owned())));
        kinds.insert((Layer::Icmp, "unreachable".to_owned()));
        kinds.extend(in_source(Layer::Tcp, include_str!("../tcp/event.rs")));
        kinds.extend(in_source(Layer::Tls, include_str!("../tls/event.rs")));
        kinds.extend(in_source(Layer::Mqtt, include_str!("../mqtt/event.rs")));
        let handshake = numbers().filter_map(|number| HandshakeType(number).name());
        kinds.extend(handshake.map(|name| (Layer::Tls, name.to_owned())));
        let packets = numbers().filter_map(|number| PacketType(number).name());
        kinds.extend(packets.map(|name| (Layer::Mqtt, name.to_owned())));
        kinds
    }

    /// The words in quotation marks of the function that gives an event its name.
    fn names_in(source: &str) -> Vec<String> {
        let after = source.split_once("fn name(&self)").expect("a function that names events").1;
        let body = after.split_once("\n    }\n").expect("its end").0;
        body.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn all() -> impl Iterator<Item = (String, &'static Lesson)> {
        let lessons =
            [(Layer::Dns, DNS), (Layer::Icmp, ICMP), (Layer::Tcp, TCP), (Layer::Tls, TLS), (Layer::Mqtt, MQTT)];
        let events = lessons
            .into_iter()
            .flat_map(|(layer, lessons)| lessons.iter().map(move |(kind, lesson)| (format!("{layer} {kind}"), lesson)));
        events.chain(PhaseName::ALL.iter().map(|name| (name.to_string(), phase(*name))))
    }

    #[test]
    fn every_kind_of_event_has_its_lesson_and_no_other() {
        let kinds = kinds();
        assert!(kinds.len() > 50, "{kinds:?}");
        for (layer, kind) in &kinds {
            assert!(event(*layer, kind).is_some(), "no lesson for {layer} {kind}");
        }
        for (layer, lessons) in
            [(Layer::Dns, DNS), (Layer::Icmp, ICMP), (Layer::Tcp, TCP), (Layer::Tls, TLS), (Layer::Mqtt, MQTT)]
        {
            for (kind, _) in lessons {
                assert!(kinds.contains(&(layer, (*kind).to_owned())), "no event is called {layer} {kind}");
            }
        }
        assert_eq!(event(Layer::Tcp, "client_hello"), None);
    }

    #[test]
    fn a_lesson_is_one_sentence() {
        for (name, lesson) in all() {
            let sentence = lesson.sentence;
            assert!(sentence.starts_with(|c: char| c.is_ascii_uppercase()), "{name}: {sentence}");
            assert!(sentence.ends_with('.') && !sentence.contains(". "), "{name}: {sentence}");
            assert!((60..=240).contains(&sentence.len()), "{name}: {} characters", sentence.len());
        }
    }

    #[test]
    fn a_section_names_its_document_and_its_number() {
        for (name, lesson) in all() {
            let (document, number) = lesson.section.split_once(", ").expect("a document and a number");
            let known =
                document == "MQTT 5.0" || document.strip_prefix("RFC ").is_some_and(|n| n.parse::<u16>().is_ok());
            assert!(known, "{name}: {document}");
            assert!(number.split('.').all(|part| part.parse::<u8>().is_ok_and(|n| n > 0)), "{name}: {number}");
        }
    }
}
