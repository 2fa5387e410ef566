// The playground: choose a model, see its form and its price, send, watch, copy the request as code.

import { call, clearRefusals, Refusal, say, showRefusal } from "./console.js";
import { dollars, make, word } from "./playground_dom.js";
import { drawExplanation } from "./playground_explanation.js";
import { ModelForm } from "./playground_form.js";
import { Run } from "./playground_runs.js";
import { asBody, asJson, asNamed } from "./playground_slots.js";
import { listenToTabs } from "./playground_tabs.js";

const QUIET = 400; // milliseconds without a change before anything is asked
const HEAD = 192 * 1024; // bytes of a file that are enough to know what it is
const WHOLE = 8 * 1024 * 1024;
const MEMORY = "filmgate.playground";
// what a request without a needed input is refused for -> the place for it in this form
const PLACES = { video: { image: "first_frame_image", image_url: "first_frame_image", end_image_url: "last_frame_image" }, image: {} };
const OTHER = "\u0000";

const find = (id) => document.getElementById(id);
const form = find("playground");
const start = JSON.parse(form.dataset.start);
const model = new ModelForm(form, () => {
  clearRefusals(form);
  later();
});
const state = { models: [], asking: null, timer: 0, sent: null };

const asKey = () => find("f-key")?.value ?? "";
const chosenModel = () => (find("f-model").value === OTHER ? find("f-model-other").value.trim() : find("f-model").value);
const chosenKind = () => state.models.find((one) => one.id === chosenModel())?.op ?? model.document?.op ?? find("f-kind").value;

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(MEMORY)) ?? {};
  } catch {
    return {};
  }
}

function remember() {
  try {
    localStorage.setItem(MEMORY, JSON.stringify({ key: asKey(), model: chosenModel() }));
  } catch {
    // a browser that keeps nothing: then the next visit begins anew
  }
}

async function loadModels(wanted) {
  const { data } = await call("/v1/models", { asKey: asKey() });
  state.models = data;
  const groups = ["video", "image", null].map((op) => [op, data.filter((one) => one.op === op)]).filter(([, found]) => found.length);
  const option = (one) => make("option", { value: one.id }, one.retired ? `${one.id} †` : one.id);
  find("f-model").replaceChildren(
    ...groups.map(([op, found]) => make("optgroup", { label: word(op ?? "either") }, ...found.map(option))),
    make("option", { value: OTHER }, word("other")),
  );
  const known = data.some((one) => one.id === wanted);
  const first = groups[0]?.[1][0]?.id ?? OTHER;
  find("f-model").value = known ? wanted : wanted ? OTHER : first;
  if (!known && wanted) find("f-model-other").value = wanted;
  if (!data.length) say(word("no-models"));
  await loadModel();
}

async function loadModel() {
  const other = find("f-model").value === OTHER;
  find("f-model-other").hidden = find("f-model-other").disabled = !other;
  const name = chosenModel();
  clearRefusals(form);
  if (!name) return ready(false);
  try {
    const found = await call(`/v1/models/${encodeURIComponent(name)}/capabilities`, { asKey: asKey() });
    if (name !== chosenModel()) return undefined; // somebody was faster
    model.document = found;
    find("f-kind").hidden = found.op !== null;
    model.adopt(found, chosenKind());
    drawFacts(found);
    remember();
    ready(true);
    return later();
  } catch (problem) {
    ready(false);
    return shown(problem);
  }
}

function ready(on) {
  find("settings").hidden = !on;
  find("send").disabled = find("explain").disabled = !on;
  if (!on) {
    model.document = null;
    find("model-facts").replaceChildren();
    find("price").textContent = "";
    find("code").hidden = true;
  }
}

function drawFacts(found) {
  const retired = found.retired ? `${word("retired", { date: found.retired })} ${found.successor ? word("successor", { model: found.successor }) : ""}` : "";
  find("model-facts").replaceChildren(
    ...(retired ? [make("p", { class: "notice warn" }, retired)] : []),
    ...(found.note ? [make("p", { class: "hint" }, found.note)] : []),
    ...(found.docs && /^https:/.test(found.docs) ? [make("p", { class: "hint" }, make("a", { href: found.docs, rel: "noreferrer noopener", target: "_blank" }, word("docs")))] : []),
  );
}

// Price and code follow the form, a moment after it was changed.
function later() {
  clearTimeout(state.timer);
  state.timer = setTimeout(ask, QUIET);
}

async function ask() {
  if (!model.document) return;
  state.asking?.abort();
  const { signal } = (state.asking = new AbortController());
  try {
    const fields = model.fields(chosenModel());
    const lack = model.lack();
    const priced = !lack || lack.param === "prompt"; // words cost nothing
    if (lack) find("price").replaceChildren(make("span", { class: "soft" }, word("needed", { what: lack.what })));
    await Promise.all([priced ? askPrice({ prompt: "…", ...fields }, signal) : null, askCode(fields, signal)]);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    if (!(problem instanceof Refusal)) throw problem;
    find("price").replaceChildren(make("span", { class: "soft" }, problem.message));
  }
}

