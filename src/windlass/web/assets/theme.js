// Light or dark: the reader's choice, or the system's if none was made.
//
// A classic script in the head: it runs before the first paint, so that no page flashes in the
// wrong theme. A browser that refuses storage still switches, for this visit.
(() => {
  const KEY = "windlass.theme";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function kept() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  }

  function keep(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Storage is off: the choice lives as long as the page.
    }
  }

  function current() {
    return root.dataset.theme ?? (system.matches ? "dark" : "light");
  }

  function label() {
    const other = current() === "dark" ? "light" : "dark";
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.setAttribute("aria-label", `Switch to the ${other} theme`);
      button.title = `Switch to the ${other} theme (t)`;
    }
  }

  function toggle() {
    root.dataset.theme = current() === "dark" ? "light" : "dark";
    keep(root.dataset.theme);
    label();
  }

  const chosen = kept();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  system.addEventListener("change", label);
  window.addEventListener("storage", (event) => {
    if (event.key === KEY && (event.newValue === "light" || event.newValue === "dark")) {
      root.dataset.theme = event.newValue;
      label();
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    label();
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.addEventListener("click", toggle);
    }
  });
})();
