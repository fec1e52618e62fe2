//! The report as users and programs get it: JSON that keeps its schema, text that keeps its layout and its terminal.

#[path = "../captures/mod.rs"]
mod captures;
mod for_ci;
mod samples;

use iotcap::report::model::{Capture, CaptureKind, Connection, Group, Outcome, PhaseName, Report, Summary};
use iotcap::report::{Format, Glyphs, Html, Json, JsonLines, Pace, Text, TextOptions, schema, teach};
use serde_json::Value;
use std::path::Path;
use unicode_width::UnicodeWidthStr;

fn summary(connections: &[Connection]) -> Summary {
    let mut summary = Summary::default();
    for connection in connections {
        summary.count(&connection.glance());
    }
    summary
}

fn render_whole(format: &mut dyn Format, capture: &Capture, connections: &[Connection], groups: &[Group]) -> String {
    let mut out = Vec::new();
    format.begin(&mut out).unwrap();
    for connection in connections {
        format.connection(connection, &mut out).unwrap();
    }
    format.finish(capture, &summary(connections), groups, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(options: TextOptions, connections: &[Connection]) -> String {
    render_whole(&mut Text::new(options), &samples::capture(), connections, &[])
}

fn samples() -> Vec<Connection> {
    vec![
        samples::healthy(),
        samples::refused(),
        samples::stuck_syn(),
        samples::inferred_refusal(),
        samples::open_and_decrypted(),
        samples::inconclusive(),
        samples::hostile(),
    ]
}

mod json {
    use super::*;

    fn validator(schema: &Value) -> jsonschema::Validator {
        jsonschema::options().should_validate_formats(true).build(schema).unwrap()
    }

    fn check(validator: &jsonschema::Validator, instance: &Value) {
        let errors: Vec<_> = validator.iter_errors(instance).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
    }

    #[test]
    fn every_report_keeps_the_schema() {
        let validator = validator(&schema());
        let groups = [samples::takeover()];
        for connections in [&[][..], &samples()[..1], &samples()] {
            for capture in [samples::capture(), samples::damaged_capture()] {
                let report = render_whole(&mut Json::default(), &capture, connections, &groups);
                check(&validator, &serde_json::from_str(&report).unwrap());
            }
        }
    }

    #[test]
    fn a_wrong_report_does_not_keep_the_schema() {
        let validator = validator(&schema());
        let report = render_whole(&mut Json::default(), &samples::capture(), &samples(), &[]);
        for (pointer, wrong) in [
            ("/schema", "iotcap.report/2"),
            ("/connections/0/outcome", "fine"),
            ("/connections/0/started", "yesterday"),
            ("/connections/0/timings/total", "3 ms"),
            ("/connections/1/events/0/frame", "1"),
        ] {
            let mut report: Value = serde_json::from_str(&report).unwrap();
            *report.pointer_mut(pointer).unwrap() = wrong.into();
            assert!(!validator.is_valid(&report), "{pointer} may be {wrong}");
        }
    }

    /// docs/report.schema.json is what programs are written against; UPDATE_EXPECT=1 writes it anew.
    #[test]
    fn the_published_schema_is_the_one_in_use() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
        let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &current).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(published, current, "UPDATE_EXPECT=1 writes {} anew", path.display());
    }

    #[test]
    fn a_report_can_be_read_back() {
        let mut connections = samples();
        // Their order is that of the list, and no part of the report.
        for connection in &mut connections {
            connection.ordinal = 0;
        }
        let groups = [samples::takeover()];
        let json = render_whole(&mut Json::default(), &samples::damaged_capture(), &connections, &groups);
        let report: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(report.connections, connections);
        assert_eq!(report.capture, samples::damaged_capture());
        assert_eq!(report.summary, summary(&connections));
        assert_eq!(report.groups, groups);
    }

    #[test]
    fn fields_have_the_contracts_names_and_unknown_ones_are_null() {
        let json =
            render_whole(&mut Json::default(), &samples::capture(), &[samples::refused(), samples::stuck_syn()], &[]);
        let report: Value = serde_json::from_str(&json).unwrap();
        let field = |pointer: &str| report.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}")).clone();
        assert_eq!(field("/schema"), "iotcap.report/1");
        assert_eq!(field("/connections/0/started"), "2026-11-22T18:20:57.838983805Z");
        assert_eq!(field("/connections/0/stopped_in"), "tls-authentication");
        assert_eq!(field("/connections/0/closed/by"), "server");
        assert_eq!(field("/connections/0/closed/frame"), 11);
        assert_eq!(field("/connections/0/timings/tls_hello"), 22.065);
        assert_eq!(field("/connections/0/tls/alerts/0/frame"), 11);
        assert_eq!(field("/connections/0/tls/alerts/0/description"), "unknown_ca");
        assert_eq!(field("/connections/0/findings/0/frames"), serde_json::json!([10, 11]));
        assert_eq!(field("/connections/0/events/3/kind"), "client_hello");
        assert_eq!(field("/connections/0/events/3/ms"), 21.081);
        for unknown in ["ended", "tls", "mqtt", "closed/by", "closed/frame", "timings/rtt", "tcp/rtt", "tcp/mss/client"]
        {
            assert_eq!(field(&format!("/connections/1/{unknown}")), Value::Null);
        }
        for unknown in ["filter", "damaged", "dropped/kernel", "dropped/interface"] {
            assert_eq!(field(&format!("/capture/{unknown}")), Value::Null);
        }
    }

    #[test]
    fn lines_hold_one_connection_each_and_the_whole_comes_last() {
        let connections = samples();
        let lines = render_whole(&mut JsonLines::default(), &samples::capture(), &connections, &[samples::takeover()]);
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), connections.len() + 1);
        assert_eq!(lines[0]["id"], "1");
        let last = lines.last().unwrap();
        assert_eq!(last["schema"], "iotcap.report/1");
        assert_eq!(last["summary"]["failed"], 4);
        assert_eq!(last["groups"][0]["id"], "session-taken-over");

        let mut of_connection = schema();
        of_connection["$ref"] = "#/$defs/Connection".into();
        for key in ["type", "properties", "required"] {
            of_connection.as_object_mut().unwrap().remove(key);
        }
        let validator = validator(&of_connection);
        for line in &lines[..connections.len()] {
            check(&validator, line);
        }
    }

    #[test]
    fn one_line_a_connection_can_be_searched_with_grep() {
        let json = render_whole(&mut Json::default(), &samples::capture(), &samples(), &[]);
        let lines = json.lines().filter(|line| line.starts_with("{\"id\":")).count();
        assert_eq!(lines, samples().len());
    }
}

