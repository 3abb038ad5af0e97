// One node's row. It remembers what it shows, so that an update touches only what differs.

import { Bars } from "./charts.js";
import { COLUMNS } from "./columns.js";
import { drawing, element, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";

const HISTORY = 40;

export class Row {
  constructor(name) {
    this.name = name;
    this.dirty = true;
    this.blank = true;
    this.seen = false; // in or near the window; the others wait
    this.cells = new Map();
    this.node = element("tr", { class: "node", role: "row" });
    this.pin = element("button", { class: "pin", type: "button" }, pinDrawing());
    const first = element("td", { class: "cell cell-pin", role: "cell" }, this.pin);
    this.node.append(first);
    for (const column of COLUMNS) this.node.append(this.#cell(column));
    this.pin.dataset.pin = "";
    this.open.dataset.open = "";
  }

  /** Draws the whole row from its node. */
  draw(node, bands, now, pinned) {
    this.dirty = false;
    this.blank = false;
    for (const column of COLUMNS) {
      const cell = this.cells.get(column.key);
      if (column.text) setText(cell, column.text(node, now));
      if (column.level) setAttribute(cell, "data-level", column.level(node, bands, now) || null);
    }
    setAttribute(this.node, "data-online", String(Boolean(node.online)));
    setAttribute(this.node, "data-pinned", pinned ? "true" : null);
    setAttribute(this.pin, "aria-pressed", String(pinned));
    setText(this.state, state(node));
    setText(this.role, format.plain(node.role, 20));
    setText(this.client, client(node));
    this.#spread(node, bands);
  }

  /** Draws only what changes with time. */
  tick(node, bands, now) {
    for (const column of COLUMNS) {
      if (!column.ticks) continue;
      const cell = this.cells.get(column.key);
      setText(cell, column.text(node, now));
      setAttribute(cell, "data-level", column.level(node, bands, now) || null);
    }
  }

  #cell(column) {
    const classes = `cell cell-${column.key}${column.numeric ? " numeric" : ""}`;
    const tag = column.key === "name" ? "th" : "td";
    const role = column.key === "name" ? "rowheader" : "cell";
    const cell = element(tag, { class: classes, role, "data-label": column.label });
    if (tag === "th") cell.scope = "row";
    if (column.key === "name") {
      this.open = element("button", { class: "node-name name", type: "button" });
      this.open.append(format.plain(this.name, 80));
      this.open.title = `Details of ${format.plain(this.name, 80)}`;
      this.pin.setAttribute("aria-label", `Pin ${format.plain(this.name, 80)}`);
      this.pin.title = "Pin to the top (p)";
      this.state = element("span", { class: "node-state" });
      this.client = element("span", { class: "node-client name" });
      this.role = element("span", { class: "node-role" });
      const below = element("span", { class: "node-below" }, this.role, this.client);
      cell.append(this.open, this.state, below);
    } else if (column.key === "propagation") {
      this.spread = element("span", { class: "spread-figure" });
      const bars = { slots: HISTORY, height: 20, pitch: 3, gap: 1, className: "spread-bars" };
      this.bars = new Bars({ ...bars, least: 1 });
      const chart = element("span", { class: "spread-chart", role: "img" }, this.bars.svg);
      this.chart = chart;
      cell.append(this.spread, chart);
    } else {
      const value = element("span", { class: "value" });
      cell.append(value);
      this.cells.set(column.key, value);
    }
    return cell;
  }

  #spread(node, bands) {
    const history = node.propagation_history;
    const mark = node.sampled ? "≈ " : "";
    setText(this.spread, `${mark}${format.durationText(node.propagation_ms)}`);
    setAttribute(this.spread, "data-level", bands.propagation(node.propagation_ms) || null);
    setAttribute(this.spread, "title", node.sampled ? "sampled by the client: not exact" : null);
    this.bars.draw(history, bands.spread_ms[0], (value) => bands.propagation(value));
    const known = history.filter(format.known);
    const average = format.durationText(node.propagation_average_ms);
    const said = known.length > 0 ? `mean ${average} of ${known.length} blocks` : "not known yet";
    setAttribute(this.chart, "aria-label", said);
  }
}

function state(node) {
  if (!node.online) return "◆ offline";
  if (node.syncing) return "syncing";
  if (!node.expected) return "not in the file";
  return "";
}

/** Geth/v1.17.8-stable-…/linux-amd64/go1.25 is "Geth 1.17.8" at a glance. */
function client(node) {
  if (!node.client) return "";
  const [name, version = ""] = format.plain(node.client, 80).split("/");
  const plain = version.replace(/^v/, "").split(/[-+]/)[0];
  return `${name} ${plain}`.trim();
}

function pinDrawing() {
  const shape = drawing("path", { d: "M5 2h6l-1 5 2.5 2.5v1h-4V15l-.5 1-.5-1v-4.500h-4v-1L6 7z" });
  const picture = { viewBox: "0 0 16 17", "aria-hidden": "true", focusable: "false" };
  return drawing("svg", picture, shape);
}
