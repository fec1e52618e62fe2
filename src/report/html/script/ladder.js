
// The story as a ladder: two lanes, an arrow for each frame, distances to scale in time where they fit.

/** Distance of arrows that come at once, and the longest distance that is drawn, in pixels. */
const LONGEST_GAP = 150;
/** A story longer than this is told from its beginning, its end and its proof; the rest on demand. */
const TOLD_FIRST = 60;
const TOLD_LAST = 20;

function ladder(connection, options) {
  const proof = proofFrames(connection);
  const steps = stepsOf(connection.events);
  const list = el("ol", { class: "ladder", role: "list" });
  const scale = pixelsPerMillisecond(steps);
  const show = (all) => list.replaceChildren(...ladderRows(connection, steps, { ...options, proof, scale, all, show, taught: new Set() }));
  show(steps.length <= TOLD_FIRST + TOLD_LAST + 10);
  const section = el("section", { class: "story" },
    el("div", { class: "story-head" }, el("h4", {}, "What happened"), ladderTools(list, options)),
    el("div", { class: "lane-names", "aria-hidden": "true" },
      el("span", { class: "when" }, el("span", {}, "since"), el("span", {}, "seconds"), el("span", {}, "frame")),
      el("span", { class: "client" }, "client"), el("span", { class: "server" }, "server")),
    list,
    scaleNote(scale, connection));
  return section;
}

function ladderTools(list, options) {
  const toggle = (label, name, initially) => {
    const box = el("input", { type: "checkbox", checked: initially });
    const apply = () => list.classList.toggle(name, box.checked);
    box.addEventListener("change", apply);
    apply();
    return el("label", { class: "toggle" }, box, " ", label);
  };
  const canLearn = Object.keys(options.learn?.events ?? {}).length > 0;
  return el("div", { class: "tools" }, toggle("to scale in time", "scaled", true),
    canLearn && toggle("explain every step", "teaching", false));
}

/** Frames that a finding names, with the findings that do. */
function proofFrames(connection) {
  const proof = new Map();
  for (const finding of connection.findings.filter((finding) => finding.severity !== "note")) {
    finding.frames.forEach((frame, at) => {
      const key = frameText(frame, finding.files?.[at]);
      proof.set(key, [...(proof.get(key) ?? []), finding.code]);
    });
  }
  return proof;
}

/** Events of one frame and one sender are one step: one arrow. */
function stepsOf(events) {
  const steps = [];
  for (const event of events) {
    const last = steps.at(-1);
    const key = frameText(event.frame, event.file);
    if (last && last.key === key && last.by === event.by) {
      last.events.push(event);
    } else {
      steps.push({ key, by: event.by, ms: event.ms, events: [event], since: last ? Math.max(0, event.ms - last.ms) : 0 });
    }
  }
  return steps;
}

/** So that the story takes about twice the room that its arrows need; long silences are cut. */
function pixelsPerMillisecond(steps) {
  const gaps = steps.map((step) => step.since).filter((gap) => gap > 0);
  const room = Math.min(1500, Math.max(160, gaps.length * 24));
  const used = (scale) => gaps.reduce((sum, gap) => sum + Math.min(LONGEST_GAP, gap * scale), 0);
  let [low, high] = [0, 1e4];
  for (let round = 0; round < 40; round += 1) {
    const middle = (low + high) / 2;
    [low, high] = used(middle) > room ? [low, middle] : [middle, high];
  }
  return low;
}

function ladderRows(connection, steps, options) {
  const rows = [];
  const phases = connection.phases.filter((phase) => phase.frames);
  let hidden = [];
  const flush = () => {
    if (hidden.length > 0) rows.push(hiddenRow(hidden, options));
    hidden = [];
  };
  steps.forEach((step, at) => {
    for (const phase of beginning(phases, connection, step)) {
      flush();
      rows.push(phaseRow(connection, phase, options));
    }
    const isTold = options.all || at < TOLD_FIRST || at >= steps.length - TOLD_LAST || options.proof.has(step.key);
    if (isTold) {
      flush();
      rows.push(stepRow(step, options));
    } else {
      hidden.push(step);
    }
  });
  flush();
  if (connection.dropped_events > 0) {
    rows.push(el("li", { class: "more" }, `${counted(connection.dropped_events, "more event")} were not kept.`));
  }
  return rows;
}

/** The phases that begin before this step, taken off the list. */
function beginning(phases, connection, step) {
  const begun = [];
  while (phases.length > 0 && step.ms >= subMilliseconds(connection.started, phases[0].started) - 1e-6) {
    const previous = connection.phases[connection.phases.findIndex((phase) => phase === phases[0]) - 1];
    const isStillPrevious = previous?.frames && step.events[0].frame <= previous.frames[1] && begun.length === 0
      && step.events[0].frame === phases[0].frames[0];
    if (isStillPrevious) break;
    begun.push(phases.shift());
  }
  return begun;
}

function phaseRow(connection, phase, options) {
  const { from, to } = extent(connection, phase);
  const time = from === null ? "" : human(to - from);
  return el("li", { class: `phase ${phase.outcome}` },
    el("span", { class: "lanes", "aria-hidden": "true" }),
    el("span", { class: "text" },
      el("b", {}, PHASES[phase.phase] ?? phase.phase), ` ${time} `,
      phase.outcome !== "completed" && el("em", {}, phase.outcome.replace("-", " ")),
      lessonBox(options.learn?.phases?.[phase.phase], true)));
}

