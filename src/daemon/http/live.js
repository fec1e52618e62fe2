
"use strict";
// The live page. What ends is put into a list that is bounded; the page is drawn anew a few times a second at most,
// whatever comes. Elements are built by the report's own functions: no text from the wire becomes markup.
(() => {
  const KEPT = 500, SHOWN = 200, EVERY_MS = 300;
  const $ = (id) => document.getElementById(id);
  const rows = [], counts = {}, causes = new Map(), groups = new Map();
  let drawn = -EVERY_MS, dirty = true, only = "";

  const buttons = OUTCOMES.map((outcome) => {
    const number = el("span", { class: "count" }, "0");
    const button = el("button", { type: "button", "aria-pressed": "false" }, number, el("span", { class: "name" }, outcomeMark(outcome)));
    button.addEventListener("click", () => { only = only === outcome ? "" : outcome; dirty = true; });
    $("outcomes").append(el("li", { class: outcome }, button));
    return { outcome, number, button };
  });

  function take(connection, latest) {
    if (latest) rows.unshift(connection); else rows.push(connection);
    rows.length = Math.min(rows.length, KEPT);
    counts[connection.outcome] = (counts[connection.outcome] ?? 0) + 1;
    if (connection.cause) causes.set(connection.cause, (causes.get(connection.cause) ?? 0) + 1);
    dirty = true;
  }

  // The one that grew last comes first: it is put into the map anew.
  function gather(group) {
    groups.delete(group.key);
    groups.set(group.key, group);
    while (groups.size > SHOWN) groups.delete(groups.keys().next().value);
    dirty = true;
  }

  function groupItem(group) {
    const about = `${group.code} ${group.id}, ${group.confidence}, since ${group.since.slice(0, 19).replace("T", " ")}`;
    return el("li", {}, visible(group.message), el("div", { class: "dim" }, visible(about)));
  }

  const end = (end) => `${end.address.includes(":") ? `[${end.address}]` : end.address}:${end.port}`;
  const server = (c) => c.server.name ? `${c.server.name} (${end(c.server)})` : end(c.server);

  function matches(c) {
    const text = $("search").value.trim().toLowerCase();
    return (!only || c.outcome === only) &&
      (!text || [c.headline, c.cause ?? "", end(c.client), server(c)].some((part) => part.toLowerCase().includes(text)));
  }

  function row(c) {
    const total = c.timings.total === null ? "" : c.timings.total.toFixed(c.timings.total < 10 ? 1 : 0);
    return el("tr", { tabindex: "0", "data-id": c.id },
      el("td", {}, c.started.slice(11, 23)), el("td", {}, visible(end(c.client))), el("td", {}, visible(server(c))),
      el("td", {}, outcomeMark(c.outcome)), el("td", {}, visible(c.headline)), el("td", { class: "number" }, total));
  }

  function draw(now) {
    if (dirty && now - drawn >= EVERY_MS && !$("pause").checked) {
      drawn = now;
      dirty = false;
      for (const { outcome, number, button } of buttons) {
        number.textContent = String(counts[outcome] ?? 0);
        button.setAttribute("aria-pressed", String(only === outcome));
      }
      const top = [...causes].sort((a, b) => b[1] - a[1]).slice(0, 10);
      $("no-causes").hidden = top.length > 0;
      $("causes").replaceChildren(...top.map(([cause, count]) => el("tr", {}, el("td", { class: "number" }, String(count)), el("td", {}, cause))));
      $("shared").hidden = groups.size === 0;
      $("groups").replaceChildren(...[...groups.values()].reverse().slice(0, 10).map(groupItem));
      const found = rows.filter(matches);
      const focused = document.activeElement?.dataset.id;
      $("rows").replaceChildren(...found.slice(0, SHOWN).map(row));
      if (focused) document.querySelector(`#rows [data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
      $("table-count").textContent = found.length > SHOWN ? `the latest ${SHOWN} of ${found.length}` : `${found.length}`;
    }
    requestAnimationFrame(draw);
  }

  async function open(id) {
    const answer = await fetch(`/api/connections/${encodeURIComponent(id)}`);
    $("told").replaceChildren(answer.ok ? details(await answer.json(), {}) : el("p", {}, "It is no longer known."));
    $("detail").hidden = false;
    $("detail").scrollIntoView({ block: "start" });
  }

  function state(text, bad) {
    $("state").textContent = text;
    $("state").className = bad ? "bad" : "";
  }

  async function begin() {
    try {
      const answer = await fetch("/api/connections?limit=200");
      for (const connection of (await answer.json()).connections) take(connection, false);
      const shared = await fetch("/api/groups");
      for (const group of (await shared.json()).groups.reverse()) gather(group);
    } catch {
      state("the daemon does not answer", true);
    }
    requestAnimationFrame(draw);
    const source = new EventSource("/api/events");
    source.addEventListener("open", () => state("live", false));
    source.addEventListener("error", () => state("lost the daemon; trying again", true));
    source.addEventListener("connection", (event) => take(JSON.parse(event.data), true));
    source.addEventListener("group", (event) => gather(JSON.parse(event.data)));
    source.addEventListener("lagged", (event) => state(`live; this page was too slow for ${JSON.parse(event.data).missed} connections`, true));
  }

  for (const id of ["search", "pause"]) $(id).addEventListener("input", () => { dirty = true; });
  $("rows").addEventListener("click", (event) => { const tr = event.target.closest("tr"); if (tr) open(tr.dataset.id); });
  $("rows").addEventListener("keydown", (event) => { if (event.key === "Enter") open(event.target.dataset.id); });
  $("close").addEventListener("click", () => { $("detail").hidden = true; });
  if (location.hash.length > 1) open(decodeURIComponent(location.hash.slice(1)));
  begin();
})();
