//! One connection: a line where all is well, else a block with the verdict, the story, the proof, causes and remedy.

use super::events::story;
use super::layout::{Line, Page, label};
use super::style::{BOLD, DIM, PLAIN, of_confidence, of_outcome, of_severity};
use super::{Legend, TextOptions};
use crate::report::model::{Confidence, Connection, Finding, Group, Mqtt, Phase, PhaseOutcome, Server, Severity, Tls};
use crate::report::phrases::{self, frames, host_and_port};
use crate::report::units;
use std::io;

/// The column at which a verdict begins, after its mark and its word; a longer word moves it.
const VERDICT_COLUMN: usize = 10;
/// With less room for its sentence than this, a line leaves the server out.
const LEAST_HEADLINE: usize = 32;

pub(super) fn in_one_line(connection: &Connection, page: &mut Page<'_>) -> io::Result<()> {
    let glyphs = page.glyphs();
    let took = phrases::took(connection).unwrap_or_default();
    let client = phrases::client(connection);
    let server = connection.server.name.as_ref().unwrap_or(&connection.server.address);
    let lead = outcome(connection, page).until_column(VERDICT_COLUMN).right(DIM, &took, 10).fill(2).text(client);
    let with_server = lead.clone().put(DIM, format!(" {} {server}", glyphs.arrow()));
    let fits = with_server.width() + LEAST_HEADLINE <= page.width();
    let line = if fits { with_server } else { lead }.fill(2).text(&connection.headline);
    let notes =
        |line: Line, finding: &Finding| line.put(DIM, format!("{}{} {}", glyphs.dot(), finding.severity, finding.id));
    let line = connection.findings.iter().fold(line, notes);
    page.line(&line.cut(page.width(), glyphs.cut()))
}

pub(super) fn in_full(
    connection: &Connection,
    options: &TextOptions,
    legend: &mut Legend,
    page: &mut Page<'_>,
) -> io::Result<()> {
    verdict(connection, page)?;
    page.blank()?;
    story(connection, options, legend, page)?;
    phases(connection, page)?;
    layers(connection, page)?;
    let cause = connection.cause_finding();
    if let Some(cause) = cause {
        if cause.message != connection.headline {
            page.labelled("found", &Line::new().text(&cause.message))?;
        }
        finding_in_full(cause, page)?;
    }
    let is_cause = |finding: &Finding| cause.is_some_and(|cause| std::ptr::eq(cause, finding));
    for finding in connection.findings.iter().filter(|finding| !is_cause(finding)) {
        finding_beside(finding, options.verbose, page)?;
    }
    cross_check(connection, page)
}

pub(super) fn group(group: &Group, page: &mut Page<'_>) -> io::Result<()> {
    let dot = page.glyphs().dot();
    let style = of_severity(group.severity);
    let lead = Line::new().put(style, format!("{} {}", page.glyphs().severity(group.severity), group.severity));
    page.hanging(lead, VERDICT_COLUMN, &Line::new().put(BOLD, &group.message))?;
    let rule = Line::new().solid(DIM, &format!("{} {}", group.code, group.id));
    let about = match &group.server {
        Some(leads_to) => Line::new().put(DIM, server(leads_to)).join(dot, rule),
        None => rule,
    };
    let about = about.join(dot, Line::new().put(of_confidence(group.confidence), group.confidence.name()));
    page.hanging(Line::new(), VERDICT_COLUMN, &about)?;
    let bullet = page.glyphs().bullet();
    page.list(proof_label(group.confidence), |_| bullet.to_owned(), group.evidence.iter().map(String::as_str))?;
    for (label, names) in [("clients", &group.clients), ("seen in", &group.connections)] {
        if !names.is_empty() {
            page.labelled(label, &some_of(names))?;
        }
    }
    page.list("remedy", |_| bullet.to_owned(), group.remedy.iter().map(|remedy| &**remedy))
}

/// The first of many, and how many more there are.
fn some_of(names: &[String]) -> Line {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SHOWN);
    let line = Line::new().text(shown);
    if more > 0 { line.put(DIM, format!(" and {} more", units::count(more as u64))) } else { line }
}

