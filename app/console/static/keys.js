// Keys: what is shown once, examples that hold it, and forms that send only what was changed.
import { call, localTimes, read, Refusal } from "./console.js";

const PLAIN = /^[\w.:\/@+-]+$/; // names that stand in every language of the examples as they are

function show(id, text) {
  document.getElementById(id).textContent = text;
}

function wipe() {
  for (const secret of document.querySelectorAll(".secret pre, pre[data-snippet]")) secret.textContent = "";
}

// What the key may use right now, or nothing when nobody can say.
async function modelsOf(keyId) {
  try {
    return (await call("/v1/models", { asKey: keyId })).data;
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    return null;
  }
}

async function fillSnippets(place, made) {
  const templates = [...place.querySelectorAll("pre[data-snippet]")].map((block) => [block, block.textContent]);
  const fill = (op, model) => {
    const known = { base: place.dataset.base || location.origin, key: made.key, model };
    for (const [block, text] of templates) {
      block.textContent = text.replace(/\{(base|key|model)\}/g, (_, name) => known[name]);
      block.parentElement.hidden = (block.parentElement.dataset.op ?? op) !== op;
    }
  };
  fill("image", "sandbox-image");
  const models = await modelsOf(made.id);
  const usable = (models ?? []).filter((model) => PLAIN.test(model.id));
  const chosen = usable.find((model) => model.op === "image") ?? usable.find((model) => model.op === "video");
  if (chosen && !place.hidden) fill(chosen.op, chosen.id);
  document.getElementById("made-no-models").hidden = models === null || models.length > 0;
}

document.getElementById("new-key")?.addEventListener("saved", (event) => {
  event.preventDefault();
  const made = event.detail;
  const place = document.getElementById("made");
  show("made-name", made.name);
  show("made-key", made.key);
  show("made-secret", made.webhook_secret);
  document.getElementById("made-page").href = `/console/keys/${encodeURIComponent(made.id)}`;
  event.target.hidden = true;
  place.hidden = false;
  document.getElementById("made-title").focus();
  fillSnippets(place, made);
});

document.getElementById("new-secret")?.addEventListener("saved", (event) => {
  event.preventDefault();
  const { webhook_secret: secret, previous_valid_until: until } = event.detail;
  show("renewed-secret", secret);
  const told = document.getElementById("renewed-until");
  told.hidden = until === null;
  if (until !== null) told.querySelector("time").dateTime = new Date(until * 1000).toISOString();
  localTimes(told);
  document.getElementById("renewed").hidden = false;
  document.getElementById("renewed-title").focus();
});

// A page that is left keeps nothing that is shown once, even where the browser keeps the page for its way back.
addEventListener("pagehide", wipe);
addEventListener("pageshow", (event) => event.persisted && location.reload());

// Times in the reader's own zone, as the input wants them.
for (const input of document.querySelectorAll("input[data-at]")) {
  const at = Number(input.dataset.at) * 1000;
  input.value = new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

for (const button of document.querySelectorAll("[data-add]")) {
  const [list, name] = [document.getElementById(button.dataset.add), document.getElementById(button.dataset.from)];
  const add = () => {
    const lines = list.value.split("\n").filter((line) => line.trim());
    if (name.value.trim() && !lines.includes(name.value.trim())) lines.push(name.value.trim());
    list.value = lines.join("\n");
    name.value = "";
    name.focus();
  };
  button.addEventListener("click", add);
  name.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  });
}

// Only what was changed is sent: what somebody else changes meanwhile stays.
const edit = document.getElementById("edit-key");
if (edit) {
  const before = read(edit);
  edit.addEventListener("submit", () => {
    const changed = Object.entries(read(edit)).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]));
    edit.dataset.body = JSON.stringify(Object.fromEntries(changed));
  });
}
