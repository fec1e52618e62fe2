
// The phases of a connection as bars on one axis of time.

/** A phase that outlasts all others by this factor is cut, so that the others can be seen. */
const OUTLASTS = 4;

function waterfall(connection, options) {
  const bars = connection.phases.map((phase) => ({ ...phase, ...extent(connection, phase) }));
  const end = axisEnd(bars);
  const rows = bars.map((bar) => waterfallRow(bar, end, options));
  return el("section", { class: "waterfall" },
    el("h4", {}, "Phases"),
    el("ol", { class: "bars", role: "list" }, rows),
    el("div", { class: "bar axis", "aria-hidden": "true" }, el("span"), axis(end), el("span")),
    timings(connection.timings));
}

/** Where a phase lies, in milliseconds since the first frame; null where that is not known. */
function extent(connection, phase) {
  if (!phase.started) return { from: null, to: null };
  const exact = (time) => subMilliseconds(connection.started, time);
  const from = exact(phase.started);
  const last = phase.ended ?? connection.closed.at ?? connection.ended;
  // Where nobody has closed it: when something was last seen.
  const to = last ? exact(last) : connection.events.at(-1)?.ms ?? 0;
  return { from, to: Math.max(to, from) };
}

/** Dates keep milliseconds only; the decimals below come from the text. */
function subMilliseconds(from, to) {
  const fraction = (time) => Number(`0.${/\.(\d+)Z$/.exec(time)?.[1] ?? 0}`) * 1000;
  const whole = (time) => Date.parse(time.replace(/\.\d+Z$/, "Z"));
  return Math.max(0, whole(to) - whole(from) + fraction(to) - fraction(from));
}

function axisEnd(bars) {
  const ends = (some) => Math.max(0, ...some.map((bar) => bar.to ?? 0));
  const before = ends(bars.filter((bar) => bar.phase !== "mqtt-session"));
  const all = ends(bars);
  const cut = before > 0 && all > before * OUTLASTS;
  return (cut ? before * OUTLASTS / 3 : all) || 1;
}

function waterfallRow(bar, end, options) {
  const known = bar.from !== null;
  const time = known ? human(bar.to - bar.from) : "";
  const word = bar.outcome === "completed" ? "" : bar.outcome.replace("-", " ");
  const [ask, lesson] = lessonBox(options.learn?.phases?.[bar.phase]);
  return el("li", { class: `bar ${bar.outcome}` },
    el("span", { class: "name" }, el("span", { class: "mark", "aria-hidden": "true" }, MARKS[bar.outcome]), " ", PHASES[bar.phase] ?? bar.phase, ask),
    waterfallBar(bar, end, known),
    el("span", { class: "time" }, time, time && word ? " " : "", word && el("em", {}, word)), lesson);
}

function waterfallBar(bar, end, known) {
  const percent = (ms) => `${Math.min(100, (ms / end) * 100).toFixed(3)}%`;
  const picture = svg("svg", { class: "track", height: "16", width: "100%", "aria-hidden": "true" });
  if (!known) return picture;
  const cut = bar.to > end;
  const width = Math.max(0, Math.min(bar.to, end) - bar.from);
  picture.append(svg("rect", { class: `${bar.phase} ${bar.outcome}`, x: percent(bar.from), y: 3, width: percent(width), height: 10, rx: 2 }));
  // However short, it can be seen.
  picture.append(svg("rect", { class: `${bar.phase} ${bar.outcome}`, x: percent(bar.from), y: 3, width: 2, height: 10 }));
  if (cut) {
    picture.append(svg("svg", { x: "100%", overflow: "visible" },
      svg("path", { class: "cut", d: "M-22 16 l5 -16 M-17 16 l5 -16" })));
  }
  return picture;
}

function axis(end) {
  const step = tickStep(end, 5);
  const picture = svg("svg", { class: "track", height: "18", width: "100%" });
  for (let tick = 0; tick < end; tick += step) {
    const x = `${((tick / end) * 100).toFixed(3)}%`;
    picture.append(svg("line", { x1: x, x2: x, y1: 0, y2: 4 }), svg("text", { x, y: 15 }, tick === 0 ? "0" : human(tick)));
  }
  return picture;
}

function timings(times) {
  const named = {
    rtt: "round trip", server_think: "server thought about the hello", client_crypto: "client's cryptography",
    first_ack: "first message acknowledged", total: "all",
  };
  const known = Object.entries(named).filter(([key]) => times[key] !== null);
  return el("ul", { class: "facts" }, known.map(([key, name]) => el("li", {}, `${name} `, el("b", {}, human(times[key])))));
}
