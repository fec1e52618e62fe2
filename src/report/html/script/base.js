"use strict";

// What all parts share: elements, text from the wire, marks, times. Nothing here or below makes markup of a string.

const OUTCOMES = ["failed", "degraded", "inconclusive", "open", "ok"];

// U+FE0E asks for a letter where the system would rather draw a picture.
const MARKS = {
  ok: "✔\ufe0e", degraded: "▲\ufe0e", failed: "✘\ufe0e", open: "○\ufe0e", inconclusive: "?",
  completed: "✔\ufe0e", "in-progress": "○\ufe0e", "not-reached": "–", unknown: "?",
  error: "✘\ufe0e", warning: "▲\ufe0e", note: "•",
};

const PHASES = {
  "tcp-handshake": "TCP handshake", "tls-hello": "TLS hello", "tls-authentication": "TLS authentication",
  "mqtt-connect": "MQTT connect", "mqtt-session": "MQTT session",
};

// What a browser acts upon in place of showing it: the same set as src/report/escape.rs.
const ACTING = new RegExp("[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u115f\\u1160\\u180e\\u200b-\\u200f\\u2028-\\u202e"
  + "\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]", "gu");
const LONGEST = 4000;

/** Text from the wire, harmless and not endless. */
function visible(text) {
  let shown = String(text);
  if (shown.length > LONGEST) {
    shown = `${shown.slice(0, LONGEST)} … (${count(shown.length)} characters)`;
  }
  return shown.replace(ACTING, (character) => {
    const code = character.codePointAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u{${code}}`;
  });
}

/** An HTML element. Functions become listeners, strings among the children become text. */
function el(name, attributes, ...children) {
  return build(document.createElement(name), attributes, children);
}

/** An SVG element. */
function svg(name, attributes, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") {
      element.addEventListener(name, value);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  const add = (child) => {
    if (Array.isArray(child)) {
      child.forEach(add);
    } else if (child instanceof Node) {
      element.append(child);
    } else if (child !== null && child !== undefined && child !== false) {
      element.append(visible(child));
    }
  };
  children.forEach(add);
  return element;
}

/** The outcome by shape and by word; colour only adds to them. */
function outcomeMark(outcome) {
  return el("span", { class: `outcome ${outcome}` }, el("span", { class: "mark", "aria-hidden": "true" }, MARKS[outcome]),
    " ", outcome);
}

/** A count with its thousands apart. */
function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A duration in milliseconds as people read it: `410 µs`, `2.5 ms`, `21 ms`, `7.0 s`, `2 min 05 s`, `1 h 02 min`. */
function human(ms) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  if (ms === null || ms === undefined) return "–";
  if (ms === 0) return "0 ms";
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (ms < 59950) return `${(ms / 1000).toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${two((minutes / 60) % 24)} h`;
}

function size(bytes) {
  const units = ["kB", "MB", "GB", "TB"];
  if (bytes < 10000) return counted(bytes, "byte");
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** `2026-11-22 18:20:57.838` of an RFC 3339 time. */
function instant(time) {
  return time.replace("T", " ").replace(/(\.\d{3})\d*Z$/, "$1");
}

function day(time) {
  return time ? time.slice(0, 10) : "unknown";
}

function milliseconds(from, to) {
  return Math.max(0, Date.parse(to) - Date.parse(from));
}

/** Round distances for an axis that is `span` long, about `wanted` of them. */
function tickStep(span, wanted) {
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
}

/** A sentence of the catalogue: what stands between backticks is to be typed. */
function prose(text) {
  return text.split("`").map((part, at) => (at % 2 === 1 ? el("code", {}, part) : part));
}

function frameText(frame, file) {
  return file > 1 ? `${file}:${frame}` : String(frame);
}

/** A button that copies, and says that it did. */
function copyButton(text, label) {
  const button = el("button", { type: "button", class: "copy" }, label);
  const said = el("span", { role: "status", class: "said" });
  button.addEventListener("click", async () => {
    const done = await copy(text);
    said.textContent = done ? "Copied" : "Press Ctrl+C";
  });
  return el("span", {}, button, " ", said);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
