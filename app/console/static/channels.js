// The channels' pages and the first steps: tests, the form of a channel, and states that renew themselves.
import { call, Refusal, say, read, showRefusal, localTimes } from "./console.js";

// What a vendor answered, in the page's own words.
function tell(place, verdict, words) {
  const untestable = verdict.ok && verdict.latency_ms === 0 && verdict.detail === "nothing to test";
  const works = untestable ? words.untestable : `${words.works} ${verdict.latency_ms} ms.`;
  place.textContent = verdict.ok ? works : `${words.fails} ${verdict.detail}`;
  place.className = verdict.ok ? "notice ok" : "alert";
}

async function ask(button, place, question) {
  const words = document.getElementById("verdict").dataset;
  place.hidden = false;
  place.className = "notice";
  place.textContent = words.asking;
  button.setAttribute("disabled", "");
  try {
    const verdict = await question();
    tell(place, verdict, words);
    return verdict.ok;
  } catch (problem) {
    place.hidden = true;
    throw problem;
  } finally {
    button.removeAttribute("disabled");
    place.scrollIntoView({ block: "nearest" });
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-test]");
  if (!button) return;
  const place = document.getElementById("verdict");
  const name = button.closest("tr")?.querySelector("th a")?.textContent;
  try {
    const works = await ask(button, place, () => call(button.dataset.test, { method: "POST" }));
    if (works && document.querySelector("[data-reload]")) return location.reload();
    if (name) place.textContent = `${name}: ${place.textContent}`;
    await renew().catch(() => {});
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    say(problem.message, "bad");
  }
});

// --- states that renew themselves: the same page is read again, and what is marked as live is put in its place

const shown = new Map();

async function renew() {
  const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const place of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(place.id);
    const same = now && shown.get(place.id)?.isEqualNode(now);
    if (!now || same || place.contains(document.activeElement)) continue;
    shown.set(place.id, now.cloneNode(true));
    const put = document.importNode(now, true);
    place.replaceWith(put);
    localTimes(put);
  }
}

const pace = document.querySelector("[data-refresh]")?.dataset.refresh;
if (pace) {
  setInterval(() => {
    if (!document.hidden) renew().catch(() => {}); // the gateway restarts, or nobody is signed in any more: the next look will tell
  }, pace * 1000);
}

// --- the form

const form = document.querySelector("form[data-channel]");
const EMPTY = { prices: {}, settings: {} };

function grown(template, before) {
  before.before(document.getElementById(template).content.cloneNode(true));
  return before.previousElementSibling;
}

// Only the inputs of the chosen kind of credential count, and only while they are shown.
function choose(box, open = true) {
  const way = box.querySelector("[data-way]")?.value ?? "0";
  for (const group of box.querySelectorAll("[data-fields]")) {
    group.hidden = group.dataset.fields !== way;
    for (const input of group.querySelectorAll("[data-field]")) input.disabled = !open || group.hidden;
  }
}

function fieldsOf(box) {
  const fields = {};
  for (const input of box.querySelectorAll("[data-field]")) {
    const text = input.value.trim();
    if (input.disabled || (!text && !input.required)) continue;
    try {
      fields[input.dataset.field] = input.dataset.kind === "json" ? JSON.parse(text) : text;
    } catch (problem) {
      throw new Refusal(problem.message, { param: input.name });
    }
  }
  return fields;
}

// The whole list as the API wants it; null where nothing was touched.
function credentialsOf() {
  const boxes = [...form.querySelectorAll(".credential")];
  const touched = boxes.some((box) => "new" in box.dataset || "gone" in box.dataset || "replaced" in box.dataset);
  if (boxes.length && !touched) return null;
  return boxes
    .filter((box) => !("gone" in box.dataset))
    .map((box) => ({ ...(box.dataset.id ? { id: box.dataset.id } : {}), ...("new" in box.dataset || "replaced" in box.dataset ? fieldsOf(box) : {}) }));
}

function modelsOf() {
  if (form.elements.serves.value === "all") return "*";
  const rows = [...form.querySelectorAll(".model-row")].map((row) => [row.querySelector("[data-public]").value.trim(), row.querySelector("[data-upstream]").value.trim()]);
  return Object.fromEntries(rows.filter(([name]) => name).map(([name, upstream]) => [name, upstream || name]));
}

function bodyOf() {
  const body = read(form);
  for (const [name, empty] of Object.entries(EMPTY)) body[name] ??= empty;
  body.overrides = { set: body.overrides.set ?? {}, drop: body.overrides.drop ?? [] };
  body.models = modelsOf();
  const credentials = credentialsOf();
  if (credentials) body.credentials = credentials;
  if (form.dataset.adapter) body.adapter = form.dataset.adapter;
  return body;
}

function refused(problem) {
  if (!(problem instanceof Refusal)) throw problem;
  for (const part of form.querySelectorAll("details")) part.open = true; // the field may be in one of them
  showRefusal(form, problem);
}

async function tried(event) {
  if (!form.reportValidity()) return;
  try {
    const body = bodyOf();
    const place = document.getElementById("trial") ?? document.getElementById("verdict");
    const works = await ask(event.currentTarget, place, () => call(form.dataset.trial, { method: "POST", body }));
    form.worked = works ? JSON.stringify(body) : null;
  } catch (problem) {
    refused(problem);
  }
}

async function saved(event) {
  event.preventDefault();
  const button = document.getElementById("save");
  button.setAttribute("disabled", "");
  try {
    const body = bodyOf();
    const made = await call(form.dataset.address, { method: form.dataset.adapter ? "POST" : "PATCH", body });
    // what was seen to work is written down as tested
    if (form.worked === JSON.stringify(body)) await call(`/admin/channels/${made.id}/test`, { method: "POST" }).catch(() => {});
    location.assign(`/console/channels/${encodeURIComponent(made.id)}`);
  } catch (problem) {
    button.removeAttribute("disabled");
    refused(problem);
  }
}

const DEEDS = {
  add: (button) => grown("new-credential", button).querySelector("[data-field]").focus(),
  drop: (button) => {
    const next = button.closest("fieldset").querySelector("[data-do='add']");
    button.closest(".credential").remove();
    next.focus();
  },
  replace: (button) => {
    const box = button.closest(".credential");
    const open = !("replaced" in box.dataset);
    box.toggleAttribute("data-replaced", open);
    box.querySelector(".replacing").hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    choose(box, open);
    if (open) box.querySelector("[data-field]:not(:disabled)").focus();
  },
  remove: (button) => {
    const box = button.closest(".credential");
    const gone = box.toggleAttribute("data-gone");
    button.textContent = gone ? button.dataset.undo : button.dataset.text;
    button.setAttribute("aria-pressed", String(gone));
    if (gone && "replaced" in box.dataset) DEEDS.replace(box.querySelector("[data-do='replace']"));
    box.querySelector("[data-do='replace']").disabled = gone;
    button.focus();
  },
  "add-row": (button) => grown("new-row", button).querySelector("input").focus(),
  "drop-row": (button) => {
    const rows = button.closest(".model-rows");
    button.closest(".model-row").remove();
    rows.querySelector("[data-do='add-row']").focus();
  },
};

if (form) {
  form.addEventListener("submit", saved);
  document.getElementById("try").addEventListener("click", tried);
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) DEEDS[button.dataset.do](button);
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-way]")) choose(event.target.closest(".credential"));
    if (event.target.name === "serves") document.getElementById("model-rows").hidden = form.elements.serves.value === "all";
  });
  // the browser cannot lead to an input that is folded away
  form.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), true);
}
