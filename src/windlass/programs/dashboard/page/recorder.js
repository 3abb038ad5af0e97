// The recorder: three lanes over the same blocks, as the pens of one instrument write them.
// A pointer over any lane reads the same block in all three.

import { Bars, ceiling, mean, quantile } from "./charts.js";
import { byId, element, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";

const SLOTS = 90;
const HEIGHT = 100;

const LANES = [
  {
    key: "interval",
    title: "Block interval",
    value: (block) => block.interval_ms,
    show: (value) => format.durationText(value),
    level: (value, bands) => bands.interval(value),
  },
  {
    key: "transactions",
    title: "Transactions",
    value: (block) => block.transactions,
    show: (value) => format.integer(Math.round(value)),
    level: () => 0,
  },
  {
    key: "gas",
    title: "Gas used",
    value: (block) => (block.gas_limit > 0 ? (block.gas_used / block.gas_limit) * 100 : null),
    show: (value) => `${format.percent(value)} %`,
    level: (value, bands) => bands.fullness(value),
    top: 100,
  },
];

export class Recorder {
  constructor(model, page) {
    this.model = model;
    this.page = page;
    this.pointed = null;
    this.cursor = element("span", { class: "lane-cursor", "aria-hidden": "true" });
    this.cursor.hidden = true;
    this.empty = element("p", { class: "empty" }, "The record begins with the first block.");
    this.lanes = LANES.map((lane) => this.#lane(lane));
    this.place = element("div", { class: "lanes" }, ...this.lanes.map(({ node }) => node));
    this.place.append(this.cursor);
    byId("recorder").append(this.place, this.empty);
    this.place.addEventListener("pointermove", (event) => this.#point(event));
    this.place.addEventListener("pointerleave", () => this.#leave());
  }

  draw() {
    const blocks = this.model.blocks.slice(0, SLOTS).reverse();
    this.empty.hidden = blocks.length > 0;
    this.place.hidden = blocks.length === 0;
    for (const { lane, bars, chart, latest, scale } of this.lanes) {
      const values = blocks.map(lane.value).map((one) => (format.known(one) ? one : null));
      const measured = values.filter((one) => one !== null);
      // One long wait must not flatten all the rest: bars stop at a few times the usual.
      const usual = quantile(measured, 0.95) ?? 0;
      const most = Math.max(0, ...measured);
      const top = lane.top ? fullness(most) : ceiling(Math.min(most, usual * 2));
      bars.draw(values, top, (value) => lane.level(value, this.page.bands));
      setText(latest, values.length > 0 ? lane.show(values.at(-1)) : format.UNKNOWN);
      setText(scale, lane.show(top));
      setAttribute(chart, "aria-label", sentence(lane, measured));
    }
    this.#note(blocks);
  }

  #lane(lane) {
    const bars = new Bars({ slots: SLOTS, height: HEIGHT, className: "lane-bars" });
    const latest = element("p", { class: "lane-latest", title: "in the latest block" });
    const scale = element("span", { class: "lane-scale", "aria-hidden": "true" });
    const chart = element("div", { class: "lane-chart", role: "img" }, bars.svg, scale);
    const title = element("h3", { class: "label" }, lane.title);
    const head = element("div", { class: "lane-head" }, title, latest);
    const node = element("div", { class: "lane", "data-lane": lane.key }, head, chart);
    return { lane, bars, chart, latest, scale, node };
  }

  #point(event) {
    const box = this.lanes[0].chart.getBoundingClientRect();
    const slot = Math.floor(((event.clientX - box.left) / box.width) * SLOTS);
    const fromNewest = SLOTS - 1 - slot;
    if (slot < 0 || fromNewest < 0 || fromNewest >= this.model.blocks.length) {
      this.#leave();
      return;
    }
    const left = box.left - this.place.getBoundingClientRect().left;
    this.cursor.hidden = false;
    this.cursor.style.transform = `translateX(${left + ((slot + 0.5) / SLOTS) * box.width}px)`;
    this.pointed = fromNewest;
    this.#note();
  }

  #leave() {
    this.pointed = null;
    this.cursor.hidden = true;
    this.#note();
  }

  #note(shown = this.model.blocks.slice(0, SLOTS)) {
    const block = this.pointed === null ? null : this.model.blocks[this.pointed];
    if (!block) {
      setText(byId("recorder-note"), shown.length > 0 ? format.count(shown.length, "block") : "");
      return;
    }
    const read = LANES.map((lane) => lane.show(lane.value(block)));
    const maker = format.plain(block.miner_name ?? block.miner, 24);
    const text = `#${format.integer(block.number)}: ${read[0]}, ${read[1]} tx, ${read[2]}, ${maker}`;
    setText(byId("recorder-note"), text);
  }
}

function fullness(most) {
  return [1, 2, 5, 10, 20, 30, 50, 75].find((top) => most <= top) ?? 100;
}

function sentence(lane, values) {
  if (values.length === 0) return `${lane.title}: no block yet.`;
  const figures = [mean(values), Math.min(...values), Math.max(...values)].map(lane.show);
  const [middle, least, most] = figures;
  const blocks = format.count(values.length, "block");
  return `${lane.title} of the last ${blocks}: mean ${middle}, least ${least}, most ${most}.`;
}
