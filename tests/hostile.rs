//! Text from strangers, in every format of the report: names, topics and reasons that want to move a cursor, hide, turn the
//! direction of writing, or be markup. And damaged captures: whatever was done to them, there is an end, and a sentence.

mod captures;
#[path = "support/mod.rs"]
mod support;

use clap::ValueEnum;
use iotcap::cli::FormatName;
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::pcapng::{Interface, Section, Writer};
use iotcap::time::Timestamp;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// What a stranger may write.
const HOSTILE: [&str; 10] = [
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
fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn text_of_strangers_is_harmless_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pcapng");
    std::fs::write(&path, hostile_capture()).unwrap();
    for (format, text) in in_all_formats(&path, folder.path()) {
        assert!(text.lines().count() > 1, "{format}: {text}");
        if let Some((place, found)) = text.char_indices().find(|(_, c)| is_harmful(*c)) {
            let around: String = text[..place].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
            panic!("{format}: {found:?} after {around:?}");
        }
        let markup = ["<script>alert", "<img src=x", "<evil/>"];
        let is_markup = matches!(format.as_str(), "html" | "markdown" | "junit");
        let read = if format == "markdown" { without_code(&text) } else { text.clone() };
        for piece in markup.iter().filter(|_| is_markup) {
            assert!(!read.contains(piece), "{format}: {piece} is markup there");
        }
        // A workflow command begins a line.
        for line in text.lines().filter(|_| format == "github") {
            assert!(!line.starts_with("::error::pwned") && !line.starts_with("::set-output"), "{line}");
        }
        if format == "junit"
            && let Some(form) = captures::common_junit_form()
        {
            captures::hold_against_form(&text, &form);
        }
        if format.starts_with("json") {
            let documents: Vec<&str> = if format == "json" { vec![&text] } else { text.lines().collect() };
            for document in documents {
                serde_json::from_str::<serde_json::Value>(document).expect("JSON");
            }
        }
    }
}

/// Markdown without its code, in which markup is but text: between two rows of as many backticks (CommonMark 0.31, 6.1).
fn without_code(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let (before, from) = rest.split_at(start);
        shown.push_str(before);
        let after = from.trim_start_matches('`');
        let fence = &from[..from.len() - after.len()];
        if before.ends_with('\\') {
            rest = &from[1..];
            continue;
        }
        rest = behind_row(after, fence.len()).unwrap_or(after);
    }
    shown + rest
}

/// What follows the first row of exactly so many backticks.
fn behind_row(text: &str, count: usize) -> Option<&str> {
    let mut rest = &text[text.find('`')?..];
    loop {
        let after = rest.trim_start_matches('`');
        if rest.len() - after.len() == count {
            return Some(after);
        }
        rest = &after[after.find('`')?..];
    }
}

/// Names are shown as they are where they are harmless: nothing is merely left out.
#[test]
fn what_is_harmless_is_shown_and_what_is_not_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pcapng");
    std::fs::write(&path, hostile_capture()).unwrap();
    let report = captures::report([path.as_os_str(), "-p".as_ref(), "8883".as_ref(), "-p".as_ref(), "1883".as_ref()]);
    let connections = report["connections"].as_array().unwrap();
    let ids: Vec<_> = connections.iter().filter_map(|connection| connection["mqtt"]["client_id"].as_str()).collect();
    assert_eq!(ids.len(), HOSTILE.len() + 1, "one each, and one that is no UTF-8");
    for word in ["owned", "red", "over", "exe", "width", "alert(1)", "pwned", "evil"] {
        assert!(ids.iter().any(|id| id.contains(word)), "{word}: {ids:?}");
    }
}