fn verdict(connection: &Connection, page: &mut Page<'_>) -> io::Result<()> {
    let dot = page.glyphs().dot();
    let lead = outcome(connection, page);
    let column = lead.width().max(VERDICT_COLUMN);
    page.hanging(lead, column, &Line::new().put(BOLD, &connection.headline))?;
    let mut about = Line::new();
    if let Some(phase) = connection.stopped_in {
        about = about.solid(DIM, "stopped in ").put(BOLD, phase.name());
    }
    if let Some(cause) = connection.cause_finding() {
        about = about.join(dot, Line::new().solid(DIM, &format!("{} {}", cause.code, cause.id)));
    }
    if let Some(confidence) = connection.confidence {
        about = about.join(dot, Line::new().put(of_confidence(confidence), confidence.name()));
    }
    page.hanging(Line::new(), column, &about)?;
    let took = phrases::took(connection).unwrap_or_default();
    let who = Line::new()
        .text(ends(connection, page))
        .join(dot, Line::new().solid(DIM, &format!("{} {}", connection.started.date(), connection.started.of_day())))
        .join(dot, Line::new().solid(DIM, &units::counted(connection.frames, "frame")))
        .join(dot, Line::new().solid(DIM, &took));
    page.hanging(Line::new(), column, &who)
}

fn outcome(connection: &Connection, page: &Page<'_>) -> Line {
    let outcome = connection.outcome;
    let mark = page.glyphs().outcome(outcome);
    Line::new().put(of_outcome(outcome), format!("{mark} {outcome}")).text(" ")
}

fn ends(connection: &Connection, page: &Page<'_>) -> String {
    let client = phrases::client(connection);
    format!("{client} {} {}", page.glyphs().arrow(), server(&connection.server))
}

fn server(server: &Server) -> String {
    match &server.name {
        Some(name) => format!("{name}:{} ({})", server.port, server.address),
        None => host_and_port(&server.address, server.port),
    }
}

/// How long each phase took and which one was the last.
fn phases(connection: &Connection, page: &mut Page<'_>) -> io::Result<()> {
    let glyphs = page.glyphs();
    let reached = connection.phases.iter().filter(|phase| phase.outcome != PhaseOutcome::NotReached);
    let line = reached.map(phase_line).fold(Line::new(), |line, phase| line.join(glyphs.then(), phase));
    if line.is_empty() { Ok(()) } else { page.labelled("phases", &line) }
}

fn phase_line(phase: &Phase) -> Line {
    let took = phase.started.zip(phase.ended).map(|(started, ended)| units::human(ended.since(started)));
    let took = took.map_or_else(String::new, |took| format!(" {took}"));
    let name = phase.phase.name();
    match phase.outcome {
        PhaseOutcome::Completed => Line::new().text(name).solid(DIM, &took),
        PhaseOutcome::Failed => {
            let after = if took.is_empty() { took } else { format!(" after{took}") };
            Line::new().put(of_severity(Severity::Error), format!("{name} failed")).put(DIM, after)
        }
        PhaseOutcome::InProgress => Line::new().put(BOLD, name).put(DIM, " in progress"),
        PhaseOutcome::NotReached | PhaseOutcome::Unknown => Line::new().put(DIM, format!("{name} unknown")),
    }
}

fn layers(connection: &Connection, page: &mut Page<'_>) -> io::Result<()> {
    let dot = page.glyphs().dot();
    let of = |facts: Vec<String>| {
        facts.into_iter().fold(Line::new(), |line, fact| line.join(dot, Line::new().solid(PLAIN, &fact)))
    };
    if let Some(tls) = &connection.tls {
        page.labelled("tls", &of(tls_facts(tls)))?;
        for (who, chain) in [("server", &tls.certificates.server), ("client", &tls.certificates.client)] {
            let Some(leaf) = chain.first() else { continue };
            let until = leaf.not_after.map_or_else(String::new, |end| format!("{dot}valid until {}", end.date()));
            let about = format!("{who} certificate {} by {}{until}", leaf.subject, leaf.issuer);
            page.labelled("", &Line::new().text(about))?;
        }
    }
    if let Some(mqtt) = &connection.mqtt {
        page.labelled("mqtt", &of(mqtt_facts(mqtt)))?;
    }
    Ok(())
}

