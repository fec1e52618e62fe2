
// The table of connections: sorted, filtered and searched over rows, of which one page at a time stands in the document.

const PAGE = 50;
/** What fills a window: while somebody types, the other rows of a page follow when there is time. */
const AT_ONCE = 12;

const COLUMNS = [
  { key: "outcome", title: "outcome", first: 1, of: (row) => OUTCOMES.indexOf(row.outcome) },
  { key: "client", title: "connection", first: 1, of: (row) => row.client },
  { key: "cause", title: "cause", first: 1, of: (row) => row.cause ?? "\uffff" },
  { key: "setup", title: "until connected", first: -1, of: (row) => row.setup },
  { key: "total", title: "in all", first: -1, of: (row) => row.total ?? -1 },
  { key: "frame", title: "frame", first: 1, of: (row) => row.place },
];

/**
 * Fills `container` with the table of `rows` (src/report/html/row.rs).
 * `options.open(row)` makes the element that tells one connection, when it is opened.
 * `options.changed(state)` is called with the filter that is in force.
 */
function table(container, rows, options) {
  const state = { text: "", outcomes: new Set(), cause: null, sort: "frame", direction: 1, page: 0, open: new Map() };
  rows.forEach((row, place) => prepare(row, place));
  const full = setupScale(rows);
  const parts = tableParts(state, rows);
  let shown = rows;
  let later = null;

  const refresh = (isTyping = false) => {
    const matches = matcher(state);
    const column = COLUMNS.find((column) => column.key === state.sort);
    shown = rows.filter(matches);
    // The order of frames is there already, and all others are stable over it.
    if (state.sort !== "frame" || state.direction < 0) shown.sort((a, b) => compare(column.of(a), column.of(b)) * state.direction);
    parts.said.textContent = shown.length === rows.length ? counted(rows.length, "connection")
      : `${count(shown.length)} of ${counted(rows.length, "connection")}`;
    options.changed?.(state);
    turn(0, isTyping);
  };
  const turn = (page, isTyping = false) => {
    state.page = page;
    const some = shown.slice(page * PAGE, (page + 1) * PAGE);
    const show = (rows) => fill(parts.body, rows.flatMap((row) => tableRows(row, { state, full, options })));
    clearTimeout(later);
    show(isTyping ? some.slice(0, AT_ONCE) : some);
    later = isTyping ? setTimeout(show, 120, some) : null;
    parts.empty.hidden = shown.length > 0;
    for (const header of parts.headers) {
      const isSorted = header.dataset.key === state.sort;
      header.setAttribute("aria-sort", isSorted ? (state.direction > 0 ? "ascending" : "descending") : "none");
    }
    pager(parts.pager, shown.length, page, (next) => {
      turn(next);
      parts.top.scrollIntoView({ block: "start" });
    });
  };

  parts.search.addEventListener("input", () => {
    state.text = parts.search.value;
    refresh(true);
  });
  // Who has typed has time.
  parts.search.addEventListener("change", () => refresh());
  for (const header of parts.headers) {
    header.firstChild.addEventListener("click", () => {
      const column = COLUMNS.find((column) => column.key === header.dataset.key);
      state.direction = state.sort === column.key ? -state.direction : column.first;
      state.sort = column.key;
      refresh();
    });
  }
  parts.reset.addEventListener("click", () => reset());
  const reset = () => {
    Object.assign(state, { text: "", outcomes: new Set(), cause: null });
    parts.search.value = "";
    refresh();
  };
  arrows(parts.body);
  container.replaceChildren(parts.top);
  refresh();

  return {
    search: parts.search,
    /** Shows an outcome, or no longer. */
    toggleOutcome(outcome) {
      if (!state.outcomes.delete(outcome)) state.outcomes.add(outcome);
      refresh();
    },
    /** Shows one cause only, or all again. */
    toggleCause(cause) {
      state.cause = state.cause === cause ? null : cause;
      refresh();
    },
    /** Opens a connection, wherever it stands, and leads to it. */
    show(id) {
      if (!this.open(id)) return false;
      const row = document.getElementById(`connection-${id}`);
      row.scrollIntoView({ block: "start" });
      row.querySelector("button").focus({ preventScroll: true });
      return true;
    },
    /** Opens a connection where it stands. */
    open(id) {
      if (!rows.some((row) => row.id === id)) return false;
      if (!shown.some((row) => row.id === id)) reset();
      if (!state.open.has(id)) state.open.set(id, null);
      turn(Math.floor(shown.findIndex((row) => row.id === id) / PAGE));
      return true;
    },
    shown: () => shown,
  };
}

/** What sorting and searching need, made once. */
function prepare(row, place) {
  row.place = place;
  row.setup = row.phases.reduce((sum, phase) => sum + (phase.ms ?? 0), 0);
  row.found = [row.id, row.outcome, row.client, row.server, row.name, row.client_id, row.cause, row.stopped_in, row.headline,
    row.version && `tls ${row.version}`, ...row.topics].filter(Boolean).join("\n").toLowerCase();
}

