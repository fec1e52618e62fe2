
// Everything about one connection: the verdict, what proves it, its phases, its story, its facts.

/**
 * An element that tells one connection of `iotcap.report/1`.
 * `options.learn` holds explanations: {findings, events, phases}; it may lack all of them.
 */
function details(connection, options) {
  const known = options ?? {};
  const article = el("article", { class: `details ${connection.outcome}` },
    verdict(connection),
    el("div", { class: "findings" }, connection.findings.map((finding) => findingCard(connection, finding, known, (frame) => jump(article, frame)))),
    waterfall(connection, known),
    connection.events.length > 0 ? ladder(connection, known) : untold(connection),
    displayFilter(connection),
    facts(connection));
  return article;
}

/** In place of a ladder: many connections did the same. */
function untold(connection) {
  return connection.dropped_events > 0 && el("p", { class: "dim" }, `Its ${counted(connection.dropped_events, "event")} are left out: `
    + "beyond the first thousand, healthy connections are told without them. ", el("code", {}, "iotcap -vv"), " tells them all.");
}

/** Leads from a frame that proves something to its arrow. */
function jump(article, frame) {
  const row = [...article.querySelectorAll("[data-frame]")].find((row) => row.dataset.frame === frame);
  if (!row) return;
  row.tabIndex = -1;
  row.scrollIntoView({ block: "center" });
  row.focus({ preventScroll: true });
}

function verdict(connection) {
  const closed = connection.closed;
  const end = closed.by && `closed by the ${closed.by}${closed.how ? ` (${closed.how})` : ""}${closed.frame ? `, frame ${frameText(closed.frame, closed.file)}` : ""}`;
  const facts = [
    connection.stopped_in && `stopped in ${PHASES[connection.stopped_in]}`,
    connection.reached && `reached ${connection.reached}`,
    connection.confidence && connection.cause && `cause ${connection.confidence}`,
    end,
    `${instant(connection.started)} UTC`,
  ];
  return el("header", { class: "verdict" },
    el("h3", {}, outcomeMark(connection.outcome), " ", connection.headline),
    el("ul", { class: "facts" }, facts.filter(Boolean).map((fact) => el("li", {}, fact))));
}

function findingCard(connection, finding, options, show) {
  const isCause = finding.id === connection.cause;
  const frames = finding.frames.map((frame, at) => frameText(frame, finding.files?.[at]));
  const list = (name, title, items) => items?.length > 0 && [el("h5", {}, title), el(name, {}, items.map((item) => el("li", {}, prose(item))))];
  const body = [
    frames.length > 0 && el("p", { class: "proofs" }, "Proof: ", frames.length === 1 ? "frame " : "frames ",
      frames.map((frame) => el("button", { type: "button", class: "chip", click: () => show(frame) }, frame))),
    list("ul", "Evidence", finding.evidence),
    list("ul", "It could also mean", finding.other_readings),
    list("ol", "Probable causes, the likeliest first", finding.causes),
    list("ul", "What to do", finding.remedy),
    meaning(options.learn?.findings?.[finding.id]),
  ];
  const title = [el("span", { class: "mark", "aria-hidden": "true" }, MARKS[finding.severity]), " ",
    el("span", { class: "reader" }, `${finding.severity}: `), finding.message, " ",
    el("span", { class: "dim" }, el("span", { class: "code" }, finding.code), ` ${finding.id} · ${finding.confidence}`)];
  return el("details", { class: `finding ${finding.severity}`, open: isCause || finding.severity === "error" },
    el("summary", {}, title), el("div", { class: "finding-body" }, body));
}

function meaning(doc) {
  if (!doc) return null;
  return el("details", { class: "meaning" }, el("summary", {}, "What this means"),
    el("p", {}, prose(doc.means)), doc.on_the_wire && el("p", {}, el("b", {}, "On the wire: "), prose(doc.on_the_wire)),
    doc.references.length > 0 && el("ul", {}, doc.references.map((reference) => el("li", {}, prose(reference)))));
}
