// Jobs: what is still being made shows itself anew, without losing the reader's place; a job is cancelled or deleted.
import { call, Refusal, agreed, say, localTimes } from "./console.js";

const root = document.querySelector("[data-refresh]");

// A piece as the server wrote it: times in the reader's zone and opened details are no news.
function written(piece) {
  const copy = piece.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) {
    time.textContent = time.dateTime;
    time.removeAttribute("title");
  }
  for (const details of copy.querySelectorAll("details")) details.removeAttribute("open");
  return copy.innerHTML;
}

function replaced(here, fresh) {
  const open = [...here.querySelectorAll("details[open]")].map((details) => details.id);
  const focused = here.contains(document.activeElement) ? document.activeElement.id : "";
  const piece = document.importNode(fresh, true);
  for (const details of piece.querySelectorAll("details")) details.open = open.includes(details.id);
  localTimes(piece);
  here.replaceWith(piece);
  if (focused) (document.getElementById(focused) ?? document.getElementById("main")).focus({ preventScroll: true });
}

function busy(piece) {
  const active = document.activeElement;
  return piece.querySelector("button[disabled]") !== null || (piece.contains(active) && active.matches("input, textarea, select"));
}

async function refreshed() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, credentials: "same-origin", redirect: "manual" });
  if (!answer.ok) return answer.status >= 500; // signed out, or the job is gone: the page stays as it was
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const here of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(here.id);
    if (fresh && !busy(here) && written(fresh) !== written(here)) replaced(here, fresh);
  }
  if (!root.hasAttribute("data-job")) return document.querySelector("[data-live]") !== null;
  const ended = page.querySelector("[data-refresh]")?.hasAttribute("data-open") === false;
  if (!ended) return true;
  root.removeAttribute("data-open");
  const status = document.getElementById("status").dataset.status;
  say(root.dataset[status] ?? "", status === "failed" ? "bad" : "");
  return false;
}

async function watch() {
  const pause = Number(root.dataset.refresh) * 1000;
  for (let going = true; going; ) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (document.hidden) continue;
    try {
      going = await refreshed();
    } catch {
      going = true; // nobody answers: the gateway may be starting anew
    }
  }
}

async function sent(event) {
  const button = event.target.closest("[data-send]");
  if (!button) return;
  const { send, method, asKey, question, after } = button.dataset;
  if (!(await agreed(question))) return;
  button.disabled = true;
  try {
    await call(send, { method, asKey });
    if (after) location.assign(after);
    else location.reload();
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    say(problem.message, "bad");
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("click", sent);
if (root && (root.hasAttribute("data-open") || (!root.hasAttribute("data-job") && document.querySelector("[data-live]")))) watch();
