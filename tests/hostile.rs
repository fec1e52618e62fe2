//! Text from strangers, in every format of the report, in diffs, in recordings with comments, and in everything that the daemon
//! says: names, topics and reasons that want to move a cursor, hide, turn the direction of writing, or be markup.

mod captures;
#[cfg(all(feature = "live", target_os = "linux"))]
#[path = "live/net.rs"]
mod net;
#[cfg(all(feature = "live", target_os = "linux"))]
#[allow(dead_code, reason = "the daemon's own tests use all of it")]
#[path = "daemon/started.rs"]
mod started;

use captures::hostile::{self, HOSTILE, is_harmful};
use clap::ValueEnum;
use iotcap::cli::FormatName;
use iotcap::source;
use std::path::{Path, PathBuf};

/// Nothing in a text is what a terminal acts upon.
#[track_caller]
fn assert_harmless(what: &str, text: &str) {
    if let Some((place, found)) = text.char_indices().find(|(_, c)| is_harmful(*c)) {
        let around: String = text[..place].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("{what}: {found:?} after {around:?}");
    }
}

/// The hostile capture as a file.
fn hostile_file(folder: &Path) -> PathBuf {
    let path = folder.join("hostile.pcapng");
    std::fs::write(&path, hostile::capture()).unwrap();
    path
}

#[test]
fn text_of_strangers_is_harmless_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = hostile_file(folder.path());
    for (format, text) in in_all_formats(&path, folder.path()) {
        assert!(text.lines().count() > 1, "{format}: {text}");
        assert_harmless(&format, &text);
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
    let path = hostile_file(folder.path());
    let report = captures::report([path.as_os_str(), "-p".as_ref(), "8883".as_ref(), "-p".as_ref(), "1883".as_ref()]);
    let connections = report["connections"].as_array().unwrap();
    let ids: Vec<_> = connections.iter().filter_map(|connection| connection["mqtt"]["client_id"].as_str()).collect();
    assert_eq!(ids.len(), HOSTILE.len() + 1, "one each, and one that is no UTF-8");
    for word in ["owned", "red", "over", "exe", "width", "alert(1)", "pwned", "evil"] {
        assert!(ids.iter().any(|id| id.contains(word)), "{word}: {ids:?}");
    }
}

/// All formats that there are.
fn format_names() -> Vec<String> {
    let names = FormatName::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    names.map(|name| name.get_name().to_owned()).collect()
}

/// The capture in every format that there is; the format of the terminal also at length.
fn in_all_formats(capture: &Path, folder: &Path) -> Vec<(String, String)> {
    let names = format_names();
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

/// Names in certificates are told, and harmless.
#[test]
fn certificates_of_strangers_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let report = captures::report([hostile_file(folder.path())]);
    let certificates: Vec<_> = report["connections"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|connection| connection["tls"]["certificates"]["server"].get(0))
        .collect();
    assert_eq!(certificates.len(), HOSTILE.len() + 1, "one for each text, and one that is no UTF-8");
    for word in ["owned", "red", "over", "exe", "width", "alert(1)", "pwned", "evil"] {
        let has = |what: &str| certificates.iter().any(|certificate| certificate[what].to_string().contains(word));
        assert!(has("subject") && has("issuer") && has("names"), "{word}");
    }
}

