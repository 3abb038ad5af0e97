// Propagation and block makers.

import { mean, shares } from "./charts.js";
import { byId, element, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";

const BINS_MAX = 60;
const MAKERS_MAX = 7;

/** How long blocks took from the first node that told of them to the others. */
export class Propagation {
  constructor(model, page) {
    this.model = model;
    this.page = page;
    this.bars = element("div", { class: "histogram-bars" });
    this.axis = element("div", { class: "histogram-axis", "aria-hidden": "true" });
    this.chart = element("div", { class: "histogram", role: "img" }, this.bars);
    this.empty = element("p", { class: "empty" }, "It is known once two nodes told of a block.");
    this.marks = ["p50", "p90"].map((name) =>
      element("span", { class: "histogram-mark", "data-mark": name }, element("span", {}, name)),
    );
    this.chart.append(...this.marks);
    byId("propagation").append(this.chart, this.axis, this.empty);
  }

  draw() {
    const { p50_ms, p90_ms, mean_ms } = this.model.propagation;
    const bins = (this.model.propagation.bins ?? []).slice(0, BINS_MAX);
    const total = bins.reduce((sum, bin) => sum + bin.count, 0);
    this.empty.hidden = total > 0;
    this.chart.hidden = total === 0;
    this.axis.hidden = total === 0;
    if (total === 0) {
      setText(byId("propagation-note"), "");
      return;
    }
    const [p50, p90, average] = [p50_ms, p90_ms, mean_ms].map(format.durationText);
    setText(byId("propagation-note"), `mean ${average} of ${format.count(total, "report")}`);
    const said = `Propagation of ${format.count(total, "report")}: half within ${p50}, nine of ten`;
    setAttribute(this.chart, "aria-label", `${said} within ${p90}, mean ${average}.`);
    this.#bars(bins, total);
    this.#mark(this.marks[0], bins, p50_ms);
    this.#mark(this.marks[1], bins, p90_ms);
    this.#ticks(bins);
  }

  #bars(bins, total) {
    const most = Math.max(...bins.map((bin) => bin.count));
    while (this.bars.children.length < bins.length) this.bars.append(element("span"));
    while (this.bars.children.length > bins.length) this.bars.lastElementChild.remove();
    bins.forEach((bin, i) => {
      const bar = this.bars.children[i];
      const height = `${bin.count > 0 ? Math.max(2, (bin.count / most) * 100) : 0}%`;
      if (bar.style.height !== height) bar.style.height = height;
      const from = i > 0 ? bins[i - 1].to_ms : 0;
      setAttribute(bar, "data-band", this.page.bands.propagation(from) || null);
      const share = `${format.integer(bin.count)} (${format.percent((bin.count / total) * 100)} %)`;
      setAttribute(bar, "title", `${range(from, bin.to_ms)}: ${share}`);
    });
  }

  #mark(mark, bins, ms) {
    mark.hidden = !format.known(ms);
    if (mark.hidden) return;
    const left = `${place(bins, ms) * 100}%`;
    if (mark.style.left !== left) mark.style.left = left;
  }

  #ticks(bins) {
    const every = Math.max(1, Math.round(bins.length / 5));
    const ticks = bins.map((bin, i) => ((i + 1) % every === 0 ? bin.to_ms : null));
    const wanted = ticks.flatMap((to_ms, i) => (known(to_ms) ? [[to_ms, i + 1]] : []));
    const key = JSON.stringify(wanted);
    if (this.axis.dataset.key === key) return;
    this.axis.dataset.key = key;
    this.axis.replaceChildren(
      ...wanted.map(([to_ms, i]) => {
        const tick = element("span", {}, format.durationText(to_ms));
        tick.style.left = `${(i / bins.length) * 100}%`;
        return tick;
      }),
    );
  }
}

/** Who made the latest blocks, and how many each. */
export class Makers {
  constructor(model) {
    this.model = model;
  }

  draw() {
    const { blocks } = this.model;
    const makers = new Map();
    for (const block of blocks) {
      const address = format.plain(block.miner, 60);
      const maker = makers.get(address) ?? { name: block.miner_name, address, count: 0 };
      maker.count += 1;
      makers.set(address, maker);
    }
    const ordered = [...makers.values()].sort((a, b) => b.count - a.count || order(a, b));
    const shown = ordered.slice(0, ordered.length > MAKERS_MAX + 1 ? MAKERS_MAX : MAKERS_MAX + 1);
    const rest = ordered.slice(shown.length);
    const most = ordered[0]?.count ?? 1;
    const row = (name, count, title) => ({
      name,
      title,
      part: count / Math.max(most, count),
      count: format.integer(count),
      figure: `${format.percent((count / blocks.length) * 100)} %`,
    });
    const rows = shown.map((maker) =>
      row(format.plain(maker.name ?? format.hash(maker.address), 60), maker.count, maker.address),
    );
    if (rest.length > 0) {
      const counts = rest.map(({ count }) => count);
      const name = `${format.integer(rest.length)} others, each`;
      rows.push(row(name, Math.round(mean(counts) * 10) / 10, null));
    }
    shares(byId("makers"), rows);
    byId("makers-empty").hidden = blocks.length > 0;
    setText(byId("makers-note"), blocks.length > 0 ? `of ${format.count(blocks.length, "block")}` : "");
  }
}

function order(a, b) {
  return String(a.name ?? a.address).localeCompare(String(b.name ?? b.address), "en", {
    numeric: true,
  });
}

function known(ms) {
  return format.known(ms);
}

function range(from_ms, to_ms) {
  if (!known(to_ms)) return `over ${format.durationText(from_ms)}`;
  return `${format.durationText(from_ms)} to ${format.durationText(to_ms)}`;
}

/** Where a duration lies among bins of equal width on the page, 0 to 1. */
function place(bins, ms) {
  for (let i = 0; i < bins.length; i += 1) {
    const from = i > 0 ? bins[i - 1].to_ms : 0;
    const { to_ms } = bins[i];
    if (!known(to_ms)) return (i + 0.5) / bins.length;
    if (ms <= to_ms) return (i + (to_ms > from ? (ms - from) / (to_ms - from) : 0.5)) / bins.length;
  }
  return 1;
}