function hiddenRow(steps, options) {
  const events = steps.reduce((sum, step) => sum + step.events.length, 0);
  return el("li", { class: "more" }, el("button", { type: "button", click: () => options.show(true) },
    `Show ${counted(events, "more event")}`), ` ${human(steps.at(-1).ms - steps[0].ms)} of the same`);
}

function stepRow(step, options) {
  const gap = Math.min(LONGEST_GAP, step.since * options.scale);
  const isProof = options.proof.has(step.key);
  const classes = ["step", step.by, step.events.at(-1).layer, isProof && "proof", isInferred(step) && "inferred", trouble(step)];
  const row = el("li", { class: classes.filter(Boolean).join(" "), "data-frame": step.key },
    el("span", { class: "when" },
      el("span", { class: "since" }, step.since > 0 ? `+${human(step.since)}` : ""),
      el("span", { class: "at" }, (step.ms / 1000).toFixed(6)),
      el("span", { class: "frame" }, el("span", { class: "label" }, "frame "), step.key)),
    lanes(step, gap >= LONGEST_GAP),
    el("span", { class: "text" },
      el("span", { class: "reader" }, `${step.by}: `),
      step.events.map((event) => eventLine(event, options)),
      isProof && el("span", { class: "proof-note" }, `▸ proves ${options.proof.get(step.key).join(", ")}`)));
  row.style.setProperty("--gap", `${gap.toFixed(1)}px`);
  return row;
}

const isInferred = (step) => step.events.every((event) => !event.observed);

/** What is wrong with a segment, if anything. */
function trouble(step) {
  const kinds = step.events.map((event) => event.kind);
  const known = ["gap", "rst", "retransmission", "out_of_order", "zero_window", "unreachable", "alert", "keep_alive"];
  return known.find((kind) => kinds.includes(kind)) ?? null;
}

/** The two lanes and the arrow between them. */
function lanes(step, isCut) {
  const isFromServer = step.by === "server";
  const what = trouble(step);
  const [from, to] = step.by === "path" ? ["50%", "0%"] : isFromServer ? ["100%", "0%"] : ["0%", "100%"];
  const left = to === "0%";
  const head = left ? "M1 0 l9 -4.5 v9 z" : "M-1 0 l-9 -4.5 v9 z";
  const picture = svg("svg", { class: "arrow", height: "22", width: "100%" });
  if (what === "gap") {
    picture.append(svg("rect", { x: "0", y: 5, width: "100%", height: 12 }));
  } else {
    picture.append(svg("line", { x1: from, x2: to, y1: 7, y2: 15 }));
    const end = svg("svg", { x: to, y: 15, overflow: "visible" });
    end.append(what === "rst" ? svg("path", { class: "cross", d: left ? "M3 -5 l10 10 M13 -5 l-10 10" : "M-3 -5 l-10 10 M-13 -5 l10 10" })
      : svg("path", { class: "head", d: head }));
    picture.append(end);
    if (step.by === "path") picture.append(svg("circle", { cx: "50%", cy: 7, r: 4 }));
  }
  const label = { retransmission: "↻ again", out_of_order: "⇄ late", gap: "not captured", zero_window: "window 0" }[what];
  return el("span", { class: "lanes", "aria-hidden": "true" }, isCut && el("span", { class: "silence" }, "≈"), picture,
    label && el("span", { class: "on-arrow" }, label));
}

function eventLine(event, options) {
  const what = `${event.layer}/${event.kind}`;
  const isFirst = !options.taught.has(what);
  options.taught.add(what);
  return el("span", { class: `event ${event.layer}` },
    el("span", { class: "layer" }, event.layer), " ",
    el("b", { class: "kind" }, event.kind), " ",
    !event.observed && el("em", { class: "guess", title: "told from sizes, order and times" },
      `inferred${event.confidence ? `, ${event.confidence}` : ""}`), " ",
    el("span", { class: "detail" }, event.detail),
    event.until !== undefined && el("span", { class: "detail" }, ` over ${human(event.until - event.ms)}`),
    lessonBox(options.learn?.events?.[what], isFirst));
}

/** One plain sentence, shown when it is asked for; the first of its kind also when all are. The button, then the text. */
function lessonBox(lesson, isFirst) {
  if (!lesson) return [null, null];
  const text = el("span", { class: `lesson ${isFirst ? "first" : ""}`, hidden: true }, lesson.sentence, " ", el("cite", {}, lesson.section));
  const button = el("button", { type: "button", class: "ask", "aria-expanded": "false", "aria-label": "What is this?",
    title: "What is this?", click: () => {
      text.hidden = !text.hidden;
      button.setAttribute("aria-expanded", String(!text.hidden));
    } }, "?");
  return [button, text];
}

function scaleNote(scale, connection) {
  const notes = [];
  if (scale > 0 && connection.events.length > 2) {
    const step = tickStep(120 / scale, 1) / 2;
    const bar = svg("svg", { class: "scale", width: String(Math.ceil(step * scale) + 2), height: "10", "aria-hidden": "true" },
      svg("path", { d: `M1 1 v8 M1 5 h${step * scale} m0 -4 v8` }));
    notes.push(el("span", {}, bar, ` ${human(step)} of distance; ≈ is a silence that is cut short. `));
  }
  if (connection.events.some((event) => !event.observed)) notes.push(el("span", {}, "Dashed: inferred from sizes, order and times."));
  return el("p", { class: "dim scale-note" }, notes);
}
