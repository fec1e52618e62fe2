
"use strict";
// The live page. Counts are the daemon's own, asked for every two seconds; the list shows what ends as it ends. It is bounded, and
// drawn a few times a second at most, whatever comes. Elements are built by the report's own functions: no text from the wire
// becomes markup.
(() => {
  const KEPT = 500, SHOWN = 100, CAUSES = 10, GROUPS = 50, DRAW_MS = 300, ASK_MS = 2000;
  const $ = (id) => document.getElementById(id);
  const groups = new Map(), only = { outcome: "", cause: "" };
  let rows = [], totals = null, turn = 0, missed = 0, pointed = false, drawn = -DRAW_MS, dirty = true;

  const buttons = OUTCOMES.map((outcome) => {
    const number = el("span", { class: "count" }, "0");
    const button = el("button", { type: "button", "aria-pressed": "false", click: () => choose("outcome", outcome) },
      number, el("span", { class: "name" }, outcomeMark(outcome)));
    $("outcomes").append(el("li", { class: outcome }, button));
    return { outcome, number, button };
  });

  /* the list */

  const isWanted = (c) => (!only.outcome || c.outcome === only.outcome) && (!only.cause || c.cause === only.cause);
  const server = (c) => (c.server.name ? `${c.server.name} (${hostAndPort(c.server)})` : hostAndPort(c.server));
  const key = (c) => `${c.id} ${c.started}`;

  function take(connection) {
    if (!isWanted(connection) || rows.some((row) => key(row) === key(connection))) return;
    rows.unshift(connection);
    rows.length = Math.min(rows.length, KEPT);
    dirty = true;
  }

  // The daemon keeps rare kinds for longer than this page does: it is asked when others are wanted, or some may have been missed.
  async function fill() {
    const mine = ++turn, before = new Set(rows.map(key));
    const wanted = Object.entries(only).filter(([, value]) => value);
    const { connections } = await ask(`/api/connections?${new URLSearchParams([["limit", SHOWN], ...wanted])}`);
    if (mine !== turn) return;
    const known = new Set([...before, ...connections.map(key)]);
    rows = [...rows.filter((row) => !known.has(key(row))), ...connections];
    dirty = true;
  }

  function choose(kind, value) {
    only[kind] = only[kind] === value ? "" : value;
    rows = rows.filter(isWanted);
    dirty = true;
    draw(performance.now() + DRAW_MS);
    fill().catch(unanswered);
  }

  function found() {
    const text = $("search").value.trim().toLowerCase();
    const matches = (c) => [c.headline, c.cause ?? "", hostAndPort(c.client), server(c)].some((part) => part.toLowerCase().includes(text));
    return text ? rows.filter(matches) : rows;
  }

  function row(c) {
    return el("tr", { class: `row ${c.outcome}` },
      el("td", { class: "outcome" }, outcomeMark(c.outcome)),
      el("th", { scope: "row", class: "what" },
        el("button", { type: "button", class: "open", "data-key": key(c), click: () => open(c.id) }, c.headline || "no verdict"),
        el("span", { class: "who" }, `${hostAndPort(c.client)} → ${server(c)}`)),
      el("td", { class: "began" }, c.started.slice(11, 23)),
      el("td", { class: "total number" }, c.timings.total === null ? "" : human(c.timings.total)));
  }

  function drawList() {
    const all = found(), focused = document.activeElement?.dataset.key;
    $("rows").replaceChildren(...all.slice(0, SHOWN).map(row));
    $("none").hidden = all.length > 0;
    if (focused) document.querySelector(`#rows [data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  /* one connection */

  async function open(id) {
    history.replaceState(null, "", `#${encodeURIComponent(id)}`);
    const connection = await ask(`/api/connections/${encodeURIComponent(id)}`).catch(() => null);
    $("told").replaceChildren(connection ? details(connection, {}) : el("p", {}, "It is no longer known."));
    $("detail").hidden = false;
    $("detail").scrollIntoView({ block: "start" });
    $("detail").focus({ preventScroll: true });
  }

  function close() {
    $("detail").hidden = true;
    history.replaceState(null, "", location.pathname);
  }

  /* counts */

  // Prometheus's text format, as far as the daemon writes it.
  function samples(text) {
    const sample = /^(\w+)(?:\{(.*)\})? (\S+)$/, label = /(\w+)="((?:[^"\\]|\\.)*)"/g;
    return text.split("\n").map((line) => sample.exec(line)).filter((found) => found !== null).map(([, name, labels, value]) => (
      { name, value: Number(value), labels: Object.fromEntries([...(labels ?? "").matchAll(label)].map(([, key, text]) => [key, text])) }));
  }

  function sums(found) {
    const sum = (name) => found.filter((sample) => sample.name === `iotcap_${name}`).reduce((all, sample) => all + sample.value, 0);
    const by = (label) => {
      const counts = new Map();
      for (const { name, labels, value } of found) {
        if (name === "iotcap_connections_total" && value > 0 && labels[label]) counts.set(labels[label], (counts.get(labels[label]) ?? 0) + value);
      }
      return counts;
    };
    const interfaces = found.filter(({ name }) => name === "iotcap_interface_up").map(({ labels, value }) => ({ name: labels.interface, isUp: value === 1 }));
    return {
      at: performance.now(), interfaces, outcomes: by("outcome"), causes: by("cause"), frames: sum("frames_total"), ended: sum("connections_total"),
      open: sum("table_connections"), dropped: sum("frames_dropped_total"), untold: sum("connections_untold_total"), evicted: sum("table_evicted_total"),
    };
  }

  async function tally() {
    const answer = await fetch("/metrics");
    if (!answer.ok) throw new Error(answer.statusText);
    const now = sums(samples(await answer.text()));
    const rate = (what) => (totals && now.at > totals.at ? Math.max(0, Math.round((now[what] - totals[what]) * 1000 / (now.at - totals.at))) : null);
    const rates = [["frames", rate("frames")], ["connections", rate("ended")]].filter(([, value]) => value !== null);
    $("facts").replaceChildren(
      ...now.interfaces.filter(({ isUp }) => isUp).map(({ name }) => el("li", {}, el("b", {}, name))),
      el("li", {}, el("b", {}, count(now.open)), " watched now"),
      ...rates.map(([what, value]) => el("li", {}, el("b", {}, count(value)), ` ${what} a second`)));
    const warnings = [
      ...now.interfaces.filter(({ isUp }) => !isUp).map(({ name }) => `${name} is down or gone`),
      now.dropped > 0 && `${counted(now.dropped, "frame")} dropped: some verdicts are not certain`,
      now.evicted > 0 && `${counted(now.evicted, "connection")} had to leave a full table`,
      now.untold > 0 && `${counted(now.untold, "connection")} counted only: they came faster than they could be told`,
    ].filter(Boolean);
    // What is said again would be read out again.
    if (warnings.join() !== [...$("warnings").children].map((item) => item.textContent).join()) {
      $("warnings").replaceChildren(...warnings.map((text) => el("li", {}, text)));
    }
    totals = now;
    dirty = true;
  }

  function causeRow(cause, number, most) {
    const share = svg("svg", { class: "share", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { width: Math.max(1, number / most * 100), height: 4 }));
    const button = el("button", { type: "button", class: "cause", "aria-pressed": String(only.cause === cause), "data-key": cause, click: () => choose("cause", cause) }, cause);
    return el("tr", {}, el("td", {}, button), el("td", { class: "number" }, count(number), share));
  }

  function drawCounts() {
    for (const { outcome, number, button } of buttons) {
      number.textContent = count(totals?.outcomes.get(outcome) ?? 0);
      button.setAttribute("aria-pressed", String(only.outcome === outcome));
    }
    const top = [...totals?.causes ?? []].sort((a, b) => b[1] - a[1]).slice(0, CAUSES), focused = document.activeElement?.dataset.key;
    $("no-causes").hidden = top.length > 0;
    $("causes").replaceChildren(...top.map(([cause, number]) => causeRow(cause, number, top[0][1])));
    if (focused) document.querySelector(`#causes [data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    const failed = totals?.outcomes.get("failed") ?? 0;
    document.title = failed > 0 ? `${count(failed)} failed · iotcap` : "iotcap: live";
  }

  /* what several have in common */

  // The one that grew last comes first: it is put into the map anew.
  function gather(group) {
    groups.delete(group.key);
    groups.set(group.key, group);
    while (groups.size > GROUPS) groups.delete(groups.keys().next().value);
    $("shared").hidden = false;
    $("groups").replaceChildren(...[...groups.values()].reverse().map((group) => {
      const about = `${group.code} ${group.id}, ${group.confidence}, since ${group.since.slice(0, 19).replace("T", " ")}`;
      return el("div", { class: `finding ${group.severity}` }, el("h3", {}, group.message), el("p", { class: "dim" }, about));
    }));
  }

  /* what comes */

  async function ask(path) {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }

  function state(text, bad) {
    if ($("state").textContent !== text) $("state").textContent = text;
    $("state").className = bad ? "bad" : "";
  }

  const unanswered = () => state("the daemon does not answer; trying again", true);

  // A list that moves cannot be pointed at.
  const isHeld = () => $("pause").checked || pointed;

  function draw(now) {
    if (!dirty || now - drawn < DRAW_MS) return;
    drawn = now;
    drawCounts();
    if (!isHeld()) {
      drawList();
      dirty = false;
    }
    const all = found().length;
    $("table-count").textContent = [
      all > SHOWN ? `the latest ${SHOWN}` : count(all), only.outcome, only.cause, missed > 0 && `${count(missed)} passed too quickly`, isHeld() && "held",
    ].filter(Boolean).join(" · ");
  }

  function frame(now) {
    draw(now);
    requestAnimationFrame(frame);
  }

  async function again() {
    await tally().catch(unanswered);
    setTimeout(again, ASK_MS);
  }

  function listen() {
    const source = new EventSource("/api/events");
    source.addEventListener("open", async () => {
      state("live", false);
      await fill().catch(unanswered);
      const shared = await ask("/api/groups").catch(() => ({ groups: [] }));
      shared.groups.reverse().forEach(gather);
    });
    source.addEventListener("error", unanswered);
    source.addEventListener("connection", (event) => take(JSON.parse(event.data)));
    source.addEventListener("group", (event) => gather(JSON.parse(event.data)));
    source.addEventListener("lagged", (event) => { missed += JSON.parse(event.data).missed; dirty = true; });
  }

  for (const id of ["search", "pause"]) $(id).addEventListener("input", () => { dirty = true; });
  if (matchMedia("(hover: hover)").matches) {
    for (const [name, is] of [["mouseenter", true], ["mouseleave", false]]) $("rows").addEventListener(name, () => { pointed = is; dirty = true; });
  }
  $("close").addEventListener("click", close);
  addEventListener("hashchange", () => { if (location.hash.length > 1) open(decodeURIComponent(location.hash.slice(1))); });
  if (location.hash.length > 1) open(decodeURIComponent(location.hash.slice(1)));
  again();
  listen();
  requestAnimationFrame(frame);
})();