mod in_text {
    use super::*;

    const DEFAULT: TextOptions = TextOptions {
        width: 100,
        colour: false,
        glyphs: Glyphs::Unicode,
        verbose: false,
        events: false,
        teach: false,
        limit: 50,
        pace: Pace::AtEnd,
    };

    #[test]
    fn a_healthy_connection_takes_one_line() {
        insta::assert_snapshot!(text(DEFAULT, &[samples::healthy()]));
    }

    #[test]
    fn a_refused_certificate_is_told_in_full() {
        insta::assert_snapshot!(text(DEFAULT, &[samples::refused()]));
    }

    #[test]
    fn a_refused_certificate_in_72_columns() {
        insta::assert_snapshot!(text(TextOptions { width: 72, ..DEFAULT }, &[samples::refused()]));
    }

    #[test]
    fn a_refused_certificate_in_ascii() {
        let told =
            text(TextOptions { glyphs: Glyphs::Ascii, ..DEFAULT }, &[samples::refused(), samples::inferred_refusal()]);
        assert!(told.is_ascii(), "{told}");
        insta::assert_snapshot!(told);
    }

    #[test]
    fn an_unanswered_syn() {
        insta::assert_snapshot!(text(DEFAULT, &[samples::stuck_syn()]));
    }

    #[test]
    fn what_is_inferred_is_marked_and_the_mark_is_explained_once() {
        let told = text(DEFAULT, &[samples::inferred_refusal(), samples::inferred_refusal()]);
        assert_eq!(told.matches("inferred from sizes").count(), 1);
        insta::assert_snapshot!(text(DEFAULT, &[samples::inferred_refusal()]));
    }

    #[test]
    fn an_open_one_and_one_without_a_verdict() {
        let connections = [samples::open_and_decrypted(), samples::inconclusive()];
        insta::assert_snapshot!(text(TextOptions { verbose: true, ..DEFAULT }, &connections));
    }

    #[test]
    fn beyond_the_limit_causes_come_first_and_only_failures_are_told() {
        let mut connections = vec![samples::healthy(); 5];
        connections.extend([samples::stuck_syn(), samples::refused(), samples::stuck_syn(), samples::stuck_syn()]);
        insta::assert_snapshot!(text(TextOptions { limit: 2, ..DEFAULT }, &connections));
    }

