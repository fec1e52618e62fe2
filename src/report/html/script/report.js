
// The report's page: what stands in it as data becomes the table, and a connection when it is opened.

(() => {
  const learn = plainData("learn");
  const blocks = plainData("blocks");
  const rows = allRows(blocks);
  const read = reader(blocks);
  const open = (row) => details(read(row.place), { learn });
  const filters = [...document.querySelectorAll("[data-outcome], [data-cause]")];

  const connections = table(document.getElementById("table"), rows, {
    open,
    changed(state) {
      for (const button of filters) {
        const { outcome, cause } = button.dataset;
        button.setAttribute("aria-pressed", String(outcome ? state.outcomes.has(outcome) : state.cause === cause));
      }
    },
  });
  for (const button of filters) {
    button.disabled = false;
    button.addEventListener("click", () => {
      const { outcome, cause } = button.dataset;
      if (outcome) connections.toggleOutcome(outcome);
      else connections.toggleCause(cause);
    });
  }

  document.getElementById("times").append(phaseTimes(rows));
  theme(document.getElementById("theme"));
  keys(connections);
  paper(rows, open);

  const follow = () => {
    const id = /^#connection-([\d-]+)$/.exec(location.hash)?.[1];
    if (id) connections.show(id);
  };
  addEventListener("hashchange", follow);
  if (location.hash) follow();
  else if (rows.length === 1) connections.open(rows[0].id);

  /** How long the phases took: the usual, the slow, and the slowest, which can be opened. */
  function phaseTimes(rows) {
    const lines = Object.entries(PHASES).map(([phase, name]) => {
      const times = rows.flatMap((row) => row.phases
        .filter((bar) => bar.phase === phase && bar.outcome === "completed" && bar.ms !== null)
        .map((bar) => ({ ms: bar.ms, id: row.id })));
      times.sort((a, b) => a.ms - b.ms);
      return times.length > 0 && phaseTime(name, times);
    });
    if (!lines.some(Boolean)) return el("div");
    return el("table", { class: "times" }, el("caption", {}, "Time of the phases"),
      el("thead", {}, el("tr", {}, ["phase", "median", "95 %", "slowest"].map((title, at) => el("th", { scope: "col", class: at > 0 && "number" }, title)))),
      el("tbody", {}, lines));
  }

  function phaseTime(name, times) {
    const quantile = (share) => times[Math.min(times.length - 1, Math.ceil(times.length * share) - 1)].ms;
    const slowest = times.at(-1);
    return el("tr", {}, el("th", { scope: "row" }, name),
      el("td", { class: "number" }, human(quantile(0.5))), el("td", { class: "number" }, human(quantile(0.95))),
      el("td", { class: "number" }, el("a", { href: `#connection-${slowest.id}`, title: `frame ${slowest.id}`,
        click: () => connections.show(slowest.id) }, human(slowest.ms))));
  }

  /** Light or dark against the system's wish. */
  function theme(button) {
    const root = document.documentElement;
    const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemIsDark.matches);
    const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      name();
    });
    systemIsDark.addEventListener("change", name);
    name();
  }

  /** `/` searches, Escape leaves the search or closes the connection that has the focus. */
  function keys(connections) {
    addEventListener("keydown", (event) => {
      const isTyping = event.target.matches("input:not([type=checkbox])");
      if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        connections.search.focus();
      } else if (event.key === "Escape" && !isTyping) {
        const opened = event.target.closest("tr.opened")?.previousElementSibling ?? event.target.closest("tr.row");
        const button = opened?.querySelector("button.open[aria-expanded=true]");
        button?.click();
        button?.focus();
      }
    });
  }

  /** On paper the failed connections are told in full, after the table. */
  function paper(rows, open) {
    const most = 200;
    const sheet = el("section", { class: "paper" });
    document.querySelector("main").append(sheet);
    addEventListener("beforeprint", () => {
      const failed = rows.filter((row) => row.outcome === "failed");
      sheet.replaceChildren(el("h2", {}, counted(failed.length, "failed connection")), ...failed.slice(0, most).map((row) => {
        const article = open(row);
        for (const part of article.querySelectorAll("details.finding")) part.open = true;
        return article;
      }), failed.length > most ? el("p", {}, `${count(failed.length - most)} more are not printed.`) : "");
    });
    addEventListener("afterprint", () => sheet.replaceChildren());
  }
})();
