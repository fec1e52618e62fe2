//! The rules of TCP and of the capture, on recordings that are changed in memory: cut short, begun late, with one
//! direction or one frame left out, with other times. What a rule says must follow from what is left.

mod captures;

use captures::fixtures;
use iotcap::analyzer::{Analyzer, Config};
use iotcap::connection::Settings;
use iotcap::decode::Interest;
use iotcap::diagnosis::whole::{Whole, whole};
use iotcap::diagnosis::{CaptureState, Outcome, Severity, Thresholds, Verdict, diagnose};
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::source;
use iotcap::time::Timestamp;
use iotcap::timeline::Phase;
use std::net::Ipv4Addr;
use std::time::Duration;

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 20);

/// Recordings of sessions that worked from SYN to the last FIN, all of them Ethernet.
const HEALTHY: [&str; 9] = [
    "aws-sdk-publish",
    "cbc-sha256",
    "early-publish",
    "hello-retry",
    "node-v5",
    "paho-tls12",
    "paho-tls13",
    "paho-v5-sub",
    "resumption",
];

/// A frame with its bytes.
#[derive(Clone)]
struct Owned {
    id: FrameId,
    at: Timestamp,
    link_type: LinkType,
    original_len: u32,
    data: Vec<u8>,
}

impl Owned {
    fn is_from(&self, address: Ipv4Addr) -> bool {
        self.data.get(26..30) == Some(&address.octets())
    }

    /// The header of TCP: behind Ethernet and the header of IPv4.
    fn tcp(&mut self) -> &mut [u8] {
        let start = 14 + usize::from(self.data[14] & 0x0f) * 4;
        &mut self.data[start..]
    }

    fn is_reset(&mut self) -> bool {
        self.tcp()[13] & 0x04 != 0
    }
}

/// The frames of a fixture.
fn frames(fixture: &str) -> Vec<Owned> {
    let mut source = source::open(&[fixtures().join(fixture).join("capture.pcapng")]).expect("a capture");
    let mut frames = Vec::new();
    while let Some(Frame { id, at, link_type, original_len, data }) = source.next_frame() {
        frames.push(Owned { id, at, link_type, original_len, data: data.to_vec() });
    }
    assert!(!frames.is_empty(), "{fixture}");
    frames
}

/// The verdicts on what these frames show.
fn verdicts(frames: &[Owned]) -> Vec<Verdict> {
    let ports = vec![8883, 443];
    let mut analyzer = Analyzer::new(Config {
        interest: Interest { ports: ports.clone(), ipv6: false, dns: true },
        connection: Settings { ports, ..Settings::default() },
        ..Config::default()
    });
    for Owned { id, at, link_type, original_len, data } in frames {
        let (id, at, link_type, original_len) = (*id, *at, *link_type, *original_len);
        analyzer.push(&Frame { id, at, link_type, original_len, data });
    }
    analyzer.finish();
    std::iter::from_fn(|| analyzer.poll())
        .map(|record| diagnose(&record, CaptureState::default(), &Thresholds::default()))
        .collect()
}

/// The verdict on the only connection.
fn verdict(frames: &[Owned]) -> Verdict {
    let mut verdicts = verdicts(frames);
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

/// The id of what explains the outcome.
fn cause(verdict: &Verdict) -> Option<&'static str> {
    verdict.cause().map(|judged| judged.rule.id)
}

fn has(verdict: &Verdict, id: &str) -> bool {
    verdict.findings.iter().any(|judged| judged.rule.id == id)
}

/// The verdicts that accuse somebody, with what they say.
fn accusations(frames: &[Owned]) -> Vec<String> {
    let accuses = |verdict: &Verdict| matches!(verdict.outcome, Outcome::Failed | Outcome::Degraded);
    verdicts(frames).iter().filter(|verdict| accuses(verdict)).map(Verdict::headline).collect()
}

