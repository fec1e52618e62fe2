//! The report as a page, in a real browser: it works, it asks no network, and nothing from the wire does any harm.

mod browser;
#[path = "../captures/mod.rs"]
mod captures;
#[path = "../report/samples.rs"]
#[allow(dead_code, reason = "a part of the samples is enough here")]
mod samples;

use browser::Browser;
use captures::have;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use iotcap::report::model::{Connection, Expectation, Mismatch, Outcome, Summary};
use iotcap::report::{Format, Html};
use serde_json::{Value, json};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A report in a file, and a browser that shows it.
struct Page {
    browser: Browser,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Page {
    /// None where there is no Chromium.
    fn of(connections: &[Connection]) -> Option<Self> {
        Self::with(|file| write_report(connections, file))
    }

    fn with(write: impl FnOnce(&Path)) -> Option<Self> {
        if !have("chromium") || !have("chromedriver") {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("report.html");
        write(&file);
        let page = Self { browser: Browser::start(), file, _folder: folder };
        page.browser.resize(1280, 900);
        page.open("");
        Some(page)
    }

    fn open(&self, fragment: &str) {
        self.browser.open(&self.file, fragment);
    }

    fn run(&self, script: &str) -> Value {
        self.browser.run(script)
    }

    fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({}).innerText", json!(selector));
        self.run(&script).as_str().unwrap_or_default().to_owned()
    }

    fn count(&self, selector: &str) -> u64 {
        self.run(&format!("return document.querySelectorAll({}).length", json!(selector))).as_u64().expect("a number")
    }

    fn click(&self, selector: &str) {
        self.run(&format!("document.querySelector({}).click()", json!(selector)));
    }

    /// The column of the table, from top to bottom.
    fn column(&self, class: &str) -> Vec<String> {
        let script =
            format!("return [...document.querySelectorAll('tr.row > .{class}')].map((cell) => cell.innerText)");
        let cells = self.run(&script);
        cells.as_array().expect("cells").iter().map(|cell| cell.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Types all of it, and leaves the search.
    fn search(&self, text: &str) {
        let script = "const search = document.getElementById('search'); search.value = TEXT; \
                      ['input', 'change'].forEach((what) => search.dispatchEvent(new Event(what, {bubbles: true})))";
        self.run(&script.replace("TEXT", &json!(text).to_string()));
    }

    /// Nothing was asked of a network, and nothing went wrong.
    fn is_quiet(&self) {
        assert_eq!(self.browser.console(), Vec::<String>::new());
        assert_eq!(self.run("return performance.getEntriesByType('resource').map((entry) => entry.name)"), json!([]));
    }
}

fn write_report(connections: &[Connection], file: &Path) {
    write_judged(connections, &[], file);
}

fn write_judged(connections: &[Connection], expectations: &[Expectation], file: &Path) {
    let mut out = BufWriter::new(std::fs::File::create(file).expect("a file"));
    let mut format = Html::default();
    let mut summary = Summary::default();
    format.begin(&mut out).expect("written");
    for connection in connections {
        summary.count(&connection.glance());
        format.connection(connection, &mut out).expect("written");
    }
    format.judged(expectations);
    format.finish(&samples::capture(), &summary, &[samples::takeover()], &mut out).expect("written");
}

/// Connections of all kinds, each with a frame and a port of its own.
fn many(number: u64) -> Vec<Connection> {
    let kinds = [
        samples::healthy(),
        samples::refused(),
        samples::stuck_syn(),
        samples::inferred_refusal(),
        samples::open_and_decrypted(),
        samples::inconclusive(),
    ];
    let numbered = |(kind, number): (&Connection, u64)| {
        let mut connection = kind.clone();
        connection.ordinal = number;
        connection.id = number.to_string();
        connection.client.address = format!("10.0.{}.{}", number / 250, number % 250);
        connection
    };
    kinds.iter().cycle().zip(1..=number).map(numbered).collect()
}

#[test]
fn real_captures_are_shown_as_the_json_report_tells_them() {
    let mut arguments: Vec<_> = captures::recorded_fixtures()
        .into_iter()
        .map(|folder| folder.join("capture.pcapng").into_os_string())
        .collect();
    let page = Page::with(|file| {
        let mut target = std::ffi::OsString::from("html=");
        target.push(file);
        let options = ["--quiet".into(), "--report".into(), target];
        let output = captures::iotcap(arguments.iter().cloned().chain(options));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
    let Some(page) = page else { return };
    let told = captures::report(std::mem::take(&mut arguments));
    let connections = told["connections"].as_array().expect("connections");
    assert_eq!(page.text("#table-count"), format!("{} connections", connections.len()));
    assert_eq!(page.text("[data-outcome=failed] .count"), told["summary"]["failed"].to_string());

    // Every one of them can be opened, and its story is whole.
    for connection in connections {
        let id = connection["id"].as_str().expect("an id");
        let fragment = format!("#connection-{id}");
        page.run(&format!("location.hash = ''; location.hash = {}", json!(fragment)));
        page.run("dispatchEvent(new HashChangeEvent('hashchange'))");
        let shown = format!("tr[id=\"details-{id}\"] ");
        assert!(page.text(&format!("{shown}.verdict")).contains(connection["headline"].as_str().unwrap()), "{id}");
        page.run(&format!("document.querySelector({})?.click()", json!(format!("{shown}li.more button"))));
        let events = connection["events"].as_array().expect("events").len();
        assert_eq!(page.count(&format!("{shown}.ladder .event")), events as u64, "{id}");
        let phases = connection["phases"].as_array().expect("phases").len();
        assert_eq!(page.count(&format!("{shown}.bars .bar")), phases as u64, "{id}");
        for finding in connection["findings"].as_array().expect("findings") {
            assert!(page.text(&format!("{shown}.findings")).contains(finding["code"].as_str().unwrap()), "{id}");
        }
        page.click(&format!("tr[id=\"connection-{id}\"] button.open"));
    }
    page.is_quiet();
}

#[test]
fn the_table_sorts_filters_and_searches() {
    let Some(page) = Page::of(&many(60)) else { return };
    assert_eq!(page.text("#table-count"), "60 connections");
    assert_eq!(page.column("frame").len(), 50, "a page of the table");

    page.click("th.outcome button");
    assert_eq!(page.run("return document.querySelector('th.outcome').ariaSort"), "ascending");
    assert!(page.column("outcome").iter().take(30).all(|outcome| outcome.ends_with("failed")));
    page.click("th.outcome button");
    assert!(page.column("outcome").iter().take(10).all(|outcome| outcome.ends_with("ok")));
    page.click("th.total button");
    assert!(page.column("total").iter().take(10).all(|total| total == "3.0 s"), "the slowest first");
    page.click("th.frame button");
    assert_eq!(page.column("frame")[..3], ["1", "2", "3"]);

    page.click("[data-outcome=open]");
    assert_eq!(page.text("#table-count"), "10 of 60 connections");
    assert!(page.column("outcome").iter().all(|outcome| outcome.ends_with("open")));
    page.click("[data-outcome=open]");
    page.click("[data-cause=syn-unanswered]");
    assert_eq!(page.column("cause"), vec!["syn-unanswered"; 10]);
    page.search("10.0.0.3 never");
    assert_eq!(page.column("frame"), ["3", "33", "39"], "all words, anywhere in the row");
    page.search("nothing is called so");
    assert_eq!(page.text("#table-count"), "0 of 60 connections");
    page.click("button.reset");
    page.search("SENSOR-7");
    assert_eq!(page.column("frame").len(), 10, "a client id, whatever its case");
    page.search("温度");
    assert_eq!(page.column("frame").len(), 10, "a topic");
    page.click("button.reset");
    page.click(".pager button:nth-of-type(3)");
    assert_eq!(page.column("frame")[0], "51");
    page.is_quiet();
}

#[test]
fn a_refused_certificate_is_drawn() {
    let Some(page) = Page::of(&[samples::refused(), samples::stuck_syn()]) else { return };
    page.open("#connection-1");
    // Frames 1, 2, 3, 4, 6, 8, 10, 11, 12 of the sample.
    assert_eq!(page.count(".ladder .step"), 9);
    assert_eq!(page.count(".ladder .step.client"), 4);
    assert_eq!(page.count(".ladder .step.proof[data-frame='10'], .ladder .step.proof[data-frame='11']"), 2);
    assert_eq!(page.count(".ladder .step.rst .cross"), 1, "a reset does not look like data");
    let height = |frame: u64| {
        let script = "return document.querySelector(`.step[data-frame='FRAME'] .arrow`).getBoundingClientRect().top";
        page.run(&script.replace("FRAME", &frame.to_string())).as_f64().expect("a place")
    };
    assert!(height(2) - height(1) > 2.0 * (height(3) - height(2)), "20 ms are longer than 64 µs");
    assert!(height(3) - height(2) >= 20.0, "and no arrow hides another");
    page.click(".details .tools input");
    assert!(height(2) - height(1) < 30.0, "without the scale they stand close");

    page.click(".chip");
    assert_eq!(page.run("return document.activeElement.dataset.frame"), "10");
    assert!(page.text(".filter code").contains("ip.addr==192.0.2.10 && tcp.port==55603"));
    assert_eq!(page.count(".bars .bar.not-reached"), 2);
    assert!(page.text(".certificates").contains("CN=a1lab0example-ats"));
    assert!(page.text(".details .finding.error").contains("the certificate is not registered in this account"));

    page.search("");
    page.click("#connection-40 button.open");
    assert_eq!(page.count("[id='details-40'] .step.retransmission"), 3);
    page.is_quiet();
}

#[test]
fn every_step_can_be_explained() {
    let Some(page) = Page::of(&[samples::refused()]) else { return };
    let visible =
        "return [...document.querySelectorAll('.ladder .lesson')].filter((lesson) => lesson.checkVisibility()).length";
    let events = samples::refused().events.len() as u64;
    assert_eq!(page.count(".ladder .event .ask"), events, "each has a sentence");
    assert_eq!(page.run(visible), 0, "and keeps it until it is asked for");
    page.click(".ladder .step .ask");
    assert_eq!(page.run(visible), 1);
    assert!(page.text(".ladder .step .lesson").contains("RFC 9293"), "what a SYN is, and where that stands");
    page.click(".ladder .step .ask");
    assert_eq!(page.run(visible), 0);
    page.click(".tools label:nth-of-type(2) input");
    // 15 kinds of event, certificate being sent by both sides; and three phases.
    assert_eq!(page.run(visible), 15 + 3);
    page.is_quiet();
}

#[test]
fn expectations_lead_to_the_connections_that_do_not_meet_them() {
    let unmet = Expectation {
        name: "the gateway".to_owned(),
        expected: "reaches mqtt-session".to_owned(),
        met: false,
        connections: 1,
        mismatches: vec![Mismatch {
            connection: Some("40".to_owned()),
            message: "it reached syn".to_owned(),
            frames: samples::frames(&[40, 43]),
        }],
        more_mismatches: 2,
    };
    let connections = [samples::refused(), samples::stuck_syn()];
    let Some(page) = Page::with(|file| write_judged(&connections, &[unmet], file)) else { return };
    let told = page.text(".expectations");
    assert!(told.contains("not met") && told.contains("it reached syn (frames 40, 43)") && told.contains("and 2 more"));
    page.click(".expectations a");
    assert!(page.text("[id='details-40'] .verdict").contains("never answered"));
    page.is_quiet();
}

#[test]
fn what_is_inferred_is_dashed_and_says_so() {
    let Some(page) = Page::of(&[samples::inferred_refusal()]) else { return };
    let dashed = "return getComputedStyle(document.querySelector('.step.inferred .arrow line')).strokeDasharray";
    assert_ne!(page.run(dashed), "none");
    let solid = "return getComputedStyle(document.querySelector('.step:not(.inferred) .arrow line')).strokeDasharray";
    assert_eq!(page.run(solid), "none");
    assert!(page.text(".ladder").contains("inferred, likely"));
    page.is_quiet();
}

#[test]
fn it_can_be_used_by_keyboard_alone() {
    const DOWN: char = '\u{e015}';
    const ENTER: char = '\u{e007}';
    const ESCAPE: char = '\u{e00c}';
    const TAB: char = '\u{e004}';
    let Some(page) = Page::of(&many(12)) else { return };
    let focused = |what: &str| page.run(&format!("return document.activeElement.{what}"));
    page.browser.press('/');
    assert_eq!(focused("id"), "search");
    for letter in "refused".chars() {
        page.browser.press(letter);
    }
    assert_eq!(page.text("#table-count"), "2 of 12 connections");
    let button = "document.activeElement.matches('button.open')";
    for _ in 0..12 {
        if page.run(&format!("return {button}")) == true {
            break;
        }
        page.browser.press(TAB);
    }
    page.browser.press(DOWN);
    page.browser.press(ENTER);
    assert_eq!(focused("ariaExpanded"), "true");
    assert_eq!(page.count("tr.opened .ladder"), 1);
    assert_eq!(page.run("return location.hash"), "#connection-8");
    page.browser.press(ESCAPE);
    assert_eq!(focused("ariaExpanded"), "false");
    assert_eq!(page.count("tr.opened"), 0);
    // What a screen reader is told.
    assert_eq!(page.run("return document.getElementById('table-count').getAttribute('aria-live')"), "polite");
    assert_eq!(page.count("[role=row] > :not([role])"), 0);
    assert_eq!(page.count("button:not([aria-label])").min(1), 1);
    assert_eq!(
        page.run(
            "return [...document.querySelectorAll('button')].filter((b) => !(b.ariaLabel || b.textContent)).length"
        ),
        0
    );
    page.is_quiet();
}

#[test]
fn a_hostile_name_does_no_harm() {
    let markup = "</script><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'><!--<script>";
    let turning = "\u{202e}gpj.exe\u{2066}\u{200b}\u{0}\r\n";
    let long = "x".repeat(65_536);
    let nasty = [markup, turning, "{{7*7}} ${alert(1)} javascript:alert(1)", &long];
    let connections: Vec<_> = nasty.iter().zip(1..).map(|(nasty, number)| hostile(number, nasty)).collect();
    let Some(page) = Page::of(&connections) else { return };
    page.browser.resize(400, 800);
    for connection in &connections {
        page.click(&format!("#connection-{} button.open", connection.id));
    }
    assert_eq!(page.run("return window.hurt ?? null"), Value::Null);
    assert_eq!(page.count("img, iframe, script:not([type]) ~ script:not([type])"), 0);
    assert!(page.text("#connection-1 button.open").contains("<img src=x onerror="), "it is shown, not run");
    assert!(page.text("#connection-2").contains("\\u{202e}gpj.exe\\u{2066}\\u{200b}\\x00\\x0d\\x0a"));
    let acting = page
        .run("return /[\\u200b-\\u200f\\u202a-\\u202e\\u2066-\\u2069]/.test(document.querySelector('main').innerText)");
    assert_eq!(acting, false);
    assert_eq!(page.run("return document.documentElement.scrollWidth"), 400, "the page is no wider than the window");
    assert!(page.text("[id='details-4'] .verdict").contains("65,5"), "how long it was");
    page.search("onerror");
    assert_eq!(page.column("frame"), ["1"]);
    page.is_quiet();
}

/// Says `nasty` wherever a peer can.
fn hostile(number: u64, nasty: &str) -> Connection {
    let text = || nasty.to_owned();
    let mut connection = samples::hostile();
    connection.ordinal = number;
    connection.id = number.to_string();
    connection.headline = format!("The name was {nasty}");
    connection.server.name = Some(text());
    connection.display_filter.wireshark = text();
    connection.cause = Some(text());
    connection.events.iter_mut().for_each(|event| event.detail = text());
    for finding in &mut connection.findings {
        finding.message = text();
        finding.evidence = vec![text()];
        finding.causes = vec![text().into()];
        finding.remedy = vec![text().into()];
    }
    if let Some(tls) = &mut connection.tls {
        tls.server_name = Some(text());
        tls.alpn = Some(text());
        tls.offered_ciphers = vec![text(); 5];
        for certificate in tls.certificates.client.iter_mut().chain(&mut tls.certificates.server) {
            certificate.subject = text();
            certificate.names = vec![text()];
        }
    }
    if let Some(mqtt) = &mut connection.mqtt {
        mqtt.client_id = Some(text());
        mqtt.username = Some(text());
        mqtt.topics.iter_mut().for_each(|topic| topic.name = text());
    }
    connection
}

#[test]
fn what_was_deflated_is_inflated() {
    let Some(page) = Page::of(&[samples::healthy()]) else { return };
    let words = "client-hello server-hello ".repeat(40) + "finished";
    let noise: Vec<u8> = (0..70_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let long_runs: Vec<u8> =
        noise.iter().flat_map(|&byte| std::iter::repeat_n(byte, usize::from(byte))).take(90_000).collect();
    // The three kinds of block (RFC 1951, 3.2.3): stored, fixed codes, codes of their own.
    for (bytes, effort) in
        [(&b""[..], 6), (b"a", 6), (&noise[..], 0), (&noise[..300], 9), (words.as_bytes(), 1), (&long_runs, 9)]
    {
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::new(effort));
        deflated.write_all(bytes).expect("memory");
        let deflated = deflated.finish().expect("memory");
        let inflated = page.run(&format!("return [...inflate(Uint8Array.from({}))]", json!(deflated)));
        assert_eq!(serde_json::from_value::<Vec<u8>>(inflated).expect("bytes"), bytes, "{} bytes", bytes.len());
    }
    page.is_quiet();
}

#[test]
fn ten_thousand_connections_stay_fluent() {
    let Some(page) = Page::of(&many(10_000)) else { return };
    let size = std::fs::metadata(&page.file).expect("the report").len();
    assert!(size < 10_000_000, "{size} bytes");
    assert_eq!(page.text("#table-count"), "10,000 connections");
    let timed = |action: &str| {
        let script = format!(
            "const begin = performance.now(); {action}; document.body.getBoundingClientRect(); return performance.now() - begin"
        );
        page.run(&script).as_f64().expect("milliseconds")
    };
    let search = "const search = document.getElementById('search'); search.value = 'WORDS'; \
                  search.dispatchEvent(new Event('input'))";
    // The machine may be busy with something else: the shortest of three searches is the page's own time.
    let searches = ["never 10.0.9", "sensor-7", "refused 10.0.7."].map(|words| timed(&search.replace("WORDS", words)));
    // 10.0.7.x are the connections from 1750 to 1999; each sixth, from 1754 on, is refused.
    assert_eq!(page.text("#table-count"), "41 of 10,000 connections");
    assert!(shortest(searches) < 50.0, "filtering took {searches:?} ms");
    let rows = page.count("tr.row");
    assert!(rows >= 12, "{rows} rows fill the window while somebody types");
    page.run("document.getElementById('search').dispatchEvent(new Event('change'))");
    assert_eq!(page.count("tr.row"), 41, "then all of them come");
    page.click("button.reset");
    let sorts =
        ["client", "total", "cause"].map(|key| timed(&format!("document.querySelector('th.{key} button').click()")));
    assert!(shortest(sorts) < 200.0, "sorting took {sorts:?} ms");
    let openings = [1, 2, 3].map(|_| timed("document.querySelector('button.open[aria-expanded=false]').click()"));
    assert!(shortest(openings) < 200.0, "opening took {openings:?} ms");
    // What is not opened is not in the document.
    assert!(page.count("main *") < 5_000);
    page.is_quiet();
}

#[test]
fn beyond_a_thousand_healthy_connections_are_told_without_their_events() {
    // Each sixth is healthy: 1 is the first of them, 9997 one of the last.
    let Some(page) = Page::of(&many(10_000)) else { return };
    page.open("#connection-1");
    assert!(page.count("[id='details-1'] .ladder .event") > 0);
    page.open("#connection-9997");
    assert_eq!(page.count("[id='details-9997'] .ladder .event"), 0);
    assert!(page.text("[id='details-9997']").contains("events are left out"), "and that is said");
    assert!(page.text("[id='details-9997'] .facts-grid").contains("4,084 bytes"), "the rest is there");
    page.open("#connection-9998");
    assert!(page.count("[id='details-9998'] .ladder .event") > 0, "one that failed is told in full");
    page.is_quiet();
}

fn shortest(times: [f64; 3]) -> f64 {
    times.into_iter().fold(f64::MAX, f64::min)
}

#[test]
fn on_paper_every_failed_connection_is_told() {
    let connections = many(12);
    let failed = connections.iter().filter(|connection| connection.outcome == Outcome::Failed).count();
    let Some(page) = Page::of(&connections) else { return };
    let pdf = page.browser.devtools("Page.printToPDF", &json!({}));
    assert!(pdf["data"].as_str().is_some_and(|data| data.len() > 50_000), "a PDF");
    page.run("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(page.count(".paper .details"), failed as u64);
    assert_eq!(page.count(".paper .finding.error:not([open])"), 0);
    page.run("dispatchEvent(new Event('afterprint'))");
    assert_eq!(page.count(".paper .details"), 0);
    page.is_quiet();
}

#[test]
fn without_a_script_it_is_a_list() {
    let Some(page) = Page::of(&many(12)) else { return };
    page.browser.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    page.open("");
    let document = page.browser.devtools("DOM.getDocument", &json!({}));
    let root = &document["root"]["nodeId"];
    let items = page.browser.devtools("DOM.querySelectorAll", &json!({"nodeId": root, "selector": "ol.listed > li"}));
    assert_eq!(items["nodeIds"].as_array().expect("nodes").len(), 12);
}

#[test]
fn it_is_light_or_dark_and_fits_a_telephone() {
    let Some(page) = Page::of(&many(12)) else { return };
    let paper = || page.run("return getComputedStyle(document.body).backgroundColor");
    let prefers = |scheme: &str| {
        let feature = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        page.browser.devtools("Emulation.setEmulatedMedia", &feature);
    };
    prefers("light");
    let light = paper();
    prefers("dark");
    let dark = paper();
    assert_ne!(light, dark);
    page.click("#theme");
    assert_eq!(paper(), light, "the reader's wish wins over the system's");
    page.click("#theme");
    assert_eq!(paper(), dark);
    for width in [320, 400, 768, 1280] {
        page.browser.resize(width, 800);
        page.open("#connection-2");
        assert_eq!(page.run("return document.documentElement.scrollWidth"), width);
    }
    page.is_quiet();
}
