//! A headless Chromium, driven by the WebDriver protocol (W3C) through chromedriver: one page, scripts, keys, the console.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A browser with one window; it ends with this value.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Only one browser at a time: what is measured is this one's speed.
    _turn: File,
    /// An empty profile.
    _profile: tempfile::TempDir,
}

/// What keeps Chromium quiet and still.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
];

impl Browser {
    /// Starts the driver and the browser.
    pub(crate) fn start() -> Self {
        let turn = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser.lock")).expect("a lock");
        turn.lock().expect("this test's turn");
        let mut driver =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().expect("chromedriver runs");
        let port = port_of(&mut driver);
        let profile = tempfile::tempdir().expect("a folder");
        let mut arguments: Vec<_> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        }}});
        let mut browser = Self { driver, port, session: String::new(), _turn: turn, _profile: profile };
        let session = browser.ask("POST", "/session", &wanted);
        session["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        browser
    }

    /// Sets the size of the page, in pixels of CSS.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Opens a file, at a place in it.
    pub(crate) fn open(&self, file: &Path, fragment: &str) {
        // Another document first: a new fragment alone would not load anything.
        self.visit("about:blank");
        self.visit(&format!("file://{}{fragment}", file.display()));
    }

    /// Opens an address.
    pub(crate) fn visit(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    /// What a script's function body returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Presses a key where the focus is (WebDriver, 17.4.2 has the codes of those without a letter).
    pub(crate) fn press(&self, key: char) {
        let keys = [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        self.command("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": keys}]}));
    }

    /// A command of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// What the console said since the last time: errors of scripts and breaches of the content policy.
    pub(crate) fn console(&self) -> Vec<String> {
        let entries = self.command("se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().expect("entries");
        entries.iter().map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}/{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let (status, body) = read_answer(stream);
        assert!(status.starts_with("HTTP/1.1 200"), "{method} {path}: {}", String::from_utf8_lossy(&body));
        let mut answer: Value = serde_json::from_slice(&body).expect("JSON");
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its browser ends with the session; the driver is not waited for by anybody else.
        if !std::thread::panicking() {
            self.ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The status line and the body; the driver keeps the connection open after them.
fn read_answer(stream: TcpStream) -> (String, Vec<u8>) {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    for line in stream.by_ref().lines().map(|line| line.expect("an answer")) {
        if line.is_empty() {
            break;
        }
        head.push(line.to_ascii_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.expect("a length")];
    stream.read_exact(&mut body).expect("a body");
    (head.swap_remove(0).to_ascii_uppercase(), body)
}

/// The port that the driver chose, from the line in which it says so.
fn port_of(driver: &mut Child) -> u16 {
    let output = driver.stdout.take().expect("its output");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let port =
        lines.find_map(|line| line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok());
    // It goes on writing; nobody has to read that.
    std::thread::spawn(move || lines.for_each(drop));
    port.expect("chromedriver says its port")
}
