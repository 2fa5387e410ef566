// What would be sent, in words and as it is: adjustments, route, the call to the vendor.

import { make, word } from "./playground_dom.js";

// A warning as a sentence; its code where we have none for it.
export function told(warning) {
  const [kind] = warning.code.split(":");
  const name = (warning.field ?? warning.code.slice(kind.length + 1)).replace(/^vendor\./, "");
  const field = word(`field-${name}`) || name;
  const text = word(kind, { field, from: plain(warning.from), to: plain(warning.to) });
  return text || warning.code;
}

export function listOf(warnings) {
  return warnings.map((warning) => make("li", {}, told(warning), " ", make("code", { class: "soft" }, warning.code)));
}

// Draws an explanation; what only operators are told is left out where the answer lacks it.
export function drawExplanation(place, found) {
  place.replaceChildren(
    make("h3", {}, word("adjustments")),
    found.warnings.length ? make("ul", { class: "warnings" }, ...listOf(found.warnings)) : make("p", {}, word("exact")),
    ...(found.call ? [make("h3", {}, word("call")), ...drawCall(found.call)] : []),
    ...(found.route ? [make("h3", {}, word("route")), drawRoute(found.route)] : []),
    folded(word("fitted"), found.fitted),
    folded(word("request"), found.request),
  );
}

function drawCall(call) {
  const { method, url, headers, ...rest } = call;
  const body = rest.json ?? rest.form ?? null;
  const address = make("p", { class: "call" }, make("span", { class: "badge" }, method), " ", make("code", {}, url));
  return [address, folded(word("headers"), headers ?? {}), ...(body === null ? [] : [block(word("body"), body)])];
}

function drawRoute(route) {
  const head = [word("channel"), word("eligible"), word("reason")].map((text) => make("th", { scope: "col" }, text));
  const rows = route.map((step) =>
    make(
      "tr",
      {},
      make("td", {}, step.channel),
      make("td", {}, make("span", { class: `badge ${step.eligible ? "ok" : ""}` }, word(step.eligible ? "yes" : "no"))),
      make("td", { class: "wrap" }, step.reason),
    ),
  );
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  return make("div", { class: "table", tabindex: "0", role: "region", "aria-label": word("route") }, table);
}

function block(label, value) {
  const copy = make("button", { type: "button", class: "button quiet copy", "data-copy": "" }, word("copy"));
  const pre = make("pre", { tabindex: "0" }, make("code", {}, JSON.stringify(value, null, 2)));
  return make("div", { class: "code-block" }, label ? make("p", { class: "code-label" }, label) : null, copy, pre);
}

function folded(label, value) {
  return make("details", {}, make("summary", {}, label), block("", value));
}

function plain(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
