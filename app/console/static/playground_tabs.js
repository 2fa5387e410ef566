// Tabs as keyboards and screen readers expect them: one stop for the row, arrows move along it.

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export function listenToTabs(place) {
  const tabs = [...place.querySelectorAll("[role=tab]")];
  const choose = (tab) => {
    for (const one of tabs) {
      one.setAttribute("aria-selected", String(one === tab));
      one.tabIndex = one === tab ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = one !== tab;
    }
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const ends = { Home: 0, End: tabs.length - 1 };
      const next = ends[event.key] ?? (event.key in STEPS ? (index + STEPS[event.key] + tabs.length) % tabs.length : null);
      if (next === null) return;
      event.preventDefault();
      choose(tabs[next]);
      tabs[next].focus();
    });
  }
}
