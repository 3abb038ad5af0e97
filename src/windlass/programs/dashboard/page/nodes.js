// The table of nodes. Rows out of sight are not drawn until they come near the window, so that
// 500 nodes with a block a second each cost what is seen, not what is there.

import { byId, element, frame, kept, reorder, setAttribute, setText } from "./dom.js";
import { COLUMNS, comparison, matcher, troubled } from "./columns.js";
import * as format from "./format.js";
import { Row } from "./row.js";

const PINS_MAX = 200;
const ORDER_PAUSE_MS = 1_000;
const NEAR = "300px";
const UNSEEN_BUDGET_MS = 4;

export class Nodes {
  constructor(model, page, { open, say }) {
    Object.assign(this, { model, page, open, say });
    this.rows = new Map();
    this.pins = null;
    const sorting = kept.read("windlass.dashboard.sort", null);
    const known = COLUMNS.some(({ key }) => key === sorting?.key);
    this.sorting = known ? sorting : { key: "role", descending: false };
    this.filter = byId("nodes-filter");
    this.trouble = byId("nodes-trouble");
    this.body = element("tbody", { role: "rowgroup" });
    this.#build();
    const options = { rootMargin: `${NEAR} 0px` };
    this.watch = new IntersectionObserver((entries) => this.#seen(entries), options);
    this.ordered_at = 0;
    this.order = frame(() => this.#order());
    this.drawSeen = frame(() => this.#drawSeen());
    this.#listen();
  }

  /** Draws what changed: new and gone rows at once, the others if they are seen. */
  draw(changed) {
    this.pins ??= new Set(kept.read(this.#pinsKey(), []));
    let arrived = this.ordered_at === 0;
    for (const [name, row] of this.rows) {
      if (this.model.nodes.has(name)) continue;
      this.watch.unobserve(row.node);
      row.node.remove();
      this.rows.delete(name);
      arrived = true;
    }
    for (const name of this.model.nodes.keys()) {
      if (!this.rows.has(name)) {
        this.#add(name);
        arrived = true;
      }
    }
    for (const name of changed) {
      const row = this.rows.get(name);
      if (row) row.dirty = true;
    }
    this.#drawSeen();
    if (arrived) this.#order();
    else this.#orderSoon();
  }

  /** Ages of the rows that are seen. */
  tick() {
    const now = this.model.serverNow();
    for (const [, row, node] of this.#both()) {
      if (row.seen) row.tick(node, this.page.bands, now);
    }
    this.#drawUnseen(now);
    this.#orderSoon();
  }

  /** Rows out of sight follow too, a few a second: a screen reader or a printer may reach them. */
  #drawUnseen(now, budget_ms = UNSEEN_BUDGET_MS) {
    const began = performance.now();
    for (const [name, row, node] of this.#both()) {
      if (!row.dirty || row.seen) continue;
      row.draw(node, this.page.bands, now, this.pins.has(name));
      if (performance.now() - began > budget_ms) break;
    }
  }

  focusFilter() {
    this.filter.focus();
    this.filter.select();
  }

  /** Moves between the names of the rows that are shown. True if it did. */
  step(by) {
    const names = [...this.body.querySelectorAll("tr:not([hidden]) [data-open]")];
    const row = document.activeElement?.closest?.("tr.node");
    const at = names.findIndex((name) => row?.contains(name));
    if (at < 0) return false;
    names[Math.max(0, Math.min(names.length - 1, at + by))].focus();
    return true;
  }

  pinFocused() {
    const row = document.activeElement?.closest?.("tr.node");
    if (!row) return false;
    this.#togglePin(row.dataset.name, document.activeElement);
    return true;
  }

  #pinsKey() {
    const { name, chain_id } = this.model.network;
    return `windlass.dashboard.pins.${name}.${chain_id}`;
  }

  #build() {
    const row = element("tr", { role: "row" });
    const pin = element("th", { class: "cell cell-pin", role: "columnheader", scope: "col" });
    pin.append(element("span", { class: "hidden-text" }, "Pin"));
    row.append(pin);
    this.heads = COLUMNS.map(({ key, label, title, numeric }) => {
      const button = element("button", { class: "sort", type: "button", "data-sort": key }, label);
      if (title) button.title = title;
      const classes = `cell cell-${key}${numeric ? " numeric" : ""}`;
      const head = element("th", { class: classes, role: "columnheader", scope: "col" }, button);
      row.append(head);
      byId("nodes-sort").append(element("option", { value: key }, label));
      return head;
    });
    const heads = element("thead", { role: "rowgroup" }, row);
    const place = { class: "nodes", role: "table", "aria-labelledby": "nodes-title" };
    this.table = element("table", place, heads, this.body);
    byId("nodes").append(this.table);
    this.#drawSorting();
  }

  #listen() {
    this.table.addEventListener("click", (event) => {
      const sort = event.target.closest("[data-sort]");
      const row = event.target.closest("tr.node");
      if (sort) this.#sortBy(sort.dataset.sort);
      else if (row && event.target.closest("[data-pin]")) {
        this.#togglePin(row.dataset.name, event.target.closest("[data-pin]"));
      } else if (row && !getSelection()?.toString()) this.open(row.dataset.name);
    });
    window.addEventListener("beforeprint", () => this.#drawUnseen(this.model.serverNow(), 5_000));
    byId("nodes-sort").addEventListener("change", (event) => this.#sortBy(event.target.value));
    this.filter.addEventListener("input", this.order);
    this.filter.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        this.filter.value = "";
        this.order();
      } else if (event.key === "Enter" || event.key === "ArrowDown") {
        event.preventDefault();
        this.body.querySelector("tr:not([hidden]) [data-open]")?.focus();
      }
    });
    this.trouble.addEventListener("click", () => {
      const on = this.trouble.getAttribute("aria-pressed") !== "true";
      this.trouble.setAttribute("aria-pressed", String(on));
      this.order();
    });
  }

