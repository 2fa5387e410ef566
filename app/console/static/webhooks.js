// One webhook: while its next try is near, the page is read again, so that the outcome shows by itself.
import { localTimes } from "./console.js";

const PAUSE = 1500; // milliseconds
const MOST = 80; // looks

async function look() {
  const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("webhook");
  const shown = document.getElementById("webhook");
  if (!fresh || shown.contains(document.activeElement)) return;
  localTimes(fresh);
  if (!fresh.isEqualNode(shown)) shown.replaceWith(document.importNode(fresh, true));
}

let looks = 0;
const timer = setInterval(() => {
  looks += 1;
  if (looks > MOST || !("soon" in document.getElementById("webhook").dataset)) clearInterval(timer);
  else if (!document.hidden) look().catch(() => {}); // the gateway restarts: the next look will tell
}, PAUSE);