/// Runs a change of each healthy recording for each of its frames; none of the results may accuse anybody.
fn nobody_is_accused(what: &str, change: impl Fn(&[Owned], usize) -> Vec<Owned>) {
    let mut wrong = Vec::new();
    for fixture in HEALTHY {
        let frames = frames(fixture);
        for index in 0..=frames.len() {
            let said = accusations(&change(&frames, index));
            wrong.extend(said.into_iter().map(|headline| format!("{fixture} {what} {index}: {headline}")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_capture_that_ended_early_accuses_nobody() {
    nobody_is_accused("cut after", |frames, index| frames[..index].to_vec());
}

#[test]
fn a_capture_that_began_late_accuses_nobody() {
    nobody_is_accused("begun at", |frames, index| frames[index..].to_vec());
}

#[test]
fn a_capture_that_lacks_a_frame_accuses_nobody() {
    nobody_is_accused("without", |frames, index| {
        frames.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, frame)| frame.clone()).collect()
    });
}

#[test]
fn one_direction_forbids_a_verdict_whichever_it_is() {
    for fixture in ["paho-tls12", "unknown-ca-tls12", "client-cert-expired-tls12", "mtu-blackhole", "client-killed"] {
        for address in [CLIENT, SERVER] {
            let half: Vec<Owned> = frames(fixture).into_iter().filter(|frame| frame.is_from(address)).collect();
            let verdict = verdict(&half);
            assert!(has(&verdict, "one-direction"), "{fixture} {address}");
            // What a side says in clear holds, whoever hears it.
            let proven = verdict.findings.first().is_some_and(|judged| judged.severity() == Severity::Error);
            assert_eq!(
                verdict.outcome == Outcome::Inconclusive,
                !proven,
                "{fixture} {address}: {}",
                verdict.headline()
            );
        }
    }
}

#[test]
fn a_small_snaplen_leaves_a_healthy_session_healthy() {
    for fixture in HEALTHY {
        let mut frames = frames(fixture);
        for frame in &mut frames {
            frame.data.truncate(96);
        }
        for verdict in verdicts(&frames) {
            assert!(has(&verdict, "truncated-snaplen"), "{fixture}");
            assert!(
                matches!(verdict.outcome, Outcome::Ok | Outcome::Inconclusive),
                "{fixture}: {}",
                verdict.headline()
            );
        }
    }
}

#[test]
fn a_path_is_dead_after_some_resends_and_not_before() {
    let frames = frames("link-dies");
    // Frame 72 is the first that nobody answers; each one after it sends it again.
    let after = |count: usize| verdict(&frames[..count]);
    assert_eq!(after(72).outcome, Outcome::Open);
    assert_eq!(after(74).outcome, Outcome::Open, "two resends are a burst of loss");
    let dead = after(76);
    assert_eq!((dead.outcome, dead.stopped_in), (Outcome::Failed, Some(Phase::MqttSession)));
    assert_eq!(cause(&dead), Some("path-died"));
}

#[test]
fn a_reset_after_a_round_trip_may_be_the_servers_own() {
    let mut frames = frames("on-path-reset");
    assert_eq!(cause(&verdict(&frames)), Some("on-path-reset"));
    assert_eq!(verdict(&frames).stopped_in, Some(Phase::TlsHello));
    frames.truncate(5);
    let ttl = frames[1].data[22];
    let hello = frames[3].at;
    let reset = &mut frames[4];
    assert!(reset.is_reset());
    reset.data[22] = ttl;
    assert_eq!(cause(&verdict(&frames)), Some("on-path-reset"), "the time alone gives it away");
    frames[4].at = hello + Duration::from_millis(161);
    let late = verdict(&frames);
    assert!(!has(&late, "on-path-reset"), "{}", late.headline());
    assert_eq!((late.outcome, late.stopped_in), (Outcome::Failed, Some(Phase::TlsHello)));
    frames[4].data[22] = ttl.wrapping_add(190);
    assert_eq!(cause(&verdict(&frames)), Some("on-path-reset"), "so does the number of hops");
}

#[test]
fn a_reset_that_a_busy_server_sends_by_itself_is_not_forged() {
    // The server's first close becomes a reset, as a killed one sends it: with its own sequence number and an
    // acknowledgment of nothing new, two milliseconds after a packet of the client.
    let mut frames = frames("broker-killed");
    let close = frames.iter_mut().position(|frame| frame.is_from(SERVER) && frame.tcp()[13] & 0x01 != 0);
    let close = close.expect("a FIN of the server");
    frames.truncate(close + 1);
    frames[close].tcp()[13] = 0x14;
    let client = frames[..close].iter().rposition(|frame| frame.is_from(CLIENT)).expect("a frame of the client");
    frames[close].at = frames[client].at + Duration::from_millis(2);
    let verdict = verdict(&frames);
    assert!(!has(&verdict, "on-path-reset"), "{}", verdict.headline());
}

#[test]
fn a_silence_must_be_long_to_have_run_out_a_timer() {
    let mut frames = frames("nat-idle-timeout");
    let idle = verdict(&frames);
    assert_eq!((cause(&idle), idle.stopped_in), (Some("idle-timeout-reset"), Some(Phase::MqttSession)));
    let last = frames.len();
    for frame in &mut frames[last - 2..] {
        frame.at = frame.at - Duration::from_millis(3500);
    }
    assert!(!has(&verdict(&frames), "idle-timeout-reset"));
}

#[test]
fn a_hole_must_stay_open_to_be_a_black_hole() {
    let mut frames = frames("mtu-blackhole");
    let lost = verdict(&frames);
    assert_eq!((cause(&lost), lost.outcome), (Some("path-mtu-black-hole"), Outcome::Failed));
    // The client closes half a second after the hole was seen.
    frames.truncate(8);
    frames[7].at = frames[6].at + Duration::from_millis(500);
    assert!(!has(&verdict(&frames), "path-mtu-black-hole"));
}

#[test]
fn a_client_that_is_killed_is_told_from_one_that_says_goodbye() {
    let killed = verdict(&frames("client-killed"));
    assert_eq!((cause(&killed), killed.stopped_in), (Some("client-aborted"), Some(Phase::MqttSession)));
    for fixture in HEALTHY {
        for verdict in verdicts(&frames(fixture)) {
            assert!(!has(&verdict, "client-aborted") && !has(&verdict, "server-aborted"), "{fixture}");
            assert_eq!(verdict.outcome, Outcome::Ok, "{fixture}: {}", verdict.headline());
        }
    }
}

#[test]
fn a_probe_is_expected_and_a_silent_client_is_not() {
    let probe = verdict(&frames("probe-only"));
    assert_eq!((probe.outcome, has(&probe, "probe-only")), (Outcome::Ok, true));
    let mut frames = frames("probe-only");
    frames[3].at = frames[3].at + Duration::from_secs(10);
    let silent = verdict(&frames);
    assert_eq!((silent.outcome, cause(&silent)), (Outcome::Failed, Some("client-silent")));
    assert_eq!(silent.stopped_in, Some(Phase::TlsHello));
}

#[test]
fn a_single_syn_proves_nothing_and_two_do() {
    let frames = frames("syn-dropped");
    let one = verdict(&frames[..1]);
    assert_eq!((one.outcome, cause(&one)), (Outcome::Inconclusive, Some("capture-ended-first")));
    assert_eq!(cause(&verdict(&frames[..2])), Some("syn-unanswered"));
}

/// The findings about the capture itself, with the lab's recording of a scenario.
fn about_capture(scenario: &str) -> Vec<(&'static str, String)> {
    let entry = iotcap::lab::find(scenario).expect("a scenario");
    let recording = iotcap::lab::run(&entry.scenario().expect("a scenario")).expect("a recording");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("capture.pcapng");
    recording.write_pcapng(std::fs::File::create(&path).expect("a file")).expect("a capture");
    let ports = vec![8883];
    let mut analyzer = Analyzer::new(Config {
        interest: Interest { ports: ports.clone(), ipv6: false, dns: true },
        ..Config::default()
    });
    let mut source = source::open(&[path]).expect("a capture");
    while let Some(frame) = source.next_frame() {
        analyzer.push(&frame);
    }
    analyzer.finish();
    let (stats, skipped, names) = (&analyzer.stats(), analyzer.skipped(), analyzer.names());
    let found = whole(&Whole { stats, skipped, names, ports: &ports });
    found.into_iter().map(|judged| (judged.rule.id, judged.finding.message)).collect()
}

#[test]
fn a_capture_without_a_connection_tells_what_there_was() {
    let ids = |scenario| about_capture(scenario).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids("name-not-found"), ["name-not-found", "nothing-seen"]);
    assert_eq!(ids("name-unanswered"), ["name-unanswered", "nothing-seen"]);
    assert_eq!(ids("nothing-seen"), ["name-unanswered", "nothing-seen"]);
    assert_eq!(ids("went-over-ipv6"), ["went-over-ipv6", "nothing-seen"]);
    assert_eq!(ids("healthy-with-name-tls13"), Vec::<&str>::new());
    let found = about_capture("name-not-found");
    assert!(found[0].1.contains("brokre.example does not exist (NXDOMAIN)"), "{found:?}");
}
