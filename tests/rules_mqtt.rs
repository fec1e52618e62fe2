//! The findings of MQTT, held against what the lab's scenarios promise: without keys and with them, and on parts of them.

use iotcap::analyzer::{Analyzer, Config};
use iotcap::connection::{Record, Settings};
use iotcap::decode::Interest;
use iotcap::diagnosis::{CaptureState, Desk, Group, Thresholds, Verdict};
use iotcap::frame::{Frame, FrameId};
use iotcap::lab::{self, Recording};

/// What is concluded from the frames that `keeps` lets through.
fn judged(recording: &Recording, keyed: bool, keeps: impl Fn(usize) -> bool) -> (Vec<(Record, Verdict)>, Vec<Group>) {
    let ports = vec![8883, 443, 1883];
    let mut analyzer = Analyzer::new(Config {
        interest: Interest { ports: ports.clone(), ipv6: true, dns: true },
        connection: Settings { ports, ..Settings::default() },
        ..Config::default()
    });
    if keyed {
        analyzer.add_secrets(&recording.secrets);
    }
    let mut desk = Desk::new(Thresholds::default());
    let mut told = Vec::new();
    for (index, frame) in recording.frames.iter().enumerate().filter(|(index, _)| keeps(*index)) {
        analyzer.push(&Frame {
            id: FrameId::new(0, index as u64 + 1),
            at: frame.at,
            link_type: recording.link_type,
            original_len: frame.original_len,
            data: &frame.data,
        });
        hand_over(&mut analyzer, &mut desk);
        told.extend(std::iter::from_fn(|| desk.poll(CaptureState::default())));
    }
    analyzer.finish();
    hand_over(&mut analyzer, &mut desk);
    desk.finish();
    told.extend(std::iter::from_fn(|| desk.poll(CaptureState::default())));
    told.sort_by_key(|(record, _)| record.ordinal);
    (told, desk.groups())
}

fn hand_over(analyzer: &mut Analyzer, desk: &mut Desk) {
    while let Some(arrival) = analyzer.poll_arrival() {
        desk.arrived(arrival);
    }
    while let Some(record) = analyzer.poll() {
        desk.push(record);
    }
    if let Some(now) = analyzer.now() {
        desk.advance(now);
    }
}