/// Verdicts as comments of frames, as `-w` leaves them.
#[test]
fn comments_in_a_recording_are_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (hostile_file(folder.path()), folder.path().join("told.pcapng"));
    let output = captures::iotcap(["-p".as_ref(), "1883".as_ref(), from.as_os_str(), "-w".as_ref(), to.as_os_str()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    if captures::have("tshark") {
        let comments: Vec<_> = captures::tshark(&to, &[], "frame.comment", &["frame.comment"]).concat();
        assert!(comments.len() > HOSTILE.len(), "{} comments", comments.len());
        for comment in &comments {
            assert_harmless("a comment", comment);
        }
    }
    // tshark escapes what it prints: the bytes of the file are what others show. Names of interfaces are the capture's own.
    let (told, was) = (std::fs::read(&to).unwrap(), std::fs::read(&from).unwrap());
    for sequence in [&b"\x1b]0;owned"[..], "\u{202e}gpj".as_bytes(), "\u{9b}31m".as_bytes()] {
        let count = |bytes: &[u8]| bytes.windows(sequence.len()).filter(|window| *window == sequence).count();
        assert!(count(&was) > 0 && count(&told) <= count(&was), "{sequence:?} was added");
    }
    let mut source = source::open(&[to]).expect("a capture");
    while source.next_frame().is_some() {}
    assert!(source.info().damaged.is_empty(), "it can be read");
}

#[test]
fn differences_between_strangers_are_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let (hostile, healthy) = (hostile_file(folder.path()), captures::fixtures().join("paho-tls12/capture.pcapng"));
    for (one, other) in [(&hostile, &healthy), (&healthy, &hostile), (&hostile, &hostile)] {
        for format in format_names() {
            let output = captures::iotcap(
                ["diff".as_ref(), one.as_os_str(), other.as_os_str()]
                    .into_iter()
                    .chain(["--format", format.as_str()].map(AsRef::as_ref)),
            );
            let said = String::from_utf8(output.stderr).expect("UTF-8");
            assert!(output.status.success(), "{format}: {said}");
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            assert_harmless(&format, &text);
            assert_harmless("standard error", &said);
            let shown = if format == "markdown" { without_code(&text) } else { text };
            if matches!(format.as_str(), "markdown" | "html") {
                assert!(!shown.contains("<script>alert") && !shown.contains("<img src=x"), "{format}");
            }
        }
    }
}

/// Its log in both forms, its answers, its metrics, its page, and the names of its evidence.
#[cfg(all(feature = "live", target_os = "linux"))]
#[test]
fn whatever_the_daemon_says_of_strangers_is_harmless() {
    if !net::can_run() || !captures::have("curl") || !captures::have("promtool") {
        return;
    }
    for log in ["text", "json"] {
        let net = net::Net::new();
        let lines = format!("ports = [8883, 1883]\n[daemon.log]\nformat = \"{log}\"\nhealthy = true\n");
        let daemon = started::Started::new(&net, &lines);
        let conversations: Vec<_> = hostile::texts().flat_map(hostile::conversations).collect();
        let count = conversations.len();
        live::talk(&net, conversations);
        let answers = daemon.connections("/api/connections?limit=1000", count);
        assert_eq!(answers["connections"].as_array().map(Vec::len), Some(count));
        let metrics = daemon.get("/metrics");
        started::check_metrics(&metrics);
        for path in ["/api/connections?limit=1000", "/", "/healthz"] {
            assert_harmless(path, &daemon.get(path));
        }
        assert_harmless("metrics", &metrics);
        let evidence = daemon.evidence();
        assert!(!evidence.is_empty());
        for file in &evidence {
            assert_harmless("evidence", file.to_str().expect("UTF-8"));
        }
        let (status, _, said) = daemon.end(nix::sys::signal::Signal::SIGTERM);
        assert!(status.success() && said.lines().count() > count, "{said}");
        assert_harmless(log, &said);
    }
}

#[cfg(all(feature = "live", target_os = "linux"))]
mod live {
    use super::net::{Net, SERVER};
    use nix::sched::{CloneFlags, setns};
    use std::fs::File;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::path::PathBuf;
    use std::thread::{self, JoinHandle};

    /// Both sides of each conversation, the client's in its network and the server's in the other.
    pub(crate) fn talk(net: &Net, conversations: Vec<(u16, Vec<u8>, Vec<u8>)>) {
        let listeners = inside(net.server_namespace(), || {
            [1883, 8883].map(|port| (port, TcpListener::bind((SERVER, port)).expect("a port")))
        });
        let listeners = listeners.join().expect("sockets");
        let talking = inside(net.client_namespace(), move || {
            for (port, said, answer) in conversations {
                let (_, listener) = listeners.iter().find(|(own, _)| *own == port).expect("a listener");
                let mut client = TcpStream::connect((SERVER, port)).expect("a connection");
                let (mut server, _) = listener.accept().expect("a connection");
                client.write_all(&said).expect("room");
                server.read_exact(&mut vec![0; said.len()]).expect("what the client said");
                server.write_all(&answer).expect("room");
                client.read_exact(&mut vec![0; answer.len()]).expect("what the server said");
            }
        });
        talking.join().expect("all was said");
    }

    fn inside<T: Send + 'static>(namespace: PathBuf, run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let namespace = File::open(namespace).expect("a namespace");
        thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may change networks");
            run()
        })
    }
}
