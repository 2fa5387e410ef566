// The reference: leaves the endpoints that have all of the words looked for, and opens what a link leads to.

const form = document.getElementById("search");

function filter() {
  const wanted = document.getElementById("f-text").value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const section of document.querySelectorAll(".endpoints")) {
    const lines = [...section.querySelectorAll("[data-words]")];
    for (const line of lines) line.hidden = !wanted.every((word) => line.dataset.words.includes(word));
    const left = lines.filter((line) => !line.hidden).length;
    section.hidden = left === 0;
    found += left;
  }
  const count = document.getElementById("count");
  count.textContent = found ? "" : count.dataset.none;
}

function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
}

form?.addEventListener("input", filter);
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  filter();
});
addEventListener("hashchange", open);
open();