fn tls_facts(tls: &Tls) -> Vec<String> {
    let labelled = |label: &str, value: &Option<String>| value.as_ref().map(|value| format!("{label}{value}"));
    let flag = |flag: Option<bool>, word: &str| (flag == Some(true)).then(|| word.to_owned());
    [
        labelled("TLS ", &tls.version),
        labelled("", &tls.cipher),
        labelled("", &tls.group),
        labelled("name ", &tls.server_name),
        labelled("ALPN ", &tls.alpn),
        flag(tls.resumed, "resumed"),
        flag(tls.hello_retry, "hello retried"),
        Some(format!("client certificate {}", tls.client_certificate)),
        flag(Some(tls.decrypted), "decrypted"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn mqtt_facts(mqtt: &Mqtt) -> Vec<String> {
    let version = mqtt.version.as_ref().map(|version| format!("MQTT {version}"));
    let client_id = mqtt.client_id.as_ref().map(|id| format!("client id \"{id}\""));
    let keep_alive = mqtt.keep_alive.map(|seconds| format!("keep-alive {seconds} s"));
    let connack = mqtt.connack_code.map(|code| {
        let reason = mqtt.connack_reason.as_deref().unwrap_or("unknown");
        format!("CONNACK {code} ({reason})")
    });
    let packets = [("client", &mqtt.packets.client), ("server", &mqtt.packets.server)].map(|(who, kinds)| {
        let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{} {kind}", units::count(*count))).collect();
        (!kinds.is_empty()).then(|| format!("{who}: {}", kinds.join(", ")))
    });
    let source = Some(mqtt.source.name().to_owned());
    [version, client_id, keep_alive, connack].into_iter().chain(packets).chain([source]).flatten().collect()
}

fn proof_label(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Proven => "proof",
        Confidence::Likely | Confidence::Possible => "signs",
    }
}

fn finding_in_full(finding: &Finding, page: &mut Page<'_>) -> io::Result<()> {
    let bullet = page.glyphs().bullet();
    let frames = frames(&finding.frames);
    let proof = frames.iter().map(String::as_str).chain(finding.evidence.iter().map(String::as_str));
    page.list(proof_label(finding.confidence), |_| bullet.to_owned(), proof)?;
    page.list("or else", |_| bullet.to_owned(), finding.other_readings.iter().map(|reading| &**reading))?;
    page.list("causes", |i| format!("{}.", i + 1), finding.causes.iter().map(|cause| &**cause))?;
    page.list("remedy", |_| bullet.to_owned(), finding.remedy.iter().map(|remedy| &**remedy))
}

fn finding_beside(finding: &Finding, verbose: bool, page: &mut Page<'_>) -> io::Result<()> {
    let frames = frames(&finding.frames).map_or_else(String::new, |frames| format!(" ({frames})"));
    let line = Line::new()
        .put(DIM, format!("{} {}: ", finding.code, finding.id))
        .text(&finding.message)
        .put(DIM, format!("{frames}, {}", finding.confidence));
    page.hanging(
        Line::new().text("  ").put(of_severity(finding.severity), finding.severity.name()),
        VERDICT_COLUMN,
        &line,
    )?;
    if verbose { finding_in_full(finding, page) } else { Ok(()) }
}

/// What an expert compares with Zeek and Wireshark.
fn cross_check(connection: &Connection, page: &mut Page<'_>) -> io::Result<()> {
    let dot = page.glyphs().dot();
    let tls_history = connection.tls.as_ref().map_or("", |tls| &tls.history);
    let line = [("tcp", connection.tcp.history.as_str()), ("tls", tls_history)]
        .into_iter()
        .filter(|(_, history)| !history.is_empty())
        .map(|(layer, history)| Line::new().put(DIM, format!("{layer} history {history}")))
        .fold(Line::new(), |line, history| line.join(dot, history))
        .join(dot, Line::new().put(DIM, format!("completeness {}", connection.tcp.completeness)));
    page.labelled("check", &line)?;
    // In one piece, however long: it is there to be copied.
    page.line(&label("filter").put(DIM, &connection.display_filter.wireshark))
}