  #sortBy(key) {
    const same = this.sorting.key === key;
    this.sorting = { key, descending: same ? !this.sorting.descending : false };
    kept.write("windlass.dashboard.sort", this.sorting);
    this.#drawSorting();
    this.#order();
  }

  #drawSorting() {
    COLUMNS.forEach(({ key }, i) => {
      const direction = this.sorting.descending ? "descending" : "ascending";
      const current = key === this.sorting.key;
      setAttribute(this.heads[i], "aria-sort", current ? direction : null);
    });
    byId("nodes-sort").value = this.sorting.key;
  }

  #togglePin(name, focused) {
    const pinned = !this.pins.has(name);
    if (pinned && this.pins.size < PINS_MAX) this.pins.add(name);
    else this.pins.delete(name);
    kept.write(this.#pinsKey(), [...this.pins]);
    const row = this.rows.get(name);
    row.dirty = true;
    this.#drawSeen();
    this.#order();
    focused?.focus(); // a row that was moved has lost it
    this.say(`${format.plain(name, 80)} ${pinned ? "is pinned." : "is not pinned any more."}`);
  }

  /** Rows with their nodes. The model may be a frame ahead: some have only one of the two. */
  *#both() {
    for (const [name, row] of this.rows) {
      const node = this.model.nodes.get(name);
      if (node !== undefined) yield [name, row, node];
    }
  }

  #add(name) {
    const row = new Row(name);
    row.node.dataset.name = name;
    this.rows.set(name, row);
    this.body.append(row.node);
    this.watch.observe(row.node);
  }

  #seen(entries) {
    for (const entry of entries) {
      const row = this.rows.get(entry.target.dataset.name);
      if (row) row.seen = entry.isIntersecting;
    }
    this.drawSeen();
  }

  #drawSeen() {
    const now = this.model.serverNow();
    for (const [name, row, node] of this.#both()) {
      if (!row.dirty || !(row.seen || row.blank)) continue; // once all: the browser's own search
      row.draw(node, this.page.bands, now, this.pins.has(name));
    }
  }

  /** Not under a reader's hand: rows stay while a pointer or the focus is among them. */
  #orderSoon() {
    const held = this.body.matches(":hover") || this.body.contains(document.activeElement);
    const now = performance.now();
    if (held || now - this.ordered_at < ORDER_PAUSE_MS) return;
    this.#order();
  }

  #order() {
    this.ordered_at = performance.now();
    const { key, descending } = this.sorting;
    const nodes = [...this.#both()].map(([, , node]) => node);
    nodes.sort(comparison(key, descending, this.pins ?? new Set()));
    reorder(this.body, nodes.map(({ name }) => this.rows.get(name).node));
    const matches = matcher(this.filter.value);
    const only = this.trouble.getAttribute("aria-pressed") === "true";
    let shown = 0;
    let troubles = 0;
    for (const node of nodes) {
      const bad = troubled(node, this.page.bands);
      troubles += Number(bad);
      const hidden = !matches(node) || (only && !bad);
      shown += Number(!hidden);
      const row = this.rows.get(node.name).node;
      if (row.hidden !== hidden) row.hidden = hidden;
    }
    this.#note(nodes.length, shown, troubles);
  }

  #note(all, shown, troubles) {
    const filtered = shown < all ? `${format.integer(shown)} of ${format.count(all, "node")}` : "";
    setText(byId("nodes-note"), filtered || format.count(all, "node"));
    setText(this.trouble, troubles > 0 ? `Only trouble (${format.integer(troubles)})` : "Only trouble");
    const empty = byId("nodes-empty");
    empty.hidden = shown > 0;
    this.table.hidden = all === 0;
    const none = "No node has reported yet. A node shows here as soon as it logs in.";
    const calm = "No node is in trouble.";
    const nothing = this.filter.value ? "No node matches the filter. Esc clears it." : calm;
    setText(empty, all === 0 ? none : nothing);
  }
}