    #[test]
    fn a_damaged_capture_says_what_it_lacks() {
        let connections = [samples::healthy()];
        let groups = [samples::takeover()];
        let told = render_whole(&mut Text::new(DEFAULT), &samples::damaged_capture(), &connections, &groups);
        insta::assert_snapshot!(told);
    }

    #[test]
    fn on_any_it_is_not_exact_what_was_dropped() {
        let (kind, source) = (CaptureKind::Live, "any lo".to_owned());
        let capture = Capture { kind, source, ..samples::damaged_capture() };
        let told = render_whole(&mut Text::new(DEFAULT), &capture, &[], &[]);
        assert!(told.contains("about 312 frames by the kernel"), "{told}");
    }

    #[test]
    fn a_live_connection_is_told_at_once() {
        let mut out = Vec::new();
        let mut live = Text::new(TextOptions { pace: Pace::AtOnce, limit: 1, ..DEFAULT });
        live.begin(&mut out).unwrap();
        live.connection(&samples::healthy(), &mut out).unwrap();
        assert!(String::from_utf8_lossy(&out).contains("✔ ok"));
        out.clear();
        live.connection(&samples::healthy(), &mut out).unwrap();
        assert!(out.is_empty(), "beyond the limit healthy ones are only counted");
        live.connection(&samples::stuck_syn(), &mut out).unwrap();
        assert!(String::from_utf8_lossy(&out).contains("never answered"));
    }

    #[test]
    fn an_event_is_told_as_it_happens() {
        let mut out = Vec::new();
        let mut live = Text::new(TextOptions { pace: Pace::AtOnce, events: true, ..DEFAULT });
        let connection = samples::inferred_refusal();
        for event in &connection.events[3..5] {
            live.event("192.0.2.10:36661", event, &mut out).unwrap();
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "192.0.2.10:36661              6    0.043143  │◀────┤  tls   server_hello  TLS 1.3, TLS_AES_256_GCM_SHA384\n\
             192.0.2.10:36661              6    0.043143  │◀╌╌╌╌┤ ~tls   encrypted_extensions  23 bytes\n"
        );
    }

    #[test]
    fn a_long_story_is_cut_but_not_where_it_proves_something() {
        let mut long = samples::refused();
        let middle = long.events[3].clone();
        long.events.splice(4..4, vec![middle; 200]);
        let told = text(DEFAULT, &[long.clone()]);
        assert!(told.contains("more events (-v tells them)"), "{told}");
        assert!(told.contains("▸    11"), "the frames that prove the verdict are marked");
        assert!(told.lines().count() < 120, "{told}");
        let all = text(TextOptions { verbose: true, ..DEFAULT }, &[long]);
        assert_eq!(all.matches("client_hello").count(), 201);
    }

    #[test]
    fn every_event_can_have_its_lesson() {
        let told = text(TextOptions { teach: true, width: 1000, ..DEFAULT }, &[samples::refused()]);
        for event in &samples::refused().events {
            let lesson = teach::event(event.layer, &event.kind).unwrap();
            let taught = format!("{} ({})", lesson.sentence, lesson.section);
            assert_eq!(told.matches(&taught).count(), 1, "{}: told once, where it first comes up", event.kind);
        }
        let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text} is not in {told}"));
        let phase = at("tls-authentication: ");
        assert!(at("tls   server_hello ") < phase && phase < at("tls   certificate "), "{told}");
        let lesson = teach::phase(PhaseName::TlsAuthentication);
        assert!(told.contains(&format!("tls-authentication: {}", lesson.sentence)), "{told}");
    }

    #[test]
    fn nothing_from_the_wire_acts_on_the_terminal() {
        for colour in [false, true] {
            let told = text(TextOptions { colour, verbose: true, ..DEFAULT }, &[samples::hostile()]);
            let without_colours = told.lines().map(without_sgr).collect::<String>();
            let acting = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
            assert_eq!(without_colours.find(acting), None, "{told:?}");
            assert!(without_colours.contains(r"\x1b[2J\x1b]0;owned\x07\u{202e}gpj.exe\r\n\x9b31m\u{200b}"));
        }
    }

    /// A line without the colours that the report itself may write: `ESC [ digits ; … m`.
    fn without_sgr(line: &str) -> String {
        let mut parts = line.split("\x1b[");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |shown, part| match part.find(|c: char| !c.is_ascii_digit() && c != ';') {
            Some(end) if part[end..].starts_with('m') => shown + &part[end + 1..],
            _ => shown + "\x1b[" + part,
        })
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        for connection in samples() {
            let plain = text(DEFAULT, std::slice::from_ref(&connection));
            let coloured = text(TextOptions { colour: true, ..DEFAULT }, &[connection]);
            let stripped: String = coloured.lines().map(|line| without_sgr(line) + "\n").collect();
            assert_eq!(stripped, plain);
        }
    }

    #[test]
    fn lines_keep_to_the_width_but_what_is_to_be_copied() {
        for width in [60, 72, 80, 100, 140] {
            let told = text(TextOptions { width, verbose: true, ..DEFAULT }, &samples());
            for line in told.lines().filter(|line| !line.starts_with("  filter ")) {
                assert!(line.width() <= width, "{} columns of {width}: {line}", line.width());
            }
        }
    }

    #[test]
    fn every_outcome_has_a_mark_and_a_place_in_the_summary() {
        let connections: Vec<_> = Outcome::ALL
            .iter()
            .map(|&outcome| Connection { outcome, headline: "x".to_owned(), ..samples::connection(1, 1) })
            .collect();
        let told = text(DEFAULT, &connections);
        assert!(
            told.contains("5 connections · ✔ 1 ok · ▲ 1 degraded · ✘ 1 failed · ○ 1 open · ? 1 inconclusive"),
            "{told}"
        );
    }
}

