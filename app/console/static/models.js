// The catalogue: filters at once and adds further rows below, both from the same page, which works without this script.
import { say, texts } from "./console.js";

const form = document.getElementById("filters");
let waiting = null; // the question that is on its way

async function fetched(address) {
  waiting?.abort();
  waiting = new AbortController();
  const answer = await fetch(address, { credentials: "same-origin", redirect: "error", signal: waiting.signal });
  if (!answer.ok) throw new Error(`${texts.failed} (${answer.status})`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function told(problem) {
  if (problem.name !== "AbortError") say(problem instanceof TypeError ? texts.offline : problem.message, "bad");
}

function chosen() {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
  return query.size ? `${location.pathname}?${query}` : location.pathname;
}

async function filter() {
  const address = chosen();
  try {
    const fresh = await fetched(address);
    for (const id of ["sides", "found"]) document.getElementById(id)?.replaceChildren(...(fresh.getElementById(id)?.childNodes ?? []));
    document.getElementById("count").textContent = fresh.getElementById("count").textContent;
    history.replaceState(null, "", address);
  } catch (problem) {
    told(problem);
  }
}

async function grow(link) {
  try {
    const fresh = await fetched(link.href);
    const rows = document.getElementById("rows");
    const first = rows.children.length;
    rows.append(...fresh.querySelectorAll("#rows > tr"));
    const next = fresh.querySelector("#found a[rel='next']");
    if (next) link.href = next.getAttribute("href");
    else link.parentElement.remove();
    if (!next) rows.children[first]?.querySelector("a")?.focus({ preventScroll: true });
  } catch (problem) {
    told(problem);
  }
}

let pause = 0;
form.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(filter, 150);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(pause);
  filter();
});
document.getElementById("found").addEventListener("click", (event) => {
  const link = event.target.closest("a[rel='next']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  grow(link);
});