/// The capture in every format that there is; the format of the terminal also at length.
fn in_all_formats(capture: &Path, folder: &Path) -> Vec<(String, String)> {
    let names = FormatName::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<_> = names.map(|name| name.get_name().to_owned()).collect();
    let file = |name: &str| folder.join(format!("report.{name}"));
    let mut arguments: Vec<_> =
        ["-vv", "--events", "--payload", "100", "-p", "8883", "-p", "1883"].map(std::ffi::OsString::from).into();
    for name in &names {
        arguments.push("--report".into());
        arguments.push(format!("{name}={}", file(name).display()).into());
    }
    arguments.push(capture.into());
    let output = captures::iotcap(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut texts: Vec<_> = names
        .iter()
        .map(|name| (name.clone(), std::fs::read_to_string(file(name)).expect("a report in UTF-8")))
        .collect();
    texts.push(("standard output".to_owned(), String::from_utf8(output.stdout).expect("UTF-8")));
    texts.push(("standard error".to_owned(), format!("\n{}\n", String::from_utf8(output.stderr).expect("UTF-8"))));
    texts
}

/// For each hostile text a plain MQTT connection that says it wherever it can, and a TLS connection that asks for it; then
/// bytes that are no UTF-8 in both places.
fn hostile_capture() -> Vec<u8> {
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
    let invalid: &[u8] = b"caf\xe9 \xff\xfe\x9b31m";
    let texts = HOSTILE.iter().map(|text| text.as_bytes()).chain([invalid]);
    for (port, text) in (40_000..).zip(texts) {
        connection(port, 1883, &mqtt_client(text), &mqtt_server(text), &mut send);
        connection(port, 8883, &client_hello(text), b"\x15\x03\x03\x00\x02\x02\x70", &mut send);
        // What a server says that is neither TLS nor MQTT.
        connection(port + 1_000, 8883, &client_hello(b"broker.example"), text, &mut send);
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

/// How many damaged copies of each capture there are.
const COPIES: u64 = 4;

/// What is damaged: the short fixtures, and each twentieth of the public captures where there are any.
fn to_damage() -> Vec<PathBuf> {
    let fixtures = captures::recorded_fixtures().into_iter().map(|folder| folder.join("capture.pcapng"));
    let public = captures::corpus().unwrap_or_default().into_iter().step_by(20);
    let small = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|metadata| metadata.len() < 1 << 20);
    fixtures.chain(public).filter(small).collect()
}

#[tokio::test]
async fn damaged_captures_come_to_an_end_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    let captures = to_damage();
    assert!(captures.len() >= 59);
    let other = std::fs::read(&captures[0]).unwrap();
    for (number, capture) in (1..).zip(&captures) {
        let whole = std::fs::read(capture).unwrap();
        for copy in 0..COPIES {
            let mut random = Random(number * 1_000 + copy);
            std::fs::write(&path, random.damage(&whole, &other, copy)).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_iotcap"));
            command.args(["--format", "json", "--ipv6"]).arg(&path).env("NO_COLOR", "1");
            let what = format!("{} damaged with {number}-{copy}", capture.display());
            println!("{what}");
            // It ends in time, or this does.
            let output = support::run(&mut command).await;
            let error = String::from_utf8(output.stderr).expect("UTF-8");
            match output.status.code() {
                Some(0) => {
                    serde_json::from_slice::<serde_json::Value>(&output.stdout)
                        .unwrap_or_else(|error| panic!("{what}: {error}"));
                }
                Some(2) => assert_eq!(error.trim_end().lines().count(), 1, "{what}: {error}"),
                status => panic!("{what}: {status:?}: {error}"),
            }
        }
    }
}

/// Marsaglia's xorshift: the same damage each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).expect("below a usize")
    }

    /// Bytes that are turned, cut off, taken out, or taken from another file.
    fn damage(&mut self, whole: &[u8], other: &[u8], kind: u64) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        if bytes.is_empty() {
            return bytes;
        }
        match kind {
            0 => {
                for _ in 0..=bytes.len() / 200 {
                    let place = self.below(bytes.len());
                    bytes[place] = bytes[place].wrapping_add(u8::try_from(1 + self.below(255)).expect("a byte"));
                }
            }
            1 => bytes.truncate(self.below(whole.len())),
            2 => {
                let from = self.below(bytes.len());
                let to = from + self.below(bytes.len() - from);
                bytes.drain(from..to);
            }
            _ => {
                let place = self.below(bytes.len());
                let from = self.below(other.len());
                let to = from + self.below(other.len() - from);
                bytes.splice(place..place, other[from..to].iter().copied());
            }
        }
        bytes
    }
}