fn recorded(name: &str) -> Recording {
    let scenario = lab::find(name).unwrap_or_else(|| panic!("no {name}")).scenario().expect("a scenario");
    lab::run(&scenario).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Scenarios of MQTT, with what may be said without keys as well.
const SCENARIOS: &[(&str, &[&str])] = &[
    ("closed-on-connect-fin-tls12", &[]),
    ("closed-on-connect-reset-tls13", &[]),
    ("closed-on-connect-tls12", &[]),
    ("closed-on-connect-tls13", &[]),
    ("closed-on-connect-without-tickets-tls13", &["client-certificate-refused"]),
    ("closed-on-publish-mqtt5-tls13", &[]),
    ("closed-on-publish-server-vantage-tls12", &[]),
    ("closed-on-publish-server-vantage-tls13", &[]),
    ("closed-on-publish-tls12", &[]),
    ("closed-on-publish-tls13", &[]),
    ("closed-on-subscribe-tls12", &[]),
    ("closed-on-subscribe-tls13", &[]),
    ("connack-missing-tls12", &[]),
    ("connack-missing-tls13", &["server-silent-in-handshake"]),
    ("connect-refused-mqtt5-tls13", &[]),
    ("connect-refused-tls12", &[]),
    ("connect-refused-tls13", &[]),
    ("healthy-big-payload-tls13", &[]),
    ("healthy-fleet-tls13", &[]),
    ("healthy-long-session-tls12", &[]),
    ("healthy-long-session-tls13", &[]),
    ("healthy-plain-mqtt-1883", &[]),
    ("healthy-qos0-tls13", &[]),
    ("healthy-qos2-tls12", &[]),
    ("keepalive-expired-tls12", &[]),
    ("keepalive-expired-tls13", &[]),
    ("payload-too-large-tls12", &[]),
    ("payload-too-large-tls13", &[]),
    ("pingresp-missing-tls12", &[]),
    ("pingresp-missing-tls13", &[]),
    ("reconnect-storm-tls13", &[]),
    ("sent-before-connack-tls13", &[]),
    ("server-aborted-reset-tls13", &[]),
    ("server-aborted-tls12", &[]),
    ("server-closed-tls13", &[]),
    ("server-silent-tls12", &[]),
    ("server-silent-tls13", &[]),
    ("session-taken-over-tls12", &[]),
    ("session-taken-over-tls13", &[]),
    ("slow-connack-tls12", &[]),
    ("slow-connack-tls13", &[]),
    ("throttled-tls13", &[]),
];

/// Scenarios whose cause shows with keys only.
const KEYED: &[&str] = &[
    "protocol-error-mqtt5-reason-tls12",
    "protocol-error-second-connect-tls13",
    "puback-missing-tls12",
    "puback-missing-tls13",
    "subscribe-refused-tls13",
];

fn complaints(name: &str, keyed: bool, others: &[&str]) -> Vec<String> {
    let scenario = lab::find(name).unwrap_or_else(|| panic!("no {name}")).scenario().expect("a scenario");
    let (told, groups) = judged(&recorded(name), keyed, |_| true);
    let mut wrong = Vec::new();
    if told.len() != scenario.expect.len() {
        wrong.push(format!("{} connections, wanted {}", told.len(), scenario.expect.len()));
    }
    for ((record, verdict), expect) in told.iter().zip(&scenario.expect) {
        let cause = verdict.cause().map(|judged| judged.rule.id.to_owned());
        let other = cause.as_ref().is_some_and(|cause| expect.cause_any.contains(cause) || others.contains(&&**cause));
        if cause != expect.cause && !other {
            wrong.push(format!("frame {}: cause {cause:?}, wanted {:?}", record.first.frame, expect.cause));
        }
        if verdict.outcome.name() != expect.outcome {
            wrong.push(format!("frame {}: {}, wanted {}", record.first.frame, verdict.outcome.name(), expect.outcome));
        }
        if !other && verdict.stopped_in.map(iotcap::timeline::Phase::name) != expect.stopped_in.as_deref() {
            wrong.push(format!("frame {}: {:?}", record.first.frame, verdict.stopped_in));
        }
        for id in &expect.also {
            if !verdict.findings.iter().any(|judged| judged.rule.id == id) {
                wrong.push(format!("frame {}: no {id}", record.first.frame));
            }
        }
    }
    for id in &scenario.expect_groups {
        if !groups.iter().any(|group| group.rule.id == id) {
            wrong.push(format!("no group {id}"));
        }
    }
    wrong.extend(
        groups
            .iter()
            // Who is refused for coming too fast does come without waiting.
            .filter(|group| !(name == "throttled-tls13" && group.rule.id == "reconnect-storm"))
            .filter(|group| !scenario.expect_groups.iter().any(|id| id == group.rule.id))
            .map(|group| format!("group {}: {}", group.rule.id, group.message)),
    );
    let keys = if keyed { " (keyed)" } else { "" };
    wrong.into_iter().map(|text| format!("{name}{keys}: {text}")).collect()
}

#[test]
fn each_scenario_is_told_as_it_promises() {
    let mut wrong = Vec::new();
    for (name, others) in SCENARIOS {
        wrong.extend(complaints(name, false, others));
        wrong.extend(complaints(name, true, others));
    }
    for name in KEYED {
        wrong.extend(complaints(name, true, &[]));
    }
    assert!(wrong.is_empty(), "{}\n", wrong.join("\n"));
}

/// A rule about what did not come says nothing where the capture merely ended: no end of a recording makes an error of a
/// connection that was healthy.
#[test]
fn a_healthy_connection_that_is_cut_anywhere_has_no_error() {
    for name in ["healthy-tls12", "healthy-tls13", "healthy-qos2-tls13", "healthy-mqtt5-tls13", "healthy-qos0-tls12"] {
        let recording = recorded(name);
        for keyed in [false, true] {
            for end in 1..=recording.frames.len() {
                let (told, _) = judged(&recording, keyed, |index| index < end);
                for (_, verdict) in told {
                    let bad: Vec<_> = verdict
                        .findings
                        .iter()
                        .filter(|judged| {
                            judged.rule.code.starts_with("MQT") && judged.severity() > iotcap::diagnosis::Severity::Note
                        })
                        .collect();
                    assert!(bad.is_empty(), "{name} up to frame {end}: {bad:?}");
                }
            }
        }
    }
}