/** Every word has to be found somewhere. */
function matcher(state) {
  const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => (state.outcomes.size === 0 || state.outcomes.has(row.outcome))
    && (state.cause === null || row.cause === state.cause)
    && words.every((word) => row.found.includes(word));
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The time that fills a bar: the usual connection takes a quarter of it, and the slowest are cut. */
function setupScale(rows) {
  const times = rows.map((row) => row.setup).filter((time) => time > 0).sort((a, b) => a - b);
  return times.length === 0 ? 1 : Math.min(times.at(-1), times[times.length >> 1] * 4);
}

function tableParts(state, rows) {
  const search = el("input", { type: "search", id: "search", autocomplete: "off", spellcheck: "false",
    placeholder: "address, name, client id, topic, cause …", "aria-describedby": "table-count" });
  const said = el("p", { id: "table-count", role: "status", "aria-live": "polite" });
  const headers = COLUMNS.map((column) => el("th", { scope: "col", role: "columnheader", class: column.key, "data-key": column.key },
    el("button", { type: "button" }, column.title, el("span", { class: "sorted", "aria-hidden": "true" }))));
  const body = el("tbody", { role: "rowgroup" });
  const empty = el("p", { class: "empty", hidden: true }, "No connection matches.");
  const bottom = el("nav", { class: "pager", "aria-label": "Pages" });
  const reset = el("button", { type: "button", class: "reset" }, "Show all");
  const top = el("div", { class: "table" },
    el("div", { class: "toolbar" }, el("label", { for: "search" }, "Search"), search, reset, said),
    el("table", { role: "table", class: "connections", "aria-labelledby": "connections-title" },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, headers)), body),
    empty, bottom);
  return { search, said, headers, body, empty, pager: bottom, reset, top };
}

/** Puts these elements in place of those that are there, unless they are the same: most letters that are typed change little. */
function fill(body, rows) {
  const isSame = body.children.length === rows.length && rows.every((row, at) => body.children[at] === row);
  if (!isSame) body.replaceChildren(...rows);
}

/** The elements of a connection, made when it is shown for the first time. */
function tableRows(row, context) {
  row.elements ??= madeRow(row, context);
  return row.elements();
}

function madeRow(row, context) {
  const button = el("button", { type: "button", class: "open", "aria-controls": `details-${row.id}` },
    row.headline || "no verdict");
  const server = row.name ?? row.server;
  const main = el("tr", { role: "row", class: `row ${row.outcome}`, id: `connection-${row.id}` },
    el("td", { role: "cell", class: "outcome" }, outcomeMark(row.outcome)),
    el("th", { role: "rowheader", scope: "row", class: "what" }, button,
      el("span", { class: "who" }, `${row.client} → ${server}`, row.client_id && ` · ${row.client_id}`, row.version && ` · TLS ${row.version}`)),
    el("td", { role: "cell", class: "cause" }, row.cause ?? (row.stopped_in ? PHASES[row.stopped_in] : "")),
    el("td", { role: "cell", class: "setup" }, miniature(row, context.full)),
    el("td", { role: "cell", class: "total number" }, row.total === null ? "" : human(row.total)),
    el("td", { role: "cell", class: "frame number" }, row.id));
  // Made once, and kept with all that the reader unfolded in it, while it is open.
  const open = () => {
    const cell = () => el("td", { role: "cell", colspan: COLUMNS.length }, context.options.open(row));
    const opened = context.state.open.get(row.id) ?? el("tr", { role: "row", class: "opened", id: `details-${row.id}` }, cell());
    context.state.open.set(row.id, opened);
    return opened;
  };
  button.addEventListener("click", () => {
    const wasOpen = context.state.open.delete(row.id);
    button.setAttribute("aria-expanded", String(!wasOpen));
    if (wasOpen) {
      main.nextElementSibling.remove();
    } else {
      main.after(open());
      history.replaceState(null, "", `#connection-${row.id}`);
    }
  });
  return () => {
    const isOpen = context.state.open.has(row.id);
    button.setAttribute("aria-expanded", String(isOpen));
    return isOpen ? [main, open()] : [main];
  };
}

/** The phases before the session, side by side. */
function miniature(row, full) {
  const picture = svg("svg", { class: "miniature", width: "100%", height: "12", "aria-hidden": "true" });
  let before = 0;
  for (const phase of row.phases) {
    const width = phase.ms ?? 0;
    const percent = (ms) => `${Math.min(98, (ms / full) * 98).toFixed(2)}%`;
    const visibleWidth = Math.max(0, Math.min(full, before + width) - before);
    picture.append(svg("rect", { class: `${phase.phase} ${phase.outcome}`, x: percent(before), y: 2, width: percent(visibleWidth), height: 8 }));
    before += width;
    if (phase.outcome === "failed") {
      picture.append(svg("svg", { x: percent(before), y: 6, overflow: "visible" }, svg("path", { class: "cross", d: "M-3 -4 l6 8 M3 -4 l-6 8" })));
    }
  }
  const spoken = row.setup > 0 ? human(row.setup) : "";
  return [picture, el("span", { class: "setup-time" }, spoken)];
}

function pager(element, total, page, turn) {
  const pages = Math.ceil(total / PAGE);
  element.hidden = pages < 2;
  const button = (label, to, name) => el("button", { type: "button", disabled: to < 0 || to >= pages || to === page, "aria-label": name,
    click: () => turn(to) }, label);
  element.replaceChildren(button("« first", 0), button("‹ previous", page - 1),
    el("span", {}, `${count(page * PAGE + 1)} to ${count(Math.min(total, (page + 1) * PAGE))} of ${count(total)}`),
    button("next ›", page + 1), button("last »", pages - 1));
}

/** Up and down go from connection to connection, Home and End to the first and the last of the page. */
function arrows(body) {
  body.addEventListener("keydown", (event) => {
    if (!event.target.matches("button.open")) return;
    const buttons = [...body.querySelectorAll("button.open")];
    const at = buttons.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || !buttons[to]) return;
    event.preventDefault();
    buttons[to].focus();
  });
}