async function askPrice(fields, signal) {
  const open = !find("explanation").hidden;
  const found = await explained(fields, open, signal);
  const { price } = found;
  if (open) drawExplanation(find("explanation-body"), found);
  const free = Number(price.usd) === 0 && !price.unpriced;
  const text = price.unpriced ? word("unpriced") : free ? word("free") : word("price", { usd: dollars(price.usd) });
  find("price").replaceChildren(make(price.unpriced ? "span" : "strong", {}, text));
}

async function askCode(fields, signal) {
  const body = { path: model.path, json: await asNamed(fields) };
  const found = await call("/console/snippets", { method: "POST", body, asKey: asKey(), signal });
  for (const [language, text] of Object.entries(found)) find(`code-${language}`).firstElementChild.textContent = text;
  find("code").hidden = false;
}

// What would become of the fields. Price and refusals need only the beginnings of files; `whole` shows how large they are.
async function explained(fields, whole, signal) {
  const size = Object.values(fields).flat().reduce((sum, value) => sum + (value instanceof File ? value.size : 0), 0);
  const most = whole && size <= WHOLE ? WHOLE : HEAD;
  find("explanation-part").hidden = most === WHOLE || size <= HEAD;
  return call("/console/explain", { method: "POST", body: { path: model.path, json: await asJson(fields, most) }, asKey: asKey(), signal });
}

async function explain() {
  clearRefusals(form);
  try {
    const fields = complete();
    drawExplanation(find("explanation-body"), await explained(fields, true));
    find("explanation").hidden = false;
    find("explanation-head").focus();
  } catch (problem) {
    shown(problem);
  }
}

async function send() {
  clearRefusals(form);
  let run = null;
  find("send").disabled = true;
  try {
    const fields = complete();
    run = new Run(fields, model.op === "image", asKey());
    run.card.scrollIntoView({ block: "nearest" });
    const job = await call(model.path, { method: "POST", body: asBody(fields), asKey: asKey(), headers: headersOf(fields) });
    state.sent = null;
    find("send").disabled = false;
    await run.follow(job);
  } catch (problem) {
    if (problem.status !== 0) state.sent = null; // answered: the same request again is another one
    run?.refuse(problem);
    shown(problem);
  } finally {
    find("send").disabled = !model.document;
  }
}

// The fields, if nothing is missing that the form itself can name; raises Refusal.
function complete() {
  for (const slot of model.slots) if (slot.open) slot.takeAddress();
  const lack = model.lack();
  if (lack) throw new Refusal(word("needed", { what: lack.what }), { param: lack.param });
  return model.fields(chosenModel());
}

// A request whose answer was lost keeps its name, so that sending it again cannot make a second job.
function headersOf(fields) {
  const written = JSON.stringify([asKey(), model.path, fields], (_, value) => (value instanceof File ? [value.name, value.size, value.lastModified] : value));
  if (state.sent?.written !== written) {
    const name = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    state.sent = { written, name: `playground-${name}` };
  }
  return { "idempotency-key": state.sent.name, ...(model.op === "image" ? { prefer: "respond-async" } : {}) };
}

function shown(problem) {
  if (!(problem instanceof Refusal)) throw problem;
  const place = PLACES[model.op ?? "video"][problem.param];
  const slotted = place && form.elements.namedItem(place)?.disabled === false;
  showRefusal(form, slotted ? new Refusal(problem.message, { ...problem, param: place }) : problem);
  const field = form.querySelector("[aria-invalid=true]");
  const folded = field?.closest("details");
  if (folded) folded.open = true;
  field?.focus();
}

function changed(event) {
  if (event.target.type === "file" || event.target.closest(".address")) return;
  if (event.target.id === "f-kind" && event.type === "change") model.adopt(model.document, chosenKind());
  if (["f-key", "f-model", "f-model-other", "f-kind"].includes(event.target.id) && event.target.id !== "f-kind") return;
  clearRefusals(form);
  model.refresh();
  later();
}

async function begin() {
  const before = remembered();
  const key = find("f-key");
  if (key && !start.key && [...key.options].some((option) => option.value === before.key)) key.value = before.key;
  if (key && !key.value) return void find("f-model").replaceChildren(); // an operator without keys: the page says where to make one
  try {
    await loadModels(start.model ?? before.model ?? "");
    if (start.request && model.document) {
      if (model.document.op === null) model.adopt(model.document, (find("f-kind").value = start.request.op));
      if (!model.again(start.request)) form.querySelector("#settings").prepend(make("p", { class: "notice warn" }, word("not-kept")));
      later();
    }
  } catch (problem) {
    shown(problem);
  }
}

form.addEventListener("input", changed);
form.addEventListener("change", changed);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
find("explain").addEventListener("click", explain);
find("explanation-close").addEventListener("click", () => {
  find("explanation").hidden = true;
  find("explain").focus();
});
find("f-model").addEventListener("change", loadModel);
find("f-model-other").addEventListener("change", loadModel);
find("f-key")?.addEventListener("change", () => loadModels(chosenModel()).catch(shown));
listenToTabs(find("code"));
begin();