/// What a browser makes of it is for tests/html to say.
mod in_html {
    use super::*;

    fn page(connections: &[Connection]) -> String {
        render_whole(&mut Html::default(), &samples::damaged_capture(), connections, &[samples::takeover()])
    }

    #[test]
    fn the_page_holds_its_frame_and_its_data() {
        let page = page(&[samples::stuck_syn()]);
        let (_, page) = page.split_once("</style>").expect("a style");
        let (page, _) = page.rsplit_once("<script>").expect("a script");
        // What findings mean is the rules' own text, deflated data is for the next test; a line an element reads better.
        let is_told = |line: &&str| !line.contains("id=\"learn\"") && !line.contains("application/octet-stream");
        let lines: Vec<_> = page.lines().filter(is_told).collect();
        insta::assert_snapshot!(lines.join("\n").replace("><", ">\n<"));
    }

    #[test]
    fn connections_stand_in_the_order_of_their_first_frames() {
        let page = page(&[samples::stuck_syn(), samples::refused(), samples::open_and_decrypted()]);
        let ids = |block: &str| -> Vec<_> {
            inflated(&page, block).lines().map(|line| json(line)["id"].as_str().expect("an id").to_owned()).collect()
        };
        assert_eq!(ids("data-rows-0"), ["1", "7", "40"]);
        assert_eq!(ids("data-details-0"), ["1", "7", "40"]);
        assert_eq!(json(data(&page, "blocks")), serde_json::json!({"rows": [3], "details": [3]}));
        let details = inflated(&page, "data-details-0");
        let second = details.lines().nth(1).expect("the second line");
        let told = serde_json::to_value(samples::open_and_decrypted()).expect("a value");
        assert_eq!(json(second), told, "the contract's own connection");
        assert!(json(data(&page, "learn"))["findings"]["syn-unanswered"]["means"].is_string());
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    fn data<'a>(page: &'a str, id: &str) -> &'a str {
        let (_, block) = page.split_once(&format!("id=\"{id}\">")).expect("a block");
        block.split_once("</script>").expect("its end").0
    }

    /// Base64 (RFC 4648, section 4) of deflated bytes.
    fn inflated(page: &str, id: &str) -> String {
        let alphabet = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect::<String>();
        let digits = data(page, id).trim_end_matches('=').chars().map(|digit| alphabet.find(digit).expect("base64"));
        let bits: Vec<u8> =
            digits.flat_map(|digit| (0..6).rev().map(move |bit| u8::from(digit >> bit & 1 == 1))).collect();
        let bytes: Vec<u8> = bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit)).collect();
        std::io::read_to_string(flate2::read::DeflateDecoder::new(bytes.as_slice())).expect("deflated")
    }

    #[test]
    fn no_capture_makes_a_page_that_runs_anything_else() {
        let page = page(&samples());
        let policy = "content=\"default-src 'none'; style-src 'sha256-";
        assert!(page.contains(policy), "the browser shall not even have to ask");
        assert_eq!(page.matches("<script>").count(), 1);
        assert!(!page.contains(" src=") && !page.contains("href=\"http"));
    }
}
