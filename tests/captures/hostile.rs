//! What strangers may write into a capture: names, topics and reasons that want to move a cursor, hide, turn the direction of
//! writing, or be markup.

use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::time::Timestamp;

/// What a stranger may write.
pub(crate) const HOSTILE: [&str; 10] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31mred",
    "back\rover\nnext\tline\0end",
    "\u{202e}gpj.exe\u{2066}",
    "zero\u{200b}width\u{feff}",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "a|b`c`[d](javascript:alert(1))\n# heading",
    "\n::error::pwned%0A::set-output name=x::y",
    "]]></failure><evil/>",
];

/// What no format may contain, as bytes of UTF-8: what a terminal acts upon.
pub(crate) fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// No UTF-8.
pub(crate) const INVALID: &[u8] = b"caf\xe9 \xff\xfe\x9b31m";

/// Each text, and bytes that are none.
pub(crate) fn texts() -> impl Iterator<Item = &'static [u8]> {
    HOSTILE.iter().map(|text| text.as_bytes()).chain([INVALID])
}

/// What two sides say to each other that has the text wherever it can be: the server's port, the client's bytes, the server's.
pub(crate) fn conversations(text: &[u8]) -> [(u16, Vec<u8>, Vec<u8>); 4] {
    [
        (1883, mqtt_client(text), mqtt_server(text)),
        (8883, client_hello(text), b"\x15\x03\x03\x00\x02\x02\x70".to_vec()),
        // What a server says that is neither TLS nor MQTT.
        (8883, client_hello(b"broker.example"), text.to_vec()),
        (8883, client_hello(b"broker.example"), certificate(text)),
    ]
}

/// A capture of all conversations of all texts.
pub(crate) fn capture() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Section::default()).expect("memory");
    let interface =
        Interface { link_type: LinkType::RAW, snaplen: 0, name: "\u{1b}[2Jeth0", description: "", filter: "" };
    let id = writer.add_interface(&interface).expect("memory");
    let mut number = 0;
    let mut at = 1_780_272_000_000_000_000;
    let mut send = |data: Vec<u8>| {
        number += 1;
        at += 1_000_000;
        let original_len = u32::try_from(data.len()).expect("a frame");
        let (at, link_type) = (Timestamp::from_nanos(at), LinkType::RAW);
        let frame = Frame { id: FrameId::new(0, number), at, link_type, original_len, data: &data };
        writer.write_frame(id, &frame, &[]).expect("memory");
    };
    for (text, ports) in texts().zip((40_000..).step_by(10)) {
        for ((to, client, server), port) in conversations(text).into_iter().zip(ports..) {
            connection(port, to, &client, &server, &mut send);
        }
    }
    writer.into_inner()
}

/// CONNECT with client id, will, user name; PUBLISH and SUBSCRIBE of MQTT 5 with the text in all of them.
fn mqtt_client(text: &[u8]) -> Vec<u8> {
    let string = |text: &[u8]| [&u16::try_from(text.len()).expect("short").to_be_bytes()[..], text].concat();
    let connect = [
        &b"\0\x04MQTT\x05\xc6\0\x0a\0"[..],
        &string(text),
        &[0],
        &string(text),
        &string(text),
        &string(text),
        &string(text),
    ]
    .concat();
    let publish = [&string(text)[..], &[0, 1, 0], text].concat();
    let subscribe = [&[0, 2, 0][..], &string(text), &[1]].concat();
    [packet(0x10, &connect), packet(0x32, &publish), packet(0x82, &subscribe)].concat()
}

/// CONNACK and DISCONNECT with the text as reason (MQTT 5, 3.2.2.3.9 and 3.14.2.2.3).
fn mqtt_server(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("short").to_be_bytes();
    let reason = [&[0x1f][..], &length, text].concat();
    let size = u8::try_from(reason.len()).expect("short");
    [packet(0x20, &[&[0, 0, size][..], &reason].concat()), packet(0xe0, &[&[0x97, size][..], &reason].concat())]
        .concat()
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let size = if length < 128 {
        vec![u8::try_from(length).expect("short")]
    } else {
        [length % 128 + 128, length / 128].map(|byte| u8::try_from(byte).expect("short")).to_vec()
    };
    [&[kind][..], &size, body].concat()
}

