// The recorder: three lanes over the same blocks, as the pens of one instrument write them.
// A pointer over any lane reads the same block in all three. The same lanes show the last day, as
// the server keeps it: a bar is then 16 minutes.

import { Bars, ceiling, mean, quantile } from "./charts.js";
import { byId, element, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";

const SLOTS = 90;
const HEIGHT = 100;
const DAY_MS = 86_400_000;
const SLOT_MS = DAY_MS / SLOTS;
const DAY_EVERY_MS = 60_000;
const DAY_TIMEOUT_MS = 10_000;
const MINUTES_MAX = 2_000;

const LANES = [
  {
    key: "interval",
    title: "Block interval",
    value: (block) => block.interval_ms,
    show: (value) => format.durationText(value),
    level: (value, bands) => bands.interval(value),
    day: {
      title: "Longest interval",
      value: (minutes) => most(minutes.map(({ interval_max_ms }) => interval_max_ms)),
    },
  },
  {
    key: "transactions",
    title: "Transactions",
    value: (block) => block.transactions,
    show: (value) => format.integer(Math.round(value)),
    level: () => 0,
    day: {
      title: "Transactions",
      value: (minutes) => sum(minutes.map(({ transactions }) => transactions)),
    },
  },
  {
    key: "gas",
    title: "Gas used",
    value: (block) => (block.gas_limit > 0 ? (block.gas_used / block.gas_limit) * 100 : null),
    show: (value) => `${format.percent(value)} %`,
    level: (value, bands) => bands.fullness(value),
    top: 100,
    day: {
      title: "Gas used",
      value: (minutes) => sum(minutes.map(({ gas_used }) => gas_used)),
      show: (value) => format.compact(value),
      level: () => 0,
    },
  },
];

const BEGINS = "The record begins with the first block.";

export class Recorder {
  constructor(model, page) {
    this.model = model;
    this.page = page;
    this.pointed = null;
    this.day = null; // the minutes of the last day, while they are shown
    this.button = byId("recorder-day");
    this.button.addEventListener("click", () => this.#toggle());
    setInterval(() => this.#load(), DAY_EVERY_MS);
    this.cursor = element("span", { class: "lane-cursor", "aria-hidden": "true" });
    this.cursor.hidden = true;
    this.empty = element("p", { class: "empty" }, BEGINS);
    this.lanes = LANES.map((lane) => this.#lane(lane));
    this.place = element("div", { class: "lanes" }, ...this.lanes.map(({ node }) => node));
    this.place.append(this.cursor);
    byId("recorder").append(this.place, this.empty);
    this.place.addEventListener("pointermove", (event) => this.#point(event));
    this.place.addEventListener("pointerleave", () => this.#leave());
  }

  draw() {
    const blocks = this.model.blocks.slice(0, SLOTS).reverse();
    const seen = this.day ?? blocks;
    this.empty.hidden = seen.length > 0;
    this.place.hidden = seen.length === 0;
    for (const parts of this.lanes) {
      if (this.day === null) drawLane(parts, parts.lane, blocks, this.page.bands, "block");
      else drawLane(parts, { ...parts.lane, top: 0, ...parts.lane.day }, this.day, this.page.bands);
    }
    this.#note();
  }

  #toggle() {
    const on = this.button.getAttribute("aria-pressed") !== "true";
    this.button.setAttribute("aria-pressed", String(on));
    this.day = on ? [] : null;
    setText(byId("recorder-title"), on ? "Last 24 hours" : "Latest blocks");
    setText(this.empty, on ? "Nothing is kept of the last day yet." : BEGINS);
    this.draw();
    this.#load();
  }

  async #load() {
    if (this.day === null || document.hidden) return;
    try {
      const signal = AbortSignal.timeout(DAY_TIMEOUT_MS);
      const response = await fetch("api/history?hours=24", { cache: "no-store", signal });
      if (!response.ok) throw new Error(`the history answered ${response.status}`);
      const { minutes } = await response.json();
      if (this.day !== null) this.day = slots(minutes, this.model.serverNow());
    } catch {
      if (this.day?.length === 0) setText(this.empty, "The last day can’t be read now.");
    }
    this.draw();
  }

  #lane(lane) {
    const bars = new Bars({ slots: SLOTS, height: HEIGHT, className: "lane-bars" });
    const latest = element("p", { class: "lane-latest", title: "in the latest block" });
    const scale = element("span", { class: "lane-scale", "aria-hidden": "true" });
    const chart = element("div", { class: "lane-chart", role: "img" }, bars.svg, scale);
    const title = element("h3", { class: "label" }, lane.title);
    const head = element("div", { class: "lane-head" }, title, latest);
    const node = element("div", { class: "lane", "data-lane": lane.key }, head, chart);
    return { lane, title, bars, chart, latest, scale, node };
  }

  #point(event) {
    const box = this.lanes[0].chart.getBoundingClientRect();
    const slot = Math.floor(((event.clientX - box.left) / box.width) * SLOTS);
    const fromNewest = SLOTS - 1 - slot;
    const held = this.day?.length ?? this.model.blocks.length;
    if (slot < 0 || fromNewest < 0 || fromNewest >= held) {
      this.#leave();
      return;
    }
    const left = box.left - this.place.getBoundingClientRect().left;
    this.cursor.hidden = false;
    this.cursor.style.transform = `translateX(${left + ((slot + 0.5) / SLOTS) * box.width}px)`;
    this.pointed = fromNewest;
    this.#note();
  }

  #noteOfDay() {
    const fromNewest = this.pointed ?? 0;
    const minutes = this.day[this.day.length - 1 - fromNewest];
    if (this.pointed === null || !minutes) {
      setText(byId("recorder-note"), this.day.length > 0 ? "a bar is 16 minutes" : "");
      return;
    }
    const until = format.age(fromNewest * SLOT_MS);
    const read = this.lanes.map(({ lane }) => {
      const day = { ...lane, ...lane.day };
      return shown(day, day.value(minutes));
    });
    setText(byId("recorder-note"), `${until} ago: ${read[0]}, ${read[1]} tx, ${read[2]} gas`);
  }

  #leave() {
    this.pointed = null;
    this.cursor.hidden = true;
    this.#note();
  }

  #note() {
    if (this.day !== null) {
      this.#noteOfDay();
      return;
    }
    const shown = this.model.blocks.slice(0, SLOTS);
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

function drawLane({ title, bars, chart, latest, scale }, lane, seen, bands, unit = "") {
  const values = seen.map(lane.value).map((one) => (format.known(one) ? one : null));
  const measured = values.filter((one) => one !== null);
  // One long wait must not flatten all the rest: bars stop at a few times the usual.
  const usual = quantile(measured, 0.95) ?? 0;
  const highest = Math.max(0, ...measured);
  const top = lane.top ? fullness(highest) : ceiling(Math.min(highest, usual * 2));
  bars.draw(values, top, (value) => lane.level(value, bands));
  setText(title, lane.title);
  setText(latest, values.length > 0 ? shown(lane, values.at(-1)) : format.UNKNOWN);
  setText(scale, lane.show(top));
  setAttribute(chart, "aria-label", sentence(lane, measured, unit));
}

function shown(lane, value) {
  return value === null ? format.UNKNOWN : lane.show(value);
}

/** The minutes of each slot of the last day; a slot without any stays empty. */
function slots(minutes, now) {
  const list = Array.isArray(minutes) ? minutes.slice(-MINUTES_MAX) : [];
  if (list.length === 0) return [];
  const filled = Array.from({ length: SLOTS }, () => []);
  for (const minute of list) {
    const slot = SLOTS - 1 - Math.floor((now - minute.at_ms) / SLOT_MS);
    filled[Math.min(SLOTS - 1, slot)]?.push(minute);
  }
  return filled;
}

function most(values) {
  const measured = values.filter(format.known);
  return measured.length > 0 ? Math.max(...measured) : null;
}

function sum(values) {
  const measured = values.filter(format.known);
  return measured.length > 0 ? measured.reduce((all, one) => all + one, 0) : null;
}

function fullness(most) {
  return [1, 2, 5, 10, 20, 30, 50, 75].find((top) => most <= top) ?? 100;
}

function sentence(lane, values, unit) {
  if (values.length === 0) return `${lane.title}: nothing yet.`;
  const figures = [mean(values), Math.min(...values), Math.max(...values)].map(lane.show);
  const [middle, least, highest] = figures;
  const units = unit === "block" ? ["block"] : ["span of 16 minutes", "spans of 16 minutes"];
  const over = format.count(values.length, ...units);
  return `${lane.title} of the last ${over}: mean ${middle}, least ${least}, most ${highest}.`;
}
