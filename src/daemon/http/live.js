"use strict";
// What ends is put into a list that is bounded; the page is drawn anew a few times a second at most, whatever comes.
const KEPT = 500, SHOWN = 200, EVERY_MS = 300;
const rows = [], counts = {}, causes = new Map();
let drawn = 0, dirty = true;
const $ = (id) => document.getElementById(id);

function take(connection, latest) {
  if (latest) { rows.unshift(connection); rows.length = Math.min(rows.length, KEPT); } else if (rows.length < KEPT) { rows.push(connection); }
  counts[connection.outcome] = (counts[connection.outcome] || 0) + 1;
  if (connection.cause) causes.set(connection.cause, (causes.get(connection.cause) || 0) + 1);
  dirty = true;
}

// All text goes in as text: names come from the wire.
function cell(text, kind) {
  const td = document.createElement("td");
  td.textContent = text;
  if (kind) td.className = kind;
  return td;
}

const time = (iso) => iso.slice(11, 23);
const end = (end) => (end.address.includes(":") ? `[${end.address}]` : end.address) + ":" + end.port;
const server = (c) => c.server.name ? `${c.server.name} (${end(c.server)})` : end(c.server);

function matches(c) {
  const outcome = $("outcome").value, text = $("find").value.trim().toLowerCase();
  return (!outcome || c.outcome === outcome) &&
    (!text || [c.headline, c.cause || "", end(c.client), server(c)].some((part) => part.toLowerCase().includes(text)));
}

function draw(now) {
  if (dirty && now - drawn >= EVERY_MS && !$("pause").checked) {
    drawn = now;
    dirty = false;
    for (const dd of document.querySelectorAll("[data-count]")) dd.textContent = counts[dd.dataset.count] || 0;
    const top = [...causes].sort((a, b) => b[1] - a[1]).slice(0, 10);
    $("no-causes").hidden = top.length > 0;
    $("causes").replaceChildren(...top.map(([cause, count]) => {
      const tr = document.createElement("tr");
      tr.append(cell(count), cell(cause));
      return tr;
    }));
    const found = rows.filter(matches);
    const focused = document.activeElement && document.activeElement.dataset.id;
    $("rows").replaceChildren(...found.slice(0, SHOWN).map(row));
    if (focused) { const tr = document.querySelector(`#rows [data-id="${CSS.escape(focused)}"]`); if (tr) tr.focus(); }
    $("more").textContent = found.length > SHOWN ? `the latest ${SHOWN} of ${found.length}` : found.length === 0 ? "none" : "";
  }
  requestAnimationFrame(draw);
}

function row(c) {
  const tr = document.createElement("tr");
  tr.dataset.id = c.id;
  tr.tabIndex = 0;
  tr.append(cell(time(c.started)), cell(end(c.client)), cell(server(c)), cell(c.outcome, c.outcome),
    cell(c.headline), cell(c.timings.total === null ? "" : Math.round(c.timings.total), "number"));
  return tr;
}

async function open(id) {
  const answer = await fetch("/api/connections/" + encodeURIComponent(id));
  if (!answer.ok) { $("detail-title").textContent = "No longer known"; $("detail").hidden = false; return; }
  const c = await answer.json();
  $("detail-title").textContent = c.headline;
  $("findings").replaceChildren(...c.findings.map((finding) => {
    const p = document.createElement("p");
    p.textContent = `${finding.code} ${finding.id} (${finding.severity}, ${finding.confidence}): ${finding.message}` +
      (finding.remedy.length ? ` What to do: ${finding.remedy[0]}` : "");
    return p;
  }));
  $("events").replaceChildren(...c.events.map((event) => {
    const tr = document.createElement("tr");
    tr.append(cell(event.ms.toFixed(3), "number"), cell(event.by), cell(event.layer), cell(event.kind),
      cell(event.detail + (event.observed ? "" : " (inferred)")));
    return tr;
  }));
  $("detail").hidden = false;
  $("detail").scrollIntoView({ block: "nearest" });
}

function state(text, bad) { $("state").textContent = text; $("state").className = bad ? "bad" : ""; }

async function begin() {
  try {
    const answer = await fetch("/api/connections?limit=200");
    for (const connection of (await answer.json()).connections) take(connection, false);
  } catch { state("the daemon does not answer", true); }
  const source = new EventSource("/api/events");
  source.addEventListener("open", () => state("live", false));
  source.addEventListener("error", () => state("lost the daemon; trying again", true));
  source.addEventListener("connection", (event) => take(JSON.parse(event.data), true));
  source.addEventListener("lagged", (event) => state(`live; this page was too slow for ${JSON.parse(event.data).missed} connections`, true));
  requestAnimationFrame(draw);
}

for (const id of ["outcome", "find", "pause"]) $(id).addEventListener("input", () => { dirty = true; });
$("rows").addEventListener("click", (event) => { const tr = event.target.closest("tr"); if (tr) open(tr.dataset.id); });
$("rows").addEventListener("keydown", (event) => { if (event.key === "Enter") open(event.target.dataset.id); });
$("close").addEventListener("click", () => { $("detail").hidden = true; });
begin();
