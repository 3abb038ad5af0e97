// Shortcuts of one key. They can be switched off, for people who speak to their computer, and
// never take a key from a field that is typed in.

import { byId, kept } from "./dom.js";

const KEY = "windlass.dashboard.keys";

export function bindKeys({ nodes }) {
  const help = byId("help");
  const on = byId("keys-on");
  on.checked = kept.read(KEY, true) !== false;
  on.addEventListener("change", () => kept.write(KEY, on.checked));
  byId("help-open").addEventListener("click", () => help.showModal());
  byId("help-close").addEventListener("click", () => help.close());
  help.addEventListener("click", (event) => {
    if (event.target === help) help.close();
  });

  const actions = {
    "/": () => nodes.focusFilter(),
    "?": () => help.showModal(),
    t: () => document.querySelector("[data-theme-switch]").click(),
    p: () => nodes.pinFocused(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, select, textarea, dialog")) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (nodes.step(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
    } else if (on.checked && Object.hasOwn(actions, event.key)) {
      event.preventDefault();
      actions[event.key]();
    }
  });
}
