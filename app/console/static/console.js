// What every page shares: calls to the gateway, forms that send JSON, copying, confirmation, times in the reader's own zone.

const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";
export const texts = document.getElementById("texts").dataset;

export class Refusal extends Error {
  // What the gateway answers instead: `param` names the field, `status` is HTTP's, 0 when nobody answered.
  constructor(message, { param = null, code = null, status = 0, body = null } = {}) {
    super(message);
    Object.assign(this, { param, code, status, body });
  }
}

// Calls an endpoint in this session. `body` is JSON, or a FormData; `asKey` is the key for which an operator asks.
export async function call(path, { method = "GET", body, asKey = "", headers = {}, signal } = {}) {
  const sent = { accept: "application/json", "x-filmgate-csrf": csrf, ...headers };
  if (asKey) sent["x-filmgate-key"] = asKey;
  if (body !== undefined && !(body instanceof FormData)) {
    sent["content-type"] = "application/json";
    body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, { method, body, headers: sent, signal, credentials: "same-origin", redirect: "error" });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Refusal(texts.offline);
  }
  const text = await answer.text();
  let content = null;
  try {
    content = text ? JSON.parse(text) : null;
  } catch {
    content = null;
  }
  if (!answer.ok) {
    const said = content?.error ?? {};
    throw new Refusal(said.message ?? `${texts.failed} (${answer.status})`, { param: said.param, code: said.code, status: answer.status, body: content });
  }
  return content;
}

// Says something in passing; screen readers hear it too.
export function say(text, kind = "") {
  const toast = document.createElement("p");
  toast.className = `toast ${kind}`;
  toast.textContent = text;
  document.getElementById("news").append(toast);
  setTimeout(() => toast.remove(), 6000);
}

// Asks before something that cannot be taken back.
export function agreed(question) {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("#confirm-text").textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

const READ = {
  text: (text) => text,
  trimmed: (text) => text.trim() || null,
  number: (text) => (text.trim() === "" ? null : Number(text)),
  json: (text, input) => {
    if (text.trim() === "") return null;
    try {
      return JSON.parse(text);
    } catch (problem) {
      throw new Refusal(problem.message, { param: input.name });
    }
  },
  list: (text) => {
    const parts = text.split(/[\n,]/).map((part) => part.trim()).filter(Boolean);
    return parts.length ? parts : null;
  },
  moment: (text) => (text ? new Date(text).toISOString() : null),
};

// A form as JSON: `data-read` says how each input is read, dots in a name make objects, `data-omit` leaves out what is empty.
export function read(form) {
  const body = {};
  for (const input of form.elements) {
    if (!input.name || input.disabled || input.type === "submit" || input.dataset.read === "none") continue;
    if (input.type === "radio" && !input.checked) continue;
    const value = input.type === "checkbox" ? input.checked : (READ[input.dataset.read] ?? READ.text)(input.value, input);
    if (input.hasAttribute("data-omit") && (value === null || value === "")) continue;
    const path = input.name.split(".");
    let place = body;
    for (const part of path.slice(0, -1)) place = place[part] ??= {};
    place[path.at(-1)] = value;
  }
  return body;
}

// Shows a refusal beside the field that it names, else at the top of the form.
export function showRefusal(form, refusal) {
  clearRefusals(form);
  const param = refusal.param ?? "";
  const names = [param, param.replace(/\[.*$/, ""), param.split(".")[0]];
  const input = names.map((name) => name && form.elements.namedItem(name)).find((found) => found instanceof HTMLElement);
  const told = document.createElement("p");
  told.className = input ? "error" : "alert";
  told.setAttribute("role", "alert");
  told.textContent = refusal.message;
  if (input) {
    input.setAttribute("aria-invalid", "true");
    (input.closest(".field") ?? input.parentElement).append(told);
    input.focus();
  } else {
    form.prepend(told);
    told.scrollIntoView({ block: "nearest" });
  }
}

export function clearRefusals(form) {
  for (const told of form.querySelectorAll(".error[role='alert'], :scope > .alert[role='alert']")) told.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

// <form data-call="/admin/keys" data-method="POST" data-next="/console/keys/{id}">: sends JSON, then goes on, or fires `saved`.
async function submitted(event) {
  const form = event.target.closest("form[data-call]");
  if (!form) return;
  event.preventDefault();
  const { call: path, method = "POST", next, confirm: question } = form.dataset;
  const button = event.submitter;
  if (question && !(await agreed(question))) return;
  button?.setAttribute("disabled", "");
  try {
    const change = form.dataset.body ? JSON.parse(form.dataset.body) : read(form);
    const answer = await call(path, { method, body: method === "DELETE" ? undefined : change });
    clearRefusals(form);
    if (!form.dispatchEvent(new CustomEvent("saved", { bubbles: true, cancelable: true, detail: answer }))) return;
    if (next) location.assign(next.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer?.[name] ?? "")));
    else if (form.hasAttribute("data-stay")) say(texts.saved);
    else location.reload();
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    showRefusal(form, problem);
  } finally {
    button?.removeAttribute("disabled");
  }
}

async function copied(event) {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = button.dataset.copy ? document.querySelector(button.dataset.copy) : button.parentElement.querySelector("pre");
  const text = source?.value ?? source?.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    getSelection().selectAllChildren(source); // without https there is no clipboard: the reader copies what is marked
    document.execCommand("copy");
  }
  say(texts.copied);
}

// Times come in UTC; people think in their own.
export function localTimes(root = document) {
  const shown = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.dateTime;
    time.textContent = shown.format(at);
  }
}

document.addEventListener("submit", submitted);
document.addEventListener("click", copied);
localTimes();
