// The sheet with everything that is known of one node or one block. It follows the network while
// it is open: what it shows is never older than the page.

import { Bars } from "./charts.js";
import { blockAge } from "./columns.js";
import { byId, copyable, element, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";

const HISTORY = 40;

export class Details {
  constructor(model, page, say) {
    Object.assign(this, { model, page, say });
    this.dialog = byId("details");
    this.body = byId("details-body");
    this.shown = null;
    this.dialog.addEventListener("close", () => {
      this.shown = null;
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close(); // on the backdrop
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.#step(-1);
      else if (event.key === "ArrowRight") this.#step(1);
    });
    this.close = element("button", { class: "button", type: "button" }, "Close");
    this.close.addEventListener("click", () => this.dialog.close());
    this.before = step("◀", "Block before", () => this.#step(-1));
    this.after = step("▶", "Block after", () => this.#step(1));
    byId("details-tools").append(this.before, this.after, this.close);
  }

  openNode(name) {
    this.#open({ kind: "node", name });
  }

  openBlock(number) {
    this.#open({ kind: "block", number });
  }

  draw() {
    if (this.shown === null) return;
    const facts = this.shown.kind === "node" ? this.#node() : this.#block();
    if (facts === null) {
      this.dialog.close();
      return;
    }
    facts.forEach(([label, value, options = {}]) => this.#fact(label, value, options));
  }

  tick() {
    if (this.shown?.kind === "node") this.draw();
  }

  #open(shown) {
    this.shown = shown;
    this.facts = new Map();
    this.list = element("dl", { class: "facts" });
    this.body.replaceChildren();
    const block = shown.kind === "block";
    this.before.hidden = !block;
    this.after.hidden = !block;
    if (!block) this.#chart();
    this.body.append(this.list);
    if (!this.dialog.open) this.dialog.showModal();
    this.draw();
  }

  #chart() {
    const options = { slots: HISTORY, height: 60, pitch: 8, gap: 2, className: "sheet-bars" };
    this.bars = new Bars(options);
    this.chart = element("div", { class: "sheet-chart", role: "img" }, this.bars.svg);
    this.body.append(this.chart);
  }

  #fact(label, value, { code, title, level, copy }) {
    let place = this.facts.get(label);
    if (place === undefined) {
      place = element("dd");
      this.facts.set(label, place);
      this.list.append(element("dt", {}, label), place);
    }
    if (copy) {
      if (place.dataset.copy === copy) return;
      place.dataset.copy = copy;
      place.replaceChildren(copyable(copy, value, this.say));
      return;
    }
    setText(place, value);
    place.className = code ? "code" : "";
    setAttribute(place, "title", title ?? null);
    setAttribute(place, "data-level", level || null);
  }

  #node() {
    const node = this.model.nodes.get(this.shown.name);
    if (node === undefined) return null;
    const { bands } = this.page;
    const now = this.model.serverNow();
    setText(byId("details-title"), format.plain(node.name, 80));
    this.bars.draw(node.propagation_history, bands.spread_ms[0], (ms) => bands.propagation(ms));
    const average = format.durationText(node.propagation_average_ms);
    const top = format.durationText(bands.spread_ms[0]);
    const said = `Propagation of its last ${HISTORY} blocks: mean ${average}; full height ${top}.`;
    setAttribute(this.chart, "aria-label", said);
    this.chart.dataset.caption = said;
    const state = `${node.online ? "online" : "offline"} for ${format.calmAge(now - node.since_ms)}`;
    const own = this.model.alerts.filter((alert) => alert.node === node.name);
    return [
      ["State", state, { level: node.online ? 0 : 3, title: format.instant(node.since_ms) }],
      ["Alerts", own.map((one) => format.plain(one.sentence, 300)).join(" ") || "none"],
      ["Role", `${format.plain(node.role, 20)}${node.expected ? "" : ", not in the network’s file"}`],
      ["Block", format.integer(node.block?.number), { level: bands.lag(node.lag_blocks) }],
      ["Behind", node.lag_blocks > 0 ? format.count(node.lag_blocks, "block") : "no"],
      ["Block hash", format.hash(node.block?.hash, 16, 8), { copy: text(node.block?.hash) }],
      ["Told of it", since(blockAge(node, now)), { title: format.instant(node.block_at_ms) }],
      ["Propagation", `${format.durationText(node.propagation_ms)}, mean ${average}`],
      ["Import", format.durationText(node.processing_ms)],
      ["Latency", format.durationText(node.latency_ms), { level: bands.latency(node.latency_ms) }],
      ["Clock", ahead(node.clock_offset_ms)],
      ["Peers", format.integer(node.peers), { level: node.peers === 0 ? 3 : 0 }],
      ["Pending", format.integer(node.pending)],
      ["Gas price", format.gasPrice(node.gas_price_wei).join(" ")],
      ["Syncing", node.syncing ? "yes" : "no"],
      ["Uptime", share(node.uptime_percent), { level: bands.uptime(node.uptime_percent) }],
      ["Client", format.plain(node.client, 200)],
      ["System", format.plain(node.os, 80)],
      ["Network id", format.plain(node.network_id, 40)],
      ["Protocols", format.plain(node.protocol, 120)],
      ["Port", format.plain(node.port, 12)],
      ["Reports by", format.plain(node.api, 80)],
      ["Contact", format.plain(node.contact, 200)],
    ];
  }

  #block() {
    const at = this.model.blocks.findIndex((block) => block.number === this.shown.number);
    if (at < 0) return null;
    const block = this.model.blocks[at];
    this.before.disabled = at === this.model.blocks.length - 1;
    this.after.disabled = at === 0;
    setText(byId("details-title"), `Block ${format.integer(block.number)}`);
    const full = block.gas_limit > 0 ? (block.gas_used / block.gas_limit) * 100 : null;
    const missed = Array.isArray(block.missed) ? block.missed : [];
    const names = missed.slice(0, 100).map((name) => format.plain(name, 60));
    const { bands } = this.page;
    return [
      ["Hash", format.hash(block.hash, 16, 8), { copy: text(block.hash) }],
      ["Parent", format.hash(block.parent_hash, 16, 8), { copy: text(block.parent_hash) }],
      ["State", `${block.final ? "final" : "not final yet"}${block.forked ? ", forked" : ""}`],
      ["Made by", format.plain(block.miner_name, 80)],
      ["Fees to", format.hash(block.miner, 16, 8), { copy: text(block.miner) }],
      ["Timestamp", format.instant(block.timestamp_ms)],
      ["First told", `${format.instant(block.at_ms)} by ${format.plain(block.first_node, 80)}`],
      ["After", format.durationText(block.interval_ms), { level: bands.interval(block.interval_ms) }],
      ["Transactions", format.integer(block.transactions)],
      ["Gas used", `${format.integer(block.gas_used)} (${share(full)})`],
      ["Gas limit", format.integer(block.gas_limit)],
      ["Told by", format.count(block.reporters, "node")],
      ["Propagation", spread(block)],
      ["Round", format.integer(block.round), { level: block.round > 0 ? 2 : 0 }],
      ["Did not sign", names.join(", ") || "none", { level: missed.length > 0 ? 2 : 0 }],
    ];
  }

  #step(by) {
    if (this.shown?.kind !== "block") return;
    const number = this.shown.number + by;
    if (!this.model.blocks.some((block) => block.number === number)) return;
    this.shown.number = number;
    this.draw();
  }
}

function step(shape, label, act) {
  const attributes = { class: "button button-square", type: "button", "aria-label": label };
  const button = element("button", { ...attributes, title: label }, shape);
  button.addEventListener("click", act);
  return button;
}

function text(value) {
  return typeof value === "string" && value !== "" ? format.plain(value, 200) : undefined;
}

function share(value) {
  return format.known(value) ? `${format.percent(value)} %` : format.UNKNOWN;
}

function since(ms) {
  return ms === null ? format.UNKNOWN : `${format.calmAge(ms)} ago`;
}

function ahead(ms) {
  if (!format.known(ms)) return format.UNKNOWN;
  const way = ms < 0 ? "behind this server" : "ahead of this server";
  return `${format.durationText(Math.abs(ms))} ${way}`;
}

function spread(block) {
  const half = format.durationText(block.propagation_p50_ms);
  return `half within ${half}, all within ${format.durationText(block.propagation_max_ms)}`;
}