/// A ClientHello that asks for this name and this protocol (RFC 6066, 3; RFC 7301, 3.1).
fn client_hello(name: &[u8]) -> Vec<u8> {
    let vec16 = |body: &[u8]| [&u16::try_from(body.len()).expect("short").to_be_bytes()[..], body].concat();
    let server_name = vec16(&[&[0][..], &vec16(name)].concat());
    let protocol = vec16(&[&[u8::try_from(name.len()).expect("short")][..], name].concat());
    let extensions = [&[0, 0][..], &vec16(&server_name), &[0, 16], &vec16(&protocol)].concat();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0xc0, 0x2f, 1, 0], &vec16(&extensions)].concat();
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    let message = [&[1][..], &length[1..], &body].concat();
    [&[22, 3, 1][..], &vec16(&message)].concat()
}

/// ServerHello of TLS 1.2 and a Certificate (RFC 5246, 7.4.1.3 and 7.4.2) whose subject, issuer and name are the text.
fn certificate(text: &[u8]) -> Vec<u8> {
    let placeholder = "p".repeat(text.len().max(8));
    let mut parameters = rcgen::CertificateParams::new([placeholder.clone()]).expect("a name");
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, placeholder.as_str());
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut der = parameters.self_signed(&key).expect("a certificate").der().to_vec();
    let places: Vec<_> = (0..der.len()).filter(|at| der[*at..].starts_with(placeholder.as_bytes())).collect();
    assert_eq!(places.len(), 3, "issuer, subject and name");
    for at in places {
        der[at..at + text.len()].copy_from_slice(text);
    }
    let vec24 = |body: &[u8]| [&u32::try_from(body.len()).expect("short").to_be_bytes()[1..], body].concat();
    let hello = [&[2][..], &vec24(&[&[3, 3][..], &[8; 32], &[0, 0xc0, 0x2f, 0]].concat())].concat();
    let chain = [&[11][..], &vec24(&vec24(&vec24(&der)))].concat();
    let messages = [hello, chain].concat();
    [&[22, 3, 3][..], &u16::try_from(messages.len()).expect("short").to_be_bytes(), &messages].concat()
}

/// Handshake, a word of each side, and the end.
fn connection(port: u16, to: u16, client: &[u8], server: &[u8], send: &mut impl FnMut(Vec<u8>)) {
    let ends = [([192, 0, 2, 10], port), ([192, 0, 2, 20], to)];
    let mut next = [1_000_u32, 5_000];
    let mut segment = |from: usize, flags: u8, data: &[u8]| {
        let ((source, source_port), (target, target_port)) = (ends[from], ends[1 - from]);
        let length = u16::try_from(40 + data.len()).expect("a datagram").to_be_bytes();
        let mut frame = [&[0x45, 0][..], &length, &[0, 0, 0x40, 0, 64, 6, 0, 0], &source, &target].concat();
        frame.extend(source_port.to_be_bytes().into_iter().chain(target_port.to_be_bytes()));
        frame.extend(next[from].to_be_bytes().into_iter().chain(next[1 - from].to_be_bytes()));
        frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        frame.extend_from_slice(data);
        next[from] += u32::try_from(data.len()).expect("short") + u32::from(flags & 3 != 0);
        send(frame);
    };
    segment(0, 2, &[]);
    segment(1, 18, &[]);
    segment(0, 16, &[]);
    segment(0, 24, client);
    segment(1, 24, server);
    segment(1, 17, &[]);
    segment(0, 17, &[]);
    segment(1, 16, &[]);
}
