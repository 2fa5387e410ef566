// Writes the numbers of the first page as they change; the page is read again where more than numbers changed.
import { localTimes } from "./console.js";

const area = document.getElementById("figures");
let known = null;

async function readAgain() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("figures");
  if (fresh) area.replaceChildren(...fresh.childNodes);
  localTimes(area);
}

const source = new EventSource(area.dataset.live);
source.addEventListener("message", (event) => {
  const figures = JSON.parse(event.data);
  const ended = known && (known.completed !== figures.completed || known.failed !== figures.failed || known.states !== figures.states);
  known = figures;
  for (const place of area.querySelectorAll("[data-figure]")) place.textContent = figures[place.dataset.figure] ?? "–";
  if (ended) readAgain();
});
addEventListener("pagehide", () => source.close());
